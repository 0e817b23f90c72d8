//! Scores by meaning: what spelling can't see, an embedding can.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::OrderLine;
use embed::{Embedder, Embedding, cosine};
use lru::LruCache;
use menu::Lexicon;
use menu::cache::{Cache, Ttl};
use menu::lexicon::Target;
use serde::{Deserialize, Serialize};
use text::Kind;

use crate::calibration::{self, Answer, Pair, Quality};
use crate::matching::{PhraseScorer, Thresholds, WordScorer};

/// Phrases whose vectors are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// How long a message waits for its phrases' vectors before words alone decide.
const PATIENCE: Duration = Duration::from_secs(5);
/// Texts that are asked of the cache or the engine at once.
const AT_ONCE: usize = 64;
/// How long vectors stay in the cache: a model that is no longer used leaves room by itself.
const KEPT: Ttl = Ttl::seconds(30 * 24 * 60 * 60).expect("30 days are allowed");

/// Reads phrases by a model, for whatever menu is current.
pub struct Meaning {
    embedder: Embedder,
    name: String,
    /// Keeps vectors and bounds for other replicas and later starts.
    cache: Option<Cache>,
    pairs: Vec<Pair>,
    prepared: tokio::sync::Mutex<Option<Arc<Prepared>>>,
    recent: Mutex<LruCache<String, Embedding>>,
    asked: AtomicU64,
    computed: AtomicU64,
}

/// A menu's vectors and bounds.
#[derive(Debug)]
pub struct Prepared {
    version: String,
    items: Vec<ItemVectors>,
    /// What was found from the pairs; `None` where they are not about this menu.
    pub calibrated: Option<Calibrated>,
}

#[derive(Debug)]
struct ItemVectors {
    /// Its name and its aliases.
    names: Vec<Embedding>,
    /// Its name with its description.
    whole: Embedding,
}

/// What the labelled pairs say about a model on a menu.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// The model's own scale.
    pub scale: Scale,
    /// Where a score becomes a verdict.
    pub thresholds: Bounds,
    /// How the pairs fare.
    pub quality: Quality,
}

/// [`Thresholds`], as they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    accept: f32,
    margin: f32,
    review: f32,
}

impl From<Bounds> for Thresholds {
    fn from(bounds: Bounds) -> Thresholds {
        Thresholds { accept: bounds.accept, margin: bounds.margin, review: bounds.review }
    }
}

impl From<Thresholds> for Bounds {
    fn from(of: Thresholds) -> Bounds {
        Bounds { accept: of.accept, margin: of.margin, review: of.review }
    }
}

/// Cosines of a model: what has nothing to do with each other, and what means the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Median of phrases and items that they don't mean.
    pub unrelated: f32,
    /// Upper quartile of phrases and the items that they mean.
    pub related: f32,
}

impl Scale {
    fn of(pairs: &[(&Pair, Option<usize>)], vectors: &[Embedding], items: &[ItemVectors]) -> Scale {
        let (mut related, mut unrelated) = (Vec::new(), Vec::new());
        for ((_, label), vector) in pairs.iter().zip(vectors) {
            for (at, item) in items.iter().enumerate() {
                let similarity = item.similarity(vector);
                if *label == Some(at) { related.push(similarity) } else { unrelated.push(similarity) }
            }
        }
        let quantile = |values: &mut Vec<f32>, share: f32| {
            values.sort_by(f32::total_cmp);
            values.get((values.len() as f32 * share) as usize).copied().unwrap_or_default()
        };
        Scale { unrelated: quantile(&mut unrelated, 0.5), related: quantile(&mut related, 0.75) }
    }

    /// A cosine on a scale that is the same for all models: 0 for unrelated, 1 for the same.
    fn normal(&self, cosine: f32) -> f32 {
        ((cosine - self.unrelated) / (self.related - self.unrelated).max(0.05)).clamp(0.0, 1.0)
    }

    fn row(&self, items: &[ItemVectors], phrase: &[f32]) -> Vec<f32> {
        items.iter().map(|item| self.normal(item.similarity(phrase))).collect()
    }
}

