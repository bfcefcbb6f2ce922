//! Delivery against real servers on loopback.

mod dingtalk;
mod lanes;
mod receiver;
mod smtp;
mod tls;
mod webhook;
mod world;
