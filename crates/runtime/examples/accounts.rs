//! Many restaurants on one nats-server, each in an account of its own with the line's streams and durables: what that
//! takes while nothing happens, and how many messages a second all of them together carry.
//!
//! `cargo run --release -p runtime --example accounts -- [accounts] [messages of each]`

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use async_nats::jetstream::consumer::PullConsumer;
use contracts::topology::{CONSUMERS, Limits, STREAM, consumer_of};
use contracts::{MessageId, Service, Topic};
use futures::StreamExt;
use futures::future::try_join_all;
use nix::sys::signal::Signal;
use runtime::{Bus, Settings, Trace, event_headers};
use testkit::{Home, Process, free_port, nats_server, wait_until};

/// What an order's events hold, on average, as the demo has them.
const EVENT_BYTES: usize = 900;
/// Room is set aside when a stream is made; a restaurant's week fits into a fraction of the default.
const LINE_BYTES: i64 = 64 << 20;
const DEAD_LETTER_BYTES: i64 = 16 << 20;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let (accounts, messages) =
        (numbers.first().copied().unwrap_or(200), numbers.get(1).copied().unwrap_or(20));
    let server = Server::start(accounts).await?;
    println!("{accounts} accounts: an empty server takes {:.0} MiB", server.resident_mib());

    let began = Instant::now();
    let restaurants = try_join_all((0..accounts).map(|number| Restaurant::open(&server, number))).await?;
    let connections: usize = restaurants.iter().map(|restaurant| restaurant.stations.len()).sum();
    println!(
        "{} streams, {} durables, {connections} connections after {:.1} s: {:.0} MiB",
        2 * accounts,
        (CONSUMERS.len() + 1) * accounts,
        began.elapsed().as_secs_f64(),
        server.resident_mib()
    );
    let (idle, before) = (Duration::from_secs(5), server.cpu()?);
    tokio::time::sleep(idle).await;
    println!("idle: {:.3} cores", (server.cpu()? - before) / idle.as_secs_f64());

    let (began, before) = (Instant::now(), server.cpu()?);
    try_join_all(restaurants.iter().map(|restaurant| restaurant.serve(messages))).await?;
    let (took, total) = (began.elapsed().as_secs_f64(), (accounts * messages) as f64);
    println!(
        "{total} orders, one at a time in each: {:.0} a second, {:.2} CPU s of the server per 1,000, {:.0} MiB",
        total / took,
        (server.cpu()? - before) / total * 1_000.0,
        server.resident_mib()
    );
    Ok(())
}

/// A server with an account a restaurant.
struct Server {
    port: u16,
    process: Process,
    _home: Home,
}

impl Server {
    async fn start(accounts: usize) -> anyhow::Result<Server> {
        let (home, port) = (Home::temporary()?, free_port()?);
        // As much as the streams set aside.
        let (storage, room) =
            (home.path().join("storage"), accounts as i64 * (LINE_BYTES + DEAD_LETTER_BYTES));
        let mut config = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {storage:?}, max_file_store: {room} }}\naccounts {{\n"
        );
        for number in 0..accounts {
            config += &format!(
                "  R{number} {{ jetstream: enabled, users: [{{ user: r{number}, password: p }}] }}\n"
            );
        }
        let file = home.path().join("nats.conf");
        std::fs::write(&file, config + "}\n")?;
        let mut command = Command::new(nats_server()?);
        command.arg("--config").arg(file);
        let process = Process::spawn("nats-server", command, &home.path().join("log"), Signal::SIGTERM)?;
        wait_until("the server listens", PATIENCE, || async {
            Ok(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop))
        })
        .await?;
        Ok(Server { port, process, _home: home })
    }

    fn resident_mib(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
        kib.unwrap_or(0.0) / 1024.0
    }

    /// CPU seconds so far, of hundredths that the kernel counts.
    fn cpu(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields = stat.rsplit_once(") ").context("no process")?.1.split(' ');
        let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        Ok(ticks / 100.0)
    }
}

/// A restaurant's line: a connection a station, and nothing in them but the bus's part of the work.
struct Restaurant {
    stations: Vec<(Service, Bus)>,
    durables: Vec<(&'static str, PullConsumer)>,
}

impl Restaurant {
    async fn open(server: &Server, number: usize) -> anyhow::Result<Restaurant> {
        let mut settings = Settings::default().nats;
        settings.url = format!("nats://127.0.0.1:{}", server.port);
        (settings.user, settings.password) = (Some(format!("r{number}")), Some("p".into()));
        settings.request_timeout_ms = PATIENCE.as_millis() as u64;
        let opened = Service::STATIONS.into_iter().map(|service| {
            let settings = &settings;
            async move { anyhow::Ok((service, Bus::connect(service.as_str(), settings).await?)) }
        });
        let stations = try_join_all(opened).await?;
        let limits =
            Limits { max_bytes: LINE_BYTES, dead_letter_max_bytes: DEAD_LETTER_BYTES, ..Limits::default() };
        runtime::provision(&stations[0].1, &limits).await?;
        let durables =
            stations.iter().flat_map(|(service, bus)| service.consumers().map(move |spec| (bus, spec)));
        let durables = durables.map(async |(bus, spec)| {
            let stream = bus.jetstream().get_stream(STREAM).await?;
            let durable = stream.get_consumer(spec.durable).await.map_err(anyhow::Error::from_boxed)?;
            anyhow::Ok((spec.durable, durable))
        });
        let durables = try_join_all(durables).await?;
        Ok(Restaurant { stations, durables })
    }

    fn bus(&self, service: Service) -> anyhow::Result<&Bus> {
        let found = self.stations.iter().find(|(station, _)| *station == service);
        found.map(|(_, bus)| bus).with_context(|| format!("{service} is no station"))
    }

    /// So many orders, one after the other, from the door to the notification.
    async fn serve(&self, messages: usize) -> anyhow::Result<()> {
        for id in 1..=messages as i64 {
            let mut topic = Topic::ReceivedMessage;
            self.publish(topic, MessageId(id)).await?;
            while let Some(spec) = consumer_of(topic) {
                let durable = self.durables.iter().find(|(name, _)| *name == spec.durable);
                let (_, durable) =
                    durable.with_context(|| format!("there is no durable {}", spec.durable))?;
                let mut pulled = durable.fetch().max_messages(1).expires(PATIENCE).messages().await?;
                let message =
                    pulled.next().await.context("nothing came")?.map_err(anyhow::Error::from_boxed)?;
                topic = spec.outputs[0];
                self.publish(topic, MessageId(id)).await?;
                message.double_ack().await.map_err(anyhow::Error::from_boxed)?;
            }
        }
        Ok(())
    }

    async fn publish(&self, topic: Topic, id: MessageId) -> anyhow::Result<()> {
        let bus = self.bus(topic.publisher())?;
        let headers = event_headers(1, &Trace::start());
        let msg_id = format!("{id}:{topic}:1");
        bus.publish_once(topic, id, 1, &msg_id, headers, vec![b'x'; EVENT_BYTES].into()).await?;
        Ok(())
    }
}
