//! The lock beside an SQLite file: a second process on the same file is refused.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::error::OpenError;

/// A lock that is held until it is released or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock of the database at `path`, or says who has it. The file stays behind: removing it
    /// would let two processes lock two files of one name.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let beside = lock_path(path);
        let io = |e| OpenError::from_io(&beside, "taking its lock", e);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&beside).map_err(io)?;
        match file.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only for the message: a lock file that cannot be read names nobody.
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(OpenError::Locked { path: path.into(), pid });
            }
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self(file))
    }

    /// Lets go, even while others still hold a reference.
    pub(super) fn release(&self) {
        // A lock that cannot be released ends with the process.
        let released = self.0.unlock();
        if let Err(error) = released {
            tracing::warn!(%error, "the lock of the store could not be released");
        }
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".lock");
    path.with_file_name(name)
}
