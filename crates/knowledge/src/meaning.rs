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
    embedder: Option<Embedder>,
    base: Base,
    /// For questions that came while the model did not answer.
    words: Base,
}

impl Answerer {
    /// Reads the entries; a model that fails to read them is done without, which is logged.
    pub async fn new(entries: Vec<Entry>, embedder: Option<Embedder>) -> Answerer {
        let words = Base::new(entries.clone(), None);
        let vectors = match &embedder {
            Some(embedder) => vectors(embedder, &Base::texts(&entries)).await,
            None => None,
        };
        let embedder = embedder.filter(|_| vectors.is_some());
        let base = Base::new(entries, vectors.as_ref());
        Answerer { embedder, base, words }
    }

    /// What decides: `words and all-MiniLM-L6-v2`, or `words`.
    pub fn name(&self) -> String {
        match &self.embedder {
            Some(embedder) => format!("words and {}", embedder.model()),
            None => "words".to_owned(),
        }
    }

    /// What is searched.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The entry that is nearest to a question, however far it is; for measuring.
    pub async fn nearest(&self, text: &str) -> Option<String> {
        let vectors = match &self.embedder {
            Some(embedder) => embedder.embed(&Base::parts(text)).await.ok()?,
            None => Vec::new(),
        };
        Some(self.base.nearest_entry(&self.base.question(text, vectors))?.id.clone())
    }

    /// What comes of a question, and what decided.
    pub async fn answer(&self, text: &str, truth: &Truth<'_>) -> (Answer, String) {
        if let Some(embedder) = &self.embedder {
            match embedder.embed_within(&Base::parts(text), PATIENCE).await {
                Ok(vectors) => {
                    let question = self.base.question(text, vectors);
                    return (answer::answer(text, &question, &self.base, truth), self.name());
                }
                Err(error) => tracing::warn!(%error, "a question was read by words alone"),
            }
        }
        let question = self.words.question(text, Vec::new());
        (answer::answer(text, &question, &self.words, truth), "words".to_owned())
    }
}

async fn vectors(embedder: &Embedder, texts: &[String]) -> Option<Vectors> {
    let mut vectors = Vectors::new();
    for texts in texts.chunks(AT_ONCE) {
        match embedder.embed(texts).await {
            Ok(new) => vectors.extend(texts.iter().cloned().zip(new)),
            Err(error) => {
                tracing::warn!(%error, "the entries could not be read by the model: words alone decide");
                return None;
            }
        }
    }
    Some(vectors)
}
