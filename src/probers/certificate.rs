//! Facts of a server's certificate, read whether or not it is trusted.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use watchbell_engine::observation::Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How many names are kept of a certificate; some have hundreds.
const NAMES_KEPT: usize = 50;

/// The facts of a certificate; `None` for what is not X.509.
fn facts(der: &[u8]) -> Option<Certificate> {
    let (_, cert) = X509Certificate::from_der(der).ok()?;
    let names = cert.subject_alternative_name().ok().flatten().map(|san| &san.value.general_names);
    let names = names.into_iter().flatten().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|ip| ip.to_string()),
        _ => None, // a foreign enum: mail addresses and the like name no server
    });
    Some(Certificate {
        subject: cert.subject().to_string(),
        names: names.take(NAMES_KEPT).collect(),
        issuer: cert.issuer().to_string(),
        not_before: instant(cert.validity().not_before.timestamp())?,
        not_after: instant(cert.validity().not_after.timestamp())?,
    })
}

/// Whether a certificate names itself as its issuer.
pub(super) fn is_self_signed(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, cert)| cert.subject().as_raw() == cert.issuer().as_raw())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// The calendar ends in 9999 here and there alike.
fn instant(secs: i64) -> Option<Timestamp> {
    Timestamp::from_second(secs).ok()
}

/// Remembers the facts of the certificate seen last, which is nearly always the one seen next.
#[derive(Debug, Default)]
pub(super) struct FactsCache(Mutex<Option<(Box<[u8]>, Certificate)>>);

impl FactsCache {
    /// The facts of a certificate.
    pub(super) fn facts(&self, der: &[u8]) -> Option<Certificate> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, facts)) = last.as_ref().filter(|(known, _)| **known == *der) {
            return Some(facts.clone());
        }
        let facts = facts(der)?;
        *last = Some((der.into(), facts.clone()));
        Some(facts)
    }
}
