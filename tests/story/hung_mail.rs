//! Promise 4: a mail server that hangs delays no probe, no answer, and no page on another channel.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use watchbell::demo::smtp::Mode;

use super::bell::{Home, LIMIT, client, read};
use super::town::Town;

/// More faults than there are places for mails under way: one after another they would take a minute.
const FAULTS: usize = 24;

/// All of them are paged within this on a busy machine; a send by mail alone is cut off after 5 s.
const PAGED_WITHIN: Duration = Duration::from_secs(10);

/// How far apart the runs of a probe with `every: 500ms` may lie on a busy machine.
const GAP: SignedDuration = SignedDuration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_hung_mail_server_delays_nothing_else() {
    let town = Town::start().await;
    town.mail.set_mode(Mode::Hang);
    let home = Home::written(&configuration(&town), None);
    let bell = home.started().await;
    (0..FAULTS).for_each(|n| town.target.fail(&format!("/plain/p{n}")));
    let broken = Instant::now();
    let pages = |person: &str| town.hooks.got().iter().filter(|g| g.kind() == "page" && g.person == person).count();
    while pages("ann") < FAULTS {
        assert!(broken.elapsed() < PAGED_WITHIN, "{} of {FAULTS} pages after {:?}", pages("ann"), broken.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let page = town.hooks.got().into_iter().find(|g| g.kind() == "page").expect("there are pages");
    let pressed = Instant::now();
    let reply = read(client().post(page.ack_url())).await.expect("an answer");
    assert_eq!(reply.status, 303, "{}", reply.text);
    assert!(pressed.elapsed() < Duration::from_secs(2), "a press took {:?}", pressed.elapsed());

    // Two cut-offs of mails later, everything still runs.
    let runs = || town.target.asked("/plain/well").len();
    let (start, before) = (Instant::now(), runs());
    while start.elapsed() < LIMIT && runs() < before + 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = town.target.asked("/plain/well");
    let gap = asked.windows(2).map(|pair| pair[1].duration_since(pair[0])).max().expect("it ran");
    assert!(gap < GAP, "no run for {gap:#}");
    assert!(town.mail.messages().is_empty(), "no mail got through meanwhile");
    assert_eq!(bell.get("/readyz").await.status, 200);

    town.mail.set_mode(Mode::Accept);
    town.mail("what was owed by mail comes as soon as it can", LIMIT, |m| m.to == "ann@night.example").await;
}

fn configuration(town: &Town) -> String {
    let (port, hooks, target) = (town.smtp_port(), town.hooks.base(), town.target.base());
    let mut yaml = format!(
        r#"
channels:
  mail: {{ smtp: {{ host: 127.0.0.1, port: {port}, tls: none, from: "watchbell <oncall@night.example>" }} }}
  hook: {{ webhook: {{ secret: {{ env: HOOK_SECRET }} }} }}
people: [ {{ id: ann, contacts: {{ mail: ann@night.example, hook: "{hooks}/ann" }} }} ]
defaults: {{ every: 500ms, timeout: 450ms, alert: {{ down_after: 2, confirm_after: 50ms }} }}
probes:
  - {{ id: well, http: "{target}/plain/well" }}
"#
    );
    for n in 0..FAULTS {
        // Writing to a String does not fail.
        let _ = writeln!(yaml, "  - {{ id: p{n}, http: \"{target}/plain/p{n}\" }}");
    }
    yaml
}
