//! The whole story, told to the real binary: a service breaks, the engineer on duty is paged, acknowledges,
//! and the ticket tells it all; over crashes, over bad input, over a mail server that hangs.
//!
//! Everything listens on loopback, lives in temporary directories, and ends with the test.

mod amtool;
mod bell;
mod canary;
mod connecting;
mod doctor;
mod fire;
mod hooks;
mod hung_mail;
mod links;
mod nights;
mod prometheus;
mod refused_requests;
mod refused_starts;
mod reloads;
mod restarts;
mod target;
mod told;
mod town;
