//! A small world for the tests of the serving rooms: a configuration, a live view, a store on disk, and a stand-in
//! for the engine that answers the inbox by the plainest reading of the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use jiff::civil::{Weekday, date, time};
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use watchbell_config::{
    Check, Config, Expect, HttpCheck, IpChoice, ProbeSpec, Secret, Server, StoreUrl, TlsOptions,
};
use watchbell_engine::catalog::{
    CatchAll, Catalog, Channel, ChannelKind, HandoffAt, Layer, Localized, PageBy, Person, Policy, ProbeInfo, Rotation,
    Step, Target, Turn, TurnBy, TurnEvery,
};
use watchbell_engine::detect::{DetectRule, DownAfter};
use watchbell_engine::heartbeat::{Expected, HeartbeatRule};
use watchbell_engine::ids::{ChannelId, DedupKey, PageId, PersonId, ProbeId, Revision, SiteId, TicketId};
use watchbell_engine::input::Input;
use watchbell_engine::observation::{Evidence, Observation, Phases, RunSummary, Verdict};
use watchbell_engine::time::Millis;
use watchbell_engine::view::{
    AlertState, AlertView, AttemptView, LiveView, NextStep, PageLive, PageState, PageView, Stages, TicketLive,
    TicketState, TicketView, Why,
};
use watchbell_engine::word::{FailureKind, Level, Locale, Outcome, Priority, Receipt, Severity};

use super::{Gate, TokenHash, fresh_token, hash_token};
use crate::clock::Clock;
use crate::gate::Role;
use crate::inbox::{Control, Inbox, Live, ProbeBoard, RunRequest};
use crate::store::Store;
use crate::telemetry::Metrics;

mod engine;

/// When the world begins: a Sunday night in Shanghai.
pub(crate) const NOW: &str = "2026-11-22T19:12:40Z";

/// The token of the heartbeat.
pub(crate) const BEAT_TOKEN: &str = "nightly-7f3a";

/// An instant as it is written.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The world.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) inbox: Inbox,
    pub(crate) live: Arc<Live>,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) admin: String,
    /// Every input that reached the engine, repeats of an id not counted.
    pub(crate) inputs: Arc<Mutex<Vec<Input>>>,
    pub(crate) control: Option<mpsc::Receiver<Control>>,
    pub(crate) run_now: Option<mpsc::Receiver<RunRequest>>,
    dir: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl World {
    /// A world in which the engine answers.
    pub(crate) async fn new() -> Self {
        Self::with(true).await
    }

    /// A world in which nobody answers the inbox, as while the store cannot be written.
    pub(crate) async fn stuck() -> Self {
        Self::with(false).await
    }

    async fn with(answering: bool) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("watchbell-world-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory for the store");
        let clock = Clock::manual(at(NOW));
        let url = StoreUrl::Sqlite(dir.join("watchbell.db"));
        let store = Store::open(&url, clock.now()).await.expect("a new store opens");
        let (inbox, reader) = Inbox::new();
        let (control, control_in) = mpsc::channel(1);
        let (run_now, run_now_in) = mpsc::channel(1);
        let live = Arc::new(Live {
            view: ArcSwap::from_pointee(view()),
            config: ArcSwap::from_pointee(config()),
            probes: ProbeBoard::default(),
            control,
            run_now,
        });
        live.probes.record(Arc::new(good_run()), Some(Level::Up));
        live.probes.record(Arc::new(failing_run()), Some(Level::Down));
        let inputs = Arc::new(Mutex::new(Vec::new()));
        if answering {
            tokio::spawn(engine::answer(reader, Arc::clone(&live), Arc::clone(&inputs), clock.clone()));
        } else {
            // The lanes stay open, and nobody takes from them.
            std::mem::forget(reader);
        }
        let admin = fresh_token(&aws_lc_rs::rand::SystemRandom::new()).expect("random");
        let (control, run_now) = (Some(control_in), Some(run_now_in));
        Self { clock, inbox, live, store, metrics: Metrics::new(), admin, inputs, control, run_now, dir }
    }

    pub(crate) fn admin_hash(&self) -> TokenHash {
        hash_token(&self.admin)
    }

    pub(crate) fn gate(&self, loopback: bool) -> Gate {
        let (clock, store) = (self.clock.clone(), self.store.clone());
        Gate { clock, store, admin_token: Some(self.admin_hash()), loopback }
    }

    /// A new token of a role, named after it where no name matters.
    pub(crate) async fn token(&self, name: &str, role: Role) -> String {
        let token = fresh_token(&aws_lc_rs::rand::SystemRandom::new()).expect("random");
        let hash = hash_token(&token);
        self.store.create_token(name, role.as_str(), &hash.0, self.clock.now()).await.expect("a new name");
        token
    }

    /// Changes the live view.
    pub(crate) fn change(&self, change: impl FnOnce(&mut LiveView)) {
        let mut view = (**self.live.view.load()).clone();
        change(&mut view);
        self.live.view.store(Arc::new(view));
    }

    /// Changes one ticket of the live view.
    pub(crate) fn change_ticket(&self, id: TicketId, change: impl FnOnce(&mut TicketLive)) {
        self.change(|view| change(Arc::make_mut(view.tickets.get_mut(&id).expect("a known ticket"))));
    }

    pub(crate) fn ticket(&self, id: TicketId) -> Arc<TicketLive> {
        Arc::clone(&self.live.view.load().tickets[&id])
    }

    /// What reached the engine.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        self.inputs.lock().expect("no panic while it was held").clone()
    }
}

