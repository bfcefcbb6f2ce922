//! The state of the expense service: sessions, invoices, approvals, uploads. All of it bounded.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// How many invoices, approvals and sessions are kept each; the oldest goes first.
const KEPT: usize = 500;

/// The synthetic invoice that probes verify; it is always there.
const SYNTHETIC: (&str, &str) = ("SYN-0001", "118.00");

/// Everything the service remembers.
#[derive(Debug)]
pub(super) struct Ledger {
    sessions: BTreeSet<u64>,
    sessions_begun: u64,
    invoices: BTreeMap<u64, Invoice>,
    invoices_begun: u64,
    approvals: BTreeMap<u64, Approval>,
    uploads: u64,
}

/// A submitted invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Invoice {
    number: String,
    total: String,
    approval: String,
}

/// A decision that waits for a person, or waited for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Approval {
    id: String,
    invoice: String,
    total: String,
    state: ApprovalState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ApprovalState {
    Pending,
    Approved,
}

/// Why an approval cannot be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotApproved {
    /// There is none of that id.
    NoSuchApproval,
    /// Somebody was faster.
    AlreadyApproved,
}

/// One approval is waiting from the start, so that a list of approvals is never empty by accident.
impl Default for Ledger {
    fn default() -> Self {
        let mut ledger = Self {
            sessions: BTreeSet::new(),
            sessions_begun: 0,
            invoices: BTreeMap::new(),
            invoices_begun: 0,
            approvals: BTreeMap::new(),
            uploads: 0,
        };
        ledger.submit("INV-2026-0001".into(), "2480.50".into());
        ledger
    }
}

impl Ledger {
    /// Begins a session and returns its token.
    pub(super) fn sign_in(&mut self) -> String {
        self.sessions_begun += 1;
        self.sessions.insert(self.sessions_begun);
        if self.sessions.len() > KEPT {
            self.sessions.pop_first();
        }
        format!("demo-session-{}", self.sessions_begun)
    }

    /// Whether a token belongs to a session.
    pub(super) fn knows(&self, token: &str) -> bool {
        let number = token.strip_prefix("demo-session-").and_then(|n| n.parse::<u64>().ok());
        number.is_some_and(|n| self.sessions.contains(&n))
    }

    /// Takes in an invoice, which then waits for approval. The same number again is the same invoice.
    pub(super) fn submit(&mut self, number: String, total: String) -> Invoice {
        if let Some(known) = self.invoices.values().find(|invoice| invoice.number == number) {
            return known.clone();
        }
        self.invoices_begun += 1;
        let n = self.invoices_begun;
        let approval = Approval { id: format!("A-{n}"), invoice: number.clone(), total, state: ApprovalState::Pending };
        let invoice = Invoice { number, total: approval.total.clone(), approval: approval.id.clone() };
        self.approvals.insert(n, approval);
        self.invoices.insert(n, invoice.clone());
        if self.invoices.len() > KEPT {
            self.invoices.pop_first();
            self.approvals.pop_first();
        }
        invoice
    }

    /// The recorded total of an invoice, when the given one is the same sum of money.
    pub(super) fn verify(&self, number: &str, total: &str) -> Option<String> {
        let recorded = if number == SYNTHETIC.0 {
            SYNTHETIC.1
        } else {
            &self.invoices.values().find(|invoice| invoice.number == number)?.total
        };
        (cents(recorded)? == cents(total)?).then(|| recorded.to_owned())
    }

    /// What waits for approval, oldest first.
    pub(super) fn pending(&self) -> Vec<Approval> {
        self.approvals.values().filter(|approval| approval.state == ApprovalState::Pending).cloned().collect()
    }

    /// Gives an approval.
    pub(super) fn approve(&mut self, id: &str) -> Result<Approval, NotApproved> {
        let approval =
            self.approvals.values_mut().find(|approval| approval.id == id).ok_or(NotApproved::NoSuchApproval)?;
        if approval.state == ApprovalState::Approved {
            return Err(NotApproved::AlreadyApproved);
        }
        approval.state = ApprovalState::Approved;
        Ok(approval.clone())
    }

    /// Counts an upload and returns how many there were.
    pub(super) fn store_upload(&mut self) -> u64 {
        self.uploads += 1;
        self.uploads
    }
}

/// A sum of money in hundredths; `None` for what is not one. Money is never a float.
pub(super) fn cents(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let hundredths: u64 = format!("{part:0<2}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(hundredths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_is_verified_by_number_and_sum() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.verify("SYN-0001", "118"), Some("118.00".into()));
        assert_eq!(ledger.verify("SYN-0001", "118.01"), None);
        assert_eq!(ledger.verify("INV-7", "20.00"), None);
        ledger.submit("INV-7".into(), "20.00".into());
        assert_eq!(ledger.verify("INV-7", "20"), Some("20.00".into()));
    }

    #[test]
    fn an_approval_is_given_once() {
        let mut ledger = Ledger::default();
        let id = ledger.submit("INV-7".into(), "20.00".into()).approval;
        assert_eq!(ledger.pending().len(), 2);
        assert!(ledger.approve(&id).is_ok());
        assert_eq!(ledger.approve(&id), Err(NotApproved::AlreadyApproved));
        assert_eq!(ledger.approve("A-99"), Err(NotApproved::NoSuchApproval));
        assert_eq!(ledger.pending().len(), 1);
    }

    #[test]
    fn the_ledger_does_not_grow_without_end() {
        let mut ledger = Ledger::default();
        let first = ledger.sign_in();
        for n in 0..2 * KEPT {
            ledger.submit(format!("INV-{n}"), "1.00".into());
            ledger.sign_in();
        }
        assert_eq!((ledger.invoices.len(), ledger.approvals.len(), ledger.sessions.len()), (KEPT, KEPT, KEPT));
        assert!(!ledger.knows(&first));
    }

    #[test]
    fn what_is_not_a_sum_of_money_is_refused() {
        assert_eq!(["118", "118.0", "118.00"].map(cents), [Some(11_800); 3]);
        assert_eq!(["", ".5", "1.234", "-1", "1e3", "１"].map(cents), [None; 6]);
    }
}
