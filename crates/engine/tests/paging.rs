//! Paging by the rules of the design, section 5: who is asked, when, and when it stops.

mod world;

use watchbell_engine::fact::MessageKind;
use watchbell_engine::input::*;
use watchbell_engine::state::Phase;
use watchbell_engine::time::Millis;
use watchbell_engine::word::{Receipt, ResolvedAs, Severity};
use world::{Mode, World, at, catalog};

const CRITICAL: Severity = Severity::Critical;

#[test]
fn nobody_answers_so_it_climbs_and_never_falls_silent() {
    let mut w = World::new(catalog());
    let start = w.now;
    w.fire("api:a", CRITICAL, &[]);
    w.pass(Millis::mins(22));
    let expected = [
        "0s bo/mail", // the week of 23 February is Bo's, until Monday 09:00
        "120s cy/mail",
        "300s bo/mail", // one repeat
        "420s cy/mail",
        "600s di/mail", // then the catch-all, again and again
        "900s di/mail",
        "1200s di/mail",
    ];
    assert_eq!(w.pages_since(start), expected);
    w.check();
}

#[test]
fn an_acknowledgement_stops_everything_and_tells_the_others() {
    let mut w = World::new(catalog());
    let start = w.now;
    let id = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    w.pass(Millis::secs(130)); // Bo, then Cy
    assert_eq!(w.act("cy", Deed::Ack { ticket: id, page: None }), Answer::Ticket { ticket: id, already: false });
    w.pass(Millis::hours(2));
    assert_eq!(w.pages_since(start), ["0s bo/mail", "120s cy/mail"]);
    let told: Vec<_> =
        w.sent.iter().filter(|(_, m)| m.kind == MessageKind::Acknowledged).map(|(_, m)| m.person.to_string()).collect();
    assert_eq!(told, ["bo"], "whoever acknowledged knows it");
    assert_eq!(w.act("bo", Deed::Ack { ticket: id, page: None }), Answer::Ticket { ticket: id, already: true });
    w.resolve("api:a");
    let ended = w.sent.iter().filter(|(_, m)| m.kind == MessageKind::Resolved).count();
    assert_eq!(ended, 2, "the end is told to everybody who was paged");
    w.check();
}

#[test]
fn a_channel_that_fails_is_left_for_the_next_after_ten_seconds() {
    let mut w = World::new(catalog());
    w.modes.insert("mail".into(), Mode::FailsForNow);
    // From Monday 09:00 it is Ana, who has a hook at 30 s.
    w.pass(Millis::hours(6));
    let start = w.now;
    w.fire("api:a", CRITICAL, &[]);
    w.pass(Millis::secs(60));
    let pages = w.pages_since(start);
    assert_eq!(pages[0], "0s ana/mail");
    assert_eq!(pages[1], "2s ana/mail", "temporary failures are tried again after 2, 5, 10, then every 30 s");
    assert_eq!(pages[2], "7s ana/mail");
    assert_eq!(pages[3], "10s ana/hook", "no channel of the entry accepted within 10 s");
    w.check();
}

#[test]
fn a_step_in_which_nobody_is_reached_gives_way_at_once() {
    let mut w = World::new(catalog());
    w.modes.insert("mail".into(), Mode::Refuses);
    let start = w.now;
    let id = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    w.pass(Millis::secs(30));
    let pages = w.pages_since(start);
    assert_eq!(
        pages,
        ["0s bo/mail", "0s cy/mail", "0s bo/mail", "0s cy/mail", "0s di/mail"],
        "refusals take 200 ms each"
    );
    // The mail server works again: whoever is asked next is reached.
    w.modes.clear();
    w.pass(Millis::mins(5));
    assert_eq!(w.pages_since(start)[5..], ["300s di/mail"]);
    assert!(matches!(w.phase(id), Phase::Triggered(_)));
    w.check();
}

#[test]
fn a_dead_mail_server_that_comes_back_reaches_everybody_who_was_asked() {
    let mut w = World::new(catalog());
    w.modes.insert("mail".into(), Mode::FailsForNow);
    let start = w.now;
    w.fire("api:a", CRITICAL, &[]);
    w.pass(Millis::mins(3));
    w.modes.clear();
    let back = w.now;
    w.pass(Millis::secs(31));
    let mut reached =
        w.pages_since(back).iter().map(|p| p.split(' ').nth(1).unwrap_or("").to_owned()).collect::<Vec<_>>();
    reached.sort();
    assert_eq!(reached, ["bo/mail", "cy/mail", "di/mail"], "each once, though several of their pages were waiting");
    assert!(w.pages_since(start).len() < 60, "retries are bounded");
    w.check();
}

