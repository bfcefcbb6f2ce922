//! What a running server is asked for: tickets, answers, silences, overrides, tokens.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};
use watchbell_config::{Config, Secrets, Server, TlsFiles};
use watchbell_engine::view::{AbsenceView, OverrideView, TestView, TicketView, WhyView};
use watchbell_engine::word::Receipt;

use super::args::{Command, Common, Format, TokenCommand, instant};
use super::client::ApiClient;
use super::output::{Failure, quiet_configuration, say, say_json};
use super::tell;
use crate::app;
use crate::clock::Clock;
use crate::inbox::ReloadDone;
use crate::web::api::shapes::{Absences, FeedView, NewToken, Tickets, Tokens};
use crate::web::percent_encoded;

/// Where the token for the API comes from; the bootstrap token serves where it is set.
const TOKEN_VARIABLES: [&str; 2] = ["WATCHBELL_TOKEN", "WATCHBELL_ADMIN_TOKEN"];

/// A test page has its outcome by then: one send is cut off after 5 s.
const TEST_WITHIN: Duration = Duration::from_secs(15);

/// How often the outcome is asked for.
const TEST_POLL: Duration = Duration::from_millis(200);

/// A client of the server that the flags or the configuration name. On the server's own machine the
/// operator needs no token: whoever can read the server key may act.
pub(super) fn client(common: &Common, config: Option<&Config>) -> Result<ApiClient, Failure> {
    let given = TOKEN_VARIABLES.iter().find_map(|name| std::env::var(name).ok().filter(|t| !t.is_empty()));
    let here = config.filter(|_| common.server.is_none());
    let token = given.or_else(|| here.and_then(app::operator_token));
    match (&common.server, config) {
        (Some(server), _) => ApiClient::new(server, token, None),
        (None, Some(Config { server, .. })) => {
            let own = certificate(server).map(|tls| tls.cert.as_path());
            ApiClient::new(&url(server, reachable(server.listen)), token, own)
        }
        (None, None) => Err(Failure::input("name the server with --server http://127.0.0.1:7247")),
    }
}

/// What `listen` speaks TLS with; on loopback it does not.
fn certificate(server: &Server) -> Option<&TlsFiles> {
    server.tls.as_ref().filter(|_| !server.listen.ip().is_loopback())
}

/// Where the server is found at this address.
pub(super) fn url(server: &Server, address: SocketAddr) -> String {
    format!("{}://{address}", if certificate(server).is_some() { "https" } else { "http" })
}

/// An address that stands for all of this machine's is reached through loopback.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    listen
}

/// A server, and how to speak about its answers.
pub(super) struct Session {
    pub(super) api: ApiClient,
    pub(super) zone: TimeZone,
    format: Format,
}

pub(super) async fn run(common: &Common, command: Command) -> Result<ExitCode, Failure> {
    // The files say where the server is and in which zone to speak; with --server they may be missing.
    let config = match (quiet_configuration(common, Secrets::WarnIfMissing), &common.server) {
        (Ok(config), _) => Some(config),
        (Err(_), Some(_)) => None,
        (Err(failure), None) => {
            return Err(failure.help("with --server URL and WATCHBELL_TOKEN these files are not needed"));
        }
    };
    let zone = config.as_ref().map_or(TimeZone::UTC, |c| c.catalog.zone.clone());
    let session = Session { api: client(common, config.as_ref())?, zone, format: common.format };
    session.obey(command, config.as_ref()).await
}

