//! Roles become an order: items, shares of them, wishes, and what does not fit.

use std::hash::{DefaultHasher, Hash, Hasher};

use contracts::ModifierOp;
use text::Classes;

use crate::resolve::{By, Meant, Resolver, Thing};
use crate::surface::{Mark, Shape, Surface};
use crate::tag::{Reach, Tag};

/// A wish about a line.
#[derive(Debug, Clone, Eq)]
pub struct Wish {
    /// What to do.
    pub op: ModifierOp,
    /// With what.
    pub thing: Thing,
    /// How often: "two pumps of".
    pub doses: u32,
    /// First word of the thing, and the word behind the last.
    pub words: (usize, usize),
}

impl PartialEq for Wish {
    fn eq(&self, other: &Wish) -> bool {
        (self.op, &self.thing, self.doses) == (other.op, &other.thing, other.doses)
    }
}

/// A line of an order.
#[derive(Debug, Clone)]
pub struct Line {
    /// The customer's words.
    pub phrase: String,
    /// First and last word of the phrase in the message.
    pub words: (usize, usize),
    /// The item that they mean.
    pub meant: Meant,
    /// How many.
    pub count: u32,
    /// The size, as the options call it.
    pub size: Option<String>,
    /// Wishes.
    pub wishes: Vec<Wish>,
}

impl Line {
    /// "No nuts please, I hate nuts" leaves them out once; "with milk, no, not milk" adds none.
    fn without_repeats(mut self) -> Line {
        let mut kept: Vec<Wish> = Vec::new();
        for wish in self.wishes {
            let added = |other: &Wish| other.op == ModifierOp::Add && other.thing == wish.thing;
            if wish.op == ModifierOp::Remove
                && let Some(at) = kept.iter().position(added)
            {
                kept.remove(at);
                continue;
            }
            // "a bean burrito with black beans"
            let told = |other: &Wish| {
                other.op == wish.op
                    && other.thing.name == wish.thing.name
                    && (other.thing.part || wish.thing.part)
            };
            let more = matches!(wish.op, ModifierOp::Add | ModifierOp::Extra) && !kept.iter().any(told);
            if more || !kept.contains(&wish) {
                kept.push(wish);
            }
        }
        self.wishes = kept;
        self
    }
}

/// What was ordered, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// The lines.
    pub lines: Vec<Line>,
    /// What is ordered and not sold, in the customer's words.
    pub unsold: Vec<String>,
    /// What does not fit, in a cook's words.
    pub misfits: Vec<String>,
    /// How many phrases were more than one thing: "lettuce cheese".
    pub split: usize,
}

impl Order {
    /// A key that is the same for orders that a kitchen would cook the same, however they were read.
    pub fn key(&self) -> u64 {
        let mut keys: Vec<u64> = self.lines.iter().map(Line::key).collect();
        keys.sort_unstable();
        hash_of(&(keys, &self.unsold, self.misfits.len()))
    }
}

impl Line {
    fn key(&self) -> u64 {
        let wish = |wish: &Wish| hash_of(&(wish.op as u8, &wish.thing.name, wish.thing.open, wish.doses));
        let mut wishes: Vec<u64> = self.wishes.iter().map(wish).collect();
        wishes.sort_unstable();
        let meant = match &self.meant {
            Meant::Item { item, .. } => hash_of(item),
            other => hash_of(other),
        };
        hash_of(&(meant, self.count, &self.size, wishes))
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// So many of a line are different.
#[derive(Debug, Clone, Default)]
struct Share {
    count: u32,
    size: Option<String>,
    wishes: Vec<Wish>,
}

#[derive(Debug, Clone)]
struct Draft {
    line: Line,
    counted: bool,
    shares: Vec<Share>,
    sentence: usize,
}

/// A run of words with one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// The role.
    pub tag: Tag,
    /// First word.
    pub first: usize,
    /// The word behind the last one.
    pub end: usize,
}

/// The chunks of a reading, without the talk.
pub fn chunks(tags: &[Tag]) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (at, tag) in tags.iter().enumerate() {
        match (*tag, chunks.last_mut()) {
            (Tag::TALK, _) => {}
            (Tag::INSIDE | Tag::NUMBER_ON | Tag::SIZE_ON, Some(chunk)) => chunk.end = at + 1,
            // "lobster lasagne" is one thing that is not sold.
            (Tag::UNSOLD, Some(chunk)) if chunk.tag == Tag::UNSOLD && chunk.end == at => chunk.end = at + 1,
            _ => chunks.push(Chunk { tag: *tag, first: at, end: at + 1 }),
        }
    }
    chunks
}

/// Builds the order of a reading.
pub fn assemble(surface: &Surface<'_>, resolver: &Resolver<'_>, tags: &[Tag]) -> Order {
    let mut builder = Builder::new(surface, resolver);
    let mut at = 0;
    let chunks = chunks(tags);
    for (place, chunk) in chunks.iter().copied().enumerate() {
        builder.leads = leads(surface, chunk, chunks.get(place + 1));
        while at < chunk.first {
            if surface.marks[at].shape.is_end() {
                builder.sentence += 1;
            }
            at += 1;
        }
        builder.take(chunk);
    }
    builder.finish()
}

