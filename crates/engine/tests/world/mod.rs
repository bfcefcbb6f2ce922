//! A made-up world around the pump: a store that is a list, channels that answer as told, a clock that
//! goes where it is sent. Small on purpose: what it checks is the engine.
#![allow(dead_code, reason = "each test binary uses a part of the world")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use watchbell_engine::catalog::*;
use watchbell_engine::commit::{Commit, Mark};
use watchbell_engine::fact::{Fact, What};
use watchbell_engine::ids::*;
use watchbell_engine::input::*;
use watchbell_engine::label::Labels;
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::pump::{Command, Pump};
use watchbell_engine::state::{Phase, State};
use watchbell_engine::time::{Millis, after};
use watchbell_engine::view::LiveView;
use watchbell_engine::word::{Locale, Receipt, Severity};

/// How a channel behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Accepts,
    /// Accepts after four seconds.
    TakesLong,
    Refuses,
    FailsForNow,
    /// Never says anything.
    Hangs,
}

pub struct World {
    pub now: Timestamp,
    pub catalog: Arc<Catalog>,
    pub pump: Pump,
    pub facts: Vec<Fact>,
    pub marks: BTreeMap<String, Mark>,
    pub unfinished: BTreeMap<SendId, Outgoing>,
    pub modes: BTreeMap<String, Mode>,
    /// Every message that was handed to a channel, in order.
    pub sent: Vec<(Timestamp, Outgoing)>,
    pub view: LiveView,
    pub answers: BTreeMap<u64, Answer>,
    reports: Vec<(Timestamp, SendReport)>,
    epoch: u64,
    inputs: u64,
}

impl World {
    pub fn new(catalog: Catalog) -> Self {
        let now: Timestamp = "2026-03-02T03:12:00Z".parse().expect("an instant");
        let catalog = Arc::new(catalog);
        let pump = Pump::new(State::default(), Epoch(1), Arc::clone(&catalog));
        let mut world = Self {
            now,
            catalog,
            pump,
            facts: Vec::new(),
            marks: BTreeMap::new(),
            unfinished: BTreeMap::new(),
            modes: BTreeMap::new(),
            sent: Vec::new(),
            view: LiveView::default(),
            answers: BTreeMap::new(),
            reports: Vec::new(),
            epoch: 1,
            inputs: 0,
        };
        let commands = world.pump.take_over(now, Vec::new());
        world.serve(commands, None);
        world
    }

    /// Hands in an input and returns its answer.
    pub fn tell(&mut self, input: Input) -> Answer {
        self.inputs += 1;
        let (tag, id) = (self.inputs, InputId::from(format!("in-{}", self.inputs)));
        let commands = self.pump.take(self.now, vec![(Some(tag), Envelope { id, input })]);
        self.serve(commands, None);
        self.answers.remove(&tag).expect("every input is answered once it is durable")
    }

    pub fn fire(&mut self, key: &str, severity: Severity, labels: &[(&str, &str)]) -> Option<TicketId> {
        match self.tell(Input::Signal(signal(key, SignalAction::Fire, severity, labels))) {
            Answer::Signal { ticket, .. } => ticket,
            other => panic!("a signal was answered with {other:?}"),
        }
    }

    pub fn resolve(&mut self, key: &str) {
        self.tell(Input::Signal(signal(key, SignalAction::Resolve, Severity::Critical, &[])));
    }

    pub fn act(&mut self, who: &str, what: Deed) -> Answer {
        let by = Actor { person: Some(PersonId::from(who)), name: who.into(), via: Via::Api };
        self.tell(Input::Act(Act { by, what }))
    }

