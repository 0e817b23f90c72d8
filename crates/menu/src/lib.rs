//! The restaurant's menu and options, and their cache in Memcached.

pub mod csv;
pub mod keys;
pub mod lexicon;
pub mod model;
pub mod reading;

pub use keys::slug;
pub use lexicon::Lexicon;
pub use model::{Menu, MenuItem, MenuOption};
