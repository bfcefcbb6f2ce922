//! The words for what is handed on: to a later step, to office hours, to another person or ticket.

use crate::fact::{Fact, Stage, What};
use crate::input::Actor;
use crate::view::WhyOutcome;

/// What the timeline says, and who did it; `None` for what shows by itself.
pub(crate) fn tell(what: &What) -> Option<(String, Option<&Actor>)> {
    let text = match what {
        What::StepWaits { policy, stage, opens, .. } => {
            format!("{} of {policy} waits for its window, which opens at {opens:.0}", super::stage_text(*stage))
        }
        What::KeptForHours { until, policy, .. } => {
            format!("held until {until:.0}: {policy} pages low urgency in its hours only")
        }
        What::PageGathered { page, lead, .. } => format!("{page} is told in the message of {lead}"),
        What::PageTold { page, by, channel } => format!("{page} was told in the message {by} over {channel}"),
        What::PageLoosened { page } => format!("{page} is pursued by itself: the message with it did not get through"),
        What::AcknowledgedByOne { by, .. } => {
            return Some((format!("acknowledged by {}; everybody in this step must", by.name), Some(by)));
        }
        What::AckRenewed { by, .. } => return Some((format!("{} still has it", by.name), Some(by))),
        What::TakenOver { by, .. } => return Some((format!("taken over by {}", by.name), Some(by))),
        What::Assigned { by, to } => return Some((format!("given to {to} by {}", by.name), Some(by))),
        What::MergedInto { into, by } => return Some((format!("merged into {into} by {}", by.name), Some(by))),
        What::MergedFrom { from, by } => {
            return Some((format!("{from} was merged into this one by {}", by.name), Some(by)));
        }
        _ => return None,
    };
    Some((text, None))
}

/// What `why` says of it: the outcome, the reason, the step.
pub(crate) fn reason(fact: &Fact) -> Option<(WhyOutcome, String, Option<Stage>)> {
    let suppressed = |text: String| Some((WhyOutcome::Suppressed, text, None));
    match &fact.what {
        What::KeptForHours { until, policy, .. } => {
            suppressed(format!("held until {until:.0}: {policy} pages low urgency in its hours only"))
        }
        What::StepWaits { stage, opens, .. } => {
            let text = format!("waits for its window, which opens at {opens:.0}");
            Some((WhyOutcome::Suppressed, text, Some(*stage)))
        }
        What::PageTold { page, by, .. } => Some((WhyOutcome::Paged, format!("{page} told in the message {by}"), None)),
        What::TakenOver { by, .. } => suppressed(format!("taken over by {}; paging stops", by.name)),
        What::AcknowledgedByOne { by, .. } => {
            suppressed(format!("acknowledged by {}; the others of the step go on being paged", by.name))
        }
        What::MergedInto { into, by } => suppressed(format!("merged into {into} by {}; paging stops", by.name)),
        _ => None,
    }
}
