//! The whole line as it is deployed: the real binaries, each in a process of its own, against private servers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use async_nats::jetstream;
use contracts::{Service, topology};
use nix::sys::signal::Signal;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::discord::StandIn;
use crate::{
    Durability, Home, Memcached, Nats, Postgres, Process, free_port, nats, port, random_password, repository,
    wait_until,
};

/// How a line is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Replicas of each station.
    pub replicas: usize,
    /// Where servers, stations and logs have their directories; a temporary one if not given.
    pub home: Option<PathBuf>,
    /// Whether servers listen on their standard ports where those are free.
    pub standard_ports: bool,
    /// What a commit is worth.
    pub durability: Durability,
    /// Whether the web page is started too.
    pub dashboard: bool,
    /// Where the binaries are; beside the running program if not given.
    pub binaries: Option<PathBuf>,
    /// Settings for every station and the operator's command, such as `GREENBITE_LANES__DEFAULT`.
    pub environment: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            replicas: 1,
            home: None,
            standard_ports: false,
            durability: Durability::Process,
            dashboard: false,
            binaries: None,
            environment: Vec::new(),
        }
    }
}

/// A running line. Dropped, it takes everything that it started with it.
pub struct Line {
    /// The stations; before their servers: they end first.
    stations: Mutex<BTreeMap<(Service, usize), Station>>,
    /// Where notifications arrive.
    pub discord: StandIn,
    /// The bus, with users and their least privileges.
    pub nats: Nats,
    /// The menu's cache.
    pub memcached: Memcached,
    /// The database's cluster.
    pub postgres: Postgres,
    pool: PgPool,
    role_passwords: BTreeMap<Service, String>,
    ingest_key: String,
    dashboard_token: String,
    options: Options,
    binaries: PathBuf,
    home: Home,
}

/// One process of a station.
struct Station {
    directory: PathBuf,
    http_port: u16,
    /// Where ingest takes messages in, and where the web page is.
    door_port: u16,
    process: Option<Process>,
}

/// The line's database.
pub(crate) const DATABASE: &str = "greenbite";
/// How long a station may take to become ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a station may take to end in good order; longer than its own grace period.
const STOP_WITHIN: Duration = Duration::from_secs(15);

impl Line {
    /// One replica of each station.
    pub async fn start() -> anyhow::Result<Line> {
        Line::with(Options::default()).await
    }

    /// Servers, provisioning, menu and stations, all ready.
    pub async fn with(options: Options) -> anyhow::Result<Line> {
        let line = Line::servers(options).await?;
        line.prepare().await?;
        line.start_stations().await?;
        Ok(line)
    }

    /// The servers alone, with an empty migrated database: [`Line::prepare`] and [`Line::start_stations`] go on.
    pub async fn servers(options: Options) -> anyhow::Result<Line> {
        let binaries = match &options.binaries {
            Some(path) => path.clone(),
            None => beside_this_program()?,
        };
        let dashboard = options.dashboard.then_some(Service::Dashboard);
        for service in Service::STATIONS.into_iter().chain([Service::Greenbite]).chain(dashboard) {
            let path = binaries.join(service.as_str());
            if !path.is_file() {
                bail!(
                    "{} is not built. `cargo xtask test` builds all binaries before the tests, and so does \
                     `cargo build --workspace --bins`",
                    path.display()
                );
            }
        }
        let home = match &options.home {
            Some(path) => Home::at(path)?,
            None => Home::temporary()?,
        };
        let standard = |port: u16| options.standard_ports.then_some(port);
        let below = |name: &str| Home::at(&home.path().join(name));
        let (nats, memcached, postgres) = tokio::try_join!(
            Nats::open(below("nats")?, standard(4222), nats::new_passwords()?),
            Memcached::open(below("memcached")?, standard(11211)),
            Postgres::open(
                Home::reachable_at(&home.path().join("postgres"))?,
                standard(5432),
                options.durability
            ),
        )?;
        let url = postgres.named_database(DATABASE).await?;
        let pool = PgPoolOptions::new().max_connections(4).connect(&url).await?;
        let mut role_passwords = BTreeMap::new();
        for service in Service::STATIONS.into_iter().chain([Service::Dashboard, Service::Greenbite]) {
            let password = random_password()?;
            set_role_password(&pool, service, &password).await?;
            role_passwords.insert(service, password);
        }
        Ok(Line {
            stations: Mutex::default(),
            discord: StandIn::start().await?,
            nats,
            memcached,
            postgres,
            pool,
            role_passwords,
            ingest_key: random_password()?,
            dashboard_token: random_password()?,
            options,
            binaries,
            home,
        })
    }

