//! The whole line under faults drawn from a seed, and the proof afterwards that nothing was lost or done twice.
//!
//! A run has three parts. Undisturbed, every text goes through the line once: that is what each outcome has to
//! be. Then messages go on coming while faults happen. Then all is mended, the line settles, and the ledger is
//! drawn up from PostgreSQL, the files of miscellaneous messages and the Discord stand-in alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use async_nats::jetstream;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::topology::{MAX_EVENT_BYTES, STREAM};
use contracts::{Category, MessageId, Service, Topic};
use futures::StreamExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Mutex;

use crate::discord::Fault as DiscordFault;
use crate::line::Options;
use crate::{Line, repository, wait_until};

/// What a run does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The schedule is drawn from it.
    pub seed: u64,
    /// How long faults happen.
    pub duration: Duration,
    /// Replicas of each station.
    pub replicas: usize,
    /// Messages a second, on average.
    pub rate: f64,
    /// Different texts that customers write.
    pub texts: usize,
    /// How long the line may take to settle afterwards.
    pub settle: Duration,
}

impl Plan {
    /// A run of this length.
    pub fn new(seed: u64, duration: Duration) -> Self {
        Plan { seed, duration, replicas: 3, rate: 12.0, texts: 120, settle: Duration::from_secs(300) }
    }
}

/// Something that goes wrong, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// SIGKILL, started again after a while.
    Kill(Service, usize, Duration),
    /// SIGSTOP, SIGCONT after a while.
    Suspend(Service, usize, Duration),
    /// The bus ends and comes back with its storage.
    RestartBus,
    /// The bus is killed and comes back with its storage after a while.
    KillBus(Duration),
    /// The bus loses its storage and is provisioned anew.
    WipeBus,
    /// The database ends and comes back.
    RestartDatabase,
    /// The database's processes are killed; it recovers.
    CrashDatabase,
    /// The cache forgets everything.
    FlushCache,
    /// The cache is away for a while and comes back empty.
    StopCache(Duration),
    /// Discord misbehaves for a while.
    Discord(DiscordFault, Duration),
    /// Events that nobody can read, on subjects of the line.
    Malformed(u8),
    /// Events of the line once more, as they were, without the headers that make them known.
    Duplicates(u8),
    /// Junk until the stream refuses more.
    FillStream,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: &Duration| format!("{:.1} s", time.as_secs_f64());
        match self {
            Fault::Kill(service, replica, away) => {
                write!(f, "SIGKILL {service} {replica}, back after {}", seconds(away))
            }
            Fault::Suspend(service, replica, still) => {
                write!(f, "SIGSTOP {service} {replica} for {}", seconds(still))
            }
            Fault::RestartBus => f.write_str("restart nats-server"),
            Fault::KillBus(away) => write!(f, "SIGKILL nats-server, back after {}", seconds(away)),
            Fault::WipeBus => f.write_str("wipe the JetStream storage"),
            Fault::RestartDatabase => f.write_str("restart PostgreSQL"),
            Fault::CrashDatabase => f.write_str("crash PostgreSQL"),
            Fault::FlushCache => f.write_str("flush Memcached"),
            Fault::StopCache(away) => write!(f, "stop Memcached for {}", seconds(away)),
            Fault::Discord(fault, time) => {
                let what = match fault {
                    DiscordFault::TooManyRequests { .. } => "429".to_owned(),
                    DiscordFault::Banned => "a ban".to_owned(),
                    DiscordFault::Status(status) => status.to_string(),
                    DiscordFault::NeverAnswers => "nothing".to_owned(),
                    DiscordFault::Slow(_) => "too late".to_owned(),
                };
                write!(f, "Discord answers {what} for {}", seconds(time))
            }
            Fault::Malformed(count) => write!(f, "{count} malformed events"),
            Fault::Duplicates(count) => write!(f, "{count} duplicate events"),
            Fault::FillStream => f.write_str("fill the stream"),
        }
    }
}