/// The ticket of the world.
pub(crate) const TICKET: TicketId = TicketId(42);

/// The page of the person on duty.
pub(crate) const PAGE: PageId = PageId { ticket: TICKET, n: 1 };

/// The page of the room.
pub(crate) const ROOM_PAGE: PageId = PageId { ticket: TICKET, n: 2 };

fn both(zh_cn: &str, en: &str) -> Localized {
    Localized { zh_cn: zh_cn.into(), en: en.into() }
}

fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").expect("bundled")
}

fn person(id: &str, name: &str, room: bool, channels: &[&str]) -> (PersonId, Person) {
    let person = Person {
        id: id.into(),
        name: name.into(),
        room,
        disabled: false,
        locale: Locale::ZhCn,
        zone: shanghai(),
        page_by: PageBy::default(),
        channels: channels.iter().map(|c| ChannelId::from(*c)).collect::<BTreeSet<_>>(),
    };
    (person.id.clone(), person)
}

fn rotation() -> Rotation {
    let turn = Turn {
        every: TurnEvery::Weeks(1),
        at: HandoffAt { time: time(9, 0, 0, 0), weekday: Some(Weekday::Monday), day: None },
        since: date(2026, 1, 5),
        by: TurnBy::Calendar,
    };
    // 45 turns after the first Monday of January: the second of the two is on duty on 22 November.
    let people = vec!["wang.lei".into(), "li.na".into()];
    Rotation {
        id: "expense-primary".into(),
        zone: shanghai(),
        calendar: None,
        layers: vec![Layer { id: "weekly".into(), people, turn, only: Vec::new() }],
        overrides: Vec::new(),
        gaps_allowed: None,
    }
}

fn probe(id: &str, title: Localized, component: &str, heartbeat: Option<HeartbeatRule>) -> (ProbeId, ProbeInfo) {
    let info = ProbeInfo {
        id: id.into(),
        title,
        impact: Some(both("员工无法提交含发票的报销单", "Claims with invoices cannot be submitted")),
        service: "expense".into(),
        component: component.into(),
        owner: Some("expense-platform".into()),
        severity: Severity::Critical,
        labels: BTreeMap::new(),
        runbook: None,
        url: None,
        heartbeat,
    };
    (info.id.clone(), info)
}

fn spec(id: &str, check: Check) -> (ProbeId, ProbeSpec) {
    let rule = DetectRule {
        down_after: DownAfter::InARow(3),
        confirm_after: Millis::secs(2),
        up_after: 2,
        severity: Severity::Critical,
    };
    let spec = ProbeSpec {
        id: id.into(),
        every: Millis::secs(5),
        timeout: Millis::secs(3),
        check,
        detect: rule,
        detect_within: None,
        runs_per_day: None,
        worst_case: Some(Millis::secs(23)),
    };
    (spec.id.clone(), spec)
}

