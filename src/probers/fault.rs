//! Why a run was not up: the kind, the outcome that follows from it, and one line for a person.

use std::error::Error;
use std::io;

use rustix::io::Errno;
use watchbell_engine::word::{FailureKind, Outcome};

/// A run that was not up. The message holds no body and no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) outcome: Outcome,
    pub(super) kind: FailureKind,
    pub(super) message: String,
}

impl Fault {
    /// The target's fault; inconclusive where the kind is one of our own.
    pub(super) fn down(kind: FailureKind, message: impl Into<String>) -> Self {
        let outcome = if kind.is_ours() { Outcome::Inconclusive } else { Outcome::Down };
        Self { outcome, kind, message: message.into() }
    }

    /// It works, but not as it should.
    pub(super) fn degraded(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Degraded, kind, message: message.into() }
    }

    /// Our own lack of descriptors, ports, memory or routes, where `error` is one.
    pub(super) fn own_resources(error: &io::Error) -> Option<Self> {
        let what = match Errno::from_io_error(error)? {
            Errno::MFILE | Errno::NFILE => "this machine is out of file descriptors",
            Errno::NOBUFS | Errno::NOMEM => "this machine is out of memory for sockets",
            Errno::ADDRNOTAVAIL => "this machine has no free local port or address",
            Errno::NETUNREACH => "this machine has no route to that network",
            Errno::PERM | Errno::ACCESS => "this machine does not let us connect",
            _ => return None,
        };
        Some(Self::down(FailureKind::SelfResources, what))
    }
}

/// The first error of type `T` in the chain that starts with `error` itself.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An `io::Error` made from another error does not name it as its source, but that one's source.
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
