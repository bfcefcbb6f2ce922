//! What decisions need to know of the configuration: people, rotations, policies, routes, probes.
//!
//! `crates/config` builds a [`Catalog`] from YAML, complete and consistent: every id that one part
//! names exists in another. Addresses, secrets and requests are not here; they belong to whoever
//! sends and probes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::condition::{Condition, Hold};
use crate::ids::{
    AbsenceId, CalendarId, ChannelId, LayerId, OverrideId, PersonId, PolicyId, ProbeId, Revision, RotationId,
};
use crate::label::{Labels, Matcher};
use crate::not_paging::{FlapRule, NotPaging};
use crate::time::Millis;
use crate::word::{Locale, Priority, Severity};

/// One revision of the configuration, as decisions see it.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Names this revision in every decision.
    pub revision: Revision,
    /// The zone in which times are shown where nothing else says so.
    pub zone: TimeZone,
    /// The language of pages and screens where nothing else says so.
    pub locale: Locale,
    /// Everybody who can be paged, rooms included.
    pub people: BTreeMap<PersonId, Person>,
    /// Who is on duty when.
    pub rotations: BTreeMap<RotationId, Rotation>,
    /// Working-day calendars that rotations ask.
    pub calendars: BTreeMap<CalendarId, Calendar>,
    /// Ways to escalate.
    pub policies: BTreeMap<PolicyId, Policy>,
    /// The policy of what no route matches; always in `policies`.
    pub default_policy: PolicyId,
    /// The policy of signals about watchbell itself (`self:` keys); the catch-all alone where `None`.
    pub self_policy: Option<PolicyId>,
    /// First match wins.
    pub routes: Vec<Route>,
    /// The channels that pages can take.
    pub channels: BTreeMap<ChannelId, Channel>,
    /// What is known of each probe beside how it is run.
    pub probes: BTreeMap<ProbeId, ProbeInfo>,
    /// Who is paged when everything else is used up, where a policy names nobody of its own.
    pub catch_all: CatchAll,
    /// What is kept quiet, when, and by what.
    pub not_paging: NotPaging,
}

/// A person, or a room that a group reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Its id.
    pub id: PersonId,
    /// As shown in pages and screens.
    pub name: String,
    /// A room: its answers are recorded as unverified.
    pub room: bool,
    /// Not to be paged; falls through to the layer below.
    pub disabled: bool,
    /// The language of its pages.
    pub locale: Locale,
    /// The zone in which its pages show times.
    pub zone: TimeZone,
    /// When each channel is tried, counted from the page's start. Filled in by the default ladder
    /// ([`crate::paging::default_ladders`]) where the YAML has none.
    pub page_by: PageBy,
    /// The channels over which there is an address.
    pub channels: BTreeSet<ChannelId>,
    /// When the person has no duty, as written in YAML.
    pub away: Vec<Absence>,
}

/// The two ladders of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageBy {
    /// For P1 and P2.
    pub urgent: Vec<LadderEntry>,
    /// For P3 and P4.
    pub normal: Vec<LadderEntry>,
}

impl PageBy {
    /// The ladder for a priority.
    pub fn ladder(&self, priority: Priority) -> &[LadderEntry] {
        if priority.is_urgent() { &self.urgent } else { &self.normal }
    }
}

/// One entry of a ladder: all its channels at once.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LadderEntry {
    /// Counted from the page's start.
    pub after: Millis,
    /// All tried at once.
    pub via: Vec<ChannelId>,
}

/// A channel, as far as decisions care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// How it reaches people.
    pub kind: ChannelKind,
    /// Whether it can wake somebody.
    pub loud: bool,
}

/// The kinds of channel there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// Mail.
    Smtp,
    /// An HTTP POST of ours (Standard Webhooks).
    Webhook,
    /// A DingTalk group robot.
    Dingtalk,
}

impl ChannelKind {
    /// The key under which YAML describes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Webhook => "webhook",
            Self::Dingtalk => "dingtalk",
        }
    }
}

/// Who is on duty when: layers, a later one covering the earlier ones.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Its id.
    pub id: RotationId,
    /// The zone of its wall times.
    pub zone: TimeZone,
    /// The calendar that `workdays` and `restdays` ask.
    pub calendar: Option<CalendarId>,
    /// From the lowest to the highest.
    pub layers: Vec<Layer>,
    /// Those written in YAML; a later line wins over an earlier one.
    pub overrides: Vec<Override>,
    /// Schedules for a while, above the layers; a later one covers an earlier one.
    pub temporary: Vec<Temporary>,
    /// Why it is right that nobody is on duty at times; a gap without a reason is a mistake.
    pub gaps_allowed: Option<String>,
    /// What its people are told of their duty.
    pub messages: DutyMessages,
}

/// What the people of a rotation are told of their duty, over quiet channels alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DutyMessages {
    /// At a handoff, whoever comes on and whoever goes off.
    pub handoff: bool,
    /// So long before a shift begins; not at all, where `None`.
    pub remind: Option<Millis>,
}