    /// Lets time pass, doing what falls due on the way.
    pub fn pass(&mut self, by: Millis) {
        let end = after(self.now, by);
        for _ in 0..100_000 {
            let wake = self.pump.next_wake().map(|(at, _)| at);
            let report = self.reports.iter().map(|(at, _)| *at).min();
            let Some(next) = [wake, report].into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            if let Some(i) = self.reports.iter().position(|(at, _)| *at <= self.now) {
                let (_, report) = self.reports.remove(i);
                self.tell(Input::Report(report));
            } else {
                let commands = self.pump.take(self.now, Vec::new());
                self.serve(commands, None);
            }
        }
        self.now = end;
    }

    /// The process dies and starts again after `down`: what had been released is in doubt.
    pub fn crash(&mut self, down: Millis) {
        self.reports.clear();
        self.now = after(self.now, down);
        self.epoch += 1;
        let mut state = State::default();
        self.facts.iter().for_each(|f| state.apply(f));
        self.marks.values().for_each(|m| state.mark(m.clone()));
        self.pump = Pump::new(state, Epoch(self.epoch), Arc::clone(&self.catalog));
        let mut unfinished: Vec<Outgoing> = self.unfinished.values().cloned().collect();
        unfinished.sort_by_key(|m| m.decided_at);
        let commands = self.pump.take_over(self.now, unfinished);
        self.serve(commands, None);
    }

    /// As [`World::tell`], but the process dies right after the commit, before anything is released.
    pub fn tell_and_die(&mut self, input: Input, down: Millis) {
        self.inputs += 1;
        let id = InputId::from(format!("in-{}", self.inputs));
        let commands = self.pump.take(self.now, vec![(None, Envelope { id, input })]);
        self.serve(commands, Some(1));
        self.crash(down);
    }

    /// The wall clock is stepped, and `now` with it.
    pub fn step_clock(&mut self, seconds: i64) {
        self.now = at(self.now, seconds);
        self.tell(Input::ClockStepped { by_ms: seconds * 1_000 });
    }

    pub fn reload(&mut self, catalog: Catalog) {
        self.catalog = Arc::new(catalog);
        let commands = self.pump.reload(self.now, Arc::clone(&self.catalog));
        self.serve(commands, None);
    }

    pub fn serve(&mut self, commands: Vec<Command>, die_after_commits: Option<usize>) {
        let mut queue = std::collections::VecDeque::from(commands);
        let mut commits = 0;
        while let Some(command) = queue.pop_front() {
            match command {
                Command::Commit(commit) => {
                    self.write(&commit);
                    commits += 1;
                    if die_after_commits == Some(commits) {
                        return;
                    }
                    queue.extend(self.pump.committed(self.now));
                }
                Command::Release { messages, .. } => messages.into_iter().for_each(|m| self.send(m)),
                Command::Answer(tag, answer) => assert!(self.answers.insert(tag, answer).is_none(), "answered twice"),
                Command::Publish(view) => self.view = (*view).clone(),
            }
        }
    }

