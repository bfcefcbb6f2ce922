//! Configurations that are accepted, and what they come to.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use support::{check, directory, now, shown, sources};
use watchbell_config::{Canary, Check, Report, Secret, Secrets, init_files, read};
use watchbell_engine::catalog::{LadderEntry, Require, Target};
use watchbell_engine::detect::DownAfter;
use watchbell_engine::heartbeat::Expected;
use watchbell_engine::ids::{ChannelId, PersonId, PolicyId};
use watchbell_engine::rotation::Recorded;
use watchbell_engine::time::Millis;

const THREE_LINES: &str = r#"
channels: { mail: { smtp: { host: smtp.example.com, from: oncall@example.com } } }
people:   [ { id: me, contacts: { mail: me@example.com } } ]
probes:   [ { id: site, http: "https://expense.example.com/healthz" } ]
"#;

fn config(report: &Report) -> &watchbell_config::Config {
    report.config.as_ref().unwrap_or_else(|| panic!("refused:\n{}", shown(report)))
}

#[test]
fn three_lines_page() {
    let report = check("three-lines", THREE_LINES);
    let config = config(&report);
    let warnings: Vec<_> = report.warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(warnings, ["`me` has no loud channel, and cannot be woken"]);
    let catalog = &config.catalog;
    let policy = &catalog.policies[&catalog.default_policy];
    assert_eq!(policy.id.as_str(), "default");
    assert_eq!((policy.steps.len(), policy.repeat, policy.steps[0].ack_within), (1, 1, Millis::mins(5)));
    assert_eq!(policy.catch_all.person.as_str(), "me");
    let Target::Rotation(rotation) = &policy.steps[0].page[0] else { panic!("{policy:?}") };
    let on_duty =
        watchbell_engine::rotation::on_duty(catalog, &catalog.rotations[rotation], &Recorded::default(), now());
    assert_eq!(on_duty.into_iter().map(|duty| duty.person).collect::<Vec<_>>(), [PersonId::from("me")]);
    let at_once = vec![LadderEntry { after: Millis::ZERO, via: vec![ChannelId::from("mail")] }];
    let me = &catalog.people["me"];
    assert_eq!((&me.page_by.urgent, &me.page_by.normal), (&at_once, &at_once));
    let site = &config.probes["site"];
    assert_eq!((site.every, site.timeout, site.detect_within), (Millis::secs(5), Millis::secs(3), None));
    assert_eq!(site.detect.down_after, DownAfter::InARow(3));
    assert_eq!(site.worst_case, Some(Millis::secs(23)));
    insta::assert_snapshot!(report.filled_in.join("\n"));
}

#[test]
fn the_shipped_example_is_accepted() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let report = read(&sources(dir, &[]), Secrets::WarnIfMissing, now());
    let config = config(&report);
    let warned: Vec<_> = report.warnings.iter().filter(|w| !w.message.contains("is not set")).collect();
    let only_next_year = |message: &str| message.contains("has no 2027");
    assert!(warned.iter().all(|w| only_next_year(&w.message)), "{}", shown(&report));
    assert!(
        report
            .filled_in
            .iter()
            .all(|line| line.contains("no policy `default`: what no route matches goes to `expense-critical`")),
        "{:?}",
        report.filled_in
    );
    let worst: BTreeMap<_, _> = report.probes.iter().map(|p| (p.id.as_str(), p.worst_case)).collect();
    assert_eq!(worst["invoice-verify"], Some(Millis::secs(18)));
    assert_eq!(worst["nightly-settlement"], None);
    let steps = &config.catalog.probes["invoice-verify"].runbook.as_ref().expect("a runbook").steps;
    assert_eq!(steps, &["看网关 5xx 与发票服务日志", "回滚最近发布", "切备用通道"]);
    assert_eq!(config.catalog.routes[0].name, "alerts/routing.yaml:22");
    insta::assert_json_snapshot!(serde_json::to_value(&report.probes).expect("JSON"));
}