impl Meaning {
    /// By this model, calibrated with these pairs; vectors are shared through the cache, where one is given.
    pub fn new(embedder: Embedder, cache: Option<Cache>, pairs: Vec<Pair>) -> Meaning {
        Meaning {
            name: format!("words and {}", embedder.model()),
            embedder,
            cache,
            pairs,
            prepared: tokio::sync::Mutex::new(None),
            recent: Mutex::new(LruCache::new(REMEMBERED)),
            asked: AtomicU64::new(0),
            computed: AtomicU64::new(0),
        }
    }

    /// What decides, for the trail: `words and all-MiniLM-L6-v2`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many phrases were read since the start, and how many of them were not remembered but computed.
    pub fn counts(&self) -> (u64, u64) {
        (self.asked.load(Ordering::Relaxed), self.computed.load(Ordering::Relaxed))
    }

    /// Whether the menu's keys don't answer a line.
    pub fn is_open(line: &OrderLine) -> bool {
        line.item.is_none() || !line.doubts.is_empty()
    }

    /// Reads those lines of a message that the menu's keys don't answer, all at once.
    pub async fn read(&self, lines: &[OrderLine], lexicon: &Lexicon) -> Result<Understood, embed::Error> {
        let open = lines.iter().filter(|line| Meaning::is_open(line));
        let phrases: Vec<&str> = open.map(|line| line.phrase.as_str()).collect();
        self.understand(&phrases, lexicon).await
    }

    /// Reads phrases.
    pub async fn understand(&self, phrases: &[&str], lexicon: &Lexicon) -> Result<Understood, embed::Error> {
        let prepared = self.prepare(lexicon).await?;
        let mut rows = HashMap::new();
        // Without bounds of their own, scores by meaning are of no use.
        if let Some(calibrated) = &prepared.calibrated {
            for (phrase, vector) in phrases.iter().zip(self.phrases(phrases).await?) {
                let meaning = calibrated.scale.row(&prepared.items, &vector);
                rows.insert((*phrase).to_owned(), together(phrase, &meaning, lexicon));
            }
        }
        let thresholds = prepared.calibrated.map(|calibrated| calibrated.thresholds.into());
        let name =
            if prepared.calibrated.is_some() { self.name.clone() } else { WordScorer.name().to_owned() };
        Ok(Understood { rows, thresholds, name })
    }

    /// Vectors and bounds for this menu; computed when it is a new one.
    pub async fn prepare(&self, lexicon: &Lexicon) -> Result<Arc<Prepared>, embed::Error> {
        let mut prepared = self.prepared.lock().await;
        if let Some(prepared) = prepared.as_ref().filter(|prepared| prepared.version == lexicon.version()) {
            return Ok(Arc::clone(prepared));
        }
        let started = std::time::Instant::now();
        let items = self.items(lexicon).await?;
        let calibrated = self.calibrate(&items, lexicon).await?;
        match &calibrated {
            Some(found) => tracing::info!(
                model = self.embedder.model(),
                menu_version = lexicon.version(),
                duration_ms = started.elapsed().as_millis() as u64,
                accept = found.thresholds.accept,
                margin = found.thresholds.margin,
                review = found.thresholds.review,
                "calibrated by the labelled phrases: {}",
                found.quality
            ),
            None => tracing::warn!(
                menu_version = lexicon.version(),
                "the labelled phrases are not about this menu: words alone decide"
            ),
        }
        let new = Arc::new(Prepared { version: lexicon.version().to_owned(), items, calibrated });
        *prepared = Some(Arc::clone(&new));
        Ok(new)
    }

    async fn items(&self, lexicon: &Lexicon) -> Result<Vec<ItemVectors>, embed::Error> {
        let items = &lexicon.menu().items;
        let mut texts = Vec::new();
        for item in items {
            texts.push(format!("{}: {}", item.name, item.description));
            texts.push(item.name.clone());
            texts.extend(item.aliases.iter().cloned());
        }
        let mut vectors = self.shared(&texts).await?.into_iter();
        let mut next = |count: usize| vectors.by_ref().take(count).collect::<Vec<_>>();
        let items = items.iter().map(|item| {
            let whole = next(1).pop()?;
            Some(ItemVectors { whole, names: next(1 + item.aliases.len()) })
        });
        items.collect::<Option<Vec<_>>>().ok_or_else(|| embed::Error::Compute("a vector too few".to_owned()))
    }

