//! Starting a service, running it, and stopping it in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use contracts::{Code, Service};
use futures::FutureExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, Config, Durable, Parts, Shared, StageState};
use crate::bus::Bus;
use crate::error::StartError;
use crate::lane::{Failures, Line, different};
use crate::lanes::{Machine, divide};
use crate::metrics::Metrics;
use crate::outage::Gate;
use crate::provision::{Found, look_for};
use crate::settings::Settings;
use crate::stats::Stats;
use crate::{control, health, service};

/// How long the start waits for the bus before it goes on without.
const FIRST_CONNECTION: Duration = Duration::from_secs(2);
/// How long what was given up may take to end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running service.
pub struct Running {
    /// Where it answers `/healthz` and `/readyz`.
    pub http_addr: SocketAddr,
    shared: Arc<Shared>,
    /// Lanes and background work.
    work: TaskTracker,
    /// What answers questions about it.
    endpoints: TaskTracker,
    http_stop: CancellationToken,
}

/// Starts a service within this process. `main` does; so do tests.
///
/// A bus that is away is no error: the service starts, is not ready, and begins when it can.
pub async fn start<C, F>(
    service: Service,
    settings: Settings,
    config: C,
    build: F,
) -> Result<Running, StartError>
where
    C: Config,
    F: AsyncFnOnce(&mut App<C>) -> Result<(), StartError>,
{
    let bus = Bus::connect(service.as_str(), &settings.nats).await?;
    let shared = Arc::new(Shared::new(service, settings, bus));
    let mut app = App {
        shared: shared.clone(),
        config,
        stages: Vec::new(),
        dependencies: Vec::new(),
        tasks: Vec::new(),
        router: axum::Router::new(),
    };
    let started = match build(&mut app).await {
        Ok(()) => begin(app).await,
        Err(error) => Err(error),
    };
    if started.is_err() {
        shared.stopping.cancel();
        shared.abandoning.cancel();
        shared.bus.close(LAST_WORDS).await;
    }
    started
}