impl Session {
    async fn obey(&self, command: Command, config: Option<&Config>) -> Result<ExitCode, Failure> {
        match command {
            Command::Tickets { state } => self.tickets(&state).await?,
            Command::Ack { ticket } => self.act(&ticket, "ack", json!({})).await?,
            Command::Resolve { ticket, resolved_as, cause } => {
                self.act(&ticket, "resolve", json!({"as": resolved_as, "cause": cause})).await?;
            }
            Command::Escalate { ticket } => self.act(&ticket, "escalate", json!({})).await?,
            Command::Snooze { ticket, lasts } => {
                self.act(&ticket, "snooze", json!({"for": length(lasts)})).await?;
            }
            Command::Take { ticket } => self.act(&ticket, "take", json!({})).await?,
            Command::Assign { ticket, person } => self.act(&ticket, "assign", json!({"person": person})).await?,
            Command::Merge { ticket, into } => self.act(&ticket, "merge", json!({"into": into})).await?,
            Command::Note { ticket, text } => self.act(&ticket, "note", json!({"text": text})).await?,
            Command::Declare { text, severity, labels } => {
                let body = json!({"summary": text, "severity": severity, "labels": pairs(&labels)?});
                self.show_ticket(&self.api.post("/api/v1/tickets", &body).await?);
            }
            Command::Why { ticket } => {
                let why: WhyView = self.api.get(&format!("/api/v1/tickets/{}/why", percent_encoded(&ticket))).await?;
                self.show(&why, || tell::why(&why, &self.zone));
            }
            Command::TestPage { person, via } => return self.test_page(&person, via.as_deref()).await,
            Command::WhyNot { person, ticket } => self.why_not(&person, &ticket).await?,
            Command::Suppressed => self.suppressed().await?,
            Command::Maintenance { command } => self.maintenance(command).await?,
            Command::Silences => self.silences().await?,
            Command::Extend { silence, lasts } => self.extend(&silence, lasts).await?,
            Command::Unsilence { silence } => self.unsilence(&silence).await?,
            Command::Silence { matchers, from, lasts, reason } => {
                self.silence(&matchers, from, lasts, &reason).await?;
            }
            Command::Override { rotation, person, from, lasts, replaces } => {
                self.stand_in(config, &rotation, (&person, replaces), (from, lasts)).await?;
            }
            Command::Away { person, from, to, lasts, reason, back, list } => {
                let asked = Away { person, from, to, lasts, reason };
                self.away(config, asked, back, list).await?;
            }
            Command::Cover(asked) => self.cover(config, asked).await?,
            Command::Swap(asked) => self.swap(config, asked).await?,
            Command::Covers { command } => self.covers(command).await?,
            Command::Feed { id } => {
                let is_rotation = config.is_some_and(|c| c.catalog.rotations.contains_key(id.as_str()));
                let kind = if is_rotation { "rotations" } else { "people" };
                let feed: FeedView = self.api.get(&format!("/api/v1/{kind}/{}/feed", percent_encoded(&id))).await?;
                self.show(&feed, || format!("{}\n(whoever has this address can read it)", feed.url));
            }
            Command::Reload { accept_shift_change } => self.reload(accept_shift_change).await?,
            Command::Token { command } => self.token(command).await?,
            Command::Run
            | Command::Demo(_)
            | Command::Init { .. }
            | Command::Check { .. }
            | Command::Probe { .. }
            | Command::Oncall { .. }
            | Command::Rota(_)
            | Command::Simulate(_)
            | Command::Doctor { .. } => unreachable!("these do not ask a server; `dispatch` serves them"),
        }
        Ok(ExitCode::SUCCESS)
    }

    pub(super) fn show(&self, value: &impl Serialize, words: impl FnOnce() -> String) {
        match self.format {
            Format::Json => say_json(value),
            Format::Text => say(words()),
        }
    }

    fn show_ticket(&self, ticket: &TicketView) {
        self.show(ticket, || tell::ticket(ticket, &self.zone));
    }

    async fn tickets(&self, state: &str) -> Result<(), Failure> {
        let list: Tickets = self.api.get(&format!("/api/v1/tickets?state={}", percent_encoded(state))).await?;
        self.show(&list, || tell::tickets(&list.tickets, &self.zone));
        Ok(())
    }

    async fn act(&self, ticket: &str, deed: &str, body: Value) -> Result<(), Failure> {
        self.show_ticket(&self.api.post(&format!("/api/v1/tickets/{}/{deed}", percent_encoded(ticket)), &body).await?);
        Ok(())
    }

