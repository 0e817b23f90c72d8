//! Is it an order, an enquiry or neither: the decision itself.

use contracts::EnquiryTopic;
use menu::Lexicon;
use menu::reading::{Mention, Reading};
use text::{Classes, Kind as TokenKind};

use crate::Kind;

/// What a message is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// What it is.
    pub kind: Kind,
    /// On an enquiry: what about.
    pub topic: Option<EnquiryTopic>,
    /// ISO 639-1 code of the language whose words decided.
    pub language: String,
    /// Why, in one sentence that names the words.
    pub reason: String,
}

/// Classifies a message.
pub fn classify(text: &str, lexicon: &Lexicon) -> Classification {
    classify_reading(&lexicon.read(text), lexicon)
}

/// Classifies a text that was read before.
pub fn classify_reading(reading: &Reading<'_>, lexicon: &Lexicon) -> Classification {
    let judge = Judge { reading, lexicon };
    let (kind, topic, reason) = judge.decide();
    Classification { kind, topic, language: reading.language_code.clone(), reason }
}

/// A part of a name below this says nothing about a message.
const LEAST_PART: f32 = 0.3;

/// From here on a number is one of an order, an invoice or a telephone, which nobody counts dishes by.
const NO_COUNT: u32 = 10_000;

struct Judge<'a> {
    reading: &'a Reading<'a>,
    lexicon: &'a Lexicon,
}

/// What one sentence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sentence {
    /// Asks for something to eat or drink; the mention that says so.
    Order(usize),
    /// Names something to eat or drink, and no more; the mention that does.
    Bare(usize),
    /// Asks something.
    Question(usize),
    /// Wants something that is no food.
    Other(usize),
    /// About another time, or only thought of.
    Told(usize),
    Nothing,
}

