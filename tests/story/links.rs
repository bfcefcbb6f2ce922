//! Links that must not work: of an earlier occurrence, and made up.

use super::bell::{Home, LIMIT, client, read};
use super::hooks::Got;
use super::town::Town;

/// How many characters sign a link (design, section 8).
const SIGNATURE: usize = 22;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_an_earlier_occurrence_acknowledges_nothing() {
    let town = Town::start().await;
    let (hooks, target) = (town.hooks.base(), town.target.base());
    let yaml = format!(
        r#"
channels: {{ hook: {{ webhook: {{ secret: {{ env: HOOK_SECRET }} }} }} }}
people: [ {{ id: ann, contacts: {{ hook: "{hooks}/ann" }} }} ]
defaults: {{ every: 500ms, timeout: 400ms, alert: {{ down_after: 2, confirm_after: 50ms }} }}
probes: [ {{ id: site, http: "{target}/plain/site" }} ]
"#
    );
    let home = Home::written(&yaml, None);
    let bell = home.started().await;
    let is_page = |n: u32| move |got: &Got| got.kind() == "page" && got.page() == format!("INC-1-p{n}");
    town.target.fail("/plain/site");
    let first = town.hook("the first occurrence", LIMIT, is_page(1)).await;
    town.target.heal("/plain/site");
    town.hook("it is over", LIMIT, |got| got.kind() == "page.resolved").await;
    let press = async |link: &str| read(client().post(link)).await.expect("an answer").status;
    assert_eq!(press(first.ack_url()).await, 409, "there is nothing to take any more");

    town.target.fail("/plain/site");
    let second = town.hook("the same fault soon after", LIMIT, is_page(2)).await;
    let ticket = async || bell.json("/api/v1/tickets/INC-1").await;
    assert_eq!((&ticket().await["reopened"], &ticket().await["state"]), (&1.into(), &"triggered".into()));
    assert_eq!(press(first.ack_url()).await, 409, "the link is of the earlier occurrence");
    assert_eq!(ticket().await["state"], "triggered");
    // The link of the one page with the signature of the other.
    let (signed, page) = (first.ack_url(), second.ack_url());
    let forged = format!("{}{}", &page[..page.len() - SIGNATURE], &signed[signed.len() - SIGNATURE..]);
    assert_eq!(press(&forged).await, 404, "nobody makes links but the server");
    assert_eq!(read(client().get(&forged)).await.expect("an answer").status, 404);
    assert_eq!(press(second.ack_url()).await, 303);
    assert_eq!(ticket().await["state"], "acknowledged");
}
