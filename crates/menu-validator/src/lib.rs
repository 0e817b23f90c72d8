//! Station: every item against the menu: accepted, review or rejected.

pub mod matching;
