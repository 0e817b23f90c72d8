//! Settings: defaults in code ← `greenbite.toml` ← environment.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono_tz::Tz;
use contracts::topology::{CONSUMERS, Limits};
use contracts::{ConsumerSpec, Service};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::hours::Hours;
use crate::secret::Secret;

/// What all services have in common; a station's own table is its `Config`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The bus.
    pub nats: Nats,
    /// PostgreSQL.
    pub database: Database,
    /// The menu's cache.
    pub memcached: Memcached,
    /// Health over HTTP.
    pub http: Http,
    /// Sizes and times of stream and durables, as `greenbite provision` asks the server for them.
    pub line: Limits,
    /// How many messages a service works on at once.
    pub lanes: Lanes,
    /// What happens to a message whose handler failed in passing.
    pub retry: Retry,
    /// The process itself.
    pub process: Process,
    /// Logs, traces and metrics.
    pub telemetry: Telemetry,
    /// The house itself.
    pub restaurant: Restaurant,
}

/// The house itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Restaurant {
    /// Of the menu's prices: a sign (`$`), printed before an amount, or a code (`EUR`), printed after it.
    pub currency: String,
    /// Where its days begin, and the zone of times that come without an offset.
    pub timezone: Tz,
    /// When it is open, by its own clock; empty for always.
    pub hours: Hours,
    /// Minutes before it closes from which on no order is taken.
    pub last_orders_minutes: u32,
    /// What is no normal order: a person looks at it.
    pub limits: OrderLimits,
}

impl Default for Restaurant {
    fn default() -> Self {
        Restaurant {
            currency: "$".to_owned(),
            timezone: Tz::UTC,
            hours: Hours::default(),
            last_orders_minutes: 0,
            limits: OrderLimits::default(),
        }
    }
}

/// Beyond these an order waits for a person; 0 for no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderLimits {
    /// Pieces of one line.
    pub line_pieces: u32,
    /// Pieces of an order.
    pub order_pieces: u32,
    /// What an order comes to, in cents.
    pub order_cents: i64,
    /// Orders of one customer within a minute.
    pub customer_a_minute: u32,
    /// Orders of all customers within a minute.
    pub all_a_minute: u32,
}

impl Default for OrderLimits {
    fn default() -> Self {
        // An office's lunch passes. No kitchen cooks a thousand orders a minute, but a demonstration plays a month.
        OrderLimits {
            line_pieces: 50,
            order_pieces: 100,
            order_cents: 100_000,
            customer_a_minute: 5,
            all_a_minute: 1_000,
        }
    }
}

/// The bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nats {
    /// Where; several separated by commas.
    pub url: String,
    /// As whom; the service's name where it is missing and there is a password.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// How long an answer of the server may take, in milliseconds.
    pub request_timeout_ms: u64,
}

impl Default for Nats {
    fn default() -> Self {
        Nats {
            url: "nats://127.0.0.1:4222".to_owned(),
            user: None,
            password: None,
            request_timeout_ms: 5_000,
        }
    }
}

/// PostgreSQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Database {
    /// Where and as whom: `postgres://user:password@host/database`. As settings are read, the password below is put
    /// into it.
    pub url: Secret,
    /// The password, as it is: whatever characters it has, none is taken for a part of the URL.
    pub password: Option<Secret>,
    /// Connections that the process may open. It opens them when it needs them and closes those that are idle.
    pub max_connections: u32,
}

impl Default for Database {
    fn default() -> Self {
        Database {
            url: Secret::new("postgres://greenbite@127.0.0.1:5432/greenbite"),
            password: None,
            max_connections: 4,
        }
    }
}

impl Database {
    /// How many connections a service can make use of.
    ///
    /// PostgreSQL takes 97 beside the superuser's by default, and 35 busy replicas, five of each station, shall fit
    /// with the page, a replier and an operator: 5 x (4 + 2 + 2 + 2 + 3 + 1 + 2) + 6 + 4 + 4 = 94.
    pub(crate) fn connections_of(service: Service) -> u32 {
        match service {
            // One listens for new messages, one relays; the doors and the house share the others.
            Service::Ingest => 4,
            // They read the menu when it changes, and a sign of life must not wait for that.
            Service::Classifier | Service::Extractor | Service::MenuValidator => 2,
            // One transaction at a time for each kind of outcome, and orders, enquiries and the rest come together.
            Service::Registrar => 3,
            // One statement an enquiry, and finding the answer takes longer.
            Service::Answerer => 1,
            // One transaction claims while another one marks.
            Service::Notifier => 2,
            // Each channel claims and notes; Telegram's door has a key, and takes messages in.
            Service::Replier => 4,
            // One process for all browsers.
            Service::Dashboard => 6,
            Service::Greenbite => 4,
        }
    }

