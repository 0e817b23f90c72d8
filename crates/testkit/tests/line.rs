//! The whole line as it is deployed: real binaries, real servers, a stand-in for Discord.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may, as tests may"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::{Category, Service};
use testkit::discord::Fault;
use testkit::line::Options;
use testkit::{Line, wait_until};

const PATIENCE: Duration = Duration::from_secs(180);

/// Short waits: what a killed process held comes back soon.
fn quick(replicas: usize) -> Options {
    let environment = [
        ("GREENBITE_LINE__ACK_WAIT_MS", "3000"),
        ("GREENBITE_LANES__DEADLINE_MS", "2500"),
        ("GREENBITE_NOTIFIER__TIMEOUT_MS", "1000"),
        ("GREENBITE_NOTIFIER__PATIENCE_MS", "900"),
        ("GREENBITE_NOTIFIER__ANSWER_WAIT_MS", "500"),
        ("GREENBITE_INGEST__HOUSE__EVERY_S", "2"),
        ("GREENBITE_INGEST__HOUSE__OVERDUE_S", "8"),
    ];
    let environment = environment.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Options { replicas, environment, ..Options::default() }
}

/// A message of each kind, and what has to become of it.
const KINDS: [(&str, &str); 5] = [
    ("Two Classic Cheeseburgers without onions and a large Lemonade please", "order"),
    ("I would like 50 Hamburgers please", "review"),
    ("One lobster lasagne please", "enquiry"),
    ("What time do you close today?", "enquiry"),
    ("Thank you, lunch was wonderful", "misc"),
];

/// So many messages of all kinds.
fn messages(count: usize) -> Vec<&'static str> {
    KINDS.iter().cycle().take(count).map(|(text, _)| *text).collect()
}

