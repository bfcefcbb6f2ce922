//! Not paging, with a reason: what is kept quiet, what pages all the same, and what happens at the end.

mod world;

use std::collections::BTreeSet;

use watchbell_engine::catalog::*;
use watchbell_engine::fact::{MessageKind, Quiet, What};
use watchbell_engine::ids::*;
use watchbell_engine::input::*;
use watchbell_engine::not_paging::{Expect, FlapRule, InhibitRule, StormRule};
use watchbell_engine::observation::Verdict;
use watchbell_engine::state::Phase;
use watchbell_engine::suppressed::{counts, suppressed};
use watchbell_engine::time::Millis;
use watchbell_engine::why_not::{self, Question, why_not};
use watchbell_engine::word::{FailureKind, Level, Severity};
use world::{Mode, World, at, catalog, probe};

const CRITICAL: Severity = Severity::Critical;
const ERROR: Severity = Severity::Error;

fn add(w: &World, matcher: &str, from: Option<i64>, until: i64) -> Deed {
    let matchers = vec![matcher.parse().expect("a matcher")];
    let from = from.map(|s| at(w.now, s));
    Deed::AddSilence { matchers, from, until: at(w.now, until), reason: "deploy".into() }
}

fn maintain(w: &World, expect: Expect, cover_running: bool) -> Deed {
    let matchers = vec!["service=invoice".parse().expect("a matcher")];
    let (title, until) = ("upgrade".into(), at(w.now, 600));
    Deed::AddMaintenance { title, matchers, from: None, until, expect, cover_running }
}

/// `child` depends on `gateway`, and `grandchild` on `child`.
fn family() -> Catalog {
    let mut catalog = catalog();
    let of = |id: &str, on: &[&str]| {
        let depends_on = on.iter().map(|id| ProbeId::from(*id)).collect();
        (ProbeId::from(id), ProbeInfo { depends_on, ..probe(id) })
    };
    catalog.probes = [of("gateway", &[]), of("child", &["gateway"]), of("grandchild", &["child"])].into();
    catalog
}

fn cluster_rule() -> InhibitRule {
    InhibitRule {
        name: "a.yaml:1".into(),
        source: vec!["what=down".parse().expect("a matcher")],
        target: vec!["what=slow".parse().expect("a matcher")],
        equal: vec!["cluster".into()],
    }
}

fn verdict(w: &mut World, id: &str, level: Level, kind: FailureKind) {
    let down = level != Level::Up;
    let verdict = Verdict {
        probe: ProbeId::from(id),
        site: SiteId::local(),
        level,
        kind: down.then_some(kind),
        message: None,
        severity: if level == Level::Degraded { Severity::Warning } else { CRITICAL },
        since: w.now,
        seen: w.now,
        confirmed: w.now,
        last_good: None,
        runs: 3,
        summary: None,
    };
    w.tell(Input::Verdict(verdict));
}

fn down(w: &mut World, id: &str) {
    verdict(w, id, Level::Down, FailureKind::Status);
}

fn up(w: &mut World, id: &str) {
    verdict(w, id, Level::Up, FailureKind::Status);
}

fn pages(w: &World, from: jiff::Timestamp) -> usize {
    w.pages_since(from).len()
}

#[test]
fn a_silence_that_begins_later_is_pending_until_then() {
    let mut w = World::new(catalog());
    w.act("bo", add(&w, "part=a", Some(60), 660));
    let start = w.now;
    assert!(w.fire("api:a", CRITICAL, &[("part", "a")]).is_some(), "it has not begun");
    w.pass(Millis::secs(30));
    assert!(pages(&w, start) > 0 && !w.view.silences[0].active);
    w.pass(Millis::secs(31));
    assert!(matches!(w.phase(TicketId(1)), Phase::Held { .. }) && w.view.silences[0].active);
    assert_eq!(w.fire("api:b", CRITICAL, &[("part", "a")]), None);
    let (held, middle) = (suppressed(&w.view), at(w.now, 1));
    assert_eq!(
        held.iter().map(|s| (s.why.as_str(), s.by.as_deref())).collect::<Vec<_>>(),
        [("silence", Some("SIL-1")); 2]
    );
    w.pass(Millis::mins(9));
    assert_eq!(pages(&w, middle), 0);
    w.pass(Millis::secs(60));
    assert!(pages(&w, middle) >= 2, "both fire, and the silence is over");
    let told = w.sent.iter().rev().find_map(|(_, m)| m.about.as_ref()).expect("a page");
    assert!(told.was_silenced && told.muted_since.is_some(), "the text says since when it was muted");
    w.check();
}