/// "a thin crust large pizza": what stands between an article and an item is the item's.
fn leads(surface: &Surface<'_>, chunk: Chunk, next: Option<&Chunk>) -> bool {
    let before = chunk.first.checked_sub(1).map(|at| &surface.marks[at]);
    before.is_some_and(|mark| mark.says(Classes::ARTICLE))
        && next.is_some_and(|next| next.first == chunk.end && matches!(next.tag, Tag::ITEM | Tag::SIZE))
}

struct Builder<'a> {
    surface: &'a Surface<'a>,
    resolver: &'a Resolver<'a>,
    drafts: Vec<Draft>,
    /// The line that wishes go to.
    current: Option<usize>,
    /// They go to its last share.
    in_share: bool,
    count: Option<u32>,
    size: Option<String>,
    ahead: Vec<Wish>,
    /// Behind the last of them that was meant for an item before, of which there was none.
    early: Option<usize>,
    doses: Option<u32>,
    /// Numbers and sizes of what is named only behind the last of them: "two small, one large latte".
    waiting: Vec<(u32, Option<String>)>,
    /// The wish that is taken stands between an article and an item.
    leads: bool,
    /// The word behind the last phrase that was no number and no size.
    said: usize,
    /// That phrase was taken back, told of or spoken of again.
    taken_back: bool,
    /// Wishes are about several things, up to the next item: "both without onions, no cheese".
    spreads: bool,
    /// Wishes about all that follows: "everything without onions: ...".
    for_all: Vec<Wish>,
    heads: Vec<u32>,
    /// How many of them.
    head_count: Option<u32>,
    sentence: usize,
    unsold: Vec<String>,
    misfits: Vec<String>,
    /// How many phrases were more than one thing.
    split: usize,
}

impl<'a> Builder<'a> {
    fn new(surface: &'a Surface<'a>, resolver: &'a Resolver<'a>) -> Self {
        Builder {
            surface,
            resolver,
            drafts: Vec::new(),
            current: None,
            in_share: false,
            count: None,
            size: None,
            ahead: Vec::new(),
            early: None,
            for_all: Vec::new(),
            doses: None,
            leads: false,
            said: 0,
            taken_back: false,
            spreads: false,
            waiting: Vec::new(),
            head_count: None,
            heads: Vec::new(),
            sentence: 0,
            unsold: Vec::new(),
            misfits: Vec::new(),
            split: 0,
        }
    }

    fn take(&mut self, chunk: Chunk) {
        let Chunk { tag, first, end } = chunk;
        match tag {
            Tag::ITEM => self.item(first, end),
            Tag::AGAIN => self.again(first, end),
            Tag::REFER => self.refer(first, end),
            Tag::UNDO => self.undo(first, end),
            Tag::TOLD => {
                self.count = None;
                self.size = None;
                if self.is_cancelled(first)
                    && let Some(at) = self.spoken_of(first, end)
                {
                    self.take_back(at);
                }
            }
            Tag::HEAD => {
                self.head_count = self.count.take();
                self.heads = self.resolver.heads(self.surface, first, end);
            }
            Tag::UNSOLD => {
                self.count = None;
                self.size = None;
                self.unsold.push(self.resolver.own_words(self.surface, first, end));
                self.current = None;
            }
            Tag::COUNT => {
                self.imply_item();
                self.leave_early(usize::MAX);
                let number = self.number(first, end);
                if self.surface.marks.get(end).is_some_and(|mark| mark.says(Classes::NUMBER_AFTER)) {
                    self.misfits.push(format!("\"{}\" counts nothing", self.surface.words(first, end + 1)));
                }
                if number.is_some()
                    && self.size.is_some()
                    && let Some(count) = self.count.take()
                {
                    self.waiting.push((count, self.size.take()));
                }
                // "one (1)" says the same twice.
                if self.count.is_some() && self.count != number {
                    self.misfits
                        .push(format!("\"{}\": two numbers in a row", self.surface.words(first, end)));
                }
                self.count = number;
            }
            Tag::COUNT_BACK => self.count_back(first, end),
            Tag::SHARE => self.share(first, end),
            Tag::DOSES => self.doses = self.number(first, end),
            Tag::SIZE => {
                self.leave_early(usize::MAX);
                self.size = self.resolver.size(self.surface, first, end).or(self.size.take());
            }
            Tag::SIZE_BACK => self.size_back(first, end),
            _ => self.wish(chunk),
        }
        if !matches!(tag, Tag::COUNT | Tag::SIZE) {
            self.said = end;
            self.taken_back = matches!(tag, Tag::TOLD | Tag::UNDO | Tag::REFER);
        }
    }

    fn number(&self, first: usize, end: usize) -> Option<u32> {
        number_of(self.surface, first, end)
    }

    /// "forget the cola", of what was ordered before.
    fn is_cancelled(&self, first: usize) -> bool {
        let near = &self.surface.marks[first.saturating_sub(2)..first];
        near.iter().any(|mark| mark.says(Classes::CANCEL))
    }

