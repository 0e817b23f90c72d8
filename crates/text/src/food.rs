//! What every counter person knows of food and drink: other names of the same thing, and which words name food at all.
//! Kept apart from any restaurant's vocabulary.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use serde::Deserialize;

use crate::token::tokens;

/// Common knowledge about food and drink.
#[derive(Debug, Default)]
pub struct Food {
    /// Groups of names that mean the same; each name as the stems of its words.
    pub same: Vec<Vec<Vec<String>>>,
    words: HashSet<String>,
    kinds: HashSet<String>,
}

#[derive(Deserialize)]
struct File {
    same: Vec<Vec<String>>,
    food: BTreeMap<String, Vec<String>>,
    kinds: Vec<String>,
}

impl Food {
    fn parse(text: &str) -> Result<Food, toml::de::Error> {
        let file: File = toml::from_str(text)?;
        let stems = |name: &String| -> Vec<String> { tokens(name).into_iter().map(|t| t.stem).collect() };
        let single = |name: &String| stems(name).concat();
        let same: Vec<Vec<Vec<String>>> =
            file.same.iter().map(|group| group.iter().map(stems).collect()).collect();
        let mut words: HashSet<String> = file.food.values().flatten().map(single).collect();
        words.extend(same.iter().flatten().filter(|name| name.len() == 1).flatten().cloned());
        Ok(Food { same, words, kinds: file.kinds.iter().map(single).collect() })
    }

    /// Whether a word names something to eat or drink.
    pub fn is_food(&self, stem: &str) -> bool {
        self.words.contains(stem)
    }

    /// Whether a word names a kind of dish: "burger".
    pub fn is_kind(&self, stem: &str) -> bool {
        self.kinds.contains(stem)
    }
}

/// Common knowledge about food.
pub fn food() -> &'static Food {
    static FOOD: OnceLock<Food> = OnceLock::new();
    // A test reads the file; one that can't be read would leave the knowledge out, never stop the line.
    FOOD.get_or_init(|| Food::parse(include_str!("../words/food.toml")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_can_be_read_and_a_name_stands_in_one_group() {
        let food = Food::parse(include_str!("../words/food.toml")).expect("the file can be read");
        let mut seen = BTreeMap::new();
        for (group, names) in food.same.iter().enumerate() {
            for name in names {
                let other = seen.insert(name.concat(), group);
                assert!(other.is_none_or(|other| other == group), "{name:?} stands in two groups");
            }
        }
        assert!(food.is_food("nugget") && !food.is_food("table"));
        assert!(food.is_kind("burger"));
    }
}
