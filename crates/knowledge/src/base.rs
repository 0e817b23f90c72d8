//! Entries and typical questions made ready, and the search among them by words and meaning together.

use std::collections::{HashMap, HashSet};

use embed::{Embedding, cosine};

use crate::bounds::{Bounds, Trial};
use crate::entry::Entry;
use crate::typical::{Typical, typical};
use crate::words;

/// Vectors of a model, by the text that they stand for.
pub type Vectors = HashMap<String, Embedding>;

/// A word's weight at which half of what words can say is said.
const HALF: f32 = 4.0;
/// What words count beside meaning.
const WORDS: f32 = 0.5;
/// What a word of the answer counts beside one of the questions.
const ANSWERED: f32 = 0.5;
/// What the three nearest phrasings count beside the nearest one.
const NEIGHBOURS: f32 = 0.3;
/// The plainest questions of a typical group: they say which entry it means.
const PLAIN: usize = 3;

/// What a house knows, ready to be asked.
#[derive(Debug)]
pub struct Base {
    entries: Vec<Entry>,
    groups: Vec<Group>,
    languages: Vec<String>,
    counts: HashMap<String, Counts>,
    by_meaning: bool,
    /// A bound a language: a model that reads one well may hardly read another.
    bounds: HashMap<String, Bounds>,
}

/// How many groups a language has, and in how many of them a word stands.
#[derive(Debug, Default)]
struct Counts {
    groups: f32,
    words: HashMap<String, f32>,
}

impl Counts {
    /// What a word says: the more the fewer groups have it.
    fn weight(&self, word: &str) -> f32 {
        let count = self.words.get(word).copied().unwrap_or_default();
        (1.0 + (self.groups - count + 0.5).max(0.5) / (count + 0.5)).ln()
    }
}

/// An entry with all its phrasings, or typical questions that no entry answers.
#[derive(Debug)]
struct Group {
    entry: Option<usize>,
    /// The entry's id, or the topic of typical questions.
    topic: String,
    /// What the entry is about.
    about: String,
    language: String,
    phrasings: Vec<Phrasing>,
    answer: HashSet<String>,
}

#[derive(Debug, Clone)]
struct Phrasing {
    text: String,
    /// Its words in their order.
    folded: Vec<String>,
    words: HashSet<String>,
    vector: Option<Embedding>,
}

/// A question, ready to be asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its language, as an ISO 639-1 code.
    pub language: String,
    folded: Vec<String>,
    words: HashSet<String>,
    vectors: Vec<Embedding>,
}

/// What is nearest to a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<'b> {
    /// The entry; none where the nearest is a typical question that no entry answers.
    pub entry: Option<&'b Entry>,
    /// What the nearest is about.
    pub topic: &'b str,
    /// How near it is, and how much nearer than the next.
    pub confidence: f32,
}

/// A phrasing of a group that is left out in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Without {
    group: usize,
    phrasing: usize,
}

impl Base {
    /// Every text whose vector [`Base::new`] can make use of.
    pub fn texts(entries: &[Entry]) -> Vec<String> {
        let languages: HashSet<&str> = entries.iter().map(|entry| entry.language.as_str()).collect();
        let typical = typical().iter().filter(|group| languages.contains(group.language.as_str()));
        let texts =
            entries.iter().flat_map(|e| &e.questions).chain(typical.flat_map(|group| &group.questions));
        texts.map(|text| text.to_lowercase()).collect()
    }

    /// Makes entries ready; by words alone where there are no vectors.
    pub fn new(entries: Vec<Entry>, vectors: Option<&Vectors>) -> Base {
        let phrasing = |text: &String| Phrasing {
            folded: words::folded(text),
            words: words::stems(text),
            vector: vectors.and_then(|vectors| vectors.get(&text.to_lowercase()).cloned()),
            text: text.clone(),
        };
        let mut groups: Vec<Group> = entries
            .iter()
            .enumerate()
            .map(|(at, entry)| Group {
                entry: Some(at),
                topic: entry.id.clone(),
                about: entry.topic.clone(),
                language: entry.language.clone(),
                phrasings: entry.questions.iter().map(phrasing).collect(),
                answer: words::stems(&entry.answer),
            })
            .collect();
        let mut languages: Vec<String> = groups.iter().map(|group| group.language.clone()).collect();
        let mut seen = HashSet::new();
        languages.retain(|language| seen.insert(language.clone()));
        // Where nothing tells the language, English is the likeliest.
        languages.sort_by_key(|language| language != "en");
        // What an entry means is said by its own questions, so it is widened after all groups have been looked at.
        let (mut wider, mut guards) = (Vec::new(), Vec::new());
        for group in typical().iter().filter(|group| languages.contains(&group.language)) {
            let phrasings: Vec<Phrasing> = group.questions.iter().map(phrasing).collect();
            match meant(&groups, &phrasings, group, vectors.is_some()) {
                Some(entry) => wider.push((entry, phrasings)),
                None => guards.push(Group {
                    entry: None,
                    topic: group.topic.clone(),
                    about: group.topic.clone(),
                    language: group.language.clone(),
                    phrasings,
                    answer: HashSet::new(),
                }),
            }
        }
        for (entry, phrasings) in wider {
            groups[entry].phrasings.extend(phrasings);
        }
        groups.extend(guards);
        let mut base = Base {
            entries,
            groups,
            languages,
            counts: HashMap::new(),
            by_meaning: vectors.is_some(),
            bounds: HashMap::new(),
        };
        base.count();
        let bounds = |language: &String| (language.clone(), Bounds::of(base.trials(language)));
        base.bounds = base.languages.iter().map(bounds).collect();
        base
    }