    /// "a cola, no wait, a lemonade": the item before was not meant; "two colas, I mean lemonades" are two.
    fn replace(&mut self, first: usize) {
        const NOT_SO: &[&str] =
            &["no", "mean", "meant", "make", "wait", "scratch", "correction", "rather", "nein", "non"];
        let between = self.said..first;
        let marks = &self.surface.marks[between.clone()];
        let corrects = marks.iter().any(|mark| mark.says(Classes::CORRECT));
        let not_so = self.surface.tokens[between].iter().any(|token| NOT_SO.contains(&token.text.as_str()));
        if !corrects || !not_so || self.taken_back {
            return;
        }
        let Some(draft) = self.drafts.pop() else { return };
        let bare = !marks.last().is_some_and(|mark| mark.says(Classes::ARTICLE));
        if self.count.is_none() && bare {
            self.count = draft.counted.then_some(draft.line.count);
        }
    }

    /// "the cola without ice", "two of the colas with lemon": the one that was ordered before, or a share of it.
    fn is_said_again(&mut self, first: usize, meant: &Meant) -> bool {
        const THE: &[&str] =
            &["the", "el", "la", "los", "las", "le", "les", "der", "die", "das", "den", "dem"];
        const OF: &[&str] = &["of", "de", "von", "des", "del"];
        let word = |back: usize| first.checked_sub(back).map(|at| self.surface.tokens[at].text.as_str());
        if !word(1).is_some_and(|word| THE.contains(&word)) || self.size.is_some() || !self.ahead.is_empty() {
            return false;
        }
        let Some(at) = self.drafts.iter().rposition(|draft| draft.line.meant.is_same_item(meant)) else {
            return false;
        };
        let shares = word(2).is_some_and(|word| OF.contains(&word));
        match self.count {
            None => {}
            Some(count) if shares && count < self.drafts[at].line.count => {
                self.drafts[at].shares.push(Share { count, ..Share::default() });
            }
            Some(_) => return false,
        }
        self.in_share = self.count.take().is_some();
        self.current = Some(at);
        true
    }

    fn item(&mut self, first: usize, end: usize) {
        self.take_share();
        self.leave_early(first);
        let meant = self.resolver.item(self.surface, first, end, &self.heads);
        if self.is_said_again(first, &meant) {
            return;
        }
        self.spreads = false;
        self.replace(first);
        if let Some((item, thing)) = self.resolver.item_as_option(self.surface, first, end, &meant) {
            self.ahead.push(Wish { op: ModifierOp::Add, thing, doses: 1, words: (first, end) });
            return self.push(Meant::Item { item, by: By::Part }, first, end);
        }
        match meant {
            // "one of each smoothie", "both soups"
            Meant::Open(items) if self.speaks_of_all(first, end, items.len()) => {
                let (count, size) = (self.count, self.size.clone());
                for item in items {
                    (self.count, self.size) = (count, size.clone());
                    self.push(Meant::Item { item, by: By::Context }, first, end);
                }
            }
            Meant::Partly(close) => match self.resolver.several_items(self.surface, first, end) {
                Some(several) => {
                    self.split += 1;
                    for (item, (first, end)) in several {
                        self.push(Meant::Item { item, by: By::Part }, first, end);
                    }
                }
                None => self.push(Meant::Partly(close), first, end),
            },
            meant => self.push(meant, first, end),
        }
    }

    /// "two large with tuna and chicken" where one thing of the menu is made to order: that one.
    fn imply_item(&mut self) -> bool {
        let (Some(_), Some(item), Some(wish)) =
            (&self.size, self.resolver.made_to_order(), self.ahead.first())
        else {
            return false;
        };
        let (first, end) = wish.words;
        self.early = None;
        self.push(Meant::Item { item, by: By::Context }, first, end);
        true
    }

    /// Wishes that were meant for an item before belong to the one that follows only where it follows at once:
    /// "ham and pepper pizza", but not "with milk, two coffees".
    fn leave_early(&mut self, next: usize) {
        let Some(from) = self.early.take() else { return };
        let divides = |mark: &Mark| mark.shape.is_mark() || mark.says(Classes::ARTICLE);
        let apart = self.surface.marks.get(from..next).is_none_or(|marks| marks.iter().any(divides));
        if apart && !self.imply_item() {
            self.misfits.push(format!("\"{}\": on what", self.surface.words(from.saturating_sub(1), from)));
        }
    }

    /// "three coffees, one of them decaf" where decaf is an item: the share is that item's count.
    fn take_share(&mut self) {
        if !self.in_share || self.count.is_some() {
            return;
        }
        let Some(draft) = self.current.and_then(|at| self.drafts.get_mut(at)) else { return };
        if let Some(share) = draft.shares.pop_if(|share| share.wishes.is_empty() && share.size.is_none()) {
            draft.line.count = draft.line.count.saturating_sub(share.count);
            self.count = Some(share.count);
        }
    }

    /// Whether all of several things are meant.
    fn speaks_of_all(&mut self, first: usize, end: usize, items: usize) -> bool {
        const MOST: usize = 6;
        let near = &self.surface.marks[first.saturating_sub(1)..end];
        let both = near.iter().any(|mark| mark.classes.has(Classes::ALL_OF) && mark.number == Some(2));
        if both {
            self.count = self.count.filter(|count| *count != 2);
        }
        items <= MOST
            && (!both || items == 2)
            && near.iter().any(|mark| mark.classes.has(Classes::ALL_OF) && !mark.shape.is_food())
    }

