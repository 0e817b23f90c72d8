//! The restaurant's menu and options, and their cache in Memcached.
//!
//! ```
//! use menu::{Menu, MenuItem};
//!
//! let burger = MenuItem::new("The Garden Burger", "Beetroot and rocket", 990); // prices in cents
//! let menu = Menu::new(vec![burger], Vec::new());
//! let key = menu::slug("The Garden Burger"); // under which Memcached has it
//! assert_eq!(menu.item(&key).map(|item| item.price_cents), Some(990));
//! ```

pub mod cache;
pub mod csv;
pub mod error;
pub mod keys;
pub mod lexicon;
pub mod live;
pub mod model;
pub mod reading;
pub mod sold_out;

pub use cache::Cache;
pub use error::Error;
pub use keys::slug;
pub use lexicon::Lexicon;
pub use live::{MenuHandle, import};
pub use model::{Menu, MenuItem, MenuOption};
pub use sold_out::{SoldOut, SoldOutHandle};
