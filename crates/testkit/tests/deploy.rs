//! What is in `deploy/` and `docker-compose.yml` fits the code, as far as that can be told without Docker.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use contracts::{Service as Name, topology};
use serde::Deserialize;
use serde::de::IgnoredAny;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use testkit::{Postgres, postgres_programs, repository};

/// `docker-compose.yml`: what of the Compose specification we use, and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Root {
    name: String,
    include: Vec<Include>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Include {
    path: String,
    project_directory: String,
}

/// `deploy/compose.yml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compose {
    #[serde(rename = "x-logging")]
    _logging: IgnoredAny,
    #[serde(rename = "x-station")]
    _station: IgnoredAny,
    #[serde(rename = "x-health")]
    _health: IgnoredAny,
    #[serde(rename = "x-settings")]
    _settings: IgnoredAny,
    services: BTreeMap<String, Service>,
    volumes: BTreeMap<String, Option<NoOptions>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    image: String,
    build: Option<Build>,
    entrypoint: Option<Vec<String>>,
    command: Option<Vec<String>>,
    restart: Option<String>,
    stop_grace_period: Option<String>,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    cap_drop: Vec<String>,
    #[serde(default)]
    security_opt: Vec<String>,
    #[serde(default)]
    depends_on: BTreeMap<String, DependsOn>,
    /// Without a value: handed on where `.env` sets it.
    #[serde(default)]
    environment: BTreeMap<String, Option<String>>,
    logging: Option<Logging>,
    mem_limit: Option<String>,
    #[serde(default)]
    volumes: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
    healthcheck: Option<Healthcheck>,
    #[serde(default)]
    profiles: Vec<String>,
    #[serde(rename = "shm_size")]
    _shm_size: Option<String>,
    #[serde(rename = "user")]
    _user: Option<String>,
    #[serde(rename = "working_dir")]
    _working_dir: Option<String>,
    #[serde(default, rename = "stdin_open")]
    _stdin_open: bool,
    #[serde(default, rename = "tty")]
    _tty: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    context: String,
    dockerfile: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logging {
    driver: String,
    options: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DependsOn {
    condition: Condition,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(rename_all = "snake_case")]
enum Condition {
    ServiceHealthy,
    ServiceCompletedSuccessfully,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Healthcheck {
    test: Vec<String>,
    interval: String,
    timeout: String,
    #[serde(rename = "retries")]
    _retries: u32,
    start_period: String,
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn compose() -> Compose {
    serde_saphyr::from_str(&read("deploy/compose.yml")).unwrap_or_else(|error| panic!("{error}"))
}

/// The variables that `deploy/passwords` makes of `.env.example`.
fn env_file() -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("env");
    let passwords = || Command::new(repository().join("deploy/passwords")).arg(&file).output().unwrap();
    let output = passwords();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "others can read the passwords");
    assert!(passwords().status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "what is set stays as it is");
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
            assert!(!value.is_empty(), "deploy/passwords leaves {key} empty");
            (key.to_owned(), value.to_owned())
        })
        .collect()
}

/// Replaces `${NAME:?what to do}` and `${NAME:-default}` as Compose does; notes the names that were asked for.
fn interpolate(text: &str, variables: &BTreeMap<String, String>, asked: &mut BTreeSet<String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, after) = after.split_once('}').unwrap_or_else(|| panic!("no closing brace: {text}"));
        result.push_str(before);
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => {
                (inside.split_once(":?").unwrap_or_else(|| panic!("neither :- nor :? in {text}")).0, None)
            }
        };
        asked.insert(name.to_owned());
        let value = variables.get(name).map(String::as_str).or(default);
        result.push_str(value.unwrap_or_else(|| panic!(".env.example knows nothing of {name}")));
        rest = after;
    }
    result + rest
}

fn filled(text: &str, variables: &BTreeMap<String, String>) -> String {
    interpolate(text, variables, &mut BTreeSet::new())
}

/// The environment that a service gets.
fn environment(service: &Service, variables: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    service
        .environment
        .iter()
        .filter_map(|(key, value)| {
            let value = value.as_ref().map(|value| filled(value, variables));
            Some((key.clone(), value.or_else(|| variables.get(key).cloned())?))
        })
        .collect()
}

