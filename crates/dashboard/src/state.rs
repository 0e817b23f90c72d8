//! What the line is doing now: asked once a second by the server, whatever the number of browsers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use contracts::topology::{CONSUMERS, DEAD_LETTER_STREAM, STREAM};
use contracts::{Control, MessageOutcome, Service, Topic, subject};
use futures::StreamExt;
use futures::future::join_all;
use runtime::Bus;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Store;

use crate::simulation::{Simulated, Simulation};

/// How long replicas have to answer.
const ANSWER: Duration = Duration::from_millis(400);
/// A pause is renewed each second and lasts this long without: it ends soon after this page does.
const LEASE_MS: u64 = 5_000;

/// A station as the page shows it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Station {
    service: String,
    replicas: usize,
    /// Messages that wait for it.
    lag: u64,
    /// Messages that it works on.
    in_work: u64,
    /// Events that it publishes, a second.
    rate: f64,
    redelivered: u64,
    dead_letters: u64,
    /// Why it pulls nothing, where something that it needs is away.
    waiting: Option<String>,
    /// A class has paused it.
    paused: bool,
}

/// Dead letters by service and code.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DeadLetters {
    total: u64,
    /// The sequence of the latest: with it the page knows that the list is another one.
    last: u64,
    by: Vec<DeadLetterCount>,
}

#[derive(Debug, Clone, Serialize)]
struct DeadLetterCount {
    service: String,
    code: String,
    count: u64,
}

/// All that the page shows beside the events.
#[derive(Debug, Clone, Default, Serialize)]
pub struct State {
    now: i64,
    currency: String,
    stations: Vec<Station>,
    /// Messages by outcome; `open` are those without one.
    outcomes: BTreeMap<String, u64>,
    order_total_cents: i64,
    dead_letters: DeadLetters,
    simulation: Simulated,
    /// What keeps the page itself from knowing.
    trouble: Option<String>,
}

/// Asks the line how it is.
pub struct Watch {
    bus: Bus,
    store: Store,
    currency: String,
    simulation: Arc<Simulation>,
    published: [AtomicU64; Topic::ALL.len()],
    paused: Mutex<BTreeSet<&'static str>>,
    rates: Mutex<HashMap<Service, (u64, f64, Instant)>>,
}

#[derive(Deserialize)]
struct ConsumerInfo {
    num_pending: u64,
    num_ack_pending: u64,
    num_redelivered: u64,
}

#[derive(Deserialize)]
struct StreamInfo {
    state: StreamState,
}

#[derive(Deserialize)]
struct StreamState {
    last_seq: u64,
    #[serde(default)]
    subjects: HashMap<String, u64>,
}

/// A replica's answer on `$SRV.PING`; what pauses it stands among its metadata.
#[derive(Deserialize)]
struct Replica {
    name: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl Replica {
    /// A class has paused it, from here or by a word of its own on the bus.
    fn is_paused(&self) -> bool {
        self.metadata.contains_key("paused")
    }

    /// Why it pulls nothing, where something that it needs is away.
    fn waits(&self) -> Option<String> {
        self.metadata.iter().find(|(key, _)| key.starts_with("paused.")).map(|(_, reason)| reason.clone())
    }
}

impl Watch {
    /// Over this bus and database.
    pub fn new(bus: Bus, store: Store, currency: String, simulation: Arc<Simulation>) -> Self {
        Watch {
            bus,
            store,
            currency,
            simulation,
            published: std::array::from_fn(|_| AtomicU64::new(0)),
            paused: Mutex::default(),
            rates: Mutex::default(),
        }
    }

    /// Counts an event, for the rates.
    pub fn count(&self, topic: Topic) {
        if let Some(at) = Topic::ALL.iter().position(|known| *known == topic) {
            self.published[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Pauses a station until it is resumed, or this page goes away.
    pub async fn pause(&self, service: Service) {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner).insert(service.as_str());
        self.tell(service, LEASE_MS).await;
    }

    /// Resumes a station.
    pub async fn resume(&self, service: Service) {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner).remove(service.as_str());
        self.tell(service, 0).await;
    }

    /// Says again what is paused: new replicas learn it, and old ones go on pausing.
    pub async fn renew_pauses(&self) {
        for service in Service::STATIONS.into_iter().filter(|service| self.is_paused(*service)) {
            self.tell(service, LEASE_MS).await;
        }
    }

    fn is_paused(&self, service: Service) -> bool {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner).contains(service.as_str())
    }

    async fn tell(&self, service: Service, pause_ms: u64) {
        let control = Control { pause_ms, by: Service::Dashboard.to_string() };
        let Ok(payload) = serde_json::to_vec(&control) else { return };
        // A bus that is away hears it with the next renewal.
        let _ = self.bus.client().publish(subject::control(service), payload.into()).await;
    }