fn http() -> Check {
    Check::Http(Box::new(HttpCheck {
        url: http::Uri::from_static("https://api.expense.example/v1/invoices/verify"),
        method: http::Method::POST,
        headers: Vec::new(),
        body: None,
        authorization: Some(Secret::new("Bearer very-secret")),
        tls: TlsOptions::default(),
        redirects: 5,
        ip: IpChoice::Any,
        reuse: false,
        expect: Expect::default(),
    }))
}

fn config() -> Config {
    let channel = |id: &str, kind, loud| (ChannelId::from(id), Channel { id: id.into(), kind, loud });
    let policy = Policy {
        id: "expense-critical".into(),
        steps: vec![Step { page: vec![Target::Rotation("expense-primary".into())], ack_within: Millis::mins(2) }],
        repeat: 0,
        catch_all: CatchAll { person: "wang.lei".into(), every: Millis::mins(5) },
        ack_timeout: None,
    };
    let rule = HeartbeatRule { expected: Expected::Every(Millis::hours(24)), grace: Millis::mins(30), max_run: None };
    let catalog = Catalog {
        revision: Revision::from("0123456789ab"),
        zone: shanghai(),
        locale: Locale::ZhCn,
        people: [
            person("li.na", "李娜", false, &["mail", "hook"]),
            person("wang.lei", "王磊", false, &["mail"]),
            person("chen.yu", "陈宇", false, &[]),
            person("ops-room", "运维群", true, &["hook"]),
        ]
        .into(),
        rotations: [("expense-primary".into(), rotation())].into(),
        calendars: BTreeMap::new(),
        default_policy: policy.id.clone(),
        self_policy: None,
        catch_all: policy.catch_all.clone(),
        policies: [(policy.id.clone(), policy)].into(),
        routes: Vec::new(),
        channels: [channel("mail", ChannelKind::Smtp, false), channel("hook", ChannelKind::Webhook, true)].into(),
        probes: [
            probe("invoice-verify", both("发票验真", "Invoice verification"), "发票验真", None),
            probe("login", both("登录", "Login"), "登录", None),
            probe("nightly-export", both("夜间导出", "Nightly export"), "报表", Some(rule)),
        ]
        .into(),
    };
    Config {
        dir: PathBuf::from("."),
        catalog: Arc::new(catalog),
        server: Server {
            listen: "127.0.0.1:7247".parse().expect("an address"),
            public_url: "https://watch.example.com".into(),
            edge: None,
            tls: None,
        },
        store: StoreUrl::Sqlite(PathBuf::from("watchbell.db")),
        channels: BTreeMap::new(),
        contacts: BTreeMap::new(),
        probes: [
            spec("invoice-verify", http()),
            spec("login", http()),
            spec("nightly-export", Check::Heartbeat { token: Secret::new(BEAT_TOKEN) }),
        ]
        .into(),
        watchdog: None,
        filled_in: Vec::new(),
    }
}

/// A run that found the service broken, with all that it saw.
pub(crate) fn failing_run() -> Observation {
    Observation {
        probe: "invoice-verify".into(),
        at: at("2026-11-22T19:12:34Z"),
        site: SiteId::local(),
        outcome: Outcome::Down,
        kind: Some(FailureKind::Status),
        message: Some("answered 503, expected 2xx".into()),
        phases_ms: Phases {
            dns: Some(1.2),
            connect: Some(8.4),
            tls: Some(21.0),
            ttfb: Some(112.0),
            transfer: Some(0.4),
            total: Some(143.0),
        },
        assertions: Vec::new(),
        evidence: Evidence {
            request: Some("POST https://api.expense.example/v1/invoices/verify".into()),
            remote: Some("192.0.2.10:443".into()),
            status: Some(503),
            headers: [("content-type".into(), "text/html".into())].into(),
            body: Some("<script>alert('upstream')</script> upstream connect error".into()),
            ..Evidence::default()
        },
    }
}

fn good_run() -> Observation {
    Observation {
        probe: "login".into(),
        at: at("2026-11-22T19:12:38Z"),
        outcome: Outcome::Up,
        kind: None,
        message: None,
        evidence: Evidence { status: Some(200), ..Evidence::default() },
        ..failing_run()
    }
}

