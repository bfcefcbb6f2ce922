//! The thirty-second promise as a sum: how long a fault can take to become a page.

use crate::time::Millis;

/// The terms of the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Time between runs.
    pub every: Millis,
    /// Longest run.
    pub timeout: Millis,
    /// Failing runs that make `down`.
    pub k: u32,
    /// Pause before a confirming run.
    pub confirm_after: Millis,
    /// The least `after` of those whom step 1 can page.
    pub page_after: Millis,
    /// Whether the page may wait for a parent's verdict.
    pub has_dependency: bool,
}
