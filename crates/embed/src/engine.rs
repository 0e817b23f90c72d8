//! The engine: a thread of its own that computes what many callers ask for, several at a time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::batch::Batch;
use crate::model::Model;

/// A vector of length 1, shared by whoever uses it.
pub type Embedding = Arc<[f32]>;

/// Sizes of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests that may wait; one more is refused at once.
    pub queue: usize,
    /// Tokens that one forward pass takes; a longer single text goes alone.
    pub batch_tokens: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { queue: 256, batch_tokens: 512 }
    }
}

/// A handle of the engine; clones share the thread. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct Embedder {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Command>,
}

struct Shared {
    model: Model,
    closing: AtomicBool,
}

enum Command {
    Embed(Request),
    Stop(oneshot::Sender<()>),
}

struct Request {
    texts: Vec<Vec<u32>>,
    answer: oneshot::Sender<Result<Vec<Embedding>, Error>>,
}

impl fmt::Debug for Embedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder").field("model", &self.shared.model.name()).finish_non_exhaustive()
    }
}

impl Embedder {
    /// Starts the thread and runs the model once, so that the first caller does not pay for page faults and
    /// table building; ready when it returns.
    pub async fn start(model: Model, limits: Limits) -> Result<Embedder, Error> {
        let (queue, commands) = mpsc::channel(limits.queue.max(1));
        let shared = Arc::new(Shared { model, closing: AtomicBool::new(false) });
        let (ready, warm) = oneshot::channel();
        let thread = Thread { shared: Arc::clone(&shared), limits, waiting: VecDeque::new() };
        std::thread::Builder::new()
            .name("embed".to_owned())
            .spawn(move || thread.run(commands, ready))
            .map_err(|e| Error::Compute(format!("no thread for the engine: {e}")))?;
        warm.await.map_err(|_| Error::Stopped)??;
        Ok(Embedder { shared, queue })
    }

    /// One vector a text, in their order. All texts of one message belong in one call.
    pub async fn embed<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Embedding>, Error> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        if self.shared.closing.load(Ordering::Acquire) {
            return Err(Error::Stopped);
        }
        let texts =
            texts.iter().map(|text| self.shared.model.tokens(text.as_ref())).collect::<Result<_, _>>()?;
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Command::Embed(Request { texts, answer })).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded { waiting: self.queue.max_capacity() },
            mpsc::error::TrySendError::Closed(_) => Error::Stopped,
        })?;
        answered.await.map_err(|_| Error::Stopped)?
    }

    /// The same with an end to the waiting; the request is then dropped before it costs anything.
    pub async fn embed_within<T: AsRef<str>>(
        &self,
        texts: &[T],
        time: Duration,
    ) -> Result<Vec<Embedding>, Error> {
        tokio::time::timeout(time, self.embed(texts)).await.map_err(|_| Error::Deadline(time))?
    }

    /// Answers what waits, refuses what comes, and returns when the thread is done.
    pub async fn stop(&self) {
        self.shared.closing.store(true, Ordering::Release);
        let (done, end) = oneshot::channel();
        if self.queue.send(Command::Stop(done)).await.is_ok() {
            // An error means that the thread has ended too.
            let _ = end.await;
        }
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        self.shared.model.name()
    }

    /// The model's hash: a key for what was computed with it.
    pub fn hash(&self) -> &str {
        self.shared.model.hash()
    }

    /// Values of a vector.
    pub fn width(&self) -> usize {
        self.shared.model.width()
    }

    /// Whether the model's weights are in 8-bit blocks.
    pub fn quantised(&self) -> bool {
        self.shared.model.quantised()
    }
}

struct Thread {
    shared: Arc<Shared>,
    limits: Limits,
    /// What is computed next, first come first served.
    waiting: VecDeque<Request>,
}

impl Thread {
    fn run(mut self, mut commands: mpsc::Receiver<Command>, ready: oneshot::Sender<Result<(), Error>>) {
        let started = Instant::now();
        let model = &self.shared.model;
        let warm = model.tokens("warm up").and_then(|ids| model.embed(&Batch::from_iter([ids])));
        tracing::debug!(
            model = model.name(),
            duration_ms = started.elapsed().as_millis() as u64,
            "warmed up"
        );
        let failed = warm.is_err();
        // A caller that no longer waits drops its handle too, which ends the loop below.
        let _ = ready.send(warm.map(|_| ()));
        if failed {
            return;
        }
        let mut stop = None;
        loop {
            if self.waiting.is_empty() && stop.is_none() {
                match commands.blocking_recv() {
                    Some(command) => stop = self.accept(command),
                    None => return,
                }
            }
            // What did not fit into the last batch goes into the next with what has come meanwhile, never behind it.
            while stop.is_none() && self.tokens_waiting() < self.limits.batch_tokens {
                match commands.try_recv() {
                    Ok(command) => stop = self.accept(command),
                    Err(_) => break,
                }
            }
            if !self.waiting.is_empty() {
                self.compute();
            } else if let Some(done) = stop {
                // Whoever got in between the flag and this command is told by the closed channel.
                drop(commands);
                let _ = done.send(());
                return;
            }
        }
    }

    fn accept(&mut self, command: Command) -> Option<oneshot::Sender<()>> {
        match command {
            Command::Embed(request) => {
                self.waiting.push_back(request);
                None
            }
            Command::Stop(done) => Some(done),
        }
    }

    fn tokens_waiting(&self) -> usize {
        self.waiting.iter().map(Request::tokens).sum()
    }

    /// One batch from the front of the queue: whole requests up to the budget, or the first alone.
    fn compute(&mut self) {
        self.waiting.retain(|request| !request.answer.is_closed());
        let mut requests: Vec<Request> = Vec::new();
        let mut tokens = 0;
        while let Some(next) = self.waiting.front() {
            tokens += next.tokens();
            if !requests.is_empty() && tokens > self.limits.batch_tokens {
                break;
            }
            requests.extend(self.waiting.pop_front());
        }
        let texts: Vec<&[u32]> =
            requests.iter().flat_map(|request| &request.texts).map(Vec::as_slice).collect();
        let vectors = self.vectors(&texts);
        match vectors {
            Ok(vectors) => {
                let mut vectors = vectors.into_iter();
                for request in requests {
                    let own = vectors.by_ref().take(request.texts.len()).collect();
                    // A caller that has gone meanwhile wants no answer.
                    let _ = request.answer.send(Ok(own));
                }
            }
            Err(error) => {
                for request in requests {
                    let _ = request.answer.send(Err(error.clone()));
                }
            }
        }
    }

    /// Computes texts in passes of at most the budget.
    fn vectors(&self, texts: &[&[u32]]) -> Result<Vec<Embedding>, Error> {
        let mut vectors = Vec::with_capacity(texts.len());
        let mut batch = Batch::default();
        for text in texts {
            if !batch.is_empty() && batch.tokens() + text.len() > self.limits.batch_tokens {
                vectors.extend(self.shared.model.embed(&batch)?);
                batch = Batch::default();
            }
            if !batch.push(text) {
                return Err(Error::Compute("a text without tokens".to_owned()));
            }
        }
        vectors.extend(self.shared.model.embed(&batch)?);
        Ok(vectors.into_iter().map(Embedding::from).collect())
    }
}

impl Request {
    fn tokens(&self) -> usize {
        self.texts.iter().map(Vec::len).sum()
    }
}
