//! The configuration of the world.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::{Weekday, date, time};
use watchbell_config::{
    Check, Config, Expect, HttpCheck, Integrations, IpChoice, ProbeSpec, Secret, Server, StoreUrl, TlsOptions,
};
use watchbell_engine::catalog::{
    Catalog, CatchAll, Channel, ChannelKind, HandoffAt, Layer, Localized, PageBy, Person, Policy, ProbeInfo, Rotation,
    Step, Target, Turn, TurnBy, TurnEvery,
};
use watchbell_engine::detect::{DetectRule, DownAfter};
use watchbell_engine::heartbeat::{Expected, HeartbeatRule};
use watchbell_engine::ids::{ChannelId, PersonId, ProbeId, Revision};
use watchbell_engine::time::Millis;
use watchbell_engine::word::{Locale, Severity};

use super::{BEAT_TOKEN, both, shanghai};

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
        away: Vec::new(),
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
        layers: vec![Layer { id: "weekly".into(), people, turn, only: Vec::new(), zone: None, at_once: 1 }],
        overrides: Vec::new(),
        temporary: Vec::new(),
        gaps_allowed: None,
        messages: watchbell_engine::catalog::DutyMessages::default(),
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
        depends_on: Vec::new(),
        one_run: watchbell_engine::time::Millis::secs(8),
        flap: None,
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

/// The configuration: three probes, three people and a room, one rotation.
pub(super) fn config() -> Config {
    let channel = |id: &str, kind, loud| (ChannelId::from(id), Channel { id: id.into(), kind, loud });
    let policy = Policy {
        id: "expense-critical".into(),
        steps: vec![Step::new(vec![Target::Rotation("expense-primary".into())], Millis::mins(2))],
        repeat: 0,
        catch_all: CatchAll { person: "wang.lei".into(), every: Millis::mins(5) },
        ack_timeout: None,
        hold: None,
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
        not_paging: watchbell_engine::not_paging::NotPaging::default(),
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
        integrations: Integrations::default(),
        canary: None,
        calendar_feeds: BTreeMap::new(),
        filled_in: Vec::new(),
    }
}
