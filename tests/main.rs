//! The one integration test binary of watchbell: the house as a whole, rather than one room.

mod licences;
mod rooms;