    async fn calibrate(
        &self,
        items: &[ItemVectors],
        lexicon: &Lexicon,
    ) -> Result<Option<Calibrated>, embed::Error> {
        let pairs = calibration::about(&self.pairs, lexicon);
        if pairs.is_empty() {
            return Ok(None);
        }
        let key = self.key("bounds", &format!("{} {:?}", lexicon.version(), self.pairs));
        if let Some(kept) = self.kept(&key).await {
            return Ok(Some(kept));
        }
        let vectors = self.vectors(&pairs).await?;
        let scale = Scale::of(&pairs, &vectors, items);
        let answers = answers(&pairs, &vectors, items, scale, lexicon, Basis::Both);
        let bounds = calibration::bounds(&answers);
        let found = Calibrated { scale, thresholds: bounds.into(), quality: Quality::of(&answers, &bounds) };
        self.keep(&key, &found).await;
        Ok(Some(found))
    }

    /// For the operator: how the pairs are answered by words alone, meaning alone and both, and beside them other
    /// pairs, on the scale that was found from the first.
    pub async fn compare(&self, lexicon: &Lexicon, others: &[Pair]) -> Result<Vec<Compared>, embed::Error> {
        let items = self.items(lexicon).await?;
        let pairs = calibration::about(&self.pairs, lexicon);
        let others = calibration::about(others, lexicon);
        let (vectors, of_others) = (self.vectors(&pairs).await?, self.vectors(&others).await?);
        let scale = Scale::of(&pairs, &vectors, &items);
        let bases = [("words alone", Basis::Words), ("meaning alone", Basis::Meaning), ("both", Basis::Both)];
        Ok(bases
            .map(|(basis_name, basis)| Compared {
                basis: basis_name,
                answers: answers(&pairs, &vectors, &items, scale, lexicon, basis),
                others: answers(&others, &of_others, &items, scale, lexicon, basis),
            })
            .into())
    }

    async fn vectors(&self, pairs: &[(&Pair, Option<usize>)]) -> Result<Vec<Embedding>, embed::Error> {
        let texts: Vec<String> = pairs.iter().map(|(pair, _)| pair.phrase.to_lowercase()).collect();
        self.shared(&texts).await
    }

    /// Vectors of what customers write: remembered here, not in the cache that all share.
    async fn phrases(&self, phrases: &[&str]) -> Result<Vec<Embedding>, embed::Error> {
        let phrases: Vec<String> = phrases.iter().map(|phrase| phrase.to_lowercase()).collect();
        let mut known: Vec<Option<Embedding>> = match self.recent.lock() {
            Ok(mut recent) => phrases.iter().map(|phrase| recent.get(phrase).cloned()).collect(),
            Err(_) => vec![None; phrases.len()],
        };
        let open: Vec<usize> = (0..phrases.len()).filter(|at| known[*at].is_none()).collect();
        let texts: Vec<&String> = open.iter().map(|at| &phrases[*at]).collect();
        self.asked.fetch_add(phrases.len() as u64, Ordering::Relaxed);
        self.computed.fetch_add(texts.len() as u64, Ordering::Relaxed);
        let new = self.embedder.embed_within(&texts, PATIENCE).await?;
        if let Ok(mut recent) = self.recent.lock() {
            for (at, vector) in open.iter().zip(&new) {
                recent.put(phrases[*at].clone(), Arc::clone(vector));
            }
        }
        for (at, vector) in open.into_iter().zip(new) {
            known[at] = Some(vector);
        }
        Ok(known.into_iter().flatten().collect())
    }

