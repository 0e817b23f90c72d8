//! Health over HTTP and the service API on the bus.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

async fn ask(address: std::net::SocketAddr, path: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split_whitespace().nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn health_says_that_it_lives_and_readiness_what_it_does() {
    let rig = Rig::new().await;
    let running = rig.run(ordinary(&counter())).await;
    rig.receive(1).await;
    rig.until_done().await;
    assert_eq!(ask(running.http_addr, "/healthz").await.0, 200);
    let (status, body) = ask(running.http_addr, "/readyz").await;
    let report: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(report["service"], "classifier");
    assert_eq!(report["bus"]["connected"], true);
    assert_eq!(report["stages"][0]["lanes"], 2);
    assert_eq!(report["stages"][0]["processed"], 1);
    rig.nats.kill();
    eventually("it is not ready", || async { ask(running.http_addr, "/readyz").await.0 == 503 }).await;
    assert_eq!(ask(running.http_addr, "/healthz").await.0, 200);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn the_service_api_lists_the_station_with_its_counts() {
    let rig = Rig::new().await;
    let running = rig.run(ordinary(&counter())).await;
    for id in 1..=3 {
        rig.receive(id).await;
    }
    rig.receive_raw("4", headers(&[]), b"nonsense").await;
    rig.until_done().await;
    let client = rig.bus.client();
    let mut answers = Vec::new();
    for verb in ["PING", "INFO", "STATS"] {
        let answer = client.request(format!("$SRV.{verb}.greenbite-classifier"), "".into()).await.unwrap();
        answers.push(serde_json::from_slice::<Value>(&answer.payload).unwrap());
    }
    let [ping, info, stats] = answers.try_into().unwrap();
    assert_eq!(ping["type"], "io.nats.micro.v1.ping_response");
    assert_eq!(info["endpoints"][0]["subject"], "greenbite.received.message.*");
    assert_eq!(stats["type"], "io.nats.micro.v1.stats_response");
    let endpoint = &stats["endpoints"][0];
    assert_eq!(endpoint["num_requests"], 3);
    assert_eq!(endpoint["num_errors"], 1);
    assert!(endpoint["last_error"].as_str().unwrap().starts_with("GB101"));
    assert_eq!(endpoint["data"]["dead_letters"], 1);
    // What the client's own types can read, the nats tool can.
    let typed: async_nats::service::Stats = serde_json::from_value(stats).unwrap();
    assert_eq!(typed.endpoints[0].requests, 3);
    let _: async_nats::service::Info = serde_json::from_value(info).unwrap();
    running.stop().await.unwrap();
}