    /// Puts the password, where there is one, into the URL, in place of the one that is there.
    pub(crate) fn join(&mut self) -> Result<(), String> {
        let Some(password) = self.password.as_ref().filter(|password| !password.expose().is_empty()) else {
            return Ok(());
        };
        // Neither the address nor the reason is quoted: it may hold a password of its own.
        let mut url = url::Url::parse(self.url.expose()).map_err(|_| {
            "database.url cannot be read; it looks like postgres://user@host:5432/greenbite".to_owned()
        })?;
        // As a parameter it holds for sockets too, which have no host to stand before.
        url.query_pairs_mut().append_pair("password", password.expose());
        self.url = Secret::new(url);
        Ok(())
    }
}

/// The menu's cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memcached {
    /// Where: `host:port`.
    pub address: String,
}

impl Default for Memcached {
    fn default() -> Self {
        Memcached { address: "127.0.0.1:11211".to_owned() }
    }
}

/// Health over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Http {
    /// Where to listen; port 0 takes any free one and prints it.
    pub listen: String,
}

impl Default for Http {
    fn default() -> Self {
        Http { listen: "127.0.0.1:0".to_owned() }
    }
}

/// How many messages a service works on at once, by service (`classifier`) or durable (`registrar-order`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lanes {
    /// For services without a number of their own.
    pub default: LaneCount,
    /// How long a handler may take, in milliseconds, before the message is tried again.
    pub deadline_ms: u64,
    /// A number of their own for services (shared by their durables) and durables.
    #[serde(flatten)]
    pub each: BTreeMap<String, LaneCount>,
}

impl Default for Lanes {
    fn default() -> Self {
        Lanes { default: LaneCount::Auto, deadline_ms: 20_000, each: BTreeMap::new() }
    }
}

impl Lanes {
    /// How long a handler may take.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// The number that was set for this durable itself.
    pub(crate) fn of_durable(&self, spec: &ConsumerSpec) -> Option<LaneCount> {
        let own = spec.durable != spec.service.as_str();
        own.then(|| self.lookup(spec.durable)).flatten()
    }

    /// The number that was set for this service, or the default.
    pub(crate) fn of_service(&self, service: Service) -> LaneCount {
        self.lookup(service.as_str()).unwrap_or(self.default)
    }

    /// Environment variables cannot hold a dash, so `registrar_order` is `registrar-order`.
    fn lookup(&self, name: &str) -> Option<LaneCount> {
        self.each.iter().find(|(key, _)| key.replace('_', "-") == name).map(|(_, count)| *count)
    }
}

/// A number of lanes, or `auto`: from cores, the open-file limit and the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LaneCount {
    /// From cores, the open-file limit and the load.
    #[default]
    Auto,
    /// This many.
    Fixed(usize),
}

impl Serialize for LaneCount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            LaneCount::Auto => serializer.serialize_str("auto"),
            LaneCount::Fixed(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for LaneCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AutoOrNumber;
        impl Visitor<'_> for AutoOrNumber {
            type Value = LaneCount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"auto\" or a number of lanes")
            }
            fn visit_u64<E: de::Error>(self, count: u64) -> Result<LaneCount, E> {
                usize::try_from(count).map(LaneCount::Fixed).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, count: i64) -> Result<LaneCount, E> {
                usize::try_from(count).map(LaneCount::Fixed).map_err(E::custom)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<LaneCount, E> {
                match text.trim() {
                    "auto" => Ok(LaneCount::Auto),
                    number => number
                        .parse()
                        .map(LaneCount::Fixed)
                        .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(AutoOrNumber)
    }
}

/// What happens to a message whose handler failed in passing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// How often a message is tried before it becomes a dead letter.
    pub tries: u32,
    /// Pause after the first failure, in milliseconds; it doubles with each further one.
    pub first_ms: u64,
    /// The longest pause, in milliseconds.
    pub most_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { tries: 8, first_ms: 500, most_ms: 30_000 }
    }
}

