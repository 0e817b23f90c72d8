//! The restaurant's menu and options, and their cache in Memcached.

pub mod csv;
pub mod keys;
pub mod model;

pub use keys::slug;
pub use model::{Menu, MenuItem, MenuOption};