    fn count(&mut self) {
        for group in &self.groups {
            let counts = self.counts.entry(group.language.clone()).or_default();
            counts.groups += 1.0;
            let words: HashSet<&String> =
                group.phrasings.iter().flat_map(|phrasing| &phrasing.words).chain(&group.answer).collect();
            for word in words {
                *counts.words.entry(word.clone()).or_default() += 1.0;
            }
        }
    }

    /// The languages of the entries.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The bound from which an answer is dared in a language, and what it was found from.
    pub fn bounds(&self, language: &str) -> &Bounds {
        self.bounds.get(language).unwrap_or(Bounds::never())
    }

    /// The parts of a question whose vectors are of use: all of it, and its longer sentences.
    pub fn parts(text: &str) -> Vec<String> {
        let text = text.to_lowercase();
        let sentences = text.split_inclusive(['.', '?', '!', ';', '\n', ',']).map(str::trim);
        let long: Vec<String> =
            sentences.filter(|part| part.split_whitespace().count() > 3).map(str::to_owned).collect();
        let mut parts = vec![text.clone()];
        parts.extend(long.into_iter().filter(|part| *part != text));
        parts.truncate(8);
        parts
    }

    /// A question, with the vectors of its [`Base::parts`] where there are any.
    pub fn question(&self, text: &str, vectors: Vec<Embedding>) -> Question {
        let among: Vec<&str> = self.languages.iter().map(String::as_str).collect();
        let language = words::language(text, &among).unwrap_or("en").to_owned();
        Question { language, folded: words::folded(text), words: words::stems(text), vectors }
    }

    /// What is nearest to a question; nothing where nothing is near.
    pub fn find(&self, question: &Question) -> Option<Found<'_>> {
        self.nearest(question, None)
    }

    /// The entry that is nearest to a question, whatever else is nearer.
    pub fn nearest_entry(&self, question: &Question) -> Option<&Entry> {
        let entries =
            self.groups.iter().enumerate().filter_map(|(at, group)| Some((at, group, group.entry?)));
        let entries = entries.filter(|(_, group, _)| group.language == question.language);
        let scored = entries.map(|(at, group, entry)| (self.score(group, at, question, None), entry));
        scored.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, entry)| &self.entries[entry])
    }

    fn nearest(&self, question: &Question, without: Option<Without>) -> Option<Found<'_>> {
        let mut best: [(f32, usize); 2] = [(0.0, usize::MAX); 2];
        for (at, group) in self.groups.iter().enumerate() {
            if group.language != question.language {
                continue;
            }
            let score = self.score(group, at, question, without);
            if score > best[0].0 {
                best = [(score, at), best[0]];
            } else if score > best[1].0 {
                best[1] = (score, at);
            }
        }
        let group = self.groups.get(best[0].1)?;
        Some(Found {
            entry: group.entry.map(|entry| &self.entries[entry]),
            topic: &group.topic,
            confidence: 2.0 * best[0].0 - best[1].0,
        })
    }

    fn score(&self, group: &Group, at: usize, question: &Question, without: Option<Without>) -> f32 {
        let phrasings = group.phrasings.iter().enumerate();
        let phrasings: Vec<&Phrasing> = phrasings
            .filter(|(number, _)| without != Some(Without { group: at, phrasing: *number }))
            .map(|(_, phrasing)| phrasing)
            .collect();
        let counts = self.counts.get(&group.language);
        let weight = |word: &String| counts.map_or(0.0, |counts| counts.weight(word));
        let said: f32 = question
            .words
            .iter()
            .map(|word| {
                if phrasings.iter().any(|phrasing| phrasing.words.contains(word)) {
                    weight(word)
                } else if group.answer.contains(word) {
                    ANSWERED * weight(word)
                } else {
                    0.0
                }
            })
            .sum();
        // Word for word as it is written down: words can say no more.
        let same = phrasings.iter().any(|phrasing| phrasing.folded == question.folded);
        let by_words = if same { 1.0 } else { said / (said + HALF) };
        if !self.by_meaning {
            return by_words;
        }
        let near = |phrasing: &&Phrasing| {
            let vector = phrasing.vector.as_ref()?;
            question.vectors.iter().map(|part| cosine(part, vector)).max_by(f32::total_cmp)
        };
        let mut near: Vec<f32> = phrasings.iter().filter_map(near).collect();
        near.sort_by(|a, b| b.total_cmp(a));
        let few = &near[..near.len().min(3)];
        let around = few.iter().sum::<f32>() / few.len().max(1) as f32;
        let nearest = few.first().copied().unwrap_or_default();
        (1.0 - NEIGHBOURS) * nearest + NEIGHBOURS * around + WORDS * by_words
    }

    /// Every phrasing of a language asked as if it were a customer's, without itself.
    fn trials(&self, language: &str) -> Vec<Trial> {
        let mut trials = Vec::new();
        for (at, group) in self.groups.iter().enumerate().filter(|(_, group)| group.language == language) {
            for (number, phrasing) in group.phrasings.iter().enumerate() {
                let question = Question {
                    language: group.language.clone(),
                    folded: phrasing.folded.clone(),
                    words: phrasing.words.clone(),
                    vectors: phrasing.vector.iter().cloned().collect(),
                };
                let found = self.nearest(&question, Some(Without { group: at, phrasing: number }));
                let entry = found.as_ref().and_then(|found| found.entry);
                trials.push(Trial {
                    text: phrasing.text.clone(),
                    confidence: entry.and(found.as_ref()).map(|found| found.confidence),
                    right: entry.is_some() && entry == group.entry.map(|entry| &self.entries[entry]),
                    has_entry: group.entry.is_some(),
                });
            }
        }
        trials
    }
}