#[test]
fn whatever_waited_through_a_long_crash_is_decided_from_the_present() {
    let mut w = World::new(catalog());
    let start = w.now;
    let signal = world::signal("api:a", SignalAction::Fire, CRITICAL, &[]);
    w.tell_and_die(Input::Signal(signal), Millis::mins(3));
    w.pass(Millis::secs(2));
    // Step 1 is over by now. Cy is on; Bo, whom nothing has reached, is told as well, once.
    let mut pages = w.pages_since(start);
    pages.sort();
    assert_eq!(pages, ["180s bo/mail", "180s cy/mail"]);
    w.check();
}

#[test]
fn a_page_that_a_short_crash_left_in_doubt_is_sent_as_it_is() {
    let mut w = World::new(catalog());
    let start = w.now;
    let signal = world::signal("api:a", SignalAction::Fire, CRITICAL, &[]);
    w.tell_and_die(Input::Signal(signal), Millis::secs(5));
    w.pass(Millis::secs(60));
    assert_eq!(w.pages_since(start), ["5s bo/mail"]);
    assert_eq!(w.sent[0].1.send.to_string(), "INC-1-p1/1", "page id and attempt are kept");
    w.check();
}

#[test]
fn whoever_may_have_got_a_page_before_a_crash_is_told_how_it_went_on() {
    let mut w = World::new(catalog());
    let ticket = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    // Bo's page is under way when Cy answers, and its outcome dies with the process.
    w.act("cy", Deed::Ack { ticket, page: None });
    w.crash(Millis::secs(2));
    w.pass(Millis::secs(1));
    assert_eq!(told(&w), ["page bo", "page.acknowledged bo"]);
    w.resolve("api:a");
    w.pass(Millis::secs(1));
    assert_eq!(told(&w), ["page bo", "page.acknowledged bo", "page.resolved bo"], "and of the end");
    w.check();
}

#[test]
fn whoever_may_have_got_a_page_through_a_hung_channel_is_told_how_it_went_on() {
    let mut w = World::new(catalog());
    w.modes.insert("mail".into(), Mode::Hangs);
    let ticket = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    w.pass(Millis::secs(5));
    w.act("cy", Deed::Ack { ticket, page: None });
    assert_eq!(told(&w), ["page bo", "page.acknowledged bo"]);
    w.check();
}

/// What was sent to whom, in order.
fn told(w: &World) -> Vec<String> {
    w.sent.iter().map(|(_, m)| format!("{} {}", m.kind.webhook_type(), m.person)).collect()
}

#[test]
fn the_same_fault_again_within_five_minutes_reopens_the_ticket() {
    let mut w = World::new(catalog());
    let id = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    let page = watchbell_engine::ids::PageId { ticket: id, n: 1 };
    w.act("bo", Deed::Ack { ticket: id, page: Some(page) });
    w.resolve("api:a");
    w.pass(Millis::mins(4));
    let again = w.now;
    assert_eq!(w.fire("api:a", CRITICAL, &[]), Some(id));
    w.pass(Millis::secs(1));
    assert_eq!(w.pages_since(again), ["0s bo/mail"], "from step 1, the earlier acknowledgement does not carry over");
    let late = w.act("bo", Deed::Ack { ticket: id, page: Some(page) });
    assert_eq!(late, Answer::Refused(Refusal::EarlierOccurrence(id)));
    w.resolve("api:a");
    w.pass(Millis::mins(6));
    assert_ne!(w.fire("api:a", CRITICAL, &[]), Some(id), "later it is a new ticket");
    w.check();
}

#[test]
fn a_group_pages_again_only_for_a_worse_member_or_long_after_the_acknowledgement() {
    let mut w = World::new(catalog());
    let grouped = [("grouped", "yes"), ("service", "invoice")];
    let id = w.fire("api:a", Severity::Error, &grouped).expect("a ticket");
    w.pass(Millis::secs(5));
    let start = w.now;
    assert_eq!(w.fire("api:b", Severity::Error, &grouped), Some(id));
    w.pass(Millis::secs(5));
    assert!(w.pages_since(start).is_empty(), "an equal member is shown and counted");
    w.act("bo", Deed::Ack { ticket: id, page: None });
    w.pass(Millis::mins(10));
    w.fire("api:c", Severity::Error, &grouped);
    w.pass(Millis::secs(5));
    assert!(w.pages_since(start).is_empty());
    w.pass(Millis::mins(6));
    let later = w.now;
    w.fire("api:d", Severity::Error, &grouped);
    w.pass(Millis::secs(5));
    assert_eq!(w.pages_since(later), ["0s bo/mail"]);
    assert_eq!(w.view.tickets[&id].view.alerts.len(), 4);
    w.check();
}