impl Judge<'_> {
    fn decide(&self) -> (Kind, Option<EnquiryTopic>, String) {
        let mentions = &self.reading.mentions;
        if mentions.iter().all(|m| !matches!(m.kind, TokenKind::Word | TokenKind::Number(_))) {
            return (Kind::Misc, None, "There are no words in it".to_owned());
        }
        if ends_in_question_mark(self.reading.text) {
            return self.question("it ends in a question mark".to_owned(), true);
        }
        if looks_like_code(self.reading.text) {
            return (Kind::Misc, None, "It is written for a machine, not for a kitchen".to_owned());
        }
        let (mut order, mut question, mut other, mut told) = (None, None, None, None);
        let mut from = 0;
        let mut called_off = None;
        let mut steered = None;
        let mut bare = None;
        // "We had:", and a list below it.
        let mut heading = None;
        for at in 0..=mentions.len() {
            let ends =
                mentions.get(at).is_none_or(|m| matches!(m.kind, TokenKind::Stop | TokenKind::Question));
            if !ends {
                continue;
            }
            let sentence = &mentions[from..at];
            let marked = mentions.get(at).is_some_and(|m| m.kind == TokenKind::Question);
            if let Some(steer) = self.steers(sentence, from) {
                steered.get_or_insert(steer);
            } else {
                if let Some(off) = sentence.iter().rposition(|m| m.is(Classes::CANCEL_ALL)) {
                    called_off = Some(from + off);
                    (order, bare) = (None, None);
                }
                let judged = self.sentence(from, at, marked);
                heading = match judged {
                    Sentence::Told(i) if self.ends_in_colon(sentence) => Some(i),
                    Sentence::Bare(_) | Sentence::Nothing => heading,
                    _ => None,
                };
                match judged {
                    Sentence::Order(i) if called_off.is_none_or(|off| off < i) => order = order.or(Some(i)),
                    Sentence::Bare(i) if heading.is_none() && called_off.is_none_or(|off| off < i) => {
                        bare = bare.or(Some(i));
                    }
                    Sentence::Question(i) => question = question.or(Some(i)),
                    Sentence::Other(i) => other = other.or(Some(i)),
                    Sentence::Told(i) => told = told.or(Some(i)),
                    Sentence::Order(_) | Sentence::Bare(_) | Sentence::Nothing => {}
                }
            }
            from = at + 1;
        }
        if let Some(spam) = mentions.iter().position(|m| m.is(Classes::SPAM)) {
            return (Kind::Misc, None, format!("\"{}\" is advertising", self.words(spam)));
        }
        // "lukewarm shake, icy fries. that's the wrong way round": named only to say how it was.
        let judged = mentions.iter().any(|m| m.is(Classes::COMPLAINT)) || told.is_some() && heading.is_some();
        if let Some(at) = order.or(bare.filter(|at| !judged || self.is_asked_for(*at))) {
            return (
                Kind::Order,
                None,
                format!("\"{}\" asks for something to eat or drink", self.words_around(at)),
            );
        }
        if let Some(off) = called_off {
            let reason = format!("\"{}\" calls it off", self.words(off));
            return (Kind::Misc, None, reason);
        }
        if let Some(steer) = steered {
            return (
                Kind::Misc,
                None,
                format!("\"{}\" tries to give orders to the system", self.words(steer)),
            );
        }
        if let Some(at) = question {
            return self.question(format!("\"{}\" is worded as a question", self.words_around(at)), false);
        }
        if let Some(at) = other
            && let Some(topic) = self.topic()
        {
            let reason = format!("\"{}\" wants an answer, not a dish", self.words_around(at));
            return (Kind::Enquiry, Some(topic), reason);
        }
        if let Some(at) = mentions.iter().position(|m| m.is(Classes::COMPLAINT.or(Classes::PRAISE))) {
            return (
                Kind::Misc,
                None,
                format!("\"{}\" says how it was, and asks for nothing", self.words(at)),
            );
        }
        if let Some(at) = told.or(other) {
            return (
                Kind::Misc,
                None,
                format!("\"{}\" tells something, and asks for nothing", self.words_around(at)),
            );
        }
        if let Some(topic) = self.topic()
            && self.is_only_topic()
        {
            return (Kind::Enquiry, Some(topic), format!("It names {}, and nothing else", name_of(topic)));
        }
        (Kind::Misc, None, "It asks for nothing to eat or drink".to_owned())
    }

    /// "opening hours", "wifi password please": a question in one or two words.
    fn is_only_topic(&self) -> bool {
        let words = &self.lexicon.languages()[self.reading.language];
        let tokens = &self.reading.tokens;
        let polite = Classes::PLEASE.or(Classes::ARTICLE);
        tokens.len() <= 5
            && (0..tokens.len()).all(|at| {
                let about = |entry: &text::words::Entry| entry.classes.has(Classes::TOPICS.or(polite));
                words.starting_at(tokens, at).any(|(_, entry)| about(&entry))
            })
    }

    /// A question: an enquiry where it is about the restaurant, else nothing of ours.
    fn question(&self, why: String, marked: bool) -> (Kind, Option<EnquiryTopic>, String) {
        if let Some(topic) = self.topic() {
            return (Kind::Enquiry, Some(topic), format!("A question about {}: {why}", name_of(topic)));
        }
        if self.reading.mentions.iter().any(|m| self.is_food(m)) {
            return (Kind::Enquiry, Some(EnquiryTopic::Menu), format!("A question about the menu: {why}"));
        }
        let addressed = self
            .reading
            .mentions
            .iter()
            .any(|m| m.is(Classes::SUBJECT.or(Classes::ASK).or(Classes::REQUEST)));
        let greeting =
            self.reading.mentions.iter().all(|m| m.kind != TokenKind::Word || m.classes.has(Classes::FILLER));
        // "is there ...", "do you ..."
        let asked = self.reading.mentions.iter().any(|m| m.is(Classes::ASK));
        if (addressed && marked || asked) && !greeting {
            return (Kind::Enquiry, Some(EnquiryTopic::Other), format!("A question to us: {why}"));
        }
        (Kind::Misc, None, format!("A question, but not about the restaurant: {why}"))
    }

    /// What a question is about, by the first words that tell.
    fn topic(&self) -> Option<EnquiryTopic> {
        const TOPICS: [(Classes, EnquiryTopic); 5] = [
            (Classes::TOPIC_STATUS, EnquiryTopic::Status),
            (Classes::TOPIC_PRICE, EnquiryTopic::Price),
            (Classes::TOPIC_PICK_UP, EnquiryTopic::PickUp),
            (Classes::TOPIC_HOURS, EnquiryTopic::Hours),
            (Classes::TOPIC_MENU, EnquiryTopic::Menu),
        ];
        let words = &self.lexicon.languages()[self.reading.language];
        let mut found = Classes::NONE;
        for at in 0..self.reading.tokens.len() {
            for (_, entry) in words.starting_at(&self.reading.tokens, at) {
                found = found.or(entry.classes);
            }
        }
        TOPICS.iter().find(|(class, _)| found.has(*class)).map(|(_, topic)| *topic)
    }

    fn steers(&self, sentence: &[Mention], from: usize) -> Option<usize> {
        sentence.iter().position(|m| m.is(Classes::STEER)).map(|at| from + at)
    }

    fn is_food(&self, m: &Mention) -> bool {
        m.items.first().is_some_and(|h| h.whole || h.score >= LEAST_PART)
            || m.options.first().is_some_and(|h| h.whole || h.score >= LEAST_PART)
    }

    /// Judges one sentence by going through it once.
    fn sentence(&self, from: usize, to: usize, marked: bool) -> Sentence {
        let mentions = &self.reading.mentions;
        let (mut requested, mut refused, mut asked, mut told) = (None, None, None, None);
        let (mut food, mut strange) = (None, None);
        let (mut held, mut elsewhere, mut judged, mut past) = (false, false, false, false);
        let (mut story, mut subject, mut stated, mut polite, mut counted) =
            (false, false, false, false, false);
        let mut at_start = true;
        for at in from..to {
            let m = &mentions[at];
            if m.is(Classes::ANOTHER_TIME) {
                elsewhere = true;
                told = told.or(Some(at));
            }
            polite |= m.is(Classes::PLEASE);
            if m.kind == TokenKind::Comma || m.is(Classes::SO) {
                at_start = true;
                // "I was here last week and loved it, so today: two rings"
                let colon = self.ends_in_colon(&mentions[from..=at]);
                let thing = |m: &Mention| m.number.is_some() || m.is(Classes::ARTICLE) || self.is_food(m);
                let thing_next = mentions[at + 1..to].first().is_some_and(thing);
                let therefore = m.is(Classes::SO)
                    && at > from
                    && (mentions[at - 1].kind == TokenKind::Comma || thing_next)
                    || colon && thing_next && !past;
                if therefore && (told.is_some() || story) && !held && requested.is_none() {
                    (told, food, elsewhere, story, subject, stated) =
                        (None, None, false, false, false, false);
                }
                continue;
            }
            let food_here = self.is_food(m);
            if food_here && !self.is_left_out(from, at) {
                food = food.or(Some(at));
                judged |= requested.is_some();
                counted |= self.is_counted(from, at);
                at_start = false;
                continue;
            }
            if food_here {
                // "hot dog, no mustard"
                counted |= strange.is_some();
                at_start = false;
                continue;
            }
            let taken_back = m.is(Classes::CANCEL)
                && !m.is(Classes::REMOVE)
                && m.end > m.first
                && self.has_cancel_verb(at);
            if requested.is_none() && food.is_none() && (m.is(Classes::UNWANTED) || taken_back) {
                told = told.or(Some(at));
                held = true;
            } else if m.is(Classes::CANCEL_ALL) {
                told = told.or(Some(at));
            } else if m.is(Classes::REQUEST) && (requested.is_none() || refused.is_some()) {
                // "for me" asks for nothing by itself.
                let weak = m.is(Classes::FILLER.or(Classes::PLEASE));
                if weak {
                    polite = true;
                } else if !held && asked.is_none() {
                    requested = Some(at);
                    refused = None;
                    judged = false;
                    story = false;
                }
            } else if m.is(Classes::ASK)
                && (at_start || held || self.asks_wherever_it_stands(at))
                && asked.is_none()
            {
                if food.is_none() || m.end > m.first + 1 {
                    asked = Some(at);
                }
            } else if at_start && m.is(Classes::QUESTION_START) && requested.is_none() && food.is_none() {
                asked = asked.or(Some(at));
            } else if m.is(Classes::PAST.or(Classes::HYPOTHETICAL)) && requested.is_none() {
                held |= m.is(Classes::HYPOTHETICAL);
                past |= m.is(Classes::PAST);
                told = told.or(Some(at));
            } else if m.is(Classes::PRAISE.or(Classes::COMPLAINT)) && requested.is_none() {
                told = told.or(Some(at));
            } else if m.is(Classes::STORY) && requested.is_none() {
                story = true;
            } else if m.is(Classes::NOT_FOOD) && requested.is_some() && !judged {
                judged = true;
                refused = Some(at);
            }
            subject |= m.is(Classes::SUBJECT) && requested.is_none();
            stated |= m.is(Classes::COPULA) && requested.is_none() && self.says_something(from, to, at);
            // A word that only a description has may be a dish too.
            let described = m.described && !m.is_food() && m.classes.only(Classes::TOPICS);
            if m.unknown || described && self.is_introduced(from, at) {
                let introduced = self.is_introduced(from, at);
                if requested.is_some() && !judged && introduced {
                    judged = true;
                    strange = Some(at);
                }
                if strange.is_none() {
                    strange = Some(at);
                    counted |= self.is_counted(from, at);
                }
            }
            let passing = Classes::FILLER
                .or(Classes::JOIN)
                .or(Classes::PLEASE)
                .or(Classes::ALL_OF)
                .or(Classes::CORRECT);
            let addressed = m.unknown && at > from && mentions[at - 1].is(Classes::FILLER);
            if (!m.is(passing) && !addressed) || m.is(Classes::SUBJECT) {
                at_start = false;
            }
        }
        if marked {
            return Sentence::Question(asked.or(food).unwrap_or(from));
        }
        if let Some(at) = asked {
            return Sentence::Question(at);
        }
        if let Some(at) = refused {
            return Sentence::Other(at);
        }
        if elsewhere {
            return Sentence::Told(told.unwrap_or(from));
        }
        if let Some(at) = requested
            && (food.is_some() || (judged && strange.is_some()))
        {
            return Sentence::Order(at);
        }
        // What is told after it, as a reason, takes nothing back.
        let first = food.is_some_and(|food| {
            counted && !stated && told.is_some_and(|told| food < told && self.is_apart(food, told))
        });
        if let Some(at) = told
            && !first
        {
            return Sentence::Told(at);
        }
        // Without a request: little else than food, and nothing said about it.
        if let Some(at) = food
            && !stated
            && (!story || counted)
            && (!subject && (strange.is_none() || polite)
                || counted
                || self.is_named(from, to)
                || mentions[from..to].iter().all(|m| m.is_food() || m.unknown || m.is(Classes::JOIN)))
            && self.mostly_food(from, to)
        {
            return Sentence::Bare(at);
        }
        if let Some(at) = strange
            && food.is_none()
            && !story
            && !stated
            && !subject
            && (counted || polite)
            && self.mostly_food(from, to)
        {
            return Sentence::Bare(at);
        }
        match requested {
            Some(at) => Sentence::Other(at),
            None if food.is_some() || story || stated => Sentence::Told(from),
            None => Sentence::Nothing,
        }
    }

    /// "2 cokes how much is that": words that make a question without standing at its start.
    fn asks_wherever_it_stands(&self, at: usize) -> bool {
        let m = &self.reading.mentions[at];
        let token = self.reading.tokens.get(m.first).map(|token| token.text.as_str()).unwrap_or_default();
        let words = &self.lexicon.languages()[self.reading.language];
        m.end > m.first + 1
            && words.word(token).is_some_and(|entry| {
                entry.classes.has(Classes::QUESTION_START) && !entry.classes.has(Classes::COPULA)
            })
    }

    /// "the burger is ...", "... is called Cola"
    fn says_something(&self, from: usize, to: usize, at: usize) -> bool {
        let mentions = &self.reading.mentions;
        (at > from && self.is_food(&mentions[at - 1])) || (at + 1 < to && self.is_food(&mentions[at + 1]))
    }

    /// Whether the sentence is the heading of what follows: "We had:".
    fn ends_in_colon(&self, sentence: &[Mention]) -> bool {
        let last = sentence.last().and_then(|m| self.reading.tokens.get(m.first));
        last.is_some_and(|token| token.text == ":")
    }

    /// Whether it is counted or asked for politely, which nobody does who only complains.
    fn is_asked_for(&self, at: usize) -> bool {
        let mentions = &self.reading.mentions;
        let ends = |m: &Mention| matches!(m.kind, TokenKind::Stop | TokenKind::Question);
        let from = mentions[..at].iter().rposition(ends).map_or(0, |stop| stop + 1);
        let to = mentions[at..].iter().position(ends).map_or(mentions.len(), |stop| at + stop);
        self.is_counted(from, at) || mentions[from..to].iter().any(|m| m.is(Classes::PLEASE))
    }

    /// Whether a comma or the like stands between two mentions, and the later one is no praise or complaint.
    fn is_apart(&self, from: usize, to: usize) -> bool {
        let mentions = &self.reading.mentions;
        mentions[from..to].iter().any(|m| m.kind == TokenKind::Comma || m.is(Classes::SO))
            && !mentions[to].is(Classes::PRAISE.or(Classes::COMPLAINT))
    }

    /// Whether something of the menu is called by its whole name.
    fn is_named(&self, from: usize, to: usize) -> bool {
        self.reading.mentions[from..to].iter().any(|m| m.items.first().is_some_and(|h| h.whole))
    }

    /// "no onions": says what is not wanted.
    fn is_left_out(&self, from: usize, at: usize) -> bool {
        let skip =
            Classes::ARTICLE.or(Classes::EXTRA).or(Classes::LIGHT).or(Classes::SIZE).or(Classes::DECORATION);
        let before = &self.reading.mentions[from..at];
        before
            .iter()
            .rev()
            .take(3)
            .find(|m| !m.is(skip) || m.is(Classes::REMOVE))
            .is_some_and(|m| m.is(Classes::REMOVE))
    }

    /// "two", "a", "another" before it, or "x2" behind it.
    fn is_counted(&self, from: usize, at: usize) -> bool {
        let mentions = &self.reading.mentions;
        let skip = Classes::DECORATION.or(Classes::SIZE).or(Classes::CONTAINER).or(Classes::TIMES);
        let before = mentions[from..at].iter().rev().take(4);
        let counted = before
            .take_while(|m| m.number.is_some() || m.is(skip) || m.is_food() || m.unknown)
            .any(|m| m.number.is_some_and(|count| count < NO_COUNT));
        let behind = mentions.get(at + 1..).unwrap_or_default();
        // "a veggie pizza": an article where the sentence begins.
        let noun = Classes::DECORATION.or(Classes::SIZE);
        let lead = mentions[from..at].iter().rposition(|m| !(m.is_food() || m.unknown || m.is(noun)));
        let opens = lead.is_some_and(|lead| {
            mentions[from + lead].is(Classes::ARTICLE)
                && mentions[from..from + lead]
                    .iter()
                    .all(|m| m.is(Classes::FILLER) && !m.is(Classes::SUBJECT))
        });
        counted
            || opens
            || behind.first().is_some_and(|m| m.is(Classes::TIMES))
                && behind.get(1).is_some_and(|m| m.number.is_some())
    }

    /// Whether an unknown word stands where a dish would.
    fn is_introduced(&self, from: usize, at: usize) -> bool {
        let Some(before) = at.checked_sub(1).filter(|b| *b >= from).map(|b| &self.reading.mentions[b]) else {
            return false;
        };
        let lead = Classes::ARTICLE
            .or(Classes::CONTAINER)
            .or(Classes::SIZE)
            .or(Classes::REQUEST)
            .or(Classes::DECORATION)
            .or(Classes::NUMBER);
        before.number.is_some() || before.is(lead) || before.unknown
    }

    /// "cancel the": in a message of its own it is about an earlier order.
    fn has_cancel_verb(&self, at: usize) -> bool {
        !self.reading.mentions[at].is(Classes::FILLER.or(Classes::WITH).or(Classes::ARTICLE))
    }

    /// A sentence without a request is one if there is little else in it.
    fn mostly_food(&self, from: usize, to: usize) -> bool {
        let (mut food, mut other) = (0_usize, 0_usize);
        let order = Classes::NUMBER
            .or(Classes::ARTICLE)
            .or(Classes::SIZE)
            .or(Classes::WITH)
            .or(Classes::REMOVE)
            .or(Classes::EXTRA)
            .or(Classes::LIGHT)
            .or(Classes::CONTAINER)
            .or(Classes::ON_THE_SIDE)
            .or(Classes::PLEASE)
            .or(Classes::TIMES)
            .or(Classes::CORRECT);
        for m in &self.reading.mentions[from..to] {
            let size = m.end - m.first;
            if m.is_food() || m.number.is_some() {
                food += 2 * size;
            } else if m.kind != TokenKind::Word || m.is(order) {
                food += size;
            } else if m.unknown || m.is(Classes::STORY.or(Classes::PAST).or(Classes::ASK).or(Classes::PLAIN))
            {
                other += size;
            }
        }
        other <= food
    }

    fn words(&self, at: usize) -> &str {
        self.span(at, at)
    }

    /// The words of a mention and of the one or two behind it.
    fn words_around(&self, at: usize) -> &str {
        let mentions = &self.reading.mentions;
        let mut last = at;
        while last + 1 < mentions.len()
            && last < at + 4
            && !matches!(mentions[last + 1].kind, TokenKind::Stop | TokenKind::Question | TokenKind::Comma)
        {
            last += 1;
            if mentions[last].is_food() {
                break;
            }
        }
        self.span(at, last)
    }

    fn span(&self, first: usize, last: usize) -> &str {
        let mentions = &self.reading.mentions;
        let (Some(a), Some(b)) = (mentions.get(first), mentions.get(last)) else { return "" };
        let tokens = &self.reading.tokens;
        match (tokens.get(a.first), tokens.get(b.end.saturating_sub(1))) {
            (Some(a), Some(b)) => {
                let words = self.reading.text.get(a.start..b.end).unwrap_or_default();
                words.char_indices().nth(100).map_or(words, |(end, _)| &words[..end])
            }
            _ => "",
        }
    }
}

