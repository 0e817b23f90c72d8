//! What the line tells a receiver of OpenTelemetry's protocol.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may, as tests may"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contracts::{Category, ConsumerSpec, Service, Topic, topology};
use testkit::discord::Fault;
use testkit::line::Options;
use testkit::otlp::{Point, Received, Receiver, Span};
use testkit::{Line, wait_until};

const PATIENCE: Duration = Duration::from_secs(120);
/// A message of each kind, and what becomes of it.
const KINDS: [(&str, &str); 4] = [
    ("Two Classic Cheeseburgers without onions and a large Lemonade please", "order"),
    ("Two Classic Cheeseburgers and a large Lemonade please, for swordfish-4711", "review"),
    ("What time do you close today, swordfish-4711?", "enquiry"),
    ("Thank you, lunch was wonderful, swordfish-4711", "misc"),
];
/// What customers are called and write: no word of theirs may reach the receiver.
const PLANTED: &str = "swordfish-4711";

/// A line that tells this receiver, soon.
fn told(endpoint: &str) -> Options {
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "200"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
        ("OTEL_RESOURCE_ATTRIBUTES", "greenbite.town=Testville"),
        ("GREENBITE_TELEMETRY__ENVIRONMENT", "test"),
        // What is logged at debug level holds customers' words: they stay here all the same.
        ("GREENBITE_TELEMETRY__LOG", "info,runtime=debug,classifier=debug,extractor=debug,registrar=debug"),
    ];
    let environment = environment.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Options { environment, ..Options::default() }
}

/// Sends messages through the door as one request in this trace: their ids.
async fn send(line: &Line, traceparent: &str, body: &serde_json::Value) -> Vec<i64> {
    let (address, key) = line.door(0).unwrap();
    let request = post(&address, &key, traceparent, &body.to_string()).await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&request).unwrap();
    match answer["messages"].as_array() {
        Some(all) => all.iter().map(|one| one["id"].as_i64().unwrap()).collect(),
        None => vec![answer["id"].as_i64().unwrap_or_else(|| panic!("{answer}"))],
    }
}

/// The spans about a message: those of the one trace in which it was classified.
fn trace_of(received: &Received, id: i64) -> Vec<Span> {
    let about = |span: &&Span| span.attributes.get("message_id") == Some(&id.to_string());
    let traces: BTreeSet<&str> =
        received.spans.iter().filter(about).map(|span| span.trace_id.as_str()).collect();
    assert!(traces.len() <= 1, "message {id} is in several traces: {traces:?}");
    received.spans.iter().filter(|span| traces.contains(span.trace_id.as_str())).cloned().collect()
}

