//! Messages a second through one trivial stage, by number of lanes, against a private server.
//!
//! `cargo run --release -p runtime --example throughput -- [messages] [lanes ...]`

use std::time::{Duration, Instant};

use contracts::topology::{CLASSIFIER, STREAM};
use contracts::{Classified, ConsumerSpec, Decision, Message, MessageId, Received, Service, Topic};
use futures::StreamExt;
use runtime::{Bus, Context, LaneCount, Outcome, Settings, Stage, StageError, Trace};

struct Hungry;

impl Stage for Hungry {
    const SPEC: &'static ConsumerSpec = &CLASSIFIER;
    type In = Received;

    async fn handle(&self, event: Received, _cx: &Context) -> Result<Outcome, StageError> {
        let Received { message, trail } = event;
        let order = Classified { message, language: "en".into(), topic: None, trail };
        Ok(Outcome::publish(
            Topic::ClassifiedOrder,
            order,
            Decision::by_rules("order", "everybody is hungry"),
        ))
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let (messages, lanes) = match numbers.split_first() {
        Some((messages, lanes)) if !lanes.is_empty() => (*messages, lanes.to_vec()),
        Some((messages, _)) => (*messages, vec![2, 4, 16]),
        None => (10_000, vec![2, 4, 16]),
    };
    println!("{:>6} {:>12} {:>22} {:>10}", "lanes", "messages/s", "CPU s per 1,000, ours", "RSS MiB");
    for lanes in lanes {
        let nats = testkit::Nats::start().await?;
        let mut settings = Settings::default();
        settings.nats.url = nats.url();
        settings.lanes.default = LaneCount::Fixed(lanes);
        let bus = Bus::connect("load", &settings.nats).await?;
        runtime::provision(&bus, &settings.line).await?;
        futures::stream::iter(1..=messages as i64)
            .map(|id| {
                let bus = bus.clone();
                async move {
                    let trace = Trace::start();
                    bus.publish_event("ingest", Topic::ReceivedMessage, &received(id), &trace).await
                }
            })
            .buffer_unordered(256)
            .for_each(async |published| {
                if let Err(error) = published {
                    eprintln!("{error}");
                }
            })
            .await;
        let (started, busy) = (Instant::now(), cpu());
        let running = runtime::start(Service::Classifier, settings, (), async |app| {
            app.stage(Hungry);
            Ok(())
        })
        .await?;
        while running.report()["stages"][0]["processed"] != messages {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (took, busy) = (started.elapsed(), cpu() - busy);
        running.stop().await?;
        let stored = bus.jetstream().get_stream(STREAM).await?.cached_info().state.messages;
        anyhow::ensure!(stored == 2 * messages as u64, "{stored} events instead of {}", 2 * messages);
        println!(
            "{lanes:>6} {:>12.0} {:>22.3} {:>10.1}",
            messages as f64 / took.as_secs_f64(),
            busy / messages as f64 * 1_000.0,
            resident_mib()
        );
    }
    Ok(())
}

fn received(id: i64) -> Received {
    let message = Message {
        id: MessageId(id),
        generation: 1,
        received_at: chrono::Utc::now(),
        source: "simulation".into(),
        customer: None,
        text: "Two large cheeseburgers with extra onions and a small lemonade without ice, please.".into(),
    };
    Received { message, trail: Vec::new() }
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF);
    usage.map_or(0.0, |usage| {
        [usage.user_time(), usage.system_time()]
            .iter()
            .map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6)
            .sum()
    })
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0.0) / 1024.0
}
