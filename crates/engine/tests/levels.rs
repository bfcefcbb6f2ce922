//! Sources that say an alert again and again for as long as it lasts: repeats cost nothing, silence ends it,
//! and nothing that is our own fault counts as silence.

mod world;

use watchbell_engine::Timestamp;
use watchbell_engine::catalog::Catalog;
use watchbell_engine::fact::{Lapse, Told, What};
use watchbell_engine::ids::{DedupKey, TicketId};
use watchbell_engine::input::*;
use watchbell_engine::pump::Command;
use watchbell_engine::state::Phase;
use watchbell_engine::time::{Millis, after};
use watchbell_engine::view::TicketState;
use watchbell_engine::word::{ResolvedAs, Severity};
use world::{World, catalog};

/// As Prometheus says it: until four minutes from now.
fn firing(w: &World, key: &str) -> Signal {
    firing_until(key, after(w.now, Millis::mins(4)))
}

fn firing_until(key: &str, at: Timestamp) -> Signal {
    let labels = [("grouped", "yes"), ("service", "payout"), ("severity", "critical")];
    let mut signal = world::signal(key, SignalAction::Fire, Severity::Critical, &labels);
    let told = Told { lapses: Some(Lapse { at, named: true }), ..Told::default() };
    signal.more = More { level: true, told: Some(Box::new(told)), ..More::default() };
    signal
}

fn post(w: &mut World, signals: Vec<Signal>) -> Vec<Option<TicketId>> {
    match w.tell(Input::Signals(signals)) {
        Answer::Signals(tickets) => tickets,
        other => panic!("a list was answered with {other:?}"),
    }
}

fn state_of(w: &World, id: TicketId) -> TicketState {
    w.pump.state().tickets[&id].state()
}

/// The long run after a start in which silence says nothing is over.
fn settled(catalog: Catalog) -> World {
    let mut w = World::new(catalog);
    w.pass(Millis::mins(10));
    w
}

#[test]
fn a_list_opens_its_ticket_once_and_the_page_counts_all_of_it() {
    let mut w = World::new(catalog());
    let start = w.now;
    let signals = (0..200).map(|n| firing(&w, &format!("am:{n}"))).collect();
    let tickets = post(&mut w, signals);
    assert_eq!(tickets, vec![Some(TicketId(1)); 200]);
    assert_eq!(w.pages_since(start), ["0s bo/mail"]);
    let about = w.sent[0].1.about.as_ref().expect("a page is about a ticket");
    assert_eq!(about.live_alerts, 200);
    w.check();
    let over = (0..200).map(|n| world::signal(&format!("am:{n}"), SignalAction::Resolve, Severity::Error, &[]));
    post(&mut w, over.collect());
    assert_eq!(state_of(&w, TicketId(1)), TicketState::Resolved);
    w.check();
}

#[test]
fn repeats_make_no_facts_and_no_commits() {
    let mut w = settled(catalog());
    let signal = firing(&w, "am:a");
    post(&mut w, vec![signal]);
    w.act("bo", Deed::Ack { ticket: TicketId(1), page: None });
    w.pass(Millis::mins(1));
    for _ in 0..30 {
        w.pass(Millis::mins(1));
        let signals = vec![firing(&w, "am:a")];
        let envelope = Envelope { id: format!("repeat-{}", w.now).into(), input: Input::Signals(signals) };
        let commands = w.pump.take(w.now, vec![(Some(9_999), envelope)]);
        let answered =
            matches!(&commands[..], [Command::Answer(9_999, Answer::Signals(t))] if t[0] == Some(TicketId(1)));
        assert!(answered, "answered at once, with nothing to write: {commands:?}");
    }
    assert_eq!(state_of(&w, TicketId(1)), TicketState::Acknowledged);
    assert!(w.marks.keys().all(|key| !key.starts_with("lapse/")), "{:?}", w.marks.keys());
    w.check();
}

