//! Corners of paging: silences that overlap, stepped clocks, restarts in the middle of a try, a store
//! that hangs.

mod world;

use jiff::Timestamp;
use watchbell_engine::catalog::*;
use watchbell_engine::fact::MessageKind;
use watchbell_engine::heartbeat::{Beat, Expected, HeartbeatRule};
use watchbell_engine::ids::*;
use watchbell_engine::input::*;
use watchbell_engine::label::Labels;
use watchbell_engine::observation::Verdict;
use watchbell_engine::pump::Command;
use watchbell_engine::state::Phase;
use watchbell_engine::time::{Millis, after};
use watchbell_engine::word::{FailureKind, Level, Receipt, ResolvedAs, Severity};
use world::{Mode, World, at, catalog, probe, signal};

const CRITICAL: Severity = Severity::Critical;

fn silence(w: &World, matcher: &str, seconds: i64) -> Deed {
    let matchers = vec![matcher.parse().expect("a matcher")];
    Deed::AddSilence { matchers, from: None, until: at(w.now, seconds), reason: "deploy".into() }
}

/// Ana alone in step 1: mail at once, the hook after 30 s.
fn ana_first() -> Catalog {
    let mut catalog = catalog();
    let policy = catalog.policies.values_mut().next().expect("a policy");
    policy.steps[0].page = vec![Target::Person("ana".into())];
    catalog
}

#[test]
fn a_ticket_is_paged_as_soon_as_one_of_its_alerts_is_no_longer_silenced() {
    let mut w = World::new(catalog());
    w.fire("api:a", CRITICAL, &[("grouped", "yes"), ("part", "a")]);
    w.fire("api:b", CRITICAL, &[("grouped", "yes"), ("part", "b")]);
    w.act("bo", silence(&w, "part=a", 600));
    w.act("bo", silence(&w, "part=b", 3_600));
    assert!(matches!(w.phase(TicketId(1)), Phase::Held { .. }));
    w.pass(Millis::mins(1));
    let start = w.now;
    w.act("bo", Deed::EndSilence { silence: SilenceId(2) });
    w.pass(Millis::secs(1));
    assert_eq!(w.pages_since(start), ["0s bo/mail"], "b fires, and nothing silences it");
    w.check();
}

#[test]
fn a_hold_that_another_silence_takes_over_is_told_once() {
    let mut w = World::new(catalog());
    w.fire("api:a", CRITICAL, &[("part", "a")]);
    w.pass(Millis::secs(1));
    w.act("bo", silence(&w, "part=a", 60));
    w.act("bo", silence(&w, "part=a", 600));
    w.pass(Millis::mins(5));
    assert!(matches!(w.phase(TicketId(1)), Phase::Held { .. }));
    let cancelled = w.sent.iter().filter(|(_, m)| m.kind == MessageKind::Cancelled).count();
    assert_eq!(cancelled, 1, "whoever was paged is told once that it is held");
    w.check();
}

#[test]
fn a_snooze_that_ends_under_a_silence_pages_when_the_silence_ends() {
    let mut w = World::new(catalog());
    let id = w.fire("api:a", Severity::Error, &[("part", "a")]).expect("a ticket");
    w.act("bo", Deed::Snooze { ticket: id, until: at(w.now, 300) });
    w.act("bo", silence(&w, "part=a", 900));
    let start = w.now;
    w.pass(Millis::mins(6));
    assert!(w.pages_since(start).iter().all(|p| p.starts_with("0s")), "{:?}", w.pages_since(start));
    w.pass(Millis::mins(10));
    assert_eq!(w.pages_since(start).last().map(String::as_str), Some("900s bo/mail"));
    w.check();
}