    fn push(&mut self, meant: Meant, first: usize, end: usize) {
        for (count, size) in std::mem::take(&mut self.waiting) {
            let last = (self.count.replace(count), std::mem::replace(&mut self.size, size));
            self.push(meant.clone(), first, end);
            (self.count, self.size) = last;
        }
        self.take_portion(&meant);
        let counted = self.count.is_some();
        let line = Line {
            phrase: self.resolver.own_words(self.surface, first, end),
            words: (first, end),
            meant,
            count: self.count.take().unwrap_or(1),
            size: self.size.take(),
            wishes: self.for_all.iter().cloned().chain(std::mem::take(&mut self.ahead)).collect(),
        };
        self.drafts.push(Draft { line, counted, shares: Vec::new(), sentence: self.sentence });
        self.current = Some(self.drafts.len() - 1);
        self.in_share = false;
    }

    /// "six wings" where they come by six: one portion of them.
    fn take_portion(&mut self, meant: &Meant) {
        let (Meant::Item { item, .. }, Some(count)) = (meant, self.count) else { return };
        if self.resolver.portion(*item) == Some(count) {
            self.count = None;
        } else if self.size.is_none()
            && let Some(size) = self.resolver.portion_size(*item, count)
        {
            (self.count, self.size) = (None, Some(size));
        }
    }

    fn again(&mut self, first: usize, end: usize) {
        let Some(last) = self.current.and_then(|at| self.drafts.get(at)) else {
            self.misfits.push(format!("\"{}\": more of what", self.surface.words(first, end)));
            return;
        };
        let (meant, words, phrase) = (last.line.meant.clone(), last.line.words, last.line.phrase.clone());
        self.count = self.count.or_else(|| number_of(self.surface, first, end));
        self.push(meant, words.0, words.1);
        if let Some(draft) = self.drafts.last_mut() {
            draft.line.phrase = phrase;
        }
    }

    /// The line of the order that the words speak of.
    fn spoken_of(&self, first: usize, end: usize) -> Option<usize> {
        let same = |of: &[u16]| {
            self.drafts.iter().rposition(|draft| match &draft.line.meant {
                Meant::Item { item, .. } => of.contains(item),
                Meant::Open(items) | Meant::Partly(items) => items.iter().any(|item| of.contains(item)),
                Meant::Nothing => false,
            })
        };
        match self.resolver.item(self.surface, first, end, &[]) {
            Meant::Item { item, .. } => same(&[item]),
            Meant::Open(items) | Meant::Partly(items) => same(&items),
            Meant::Nothing => None,
        }
    }

    fn refer(&mut self, first: usize, end: usize) {
        match self.spoken_of(first, end) {
            Some(at) => {
                self.current = Some(at);
                self.in_share = false;
                let ahead = std::mem::take(&mut self.ahead);
                self.drafts[at].line.wishes.extend(ahead);
            }
            None => self.misfits.push(format!("\"{}\": which one", self.surface.words(first, end))),
        }
    }

    fn undo(&mut self, first: usize, end: usize) {
        self.count = None;
        self.size = None;
        match self.spoken_of(first, end) {
            Some(at) => self.take_back(at),
            None => self.misfits.push(format!("\"{}\" is taken back", self.surface.words(first, end))),
        }
    }

    fn take_back(&mut self, at: usize) {
        self.drafts.remove(at);
        self.current = self.drafts.len().checked_sub(1);
        self.in_share = false;
    }

    fn count_back(&mut self, first: usize, end: usize) {
        let number = self.number(first, end);
        // "a pot of tea for two": people.
        const FOR: &[&str] = &["for", "fur", "pour", "para"];
        let people =
            first.checked_sub(1).is_some_and(|at| FOR.contains(&self.surface.tokens[at].text.as_str()));
        if people {
            self.misfits.push(format!("\"{}\" may be people", self.surface.words(first - 1, end)));
        }
        let draft = self.current.and_then(|at| self.drafts.get_mut(at));
        match (draft, number) {
            (Some(draft), Some(number)) => {
                // A second number for the same thing is a correction, or was not understood.
                let between = &self.surface.marks[draft.line.words.1.min(first)..first];
                let corrects =
                    between.iter().any(|mark| mark.classes.has(Classes::CORRECT.or(Classes::PRONOUN)));
                if draft.counted && draft.line.count != number && !corrects {
                    self.misfits.push(format!("\"{}\": two numbers", self.surface.words(first, end)));
                }
                draft.line.count = number;
                draft.counted = true;
            }
            _ => self.misfits.push(format!("\"{}\": of what", self.surface.words(first, end))),
        }
    }

    fn size_back(&mut self, first: usize, end: usize) {
        let size = self.resolver.size(self.surface, first, end);
        let before = first.checked_sub(1).map(|at| &self.surface.marks[at]);
        // "..., all large"
        if before.is_some_and(|mark| mark.says(Classes::ALL_OF)) {
            for line in self.drafts.iter_mut().map(|draft| &mut draft.line).filter(|line| line.size.is_none())
            {
                line.size.clone_from(&size);
            }
            return;
        }
        let corrected = self.surface.marks[..first].iter().any(|mark| mark.classes.has(Classes::CORRECT));
        let mut other = false;
        self.on_current(|place| {
            other = place.0.is_some() && *place.0 != size;
            *place.0 = size;
        });
        if other && !corrected {
            self.misfits.push(format!("\"{}\": two sizes", self.surface.words(first, end)));
        }
    }

