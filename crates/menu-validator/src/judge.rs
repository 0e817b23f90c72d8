//! The verdict over an order, by words and, where a model runs, by meaning.

use std::sync::Arc;

use contracts::OrderLine;
use menu::Lexicon;

use crate::config::Config;
use crate::matching::{PhraseScorer, Thresholds, Validation, WordScorer, validate_with};
use crate::meaning::Meaning;
use crate::resolver::Resolver;

/// Judges orders; the station and `greenbite eval` use the same.
pub struct Judge {
    meaning: Option<Arc<Meaning>>,
    config: Config,
    resolver: Arc<dyn Resolver>,
}

impl Judge {
    /// Without a model, words alone decide.
    pub fn new(meaning: Option<Arc<Meaning>>, config: Config, resolver: Arc<dyn Resolver>) -> Judge {
        Judge { meaning, config, resolver }
    }

    /// Holds the lines of a message against the menu; says too what decided.
    pub async fn judge(&self, lines: Vec<OrderLine>, lexicon: &Lexicon) -> (Validation, String) {
        let understood = match &self.meaning {
            // What the menu answers by itself costs no embedding.
            Some(meaning) if lines.iter().any(Meaning::is_open) => {
                match meaning.read(&lines, lexicon).await {
                    Ok(understood) => Some(understood),
                    Err(error) => {
                        tracing::warn!(%error, "words alone decide about this message");
                        None
                    }
                }
            }
            _ => None,
        };
        let calibrated = understood.as_ref().and_then(|understood| understood.thresholds).unwrap_or_default();
        let thresholds: Thresholds = self.config.thresholds(calibrated);
        let scorer: &dyn PhraseScorer = match &understood {
            Some(understood) => understood,
            None => &WordScorer,
        };
        let mut found = validate_with(lines, lexicon, scorer, &thresholds);
        for line in &mut found.lines {
            if let Some(reason) = self.resolver.reason(line).await {
                if found.reason == line.reason {
                    found.reason.clone_from(&reason);
                }
                line.reason = reason;
            }
        }
        (found, scorer.name().to_owned())
    }

    /// How well a phrase fits each item of the menu, in the menu's order.
    pub async fn likeness(&self, phrase: &str, lexicon: &Lexicon) -> Vec<f32> {
        let understood = match &self.meaning {
            Some(meaning) => meaning.understand(&[phrase], lexicon).await.ok(),
            None => None,
        };
        let scorer: &dyn PhraseScorer = match &understood {
            Some(understood) => understood,
            None => &WordScorer,
        };
        scorer.score(&[phrase], lexicon).pop().unwrap_or_default()
    }
}
