//! Private servers, and the command with the settings by which it finds them.

use std::path::{Path, PathBuf};
use std::process::Command;

use contracts::topology::{OPERATOR, PROVISION};
use contracts::{MessageId, Service};
use runtime::{Bus, Secret};
use serde_json::Value;
use sqlx::Connection;
use store::Store;
use store::messages::NewMessage;
use store::roles::role_of;
use testkit::{Memcached, Nats, Postgres};
use tokio::sync::Mutex;

/// Roles belong to the whole server: one test at a time makes them.
static ROLES: Mutex<()> = Mutex::const_new(());
/// Nothing of it is taken for a part of a URL.
const PASSWORD: &str = "b@r/g:e?r#%41&password=x 'ü";

pub struct Site {
    pub nats: Nats,
    pub memcached: Memcached,
    /// As the tables' owner.
    pub store: Store,
    pub bus: Bus,
    pub folder: tempfile::TempDir,
    owner: String,
    operator: String,
}

/// What a command said, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

impl Site {
    /// Servers, provisioned.
    pub async fn new() -> Site {
        let site = Site::bare().await;
        {
            let _one_at_a_time = ROLES.lock().await;
            site.run(&["provision"]).await.ok();
            site.store.set_role_password(Service::Greenbite, PASSWORD).await.unwrap();
        }
        site
    }

    /// Servers without stream, durables or tables.
    pub async fn bare() -> Site {
        let (nats, memcached) = tokio::try_join!(Nats::with_users(), Memcached::start()).unwrap();
        let postgres = Postgres::shared().await.unwrap();
        let owner = postgres.empty_database().await.unwrap();
        let name = owner.rsplit('/').next().unwrap();
        let operator = postgres.url_as(&role_of(Service::Greenbite), "overridden", name);
        let settings = runtime::Nats {
            url: nats.url(),
            user: Some("provision".into()),
            password: nats.password("provision").map(Secret::new),
            ..runtime::Nats::default()
        };
        Site {
            bus: Bus::connect("greenbite", &settings).await.unwrap(),
            store: Store::connect(&owner, 4).await.unwrap(),
            nats,
            memcached,
            folder: tempfile::tempdir().unwrap(),
            owner,
            operator,
        }
    }

    /// Runs the command in the site's folder: to provision as the tables' owner and the bus's user for that, else as
    /// the operator, who is neither.
    pub async fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, &[]).await
    }

    /// As [`Site::run`], with variables that differ.
    pub async fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenbite"));
        let (database, user) = match arguments[0] {
            "provision" => (&self.owner, PROVISION),
            _ => (&self.operator, OPERATOR),
        };
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("GREENBITE_NATS__URL", self.nats.url())
            .env("GREENBITE_NATS__PASSWORD", self.nats.password(user).unwrap())
            .env("GREENBITE_DATABASE__URL", database)
            .env("GREENBITE_MEMCACHED__ADDRESS", self.memcached.address());
        if user == OPERATOR {
            command.env("GREENBITE_DATABASE__PASSWORD", PASSWORD);
        }
        command.envs(variables.iter().copied());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub async fn message(&self, text: &str) -> MessageId {
        let message = NewMessage {
            source: "test".into(),
            external_id: None,
            customer: None,
            text: text.into(),
            received_at: None,
        };
        self.store.insert_message(&message).await.unwrap().id
    }

    /// As the relay does, without a relay.
    pub async fn mark_relayed(&self) {
        let mut batch = self.store.relay_batch(1_000).await.unwrap();
        let ids: Vec<MessageId> = batch.messages().iter().map(|message| message.id).collect();
        batch.mark_published(&ids).await.unwrap();
        batch.commit().await.unwrap();
    }

    /// Statements as the tables' owner.
    pub async fn sql(&self, statements: &str) {
        let mut owner = sqlx::PgConnection::connect(&self.owner).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut owner).await.unwrap();
    }

    /// The texts of all messages, in their order.
    pub async fn texts(&self) -> Vec<String> {
        let total = self.store.counts().await.unwrap().total() as usize;
        let (mut texts, mut id) = (Vec::new(), 0);
        while texts.len() < total {
            // Ids that a repeated row drew are missing.
            id += 1;
            texts.extend(self.store.message(MessageId(id)).await.unwrap().map(|row| row.message.text));
        }
        texts
    }
}

/// A file of the repository.
pub fn repository(path: &str) -> String {
    Path::new(&testkit::repository()).join(path).display().to_string()
}
