//! All SQL of the line: one file a table family.
//!
//! Every query is checked against the tables when it is compiled: against the database that
//! `DATABASE_URL` names, or else against what `cargo xtask sqlx-prepare` left in `.sqlx/`.
//!
//! | file | tables |
//! |---|---|
//! | [`messages`] | `messages`: intake, relay, reconciliation |
//! | [`menu`] | `menu_version`, `menu_items`, `menu_options` |
//! | [`sold_out`] | `sold_out` |
//! | [`registration`] | what stands about a message, over the families below |
//! | [`orders`] | `orders`, `order_items` |
//! | [`pace`] | `orders`, as far as a customer and a minute may have them |
//! | [`kitchen`] | `order_steps`, and `orders.state` |
//! | [`reviews`] | `reviews` |
//! | [`enquiries`] | `enquiries` |
//! | [`knowledge`] | `knowledge`: what the house has written down for customers |
//! | [`answers`] | `answers`: what people answered, and the drafts of `knowledge` that come of it |
//! | [`proposals`] | `proposals`: what the answerer would answer |
//! | [`notifications`] | `notifications` |
//! | [`replies`] | `replies`, `reply_channels`: what customers are told |
//! | [`simulation`] | `simulations` |
//! | [`watched`] | `watched_files` |
//! | [`report`] | a day in figures, over all of them |
//! | [`customers`] | what is known of a customer, and how it is forgotten |
//! | [`daily`] | `daily_exports` |
//! | [`ledger`] | whether all of them agree |
//! | [`dashboard`] | what the web page lists over all of them, and a new class |
//!
//! ```no_run
//! # async fn example() -> Result<(), store::Error> {
//! use store::Store;
//! use store::messages::NewMessage;
//!
//! let store = Store::connect("postgres://greenbite_ingest@localhost/greenbite", 4).await?;
//! let message = NewMessage {
//!     source: "http".to_owned(),
//!     external_id: Some("order-7".to_owned()), // sent twice, it is one message
//!     customer: None,
//!     text: "Two veggie burgers please".to_owned(),
//!     received_at: None,
//! };
//! println!("message {} is safe", store.insert_message(&message).await?.id);
//! # Ok(())
//! # }
//! ```

pub mod answers;
pub mod customers;
pub mod daily;
pub mod dashboard;
pub mod enquiries;
pub mod error;
pub mod group;
pub mod housekeeping;
pub mod kitchen;
pub mod knowledge;
pub mod ledger;
pub mod menu;
pub mod messages;
pub mod notifications;
pub mod orders;
pub mod pace;
pub mod proposals;
pub mod registration;
pub mod replies;
pub mod report;
pub mod reviews;
pub mod roles;
pub mod simulation;
pub mod sold_out;
pub mod watched;

use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

pub use error::Error;

/// How long a caller waits for a free connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was idle for longer is tried before it is used: the server may have restarted.
const IDLE_BEFORE_TEST: Duration = Duration::from_secs(1);
/// A connection that was idle for longer is closed: others may need its place.
const IDLE_BEFORE_CLOSE: Duration = Duration::from_secs(60);

/// The database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
}

/// An answer of the database that is waited for.
pub type Ping = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

impl Store {
    /// The database at `url`, with at most so many connections.
    ///
    /// The address is read; connections are made when they are needed, so that a service can
    /// start before its database does. [`Store::ping`] says whether it is there.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Store, Error> {
        let options = PgConnectOptions::from_str(url).map_err(|_| Error::address())?;
        // Every statement of the line finds its rows by key. A new database has no statistics yet: its plans would
        // read whole tables, and be kept while the tables grow.
        let options = options
            .application_name("greenbite")
            .options([("enable_seqscan", "off")])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(max_connections.max(1))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(IDLE_BEFORE_CLOSE)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > IDLE_BEFORE_TEST {
                        return Ok(connection.ping().await.is_ok());
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Store { pool })
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), Error> {
        sqlx::query!("SELECT 1 AS one").fetch_one(&self.pool).await?;
        Ok(())
    }

    /// [`Store::ping`] as a probe that can be asked again and again.
    pub fn probe(&self) -> impl Fn() -> Ping + Send + Sync + 'static {
        let store = self.clone();
        move || {
            let store = store.clone();
            Box::pin(async move { store.ping().await })
        }
    }

    /// Brings the tables up to this version; does nothing where they are.
    pub async fn migrate(&self) -> Result<(), Error> {
        sqlx::migrate!("../../migrations").run(&self.pool).await?;
        Ok(())
    }

    /// A transaction that reads: all its questions are about the same moment, and about whole tables, which are read in
    /// order.
    pub(crate) async fn snapshot(&self) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, Error> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_seqscan = on";
        Ok(self.pool.begin_with(BEGIN).await?)
    }

    /// Closes the connections; what is under way ends first.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
