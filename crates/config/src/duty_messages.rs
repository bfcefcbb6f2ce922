//! `handoff` and `remind` of a rotation: what its people are told of their duty.

use watchbell_engine::catalog::DutyMessages;
use watchbell_engine::time::Millis;

use crate::mistake::Mistakes;
use crate::scalar::{self, Problem};
use crate::tree::Node;

/// People are reminded of a shift this long before it at most.
const REMIND_MAX: Millis = Millis::hours(14 * 24);

/// What the rotation says of it.
pub(crate) fn read(map: &Node, out: &mut Mistakes) -> DutyMessages {
    let handoff = out.optional(map, "handoff", "whether people are told at a handoff", handoff);
    let remind = out.optional(map, "remind", "how long before a shift its person is reminded", remind);
    DutyMessages { handoff: handoff.unwrap_or(DutyMessages::default().handoff), remind }
}

fn handoff(text: &str) -> Result<bool, Problem> {
    match text {
        "notify" => Ok(true),
        "none" => Ok(false),
        other => Err(Problem::new(format!("`{other}` is neither `notify` nor `none`"))),
    }
}

fn remind(text: &str) -> Result<Millis, Problem> {
    let ahead = scalar::duration(text)?;
    if ahead > REMIND_MAX {
        return Err(Problem::new(format!("`{text}` is too long before a shift")).hint("write at most 14d"));
    }
    Ok(ahead)
}
