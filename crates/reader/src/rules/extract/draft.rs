//! Lines of an order while they are being read.

use contracts::ModifierOp;
use menu::lexicon::{Hit, Target};

use super::MOST_MODS;

#[derive(Clone, Debug)]
pub(super) struct Mod {
    pub(super) op: ModifierOp,
    pub(super) name: String,
    pub(super) count: u32,
    pub(super) option: Option<u16>,
    /// Comes after the last item: what "on both" would repeat.
    pub(super) fresh: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) item: Option<u16>,
    pub(super) phrase: (usize, usize),
    pub(super) quantity: u32,
    pub(super) counted: bool,
    pub(super) size: Option<String>,
    pub(super) mods: Vec<Mod>,
    pub(super) doubts: Vec<String>,
    /// Split off from the line before: "three with bread".
    pub(super) split: bool,
    /// What else the words may mean: "a burger" is any of them.
    pub(super) general: Vec<u16>,
    /// A part of a name, not all of it.
    pub(super) partial: bool,
    /// Nothing else has been told of it yet.
    pub(super) fresh: bool,
    /// No strange words are in it.
    pub(super) pure: bool,
}

/// A noun phrase that has begun: "two large veggie ...".
#[derive(Default, Debug)]
pub(super) struct Pending {
    /// A count, an article or a request came before it.
    pub(super) strong: bool,
    /// Nothing but a request came before it.
    pub(super) only_request: bool,
    pub(super) count: Option<u32>,
    pub(super) size: Option<String>,
    pub(super) mods: Vec<Mod>,
    /// Mentions that are not understood yet.
    pub(super) words: Vec<usize>,
    pub(super) container: bool,
    /// The words stand in a list behind an item.
    pub(super) listed: bool,
    /// What is wrong with it already.
    pub(super) doubt: Option<String>,
}

impl Draft {
    /// Adds a modifier; a later wish about the same thing replaces the earlier one.
    pub(super) fn push(&mut self, modifier: Mod) {
        if let Some(known) = self.mods.iter_mut().find(|m| m.name == modifier.name && m.op == modifier.op) {
            known.count = known.count.max(modifier.count);
            return;
        }
        if self.mods.len() >= MOST_MODS {
            return;
        }
        self.mods.push(modifier);
    }
}

pub(super) fn item_of(hit: Hit) -> Option<u16> {
    match hit.target {
        Target::Item(id) => Some(id),
        Target::Option(_) => None,
    }
}

pub(super) fn option_of(hit: Hit) -> Option<u16> {
    match hit.target {
        Target::Option(id) => Some(id),
        Target::Item(_) => None,
    }
}