    /// Vectors of what everybody needs: the cache has them, or gets them.
    async fn shared(&self, texts: &[String]) -> Result<Vec<Embedding>, embed::Error> {
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks(AT_ONCE) {
            let keys: Vec<String> = texts.iter().map(|text| self.key("vector", text)).collect();
            let names: Vec<&str> = keys.iter().map(String::as_str).collect();
            let kept = match &self.cache {
                Some(cache) => cache.get_many(&names).await.unwrap_or_default(),
                None => HashMap::new(),
            };
            let mut found: Vec<Option<Embedding>> =
                keys.iter().map(|key| vector(kept.get(key)?, self.embedder.width())).collect();
            let open: Vec<usize> = (0..texts.len()).filter(|at| found[*at].is_none()).collect();
            let missing: Vec<&String> = open.iter().map(|at| &texts[*at]).collect();
            let new = self.embedder.embed(&missing).await?;
            if let Some(cache) = &self.cache {
                let bytes: Vec<Vec<u8>> =
                    new.iter().map(|vector| vector.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
                let values: Vec<(&str, &[u8])> =
                    open.iter().zip(&bytes).map(|(at, bytes)| (names[*at], bytes.as_slice())).collect();
                if let Err(error) = cache.set_many(&values, KEPT).await {
                    tracing::debug!(%error, "vectors are not shared");
                }
            }
            for (at, vector) in open.into_iter().zip(new) {
                found[at] = Some(vector);
            }
            vectors.extend(found.into_iter().flatten());
        }
        Ok(vectors)
    }

    fn key(&self, kind: &str, text: &str) -> String {
        format!("greenbite:{kind}:{}:{}", &self.embedder.hash()[..16], embed::text_hash(text))
    }

    async fn kept<T: for<'a> Deserialize<'a>>(&self, key: &str) -> Option<T> {
        let value = self.cache.as_ref()?.get(key).await.ok()??;
        serde_json::from_slice(&value).ok()
    }

    async fn keep(&self, key: &str, value: &impl Serialize) {
        if let (Some(cache), Ok(value)) = (&self.cache, serde_json::to_vec(value))
            && let Err(error) = cache.put(key, &value, KEPT).await
        {
            tracing::debug!(%error, "bounds are not shared");
        }
    }
}

/// How labelled phrases are answered on one basis.
#[derive(Debug, Clone)]
pub struct Compared {
    /// Words, meaning, or both.
    pub basis: &'static str,
    /// The pairs that bounds are made from.
    pub answers: Vec<Answer>,
    /// Pairs that had no part in it.
    pub others: Vec<Answer>,
}

#[derive(Debug, Clone, Copy)]
enum Basis {
    Words,
    Meaning,
    Both,
}

/// How the pairs are answered on one basis.
fn answers(
    pairs: &[(&Pair, Option<usize>)],
    vectors: &[Embedding],
    items: &[ItemVectors],
    scale: Scale,
    lexicon: &Lexicon,
    basis: Basis,
) -> Vec<Answer> {
    let answer = |((pair, label), vector): (&(&Pair, Option<usize>), &Embedding)| {
        let scores = match basis {
            Basis::Words => WordScorer.score(&[&pair.phrase], lexicon).pop().unwrap_or_default(),
            Basis::Meaning => scale.row(items, vector),
            Basis::Both => together(&pair.phrase, &scale.row(items, vector), lexicon),
        };
        Answer::new(*label, &scores)
    };
    pairs.iter().zip(vectors).map(answer).collect()
}

impl ItemVectors {
    /// The closest of its names says what it is called, its description what it is.
    fn similarity(&self, phrase: &[f32]) -> f32 {
        let named = self.names.iter().map(|name| cosine(name, phrase)).fold(-1.0, f32::max);
        (named + cosine(&self.whole, phrase)) / 2.0
    }
}

/// A vector as the cache keeps it, if it is one of this width and of length 1.
fn vector(bytes: &[u8], width: usize) -> Option<Embedding> {
    let (values, rest) = bytes.as_chunks::<4>();
    let values: Embedding = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let sound = rest.is_empty() && values.len() == width && (cosine(&values, &values) - 1.0).abs() < 1e-3;
    sound.then_some(values)
}

/// Meaning, spelling and words as one score.
///
/// Weights and forms were chosen on `data/calibration.csv`; what they are worth on phrases that had no part in that
/// is measured on `data/calibration-check.csv`. What tells a near miss ("strawberry cheesecake") from a description
/// is less how close it is than whether the menu explains every word of it.
fn together(phrase: &str, meaning: &[f32], lexicon: &Lexicon) -> Vec<f32> {
    let words = explained(phrase, lexicon);
    // Neither words nor vectors hear a "nothing fizzy": a person does.
    let trust = if denies(phrase, lexicon) { DENIED } else { 1.0 };
    meaning
        .iter()
        .zip(words)
        .map(|(meaning, words)| trust * (0.3 * meaning + 0.3 * words.share() + 0.4 * words.weight()))
        .collect()
}

/// What is left of a score where the phrase says what it is not.
const DENIED: f32 = 0.7;

/// "without", "nothing", "not": what follows is what is not meant.
fn denies(phrase: &str, lexicon: &Lexicon) -> bool {
    text::tokens(phrase).iter().filter(|token| token.kind == Kind::Word).any(|token| {
        let removes = |words: &Arc<text::Words>| {
            words.word(&token.text).is_some_and(|entry| entry.classes.has(text::Classes::REMOVE))
        };
        matches!(token.text.as_str(), "not" | "nothing" | "isnt") || lexicon.languages().iter().any(removes)
    })
}

/// What an item explains of a phrase's words, be they spelled right or nearly.
#[derive(Debug, Clone, Copy, Default)]
struct Explained {
    /// Words of the phrase that say something.
    of: u32,
    /// Of these, in the item's name or aliases.
    named: u32,
    /// Of the rest, in its description or category.
    described: u32,
}

impl Explained {
    fn share(&self) -> f32 {
        (self.named + self.described) as f32 / self.of.max(1) as f32
    }