/// The entry that a typical group means: clearly nearer to it than to any other.
fn meant(entries: &[Group], phrasings: &[Phrasing], group: &Typical, by_meaning: bool) -> Option<usize> {
    let (bound, margin) = if by_meaning { (0.85, 0.05) } else { (0.5, 0.1) };
    let plain = &phrasings[..phrasings.len().min(PLAIN)];
    let mut scores: Vec<(f32, usize)> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.language == group.language)
        .map(|(at, entry)| {
            let pairs = || plain.iter().flat_map(|one| entry.phrasings.iter().map(move |other| (one, other)));
            let alike = pairs().map(|(one, other)| overlap(&one.words, &other.words)).fold(0.0, f32::max);
            let cosines =
                pairs().filter_map(|(one, other)| Some(cosine(one.vector.as_ref()?, other.vector.as_ref()?)));
            let near = cosines.fold(0.0, f32::max);
            let score = if by_meaning { near + 0.2 * alike } else { alike };
            (score + named_alike(entry, group), at)
        })
        .collect();
    scores.sort_by(|one, other| other.0.total_cmp(&one.0));
    let (best, at) = *scores.first()?;
    let next = scores.get(1).map_or(0.0, |next| next.0);
    (best >= bound && best - next >= margin).then_some(at)
}

/// What it counts that an entry is named as a typical group is, or that both are about the same.
fn named_alike(entry: &Group, group: &Typical) -> f32 {
    let typical = words::stems(&group.topic);
    let is = |name: &str| words::stems(&name.replace('-', " ")) == typical;
    // An id says it best; "parking-es" is the Spanish one.
    let id = entry.topic.strip_suffix(&format!("-{}", entry.language)).unwrap_or(&entry.topic);
    match (is(id), is(&entry.about)) {
        (true, _) => 0.25,
        (false, true) => 0.15,
        _ => 0.0,
    }
}

/// The share of words that two phrasings have in common.
fn overlap(one: &HashSet<String>, other: &HashSet<String>) -> f32 {
    let common = one.intersection(other).count();
    common as f32 / (one.len() + other.len() - common).max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Base {
        let file = "id,topic,language,questions,answer\n\
            parking,parking,en,Where can I park? | Do you have a car park?,In the garage opposite.\n\
            dogs,dogs,en,Can I bring my dog? | Are dogs allowed?,On a lead.\n\
            parking-es,parking,es,¿Dónde puedo aparcar? | ¿Tienen aparcamiento?,En el garaje.\n";
        Base::new(crate::entry::read("k.csv", file.as_bytes()).unwrap(), None)
    }

    fn found(base: &Base, text: &str) -> Option<String> {
        let found = base.find(&base.question(text, Vec::new()))?;
        found.entry.map(|entry| entry.id.clone())
    }

    #[test]
    fn an_entry_is_found_by_its_words_in_the_language_of_the_question() {
        let base = base();
        assert_eq!(found(&base, "is there a helipad?"), None, "no word of it is known");
        assert_eq!(found(&base, "can we park the car somewhere?").as_deref(), Some("parking"));
        assert_eq!(found(&base, "¿Hay aparcamiento cerca?").as_deref(), Some("parking-es"));
        assert_eq!(found(&base, "is my dog allowed").as_deref(), Some("dogs"));
    }

    #[test]
    fn typical_questions_widen_the_entry_that_they_mean() {
        assert_eq!(found(&base(), "We have a puppy with us").as_deref(), Some("dogs"));
    }

    #[test]
    fn what_is_nearest_to_a_question_that_no_entry_answers_has_no_entry() {
        let base = base();
        let question = base.question("Can I park a camper van at yours?", Vec::new());
        let found = base.find(&question).unwrap();
        assert_eq!((found.entry, found.topic), (None, "overnight parking"));
    }
}