#[test]
fn the_demo_can_point_the_example_elsewhere() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let vars = [
        ("expense_api", "http://127.0.0.1:7300"),
        ("smtp_host", "127.0.0.1"),
        ("smtp_port", "2525"),
        ("smtp_tls", "none"),
        ("hook_base", "http://127.0.0.1:7301"),
    ];
    let mut from = sources(dir, &vars);
    from.env = std::sync::Arc::new(|_| Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()));
    let report = read(&from, Secrets::Required, now());
    let config = config(&report);
    let Check::Http(http) = &config.probes["invoice-verify"].check else { panic!("an HTTP probe") };
    assert_eq!(http.url.to_string(), "http://127.0.0.1:7300/v1/invoices/verify");
    assert_eq!(http.method, "POST");
    assert_eq!(http.body.as_ref().map(Secret::reveal), Some(r#"{"number":"SYN-0001","total":"118.00"}"#));
    assert_eq!(http.expect.min_days_left, None, "there is no certificate on http://");
    let hook = &config.contacts["li.na"]["hook"];
    assert_eq!(hook.reveal(), "http://127.0.0.1:7301/li.na");
    assert!(!format!("{config:?}").contains("whsec_"), "secrets are never printed");
}

#[test]
fn what_init_writes_is_accepted() {
    let text: String = init_files().iter().map(|(path, content)| format!("### {path}\n{content}\n")).collect();
    let report = check("init", &text);
    config(&report);
    assert!(report.errors.is_empty() && report.filled_in.is_empty(), "{:?}", report.filled_in);
    let others: Vec<_> = report
        .warnings
        .iter()
        .filter(|w| !w.message.contains("SMTP_PASSWORD") && !w.message.contains("no loud channel"))
        .collect();
    assert!(others.is_empty(), "{}", shown(&report));
}

#[test]
fn defaults_hold_for_their_file_and_those_of_the_root_for_all() {
    let report = check(
        "defaults",
        &format!(
            "{THREE_LINES}\ndefaults: {{ time_zone: Asia/Shanghai, every: 10s, timeout: 1s, alert: {{ down_after: 2 of 3 }} }}\nservice: root\n
### probes/a.yaml
service: a
owner: team-a
defaults: {{ severity: critical, alert: {{ up_after: 4 }} }}
probes:
  - {{ id: one, http: \"http://x.example/\" }}
  - {{ id: two, service: b, component: c, every: 7s, http: \"http://x.example/\" }}
### probes/b.yaml
probes: [ {{ id: three, tcp: \"db.example:5432\" }} ]
"
        ),
    );
    let config = config(&report);
    let (one, two, three) = (&config.probes["one"], &config.probes["two"], &config.probes["three"]);
    assert_eq!((one.every, two.every, three.every), (Millis::secs(10), Millis::secs(7), Millis::secs(10)));
    assert_eq!(one.detect.down_after, DownAfter::OutOf { k: 2, of: 3 }, "each part of `alert` falls back by itself");
    assert_eq!((one.detect.up_after, three.detect.up_after), (4, 2));
    assert_eq!(one.detect_within, Some(Millis::secs(30)), "critical is held to thirty seconds");
    let info = |id: &str| {
        let info = &config.catalog.probes[id];
        (info.service.clone(), info.component.clone(), info.owner.clone().unwrap_or_default())
    };
    assert_eq!(info("one"), ("a".into(), "a".into(), "team-a".into()));
    assert_eq!(info("two"), ("b".into(), "c".into(), "team-a".into()));
    assert_eq!(info("three").0, "three", "`service` of the root holds for the root alone");
    assert_eq!(info("site").0, "root");
    assert_eq!(config.catalog.zone.iana_name(), Some("Asia/Shanghai"));
}

#[test]
fn untyped_values_and_merge_keys_are_exact() {
    let report = check(
        "exact",
        &format!(
            "{THREE_LINES}
### probes/a.yaml
probes:
  - id: \"007\"
    title: no
    http: &base {{ url: \"http://x.example/\", json: {{ a: 1.10, b: \"1.10\", c: 'no', d: [true, null, -0], e: {{}} }} }}
    labels: {{ team: 1.10 }}
  - id: merged
    http: {{ <<: *base, method: PUT }}
    expect: {{ status: [2xx, 304], json: {{ $.a: 1.10 }} }}
"
        ),
    );
    let config = config(&report);
    let info = &config.catalog.probes["007"];
    assert_eq!((info.title.en.as_str(), info.labels["team"].as_str()), ("no", "1.10"));
    let Check::Http(http) = &config.probes["merged"].check else { panic!("an HTTP probe") };
    assert_eq!(http.method, "PUT");
    let body = http.body.as_ref().map(Secret::reveal);
    assert_eq!(body, Some(r#"{"a":1.10,"b":"1.10","c":"no","d":[true,null,-0],"e":{}}"#));
    assert_eq!(http.expect.status.to_string(), "2xx, 304");
}

#[test]
fn heartbeats_have_no_worst_case() {
    let report = check(
        "heartbeat",
        &format!(
            "{THREE_LINES}
### probes/a.yaml
defaults: {{ severity: critical }}
probes:
  - {{ id: nightly, heartbeat: {{ cron: \"30 2 * * *\", time_zone: Asia/Shanghai, token: {{ env: SET }} }} }}
  - {{ id: often, heartbeat: {{ every: 1m, token: another-token-of-sixteen }} }}
"
        ),
    );
    let config = config(&report);
    assert_eq!(config.probes["nightly"].worst_case, None);
    let rule = |id: &str| config.catalog.probes[id].heartbeat.clone().expect("a heartbeat");
    assert_eq!((rule("nightly").grace, rule("often").grace), (Millis::mins(5), Millis::mins(1)));
    assert!(matches!(rule("nightly").expected, Expected::Cron { cron, .. } if cron == "30 2 * * *"));
    assert_eq!(config.probes["often"].detect.down_after, DownAfter::InARow(1));
}

#[test]
fn secrets_are_asked_where_they_are_needed() {
    let text =
        "channels: { mail: { smtp: { host: localhost, from: a@b.example, username: u, password: { env: UNSET } } } }
people: [ { id: me, contacts: { mail: me@example.com } } ]
";
    let dir = directory("secrets", text);
    assert!(read(&sources(dir.clone(), &[]), Secrets::WarnIfMissing, now()).config.is_some());
    let refused = read(&sources(dir, &[]), Secrets::Required, now());
    assert!(refused.config.is_none());
    assert_eq!(refused.errors[0].message, "the environment variable UNSET is not set");
}

#[cfg(unix)]
#[test]
fn secret_files_are_for_one_reader() {
    use std::os::unix::fs::PermissionsExt as _;
    let text = "channels: { hook: { webhook: { secret: { file: secret } } } }
people: [ { id: me, contacts: { hook: \"http://127.0.0.1:1/\" } } ]
";
    let dir = directory("secret-file", text);
    let path = dir.join("secret");
    let report = || read(&sources(dir.clone(), &[]), Secrets::Required, now());
    assert!(report().errors[0].message.contains("cannot be read"), "{}", shown(&report()));
    std::fs::write(&path, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    assert!(report().errors[0].message.contains("everybody on this machine"), "{}", shown(&report()));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let about_the_file = report().warnings.iter().any(|w| w.message.contains("secret"));
    assert!(report().config.is_some() && !about_the_file, "{}", shown(&report()));
}

#[test]
fn variables_of_the_command_line_win_and_must_exist() {
    let text = "vars: { api: \"http://a.example\" }
channels: { mail: { smtp: { host: smtp.example.com, from: a@b.example } } }
people: [ { id: me, contacts: { mail: me@example.com } } ]
probes: [ { id: site, http: \"{{vars.api}}/healthz\" } ]
";
    let dir = directory("vars", text);
    let report = |vars: &[(&str, &str)]| read(&sources(dir.clone(), vars), Secrets::Required, now());
    let (plain, other) = (report(&[]), report(&[("api", "http://b.example")]));
    assert_eq!(config(&other).catalog.probes["site"].url.as_deref(), Some("http://b.example/healthz"));
    assert_ne!(config(&plain).catalog.revision, config(&other).catalog.revision);
    let wrong = report(&[("apo", "x")]);
    assert_eq!(
        wrong.errors[0].to_string(),
        "--var apo: there is no variable `apo` to override\nhelp: did you mean `api`?"
    );
}

#[test]
fn ten_thousand_probes_are_read_at_once() {
    let mut text = String::from(THREE_LINES);
    text += "\n### probes/many.yaml\nprobes:\n";
    for i in 0..10_000 {
        text += &format!(
            "  - {{ id: p{i}, title: Probe {i}, http: {{ url: \"http://x.example/{i}\", method: GET }}, expect: {{ status: 200 }} }}\n"
        );
    }
    let report = check("many", &text);
    assert_eq!(config(&report).probes.len(), 10_001);
}

/// Conditions, other policies and office hours as they are written, and what they do to the thirty seconds.
#[test]
fn policies_with_conditions_hold_their_sum() {
    let text = r#"
defaults: { time_zone: Asia/Shanghai }
channels: { mail: { smtp: { host: smtp.example.com, from: a@b.example } }, call: { webhook: {}, loud: true } }
people:
  - { id: li.na, contacts: { mail: li.na@example.com, call: "http://127.0.0.1:1/a" }, page_by: [ { after: 0s, via: mail }, { after: 120s, via: call } ] }
  - { id: lead, contacts: { mail: lead@example.com }, page_by: [ { after: 4s, via: mail } ] }
policies:
  - id: day
    ack_timeout: 1h
    steps:
      - { page: li.na, ack_within: 30s, when: { severity: [critical, error], during: { days: workdays, from: "09:00", to: "18:00", calendar: china } }, else: wait }
      - { page: { policy: night } }
  - id: night
    ack_timeout: 1h
    hold: { until: [ { days: workdays, from: "09:00", to: "18:00", time_zone: Europe/Berlin } ] }
    steps: [ { page: [ li.na, lead ], ack_within: 120s, require: all }, { page: lead, when: { match: { service: other } } } ]
    catch_all: { person: lead, every: 2m }
routes: [ { match: { severity: critical }, policy: day }, { policy: night } ]
probes:
  - { id: urgent, severity: critical, http: "https://x.example/" }
  - { id: urgent-too, severity: error, http: "https://x.example/" }
  - { id: low, severity: warning, http: "https://x.example/" }
"#;
    let report = check("conditions", text);
    let catalog = &config(&report).catalog;
    let day = &catalog.policies["day"];
    assert_eq!(day.steps[1].leads_to().map(PolicyId::as_str), Some("night"));
    assert_eq!(day.steps[0].when.during[0].zone.iana_name(), Some("Asia/Shanghai"));
    assert_eq!(catalog.policies["night"].steps[0].require, Require::All);
    let worst: Vec<_> = report.probes.iter().map(|p| (p.id.as_str(), p.worst_case)).collect();
    assert_eq!(worst, [("low", None), ("urgent", Some(Millis::secs(23))), ("urgent-too", Some(Millis::secs(23)))]);
    let warnings = report
        .warnings
        .iter()
        .map(|w| w.message.as_str())
        .filter(|w| w.starts_with('`') && w.contains(" never ") || w.contains("loud"));
    assert_eq!(
        warnings.collect::<Vec<_>>(),
        [
            "`li.na`: call at 120 s is never reached, step 1 of `night` ends at 120 s",
            "`lead` has no loud channel, and cannot be woken"
        ]
    );
}

const ROTA: &str = r#"
channels: { mail: { smtp: { host: smtp.example.com, from: a@b.example } } }
people:
  - { id: li, contacts: { mail: li@example.com }, time_zone: Asia/Shanghai, away: [ { from: 2026-01-10, to: 2026-01-11, reason: leave } ] }
  - { id: wu, contacts: { mail: wu@example.com } }
  - { id: max, contacts: { mail: max@example.com } }
rotations:
  - id: round
    time_zone: Asia/Shanghai
    calendar: holidays
    layers:
      - { id: base, people: [li, wu, max], at_once: 2, turn: { every: [mon, thu], at: "09:00", since: 2026-01-05 } }
      - { id: berlin, people: [max, wu], time_zone: Europe/Berlin, turn: daily 02:30 since 2026-01-05,
          only: [ { days: workdays, from: "18:00", to: "09:00" } ] }
    overrides: [ { person: wu, replaces: max, from: "2026-03-28T12:00", to: "2026-03-29T12:00" } ]
    temporary:
      - { from: "2026-02-16T00:00", to: "2026-02-20T00:00", shifts: [ { person: li, from: "2026-02-16T00:00", to: "2026-02-18T00:00" } ] }
calendars: [ { id: holidays, ical: { file: calendars/own.ics }, make_up: [2026-02-21] } ]
"#;

#[test]
fn everything_that_a_rotation_can_have_is_read() {
    let own = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\nDTSTART;VALUE=DATE:20260217\nDTEND;VALUE=DATE:20260220\nEND:VEVENT\nEND:VCALENDAR\n";
    let text = format!("{ROTA}### calendars/own.ics\n{own}");
    let report = check("rota", &text);
    let config = config(&report);
    assert!(report.warnings.iter().all(|w| w.message.contains("no loud channel")), "{}", shown(&report));
    let catalog = &config.catalog;
    let rotation = &catalog.rotations["round"];
    let at = |text: &str| text.parse().expect("a time");
    let away = &catalog.people["li"].away[0];
    assert_eq!((away.from, away.to), (at("2026-01-09T16:00:00Z"), at("2026-01-11T16:00:00Z")), "to the end of the day");
    assert_eq!((rotation.layers[0].at_once, rotation.layers[1].at_once), (2, 1));
    assert_eq!(rotation.layers[1].zone.as_ref().and_then(|zone| zone.iana_name()), Some("Europe/Berlin"));
    assert_eq!(rotation.overrides[0].replaces, Some(PersonId::from("max")));
    assert_eq!(rotation.temporary[0].shifts.len(), 1);
    let calendar = &catalog.calendars["holidays"];
    let day = |text: &str| text.parse().expect("a date");
    assert!(!calendar.is_workday(day("2026-02-17")) && calendar.is_workday(day("2026-02-20")));
    assert!(calendar.is_workday(day("2026-02-21")), "a Saturday that is worked");
    let lines: Vec<&str> = report.clock_changes.iter().map(|line| line.text.as_str()).collect();
    insta::assert_snapshot!(lines.join("\n"));
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["clock_changes"][0]["rotation"], "round");
    let other = text.replace("20260220", "20260219");
    assert_ne!(check("rota-2", &other).config.expect("good").catalog.revision, catalog.revision);
}

#[test]
fn a_calendar_that_runs_out_is_told_of_60_days_before() {
    let rotation = "{ id: r, calendar: china, people: [me], turn: daily 09:00 since 2025-12-29, gaps_allowed: so it is, only: [ { days: workdays } ] }";
    let text = format!("{MAIL_ME}\nrotations: [ {rotation} ]\n");
    let dir = support::directory("runs-out", &text);
    let warned = |now: &str| {
        let report = read(&sources(dir.clone(), &[]), Secrets::WarnIfMissing, now.parse().expect("a time"));
        report.warnings.iter().any(|warning| warning.message.contains("`china` has no 2027"))
    };
    assert!(!warned("2026-10-30T00:00:00Z") && warned("2026-11-03T00:00:00Z"));
}

const MAIL_ME: &str = "channels: { mail: { smtp: { host: smtp.example.com, from: a@b.example } } }
people: [ { id: me, contacts: { mail: me@example.com } } ]";

#[test]
fn integrations_are_read() {
    let yaml = format!(
        r#"{THREE_LINES}  - {{ id: alive, heartbeat: {{ every: 5m, token: {{ env: SET }} }} }}
integrations:
  alertmanager: {{ resolve_after: 10m, severity: warning, labels: {{ site: beijing }}, heartbeats: {{ Watchdog: alive }} }}
  alertmanager_webhook: [ {{ id: default, resolve_after: 9h }} ]
  pagerduty: [ {{ id: gatus, key: {{ env: GATUS_KEY }}, severity: critical, labels: {{ service: shop }} }} ]
"#
    )
    .replace("probes:   [ { id: site, http: \"https://expense.example.com/healthz\" } ]\n", "probes:\n  - { id: site, http: \"https://expense.example.com/healthz\" }\n");
    let report = check("integrations", &yaml);
    let integrations = &config(&report).integrations;
    assert_eq!(integrations.alertmanager.resolve_after, Some(Millis::mins(10)));
    assert_eq!(integrations.alertmanager.heartbeats["Watchdog"].as_str(), "alive");
    assert_eq!(integrations.webhooks["default"].resolve_after, Some(Millis::hours(9)));
    let key = &integrations.pagerduty[0];
    assert_eq!((key.id.as_str(), key.key.reveal(), key.labels["service"].as_str()), ("gatus", "", "shop"));
    assert!(shown(&report).contains("the environment variable GATUS_KEY is not set"), "{}", shown(&report));
    assert_eq!(config(&check("three-lines-again", THREE_LINES)).integrations.pagerduty.len(), 0);
}

#[test]
fn the_canary_flies_unless_it_is_switched_off() {
    let around = "channels: { mail: { smtp: { host: smtp.example.com, from: a@b.example } } }\n\
                  people: [ { id: me, contacts: { mail: me@example.com } } ]\n\
                  probes: [ { id: site, tcp: \"127.0.0.1:9\" } ]\n";
    let canary = |name: &str, line: &str| config(&check(name, &format!("{around}{line}"))).canary;
    let rule = |every: u64, alarm_after: u64| {
        Some(Canary { every: Millis::secs(every), alarm_after: Millis::secs(alarm_after) })
    };
    assert_eq!(canary("canary-default", ""), rule(30, 120));
    assert_eq!(canary("canary-every", "canary: { every: 1m }\n"), rule(60, 240), "four rounds");
    assert_eq!(canary("canary-both", "canary: { every: 10s, alarm_after: 30s }\n"), rule(10, 30));
    assert_eq!(canary("canary-off", "canary: off\n"), None);
}
