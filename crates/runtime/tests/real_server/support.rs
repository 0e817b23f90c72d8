//! A private server, provisioned, and stages made of closures.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer;
use chrono::Utc;
use contracts::topology::{CLASSIFIER, DEAD_LETTER_STREAM, Limits, STREAM};
use contracts::{
    Classified, Code, ConsumerSpec, DeadLetter, Decision, Message, MessageId, Received, Service, Topic,
    header, subject,
};
use futures::TryStreamExt;
use runtime::{
    Bus, Context, Nats as NatsSettings, Outcome, Running, Settings, Stage, StageError, Stored, Trace,
};
use testkit::Nats;

pub type Answer = Result<Outcome, StageError>;
type Handler = Arc<dyn Fn(Received, Context) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// A classifier whose handler is a closure.
#[derive(Clone)]
pub struct Classifier(Handler);

impl Stage for Classifier {
    const SPEC: &'static ConsumerSpec = &CLASSIFIER;
    type In = Received;

    async fn handle(&self, event: Received, cx: &Context) -> Answer {
        (self.0)(event, cx.clone()).await
    }
}

pub fn classifier<F, Fut>(handler: F) -> Classifier
where
    F: Fn(Received, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    Classifier(Arc::new(move |event, cx| Box::pin(handler(event, cx))))
}

/// The classifier that takes everything for an order, and counts.
pub fn ordinary(count: &Arc<AtomicUsize>) -> Classifier {
    let count = count.clone();
    classifier(move |event, _| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { order(event) }
    })
}

pub fn order(event: Received) -> Answer {
    let classified =
        Classified { message: event.message, language: "en".into(), topic: None, trail: event.trail };
    Ok(Outcome::publish(Topic::ClassifiedOrder, classified, Decision::by_rules("order", "sounds hungry")))
}

pub fn counter() -> Arc<AtomicUsize> {
    Arc::default()
}

pub fn get(count: &Arc<AtomicUsize>) -> usize {
    count.load(Ordering::SeqCst)
}

pub struct Rig {
    pub nats: Nats,
    pub settings: Settings,
    pub bus: Bus,
}

/// Limits and settings by which tests do not take long.
pub fn quick() -> Settings {
    let line = Limits { ack_wait_ms: 3_000, ..Limits::default() };
    let mut settings = Settings { line, ..Settings::default() };
    settings.lanes.deadline_ms = 2_000;
    settings.lanes.default = runtime::LaneCount::Fixed(2);
    settings.nats.request_timeout_ms = 1_000;
    settings.retry.first_ms = 20;
    settings.retry.most_ms = 200;
    settings.retry.tries = 3;
    settings.process.grace_ms = 3_000;
    settings.process.probe_ms = 100;
    settings
}

impl Rig {
    pub async fn new() -> Rig {
        Rig::with(quick()).await
    }

    pub async fn with(settings: Settings) -> Rig {
        let rig = Rig::unprovisioned(settings).await;
        rig.provision().await;
        rig
    }

    pub async fn unprovisioned(mut settings: Settings) -> Rig {
        let nats = Nats::start().await.unwrap();
        settings.nats.url = nats.url();
        let bus =
            Bus::connect("test", &NatsSettings { url: nats.url(), ..NatsSettings::default() }).await.unwrap();
        Rig { nats, settings, bus }
    }

    pub async fn provision(&self) {
        let report = runtime::provision(&self.bus, &self.settings.line).await.unwrap();
        assert_eq!(report.differences, Vec::<String>::new());
    }

    pub async fn run(&self, stage: Classifier) -> Running {
        self.try_run(stage).await.unwrap()
    }

    pub async fn try_run(&self, stage: Classifier) -> Result<Running, runtime::StartError> {
        runtime::start(Service::Classifier, self.settings.clone(), (), async move |app| {
            app.stage(stage);
            Ok(())
        })
        .await
    }

    /// Publishes a message as ingest does.
    pub async fn receive(&self, id: i64) -> runtime::Published {
        self.receive_generation(id, 1).await
    }

    pub async fn receive_generation(&self, id: i64, generation: u32) -> runtime::Published {
        let event = received(id, generation);
        self.bus.publish_event("ingest", Topic::ReceivedMessage, &event, &Trace::start()).await.unwrap()
    }

    /// Publishes these bytes as a received message.
    pub async fn receive_raw(&self, id: &str, headers: HeaderMap, payload: &[u8]) {
        let subject = format!("greenbite.received.message.{id}");
        let jetstream = self.bus.jetstream();
        let ack = jetstream.publish_with_headers(subject, headers, payload.to_vec().into()).await.unwrap();
        ack.await.unwrap();
    }

    pub async fn output(&self, id: i64) -> Option<Stored> {
        self.bus.last_for(&Topic::ClassifiedOrder.subject(MessageId(id))).await.unwrap()
    }

    pub async fn outputs(&self) -> u64 {
        self.stored("greenbite.classified.order.*").await
    }

    /// How many messages of the line are on this subject.
    pub async fn stored(&self, filter: &str) -> u64 {
        let stream = self.bus.jetstream().get_stream(STREAM).await.unwrap();
        let info = stream.info_builder().subjects(filter).fetch().await.unwrap();
        let subjects: Vec<(String, usize)> = info.try_collect().await.unwrap();
        subjects.iter().map(|(_, count)| *count as u64).sum()
    }

    pub async fn durable(&self) -> consumer::Info {
        let jetstream = self.bus.jetstream();
        let found: consumer::Consumer<consumer::Config> =
            jetstream.get_consumer_from_stream("classifier", STREAM).await.unwrap();
        found.cached_info().clone()
    }

    /// Whether the durable has nothing left to do.
    pub async fn is_done(&self) -> bool {
        let info = self.durable().await;
        info.num_pending == 0 && info.num_ack_pending == 0
    }

    pub async fn until_done(&self) {
        eventually("the durable is empty", || self.is_done()).await;
    }

    pub async fn dead_letter(&self, code: Code, id: &str) -> Option<DeadLetter> {
        let subject = subject::dead_letter(Service::Classifier, code, id);
        let stored = self.bus.direct_get(DEAD_LETTER_STREAM, &subject).await.unwrap()?;
        Some(serde_json::from_slice(&stored.payload).unwrap())
    }

    pub async fn until_dead(&self, code: Code, id: &str) -> DeadLetter {
        eventually("there is a dead letter", || async { self.dead_letter(code, id).await.is_some() }).await;
        self.dead_letter(code, id).await.unwrap()
    }
}

pub fn received(id: i64, generation: u32) -> Received {
    Received {
        message: Message {
            id: MessageId(id),
            generation,
            received_at: Utc::now(),
            source: "http".into(),
            customer: None,
            text: "two burgers, please".into(),
        },
        trail: Vec::new(),
    }
}

pub fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(*name, *value);
    }
    headers
}

pub fn generation(stored: &Stored) -> &str {
    stored.headers.get(header::GENERATION).unwrap().as_str()
}

/// Waits for what must come, and says what did not.
pub async fn eventually<F, Fut>(what: &str, mut check: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let waiting = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(),
        "in vain waited for: {what}"
    );
}

pub async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
