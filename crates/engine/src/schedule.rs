//! When each probe starts: stable phases on one heap, so that starts are spread evenly and neither
//! a restart nor a reload makes a burst. Pure; the caller brings the time.
