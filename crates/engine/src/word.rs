//! The closed vocabularies of the product: severity, priority, outcome, failure kind, locale.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that is not one of those a vocabulary has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not one of {}", known.join(", "))]
pub struct UnknownWord {
    /// What was given.
    pub word: String,
    /// The whole vocabulary.
    pub known: &'static [&'static str],
}

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "the words explain themselves; those that do not have a comment")]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Every word, in the order of [`Self::ALL`].
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word, as it stands in YAML, JSON, metrics and pages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { word: word.into(), known: Self::WORDS }),
                }
            }
        }
    };
}

vocabulary! {
    /// What became of a request that somebody takes a shift.
    CoverOutcome {
        Accepted = "accepted",
        Declined = "declined",
        /// Whoever asked took it back.
        Withdrawn = "withdrawn",
        /// Nobody answered in time.
        Lapsed = "lapsed",
    }
}

vocabulary! {
    /// How bad a fault is; a later one is worse. `info` never pages.
    Severity { Info = "info", Warning = "warning", Error = "error", Critical = "critical" }
}

vocabulary! {
    /// How urgently people must act; `P1` is the most urgent and the smallest.
    Priority { P1 = "P1", P2 = "P2", P3 = "P3", P4 = "P4" }
}

vocabulary! {
    /// What one run found.
    Outcome { Up = "up", Degraded = "degraded", Down = "down", Inconclusive = "inconclusive" }
}

vocabulary! {
    /// What detection believes about a probe after confirmation; a later one is worse.
    Level { Up = "up", Degraded = "degraded", Down = "down" }
}

vocabulary! {
    /// A language that pages and screens are written in.
    Locale { ZhCn = "zh-CN", En = "en" }
}

vocabulary! {
    /// How a ticket was ended.
    ResolvedAs {
        /// Somebody mended it.
        Fixed = "fixed",
        /// The last alert ended by itself.
        SelfRecovered = "self_recovered",
        /// Nothing had been broken.
        FalseAlarm = "false_alarm",
        /// Work that was announced.
        Planned = "planned",
        /// Another ticket tells the story.
        Duplicate = "duplicate",
    }
}

vocabulary! {
    /// How far a message is known to have come, or how it failed.
    Receipt {
        /// The provider took it.
        Accepted = "accepted",
        /// It reached the device.
        Delivered = "delivered",
        /// It was looked at.
        Seen = "seen",
        /// A person answered.
        Answered = "answered",
        /// A temporary failure; it is tried again.
        TryAgain = "try_again",
        /// The provider said no for good.
        Refused = "refused",
        /// No answer in time: it may have arrived.
        Unknown = "unknown",
        /// Ended by a restart, no longer wanted or too old: it may have arrived before.
        Lapsed = "lapsed",
        /// Never handed over: it was answered before.
        CalledOff = "called_off",
    }
}

impl Receipt {
    /// Whether the provider is known to have taken the message.
    pub const fn is_accepted(self) -> bool {
        matches!(self, Self::Accepted | Self::Delivered | Self::Seen | Self::Answered)
    }

    /// Whether somebody may have got the message. A timeout or a crash says "unknown", never "failed".
    pub const fn may_have_arrived(self) -> bool {
        match self {
            Self::Accepted | Self::Delivered | Self::Seen | Self::Answered | Self::Unknown | Self::Lapsed => true,
            Self::TryAgain | Self::Refused | Self::CalledOff => false,
        }
    }
}

