//! The private servers: they start, come back, forget when told to, and end with us.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt;
use sqlx::{Connection, PgConnection};
use testkit::{Memcached, Nats, Postgres};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_bus_keeps_its_streams_over_a_restart_and_a_kill_and_loses_them_by_a_wipe() {
    let nats = Nats::start().await.unwrap();
    let jetstream = async_nats::jetstream::new(nats.client("anybody").await.unwrap());
    let config = async_nats::jetstream::stream::Config {
        name: "KEPT".to_owned(),
        subjects: vec!["kept.>".to_owned()],
        ..Default::default()
    };
    jetstream.create_stream(config).await.unwrap();
    jetstream.publish("kept.one", "1".into()).await.unwrap().await.unwrap();

    nats.restart().await.unwrap();
    let fresh = async_nats::jetstream::new(nats.client("anybody").await.unwrap());
    assert_eq!(fresh.get_stream("KEPT").await.unwrap().cached_info().state.messages, 1);

    nats.kill();
    assert!(std::net::TcpStream::connect(("127.0.0.1", nats.port())).is_err());
    nats.start_again().await.unwrap();
    let fresh = async_nats::jetstream::new(nats.client("anybody").await.unwrap());
    assert_eq!(fresh.get_stream("KEPT").await.unwrap().cached_info().state.messages, 1);

    nats.wipe().await.unwrap();
    let fresh = async_nats::jetstream::new(nats.client("anybody").await.unwrap());
    assert!(fresh.get_stream("KEPT").await.is_err());
}

#[tokio::test]
async fn the_buss_users_may_do_what_their_station_needs_and_no_more() {
    let nats = Nats::with_users().await.unwrap();
    let teacher = nats.client("teacher").await.unwrap();
    let mut tap = teacher.subscribe("greenbite.>").await.unwrap();
    teacher.flush().await.unwrap();

    let classifier = nats.client("classifier").await.unwrap();
    classifier.publish("greenbite.registered.order.1", "forged".into()).await.unwrap();
    classifier.publish("greenbite.classified.order.1", "own".into()).await.unwrap();
    classifier.flush().await.unwrap();

    let first = tokio::time::timeout(Duration::from_secs(5), tap.next()).await.unwrap().unwrap();
    assert_eq!(first.subject.as_str(), "greenbite.classified.order.1", "the forged one was let through");

    let options =
        async_nats::ConnectOptions::with_user_and_password("classifier".to_owned(), "guessed".to_owned());
    assert!(options.connect(nats.url()).await.is_err(), "a wrong password was let in");
    assert!(async_nats::connect(nats.url()).await.is_err(), "nobody in particular was let in");
}

#[tokio::test]
async fn every_user_of_the_bus_gets_in() {
    let nats = Nats::with_users().await.unwrap();
    for user in contracts::topology::users() {
        nats.client(user.name).await.unwrap_or_else(|error| panic!("{}: {error:#}", user.name));
    }
}

