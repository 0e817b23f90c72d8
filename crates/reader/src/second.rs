//! A second reading of the same message, by other means: where both agree, both are most likely right.

use contracts::OrderLine;

use menu::Lexicon;

use crate::Kind;
use crate::order::Order;
use crate::resolve::{Meant, Resolver};
use crate::rules::classify::classify_reading;
use crate::rules::extract::{Bounds, extract_from};
use crate::train::gold::{name_key, wish_words};

/// What somebody else read.
#[derive(Debug, Clone, Default)]
pub struct Second {
    /// The kind.
    pub kind: Option<Kind>,
    /// The lines; none if nothing was read.
    pub lines: Vec<Plain>,
    /// It has doubts of its own.
    pub doubted: bool,
}

/// A line, reduced to what can be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plain {
    item: String,
    count: u32,
    size: String,
    wishes: Vec<(contracts::ModifierOp, String)>,
}

/// How far two readings agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// Other items.
    None,
    /// The same items and numbers.
    Items,
    /// The same in everything.
    Whole,
}

impl Second {
    /// By rules.
    pub fn by_rules(text: &str, lexicon: &Lexicon) -> Second {
        let reading = lexicon.read(text);
        let kind = classify_reading(&reading, lexicon).kind;
        Second::of(kind, &extract_from(&reading, lexicon, Bounds::default()).lines)
    }

    /// Of another reader's lines.
    pub fn of(kind: Kind, lines: &[OrderLine]) -> Second {
        let doubted = lines.iter().any(|line| line.item.is_none() || !line.doubts.is_empty());
        let lines = lines.iter().map(|line| {
            let wishes = line.modifiers.iter().map(|wish| (wish.op, wish_words(&wish.name).concat()));
            Plain::new(
                line.item.as_deref().unwrap_or_default(),
                line.quantity,
                line.size.as_deref(),
                wishes.collect(),
            )
        });
        Second { kind: Some(kind), lines: merged(lines.collect()), doubted }
    }

    /// How far an order agrees with it.
    pub fn agreement(&self, resolver: &Resolver<'_>, order: &Order) -> Agreement {
        let lines = order.lines.iter().map(|line| {
            let name = match line.meant {
                Meant::Item { item, .. } => resolver.item_name(item),
                _ => "",
            };
            let wishes = line.wishes.iter().flat_map(|wish| {
                std::iter::repeat_n(
                    (wish.op, wish_words(&wish.thing.name).concat()),
                    wish.doses.min(9) as usize,
                )
            });
            Plain::new(name, line.count, line.size.as_deref(), wishes.collect())
        });
        let lines = merged(lines.collect());
        if lines.is_empty() || self.lines.is_empty() {
            return Agreement::None;
        }
        if lines == self.lines {
            return Agreement::Whole;
        }
        let bare = |lines: &[Plain]| merged(lines.iter().map(Plain::bare).collect());
        if bare(&lines) == bare(&self.lines) { Agreement::Items } else { Agreement::None }
    }
}

impl Plain {
    fn new(
        item: &str,
        count: u32,
        size: Option<&str>,
        mut wishes: Vec<(contracts::ModifierOp, String)>,
    ) -> Plain {
        wishes.sort();
        Plain { item: name_key(item), count, size: size.map(name_key).unwrap_or_default(), wishes }
    }

    fn bare(&self) -> Plain {
        Plain { size: String::new(), wishes: Vec::new(), ..self.clone() }
    }
}

/// Equal lines as one, in an order of their own.
fn merged(mut lines: Vec<Plain>) -> Vec<Plain> {
    lines.sort();
    let mut out: Vec<Plain> = Vec::new();
    for line in lines {
        let same = |other: &&mut Plain| {
            (&other.item, &other.size, &other.wishes) == (&line.item, &line.size, &line.wishes)
        };
        match out.iter_mut().find(same) {
            Some(known) => known.count = known.count.saturating_add(line.count),
            None => out.push(line),
        }
    }
    out.sort();
    out
}
