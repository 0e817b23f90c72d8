//! `cargo xtask bench line`: what the whole line reaches on this machine, as a ratio to what its servers reach
//! alone with the same work.
//!
//! Every figure of a run is verified before it is printed: as many orders as messages, none twice, each told of
//! once. Absolute figures are this machine's; judge by the ratios, which are taken inside one run.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use async_nats::HeaderMap;
use async_nats::jetstream::{self, consumer::pull};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use contracts::{Category, Channel, MessageId, RegisteredLine, Service};
use futures::StreamExt;
use store::Store;
use store::messages::NewMessage;
use store::notifications::{Claim, Sent};
use store::orders::{NewLine, NewOrder};
use testkit::line::Options;
use testkit::{Durability, Line, Nats, Postgres, wait_until};

/// What every customer writes: two items that are on the menu as they stand.
const TEXT: &str = "2 Classic Cheeseburgers and one French Fries please";
/// Lanes of a stage of the floor.
const LANES: usize = 16;
/// Messages that the floor writes together.
const CHUNK: usize = 16;
/// Connections that write to the database's floor at once.
const WRITERS: usize = 8;
/// How long a claim of the floor holds.
const LEASE: Duration = Duration::from_secs(20);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

struct Plan {
    orders: usize,
    replicas: Vec<usize>,
    rate: u64,
    steady: Duration,
    floor: usize,
}

fn plan() -> Plan {
    let mut plan = Plan {
        orders: 5_000,
        replicas: vec![1, 2, 3],
        rate: 100,
        steady: Duration::from_secs(60),
        floor: 10_000,
    };
    let words: Vec<String> = std::env::args().collect();
    for pair in words.windows(2) {
        let number = pair[1].parse::<u64>();
        match (pair[0].as_str(), number) {
            ("--orders", Ok(number)) => plan.orders = number as usize,
            ("--replicas", Ok(number)) => plan.replicas = vec![number as usize],
            ("--rate", Ok(number)) => plan.rate = number,
            ("--steady", Ok(number)) => plan.steady = Duration::from_secs(number),
            ("--floor", Ok(number)) => plan.floor = number as usize,
            _ => {}
        }
    }
    plan
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let plan = plan();
    println!("The line on this machine: {} cores.\n", std::thread::available_parallelism()?);

    let floor = floors(plan.floor).await?;
    println!("Floors, {} messages each, nothing else running:", plan.floor);
    println!("  JetStream alone (6 publishes, 5 acknowledged acks a message)  {:>8.0} messages/s", floor.bus);
    println!(
        "  PostgreSQL alone (the line's statements, chunks of {CHUNK})         {:>8.0} messages/s",
        floor.database
    );
    println!(
        "  both at once, until both are done                             {:>8.0} messages/s\n",
        floor.both
    );

    println!("{} orders loaded at once:", plan.orders);
    println!(
        "  replicas  messages/s  of the floor  p50 s  p99 s  CPU s/1,000 stations  all  RSS MiB stations"
    );
    for &replicas in &plan.replicas {
        let line = start(replicas).await?;
        let before = usage(&line, replicas);
        let begin = Instant::now();
        let sent = Utc::now();
        insert(&line, plan.orders).await?;
        let arrived = arrivals(&line, plan.orders).await?;
        let rate = plan.orders as f64 / begin.elapsed().as_secs_f64();
        let after = usage(&line, replicas);
        verify(&line, plan.orders).await?;
        let latency = quantiles(arrived.values().map(|at| seconds(*at - sent)).collect());
        let stations: f64 =
            Service::STATIONS.iter().map(|s| after.of(s.as_str()) - before.of(s.as_str())).sum();
        let thousand = plan.orders as f64 / 1_000.0;
        println!(
            "  {replicas:>8}  {rate:>10.0}  {:>12.2}  {:>5.2}  {:>5.2}  {:>20.2}  {:>4.2}  {:>16.0}",
            rate / floor.both,
            latency.0,
            latency.2,
            stations / thousand,
            (after.total() - before.total()) / thousand,
            after.stations_mib,
        );
        let each: Vec<String> = after
            .cpu
            .keys()
            .map(|name| format!("{name} {:.2}", (after.of(name) - before.of(name)) / thousand))
            .collect();
        println!("            CPU s/1,000 by process: {}", each.join(", "));
        line.stop_stations().await;
    }

    if !plan.steady.is_zero() {
        let line = start(1).await?;
        let before = usage(&line, 1);
        let (count, latency) = steady(&line, plan.rate, plan.steady).await?;
        let after = usage(&line, 1);
        verify(&line, count).await?;
        let busy = (after.total() - before.total()) / plan.steady.as_secs_f64();
        println!(
            "\n{} messages/s for {} s, one row a commit, from row committed to notification accepted:",
            plan.rate,
            plan.steady.as_secs()
        );
        println!(
            "  p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms; {busy:.2} cores busy",
            latency.0 * 1e3,
            latency.1 * 1e3,
            latency.2 * 1e3
        );
        line.stop_stations().await;
    }
    Ok(())
}