impl Default for DutyMessages {
    fn default() -> Self {
        Self { handoff: true, remind: None }
    }
}

/// One cycle of people through time.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Unique within the rotation.
    pub id: LayerId,
    /// In the order of their turns; never empty.
    pub people: Vec<PersonId>,
    /// When the next one takes over.
    pub turn: Turn,
    /// Active only inside these windows; always, where empty.
    pub only: Vec<Window>,
    /// The zone of its handoffs and windows, where that is not the rotation's (follow-the-sun).
    pub zone: Option<TimeZone>,
    /// So many people have a turn together, at least 1: the next in the order, then those after them.
    pub at_once: u32,
}

impl Layer {
    /// The zone of its wall times.
    pub fn zone_in<'a>(&'a self, rotation: &'a Rotation) -> &'a TimeZone {
        self.zone.as_ref().unwrap_or(&rotation.zone)
    }
}

/// Who is on duty for a while instead of the layers: a holiday week, a release night. Where it lists
/// nobody the layers hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temporary {
    /// From this instant, inclusive.
    pub from: Timestamp,
    /// To this instant, exclusive; what its shifts have outside is cut off.
    pub to: Timestamp,
    /// In any order; those that overlap are on duty together.
    pub shifts: Vec<TemporaryShift>,
}

/// One shift of a temporary schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryShift {
    /// Who.
    pub person: PersonId,
    /// From this instant, inclusive.
    pub from: Timestamp,
    /// To this instant, exclusive.
    pub to: Timestamp,
}

/// When a layer hands off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// How often.
    pub every: TurnEvery,
    /// At which wall time.
    pub at: HandoffAt,
    /// The first `at` on or after this date starts the first person; before it nobody is on duty.
    pub since: Date,
    /// What counts as a turn.
    pub by: TurnBy,
}

/// The unit and count of a turn; the count is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnEvery {
    /// Elapsed hours from the first handoff.
    Hours(u32),
    /// Every n-th day at the wall time.
    Days(u32),
    /// Every n-th week.
    Weeks(u32),
    /// Every n-th month; a month without the day uses its last.
    Months(u32),
    /// On each of these weekdays, Monday first; at least one.
    Weekdays([bool; 7]),
}

/// A wall time, with the day of week or month where the unit needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandoffAt {
    /// The time of day.
    pub time: Time,
    /// For weeks.
    pub weekday: Option<Weekday>,
    /// For months, 1 to 31.
    pub day: Option<i8>,
}

/// What counts as a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TurnBy {
    /// Turns pass whether or not the layer is active.
    #[default]
    Calendar,
    /// Turns pass per window in which the layer is active.
    Active,
}

/// A span of local wall time on some days. One whose `to` is not after its `from` runs past
/// midnight and belongs to the day it starts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The days on which it starts.
    pub days: Days,
    /// Start, inclusive.
    pub from: Time,
    /// End, exclusive. Equal to `from` means a whole day from `from` on.
    pub to: Time,
    /// First and last day on which it may start, both inclusive.
    pub dates: Option<(Date, Date)>,
}

/// Which days a window starts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Days {
    /// Every day.
    Any,
    /// These weekdays, Monday first.
    Weekdays([bool; 7]),
    /// Days that the rotation's calendar calls working days (make-up Saturdays included).
    Workdays,
    /// All others.
    Restdays,
}

/// Statutory holidays and make-up working days. Plain Monday to Friday where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Weekdays that are free.
    pub holidays: BTreeSet<Date>,
    /// Weekend days that are worked.
    pub make_up: BTreeSet<Date>,
    /// The years that have been published; outside them the plain rule is a guess.
    pub years: BTreeSet<i16>,
}

impl Calendar {
    /// Whether people work on this day.
    pub fn is_workday(&self, date: Date) -> bool {
        if self.make_up.contains(&date) {
            return true;
        }
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        !weekend && !self.holidays.contains(&date)
    }
}

/// Somebody stands in for whoever would be on duty, for a bounded time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Override {
    /// `None` for one written in YAML.
    pub id: Option<OverrideId>,
    /// Whose duty.
    pub rotation: RotationId,
    /// Who stands in.
    pub person: PersonId,
    /// From this instant, inclusive.
    pub from: Timestamp,
    /// To this instant, exclusive.
    pub to: Timestamp,
    /// Stands in for this person alone, and only while that person would be on duty; for everybody,
    /// where `None`.
    #[serde(default)]
    pub replaces: Option<PersonId>,
}

/// Somebody has no duty for a while; whoever is next in the layer's order stands in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Absence {
    /// `None` for one written in YAML.
    pub id: Option<AbsenceId>,
    /// Who.
    pub person: PersonId,
    /// From this instant, inclusive.
    pub from: Timestamp,
    /// To this instant, exclusive.
    pub to: Timestamp,
    /// Why, as far as colleagues should know.
    pub reason: Option<String>,
}

