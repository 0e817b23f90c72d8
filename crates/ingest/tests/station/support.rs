//! A private bus with its users, provisioned, and a database with its roles.

use std::process::Command;
use std::time::Duration;

use contracts::topology::{Limits, STREAM};
use contracts::{MessageId, Service, Topic};
use ingest::Config;
use ingest::config::House;
use nix::sys::signal::Signal;
use runtime::{Bus, Running, Secret, Settings, StreamState};
use store::Store;
use store::messages::NewMessage;
use store::roles::role_of;
use testkit::{Nats, Postgres, Process, wait_until};
use tokio::sync::Mutex;

/// Roles belong to the whole server: one test at a time makes them.
static ROLES: Mutex<()> = Mutex::const_new(());
const PASSWORD: &str = "burger";
/// Longer than anything here takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);

pub struct Site {
    pub nats: Nats,
    /// As the tables' owner.
    pub store: Store,
    /// As the user who provisions.
    pub bus: Bus,
    database_as_ingest: String,
    pub folder: tempfile::TempDir,
}

impl Site {
    pub async fn new() -> Site {
        Site::with(&Limits::default()).await
    }

    pub async fn with(limits: &Limits) -> Site {
        runtime::use_ring(); // for the tests' own HTTP client
        let nats = Nats::with_users().await.unwrap();
        let postgres = Postgres::shared().await.unwrap();
        let url = postgres.database().await.unwrap();
        let store = Store::connect(&url, 4).await.unwrap();
        {
            let _one_at_a_time = ROLES.lock().await;
            store.apply_roles().await.unwrap();
            store.set_role_password(Service::Ingest, PASSWORD).await.unwrap();
        }
        let name = url.rsplit('/').next().unwrap();
        let database_as_ingest = postgres.url_as(&role_of(Service::Ingest), PASSWORD, name);
        let bus = Bus::connect("greenbite", &user(&nats, "provision")).await.unwrap();
        let report = runtime::provision(&bus, limits).await.unwrap();
        assert!(report.differences.is_empty(), "{report}");
        Site { nats, store, bus, database_as_ingest, folder: tempfile::tempdir().unwrap() }
    }

    pub fn settings(&self) -> Settings {
        let mut settings = Settings { nats: user(&self.nats, "ingest"), ..Settings::default() };
        settings.database.url = Secret::new(&self.database_as_ingest);
        settings
    }

    /// Ingest within this process.
    pub async fn start(&self, config: Config) -> Running {
        runtime::start(Service::Ingest, self.settings(), config, ingest::build).await.unwrap()
    }

    /// Ingest as a process of its own.
    pub fn spawn(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
        command
            .current_dir(self.folder.path())
            .env("GREENBITE_NATS__URL", self.nats.url())
            .env("GREENBITE_NATS__PASSWORD", self.nats.password("ingest").unwrap())
            .env("GREENBITE_DATABASE__URL", &self.database_as_ingest)
            .env("GREENBITE_INGEST__LISTEN", "")
            .env("GREENBITE_INGEST__BATCH", "20");
        Process::spawn("ingest", command, &self.folder.path().join("log"), Signal::SIGTERM).unwrap()
    }

    pub async fn insert(&self, texts: impl IntoIterator<Item = impl Into<String>>) -> Vec<MessageId> {
        let messages: Vec<NewMessage> = texts.into_iter().map(|text| message(text)).collect();
        let inserted = self.store.insert_messages(&messages).await.unwrap();
        inserted.into_iter().map(|inserted| inserted.id).collect()
    }

    pub async fn line(&self) -> StreamState {
        self.bus.stream_state(STREAM).await.unwrap()
    }

    /// Waits until nothing waits for the relay.
    pub async fn all_relayed(&self) {
        wait_until("all rows are relayed", SOON, || async {
            Ok((self.store.counts().await?.to_relay == 0).then_some(()))
        })
        .await
        .unwrap();
    }

    /// The generation of the event that stands on the message's first subject; 0 where there is none.
    pub async fn generation_on_the_bus(&self, id: MessageId) -> u32 {
        let event = self.bus.last_for(&Topic::ReceivedMessage.subject(id)).await.unwrap();
        event.map_or(0, |event| event.generation())
    }
}

fn user(nats: &Nats, name: &str) -> runtime::Nats {
    runtime::Nats {
        url: nats.url(),
        user: Some(name.to_owned()),
        password: nats.password(name).map(Secret::new),
        request_timeout_ms: 2_000,
    }
}

pub fn message(text: impl Into<String>) -> NewMessage {
    NewMessage {
        source: "test".into(),
        external_id: None,
        customer: None,
        text: text.into(),
        received_at: None,
    }
}

/// Only the relay: no door, no housekeeping.
pub fn relay_only() -> Config {
    Config {
        listen: String::new(),
        poll_ms: 200,
        house: House { every_s: 0, ..House::default() },
        ..Config::default()
    }
}
