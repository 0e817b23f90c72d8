//! Where a model comes from: a folder, or the hub with its cache.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::Error;

/// The model that is used where nothing else is asked for.
pub const DEFAULT_MODEL: &str = "Alibaba-NLP/gte-modernbert-base";
/// The commit of [`DEFAULT_MODEL`] that this version was written for.
pub const DEFAULT_REVISION: &str = "e7f32e3c00f91d699e8c43b53106206bcc72bb22";

/// A folder, or a model of the hub at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder with `config.json`, `tokenizer.json` and `model.safetensors`.
    Folder(PathBuf),
    /// A model of the hub.
    Hub {
        /// Such as `Alibaba-NLP/gte-modernbert-base`.
        id: String,
        /// Branch, tag or commit.
        revision: String,
    },
}

impl FromStr for Source {
    type Err = Error;

    /// `owner/name`, `owner/name@revision`, or a folder (which begins with `.`, `/` or `~`, or exists).
    fn from_str(text: &str) -> Result<Source, Error> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("~/") {
            let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
            return Ok(Source::Folder(home.join(rest)));
        }
        if text.starts_with(['.', '/']) || Path::new(text).is_dir() {
            return Ok(Source::Folder(text.into()));
        }
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) => (id, revision),
            None if text == DEFAULT_MODEL => (text, DEFAULT_REVISION),
            None => (text, "main"),
        };
        let parts: Vec<&str> = id.split('/').collect();
        let plain = |part: &&str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        if parts.len() != 2 || !parts.iter().all(plain) || !plain(&revision) {
            return Err(Error::Missing {
                model: text.to_owned(),
                file: "place".to_owned(),
                reason: "a model is named by owner/name, owner/name@revision, or the path of a folder"
                    .to_owned(),
            });
        }
        Ok(Source::Hub { id: id.to_owned(), revision: revision.to_owned() })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Folder(path) => match path.file_name() {
                Some(name) => f.write_str(&name.to_string_lossy()),
                None => path.display().fmt(f),
            },
            Source::Hub { id, .. } => f.write_str(id),
        }
    }
}

impl Source {
    /// The folder that holds the model, after fetching what is not there yet.
    ///
    /// Blocks for as long as a download makes progress, this process's or another one's: of several that share a
    /// cache one fetches. A hub that does not answer costs a few seconds.
    pub fn folder(&self, hub: &Hub) -> Result<PathBuf, Error> {
        match self {
            Source::Folder(path) if path.is_dir() => Ok(path.clone()),
            Source::Folder(path) => Err(Error::Missing {
                model: path.display().to_string(),
                file: "folder".to_owned(),
                reason: "there is no such folder".to_owned(),
            }),
            Source::Hub { id, revision } => hub.fetch(id, revision),
        }
    }
}

#[cfg(feature = "hub")]
pub use fetching::Hub;

#[cfg(not(feature = "hub"))]
pub use absent::Hub;

#[cfg(not(feature = "hub"))]
mod absent {
    use std::path::PathBuf;

    use crate::Error;

    /// This build knows no hub.
    #[derive(Debug, Clone, Default)]
    pub struct Hub;

    impl Hub {
        /// Nothing to read.
        pub fn from_env() -> Hub {
            Hub
        }

        pub(super) fn fetch(&self, id: &str, _: &str) -> Result<PathBuf, Error> {
            let reason = "this build was made without the hub".to_owned();
            Err(Error::Unreachable { model: id.to_owned(), reason })
        }
    }
}

#[cfg(feature = "hub")]
mod fetching {
    use std::fs::{File, TryLockError};
    use std::path::PathBuf;
    use std::sync::mpsc::{self, RecvTimeoutError, Sender};
    use std::time::{Duration, Instant};

    use hf_hub::api::Progress;
    use hf_hub::api::sync::{ApiBuilder, ApiError};
    use hf_hub::{Cache, Repo, RepoType};

    use crate::Error;