#[tokio::test]
async fn a_cache_comes_back_empty_on_the_same_port() {
    let memcached = Memcached::start().await.unwrap();
    let address = memcached.address();
    assert_eq!(ask(&address, "set a 0 0 1\r\nx\r\nget a\r\n").await, "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
    memcached.stop();
    assert!(std::net::TcpStream::connect(&address).is_err());
    memcached.start_again_empty().await.unwrap();
    assert_eq!(ask(&address, "get a\r\n").await, "END\r\n");
    ask(&address, "set a 0 0 1\r\nx\r\n").await;
    memcached.flush().await.unwrap();
    assert_eq!(ask(&address, "get a\r\n").await, "END\r\n");
}

async fn ask(address: &str, command: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(command.as_bytes()).await.unwrap();
    stream.write_all(b"quit\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn every_test_gets_a_migrated_database_of_its_own() {
    let postgres = Postgres::shared().await.unwrap();
    let (one, two) = tokio::try_join!(postgres.database(), postgres.database()).unwrap();
    assert_ne!(one, two);
    let mut connection = PgConnection::connect(&one).await.unwrap();
    sqlx::query("INSERT INTO messages (source, text) VALUES ('test', 'a burger')")
        .execute(&mut connection)
        .await
        .unwrap();
    let mut other = PgConnection::connect(&two).await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM messages").fetch_one(&mut other).await.unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_database_keeps_what_was_committed_over_a_restart_and_a_crash() {
    let postgres = Postgres::start().await.unwrap();
    let url = postgres.database().await.unwrap();
    for round in 1..=2i64 {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query("INSERT INTO messages (source, text) VALUES ('test', 'a burger')")
            .execute(&mut connection)
            .await
            .unwrap();
        if round == 1 {
            postgres.restart().await.unwrap()
        } else {
            postgres.crash().await;
            assert!(PgConnection::connect(&url).await.is_err());
            postgres.start_again().await.unwrap();
        }
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let rows: i64 =
            sqlx::query_scalar("SELECT count(*) FROM messages").fetch_one(&mut connection).await.unwrap();
        assert_eq!(rows, round);
    }
}

#[tokio::test]
async fn a_server_that_does_not_start_is_quoted() {
    let nats = Nats::start().await.unwrap();
    let home = testkit::Home::temporary().unwrap();
    let mut command = Command::new(testkit::nats_server().unwrap());
    command.args(["--addr", "127.0.0.1", "--port", &nats.port().to_string()]);
    let log = home.path().join("log");
    let mut second =
        testkit::Process::spawn("nats-server", command, &log, nix::sys::signal::Signal::SIGTERM).unwrap();
    let error = second.ready(Duration::from_secs(10), || async { false }).await.unwrap_err().to_string();
    assert!(error.contains("did not start") && error.contains("address already in use"), "{error}");
}

#[test]
fn a_missing_program_is_named_with_its_package_and_the_command_that_installs_it() {
    let error = testkit::find_program("no-such-server", "no-such-package").unwrap_err().to_string();
    assert!(error.contains("no-such-server is not installed"), "{error}");
    assert!(error.contains("'no-such-package'") && error.contains("cargo xtask test"), "{error}");
}

/// The test below starts this one in a process of its own and kills that.
#[tokio::test]
async fn servers_for_a_process_that_will_be_killed() {
    let Some(report) = std::env::var_os("GREENBITE_TEST_REPORT") else { return };
    let nats = Nats::start().await.unwrap();
    let memcached = Memcached::start().await.unwrap();
    let postgres = Postgres::shared().await.unwrap();
    let port_of = |address: String| address.rsplit(':').next().map(str::to_owned).unwrap();
    let text = format!("{}\n{}\n{}\n", nats.port(), port_of(memcached.address()), postgres.port());
    let unfinished = Path::new(&report).with_extension("unfinished");
    std::fs::write(&unfinished, text).unwrap();
    std::fs::rename(&unfinished, &report).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[test]
fn servers_end_and_their_data_goes_when_the_test_is_killed() {
    let place = tempfile::tempdir().unwrap();
    let report = place.path().join("report");
    let temporary = place.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    // PostgreSQL's user has to pass through when we are root.
    for path in [place.path(), &temporary] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "servers_for_a_process_that_will_be_killed"])
        .env("GREENBITE_TEST_REPORT", &report)
        .env("TMPDIR", &temporary)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !report.exists() {
        assert!(
            Instant::now() < deadline && victim.try_wait().unwrap().is_none(),
            "the servers did not start"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let ports: Vec<u16> =
        std::fs::read_to_string(&report).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(ports.len(), 3);
    let listens = |port: &u16| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok();
    assert!(ports.iter().all(listens));
    assert!(std::fs::read_dir(&temporary).unwrap().count() >= 3);

    victim.kill().unwrap();
    victim.wait().unwrap();

    let deadline = Instant::now() + Duration::from_secs(10);
    while ports.iter().any(listens) || std::fs::read_dir(&temporary).unwrap().count() > 0 {
        assert!(
            Instant::now() < deadline,
            "something is left: {:?}",
            std::fs::read_dir(&temporary).unwrap().collect::<Vec<_>>()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
