//! `cargo xtask compose-test`: the line in containers, from the image to `down -v`, on a real engine.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use testkit::hub::Hub;
use testkit::{free_port, repository};

/// Builds the image and tries the whole stack: scaling, kills, restarts, kept volumes, changed passwords, a restore.
///
/// Needs a Docker engine with Compose. Works in a project of its own and takes it away again; a stack of yours on the
/// same engine is not touched.
#[derive(clap::Args)]
pub struct Arguments {
    /// Take the image that is there, and build none.
    #[arg(long)]
    no_build: bool,
    /// For `docker build`, such as `--build-arg=--network=host` where containers reach no network.
    #[arg(long, allow_hyphen_values = true)]
    build_arg: Vec<String>,
}

const PROJECT: &str = "greenbite-test";
const IMAGE: &str = "greenbite:compose-test";
/// How long the messages may take until each has an outcome and was told.
const SETTLE: Duration = Duration::from_secs(180);

/// Everything, in the order in which an owner meets it.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let engine = Command::new(docker()).args(["compose", "version", "--short"]).output();
    let answers = Command::new(docker()).args(["info", "--format", "{{.ServerVersion}}"]).output();
    let (Ok(compose), Ok(server)) = (engine, answers) else {
        bail!("compose-test cannot run here: there is no `docker` command");
    };
    if !compose.status.success() || !server.status.success() {
        bail!(
            "compose-test cannot run here: `docker info` finds no engine, or `docker compose version` no Compose"
        );
    }
    println!("engine {}, Compose {}", words(&server.stdout), words(&compose.stdout));
    if !arguments.no_build {
        step("the image is built", || build(&arguments.build_arg))?;
    }
    let stack = Stack::new()?;
    let models = repository().join("crates/embed/tests/data/bert");
    let hub = Hub::for_containers(models).await?;
    let outcome = stack.everything(hub);
    if outcome.is_err() {
        let _ = stack.show(&["ps", "--all"]);
        let _ = stack.show(&["logs", "--tail", "20"]);
    }
    let gone = step("down -v leaves nothing", || stack.end());
    outcome.and(gone)
}

fn docker() -> String {
    std::env::var("DOCKER").unwrap_or_else(|_| "docker".to_owned())
}

fn step<T>(what: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let start = Instant::now();
    let done = work().with_context(|| format!("failed: {what}"))?;
    println!("{:>7.1} s  {what}", start.elapsed().as_secs_f64());
    Ok(done)
}

fn build(more: &[String]) -> anyhow::Result<()> {
    let mut build = Command::new(docker());
    build.current_dir(repository()).env("DOCKER_BUILDKIT", "1").args(["build", "--tag", IMAGE]).args(more);
    finish(build.args(["--file", "deploy/Dockerfile", "."]))?;
    let size = finish(Command::new(docker()).args(["image", "inspect", "--format", "{{.Size}}", IMAGE]))?;
    println!("           the image holds {} MB", size.trim().parse::<u64>()? / 1_000_000);
    Ok(())
}