fn service(service: Service) -> String {
    format!("greenbite-{service}")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_is_all_stations_that_a_message_passed_from_the_door_to_discord() {
    let receiver = Receiver::start().await.unwrap();
    let line = Line::with(told(&receiver.url())).await.unwrap();
    let mut ids = Vec::new();
    for (at, (text, _)) in KINDS.iter().enumerate() {
        let caller = format!("00-{:032x}-00000000000000aa-01", at + 0xabc);
        ids.extend(send(&line, &caller, &serde_json::json!({ "text": text, "customer": PLANTED })).await);
    }
    line.wait_until_settled(PATIENCE).await.unwrap();
    let mut passed = Vec::new();
    for id in &ids {
        passed.push(passed_by(&line, *id).await);
    }
    line.stop_stations().await;

    let received = receiver.received();
    assert_eq!(received.undecodable, 0);
    for (at, ((id, (_, outcome)), passed)) in ids.iter().zip(KINDS).zip(&passed).enumerate() {
        assert_eq!(line.outcome(*id).await.unwrap().as_deref(), Some(outcome));
        let spans = trace_of(&received, *id);
        let named = |name: &str| {
            let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
            assert_eq!(found.len(), 1, "{name} of message {id}: {spans:#?}");
            found[0].clone()
        };
        let door = named("POST /messages");
        assert_eq!(door.trace_id, format!("{:032x}", at + 0xabc), "the client's trace goes on");
        assert_eq!((door.kind.as_str(), door.parent_id.as_str()), ("Server", "00000000000000aa"));
        assert_eq!(door.attributes["http.response.status_code"], "202");

        let relay = named("publish received.message");
        assert_eq!((relay.kind.as_str(), &relay.parent_id), ("Producer", &door.span_id));
        assert_eq!(relay.attributes["messaging.operation.type"], "send");

        for spec in passed {
            let of_durable = |span: &&Span| {
                span.attributes.get("messaging.consumer.group.name").map(String::as_str) == Some(spec.durable)
            };
            let found: Vec<&Span> = spans.iter().filter(of_durable).collect();
            assert_eq!(found.len(), 1, "{} of message {id}: {spans:#?}", spec.durable);
            let span = found[0];
            assert_eq!(
                (span.name.as_str(), span.kind.as_str()),
                (&*format!("process {}", spec.input), "Consumer")
            );
            assert_eq!(span.resource["service.name"], service(spec.service));
            let expected = [
                ("messaging.system", "nats".to_owned()),
                ("messaging.operation.type", "process".to_owned()),
                ("messaging.operation.name", "process".to_owned()),
                ("messaging.destination.name", spec.input.subject(contracts::MessageId(*id))),
                ("messaging.destination.template", spec.input.filter().to_owned()),
            ];
            for (key, value) in expected {
                assert_eq!(span.attributes.get(key), Some(&value), "{key} of {}", spec.durable);
            }
            assert!(span.attributes["messaging.message.id"].starts_with(&format!("{id}:")));
            assert!(!span.attributes["greenbite.decided_by"].is_empty());
            assert!(!span.failed);
            // It is a part of the span of the station that published what it reads.
            let before = spans.iter().find(|other| other.span_id == span.parent_id);
            let before = before.unwrap_or_else(|| panic!("{} begins anew: {spans:#?}", spec.durable));
            assert_eq!(before.resource["service.name"], service(spec.input.publisher()));
        }
        let discord = named("POST");
        assert_eq!(
            (discord.kind.as_str(), &*discord.resource["service.name"]),
            ("Client", &*service(Service::Notifier))
        );
        assert!(spans.iter().any(|span| span.span_id == discord.parent_id && span.kind == "Consumer"));
        assert_eq!(discord.attributes["http.response.status_code"], "200");
        assert!(discord.attributes.values().all(|value| !value.contains("/api/webhooks")));
    }
    for span in &received.spans {
        for (key, value) in [
            ("service.namespace", "greenbite"),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("deployment.environment.name", "test"),
            ("greenbite.town", "Testville"),
        ] {
            assert_eq!(span.resource.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert!(span.resource["service.instance.id"].len() >= 8);
    }
    metrics_arrive(&received, passed.iter().flatten());
    logs_arrive(&received);
    no_secret_is_told(&line, &received);
}

/// The durables that read something about a message: those of the events that the bus holds about it.
async fn passed_by(line: &Line, id: i64) -> Vec<&'static ConsumerSpec> {
    let bus = async_nats::jetstream::new(line.nats.client("provision").await.unwrap());
    let stream = bus.get_stream(topology::STREAM).await.unwrap();
    let mut passed = Vec::new();
    for spec in topology::CONSUMERS {
        let subject = spec.input.subject(contracts::MessageId(id));
        if stream.get_last_raw_message_by_subject(&subject).await.is_ok() {
            passed.push(*spec);
        }
    }
    assert!(passed.len() >= 3, "message {id} went nowhere: {passed:?}");
    passed
}

/// Every station's metrics, and those of what the line uses.
fn metrics_arrive<'a>(received: &Received, passed: impl Iterator<Item = &'a &'static ConsumerSpec>) {
    let has = |name: &str, key: &str, value: &str| {
        let about = received.points.iter().filter(|point| point.name == name);
        let found = about
            .clone()
            .any(|point| point.attributes.get(key).map(String::as_str) == Some(value) && point.value > 0.0);
        assert!(found, "no {name} with {key} = {value}: {:#?}", about.collect::<Vec<_>>());
    };
    for spec in passed {
        has("messaging.client.consumed.messages", "stage", spec.durable);
        has("messaging.process.duration", "stage", spec.durable);
        has("greenbite.stage.outcomes", "stage", spec.durable);
        has("greenbite.stage.lanes", "stage", spec.durable);
    }
    for (_, outcome) in KINDS {
        has("greenbite.stage.outcomes", "outcome", outcome);
        has("greenbite.discord.wait.duration", "webhook", outcome);
    }
    has("greenbite.stage.outcomes", "decided_by", "discord");
    has("messaging.client.sent.messages", "messaging.destination.template", "greenbite.received.message.*");
    has("http.server.request.duration", "http.route", "/messages");
    has("http.client.request.duration", "http.response.status_code", "200");
    has("greenbite.cache.lookups", "result", "hit");
    for (name, value) in [
        ("greenbite.stage.lag", "classifier"),
        ("greenbite.stage.lanes_in_use", "classifier"),
        ("greenbite.outages", "classifier"),
        ("greenbite.outage.duration", "classifier"),
        ("greenbite.paused", "database"),
    ] {
        let told = |point: &&Point| {
            point.name == name && point.attributes.values().any(|attribute| attribute == value)
        };
        assert!(received.points.iter().any(|point| told(&point)), "no {name} of {value}");
    }
    let ids = received.points.iter().filter(|point| point.attributes.contains_key("message_id"));
    assert_eq!(ids.count(), 0, "a message id would make a series a message");
}

/// Every station's logs.
fn logs_arrive(received: &Received) {
    for station in Service::STATIONS {
        let own =
            received.records.iter().filter(|record| record.resource["service.name"] == service(station));
        let runs = own.clone().find(|record| record.body.starts_with(&format!("{station} runs")));
        assert!(runs.is_some_and(|record| record.severity == "INFO"), "{:#?}", own.collect::<Vec<_>>());
    }
    let own = |record: &&testkit::otlp::Record| matches!(record.severity.as_str(), "INFO" | "WARN" | "ERROR");
    assert!(received.records.iter().all(|record| own(&record)), "nothing below info is sent");
}

/// Neither passwords, keys nor customers' words are anywhere in what was sent.
fn no_secret_is_told(line: &Line, received: &Received) {
    let (_, key) = line.door(0).unwrap();
    let mut secrets = vec![PLANTED.to_owned(), key];
    for category in Category::ALL {
        let address = line.discord.webhook(category.as_str());
        secrets.extend(address.rsplit('/').next().map(str::to_owned));
    }
    for service in Service::STATIONS {
        secrets.extend(line.nats.password(service.as_str()).map(str::to_owned));
        let url = line.database_url_of(service);
        secrets.extend(url.split(':').nth(2).and_then(|rest| rest.split('@').next()).map(str::to_owned));
    }
    let all: Vec<u8> = received.raw.iter().flat_map(|body| body.iter().copied()).collect();
    assert!(all.len() > 10_000, "next to nothing was sent");
    for secret in secrets {
        assert!(secret.len() > 8);
        let found = all.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} was sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_come_in_together_have_a_trace_each_with_a_link_to_the_request() {
    let receiver = Receiver::start().await.unwrap();
    let line = Line::with(told(&receiver.url())).await.unwrap();
    let both = serde_json::json!([{ "text": KINDS[2].0 }, { "text": KINDS[3].0 }]);
    let ids = send(&line, "", &both).await;
    line.wait_until_settled(PATIENCE).await.unwrap();
    line.stop_stations().await;

    let received = receiver.received();
    let request = received.spans.iter().find(|span| span.name == "POST /messages").unwrap();
    let mut traces = BTreeSet::from([request.trace_id.clone()]);
    for id in ids {
        let spans = trace_of(&received, id);
        let first = spans.iter().find(|span| span.name == "create received.message").unwrap();
        assert!(first.parent_id.is_empty());
        assert_eq!(first.links, std::slice::from_ref(&request.trace_id));
        let relay = spans.iter().find(|span| span.name == "publish received.message").unwrap();
        assert_eq!(relay.parent_id, first.span_id);
        traces.insert(first.trace_id.clone());
    }
    assert_eq!(traces.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_costs_a_warning_and_no_message() {
    let port = testkit::free_port().unwrap();
    let line = Line::with(told(&format!("http://name:hunter2-pw@127.0.0.1:{port}"))).await.unwrap();
    let texts: Vec<&str> = KINDS.iter().cycle().take(300).map(|(text, _)| *text).collect();
    line.send(&texts).await.unwrap();
    line.wait_until_settled(PATIENCE).await.unwrap();

    let warnings = |service| line.log(service, 0).matches("are not received at").count();
    for station in Service::STATIONS {
        wait_until("the station has said that nobody receives", PATIENCE, || async {
            Ok((warnings(station) > 0).then_some(()))
        })
        .await
        .unwrap();
        let log = line.log(station, 0);
        assert_eq!(warnings(station), 1, "{station} says it again and again: {log}");
        assert!(!log.contains("hunter2-pw"), "{station} logs the receiver's password");
        assert!(log.contains(&format!("http://127.0.0.1:{port}")), "{station} does not say where: {log}");
    }
    let receiver = Receiver::at(port).await.unwrap();
    wait_until("every station tells again", PATIENCE, || async {
        let received = receiver.received();
        let telling: BTreeSet<&String> =
            received.points.iter().filter_map(|point| point.resource.get("service.name")).collect();
        Ok((telling.len() == Service::STATIONS.len()).then_some(()))
    })
    .await
    .unwrap();
    line.stop_stations().await;
}

/// The labels of what the bus's exporter tells of durables, by metric; see its collector of /jsz.
const OF_THE_BUS: [(&str, &[&str]); 1] =
    [("jetstream_consumer_num_pending", &["stream_name", "consumer_name"])];

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_dashboard_names_a_metric_that_a_running_line_exports() {
    let receiver = Receiver::start().await.unwrap();
    let line = Line::with(told(&receiver.url())).await.unwrap();
    // Something of everything: Discord refuses, what it refused comes again, and rubbish becomes a dead letter.
    line.discord.set_fault(Some(Fault::Status(500)));
    for (text, _) in KINDS {
        send(&line, "", &serde_json::json!({ "text": text })).await;
    }
    line.wait_for_outcomes(PATIENCE).await.unwrap();
    let bus = line.nats.client("teacher").await.unwrap();
    bus.publish(Topic::ReceivedMessage.subject(contracts::MessageId(700_000)), "{".into()).await.unwrap();
    bus.flush().await.unwrap();
    let redelivered = |received: &Received| {
        received.points.iter().any(|point| point.name == "greenbite.stage.redeliveries")
    };
    wait_until("something is delivered again", PATIENCE, || async {
        Ok(redelivered(&receiver.received()).then_some(()))
    })
    .await
    .unwrap();
    line.discord.set_fault(None);
    line.wait_until_settled(PATIENCE).await.unwrap();
    line.stop_stations().await;

    let mut exported: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for point in receiver.received().points {
        let labels = point.attributes.keys().map(|key| key.replace('.', "_")).collect::<Vec<_>>();
        for name in as_prometheus(&point) {
            exported.entry(name).or_default().extend(labels.iter().cloned());
        }
    }
    for (name, labels) in OF_THE_BUS {
        exported.entry(name.to_owned()).or_default().extend(labels.iter().map(|label| (*label).to_owned()));
    }
    let queries = queries();
    assert!(queries.len() >= 15, "{queries:?}");
    for query in queries {
        let (metrics, labels) = named_in(&query);
        assert!(!metrics.is_empty(), "{query}");
        for metric in metrics {
            let known = exported.get(&metric);
            let known = known.unwrap_or_else(|| panic!("no {metric}, which {query} names: {exported:#?}"));
            for label in labels.iter().filter(|label| label.as_str() != "le") {
                assert!(known.contains(label), "{metric} has no {label}, which {query} names: {known:?}");
            }
        }
    }
}

/// What Prometheus makes of a metric's name: <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.
fn as_prometheus(point: &Point) -> Vec<String> {
    let unit = if point.unit == "s" { "_seconds" } else { "" };
    let name = format!("{}{unit}", point.name.replace('.', "_"));
    match point.kind {
        "sum" => vec![format!("{name}_total")],
        "histogram" => ["bucket", "count", "sum"].map(|part| format!("{name}_{part}")).to_vec(),
        _ => vec![name],
    }
}

/// The dashboard's queries of Prometheus.
fn queries() -> Vec<String> {
    let text = std::fs::read_to_string(testkit::repository().join("deploy/observe/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets
        .filter(|target| target["datasource"]["type"] == "prometheus")
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}

/// The metrics and the labels that a query names: a name before a parenthesis is a function, one in braces or behind
/// `by` a label.
fn named_in(query: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut metrics, mut labels) = (BTreeSet::new(), BTreeSet::new());
    let (mut in_labels, mut after_by) = (false, false);
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end.max(1));
        match word {
            "{" => in_labels = true,
            "(" if after_by => (in_labels, after_by) = (true, false),
            "}" | ")" => in_labels = false,
            // Ranges and label's values are neither.
            "[" | "\"" => {
                let close = if word == "[" { ']' } else { '"' };
                rest = after.split_once(close).map_or("", |(_, after)| after);
                continue;
            }
            "by" => after_by = true,
            word if first.is_ascii_alphabetic() => match after.trim_start().chars().next() {
                _ if in_labels => _ = labels.insert(word.to_owned()),
                // `sum by (stage) (...)` is a function too.
                Some('(') => {}
                _ if after.trim_start().starts_with("by ") => {}
                _ => _ = metrics.insert(word.to_owned()),
            },
            _ => {}
        }
        rest = after;
    }
    (metrics, labels)
}

#[test]
fn names_of_metrics_and_labels_are_found_in_a_query() {
    let (metrics, labels) =
        named_in("60 * sum by (le, stage) (rate(a_total{kind=~\"b_c.*\"}[5m])) / max(b_ratio)");
    assert_eq!(metrics, BTreeSet::from(["a_total".to_owned(), "b_ratio".to_owned()]));
    assert_eq!(labels, BTreeSet::from(["le", "stage", "kind"].map(str::to_owned)));
}

/// `POST`, in a trace: the answer's body.
async fn post(address: &str, key: &str, traceparent: &str, body: &str) -> anyhow::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let host = address.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let mut stream = tokio::net::TcpStream::connect(host).await?;
    let request = format!(
        "POST /messages HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         X-Api-Key: {key}\r\ntraceparent: {traceparent}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(answer))
}
