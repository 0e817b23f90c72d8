//! Labelled messages, and whether an order is the labelled one.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use contracts::ModifierOp;
use menu::Lexicon;
use serde::Deserialize;
use text::tokens;

use crate::Kind;
use crate::order::{Line, Order};
use crate::resolve::{Meant, Names};

/// A restaurant with its labelled messages.
#[derive(Debug)]
pub struct Restaurant {
    /// The folder's name.
    pub name: String,
    /// Its menu.
    pub lexicon: Arc<Lexicon>,
    /// Words of its names.
    pub names: Names,
    /// The messages.
    pub messages: Vec<Message>,
}

/// A labelled message.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// What the customer wrote.
    pub text: String,
    /// order, enquiry or miscellaneous.
    pub kind: String,
    /// The lines.
    #[serde(default)]
    pub items: Vec<Item>,
    /// A person has to look at it.
    #[serde(default)]
    pub off_menu: bool,
    /// What is ordered and not sold.
    #[serde(default)]
    pub off_menu_items: Vec<String>,
}

/// A labelled line.
#[derive(Debug, Clone, Deserialize)]
pub struct Item {
    /// The item's name.
    pub item: String,
    /// How many.
    #[serde(default = "one")]
    pub quantity: u32,
    /// The size.
    #[serde(default)]
    pub size: Option<String>,
    /// Wishes.
    #[serde(default)]
    pub modifiers: Vec<Modifier>,
}

/// A labelled wish.
#[derive(Debug, Clone, Deserialize)]
pub struct Modifier {
    /// What to do.
    pub op: ModifierOp,
    /// With what.
    pub name: String,
    /// Other right names.
    #[serde(default)]
    pub any_of: Vec<String>,
    /// Other right things to do.
    #[serde(default)]
    pub any_op: Vec<ModifierOp>,
    /// Right with or without it.
    #[serde(default)]
    pub optional: bool,
    /// How often.
    #[serde(default = "one")]
    pub count: u32,
}

const fn one() -> u32 {
    1
}

impl Message {
    /// The labelled kind.
    pub fn kind(&self) -> Kind {
        match self.kind.as_str() {
            "order" => Kind::Order,
            "enquiry" => Kind::Enquiry,
            _ => Kind::Misc,
        }
    }
}

/// Data that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// A line of messages.
    #[error("{0}, line {1}: {2}")]
    Line(String, usize, serde_json::Error),
    /// A menu.
    #[error("{0}: {1}")]
    Menu(String, String),
}

/// Reads a folder with `menu.csv`, `options.csv` (if any) and messages in `.jsonl` files.
pub fn read_restaurant(folder: &Path) -> Result<Restaurant, DataError> {
    let open = |name: &str| {
        let path = folder.join(name);
        File::open(&path).map_err(|e| DataError::File(path.display().to_string(), e))
    };
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let menu = open("menu.csv")?;
    let options = open("options.csv").ok();
    let menu = menu::csv::read_menu(("menu.csv", menu), options.map(|file| ("options.csv", file)))
        .map_err(|e| DataError::Menu(folder.display().to_string(), e.to_string()))?;
    let lexicon = Arc::new(Lexicon::with_common_names(menu));
    let names = Names::of(&lexicon);
    let entries = std::fs::read_dir(folder).map_err(|e| DataError::File(folder.display().to_string(), e))?;
    let mut files: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    let mut messages = Vec::new();
    for path in files {
        let shown = path.display().to_string();
        let file = File::open(&path).map_err(|e| DataError::File(shown.clone(), e))?;
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|e| DataError::File(shown.clone(), e))?;
            if !line.trim().is_empty() {
                let message =
                    serde_json::from_str(&line).map_err(|e| DataError::Line(shown.clone(), number + 1, e))?;
                messages.push(message);
            }
        }
    }
    Ok(Restaurant { name, lexicon, names, messages })
}

impl Restaurant {
    /// The same restaurant as a busy owner would write it down: no aliases, and no options but sizes.
    pub fn sparse(&self) -> Restaurant {
        let menu = self.lexicon.menu();
        let items = menu.items.iter().cloned().map(|item| menu::MenuItem { aliases: Vec::new(), ..item });
        let options = menu.options.iter().filter(|option| option.kind == "size").cloned();
        let lexicon =
            Arc::new(Lexicon::with_common_names(menu::Menu::new(items.collect(), options.collect())));
        let names = Names::of(&lexicon);
        Restaurant { name: self.name.clone(), lexicon, names, messages: self.messages.clone() }
    }
}

/// Letters and digits of a name.
pub fn name_key(name: &str) -> String {
    tokens(name).iter().filter(|t| is_word(t)).map(|t| t.text.as_str()).collect()
}

fn is_word(token: &text::Token) -> bool {
    matches!(token.kind, text::Kind::Word | text::Kind::Number(_))
}

