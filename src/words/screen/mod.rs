//! The texts of screens, typed: every text exists in both languages or does not compile.
//!
//! Owns: labels ([`Label`]), sentences with parts ([`sentence`]), names of timeline entries
//! ([`fact_name`]). May import: the engine crate. Never: what a page over a channel says.

mod facts;
pub mod sentence;

pub use facts::fact_name;
use watchbell_engine::word::Locale;

macro_rules! texts {
    ($($name:ident: $zh:literal / $en:literal;)+) => {
        /// A fixed text of a screen.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs, reason = "each is its own words")]
        pub enum Label { $($name,)+ }

        impl Label {
            /// Every text.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The text in a language.
            pub const fn get(self, locale: Locale) -> &'static str {
                match (self, locale) { $((Self::$name, Locale::ZhCn) => $zh, (Self::$name, Locale::En) => $en,)+ }
            }
        }
    };
}

texts! {
    Brand: "watchbell" / "watchbell";
    Skip: "跳到正文" / "Skip to content";
    OtherLanguage: "English" / "中文";
    Overview: "总览" / "Overview";
    StatusPage: "状态页" / "Status page";
    SignIn: "登录" / "Sign in";
    SignOut: "退出" / "Sign out";
    SignInWhy: "查看与操作需要令牌。管理员用 watchbell token create 生成。" / "Looking and acting need a token. An admin makes one with `watchbell token create`.";
    Token: "令牌" / "Token";
    TokenUnknown: "这个令牌无效,或已被吊销。" / "This token is not known, or was revoked.";
    SignInToAct: "登录后可认领、升级、结束和备注" / "Sign in to acknowledge, escalate, resolve and note";
    BackToOverview: "回到总览" / "Back to the overview";

    OpenTickets: "未结束的事件单" / "Open tickets";
    NoOpenTickets: "没有未结束的事件单" / "No open tickets";
    AllQuiet: "一切正常" / "All is well";
    Probes: "拨测" / "Probes";
    NoProbes: "还没有配置拨测" / "No probes are configured";
    LastRun: "上次运行" / "Last run";
    NeverRun: "尚未运行" / "Not run yet";
    Latency: "耗时" / "Latency";
    OnDutyNow: "正在值班" / "On duty now";
    NobodyOnDuty: "无人值班" / "Nobody on duty";
    NoRotations: "没有值班表:所有人随时可被呼叫" / "No rotations: everybody can be paged at any time";
    Override: "临时替班" / "override";
    CanBeWoken: "谁能被叫醒" / "Who can be woken";
    Loud: "有响铃渠道" / "has a loud contact";
    NotLoud: "没有响铃渠道" / "no loud contact";
    NoContact: "没有联系方式" / "no contact at all";
    Disabled: "已停用" / "disabled";
    LastTestPage: "上次测试呼叫" / "Last test page";
    NeverTested: "还没有发过测试呼叫" / "No test page has been sent yet";
    TestHint: "watchbell test-page 某人" / "watchbell test-page PERSON";
    UnderWay: "进行中" / "under way";
    Silenced: "静默中" / "Silenced";
    Silences: "静默" / "Silences";
    NotPaged: "没有呼叫" / "Not paged";
    NothingQuiet: "没有被压住的告警:凡触发的都会呼叫" / "Nothing is kept quiet: everything that fires is paged";
    QuietWhy: "每一条都有原因和期限;原因结束时故障仍在,就从第一步呼叫。" / "Each has a reason and an end; what still fires when the reason ends is paged from step 1.";
    QuietSilence: "静默" / "Silenced";
    QuietMaintenance: "维护中" / "Maintenance";
    QuietInhibition: "被抑制" / "Inhibited";
    QuietDependency: "依赖中断" / "Dependency down";
    QuietStorm: "并入告警风暴" / "Part of a storm";
    QuietFlap: "抖动" / "Flapping";
    QuietHold: "等待工作时间" / "Held for office hours";
    QuietInfo: "仅提示" / "Only informs";
    QuietSettling: "稍候片刻" / "Waiting a moment";
    InForce: "生效中" / "In force";
    EndsSoon: "即将结束,故障仍在" / "Ends soon, still firing";
    Pending: "未开始" / "To come";
    NoSilences: "没有静默" / "No silences";
    MaintenanceWindows: "维护窗口" / "Maintenance windows";
    NoMaintenance: "没有维护窗口" / "No maintenance windows";
    Until: "至" / "until";
    DataAge: "数据时间" / "Data as of";
    Starting: "正在启动,还没有数据" / "Starting up; nothing is known yet";
    NotWriting: "存储超过 10 秒没有写入成功" / "No write to the store has succeeded for 10 seconds";

    StateUnknown: "未知" / "Unknown";

    PublicOperational: "正常" / "Operational";
    PublicDegraded: "性能下降" / "Degraded performance";
    PublicPartial: "部分中断" / "Partial outage";
    PublicMajor: "中断" / "Major outage";
    PublicUnknown: "暂无数据" / "No data";
    BannerOperational: "所有服务正常" / "All systems operational";
    BannerDegraded: "部分服务性能下降" / "Some systems are slow";
    BannerPartial: "部分服务中断" / "Partial outage";
    BannerMajor: "服务中断" / "Major outage";
    BannerUnknown: "暂时没有数据" / "No data right now";
    Components: "组件" / "Components";
    Since: "起" / "since";

    Acknowledge: "认领" / "Acknowledge";
    Escalate: "升级" / "Escalate";
    Decline: "接不了" / "Can't take it";
    Resolve: "结束" / "Resolve";
    AddNote: "添加备注" / "Add note";
    Note: "备注" / "Note";
    Cause: "原因" / "Cause";
    ResolvedHow: "如何结束" / "How it ended";
    WhatToDo: "处理" / "Act";
    Impact: "影响" / "Impact";
    WhyYou: "为何是你" / "Why you";
    WhyThem: "为何呼叫" / "Why paged";
    WhatNext: "接下来" / "What happens next";
    Evidence: "现象" / "Evidence";
    AlsoPaged: "还呼叫了谁" / "Who else was paged";
    Nobody: "没有别人" / "Nobody else";
    Runbook: "预案" / "Runbook";
    Finding: "结论" / "Finding";
    Kind: "类型" / "Kind";
    HttpStatus: "状态码" / "HTTP status";
    Request: "请求" / "Request";
    Remote: "地址" / "Address";
    SeenAt: "观测时间" / "Seen at";
    Phases: "各阶段耗时" / "Time per phase";
    Assertions: "未通过的断言" / "Failed assertions";
    Answer: "响应" / "Response";
    NoEvidence: "没有留存的观测" / "No run is kept";
    PhaseDns: "解析" / "DNS";
    PhaseConnect: "连接" / "Connect";
    PhaseTls: "TLS" / "TLS";
    PhaseTtfb: "首字节" / "First byte";
    PhaseTransfer: "传输" / "Transfer";
    PhaseTotal: "合计" / "Total";
    WhoAreYou: "你是谁?" / "Who are you?";
    WhoFirst: "请先选择你是谁,再操作。" / "Say who you are first, then act.";
    PickYou: "请选择" / "Choose";
    RoomHint: "这是发到群里的呼叫:你的名字会记为“来自群,未验证”。" / "This page went to a room: your name is recorded as said in the room, unverified.";
    DeclinedNotice: "已记录:你接不了。" / "Recorded: you can't take it.";

    LinkUnknown: "这个链接无效" / "This link is not valid";
    LinkUnknownHelp: "请从最新的呼叫里打开链接;也可能是复制时缺了几个字符。" / "Open the link of the newest page; perhaps some characters were lost in copying.";
    LinkExpired: "这个链接已过期" / "This link has expired";
    LinkExpiredHelp: "事件单结束超过 24 小时。详情可在总览里查看。" / "The ticket was resolved more than 24 hours ago. The overview still tells its story.";
    LinkEarlier: "这个链接属于同一事件单更早的一次发生;之后它又被重新打开。请打开最新的呼叫。" / "This link is about an earlier occurrence; the ticket has been reopened since. Open the newest page.";
    AlreadyResolved: "事件已结束,不再呼叫任何人。" / "It is over already; nobody is being paged.";
    TryAgain: "暂时无法写入,请几秒后再按一次。" / "This cannot be recorded right now; press again in a few seconds.";
    UnknownAction: "没有这个操作。" / "There is no such action.";

    Timeline: "时间线" / "Timeline";
    NothingYet: "还没有记录" / "Nothing is recorded yet";
    Pages: "呼叫" / "Pages";
    NoPages: "没有呼叫任何人" / "Nobody was paged";
    WhyHeading: "为何呼叫、为何没有呼叫" / "Why paged, why not";
    Alerts: "告警" / "Alerts";
    Owner: "负责团队" / "Owner";
    Policy: "升级策略" / "Policy";
    Step: "步骤" / "Step";
    CatchAll: "兜底人" / "Catch-all";
    OpenedAt: "开单" / "Opened";
    FirstAccepted: "首次呼叫发出" / "First page accepted";
    AcknowledgedBy: "认领人" / "Acknowledged by";
    Reopened: "重新打开次数" / "Reopened";
    SnoozedUntil: "稍后再呼至" / "Snoozed until";
    HeldUntil: "等到工作时间" / "Held until";
    AckTimesOut: "认领到期" / "Acknowledgement runs out";
    WaitsFor: "等待时段的步骤" / "Steps that wait for their window";
    AcknowledgedBySome: "已认领(须全员)" / "Acknowledged so far, of all";
    StillToAcknowledge: "仍须认领" / "Still to acknowledge";
    HeldForHours: "工作时间开始后再呼叫" / "It is paged when office hours begin";
    MergedInto: "已并入" / "Merged into";
    TakeOver: "接手" / "Take over";
    Assign: "指派" / "Assign";
    AssignTo: "指派给谁" / "Assign to";
    Merge: "并入" / "Merge";
    MergeIntoWhich: "并入哪张事件单(INC-1)" / "Merge into which ticket (INC-1)";
    Held: "因静默暂停呼叫" / "Paging is held by a silence";
    NotFound: "找不到这个页面" / "There is nothing at this address";
    Error: "出错了" / "Something went wrong";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages() {
        for text in Label::ALL {
            for locale in Locale::ALL {
                assert!(!text.get(*locale).is_empty(), "{text:?} {locale}");
            }
            assert!(text.get(Locale::En).is_ascii() || *text == Label::OtherLanguage, "{text:?} in English");
        }
    }
}
