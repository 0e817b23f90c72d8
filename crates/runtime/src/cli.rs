//! The command line that all services have, and `main`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use contracts::{Code, Service};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::app::{App, Config};
use crate::error::StartError;
use crate::load::{self, FILE, Loaded, PREFIX};
use crate::run;
use crate::settings::{Database, Settings, Validate};
use crate::telemetry;

/// The whole of a station's `main`: reads the command line and the settings, and runs the service
/// until it is told to stop.
pub fn main<C, F>(service: Service, build: F) -> ExitCode
where
    C: Config,
    F: AsyncFnOnce(&mut App<C>) -> Result<(), StartError>,
{
    let matches = command::<C>(service).get_matches();
    match act(service, &matches, build) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{service}: {error}");
            error.exit_code()
        }
    }
}

fn act<C, F>(service: Service, matches: &ArgMatches, build: F) -> Result<(), StartError>
where
    C: Config,
    F: AsyncFnOnce(&mut App<C>) -> Result<(), StartError>,
{
    let file = matches.get_one::<PathBuf>("config").map(PathBuf::as_path);
    let loaded = load::load::<C>(service, file)?;
    match matches.subcommand_name() {
        Some("settings") => print_settings(service, &loaded),
        Some("healthcheck") => single_threaded()?.block_on(healthcheck(&loaded.settings.http.listen)),
        _ => {
            let threads = loaded.settings.process.threads;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads)
                .thread_name(service.as_str())
                .enable_all()
                .build()
                .map_err(|error| StartError::settings(format!("process.threads = {threads}: {error}")))?;
            let telemetry = telemetry::install(service, &loaded.settings.telemetry)?;
            let ended = runtime.block_on(async {
                let Loaded { settings, config } = loaded;
                let running = run::start(service, settings, config, build).await?;
                running.until_signal().await
            });
            if let Err(error) = &ended {
                tracing::error!(code = %error.code, "{service} ends: {}", error.reason);
            }
            runtime.block_on(telemetry.finish());
            runtime.shutdown_timeout(Duration::from_secs(1));
            ended
        }
    }
}

fn single_threaded() -> Result<tokio::runtime::Runtime, StartError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::settings(format!("no async runtime: {error}")))
}

fn command<C: Config>(service: Service) -> Command {
    Command::new(service.as_str())
        .version(env!("CARGO_PKG_VERSION"))
        .about(format!("GreenBite's {service}. Without a command it runs until SIGTERM or SIGINT."))
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("PATH")
                .value_parser(clap::value_parser!(PathBuf))
                .global(true)
                .help(format!("Settings file [default: {FILE}, where there is one]")),
        )
        .subcommand(Command::new("healthcheck").about("Asks the running service's /healthz; for containers"))
        .subcommand(
            Command::new("settings").about("Prints the settings as they are in effect, without secrets"),
        )
        .after_help(settings_help::<C>(service))
}

/// Every setting with its variable, meaning and default.
pub fn settings_help<C: Config>(service: Service) -> String {
    let mut text = format!(
        "Settings, from defaults, then {FILE}, then the environment. A secret can also be given as\n\
         <NAME>_FILE, the path of a file that holds it.\n\n"
    );
    let mut defaults = Settings::default();
    defaults.database.max_connections = Database::connections_of(service);
    describe(&mut text, "", &defaults, Settings::HELP, Settings::SECRETS);
    describe(&mut text, service.as_str(), &C::default(), C::HELP, C::SECRETS);
    text.push_str(
        "\nOTEL_EXPORTER_OTLP_ENDPOINT sends traces, metrics and logs; RUST_LOG overrides telemetry.log.\n\
         Exit codes: 0 stopped when told to, 64 settings, 1 anything else.",
    );
    text
}

fn describe(
    text: &mut String,
    table: &str,
    defaults: &impl Serialize,
    help: &[(&str, &str)],
    secrets: &[&str],
) {
    let defaults = serde_json::to_value(defaults).unwrap_or_default();
    let mut known: Vec<(String, String)> = Vec::new();
    leaves(&defaults, String::new(), &mut known);
    for (path, _) in help {
        if !known.iter().any(|(known, _)| known == path) {
            known.push(((*path).to_owned(), String::new()));
        }
    }
    for (path, default) in known {
        let whole = if table.is_empty() { path.clone() } else { format!("{table}.{path}") };
        let variable = whole.replace('.', "__").replace('-', "_").to_uppercase();
        let meaning = help.iter().find(|(name, _)| *name == path).map_or("", |(_, meaning)| meaning);
        let secret = if secrets.contains(&path.as_str()) { ", a secret" } else { "" };
        let default = if default.is_empty() { "none".to_owned() } else { default };
        text.push_str(&format!("  {PREFIX}{variable}  [default: {default}{secret}]\n"));
        if !meaning.is_empty() {
            text.push_str(&format!("      {meaning}\n"));
        }
    }
}

fn leaves(value: &serde_json::Value, path: String, into: &mut Vec<(String, String)>) {
    use serde_json::Value;
    match value {
        Value::Object(table) => {
            for (key, inner) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(inner, path, into);
            }
        }
        Value::Null => into.push((path, String::new())),
        Value::String(text) => into.push((path, text.clone())),
        other => into.push((path, other.to_string())),
    }
}

fn print_settings<C: Config>(service: Service, loaded: &Loaded<C>) -> Result<(), StartError> {
    let mut lines = Vec::new();
    let mut add = |table: &str, value: serde_json::Value| {
        let mut found = Vec::new();
        leaves(&value, table.to_owned(), &mut found);
        lines.extend(found);
    };
    add("", serde_json::to_value(&loaded.settings).unwrap_or_default());
    add(service.as_str(), serde_json::to_value(&loaded.config).unwrap_or_default());
    let mut out = std::io::stdout().lock();
    for (path, value) in lines {
        let value = if value.is_empty() { "(not set)" } else { &value };
        writeln!(out, "{path} = {value}")
            .map_err(|error| StartError::settings(format!("stdout: {error}")))?;
    }
    Ok(())
}

/// Asks `/healthz` of the service on this machine, without any client but a socket.
async fn healthcheck(listen: &str) -> Result<(), StartError> {
    let sick = |reason: String| StartError::new(Code::BusOutage, reason);
    let address: std::net::SocketAddr = listen
        .parse()
        .map_err(|_| StartError::settings(format!("http.listen = {listen} is not an address and a port")))?;
    if address.port() == 0 {
        return Err(StartError::settings(
            "http.listen needs a port of its own for healthcheck, such as 127.0.0.1:8081",
        ));
    }
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
    let asking = async {
        let mut stream = tokio::net::TcpStream::connect((host.as_str(), address.port())).await?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
        let mut answer = String::new();
        stream.take(16 * 1024).read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(3), asking)
        .await
        .map_err(|_| sick(format!("no answer from {address} within 3 s")))?
        .map_err(|error| sick(format!("{address}: {error}")))?;
    match answer.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        status => Err(sick(format!("{address} answers {}", status.unwrap_or("nothing")))),
    }
}
