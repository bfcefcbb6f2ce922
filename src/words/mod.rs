//! words

pub mod screen;