/// The services that run our own binaries.
fn our_own(compose: &Compose) -> impl Iterator<Item = (&String, &Service)> {
    compose.services.iter().filter(|(_, service)| service.image.contains("/greenbite:"))
}

/// Those of them that stay: the stations and the page.
fn stations(compose: &Compose) -> impl Iterator<Item = (&String, &Service)> {
    our_own(compose).filter(|(_, service)| service.healthcheck.is_some())
}

fn seconds(text: &str) -> u64 {
    text.strip_suffix('s')
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("not so many seconds: {text}"))
}

#[test]
fn the_compose_files_are_what_the_specification_allows_and_include_each_other() {
    let root: Root = serde_saphyr::from_str(&read("docker-compose.yml")).unwrap();
    assert_eq!(root.name, "greenbite");
    let [include] = root.include.as_slice() else { panic!("one file is included") };
    assert!(repository().join(&include.path).is_file(), "{}", include.path);
    assert_eq!(include.project_directory, ".", "paths in deploy/compose.yml begin at the repository's root");
    compose();
}

#[test]
fn every_station_is_a_service_and_every_service_that_it_waits_for_exists() {
    let compose = compose();
    for name in Name::STATIONS.into_iter().chain([Name::Dashboard]) {
        let service = compose.services.get(name.as_str()).unwrap_or_else(|| panic!("no service {name}"));
        assert_eq!(service.command.as_deref(), Some(&[name.to_string()][..]), "{name}");
        assert_eq!(service.restart.as_deref(), Some("unless-stopped"), "{name}");
        let health = service.healthcheck.as_ref().unwrap_or_else(|| panic!("{name} has no health check"));
        assert_eq!(health.test, ["CMD", name.as_str(), "healthcheck"], "{name}");
        assert_eq!(
            service.depends_on["provision"].condition,
            Condition::ServiceCompletedSuccessfully,
            "{name}"
        );
    }
    for (name, service) in &compose.services {
        for (other, dependency) in &service.depends_on {
            let other_service = compose
                .services
                .get(other)
                .unwrap_or_else(|| panic!("{name} waits for {other}, which is not there"));
            assert!(
                other_service.profiles.is_empty(),
                "{name} waits for {other}, which is not always started"
            );
            assert_eq!(
                dependency.condition == Condition::ServiceHealthy,
                other_service.healthcheck.is_some(),
                "{name} waits for {other} in the wrong way"
            );
        }
        if let Some(health) = &service.healthcheck {
            assert!(["CMD", "CMD-SHELL"].contains(&health.test[0].as_str()), "{name}");
            assert!(seconds(&health.timeout) <= seconds(&health.interval), "{name}");
            assert!(seconds(&health.start_period) > 0, "{name}");
        }
    }
    assert_eq!(compose.services["nats-box"].profiles, ["tools"]);
}

#[test]
fn images_are_pinned_by_version() {
    let compose = compose();
    let dockerfile = read("deploy/Dockerfile");
    let bases = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned());
    let stages = ["rust", "manifests", "build"];
    let variables = BTreeMap::new();
    let images = compose.services.values().map(|service| filled(&service.image, &variables));
    for image in images.chain(bases).filter(|image| !stages.contains(&image.as_str())) {
        let (_, tag) = image.split_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        let version = tag.split('-').next().unwrap_or_default();
        let numbers = version.split('.').filter(|part| part.parse::<u32>().is_ok()).count();
        assert!(numbers >= 2, "{image} is not pinned by version");
    }
}