/// A line with real durability and without a model, warmed up.
async fn start(replicas: usize) -> anyhow::Result<Line> {
    let environment = vec![("GREENBITE_MENU_VALIDATOR__MODEL".to_owned(), "none".to_owned())];
    let options = Options { replicas, durability: Durability::Default, environment, ..Options::default() };
    let line = Line::with(options).await?;
    line.send(&[TEXT; 50]).await?;
    line.wait_until_settled(PATIENCE).await?;
    arrivals(&line, 50).await?;
    sqlx::query("DELETE FROM notifications").execute(line.pool()).await?;
    sqlx::query("DELETE FROM order_items").execute(line.pool()).await?;
    sqlx::query("DELETE FROM orders").execute(line.pool()).await?;
    sqlx::query("DELETE FROM messages").execute(line.pool()).await?;
    Ok(line)
}

async fn insert(line: &Line, count: usize) -> anyhow::Result<()> {
    sqlx::query("INSERT INTO messages (source, text) SELECT 'bench', $1 FROM generate_series(1, $2)")
        .bind(TEXT)
        .bind(i32::try_from(count)?)
        .execute(line.pool())
        .await?;
    Ok(())
}

/// When each message's notification was accepted; those of the warm-up are not counted.
async fn arrivals(line: &Line, count: usize) -> anyhow::Result<HashMap<i64, DateTime<Utc>>> {
    let first: Option<i64> =
        sqlx::query_scalar("SELECT min(id) FROM messages").fetch_one(line.pool()).await?;
    let first = first.context("no messages")?;
    wait_until("every notification arrived", PATIENCE, || async {
        let done = line.discord.count() >= count + usize::try_from(first - 1)?;
        Ok(done.then_some(()))
    })
    .await?;
    let accepted = line.discord.accepted();
    Ok(accepted
        .into_iter()
        .filter_map(|one| Some((one.message_id.filter(|id| *id >= first)?, one.at)))
        .collect())
}

/// As many orders as messages, two lines each, none told of twice.
async fn verify(line: &Line, count: usize) -> anyhow::Result<()> {
    let (orders, items, sent): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM order_items), \
                (SELECT count(*) FROM notifications WHERE state = 'sent')",
    )
    .fetch_one(line.pool())
    .await?;
    let count = i64::try_from(count)?;
    ensure!(orders == count && items == 2 * count, "{orders} orders with {items} lines of {count} messages");
    ensure!(sent <= count, "{sent} notifications of {count} messages");
    let summary = line.discord.summary();
    ensure!(summary.repeated.is_empty(), "told twice: {:?}", summary.repeated);
    Ok(())
}

/// One row a commit at a steady rate: how many, and the latency's quantiles in seconds.
async fn steady(line: &Line, rate: u64, time: Duration) -> anyhow::Result<(usize, (f64, f64, f64))> {
    let count = usize::try_from(rate * time.as_secs())?;
    let mut committed = HashMap::new();
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / rate as f64));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    for _ in 0..count {
        tick.tick().await;
        let id: i64 =
            sqlx::query_scalar("INSERT INTO messages (source, text) VALUES ('bench', $1) RETURNING id")
                .bind(TEXT)
                .fetch_one(line.pool())
                .await?;
        committed.insert(id, Utc::now());
    }
    let arrived = arrivals(line, count).await?;
    let latencies =
        committed.iter().filter_map(|(id, at)| Some(seconds(*arrived.get(id)? - at))).collect::<Vec<_>>();
    ensure!(latencies.len() == count, "{} of {count} notifications arrived", latencies.len());
    Ok((count, quantiles(latencies)))
}

