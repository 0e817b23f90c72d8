//! Which model reads phrases: the one that is asked for, else the one that stands in, else none.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use embed::{Embedder, Error, Hub, Limits, Model, Options, Source};

use crate::config::Config;

/// The setting that asks for no model.
pub const NONE: &str = "none";

/// A model that runs, or none, and how that came about.
#[derive(Debug)]
pub struct Chosen {
    /// The model; without one, words alone decide.
    pub embedder: Option<Embedder>,
    /// For people: what decides, and why not what was asked for.
    pub note: String,
    /// Whether what was asked for may come yet: the hub is away, or slow.
    pub may_come: bool,
}

/// First and longest pause before the hub is asked again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// Opens the first model that can be had. Takes seconds where the hub is out of reach, never longer than the
/// settings allow.
pub async fn open(config: &Config, quantised: bool) -> Chosen {
    if config.model == NONE {
        return Chosen {
            embedder: None,
            note: "words alone, as the settings ask".to_owned(),
            may_come: false,
        };
    }
    let wait = Duration::from_secs(config.model_wait_s);
    let mut missed = Vec::new();
    let mut may_come = false;
    for name in [&config.model, &config.fallback] {
        if name.is_empty() || name == NONE {
            continue;
        }
        match start(name, config, quantised, wait).await {
            Ok(embedder) => {
                let note = match missed.first() {
                    None => embedder.model().to_owned(),
                    Some(why) => format!("{}, because {why}", embedder.model()),
                };
                if !missed.is_empty() {
                    tracing::warn!(model = embedder.model(), "falling back: {}", missed.join("; "));
                }
                return Chosen { embedder: Some(embedder), note, may_come };
            }
            Err(error) => {
                may_come |= missed.is_empty() && comes_later(&error);
                missed.push(error.to_string());
            }
        }
    }
    tracing::warn!("no model, words alone decide: {}", missed.join("; "));
    Chosen { embedder: None, note: format!("words alone, because {}", missed.join("; ")), may_come }
}

/// Whether a later try may go better: the network's fault, not the model's.
fn comes_later(error: &Error) -> bool {
    matches!(error, Error::Unreachable { .. } | Error::TooSlow { .. } | Error::Offline { .. })
}

/// Opens the model that is asked for as soon as it can be had, however long that takes; fails where it never can.
pub async fn come(config: &Config) -> Result<Embedder, Error> {
    let (mut pause, longest) = PAUSES;
    loop {
        tokio::time::sleep(pause).await;
        match start(&config.model, config, false, Duration::MAX).await {
            Err(error) if comes_later(&error) => tracing::info!("still without the model: {error}"),
            answer => return answer,
        }
        pause = (pause * 2).min(longest);
    }
}

/// Fetches a model into the cache, or finds it there; says where it is. Blocks as long as that takes.
pub fn fetch(name: &str) -> Result<PathBuf, Error> {
    name.parse::<Source>()?.folder(&Hub::from_env())
}

/// Opens one model; a download may take this long.
async fn start(name: &str, config: &Config, quantised: bool, wait: Duration) -> Result<Embedder, Error> {
    let source: Source = name.parse()?;
    let options = Options { max_tokens: config.max_tokens, threads: config.threads, quantised };
    let failed = |_| Error::Compute("the model could not be opened".to_owned());
    let model = tokio::task::spawn_blocking(move || {
        let folder = folder(source.clone(), wait)?;
        Model::load(&folder, &source.to_string(), options)
    });
    let limits = Limits { queue: config.queue, batch_tokens: config.batch_tokens };
    Embedder::start(model.await.map_err(failed)??, limits).await
}

/// The model's folder. A download that takes longer than `wait` goes on by itself, for the next try.
fn folder(source: Source, wait: Duration) -> Result<PathBuf, Error> {
    if let Source::Folder(_) = source {
        return source.folder(&Hub::from_env());
    }
    let model = source.to_string();
    let (done, result) = mpsc::channel();
    let thread = std::thread::Builder::new().name("hub".to_owned()).spawn(move || {
        // Nobody listens any more after the wait.
        let _ = done.send(source.folder(&Hub::from_env()));
    });
    if let Err(error) = thread {
        return Err(Error::Unreachable { model, reason: error.to_string() });
    }
    result.recv_timeout(wait).unwrap_or_else(|_| {
        let reason = format!("it is not here after {wait:?}; the download goes on");
        Err(Error::TooSlow { model, reason })
    })
}