    /// Exit code 0 only when the provider accepted.
    async fn test_page(&self, person: &str, channel: Option<&str>) -> Result<ExitCode, Failure> {
        let asked: Value = self.api.post("/api/v1/test-pages", &json!({"person": person, "channel": channel})).await?;
        let id = asked["id"].as_str().unwrap_or_default();
        let end = Instant::now() + TEST_WITHIN;
        let test = loop {
            let test: TestView = self.api.get(&format!("/api/v1/test-pages/{id}")).await?;
            if test.receipt.is_some() || Instant::now() >= end {
                break test;
            }
            tokio::time::sleep(TEST_POLL).await;
        };
        let accepted = test.receipt.is_some_and(Receipt::is_accepted);
        self.show(&test, || {
            let receipt = test.receipt.map_or("no outcome yet", |r| r.as_str());
            let detail = test.detail.as_deref().map_or(String::new(), |d| format!(" ({d})"));
            format!("{} to {} over {}: {receipt}{detail}", test.id, test.person, test.channel)
        });
        Ok(if accepted { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    async fn stand_in(
        &self,
        config: Option<&Config>,
        rotation: &str,
        (person, replaces): (&str, Option<String>),
        (from, lasts): (Option<String>, SignedDuration),
    ) -> Result<(), Failure> {
        let zone = config.and_then(|c| c.catalog.rotations.get(rotation)).map_or(&self.zone, |r| &r.zone);
        let now = Clock::system().now();
        let from = from.map_or(Ok(now), |text| instant(&text, zone, now)).map_err(Failure::input)?;
        let body = json!({"person": person, "from": from, "for": length(lasts), "replaces": replaces});
        let added: OverrideView =
            self.api.post(&format!("/api/v1/rotations/{}/overrides", percent_encoded(rotation)), &body).await?;
        self.show(&added, || {
            let (from, to) = (tell::moment(added.from, zone), tell::moment(added.to, zone));
            let id = added.id.map_or(String::new(), |id| format!("{id}: "));
            let whom =
                added.replaces.as_ref().map_or(added.rotation.to_string(), |p| format!("{p} in {}", added.rotation));
            format!("{id}{} stands in for {whom} from {from} to {to}", added.person)
        });
        Ok(())
    }

    async fn away(
        &self,
        config: Option<&Config>,
        asked: Away,
        back: Option<String>,
        list: bool,
    ) -> Result<(), Failure> {
        let line = |absence: &AbsenceView| {
            let id = absence.id.map_or("(yaml)".to_owned(), |id| id.to_string());
            let (from, to) = (tell::moment(absence.from, &self.zone), tell::moment(absence.to, &self.zone));
            let reason = absence.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            format!("{id}: {} is away from {from} to {to}{reason}", absence.person)
        };
        if list {
            let all: Absences = self.api.get("/api/v1/absences").await?;
            let lines = || all.absences.iter().map(line).collect::<Vec<_>>().join("\n");
            self.show(&all, || if all.absences.is_empty() { "nobody is away".into() } else { lines() });
            return Ok(());
        }
        if let Some(id) = back {
            self.api.delete(&format!("/api/v1/absences/{}", percent_encoded(&id))).await?;
            self.show(&json!({"removed": id}), || format!("{id} is taken back"));
            return Ok(());
        }
        let person = asked.person.unwrap_or_default();
        let zone = config.and_then(|c| c.catalog.people.get(person.as_str())).map_or(&self.zone, |p| &p.zone);
        let now = Clock::system().now();
        let from = asked.from.map_or(Ok(now), |text| instant(&text, zone, now)).map_err(Failure::input)?;
        let to = asked.to.map(|text| instant(&text, zone, now)).transpose().map_err(Failure::input)?;
        let mut body = json!({"person": person, "from": from, "reason": asked.reason});
        match (to, asked.lasts) {
            (Some(to), _) => body["to"] = json!(to),
            (None, Some(lasts)) => body["for"] = json!(length(lasts)),
            (None, None) => return Err(Failure::input("say until when: --to or --for")),
        }
        let absence: AbsenceView = self.api.post("/api/v1/absences", &body).await?;
        self.show(&absence, || line(&absence));
        Ok(())
    }

    async fn reload(&self, accept_shift_change: bool) -> Result<(), Failure> {
        let body = json!({"accept_shift_change": accept_shift_change});
        let done: ReloadDone = self.api.post("/api/v1/reload", &body).await?;
        self.show(&done, || {
            let what = if done.changed { "is in force now" } else { "was in force already" };
            done.notes.iter().fold(format!("revision {} {what}", done.revision), |text, note| format!("{text}\n{note}"))
        });
        Ok(())
    }

    async fn token(&self, command: TokenCommand) -> Result<(), Failure> {
        match command {
            TokenCommand::Create { name, role } => {
                let made: NewToken = self.api.post("/api/v1/tokens", &json!({"name": name, "role": role})).await?;
                self.show(&made, || format!("{}\n(shown this once; set it as WATCHBELL_TOKEN)", made.token));
            }
            TokenCommand::List => {
                let list: Tokens = self.api.get("/api/v1/tokens").await?;
                self.show(&list, || {
                    let line = |t: &crate::web::api::shapes::TokenView| {
                        let used = t
                            .last_used
                            .map_or("never used".into(), |at| format!("last used {}", tell::moment(at, &self.zone)));
                        format!("{} ({}), {used}", t.name, t.role)
                    };
                    let lines: Vec<String> = list.tokens.iter().map(line).collect();
                    if lines.is_empty() { "no tokens".into() } else { lines.join("\n") }
                });
            }
            TokenCommand::Revoke { name } => {
                self.api.delete(&format!("/api/v1/tokens/{}", percent_encoded(&name))).await?;
                self.show(&json!({"revoked": name}), || format!("{name} is revoked"));
            }
        }
        Ok(())
    }
}

/// What `away` was told.
struct Away {
    person: Option<String>,
    from: Option<String>,
    to: Option<String>,
    lasts: Option<SignedDuration>,
    reason: Option<String>,
}

/// A length as the API reads it.
pub(super) fn length(lasts: SignedDuration) -> String {
    format!("{}s", lasts.as_secs().max(1))
}

fn pairs(labels: &[String]) -> Result<Value, Failure> {
    let mut out = serde_json::Map::new();
    for label in labels {
        let (name, value) = label
            .split_once('=')
            .ok_or_else(|| Failure::input(format!("`--label {label}` has no value; write --label name=value")))?;
        out.insert(name.into(), value.into());
    }
    Ok(Value::Object(out))
}
