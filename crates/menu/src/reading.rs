//! A text read word by word: which words name something on the menu, which belong to the language, which are unknown.

use text::{Classes, Kind, Token, tokens};

use crate::lexicon::{Hit, How, Known, Lexicon, Target, part_score};

/// A text cut into mentions.
#[derive(Debug)]
pub struct Reading<'t> {
    /// The text itself.
    pub text: &'t str,
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// Its mentions, which cover all tokens in order.
    pub mentions: Vec<Mention>,
    /// Which of the lexicon's languages it is in.
    pub language: usize,
    /// That language's ISO 639-1 code.
    pub language_code: String,
}

/// One or more tokens that belong together.
#[derive(Debug, Clone)]
pub struct Mention {
    /// First token.
    pub first: usize,
    /// Token behind the last.
    pub end: usize,
    /// What kind of token it is.
    pub kind: Kind,
    /// Its classes in the language.
    pub classes: Classes,
    /// How many, if it is a number.
    pub number: Option<u32>,
    /// Items that it may name, best first.
    pub items: Vec<Hit>,
    /// Options that it may name, best first.
    pub options: Vec<Hit>,
    /// Items that have all of the words, whether they are called so or not.
    pub related: Vec<u16>,
    /// Items whose description or category has the word.
    pub described: bool,
    /// A guess at what was meant, not a slip.
    pub guessed: bool,
    /// Neither on the menu nor in the language.
    pub unknown: bool,
}

impl Mention {
    /// Whether it is of one of these classes.
    pub fn is(&self, classes: Classes) -> bool {
        self.classes.has(classes)
    }

    /// Whether it names an item or an option.
    pub fn is_food(&self) -> bool {
        !self.items.is_empty() || !self.options.is_empty()
    }
}

const LONGEST_PART: usize = 6;

#[derive(Clone, Copy)]
struct Step {
    value: f32,
    length: usize,
    edge: Edge,
}

#[derive(Clone, Copy, PartialEq)]
enum Edge {
    Name,
    Part,
    Language,
    Single,
}

