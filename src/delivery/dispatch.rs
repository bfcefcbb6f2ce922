//! From a message to its report: the place in its channel's lane, the cut-off, the count.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use watchbell_config::model::{ChannelSpec, Config, Secret, WebhookSpec};
use watchbell_engine::fact::MessageKind;
use watchbell_engine::ids::{ChannelId, SendSubject};
use watchbell_engine::input::SendReport;
use watchbell_engine::outgoing::Outgoing;

use super::dingtalk::Dingtalk;
use super::http::HttpClient;
use super::sent::Sent;
use super::smtp::SmtpSender;
use super::waiting::{Place, Waiting};
use super::webhook::Webhook;
use super::{DeliveryDeps, LinkMaker};
use crate::clock::Clock;
use crate::inbox::{Inbox, Live};
use crate::telemetry::Metrics;
use crate::words::{Links, page_text};

/// How many sends of one channel are under way at once: enough for a storm at 1 ms a message, few enough
/// for the connection limits that mail relays set.
const IN_FLIGHT: usize = 16;

/// Messages about duty wait among themselves, so that no page finds their places taken.
const IN_FLIGHT_DUTY: usize = 2;

/// A chat robot gets its messages one after another, so that the room reads them in order.
const IN_FLIGHT_ROBOT: usize = 1;

/// How often the age of the oldest waiting message is shown anew.
const AGE_SHOWN_EVERY: Duration = Duration::from_secs(1);

/// The senders, and what they share.
pub(super) struct Dispatch {
    clock: Clock,
    inbox: Inbox,
    live: Arc<Live>,
    metrics: Metrics,
    links: Arc<dyn LinkMaker>,
    loop_back: (ChannelSpec, Secret),
    send_timeout: Duration,
    place_timeout: Duration,
    stop: CancellationToken,
    lanes: Mutex<BTreeMap<(ChannelId, usize), Arc<Semaphore>>>,
    waiting: Arc<Waiting>,
    smtp: SmtpSender,
    webhook: Webhook,
    dingtalk: Dingtalk,
}

impl Dispatch {
    pub(super) fn new(deps: DeliveryDeps, stop: CancellationToken) -> Self {
        let DeliveryDeps { clock, inbox, live, metrics, links, loop_back, tuning } = deps;
        let http = HttpClient::new();
        Self {
            waiting: Arc::new(Waiting::new(clock.clone(), metrics.outbox_oldest.clone())),
            smtp: SmtpSender::with_roots(tuning.smtp_roots, tuning.send_timeout),
            webhook: Webhook::new(http.clone()),
            dingtalk: Dingtalk::new(http),
            loop_back: (ChannelSpec::Webhook(WebhookSpec { secret: None }), loop_back),
            send_timeout: tuning.send_timeout,
            place_timeout: tuning.place_timeout,
            lanes: Mutex::default(),
            clock,
            inbox,
            live,
            metrics,
            links,
            stop,
        }
    }

    /// Lines a page up for the age that is shown. Follow-ups may wait: nobody has to be woken for those.
    pub(super) fn queue(&self, message: &Outgoing) -> Option<Place> {
        (message.kind == MessageKind::Page).then(|| self.waiting.enter(message.decided_at))
    }

    /// Shows the age of the oldest waiting message, until the stop.
    pub(super) async fn watch_age(self: Arc<Self>) {
        let mut every = tokio::time::interval(AGE_SHOWN_EVERY);
        while self.stop.run_until_cancelled(every.tick()).await.is_some() {
            self.waiting.refresh();
        }
    }

    /// Waits for a place, sends, and reports. Ends in one report, whatever happens.
    pub(super) async fn deliver(self: Arc<Self>, message: Outgoing, waiting: Option<Place>) {
        let place = self.place(&message).await;
        drop(waiting);
        let (handed_over, sent) = match place {
            Err(sent) => (None, sent),
            // In a box: ten thousand waiting messages must not each hold room for a conversation.
            Ok(_permit) => Box::pin(self.hand_over(&message)).await,
        };
        self.report(message, handed_over, sent).await;
    }