impl Fault {
    /// Its kind, for the table: `SIGKILL`, `wipe`.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Kill(..) => "SIGKILL",
            Fault::Suspend(..) => "SIGSTOP",
            Fault::RestartBus | Fault::KillBus(_) => "bus restarts",
            Fault::WipeBus => "bus wipes",
            Fault::RestartDatabase | Fault::CrashDatabase => "database",
            Fault::FlushCache | Fault::StopCache(_) => "cache",
            Fault::Discord(..) => "Discord",
            Fault::Malformed(_) => "malformed",
            Fault::Duplicates(_) => "duplicates",
            Fault::FillStream => "stream full",
        }
    }

    /// Whether it can come between a notification and the note that it was sent.
    fn disturbs_notifications(&self) -> bool {
        match self {
            Fault::Kill(service, ..) | Fault::Suspend(service, ..) => *service == Service::Notifier,
            Fault::RestartBus | Fault::KillBus(_) | Fault::WipeBus => true,
            Fault::RestartDatabase | Fault::CrashDatabase | Fault::Discord(..) => true,
            Fault::FlushCache | Fault::StopCache(_) => false,
            Fault::Malformed(_) | Fault::Duplicates(_) | Fault::FillStream => false,
        }
    }
}

/// A fault as it happened.
struct Episode {
    fault: Fault,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

/// When what goes wrong.
pub fn schedule(plan: &Plan) -> Vec<(Duration, Fault)> {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut at = Duration::from_secs(2);
    let mut schedule = Vec::new();
    while at < plan.duration {
        schedule.push((at, draw(&mut random, plan.replicas)));
        at += Duration::from_millis(random.random_range(1_500..5_000));
    }
    schedule
}

fn draw(random: &mut StdRng, replicas: usize) -> Fault {
    let while_ =
        |random: &mut StdRng, from: u64, to: u64| Duration::from_millis(random.random_range(from..to));
    let station = Service::STATIONS[random.random_range(0..Service::STATIONS.len())];
    let replica = random.random_range(0..replicas);
    match random.random_range(0..100) {
        0..30 => Fault::Kill(station, replica, while_(random, 200, 4_000)),
        30..45 => Fault::Suspend(station, replica, while_(random, 500, 9_000)),
        45..50 => Fault::RestartBus,
        50..55 => Fault::KillBus(while_(random, 100, 3_000)),
        55..59 => Fault::WipeBus,
        59..63 => Fault::RestartDatabase,
        63..67 => Fault::CrashDatabase,
        67..72 => Fault::FlushCache,
        72..77 => Fault::StopCache(while_(random, 500, 5_000)),
        77..89 => {
            let fault = match random.random_range(0..4) {
                0 => DiscordFault::TooManyRequests {
                    retry_after: while_(random, 200, 2_000),
                    global: random.random(),
                },
                1 => DiscordFault::Status(500),
                2 => DiscordFault::NeverAnswers,
                _ => DiscordFault::Slow(Duration::from_secs(20)),
            };
            Fault::Discord(fault, while_(random, 500, 5_000))
        }
        89..93 => Fault::Malformed(random.random_range(1..20)),
        93..97 => Fault::Duplicates(random.random_range(1..20)),
        _ => Fault::FillStream,
    }
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What went wrong when.
    pub schedule: Vec<(Duration, Fault)>,
    /// Messages that came in, undisturbed and under faults.
    pub messages: usize,
    /// Messages by outcome.
    pub outcomes: BTreeMap<String, i64>,
    /// How long the line took to settle once all was mended.
    pub settled_in: Duration,
    /// Messages that were published more than once as a whole.
    pub generations: i64,
    /// Notifications that were shown.
    pub shown: usize,
    /// Notifications that were shown again, marked as possible repeats.
    pub repeats: usize,
    /// Dead letters of events that nobody sent as a customer.
    pub dead_letters: usize,
    /// What must not be: each with the message's id.
    pub offences: Vec<(i64, String)>,
    /// The journeys of the first offending messages, as the operator sees them.
    pub journeys: Vec<String>,
}

impl Report {
    /// How often each kind of fault happened.
    pub fn faults(&self) -> BTreeMap<&'static str, usize> {
        let mut faults = BTreeMap::new();
        for (_, fault) in &self.schedule {
            *faults.entry(fault.kind()).or_default() += 1;
        }
        faults
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in &self.schedule {
            writeln!(f, "  {:>6.1} s  {fault}", at.as_secs_f64())?;
        }
        let faults: Vec<String> =
            self.faults().iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        writeln!(f, "seed {}: {} faults ({})", self.seed, self.schedule.len(), faults.join(", "))?;
        let outcomes: Vec<String> =
            self.outcomes.iter().map(|(what, count)| format!("{what} {count}")).collect();
        writeln!(f, "  {} messages: {}", self.messages, outcomes.join(", "))?;
        writeln!(
            f,
            "  settled in {:.1} s; {} published anew; {} notifications, {} of them marked repeats; {} dead letters",
            self.settled_in.as_secs_f64(),
            self.generations,
            self.shown,
            self.repeats,
            self.dead_letters
        )?;
        if self.offences.is_empty() {
            return write!(f, "  0 lost, 0 twice, 0 changed, 0 untold, 0 unmarked repeats");
        }
        for (id, offence) in &self.offences {
            writeln!(f, "  OFFENCE message {id}: {offence}")?;
        }
        for journey in &self.journeys {
            writeln!(f, "{journey}")?;
        }
        Ok(())
    }
}