#[test]
fn an_answered_fault_that_gets_worse_under_a_silence_pages_when_the_silence_ends() {
    let mut w = World::new(catalog());
    let id = w.fire("api:a", Severity::Error, &[("part", "a")]).expect("a ticket");
    w.pass(Millis::secs(1));
    w.act("bo", Deed::Ack { ticket: id, page: None });
    w.act("bo", silence(&w, "part=a", 600));
    w.pass(Millis::secs(1));
    let start = w.now;
    w.fire("api:a", CRITICAL, &[("part", "a")]);
    w.pass(Millis::mins(9));
    assert!(w.pages_since(start).is_empty(), "{:?}", w.pages_since(start));
    w.pass(Millis::mins(1));
    assert_eq!(w.pages_since(start), ["599s bo/mail"]);
    w.check();
}

#[test]
fn when_only_silenced_alerts_are_left_the_paging_is_held() {
    let mut w = World::new(catalog());
    w.fire("api:a", CRITICAL, &[("grouped", "yes"), ("part", "a")]);
    w.fire("api:b", CRITICAL, &[("grouped", "yes"), ("part", "b")]);
    w.act("bo", silence(&w, "part=b", 600));
    w.pass(Millis::secs(10));
    let start = w.now;
    w.resolve("api:a");
    w.pass(Millis::mins(9));
    assert!(w.pages_since(start).is_empty(), "{:?}", w.pages_since(start));
    w.pass(Millis::mins(1));
    assert_eq!(w.pages_since(start), ["590s bo/mail"]);
    w.check();
}

#[test]
fn a_stepped_clock_takes_no_acceptance_back() {
    let mut w = World::new(ana_first());
    w.fire("api:a", CRITICAL, &[]);
    w.pass(Millis::secs(1));
    let start = w.now;
    w.step_clock(60);
    w.pass(Millis::secs(28));
    assert!(w.pages_since(start).is_empty(), "mail has accepted: {:?}", w.pages_since(start));
    w.pass(Millis::secs(1));
    assert_eq!(w.pages_since(start), ["89s ana/hook"], "30 s after the page's start, and the step of 60 s");
    w.check();
}

#[test]
fn a_stepped_clock_loses_no_try() {
    let mut w = World::new(catalog());
    w.modes.insert("mail".into(), Mode::TakesLong);
    let start = w.now;
    w.fire("api:a", CRITICAL, &[]);
    w.pass(Millis::secs(1));
    w.step_clock(3_600);
    w.pass(Millis::secs(60));
    assert_eq!(w.pages_since(start), ["0s bo/mail"], "the send was under way, and was accepted");
    w.check();
}

#[test]
fn a_try_under_way_that_is_accepted_counts_for_the_entry_that_began_meanwhile() {
    let mut all = ana_first();
    let ana = all.people.get_mut(&PersonId::from("ana")).expect("ana");
    let entry = |after, via: &str| LadderEntry { after: Millis::secs(after), via: vec![ChannelId::from(via)] };
    ana.page_by.urgent = vec![entry(0, "mail"), entry(10, "mail"), entry(60, "hook")];
    let mut w = World::new(all);
    let start = w.now;
    w.modes.insert("mail".into(), Mode::Hangs);
    w.fire("api:a", CRITICAL, &[]);
    w.pass(Millis::secs(6));
    w.modes.insert("mail".into(), Mode::TakesLong);
    w.pass(Millis::secs(40));
    assert_eq!(w.pages_since(start), ["0s ana/mail", "7s ana/mail"], "the second entry was accepted at 11 s");
    w.check();
}

#[test]
fn a_page_that_forty_seconds_left_in_doubt_is_sent_once_and_has_its_time() {
    let mut w = World::new(catalog());
    let start = w.now;
    let signal = world::signal("api:a", SignalAction::Fire, CRITICAL, &[]);
    w.tell_and_die(Input::Signal(signal), Millis::secs(40));
    w.pass(Millis::secs(60));
    assert_eq!(
        w.pages_since(start),
        ["40s bo/mail"],
        "it is in nobody's hands twice, and Bo has ten seconds to take it"
    );
    w.check();
}

#[test]
fn a_clock_that_went_back_over_a_restart_delays_no_page() {
    let mut w = World::new(catalog());
    w.fire("api:a", CRITICAL, &[]);
    w.pass(Millis::secs(10));
    w.now = at(w.now, -3_600);
    w.crash(Millis::secs(1));
    let start = w.now;
    w.pass(Millis::mins(2));
    let pages = w.pages_since(start);
    assert_eq!(pages[1..], ["119s cy/mail"], "two minutes, less what is on record, by the new clock");
    w.check();
}

