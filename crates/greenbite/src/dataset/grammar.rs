//! The phrase grammar: what an order means is drawn first, then how somebody would write it.

mod orders;
mod others;
mod voice;
mod wording;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use contracts::ModifierOp;

use super::{Kind, LabelLine, LabelModifier, MenuRow, OptionRow};

const PHRASES: &str = include_str!("phrases.txt");

/// A message and what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The customer's words.
    pub text: String,
    /// What kind of message it is.
    pub kind: Kind,
    /// What the customer orders of the menu.
    pub items: Vec<LabelLine>,
    /// Whether a person has to look at the order before it is booked.
    pub off_menu: bool,
    /// What is ordered and not sold, in the customer's words.
    pub off_menu_items: Vec<String>,
}

/// One line of an order before it is put into words.
#[derive(Debug, Clone)]
struct Line {
    what: What,
    quantity: u32,
    size: Option<String>,
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
enum What {
    /// An item of the menu, by its place there.
    Item(usize),
    /// Something that is not sold.
    Unsold(String),
}

#[derive(Debug, Clone, PartialEq)]
struct Change {
    op: ModifierOp,
    name: String,
    is_sauce: bool,
}

/// The phrases, the menu and the options, ready to write messages.
pub struct Grammar<'a> {
    menu: &'a [MenuRow],
    options: &'a [OptionRow],
    sections: BTreeMap<&'static str, Vec<&'static str>>,
    tables: BTreeMap<&'static str, BTreeMap<&'static str, Vec<&'static str>>>,
}