    fn write(&mut self, commit: &Commit) {
        for fact in &commit.facts {
            assert_eq!(fact.no.0, self.facts.len() as u64 + 1, "facts are numbered without gaps");
            let json = fact.what.body();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&fact.what.body_text()).expect("JSON"), json);
            let read = What::read(fact.what.kind(), What::VERSION, json).expect("a fact reads back");
            assert_eq!(read, fact.what, "a fact reads back as it was written");
            self.facts.push(fact.clone());
        }
        for message in &commit.outbox {
            assert!(self.unfinished.insert(message.send, message.clone()).is_none(), "{} was sent twice", message.send);
        }
        for send in &commit.ended {
            self.unfinished.remove(send);
        }
        self.marks.extend(commit.marks.iter().map(|m| (m.key(), m.clone())));
    }

    fn send(&mut self, message: Outgoing) {
        let mode = self.modes.get(message.channel.as_str()).copied().unwrap_or(Mode::Accepts);
        let (receipt, takes) = match mode {
            Mode::Accepts => (Receipt::Accepted, Millis(300)),
            Mode::TakesLong => (Receipt::Accepted, Millis::secs(4)),
            Mode::Refuses => (Receipt::Refused, Millis(200)),
            Mode::FailsForNow => (Receipt::TryAgain, Millis(100)),
            Mode::Hangs => (Receipt::Unknown, Millis::secs(5)),
        };
        let report =
            SendReport { send: message.send, handed_over: Some(self.now), receipt, detail: None, retry_after: None };
        self.reports.push((after(self.now, takes), report));
        self.sent.push((self.now, message));
    }

    /// Who was paged over what, as `seconds-since:person/channel`, messages of other kinds left out.
    pub fn pages_since(&self, from: Timestamp) -> Vec<String> {
        let pages = self.sent.iter().filter(|(at, m)| m.page.is_some() && *at >= from);
        let pages = pages.filter(|(_, m)| m.kind == watchbell_engine::fact::MessageKind::Page);
        pages.map(|(at, m)| format!("{}s {}/{}", at.duration_since(from).as_secs(), m.person, m.channel)).collect()
    }

    pub fn phase(&self, id: TicketId) -> &Phase {
        &self.pump.state().tickets[&id].phase
    }

    /// What must be true at any moment.
    pub fn check(&self) {
        let mut replayed = State::default();
        self.facts.iter().for_each(|f| replayed.apply(f));
        replayed.verdicts = self.pump.state().verdicts.clone();
        replayed.beats = self.pump.state().beats.clone();
        replayed.lapses = self.pump.state().lapses.clone();
        assert_eq!(&replayed, self.pump.state(), "replayed facts equal the state");
        let json = serde_json::to_string(&replayed).expect("a snapshot");
        let read: State = serde_json::from_str(&json).expect("a snapshot reads back");
        assert_eq!(
            (&read.tickets, &read.last_fact),
            (&replayed.tickets, &replayed.last_fact),
            "a snapshot keeps everything"
        );
        let mut indexed = (BTreeMap::<String, BTreeSet<TicketId>>::new(), BTreeSet::new());
        for ticket in replayed.tickets.values() {
            match &ticket.phase {
                Phase::Resolved(closed) => _ = indexed.1.insert((closed.at, ticket.id)),
                Phase::Triggered(_) | Phase::Held { .. } | Phase::OffHours { .. } | Phase::Acknowledged(_) => {
                    indexed.0.entry(ticket.routed.group.clone()).or_default().insert(ticket.id);
                }
            }
        }
        assert_eq!(indexed, (replayed.by_group.clone(), replayed.closed.clone()), "what is found is what there is");
        let mut open_keys = BTreeSet::new();
        for ticket in replayed.tickets.values().filter(|t| t.is_open()) {
            for member in ticket.firing() {
                assert!(open_keys.insert(&member.alert.key), "{} is in two open tickets", member.alert.key);
            }
            if let Phase::Triggered(chase) = &ticket.phase {
                assert!(chase.entry > 0, "{} is triggered and nobody was ever asked", ticket.id);
                let due = self.pump.next_wake().map(|(at, _)| at);
                assert!(due.is_some_and(|at| at <= chase.due), "{} is pursued and nothing wakes the engine", ticket.id);
            }
        }
    }
}

pub fn signal(key: &str, action: SignalAction, severity: Severity, labels: &[(&str, &str)]) -> Signal {
    let labels: Labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    Signal {
        dedup_key: DedupKey::from(key),
        action,
        summary: key.into(),
        severity,
        labels,
        started_at: None,
        source: "test".into(),
        more: More::default(),
    }
}