#[test]
fn each_declared_fault_is_its_own() {
    let mut w = World::new(catalog());
    let labels = [("grouped".to_owned(), "yes".to_owned())].into_iter().collect();
    for summary in ["the upload hangs", "the payout is late", "the login is slow"] {
        let labels = Labels::clone(&labels);
        w.act("bo", Deed::Declare { summary: summary.into(), severity: CRITICAL, labels });
    }
    let alerts: Vec<&str> = w.view.tickets[&TicketId(1)].view.alerts.iter().map(|a| a.summary.as_str()).collect();
    assert_eq!(alerts, ["the upload hangs", "the payout is late", "the login is slow"]);
    w.check();
}

#[test]
fn what_people_ended_is_not_kept_for_ever() {
    let mut w = World::new(catalog());
    for n in 0..3 {
        let id = w.fire(&format!("pd:k:{n}"), CRITICAL, &[]).expect("a ticket");
        w.act("bo", Deed::Resolve { ticket: id, resolved_as: ResolvedAs::Fixed, cause: None });
    }
    w.pass(Millis::hours(26));
    w.fire("pd:k:later", CRITICAL, &[]);
    assert!(w.pump.state().set_aside.is_empty(), "sources that never say the end must not fill the state");
    w.check();
}

#[test]
fn a_last_resort_whose_ladder_begins_late_is_paged_all_the_same() {
    let mut all = catalog();
    let di = all.people.get_mut(&PersonId::from("di")).expect("di");
    di.page_by.urgent[0].after = Millis::mins(10);
    let mut w = World::new(all);
    let start = w.now;
    w.fire("api:a", CRITICAL, &[]);
    w.pass(Millis::hours(1));
    assert!(w.pages_since(start).iter().any(|p| p.ends_with("di/mail")), "{:?}", w.pages_since(start));
    w.check();
}

fn nightly(max_run: Option<Millis>) -> Catalog {
    let mut all = catalog();
    let rule = HeartbeatRule { expected: Expected::Every(Millis::hours(24)), grace: Millis::mins(1), max_run };
    let nightly = ProbeInfo { heartbeat: Some(rule), ..probe("nightly") };
    all.probes.insert(nightly.id.clone(), nightly);
    all
}

fn beat(beat: Beat) -> Input {
    Input::Beat { probe: ProbeId::from("nightly"), beat }
}

#[test]
fn a_job_that_could_not_tell_its_end_has_a_minute_after_a_start() {
    let mut w = World::new(nightly(Some(Millis::mins(10))));
    w.tell(beat(Beat::Start));
    w.crash(Millis::mins(20));
    w.pass(Millis::secs(30));
    w.tell(beat(Beat::Success));
    w.pass(Millis::mins(10));
    assert!(w.sent.is_empty(), "it ended while we were away");
    w.tell(beat(Beat::Start));
    w.crash(Millis::mins(20));
    let start = w.now;
    w.pass(Millis::secs(70));
    assert_eq!(w.pages_since(start), ["60s bo/mail"], "and one that has not is paged for");
    w.check();
}

#[test]
fn a_job_that_could_not_reach_a_process_that_stood_still_has_a_minute() {
    let mut w = World::new(nightly(Some(Millis::mins(10))));
    w.tell(beat(Beat::Start));
    w.now = after(w.now, Millis::mins(20));
    w.pass(Millis::secs(30));
    w.tell(beat(Beat::Success));
    w.pass(Millis::mins(10));
    assert!(w.sent.is_empty(), "it ended while we stood still");
    w.tell(beat(Beat::Start));
    w.now = after(w.now, Millis::mins(20));
    let start = w.now;
    w.pass(Millis::mins(2));
    assert_eq!(w.pages_since(start), ["60s bo/mail"], "and one that has not is paged for");
    w.check();
}