/// Runs it; what it says on standard output, or an error with the end of all that it said.
fn finish(command: &mut Command) -> anyhow::Result<String> {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output()?;
    if !status.success() {
        let said = [words(&stdout), words(&stderr)].concat();
        let last: Vec<&str> = said.lines().rev().take(12).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        bail!("{command:?} ({status}):\n{}", last.join("\n"));
    }
    Ok(words(&stdout))
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// How many messages are not in exactly the table of their outcome, or were not told of once, and as that. A review that
/// nobody has decided is no order.
const ASTRAY: &str = "SELECT count(*) FROM messages m WHERE \
    (SELECT count(*) FROM orders o WHERE o.message_id = m.id) <> (m.outcome = 'order')::int \
    OR (SELECT count(*) FROM reviews r WHERE r.message_id = m.id) <> (m.outcome = 'review')::int \
    OR (SELECT count(*) FROM enquiries e WHERE e.message_id = m.id) <> (m.outcome = 'enquiry')::int \
    OR (SELECT coalesce(string_agg(category, ','), '') FROM notifications n WHERE n.message_id = m.id) <> m.outcome";

/// How many of how many.
#[derive(Default)]
struct Share {
    part: u32,
    all: u32,
}

impl Share {
    fn count(&mut self, is_part: bool) {
        self.part += u32::from(is_part);
        self.all += 1;
    }

    fn percent(&self) -> f64 {
        100.0 * f64::from(self.part) / f64::from(self.all)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ({:.1} %)", self.part, self.all, self.percent())
    }
}

/// A stack of our own, with passwords of its own.
struct Stack {
    directory: PathBuf,
    page_port: u16,
    door_port: u16,
}

impl Stack {
    fn new() -> anyhow::Result<Stack> {
        let directory = repository().join("target/compose-test");
        fs::create_dir_all(&directory)?;
        let stack = Stack { directory, page_port: free_port()?, door_port: free_port()? };
        let _ = fs::remove_file(stack.env_file());
        // As docker-compose.yml in the repository's root, but with another .env than an owner's, which may name webhooks.
        let root = repository();
        let include = serde_json::json!({ "include": [{
            "path": root.join("deploy/compose.yml"), "project_directory": root, "env_file": stack.env_file(),
        }] });
        fs::write(stack.compose_file(), include.to_string())?;
        stack.make_passwords()?;
        stack.set("GREENBITE_IMAGE", IMAGE)?;
        stack.set("GREENBITE_PORT_DASHBOARD", &stack.page_port.to_string())?;
        let ports = format!("{}-{}", stack.door_port, stack.door_port + 3);
        stack.set("GREENBITE_PORTS_INGEST", &ports)?;
        // Any character may be in a password of the database.
        stack.set("GREENBITE_DATABASE_PASSWORD_INGEST", "'p@ss/w:rd?#%20&'")?;
        Ok(stack)
    }

    fn env_file(&self) -> PathBuf {
        self.directory.join("env")
    }

    fn compose_file(&self) -> PathBuf {
        self.directory.join("docker-compose.yml")
    }

    fn make_passwords(&self) -> anyhow::Result<()> {
        finish(Command::new(repository().join("deploy/passwords")).arg(self.env_file())).map(drop)
    }

    /// Sets a variable, instead of what was set before.
    fn set(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let text = fs::read_to_string(self.env_file())?;
        let others = text.lines().filter(|line| line.split('=').next() != Some(name));
        let lines: Vec<&str> = others.collect();
        Ok(fs::write(self.env_file(), format!("{}\n{name}={value}\n", lines.join("\n")))?)
    }

    fn get(&self, name: &str) -> anyhow::Result<String> {
        let text = fs::read_to_string(self.env_file())?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.map(str::to_owned).with_context(|| format!("{name} is not set"))
    }

    /// A command that meets this stack as one typed in the repository's root meets an owner's.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GREENBITE_") {
                command.env_remove(name);
            }
        }
        command.current_dir(repository()).env("COMPOSE_PROJECT_NAME", PROJECT);
        command.env("COMPOSE_FILE", self.compose_file()).env("COMPOSE_ENV_FILES", self.env_file());
        command
    }

    fn compose(&self, arguments: &[&str]) -> anyhow::Result<String> {
        finish(self.command(docker()).arg("compose").args(arguments))
    }

    fn show(&self, arguments: &[&str]) -> anyhow::Result<()> {
        println!("{}", self.compose(arguments)?);
        Ok(())
    }

    fn up(&self, more: &[&str]) -> anyhow::Result<()> {
        let words = ["up", "--detach", "--no-build", "--wait", "--wait-timeout", "120"];
        self.compose(&[&words[..], more].concat()).map(drop)
    }

    fn greenbite(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.compose(&[&["run", "--rm", "-T", "greenbite"], arguments].concat())
    }

    /// One value from the database.
    fn value(&self, query: &str) -> anyhow::Result<String> {
        let psql = ["exec", "-T", "postgres", "psql", "--username", "greenbite", "-At", "--command", query];
        self.compose(&psql)
    }

    fn everything(&self, hub: Hub) -> anyhow::Result<()> {
        step("without passwords, and on a port that is taken, it says what to do", || self.said_plainly())?;
        step("up from nothing: all healthy", || self.up(&[]))?;
        step("the demo's messages: each has its outcome and was told", || {
            self.greenbite(&["simulate", "--speed", "50"])?;
            self.settled(669)?;
            self.outcomes_are_right()
        })?;
        step("the page asks for a token before it shows anything, POST /messages for its key", || {
            self.doors()
        })?;
        step("doctor, journey and export in the command's container", || self.commands())?;
        step("three classifiers and two ingests", || {
            self.up(&["--scale", "classifier=3", "--scale", "ingest=2"])
        })?;
        step(
            "stations killed, bus and database restarted amid messages: nothing lost, nothing twice",
            || self.trouble(),
        )?;
        self.show(&["stats", "--no-stream", "--format", "{{.Name}}  {{.MemUsage}}"])?;
        step("down and up again on kept volumes: messages and the owner's menu are there", || self.again())?;
        step("all passwords but the owner's changed in .env: the line goes on", || self.new_passwords())?;
        step("a wrong owner's password is one clear line", || self.wrong_password())?;
        step("backup, restore and up, as docs/containers.md says", || self.restored())?;
        step("two validators, one download of the model, and none after a restart", || {
            self.fetched_model(hub)
        })?;
        step("a model from a folder, without a network", || self.offline_model())
    }

    fn said_plainly(&self) -> anyhow::Result<()> {
        let text = fs::read_to_string(self.env_file())?;
        fs::write(self.env_file(), "")?;
        let said = self.compose(&["config", "--quiet"]);
        fs::write(self.env_file(), text)?;
        let said = said.err().context("it starts without passwords")?.to_string();
        ensure!(said.contains("run deploy/passwords, it writes .env"), "{said}");

        let taken = TcpListener::bind(("127.0.0.1", 0))?;
        let port = taken.local_addr()?.port();
        self.set("GREENBITE_PORT_DASHBOARD", &port.to_string())?;
        let said = self.up(&[]).err().context("it starts on a port that is taken")?.to_string();
        let line = said.lines().last().unwrap_or_default();
        ensure!(line.contains(&port.to_string()), "{said}");
        println!("           {line}");
        self.set("GREENBITE_PORT_DASHBOARD", &self.page_port.to_string())?;
        self.compose(&["down"]).map(drop)
    }

    /// Waits until that many messages have an outcome and were told.
    fn settled(&self, messages: usize) -> anyhow::Result<()> {
        let query = "SELECT count(*) || ' messages, ' || count(outcome) || ' outcomes, ' || \
                     (SELECT count(*) FROM notifications WHERE state = 'sent') || ' told' FROM messages";
        let wanted = format!("{messages} messages, {messages} outcomes, {messages} told");
        let start = Instant::now();
        loop {
            // While the database restarts it does not answer.
            let now = self.value(query).unwrap_or_else(|error| error.to_string());
            if now == wanted {
                return Ok(());
            }
            ensure!(start.elapsed() < SETTLE, "after {SETTLE:?}: {now}, not {wanted}");
            sleep(Duration::from_millis(500));
        }
    }

    /// Each message has one fate, and nearly always the one that a person would have given it.
    fn outcomes_are_right(&self) -> anyhow::Result<()> {
        let astray = self.value(ASTRAY)?;
        ensure!(
            astray == "0",
            "{astray} messages are in no table, in two, or in another than their outcome's"
        );
        let labels = fs::read_to_string(repository().join("data/labels.jsonl"))?;
        let labels = labels.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        let labels: BTreeMap<_, _> = labels.iter().map(|label| (label["text"].as_str(), label)).collect();
        let rows = self.value("SELECT json_agg(json_build_object('text', text, 'outcome', outcome)) FROM messages WHERE source = 'simulation'")?;
        let rows: Vec<BTreeMap<String, String>> = serde_json::from_str(&rows)?;
        let (mut kinds, mut straight, mut wrongly) = (Share::default(), Share::default(), Share::default());
        let mut outcomes = BTreeMap::new();
        for row in &rows {
            let (text, outcome) = (&row["text"], row["outcome"].as_str());
            let label = labels.get(&Some(text.as_str())).with_context(|| format!("no label for {text:?}"))?;
            kinds.count(match label["kind"].as_str().unwrap_or_default() {
                // A person decides of it, or it is answered with what there is instead.
                "order" => outcome != "misc",
                "miscellaneous" => outcome == "misc",
                kind => outcome == kind,
            });
            let cookable = label["kind"] == "order" && label["off_menu"] == false;
            let share = if cookable { &mut straight } else { &mut wrongly };
            share.count(outcome == "order");
            *outcomes.entry(outcome).or_insert(0) += 1;
        }
        println!("           by outcome {outcomes:?}; the kind is right of {kinds}");
        println!(
            "           to the kitchen: {straight} orders, {wrongly} that no kitchen should get unasked"
        );
        ensure!(kinds.percent() >= 97.0, "the kind is right of {kinds} only");
        ensure!(straight.percent() >= 50.0, "only {straight} orders go to the kitchen unasked");
        ensure!(wrongly.percent() <= 1.0, "to the kitchen went {wrongly} that no kitchen should get unasked");
        Ok(())
    }

    fn doors(&self) -> anyhow::Result<()> {
        let page = |token: &str| http(self.page_port, "GET", "/api/snapshot", &["authorization", token], "");
        ensure!(page("")?.0 == 401, "the page can be read without a token: {}", page("")?.0);
        let reader = format!("Bearer {}", self.get("GREENBITE_DASHBOARD_READ_TOKEN")?);
        let owner = format!("Bearer {}", self.get("GREENBITE_DASHBOARD_TOKEN")?);
        ensure!(page(&reader)?.0 == 200 && page(&owner)?.0 == 200, "the page refuses its own token");
        let clear = http(self.page_port, "POST", "/api/clear", &["authorization", &owner], "{}")?.0;
        ensure!(clear >= 400, "in production mode the page clears everything: {clear}");
        ensure!(self.post("no key")?.0 == 401, "POST /messages takes a wrong key");
        self.posted("two iced teas please", 670)
    }

    /// Posts a message and waits for its outcome.
    fn posted(&self, text: &str, messages: usize) -> anyhow::Result<()> {
        let body = serde_json::json!({ "text": text }).to_string();
        let key = self.get("GREENBITE_INGEST_KEY")?;
        let (status, answer) = http(self.door()?, "POST", "/messages", &["x-api-key", &key], &body)?;
        ensure!(status == 202, "POST /messages answers {status}: {answer}");
        self.settled(messages)
    }

    fn post(&self, key: &str) -> anyhow::Result<(u16, String)> {
        http(self.door()?, "POST", "/messages", &["x-api-key", key], "{\"text\":\"x\"}")
    }

    fn door(&self) -> anyhow::Result<u16> {
        let address = self.compose(&["port", "ingest", "8080"])?;
        let port = address.rsplit(':').next().unwrap_or_default();
        port.parse().with_context(|| format!("no port in {address:?}"))
    }

    fn commands(&self) -> anyhow::Result<()> {
        self.greenbite(&["doctor"])?;
        let journey = self.greenbite(&["journey", "42"])?;
        ensure!(journey.contains("classified"), "no journey: {journey}");
        let file = "compose-test.csv";
        let said = self.greenbite(&["export", "orders", "--day", "today", "--out", file])?;
        println!("           {said}");
        let written = repository().join("files").join(file);
        let lines = fs::read_to_string(&written)?.lines().count();
        fs::remove_file(written)?;
        let orders = self.value("SELECT count(*) FROM orders")?;
        ensure!(said.contains(&format!(": {orders} orders of")), "the database has {orders} orders");
        ensure!(lines > orders.parse()?, "{lines} lines of {orders} orders");
        Ok(())
    }

    fn trouble(&self) -> anyhow::Result<()> {
        let mut simulate = self.command(docker());
        simulate.args(["compose", "run", "--rm", "-T", "greenbite", "simulate", "--speed", "3"]);
        simulate.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut simulate = simulate.spawn()?;
        let scaled = ["--scale", "classifier=3", "--scale", "ingest=2"];
        for trouble in [
            &["kill", "classifier", "extractor"][..],
            &["kill", "menu-validator", "registrar", "notifier"],
            &["kill", "ingest"],
            &["restart", "nats"],
        ] {
            sleep(Duration::from_secs(3));
            self.compose(trouble)?;
            sleep(Duration::from_secs(1));
            self.up(&scaled)?;
        }
        ensure!(simulate.wait()?.success(), "the simulation failed");
        self.compose(&["restart", "postgres"])?;
        self.settled(670 + 669)?;
        let twice = "SELECT count(*) - count(DISTINCT message_id) FROM orders";
        let repeats = self.value("SELECT count(*) FROM notifications WHERE possible_repeat")?;
        println!("           {repeats} of 1339 notifications marked as possible repeats");
        ensure!(self.value(twice)? == "0", "a message became two orders");
        self.outcomes_are_right()
    }

    fn again(&self) -> anyhow::Result<()> {
        self.greenbite(&[
            "menu",
            "import",
            "data/restaurants/cafe/menu.csv",
            "--options",
            "data/restaurants/cafe/options.csv",
        ])?;
        let items = "SELECT count(*) || ' ' || min(slug) FROM menu_items";
        let before = self.value(items)?;
        self.compose(&["down"])?;
        self.up(&[])?;
        let after = self.value(items)?;
        ensure!(before == after, "the owner's menu was {before} and is {after}");
        self.settled(1339)?;
        self.greenbite(&["menu", "import", "data/menu.csv", "--options", "data/options.csv"]).map(drop)
    }

    fn new_passwords(&self) -> anyhow::Result<()> {
        let text = fs::read_to_string(self.env_file())?;
        let secret = |name: &str| ["PASSWORD_", "_KEY", "_TOKEN"].iter().any(|part| name.contains(part));
        for name in
            text.lines().filter_map(|line| line.split_once('=').map(|(name, _)| name)).filter(|n| secret(n))
        {
            self.set(name, "")?;
        }
        self.make_passwords()?;
        self.up(&[])?;
        self.posted("two iced teas please", 1340)
    }

    fn wrong_password(&self) -> anyhow::Result<()> {
        let right = self.get("GREENBITE_DATABASE_PASSWORD")?;
        self.set("GREENBITE_DATABASE_PASSWORD", "wrong")?;
        ensure!(self.up(&[]).is_err(), "it starts with a wrong password of the database's owner");
        let said = self.compose(&["logs", "--no-log-prefix", "--tail", "1", "roles"])?;
        ensure!(said.starts_with("The database refuses GREENBITE_DATABASE_PASSWORD"), "roles says {said:?}");
        println!("           {said}");
        self.set("GREENBITE_DATABASE_PASSWORD", &right)?;
        self.up(&[])
    }

    fn restored(&self) -> anyhow::Result<()> {
        let dump = self.directory.join("greenbite.dump");
        let script = |name: &str| finish(self.command(repository().join("deploy").join(name)).arg(&dump));
        println!("           {}", script("backup")?);
        self.posted("not in the backup", 1341)?;
        script("restore")?;
        self.up(&[])?;
        self.settled(1340)?;
        self.posted("two iced teas please", 1341)
    }

    fn offline_model(&self) -> anyhow::Result<()> {
        self.set("GREENBITE_MODELS", "./crates/embed/tests/data")?;
        self.set("GREENBITE_MENU_VALIDATOR__MODEL", "/var/lib/greenbite/models/bert")?;
        self.up(&[])?;
        self.matched_by("bert", 1)?;
        // `down -v` deletes the volumes that the services name at that time.
        self.set("GREENBITE_MODELS", "models")
    }

    /// Waits until so many validators have said that names are matched by this model.
    fn matched_by(&self, model: &str, validators: usize) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let log = self.compose(&["logs", "--no-log-prefix", "menu-validator"])?;
            let said: Vec<&str> = log.lines().filter(|line| line.contains("names are matched by")).collect();
            let wanted = format!("names are matched by {model}");
            if said.iter().filter(|line| line.contains(&wanted)).count() >= validators {
                return Ok(());
            }
            ensure!(start.elapsed() < SETTLE, "after {SETTLE:?} validators say {said:?}");
            sleep(Duration::from_millis(500));
        }
    }

    /// The hub's stand-in listens on this machine, which containers see at the gateway of their network.
    fn fetched_model(&self, hub: Hub) -> anyhow::Result<()> {
        let mut inspect = Command::new(docker());
        inspect.args(["network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}"]);
        let gateway = finish(inspect.arg(format!("{PROJECT}_default")))?;
        self.set("HF_ENDPOINT", &format!("http://{gateway}:{}", hub.port()))?;
        self.set("GREENBITE_MENU_VALIDATOR__MODEL", "greenbite/bert")?;
        self.up(&["--scale", "menu-validator=2"])?;
        self.matched_by("greenbite/bert", 2)?;
        ensure!(hub.downloads() == 1, "the model was downloaded {} times", hub.downloads());
        drop(hub);
        self.compose(&[
            "up",
            "--detach",
            "--no-build",
            "--wait",
            "--force-recreate",
            "--scale",
            "menu-validator=2",
        ])?;
        self.matched_by("greenbite/bert", 2)
    }

    fn end(&self) -> anyhow::Result<()> {
        self.compose(&["--profile", "*", "down", "--volumes", "--remove-orphans"])?;
        let filter = format!("label=com.docker.compose.project={PROJECT}");
        for kind in ["container", "volume", "network"] {
            let mut list = Command::new(docker());
            list.args([kind, "ls", "--quiet", "--filter", &filter]);
            ensure!(finish(&mut list)?.is_empty(), "a {kind} is left");
        }
        Ok(())
    }
}

/// A request on this machine; status and body of the answer.
fn http(
    port: u16,
    method: &str,
    path: &str,
    header: &[&str; 2],
    body: &str,
) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).with_context(|| format!("port {port}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let [name, value] = header;
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{name}: {value}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.with_context(|| format!("no answer: {answer:?}"))?, answer))
}
