//! Words, numbers and spelling: text as people type it, made comparable.

pub mod common;
pub mod food;
pub mod health;
pub mod key;
mod patterns;
pub mod spelling;
pub mod token;
pub mod words;

pub use token::{Kind, Token, singular, tokens};
pub use words::{Classes, Words};