    /// Two words that fit say more than one, and those of a name more than those of a description.
    fn weight(&self) -> f32 {
        let evidence = self.named as f32 + 0.5 * self.described as f32;
        evidence / (evidence + 1.0)
    }
}

fn explained(phrase: &str, lexicon: &Lexicon) -> Vec<Explained> {
    let mut found = vec![Explained::default(); lexicon.menu().items.len()];
    let tokens = text::tokens(phrase);
    let words =
        tokens.iter().filter(|token| token.kind == Kind::Word && !FILLERS.contains(&token.text.as_str()));
    for (count, token) in words.enumerate() {
        found.iter_mut().for_each(|item| item.of = count as u32 + 1);
        let Some(known) = lexicon.known(token).or_else(|| lexicon.corrected(token)) else { continue };
        let word = lexicon.word(known.word);
        let named: HashSet<u16> = word
            .parts
            .iter()
            .filter_map(|part| if let Target::Item(item) = part.target { Some(item) } else { None })
            .collect();
        let described: HashSet<u16> =
            word.described.iter().copied().filter(|item| !named.contains(item)).collect();
        for item in named {
            found[usize::from(item)].named += 1;
        }
        for item in described {
            found[usize::from(item)].described += 1;
        }
    }
    found
}

/// Words that say nothing about what is eaten.
const FILLERS: &[&str] = &[
    "a", "an", "and", "at", "big", "for", "from", "in", "is", "it", "little", "made", "my", "n", "no", "of",
    "on", "one", "ones", "only", "or", "out", "please", "small", "some", "that", "the", "to", "with", "your",
];

/// Phrases of one message that have been read.
#[derive(Debug, Clone)]
pub struct Understood {
    rows: HashMap<String, Vec<f32>>,
    /// The bounds that belong to these scores; `None` for those of words alone.
    pub thresholds: Option<Thresholds>,
    name: String,
}

impl PhraseScorer for Understood {
    fn score(&self, phrases: &[&str], lexicon: &Lexicon) -> Vec<Vec<f32>> {
        let words = |phrase: &str| WordScorer.score(&[phrase], lexicon).pop().unwrap_or_default();
        phrases
            .iter()
            .map(|phrase| self.rows.get(*phrase).cloned().unwrap_or_else(|| words(phrase)))
            .collect()
    }

    fn name(&self) -> &str {
        &self.name
    }
}