    fn share(&mut self, first: usize, end: usize) {
        let number = self.number(first, end);
        let half = self.surface.marks[first..end].iter().any(|mark| mark.classes.has(Classes::HALF));
        let mut wishes = std::mem::take(&mut self.ahead);
        wishes.extend(self.take_last_wish(first));
        let joined = first.checked_sub(1).is_some_and(|at| self.surface.marks[at].says(Classes::JOIN));
        match self.current.and_then(|at| self.drafts.get_mut(at)) {
            // "one large shake with cream and one regular": there is no share of one.
            Some(draft) if joined && draft.counted && draft.line.count == 1 && number.is_some() => {
                let line =
                    Line { count: number.unwrap_or(1), size: self.size.take(), wishes, ..draft.line.clone() };
                let again = Draft { line, counted: true, shares: Vec::new(), sentence: self.sentence };
                self.drafts.push(again);
                self.current = Some(self.drafts.len() - 1);
                self.in_share = false;
            }
            Some(draft) => {
                let count = if half { draft.line.count / 2 } else { number.unwrap_or(1) };
                draft.shares.push(Share { count, size: self.size.take(), wishes });
                self.in_share = true;
            }
            // "six crêpes, half sugar, half chocolate"
            None if half && self.head_count.is_some() => self.count = self.head_count.map(|count| count / 2),
            None => self.misfits.push(format!("\"{}\": of what", self.surface.words(first, end))),
        }
    }

    /// "no lettuce on two": the wish that the share stands behind is the share's.
    fn take_last_wish(&mut self, share: usize) -> Option<Wish> {
        let onto = share.checked_sub(1).filter(|at| self.surface.marks[*at].classes.has(Classes::ONTO))?;
        let draft = self.current.and_then(|at| self.drafts.get_mut(at)).filter(|_| !self.in_share)?;
        draft.line.wishes.pop_if(|wish| wish.words.1 == onto)
    }

    /// Changes size and wishes of what is spoken of.
    fn on_current(&mut self, change: impl FnOnce((&mut Option<String>, &mut Vec<Wish>))) -> bool {
        let Some(draft) = self.current.and_then(|at| self.drafts.get_mut(at)) else { return false };
        match draft.shares.last_mut().filter(|_| self.in_share) {
            Some(share) => change((&mut share.size, &mut share.wishes)),
            None => change((&mut draft.line.size, &mut draft.line.wishes)),
        }
        true
    }

    fn wish(&mut self, chunk: Chunk) {
        let Chunk { tag, first, end } = chunk;
        let Some((op, reach)) = tag.as_wish() else { return };
        // "a sesame bagel, toasted", "and an onion bagel": no wish, but "on an onion bagel" is one.
        let apart = self.drafts.is_empty() || self.begins_anew(first);
        if op == ModifierOp::Add
            && apart
            && self.resolver.item_as_option(self.surface, first, end, &Meant::Nothing).is_some()
        {
            return self.item(first, end);
        }
        let thing = match op {
            ModifierOp::Note => Thing {
                name: self.resolver.own_words(self.surface, first, end),
                option: false,
                in_house: true,
                open: false,
                part: false,
            },
            _ => {
                let item =
                    self.current.filter(|_| reach == Reach::Back).map(|at| &self.drafts[at].line.meant);
                let item = match item {
                    Some(Meant::Item { item, .. }) => Some(*item),
                    _ => None,
                };
                self.resolver.thing(self.surface, (first, end), op, item)
            }
        };
        if op == ModifierOp::Extra && !thing.option && self.is_manner(first, end) {
            let name = self.resolver.own_words(self.surface, first.saturating_sub(1), end);
            let thing = Thing { name, in_house: true, ..thing };
            return self.put(Wish { op: ModifierOp::Note, thing, doses: 1, words: (first, end) }, reach);
        }
        // "egg left off"
        let left_off = self.surface.marks.get(end).is_some_and(|mark| mark.says(Classes::LEFT_OFF));
        let op = match op {
            ModifierOp::Add | ModifierOp::Extra if left_off => ModifierOp::Remove,
            op => op,
        };
        let doses = self.doses.take().unwrap_or(1);
        if !thing.option
            && op != ModifierOp::Note
            && let Some(several) = self.resolver.several(self.surface, (first, end), op)
        {
            self.split += 1;
            for (thing, words) in several {
                self.put(Wish { op, thing, doses, words }, reach);
            }
            return;
        }
        self.put(Wish { op, thing, doses, words: (first, end) }, reach);
    }

    /// Whether an article stands before a phrase and no "on" or "with" before that.
    fn begins_anew(&self, first: usize) -> bool {
        let has = |back: usize, classes: Classes| {
            let mark = first.checked_sub(back).map(|at| &self.surface.marks[at]);
            mark.is_some_and(|mark| mark.says(classes))
        };
        has(1, Classes::ARTICLE) && !has(2, Classes::ONTO.or(Classes::WITH).or(Classes::INSTEAD))
    }

    /// "extra hot", "extra crispy": how it comes, not what is in it.
    fn is_manner(&self, first: usize, end: usize) -> bool {
        let extra = first.checked_sub(1).is_some_and(|at| self.surface.marks[at].classes.has(Classes::EXTRA));
        extra && self.surface.marks[first..end].iter().all(|mark| mark.shape == Shape::Language)
    }