#[test]
fn a_source_that_says_nothing_more_ends_its_alert() {
    let mut w = settled(catalog());
    let said = w.now;
    let signal = firing(&w, "am:a");
    post(&mut w, vec![signal]);
    w.pass(Millis::mins(4).minus(Millis::secs(1)));
    assert_eq!(state_of(&w, TicketId(1)), TicketState::Triggered);
    w.pass(Millis::secs(2));
    assert_eq!(state_of(&w, TicketId(1)), TicketState::Resolved);
    let reason = w.facts.iter().find_map(|f| match &f.what {
        What::AlertResolved { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason.as_deref(), Some(format!("source says nothing more since {said:.0}").as_str()));
    w.check();
}

#[test]
fn a_restart_and_a_long_stop_are_no_silence_of_the_source() {
    for stopped in [false, true] {
        let mut w = settled(catalog());
        let signal = firing(&w, "am:a");
        post(&mut w, vec![signal]);
        if stopped {
            // The process was frozen: nothing was decided, nothing could be heard.
            w.now = after(w.now, Millis::mins(20));
        } else {
            w.crash(Millis::mins(20));
        }
        w.pass(Millis::mins(4));
        assert!(w.pump.state().is_firing(&DedupKey::from("am:a")), "stopped: {stopped}");
        // It was heard again, and so it goes on.
        let signal = firing(&w, "am:a");
        post(&mut w, vec![signal]);
        w.pass(Millis::mins(3));
        assert!(w.pump.state().is_firing(&DedupKey::from("am:a")), "stopped: {stopped}");
        w.pass(Millis::mins(3));
        assert!(!w.pump.state().is_firing(&DedupKey::from("am:a")), "stopped: {stopped}");
        w.check();
    }
}

#[test]
fn a_store_that_hangs_is_no_silence_of_the_source() {
    let mut w = settled(catalog());
    let signal = firing(&w, "am:a");
    post(&mut w, vec![signal]);
    w.pass(Millis::mins(1));
    // A commit is under way for half an hour; whatever is posted meanwhile is answered 503.
    let beat = world::signal("api:other", SignalAction::Fire, Severity::Error, &[]);
    let envelope = Envelope { id: "other".into(), input: Input::Signal(beat) };
    let commands = w.pump.take(w.now, vec![(None, envelope)]);
    for _ in 0..1_800 {
        w.now = after(w.now, Millis::secs(1));
        w.pump.distress(w.now);
        w.pump.take(w.now, Vec::new());
    }
    w.serve(commands, None);
    w.pass(Millis::mins(4));
    assert!(w.pump.state().is_firing(&DedupKey::from("am:a")));
}

#[test]
fn a_far_deadline_survives_a_restart_and_its_row_goes_with_the_alert() {
    let mut w = settled(catalog());
    let signal = firing(&w, "am:a");
    post(&mut w, vec![signal]);
    let far = after(w.now, Millis::hours(24));
    post(&mut w, vec![firing_until("am:a", far)]);
    assert!(w.marks.contains_key("lapse/am:a"));
    w.crash(Millis::mins(1));
    w.pass(Millis::hours(20));
    assert!(w.pump.state().is_firing(&DedupKey::from("am:a")));
    // An end that was named and lies later stands over a nearer one.
    let signal = firing(&w, "am:a");
    post(&mut w, vec![signal]);
    w.pass(Millis::hours(3));
    assert!(w.pump.state().is_firing(&DedupKey::from("am:a")));
    w.pass(Millis::hours(2));
    assert!(!w.pump.state().is_firing(&DedupKey::from("am:a")));
    assert!(w.marks["lapse/am:a"].is_gone());
    w.check();
}

#[test]
fn what_a_person_ended_is_not_told_again_until_it_was_over() {
    let mut w = settled(catalog());
    let signal = firing(&w, "am:a");
    post(&mut w, vec![signal]);
    w.act("bo", Deed::Resolve { ticket: TicketId(1), resolved_as: ResolvedAs::FalseAlarm, cause: None });
    let ended = w.now;
    for _ in 0..10 {
        w.pass(Millis::mins(1));
        let signal = firing(&w, "am:a");
        assert_eq!(post(&mut w, vec![signal]), [None]);
    }
    assert_eq!(w.pages_since(after(ended, Millis(1))), Vec::<String>::new());
    // Worse than what the person knew is news.
    let mut w2 = settled(catalog());
    let mut signal = firing(&w2, "am:a");
    signal.severity = Severity::Warning;
    post(&mut w2, vec![signal]);
    w2.act("bo", Deed::Resolve { ticket: TicketId(1), resolved_as: ResolvedAs::FalseAlarm, cause: None });
    w2.pass(Millis::mins(1));
    let signal = firing(&w2, "am:a");
    assert!(post(&mut w2, vec![signal])[0].is_some());
    // It is over, and comes back: that is news too.
    post(&mut w, vec![world::signal("am:a", SignalAction::Resolve, Severity::Error, &[])]);
    w.pass(Millis::mins(1));
    let signal = firing(&w, "am:a");
    assert!(post(&mut w, vec![signal])[0].is_some());
    assert!(!w.pages_since(ended).is_empty());
    w.check();
}

#[test]
fn words_that_change_with_every_repeat_are_written_down_now_and_then() {
    let mut w = settled(catalog());
    let worded = |w: &World, n: u32| {
        let mut signal = firing(w, "am:a");
        let told = signal.more.told.as_mut().expect("told");
        told.annotations.insert("value".into(), n.to_string());
        signal
    };
    let signal = worded(&w, 0);
    post(&mut w, vec![signal]);
    for n in 1..=20 {
        w.pass(Millis::mins(1));
        let signal = worded(&w, n);
        post(&mut w, vec![signal]);
    }
    let changes = w.facts.iter().filter(|f| matches!(f.what, What::AlertChanged { .. })).count();
    assert!((3..=5).contains(&changes), "{changes}");
    w.check();
}

#[test]
fn a_stepped_clock_ends_nothing_before_the_source_was_heard() {
    let mut w = settled(catalog());
    let signal = firing(&w, "am:a");
    post(&mut w, vec![signal]);
    w.step_clock(3_600);
    w.pass(Millis::mins(4));
    assert!(w.pump.state().is_firing(&DedupKey::from("am:a")));
    w.pass(Millis::mins(2));
    assert!(!w.pump.state().is_firing(&DedupKey::from("am:a")));
    w.check();
}

#[test]
fn a_source_can_say_that_somebody_has_it() {
    let mut w = World::new(catalog());
    let acked = |key: &str| world::signal(key, SignalAction::Acknowledge, Severity::Error, &[]);
    assert_eq!(post(&mut w, vec![acked("pd:gatus:a")]), [None], "nothing is open");
    w.fire("pd:gatus:a", Severity::Critical, &[]);
    assert_eq!(post(&mut w, vec![acked("pd:gatus:a")]), [Some(TicketId(1))]);
    assert!(matches!(w.phase(TicketId(1)), Phase::Acknowledged(acked) if acked.by.name == "test"));
    // Once more, and once it is over: nothing.
    assert_eq!(post(&mut w, vec![acked("pd:gatus:a")]), [Some(TicketId(1))]);
    w.resolve("pd:gatus:a");
    assert_eq!(post(&mut w, vec![acked("pd:gatus:a")]), [None]);
    let change = world::signal("pd:gatus:change", SignalAction::Change, Severity::Error, &[]);
    assert_eq!(post(&mut w, vec![change]), [None]);
    assert!(
        w.facts.iter().any(|f| f.ticket.is_none() && matches!(&f.what, What::Noted { by, .. } if by.name == "test"))
    );
    w.check();
}

#[test]
fn an_informing_alert_lapses_too() {
    let mut w = settled(catalog());
    let mut signal = firing(&w, "am:a");
    signal.severity = Severity::Info;
    assert_eq!(post(&mut w, vec![signal]), [None]);
    assert!(w.pump.state().quiet.contains_key(&DedupKey::from("am:a")));
    w.pass(Millis::mins(5));
    assert!(w.pump.state().quiet.is_empty());
    w.check();
}