#[test]
fn a_silence_keeps_quiet_until_its_end_and_then_pages_what_still_fires() {
    let mut w = World::new(catalog());
    let matchers = vec!["service=invoice".parse().expect("a matcher")];
    let until = at(w.now, 600);
    w.act("bo", Deed::AddSilence { matchers, from: None, until, reason: "deploy".into() });
    let start = w.now;
    assert_eq!(w.fire("api:a", CRITICAL, &[("service", "invoice")]), None);
    assert!(w.fire("api:b", CRITICAL, &[("service", "approval")]).is_some(), "others still page");
    let b = watchbell_engine::ids::TicketId(1);
    w.act("bo", Deed::Ack { ticket: b, page: None });
    w.pass(Millis::mins(9));
    assert_eq!(w.pages_since(start), ["0s bo/mail"]);
    assert_eq!(w.view.silences[0].silenced, 1);
    w.pass(Millis::mins(2));
    assert_eq!(w.pages_since(start), ["0s bo/mail", "600s bo/mail"]);
    w.check();
}

#[test]
fn a_silence_over_an_open_ticket_holds_the_paging() {
    let mut w = World::new(catalog());
    let id = w.fire("api:a", CRITICAL, &[("service", "invoice")]).expect("a ticket");
    w.pass(Millis::secs(5));
    let matchers = vec!["service=invoice".parse().expect("a matcher")];
    let Answer::Silence(silence) =
        w.act("bo", Deed::AddSilence { matchers, from: None, until: at(w.now, 3_600), reason: "x".into() })
    else {
        panic!("no silence")
    };
    let quiet_from = w.now;
    w.pass(Millis::mins(30));
    assert!(w.pages_since(quiet_from).is_empty());
    w.act("bo", Deed::EndSilence { silence });
    w.pass(Millis::secs(1));
    assert_eq!(w.pages_since(quiet_from), ["1800s bo/mail"]);
    assert!(matches!(w.phase(id), Phase::Triggered(_)));
    w.check();
}

#[test]
fn escalate_decline_and_snooze_do_what_they_say() {
    let mut w = World::new(catalog());
    let start = w.now;
    let id = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    let page = watchbell_engine::ids::PageId { ticket: id, n: 1 };
    w.pass(Millis::secs(10));
    w.act("bo", Deed::Decline { page });
    w.pass(Millis::secs(10));
    assert_eq!(w.pages_since(start), ["0s bo/mail", "10s cy/mail"], "nobody else of the step was left");
    w.act("cy", Deed::Snooze { ticket: id, until: at(w.now, 900) });
    w.pass(Millis::mins(14));
    assert_eq!(w.pages_since(start).len(), 2);
    w.pass(Millis::mins(2));
    assert_eq!(w.pages_since(start)[2..], ["920s bo/mail"], "a snooze that ends begins at step 1");
    w.act("lead", Deed::Escalate { ticket: id, page: None });
    assert_eq!(w.pages_since(start)[3..], ["980s cy/mail"]);
    let answer =
        w.act("lead", Deed::Resolve { ticket: id, resolved_as: ResolvedAs::Fixed, cause: Some("rolled back".into()) });
    assert_eq!(answer, Answer::Ticket { ticket: id, already: false });
    let late = w.act("bo", Deed::Ack { ticket: id, page: None });
    assert_eq!(late, Answer::Refused(Refusal::AlreadyResolved(id)));
    w.check();
}

#[test]
fn a_step_with_nobody_on_duty_gives_way_and_says_so() {
    let mut quiet = catalog();
    quiet.rotations.values_mut().for_each(|r| r.layers[0].turn.since = "2027-01-04".parse().expect("a date"));
    let mut w = World::new(quiet);
    let start = w.now;
    let id = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    assert_eq!(w.pages_since(start), ["0s cy/mail"]);
    let facts: Vec<_> = w.facts.iter().filter(|f| f.ticket == Some(id)).cloned().collect();
    let why = watchbell_engine::explain::why(id, &facts);
    let reasons: Vec<_> = why.decisions.iter().map(|d| d.reason.as_str()).collect();
    assert_eq!(reasons, ["nobody is on duty in team", "nobody is left to page here", "named by step 2"]);
    w.check();
}