/// Ana is on duty in `team` (with Bo), step 2 is Cy, the catch-all is Di. Mail for all, a hook for Ana.
pub fn catalog() -> Catalog {
    let zone = TimeZone::UTC;
    let channel = |id: &str, kind| (ChannelId::from(id), Channel { id: ChannelId::from(id), kind, loud: false });
    let person = |id: &str, ladder: &[(u64, &[&str])]| {
        let entry = |(after, via): &(u64, &[&str])| LadderEntry {
            after: Millis::secs(*after),
            via: via.iter().map(|c| ChannelId::from(*c)).collect(),
        };
        let urgent: Vec<LadderEntry> = ladder.iter().map(entry).collect();
        let channels = urgent.iter().flat_map(|e| e.via.clone()).collect();
        let page_by = PageBy { normal: urgent.clone(), urgent };
        let (id, name) = (PersonId::from(id), id.to_uppercase());
        let (locale, zone) = (Locale::En, TimeZone::UTC);
        (
            id.clone(),
            Person { id, name, room: false, disabled: false, locale, zone, page_by, channels, away: Vec::new() },
        )
    };
    let since = "2026-01-05".parse().expect("a date");
    let at =
        HandoffAt { time: "09:00".parse().expect("a time"), weekday: Some(jiff::civil::Weekday::Monday), day: None };
    let turn = Turn { every: TurnEvery::Weeks(1), at, since, by: TurnBy::Calendar };
    let people = vec!["ana".into(), "bo".into()];
    let layer = Layer { id: LayerId::from("weekly"), people, turn, only: Vec::new(), zone: None, at_once: 1 };
    let rotation = Rotation {
        id: RotationId::from("team"),
        zone: zone.clone(),
        calendar: None,
        layers: vec![layer],
        overrides: Vec::new(),
        temporary: Vec::new(),
        gaps_allowed: None,
        messages: watchbell_engine::catalog::DutyMessages::default(),
    };
    let catch_all = CatchAll { person: "di".into(), every: Millis::mins(5) };
    let policy = Policy {
        id: PolicyId::from("critical"),
        steps: vec![
            Step::new(vec![Target::Rotation("team".into())], Millis::mins(2)),
            Step::new(vec![Target::Person("cy".into())], Millis::mins(3)),
        ],
        repeat: 1,
        catch_all: catch_all.clone(),
        ack_timeout: None,
        hold: None,
    };
    let grouped = Route {
        name: "routing.yaml:1".into(),
        matchers: vec!["grouped=yes".parse().expect("a matcher")],
        policy: policy.id.clone(),
        priority: None,
        group_by: vec!["service".into()],
        reopen_within: Route::REOPEN_WITHIN,
        regroup_after: Route::REGROUP_AFTER,
        hold: None,
    };
    Catalog {
        revision: Revision::from("abc123"),
        zone,
        locale: Locale::En,
        people: [
            person("ana", &[(0, &["mail"]), (30, &["hook"])]),
            person("bo", &[(0, &["mail"])]),
            person("cy", &[(0, &["mail"])]),
            person("di", &[(0, &["mail"])]),
        ]
        .into(),
        rotations: [(rotation.id.clone(), rotation)].into(),
        calendars: BTreeMap::new(),
        default_policy: policy.id.clone(),
        policies: [(policy.id.clone(), policy)].into(),
        self_policy: None,
        routes: vec![grouped],
        channels: [channel("mail", ChannelKind::Smtp), channel("hook", ChannelKind::Webhook)].into(),
        probes: BTreeMap::new(),
        catch_all,
        not_paging: watchbell_engine::not_paging::NotPaging::default(),
    }
}

/// A probe of which nothing but its name matters.
pub fn probe(id: &str) -> ProbeInfo {
    ProbeInfo {
        id: ProbeId::from(id),
        title: Localized::same(id),
        impact: None,
        service: "invoice".into(),
        component: "invoice".into(),
        owner: None,
        severity: Severity::Critical,
        labels: Labels::new(),
        runbook: None,
        url: None,
        depends_on: Vec::new(),
        one_run: watchbell_engine::time::Millis::secs(8),
        flap: None,
        heartbeat: None,
    }
}

/// The instant so many seconds after `from`.
pub fn at(from: Timestamp, seconds: i64) -> Timestamp {
    from + seconds.seconds()
}