#[test]
fn a_station_can_be_scaled_and_ends_before_it_is_killed() {
    let compose = compose();
    let grace = fs::read_to_string(repository().join("crates/runtime/src/settings.rs")).unwrap();
    let grace: u64 = grace
        .split("grace_ms: ")
        .skip(1)
        .find_map(|rest| rest.split([',', ' ']).next()?.replace('_', "").parse().ok())
        .expect("runtime's settings have a default of grace_ms");
    let variables = env_file();
    for (name, service) in stations(&compose) {
        let stop = seconds(service.stop_grace_period.as_deref().unwrap_or("10s"));
        assert!(
            stop * 1_000 > grace + 5_000,
            "{name} is killed after {stop} s, its own deadline is {grace} ms"
        );
        assert!(service.read_only && service.cap_drop == ["ALL"], "{name} may do more than it needs");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
        if name == "dashboard" {
            continue;
        }
        for port in &service.ports {
            let port = filled(port, &variables);
            let host = port.rsplit_once(':').map(|(host, _)| host).unwrap_or_default();
            let range = host.rsplit_once(':').map_or(host, |(_, range)| range);
            assert!(
                range.contains('-'),
                "{name}: with the one port {port} of the host there can be only one"
            );
        }
    }
    assert!(!read("deploy/compose.yml").contains("container_name"), "a name for a container allows only one");
    for (name, service) in compose.services.iter().filter(|(name, _)| name.as_str() != "nats-box") {
        let logging = service.logging.as_ref().unwrap_or_else(|| panic!("{name}'s log grows without end"));
        assert_eq!(logging.driver, "json-file", "{name}");
        assert!(
            logging.options.contains_key("max-size") && logging.options.contains_key("max-file"),
            "{name}"
        );
    }
    assert!(
        our_own(&compose).all(|(_, service)| service.mem_limit.is_some()),
        "a station may take all memory"
    );
}

/// Which the bounds of the stations' connections are made for: `runtime` sums them up for 30 replicas.
#[test]
fn the_database_allows_a_hundred_connections_and_no_station_is_told_to_open_more_than_its_own() {
    let compose = compose();
    let allowed = compose.services["postgres"].command.as_ref().unwrap().last().unwrap();
    assert_eq!(filled(allowed, &BTreeMap::new()), "max_connections=100");
    for (name, service) in our_own(&compose).filter(|(name, _)| name.as_str() != "model") {
        assert_eq!(service.environment["GREENBITE_DATABASE__MAX_CONNECTIONS"], None, "{name}");
    }
}

#[test]
fn every_password_that_is_asked_for_is_made_and_every_variable_of_the_example_is_asked_for() {
    let compose = compose();
    let variables = env_file();
    let mut asked = BTreeSet::new();
    for service in compose.services.values() {
        let given = service.environment.values().flatten();
        let lists = service.ports.iter().chain(&service.volumes).chain(service.command.iter().flatten());
        let ones = [&service.image].into_iter().chain(&service.mem_limit).chain(&service._user);
        for text in given.chain(lists).chain(ones) {
            interpolate(text, &variables, &mut asked);
        }
        let handed_on = service.environment.iter().filter(|(_, value)| value.is_none());
        asked.extend(handed_on.map(|(name, _)| name.clone()));
    }
    let example = read(".env.example");
    for name in asked.iter().filter(|name| name.starts_with("GREENBITE_RESTAURANT__")) {
        assert!(
            example.contains(&format!("{name}=")),
            "an owner decides {name}, and .env.example does not tell of it"
        );
    }
    // Compose itself asks for this one.
    asked.insert("COMPOSE_PROFILES".to_owned());
    for line in example.lines() {
        let (name, _) = line.trim_start_matches('#').split_once('=').unwrap_or_default();
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            assert!(asked.contains(name), ".env.example offers {name} and nobody asks for it");
        }
    }
    assert!(asked.iter().any(|name| name == "GREENBITE_DASHBOARD__MODE"));

    let nats = environment(&compose.services["nats"], &variables);
    for user in topology::users() {
        let variable = user.password_variable();
        let password = nats.get(&variable).unwrap_or_else(|| panic!("the bus is not given {variable}"));
        assert!(
            password.starts_with(|c: char| c.is_ascii_alphabetic()),
            "the bus reads {variable} as a number"
        );
        // The others know what their own user's password is.
        for (name, service) in our_own(&compose) {
            let environment = environment(service, &variables);
            let own =
                environment.get("GREENBITE_NATS__USER").map_or(name.as_str(), String::as_str) == user.name;
            assert_eq!(environment.values().any(|value| value == password), own, "{name} and {variable}");
        }
    }
    let users = topology::users().len();
    assert_eq!(nats.len(), users, "the bus is given passwords of users that it does not know");
}

