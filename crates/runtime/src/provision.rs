//! Stream and durables on the server, as `contracts::topology` has them.
//!
//! Provisioning may be repeated at any time: it creates what is missing and updates what is
//! different. Old servers drop settings that they do not know without a word, so what comes back
//! is compared with what was asked for.

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode, stream::ConsumerErrorKind};
use contracts::subject::{DEAD_LETTERS, TAP};
use contracts::topology::{
    ADVISORY_DURABLE, CONSUMERS, DEAD_LETTER_STREAM, Limits, MAX_DELIVERIES_ADVISORY, MAX_EVENT_BYTES, STREAM,
};
use contracts::{Code, ConsumerSpec};

use crate::bus::Bus;
use crate::error::StartError;

/// Lanes of all replicas of a durable that may wait for a message at once.
const MAX_WAITING: i64 = 512;
/// Room for headers beside the largest event.
const HEADER_ROOM: usize = 8 * 1024;

/// What provisioning found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What it created.
    pub created: Vec<String>,
    /// What it changed.
    pub updated: Vec<String>,
    /// What was as wanted.
    pub unchanged: Vec<String>,
    /// What the server has otherwise than it was asked to.
    pub differences: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, names) in
            [("created", &self.created), ("updated", &self.updated), ("as wanted", &self.unchanged)]
        {
            if !names.is_empty() {
                writeln!(f, "{what}: {}", names.join(", "))?;
            }
        }
        self.differences.iter().try_for_each(|difference| writeln!(f, "DIFFERENT: {difference}"))
    }
}

/// Creates or updates both streams and all durables, and compares what the server has then.
///
/// Differences that are left are in the report; an error means that the server did not let us.
pub async fn provision(bus: &Bus, limits: &Limits) -> Result<Report, StartError> {
    bus.connected().await;
    let jetstream = bus.jetstream();
    let mut report = Report::default();
    for config in [line_stream(limits), dead_letter_stream(limits)] {
        provision_stream(&jetstream, config, &mut report).await?;
    }
    for spec in CONSUMERS {
        let config = durable(spec.durable, spec.input.filter(), limits);
        provision_durable(&jetstream, STREAM, config, &mut report).await?;
    }
    let advisories = durable(ADVISORY_DURABLE, MAX_DELIVERIES_ADVISORY, limits);
    provision_durable(&jetstream, DEAD_LETTER_STREAM, advisories, &mut report).await?;
    Ok(report)
}

fn line_stream(limits: &Limits) -> stream::Config {
    stream::Config {
        name: STREAM.to_owned(),
        description: Some("Every event of the line".to_owned()),
        subjects: vec![TAP.to_owned()],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        max_bytes: limits.max_bytes,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        max_age: Duration::from_secs(limits.max_age_hours * 3_600),
        max_message_size: (MAX_EVENT_BYTES + HEADER_ROOM) as i32,
        duplicate_window: Duration::from_secs(limits.duplicate_window_s),
        num_replicas: 1,
        allow_direct: true,
        ..stream::Config::default()
    }
}

fn dead_letter_stream(limits: &Limits) -> stream::Config {
    stream::Config {
        name: DEAD_LETTER_STREAM.to_owned(),
        description: Some("What the line could not handle".to_owned()),
        subjects: vec![DEAD_LETTERS.to_owned(), MAX_DELIVERIES_ADVISORY.to_owned()],
        max_bytes: limits.dead_letter_max_bytes,
        // A dead letter waits for a person, however long that takes.
        max_age: Duration::ZERO,
        max_message_size: -1,
        ..line_stream(limits)
    }
}

fn durable(name: &str, filter: &str, limits: &Limits) -> pull::Config {
    pull::Config {
        durable_name: Some(name.to_owned()),
        name: Some(name.to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: limits.ack_wait(),
        max_deliver: limits.max_deliver,
        filter_subject: filter.to_owned(),
        max_ack_pending: limits.max_ack_pending,
        max_waiting: MAX_WAITING,
        ..pull::Config::default()
    }
}

async fn provision_stream(
    jetstream: &Context,
    wanted: stream::Config,
    report: &mut Report,
) -> Result<(), StartError> {
    let name = wanted.name.clone();
    let label = format!("stream {name}");
    let failed = |error: &dyn fmt::Display| topology(format!("{label}: {error}"));
    let before = match jetstream.get_stream(&name).await {
        Ok(stream) => Some(stream.cached_info().config.clone()),
        Err(error) => match error.kind() {
            async_nats::jetstream::context::GetStreamErrorKind::JetStream(error)
                if error.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                None
            }
            _ => return Err(failed(&error)),
        },
    };
    let list = match &before {
        Some(before) if stream_differences(&wanted, before).is_empty() => &mut report.unchanged,
        Some(_) => {
            jetstream.update_stream(&wanted).await.map_err(|error| failed(&error))?;
            &mut report.updated
        }
        None => {
            jetstream.create_stream(wanted.clone()).await.map_err(|error| failed(&error))?;
            &mut report.created
        }
    };
    list.push(label.clone());
    let after = jetstream.get_stream(&name).await.map_err(|error| failed(&error))?;
    let found = stream_differences(&wanted, &after.cached_info().config);
    report.differences.extend(found.into_iter().map(|difference| format!("{label}: {difference}")));
    Ok(())
}