fn verdict(probe: &str, level: Level, since: &str) -> (ProbeId, Verdict) {
    let verdict = Verdict {
        probe: probe.into(),
        site: SiteId::local(),
        level,
        kind: (level == Level::Down).then_some(FailureKind::Status),
        message: None,
        severity: Severity::Critical,
        last_good: None,
        since: at(since),
        seen: at(since),
        confirmed: at(since),
        runs: 3,
        summary: None,
    };
    (verdict.probe.clone(), verdict)
}

fn page(id: PageId, person: &str, why: Why) -> PageLive {
    let attempt = AttemptView {
        n: 1,
        channel: "hook".into(),
        at: at("2026-11-22T19:12:11Z"),
        receipt: Some(Receipt::Accepted),
        detail: None,
    };
    let view = PageView {
        id,
        ticket: id.ticket,
        person: person.into(),
        policy: "expense-critical".into(),
        step: Some(1),
        state: PageState::Pursuing,
        started_at: at("2026-11-22T19:12:10Z"),
        attempts: vec![attempt],
        why,
        stages: Stages::default(),
    };
    PageLive { view, occurrence: 1 }
}

fn ticket() -> TicketLive {
    let alert = AlertView {
        dedup_key: DedupKey::from("probe:invoice-verify"),
        probe: Some("invoice-verify".into()),
        kind: Some(FailureKind::Status),
        severity: Severity::Critical,
        state: AlertState::Firing,
        summary: "answered 503, expected 2xx".into(),
        started_at: at("2026-11-22T19:12:04Z"),
        ended_at: None,
        labels: [("component".into(), "发票验真".into())].into(),
    };
    let on_duty = Why {
        revision: Revision::from("0123456789ab"),
        route: "alerts/routing.yaml:12".into(),
        rotation: Some("expense-primary".into()),
        layer: Some("weekly".into()),
        override_: None,
        until: Some(at("2026-11-23T01:00:00Z")),
        text: "on duty in expense-primary (layer weekly)".into(),
    };
    let named = Why { rotation: None, layer: None, until: None, text: "named by the step".into(), ..on_duty.clone() };
    let view = TicketView {
        id: TICKET,
        title: "发票验真".into(),
        state: TicketState::Triggered,
        priority: Priority::P1,
        policy: "expense-critical".into(),
        step: Some(1),
        owner: Some("expense-platform".into()),
        impact: Some("员工无法提交含发票的报销单".into()),
        service: Some("expense".into()),
        component: Some("发票验真".into()),
        url: format!("/tickets/{TICKET}"),
        opened_at: at("2026-11-22T19:12:10Z"),
        impact_started: at("2026-11-22T19:12:04Z"),
        detected: at("2026-11-22T19:12:04.2Z"),
        first_page_accepted: Some(at("2026-11-22T19:12:11Z")),
        acknowledged_at: None,
        acknowledged_by: None,
        restored: None,
        resolved_at: None,
        resolved_as: None,
        reopened: 0,
        snoozed_until: None,
        next_step: NextStep { at: Some(at("2026-11-22T19:14:10Z")), to: vec!["wang.lei".into()] },
        alerts: vec![alert],
    };
    TicketLive {
        view,
        pages: vec![page(PAGE, "li.na", on_duty), page(ROOM_PAGE, "ops-room", named)],
        occurrence: 1,
        title: both("发票验真", "Invoice verification"),
        impact: Some(both("员工无法提交含发票的报销单", "Claims with invoices cannot be submitted")),
        runbook: vec!["看网关 5xx".into(), "回滚最近发布".into(), "切备用通道".into()],
        held: None,
        run: Some(RunSummary {
            request: Some("POST /v1/invoices/verify".into()),
            status: Some(503),
            expected: Some("2xx".into()),
            total: Some(Millis(143)),
        }),
        last_good: Some(at("2026-11-22T19:11:59Z")),
        runs: 3,
    }
}

fn view() -> LiveView {
    LiveView {
        at: Some(at("2026-11-22T19:12:38Z")),
        last_commit: Some(at("2026-11-22T19:12:38Z")),
        tickets: [(TICKET, Arc::new(ticket()))].into(),
        verdicts: [
            verdict("invoice-verify", Level::Down, "2026-11-22T19:12:04Z"),
            verdict("login", Level::Up, "2026-11-22T10:00:00Z"),
        ]
        .into(),
        ..LiveView::default()
    }
}