    /// A place in the channel's lane, or why there will be none.
    async fn place(&self, message: &Outgoing) -> Result<tokio::sync::OwnedSemaphorePermit, Sent> {
        let config = self.live.config.load_full();
        let places = match self.contact(&config, message)?.0 {
            ChannelSpec::Smtp(_) | ChannelSpec::Webhook(_) if message.duty.is_some() || message.silence.is_some() => {
                IN_FLIGHT_DUTY
            }
            ChannelSpec::Smtp(_) | ChannelSpec::Webhook(_) => IN_FLIGHT,
            ChannelSpec::Dingtalk(spec) => {
                self.dingtalk.reserve(spec, message.kind, Instant::now())?;
                IN_FLIGHT_ROBOT
            }
        };
        let stopping = || Sent::try_again("watchbell is stopping; it is sent after the next start");
        let lane = self.lane(&message.channel, places);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(stopping()),
            place = lane.acquire_owned() => place.map_err(|_| stopping()),
            () = tokio::time::sleep(self.place_timeout) => {
                Err(Sent::try_again("too many messages wait for this channel; it is decided anew"))
            }
        }
    }

    fn lane(&self, channel: &ChannelId, places: usize) -> Arc<Semaphore> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry((channel.clone(), places)).or_insert_with(|| Arc::new(Semaphore::new(places)));
        Arc::clone(lane)
    }

    /// One try, cut off in time. A sender that panics is a bug of ours, and must not leave the page without
    /// a report.
    async fn hand_over(&self, message: &Outgoing) -> (Option<Timestamp>, Sent) {
        let config = self.live.config.load_full();
        let (spec, address) = match self.contact(&config, message) {
            Ok(found) => found,
            Err(sent) => return (None, sent),
        };
        let started = self.clock.now();
        let send = AssertUnwindSafe(self.send(message, spec, address)).catch_unwind();
        let sent = match tokio::time::timeout(self.send_timeout, send).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(_panic)) => Sent::unknown("the sender failed inside watchbell; see its log"),
            Err(_elapsed) => Sent::unknown(&format!("no answer within {:?}", self.send_timeout)),
        };
        (Some(started), sent)
    }

    /// How the channel sends and where the person is reached.
    fn contact<'a>(&'a self, config: &'a Config, message: &Outgoing) -> Result<(&'a ChannelSpec, &'a Secret), Sent> {
        match message.send.subject {
            SendSubject::Canary(_) => Ok((&self.loop_back.0, &self.loop_back.1)),
            SendSubject::Page(_) | SendSubject::Notice(_) | SendSubject::Test(_) | SendSubject::Duty(_) => {
                contact(config, message)
            }
        }
    }

    async fn send(&self, message: &Outgoing, spec: &ChannelSpec, address: &Secret) -> Sent {
        let now = self.clock.now();
        match spec {
            ChannelSpec::Smtp(spec) => {
                let text = page_text(message, &self.links(message));
                self.smtp.send(spec, address, message, &text, now).await
            }
            ChannelSpec::Webhook(spec) => {
                let (link, also) = (self.page_link(message), self.also_links(message));
                self.webhook.send(spec, address, message, link, &also, now).await
            }
            ChannelSpec::Dingtalk(spec) => {
                let text = page_text(message, &self.links(message));
                self.dingtalk.send(spec, address, &text, now).await
            }
        }
    }

    async fn report(&self, message: Outgoing, handed_over: Option<Timestamp>, sent: Sent) {
        let Outgoing { send, channel, .. } = message;
        let Sent { receipt, detail, retry_after } = sent;
        self.metrics.pages.with_label_values(&[channel.as_str(), receipt.as_str()]).inc();
        if matches!(send.subject, SendSubject::Canary(_)) {
            tracing::debug!(%send, %receipt, detail, "the canary {send}: {receipt}");
        } else {
            tracing::info!(%send, %channel, %receipt, detail, "message {send} over {channel}: {receipt}");
        }
        let report = SendReport { send, handed_over, receipt, detail, retry_after };
        if self.inbox.report(report).await.is_err() {
            // The process is ending: the next one finds the row without an outcome and asks the engine.
            tracing::debug!(%send, "the engine is gone; the outbox row stays unfinished");
        }
    }

    /// The links for a page; a follow-up has one to look at, a test none.
    fn links(&self, message: &Outgoing) -> Links {
        let Some(link) = self.page_link(message) else { return Links::default() };
        let ticket = self.ticket_link(message);
        match message.kind {
            MessageKind::Page => Links {
                // The link's page has all three buttons; the part behind # takes the eye to the right one.
                escalate: Some(format!("{link}#escalate")),
                decline: Some(format!("{link}#decline")),
                ack: Some(link),
                also: self.also_links(message),
                ticket,
            },
            MessageKind::Acknowledged | MessageKind::Escalated | MessageKind::Resolved | MessageKind::Cancelled => {
                Links { ticket: Some(ticket.unwrap_or(link)), ..Links::default() }
            }
            MessageKind::Test
            | MessageKind::DutyHandoff
            | MessageKind::DutyReminder
            | MessageKind::DutyCover
            | MessageKind::SilenceExpiring => Links::default(),
        }
    }

    /// The links of the other pages that the message tells.
    fn also_links(&self, message: &Outgoing) -> Vec<String> {
        message.also.iter().map(|also| self.links.ack_url(also.page, &message.channel)).collect()
    }

    fn page_link(&self, message: &Outgoing) -> Option<String> {
        message.page.map(|page| self.links.ack_url(page, &message.channel))
    }

    /// Where the ticket is shown, while it is in the live view.
    fn ticket_link(&self, message: &Outgoing) -> Option<String> {
        let view = self.live.view.load();
        let ticket = view.tickets.get(&message.about.as_ref()?.ticket)?;
        Some(ticket.view.url.clone()).filter(|url| url.starts_with("http"))
    }
}

/// How the channel sends and where the person is reached, by the configuration in force.
fn contact<'a>(config: &'a Config, message: &Outgoing) -> Result<(&'a ChannelSpec, &'a Secret), Sent> {
    let (person, channel) = (&message.person, &message.channel);
    let spec = config
        .channels
        .get(channel)
        .ok_or_else(|| Sent::refused(&format!("there is no channel {channel} in the configuration any more")))?;
    let address = config.contacts.get(person).and_then(|contacts| contacts.get(channel));
    let address =
        address.ok_or_else(|| Sent::refused(&format!("{person} has no contact on channel {channel} any more")))?;
    Ok((spec, address))
}
