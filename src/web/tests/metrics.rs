//! `/metrics`, and the dashboard that is shipped.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use super::{app, get};
use crate::gate::test_world::World;
use crate::web::router;

#[tokio::test]
async fn probes_have_blackbox_exporters_names() {
    let world = World::new().await;
    let text = get(&router(app(&world, true)), "/metrics").await.body;
    for line in [
        "probe_success{probe=\"invoice-verify\",service=\"expense\"} 0",
        "probe_success{probe=\"login\",service=\"expense\"} 1",
        "probe_duration_seconds{probe=\"login\",service=\"expense\"} 0.143",
        "probe_http_duration_seconds{phase=\"processing\",probe=\"login\",service=\"expense\"} 0.112",
        "probe_http_status_code{probe=\"invoice-verify\",service=\"expense\"} 503",
        "watchbell_inbox_depth{lane=\"verdicts\"} 0",
    ] {
        assert!(text.lines().any(|l| l == line), "`{line}` in {text}");
    }
    for line in text.lines().filter(|l| l.contains("_bucket")) {
        assert!(!line.contains("probe="), "a histogram per probe costs too much: {line}");
    }
}

/// Every name that `/metrics` can show: labelled ones show only once they were counted.
async fn names() -> BTreeSet<String> {
    let world = World::new().await;
    let m = &world.metrics;
    m.runs.with_label_values(&["up", "none"]).inc();
    m.runs_skipped.with_label_values(&["late"]).inc();
    m.page_stage.with_label_values(&["accepted"]).observe(1.0);
    m.pages.with_label_values(&["mail", "accepted"]).inc();
    let mut run = crate::gate::test_world::failing_run();
    run.evidence.certificate = Some(watchbell_engine::observation::Certificate {
        subject: "api.expense.example".into(),
        names: Vec::new(),
        issuer: "test".into(),
        not_before: run.at,
        not_after: run.at,
    });
    world.live.probes.record(run.into(), None);
    let text = get(&router(app(&world, true)), "/metrics").await.body;
    let names = text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split(['{', ' ']).next());
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_dashboard_asks_for_names_that_there_are() {
    let known = names().await;
    let metric = Regex::new(r"\b(?:probe|watchbell)_[a-z_]+\b").expect("a pattern");
    let mut asked = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards")).expect("dashboards/") {
        let path = entry.expect("an entry").path();
        let board: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a file")).expect("JSON");
        for panel in board["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().expect("targets") {
                let expr = target["expr"].as_str().expect("a query");
                for name in metric.find_iter(expr) {
                    asked += 1;
                    assert!(
                        known.contains(name.as_str()),
                        "{}: `{}` in `{expr}` is not in /metrics",
                        path.display(),
                        name.as_str()
                    );
                }
            }
        }
    }
    assert!(asked > 15, "the dashboard asks for our metrics: {asked}");
    for name in known.iter().filter(|n| n.starts_with("watchbell_")) {
        assert!(metric.is_match(name), "`{name}` would escape this test");
    }
}