#[test]
fn what_it_mounts_and_builds_from_is_there() {
    let compose = compose();
    let variables = env_file();
    let mut builders = Vec::new();
    for (name, service) in &compose.services {
        for volume in &service.volumes {
            let volume = filled(volume, &variables);
            let (source, _) = volume.split_once(':').unwrap();
            if source.starts_with('.') {
                assert!(repository().join(source).exists(), "{name} mounts {source}");
            } else {
                assert!(compose.volumes.contains_key(source), "{name} mounts the volume {source}");
            }
        }
        if let Some(build) = &service.build {
            assert_eq!(
                (build.context.as_str(), build.dockerfile.as_str()),
                (".", "deploy/Dockerfile"),
                "{name}"
            );
            builders.push(name.as_str());
        }
    }
    // Of several that build one image at once, one may find that it exists already.
    assert_eq!(builders, ["provision"]);
    assert!(compose.volumes.values().all(Option::is_none));

    // What Docker may see is what the Dockerfile copies.
    let dockerfile = read("deploy/Dockerfile");
    let (building, shipped) = dockerfile.split_once("\nFROM debian").unwrap();
    let (copied, shipped) = (copied(building), copied(shipped));
    let seen = read(".dockerignore");
    let seen: BTreeSet<&str> = seen.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(copied, seen);
    for path in copied.iter().chain(&shipped) {
        assert!(repository().join(path).exists(), "the Dockerfile copies {path}");
    }
    assert_eq!(
        shipped,
        BTreeSet::from(["data/knowledge.csv", "data/menu.csv", "data/options.csv"]),
        "the image holds more than it needs"
    );
    assert!(dockerfile.lines().any(|line| line == "USER greenbite"), "the image runs as root");
    // Files that are compiled in from outside of crates/.
    for path in compiled_in() {
        assert!(
            copied.iter().any(|copied| path.starts_with(copied)),
            "{} is compiled in, not copied",
            path.display()
        );
    }
    // The binaries that compose runs.
    for (name, service) in our_own(&compose) {
        let words = service.entrypoint.as_ref().or(service.command.as_ref());
        let binary = &words.unwrap_or_else(|| panic!("{name} runs nothing"))[0];
        let listed = dockerfile.split(|c: char| c.is_whitespace() || c == ';').any(|word| word == binary);
        assert!(listed, "the image does not hold {binary}");
    }
}

/// What these lines of the Dockerfile bring in from the repository.
fn copied(lines: &str) -> BTreeSet<&str> {
    lines
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--from"))
        .flat_map(|line| line.rsplit_once(' ').map(|(sources, _)| sources.split(' ')))
        .flatten()
        .collect()
}

/// Files outside of their crate that sources include at compile time, from the repository's root.
fn compiled_in() -> Vec<PathBuf> {
    fn visit(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.components().any(|part| part.as_os_str() == "src")
            {
                let text = fs::read_to_string(&path).unwrap();
                for macro_name in
                    ["include_str!(\"", "include_bytes!(\"", "include_str!(concat!(\"", "migrate!(\""]
                {
                    for rest in text.split(macro_name).skip(1) {
                        let name = rest.split('"').next().unwrap_or_default();
                        let folder = path.parent().unwrap();
                        // Of most macros the file's folder is the root, of sqlx's the crate's.
                        let migrations = macro_name.starts_with("migrate");
                        let folder = if migrations { folder.parent().unwrap() } else { folder };
                        let Ok(full) = folder.join(name).canonicalize() else { continue };
                        if let Ok(inside) = full.strip_prefix(repository())
                            && !inside.starts_with("crates")
                        {
                            found.push(inside.to_owned());
                        }
                    }
                }
            }
        }
    }
    let mut found = Vec::new();
    visit(&repository().join("crates"), &mut found);
    found
}

/// Binaries refuse settings that they do not know, so their own word counts.
#[test]
fn every_station_understands_the_environment_that_it_is_given() {
    let binaries = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
    let compose = compose();
    let variables = env_file();
    for (name, service) in stations(&compose) {
        let binary = binaries.join(name);
        assert!(binary.is_file(), "{} is not built: `cargo xtask test` builds all", binary.display());
        let output = Command::new(&binary)
            .arg("settings")
            .env_clear()
            .envs(environment(service, &variables))
            .env("GREENBITE_CONFIG", repository().join("deploy/greenbite.toml"))
            .current_dir(std::env::temp_dir())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("nats://nats:4222"), "{name} does not see its settings: {text}");
        let secrets = variables
            .iter()
            .filter(|(name, _)| ["PASSWORD", "KEY", "TOKEN"].iter().any(|word| name.contains(word)));
        assert!(!secrets.into_iter().any(|(_, value)| text.contains(value)), "{name} prints passwords");
    }
}