async fn begin<C: Config>(app: App<C>) -> Result<Running, StartError> {
    let shared = app.shared;
    let settings = &shared.settings;
    let specs: Vec<_> = app.stages.iter().map(|stage| stage.spec()).collect();
    if let Some(spec) = specs.iter().find(|spec| spec.service != shared.service) {
        let reason =
            format!("durable {} belongs to {}, not to {}", spec.durable, spec.service, shared.service);
        return Err(StartError::new(Code::Topology, reason));
    }
    let reads: Vec<_> = app.stages.iter().map(|stage| stage.reads()).collect();
    let lanes = divide(&settings.lanes, Machine::read(), &reads);
    if let Some((spec, count)) =
        specs.iter().zip(&lanes).find(|(_, count)| **count as i64 > settings.line.max_ack_pending)
    {
        return Err(StartError::settings(format!(
            "{count} lanes for {} are more than line.max_ack_pending = {}",
            spec.durable, settings.line.max_ack_pending
        )));
    }
    let stages: Vec<Arc<StageState>> = specs
        .iter()
        .zip(&lanes)
        .map(|(spec, lanes)| {
            let gate = Gate::new(spec.durable);
            let (stats, durable) = (Stats::default(), Durable::default());
            Arc::new(StageState { spec, lanes: *lanes, gate, stats, durable })
        })
        .collect();
    let dependencies: Vec<_> = app.dependencies.into_iter().map(Arc::new).collect();
    let parts = Parts { stages: stages.clone(), dependencies: dependencies.clone() };
    if shared.running.set(parts).is_err() {
        return Err(StartError::settings("a service can be started once"));
    }

    // Whether the bus takes us and has what we need is worth a moment; that it is away is not.
    tokio::select! {
        () = shared.bus.connected() => {}
        () = shared.bus.unauthorised() => return Err(unauthorised(&shared)),
        () = tokio::time::sleep(FIRST_CONNECTION) => {
            tracing::warn!(code = %Code::BusOutage, "the bus cannot be reached yet; starting without");
        }
    }
    let mut ready = Vec::new();
    for state in &stages {
        let found = match shared.bus.is_connected() {
            true => look_for(&shared.bus, state.spec, &settings.line).await,
            false => Found::Unknown("not connected".to_owned()),
        };
        if let Found::Different(reason) = &found {
            return Err(different(state.spec.durable, reason));
        }
        if let Found::Ready(created) = found {
            state.durable.created.store(created, Relaxed);
        }
        ready.push(matches!(found, Found::Ready(_)));
    }
    futures::future::join_all(dependencies.iter().map(|dependency| dependency.check())).await;

    let listener = TcpListener::bind(&settings.http.listen)
        .await
        .map_err(|error| StartError::listen("http.listen", &settings.http.listen, &error))?;
    let http_addr =
        listener.local_addr().map_err(|error| StartError::settings(format!("http.listen: {error}")))?;

    let (work, endpoints) = (TaskTracker::new(), TaskTracker::new());
    let http_stop = CancellationToken::new();
    let router = health::routes(shared.clone()).merge(app.router);
    let stop = http_stop.clone();
    endpoints.spawn(async move {
        let served =
            axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!("HTTP ended: {error}");
        }
    });
    endpoints.spawn(service::answer(shared.clone()));
    if Service::STATIONS.contains(&shared.service) {
        endpoints.spawn(control::listen(shared.clone()));
    }
    let every = Duration::from_millis(settings.process.probe_ms);
    for dependency in dependencies {
        let stopping = shared.abandoning.clone();
        endpoints.spawn(async move {
            stopping.run_until_cancelled(dependency.watch(every)).await;
        });
    }
    let watching = shared.clone();
    endpoints.spawn(async move {
        tokio::select! {
            () = watching.stopping.cancelled() => {}
            () = watching.bus.unauthorised() => watching.fatal(unauthorised(&watching)),
        }
    });

    let metrics = Arc::new(Metrics::new(&shared));
    for ((stage, state), ready) in app.stages.into_iter().zip(stages).zip(ready) {
        let lanes = state.lanes;
        let line = Arc::new(Line {
            shared: shared.clone(),
            state,
            stage,
            metrics: metrics.clone(),
            failures: Failures::default(),
        });
        let tracker = work.clone();
        work.spawn(async move {
            if !ready {
                line.find_durable().await;
            }
            for _ in 0..lanes {
                tracker.spawn(line.clone().lane());
            }
        });
    }
    for (name, task) in app.tasks {
        let shared = shared.clone();
        work.spawn(async move {
            match std::panic::AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => tracing::debug!("{name} ended"),
                Ok(Err(error)) => shared.fatal(error),
                Err(_) => shared.fatal(StartError::new(Code::Panicked, format!("{name} panicked"))),
            }
        });
    }
    work.close();
    endpoints.close();
    tracing::info!(
        instance = %shared.instance,
        lanes = ?specs.iter().map(|spec| spec.durable).zip(lanes).collect::<Vec<_>>(),
        "{} runs; health on http://{http_addr}", shared.service
    );
    Ok(Running { http_addr, shared, work, endpoints, http_stop })
}

fn unauthorised(shared: &Shared) -> StartError {
    StartError::unauthorised(shared.settings.nats.user.as_deref().unwrap_or(shared.service.as_str()))
}

impl Running {
    /// Runs until SIGTERM, SIGINT or a reason to end, and stops in order.
    pub async fn until_signal(self) -> Result<(), StartError> {
        let failed = |error: std::io::Error| StartError::settings(format!("no signals: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
            () = self.shared.stopping.cancelled() => {}
        }
        self.stop().await
    }

    /// Waits until the service ends by itself, which it does only for a reason.
    pub async fn ended(&self) {
        self.shared.stopping.cancelled().await;
    }

    /// What `/readyz` says.
    pub fn report(&self) -> serde_json::Value {
        health::report(&self.shared)
    }

    /// Stops in order: lanes take nothing new, running handlers finish within their grace, what
    /// was said is sent, the connection closes. An error is the reason for which it ended by itself.
    pub async fn stop(self) -> Result<(), StartError> {
        let shared = &self.shared;
        let grace = Duration::from_millis(shared.settings.process.grace_ms);
        shared.stopping.cancel();
        if tokio::time::timeout(grace, self.work.wait()).await.is_err() {
            tracing::warn!(
                grace_ms = grace.as_millis() as u64,
                "not all work ended in time; the rest is given back"
            );
            shared.abandoning.cancel();
            let _ = tokio::time::timeout(LAST_WORDS, self.work.wait()).await;
        }
        shared.bus.flush(LAST_WORDS).await;
        shared.abandoning.cancel();
        shared.bus.close(LAST_WORDS).await;
        self.http_stop.cancel();
        let _ = tokio::time::timeout(LAST_WORDS, self.endpoints.wait()).await;
        tracing::info!("{} stopped", shared.service);
        shared.failure().map_or(Ok(()), Err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
        self.shared.abandoning.cancel();
        self.http_stop.cancel();
    }
}
