//! Why something was decided, in words.

use watchbell_engine::fact::{Because, Quiet, Skip};
use watchbell_engine::view::Why;
use watchbell_engine::word::Locale;

use super::text::Text;
use super::time::Moments;

/// How the engine words the reason of the person of last resort ([`Why::text`]).
const CATCH_ALL: &str = "catch-all";

/// How it words that somebody gave a ticket to this person.
const GIVEN: &str = "given to them";

/// How it words that this person's acknowledgement ran out.
const RAN_OUT: &str = "has it,";

/// Why a step was entered.
pub fn because(because: &Because, locale: Locale) -> String {
    let text = match because {
        Because::Opened => Text::new("新事件单", "the ticket was opened"),
        Because::Reopened => Text::new("事件单重开", "the ticket was reopened"),
        Because::NotAcknowledged => Text::new("上一步超时无人认领", "nobody acknowledged the step before in time"),
        Because::NobodyReached => Text::new("上一步无人可达", "nobody of the step before could be reached"),
        Because::Declined => Text::new("上一步的人都接不了", "everybody of the step before declined"),
        Because::Escalated => Text::new("有人要求升级", "somebody asked for it"),
        Because::SnoozeEnded => Text::new("稍后再呼时间已到", "the snooze ended"),
        Because::AckTimedOut => Text::new("认领后超时未解决", "the acknowledgement ran out"),
        Because::SilenceEnded(silence) => {
            return match locale {
                Locale::ZhCn => format!("静默 {silence} 已结束,故障仍在"),
                Locale::En => format!("silence {silence} ended and it is still firing"),
            };
        }
        Because::QuietEnded(quiet) => {
            return match locale {
                Locale::ZhCn => format!("此前不呼叫({}),故障仍在", self::quiet(quiet, locale)),
                Locale::En => format!("it was quiet ({}) and is still firing", self::quiet(quiet, locale)),
            };
        }
        Because::Regrouped => Text::new("有新的告警加入", "a further alert joined"),
        Because::Rerouted => Text::new("升级策略已删除,重新路由", "its policy is gone, so it was routed anew"),
        Because::WindowOpened => Text::new("等待的时段已开始", "the window that it waited for is open"),
        Because::HoursBegan => Text::new("工作时间已开始", "office hours began"),
        Because::Assigned => Text::new("已指派给此人", "it was given to this person"),
        Because::Away { .. } => {
            Text::new("到期时 watchbell 不在,按现状重新判断", "it fell due while watchbell was not there; decided anew")
        }
    };
    text.get(locale).into()
}

/// Why a person or a step was passed over.
pub fn skip(skip: &Skip, locale: Locale) -> String {
    let text = match skip {
        Skip::NobodyOnDuty { rotation } => {
            return match locale {
                Locale::ZhCn => format!("{rotation} 当前无人值班"),
                Locale::En => format!("nobody is on duty in {rotation}"),
            };
        }
        Skip::Disabled => Text::new("此人已停用", "the person is disabled"),
        Skip::Gone => Text::new("此人已不在配置中", "the person is gone from the configuration"),
        Skip::NoContact => {
            Text::new("此优先级没有可用的联系方式", "there is no channel to the person for this priority")
        }
        Skip::NobodyLeft => Text::new("此步已无人可呼叫", "the step has nobody left to page"),
        Skip::NotNow { opens: None } => Text::new("此步的条件不满足", "the step's condition is not fulfilled"),
        Skip::NotNow { opens: Some(_) } => Text::new("此步等待其时段开始", "the step waits for its window"),
    };
    text.get(locale).into()
}

/// Why a firing alert has no ticket.
pub fn quiet(quiet: &Quiet, locale: Locale) -> String {
    match (quiet, locale) {
        (Quiet::Silenced(silence), Locale::ZhCn) => format!("被 {silence} 静默"),
        (Quiet::Silenced(silence), Locale::En) => format!("silenced by {silence}"),
        (Quiet::Info, Locale::ZhCn) => "仅提示,不呼叫".into(),
        (Quiet::Info, Locale::En) => "only informing, which never pages".into(),
        (Quiet::Standing { silence, .. }, Locale::ZhCn) => format!("被定期静默 {silence} 静默"),
        (Quiet::Standing { silence, .. }, Locale::En) => format!("silenced by the recurring {silence}"),
        (Quiet::Maintenance { window, .. }, Locale::ZhCn) => format!("维护窗口 {window} 内预期会发生"),
        (Quiet::Maintenance { window, .. }, Locale::En) => format!("expected in maintenance {window}"),
        (Quiet::Inhibited { by, ticket }, Locale::ZhCn) => format!("由 {by} 引起,已在 {ticket} 通知"),
        (Quiet::Inhibited { by, ticket }, Locale::En) => format!("explained by {by}, told in {ticket}"),
        (Quiet::Depends { on, ticket }, Locale::ZhCn) => format!("依赖的 {on} 已中断,已在 {ticket} 通知"),
        (Quiet::Depends { on, ticket }, Locale::En) => format!("depends on {on}, which is down, told in {ticket}"),
        (Quiet::Settling { .. }, Locale::ZhCn) => "稍候片刻,查看是否由其他故障引起".into(),
        (Quiet::Settling { .. }, Locale::En) => "waiting a moment for what may explain it".into(),
    }
}

/// Why this person: `expense-primary 值班,至周一 09:00`.
pub fn why(why: &Why, moments: &Moments, locale: Locale) -> String {
    let Some(rotation) = &why.rotation else {
        let text = if why.text.starts_with(CATCH_ALL) {
            Text::new("兜底人,此前无人应答", "the catch-all, because nobody else answered")
        } else if why.text.starts_with(GIVEN) {
            Text::new("有人把它指派给你", "it was given to you")
        } else if why.text.starts_with(RAN_OUT) {
            Text::new("你已认领,但超时未解决", "you have it, and the acknowledgement ran out")
        } else {
            Text::new("升级策略点名", "named by the policy")
        };
        return text.get(locale).into();
    };
    let part = match (&why.override_, &why.layer, locale) {
        (Some(_), _, Locale::ZhCn) => format!("{rotation} 临时替班"),
        (Some(_), _, Locale::En) => format!("standing in for {rotation}"),
        (None, Some(_), Locale::ZhCn) => format!("{rotation} 值班"),
        (None, Some(_), Locale::En) => format!("on duty in {rotation}"),
        (None, None, Locale::ZhCn) => format!("{rotation} 全员呼叫"),
        (None, None, Locale::En) => format!("everybody in {rotation} is paged"),
    };
    match (why.until.map(|until| moments.minute(until)), locale) {
        (Some(until), Locale::ZhCn) => format!("{part},至{}{until}", blank_before_digit(&until)),
        (Some(until), Locale::En) => format!("{part} until {until}"),
        (None, Locale::ZhCn | Locale::En) => part,
    }
}

/// Chinese sets a blank between a character and a digit.
fn blank_before_digit(text: &str) -> &'static str {
    if text.starts_with(|c: char| c.is_ascii_digit()) { " " } else { "" }
}
