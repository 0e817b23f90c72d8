//! Entries and questions with vectors of a model.

use std::time::Duration;

use embed::Embedder;

use crate::answer::{self, Answer};
use crate::base::{Base, Vectors};
use crate::entry::Entry;
use crate::facts::Truth;

/// How long a question waits for its vectors before words alone decide.
const PATIENCE: Duration = Duration::from_secs(5);
/// Texts that are given to the engine at once.
const AT_ONCE: usize = 64;

/// Answers questions by what a house knows: with a model where there is one, by words where not.
pub struct Answerer {
    /// The model, and the entries as it reads them.
    meaning: Option<(Embedder, Base)>,
    /// What the model has read.
    vectors: Vectors,
    /// Where there is no model, and for questions that come while it does not answer.
    words: Base,
}

impl Answerer {
    /// Reads the entries; a model that fails to read them is done without, which is logged.
    pub async fn new(entries: Vec<Entry>, embedder: Option<Embedder>) -> Answerer {
        Answerer::read(entries, embedder, Vectors::new()).await
    }

    /// With other entries, or by another model: what this one has read it does not read again.
    pub async fn renewed(&self, entries: Vec<Entry>, embedder: Option<Embedder>) -> Answerer {
        let by = |embedder: &Embedder| embedder.model().to_owned();
        let same = self.meaning.as_ref().map(|(before, _)| by(before)) == embedder.as_ref().map(by);
        let vectors = if same { self.vectors.clone() } else { Vectors::new() };
        Answerer::read(entries, embedder, vectors).await
    }

    async fn read(entries: Vec<Entry>, embedder: Option<Embedder>, mut vectors: Vectors) -> Answerer {
        let mut texts = Base::texts(&entries);
        texts.retain(|text| !vectors.contains_key(text));
        let meaning = match embedder {
            Some(embedder) if extend(&mut vectors, &embedder, &texts).await => {
                Some((embedder, Base::new(entries.clone(), Some(&vectors))))
            }
            _ => None,
        };
        Answerer { meaning, vectors, words: Base::new(entries, None) }
    }

    /// What decides: `words and all-MiniLM-L6-v2`, or `words`.
    pub fn name(&self) -> String {
        match &self.meaning {
            Some((embedder, _)) => format!("words and {}", embedder.model()),
            None => "words".to_owned(),
        }
    }

    /// What is searched.
    pub fn base(&self) -> &Base {
        self.meaning.as_ref().map_or(&self.words, |(_, base)| base)
    }

    /// The entry that is nearest to a question, however far it is; for measuring.
    pub async fn nearest(&self, text: &str) -> Option<String> {
        let vectors = match &self.meaning {
            Some((embedder, _)) => embedder.embed(&Base::parts(text)).await.ok()?,
            None => Vec::new(),
        };
        Some(self.base().nearest_entry(&self.base().question(text, vectors))?.id.clone())
    }

    /// What comes of a question, and what decided.
    pub async fn answer(&self, text: &str, truth: &Truth<'_>) -> (Answer, String) {
        if let Some((embedder, base)) = &self.meaning {
            match embedder.embed_within(&Base::parts(text), PATIENCE).await {
                Ok(vectors) => {
                    return (answer::answer(text, &base.question(text, vectors), base, truth), self.name());
                }
                Err(error) => tracing::warn!(%error, "a question was read by words alone"),
            }
        }
        let question = self.words.question(text, Vec::new());
        (answer::answer(text, &question, &self.words, truth), "words".to_owned())
    }
}

/// Adds the vectors of these texts; whether that went well.
async fn extend(vectors: &mut Vectors, embedder: &Embedder, texts: &[String]) -> bool {
    for texts in texts.chunks(AT_ONCE) {
        match embedder.embed(texts).await {
            Ok(new) => vectors.extend(texts.iter().cloned().zip(new)),
            Err(error) => {
                tracing::warn!(%error, "the entries could not be read by the model: words alone decide");
                return false;
            }
        }
    }
    true
}