impl<'a> Grammar<'a> {
    /// Reads the phrases; there must be at least one item to order.
    pub fn new(menu: &'a [MenuRow], options: &'a [OptionRow]) -> Result<Self> {
        if menu.is_empty() {
            bail!("the menu has no items: there is nothing to write orders about");
        }
        let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut tables: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        let mut section = "";
        for line in PHRASES.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
            } else if let Some((key, values)) = line.split_once(" = ") {
                let values = values.split('|').map(str::trim).collect();
                tables.entry(section).or_default().insert(key, values);
            } else {
                sections.entry(section).or_default().push(line);
            }
        }
        Ok(Self { menu, options, sections, tables })
    }

    /// Whether everything that the phrases name is on this menu and in these options.
    #[cfg(test)]
    pub fn check(&self) -> Result<()> {
        let item = |name: &str| self.menu.iter().any(|row| row.name == name);
        let place = |name: &str| item(name) || self.menu.iter().any(|row| row.category == name);
        let option = |name: &str| self.options.iter().any(|row| row.name == name);
        for (table, fits) in [
            ("nicknames", &item as &dyn Fn(&str) -> bool),
            ("measures", &place),
            ("changes", &place),
            ("spoken options", &option),
        ] {
            for name in self.tables.get(table).context(table)?.keys() {
                anyhow::ensure!(fits(name), "[{table}] speaks of {name}");
            }
        }
        for name in self.sections.get("sized").context("sized")? {
            anyhow::ensure!(place(name), "[sized] speaks of {name}");
        }
        for wish in self.tables.get("changes").context("changes")?.values().flatten() {
            let name = wish.trim_start_matches(['-', '*', '~']);
            anyhow::ensure!(option(name), "[changes] speaks of {name}");
        }
        Ok(())
    }

    /// Writes the next message, as if it came in at this hour of the day.
    pub fn write(&self, rng: &mut StdRng, hour: u32) -> Result<Written> {
        match rng.random_range(0..100) {
            0..52 => self.order(rng, hour),
            52..78 => self.enquiry(rng, hour),
            _ => self.miscellaneous(rng, hour),
        }
    }

    // ------------------------------------------------------------------ what is meant

    fn item_line(&self, rng: &mut StdRng, rich: bool) -> Result<Line> {
        let index = rng.random_range(0..self.menu.len());
        let item = &self.menu[index];
        let quantity = *weighted(rng, &[(1, 60), (2, 22), (3, 8), (4, 4), (5, 2), (6, 2), (8, 1), (12, 1)])?;
        let sized = self
            .sections
            .get("sized")
            .is_some_and(|names| names.iter().any(|name| *name == item.name || *name == item.category));
        let sizes: Vec<&OptionRow> = self.options.iter().filter(|o| o.kind == "size").collect();
        let size = match sizes.choose(rng) {
            Some(size) if sized && rng.random_bool(0.25) => Some(size.name.clone()),
            _ => None,
        };
        let count = match rng.random_range(0..100) {
            _ if !rich => 0,
            0..58 => 0,
            58..88 => 1,
            88..98 => 2,
            _ => 3,
        };
        let mut changes = Vec::new();
        for _ in 0..count {
            if let Some(change) = self.change(rng, item)
                && !changes.iter().any(|old: &Change| clash(old, &change))
            {
                changes.push(change);
            }
        }
        Ok(Line { what: What::Item(index), quantity, size, changes })
    }

    /// Something that a guest may change about this item.
    fn change(&self, rng: &mut StdRng, item: &MenuRow) -> Option<Change> {
        let table = self.tables.get("changes")?;
        let wish = table.get(item.name.as_str()).or_else(|| table.get(item.category.as_str()))?;
        let wish = wish.choose(rng)?;
        let (op, name) = match wish.split_at_checked(1) {
            Some(("-", name)) => (ModifierOp::Remove, name),
            Some(("*", name)) => (ModifierOp::Extra, name),
            Some(("~", name)) => (ModifierOp::Light, name),
            _ => (ModifierOp::Add, *wish),
        };
        let option = self.options.iter().find(|option| option.name == name)?;
        Some(Change { op, name: option.name.clone(), is_sauce: option.kind == "sauce" })
    }

    /// Lines of an order, no item twice: two lines of one item are a story of their own.
    fn lines(&self, rng: &mut StdRng, most: usize, rich: bool) -> Result<Vec<Line>> {
        let wanted = *weighted(rng, &[(1, 40), (2, 33), (3, 18), (4, 7), (6, 2)])?;
        let mut lines: Vec<Line> = Vec::new();
        for _ in 0..wanted.min(most).min(self.menu.len()) {
            let line = self.item_line(rng, rich)?;
            let known =
                |old: &Line| matches!((&old.what, &line.what), (What::Item(a), What::Item(b)) if a == b);
            if !lines.iter().any(known) {
                lines.push(line);
            }
        }
        Ok(lines)
    }

    fn greeting(&self, rng: &mut StdRng, hour: u32) -> Result<String> {
        let section = match rng.random_range(0..100) {
            0..25 if hour < 12 => "greeting morning",
            0..25 if hour > 16 => "greeting evening",
            _ => "greeting any",
        };
        let greeting = self.pick(rng, section)?;
        Ok(self.fill(rng, hour, greeting)? + " ")
    }

    fn pick(&self, rng: &mut StdRng, section: &str) -> Result<&'static str> {
        let phrases = self.sections.get(section);
        phrases
            .and_then(|p| p.choose(rng))
            .copied()
            .with_context(|| format!("the phrases have no [{section}]"))
    }

    /// Something that neither the menu nor the options have, whatever restaurant's they are.
    fn pick_unsold(&self, rng: &mut StdRng, section: &str) -> Result<String> {
        let sold = |name: &str| {
            let called = |own: &str, aliases: &str| {
                own.eq_ignore_ascii_case(name)
                    || aliases.split('|').any(|alias| alias.eq_ignore_ascii_case(name))
            };
            self.menu.iter().any(|item| called(&item.name, &item.aliases))
                || self.options.iter().any(|option| called(&option.name, &option.aliases))
        };
        let names = self.sections.get(section).with_context(|| format!("the phrases have no [{section}]"))?;
        let names: Vec<&str> = names.iter().copied().filter(|name| !sold(name)).collect();
        let name = names.choose(rng).with_context(|| format!("this restaurant sells all of [{section}]"))?;
        Ok((*name).to_owned())
    }

    fn label(&self, line: &Line) -> Option<LabelLine> {
        let What::Item(index) = line.what else {
            return None;
        };
        let modifiers = line.changes.iter().map(|c| LabelModifier { op: c.op, name: c.name.clone() });
        Some(LabelLine {
            item: self.menu[index].name.clone(),
            quantity: line.quantity,
            size: line.size.clone(),
            modifiers: modifiers.collect(),
        })
    }
}

impl Written {
    fn without_items(text: String, kind: Kind) -> Self {
        Self { text, kind, items: Vec::new(), off_menu: false, off_menu_items: Vec::new() }
    }
}

/// Whether two changes of one item speak of the same thing, or both of its bread.
fn clash(a: &Change, b: &Change) -> bool {
    a.name == b.name || (a.name.ends_with("Bun") && b.name.ends_with("Bun"))
}

fn weighted<'t, T>(rng: &mut StdRng, table: &'t [(T, u32)]) -> Result<&'t T> {
    Ok(&table.choose_weighted(rng, |entry| entry.1)?.0)
}