#[test]
fn a_person_who_is_named_twice_has_one_page() {
    let mut twice = catalog();
    let policy = twice.policies.values_mut().next().expect("a policy");
    policy.steps[0].page.push(watchbell_engine::catalog::Target::Person("bo".into()));
    let mut w = World::new(twice);
    let start = w.now;
    w.fire("api:a", CRITICAL, &[]);
    w.pass(Millis::secs(60));
    assert_eq!(w.pages_since(start), ["0s bo/mail"]);
}

#[test]
fn a_policy_that_is_gone_is_routed_anew_and_paging_goes_on() {
    let mut w = World::new(catalog());
    let id = w.fire("api:a", CRITICAL, &[]).expect("a ticket");
    let mut other = catalog();
    let mut policy = other.policies.pop_first().expect("a policy").1;
    policy.id = "newer".into();
    policy.steps.remove(0);
    other.default_policy = policy.id.clone();
    other.routes.clear();
    other.policies.insert(policy.id.clone(), policy);
    let start = w.now;
    w.reload(other);
    w.pass(Millis::secs(121));
    assert_eq!(w.pages_since(start), ["0s bo/mail", "120s cy/mail"], "the step in progress keeps its time");
    assert_eq!(w.view.tickets[&id].view.policy.as_str(), "newer");
    w.check();
}

#[test]
fn a_test_page_is_recorded_and_no_ticket() {
    let mut w = World::new(catalog());
    let Answer::Test(id) = w.act("ana", Deed::TestPage { person: "ana".into(), channel: Some("hook".into()) }) else {
        panic!("no test page")
    };
    w.pass(Millis::secs(1));
    let test = w.view.tests.iter().find(|t| t.id == id).expect("it is shown");
    assert_eq!(test.receipt, Some(Receipt::Accepted));
    assert!(w.view.tickets.is_empty());
    let none = w.act("ana", Deed::TestPage { person: "bo".into(), channel: Some("hook".into()) });
    assert!(matches!(none, Answer::Refused(Refusal::NoContact { .. })));
    w.check();
}

#[test]
fn a_hung_channel_is_unknown_and_tried_again() {
    let mut w = World::new(catalog());
    w.modes.insert("mail".into(), Mode::Hangs);
    let start = w.now;
    w.fire("api:a", CRITICAL, &[]);
    w.pass(Millis::secs(15));
    assert_eq!(w.pages_since(start)[..3], ["0s bo/mail", "7s bo/mail", "10s cy/mail"]);
    w.check();
}

#[test]
fn a_fault_that_gets_worse_is_escalated_as_its_severity_asks() {
    let mut two = catalog();
    let mut urgent = two.policies.values().next().expect("a policy").clone();
    urgent.id = "urgent".into();
    urgent.steps.remove(0);
    two.routes.insert(
        0,
        watchbell_engine::catalog::Route {
            name: "routing.yaml:9".into(),
            matchers: vec!["severity=critical".parse().expect("a matcher")],
            policy: urgent.id.clone(),
            priority: None,
            group_by: Vec::new(),
            reopen_within: Millis::mins(5),
            regroup_after: Millis::mins(15),
            hold: None,
        },
    );
    two.policies.insert(urgent.id.clone(), urgent);
    let mut w = World::new(two);
    let start = w.now;
    let id = w.fire("api:a", Severity::Warning, &[]).expect("a ticket");
    w.pass(Millis::secs(10));
    assert_eq!(w.fire("api:a", CRITICAL, &[]), Some(id), "the same fault keeps its ticket");
    w.pass(Millis::secs(10));
    assert_eq!(w.pages_since(start), ["0s bo/mail", "10s cy/mail"], "step 1 of the urgent policy is Cy");
    assert_eq!(w.view.tickets[&id].view.priority, watchbell_engine::word::Priority::P1);
    w.check();
}

#[test]
fn a_silenced_fault_that_gets_worse_stays_quiet_until_the_silence_ends() {
    let mut w = World::new(catalog());
    w.fire("api:a", Severity::Error, &[("service", "invoice")]);
    w.pass(Millis::secs(5));
    let matchers = vec!["service=invoice".parse().expect("a matcher")];
    w.act("bo", Deed::AddSilence { matchers, from: None, until: at(w.now, 600), reason: "deploy".into() });
    let start = w.now;
    w.fire("api:a", CRITICAL, &[("service", "invoice")]);
    w.pass(Millis::mins(9));
    assert!(w.pages_since(start).is_empty());
    w.pass(Millis::mins(2));
    assert_eq!(w.pages_since(start), ["600s bo/mail"]);
    w.check();
}