/// A way to escalate: steps in order, repeated, then the catch-all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// At least one.
    pub steps: Vec<Step>,
    /// So many further passes after the first.
    pub repeat: u32,
    /// Who is paged when all passes are used up.
    pub catch_all: CatchAll,
    /// Pages again when an acknowledged ticket is still open after this long: whoever has it, then from
    /// step 1.
    pub ack_timeout: Option<Millis>,
    /// Low urgency waits for office hours.
    pub hold: Option<Hold>,
}

/// One step of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Everybody who is paged at once.
    pub page: Vec<Target>,
    /// How long they have, from step entry, until the next step.
    pub ack_within: Millis,
    /// Who must acknowledge.
    pub require: Require,
    /// Paged only when this is so.
    pub when: Condition,
    /// What becomes of it otherwise.
    pub otherwise: Otherwise,
}

impl Step {
    /// A step without conditions in which one acknowledgement is enough.
    pub fn new(page: Vec<Target>, ack_within: Millis) -> Self {
        let (require, when, otherwise) = (Require::One, Condition::default(), Otherwise::Skip);
        Self { page, ack_within, require, when, otherwise }
    }

    /// The policy that takes over here, where the step names one.
    pub fn leads_to(&self) -> Option<&PolicyId> {
        self.page.iter().find_map(|target| match target {
            Target::Policy(id) => Some(id),
            Target::Person(_) | Target::Rotation(_) | Target::WholeRotation(_) => None,
        })
    }
}

/// Who of a step must acknowledge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// Anybody.
    #[default]
    One,
    /// Everybody who is paged in it.
    All,
}

/// What becomes of a step whose condition is not fulfilled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Otherwise {
    /// It is passed over.
    #[default]
    Skip,
    /// It is passed over now and entered when its window opens, if the ticket is still being pursued then.
    Wait,
}

/// Whom a step pages.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A person or a room.
    Person(PersonId),
    /// Whoever is on duty.
    Rotation(RotationId),
    /// Everybody in the rotation, on duty or not.
    WholeRotation(RotationId),
    /// The steps of another policy take over from here, with its own repeat and catch-all; it stands alone
    /// in its step.
    Policy(PolicyId),
}

/// The person of last resort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatchAll {
    /// Who.
    pub person: PersonId,
    /// Paged again this often until somebody acknowledges or ends it.
    pub every: Millis,
}

/// From labels to a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `alerts/routing.yaml:12`, or `default`; named in every decision.
    pub name: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// How to escalate.
    pub policy: PolicyId,
    /// Instead of the one that follows from the severity.
    pub priority: Option<Priority>,
    /// Alerts with the same values of these labels share a ticket; each key has its own where empty.
    pub group_by: Vec<String>,
    /// A key that fires again this soon after the resolve reopens its ticket; zero for never.
    pub reopen_within: Millis,
    /// A new member of an acknowledged ticket pages when the acknowledgement is older than this.
    pub regroup_after: Millis,
    /// Low urgency waits for office hours; instead of what its policy says.
    pub hold: Option<Hold>,
}

impl Route {
    /// The default of `reopen_within`.
    pub const REOPEN_WITHIN: Millis = Millis::mins(5);
    /// The default of `regroup_after`.
    pub const REGROUP_AFTER: Millis = Millis::mins(15);
}

/// What decisions and pages need to know of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeInfo {
    /// Its id.
    pub id: ProbeId,
    /// What people call it.
    pub title: Localized,
    /// What does not work for users while it is down.
    pub impact: Option<Localized>,
    /// The service it belongs to; also a label.
    pub service: String,
    /// The component of the status page it speaks for; also a label.
    pub component: String,
    /// The team that owns it.
    pub owner: Option<String>,
    /// The severity of `down`.
    pub severity: Severity,
    /// Labels beside `probe`, `service`, `component` and `severity`.
    pub labels: Labels,
    /// What to do about it.
    pub runbook: Option<Runbook>,
    /// Where a person can look at what it checks; shown in the ticket. Never a secret.
    pub url: Option<String>,
    /// What it cannot be up without: while somebody has been told of one of those, it does not page.
    pub depends_on: Vec<ProbeId>,
    /// How long one run takes to come round: `every` and `timeout`.
    pub one_run: Millis,
    /// When its ups and downs count as flapping; never where `None`.
    pub flap: Option<FlapRule>,
    /// For a heartbeat: when beats are due.
    pub heartbeat: Option<crate::heartbeat::HeartbeatRule>,
}

/// The first steps of a runbook and where the rest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runbook {
    /// As written in YAML: a path or an address.
    pub source: String,
    /// Its first three steps, where the file could be read.
    pub steps: Vec<String>,
}

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Localized {
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
    /// English.
    pub en: String,
}

impl Localized {
    /// The same words in both languages.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { zh_cn: text.clone(), en: text }
    }

    /// The text for a reader.
    pub fn get(&self, locale: Locale) -> &str {
        match locale {
            Locale::ZhCn => &self.zh_cn,
            Locale::En => &self.en,
        }
    }
}