#[test]
fn a_job_fails_in_time_where_the_process_did_not_stand_still() {
    let mut w = World::new(nightly(Some(Millis::mins(10))));
    w.tell(beat(Beat::Start));
    let start = w.now;
    w.pass(Millis::mins(11));
    assert_eq!(w.pages_since(start), ["600s bo/mail"]);
    w.check();
}

#[test]
fn a_job_that_fails_after_a_person_ended_its_ticket_pages() {
    let mut w = World::new(nightly(None));
    w.pass(Millis::hours(25));
    w.act("bo", Deed::Resolve { ticket: TicketId(1), resolved_as: ResolvedAs::FalseAlarm, cause: None });
    w.pass(Millis::mins(30));
    let start = w.now;
    w.tell(beat(Beat::Exit(3)));
    w.pass(Millis::secs(1));
    assert_eq!(w.pages_since(start), ["0s ana/mail"], "this failure nobody has seen");
    w.check();
}

fn down(w: &World, id: &str) -> Envelope {
    let verdict = Verdict {
        probe: ProbeId::from(id),
        site: SiteId::local(),
        level: Level::Down,
        kind: Some(FailureKind::Status),
        message: None,
        severity: CRITICAL,
        since: w.now,
        seen: w.now,
        confirmed: w.now,
        last_good: None,
        runs: 3,
        summary: None,
    };
    Envelope { id: InputId::from("a verdict"), input: Input::Verdict(verdict) }
}

/// Ana on both channels at once, and a probe; the store hangs on the page for it.
fn hung_store() -> (World, Vec<Command>) {
    let mut all = ana_first();
    let ana = all.people.get_mut(&PersonId::from("ana")).expect("ana");
    ana.page_by.urgent = vec![LadderEntry { after: Millis::ZERO, via: vec!["mail".into(), "hook".into()] }];
    all.probes.insert(ProbeId::from("login"), probe("login"));
    let mut w = World::new(all);
    let verdict = down(&w, "login");
    let commands = w.pump.take(w.now, vec![(None, verdict)]);
    assert!(matches!(commands.as_slice(), [Command::Commit(_)]));
    (w, commands)
}

/// What goes out unrecorded in so many seconds, each try once.
fn unrecorded(w: &mut World, seconds: u64) -> Vec<String> {
    let mut out = Vec::new();
    for _ in 0..seconds {
        w.now = at(w.now, 1);
        assert!(w.pump.take(w.now, Vec::new()).is_empty());
        let Some(Command::Release { messages, recorded: false }) = w.pump.distress(w.now) else { continue };
        out.extend(messages.iter().map(|m| format!("{} {}/{}", m.send, m.person, m.channel)));
    }
    out
}

#[test]
fn a_store_that_hangs_keeps_back_no_channel_of_a_first_page() {
    let (mut w, _commit) = hung_store();
    assert_eq!(unrecorded(&mut w, 4), ["INC-1-p1/1 ana/mail", "INC-1-p1/2 ana/hook"]);
}

#[test]
fn receipts_count_while_the_store_hangs() {
    let (mut w, _commit) = hung_store();
    let sent = unrecorded(&mut w, 3);
    assert_eq!(sent.len(), 2);
    let page = PageId { ticket: TicketId(1), n: 1 };
    let (send, handed_over) = (SendId { subject: SendSubject::Page(page), attempt: 1 }, Some(w.now));
    let report = SendReport { send, handed_over, receipt: Receipt::Accepted, detail: None, retry_after: None };
    let receipt = Envelope { id: InputId::from("a receipt"), input: Input::Report(report) };
    assert!(w.pump.take(w.now, vec![(None, receipt)]).is_empty());
    assert!(
        unrecorded(&mut w, 100).is_empty(),
        "Ana was reached: nobody else is woken before her two minutes are over"
    );
}