    /// "both without onions", "no ice in all of them": words without a role beside a wish.
    fn speaks_of_several(&self, first: usize, end: usize) -> bool {
        const EACH: &[&str] = &[
            "each",
            "every",
            "everything",
            "any",
            "jeweils",
            "jede",
            "jeder",
            "jedes",
            "alles",
            "chacun",
            "chacune",
            "chaque",
            "tout",
            "todo",
            "cada",
        ];
        const BEHIND: usize = 3;
        let several = |at: usize| {
            self.surface.marks[at].says(Classes::ALL_OF)
                && !EACH.contains(&self.surface.tokens[at].text.as_str())
        };
        let marks = &self.surface.marks;
        let behind = (end..marks.len().min(end + BEHIND)).take_while(|at| {
            marks[*at].says(Classes::ONTO.or(Classes::WITH).or(Classes::ALL_OF))
                && !marks[*at].shape.is_mark()
        });
        (self.said.min(first)..first).any(several) || behind.into_iter().any(several)
    }

    /// "three coffees all with cream": several of one thing, and no comma before what is said of them.
    fn is_of_its_own(&self, first: usize) -> bool {
        let count = self.current.and_then(|at| self.drafts.get(at)).map_or(1, |draft| draft.line.count);
        let marks = &self.surface.marks[self.said.min(first)..first];
        count > 1 && !marks.iter().any(|mark| mark.shape.is_mark())
    }

    /// Puts a wish where it belongs.
    fn put(&mut self, wish: Wish, reach: Reach) {
        let (op, (first, end)) = (wish.op, wish.words);
        self.spreads |=
            reach == Reach::Back && self.speaks_of_several(first, end) && !self.is_of_its_own(first);
        let shared =
            self.current.and_then(|at| self.drafts.get_mut(at)).filter(|draft| !draft.shares.is_empty());
        match reach {
            // "two burgers, one with bacon, one with egg, both without onions"
            Reach::Back
                if self.spreads
                    && let Some(draft) = shared =>
            {
                draft.line.wishes.push(wish)
            }
            Reach::Back if self.spreads && self.drafts.len() > 1 => self.put(wish, Reach::All),
            // "ham and pepper pizza": before there is any line, a wish waits for one.
            // "a cola and one large ham pizza": a number or size belongs to an item, and so does what follows it.
            Reach::Back
                if op != ModifierOp::Note
                    && (self.drafts.is_empty()
                        || self.leads
                        || self.count.is_some()
                        || self.size.is_some()) =>
            {
                self.early = Some(end);
                self.ahead.push(wish);
            }
            Reach::Back => {
                if !self.on_current(|place| place.1.push(wish)) {
                    self.misfits.push(format!("\"{}\": on what", self.surface.words(first, end)));
                }
            }
            Reach::Ahead => self.ahead.push(wish),
            Reach::All => {
                let here = self.drafts.iter().any(|draft| draft.sentence == self.sentence);
                for draft in &mut self.drafts {
                    if !here || draft.sentence == self.sentence {
                        draft.line.wishes.push(wish.clone());
                    }
                }
                if self.drafts.is_empty() {
                    self.for_all.push(wish);
                }
            }
        }
    }

    fn finish(mut self) -> Order {
        self.imply_item();
        if self.count.is_some() {
            self.misfits.push("a number belongs to nothing".to_owned());
        }
        if !self.waiting.is_empty() {
            self.misfits.push("numbers belong to nothing".to_owned());
        }
        if let Some(wish) = self.ahead.first() {
            self.misfits.push(format!("\"{}\": on what", wish.thing.name));
        }
        let mut lines = Vec::new();
        for draft in self.drafts.into_iter().filter(|draft| draft.line.count > 0 || !draft.counted) {
            let shared: u32 = draft.shares.iter().map(|share| share.count).fold(0, u32::saturating_add);
            if draft.counted && shared > draft.line.count {
                self.misfits.push(format!("{} of {} \"{}\"", shared, draft.line.count, draft.line.phrase));
            }
            let rest = draft.line.count.saturating_sub(shared);
            let base = draft.line;
            for share in draft.shares {
                let mut line = Line { count: share.count, ..base.clone() };
                line.size = share.size.or(line.size);
                line.wishes.extend(share.wishes);
                lines.push(line.without_repeats());
            }
            if rest > 0 {
                lines.push(Line { count: rest, ..base }.without_repeats());
            }
        }
        Order { lines, unsold: self.unsold, misfits: self.misfits, split: self.split }
    }
}

/// The number that a chunk says: "12", "twenty five", "a hundred and twenty".
pub fn number_of(surface: &Surface<'_>, first: usize, end: usize) -> Option<u32> {
    let mut total: Option<u32> = None;
    for mark in &surface.marks[first..end.min(surface.marks.len())] {
        let Some(number) = mark.number else { continue };
        total = Some(match total {
            None => number,
            Some(sum) if number >= 100 && sum < number => sum.saturating_mul(number),
            Some(sum) if (sum % 10 == 0 && number < 10) || (sum % 100 == 0 && number < 100) => sum + number,
            Some(sum) => sum,
        });
    }
    total
}

#[cfg(test)]
mod tests {
    use menu::{Lexicon, Menu, MenuItem, MenuOption};

    use super::*;
    use crate::resolve::Names;

    fn add() -> Tag {
        Tag::wish(ModifierOp::Add, Reach::Back)
    }

