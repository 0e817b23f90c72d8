//! Station: is it an order, an enquiry or neither, and why.

pub mod classify;