    /// The hub and its cache.
    #[derive(Debug, Clone)]
    pub struct Hub {
        /// Another hub than the public one.
        pub endpoint: Option<String>,
        /// Where models are kept.
        pub cache: PathBuf,
        /// Nothing is fetched.
        pub offline: bool,
        /// How long the first small file may take.
        pub answer: Duration,
        /// How long a download may stand still, and over what time its speed is judged.
        pub patience: Duration,
        /// Slowest download that is waited for, in bytes a second.
        pub slowest: u64,
        /// Whether a terminal shows how far a download is.
        pub progress: bool,
    }

    impl Default for Hub {
        fn default() -> Self {
            Hub {
                endpoint: None,
                cache: Cache::default().path().clone(),
                offline: false,
                answer: Duration::from_secs(3),
                patience: Duration::from_secs(20),
                slowest: 32 << 10,
                progress: true,
            }
        }
    }

    /// The files of a model, the smallest first, and whether it can do without.
    const FILES: [(&str, bool); 6] = [
        ("config.json", true),
        ("tokenizer.json", true),
        ("modules.json", false),
        ("1_Pooling/config.json", false),
        ("sentence_bert_config.json", false),
        ("model.safetensors", true),
    ];

    enum News {
        /// Bytes that have come since.
        Came(u64),
        Done(Result<PathBuf, String>),
    }

    impl Hub {
        /// As `HF_HOME`, `HF_ENDPOINT` and `HF_HUB_OFFLINE` say.
        pub fn from_env() -> Hub {
            let offline = std::env::var("HF_HUB_OFFLINE").unwrap_or_default();
            Hub {
                endpoint: std::env::var("HF_ENDPOINT").ok().filter(|url| !url.is_empty()),
                cache: Cache::from_env().path().clone(),
                offline: ["1", "true", "yes", "on"].contains(&offline.to_lowercase().as_str()),
                ..Hub::default()
            }
        }

        pub(super) fn fetch(&self, id: &str, revision: &str) -> Result<PathBuf, Error> {
            if let Some(folder) = self.cached(id, revision) {
                return Ok(folder);
            }
            if self.offline {
                return Err(Error::Offline { model: id.to_owned(), cache: self.cache.clone() });
            }
            let _one_at_a_time =
                self.lock(id).map_err(|reason| Error::Unreachable { model: id.to_owned(), reason })?;
            // Another process may have fetched it meanwhile.
            if let Some(folder) = self.cached(id, revision) {
                return Ok(folder);
            }
            tracing::info!(model = id, revision, cache = %self.cache.display(), "fetching the model from the hub");
            let mut folder = PathBuf::new();
            for (index, (file, needed)) in FILES.into_iter().enumerate() {
                let answer = if index == 0 { Some(self.answer) } else { None };
                match self.file(id, revision, file, answer)? {
                    Ok(path) if index == 0 => folder = path.parent().map(PathBuf::from).unwrap_or_default(),
                    Ok(_) => {}
                    // Many models do without the files of sentence-transformers.
                    Err(reason) if !needed && not_found(&reason) => {}
                    Err(reason) if not_found(&reason) => {
                        return Err(Error::Missing {
                            model: format!("{id}@{revision}"),
                            file: file.to_owned(),
                            reason,
                        });
                    }
                    Err(reason) => return Err(Error::Unreachable { model: id.to_owned(), reason }),
                }
            }
            Ok(folder)
        }

        /// Waits until nobody else fetches this model. The lock goes with the file, also when its process is killed.
        fn lock(&self, id: &str) -> Result<File, String> {
            let path = self.cache.join(format!(".{}.lock", id.replace('/', "--")));
            let locked = std::fs::create_dir_all(&self.cache).and_then(|()| {
                let file = File::create(&path)?;
                if let Err(TryLockError::WouldBlock) = file.try_lock() {
                    tracing::info!(model = id, "another process fetches the model; waiting for it");
                }
                file.lock().map(|()| file)
            });
            locked.map_err(|error| format!("the cache cannot be written: {}: {error}", path.display()))
        }