#[test]
fn a_silence_always_ends_and_may_be_given_another_end() {
    let mut w = World::new(catalog());
    let month = 30 * 24 * 3_600;
    assert_eq!(w.act("bo", add(&w, "part=a", None, month + 1)), Answer::Refused(Refusal::TooLong));
    assert_eq!(w.act("bo", add(&w, "part=a", Some(600), 500)), Answer::Refused(Refusal::EndsBeforeItStarts));
    w.act("bo", add(&w, "part=a", None, month));
    assert_eq!(w.fire("api:a", CRITICAL, &[("part", "a")]), None);
    let change = |w: &World, seconds| Deed::ChangeSilence { silence: SilenceId(1), until: at(w.now, seconds) };
    assert_eq!(w.act("bo", change(&w, month + 1)), Answer::Refused(Refusal::TooLong));
    assert_eq!(w.act("bo", change(&w, -1)), Answer::Refused(Refusal::EndsBeforeItStarts));
    let start = w.now;
    assert_eq!(w.act("bo", change(&w, 60)), Answer::Silence(SilenceId(1)));
    w.pass(Millis::secs(59));
    assert_eq!(pages(&w, start), 0);
    w.pass(Millis::secs(2));
    assert!(pages(&w, start) > 0, "the end came sooner");
    let unknown = Deed::ChangeSilence { silence: SilenceId(1), until: at(w.now, 60) };
    assert_eq!(w.act("bo", unknown), Answer::Refused(Refusal::NoSuchSilence(SilenceId(1))));
    w.check();
}

#[test]
fn the_end_of_a_silence_is_foretold_where_something_still_fires() {
    let mut w = World::new(catalog());
    w.act("bo", add(&w, "part=a", None, 3_600));
    w.act("bo", add(&w, "part=none", None, 3_600));
    w.fire("api:a", CRITICAL, &[("part", "a")]);
    w.pass(Millis::mins(44));
    assert!(!w.view.silences[0].ends_soon);
    w.pass(Millis::mins(2));
    let warned = w.facts.iter().filter_map(|f| match f.what {
        What::SilenceExpiring { silence, firing } => Some((silence.0, firing)),
        _ => None,
    });
    let warned: Vec<_> = warned.collect();
    assert_eq!(warned, [(1, 1)], "once, and not for the one that keeps nothing quiet");
    assert!(w.view.silences[0].ends_soon && !w.view.silences[1].ends_soon);
    w.check();
}

#[test]
fn the_author_is_told_over_quiet_channels_and_only_while_it_ends_as_told() {
    let mut w = World::new(catalog());
    w.act("bo", add(&w, "part=a", None, 3_600));
    w.fire("api:a", CRITICAL, &[("part", "a")]);
    w.pass(Millis::mins(46));
    let told: Vec<_> = w.sent.iter().map(|(_, m)| m).filter(|m| m.kind == MessageKind::SilenceExpiring).collect();
    assert!(!told.is_empty(), "bo asked for the silence");
    assert!(told.iter().all(|m| m.person.as_str() == "bo" && !w.catalog.channels[&m.channel].loud));
    let about = told[0].silence.as_ref().expect("it tells of the silence");
    assert_eq!((about.silence.0, about.firing), (1, 1));
    let before = told.len();
    w.crash(Millis::secs(5));
    w.pass(Millis::mins(5));
    let count = |w: &World| w.sent.iter().filter(|(_, m)| m.kind == MessageKind::SilenceExpiring).count();
    assert_eq!(count(&w), before, "once");
    w.check();
}

