//! What is true of the house at this moment.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::Utc;
use contracts::kitchen::State;
use knowledge::{Doors, Truth};
use menu::{Lexicon, SoldOut};
use runtime::Restaurant;

/// What is true of the house, to be asked many times.
pub struct House {
    /// Its menu.
    pub lexicon: Arc<Lexicon>,
    /// Of the menu's prices.
    pub currency: String,
    /// Keys of the items that are sold out.
    pub sold_out: HashSet<String>,
    /// Whether it is open.
    pub doors: Doors,
}

impl House {
    /// As it is now.
    pub fn now(lexicon: Arc<Lexicon>, sold_out: &SoldOut, restaurant: &Restaurant) -> House {
        let sold_out = sold_out.keys(Utc::now());
        House { lexicon, currency: restaurant.currency.clone(), sold_out, doors: doors(restaurant) }
    }

    /// For a question, with the customer's order where it is known.
    pub fn truth(&self, order: Option<(i64, State)>) -> Truth<'_> {
        Truth {
            lexicon: &self.lexicon,
            currency: &self.currency,
            sold_out: &self.sold_out,
            doors: self.doors,
            order,
        }
    }
}

fn doors(restaurant: &Restaurant) -> Doors {
    let now = restaurant.clock(Utc::now());
    if !restaurant.hours.are_given() {
        return Doors::Unknown;
    }
    match restaurant.hours.opening_at(now) {
        Some(opening) => Doors::Open(opening.until.time()),
        None => Doors::Closed(restaurant.hours.next_opening(now).map(|next| {
            let day = next.from.date_naive();
            ((day - now.date_naive()).num_days().unsigned_abs(), day, next.from.time())
        })),
    }
}
