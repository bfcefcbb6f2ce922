//! The command line, as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use watchbell_engine::label::Matcher;
use watchbell_engine::word::{FailureKind, Level, ResolvedAs, Severity};

use crate::gate::Role;

/// Probes what your platform lives on, pages the engineer on duty, and keeps escalating until a human answers.
#[derive(Debug, Parser)]
#[command(name = "watchbell", version, max_term_width = 100)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Args)]
pub(super) struct Common {
    /// The configuration directory.
    #[arg(long, global = true, default_value = ".", value_name = "DIR")]
    pub(super) config: PathBuf,
    /// Overrides a variable of the configuration; may be given several times.
    #[arg(long = "var", global = true, value_name = "NAME=VALUE")]
    pub(super) vars: Vec<String>,
    /// How to print.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// The running server; default: `server.listen` of the configuration.
    #[arg(long, global = true, value_name = "URL", env = "WATCHBELL_SERVER")]
    pub(super) server: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Probe, page, serve: everything.
    Run,
    /// Play with a bundled expense service, a phone and a mail inbox.
    Demo(Demo),
    /// Write a small configuration to begin with.
    Init {
        /// A directory that is empty or not there yet.
        dir: PathBuf,
    },
    /// Say whether the configuration is right, and what is wrong with it.
    Check {
        /// Missing secrets are mistakes, as they are for `run`.
        #[arg(long)]
        secrets: bool,
        /// Who is on duty differently in the next 14 days than by another directory, or by a git revision.
        #[arg(long, value_name = "REV|DIR")]
        against: Option<String>,
    },
    /// Run a probe once and print what it found. Exit code 0 for up or degraded.
    Probe {
        /// The probe.
        id: String,
    },
    /// Who is on duty.
    Oncall {
        /// At which instant; default now.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// In this rotation alone.
        #[arg(long, value_name = "ID")]
        rotation: Option<String>,
        /// Read the files even when a server answers.
        #[arg(long)]
        offline: bool,
    },
    /// A calendar of shifts and gaps, how the load is shared, or what another configuration changes.
    Rota(RotaArgs),
    /// Who would be paged, when, over what and why, if this broke. Exit code 1 when nobody would be.
    Simulate(super::simulate_command::Simulate),
    /// List tickets, newest first.
    Tickets {
        /// open, triggered, acknowledged, resolved or all.
        #[arg(long, default_value = "open")]
        state: String,
    },
    /// Take a ticket: paging stops.
    Ack {
        /// `INC-42`
        ticket: String,
    },
    /// End a ticket.
    Resolve {
        /// `INC-42`
        ticket: String,
        /// fixed, self_recovered, false_alarm, planned or duplicate.
        #[arg(long = "as", default_value = "fixed", value_parser = word::<ResolvedAs>)]
        resolved_as: ResolvedAs,
        /// Why it happened.
        #[arg(long)]
        cause: Option<String>,
    },
    /// Page the next step at once.
    Escalate {
        /// `INC-42`
        ticket: String,
    },
    /// Take a ticket, and be paged again later if it is still open.
    Snooze {
        /// `INC-42`
        ticket: String,
        /// For how long: `30m`.
        #[arg(long = "for", value_name = "LENGTH", value_parser = length)]
        lasts: jiff::SignedDuration,
    },
    /// Take a ticket over from whoever has it.
    Take {
        /// `INC-42`
        ticket: String,
    },
    /// Give a ticket to somebody, who is paged and must acknowledge.
    Assign {
        /// `INC-42`
        ticket: String,
        /// To whom.
        person: String,
    },
    /// The same fault as another: the alerts move to that ticket, and this one is over.
    Merge {
        /// `INC-42`
        ticket: String,
        /// The ticket that goes on.
        into: String,
    },
    /// Leave a word in the timeline.
    Note {
        /// `INC-42`
        ticket: String,
        /// The word.
        text: String,
    },
    /// Open a ticket for a fault that no probe sees, and page.
    Declare {
        /// One line that says what is broken.
        text: String,
        /// critical, error or warning.
        #[arg(long, default_value = "critical", value_parser = word::<Severity>)]
        severity: Severity,
        /// A label for routes, `service=invoice`; may be given several times.
        #[arg(long = "label", value_name = "NAME=VALUE")]
        labels: Vec<String>,
    },
    /// Why somebody was paged or was not.
    Why {
        /// `INC-42`
        ticket: String,
    },
    /// Send a test page. Exit code 0 only when the provider accepted it.
    TestPage {
        /// To whom.
        person: String,
        /// Over which channel; default: the first of the person's urgent ladder.
        #[arg(long, value_name = "CHANNEL")]
        via: Option<String>,
    },
    /// Say why a person was not paged for a ticket.
    WhyNot {
        /// Who.
        person: String,
        /// Which ticket.
        ticket: String,
    },
    /// List every alert that nobody is paged for, and why.
    Suppressed,
    /// Expect trouble of what matches in a window, and page nobody for it.
    Maintenance {
        #[command(subcommand)]
        command: MaintenanceCommand,
    },
    /// List the silences that have not ended.
    Silences,
    /// Give a silence another end, sooner or later.
    Extend {
        /// Which: `SIL-3`.
        silence: String,
        /// For how long from now on: `1h`.
        #[arg(long = "for", value_name = "LENGTH", value_parser = length)]
        lasts: jiff::SignedDuration,
    },
    /// End a silence now; what still fires is paged.
    Unsilence {
        /// Which: `SIL-3`.
        silence: String,
    },
    /// Page nobody for what matches, until an end.
    Silence {
        /// `service=invoice-verification`; all must match.
        #[arg(required = true, value_parser = matcher)]
        matchers: Vec<Matcher>,
        /// From when: an instant or a wall time (`22:00`); default now.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// For how long: `1h`.
        #[arg(long = "for", value_name = "LENGTH", value_parser = length)]
        lasts: jiff::SignedDuration,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Somebody stands in for whoever would be on duty.
    Override {
        /// Whose duty.
        rotation: String,
        /// Who stands in.
        person: String,
        /// From when: an instant, or a wall time of the rotation's zone (`18:00`, `2026-11-24T18:00`); default now.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// For how long: `15h`.
        #[arg(long = "for", value_name = "LENGTH", value_parser = length)]
        lasts: jiff::SignedDuration,
        /// Only for this person, while that person would be on duty.
        #[arg(long, value_name = "PERSON")]
        replaces: Option<String>,
    },
    /// Ask somebody, or everybody else of the rotation, to take a shift; nobody's duty changes before one accepts.
    Cover(CoverArgs),
    /// Offer somebody to take their shift for one of yours.
    Swap(SwapArgs),
    /// List the requests for cover that nobody has answered, or answer one.
    Covers {
        #[command(subcommand)]
        command: Option<CoversCommand>,
    },
    /// Somebody has no duty for a while; the next in the order stands in.
    Away {
        /// Who; left out with --list and --back.
        #[arg(required_unless_present_any = ["list", "back"])]
        person: Option<String>,
        /// From when: an instant, or a wall time of the person's zone; default now.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// To when.
        #[arg(long, value_name = "TIME", required_unless_present_any = ["lasts", "list", "back"])]
        to: Option<String>,
        /// For how long, instead of --to: `36h`.
        #[arg(long = "for", value_name = "LENGTH", value_parser = length, conflicts_with = "to")]
        lasts: Option<jiff::SignedDuration>,
        /// Why, as far as colleagues should know.
        #[arg(long)]
        reason: Option<String>,
        /// Take an absence back: `ABS-3`.
        #[arg(long, value_name = "ID", conflicts_with_all = ["person", "list"])]
        back: Option<String>,
        /// Who is away, now and later.
        #[arg(long, conflicts_with = "person")]
        list: bool,
    },
    /// The address of a calendar with the shifts of a person or of a rotation. Whoever has it may read it.
    Feed {
        /// The person or the rotation.
        id: String,
    },
    /// Make the running server read its configuration again.
    Reload {
        /// Even when it changes who is on duty now.
        #[arg(long)]
        accept_shift_change: bool,
    },
    /// Look whether everything is as it must be: files, store, facts, projections, outbox, clock.
    Doctor {
        /// Write the projections (tickets, pages) anew from the facts; no server may run.
        #[arg(long)]
        rebuild: bool,
    },
    /// Tokens for the API.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
}

#[derive(Debug, Args)]
pub(super) struct CoverArgs {
    /// In which rotation.
    pub(super) rotation: String,
    /// From when: an instant or a wall time of the rotation's zone; default now.
    #[arg(long, value_name = "TIME")]
    pub(super) from: Option<String>,
    /// To when.
    #[arg(long, value_name = "TIME", required_unless_present = "lasts")]
    pub(super) to: Option<String>,
    /// For how long, instead of --to: `15h`.
    #[arg(long = "for", value_name = "LENGTH", value_parser = length, conflicts_with = "to")]
    pub(super) lasts: Option<jiff::SignedDuration>,
    /// Whom to ask; everybody else of the rotation where nobody is named.
    #[arg(long, value_name = "PERSON")]
    pub(super) ask: Option<String>,
    /// Whose shift; default: whoever the token belongs to.
    #[arg(long = "as", value_name = "PERSON")]
    pub(super) person: Option<String>,
    /// A word to those who are asked.
    #[arg(long)]
    pub(super) note: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct SwapArgs {
    /// In which rotation.
    pub(super) rotation: String,
    /// With whom.
    #[arg(long, value_name = "PERSON")]
    pub(super) with: String,
    /// Where your shift begins.
    #[arg(long, value_name = "TIME")]
    pub(super) from: String,
    /// Where your shift ends.
    #[arg(long, value_name = "TIME", required_unless_present = "lasts", requires = "their_to")]
    pub(super) to: Option<String>,
    /// Where the shift begins that you take in return.
    #[arg(long, value_name = "TIME")]
    pub(super) their_from: String,
    /// Where that one ends.
    #[arg(long, value_name = "TIME", requires = "to")]
    pub(super) their_to: Option<String>,
    /// For how long, both of them, instead of --to and --their-to: `24h`.
    #[arg(long = "for", value_name = "LENGTH", value_parser = length, conflicts_with_all = ["to", "their_to"])]
    pub(super) lasts: Option<jiff::SignedDuration>,
    /// Whose shift; default: whoever the token belongs to.
    #[arg(long = "as", value_name = "PERSON")]
    pub(super) person: Option<String>,
    /// A word to the one who is asked.
    #[arg(long)]
    pub(super) note: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum CoversCommand {
    /// Take the shift, or the swap; the first who accepts has it.
    Accept {
        /// Which: `CVR-3`.
        id: String,
        /// Who takes it; default: whoever the token belongs to.
        #[arg(long = "as", value_name = "PERSON")]
        person: Option<String>,
    },
    /// Say no, where you alone were asked.
    Decline {
        /// Which: `CVR-3`.
        id: String,
        /// Who cannot; default: whoever the token belongs to.
        #[arg(long = "as", value_name = "PERSON")]
        person: Option<String>,
    },
    /// Take a request back.
    Withdraw {
        /// Which: `CVR-3`.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct RotaArgs {
    /// From when; default now.
    #[arg(long, value_name = "TIME")]
    pub(super) from: Option<String>,
    /// To when; default two weeks after.
    #[arg(long, value_name = "TIME", conflicts_with = "weeks")]
    pub(super) to: Option<String>,
    /// For so many weeks, instead of --to.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=520))]
    pub(super) weeks: Option<u16>,
    /// In this rotation alone.
    #[arg(long, value_name = "ID")]
    pub(super) rotation: Option<String>,
    /// Nights, weekends, holidays, hours and rest of each person; over 52 weeks where nothing else is said.
    #[arg(long)]
    pub(super) fairness: bool,
    /// Who changes, from whom to whom, against another directory or a git revision; reads the files.
    #[arg(long, value_name = "REV|DIR", conflicts_with = "fairness")]
    pub(super) against: Option<String>,
    /// Read the files even when a server answers.
    #[arg(long)]
    pub(super) offline: bool,
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Play the story by itself; exit code 0 only if everything happened.
    #[arg(long)]
    pub(super) auto: bool,
    /// Where to listen, for a demo on another machine: `0.0.0.0:7247`.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Subcommand)]
pub(super) enum MaintenanceCommand {
    /// List the windows that have not ended.
    List,
    /// Record a window.
    Add {
        /// `service=ledger`; all must match.
        #[arg(required = true, value_parser = matcher)]
        matchers: Vec<Matcher>,
        /// What is done.
        #[arg(long)]
        title: String,
        /// From when: an instant or a wall time (`22:00`); default now.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// For how long: `2h`.
        #[arg(long = "for", value_name = "LENGTH", value_parser = length)]
        lasts: jiff::SignedDuration,
        /// A failure kind that is expected; may be given several times. Any, where none is.
        #[arg(long = "expect", value_name = "KIND")]
        kinds: Vec<FailureKind>,
        /// Nothing worse than this is expected: `degraded` or `down`.
        #[arg(long, value_name = "LEVEL")]
        up_to: Option<Level>,
        /// Hold escalations too that are running already.
        #[arg(long)]
        cover_running: bool,
    },
    /// End a recorded window now; what still fires is paged.
    End {
        /// Which: `MNT-3`.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it, once.
    Create {
        /// What it is for; shown beside what it does.
        name: String,
        /// viewer, responder, scheduler, comms or admin.
        #[arg(long, default_value_t = Role::Responder)]
        role: Role,
    },
    /// List the names and roles of tokens.
    List,
    /// Make a token worthless.
    Revoke {
        /// Which.
        name: String,
    },
}

pub(super) fn word<T: std::str::FromStr<Err = watchbell_engine::word::UnknownWord>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: watchbell_engine::word::UnknownWord| e.to_string())
}

fn matcher(text: &str) -> Result<Matcher, String> {
    text.parse().map_err(|e: watchbell_engine::label::BadMatcher| e.to_string())
}

pub(super) fn length(text: &str) -> Result<jiff::SignedDuration, String> {
    let length: jiff::SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is not a length of time such as 90s, 30m or 15h"))?;
    if length.is_positive() { Ok(length) } else { Err("the length must be more than nothing".into()) }
}

/// An instant, or a wall time in `zone`: `2026-11-24T18:00Z`, `2026-11-24T18:00`, `18:00` (today).
pub(super) fn instant(text: &str, zone: &jiff::tz::TimeZone, now: Timestamp) -> Result<Timestamp, String> {
    let bad = || format!("`{text}` is not a time such as 18:00, 2026-11-24T18:00 or 2026-11-24T18:00:00Z");
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil = text.parse::<jiff::civil::DateTime>().or_else(|_| {
        let time = text.parse::<jiff::civil::Time>().or_else(|_| jiff::civil::Time::strptime("%H:%M", text));
        time.map(|t| now.to_zoned(zone.clone()).date().to_datetime(t))
    });
    let civil = civil.map_err(|_| bad())?;
    civil.to_zoned(zone.clone()).map(|z| z.timestamp()).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Timestamp = "2026-11-24T01:00:00Z".parse().expect("an instant");
        let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("bundled");
        let read = |text| instant(text, &zone, now).map(|at| at.to_string());
        assert_eq!(read("18:00").as_deref(), Ok("2026-11-24T10:00:00Z"));
        assert_eq!(read("2026-11-24T18:00").as_deref(), Ok("2026-11-24T10:00:00Z"));
        assert_eq!(read("2026-11-24T18:00:00Z").as_deref(), Ok("2026-11-24T18:00:00Z"));
        assert!(read("tomorrow").is_err());
    }
}