/// What became of a text: outcome and, of an order, its total.
type Fate = (String, Option<i64>);

/// Runs a plan. An error is a run that could not be carried out; what it found wrong is in the report.
pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let environment = [
        ("GREENBITE_LINE__ACK_WAIT_MS", "4000"),
        ("GREENBITE_LINE__MAX_BYTES", "33554432"),
        ("GREENBITE_LANES__DEADLINE_MS", "3500"),
        ("GREENBITE_NOTIFIER__TIMEOUT_MS", "1500"),
        ("GREENBITE_NOTIFIER__PATIENCE_MS", "1000"),
        ("GREENBITE_NOTIFIER__ANSWER_WAIT_MS", "500"),
        ("GREENBITE_INGEST__HOUSE__EVERY_S", "2"),
        ("GREENBITE_INGEST__HOUSE__OVERDUE_S", "10"),
    ];
    let options = Options {
        replicas: plan.replicas,
        environment: environment.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..Options::default()
    };
    let line = Arc::new(Line::with(options).await?);
    let texts = texts(plan.texts)?;
    insert(&line, "calm", &texts).await?;
    line.wait_until_settled(plan.settle).await.context("undisturbed, the line did not settle")?;
    let expected: HashMap<String, Fate> =
        fates(&line).await?.into_iter().map(|(_, text, fate)| (text, fate)).collect();

    let schedule = schedule(plan);
    let stop = Arc::new(AtomicBool::new(false));
    let driver = tokio::spawn(drive(line.clone(), plan.clone(), texts, stop.clone()));
    let begin = Instant::now();
    let servers = Arc::new(Servers::default());
    let mut episodes = Vec::new();
    for (at, fault) in schedule.clone() {
        tokio::time::sleep_until((begin + at).into()).await;
        episodes.push(tokio::spawn(happen(line.clone(), servers.clone(), fault)));
    }
    tokio::time::sleep_until((begin + plan.duration).into()).await;
    let mut happened = Vec::new();
    for episode in episodes {
        happened.push(episode.await??);
    }
    stop.store(true, Ordering::Relaxed);
    driver.await??;

    let mended = Instant::now();
    line.discord.set_fault(None);
    line.provision().await?;
    let settled = line.wait_until_settled(plan.settle).await;
    let settled_in = mended.elapsed();
    // A repeat that is on its way arrives before the ledger is drawn up.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut report = ledger(&line, &expected, &happened).await?;
    if let Err(error) = settled {
        report.offences.push((0, format!("the line did not settle: {error:#}")));
    }
    report.seed = plan.seed;
    report.schedule = schedule;
    report.settled_in = settled_in;
    for (id, _) in report.offences.iter().filter(|(id, _)| *id > 0).take(3) {
        let output = line.greenbite(&["journey", &id.to_string()]).await;
        let text = output.map_or_else(
            |error| format!("{error:#}"),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        );
        report.journeys.push(text);
    }
    line.stop_stations().await;
    Ok(report)
}