/// Whether the last thing that was written, smileys and closing marks aside, is a question mark.
fn ends_in_question_mark(text: &str) -> bool {
    text.chars()
        .rev()
        .find(|c| c.is_alphanumeric() || matches!(c, '?' | '？' | '؟' | '.' | '!' | ',' | ';' | ':'))
        .is_some_and(|c| matches!(c, '?' | '？' | '؟'))
        || text.trim_end().ends_with(['?', '？', '؟'])
        || text.trim_end_matches(|c: char| !c.is_alphanumeric()).len() < text.len()
            && text[text.trim_end_matches(|c: char| !c.is_alphanumeric()).len()..].contains('?')
}

/// Braces and colons, as programs write them.
fn looks_like_code(text: &str) -> bool {
    ["{\"", "\":", "${", "<script", "</", "{{", "';", "--;"].iter().any(|mark| text.contains(mark))
}

const fn name_of(topic: EnquiryTopic) -> &'static str {
    match topic {
        EnquiryTopic::Menu => "the menu",
        EnquiryTopic::Price => "prices",
        EnquiryTopic::Hours => "opening hours",
        EnquiryTopic::PickUp => "collecting, delivery or tables",
        EnquiryTopic::Status => "an order under way",
        EnquiryTopic::Other => "something else",
    }
}
