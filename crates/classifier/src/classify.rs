//! Is it an order, an enquiry or neither: the decision itself.

use contracts::EnquiryTopic;
use menu::Lexicon;
use menu::reading::{Mention, Reading};
use text::{Classes, Kind as TokenKind};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An affirmative request for something to eat or drink.
    Order,
    /// Wants an answer.
    Enquiry,
    /// The rest.
    Misc,
}

impl Kind {
    /// As the predictions of `greenbite eval` have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Order => "order",
            Kind::Enquiry => "enquiry",
            Kind::Misc => "miscellaneous",
        }
    }
}

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

struct Judge<'a> {
    reading: &'a Reading<'a>,
    lexicon: &'a Lexicon,
}

/// What one sentence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sentence {
    /// Asks for something to eat or drink; the mention that says so.
    Order(usize),
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
            return self.question("it ends in a question mark".to_owned());
        }
        let (mut order, mut question, mut other, mut told) = (None, None, None, None);
        let mut from = 0;
        let mut called_off = None;
        let mut steered = None;
        for at in 0..=mentions.len() {
            let ends = mentions.get(at).is_none_or(|m| matches!(m.kind, TokenKind::Stop | TokenKind::Question));
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
                    order = None;
                }
                match self.sentence(from, at, marked) {
                    Sentence::Order(i) if called_off.is_none_or(|off| off < i) => order = order.or(Some(i)),
                    Sentence::Question(i) => question = question.or(Some(i)),
                    Sentence::Other(i) => other = other.or(Some(i)),
                    Sentence::Told(i) => told = told.or(Some(i)),
                    Sentence::Order(_) | Sentence::Nothing => {}
                }
            }
            from = at + 1;
        }
        if let Some(spam) = mentions.iter().position(|m| m.is(Classes::SPAM)) {
            return (Kind::Misc, None, format!("\"{}\" is advertising", self.words(spam)));
        }
        if let Some(at) = order {
            return (Kind::Order, None, format!("\"{}\" asks for something to eat or drink", self.words_around(at)));
        }
        if let Some(off) = called_off {
            let reason = format!("\"{}\" calls it off", self.words(off));
            return match self.topic() {
                Some(EnquiryTopic::Status) => (Kind::Enquiry, Some(EnquiryTopic::Status), reason),
                _ => (Kind::Misc, None, reason),
            };
        }
        if let Some(steer) = steered {
            return (Kind::Misc, None, format!("\"{}\" tries to give orders to the system", self.words(steer)));
        }
        if let Some(at) = question {
            return self.question(format!("\"{}\" is worded as a question", self.words_around(at)));
        }
        if let Some(at) = other
            && let Some(topic) = self.topic()
        {
            let reason = format!("\"{}\" wants an answer, not a dish", self.words_around(at));
            return (Kind::Enquiry, Some(topic), reason);
        }
        if let Some(at) = mentions.iter().position(|m| m.is(Classes::COMPLAINT.or(Classes::PRAISE))) {
            return (Kind::Misc, None, format!("\"{}\" says how it was, and asks for nothing", self.words(at)));
        }
        if let Some(at) = told.or(other) {
            return (Kind::Misc, None, format!("\"{}\" tells something, and asks for nothing", self.words_around(at)));
        }
        (Kind::Misc, None, "It asks for nothing to eat or drink".to_owned())
    }

    /// A question: an enquiry where it is about the restaurant, else nothing of ours.
    fn question(&self, why: String) -> (Kind, Option<EnquiryTopic>, String) {
        if let Some(topic) = self.topic() {
            return (Kind::Enquiry, Some(topic), format!("A question about {}: {why}", name_of(topic)));
        }
        if self.reading.mentions.iter().any(|m| self.is_food(m)) {
            return (Kind::Enquiry, Some(EnquiryTopic::Menu), format!("A question about the menu: {why}"));
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
        let blocking = Classes::PAST.or(Classes::HYPOTHETICAL);
        let mut requested: Option<usize> = None;
        let mut refused: Option<usize> = None;
        let mut asked: Option<usize> = None;
        let mut told: Option<usize> = None;
        let mut food: Option<usize> = None;
        let mut strange: Option<usize> = None;
        let mut counted = false;
        let mut polite = false;
        let mut at_start = true;
        let mut elsewhere = false;
        let mut story = false;
        let mut judged = false;
        for at in from..to {
            let m = &mentions[at];
            if m.is(Classes::ANOTHER_TIME) {
                elsewhere = true;
                told = told.or(Some(at));
            }
            polite |= m.is(Classes::PLEASE);
            if m.kind == TokenKind::Comma || m.is(Classes::SO) {
                at_start = true;
                if m.is(Classes::SO) && asked.is_none() {
                    story = false;
                    told = None;
                }
                continue;
            }
            if self.is_food(m) {
                food = food.or(Some(at));
                if requested.is_some() && !judged {
                    judged = true;
                }
                at_start = false;
                continue;
            }
            if m.is(Classes::REQUEST) {
                if requested.is_none() || refused.is_some() {
                    let held = told.is_some_and(|t| mentions[t].is(Classes::HYPOTHETICAL)) || asked.is_some();
                    if !held {
                        requested = Some(at);
                        refused = None;
                        judged = false;
                        story = false;
                    }
                }
                at_start = false;
                continue;
            }
            if m.is(Classes::ASK) && asked.is_none() && (at_start || requested.is_none()) {
                if requested.is_none() || at_start {
                    asked = Some(at);
                }
                at_start = false;
                continue;
            }
            if at_start && m.is(Classes::QUESTION_START) && requested.is_none() {
                asked = asked.or(Some(at));
                at_start = false;
                continue;
            }
            if m.is(blocking) && requested.is_none() {
                told = told.or(Some(at));
                at_start = false;
                continue;
            }
            if m.is(Classes::PRAISE.or(Classes::COMPLAINT)) && requested.is_none() {
                told = told.or(Some(at));
            }
            if m.is(Classes::STORY) && requested.is_none() {
                story = true;
            }
            if m.is(Classes::NOT_FOOD) && requested.is_some() && !judged {
                judged = true;
                refused = Some(at);
            }
            if m.number.is_some() && !m.is(Classes::NUMBER_BEFORE) {
                counted = true;
            }
            if m.unknown {
                let starts = strange.is_none()
                    && at.checked_sub(1).is_some_and(|b| {
                        b >= from
                            && (mentions[b].number.is_some()
                                || mentions[b].is(
                                    Classes::ARTICLE.or(Classes::CONTAINER).or(Classes::SIZE).or(Classes::REQUEST),
                                )
                                || mentions[b].unknown
                                || mentions[b].is(Classes::DECORATION))
                    });
                if starts || strange.is_none() {
                    strange = strange.or(Some(at));
                }
                if requested.is_some() && !judged && starts {
                    judged = true;
                }
            }
            if !(m.is(Classes::FILLER) || m.is(Classes::JOIN) || m.is(Classes::PLEASE)) {
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
        if let Some(at) = told {
            return Sentence::Told(at);
        }
        if let Some(at) = food
            && (!story || counted)
            && self.mostly_food(from, to)
        {
            return Sentence::Order(at);
        }
        if let Some(at) = strange
            && food.is_none()
            && !story
            && (counted || polite)
            && self.mostly_food(from, to)
        {
            return Sentence::Order(at);
        }
        match requested {
            Some(at) => Sentence::Other(at),
            None => Sentence::Nothing,
        }
    }

    /// A sentence without a request is one if there is little else in it.
    fn mostly_food(&self, from: usize, to: usize) -> bool {
        let (mut plain, mut strange, mut story) = (0_usize, 0_usize, 0_usize);
        for m in &self.reading.mentions[from..to] {
            let size = m.end - m.first;
            if m.kind != TokenKind::Word || m.is_food() {
                plain += size;
            } else if m.unknown {
                strange += size;
            } else if m.is(Classes::STORY.or(Classes::PAST).or(Classes::ASK)) {
                story += size;
            } else {
                plain += size;
            }
        }
        strange <= plain + 2 && story <= plain
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
            (Some(a), Some(b)) => self.reading.text.get(a.start..b.end).unwrap_or_default(),
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