    /// The state now. What could not be asked is left as it is when nothing runs, and said.
    pub async fn look(&self) -> State {
        let (infos, dead_letters, replicas, counts, totals) = tokio::join!(
            join_all(CONSUMERS.iter().map(|spec| self.consumer(spec.durable))),
            self.dead_letters(),
            self.replicas(),
            self.store.counts(),
            self.store.order_totals(),
        );
        let mut state = State {
            now: chrono::Utc::now().timestamp_millis(),
            currency: self.currency.clone(),
            simulation: self.simulation.now(),
            ..State::default()
        };
        let mut to_relay = 0;
        match (&counts, &totals) {
            (Ok(counts), Ok((_, cents))) => {
                to_relay = counts.to_relay;
                for outcome in MessageOutcome::ALL {
                    let number = counts.outcomes.get(&outcome).copied().unwrap_or(0);
                    state.outcomes.insert(outcome.as_str().to_owned(), number);
                }
                state.outcomes.insert("open".to_owned(), counts.to_relay + counts.on_the_line);
                state.order_total_cents = *cents;
            }
            (Err(error), _) | (_, Err(error)) => {
                state.trouble = Some(format!("The page cannot ask the database: {error}"))
            }
        }
        if !self.bus.is_connected() {
            state.trouble = Some("The bus cannot be reached: nothing moves until it is back.".to_owned());
        } else if infos.iter().all(Option::is_none) {
            state.trouble = Some("The bus has no durables: run `greenbite provision`.".to_owned());
        }
        state.dead_letters = dead_letters.unwrap_or_default();
        state.stations = Service::STATIONS
            .into_iter()
            .map(|service| {
                let own = CONSUMERS.iter().zip(&infos).filter(|(spec, _)| spec.service == service);
                let own: Vec<&ConsumerInfo> = own.filter_map(|(_, info)| info.as_ref()).collect();
                let name = format!("greenbite-{service}");
                let running: Vec<&Replica> = replicas.iter().filter(|one| one.name == name).collect();
                let ingest = service == Service::Ingest;
                Station {
                    service: service.to_string(),
                    replicas: running.len(),
                    lag: if ingest { to_relay } else { own.iter().map(|info| info.num_pending).sum() },
                    in_work: own.iter().map(|info| info.num_ack_pending).sum(),
                    rate: self.rate(service),
                    redelivered: own.iter().map(|info| info.num_redelivered).sum(),
                    dead_letters: state
                        .dead_letters
                        .by
                        .iter()
                        .filter(|one| one.service == service.as_str())
                        .map(|one| one.count)
                        .sum(),
                    waiting: running.iter().find_map(|one| one.waits()),
                    paused: self.is_paused(service) || running.iter().any(|one| one.is_paused()),
                }
            })
            .collect();
        state
    }

    async fn ask<T: for<'a> Deserialize<'a>>(&self, subject: String, question: String) -> Option<T> {
        let answer = self.bus.client().request(subject, question.into()).await.ok()?;
        serde_json::from_slice(&answer.payload).ok()
    }

    async fn consumer(&self, durable: &str) -> Option<ConsumerInfo> {
        self.ask(format!("$JS.API.CONSUMER.INFO.{STREAM}.{durable}"), String::new()).await
    }

    async fn dead_letters(&self) -> Option<DeadLetters> {
        let question = json!({ "subjects_filter": subject::DEAD_LETTERS }).to_string();
        let info: StreamInfo =
            self.ask(format!("$JS.API.STREAM.INFO.{DEAD_LETTER_STREAM}"), question).await?;
        let last = info.state.last_seq;
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (subject, count) in info.state.subjects {
            let mut tokens = subject.split('.').skip(1).map(str::to_owned);
            if let (Some(service), Some(code)) = (tokens.next(), tokens.next()) {
                *counts.entry((service, code)).or_default() += count;
            }
        }
        let by: Vec<_> = counts
            .into_iter()
            .map(|((service, code), count)| DeadLetterCount { service, code, count })
            .collect();
        Some(DeadLetters { total: by.iter().map(|one| one.count).sum(), last, by })
    }

    /// Every replica that answers in time.
    async fn replicas(&self) -> Vec<Replica> {
        let client = self.bus.client();
        let inbox = client.new_inbox();
        let Ok(mut answers) = client.subscribe(inbox.clone()).await else { return Vec::new() };
        if client.publish_with_reply("$SRV.PING", inbox, Bytes::new()).await.is_err() {
            return Vec::new();
        }
        let mut replicas = Vec::new();
        let collect = async {
            while let Some(answer) = answers.next().await {
                replicas.extend(serde_json::from_slice::<Replica>(&answer.payload));
            }
        };
        let _ = tokio::time::timeout(ANSWER, collect).await;
        replicas
    }

    /// Events a second, smoothed over a few seconds.
    fn rate(&self, service: Service) -> f64 {
        let total: u64 = Topic::ALL
            .iter()
            .zip(&self.published)
            .filter(|(topic, _)| topic.publisher() == service)
            .map(|(_, count)| count.load(Ordering::Relaxed))
            .sum();
        let now = Instant::now();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, smoothed, then) = rates.get(&service).copied().unwrap_or((total, 0.0, now));
        let elapsed = now.duration_since(then).as_secs_f64();
        let smoothed = if elapsed > 0.0 {
            let current = (total - before) as f64 / elapsed;
            if current == 0.0 && smoothed < 0.1 { 0.0 } else { smoothed * 0.5 + current * 0.5 }
        } else {
            smoothed
        };
        rates.insert(service, (total, smoothed, now));
        smoothed
    }
}