fn seconds(time: chrono::TimeDelta) -> f64 {
    time.num_microseconds().unwrap_or(i64::MAX) as f64 / 1e6
}

/// p50, p95 and p99.
fn quantiles(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at =
        |share: f64| values.get(((values.len() as f64 - 1.0) * share) as usize).copied().unwrap_or(f64::NAN);
    (at(0.5), at(0.95), at(0.99))
}

/// CPU seconds by program of everything that this bench started, and the stations' memory.
struct Usage {
    cpu: BTreeMap<String, f64>,
    stations_mib: f64,
}

impl Usage {
    fn of(&self, name: &str) -> f64 {
        self.cpu.get(name).copied().unwrap_or(0.0)
    }

    fn total(&self) -> f64 {
        self.cpu.values().sum()
    }
}

fn usage(line: &Line, replicas: usize) -> Usage {
    // Clock ticks a second, as Linux counts them for user programs on every architecture.
    const TICKS: f64 = 100.0;
    let mut parents = HashMap::new();
    let mut own = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((head, rest)) = stat.rsplit_once(')') else { continue };
        let name = head.split_once('(').map_or("", |(_, name)| name).to_owned();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        parents.insert(pid, number(1) as u32);
        // Own time, and that of children that have ended: PostgreSQL's backends come and go.
        own.insert(pid, (name, (number(11) + number(12) + number(13) + number(14)) / TICKS));
    }
    let me = std::process::id();
    let mut cpu: BTreeMap<String, f64> = BTreeMap::new();
    for (pid, (name, seconds)) in own {
        let mut at = pid;
        while let Some(&parent) = parents.get(&at).filter(|_| at != me && at > 1) {
            at = parent;
        }
        if at == me {
            // A command's name is cut after 15 characters.
            let name = if pid == me { "stand-in and loader".to_owned() } else { name };
            *cpu.entry(name).or_default() += seconds;
        }
    }
    let stations_mib = Service::STATIONS
        .iter()
        .flat_map(|service| (0..replicas).filter_map(|replica| line.process_id(*service, replica)))
        .filter_map(|pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        })
        .sum::<f64>()
        / 1024.0;
    Usage { cpu, stations_mib }
}

struct Floors {
    bus: f64,
    database: f64,
    both: f64,
}

/// What the servers reach with the line's own work and no line.
async fn floors(count: usize) -> anyhow::Result<Floors> {
    let rate = |time: Duration| count as f64 / time.as_secs_f64();
    let bus = bus_floor(count).await?;
    let database = database_floor(count).await?;
    // Each times its own work: starting the servers is none. Both together take as long as the slower one.
    let (a, b) = tokio::try_join!(bus_floor(count), database_floor(count))?;
    Ok(Floors { bus: rate(bus), database: rate(database), both: rate(a.max(b)) })
}

