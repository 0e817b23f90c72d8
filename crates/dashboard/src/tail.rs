//! Follows a stream and hands what passes to the hub.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures::StreamExt;
use runtime::Bus;

use crate::hub::{Hub, Passed};

/// Events from before the start that the page shows right away.
const BACKLOG: u64 = 2_000;
/// How often the stream is asked whether it is still the same one.
const LOOK_AFTER: Duration = Duration::from_secs(2);
/// A pause before trying again.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows a stream for ever; one that is away or began anew is found again.
///
/// `known` is the last sequence that was handed on, so that a new connection goes on behind it.
pub async fn follow(bus: Bus, stream: &'static str, hub: Arc<Hub>, pass: impl Fn(Passed)) {
    let mut known = 0;
    let mut said = false;
    loop {
        match follow_once(&bus, stream, &hub, &mut known, &pass).await {
            Ok(()) => said = false,
            Err(reason) if !said => {
                tracing::warn!(stream, "cannot follow the stream, trying again: {reason}");
                said = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow_once(
    bus: &Bus,
    name: &str,
    hub: &Hub,
    known: &mut u64,
    pass: &impl Fn(Passed),
) -> Result<(), async_nats::Error> {
    let mut stream = bus.jetstream().get_stream(name).await?;
    let last = stream.cached_info().state.last_sequence;
    if last < *known {
        // A stream that ends before what we have seen is another one: it was wiped.
        hub.clear();
        *known = 0;
    }
    let start = if *known == 0 { last.saturating_sub(BACKLOG) + 1 } else { *known + 1 };
    let consumer = stream
        .create_consumer(pull::OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start },
            ..Default::default()
        })
        .await?;
    let mut messages = consumer.messages().await?;
    let mut look = tokio::time::interval(LOOK_AFTER);
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return Ok(()) };
                let message = message?;
                let info = message.info()?;
                let (seq, at) = (info.stream_sequence, (info.published.unix_timestamp_nanos() / 1_000_000) as i64);
                let headers = message.headers.as_ref().map(|headers| {
                    headers.iter().map(|(name, values)| {
                        (name.to_string(), values.iter().map(|value| value.as_str().to_owned()).collect())
                    }).collect()
                });
                *known = seq;
                pass(Passed::new(seq, message.subject.to_string(), at, headers.unwrap_or_default(), message.payload.clone()));
            }
            _ = look.tick() => {
                if stream.info().await?.state.last_sequence < *known {
                    return Ok(());
                }
            }
        }
    }
}
