//! The ladder of one page: which channels are due, when a try is made again, when a person counts as
//! not reached.
