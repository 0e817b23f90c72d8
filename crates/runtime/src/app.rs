//! What a station's `build` gets: settings and the bus in, stages and dependencies out.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contracts::{Code, ConsumerSpec, Failure, FailureKind, MessageId, Service};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::control::Pause;
use crate::error::StartError;
use crate::lanes::Reads;
use crate::outage::{Dependency, Gate, Outage};
use crate::settings::{Settings, Validate};
use crate::stage::{Context, Outcome, Stage, StageError};
use crate::stats::Stats;

/// How long until something that is away is asked again whether it admits the service.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A station's own table of settings.
pub trait Config: DeserializeOwned + Serialize + Default + Validate + Send + Sync + 'static {}

impl<C: DeserializeOwned + Serialize + Default + Validate + Send + Sync + 'static> Config for C {}

/// A service while it is being put together.
pub struct App<C> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: C,
    pub(crate) stages: Vec<Arc<dyn AnyStage>>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) tasks: Vec<(String, BoxFuture<Result<(), StartError>>)>,
    pub(crate) router: axum::Router,
}

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<C> App<C> {
    /// The settings that all services have in common.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The service's own settings.
    pub fn config(&self) -> &C {
        &self.config
    }

    /// Which service this is.
    pub fn service(&self) -> Service {
        self.shared.service
    }

    /// The bus.
    pub fn bus(&self) -> &Bus {
        &self.shared.bus
    }

    /// Cancelled when the service is to stop: background work ends, connections are left to finish.
    pub fn shutdown_token(&self) -> CancellationToken {
        self.shared.stopping.clone()
    }

    /// A handle for background work that finds that the service cannot go on, or has something to note.
    pub fn handle(&self) -> Handle {
        Handle { shared: self.shared.clone() }
    }

    /// Adds a stage: its durable is read as soon as `build` returns.
    pub fn stage<S: Stage>(&mut self, stage: S) {
        self.stages.push(Arc::new(stage));
    }

    /// Adds background work, which is expected to end when [`App::shutdown_token`] is cancelled.
    ///
    /// It may return nothing, or a result whose error ends the service with its reason. A panic
    /// in it ends the service as well.
    pub fn task<F>(&mut self, name: impl Into<String>, work: F)
    where
        F: Future<Output: TaskEnd> + Send + 'static,
    {
        self.tasks.push((name.into(), Box::pin(async move { work.await.into_result() })));
    }

    /// Adds something that the service needs. The probe says whether it is there: while it is
    /// not, the service is not ready and pulls nothing; it goes on when the probe succeeds.
    pub fn dependency<P, F>(&mut self, name: impl Into<String>, code: Code, probe: P)
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let probe = Box::new(move || Box::pin(probe()) as BoxFuture<_>);
        self.dependencies.push(Dependency::new(name.into(), code, probe));
    }

    /// As [`App::dependency`], with a failure that knows whether it passes: one that never does (a wrong password) ends
    /// the service with its reason.
    pub fn server<P, F, E>(&mut self, name: impl Into<String>, code: Code, probe: P)
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Failure + Send + 'static,
    {
        // What is shared holds its dependencies: held by one of them, it would never go.
        let shared = Arc::downgrade(&self.shared);
        self.dependency(name, code, move || {
            let (shared, answer) = (shared.clone(), probe());
            async move {
                answer.await.map_err(|error| {
                    let reason = error.to_string();
                    if error.kind() == FailureKind::Fatal
                        && let Some(shared) = shared.upgrade()
                    {
                        shared.fatal(error.into());
                    }
                    reason
                })
            }
        });
    }

    /// Adds something that the service can do without for a while, so that it would not notice that it is refused there:
    /// a failure that never passes (a wrong password) ends the service with its reason. Asked until it has answered once.
    pub fn admitted_by<P, F, E>(&mut self, name: impl Into<String>, probe: P)
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Failure + Send + 'static,
    {
        let stopping = self.shutdown_token();
        let asked = async move {
            loop {
                match probe().await {
                    Err(error) if error.kind() != FailureKind::Fatal => tokio::time::sleep(ASK_AGAIN).await,
                    answer => return answer,
                }
            }
        };
        self.task(name, async move { stopping.run_until_cancelled(asked).await.unwrap_or(Ok(())) });
    }

    /// Notes something worth knowing (which model decides, where a file is written): shown by
    /// `/readyz` and the service's metadata on the bus. A later note of the same name replaces it.
    pub fn note(&self, key: impl Into<String>, value: impl Into<String>) {
        self.shared.note(key.into(), value.into());
    }

    /// Adds HTTP routes beside `/healthz` and `/readyz`.
    pub fn http(&mut self, router: axum::Router) {
        self.router = std::mem::take(&mut self.router).merge(router);
    }
}

/// What background work may return.
pub trait TaskEnd {
    /// As a result.
    fn into_result(self) -> Result<(), StartError>;
}

impl TaskEnd for () {
    fn into_result(self) -> Result<(), StartError> {
        Ok(())
    }
}

impl<E: Into<StartError>> TaskEnd for Result<(), E> {
    fn into_result(self) -> Result<(), StartError> {
        self.map_err(Into::into)
    }
}

