//! The second reading, by rules: phrases of a language decide, one after the other.
//!
//! It was the only one before roles were learned. Where both readings agree, an order is most likely right; where they
//! don't, that is a sign like others.

pub mod classify;
pub mod extract;