/// The words of a wish's name, without the article before it.
pub fn wish_words(name: &str) -> Vec<String> {
    let words: Vec<String> = tokens(name)
        .into_iter()
        .filter(is_word)
        .map(|t| if t.text == "&" { "and".to_owned() } else { t.stem })
        .collect();
    let from = words.iter().position(|w| !matches!(w.as_str(), "the" | "a" | "an" | "any" | "some"));
    words[from.unwrap_or(0)..].to_vec()
}

const LITTLE: &[&str] = &["the", "a", "an", "on", "in", "of", "to", "it", "them", "please", "very", "my"];

fn content(name: &str) -> Vec<String> {
    wish_words(name).into_iter().filter(|w| !LITTLE.contains(&w.as_str())).collect()
}

/// A wish of an order, as labels see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    op: ModifierOp,
    key: String,
    words: Vec<String>,
    count: u32,
}

fn told(line: &Line) -> Vec<Told> {
    let mut all: Vec<Told> = Vec::new();
    for wish in &line.wishes {
        let key = wish_words(&wish.thing.name).concat();
        match all.iter_mut().find(|t| t.op == wish.op && t.key == key) {
            Some(known) => known.count += wish.doses,
            None => {
                all.push(Told { op: wish.op, key, words: content(&wish.thing.name), count: wish.doses });
            }
        }
    }
    all.sort();
    all
}

fn same_wishes(gold: &[Modifier], line: &Line) -> bool {
    let mut left = told(line);
    let mut merged: Vec<(Modifier, u32)> = Vec::new();
    for wish in gold {
        match merged.iter_mut().find(|(w, _)| w.op == wish.op && w.name == wish.name) {
            Some((_, count)) => *count += wish.count,
            None => merged.push((wish.clone(), wish.count)),
        }
    }
    merged.sort_by_key(|(wish, _)| wish.optional);
    for (wish, count) in &merged {
        let names: Vec<&String> = std::iter::once(&wish.name).chain(&wish.any_of).collect();
        let keys: Vec<String> = names.iter().map(|n| wish_words(n).concat()).collect();
        let op = |told: &Told| told.op == wish.op || wish.any_op.contains(&told.op);
        let noted = |told: &Told| {
            (wish.op == ModifierOp::Note || wish.any_op.contains(&ModifierOp::Note))
                && matches!(told.op, ModifierOp::Note | ModifierOp::Add)
                && names
                    .iter()
                    .map(|n| content(n))
                    .any(|want| !want.is_empty() && want.iter().all(|word| told.words.contains(word)))
        };
        let hit = left.iter().position(|t| (op(t) && keys.contains(&t.key) && t.count == *count) || noted(t));
        match hit {
            Some(at) => {
                left.remove(at);
                if keys.len() > 1 {
                    left.retain(|t| !(op(t) && keys.contains(&t.key)));
                }
            }
            None if wish.optional => {}
            None => return false,
        }
    }
    left.is_empty()
}

/// Whether an order has just the labelled lines; every line must have its item.
pub fn is_right(message: &Message, order: &Order, lexicon: &Lexicon) -> bool {
    let items = &lexicon.menu().items;
    // Equal lines count together.
    let mut lines: Vec<(Line, u32, String, Vec<Told>)> = Vec::new();
    for line in &order.lines {
        let Meant::Item { item, .. } = line.meant else { return false };
        let name = items.get(usize::from(item)).map(|i| name_key(&i.name)).unwrap_or_default();
        let wishes = told(line);
        match lines.iter_mut().find(|(l, _, n, w)| l.size == line.size && *n == name && *w == wishes) {
            Some((_, count, ..)) => *count += line.count,
            None => lines.push((line.clone(), line.count, name, wishes)),
        }
    }
    let mut wanted: Vec<(&Item, u32)> = Vec::new();
    for item in &message.items {
        let same = |other: &Item| {
            other.item == item.item
                && other.size == item.size
                && format!("{:?}", sorted(&other.modifiers)) == format!("{:?}", sorted(&item.modifiers))
        };
        match wanted.iter_mut().find(|(other, _)| same(other)) {
            Some((_, count)) => *count += item.quantity,
            None => wanted.push((item, item.quantity)),
        }
    }
    for (item, quantity) in wanted {
        let key = name_key(&item.item);
        let size = item.size.as_deref().map(name_key);
        let hit = lines.iter().position(|(line, count, name, _)| {
            *count == quantity
                && *name == key
                && line.size.as_deref().map(name_key) == size
                && same_wishes(&item.modifiers, line)
        });
        match hit {
            Some(at) => lines.remove(at),
            None => return false,
        };
    }
    lines.is_empty()
}

fn sorted(wishes: &[Modifier]) -> Vec<String> {
    let mut all: Vec<String> = wishes.iter().map(|w| format!("{w:?}")).collect();
    all.sort();
    all
}
