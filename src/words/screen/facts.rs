//! What people call an entry of a timeline.

/// The heading of a timeline entry of this kind in Chinese; English screens show the entry's own text.
/// A kind that is not known here is shown by its name.
pub fn fact_name(kind: &str) -> &str {
    match kind {
        "started" => "服务启动",
        "reloaded" => "配置重新加载",
        "clock_shifted" => "时钟调整",
        "duty_changed" => "值班人变更",
        "alert_quiet" => "告警,未呼叫",
        "quiet_resolved" => "未呼叫的告警已恢复",
        "ticket_opened" => "开单",
        "ticket_reopened" => "重新打开",
        "alert_joined" => "新告警并入",
        "alert_changed" => "告警变化",
        "alert_resolved" => "告警恢复",
        "probe_gone" => "拨测已从配置中移除",
        "step_entered" => "进入升级步骤",
        "skipped" => "跳过",
        "page_started" => "开始呼叫",
        "entry_begun" => "换下一渠道",
        "page_unreachable" => "无法送达",
        "send_started" => "发送",
        "send_ended" => "发送结果",
        "acknowledged" => "认领",
        "escalated" => "升级",
        "declined" => "接不了",
        "snoozed" => "稍后再呼",
        "noted" => "备注",
        "held" => "因静默暂停",
        "ticket_resolved" => "结束",
        "silence_added" => "添加静默",
        "silence_ended" => "静默结束",
        "override_added" => "添加替班",
        "override_removed" => "取消替班",
        "notice_owed" => "后续通知",
        "test_asked" => "测试呼叫",
        "took_over" => "接管未完成的发送",
        other => other,
    }
}
