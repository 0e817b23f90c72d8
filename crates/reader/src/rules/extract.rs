//! Items, quantities, sizes and modifiers out of a customer's words.

mod ahead;
mod draft;
mod finish;
mod items;
mod numbers;
mod options;
mod strange;
mod words;

use contracts::{Modifier, ModifierOp, OrderLine};
use menu::Lexicon;
use menu::lexicon::{Hit, Target};
use menu::reading::{Mention, Reading};
use text::{Classes, Kind};

use draft::{Draft, Mod, Pending, item_of, option_of};

/// What was read from a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    /// The lines of the order; none if there is nothing that can be ordered in it.
    pub lines: Vec<OrderLine>,
    /// ISO 639-1 code of the language that it was read in.
    pub language: String,
    /// What was read, in one sentence.
    pub reason: String,
}

/// Beyond these an order is a person's to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most pieces of one line that nobody has to look at.
    pub quantity: u32,
    /// The most lines of one order.
    pub lines: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { quantity: 20, lines: 60 }
    }
}

/// Reads an order with the usual bounds.
pub fn extract(text: &str, lexicon: &Lexicon) -> Extraction {
    extract_within(text, lexicon, Bounds::default())
}

/// Reads an order.
pub fn extract_within(text: &str, lexicon: &Lexicon, bounds: Bounds) -> Extraction {
    extract_from(&lexicon.read(text), lexicon, bounds)
}

/// Reads an order from a text that was read before.
pub fn extract_from(reading: &Reading<'_>, lexicon: &Lexicon, bounds: Bounds) -> Extraction {
    let mut builder = Builder::new(reading, lexicon);
    builder.run(bounds.lines);
    builder.finish(bounds)
}

/// How far a look ahead goes; keeps the cost linear.
const LOOK_AHEAD: usize = 14;
/// More wishes about one line are nobody's.
const MOST_MODS: usize = 40;
/// Longest quotation of a customer's words.
const LONGEST_QUOTE: usize = 100;
/// A part of a name below this is no name.
const LEAST_PART: f32 = 0.2;

struct Builder<'a> {
    text: &'a str,
    reading: &'a Reading<'a>,
    mentions: &'a [Mention],
    lexicon: &'a Lexicon,
    lines: Vec<Draft>,
    current: Option<usize>,
    pending: Pending,
    op: Option<ModifierOp>,
    /// What follows belongs to the item before.
    with: bool,
    /// Within a statement that wants nothing.
    story: bool,
    /// The statement is about another time.
    told: bool,
    /// The next thing takes the place of the last.
    correcting: bool,
    /// Modifiers go to all lines.
    all: bool,
    /// "instead of": what follows is left out.
    instead: bool,
    joined: bool,
    /// Joined by "and", not only by a comma.
    anded: bool,
    /// The wish of `op` has been told: without a joiner the next thing is none of it.
    op_used: bool,
    /// Modifiers since the last joiner: what "on the ..." speaks of.
    tail: Vec<Mod>,
    /// "on the": the item that follows gets them.
    onto: bool,
    /// The items that a general word spoke of: "shakes: ...".
    context: Vec<u16>,
    clause_start: bool,
    clause_from: usize,
    sentence_from: usize,
    cancelled: bool,
    /// A count without a thing: "and two ... no".
    dangling: bool,
    /// ALL IN CAPITALS.
    shouted: bool,
    /// The last word that was taken for a name.
    named: Option<usize>,
    /// "x2 colas x3 teas": the number comes before the thing.
    times_before: bool,
    /// "everything with no onions: ...": wishes about all that follows.
    for_all: Vec<Mod>,
    /// An item that was told of, and not asked for.
    told_of: Option<usize>,
    /// What is wrong with the item that follows.
    doubt_ahead: Option<String>,
}

impl<'a> Builder<'a> {
    fn new(reading: &'a Reading<'a>, lexicon: &'a Lexicon) -> Self {
        Builder {
            text: reading.text,
            reading,
            mentions: &reading.mentions,
            lexicon,
            lines: Vec::new(),
            current: None,
            pending: Pending::default(),
            op: None,
            with: false,
            story: false,
            told: false,
            correcting: false,
            all: false,
            instead: false,
            joined: false,
            anded: false,
            op_used: false,
            tail: Vec::new(),
            onto: false,
            context: Vec::new(),
            clause_start: true,
            clause_from: 0,
            sentence_from: 0,
            cancelled: false,
            dangling: false,
            shouted: !reading.text.chars().any(char::is_lowercase),
            named: None,
            times_before: times_come_first(&reading.mentions),
            for_all: Vec::new(),
            told_of: None,
            doubt_ahead: None,
        }
    }