#[test]
fn what_ended_while_the_store_hung_is_not_sent_when_it_is_back() {
    let (mut w, commit) = hung_store();
    w.now = at(w.now, 1);
    unrecorded(&mut w, 300);
    w.serve(commit, None);
    let mut tries = w.sent.iter().map(|(_, m)| (m.page, m.channel.clone())).collect::<Vec<_>>();
    let all = tries.len();
    tries.sort();
    tries.dedup();
    assert_eq!(all, tries.len(), "of each page and channel the try that is still open, not those before it");
    for (_, message) in &w.sent {
        let open = w.pump.state().find_try(message.send).is_some_and(|t| t.ended.is_none());
        assert!(open, "{} had ended", message.send);
    }
}

#[test]
fn what_a_person_called_a_false_alarm_wakes_nobody_by_being_repeated() {
    let mut w = World::new(catalog());
    let began = w.now;
    let repeat = |w: &mut World, severity: Severity, started_at: Option<Timestamp>| {
        let again = Signal { started_at, ..signal("am:1", SignalAction::Fire, severity, &[]) };
        w.tell(Input::Signal(again))
    };
    let quiet = Answer::Signal { dedup_key: "am:1".into(), ticket: None };
    let end = |w: &mut World, resolved_as: ResolvedAs| {
        w.act("bo", Deed::Resolve { ticket: TicketId(1), resolved_as, cause: None });
    };
    repeat(&mut w, Severity::Error, Some(began));
    w.pass(Millis::mins(1));
    end(&mut w, ResolvedAs::FalseAlarm);
    w.pass(Millis::mins(1));
    for _ in 0..60 {
        assert_eq!(repeat(&mut w, Severity::Error, Some(began)), quiet, "the sender repeats it every minute");
        w.pass(Millis::mins(1));
    }
    // Another fault under the same key began later, and a worse one is another matter too.
    let later = Some(w.now);
    assert_ne!(repeat(&mut w, Severity::Error, later), quiet);
    w.resolve("am:1");
    w.pass(Millis::mins(10));
    repeat(&mut w, Severity::Error, later);
    w.act("bo", Deed::Resolve { ticket: TicketId(3), resolved_as: ResolvedAs::Planned, cause: None });
    assert_eq!(repeat(&mut w, Severity::Error, later), quiet);
    assert_ne!(repeat(&mut w, CRITICAL, later), quiet, "it got worse");
    w.check();
}

#[test]
fn what_a_person_called_fixed_and_is_not_comes_back() {
    let mut w = World::new(catalog());
    let began = Some(w.now);
    let fire = Signal { started_at: began, ..signal("am:1", SignalAction::Fire, CRITICAL, &[]) };
    w.tell(Input::Signal(fire.clone()));
    w.act("bo", Deed::Resolve { ticket: TicketId(1), resolved_as: ResolvedAs::Fixed, cause: None });
    w.pass(Millis::mins(1));
    assert_eq!(
        w.tell(Input::Signal(fire)),
        Answer::Signal { dedup_key: "am:1".into(), ticket: Some(TicketId(1)) },
        "within reopen_within"
    );
    // Who does not say when it began may mean another fault.
    w.fire("api:2", CRITICAL, &[]);
    w.act("bo", Deed::Resolve { ticket: TicketId(2), resolved_as: ResolvedAs::FalseAlarm, cause: None });
    assert_eq!(w.fire("api:2", CRITICAL, &[]), Some(TicketId(2)));
    w.check();
}

#[test]
fn who_got_a_page_before_a_crash_hears_the_end_though_it_was_not_taken_again_after_it() {
    let mut w = World::new(ana_first());
    w.fire("api:a", CRITICAL, &[]);
    w.modes.insert("mail".into(), Mode::FailsForNow);
    w.crash(Millis::secs(1));
    w.pass(Millis::secs(1));
    w.modes.insert("mail".into(), Mode::Accepts);
    let over = w.now;
    w.resolve("api:a");
    w.pass(Millis::secs(5));
    let told = w.sent.iter().filter(|(at, m)| *at >= over && m.kind == MessageKind::Resolved);
    let told: Vec<String> = told.map(|(_, m)| format!("{}/{}", m.person, m.channel)).collect();
    assert_eq!(told, ["ana/mail"], "the first one may have arrived");
    w.check();
}
