use contracts::MessageId;
use ingest::Config;
use reqwest::{Client, StatusCode};
use runtime::Running;
use serde_json::{Value, json};
use testkit::{free_port, wait_until};

use crate::support::{SOON, Site, relay_only};

struct Door {
    _running: Running,
    url: String,
    client: Client,
}

impl Door {
    async fn open(site: &Site, key: &str) -> Door {
        let port = free_port().unwrap();
        let listen = format!("127.0.0.1:{port}");
        let config = Config {
            listen: listen.clone(),
            key: key.into(),
            rate_per_second: 5,
            rate_burst: 50,
            ..relay_only()
        };
        let running = site.start(config).await;
        let (url, client) = (format!("http://{listen}/messages"), Client::new());
        wait_until("the door is open", SOON, || async { Ok(client.get(&url).send().await.ok()) })
            .await
            .unwrap();
        Door { _running: running, url, client }
    }

    async fn post(&self, body: impl Into<reqwest::Body>, key: Option<&str>) -> (StatusCode, Value) {
        let mut request = self.client.post(&self.url).header("content-type", "application/json").body(body);
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap())
    }
}

#[tokio::test]
async fn a_message_is_taken_in_and_a_retry_is_no_second_message() {
    let site = Site::new().await;
    let door = Door::open(&site, "").await;
    let body = json!({ "text": "2 burgers", "external_id": "a-1", "customer": "c-9" }).to_string();
    let (status, answer) = door.post(body.clone(), None).await;
    assert_eq!((status, &answer["repeated"]), (StatusCode::ACCEPTED, &json!(false)));
    let id = MessageId(answer["id"].as_i64().unwrap());
    let (status, answer) = door.post(body, None).await;
    assert_eq!((status, &answer["repeated"]), (StatusCode::OK, &json!(true)));
    assert_eq!(answer["id"], json!(id));

    let many = json!([{ "text": "one", "external_id": "b" }, { "text": "two" }, { "text": "one", "external_id": "b" }]);
    let (status, answer) = door.post(many.to_string(), None).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let repeated: Vec<&Value> =
        answer["messages"].as_array().unwrap().iter().map(|m| &m["repeated"]).collect();
    assert_eq!(repeated, [&json!(false), &json!(false), &json!(true)]);

    let taken = json!({ "text": "something else", "external_id": "a-1" }).to_string();
    let (status, answer) = door.post(taken, None).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("external_id_taken")));

    site.all_relayed().await;
    assert_eq!(site.line().await.messages, 3);
    let row = site.store.message(id).await.unwrap().unwrap();
    assert_eq!((row.message.source.as_str(), row.message.customer.as_deref()), ("http", Some("c-9")));
    let status: Value =
        door.client.get(format!("{}/{id}", door.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(status["state"], json!("on the line"));
}

#[tokio::test]
async fn what_cannot_be_taken_in_is_answered_with_a_code_and_nothing_of_it_is_kept() {
    let site = Site::new().await;
    let door = Door::open(&site, "").await;
    let megabyte = json!({ "text": "x".repeat(1 << 20) }).to_string();
    let (status, answer) = door.post(megabyte, None).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("GB201")));
    let long = json!({ "text": "x".repeat(100 << 10) }).to_string();
    let (status, answer) = door.post(long, None).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("GB201")));
    let half_good = json!([{ "text": "good" }, { "text": "" }]).to_string();
    let (status, answer) = door.post(half_good, None).await;
    assert_eq!((status, &answer["error"]["index"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(1)));
    let (status, answer) = door.post("{\"text\": \"caf\u{e9}", None).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("not_json")));
    let form = door.client.post(&door.url).body("text=burger").send().await.unwrap();
    assert_eq!(form.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(site.store.counts().await.unwrap().total(), 0);

    let crowd: Vec<Value> = (0..50).map(|n| json!({ "text": format!("burger {n}") })).collect();
    assert_eq!(door.post(json!(crowd).to_string(), None).await.0, StatusCode::ACCEPTED);
    let request = door.client.post(&door.url).json(&crowd).send().await.unwrap();
    assert_eq!(request.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(request.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(site.store.counts().await.unwrap().total(), 50);
}

#[tokio::test]
async fn with_a_key_only_those_who_show_it_get_in() {
    let site = Site::new().await;
    let door = Door::open(&site, "open sesame").await;
    let body = r#"{"text":"a burger"}"#;
    assert_eq!(door.post(body, None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(door.post(body, Some("open sesam")).await.0, StatusCode::UNAUTHORIZED);
    for _ in 0..10 {
        door.post(body, Some("guess")).await;
    }
    assert_eq!(door.post(body, Some("another guess")).await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(door.post(body, Some("open sesame")).await.0, StatusCode::ACCEPTED, "guessers hold nobody up");
    assert_eq!(site.store.counts().await.unwrap().total(), 1);
}