/// Five stages in one process, each reading what the one before published: 6 publishes, 5 acks a message.
async fn bus_floor(count: usize) -> anyhow::Result<Duration> {
    let nats = Nats::start().await?;
    let client = nats.client("").await?;
    let context = jetstream::new(client.clone());
    let stream = context
        .create_stream(jetstream::stream::Config {
            name: "FLOOR".to_owned(),
            subjects: vec!["floor.>".to_owned()],
            duplicate_window: Duration::from_secs(3_600),
            ..Default::default()
        })
        .await?;
    let done = Arc::new(tokio::sync::Semaphore::new(0));
    let mut lanes = Vec::new();
    for stage in 0..5 {
        let consumer = stream
            .create_consumer(pull::Config {
                durable_name: Some(format!("stage-{stage}")),
                filter_subject: format!("floor.{stage}.*"),
                max_ack_pending: 1_000,
                ..Default::default()
            })
            .await?;
        for _ in 0..LANES {
            let (consumer, client, done) = (consumer.clone(), client.clone(), done.clone());
            lanes.push(tokio::spawn(async move {
                let mut messages = consumer.stream().max_messages_per_batch(1).messages().await?;
                while let Some(message) = messages.next().await {
                    let message = message?;
                    let id = message.subject.rsplit('.').next().unwrap_or_default().to_owned();
                    publish(&client, stage + 1, &id, message.payload.clone()).await?;
                    let reply = message.reply.clone().context("no reply subject")?;
                    client.request(reply, Bytes::from_static(b"+ACK")).await?;
                    if stage == 4 {
                        done.add_permits(1);
                    }
                }
                anyhow::Ok(())
            }));
        }
    }
    let body = Bytes::from(vec![b'x'; 300]);
    let begin = Instant::now();
    futures::stream::iter(0..count)
        .map(|id| {
            let (client, body) = (client.clone(), body.clone());
            async move { publish(&client, 0, &id.to_string(), body).await }
        })
        .buffer_unordered(256)
        .for_each(|result| async {
            if let Err(error) = result {
                eprintln!("floor: {error}");
            }
        })
        .await;
    let all = tokio::time::timeout(PATIENCE, done.acquire_many(u32::try_from(count)?)).await;
    all.context("the floor of the bus did not end")??.forget();
    let time = begin.elapsed();
    for lane in lanes {
        lane.abort();
    }
    Ok(time)
}

async fn publish(client: &async_nats::Client, stage: usize, id: &str, body: Bytes) -> anyhow::Result<()> {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", format!("{id}:{stage}").as_str());
    headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
    client.request_with_headers(format!("floor.{stage}.{id}"), headers, body).await?;
    Ok(())
}

/// The line's own statements, in chunks: intake, relay's mark, order, claim, sent.
async fn database_floor(count: usize) -> anyhow::Result<Duration> {
    let postgres = Postgres::open(testkit::Home::temporary()?, None, Durability::Default).await?;
    let store = Store::connect(&postgres.database().await?, WRITERS as u32).await?;
    let begin = Instant::now();
    let chunks = count / CHUNK;
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in (writer..chunks).step_by(WRITERS) {
                let message = NewMessage {
                    source: "bench".to_owned(),
                    external_id: None,
                    customer: None,
                    text: TEXT.to_owned(),
                    received_at: None,
                };
                let inserted = store.insert_messages(&vec![message; CHUNK]).await?;
                let mut batch = store.relay_batch(CHUNK as u32).await?;
                let relayed: Vec<MessageId> = batch.messages().iter().map(|message| message.id).collect();
                batch.mark_published(&relayed).await?;
                batch.commit().await?;
                let ids: Vec<MessageId> = inserted.iter().map(|one| one.id).collect();
                store.register_orders(&ids.iter().map(|id| order(*id)).collect::<Vec<_>>()).await?;
                let claims: Vec<Claim> =
                    ids.iter().map(|id| Claim { message_id: *id, category: Category::Order }).collect();
                store.claim_notifications(&claims, LEASE).await?;
                let sent: Vec<Sent> = claims
                    .into_iter()
                    .map(|claim| Sent {
                        claim,
                        channel: Channel::Discord,
                        discord_message_id: Some("1".to_owned()),
                    })
                    .collect();
                store.mark_sent(&sent).await?;
            }
            anyhow::Ok(())
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer??;
    }
    Ok(begin.elapsed())
}

fn order(message_id: MessageId) -> NewOrder {
    let line = |item: &str, slug: &str, quantity: u32, unit_price_cents: i64| NewLine {
        phrase: item.to_lowercase(),
        line: RegisteredLine {
            item: item.to_owned(),
            slug: slug.to_owned(),
            quantity,
            size: None,
            modifiers: Vec::new(),
            unit_price_cents,
            total_cents: unit_price_cents * i64::from(quantity),
        },
    };
    let lines = vec![
        line("Classic Cheeseburger", "classic_cheeseburger", 2, 1_090),
        line("French Fries", "french_fries", 1, 390),
    ];
    NewOrder {
        message_id,
        customer: None,
        total_cents: lines.iter().map(|new| new.line.total_cents).sum(),
        lines,
        menu_version: "bench".to_owned(),
        reason: "every item is on the menu".to_owned(),
        settled: None,
    }
}