/// The process itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Threads of the async runtime.
    pub threads: usize,
    /// How long running handlers may go on after SIGTERM, in milliseconds.
    pub grace_ms: u64,
    /// How often the dependencies are probed, in milliseconds.
    pub probe_ms: u64,
}

impl Default for Process {
    fn default() -> Self {
        // One is enough for what waits most of the time, and takes less memory; for more there are replicas.
        Process { threads: 1, grace_ms: 8_000, probe_ms: 5_000 }
    }
}

/// Logs; traces and metrics are exported only where OTEL_EXPORTER_OTLP_ENDPOINT is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Telemetry {
    /// What is logged: `info`, or by module: `info,runtime=debug`. RUST_LOG wins.
    pub log: String,
    /// `auto` (JSON unless stdout is a terminal), `json` or `text`.
    pub format: LogFormat,
    /// What this installation is, for whoever receives traces, metrics and logs of several: `production`, `class`.
    pub environment: String,
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry { log: "info".to_owned(), format: LogFormat::Auto, environment: "development".to_owned() }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// JSON unless stdout is a terminal.
    Auto,
    /// JSON.
    Json,
    /// For people.
    Text,
}

/// A table of settings that can be checked, described, and may hold secrets.
pub trait Validate {
    /// What each setting means, by its path in the table: shown by `--help`.
    const HELP: &'static [(&'static str, &'static str)] = &[];
    /// Paths of the secrets in the table (`webhooks.order`): each can also be given as `<path>_file`.
    const SECRETS: &'static [&'static str] = &[];

    /// Contradictions within the table, or with the common settings, in one sentence with what to do.
    fn validate(&self, settings: &Settings) -> Result<(), String> {
        let _ = settings;
        Ok(())
    }
}

impl Validate for () {}

