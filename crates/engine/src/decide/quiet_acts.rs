//! What people ask for to have quiet: silences and maintenance windows; and the word to the author of a
//! silence that ends soon.

use jiff::Timestamp;

use super::Turn;
use crate::duty_notice::{NoticeAbout, SilenceAbout};
use crate::fact::{MessageKind, Quiet, What};
use crate::ids::{MaintenanceId, SilenceId};
use crate::input::{Actor, Answer, Refusal, SILENCE_AT_MOST};
use crate::label::{Matcher, all_match};
use crate::not_paging::Expect;
use crate::state::{Silence, Ticket};
use crate::time::{Millis, after, elapsed};

/// The author of a silence is told so long before its end.
pub(super) const WARNED_BEFORE: Millis = Millis::mins(15);

/// When the author is told that the end is near; `None` where that was done, or where the silence is so
/// short that its end is no surprise.
pub(super) fn warns_at(silence: &Silence) -> Option<Timestamp> {
    let worth_it = elapsed(silence.from, silence.until) > WARNED_BEFORE;
    let at = crate::time::shifted(silence.until, -(WARNED_BEFORE.0 as i64));
    (worth_it && !silence.warned).then_some(at)
}

impl Turn<'_> {
    /// A start that is past means now; an end must lie ahead and not too far.
    fn window(&self, from: Option<Timestamp>, until: Timestamp) -> Result<(Option<Timestamp>, Timestamp), Refusal> {
        let from = from.filter(|from| *from > self.now);
        let begins = from.unwrap_or(self.now);
        if until <= begins {
            return Err(Refusal::EndsBeforeItStarts);
        }
        if until > after(begins, SILENCE_AT_MOST) {
            return Err(Refusal::TooLong);
        }
        Ok((from, until))
    }

    pub(super) fn add_silence(
        &mut self,
        matchers: &[Matcher],
        (from, until): (Option<Timestamp>, Timestamp),
        reason: &str,
        by: &Actor,
    ) -> Result<Answer, Refusal> {
        if matchers.is_empty() {
            return Err(Refusal::MatchesEverything);
        }
        if reason.trim().is_empty() {
            return Err(Refusal::Empty("reason".into()));
        }
        let (from, until) = self.window(from, until)?;
        let silence = SilenceId(self.state().last_silence + 1);
        let (matchers, reason, by) = (matchers.to_vec(), reason.trim().into(), by.clone());
        self.record(None, What::SilenceAdded { silence, matchers, until, by, reason, from });
        self.look_at_windows();
        Ok(Answer::Silence(silence))
    }

    pub(super) fn change_silence(
        &mut self,
        silence: SilenceId,
        until: Timestamp,
        by: &Actor,
    ) -> Result<Answer, Refusal> {
        let known = self.state().silences.get(&silence).ok_or(Refusal::NoSuchSilence(silence))?;
        // Counted from now on: a silence that somebody looks after may go on.
        self.window(Some(known.from), until)?;
        self.record(None, What::SilenceChanged { silence, until, by: by.clone() });
        self.look_at_windows();
        Ok(Answer::Silence(silence))
    }

    /// Ending has the same effect as the end: what still fires is paged from step 1.
    pub(super) fn end_silence_by(&mut self, silence: SilenceId, by: &Actor) -> Result<Answer, Refusal> {
        if !self.state().silences.contains_key(&silence) {
            return Err(Refusal::NoSuchSilence(silence));
        }
        self.record(None, What::SilenceEnded { silence, by: by.clone() });
        self.look_at_windows();
        Ok(Answer::Silence(silence))
    }

    pub(super) fn add_maintenance(
        &mut self,
        (title, matchers): (&str, &[Matcher]),
        (from, until): (Option<Timestamp>, Timestamp),
        (expect, cover_running): (&Expect, bool),
        by: &Actor,
    ) -> Result<Answer, Refusal> {
        if matchers.is_empty() {
            return Err(Refusal::MatchesEverything);
        }
        if title.trim().is_empty() {
            return Err(Refusal::Empty("title".into()));
        }
        let (from, until) = self.window(from, until)?;
        let from = from.unwrap_or(self.now);
        let maintenance = MaintenanceId(self.state().last_maintenance + 1);
        let (title, matchers, by) = (title.trim().into(), matchers.to_vec(), by.clone());
        let expect = expect.clone();
        self.record(
            None,
            What::MaintenanceAdded { maintenance, title, matchers, from, until, expect, cover_running, by },
        );
        self.look_at_windows();
        Ok(Answer::Maintenance(maintenance))
    }

    pub(super) fn end_maintenance_by(&mut self, maintenance: MaintenanceId, by: &Actor) -> Result<Answer, Refusal> {
        if !self.state().maintenance.contains_key(&maintenance) {
            return Err(Refusal::NoSuchMaintenance(maintenance));
        }
        self.record(None, What::MaintenanceEnded { maintenance, by: by.clone() });
        self.look_at_windows();
        Ok(Answer::Maintenance(maintenance))
    }

    /// Silences that end soon and still keep something quiet: their authors are told.
    pub(super) fn warn_of_ends(&mut self) {
        let due = self.state().silences.iter().filter(|(_, s)| warns_at(s).is_some_and(|at| at <= self.now));
        for silence in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            let firing = self.kept_by(silence);
            if firing > 0 {
                self.record(None, What::SilenceExpiring { silence, firing });
                self.tell_author(silence, firing);
            }
        }
    }

    /// Only a person of the catalog can be told; a token has nobody behind it.
    fn tell_author(&mut self, id: SilenceId, firing: u32) {
        let Some(silence) = self.state().silences.get(&id) else { return };
        let Some(author) = silence.by.person.clone() else { return };
        let (matchers, reason) = (silence.matchers.clone(), silence.reason.clone());
        let about = SilenceAbout { silence: id, until: silence.until, matchers, reason, firing };
        self.owe_quietly(&author, MessageKind::SilenceExpiring, &NoticeAbout::Silence(about));
    }

    /// How many live alerts a silence matches that have no other ticket that pages.
    fn kept_by(&self, id: SilenceId) -> u32 {
        let Some(silence) = self.state().silences.get(&id) else { return 0 };
        let quiet = self.state().quiet.values().filter(|q| q.quiet == Quiet::Silenced(id)).count();
        let open = self.state().tickets.values().filter(|t| t.is_open());
        let members = open.flat_map(Ticket::firing).filter(|m| all_match(&silence.matchers, &m.alert.labels)).count();
        u32::try_from(quiet + members).unwrap_or(u32::MAX)
    }
}