#[test]
fn what_a_person_escalates_in_spite_of_a_silence_is_not_held_again() {
    let mut w = World::new(catalog());
    w.fire("api:a", CRITICAL, &[("part", "a")]);
    w.pass(Millis::secs(5));
    w.act("bo", add(&w, "part=a", None, 3_600));
    w.pass(Millis::secs(5));
    w.act("bo", Deed::Escalate { ticket: TicketId(1), page: None });
    w.pass(Millis::secs(5));
    w.act("bo", add(&w, "part=other", None, 60));
    w.crash(Millis::secs(5));
    w.pass(Millis::mins(2));
    assert!(matches!(w.phase(TicketId(1)), Phase::Triggered(_)), "another silence is no reason");
    w.act("bo", add(&w, "part=a", None, 7_200));
    assert!(matches!(w.phase(TicketId(1)), Phase::Held { .. }), "somebody wants quiet anew");
    w.check();
}

#[test]
fn maintenance_keeps_quiet_what_it_expects_and_nothing_else() {
    let mut w = World::new(family());
    let expect = Expect { kinds: BTreeSet::from([FailureKind::Status]), up_to: Some(Level::Degraded) };
    assert_eq!(w.act("bo", maintain(&w, expect, false)), Answer::Maintenance(MaintenanceId(1)));
    let start = w.now;
    verdict(&mut w, "gateway", Level::Degraded, FailureKind::Status);
    w.pass(Millis::secs(5));
    assert_eq!(pages(&w, start), 0);
    assert_eq!(counts(&w.view)["maintenance"], 1);
    let start = w.now;
    verdict(&mut w, "gateway", Level::Degraded, FailureKind::Latency);
    w.pass(Millis::secs(5));
    assert!(pages(&w, start) > 0, "another kind");
    up(&mut w, "gateway");
    w.pass(Millis::mins(6));
    let start = w.now;
    down(&mut w, "gateway");
    w.pass(Millis::secs(5));
    assert!(pages(&w, start) > 0, "worse than expected");
    w.check();
}

#[test]
fn maintenance_leaves_running_escalations_alone_unless_it_says_so() {
    for cover_running in [false, true] {
        let mut w = World::new(family());
        down(&mut w, "gateway");
        w.pass(Millis::secs(5));
        w.act("bo", maintain(&w, Expect::default(), cover_running));
        let held = matches!(w.phase(TicketId(1)), Phase::Held { quiet: Quiet::Maintenance { .. }, .. });
        assert_eq!(held, cover_running);
        let start = w.now;
        w.act("bo", Deed::Escalate { ticket: TicketId(1), page: None });
        w.pass(Millis::secs(5));
        assert!(pages(&w, start) > 0, "a person asked for it");
        up(&mut w, "gateway");
        assert!(matches!(w.phase(TicketId(1)), Phase::Resolved(_)), "a resolve is always taken in");
        w.check();
    }
}

#[test]
fn what_is_still_down_when_maintenance_ends_is_paged_from_step_1() {
    let mut w = World::new(family());
    w.act("bo", maintain(&w, Expect::default(), false));
    down(&mut w, "gateway");
    w.crash(Millis::secs(30));
    let start = w.now;
    assert_eq!(
        w.act("bo", Deed::EndMaintenance { maintenance: MaintenanceId(1) }),
        Answer::Maintenance(MaintenanceId(1))
    );
    w.pass(Millis::secs(1));
    assert!(pages(&w, start) > 0);
    let again = Deed::EndMaintenance { maintenance: MaintenanceId(1) };
    assert_eq!(w.act("bo", again), Answer::Refused(Refusal::NoSuchMaintenance(MaintenanceId(1))));
    w.check();
}

