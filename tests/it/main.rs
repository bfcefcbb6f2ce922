//! The one integration binary: each module plays a room against the real world outside it.

mod delivery;