    fn option(kind: &str, name: &str) -> MenuOption {
        MenuOption { kind: kind.to_owned(), name: name.to_owned(), aliases: Vec::new(), price_cents: 0 }
    }

    fn pizzeria() -> Lexicon {
        let items = [
            ("Cola", ""),
            ("Build Your Own Pizza", "Choose size and toppings"),
            ("Hot Wings (6)", "Six wings"),
            ("Boneless Wings", "Choose a sauce"),
            ("Pretzel", "Choose one"),
        ];
        let items = items.map(|(name, description)| MenuItem::new(name, description, 250));
        let options = [
            ("size", "Small"),
            ("size", "Large"),
            ("size", "8 Piece"),
            ("topping", "Ham"),
            ("topping", "Tuna"),
            ("kind", "Sesame Pretzel"),
        ];
        Lexicon::with_common_names(Menu::new(items.to_vec(), options.map(|(k, n)| option(k, n)).to_vec()))
    }

    /// The lines of a reading and what does not fit: `2 Large Cola +Ham`.
    fn read(text: &str, tags: &[Tag]) -> (Vec<String>, usize) {
        let lexicon = pizzeria();
        let (names, surface) = (Names::of(&lexicon), Surface::of(text, &lexicon));
        let resolver = Resolver::new(&lexicon, &names);
        let order = assemble(&surface, &resolver, tags);
        let line = |line: &Line| {
            let Meant::Item { item, .. } = line.meant else { return format!("{:?}", line.meant) };
            let wishes: String =
                line.wishes.iter().map(|wish| format!(" {:?} {}", wish.op, wish.thing.name)).collect();
            let size = line.size.as_deref().map(|size| format!("{size} ")).unwrap_or_default();
            format!("{} {size}{}{wishes}", line.count, resolver.item_name(item))
        };
        (order.lines.iter().map(line).collect(), order.misfits.len())
    }

    fn lines(text: &str, tags: &[Tag]) -> Vec<String> {
        let (lines, misfits) = read(text, tags);
        assert_eq!(misfits, 0, "{text}");
        lines
    }

    #[test]
    fn a_size_stays_wherever_the_number_stands() {
        let (count, size, item) = (Tag::COUNT, Tag::SIZE, Tag::ITEM);
        assert_eq!(lines("two large colas", &[count, size, item]), ["2 Large Cola"]);
        assert_eq!(lines("large two colas", &[size, count, item]), ["2 Large Cola"]);
        assert_eq!(
            lines("two small one large colas", &[count, size, count, size, item]),
            ["2 Small Cola", "1 Large Cola"]
        );
    }

    #[test]
    fn a_wish_behind_a_number_or_size_belongs_to_the_item_that_follows() {
        let tags = [Tag::TALK, Tag::ITEM, Tag::TALK, Tag::COUNT, Tag::SIZE, add(), Tag::ITEM];
        let found = lines("a cola and one large ham pizza", &tags);
        assert_eq!(found, ["1 Cola", "1 Large Build Your Own Pizza Add Ham"]);
    }

    #[test]
    fn a_size_with_toppings_is_the_one_thing_that_customers_build() {
        let tags = [Tag::COUNT, Tag::SIZE, Tag::TALK, add(), Tag::TALK, add()];
        let found = lines("two large with ham and tuna", &tags);
        assert_eq!(found, ["2 Large Build Your Own Pizza Add Ham Add Tuna"]);
        let tags = [Tag::TALK, Tag::SIZE, add(), Tag::TALK, Tag::TALK, Tag::ITEM];
        let found = lines("a small ham and a cola", &tags);
        assert_eq!(found, ["1 Small Build Your Own Pizza Add Ham", "1 Cola"]);
    }

    #[test]
    fn so_many_pieces_are_one_portion_where_they_come_by_so_many() {
        let item = |words: usize| -> Vec<Tag> {
            let inside = std::iter::repeat_n(Tag::INSIDE, words - 1);
            [Tag::COUNT, Tag::ITEM].into_iter().chain(inside).collect()
        };
        assert_eq!(lines("6 hot wings", &item(2)), ["1 Hot Wings (6)"]);
        assert_eq!(lines("2 hot wings", &item(2)), ["2 Hot Wings (6)"]);
        assert_eq!(lines("eight boneless wings", &item(2)), ["1 8 Piece Boneless Wings"]);
        assert_eq!(lines("8 colas", &item(1)), ["8 Cola"]);
    }

    #[test]
    fn a_pretzel_of_a_kind_is_a_pretzel_unless_something_is_put_on_it() {
        let pretzel = [Tag::TALK, add(), Tag::INSIDE];
        assert_eq!(lines("a sesame pretzel", &pretzel), ["1 Pretzel Add Sesame Pretzel"]);
        let and = [&[Tag::TALK, Tag::ITEM, Tag::TALK][..], &pretzel].concat();
        assert_eq!(lines("a cola and a sesame pretzel", &and), ["1 Cola", "1 Pretzel Add Sesame Pretzel"]);
        assert_eq!(lines("a cola on a sesame pretzel", &and), ["1 Cola Add Sesame Pretzel"]);
    }

