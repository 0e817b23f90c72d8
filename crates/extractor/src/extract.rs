//! Items, quantities, sizes and modifiers out of a customer's words.

use contracts::{Modifier, ModifierOp, OrderLine};
use menu::Lexicon;
use menu::lexicon::{Hit, Target};
use menu::reading::{Mention, Reading};
use text::{Classes, Kind};

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

#[derive(Clone, Debug)]
struct Mod {
    op: ModifierOp,
    name: String,
    count: u32,
    option: Option<u16>,
    /// Comes after the last item: what "on both" would repeat.
    fresh: bool,
}

#[derive(Clone, Debug)]
struct Draft {
    item: Option<u16>,
    phrase: (usize, usize),
    quantity: u32,
    counted: bool,
    size: Option<String>,
    mods: Vec<Mod>,
    doubts: Vec<String>,
    /// Split off from the line before: "three with bread".
    split: bool,
    /// What else the words may mean: "a burger" is any of them.
    general: Vec<u16>,
    /// A part of a name, not all of it.
    partial: bool,
    /// Nothing else has been told of it yet.
    fresh: bool,
    /// No strange words are in it.
    pure: bool,
}

/// A noun phrase that has begun: "two large veggie ...".
#[derive(Default, Debug)]
struct Pending {
    /// A count, an article or a request came before it.
    strong: bool,
    /// Nothing but a request came before it.
    only_request: bool,
    count: Option<u32>,
    size: Option<String>,
    mods: Vec<Mod>,
    /// Mentions that are not understood yet.
    words: Vec<usize>,
    container: bool,
    /// The words stand in a list behind an item.
    listed: bool,
    /// What is wrong with it already.
    doubt: Option<String>,
}

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
        }
    }

    fn run(&mut self, most: usize) {
        let mut i = 0;
        // Beyond the bound a person reads it anyway.
        while i < self.mentions.len() && self.lines.len() <= most {
            i = self.step(i).max(i + 1);
        }
        self.end_phrase(self.mentions.len());
    }

    fn step(&mut self, i: usize) -> usize {
        let m = &self.mentions[i];
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
        // "both" counts nothing where no things follow it.
        let both = m.is(Classes::ALL_OF) && self.current.is_some() && !self.phrase_follows(i + 1);
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

    /// A word of the language.
    fn word(&mut self, i: usize) -> usize {
        let m = &self.mentions[i];
        if m.is(Classes::CANCEL_ALL) {
            self.end_phrase(i);
            self.lines.clear();
            self.current = None;
            self.cancelled = true;
            return i + 1;
        }
        if m.is(Classes::CANCEL)
            && let Some((line, at)) = self.cancelled_line(i + 1)
        {
            self.end_phrase(i);
            self.lines.remove(line);
            self.current = self.lines.len().checked_sub(1);
            self.op = None;
            self.with = false;
            self.correcting = false;
            return at + 1;
        }
        let cancels_option = m.is(Classes::CANCEL)
            && !m.is(Classes::REMOVE.or(Classes::CORRECT))
            && self.current.is_some()
            && self.next_food(i + 1).is_some_and(|next| next.options.first().is_some_and(|h| h.whole));
        if m.is(Classes::INSTEAD) {
            self.end_phrase(i);
            self.instead = true;
            self.op = Some(ModifierOp::Remove);
            return i + 1;
        }
        if m.is(Classes::ALL_OF) {
            self.end_phrase(i);
            if self.modifies_next(i + 1) {
                self.all = !self.lines.is_empty();
            } else {
                self.repeat_for_all();
            }
            return i + 1;
        }
        let refused = m.is(Classes::REMOVE)
            && m.end == m.first + 1
            && self.mentions.get(i + 1).is_some_and(|next| matches!(next.kind, Kind::Comma | Kind::Stop));
        if (m.is(Classes::CORRECT) || refused) && self.current.is_some() {
            let after_item =
                i > 0 && (self.mentions[i - 1].is_food() || self.mentions[i - 1].kind == Kind::Comma);
            let trailing = after_item && !refused && self.ends_order(i + 1);
            self.end_phrase(i);
            if trailing || std::mem::take(&mut self.dangling) {
                return i + 1;
            }
            self.correcting = true;
            self.with = false;
            self.op = None;
            return i + 1;
        }
        if m.is(Classes::SAME)
            && self.current.is_some()
            && self.pending.words.is_empty()
            && self.pending.mods.is_empty()
        {
            self.one_more_of_the_same();
            return i + 1;
        }
        if m.is(Classes::HALF) && self.followed_by_modifier(i + 1) {
            if let Some(current) = self.current
                && self.lines[current].quantity > 1
            {
                let half = self.lines[current].quantity / 2;
                self.end_phrase(i);
                self.refer(half, true);
            }
            return i + 1;
        }
        if m.is(Classes::ON_ONE) && !self.phrase_follows(i + 1) && !self.tail.is_empty() {
            self.only_on_one();
            return i + 1;
        }
        if m.is(Classes::ONTO) && self.op.is_none_or(|_| self.op_used) {
            match self.next_food(i + 1) {
                Some(next) if !next.items.is_empty() && !self.tail.is_empty() => {
                    self.onto = true;
                    self.op = None;
                    return i + 1;
                }
                Some(next) if next.items.is_empty() && !next.options.is_empty() && self.current.is_some() => {
                    self.end_phrase(i);
                    self.op = None;
                    self.with = true;
                    return i + 1;
                }
                _ => {}
            }
        }
        if m.is(Classes::REMOVE) || cancels_option {
            self.end_words(i);
            self.joined = false;
            self.op_used = false;
            self.tail.clear();
            self.op = Some(ModifierOp::Remove);
            if self.pending.mods.is_empty() && self.pending.words.is_empty() && self.pending.count.is_none() {
                self.pending = Pending::default();
            } else {
                self.end_phrase(i);
            }
            return i + 1;
        }
        if m.is(Classes::LIGHT) && self.size_before_item(i) {
            return i + 1;
        }
        if m.is(Classes::EXTRA) || m.is(Classes::LIGHT) {
            let over = std::mem::take(&mut self.op_used);
            if self.op != Some(ModifierOp::Remove) || self.joined || over {
                self.op = Some(if m.is(Classes::EXTRA) { ModifierOp::Extra } else { ModifierOp::Light });
            }
            self.joined = false;
            return i + 1;
        }
        if m.is(Classes::REQUEST) {
            if !self.counted() || (m.is(Classes::THIRD) && self.pending.count.is_none()) {
                // "Jill would like ...": who wants it.
                self.pending.words.clear();
            }
            self.end_phrase(i);
            self.joined = false;
            self.tail.clear();
            self.story = false;
            self.op = None;
            self.with = m.is(Classes::WITH);
            self.all = false;
            self.clause_start = false;
            let mods =
                if self.current.is_none() { std::mem::take(&mut self.pending.mods) } else { Vec::new() };
            self.pending = Pending { strong: !self.with, only_request: true, mods, ..Pending::default() };
            return i + 1;
        }
        if m.is(Classes::WITH) {
            self.end_phrase(i);
            self.joined = false;
            self.tail.clear();
            self.op = None;
            self.with = true;
            return i + 1;
        }
        if m.is(Classes::JOIN) {
            self.end_words(i);
            self.anded = true;
            self.tail.clear();
            self.clause_from = i + 1;
            if self.op != Some(ModifierOp::Remove) || !self.option_next(i + 1) {
                self.op = None;
            }
            self.joined = true;
            return i + 1;
        }
        if m.is(Classes::OR) {
            self.end_words(i);
            self.joined = true;
            return i + 1;
        }
        if m.is(Classes::CONTAINER) {
            // "two pumps of ...": the count is the option's.
            let measures = self.pending.count.is_some() && !self.pending.strong;
            if self.op.is_none() && !measures {
                if !self.pending.strong {
                    self.end_phrase(i);
                }
                self.pending.strong = true;
                self.pending.only_request = false;
                self.pending.container = true;
            }
            return i + 1;
        }
        if m.is(Classes::ARTICLE) {
            if self.op.is_none() {
                if !self.pending.strong || !self.pending.words.is_empty() || !self.pending.mods.is_empty() {
                    self.end_phrase(i);
                }
                self.pending.strong = true;
                self.pending.only_request = false;
            }
            return i + 1;
        }
        if m.is(Classes::SIZE) && !self.lexicon.has_sizes() && !m.is(Classes::FILLER) {
            self.size(i, None);
            return i + 1;
        }
        if m.is(Classes::SIZE) && !m.is(Classes::FILLER.or(Classes::DECORATION)) {
            self.pending.doubt = Some(format!("\"{}\" is none of the sizes", self.text_of(m.first, m.end)));
            return i + 1;
        }
        if m.is(Classes::COPULA) && self.pending.count.is_none() && !self.pending.words.is_empty() {
            // "the fridge is empty": told, not asked for.
            self.pending = Pending::default();
            self.story = true;
            return i + 1;
        }
        if m.classes.only(Classes::PLAIN.or(Classes::TOPICS))
            && self.mentions.get(i + 1).is_some_and(|next| !next.items.is_empty())
            && (self.counted() || self.clause_start)
        {
            // "a birthday cake" is not any cake.
            self.pending.doubt = Some(format!("\"{}\" is not on the menu", self.text_of(m.first, m.end)));
            return i + 1;
        }
        if m.is(Classes::PAST.or(Classes::HYPOTHETICAL).or(Classes::STORY)) && self.pending.words.is_empty() {
            if self.pending.count.is_none() {
                self.end_phrase(i);
                self.story = true;
            }
            return i + 1;
        }
        if m.is(Classes::SO) {
            self.story = false;
            return i + 1;
        }
        if m.is(Classes::NOT_FOOD) && self.pending.strong && self.pending.words.is_empty() {
            self.pending = Pending::default();
            return i + 1;
        }
        if m.is(Classes::DECORATION) || m.is(Classes::GENERIC) {
            return i + 1;
        }
        if m.is(Classes::FILLER.or(Classes::PLAIN)) {
            self.end_words(i);
            if self.op_used {
                self.op = None;
            }
        }
        i + 1
    }

    /// Whether nothing follows that could take something's place.
    fn ends_order(&self, at: usize) -> bool {
        match self.mentions.get(at) {
            None => true,
            Some(m) if matches!(m.kind, Kind::Stop | Kind::Question) => true,
            Some(m) if m.kind == Kind::Comma => {
                self.mentions.get(at + 1).is_none_or(|next| next.is(Classes::JOIN))
            }
            Some(_) => false,
        }
    }

    /// The next thing of the menu, articles and the like aside.
    fn next_food(&self, from: usize) -> Option<&'a Mention> {
        let skip = Classes::ARTICLE.or(Classes::DECORATION).or(Classes::SIZE);
        self.mentions.iter().skip(from).take(4).find(|m| m.is_food() || !m.is(skip)).filter(|m| m.is_food())
    }

    /// "the same for my wife"
    fn one_more_of_the_same(&mut self) {
        let Some(current) = self.current else { return };
        let mut line = self.lines[current].clone();
        line.quantity = self.pending.count.unwrap_or(1);
        line.split = false;
        self.pending = Pending::default();
        self.lines.push(line);
        self.current = Some(self.lines.len() - 1);
        self.with = true;
        self.op = None;
    }

    /// "hold the ice in one"
    fn only_on_one(&mut self) {
        let Some(current) = self.current else { return };
        let tail = std::mem::take(&mut self.tail);
        if self.lines[current].quantity < 2 {
            return;
        }
        let mut one = self.lines[current].clone();
        self.lines[current].mods.retain(|m| !tail.iter().any(|t| t.name == m.name && t.op == m.op));
        self.lines[current].quantity -= 1;
        one.quantity = 1;
        one.split = true;
        self.lines.push(one);
        self.current = Some(self.lines.len() - 1);
        self.op = None;
    }

    /// "a little salad": small, not less of it.
    fn size_before_item(&mut self, i: usize) -> bool {
        let m = &self.mentions[i];
        if self.current.is_some() && self.with && !self.pending.strong {
            return false;
        }
        let Some(next) = self.next_food(i + 1) else { return false };
        if next.items.is_empty() || (!next.options.is_empty() && next.options[0].whole) {
            return false;
        }
        let mut size = None;
        self.lexicon.names_at(&self.reading.tokens, m.end - 1, |length, hit| {
            if length == 1
                && let Some(option) = option_of(hit)
                && self.lexicon.is_size(option)
            {
                size = Some(option);
            }
        });
        let Some(size) = size else { return false };
        if !self.pending.strong {
            self.end_phrase(i);
        }
        self.pending.strong = true;
        self.pending.only_request = false;
        self.pending.size = Some(self.lexicon.menu().options[usize::from(size)].name.clone());
        true
    }

    /// A number: how many of what follows, of what came before, or nothing of the sort.
    fn number(&mut self, i: usize) -> usize {
        let m = &self.mentions[i];
        let before = i.checked_sub(1).map(|b| &self.mentions[b]);
        let after = self.mentions.get(i + 1);
        let Some(count) = m.number else {
            return i + 1;
        };
        if count == 0 {
            self.op = Some(ModifierOp::Remove);
            return i + 1;
        }
        // "1) soup": the number of a list.
        let behind = self.text.as_bytes().get(self.reading.tokens[m.end - 1].end);
        let starts_line = before.is_none_or(|b| b.kind == Kind::Stop);
        if matches!(m.kind, Kind::Number(_)) && starts_line && matches!(behind, Some(b')' | b'.')) {
            return i + 1;
        }
        let follows = self.phrase_follows(i + 1);
        if before.is_some_and(|b| b.kind == Kind::Sign) || after.is_some_and(|a| a.kind == Kind::Sign) {
            return i + 1;
        }
        if after.is_some_and(|a| a.is(Classes::NUMBER_AFTER) && !a.is_food()) {
            return i + 2;
        }
        if before.is_some_and(|b| b.is(Classes::NUMBER_BEFORE) && !b.is_food())
            && !(follows && before.is_some_and(|b| b.is(Classes::FILLER)))
            && matches!(m.kind, Kind::Number(_))
        {
            return i + 1;
        }
        // "one" that stands for a thing: the spicy one.
        if m.is(Classes::PRONOUN)
            && before
                .is_some_and(|b| b.is_food() || b.is(Classes::DECORATION) || b.unknown || b.is(Classes::SIZE))
            && !self.joined
            && !follows
            && !(self.current.is_some_and(|c| self.lines[c].quantity > 1) && self.followed_by_modifier(i + 1))
        {
            return i + 1;
        }
        // "coke x2", "coke 2"
        if before.is_some_and(|b| b.is(Classes::TIMES)) && !self.pending.words.is_empty() && !follows {
            self.pending.strong = true;
            self.pending.only_request = false;
            self.pending.count = Some(count);
            return i + 1;
        }
        let times_before = before.is_some_and(|b| b.is(Classes::TIMES));
        let times_of_last = times_before && i > 1 && self.mentions[i - 2].is_food();
        if let Some(current) = self.current
            && (times_of_last || (!follows && !self.followed_by_modifier(i + 1) && !self.pending.strong))
        {
            let line = &mut self.lines[current];
            let dangling = self.anded && !self.correcting;
            let same_sentence = line.phrase.1 > self.mentions.get(self.sentence_from).map_or(0, |m| m.first);
            if times_of_last || self.correcting || (!line.counted && !dangling && same_sentence) {
                line.quantity = count;
                line.counted = true;
                self.correcting = false;
                return i + 1;
            }
        }
        if let Some(current) = self.current
            && self.option_run_without_item(i + 1)
            && !self.size_next(i + 1)
            && (self.lines[current].quantity < count || !self.lines[current].counted || self.with)
        {
            // "two shots of vanilla": a count of a modifier.
            self.end_phrase(i);
            self.pending.count = Some(count);
            return i + 1;
        }
        if follows {
            self.end_phrase(i);
            self.story = false;
            self.op = None;
            self.pending.strong = true;
            self.pending.only_request = false;
            self.pending.count = Some(count);
            let mut next = i + 1;
            if after.is_some_and(|a| a.is(Classes::TIMES)) {
                next += 1;
            }
            return next;
        }
        // No thing follows: part of what came before, or more of it.
        self.end_phrase(i);
        self.pending.strong = true;
        self.pending.count = Some(count);
        self.pending.only_request = false;
        if self.current.is_some() {
            self.refer(count, self.followed_by_modifier(i + 1));
            self.pending = Pending::default();
        }
        i + 1
    }

    /// "three with bread", "make it two", "three of those".
    fn refer(&mut self, count: u32, modified: bool) {
        let Some(current) = self.current else { return };
        if self.correcting || !modified {
            let corrected = std::mem::take(&mut self.correcting);
            if self.anded && !corrected {
                self.dangling = true;
            } else if !self.lines[current].split && (corrected || !self.lines[current].counted) {
                self.lines[current].quantity = count;
                self.lines[current].counted = true;
            }
            return;
        }
        // The line that is being split: the current one, or the one that the current was split off.
        let base = if self.lines[current].split { self.base_of(current) } else { Some(current) };
        let mut part = match base {
            Some(base) => self.lines[base].clone(),
            None => self.lines[current].clone(),
        };
        part.quantity = count;
        part.counted = true;
        part.split = true;
        match base {
            Some(base) if self.lines[base].quantity > count => {
                self.lines[base].quantity -= count;
                self.lines.push(part);
                self.current = Some(self.lines.len() - 1);
            }
            Some(base)
                if self.lines[base].quantity == count
                    && self.lines[base].counted
                    && self.lines.iter().skip(base + 1).any(|line| line.split) =>
            {
                self.lines[base].split = true;
                self.current = Some(base);
            }
            _ => {
                // One more of the same.
                part.mods.clear();
                part.split = false;
                self.lines.push(part);
                self.current = Some(self.lines.len() - 1);
            }
        }
        self.with = true;
    }

    fn base_of(&self, line: usize) -> Option<usize> {
        (0..line)
            .rev()
            .find(|at| !self.lines[*at].split)
            .filter(|at| self.lines[*at].item == self.lines[line].item)
    }

    /// Something of the menu.
    fn food(&mut self, i: usize) {
        let m = &self.mentions[i];
        if let Some(option) = m.options.first().and_then(|h| option_of(*h))
            && self.lexicon.is_size(option)
            && (m.items.is_empty() || m.options[0].whole)
            && self.op != Some(ModifierOp::Remove)
        {
            // "extra" before "large" is part of the size.
            self.size(i, Some(option));
            return;
        }
        if self.instead {
            self.in_place_of(i);
            return;
        }
        if self.is_item(i) { self.item(i) } else { self.option(i) }
    }

    fn is_item(&self, i: usize) -> bool {
        let m = &self.mentions[i];
        let Some(item) = m.items.first() else { return false };
        let Some(option) = m.options.first() else {
            // With "no" before it, a name is what shall be left out.
            return !(self.op == Some(ModifierOp::Remove) && self.current.is_some());
        };
        if self.op.is_some() {
            return false;
        }
        if self.onto {
            return true;
        }
        if let Some(current) = self.current
            && !self.anded
            && self.lines[current].phrase.1 + 1 == m.first
            && m.items.iter().filter_map(|h| item_of(*h)).any(|id| self.lines[current].general.contains(&id))
        {
            // "a shake, chocolate"
            return true;
        }
        let mut lead = item.score - option.score;
        if item.whole && !option.whole {
            lead += 0.4;
        }
        if option.whole && !item.whole {
            lead -= 0.4;
        }
        let counted = self.pending.strong && !self.pending.only_request;
        if counted {
            lead += if self.pending.container || self.pending.count.is_some() { 0.7 } else { 0.35 };
        } else if self.pending.strong && !self.with {
            lead += 0.15;
        }
        if self.side_follows(i + 1) {
            lead += 0.8;
        }
        // "burgers: cheese, fish and chicken"; "rather chocolate"
        let alike = m.items.iter().any(|h| item_of(*h).is_some_and(|id| self.context.contains(&id)));
        let listed =
            self.current.and_then(|c| self.lines[c].item).is_some_and(|id| self.context.contains(&id));
        if (alike && listed && !self.with)
            || (self.correcting
                && self.current.is_some_and(|c| m.items.iter().any(|h| self.same_category(c, h))))
        {
            lead += 1.2;
        }
        // "the spicy one"
        let one = self.mentions.get(i + 1).is_some_and(|m| m.is(Classes::PRONOUN) && m.number == Some(1));
        if one && self.pending.strong && !self.phrase_follows(i + 2) {
            lead += 1.5;
        }
        if self.head_ahead(i) {
            lead -= 0.6;
        }
        match self.current {
            None if !self.head_ahead(i) => lead += 0.3,
            None => {}
            Some(current) => {
                if !item.whole && !counted {
                    lead -= 0.5;
                } else if self.same_category(current, item) {
                    lead += 0.3;
                } else if self.with {
                    lead -= 0.4;
                } else if !self.pending.strong {
                    lead -= 0.2;
                }
            }
        }
        lead > 0.0
    }

    fn same_category(&self, line: usize, hit: &Hit) -> bool {
        let items = &self.lexicon.menu().items;
        let category = |at: u16| items.get(usize::from(at)).map(|i| i.category.as_str()).unwrap_or_default();
        match (self.lines[line].item, hit.target) {
            (Some(a), Target::Item(b)) => !category(a).is_empty() && a != b && category(a) == category(b),
            _ => false,
        }
    }

    fn item(&mut self, i: usize) {
        let m = &self.mentions[i];
        let counted = self.pending.strong && !self.pending.only_request;
        if self.story && self.pending.count.is_none() && !counted {
            return;
        }
        if self.story && self.pending.count.is_none() {
            self.pending = Pending::default();
            return;
        }
        let mut best = m.items[0];
        let clear = self.ambiguity(m).is_none();
        if !clear
            && !self.context.is_empty()
            && let Some(hit) =
                m.items.iter().find(|h| item_of(**h).is_some_and(|id| self.context.contains(&id)))
        {
            best = *hit;
        }
        // "on second thought chocolate": another of the same sort.
        let mut corrected = false;
        if !clear
            && self.correcting
            && let Some(current) = self.current
            && let Some(hit) = m.items.iter().find(|h| self.same_category(current, h))
        {
            best = *hit;
            corrected = true;
        }
        let Some(id) = item_of(best) else { return };
        let in_context = !clear && (self.context.contains(&id) || corrected);
        let general = !best.name && m.related.len() > 1 && !in_context;
        // "a sandwich with turkey": the general word came first.
        let words = std::mem::take(&mut self.pending.words);
        let mut doubts = Vec::new();
        let mut first = m.first;
        for at in words {
            let word = &self.mentions[at];
            if word.unknown || !self.describes(word, id) {
                doubts.push(format!("\"{}\" is not on the menu", self.text_of(word.first, word.end)));
            }
            first = first.min(word.first);
        }
        let pure = doubts.is_empty();
        doubts.extend(self.pending.doubt.take());
        if m.guessed {
            doubts.push(format!("\"{}\" may be a slip of the pen", self.text_of(m.first, m.end)));
        }
        if !in_context && let Some(doubt) = self.ambiguity(m) {
            doubts.push(doubt);
        }
        let mut size = self.pending.size.take();
        let mut mods = std::mem::take(&mut self.pending.mods);
        if (!best.whole || general) && !mods.is_empty() && mods.iter().any(|m| m.op != ModifierOp::Remove) {
            // "tomato soup" is no soup of the day with tomatoes.
            let name = &self.lexicon.menu().items[usize::from(id)].name;
            doubts.push(format!("\"{}\" is not quite {name}", self.text_of(first, m.end)));
        }
        let count = self.pending.count.take();
        let tail = std::mem::take(&mut self.tail);
        if std::mem::take(&mut self.onto)
            && let Some(current) = self.current
        {
            self.lines[current].mods.retain(|m| !tail.iter().any(|t| t.name == m.name && t.op == m.op));
            if let Some(at) = self.lines.iter().rposition(|line| line.item == Some(id)) {
                tail.into_iter().for_each(|m| self.lines[at].push(m));
                self.pending = Pending::default();
                self.current = Some(at);
                self.op = None;
                return;
            }
            tail.into_iter()
                .filter(|t| !mods.iter().any(|m| m.name == t.name && m.op == t.op))
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|m| mods.push(m));
        }
        // "strawberry ice cream" is neither of the two.
        if let Some(current) = self.current
            && i > 0
            && self.mentions[i - 1].is_food()
            && self.lines[current].phrase.1 == m.first
            && self.lines[current].item.is_some()
            && self.lines[current].partial
            && (!best.name || !self.mentions[i - 1].items.first().is_some_and(|h| h.last))
            && count.is_none()
        {
            let from = self.lines[current].phrase.0;
            let line = &mut self.lines[current];
            line.item = Some(id);
            line.phrase = (from, m.end);
            line.doubts.clear();
            let phrase = self.text_of(from, m.end);
            let name = self.name_of(best);
            self.lines[current].doubts.push(format!("\"{phrase}\" is not quite {name}"));
            self.pending = Pending::default();
            return;
        }
        if general {
            self.context.clone_from(&m.related);
        }
        let draft = Draft {
            item: Some(id),
            phrase: (first, m.end),
            quantity: count.unwrap_or(1),
            counted: count.is_some(),
            size: size.take(),
            mods,
            doubts,
            split: false,
            general: if general { m.related.clone() } else { Vec::new() },
            partial: !best.whole,
            fresh: true,
            pure,
        };
        // "a burger, the crispy chicken one"; "a sandwich with turkey"
        let apart = self.current.is_some_and(|current| {
            let sentence = self.mentions.get(self.sentence_from).map_or(0, |m| m.first);
            self.lines[current].phrase.1 <= sentence && count.is_some()
        });
        if let Some(current) = self.current
            && !self.anded
            && !apart
            && self.lines[current].pure
            && self.lines[current].general.contains(&id)
            && !general
            && (count.is_none()
                || !self.lines[current].counted
                || self.lines[current].quantity > draft.quantity)
            && self.lines[current].fresh
        {
            let whole = &self.lines[current];
            let quantity = match count {
                Some(count) => count,
                None if whole.counted && self.list_follows(i + 1) => 1,
                None => whole.quantity,
            };
            let size = draft.size.clone().or_else(|| whole.size.clone());
            let mut all = whole.mods.clone();
            all.extend(draft.mods.iter().cloned());
            self.lines[current] = Draft { quantity, size, mods: all, counted: true, fresh: false, ..draft };
            self.pending = Pending::default();
            self.op = None;
            self.with = false;
            self.correcting = false;
            return;
        }
        self.pending = Pending::default();
        self.op = None;
        self.with = false;
        self.all = false;
        for line in &mut self.lines {
            line.mods.iter_mut().for_each(|m| m.fresh = false);
        }
        if std::mem::take(&mut self.correcting)
            && let Some(current) = self.current
        {
            // "make it a large one" keeps the number.
            let quantity = if draft.counted { draft.quantity } else { self.lines[current].quantity };
            self.lines[current] = Draft { quantity, ..draft };
            return;
        }
        self.lines.push(draft);
        self.current = Some(self.lines.len() - 1);
    }

    /// Two items that the words fit alike.
    fn ambiguity(&self, m: &Mention) -> Option<String> {
        let [best, second, ..] = m.items.as_slice() else {
            return (m.items[0].score < LEAST_PART).then(|| {
                format!("\"{}\" may not mean {}", self.text_of(m.first, m.end), self.name_of(m.items[0]))
            });
        };
        let clear = if best.whole {
            !second.whole || best.score - second.score > 0.005
        } else {
            best.score - second.score > 0.3
        };
        (!clear).then(|| {
            format!(
                "\"{}\" may be {} or {}",
                self.text_of(m.first, m.end),
                self.name_of(*best),
                self.name_of(*second)
            )
        })
    }

    fn option(&mut self, i: usize) {
        let m = &self.mentions[i];
        let hit = m.options.first().copied();
        let (name, option) = match hit.and_then(option_of) {
            Some(id) => (self.lexicon.menu().options[usize::from(id)].name.clone(), Some(id)),
            None => match m.items.first() {
                // "chocolate, not vanilla": an item that nobody asked for.
                Some(item) if item.whole || self.lexicon.has_options() => return,
                Some(_) => (self.text_of(m.first, m.end), None),
                None => return,
            },
        };
        // "cheddar cheese": one thing in two words.
        if let Some(last) = i.checked_sub(1).map(|b| &self.mentions[b])
            && last.end == m.first
            && let Some(before) = last.options.first().copied()
            && last.options.first().is_some_and(|h| h.whole)
            && m.options.iter().any(|h| h.target == before.target)
            && (m.options.len() > 1 || !m.options[0].name)
        {
            return;
        }
        // "swiss cheese": the sort is told already, the word says what sort of thing it is.
        if let Some(last) = i.checked_sub(1).map(|b| &self.mentions[b])
            && last.end == m.first
            && m.options.len() > 1
            && m.options.iter().all(|h| !h.whole && h.last)
            && let Some(before) = last.options.first()
            && (before.whole || last.options.len() == 1)
            && !self.tail.is_empty()
        {
            return;
        }
        let op = self.op.unwrap_or(ModifierOp::Add);
        let modifier = Mod { op, name, count: self.pending.count.unwrap_or(1), option, fresh: true };
        self.op_used = true;
        if self.op != Some(ModifierOp::Remove) {
            self.op = None;
        }
        if self.tail.len() < MOST_MODS {
            self.tail.push(modifier.clone());
        }
        // "vegan cheese": what is before the option is not known.
        let words = std::mem::take(&mut self.pending.words);
        let unknown = words.iter().map(|at| &self.mentions[*at]).find(|w| w.unknown);
        let mut doubt =
            unknown.map(|w| format!("\"{}\" is not among the options", self.text_of(w.first, m.end)));
        if m.guessed {
            doubt = Some(format!("\"{}\" may be a slip of the pen", self.text_of(m.first, m.end)));
        }
        let ahead = self.head_ahead(i);
        let belongs_ahead = ahead && (self.pending.strong || !self.with || self.current.is_none());
        let new_phrase = self.current.is_none() || belongs_ahead;
        if new_phrase {
            self.pending.words = words;
            self.pending.count = self.pending.count.filter(|_| true);
            if ahead && !m.options.first().is_some_and(|h| h.whole) {
                // "vegan cheesecake" is no cheesecake with vegan cheese.
                let words = self.text_of(m.first, m.end);
                self.pending.doubt.get_or_insert(format!("\"{words}\" may not be {}", modifier.name));
            }
            if self.pending.mods.len() < MOST_MODS {
                self.pending.mods.push(Mod { count: 1, ..modifier });
            }
            if let Some(doubt) = doubt
                && !ahead
                && let Some(current) = self.current
            {
                self.lines[current].doubts.push(doubt);
            }
            return;
        }
        let Some(current) = self.current else { return };
        self.pending = Pending::default();
        self.lines[current].fresh = false;
        if self.all {
            for at in 0..self.lines.len() {
                self.lines[at].push(modifier.clone());
            }
        } else {
            self.lines[current].push(modifier);
        }
        if let Some(doubt) = doubt {
            self.lines[current].doubts.push(doubt);
        }
    }

    /// A word that neither the menu nor the language knows.
    fn unknown(&mut self, i: usize) {
        let m = &self.mentions[i];
        if self.instead {
            return;
        }
        if self.story && !self.pending.strong {
            return;
        }
        let about = Classes::TOPIC_PICK_UP.or(Classes::TOPIC_HOURS).or(Classes::TOPIC_STATUS);
        if m.is(about) && !m.is(Classes::TOPIC_MENU) && self.clause_start && !self.pending.strong {
            // "pickup at six"
            return;
        }
        if m.described && !m.unknown && self.op.is_none() {
            if self.counted() || self.mentions.get(i + 1).is_some_and(|next| !next.items.is_empty()) {
                self.pending.words.push(i);
            }
            return;
        }
        if self.is_name(i) {
            self.named = Some(i);
            return;
        }
        if let (Some(current), true) = (self.current, self.op.is_some() || (self.with && !self.counted())) {
            if self.option_adjacent(i) {
                self.pending.words.push(i);
                return;
            }
            // Only what stands in the list: "with lots of love, Rosa" is over at "love".
            let list = Classes::WITH
                .or(Classes::REMOVE)
                .or(Classes::EXTRA)
                .or(Classes::LIGHT)
                .or(Classes::JOIN)
                .or(Classes::ARTICLE)
                .or(Classes::OR)
                .or(Classes::DECORATION)
                .or(Classes::ONTO);
            let before = i.checked_sub(1).map(|b| &self.mentions[b]);
            if before.is_some_and(|b| b.is_food() || b.unknown || b.kind == Kind::Comma || b.is(list)) {
                self.unknown_modifier(i, current);
            }
            return;
        }
        if self.pending.strong
            || self.clause_start
            || !self.pending.mods.is_empty()
            || !self.pending.words.is_empty()
        {
            self.pending.listed |= self.joined && self.current.is_some() && self.after_food(i);
            self.pending.words.push(i);
            return;
        }
        let Some(current) = self.current else {
            self.pending.words.push(i);
            return;
        };
        if self.joined {
            self.pending.listed = self.after_food(i);
            self.pending.words.push(i);
        } else if self.lines[current].phrase.1 == m.first {
            // "coke zero": a word more than the name.
            self.lines[current].phrase.1 = m.end;
            if self.lines[current].doubts.len() >= MOST_MODS {
                return;
            }
            let doubt = format!("\"{}\" is not on the menu", self.text_of(m.first, m.end));
            self.lines[current].doubts.push(doubt);
        }
    }

    /// "hi GreenBite", "Jill gets ...", "..., Omar the same": who, not what.
    fn is_name(&self, i: usize) -> bool {
        if self.counted() || !self.pending.mods.is_empty() {
            return false;
        }
        if i > 0 && self.named == Some(i - 1) {
            return true;
        }
        let run = self.mentions[i..].iter().take(4).take_while(|m| m.unknown).count();
        let after = self.mentions.get(i + run);
        if after.is_some_and(|a| a.is(Classes::THIRD) && !a.is_food()) {
            return true;
        }
        // "Thanks, Leo", "Name: Leo", "Hi, Leo here"
        let closes = after.is_none_or(|a| matches!(a.kind, Kind::Stop));
        let here =
            after.is_some_and(|a| a.kind == Kind::Word && a.is(Classes::FILLER) && !a.is(Classes::PLEASE));
        if i > 1
            && self.mentions[i - 1].kind == Kind::Comma
            && self.mentions[i - 2].is(Classes::FILLER.or(Classes::PLAIN).or(Classes::NOT_FOOD))
            && !self.mentions[i - 2].is_food()
            && ((closes && !self.lines.is_empty()) || (here && self.lines.is_empty()))
        {
            return true;
        }
        // A name in a line of its own below the order, or "Leo here" at its start.
        if i > 0
            && self.mentions[i - 1].kind == Kind::Stop
            && ((here && self.lines.is_empty())
                || (after.is_none() && !self.lines.is_empty() && self.is_capital(i)))
        {
            return true;
        }
        let before = i.checked_sub(1).map(|b| &self.mentions[b]);
        let dish = Classes::JOIN
            .or(Classes::REQUEST)
            .or(Classes::WITH)
            .or(Classes::ARTICLE)
            .or(Classes::DECORATION)
            .or(Classes::REMOVE)
            .or(Classes::EXTRA)
            .or(Classes::LIGHT)
            .or(Classes::CONTAINER)
            .or(Classes::OR);
        let greeted = before.is_some_and(|b| {
            b.is(Classes::FILLER.or(Classes::SUBJECT).or(Classes::PLAIN))
                && !b.is_food()
                && !b.is(dish)
                && (!b.is(Classes::PLEASE) || !self.lines.is_empty())
        });
        if greeted && self.pending.words.is_empty() {
            return true;
        }
        let capital = self.is_capital(i);
        let introduces = after.is_some_and(|a| {
            a.is(Classes::REQUEST.or(Classes::SAME).or(Classes::ARTICLE).or(Classes::ALL_OF))
                || a.number.is_some()
        });
        capital && introduces && !self.pending.strong
    }

    fn is_capital(&self, i: usize) -> bool {
        let token = self.reading.tokens.get(self.mentions[i].first);
        let first = token.and_then(|t| self.text.get(t.start..)).and_then(|t| t.chars().next());
        first.is_some_and(char::is_uppercase) && !self.shouted
    }

    /// Whether the joiner before this stands behind something of the menu.
    fn after_food(&self, i: usize) -> bool {
        let mut at = i;
        while at > 0 {
            at -= 1;
            let m = &self.mentions[at];
            if m.kind == Kind::Comma || m.is(Classes::JOIN) {
                continue;
            }
            return m.is_food() || (m.unknown && self.named != Some(at));
        }
        false
    }

    /// Whether a clause is nothing but what is asked for, and a polite word.
    fn is_whole_clause(&self, to: usize) -> bool {
        let clause = self.mentions.get(self.clause_from..to).unwrap_or_default();
        let plain = Classes::FILLER.or(Classes::PLEASE).or(Classes::DECORATION).or(Classes::GENERIC);
        let from = self.clause_from.min(to);
        let polite =
            self.mentions[from..].iter().take(to - from + 3).take(LOOK_AHEAD).any(|m| m.is(Classes::PLEASE));
        clause.iter().all(|m| m.unknown || m.described || m.is_food() || m.is(plain))
            && (polite || self.mentions.iter().all(|m| m.unknown || m.described || m.kind != Kind::Word))
    }

    /// Whether more items follow in a list: ", fish and chicken".
    fn list_follows(&self, from: usize) -> bool {
        self.mentions
            .iter()
            .skip(from)
            .take(4)
            .take_while(|m| {
                m.kind == Kind::Comma || m.is(Classes::JOIN) || m.is(Classes::ARTICLE) || m.is_food()
            })
            .any(|m| !m.items.is_empty())
    }

    fn size_next(&self, from: usize) -> bool {
        self.mentions
            .get(from)
            .and_then(|m| m.options.first())
            .and_then(|h| option_of(*h))
            .is_some_and(|id| self.lexicon.is_size(id))
    }

    fn counted(&self) -> bool {
        self.pending.strong && !self.pending.only_request
    }

    fn unknown_modifier(&mut self, i: usize, current: usize) {
        let m = &self.mentions[i];
        let op = self.op.unwrap_or(ModifierOp::Add);
        let words = self.text_of(m.first, m.end);
        let line = &mut self.lines[current];
        let full = line.mods.len() >= MOST_MODS;
        match line.mods.last_mut() {
            // "pickled radish": one thing in two words.
            Some(last) if last.option.is_none() && last.op == op && i > 0 && self.mentions[i - 1].unknown => {
                if last.name.len() < LONGEST_QUOTE {
                    last.name = format!("{} {words}", last.name);
                }
            }
            _ if full => {}
            _ => {
                line.mods.push(Mod { op, name: words.clone(), count: 1, option: None, fresh: true });
                if op != ModifierOp::Remove {
                    line.doubts.push(format!("the kitchen may have no \"{words}\""));
                }
            }
        }
        if self.op != Some(ModifierOp::Remove) {
            self.op = None;
        }
    }

    fn size(&mut self, i: usize, option: Option<u16>) {
        let m = &self.mentions[i];
        let name = match option {
            Some(id) => self.lexicon.menu().options[usize::from(id)].name.clone(),
            // The restaurant lists what can be chosen, and sizes are not among it.
            None if self.lexicon.has_options() => return,
            None => self.text_of(m.first, m.end),
        };
        let attach_before = !self.phrase_follows(i + 1)
            && self.pending.count.is_none()
            && !self.elided_follows(i + 1)
            && self.current.is_some();
        if let (true, Some(current)) = (attach_before, self.current) {
            if self.all {
                self.lines.iter_mut().for_each(|line| line.size = Some(name.clone()));
            } else {
                self.lines[current].size = Some(name);
            }
            self.correcting = false;
            self.pending = Pending::default();
            return;
        }
        if !self.pending.strong && self.pending.mods.is_empty() && self.pending.words.is_empty() {
            self.end_phrase(i);
        }
        self.pending.strong = true;
        self.pending.only_request = false;
        self.pending.size = Some(name);
    }

    /// "a large with pineapple": after a size the item is left unsaid.
    fn elided_follows(&self, i: usize) -> bool {
        self.pending.strong
            && !self.pending.only_request
            && self.mentions.get(i).is_some_and(|m| m.is(Classes::WITH))
    }

    /// Words that wait for an item are an item of their own now, or nothing.
    fn end_words(&mut self, i: usize) {
        let unknown = self.pending.words.iter().any(|at| self.mentions[*at].unknown);
        let described = self.counted() && !self.pending.words.is_empty();
        if unknown || described {
            self.end_phrase(i);
        }
    }

    fn end_phrase(&mut self, i: usize) {
        let mut pending = std::mem::take(&mut self.pending);
        let unknown = pending.words.iter().any(|at| self.mentions[*at].unknown);
        if unknown {
            // Better a review too many than a dish that vanishes.
            let starts = pending.words.first().is_some_and(|at| self.clause_from == *at);
            if pending.strong
                || pending.listed
                || starts
                || !pending.mods.is_empty()
                || self.is_whole_clause(i)
            {
                self.strange_item(pending);
            }
            return;
        }
        let waits = self.mentions.get(i).is_some_and(|m| m.is(Classes::WITH) || m.kind == Kind::Comma);
        if !pending.words.is_empty() && pending.strong && !pending.only_request && !waits {
            // A word that only a description has: "a beer".
            self.strange_item(pending);
            return;
        }
        if pending.mods.is_empty() && pending.size.is_none() {
            // "a sandwich with ...": the general word waits for what comes.
            if !pending.words.is_empty() && pending.strong {
                pending.only_request = false;
                self.pending = pending;
            }
            return;
        }
        match self.current {
            Some(current) if pending.count.is_none() => {
                let line = &mut self.lines[current];
                if line.size.is_none() {
                    line.size = pending.size;
                }
                line.mods.append(&mut pending.mods);
            }
            Some(current) => {
                let mut line = self.lines[current].clone();
                line.quantity = pending.count.unwrap_or(1);
                line.size = pending.size;
                line.mods = pending.mods;
                line.split = false;
                self.lines.push(line);
                self.current = Some(self.lines.len() - 1);
            }
            None => self.pending = pending,
        }
    }

    /// An item that nothing on the menu is like so far.
    fn strange_item(&mut self, pending: Pending) {
        let (Some(first), Some(last)) = (pending.words.first(), pending.words.last()) else { return };
        if self.story {
            return;
        }
        let (mut first, mut end) = (self.mentions[*first].first, self.mentions[*last].end);
        // Options beside it are part of what was meant: "mushroom lasagne".
        for m in self.mentions {
            if m.is_food() && !pending.mods.is_empty() && (m.end == first || m.first == end) {
                first = first.min(m.first);
                end = end.max(m.end);
            }
        }
        let phrase = self.text_of(first, end);
        let draft = Draft {
            item: None,
            phrase: (first, end),
            quantity: pending.count.unwrap_or(1),
            counted: pending.count.is_some(),
            size: pending.size,
            mods: Vec::new(),
            doubts: vec![format!("\"{phrase}\" is not on the menu")],
            split: false,
            general: Vec::new(),
            partial: false,
            fresh: true,
            pure: false,
        };
        self.op = None;
        self.with = false;
        self.correcting = false;
        self.lines.push(draft);
        self.current = Some(self.lines.len() - 1);
    }

    /// "instead of X".
    fn in_place_of(&mut self, i: usize) {
        let m = &self.mentions[i];
        self.instead = false;
        self.op = None;
        for hit in &m.items {
            if let Some(id) = item_of(*hit)
                && let Some(at) = self.lines.iter().position(|line| line.item == Some(id))
                && self.current != Some(at)
            {
                self.lines.remove(at);
                self.current = self.lines.len().checked_sub(1);
                return;
            }
        }
        if let Some(id) = m.options.first().copied().and_then(option_of) {
            let name = self.lexicon.menu().options[usize::from(id)].name.clone();
            let removed = Mod { op: ModifierOp::Remove, name, count: 1, option: Some(id), fresh: true };
            match self.current {
                Some(current) => self.lines[current].push(removed),
                None => self.pending.mods.push(removed),
            }
        }
    }

    /// The line that "scratch the ..." means, and where the name stands.
    fn cancelled_line(&self, from: usize) -> Option<(usize, usize)> {
        for (at, m) in self.mentions.iter().enumerate().skip(from).take(4) {
            if m.is_food() {
                if m.options.first().is_some_and(|h| h.whole) && !m.items.first().is_some_and(|h| h.whole) {
                    return None;
                }
                let ids: Vec<u16> =
                    m.items.iter().filter_map(|h| item_of(*h)).chain(m.related.iter().copied()).collect();
                let line = self.lines.iter().rposition(|l| l.item.is_some_and(|id| ids.contains(&id)))?;
                return Some((line, at));
            }
            if !m.is(Classes::ARTICLE) && !m.is(Classes::SIZE) && !m.is(Classes::FILLER) {
                return None;
            }
        }
        None
    }

    fn repeat_for_all(&mut self) {
        let Some(current) = self.current else { return };
        let fresh: Vec<Mod> = self.lines[current].mods.iter().filter(|m| m.fresh).cloned().collect();
        for (at, line) in self.lines.iter_mut().enumerate() {
            if at != current {
                fresh.iter().for_each(|m| line.push(m.clone()));
            }
        }
    }

    // ------------------------------------------------------------------ looking ahead

    /// Whether a thing to order follows, before anything that ends a noun phrase.
    fn phrase_follows(&self, from: usize) -> bool {
        for m in self.mentions.iter().skip(from).take(LOOK_AHEAD) {
            if m.kind != Kind::Word && !m.is_food() {
                return false;
            }
            if m.is_food() {
                if !m.items.is_empty() {
                    return true;
                }
                continue;
            }
            if m.unknown {
                return true;
            }
            if m.described && m.classes.only(Classes::TOPICS) {
                return true;
            }
            if m.is(Classes::CONTAINER
                .or(Classes::DECORATION)
                .or(Classes::SIZE)
                .or(Classes::TIMES)
                .or(Classes::ARTICLE))
                || m.is(Classes::EXTRA)
                || m.is(Classes::GENERIC)
            {
                continue;
            }
            if m.is(Classes::JOIN) {
                continue;
            }
            return false;
        }
        false
    }

    fn followed_by_modifier(&self, from: usize) -> bool {
        self.mentions
            .iter()
            .skip(from)
            .take(3)
            .find(|m| !m.is(Classes::PRONOUN.or(Classes::CONTAINER)) || m.is_food())
            .is_some_and(|m| {
                m.is(Classes::WITH.or(Classes::REMOVE).or(Classes::EXTRA).or(Classes::LIGHT))
                    || m.is(Classes::ONTO.or(Classes::ALL_OF))
                    || !m.options.is_empty()
            })
    }

    fn modifies_next(&self, from: usize) -> bool {
        self.mentions.iter().skip(from).take(3).any(|m| {
            m.is(Classes::WITH.or(Classes::REMOVE).or(Classes::EXTRA).or(Classes::LIGHT))
                || (m.is_food() && m.items.is_empty())
        })
    }

    /// Options up to the end of the phrase, and no item.
    fn option_run_without_item(&self, from: usize) -> bool {
        let mut any = false;
        for m in self.mentions.iter().skip(from).take(LOOK_AHEAD) {
            if m.is_food() {
                if m.options.is_empty() || (!m.items.is_empty() && !m.options[0].whole) {
                    return false;
                }
                any = true;
            } else if !m.is(Classes::CONTAINER.or(Classes::DECORATION)) {
                return any;
            }
        }
        any
    }

    /// Whether the next thing is an option and no item.
    fn option_next(&self, from: usize) -> bool {
        self.mentions.iter().skip(from).take(3).find(|m| !m.is(Classes::DECORATION)).is_some_and(|m| {
            (m.is_food() && !m.options.is_empty() && !m.is(Classes::EXTRA.or(Classes::LIGHT))) || m.unknown
        })
    }

    /// Whether a comma within "no a, b or c" is one of its list.
    fn lists_on(&self, from: usize) -> bool {
        self.option_next(from)
            && self
                .mentions
                .iter()
                .skip(from)
                .take(LOOK_AHEAD)
                .take_while(|m| m.is_food() || m.kind == Kind::Comma || m.is(Classes::OR))
                .any(|m| m.is(Classes::OR))
    }

    /// Whether the item's description has the word.
    fn describes(&self, word: &Mention, id: u16) -> bool {
        self.reading.tokens[word.first..word.end].iter().all(|token| {
            self.lexicon
                .known(token)
                .is_some_and(|known| self.lexicon.word(known.word).described.contains(&id))
        })
    }

    /// Whether an item follows that this option belongs to: "steak, rice and bean | burrito".
    fn head_ahead(&self, i: usize) -> bool {
        let mut joined = false;
        for m in self.mentions.iter().skip(i + 1).take(LOOK_AHEAD) {
            if m.is_food() {
                let item = m.items.first();
                let option = m.options.first();
                let size = option.and_then(|h| option_of(*h)).is_some_and(|id| self.lexicon.is_size(id));
                if size {
                    return false;
                }
                match (item, option) {
                    (Some(_), None) => return !joined,
                    (Some(item), Some(option)) if item.whole && !option.whole => return !joined,
                    _ => {
                        joined = false;
                        continue;
                    }
                }
            }
            if m.kind == Kind::Comma || m.is(Classes::JOIN.or(Classes::OR)) {
                joined = true;
                continue;
            }
            if m.is(Classes::EXTRA.or(Classes::LIGHT)) {
                continue;
            }
            if m.kind != Kind::Word
                || m.is(Classes::ARTICLE
                    .or(Classes::NUMBER)
                    .or(Classes::WITH)
                    .or(Classes::REQUEST)
                    .or(Classes::REMOVE)
                    .or(Classes::CONTAINER)
                    .or(Classes::FILLER))
            {
                return false;
            }
        }
        false
    }

    fn option_adjacent(&self, i: usize) -> bool {
        self.mentions.get(i + 1).is_some_and(|m| !m.options.is_empty())
    }

    fn side_follows(&self, from: usize) -> bool {
        self.mentions.get(from).is_some_and(|m| m.is(Classes::ON_THE_SIDE))
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

    /// Options that were left without an item belong to the one item that takes them, if there is only one.
    fn only_item(&self) -> Option<u16> {
        let items = &self.lexicon.menu().items;
        let mut alone = (0_u16..).zip(items).filter(|(_, item)| {
            !item.category.is_empty()
                && items.iter().filter(|other| other.category == item.category).count() == 1
        });
        match (alone.next(), alone.next()) {
            (Some((id, _)), None) => Some(id),
            _ => None,
        }
    }

    fn finish(mut self, bounds: Bounds) -> Extraction {
        let pending = std::mem::take(&mut self.pending);
        if self.lines.is_empty()
            && !self.story
            && (!pending.mods.is_empty() || pending.size.is_some() && pending.count.is_some())
        {
            let item = self.only_item();
            self.lines.push(Draft {
                item,
                phrase: (0, 0),
                quantity: pending.count.unwrap_or(1),
                counted: pending.count.is_some(),
                size: pending.size,
                mods: pending.mods,
                doubts: Vec::new(),
                split: false,
                general: Vec::new(),
                partial: false,
                fresh: true,
                pure: false,
            });
        }
        let menu = self.lexicon.menu();
        let mut lines = Vec::with_capacity(self.lines.len());
        for draft in self.lines.iter().take(bounds.lines) {
            let item = draft.item.and_then(|id| menu.items.get(usize::from(id)));
            let mut phrase = self.text_of(draft.phrase.0, draft.phrase.1);
            if phrase.is_empty() {
                phrase = item.map(|i| i.name.clone()).unwrap_or_else(|| {
                    draft.mods.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(" ")
                });
            }
            let mut doubts = draft.doubts.clone();
            doubts.truncate(MOST_MODS);
            if draft.quantity > bounds.quantity {
                doubts.push(format!(
                    "{} is more than the {} that nobody has to look at",
                    draft.quantity, bounds.quantity
                ));
            }
            if self.lines.len() > bounds.lines {
                doubts.push(format!("the order has more than {} lines", bounds.lines));
            }
            lines.push(OrderLine {
                phrase,
                quantity: draft.quantity.max(1),
                size: draft.size.clone(),
                modifiers: draft
                    .mods
                    .iter()
                    .flat_map(|m| {
                        let modifier = Modifier { op: m.op, name: m.name.clone() };
                        std::iter::repeat_n(modifier, m.count.min(9) as usize)
                    })
                    .collect(),
                item: item.map(|i| i.name.clone()),
                doubts,
            });
        }
        let reason = if lines.is_empty() {
            if self.cancelled {
                "The order was called off again".to_owned()
            } else {
                "No item could be read".to_owned()
            }
        } else {
            let read: Vec<String> =
                lines.iter().take(5).map(|l| format!("{} \u{d7} \"{}\"", l.quantity, l.phrase)).collect();
            format!("Read {}", read.join(", "))
        };
        Extraction { lines, language: self.reading.language_code.clone(), reason }
    }
}

impl Draft {
    /// Adds a modifier; a later wish about the same thing replaces the earlier one.
    fn push(&mut self, modifier: Mod) {
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

fn item_of(hit: Hit) -> Option<u16> {
    match hit.target {
        Target::Item(id) => Some(id),
        Target::Option(_) => None,
    }
}

fn option_of(hit: Hit) -> Option<u16> {
    match hit.target {
        Target::Option(id) => Some(id),
        Target::Item(_) => None,
    }
}
