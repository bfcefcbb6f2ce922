//! Whatever happens, in whatever order: replayed facts equal the state, every open alert is pursued,
//! held or answered, and nobody is paged after an acknowledgement is durable.

mod world;

use proptest::prelude::*;
use watchbell_engine::ids::{PageId, TicketId};
use watchbell_engine::input::*;
use watchbell_engine::state::Phase;
use watchbell_engine::time::Millis;
use watchbell_engine::word::{ResolvedAs, Severity};
use world::{Mode, World, at, catalog};

#[derive(Clone, Debug)]
enum Step {
    Fire { key: u8, severity: u8, grouped: bool },
    Resolve { key: u8 },
    Pass { seconds: u16 },
    Ack { ticket: u8, page: Option<u8> },
    End { ticket: u8 },
    Escalate { ticket: u8 },
    Decline { ticket: u8, page: u8 },
    Snooze { ticket: u8, seconds: u16 },
    Silence { key: u8, seconds: u16 },
    Unsilence { n: u8 },
    Override { seconds: u16 },
    Channel { mail: bool, mode: u8 },
    Crash { seconds: u16 },
    FireAndDie { key: u8, seconds: u16 },
    ClockMoves { seconds: i16 },
    Reload { disabled: Option<u8>, without_policy: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..5u8, 0..4u8, any::<bool>()).prop_map(|(key, severity, grouped)| Step::Fire { key, severity, grouped }),
        3 => (0..5u8).prop_map(|key| Step::Resolve { key }),
        6 => (0..900u16).prop_map(|seconds| Step::Pass { seconds }),
        3 => (1..6u8, proptest::option::of(1..8u8)).prop_map(|(ticket, page)| Step::Ack { ticket, page }),
        1 => (1..6u8).prop_map(|ticket| Step::End { ticket }),
        1 => (1..6u8).prop_map(|ticket| Step::Escalate { ticket }),
        1 => (1..6u8, 1..8u8).prop_map(|(ticket, page)| Step::Decline { ticket, page }),
        1 => (1..6u8, 1..900u16).prop_map(|(ticket, seconds)| Step::Snooze { ticket, seconds }),
        1 => (0..5u8, 1..900u16).prop_map(|(key, seconds)| Step::Silence { key, seconds }),
        1 => (1..4u8).prop_map(|n| Step::Unsilence { n }),
        1 => (1..900u16).prop_map(|seconds| Step::Override { seconds }),
        2 => (any::<bool>(), 0..4u8).prop_map(|(mail, mode)| Step::Channel { mail, mode }),
        2 => (0..400u16).prop_map(|seconds| Step::Crash { seconds }),
        1 => (0..5u8, 0..100u16).prop_map(|(key, seconds)| Step::FireAndDie { key, seconds }),
        1 => (-4_000..4_000i16).prop_map(|seconds| Step::ClockMoves { seconds }),
        1 => (proptest::option::of(0..4u8), any::<bool>())
            .prop_map(|(disabled, without_policy)| Step::Reload { disabled, without_policy }),
    ]
}

fn fired(key: u8, severity: u8, grouped: bool) -> Signal {
    let key = format!("api:{key}");
    let severity = Severity::ALL[severity as usize];
    let labels = [("key", key.as_str()), ("grouped", if grouped { "yes" } else { "no" }), ("service", "s")];
    world::signal(&key, SignalAction::Fire, severity, &labels)
}