    #[test]
    fn what_is_left_off_is_left_out_and_what_is_said_of_a_share_is_the_shares() {
        let tags = [Tag::ITEM, add(), Tag::TALK, Tag::TALK];
        assert_eq!(lines("pizza ham left off", &tags), ["1 Build Your Own Pizza Remove Ham"]);
        let remove = Tag::wish(ModifierOp::Remove, Reach::Back);
        let tags = [Tag::COUNT, Tag::ITEM, Tag::TALK, remove, Tag::TALK, Tag::SHARE];
        let found = lines("three pizzas no ham on two", &tags);
        assert_eq!(found, ["2 Build Your Own Pizza Remove Ham", "1 Build Your Own Pizza"]);
    }

    #[test]
    fn what_is_said_again_of_an_item_is_said_of_its_line() {
        let tags = [Tag::COUNT, Tag::ITEM, Tag::TALK, Tag::TALK, Tag::ITEM, Tag::TALK, add()];
        let found = lines("two colas, the colas with ham", &tags);
        assert_eq!(found, ["2 Cola Add Ham"]);
        let tags =
            [Tag::COUNT, Tag::ITEM, Tag::TALK, Tag::COUNT, Tag::TALK, Tag::TALK, Tag::ITEM, Tag::TALK, add()];
        let found = lines("three colas, two of the colas with ham", &tags);
        assert_eq!(found, ["2 Cola Add Ham", "1 Cola"]);
    }

    #[test]
    fn what_is_told_to_be_forgotten_is_taken_back() {
        let tags = [Tag::ITEM, Tag::TALK, Tag::ITEM, Tag::TALK, Tag::TALK, Tag::TALK, Tag::TOLD];
        assert_eq!(lines("pizza and cola, forget the cola", &tags), ["1 Build Your Own Pizza"]);
    }

    #[test]
    fn an_item_behind_a_change_of_mind_takes_the_place_of_the_one_before() {
        let (talk, item) = (Tag::TALK, Tag::ITEM);
        let tags = [Tag::COUNT, item, talk, talk, talk, talk, item];
        assert_eq!(lines("two colas, sorry i mean pretzels", &tags), ["2 Pretzel"]);
        let tags = [item, talk, talk, talk, talk, item];
        assert_eq!(lines("pizza, actually also a cola", &tags), ["1 Build Your Own Pizza", "1 Cola"]);
    }

    #[test]
    fn what_is_said_of_both_or_all_is_said_of_each() {
        let (talk, item, count) = (Tag::TALK, Tag::ITEM, Tag::COUNT);
        let found = lines("pizza and pretzel, both with ham", &[item, talk, item, talk, talk, talk, add()]);
        assert_eq!(found, ["1 Build Your Own Pizza Add Ham", "1 Pretzel Add Ham"]);
        let found = lines("pizza and pretzel with ham on both", &[item, talk, item, talk, add(), talk, talk]);
        assert_eq!(found, ["1 Build Your Own Pizza Add Ham", "1 Pretzel Add Ham"]);
        let tags = [item, talk, count, item, talk, talk, add()];
        let found = lines("pizza and three pretzels all with ham", &tags);
        assert_eq!(found, ["1 Build Your Own Pizza", "3 Pretzel Add Ham"]);
        let tags = [count, item, talk, Tag::SHARE, talk, add(), talk, talk, talk, add()];
        let found = lines("two pizzas, one with ham, both with tuna", &tags);
        let both = ["1 Build Your Own Pizza Add Tuna Add Ham", "1 Build Your Own Pizza Add Tuna"];
        assert_eq!(found, both);
    }

    #[test]
    fn one_more_of_one_is_no_share_of_it() {
        let tags = [Tag::COUNT, Tag::SIZE, Tag::ITEM, Tag::TALK, Tag::SHARE, Tag::SIZE_BACK];
        assert_eq!(lines("one large cola and one small", &tags), ["1 Large Cola", "1 Small Cola"]);
    }

    #[test]
    fn all_large_is_every_line_and_a_second_size_is_asked_about() {
        let tags = [Tag::ITEM, Tag::TALK, Tag::ITEM, Tag::TALK, Tag::TALK, Tag::SIZE_BACK];
        assert_eq!(
            lines("pizza and cola, all large", &tags),
            ["1 Large Build Your Own Pizza", "1 Large Cola"]
        );
        assert_eq!(read("cola large small", &[Tag::ITEM, Tag::SIZE_BACK, Tag::SIZE_BACK]).1, 1);
    }

    #[test]
    fn a_number_of_people_counts_nothing() {
        assert_eq!(read("cola for two", &[Tag::ITEM, Tag::TALK, Tag::COUNT_BACK]).1, 1);
    }

    #[test]
    fn a_number_of_minutes_counts_nothing() {
        assert_eq!(read("fourteen minutes cola", &[Tag::COUNT, Tag::TALK, Tag::ITEM]).1, 1);
    }

    #[test]
    fn orders_that_a_kitchen_cooks_the_same_have_one_key() {
        let key = |text: &str, tags: &[Tag]| {
            let lexicon = pizzeria();
            let (names, surface) = (Names::of(&lexicon), Surface::of(text, &lexicon));
            assemble(&surface, &Resolver::new(&lexicon, &names), tags).key()
        };
        let (one, other) = (
            key("pizza ham tuna", &[Tag::ITEM, add(), add()]),
            key("pizza tuna ham", &[Tag::ITEM, add(), add()]),
        );
        assert_eq!(one, other);
        assert_ne!(one, key("pizza ham", &[Tag::ITEM, add()]));
    }
}
