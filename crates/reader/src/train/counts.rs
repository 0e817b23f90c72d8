//! How often features occur and at how many restaurants: what only one has is its own.

use std::collections::HashMap;

use crate::features::Feature;

/// Occurrences of features, counted restaurant by restaurant.
#[derive(Debug, Default)]
pub struct Counts {
    of: HashMap<Feature, Count>,
    /// In the order in which they came first.
    features: Vec<Feature>,
}

#[derive(Debug, Default)]
struct Count {
    times: u32,
    restaurants: u32,
    last: Option<usize>,
}

impl Counts {
    /// One more; restaurants must not come again once another one has come.
    pub fn add(&mut self, feature: Feature, restaurant: usize) {
        let count = self.of.entry(feature).or_insert_with(|| {
            self.features.push(feature);
            Count::default()
        });
        count.times += 1;
        if count.last.replace(restaurant) != Some(restaurant) {
            count.restaurants += 1;
        }
    }

    /// Those that occur so often and at so many restaurants, in the order in which they came first.
    pub fn kept(&self, times: u32, restaurants: u32) -> impl Iterator<Item = Feature> {
        let common = move |feature: &Feature| {
            self.of.get(feature).is_some_and(|count| count.times >= times && count.restaurants >= restaurants)
        };
        self.features.iter().copied().filter(common)
    }
}