        /// The folder in the cache, if it has all that the model cannot do without.
        fn cached(&self, id: &str, revision: &str) -> Option<PathBuf> {
            let repo = Cache::new(self.cache.clone()).repo(Repo::with_revision(
                id.to_owned(),
                RepoType::Model,
                revision.to_owned(),
            ));
            // Other tools write no reference for a commit, only its folder.
            let named = format!("models--{}", id.replace('/', "--"));
            let folder = match repo.get("config.json") {
                Some(path) => path.parent()?.to_owned(),
                None => self.cache.join(named).join("snapshots").join(revision),
            };
            FILES.iter().all(|(file, needed)| !needed || folder.join(file).is_file()).then_some(folder)
        }

        /// Fetches one file on a thread that is left alone if it takes too long: the client knows no deadlines.
        fn file(
            &self,
            id: &str,
            revision: &str,
            file: &'static str,
            answer: Option<Duration>,
        ) -> Result<Result<PathBuf, String>, Error> {
            let (sender, news) = mpsc::channel();
            let (hub, repo) = (self.clone(), (id.to_owned(), revision.to_owned()));
            let unreachable = |reason: String| Error::Unreachable { model: id.to_owned(), reason };
            std::thread::Builder::new()
                .name("hub".to_owned())
                .spawn(move || {
                    let result = hub.download(&repo, file, &sender).map_err(|e| e.to_string());
                    // Nobody listens any more when it took too long.
                    let _ = sender.send(News::Done(result));
                })
                .map_err(|e| unreachable(e.to_string()))?;

            let end = answer.map(|time| Instant::now() + time);
            let mut window = (Instant::now(), 0u64);
            loop {
                let left = end.map_or(self.patience, |end| end.saturating_duration_since(Instant::now()));
                match news.recv_timeout(left) {
                    Ok(News::Done(result)) => return Ok(result),
                    Ok(News::Came(bytes)) => {
                        window.1 += bytes;
                        let (time, bytes) = (window.0.elapsed(), window.1);
                        if time >= self.patience {
                            let speed = (bytes as f64 / time.as_secs_f64()) as u64;
                            if speed < self.slowest {
                                let reason = format!("{file} comes at {speed} bytes a second");
                                return Err(Error::TooSlow { model: id.to_owned(), reason });
                            }
                            window = (Instant::now(), 0);
                        }
                    }
                    Err(RecvTimeoutError::Timeout) if answer.is_some() => {
                        return Err(unreachable(format!("no answer in {:?}", self.answer)));
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        let reason = format!("nothing of {file} came in {:?}", self.patience);
                        return Err(Error::TooSlow { model: id.to_owned(), reason });
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(unreachable("the download ended without a result".to_owned()));
                    }
                }
            }
        }

        fn download(
            &self,
            (id, revision): &(String, String),
            file: &str,
            news: &Sender<News>,
        ) -> Result<PathBuf, ApiError> {
            let mut builder = ApiBuilder::from_cache(Cache::new(self.cache.clone()));
            if let Some(endpoint) = &self.endpoint {
                builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
            }
            let repo = Repo::with_revision(id.clone(), RepoType::Model, revision.clone());
            let api = builder.build()?.repo(repo);
            let bar =
                if self.progress { indicatif::ProgressBar::new(0) } else { indicatif::ProgressBar::hidden() };
            let progress = Reporter { bar, news: news.clone() };
            let path = api.download_with_progress(file, progress)?;
            Ok(path)
        }
    }

    fn not_found(reason: &str) -> bool {
        reason.contains("404")
    }

    /// Shows a bar, and tells that something came.
    struct Reporter {
        bar: indicatif::ProgressBar,
        news: Sender<News>,
    }

    impl Progress for Reporter {
        fn init(&mut self, size: usize, filename: &str) {
            Progress::init(&mut self.bar, size, filename);
        }

        fn update(&mut self, size: usize) {
            Progress::update(&mut self.bar, size);
            // Nobody listens any more when it took too long.
            let _ = self.news.send(News::Came(size as u64));
        }

        fn finish(&mut self) {
            Progress::finish(&mut self.bar);
        }
    }
}