async fn provision_durable(
    jetstream: &Context,
    stream: &str,
    wanted: pull::Config,
    report: &mut Report,
) -> Result<(), StartError> {
    let name = wanted.durable_name.clone().unwrap_or_default();
    let label = format!("durable {name}");
    let failed = |error: &dyn fmt::Display| topology(format!("{label}: {error}"));
    let before = match find_durable(jetstream, stream, &name).await {
        Ok(found) => found,
        Err(error) => return Err(failed(&error)),
    };
    let list = match &before {
        Some(before) if durable_differences(&wanted, &before.config).is_empty() => &mut report.unchanged,
        Some(_) => &mut report.updated,
        None => &mut report.created,
    };
    list.push(label.clone());
    if !before.as_ref().is_some_and(|before| durable_differences(&wanted, &before.config).is_empty()) {
        jetstream.create_consumer_on_stream(wanted.clone(), stream).await.map_err(|error| failed(&error))?;
    }
    let after = find_durable(jetstream, stream, &name).await.map_err(|error| failed(&error))?;
    let found = match &after {
        Some(after) => durable_differences(&wanted, &after.config),
        None => vec!["is missing".to_owned()],
    };
    report.differences.extend(found.into_iter().map(|difference| format!("{label}: {difference}")));
    Ok(())
}

async fn find_durable(
    jetstream: &Context,
    stream: &str,
    name: &str,
) -> Result<Option<consumer::Info>, async_nats::jetstream::stream::ConsumerError> {
    match jetstream.get_consumer_from_stream::<consumer::Config, _, _>(name, stream).await {
        Ok(found) => Ok(Some(found.cached_info().clone())),
        Err(error) => match error.kind() {
            ConsumerErrorKind::JetStream(inner)
                if [ErrorCode::CONSUMER_NOT_FOUND, ErrorCode::STREAM_NOT_FOUND]
                    .contains(&inner.error_code()) =>
            {
                Ok(None)
            }
            _ => Err(error),
        },
    }
}

/// What a stage found when it looked for its durable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is there and as this version wants it, since this time (nanoseconds since 1970).
    Ready(u64),
    /// It, or its stream, does not exist.
    Missing,
    /// The bus did not say, for this reason.
    Unknown(String),
    /// It is there, but otherwise.
    Different(String),
}

/// Looks for the durable of a stage, with the rights of a station: one request, about this durable only.
pub(crate) async fn look_for(bus: &Bus, spec: &ConsumerSpec, limits: &Limits) -> Found {
    let name = spec.durable;
    match find_durable(&bus.jetstream(), STREAM, name).await {
        Ok(None) => Found::Missing,
        Ok(Some(found)) => {
            let differences = durable_differences(&durable(name, spec.input.filter(), limits), &found.config);
            match differences.is_empty() {
                true => Found::Ready(u64::try_from(found.created.unix_timestamp_nanos()).unwrap_or(0)),
                false => Found::Different(differences.join("; ")),
            }
        }
        Err(error) => Found::Unknown(error.to_string()),
    }
}

fn stream_differences(wanted: &stream::Config, found: &stream::Config) -> Vec<String> {
    let mut list = Differences::default();
    list.compare("subjects", &wanted.subjects, &found.subjects);
    list.compare("retention", &wanted.retention, &found.retention);
    list.compare("discard", &wanted.discard, &found.discard);
    list.compare("storage", &wanted.storage, &found.storage);
    list.compare("max_bytes", &wanted.max_bytes, &found.max_bytes);
    list.compare("max_age", &wanted.max_age, &found.max_age);
    list.compare("max_msg_size", &wanted.max_message_size, &found.max_message_size);
    list.compare("max_msgs", &wanted.max_messages, &found.max_messages);
    list.compare("max_msgs_per_subject", &wanted.max_messages_per_subject, &found.max_messages_per_subject);
    list.compare("duplicate_window", &wanted.duplicate_window, &found.duplicate_window);
    list.compare("allow_direct", &wanted.allow_direct, &found.allow_direct);
    list.0
}

fn durable_differences(wanted: &pull::Config, found: &consumer::Config) -> Vec<String> {
    let mut list = Differences::default();
    list.compare("filter_subject", &wanted.filter_subject, &found.filter_subject);
    list.compare("filter_subjects", &wanted.filter_subjects, &found.filter_subjects);
    list.compare("deliver_subject", &None, &found.deliver_subject);
    list.compare("deliver_policy", &wanted.deliver_policy, &found.deliver_policy);
    list.compare("ack_policy", &wanted.ack_policy, &found.ack_policy);
    list.compare("ack_wait", &wanted.ack_wait, &found.ack_wait);
    list.compare("max_deliver", &wanted.max_deliver, &found.max_deliver);
    list.compare("max_ack_pending", &wanted.max_ack_pending, &found.max_ack_pending);
    list.compare("max_waiting", &wanted.max_waiting, &found.max_waiting);
    list.compare("backoff", &wanted.backoff, &found.backoff);
    list.0
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare<T: PartialEq + fmt::Debug>(&mut self, name: &str, wanted: &T, found: &T) {
        if wanted != found {
            self.0.push(format!("{name} is {found:?}, wanted is {wanted:?}"));
        }
    }
}

fn topology(reason: impl fmt::Display) -> StartError {
    StartError::new(Code::Topology, reason)
}