vocabulary! {
    /// Why a run was not up: a public contract (metric label, page text, ticket, docs anchor).
    FailureKind {
        /// The name does not exist.
        DnsNxdomain = "dns_nxdomain",
        /// The resolver answered SERVFAIL or REFUSED.
        DnsServerError = "dns_server_error",
        /// The resolver did not answer for this name.
        DnsTimeout = "dns_timeout",
        /// The name has no address of a family we can use.
        DnsNoAddress = "dns_no_address",
        /// The port answered with a reset.
        ConnectRefused = "connect_refused",
        /// Nobody answered the connection attempt.
        ConnectTimeout = "connect_timeout",
        /// The network said that the host cannot be reached.
        ConnectUnreachable = "connect_unreachable",
        /// The connection was reset after it was accepted.
        ConnectReset = "connect_reset",
        /// The certificate has expired.
        TlsExpired = "tls_expired",
        /// The certificate is not valid yet.
        TlsNotYetValid = "tls_not_yet_valid",
        /// The certificate is signed by itself.
        TlsSelfSigned = "tls_self_signed",
        /// The issuer is not trusted, or an intermediate is missing.
        TlsUntrusted = "tls_untrusted",
        /// The certificate is for other names.
        TlsNameMismatch = "tls_name_mismatch",
        /// No common version or cipher, or the peer gave up.
        TlsHandshake = "tls_handshake",
        /// The server wants another client certificate, or any.
        TlsClientCert = "tls_client_cert",
        /// The handshake stalled.
        TlsTimeout = "tls_timeout",
        /// The port does not speak TLS.
        TlsNotTls = "tls_not_tls",
        /// The response head did not come in time.
        HeaderTimeout = "header_timeout",
        /// The answer is not HTTP as it is specified.
        HttpProtocol = "http_protocol",
        /// The body stalled.
        BodyTimeout = "body_timeout",
        /// The body ended before its stated length.
        BodyTruncated = "body_truncated",
        /// The decoded body is larger than the cap.
        BodyTooLarge = "body_too_large",
        /// The body could not be decoded.
        DecodeFailed = "decode_failed",
        /// The body is of another type than the assertions need.
        ContentMismatch = "content_mismatch",
        /// Too many redirects, or one to itself.
        RedirectLoop = "redirect_loop",
        /// A redirect that may not be followed.
        RedirectBlocked = "redirect_blocked",
        /// HTTP/2 GOAWAY before our stream, twice.
        HttpGoaway = "http_goaway",
        /// The stream was reset.
        HttpStreamReset = "http_stream_reset",
        /// A status other than the expected.
        Status = "status",
        /// Status 429.
        RateLimited = "rate_limited",
        /// The token endpoint failed; the call was not made.
        AuthUnavailable = "auth_unavailable",
        /// A value is not as expected.
        AssertionFailed = "assertion_failed",
        /// A value is not there.
        AssertionMissing = "assertion_missing",
        /// A value is null.
        AssertionNull = "assertion_null",
        /// A value has another type.
        AssertionType = "assertion_type",
        /// Too slow.
        Latency = "latency",
        /// The certificate ends soon.
        CertExpiring = "cert_expiring",
        /// An expected beat did not come.
        HeartbeatMissed = "heartbeat_missed",
        /// The job said that it failed.
        HeartbeatFailed = "heartbeat_failed",
        /// The job runs for too long.
        HeartbeatOverrun = "heartbeat_overrun",
        /// Our own resolver is dead.
        SelfDns = "self_dns",
        /// We are out of descriptors, ports or memory.
        SelfResources = "self_resources",
        /// Our clock moved during the run.
        SelfClock = "self_clock",
        /// We are overloaded.
        SelfOverload = "self_overload",
    }
}

impl FailureKind {
    /// Whether the fault is ours, which makes the run inconclusive.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::SelfDns | Self::SelfResources | Self::SelfClock | Self::SelfOverload)
    }
}

impl Severity {
    /// The priority that follows from the severity where a route says nothing else.
    pub const fn priority(self) -> Priority {
        match self {
            Self::Critical => Priority::P1,
            Self::Error => Priority::P2,
            Self::Warning => Priority::P3,
            Self::Info => Priority::P4,
        }
    }
}

impl Priority {
    /// Whether pages use the `urgent` ladder of a person.
    pub const fn is_urgent(self) -> bool {
        matches!(self, Self::P1 | Self::P2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_their_own_json() {
        for kind in FailureKind::ALL {
            let json = serde_json::to_string(kind).expect("a word");
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!(FailureKind::ALL.len(), 44, "section 6 of the contract has 40 kinds and 4 of our own");
    }

    #[test]
    fn worse_compares_greater() {
        assert!(Severity::Critical > Severity::Error && Level::Down > Level::Up);
        assert!(Priority::P1 < Priority::P2);
    }
}