/// What outlives `build`: for background work and HTTP handlers.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// As [`App::note`].
    pub fn note(&self, key: impl Into<String>, value: impl Into<String>) {
        self.shared.note(key.into(), value.into());
    }

    /// The bus.
    pub fn bus(&self) -> &Bus {
        &self.shared.bus
    }

    /// As [`App::shutdown_token`].
    pub fn shutdown_token(&self) -> CancellationToken {
        self.shared.stopping.clone()
    }

    /// Waits while a class has the service paused; background work that takes in or sends on asks it first.
    pub async fn unpaused(&self) {
        self.shared.pause.over().await;
    }

    /// The service cannot go on: it stops in order and exits with this reason.
    pub fn fatal(&self, error: StartError) {
        self.shared.fatal(error);
    }

    /// What pauses the service now, by stage or dependency.
    pub fn outages(&self) -> Vec<(String, Outage)> {
        self.shared.outages()
    }
}

/// A stage whose event type is forgotten, so that there is one lane for all.
pub(crate) trait AnyStage: Send + Sync {
    fn spec(&self) -> &'static ConsumerSpec;
    fn reads(&self) -> Reads;
    fn version(&self) -> u32;
    fn decode(self: Arc<Self>, payload: &[u8]) -> Result<Decoded, serde_json::Error>;
}

/// A decoded event, ready to be handled.
pub(crate) struct Decoded {
    pub(crate) id: MessageId,
    pub(crate) generation: u32,
    pub(crate) run: Box<dyn FnOnce(Context) -> BoxFuture<Result<Outcome, StageError>> + Send>,
}

impl<S: Stage> AnyStage for S {
    fn spec(&self) -> &'static ConsumerSpec {
        S::SPEC
    }

    fn reads(&self) -> Reads {
        Reads { spec: S::SPEC, per_core: S::LANES_PER_CORE }
    }

    fn version(&self) -> u32 {
        <S::In as contracts::Event>::VERSION
    }

    fn decode(self: Arc<Self>, payload: &[u8]) -> Result<Decoded, serde_json::Error> {
        let event: S::In = serde_json::from_slice(payload)?;
        let message = contracts::Event::message(&event);
        Ok(Decoded {
            id: message.id,
            generation: message.generation,
            run: Box::new(move |cx| Box::pin(async move { self.handle(event, &cx).await })),
        })
    }
}

/// What all parts of a running service share.
pub(crate) struct Shared {
    pub(crate) service: Service,
    pub(crate) instance: String,
    pub(crate) settings: Settings,
    pub(crate) bus: Bus,
    /// Nothing new is begun.
    pub(crate) stopping: CancellationToken,
    /// What still runs is given up.
    pub(crate) abandoning: CancellationToken,
    /// A class has it stand still.
    pub(crate) pause: Pause,
    pub(crate) running: std::sync::OnceLock<Parts>,
    notes: Mutex<BTreeMap<String, String>>,
    failure: Mutex<Option<StartError>>,
}

/// What `build` put together.
pub(crate) struct Parts {
    pub(crate) stages: Vec<Arc<StageState>>,
    pub(crate) dependencies: Vec<Arc<Dependency>>,
}

/// A running stage.
pub(crate) struct StageState {
    pub(crate) spec: &'static ConsumerSpec,
    pub(crate) lanes: usize,
    pub(crate) gate: Gate,
    pub(crate) stats: Stats,
    pub(crate) durable: Durable,
}

/// What is known of a stage's durable on the server.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    /// When it was created, in nanoseconds since 1970. Older messages may have been handled by
    /// the one before it.
    pub(crate) created: AtomicU64,
    /// The connection on which it was last seen, and when.
    pub(crate) seen: tokio::sync::Mutex<Option<(u64, Instant)>>,
}

impl Shared {
    pub(crate) fn new(service: Service, settings: Settings, bus: Bus) -> Self {
        Shared {
            service,
            instance: format!("{:016x}", rand::random::<u64>()),
            settings,
            bus,
            stopping: CancellationToken::new(),
            abandoning: CancellationToken::new(),
            pause: Pause::default(),
            running: std::sync::OnceLock::new(),
            notes: Mutex::default(),
            failure: Mutex::default(),
        }
    }

    pub(crate) fn stages(&self) -> &[Arc<StageState>] {
        self.running.get().map_or(&[], |parts| &parts.stages)
    }

    pub(crate) fn dependencies(&self) -> &[Arc<Dependency>] {
        self.running.get().map_or(&[], |parts| &parts.dependencies)
    }

    pub(crate) fn note(&self, key: String, value: String) {
        if let Ok(mut notes) = self.notes.lock() {
            notes.insert(key, value);
        }
    }

    pub(crate) fn notes(&self) -> BTreeMap<String, String> {
        self.notes.lock().map(|notes| notes.clone()).unwrap_or_default()
    }

    /// Remembers the first reason and begins to stop.
    pub(crate) fn fatal(&self, error: StartError) {
        if let Ok(mut failure) = self.failure.lock()
            && failure.is_none()
        {
            tracing::error!(code = %error.code, "cannot go on, stopping: {}", error.reason);
            *failure = Some(error);
        }
        self.stopping.cancel();
    }

    pub(crate) fn failure(&self) -> Option<StartError> {
        self.failure.lock().ok().and_then(|failure| failure.clone())
    }

    pub(crate) fn outages(&self) -> Vec<(String, Outage)> {
        let dependencies = self.dependencies().iter().map(|d| (d.name.clone(), d.gate.outage()));
        let stages = self.stages().iter().map(|s| (s.spec.durable.to_owned(), s.gate.outage()));
        dependencies.chain(stages).filter_map(|(name, outage)| Some((name, outage?))).collect()
    }

    /// Waits until nothing that all stages need is away.
    pub(crate) async fn dependencies_up(&self) {
        for dependency in self.dependencies() {
            dependency.gate.opened().await;
        }
    }
}