/// Different texts out of the repository's data set.
fn texts(count: usize) -> anyhow::Result<Vec<String>> {
    let path = repository().join("data/messages.csv");
    let mut rows =
        csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut texts = BTreeSet::new();
    for row in rows.records() {
        texts.insert(row?.get(1).context("a row without a message")?.to_owned());
    }
    // Spread over the whole set, so that every kind is among them.
    let every = (texts.len() / count.max(1)).max(1);
    Ok(texts.into_iter().step_by(every).take(count).collect())
}

/// Puts messages in, once each, however often the database goes away meanwhile.
async fn insert(line: &Line, run: &str, texts: &[String]) -> anyhow::Result<()> {
    let keys: Vec<String> = (0..texts.len()).map(|at| format!("{run}-{at}")).collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let done = sqlx::query(
            "INSERT INTO messages (source, external_id, text) \
             SELECT 'chaos', key, text FROM unnest($1::text[], $2::text[]) AS new (key, text) \
             ON CONFLICT ON CONSTRAINT messages_external_id_once DO NOTHING",
        )
        .bind(&keys)
        .bind(texts)
        .execute(line.pool())
        .await;
        match done {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error).context("the database stays away"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Customers go on writing while things break.
async fn drive(line: Arc<Line>, plan: Plan, texts: Vec<String>, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut random = StdRng::seed_from_u64(plan.seed ^ 0x5eed);
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let size = random.random_range(1..=8_usize);
        let batch: Vec<String> =
            (0..size).map(|_| texts[random.random_range(0..texts.len())].clone()).collect();
        insert(&line, &format!("round-{round}"), &batch).await?;
        tokio::time::sleep(Duration::from_secs_f64(size as f64 / plan.rate)).await;
    }
    Ok(())
}

/// One thing at a time happens to a server; stations fall whenever.
#[derive(Default)]
struct Servers {
    bus: Mutex<()>,
    database: Mutex<()>,
    cache: Mutex<()>,
    discord: Mutex<()>,
    stations: Mutex<BTreeMap<(Service, usize), ()>>,
}

async fn happen(line: Arc<Line>, servers: Arc<Servers>, fault: Fault) -> anyhow::Result<Episode> {
    let from = Utc::now();
    inflict(&line, &servers, &fault).await.with_context(|| fault.to_string())?;
    Ok(Episode { fault, from, to: Utc::now() })
}

async fn inflict(line: &Line, servers: &Servers, fault: &Fault) -> anyhow::Result<()> {
    match *fault {
        Fault::Kill(service, replica, away) => {
            if servers.stations.lock().await.insert((service, replica), ()).is_none() {
                line.kill(service, replica);
                tokio::time::sleep(away).await;
                line.spawn(service, replica)?;
                servers.stations.lock().await.remove(&(service, replica));
            }
        }
        Fault::Suspend(service, replica, still) => {
            if servers.stations.lock().await.insert((service, replica), ()).is_none() {
                line.suspend(service, replica);
                tokio::time::sleep(still).await;
                line.resume(service, replica);
                servers.stations.lock().await.remove(&(service, replica));
            }
        }
        Fault::RestartBus => {
            let _one = servers.bus.lock().await;
            line.nats.restart().await?;
        }
        Fault::KillBus(away) => {
            let _one = servers.bus.lock().await;
            line.nats.kill();
            tokio::time::sleep(away).await;
            line.nats.start_again().await?;
        }
        Fault::WipeBus => {
            // Both held: provisioning needs the database too, and somebody who mends has a look at both.
            let (_one, _other) = (servers.bus.lock().await, servers.database.lock().await);
            line.nats.wipe().await?;
            wait_until("the bus is provisioned anew", Duration::from_secs(60), || async {
                Ok(line.provision().await.ok())
            })
            .await?;
        }
        Fault::RestartDatabase => {
            let _one = servers.database.lock().await;
            line.postgres.restart().await?;
        }
        Fault::CrashDatabase => {
            let _one = servers.database.lock().await;
            line.postgres.crash().await;
            line.postgres.start_again().await?;
        }
        Fault::FlushCache => {
            let _one = servers.cache.lock().await;
            line.memcached.flush().await?;
        }
        Fault::StopCache(away) => {
            let _one = servers.cache.lock().await;
            line.memcached.stop();
            tokio::time::sleep(away).await;
            line.memcached.start_again_empty().await?;
        }
        Fault::Discord(ref fault, time) => {
            let _one = servers.discord.lock().await;
            line.discord.set_fault(Some(fault.clone()));
            tokio::time::sleep(time).await;
            line.discord.set_fault(None);
        }
        Fault::Malformed(count) => {
            let _one = servers.bus.lock().await;
            malformed(line, count).await?;
        }
        Fault::Duplicates(count) => {
            let _one = servers.bus.lock().await;
            duplicates(line, count).await?;
        }
        Fault::FillStream => {
            let _one = servers.bus.lock().await;
            fill(line).await?;
        }
    }
    Ok(())
}

/// How long after Discord has it a notification may not be noted as sent yet.
const IN_FLIGHT: TimeDelta = TimeDelta::seconds(2);

/// Ids that no row has.
const NOBODY: i64 = 900_000_000;

async fn malformed(line: &Line, count: u8) -> anyhow::Result<()> {
    let client = line.nats.client("provision").await?;
    let bodies: [&[u8]; 5] = [b"", b"{", b"{\"message\":7}", &[0xff, 0xfe, 0x00], b"[]"];
    for at in 0..usize::from(count) {
        let topic = Topic::ALL[at % Topic::ALL.len()];
        let id = if at % 3 == 0 { format!("nobody-{at}") } else { (NOBODY + at as i64).to_string() };
        let subject = format!("greenbite.{}.{}.{id}", topic.stage(), topic.outcome());
        client.publish(subject, bodies[at % bodies.len()].to_vec().into()).await?;
    }
    client.flush().await?;
    Ok(())
}

/// Publishes the latest events once more. What the stations read again must come to nothing.
async fn duplicates(line: &Line, count: u8) -> anyhow::Result<()> {
    let client = line.nats.client("provision").await?;
    let stream = jetstream::new(client.clone());
    let Ok(mut stream) = stream.get_stream(STREAM).await else { return Ok(()) };
    let last = stream.info().await?.state.last_sequence;
    for sequence in last.saturating_sub(u64::from(count)).max(1)..=last {
        // Some may have been purged meanwhile.
        let Ok(message) = stream.get_raw_message(sequence).await else { continue };
        let real = Topic::parse(&message.subject).is_some_and(|(_, id)| id < MessageId(NOBODY));
        if real && serde_json::from_slice::<serde_json::Value>(&message.payload).is_ok() {
            client.publish(message.subject, message.payload).await?;
        }
    }
    client.flush().await?;
    Ok(())
}

/// Junk on a subject that no station reads, until the stream refuses more. The janitor has to make room.
async fn fill(line: &Line) -> anyhow::Result<()> {
    let client = line.nats.client("provision").await?;
    let context = jetstream::new(client);
    let junk = vec![b'x'; MAX_EVENT_BYTES - 1_024];
    for at in 0..1_000_i64 {
        let subject = Topic::NotifiedMisc.subject(MessageId(NOBODY + 1_000 + at));
        let Ok(ack) = context.publish(subject, junk.clone().into()).await else { return Ok(()) };
        if ack.await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Every message's text and fate.
async fn fates(line: &Line) -> anyhow::Result<Vec<(i64, String, Fate)>> {
    let rows: Vec<(i64, String, Option<String>, Option<i64>)> = sqlx::query_as(
        "SELECT m.id, m.text, m.outcome, o.total_cents FROM messages m LEFT JOIN orders o ON o.message_id = m.id \
         ORDER BY m.id",
    )
    .fetch_all(line.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, text, outcome, cents)| (id, text, (outcome.unwrap_or_else(|| "none".to_owned()), cents)))
        .collect())
}

/// How often something was shown in a channel.
#[derive(Default)]
struct Shown {
    at: Vec<DateTime<Utc>>,
    /// How often it said that it may be a repeat.
    marked: usize,
}

/// Compares what is there with what has to be.
async fn ledger(
    line: &Line,
    expected: &HashMap<String, Fate>,
    happened: &[Episode],
) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let messages = fates(line).await?;
    ensure!(!messages.is_empty(), "no message came in");
    report.messages = messages.len();

    // Exactly one outcome, the one that the same text got in calm.
    for (id, text, fate) in &messages {
        *report.outcomes.entry(fate.0.clone()).or_default() += 1;
        match expected.get(text) {
            Some(wanted) if wanted == fate => {}
            Some(wanted) => report.offences.push((*id, format!("is {fate:?}, in calm it is {wanted:?}"))),
            None => report.offences.push((*id, "nobody sent that text".to_owned())),
        }
    }
    // The rows that belong to the outcome, and none that belong to another.
    for (table, outcome) in [("orders", "order"), ("reviews", "review"), ("enquiries", "enquiry")] {
        let odd: Vec<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT coalesce(m.id, t.message_id) FROM messages m FULL JOIN {table} t ON t.message_id = m.id \
             WHERE (m.outcome = '{outcome}') IS DISTINCT FROM (t.message_id IS NOT NULL) AND \
                   NOT (m.outcome IS NULL AND t.message_id IS NULL)"
        )))
        .fetch_all(line.pool())
        .await?;
        report
            .offences
            .extend(odd.into_iter().map(|id| (id, format!("the table {table} and its outcome differ"))));
        let twice: Vec<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT message_id FROM {table} GROUP BY message_id HAVING count(*) > 1"
        )))
        .fetch_all(line.pool())
        .await?;
        report.offences.extend(twice.into_iter().map(|id| (id, format!("stands twice in {table}"))));
    }
    // One answer at most is proposed to an enquiry, and none to anything else.
    let strange: Vec<i64> = sqlx::query_scalar(
        "SELECT p.message_id FROM proposals p JOIN messages m ON m.id = p.message_id \
         GROUP BY p.message_id, m.outcome HAVING count(*) > 1 OR m.outcome IS DISTINCT FROM 'enquiry'",
    )
    .fetch_all(line.pool())
    .await?;
    report
        .offences
        .extend(strange.into_iter().map(|id| (id, "was proposed an answer it should not have".to_owned())));
    let miscellaneous = miscellaneous(line, replicas(line))?;
    for (id, _, (outcome, _)) in &messages {
        if (outcome == Category::Misc.as_str()) != miscellaneous.contains(id) {
            report
                .offences
                .push((*id, "the file of miscellaneous messages and its outcome differ".to_owned()));
        }
    }

    // Told once, or more often with a mark.
    let mut shown: HashMap<(i64, String), Shown> = HashMap::new();
    for accepted in line.discord.accepted() {
        report.shown += 1;
        let Some(id) = accepted.message_id else { continue };
        let entry = shown.entry((id, accepted.webhook.clone())).or_default();
        entry.at.push(accepted.at);
        entry.marked += usize::from(accepted.possible_repeat);
    }
    for (id, _, (outcome, _)) in &messages {
        match shown.get(&(*id, outcome.clone())) {
            None => report.offences.push((*id, format!("nobody was told of this {outcome}"))),
            Some(Shown { at, marked }) => {
                let repeats = at.len() - 1;
                report.repeats += repeats.min(*marked);
                // The first may carry a mark too: a try before it was not shown after all.
                if repeats > *marked {
                    report.offences.push((*id, format!("shown {repeats} times again, only {marked} marked")));
                }
                // Only what was in flight when something broke may be shown again.
                let calm = at.iter().take(repeats).find(|at| !was_disturbed(**at, happened));
                if let Some(at) = calm {
                    report.offences.push((*id, format!("shown at {at}, in calm, and again later")));
                }
            }
        }
    }
    for (id, webhook) in shown.keys() {
        let right = messages.iter().any(|(other, _, (outcome, _))| other == id && outcome == webhook);
        if !right {
            report.offences.push((*id, format!("shown in the channel {webhook}, which is not its outcome")));
        }
    }

    report.generations = sqlx::query_scalar("SELECT coalesce(sum(generation - 1), 0)::bigint FROM messages")
        .fetch_one(line.pool())
        .await?;
    let (dead, of_customers) = dead_letters(line).await?;
    report.dead_letters = dead;
    report.offences.extend(of_customers.into_iter().map(|id| (id, "lies among the dead letters".to_owned())));
    Ok(report)
}