#[test]
fn ports_are_the_ones_on_which_things_listen() {
    let compose = compose();
    let container = |name: &str| -> Vec<String> {
        let ports = &compose.services[name].ports;
        ports.iter().filter_map(|port| port.rsplit_once(':')).map(|(_, port)| port.to_owned()).collect()
    };
    assert!(read("deploy/nats/nats.conf").contains("listen: \"0.0.0.0:4222\""));
    assert_eq!(container("nats"), ["4222", "8222"]);
    assert!(
        compose.services["nats"]
            .command
            .as_ref()
            .unwrap()
            .windows(2)
            .any(|pair| pair == ["--http_port", "8222"])
    );
    assert_eq!(container("postgres"), ["5432"]);
    assert_eq!(container("memcached"), ["11211"]);
    for (name, variable) in
        [("ingest", "GREENBITE_INGEST__LISTEN"), ("dashboard", "GREENBITE_DASHBOARD__LISTEN")]
    {
        let listen = compose.services[name].environment[variable].as_ref().unwrap();
        assert_eq!(vec![listen.rsplit(':').next().unwrap().to_owned()], container(name), "{name}");
    }
    let variables = env_file();
    for (name, service) in compose.services.iter().filter(|(name, _)| name.as_str() != "caddy") {
        for port in service.ports.iter().map(|port| filled(port, &variables)) {
            assert!(port.starts_with("127.0.0.1:"), "{name} is open to the network by {port}");
        }
    }
}

#[test]
fn the_buss_users_are_the_ones_of_the_code() {
    assert_eq!(
        read("deploy/nats/users.conf"),
        testkit::nats::users_conf(),
        "deploy/nats/users.conf is stale: `cargo xtask generate` writes it anew"
    );
}

#[tokio::test]
async fn the_databases_roles_get_their_passwords_and_then_their_privileges() {
    let postgres = Postgres::start().await.unwrap();
    let database = postgres.database().await.unwrap();
    let database_name = database.rsplit('/').next().unwrap().to_owned();
    let administrator = postgres.url("");
    let password = administrator.split([':', '@']).nth(2).unwrap().to_owned();
    let mut script = Command::new("sh");
    script.arg(repository().join("deploy/postgres/passwords.sh"));
    let path = format!("{}:{}", postgres_programs().unwrap().display(), std::env::var("PATH").unwrap());
    script.env("PATH", path).env("PGHOST", "127.0.0.1").env("PGPORT", postgres.port().to_string());
    script.env("PGUSER", "postgres").env("PGDATABASE", &database_name).env("PGPASSWORD", password);
    let compose = compose();
    let mut variables = env_file();
    for round in ["made", "changed"] {
        // Any character may be in a password.
        let ingest = format!("p@ss/w'rd:?#%20\"&{round}");
        variables.insert("GREENBITE_DATABASE_PASSWORD_INGEST".to_owned(), ingest);
        let service = environment(&compose.services["roles"], &variables);
        script.envs(service.iter().filter(|(key, _)| key.starts_with("GREENBITE_")));
        let output = script.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    // Privileges, as `greenbite provision` gives them.
    let mut owner = PgConnection::connect(&database).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(read("deploy/postgres/roles.sql"))).execute(&mut owner).await.unwrap();

    // Every service gets in with what it is given, and only as itself.
    for (name, service) in stations(&compose) {
        let given = environment(service, &variables);
        let options = PgConnectOptions::from_str(&given["GREENBITE_DATABASE__URL"]).unwrap();
        let options = options.password(&given["GREENBITE_DATABASE__PASSWORD"]);
        let options = options.host("127.0.0.1").port(postgres.port()).database(&database_name);
        let mut connection = PgConnection::connect_with(&options)
            .await
            .unwrap_or_else(|error| panic!("{name} does not get into the database: {error}"));
        let forged = sqlx::query("UPDATE orders SET total_cents = 1").execute(&mut connection).await;
        assert!(forged.is_err(), "{name} may change orders");
    }

    // Who knows another owner's password than the database reads what is wrong.
    let output = script.env("PGPASSWORD", "wrong").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.lines().count() == 1, "{said}");
    assert!(said.starts_with("The database refuses GREENBITE_DATABASE_PASSWORD"), "{said}");
}