#[test]
fn a_child_is_quiet_only_while_somebody_was_told_of_its_parent() {
    let mut w = World::new(family());
    let start = w.now;
    down(&mut w, "gateway");
    w.pass(Millis::secs(1));
    down(&mut w, "child");
    down(&mut w, "grandchild");
    w.pass(Millis::secs(10));
    assert_eq!(w.pump.state().tickets.len(), 1);
    let view = &w.view.tickets[&TicketId(1)].view;
    assert_eq!((view.explains, counts(&w.view)["dependency"]), (2, 2), "shown on the parent's ticket, and counted");
    let by: Vec<_> = suppressed(&w.view).into_iter().map(|s| (s.by, s.ticket)).collect();
    assert_eq!(by, vec![(Some("gateway".into()), Some(TicketId(1))); 2], "the root is named");
    w.crash(Millis::secs(5));
    up(&mut w, "child");
    let parent_up = w.now;
    up(&mut w, "gateway");
    w.pass(Millis::secs(7));
    assert_eq!(pages(&w, parent_up), 0, "a run of its own first");
    w.pass(Millis::secs(30));
    assert!(pages(&w, parent_up) > 0, "it is still down");
    assert!(pages(&w, start) > 0);
    w.check();
}

#[test]
fn a_child_pages_after_two_seconds_where_nobody_could_be_told_of_the_parent() {
    let mut w = World::new(family());
    w.modes.extend([("mail".to_owned(), Mode::Refuses), ("hook".to_owned(), Mode::Refuses)]);
    down(&mut w, "gateway");
    let start = w.now;
    down(&mut w, "child");
    w.pass(Millis(1_900));
    assert_eq!(w.pump.state().tickets.len(), 1);
    w.pass(Millis(200));
    assert_eq!(w.pump.state().tickets.len(), 2, "two seconds are all it waits");
    assert!(w.pages_since(start).iter().any(|p| p.starts_with("2s")));
    w.check();
}

#[test]
fn a_person_who_ends_the_parents_ticket_ends_what_it_explained() {
    let mut w = World::new(family());
    down(&mut w, "gateway");
    w.pass(Millis::secs(1));
    down(&mut w, "child");
    w.pass(Millis::secs(5));
    let start = w.now;
    let resolve =
        Deed::Resolve { ticket: TicketId(1), resolved_as: watchbell_engine::word::ResolvedAs::Fixed, cause: None };
    w.act("bo", resolve);
    w.pass(Millis::secs(31));
    assert!(pages(&w, start) > 0, "nobody is told of the gateway any more");
    w.check();
}

#[test]
fn an_alert_is_inhibited_by_what_shares_its_labels_and_was_told() {
    let mut catalog = catalog();
    catalog.not_paging.inhibit = vec![cluster_rule()];
    let mut w = World::new(catalog);
    w.fire("api:down", CRITICAL, &[("what", "down"), ("cluster", "a")]);
    w.pass(Millis::secs(1));
    assert_eq!(w.fire("api:slow", ERROR, &[("what", "slow"), ("cluster", "a")]), None);
    assert_eq!(w.fire("api:urgent", CRITICAL, &[("what", "slow"), ("cluster", "a")]), None);
    assert!(w.fire("api:else", CRITICAL, &[("what", "slow"), ("cluster", "b")]).is_some(), "critical never waits");
    assert!(w.fire("api:bare", ERROR, &[("what", "slow")]).is_some(), "what is absent is equal to nothing");
    w.pass(Millis::secs(5));
    assert_eq!(counts(&w.view)["inhibition"], 2);
    let start = w.now;
    w.resolve("api:down");
    w.resolve("api:slow");
    w.pass(Millis::secs(3));
    let people: BTreeSet<TicketId> = w
        .sent
        .iter()
        .filter(|(at, m)| *at >= start && m.kind == MessageKind::Page)
        .filter_map(|(_, m)| m.page)
        .map(|p| p.ticket)
        .collect();
    assert_eq!(people.len(), 1, "the critical one pages at once, the one that ended too never");
    w.check();
}

#[test]
fn an_inhibitor_that_arrives_after_its_target_is_waited_for_a_moment() {
    let mut catalog = catalog();
    catalog.not_paging.inhibit = vec![cluster_rule()];
    let mut w = World::new(catalog);
    assert_eq!(w.fire("api:slow", ERROR, &[("what", "slow"), ("cluster", "a")]), None);
    w.pass(Millis::secs(1));
    w.fire("api:down", CRITICAL, &[("what", "down"), ("cluster", "a")]);
    w.pass(Millis::secs(5));
    assert_eq!(w.pump.state().tickets.len(), 1);
    assert_eq!(counts(&w.view)["inhibition"], 1);
    assert_eq!(w.fire("api:lone", ERROR, &[("what", "slow"), ("cluster", "b")]), None);
    w.crash(Millis::secs(3));
    w.pass(Millis::secs(1));
    assert_eq!(w.pump.state().tickets.len(), 2, "the wait ends over a restart too");
    w.check();
}