fn play(w: &mut World, step: &Step) {
    let ticket = |n: u8| TicketId(u64::from(n));
    match *step {
        Step::Fire { key, severity, grouped } => {
            w.tell(Input::Signal(fired(key, severity, grouped)));
        }
        Step::Resolve { key } => w.resolve(&format!("api:{key}")),
        Step::Pass { seconds } => w.pass(Millis::secs(seconds.into())),
        Step::Ack { ticket: t, page } => {
            let page = page.map(|n| PageId { ticket: ticket(t), n: n.into() });
            w.act("bo", Deed::Ack { ticket: ticket(t), page });
        }
        Step::End { ticket: t } => {
            w.act("bo", Deed::Resolve { ticket: ticket(t), resolved_as: ResolvedAs::Fixed, cause: None });
        }
        Step::Escalate { ticket: t } => {
            w.act("bo", Deed::Escalate { ticket: ticket(t), page: None });
        }
        Step::Decline { ticket: t, page } => {
            w.act("bo", Deed::Decline { page: PageId { ticket: ticket(t), n: page.into() } });
        }
        Step::Snooze { ticket: t, seconds } => {
            w.act("bo", Deed::Snooze { ticket: ticket(t), until: at(w.now, seconds.into()) });
        }
        Step::Silence { key, seconds } => {
            let matchers = vec![format!("key=api:{key}").parse().expect("a matcher")];
            w.act(
                "bo",
                Deed::AddSilence { matchers, from: None, until: at(w.now, seconds.into()), reason: "x".into() },
            );
        }
        Step::Unsilence { n } => {
            w.act("bo", Deed::EndSilence { silence: watchbell_engine::ids::SilenceId(n.into()) });
        }
        Step::Override { seconds } => {
            let (from, to) = (w.now, at(w.now, seconds.into()));
            w.act("bo", Deed::AddOverride { rotation: "team".into(), person: "cy".into(), from, to, replaces: None });
        }
        Step::Channel { mail, mode } => {
            let mode = [Mode::Accepts, Mode::Refuses, Mode::FailsForNow, Mode::Hangs][mode as usize];
            w.modes.insert(if mail { "mail" } else { "hook" }.into(), mode);
        }
        Step::Crash { seconds } => w.crash(Millis::secs(seconds.into())),
        Step::FireAndDie { key, seconds } => {
            w.tell_and_die(Input::Signal(fired(key, 3, false)), Millis::secs(seconds.into()));
        }
        Step::ClockMoves { seconds } => {
            let by_ms = i64::from(seconds) * 1_000;
            w.now = watchbell_engine::time::shifted(w.now, by_ms);
            w.tell(Input::ClockStepped { by_ms });
        }
        Step::Reload { disabled, without_policy } => {
            let mut next = catalog();
            if let Some(person) = disabled.and_then(|n| next.people.values_mut().nth(n.into())) {
                person.disabled = true;
            }
            if without_policy {
                let mut policy = next.policies.pop_first().expect("a policy").1;
                policy.id = "other".into();
                next.default_policy = policy.id.clone();
                next.routes.clear();
                next.policies.insert(policy.id.clone(), policy);
            }
            w.reload(next);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens(steps in proptest::collection::vec(step(), 1..60)) {
        let mut w = World::new(catalog());
        for step in &steps {
            play(&mut w, step);
            w.check();
            every_live_alert_is_somebodys_matter(&w);
        }
        nobody_was_paged_after_an_answer(&w);
        // After healing everything that still fires reaches somebody.
        w.modes.clear();
        let healed = w.now;
        w.reload(catalog());
        w.pass(Millis::mins(20));
        let pursued = w.pump.state().tickets.values().filter(|t| matches!(t.phase, Phase::Triggered(_))).count();
        prop_assert!(pursued == 0 || !w.pages_since(healed).is_empty(), "pursued, and nobody is paged");
        w.check();
    }
}

fn every_live_alert_is_somebodys_matter(w: &World) {
    let state = w.pump.state();
    for ticket in state.tickets.values().filter(|t| t.is_open()) {
        assert!(ticket.firing().next().is_some(), "{} is open without a live alert", ticket.id);
        if let Phase::Held { quiet: watchbell_engine::fact::Quiet::Silenced(silence), .. } = &ticket.phase {
            assert!(state.silences.contains_key(silence), "{} is held by a silence that has ended", ticket.id);
        }
    }
    for (key, quiet) in &state.quiet {
        if let watchbell_engine::fact::Quiet::Silenced(id) = &quiet.quiet {
            assert!(state.silences.contains_key(id), "{key} is kept quiet by a silence that has ended");
        }
    }
}

/// Between an answer and the next entry of a step no page of that ticket is handed to the outbox.
fn nobody_was_paged_after_an_answer(w: &World) {
    use watchbell_engine::fact::{MessageKind, What};
    let mut answered = std::collections::BTreeSet::new();
    for fact in &w.facts {
        let Some(id) = fact.ticket else { continue };
        match &fact.what {
            What::Acknowledged { .. } | What::Snoozed { .. } | What::Held { .. } | What::TicketResolved { .. } => {
                answered.insert(id);
            }
            What::StepEntered { .. } => {
                answered.remove(&id);
            }
            What::SendStarted { kind: MessageKind::Page, send, .. } => {
                assert!(!answered.contains(&id), "{send} went out after {id} had been answered");
            }
            _ => {}
        }
    }
}