/// Whether something broke while a notification that was accepted then had not been noted as sent.
fn was_disturbed(accepted: DateTime<Utc>, happened: &[Episode]) -> bool {
    happened
        .iter()
        .filter(|episode| episode.fault.disturbs_notifications())
        .any(|episode| episode.from <= accepted + IN_FLIGHT && accepted <= episode.to + IN_FLIGHT)
}

/// Replicas of the registrar that have ever run here.
fn replicas(line: &Line) -> usize {
    (0..).take_while(|replica| line.directory(Service::Registrar, *replica).exists()).count()
}

/// The ids in all replicas' files of miscellaneous messages.
fn miscellaneous(line: &Line, replicas: usize) -> anyhow::Result<BTreeSet<i64>> {
    let mut ids = BTreeSet::new();
    for replica in 0..replicas {
        for entry in std::fs::read_dir(line.directory(Service::Registrar, replica))? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "jsonl") {
                continue;
            }
            for row in std::fs::read_to_string(&path)?.lines() {
                let row: serde_json::Value =
                    serde_json::from_str(row).with_context(|| format!("{}: {row}", path.display()))?;
                ids.extend(row["message_id"].as_i64().or_else(|| row["id"].as_i64()));
            }
        }
    }
    Ok(ids)
}

/// How many dead letters there are, and the ids of those that are a customer's message.
async fn dead_letters(line: &Line) -> anyhow::Result<(usize, Vec<i64>)> {
    let client = line.nats.client("provision").await?;
    let stream = jetstream::new(client).get_stream(contracts::topology::DEAD_LETTER_STREAM).await?;
    let mut subjects = stream.info_with_subjects("greenbite-dlq.>").await?;
    let mut count = 0;
    let mut ids = Vec::new();
    while let Some(next) = subjects.next().await {
        let (subject, number) = next?;
        count += number;
        let id: Option<i64> = subject.rsplit('.').next().and_then(|token| token.parse().ok());
        ids.extend(id.filter(|id| *id < NOBODY));
    }
    Ok((count, ids))
}