    fn run(&mut self, most: usize) {
        let mut i = self.end_of_heading();
        (self.clause_from, self.sentence_from) = (i, i);
        // Beyond the bound a person reads it anyway.
        while i < self.mentions.len() && self.lines.len() <= most {
            i = self.step(i).max(i + 1);
        }
        self.end_phrase(self.mentions.len());
    }

    fn step(&mut self, i: usize) -> usize {
        let m = &self.mentions[i];
        if i == self.sentence_from
            && let Some(end) = self.end_of_steering(i)
        {
            return end;
        }
        match m.kind {
            Kind::Comma => {
                if self.reading.tokens[m.first].text == ":" && !self.counted() {
                    // "Tom: ...": a name, or a heading.
                    self.pending.words.clear();
                }
                self.end_words(i);
                self.tail.clear();
                self.clause_from = i + 1;
                if self.op != Some(ModifierOp::Remove) || !self.lists_on(i + 1) {
                    self.op = None;
                }
                self.joined = true;
                self.instead = false;
                return i + 1;
            }
            Kind::Stop | Kind::Question => {
                self.end_phrase(i);
                self.op = None;
                self.with = false;
                self.story = false;
                self.told = false;
                self.all = false;
                self.instead = false;
                self.clause_start = true;
                self.clause_from = i + 1;
                self.sentence_from = i + 1;
                self.joined = false;
                self.anded = false;
                self.tail.clear();
                self.onto = false;
                return i + 1;
            }
            Kind::Sign => return i + 1,
            Kind::Word | Kind::Number(_) => {}
        }
        // "both" counts nothing where no things follow it, or those that were named before.
        let both = m.is(Classes::ALL_OF)
            && self.current.is_some()
            && (!self.phrase_follows(i + 1) || self.known_item(i + 1).is_some());
        if (m.number.is_some() || matches!(m.kind, Kind::Number(_))) && !m.is_food() && !both {
            let next = self.number(i);
            self.clause_start = false;
            return next;
        }
        if m.is_food() {
            if self.op.is_some() && self.op_used && !self.joined {
                self.op = None;
            }
            self.food(i);
            self.clause_start = false;
            self.joined = false;
            self.anded = false;
            return i + 1;
        }
        if m.unknown || (m.described && m.classes.only(Classes::TOPICS)) {
            if self.op.is_some() && self.op_used && !self.joined {
                self.op = None;
            }
            self.unknown(i);
            self.clause_start = false;
            self.joined = false;
            self.anded = false;
            return i + 1;
        }
        self.word(i)
    }

    fn text_of(&self, first: usize, end: usize) -> String {
        let tokens = &self.reading.tokens;
        match (tokens.get(first), end.checked_sub(1).and_then(|last| tokens.get(last))) {
            (Some(a), Some(b)) => {
                let words = self.text.get(a.start..b.end).unwrap_or_default();
                match words.char_indices().nth(LONGEST_QUOTE) {
                    Some((end, _)) => format!("{}\u{2026}", &words[..end]),
                    None => words.to_owned(),
                }
            }
            _ => String::new(),
        }
    }

    fn name_of(&self, hit: Hit) -> String {
        let menu = self.lexicon.menu();
        match hit.target {
            Target::Item(id) => menu.items.get(usize::from(id)).map(|i| i.name.clone()),
            Target::Option(id) => menu.options.get(usize::from(id)).map(|o| o.name.clone()),
        }
        .unwrap_or_default()
    }
}

/// Whether the first "x2" of a text stands before the first thing in it.
fn times_come_first(mentions: &[Mention]) -> bool {
    let times = mentions.windows(2).position(|pair| pair[0].is(Classes::TIMES) && pair[1].number.is_some());
    times.is_some_and(|at| !mentions[..at].iter().any(Mention::is_food))
}
