//! Reads an answer's body to its end, decoded and bounded, and names what went wrong.

use std::error::Error;
use std::io;

use async_compression::tokio::bufread::GzipDecoder;
use futures_util::TryStreamExt;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::io::AsyncReadExt;
use tokio_util::io::StreamReader;
use watchbell_engine::word::FailureKind;

use super::fault::{Fault, find};

/// How much is decoded at a time, bytes.
const CHUNK: usize = 16 * 1024;

/// What has been read.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// The first part, decoded.
    pub(super) bytes: Vec<u8>,
    /// How much there was in all, decoded.
    pub(super) decoded: u64,
}

/// How much may come, and how much of it is needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Decoded bytes above which the body is too large.
    pub(super) cap: u64,
    /// Decoded bytes that are kept; the rest is only counted.
    pub(super) keep: usize,
}

impl Body {
    fn take(&mut self, data: &[u8], bounds: Bounds) -> Result<(), Fault> {
        self.decoded += data.len() as u64;
        let room = bounds.keep.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&data[..data.len().min(room)]);
        if self.decoded > bounds.cap {
            let message = format!("the body is larger than {} bytes", bounds.cap);
            return Err(Fault::down(FailureKind::BodyTooLarge, message));
        }
        Ok(())
    }
}

/// Reads to the end. `encoding` is the value of `content-encoding`, in lower case.
pub(super) async fn read(
    mut incoming: Incoming,
    encoding: Option<&str>,
    bounds: Bounds,
    needed: bool,
    into: &mut Body,
) -> Result<(), Fault> {
    if incoming.is_end_stream() {
        return Ok(());
    }
    match encoding {
        Some("gzip" | "x-gzip") => return gunzip(incoming, bounds, into).await,
        None | Some("identity" | "") => (),
        Some(other) if needed => {
            let message = format!("the body is encoded as {other}, which was not asked for");
            return Err(Fault::down(FailureKind::DecodeFailed, message));
        }
        Some(_) => (), // nobody looks inside; it must only come whole
    }
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|e| broken(&e, into.decoded))?;
        if let Some(data) = frame.data_ref() {
            into.take(data, bounds)?;
        }
    }
    Ok(())
}

async fn gunzip(incoming: Incoming, bounds: Bounds, into: &mut Body) -> Result<(), Fault> {
    let raw = StreamReader::new(incoming.into_data_stream().map_err(io::Error::other));
    let mut decoder = GzipDecoder::new(raw);
    let mut chunk = vec![0; CHUNK];
    loop {
        match decoder.read(&mut chunk).await {
            Ok(0) => break,
            Ok(n) => into.take(&chunk[..n], bounds)?,
            Err(error) => {
                return Err(match find::<hyper::Error>(&error) {
                    Some(error) => broken(error, into.decoded),
                    None => Fault::down(FailureKind::DecodeFailed, format!("the body is not gzip: {error}")),
                });
            }
        }
    }
    // What stands behind the compressed part must come whole too.
    let mut raw = decoder.into_inner();
    loop {
        match raw.read(&mut chunk).await {
            Ok(0) => return Ok(()),
            Ok(n) => into.take(&chunk[..n], bounds)?,
            Err(error) => {
                return Err(match find::<hyper::Error>(&error) {
                    Some(error) => broken(error, into.decoded),
                    None => Fault::down(FailureKind::HttpProtocol, format!("the body broke off: {error}")),
                });
            }
        }
    }
}

/// Why a body broke off.
fn broken(error: &hyper::Error, so_far: u64) -> Fault {
    let io = find::<io::Error>(error).map(io::Error::kind);
    match io {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Fault::down(FailureKind::HttpProtocol, format!("the body is not sent as HTTP has it: {why}"))
        }
        Some(_) => Fault::down(FailureKind::BodyTruncated, format!("the body broke off after {so_far} bytes")),
        None if error.is_incomplete_message() || error.is_closed() => {
            Fault::down(FailureKind::BodyTruncated, format!("the body broke off after {so_far} bytes"))
        }
        None => Fault::down(FailureKind::HttpProtocol, format!("the body is not sent as HTTP has it: {error}")),
    }
}