#[test]
fn what_could_explain_each_other_explains_nothing() {
    let mut catalog = catalog();
    let rule = InhibitRule {
        source: vec!["what=~down|both".parse().expect("a matcher")],
        target: vec!["what=~slow|both".parse().expect("a matcher")],
        ..cluster_rule()
    };
    catalog.not_paging.inhibit = vec![rule];
    let mut w = World::new(catalog);
    for key in ["api:one", "api:two"] {
        assert!(w.fire(key, CRITICAL, &[("what", "both"), ("cluster", "a")]).is_some(), "{key}");
        w.pass(Millis::secs(2));
    }
    w.check();
}

#[test]
fn a_storm_drops_nothing_and_lets_the_urgent_through() {
    let mut catalog = catalog();
    catalog.not_paging.storm = Some(StormRule { tickets: 3, within: Millis::mins(1) });
    let mut w = World::new(catalog);
    let labels = [("service", "jobs")];
    let tickets: Vec<_> = (0..10).map(|n| w.fire(&format!("api:{n}"), ERROR, &labels)).collect();
    assert!(tickets.iter().all(Option::is_some), "everybody is answered with a ticket");
    assert_eq!(tickets.iter().flatten().collect::<BTreeSet<_>>().len(), 4);
    let urgent = w.fire("api:urgent", CRITICAL, &labels);
    assert!(!tickets.contains(&urgent));
    assert!(w.fire("api:other", ERROR, &[("service", "other")]).is_some_and(|t| !tickets.contains(&Some(t))));
    assert!(w.fire("api:none", ERROR, &[]).is_some_and(|t| !tickets.contains(&Some(t))), "without a service no storm");
    let storm = &w.view.tickets[&TicketId(4)].view;
    assert_eq!(storm.storm.as_ref().map(|s| (s.of.as_str(), s.firing, s.resolved)), Some(("jobs", 7, 0)));
    assert_eq!((counts(&w.view)["storm"], storm.title.contains("jobs")), (6, true));
    w.resolve("api:5");
    w.crash(Millis::secs(10));
    assert_eq!(w.fire("api:11", ERROR, &labels), Some(TicketId(4)), "it still rages after a restart");
    w.pass(Millis::mins(2));
    assert!(w.fire("api:12", ERROR, &labels).is_some_and(|t| t > TicketId(7)), "it is calm");
    w.check();
}

#[test]
fn what_comes_and_goes_keeps_its_ticket_and_never_its_first_page() {
    let mut catalog = family();
    let gateway = catalog.probes.get_mut("gateway").expect("a probe");
    gateway.flap = Some(FlapRule { changes: 4, within: Millis::mins(5) });
    let mut w = World::new(catalog);
    for _ in 0..3 {
        down(&mut w, "gateway");
        w.pass(Millis::secs(10));
        up(&mut w, "gateway");
        w.pass(Millis::secs(10));
    }
    let ticket = &w.view.tickets[&TicketId(1)].view;
    assert!(ticket.flapping && ticket.reopened == 1, "{ticket:?}");
    assert_eq!(counts(&w.view)["flap"], 1);
    w.step_clock(3_600);
    assert!(w.view.tickets[&TicketId(1)].view.flapping, "calm is counted in time that passes");
    w.crash(Millis::secs(5));
    w.pass(Millis::mins(6));
    assert!(matches!(w.phase(TicketId(1)), Phase::Resolved(_)), "it is up and calm");
    let start = w.now;
    down(&mut w, "gateway");
    w.pass(Millis::secs(1));
    assert!(pages(&w, start) > 0, "the first page of an occurrence is never withheld");
    w.check();
}