    /// Stream, durables and roles, and the repository's menu and what its house knows.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        self.provision().await?;
        let data = repository().join("data");
        self.import_menu(&data.join("menu.csv"), &data.join("options.csv")).await?;
        let knowledge = data.join("knowledge.csv").display().to_string();
        self.greenbite(&["knowledge", "import", &knowledge]).await.map(drop)
    }

    /// Creates stream, durables and roles.
    pub async fn provision(&self) -> anyhow::Result<()> {
        self.greenbite(&["provision"]).await.map(drop)
    }

    /// Imports a menu with its options.
    pub async fn import_menu(&self, menu: &Path, options: &Path) -> anyhow::Result<()> {
        let (menu, options) = (menu.display().to_string(), options.display().to_string());
        self.greenbite(&["menu", "import", &menu, "--options", &options]).await.map(drop)
    }

    /// Starts all replicas of all stations and waits until they are ready.
    pub async fn start_stations(&self) -> anyhow::Result<()> {
        let stations = Service::STATIONS.into_iter();
        let mut all: Vec<(Service, usize)> = stations
            .flat_map(|service| (0..self.options.replicas).map(move |replica| (service, replica)))
            .collect();
        if self.options.dashboard {
            all.push((Service::Dashboard, 0));
        }
        for &(service, replica) in &all {
            self.spawn(service, replica)?;
        }
        for (service, replica) in all {
            self.wait_until_ready(service, replica).await?;
        }
        Ok(())
    }

    /// Ends all stations in good order.
    pub async fn stop_stations(&self) {
        let processes: Vec<Process> =
            self.lock().values_mut().filter_map(|station| station.process.take()).collect();
        futures::future::join_all(processes.into_iter().map(async |mut process| {
            process.stop(STOP_WITHIN).await;
        }))
        .await;
    }

    /// SIGKILL: it does nothing any more.
    pub fn kill(&self, service: Service, replica: usize) {
        let process = self.lock().get_mut(&(service, replica)).and_then(|station| station.process.take());
        if let Some(mut process) = process {
            process.kill();
        }
    }

    /// SIGTERM: it ends in good order. How it ended; `None` if it was not there.
    pub async fn stop(&self, service: Service, replica: usize) -> Option<crate::Exit> {
        let process = self.lock().get_mut(&(service, replica)).and_then(|station| station.process.take());
        Some(process?.stop(STOP_WITHIN).await)
    }

    /// SIGSTOP: it stands still, with its connections open.
    pub fn suspend(&self, service: Service, replica: usize) {
        self.signal(service, replica, Signal::SIGSTOP);
    }

    /// SIGCONT: it goes on after [`Line::suspend`].
    pub fn resume(&self, service: Service, replica: usize) {
        self.signal(service, replica, Signal::SIGCONT);
    }

    /// Starts it again, on the same port and in the same directory; one that runs is ended in good order first.
    pub async fn restart(&self, service: Service, replica: usize) -> anyhow::Result<()> {
        self.stop(service, replica).await;
        self.spawn(service, replica)?;
        self.wait_until_ready(service, replica).await
    }

    /// Starts it without waiting until it is ready.
    pub fn spawn(&self, service: Service, replica: usize) -> anyhow::Result<()> {
        let mut stations = self.lock();
        let station = match stations.entry((service, replica)) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let directory = self.home.path().join("stations").join(format!("{service}-{replica}"));
                std::fs::create_dir_all(&directory)?;
                let preferred = match service {
                    Service::Ingest if self.options.standard_ports && replica == 0 => Some(8080),
                    Service::Dashboard if self.options.standard_ports => Some(8088),
                    _ => None,
                };
                let station = Station {
                    directory,
                    http_port: free_port()?,
                    door_port: port::prefer(preferred)?,
                    process: None,
                };
                entry.insert(station)
            }
        };
        let mut command = self.command(service);
        command.current_dir(&station.directory);
        command.env("GREENBITE_HTTP__LISTEN", format!("127.0.0.1:{}", station.http_port));
        match service {
            Service::Ingest => {
                command.env("GREENBITE_INGEST__LISTEN", format!("127.0.0.1:{}", station.door_port));
                command.env("GREENBITE_INGEST__KEY", &self.ingest_key);
            }
            Service::Dashboard => {
                command.env("GREENBITE_DASHBOARD__LISTEN", format!("127.0.0.1:{}", station.door_port));
                command.env("GREENBITE_DASHBOARD__TOKEN", &self.dashboard_token);
                command.env("GREENBITE_DASHBOARD__DATASET", repository().join("data/messages.csv"));
            }
            Service::Notifier => {
                for category in ["order", "review", "enquiry", "misc"] {
                    let variable = format!("GREENBITE_NOTIFIER__WEBHOOKS__{}", category.to_uppercase());
                    command.env(variable, self.discord.webhook(category));
                }
            }
            _ => {}
        }
        let log = station.directory.join("log");
        let name = format!("{service} (replica {replica})");
        station.process = Some(Process::spawn(&name, command, &log, Signal::SIGTERM)?);
        Ok(())
    }

    /// Waits until its `/readyz` says yes.
    pub async fn wait_until_ready(&self, service: Service, replica: usize) -> anyhow::Result<()> {
        let station = (service, replica);
        let (mut process, port) = {
            let mut stations = self.lock();
            let station = stations.get_mut(&station).context("no such station")?;
            (station.process.take().context("the station does not run")?, station.http_port)
        };
        let ready = process.ready(READY_WITHIN, || async move {
            get(port, "/readyz").await.is_ok_and(|(status, _)| status == 200)
        });
        let outcome = ready.await;
        if let Some(station) = self.lock().get_mut(&station) {
            station.process = Some(process);
        }
        outcome
    }

    /// Status and body of a page of the station's, such as `/readyz`.
    pub async fn page(&self, service: Service, replica: usize, path: &str) -> anyhow::Result<(u16, String)> {
        let port = self.lock().get(&(service, replica)).context("no such station")?.http_port;
        Ok(get(port, path).await?)
    }

    /// Runs the operator's command in the line's directory: its output, or an error that quotes it.
    pub async fn greenbite(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.greenbite_command(arguments);
        let words = format!("greenbite {}", arguments.join(" "));
        let output = tokio::task::spawn_blocking(move || command.output())
            .await?
            .with_context(|| format!("cannot start `{words}`"))?;
        if !output.status.success() {
            bail!(
                "`{words}` failed ({}):\n{}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output)
    }

    /// The operator's command, to be run by the caller.
    pub fn greenbite_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(Service::Greenbite);
        if arguments.first() == Some(&"provision") {
            // It migrates, grants and creates streams: as the tables' owner, and the bus's user for that.
            command.env("GREENBITE_DATABASE__URL", self.postgres.url(DATABASE));
            command.env("GREENBITE_NATS__USER", topology::PROVISION);
            command
                .env("GREENBITE_NATS__PASSWORD", self.nats.password(topology::PROVISION).unwrap_or_default());
        }
        command.args(arguments).current_dir(self.home.path());
        command
    }

    /// Where ingest takes messages in over HTTP, and the key that it wants to see.
    pub fn door(&self, replica: usize) -> Option<(String, String)> {
        let port = self.lock().get(&(Service::Ingest, replica))?.door_port;
        Some((format!("http://127.0.0.1:{port}/messages"), self.ingest_key.clone()))
    }

    /// The address of the web page, and the token that lets a browser change something; `None` where it does not run.
    pub fn page_address(&self) -> Option<(String, String)> {
        let port = self.lock().get(&(Service::Dashboard, 0))?.door_port;
        Some((format!("http://127.0.0.1:{port}"), self.dashboard_token.clone()))
    }

    /// Connections to the line's database, as its owner.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The URL of the line's database, as its owner.
    pub fn database_url(&self) -> String {
        self.postgres.url(DATABASE)
    }

    /// The URL of the line's database, as this service.
    pub fn database_url_of(&self, service: Service) -> String {
        self.postgres.url_as(&role_of(service), self.role_password(service), DATABASE)
    }

    /// The password of this service's role.
    pub(crate) fn role_password(&self, service: Service) -> &str {
        self.role_passwords.get(&service).map(String::as_str).unwrap_or_default()
    }

    /// Where the line's programs are.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// The process id of a station, to be measured.
    pub fn process_id(&self, service: Service, replica: usize) -> Option<u32> {
        Some(self.lock().get(&(service, replica))?.process.as_ref()?.id())
    }

    /// The directory in which a station runs: its log and the files that it writes.
    pub fn directory(&self, service: Service, replica: usize) -> PathBuf {
        self.home.path().join("stations").join(format!("{service}-{replica}"))
    }

    /// What a station has logged so far.
    pub fn log(&self, service: Service, replica: usize) -> String {
        let log = std::fs::read(self.directory(service, replica).join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Puts messages into the database as customers would, in one commit: their ids.
    pub async fn send<T: AsRef<str>>(&self, texts: &[T]) -> anyhow::Result<Vec<i64>> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let ids = sqlx::query_scalar(
            "INSERT INTO messages (source, text) SELECT 'test', text FROM unnest($1::text[]) AS text RETURNING id",
        )
        .bind(&texts)
        .fetch_all(&self.pool)
        .await?;
        Ok(ids)
    }

    /// The outcome of a message, if it has one.
    pub async fn outcome(&self, id: i64) -> anyhow::Result<Option<String>> {
        Ok(sqlx::query_scalar("SELECT outcome FROM messages WHERE id = $1")
            .bind(id)
            .fetch_one(&self.pool)
            .await?)
    }

    /// Waits until every message has an outcome: how many of each.
    pub async fn wait_for_outcomes(&self, within: Duration) -> anyhow::Result<BTreeMap<String, i64>> {
        let waited = wait_until("every message has an outcome", within, || async {
            let open: i64 = sqlx::query_scalar("SELECT count(*) FROM messages WHERE outcome IS NULL")
                .fetch_one(&self.pool)
                .await?;
            Ok((open == 0).then_some(()))
        });
        if let Err(error) = waited.await {
            return Err(error.context(self.state().await));
        }
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT outcome, count(*) FROM messages GROUP BY 1 ORDER BY 1")
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().collect())
    }

    /// Waits until every message has an outcome and was told of: nothing is under way any more.
    pub async fn wait_until_settled(&self, within: Duration) -> anyhow::Result<BTreeMap<String, i64>> {
        let outcomes = self.wait_for_outcomes(within).await?;
        let waited = wait_until("every message was told of", within, || async {
            let untold: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM messages m WHERE rejected_reason IS NULL AND NOT EXISTS \
                 (SELECT FROM notifications n WHERE n.message_id = m.id AND n.category = m.outcome AND n.state = 'sent')",
            )
            .fetch_one(&self.pool)
            .await?;
            Ok((untold == 0).then_some(()))
        });
        if let Err(error) = waited.await {
            return Err(error.context(self.state().await));
        }
        Ok(outcomes)
    }

    /// Where things are, for the message of a test that failed.
    pub async fn state(&self) -> String {
        let rows = sqlx::query_as::<_, (i64, bool, Option<String>, i32)>(
            "SELECT id, published_at IS NOT NULL, outcome, generation FROM messages m WHERE outcome IS NULL \
             OR NOT EXISTS (SELECT FROM notifications n WHERE n.message_id = m.id AND n.state = 'sent') \
             ORDER BY id LIMIT 10",
        )
        .fetch_all(&self.pool)
        .await;
        let mut text = match rows {
            Ok(rows) => rows.into_iter().fold(String::new(), |text, (id, published, outcome, generation)| {
                format!("{text}message {id}: published {published}, generation {generation}, outcome {outcome:?}\n")
            }),
            Err(error) => format!("the database does not answer: {error}\n"),
        };
        match self.durables().await {
            Ok(durables) => text.push_str(&durables),
            Err(error) => text.push_str(&format!("the bus does not answer: {error:#}\n")),
        }
        for ((service, replica), station) in &mut *self.lock() {
            let (exit, end) = match &mut station.process {
                Some(process) => (process.exit(), process.log_end()),
                None => (None, "(not running)".to_owned()),
            };
            let last: Vec<&str> = end.lines().rev().take(3).collect();
            text.push_str(&format!("--- {service} {replica} (ended: {exit:?})\n"));
            text.extend(last.into_iter().rev().map(|line| format!("{line}\n")));
        }
        text
    }

    /// What the bus says of every durable.
    async fn durables(&self) -> anyhow::Result<String> {
        let stream =
            jetstream::new(self.nats.client("provision").await?).get_stream(topology::STREAM).await?;
        let mut text = format!("the stream: {:?}\n", stream.cached_info().state);
        for durable in topology::CONSUMERS {
            let info = stream.consumer_info(durable.durable).await?;
            text.push_str(&format!(
                "{}: delivered {:?}, acknowledged {:?}, pending {}, in work {}, redelivered {}, requests {}\n",
                durable.durable,
                info.delivered,
                info.ack_floor,
                info.num_pending,
                info.num_ack_pending,
                info.num_redelivered,
                info.num_waiting
            ));
        }
        Ok(text)
    }

    /// A binary with the settings by which it finds its servers, and nothing of our own environment's.
    fn command(&self, service: Service) -> Command {
        let mut command = Command::new(self.binaries.join(service.as_str()));
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("GREENBITE_") {
                command.env_remove(key);
            }
        }
        let user = match service {
            Service::Greenbite => topology::OPERATOR,
            station => station.as_str(),
        };
        command.env("GREENBITE_NATS__URL", self.nats.url()).env("GREENBITE_NATS__USER", user);
        if let Some(password) = self.nats.password(user) {
            command.env("GREENBITE_NATS__PASSWORD", password);
        }
        command.env("GREENBITE_DATABASE__URL", self.database_url_of(service));
        command.env("GREENBITE_MEMCACHED__ADDRESS", self.memcached.address());
        // Tests load no model, and fetch none, unless they ask for it.
        command.env("GREENBITE_MENU_VALIDATOR__MODEL", "none");
        command.env("GREENBITE_ANSWERER__MODEL", "none");
        // Tests send more in a second than a town orders in an evening.
        command.env("GREENBITE_RESTAURANT__LIMITS__ALL_A_MINUTE", "0");
        // The operator's command too: it provisions stream and durables by the same settings.
        command.envs(self.options.environment.iter().map(|(key, value)| (key, value)));
        command
    }

    fn signal(&self, service: Service, replica: usize, signal: Signal) {
        if let Some(station) = self.lock().get_mut(&(service, replica))
            && let Some(process) = &mut station.process
        {
            process.signal(signal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Service, usize), Station>> {
        self.stations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Whoever wants them to end in good order calls stop_stations() first.
        for station in self.lock().values_mut() {
            if let Some(mut process) = station.process.take() {
                process.kill();
            }
        }
    }
}

/// The database's role of a service; `deploy/postgres/roles.sql` says what it may do.
pub(crate) fn role_of(service: Service) -> String {
    match service {
        Service::Greenbite => "greenbite_operator".to_owned(),
        service => format!("greenbite_{}", service.as_str().replace('-', "_")),
    }
}

/// Creates the role if it is not there, as `deploy/postgres` does; privileges come by `greenbite provision`.
async fn set_role_password(pool: &PgPool, service: Service, password: &str) -> anyhow::Result<()> {
    let role = role_of(service);
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
        .bind(&role)
        .fetch_one(pool)
        .await?;
    let verb = if there { "ALTER" } else { "CREATE" };
    // Both are our own: letters, digits and underscores.
    pool.execute(AssertSqlSafe(format!("{verb} ROLE {role} LOGIN PASSWORD '{password}'"))).await?;
    Ok(())
}

/// Where cargo put the binaries of the build that this program belongs to.
fn beside_this_program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let directory = program.parent().context("this program is nowhere")?;
    Ok(if directory.ends_with("deps") { directory.parent().unwrap_or(directory) } else { directory }
        .to_owned())
}

/// A page of a server on this machine: its status and body.
async fn get(port: u16, path: &str) -> std::io::Result<(u16, String)> {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other("that is no HTTP"))?;
        Ok((status, body.to_owned()))
    };
    tokio::time::timeout(Duration::from_secs(3), ask)
        .await
        .unwrap_or_else(|_| Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within 3 s")))
}
