//! Journals that earlier builds wrote are read and folded by this one, for ever. A file of `golden/` is
//! never changed; a new version of the facts brings a new one (`crates/sim/examples/journal.rs` makes it), and
//! kinds that were added to a version bring a journal of their own beside it.

use std::collections::BTreeSet;

use serde::Deserialize;
use watchbell_engine::Timestamp;
use watchbell_engine::fact::{Fact, What};
use watchbell_engine::ids::{Epoch, FactNo, TicketId};
use watchbell_engine::state::State;

/// Each journal with the state that the build which wrote it folded from it.
const JOURNALS: [(&str, &str); 6] = [
    (include_str!("golden/v1.jsonl"), include_str!("golden/v1.state.json")),
    (include_str!("golden/v1-absences.jsonl"), include_str!("golden/v1-absences.state.json")),
    (include_str!("golden/v1-not-paging.jsonl"), include_str!("golden/v1-not-paging.state.json")),
    (include_str!("golden/v1-handed-on.jsonl"), include_str!("golden/v1-handed-on.state.json")),
    (include_str!("golden/v1-duty-notices.jsonl"), include_str!("golden/v1-duty-notices.state.json")),
    (include_str!("golden/v1-covers.jsonl"), include_str!("golden/v1-covers.state.json")),
];

/// Every kind of fact of version 1.
const KINDS: [&str; 56] = [
    "started",
    "reloaded",
    "clock_shifted",
    "duty_changed",
    "alert_quiet",
    "quiet_resolved",
    "ticket_opened",
    "ticket_reopened",
    "alert_joined",
    "alert_changed",
    "alert_resolved",
    "probe_gone",
    "step_entered",
    "skipped",
    "page_started",
    "entry_begun",
    "page_unreachable",
    "send_started",
    "send_ended",
    "acknowledged",
    "escalated",
    "declined",
    "snoozed",
    "noted",
    "held",
    "held_back",
    "flapped",
    "flap_ended",
    "ticket_resolved",
    "silence_added",
    "silence_changed",
    "silence_expiring",
    "silence_ended",
    "maintenance_added",
    "maintenance_ended",
    "override_added",
    "override_removed",
    "absence_added",
    "absence_removed",
    "cover_asked",
    "cover_answered",
    "notice_owed",
    "duty_notice_owed",
    "duty_notice_dropped",
    "test_asked",
    "step_waits",
    "kept_for_hours",
    "page_gathered",
    "page_told",
    "page_loosened",
    "acknowledged_by_one",
    "ack_renewed",
    "taken_over",
    "assigned",
    "merged_into",
    "merged_from",
];

/// A fact as the store keeps it.
#[derive(Deserialize)]
struct Row {
    no: FactNo,
    epoch: Epoch,
    at: Timestamp,
    ticket: Option<TicketId>,
    kind: String,
    version: u32,
    body: serde_json::Value,
}

fn rows(journal: &str) -> Vec<Row> {
    journal.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn a_journal_of_version_1_gives_the_state_that_it_always_gave() {
    for (journal, state_then) in JOURNALS {
        let mut state = State::default();
        for row in rows(journal) {
            let no = row.no.0;
            let written = row.body.clone();
            let what = What::read(&row.kind, row.version, row.body).unwrap_or_else(|e| panic!("fact {no}: {e}"));
            assert_eq!(what.kind(), row.kind);
            keeps(&what.body(), &written, &format!("fact {no}"));
            state.apply(&Fact { no: row.no, epoch: row.epoch, at: row.at, ticket: row.ticket, what });
        }
        let given: serde_json::Value = serde_json::from_str(state_then).expect("the state of then");
        keeps(&serde_json::to_value(&state).expect("the state of now"), &given, "state");
    }
}

/// Nothing that was there then is gone or different now; a later build may add to it.
fn keeps(now: &serde_json::Value, then: &serde_json::Value, at: &str) {
    use serde_json::Value;
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            for (key, value) in then {
                let now = now.get(key).unwrap_or_else(|| panic!("{at}: `{key}` is gone"));
                keeps(now, value, &format!("{at}.{key}"));
            }
        }
        (Value::Array(now), Value::Array(then)) => {
            assert_eq!(now.len(), then.len(), "{at} has another length");
            for (n, (now, then)) in now.iter().zip(then).enumerate() {
                keeps(now, then, &format!("{at}[{n}]"));
            }
        }
        (now, then) => assert_eq!(now, then, "{at}"),
    }
}

#[test]
fn the_journals_hold_every_kind_of_fact() {
    let held: BTreeSet<String> = JOURNALS.iter().flat_map(|(journal, _)| rows(journal)).map(|row| row.kind).collect();
    let known: BTreeSet<String> = KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(held, known);
    for kind in KINDS {
        let unread = What::read(kind, What::VERSION, serde_json::Value::Null).expect_err("no fact is empty");
        assert!(!unread.why.contains("unknown variant"), "{kind} is not known to this build any more");
    }
    // A kind that this list has not would need a journal of its own: serde names all that there are.
    let unknown = What::read("unheard_of", What::VERSION, serde_json::Value::Null).expect_err("no such kind");
    let named = unknown.why.split("expected one of").nth(1).expect("serde lists the kinds");
    let named: BTreeSet<String> = named.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(named, known, "a new kind of fact belongs into a golden journal");
}