impl Lexicon {
    /// Reads a text. The cost grows with its length, whatever is in it.
    pub fn read<'t>(&self, text: &'t str) -> Reading<'t> {
        let tokens = tokens(text);
        let language = self.language_of(&tokens);
        let words = &self.languages()[language];
        let known: Vec<Option<Known>> = tokens
            .iter()
            .enumerate()
            .map(|(at, token)| match token.kind {
                Kind::Word => self.known(token).or_else(|| {
                    let in_language =
                        words.starting_at(&tokens, at).any(|(_, e)| !e.classes.only(Classes::TOPICS));
                    if in_language { None } else { self.corrected(token) }
                }),
                Kind::Number(_) => self.known(token),
                _ => None,
            })
            .collect();

        // As it was meant, for names of several words: "choc milk shake".
        let mut meant: Option<Vec<Token>> = None;
        for (at, known) in known.iter().enumerate() {
            let Some(known) = known else { continue };
            let stem = match known.how {
                How::Same => self.same_word(&tokens[at].stem),
                How::Begun | How::Slip | How::Guess => Some(self.stem(known.word)),
            };
            if let Some(stem) = stem {
                let token = &mut meant.get_or_insert_with(|| tokens.clone())[at];
                token.stem = stem.to_owned();
                token.text.clone_from(&token.stem);
            }
        }
        let meant = meant.as_deref().unwrap_or(&tokens);

        // The best cover, from the end to the start.
        let n = tokens.len();
        let mut best: Vec<Step> = vec![Step { value: 0.0, length: 1, edge: Edge::Single }; n + 1];
        for at in (0..n).rev() {
            let mut step = Step { value: f32::MIN, length: 1, edge: Edge::Single };
            let mut consider = |length: usize, worth: f32, edge: Edge| {
                let value = worth + best[at + length].value;
                if value >= step.value {
                    step = Step { value, length, edge };
                }
            };
            // "the classic, please": an adjective that stands for a name.
            let stands_alone = at > 0
                && tokens[at - 1].text == "the"
                && known.get(at + 1).is_none_or(Option::is_none)
                && known[at].is_some_and(|k| self.names_an_item(k.word));
            let single = if stands_alone { 9.2 } else { 8.5 };
            consider(1, if known[at].is_some() { single } else { 2.0 }, Edge::Single);
            if matches!(tokens[at].kind, Kind::Word | Kind::Number(_)) {
                self.names_at(meant, at, |length, hit| {
                    let fit = if hit.whole { 0.4 * hit.score } else { -0.1 };
                    consider(length, 10.0 * length as f32 - 0.6 + fit, Edge::Name)
                });
                // What a question is about says nothing about the parts of a sentence.
                for (length, entry) in words.starting_at(&tokens, at) {
                    if !entry.classes.only(Classes::TOPICS.or(Classes::AS_IT_IS)) {
                        consider(length, 10.0 * length as f32 - 1.0, Edge::Language);
                    }
                }
                self.parts_at(&known, at, |length| consider(length, 10.0 * length as f32 - 0.7, Edge::Part));
            }
            best[at] = step;
        }

        let mut mentions: Vec<Mention> = Vec::with_capacity(n);
        let mut at = 0;
        while at < n {
            let step = best[at];
            let end = at + step.length;
            let mention = self.mention(language, (&tokens, meant), &known, at, end, step.edge);
            match mentions.last_mut() {
                Some(tens) if tens.is_completed_by(&mention) => {
                    tens.number = tens.number.zip(mention.number).map(|(tens, ones)| tens + ones);
                    tens.end = end;
                }
                _ => mentions.push(mention),
            }
            at = end;
        }
        Reading { text, tokens, mentions, language, language_code: words.language.clone() }
    }

    fn mention(
        &self,
        language: usize,
        (tokens, meant): (&[Token], &[Token]),
        known: &[Option<Known>],
        first: usize,
        end: usize,
        edge: Edge,
    ) -> Mention {
        let words = &self.languages()[language];
        let token = &tokens[first];
        let mut mention = Mention {
            first,
            end,
            kind: token.kind,
            classes: Classes::NONE,
            number: None,
            items: Vec::new(),
            options: Vec::new(),
            related: Vec::new(),
            described: false,
            guessed: false,
            unknown: false,
        };
        if let Kind::Number(count) = token.kind
            && end == first + 1
        {
            mention.number = count;
            mention.classes = Classes::NUMBER;
        }
        if !matches!(token.kind, Kind::Word | Kind::Number(_)) {
            return mention;
        }
        if let Some((_, entry)) = words.starting_at(tokens, first).find(|(length, _)| first + length == end) {
            mention.classes = mention.classes.or(entry.classes);
            if entry.classes.has(Classes::NUMBER) {
                mention.number = Some(entry.number);
            }
        }
        match edge {
            Edge::Name => {
                self.names_at(meant, first, |length, hit| {
                    if first + length == end {
                        mention.add(hit);
                    }
                });
                // "the mushroom one": a topping's whole name, and part of an item's.
                let one = |(_, entry): (usize, text::words::Entry)| {
                    entry.classes.has(Classes::PRONOUN) && entry.number == 1
                };
                if mention.items.is_empty() && end < tokens.len() && words.starting_at(tokens, end).any(one) {
                    self.add_parts_hits(&mut mention, &known[first..end]);
                }
            }
            Edge::Part | Edge::Single => self.add_parts_hits(&mut mention, &known[first..end]),
            Edge::Language => {}
        }
        if edge != Edge::Language && mention.is_food() {
            mention.related = self.related(&known[first..end]);
        }
        if edge != Edge::Language {
            mention.described =
                known[first..end].iter().flatten().any(|k| !self.word(k.word).described.is_empty());
            // One guess among several words that fit together is none.
            mention.guessed = end == first + 1 && known[first].is_some_and(|k| k.how == How::Guess);
            mention.items.sort_by(|a, b| b.score.total_cmp(&a.score));
            mention.options.sort_by(|a, b| b.score.total_cmp(&a.score));
        }
        if edge == Edge::Single
            && mention.classes.only(Classes::TOPICS)
            && !mention.is_food()
            && !mention.described
            && mention.kind == Kind::Word
        {
            match self.corrected_language(language, token) {
                Some(entry) => {
                    mention.classes = entry.classes;
                    mention.number = entry.classes.has(Classes::NUMBER).then_some(entry.number);
                }
                None => mention.unknown = true,
            }
        }
        mention
    }

    /// Spans of several words that one name has all of.
    fn parts_at(&self, known: &[Option<Known>], at: usize, mut found: impl FnMut(usize)) {
        let Some(first) = known[at] else { return };
        let mut targets: Vec<Target> = self.word(first.word).parts.iter().map(|p| p.target).collect();
        for length in 2..=LONGEST_PART {
            let Some(Some(next)) = known.get(at + length - 1) else { return };
            let parts = &self.word(next.word).parts;
            targets.retain(|target| parts.iter().any(|p| p.target == *target));
            if targets.is_empty() || known[at..at + length - 1].iter().flatten().any(|k| k.word == next.word)
            {
                return;
            }
            found(length);
        }
    }

    fn related(&self, known: &[Option<Known>]) -> Vec<u16> {
        let Some(Some(first)) = known.first() else { return Vec::new() };
        let parts = self.word(first.word).parts.iter();
        parts
            .filter(|part| {
                known[1..].iter().all(|k| {
                    k.is_some_and(|k| self.word(k.word).parts.iter().any(|p| p.target == part.target))
                })
            })
            .filter_map(|part| match part.target {
                Target::Item(id) => Some(id),
                Target::Option(_) => None,
            })
            .collect()
    }

    fn add_parts_hits(&self, mention: &mut Mention, known: &[Option<Known>]) {
        let Some(Some(first)) = known.first() else { return };
        for part in &self.word(first.word).parts {
            let mut score = part.share;
            let (mut starts, mut ends) = (part.first, part.last);
            let mut all = true;
            for other in &known[1..] {
                let found = other
                    .and_then(|k| self.word(k.word).parts.iter().find(|p| p.target == part.target).copied());
                match found {
                    Some(p) => {
                        score += p.share;
                        starts |= p.first;
                        ends |= p.last;
                    }
                    None => all = false,
                }
            }
            if all {
                let score = part_score(score, starts, ends);
                mention.add(Hit { target: part.target, score, whole: false, name: false, last: ends });
            }
        }
    }

    /// The language with the most words in the text; English where there is nothing to tell by.
    pub fn language_of(&self, tokens: &[Token]) -> usize {
        const ENOUGH: usize = 200;
        let tokens = &tokens[..tokens.len().min(ENOUGH)];
        let count = |language: usize| {
            let words = &self.languages()[language];
            tokens.iter().filter(|t| t.kind == Kind::Word && words.word(&t.text).is_some()).count()
        };
        let english = count(0);
        let mut best = (0, english);
        for language in 1..self.languages().len() {
            let found = count(language);
            if found > best.1 {
                best = (language, found);
            }
        }
        best.0
    }
}

impl Mention {
    /// "thirty five", "twenty-five"
    fn is_completed_by(&self, ones: &Mention) -> bool {
        let tens =
            self.kind == Kind::Word && self.number.is_some_and(|n| n % 10 == 0 && (20..100).contains(&n));
        tens && !self.is_food()
            && !ones.is_food()
            && ones.kind == Kind::Word
            && ones.end == ones.first + 1
            && ones.number.is_some_and(|n| (1..10).contains(&n))
            && !ones.is(Classes::ALL_OF)
    }

    fn add(&mut self, hit: Hit) {
        let list = if matches!(hit.target, Target::Item(_)) { &mut self.items } else { &mut self.options };
        match list.iter_mut().find(|h| h.target == hit.target) {
            Some(known) if hit.score > known.score => *known = hit,
            Some(_) => {}
            None => list.push(hit),
        }
    }
}
