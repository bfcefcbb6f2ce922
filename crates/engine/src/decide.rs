//! x
/// x
pub struct Engine;
