//! What a start says: who is on duty now and until when, who can be woken, who watches us, and when
//! paging was last tried.

use std::fmt::Write as _;

use jiff::Timestamp;
use watchbell_config::Config;
use watchbell_engine::rotation;
use watchbell_engine::view::LiveView;

/// Said of somebody whose shift has no end.
const ALWAYS: &str = ", always";

/// The announcement, a few lines, for standard output.
pub fn announcement(config: &Config, view: &LiveView, now: Timestamp) -> String {
    let catalog = &config.catalog;
    let mut out = String::new();
    let mut line = |text: String| {
        // Writing to a String does not fail.
        let _ = writeln!(out, "{text}");
    };
    if catalog.rotations.is_empty() {
        line("on duty now: there is no rotation; policies name people".into());
    }
    for rotation in catalog.rotations.values() {
        // A person without a name of its own is called by its id.
        let named = |id: &watchbell_engine::ids::PersonId| {
            let name = catalog.people.get(id).map_or("", |p| p.name.as_str());
            if name == id.as_str() || name.is_empty() { id.to_string() } else { format!("{id} ({name})") }
        };
        let person = |on_duty: rotation::OnDuty, until: Option<Timestamp>| {
            let until = until.map(|at| at.to_zoned(rotation.zone.clone()).strftime("%a %d %b %H:%M %Z").to_string());
            format!("{}{}", named(&on_duty.person), until.map_or_else(|| ALWAYS.into(), |u| format!(" until {u}")))
        };
        let shifts = rotation::shift_at(catalog, rotation, &view.recorded, now);
        let people: Vec<String> = shifts.into_iter().map(|(on_duty, _, until)| person(on_duty, until)).collect();
        let text = if people.is_empty() { "nobody".to_owned() } else { people.join(", ") };
        // The rotation that stands in for one that nobody wrote has a name that nobody knows.
        let unwritten = catalog.rotations.len() == 1 && text.ends_with(ALWAYS);
        line(if unwritten { format!("on duty now: {text}") } else { format!("on duty now: {}: {text}", rotation.id) });
    }
    let is_loud = |person: &watchbell_engine::catalog::Person| {
        person.channels.iter().any(|c| catalog.channels.get(c).is_some_and(|c| c.loud))
    };
    let people = || catalog.people.values().filter(|p| !p.disabled && !p.room);
    let names =
        |loud: bool| people().filter(|p| is_loud(p) == loud).map(|p| p.id.to_string()).collect::<Vec<_>>().join(", ");
    let (loud, quiet) = (names(true), names(false));
    line(format!("can be woken: {}", if loud.is_empty() { "nobody: no channel is loud" } else { &loud }));
    if !quiet.is_empty() {
        line(format!("no loud contact: {quiet}"));
    }
    match &config.watchdog {
        Some(w) => line(format!("watched by: an outside service, told every {}", w.every)),
        None => line("watched by: nobody; set `watchdog.ping`, so that somebody notices when this process dies".into()),
    }
    match view.tests.last() {
        Some(test) => {
            let receipt = test.receipt.map_or("no outcome yet", |r| r.as_str());
            line(format!(
                "last test page: {} to {} over {}: {receipt}",
                test.at.strftime("%F %T UTC"),
                test.person,
                test.channel
            ));
        }
        None => line("last test page: never; try `watchbell test-page PERSON`".into()),
    }
    out
}
