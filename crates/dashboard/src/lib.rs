//! The web page: the live line.