impl Validate for Settings {
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("nats.url", "the bus; several servers separated by commas"),
        ("nats.user", "user of the bus; the service's name where only a password is set"),
        ("nats.password", "its password"),
        ("nats.request_timeout_ms", "how long an answer of the bus may take"),
        ("database.url", "PostgreSQL, with user and, unless it is given apart, password"),
        ("database.password", "its password, whatever characters it has; overrides the one in the URL"),
        (
            "database.max_connections",
            "connections that the process may open, when it needs them; five replicas of each station fit PostgreSQL's 100",
        ),
        ("memcached.address", "the menu's cache"),
        ("http.listen", "where /healthz and /readyz are; port 0 takes any free one and prints it"),
        ("line.ack_wait_ms", "how long a delivered message may go without a sign of life"),
        ("line.max_deliver", "deliveries after which the server gives up on a message"),
        ("line.max_ack_pending", "messages in work at once, over all replicas of a durable"),
        ("line.max_bytes", "bytes that the line's stream may hold"),
        ("line.dead_letter_max_bytes", "bytes that the dead letters may hold"),
        ("line.max_age_hours", "age at which an event is dropped"),
        ("line.duplicate_window_s", "how long the server remembers message ids"),
        ("lanes.default", "messages that a service works on at once: a number or auto"),
        ("lanes.deadline_ms", "how long a handler may take; below line.ack_wait_ms"),
        ("retry.tries", "how often a message is tried before it becomes a dead letter"),
        ("retry.first_ms", "pause after the first failure; doubles with each further one"),
        ("retry.most_ms", "the longest pause"),
        ("process.threads", "threads of the async runtime"),
        ("process.grace_ms", "how long running handlers may go on after SIGTERM"),
        ("process.probe_ms", "how often the dependencies are probed"),
        ("telemetry.log", "what is logged: info, or by module: info,runtime=debug; RUST_LOG wins"),
        ("telemetry.format", "auto (JSON unless stdout is a terminal), json or text"),
        (
            "telemetry.environment",
            "deployment.environment.name of what is sent to OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
        ("restaurant.currency", "a sign, printed before an amount ($), or a code, printed after it (EUR)"),
        (
            "restaurant.timezone",
            "where its days begin, and the zone of times without an offset: Europe/Berlin",
        ),
        (
            "restaurant.hours",
            "when orders are taken, as OpenStreetMap writes it: Mo-Fr 11:30-14:00,17:30-22:00; Sa 17:00-01:00; empty for always",
        ),
        ("restaurant.last_orders_minutes", "minutes before closing from which on orders wait for a person"),
        (
            "restaurant.limits.line_pieces",
            "pieces of one item beyond which an order waits for a person; 0: no limit",
        ),
        (
            "restaurant.limits.order_pieces",
            "pieces of an order beyond which it waits for a person; 0: no limit",
        ),
        (
            "restaurant.limits.order_cents",
            "cents of an order beyond which it waits for a person; 0: no limit",
        ),
        (
            "restaurant.limits.customer_a_minute",
            "orders of one customer within a minute beyond which they wait for a person; 0: no limit",
        ),
        (
            "restaurant.limits.all_a_minute",
            "orders of all customers within a minute beyond which they wait for a person; 0: no limit",
        ),
    ];
    const SECRETS: &'static [&'static str] = &["nats.password", "database.url", "database.password"];

    fn validate(&self, _: &Settings) -> Result<(), String> {
        let known =
            |name: &str| CONSUMERS.iter().any(|spec| spec.durable == name || spec.service.as_str() == name);
        if let Some(name) = self.lanes.each.keys().find(|name| !known(&name.replace('_', "-"))) {
            return Err(format!("lanes.{name}: there is neither a service nor a durable of that name"));
        }
        for (name, count) in self.lanes.each.iter().chain([(&"default".to_owned(), &self.lanes.default)]) {
            if let LaneCount::Fixed(count) = count {
                if !(2..=crate::lanes::MOST).contains(count) {
                    return Err(format!(
                        "lanes.{name} = {count}: a number from 2 to {} is wanted",
                        crate::lanes::MOST
                    ));
                }
                if *count as i64 > self.line.max_ack_pending {
                    return Err(format!(
                        "lanes.{name} = {count} is more than line.max_ack_pending = {}: the rest could never work; \
                         lower the one or raise the other",
                        self.line.max_ack_pending
                    ));
                }
            }
        }
        let positive = [
            ("lanes.deadline_ms", self.lanes.deadline_ms),
            ("line.ack_wait_ms", self.line.ack_wait_ms),
            ("line.max_age_hours", self.line.max_age_hours),
            ("line.duplicate_window_s", self.line.duplicate_window_s),
            ("nats.request_timeout_ms", self.nats.request_timeout_ms),
            ("retry.tries", self.retry.tries.into()),
            ("retry.first_ms", self.retry.first_ms),
            ("process.threads", self.process.threads as u64),
            ("process.probe_ms", self.process.probe_ms),
            ("database.max_connections", self.database.max_connections.into()),
            ("line.max_bytes", u64::try_from(self.line.max_bytes).unwrap_or(0)),
            ("line.dead_letter_max_bytes", u64::try_from(self.line.dead_letter_max_bytes).unwrap_or(0)),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} must be more than 0"));
        }
        if self.lanes.deadline_ms > self.line.ack_wait_ms {
            return Err(format!(
                "lanes.deadline_ms = {} is beyond line.ack_wait_ms = {}: a handler could still run when another lane \
                 gets its message; lower the one or raise the other",
                self.lanes.deadline_ms, self.line.ack_wait_ms
            ));
        }
        if self.restaurant.limits.order_cents < 0 {
            return Err("restaurant.limits.order_cents is below 0; 0 is for no limit".to_owned());
        }
        if self.restaurant.last_orders_minutes > 24 * 60 {
            return Err("restaurant.last_orders_minutes is more than a day".to_owned());
        }
        if self.retry.most_ms < self.retry.first_ms {
            return Err(format!(
                "retry.most_ms = {} is below retry.first_ms = {}",
                self.retry.most_ms, self.retry.first_ms
            ));
        }
        if self.line.max_ack_pending < 2 {
            return Err(format!(
                "line.max_ack_pending = {}: at least 2 is wanted, one for each of two lanes",
                self.line.max_ack_pending
            ));
        }
        if self.line.max_deliver < 3 {
            return Err(format!(
                "line.max_deliver = {}: at least 3 is wanted, or a message would be given up before it was tried twice",
                self.line.max_deliver
            ));
        }
        if self.line.duplicate_window_s > self.line.max_age_hours.saturating_mul(3_600) {
            return Err(format!(
                "line.duplicate_window_s = {} is beyond line.max_age_hours = {}: the server refuses that",
                self.line.duplicate_window_s, self.line.max_age_hours
            ));
        }
        if i64::from(self.retry.tries) >= self.line.max_deliver {
            return Err(format!(
                "retry.tries = {} is not below line.max_deliver = {}: the server would give up on a message before \
                 the service does; lower the one or raise the other",
                self.retry.tries, self.line.max_deliver
            ));
        }
        Ok(())
    }
}