#[test]
fn why_not_follows_the_steps_that_lead_to_another_policy() {
    let mut all = catalog();
    let policy = all.policies.values().next().expect("a policy").clone();
    let (home, behind) = (policy.id.clone(), PolicyId::from("behind"));
    let step = |target, within| Step::new(vec![target], Millis::mins(within));
    let person = |id: &str| PersonId::from(id);
    let mut first = policy.clone();
    first.steps = vec![step(Target::Person(person("ana")), 5), step(Target::Policy(behind.clone()), 5)];
    first.catch_all.person = person("ana");
    let mut second = Policy { id: behind.clone(), ..policy };
    second.steps = vec![step(Target::Person(person("ana")), 7), step(Target::Person(person("cy")), 5)];
    second.catch_all.person = person("bo");
    all.policies = [(home, first), (behind, second)].into();
    let mut w = World::new(all);
    let id = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    let began = w.now;
    w.pass(Millis::secs(5));
    let ask = |w: &World, who: &str| {
        let recorded = &w.pump.state().recorded;
        why_not(Question { ticket: id, person: &person(who), facts: &w.facts, catalog: &w.catalog, recorded })
    };
    let said = ask(&w, "cy");
    assert_eq!((said.answer, said.step), (why_not::Answer::NotYet, Some(2)), "{said:?}");
    assert_eq!(said.at, Some(at(began, 12 * 60)), "{said:?}");
    assert!(said.text.contains("step 2 of behind"), "{said:?}");
    assert_eq!(ask(&w, "di").answer, why_not::Answer::NotNamed);
    w.pass(Millis::mins(13));
    assert_eq!(ask(&w, "cy").answer, why_not::Answer::Paged, "as it was said");
    w.check();
}

#[test]
fn what_waits_for_office_hours_is_in_the_list() {
    let mut w = World::new(catalog());
    let id = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    let mut view = w.view.clone();
    let opens = at(w.now, 3_600);
    let ticket = std::sync::Arc::make_mut(view.tickets.get_mut(&id).expect("the ticket"));
    ticket.view.held_until = Some(opens);
    let all = suppressed(&view);
    assert_eq!((all.len(), all[0].why.as_str(), all[0].until, all[0].ticket), (1, "hold", Some(opens), Some(id)));
    assert_eq!(counts(&view)["hold"], 1);
}

#[test]
fn why_not_gives_one_answer() {
    let mut w = World::new(catalog());
    let id = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    w.pass(Millis::secs(5));
    let ask = |w: &World, person: &str| {
        let person = PersonId::from(person);
        let recorded = &w.pump.state().recorded;
        why_not(Question { ticket: id, person: &person, facts: &w.facts, catalog: &w.catalog, recorded })
    };
    let first = w.sent[0].1.person.clone();
    assert_eq!(ask(&w, first.as_str()).answer, why_not::Answer::Paged);
    assert_eq!(ask(&w, "nobody").answer, why_not::Answer::Gone);
    let later: Vec<PersonId> = ["ana", "bo", "cy", "di"]
        .map(PersonId::from)
        .into_iter()
        .filter(|p| ask(&w, p.as_str()).answer == why_not::Answer::NotYet)
        .collect();
    let later = later.first().expect("step 2 names somebody");
    let said = ask(&w, later.as_str());
    assert!(said.at.is_some_and(|at| at > w.now) && said.step == Some(2), "{said:?}");
    w.act(first.as_str(), Deed::Ack { ticket: id, page: None });
    let said = ask(&w, later.as_str());
    assert_eq!((said.answer, said.instead.first()), (why_not::Answer::AcknowledgedBefore, None), "{said:?}");
    w.resolve("api:a");
    assert_eq!(ask(&w, later.as_str()).answer, why_not::Answer::ResolvedBefore);
    w.act("bo", add(&w, "part=a", None, 600));
    let again = w.fire("api:b", CRITICAL, &[]).expect("a ticket");
    w.act("bo", add(&w, "severity=critical", None, 600));
    let person = later.clone();
    let asked = Question {
        ticket: again,
        person: &person,
        facts: &w.facts,
        catalog: &w.catalog,
        recorded: &w.pump.state().recorded,
    };
    assert_eq!(why_not(asked).answer, why_not::Answer::Silenced);
    w.check();
}
