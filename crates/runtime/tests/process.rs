//! A station as a process: command line, exit codes, signals.
#![allow(clippy::unwrap_used)] // in helpers of tests, as in tests

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use contracts::{Message, MessageId, Received, Topic};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::{Bus, Settings, Trace};

/// The example station. `cargo test` builds it beside the tests, but not for one test file alone.
fn station() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let path = test.parent().unwrap().parent().unwrap().join("examples/hungry");
        if !path.exists() {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--package", "runtime", "--example", "hungry"]);
            assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
        }
        path
    });
    let mut command = Command::new(path);
    command.current_dir(std::env::temp_dir()).env_remove("RUST_LOG");
    command
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn settings_that_are_refused_end_the_process_with_64_and_a_reason() {
    for (variable, value, reason) in [
        ("GREENBITE_LANES__DEADLINE_MS", "40000", "line.ack_wait_ms"),
        ("GREENBITE_CLASSIFIER__WORK", "1", "classifier.work"),
        ("GREENBITE_HTTP__LISTEN", "nowhere", "http.listen"),
    ] {
        let output = station().env(variable, value).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{variable}: {}", words(&output));
        assert!(words(&output).contains(reason) && words(&output).contains("GB401"), "{}", words(&output));
    }
    let output = station().args(["--config", "/there/is/no.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn help_and_settings_show_all_and_no_secret() {
    let help = station().arg("--help").output().unwrap();
    assert!(help.status.success());
    for line in
        ["healthcheck", "settings", "--config", "GREENBITE_NATS__URL", "GREENBITE_CLASSIFIER__WORK_MS"]
    {
        assert!(words(&help).contains(line), "{line} is not in\n{}", words(&help));
    }
    let shown = station()
        .arg("settings")
        .env("GREENBITE_NATS__PASSWORD", "hush")
        .env("GREENBITE_DATABASE__URL", "postgres://me:hush@host/db")
        .output()
        .unwrap();
    assert!(shown.status.success());
    assert!(words(&shown).contains("nats.password = ***") && words(&shown).contains("line.max_deliver = 20"));
    assert!(!words(&shown).contains("hush"), "{}", words(&shown));
}

#[test]
fn healthcheck_needs_a_port_and_a_service_that_answers() {
    let without_port = station().arg("healthcheck").output().unwrap();
    assert_eq!(without_port.status.code(), Some(64), "{}", words(&without_port));
    let port = testkit::free_port().unwrap();
    let listen = format!("127.0.0.1:{port}");
    let nobody = station().arg("healthcheck").env("GREENBITE_HTTP__LISTEN", listen).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1), "{}", words(&nobody));
}

#[tokio::test]
async fn sigterm_ends_it_in_order_with_its_message_finished_and_exit_code_0() {
    let nats = testkit::Nats::start().await.unwrap();
    let mut settings = Settings::default();
    settings.nats.url = nats.url();
    let bus = Bus::connect("test", &settings.nats).await.unwrap();
    runtime::provision(&bus, &settings.line).await.unwrap();
    let listen = format!("127.0.0.1:{}", testkit::free_port().unwrap());
    let mut child = station()
        .env("GREENBITE_NATS__URL", nats.url())
        .env("GREENBITE_HTTP__LISTEN", &listen)
        .env("GREENBITE_CLASSIFIER__WORK_MS", "800")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let healthy = || station().arg("healthcheck").env("GREENBITE_HTTP__LISTEN", &listen).output().unwrap();
    let started = Instant::now();
    while !healthy().status.success() {
        assert!(started.elapsed() < Duration::from_secs(10), "{}", words(&healthy()));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let message = Message {
        id: MessageId(1),
        generation: 1,
        received_at: chrono::Utc::now(),
        source: "http".into(),
        customer: None,
        text: "my secret wish is a burger".into(),
    };
    let event = Received { message, trail: Vec::new() };
    bus.publish_event("ingest", Topic::ReceivedMessage, &event, &Trace::start()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    let ended = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(ended.elapsed() < Duration::from_secs(10), "it does not stop");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let subject = Topic::ClassifiedOrder.subject(MessageId(1));
    assert!(bus.last_for(&subject).await.unwrap().is_some(), "the handler in work was not finished");
    assert!(!words(&output).contains("secret wish"), "the customer's words are in the log");
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}
