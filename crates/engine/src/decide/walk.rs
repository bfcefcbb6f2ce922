//! Walking through a policy: which stage comes next, which are passed over, where another policy takes
//! over.

use super::people::{Ask, Staff};
use crate::catalog::{Otherwise, Policy};
use crate::condition::Fulfilled;
use crate::fact::{Skip, Stage};
use crate::ids::PolicyId;

/// Where a walk came to.
pub(super) struct Found<'a> {
    pub(super) policy: &'a Policy,
    /// The policy that the route named, where it led to this one.
    pub(super) home: Option<PolicyId>,
    pub(super) pass: u32,
    pub(super) stage: Stage,
    pub(super) staff: Staff,
    /// What was passed over on the way.
    pub(super) passed_over: Vec<Passed>,
}

/// A stage that was passed over, and why.
pub(super) struct Passed {
    pub(super) policy: PolicyId,
    pub(super) stage: Stage,
    pub(super) staff: Staff,
}

/// What a stage has to offer.
enum Offer<'a> {
    Staff(Staff),
    LeadsTo(&'a Policy),
}

impl<'a> Ask<'a> {
    /// What comes after a stage: the next step, the next pass, the catch-all. After a person beside the
    /// policy it begins from step 1.
    pub(super) fn following(&self, pass: u32, stage: Stage) -> (u32, Stage) {
        let steps = u32::try_from(self.policy.steps.len()).unwrap_or(u32::MAX);
        match stage {
            Stage::Named => (1, Stage::Step(0)),
            Stage::Step(index) if index + 1 < steps => (pass, Stage::Step(index + 1)),
            Stage::Step(_) if pass <= self.policy.repeat => (pass + 1, Stage::Step(0)),
            Stage::Step(_) | Stage::CatchAll => (pass, Stage::CatchAll),
        }
    }

    /// The first stage from here on that has somebody, and the ones passed over on the way. A whole
    /// pass without anybody leads to the catch-all, which is returned even when it has nobody.
    pub(super) fn staffed(&self, mut pass: u32, mut stage: Stage) -> Found<'a> {
        let mut ask = self.clone();
        let mut passed_over = Vec::new();
        let mut left = ask.policy.steps.len();
        // `check` refuses circles; a walk ends in spite of one.
        let mut leads = self.catalog.policies.len();
        loop {
            match ask.offer(stage) {
                Offer::LeadsTo(policy) if leads > 0 => {
                    leads -= 1;
                    ask = ask.under(policy);
                    (pass, stage, left) = (1, Stage::Step(0), policy.steps.len());
                    continue;
                }
                Offer::LeadsTo(_) => left = 0,
                Offer::Staff(staff) => {
                    if !staff.called.is_empty() || stage == Stage::CatchAll {
                        let Self { policy, home, .. } = ask;
                        return Found { policy, home, pass, stage, staff, passed_over };
                    }
                    passed_over.push(Passed { policy: ask.policy.id.clone(), stage, staff });
                    left = left.saturating_sub(1);
                }
            }
            (pass, stage) = ask.following(pass, stage);
            if left == 0 {
                stage = Stage::CatchAll;
            }
        }
    }

    fn under(&self, policy: &'a Policy) -> Self {
        let home = self.home.clone().or_else(|| Some(self.policy.id.clone()));
        Self { policy, home, ..self.clone() }
    }

    fn offer(&self, stage: Stage) -> Offer<'a> {
        let Stage::Step(index) = stage else { return Offer::Staff(self.staff(stage)) };
        let Some(step) = self.policy.steps.get(index as usize) else { return Offer::Staff(Staff::default()) };
        let opens = match step.when.judge(self.catalog, &self.situation, self.at) {
            Fulfilled::Yes => None,
            Fulfilled::Opens(at) if step.otherwise == Otherwise::Wait => Some(Some(at)),
            Fulfilled::Opens(_) | Fulfilled::No => Some(None),
        };
        if let Some(opens) = opens {
            return Offer::Staff(Staff { skipped: vec![(None, Skip::NotNow { opens })], ..Staff::default() });
        }
        match step.leads_to().map(|id| self.catalog.policies.get(id)) {
            Some(Some(policy)) => Offer::LeadsTo(policy),
            Some(None) => Offer::Staff(Staff { skipped: vec![(None, Skip::Gone)], ..Staff::default() }),
            None => Offer::Staff(self.staff(stage)),
        }
    }
}