/// Every message has the outcome of its kind, its rows, and was told of in the right channel.
async fn all_is_well(line: &Line, ids: &[i64]) -> anyhow::Result<()> {
    let outcomes = line.wait_until_settled(PATIENCE).await?;
    assert_eq!(outcomes.values().sum::<i64>(), i64::try_from(ids.len())?, "{outcomes:?}");
    for (id, (text, expected)) in ids.iter().zip(KINDS.iter().cycle()) {
        assert_eq!(line.outcome(*id).await?.as_deref(), Some(*expected), "message {id}: {text}");
    }
    let (orders, messages, lines): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM orders), (SELECT count(DISTINCT message_id) FROM orders), \
                (SELECT count(*) FROM order_items)",
    )
    .fetch_one(line.pool())
    .await?;
    assert_eq!((orders, lines), (outcomes["order"], 2 * outcomes["order"]));
    assert_eq!(messages, orders, "an order was registered twice");

    let mut told: BTreeMap<(i64, String), (usize, usize)> = BTreeMap::new();
    for accepted in line.discord.accepted() {
        let id = accepted.message_id.expect("every notification names its message");
        let entry = told.entry((id, accepted.webhook)).or_default();
        entry.0 += 1;
        entry.1 += usize::from(accepted.possible_repeat);
    }
    for (id, (_, expected)) in ids.iter().zip(KINDS.iter().cycle()) {
        let (times, marked) = told.remove(&(*id, (*expected).to_owned())).unwrap_or_default();
        assert!(times >= 1 && times - 1 <= marked, "message {id}: told {times} times, {marked} marked");
    }
    assert!(told.is_empty(), "told in the wrong channel: {told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_each_kind_goes_through_the_whole_line() {
    let line = Line::with(quick(1)).await.unwrap();
    let ids = line.send(&messages(5)).await.unwrap();
    all_is_well(&line, &ids).await.unwrap();

    let (total, reason): (i64, String) =
        sqlx::query_as("SELECT total_cents, reason FROM orders WHERE message_id = $1")
            .bind(ids[0])
            .fetch_one(line.pool())
            .await
            .unwrap();
    assert!(total > 2 * 1090, "two cheeseburgers and a lemonade cost {total} cents");
    assert!(!reason.is_empty());
    let reply: String = sqlx::query_scalar("SELECT proposed_reply FROM enquiries WHERE message_id = $1")
        .bind(ids[2])
        .fetch_one(line.pool())
        .await
        .unwrap();
    assert!(reply.contains("lobster lasagne"), "{reply}");

    // The whole journey is on the bus, and the operator can read it.
    let journey = line.greenbite(&["journey", &ids[0].to_string()]).await.unwrap();
    let journey = String::from_utf8(journey.stdout).unwrap();
    for stage in [
        "received.message",
        "classified.order",
        "extracted.order",
        "validated.accepted",
        "registered.order",
        "notified.order",
    ] {
        assert!(journey.contains(stage), "{stage} is missing:\n{journey}");
    }
    line.stop_stations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enquiry_is_shown_with_its_proposed_answer_and_without_it_while_no_answerer_runs() {
    let line = Line::with(quick(1)).await.unwrap();
    line.send(&["Can I bring my dog?"]).await.unwrap();
    line.wait_until_settled(PATIENCE).await.unwrap();
    let shown = || line.discord.accepted().last().unwrap().payload().to_string();
    assert!(
        shown().contains("Dogs on a lead are welcome") && shown().contains("entry 'dogs'"),
        "{}",
        shown()
    );

    line.stop(Service::Answerer, 0).await.unwrap();
    let id = line.send(&["Could I bring my dog?"]).await.unwrap()[0];
    line.wait_until_settled(PATIENCE).await.unwrap();
    assert!(!shown().contains("Proposed answer"), "{}", shown());
    // What it missed it makes up for; nobody is told twice.
    line.restart(Service::Answerer, 0).await.unwrap();
    wait_until("the answerer has looked", PATIENCE, || async {
        let looked: i64 = sqlx::query_scalar("SELECT count(*) FROM proposals WHERE message_id = $1")
            .bind(id)
            .fetch_one(line.pool())
            .await?;
        Ok((looked == 1).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(line.discord.count(), 2);
    line.stop_stations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enquiry_that_waits_for_the_notifier_is_not_lost_because_the_answerer_was_quicker() {
    let line = Line::with(quick(1)).await.unwrap();
    line.stop(Service::Notifier, 0).await.unwrap();
    let id = line.send(&["Can I bring my dog?"]).await.unwrap()[0];
    // Overdue after 8 s, and looked for every sixth round of 2 s.
    tokio::time::sleep(Duration::from_secs(26)).await;
    let (generation, looked): (i32, i64) = sqlx::query_as(
        "SELECT m.generation, (SELECT count(*) FROM proposals p WHERE p.message_id = m.id) FROM messages m WHERE id = $1",
    )
    .bind(id)
    .fetch_one(line.pool())
    .await
    .unwrap();
    assert_eq!((generation, looked), (1, 1), "it was published again, though it only waits");
    line.restart(Service::Notifier, 0).await.unwrap();
    line.wait_until_settled(PATIENCE).await.unwrap();
    assert_eq!(line.discord.count(), 1);
    line.stop_stations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_station_may_be_killed_in_the_middle_of_five_hundred_messages() {
    let line = Line::with(quick(1)).await.unwrap();
    let ids = line.send(&messages(500)).await.unwrap();
    for service in Service::STATIONS {
        // In the middle: some of what it has to do is done, and some is not.
        tokio::time::sleep(Duration::from_millis(150)).await;
        line.kill(service, 0);
        tokio::time::sleep(Duration::from_millis(100)).await;
        line.spawn(service, 0).unwrap();
    }
    all_is_well(&line, &ids).await.unwrap();
    line.stop_stations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discord_that_says_429_500_or_nothing_only_delays() {
    let line = Line::with(quick(1)).await.unwrap();
    let faults = [
        Fault::TooManyRequests { retry_after: Duration::from_millis(700), global: false },
        Fault::Status(500),
        Fault::NeverAnswers,
    ];
    let mut ids = Vec::new();
    for fault in faults {
        line.discord.set_fault(Some(fault));
        ids.extend(line.send(&messages(10)).await.unwrap());
        tokio::time::sleep(Duration::from_secs(3)).await;
        line.discord.set_fault(None);
    }
    all_is_well(&line, &ids).await.unwrap();
    line.stop_stations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_restart_or_forget_only_delay() {
    let line = Line::with(quick(2)).await.unwrap();
    let mut ids = line.send(&messages(100)).await.unwrap();
    line.memcached.stop();
    ids.extend(line.send(&messages(50)).await.unwrap());
    tokio::time::sleep(Duration::from_millis(500)).await;
    line.memcached.start_again_empty().await.unwrap();

    ids.extend(line.send(&messages(50)).await.unwrap());
    line.postgres.restart().await.unwrap();
    let more = wait_until("the database takes messages again", PATIENCE, || async {
        Ok(line.send(&messages(50)).await.ok())
    });
    ids.extend(more.await.unwrap());

    line.nats.restart().await.unwrap();
    ids.extend(line.send(&messages(50)).await.unwrap());
    all_is_well(&line, &ids).await.unwrap();
    line.stop_stations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_lost_everything_costs_time_only() {
    let line = Line::with(quick(1)).await.unwrap();
    let ids = line.send(&messages(100)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    line.nats.wipe().await.unwrap();
    line.provision().await.unwrap();
    all_is_well(&line, &ids).await.unwrap();
    line.stop_stations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_that_changes_reaches_running_stations() {
    let line = Line::with(quick(1)).await.unwrap();
    let ids = line.send(&["One Dragonfruit Fizz please"]).await.unwrap();
    line.wait_for_outcomes(PATIENCE).await.unwrap();
    assert_ne!(line.outcome(ids[0]).await.unwrap().as_deref(), Some("order"));

    let home = testkit::Home::temporary().unwrap();
    let (menu, options) = (home.path().join("menu.csv"), home.path().join("options.csv"));
    let data = testkit::repository().join("data");
    let rows = std::fs::read_to_string(data.join("menu.csv")).unwrap();
    std::fs::write(&menu, format!("{rows}Dragonfruit Fizz,Drinks,Pink and cold.,4.50,\n")).unwrap();
    std::fs::copy(data.join("options.csv"), &options).unwrap();
    line.import_menu(&menu, &options).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;

    let ids = line.send(&["One Dragonfruit Fizz please"]).await.unwrap();
    line.wait_for_outcomes(PATIENCE).await.unwrap();
    assert_eq!(line.outcome(ids[0]).await.unwrap().as_deref(), Some("order"));
    line.stop_stations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_on_any_subject_becomes_a_dead_letter_and_the_line_goes_on() {
    let line = Line::with(quick(1)).await.unwrap();
    let bus = line.nats.client("teacher").await.unwrap();
    let read: Vec<_> = contracts::Topic::ALL
        .iter()
        .filter(|topic| contracts::topology::consumer_of(**topic).is_some())
        .collect();
    for (at, topic) in read.iter().enumerate() {
        let bodies: [&[u8]; 4] = [b"{", b"", &[0xff, 0xfe], b"{\"message\":{}}"];
        bus.publish(topic.subject(contracts::MessageId(700_000 + at as i64)), bodies[at % 4].to_vec().into())
            .await
            .unwrap();
    }
    bus.flush().await.unwrap();
    let ids = line.send(&messages(5)).await.unwrap();
    all_is_well(&line, &ids).await.unwrap();
    // Each is a dead letter of every durable that reads it.
    let expected = contracts::topology::CONSUMERS.len();
    wait_until("every piece of rubbish is a dead letter", PATIENCE, || async {
        let listed = line.greenbite(&["dlq", "list", "--json"]).await?;
        let letters: Vec<serde_json::Value> = serde_json::from_slice(&listed.stdout)?;
        Ok((letters.len() == expected).then_some(()))
    })
    .await
    .unwrap();
    line.stop_stations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_customers_words_stay_out_of_the_logs() {
    let line = Line::with(quick(1)).await.unwrap();
    let secret_words = "swordfish-4711";
    let text = format!("One Lemonade please, my secret is {secret_words}");
    line.send(&[text.as_str(), "One pork burger swordfish-4711 please", "swordfish-4711?"]).await.unwrap();
    line.wait_until_settled(PATIENCE).await.unwrap();
    // Trouble is when things are printed that should not be.
    line.discord.set_fault(Some(Fault::Status(500)));
    line.send(&[text.as_str()]).await.unwrap();
    line.nats.restart().await.unwrap();
    line.postgres.restart().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    line.discord.set_fault(None);
    line.wait_until_settled(PATIENCE).await.unwrap();

    let (_, key) = line.door(0).unwrap();
    let mut secrets = vec![secret_words.to_owned(), key];
    for category in Category::ALL {
        let address = line.discord.webhook(category.as_str());
        secrets.extend(address.rsplit('/').next().map(str::to_owned));
    }
    for service in Service::STATIONS {
        secrets.extend(line.nats.password(service.as_str()).map(str::to_owned));
        let url = line.database_url_of(service);
        let password = url.split(':').nth(2).and_then(|rest| rest.split('@').next()).unwrap().to_owned();
        assert!(password.len() > 8, "no password was found in the database's address");
        secrets.push(password);
    }
    for service in Service::STATIONS {
        let log = line.log(service, 0);
        assert!(log.len() > 100, "{service} has logged next to nothing: {log}");
        for secret in &secrets {
            assert!(!log.contains(secret.as_str()), "{service} logs {secret}");
        }
    }
    line.stop_stations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_waiting_messages_do_not_grow_a_stations_memory() {
    let line = Line::with(quick(1)).await.unwrap();
    // The kitchen is told of nothing meanwhile: Discord is away, and the line backs up behind it.
    line.discord.set_fault(Some(Fault::Status(500)));
    let few = memory(&line);
    sqlx::query("INSERT INTO messages (source, text) SELECT 'test', $1 FROM generate_series(1, 50000)")
        .bind("Thanks, that was lovely")
        .execute(line.pool())
        .await
        .unwrap();
    let mut most = few.clone();
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for (service, mib) in memory(&line) {
            let peak = most.entry(service).or_default();
            *peak = peak.max(mib);
        }
    }
    println!("MiB before and at most while 50,000 messages wait: {few:?} {most:?}");
    for (service, mib) in most {
        assert!(mib < few[&service] + 40.0, "{service} grew from {:.0} to {mib:.0} MiB", few[&service]);
    }
    line.stop_stations().await;
}

/// Resident memory of each station in MiB.
fn memory(line: &Line) -> BTreeMap<&'static str, f64> {
    let resident = |service| {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", line.process_id(service, 0)?)).ok()?;
        let row = status.lines().find(|row| row.starts_with("VmRSS:"))?;
        Some(row.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
    };
    Service::STATIONS.into_iter().filter_map(|service| Some((service.as_str(), resident(service)?))).collect()
}
