//! The menu: what the restaurant sells, and what can be done to it.

use serde::{Deserialize, Serialize};

use crate::keys::{fnv1a, slug};

/// A restaurant's menu with its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Menu {
    /// Changes whenever anything in the menu changes, and only then.
    pub version: String,
    /// What is sold.
    pub items: Vec<MenuItem>,
    /// Sizes, toppings and whatever else can be chosen.
    #[serde(default)]
    pub options: Vec<MenuOption>,
}

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuItem {
    /// Its key in the cache, such as `the_green_garden_vegan_burger`.
    pub slug: String,
    /// Its name, unique on the menu.
    pub name: String,
    /// Its place on the menu, such as `drink`; may be empty.
    #[serde(default)]
    pub category: String,
    /// What it is; may be empty.
    #[serde(default)]
    pub description: String,
    /// Price in cents.
    pub price_cents: i64,
    /// What else customers call it.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// A size, a topping, a style: something that can be chosen with an item.
///
/// The kinds `negation` and `qualifier` hold words of the language instead (`Not`: "hold the", `Extra`: "lots of").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuOption {
    /// What sort of option: `size`, `topping`, `negation`, `qualifier`, or the restaurant's own.
    pub kind: String,
    /// Its name, unique within its kind.
    pub name: String,
    /// What else customers call it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it costs on top, in cents.
    #[serde(default)]
    pub price_cents: i64,
}

impl Menu {
    /// A menu whose version is the hash of its contents.
    pub fn new(items: Vec<MenuItem>, options: Vec<MenuOption>) -> Self {
        let mut written = String::new();
        let mut field = |text: &str| {
            written.push_str(text);
            written.push('\u{1f}');
        };
        for item in &items {
            field("item");
            field(&item.name);
            field(&item.category);
            field(&item.description);
            field(&item.price_cents.to_string());
            item.aliases.iter().for_each(|alias| field(alias));
        }
        for option in &options {
            field("option");
            field(&option.kind);
            field(&option.name);
            field(&option.price_cents.to_string());
            option.aliases.iter().for_each(|alias| field(alias));
        }
        Menu { version: format!("{:016x}", fnv1a(written.as_bytes())), items, options }
    }

    /// The item of that key.
    pub fn item(&self, slug: &str) -> Option<&MenuItem> {
        self.items.iter().find(|item| item.slug == slug)
    }
}

impl MenuItem {
    /// An item without category and aliases.
    pub fn new(name: impl Into<String>, description: impl Into<String>, price_cents: i64) -> Self {
        let name = name.into();
        MenuItem {
            slug: slug(&name),
            name,
            category: String::new(),
            description: description.into(),
            price_cents,
            aliases: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_changes_with_the_menu_and_only_then() {
        let menu = |name: &str, price| Menu::new(vec![MenuItem::new(name, "", price)], Vec::new());
        assert_eq!(menu("Soup", 500).version, menu("Soup", 500).version);
        assert_ne!(menu("Soup", 500).version, menu("Soup", 501).version);
        assert_ne!(menu("Soup", 500).version, menu("Stew", 500).version);
    }
}
