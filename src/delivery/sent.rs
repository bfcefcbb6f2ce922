//! What came of one send.

use watchbell_engine::time::Millis;
use watchbell_engine::word::Receipt;

use crate::words::one_line;

/// The longest detail, characters; it stands in a fact, in `GET pages` and on screens.
const DETAIL_MAX: usize = 200;

/// What a channel knows after one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) receipt: Receipt,
    pub(super) detail: Option<String>,
    pub(super) retry_after: Option<Millis>,
}

impl Sent {
    /// The provider took it.
    pub(super) fn accepted(detail: &str) -> Self {
        Self::new(Receipt::Accepted, detail)
    }

    /// It did not work now; it may later.
    pub(super) fn try_again(detail: &str) -> Self {
        Self::new(Receipt::TryAgain, detail)
    }

    /// It will never work like this.
    pub(super) fn refused(detail: &str) -> Self {
        Self::new(Receipt::Refused, detail)
    }

    /// It may have arrived.
    pub(super) fn unknown(detail: &str) -> Self {
        Self::new(Receipt::Unknown, detail)
    }

    /// The provider wants us to wait this long.
    pub(super) fn after(self, wait: Option<Millis>) -> Self {
        Self { retry_after: wait, ..self }
    }

    fn new(receipt: Receipt, detail: &str) -> Self {
        let detail = one_line(detail, DETAIL_MAX);
        Self { receipt, detail: (!detail.is_empty()).then_some(detail), retry_after: None }
    }
}
