//! The closed vocabularies in words.

use watchbell_engine::fact::MessageKind;
use watchbell_engine::view::{AlertState, PageState, TicketState, WhyOutcome};
use watchbell_engine::word::{Level, Outcome, Priority, Receipt, ResolvedAs, Severity};

use super::text::{InWords, Text};

impl InWords for Severity {
    fn text(self) -> Text {
        match self {
            Self::Critical => Text::new("严重", "critical"),
            Self::Error => Text::new("错误", "error"),
            Self::Warning => Text::new("警告", "warning"),
            Self::Info => Text::new("提示", "info"),
        }
    }
}

impl InWords for Priority {
    fn text(self) -> Text {
        match self {
            Self::P1 => Text::new("P1 立即处理", "P1, act now"),
            Self::P2 => Text::new("P2 尽快处理", "P2, act soon"),
            Self::P3 => Text::new("P3 当日处理", "P3, act today"),
            Self::P4 => Text::new("P4 知悉即可", "P4, for your information"),
        }
    }
}

impl InWords for Outcome {
    fn text(self) -> Text {
        match self {
            Self::Up => Text::new("正常", "up"),
            Self::Degraded => Text::new("性能下降", "degraded"),
            Self::Down => Text::new("中断", "down"),
            Self::Inconclusive => Text::new("无法判定", "inconclusive"),
        }
    }
}

impl InWords for Level {
    fn text(self) -> Text {
        match self {
            Self::Up => Outcome::Up.text(),
            Self::Degraded => Outcome::Degraded.text(),
            Self::Down => Outcome::Down.text(),
        }
    }
}

impl InWords for TicketState {
    fn text(self) -> Text {
        match self {
            Self::Triggered => Text::new("待认领", "triggered"),
            Self::Acknowledged => Text::new("已认领", "acknowledged"),
            Self::Resolved => Text::new("已解决", "resolved"),
        }
    }
}

impl InWords for AlertState {
    fn text(self) -> Text {
        match self {
            Self::Firing => Text::new("告警中", "firing"),
            Self::Resolved => Text::new("已恢复", "resolved"),
        }
    }
}

impl InWords for PageState {
    fn text(self) -> Text {
        match self {
            Self::Pursuing => Text::new("呼叫中", "being paged"),
            Self::Answered => Text::new("已应答", "answered"),
            Self::Ended => Text::new("已结束", "ended"),
            Self::Unreachable => Text::new("联系不上", "not reached"),
        }
    }
}

impl InWords for Receipt {
    fn text(self) -> Text {
        match self {
            Self::Accepted => Text::new("已发出", "accepted"),
            Self::Delivered => Text::new("已送达", "delivered"),
            Self::Seen => Text::new("已读", "seen"),
            Self::Answered => Text::new("已应答", "answered"),
            Self::TryAgain => Text::new("暂时失败,将重试", "failed for now, tried again"),
            Self::Refused => Text::new("被拒绝", "refused"),
            Self::Unknown => Text::new("未及时答复,可能已送达", "no answer in time, may have arrived"),
            Self::Lapsed => Text::new("已作废", "lapsed"),
            Self::CalledOff => Text::new("已取消,未发出", "called off, never sent"),
        }
    }
}

impl InWords for ResolvedAs {
    fn text(self) -> Text {
        match self {
            Self::Fixed => Text::new("已修复", "fixed"),
            Self::SelfRecovered => Text::new("已自行恢复", "recovered by itself"),
            Self::FalseAlarm => Text::new("误报", "false alarm"),
            Self::Planned => Text::new("计划内变更", "planned work"),
            Self::Duplicate => Text::new("重复事件单", "duplicate"),
        }
    }
}

impl InWords for MessageKind {
    fn text(self) -> Text {
        match self {
            Self::Page => Text::new("呼叫", "page"),
            Self::Acknowledged => Text::new("已认领", "acknowledged"),
            Self::Escalated => Text::new("已升级", "escalated"),
            Self::Resolved => Text::new("已解决", "resolved"),
            Self::Cancelled => Text::new("已撤回", "called off"),
            Self::Test => Text::new("测试", "test"),
            Self::DutyHandoff => Text::new("交接班", "handoff"),
            Self::DutyReminder => Text::new("值班提醒", "shift reminder"),
            Self::DutyCover => Text::new("代班", "cover"),
            Self::SilenceExpiring => Text::new("静默即将结束", "silence ends soon"),
        }
    }
}

impl InWords for WhyOutcome {
    fn text(self) -> Text {
        match self {
            Self::Paged => Text::new("已呼叫", "paged"),
            Self::Skipped => Text::new("已跳过", "skipped"),
            Self::Suppressed => Text::new("已静默", "suppressed"),
        }
    }
}
