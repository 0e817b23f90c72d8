//! What is wrong with the way in: each station ends by itself and says it in one line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may, as tests may")]

use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::Line;

/// A station of this line with one setting that is wrong.
struct Wrong {
    station: &'static str,
    variable: &'static str,
    value: String,
    code: i32,
    words: &'static str,
}

#[tokio::test]
async fn a_station_with_a_wrong_password_a_taken_port_or_a_missing_setting_ends_with_one_line() {
    let line = Line::start().await.unwrap();
    let place = testkit::Home::temporary().unwrap();
    line.write_access(place.path()).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let wrong = |station, variable, value: &str, code, words| Wrong {
        station,
        variable,
        value: value.to_owned(),
        code,
        words,
    };
    let password = "GREENBITE_DATABASE__PASSWORD";
    let said = "GB402: the database says: password authentication failed for user";
    let cases = [
        wrong("ingest", password, "guessed", 1, said),
        // These take the menu from the cache, which needs no password.
        wrong("classifier", password, "guessed", 1, said),
        wrong("extractor", password, "guessed", 1, said),
        wrong("menu-validator", password, "guessed", 1, said),
        wrong("registrar", password, "guessed", 1, said),
        wrong("notifier", password, "guessed", 1, said),
        wrong("dashboard", password, "guessed", 1, said),
        wrong(
            "classifier",
            "GREENBITE_NATS__PASSWORD",
            "guessed",
            1,
            "GB402: the bus does not take user 'classifier'",
        ),
        wrong(
            "extractor",
            "GREENBITE_HTTP__LISTEN",
            &taken.to_string(),
            64,
            "GB401: http.listen = 127.0.0.1:",
        ),
        wrong(
            "dashboard",
            "GREENBITE_DASHBOARD__LISTEN",
            &taken.to_string(),
            64,
            "GB401: dashboard.listen = 127.0.0.1:",
        ),
        wrong(
            "dashboard",
            "GREENBITE_DASHBOARD__TOKEN_FILE",
            "/no/such/file",
            64,
            "GB401: both dashboard.token and",
        ),
        wrong("notifier", "GREENBITE_NOTIFIER__WEBHOOKS__ORDER", "discord", 64, "GB401: "),
    ];
    for Wrong { station, variable, value, code, words } in cases {
        let mut command = tokio::process::Command::from(Command::new(line.binaries().join(station)));
        command
            .arg("--config")
            .arg(place.path().join(format!("{station}.toml")))
            .current_dir(place.path())
            // A model is read, or fetched, before anything else.
            .env("GREENBITE_MENU_VALIDATOR__MODEL", "none")
            .env(variable, &value)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await;
        let output = output.unwrap_or_else(|_| panic!("{station} goes on with {variable}")).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{station} with {variable}: {said}");
        assert!(said.starts_with(&format!("{station}: {words}")), "{station} with {variable}: {said}");
        assert_eq!(said.lines().count(), 1, "{station} with {variable}: {said}");
        assert!(!said.contains("guessed"), "a secret is shown: {said}");
    }
    let output = Command::new(line.binaries().join("dashboard"))
        .current_dir(place.path())
        .env("GREENBITE_DASHBOARD__LISTEN", "0.0.0.0:0")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(64), 1), "{said}");
    assert!(said.contains("no dashboard.token: set one (GREENBITE_DASHBOARD__TOKEN"), "{said}");
}
