//! Station: items, quantities, sizes and modifiers out of a customer's words.

pub mod extract;
