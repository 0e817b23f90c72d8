//! A private bus with its users, provisioned, and a database with its roles.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use contracts::topology::{Limits, STREAM};
use contracts::{Code, DeadLetter, MessageId, Service, Topic};
use ingest::Config;
use ingest::config::House;
use nix::sys::signal::Signal;
use runtime::{Bus, Running, Secret, Settings, StreamState, dead_letter};
use sqlx::Connection;
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
    owner: String,
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
        let name = url.rsplit('/').next().unwrap().to_owned();
        let database_as_ingest = postgres.url_as(&role_of(Service::Ingest), PASSWORD, &name);
        let bus = Bus::connect("greenbite", &user(&nats, "provision")).await.unwrap();
        let report = runtime::provision(&bus, limits).await.unwrap();
        assert!(report.differences.is_empty(), "{report}");
        Site { nats, store, bus, owner: url, database_as_ingest, folder: tempfile::tempdir().unwrap() }
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
        self.spawn_with(&[], &self.folder.path().join("log"))
    }

    /// As [`Site::spawn`], with more variables and its log in this file.
    pub fn spawn_with(&self, variables: &[(&str, &str)], log: &Path) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
        command
            .current_dir(self.folder.path())
            .env("GREENBITE_NATS__URL", self.nats.url())
            .env("GREENBITE_NATS__PASSWORD", self.nats.password("ingest").unwrap())
            .env("GREENBITE_DATABASE__URL", &self.database_as_ingest)
            .env("GREENBITE_INGEST__LISTEN", "")
            .env("GREENBITE_INGEST__BATCH", "20")
            .envs(variables.iter().copied());
        Process::spawn("ingest", command, log, Signal::SIGTERM).unwrap()
    }

    pub async fn insert(&self, texts: impl IntoIterator<Item = impl Into<String>>) -> Vec<MessageId> {
        let messages: Vec<NewMessage> = texts.into_iter().map(|text| message(text)).collect();
        let inserted = self.store.insert_messages(&messages).await.unwrap();
        inserted.into_iter().map(|inserted| inserted.id).collect()
    }

    /// Statements as the tables' owner.
    pub async fn sql(&self, statements: &str) {
        let mut owner = sqlx::PgConnection::connect(&self.owner).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut owner).await.unwrap();
    }

    /// A dead letter about a message.
    pub async fn bury(&self, id: MessageId, payload: &str) {
        let letter = DeadLetter {
            service: Service::Classifier,
            code: Code::Panicked,
            reason: "It fell over.".into(),
            attempts: 2,
            at: chrono::Utc::now(),
            subject: Topic::ReceivedMessage.subject(id),
            headers: Default::default(),
            payload: dead_letter::payload(payload.as_bytes()),
            stream_sequence: Some(2),
            trace_id: None,
        };
        self.bus.publish_dead_letter(&letter, &format!("test-{id}")).await.unwrap();
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
