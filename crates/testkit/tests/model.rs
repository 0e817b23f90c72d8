//! The model comes over the network: away at first, then there, then in the cache.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may, as tests may")]

use std::time::Duration;

use contracts::Service;
use testkit::hub::Hub;
use testkit::line::Options;
use testkit::{Line, free_port, repository, wait_until};

/// What the replica says that names are matched by.
async fn decides(line: &Line, replica: usize) -> String {
    let (_, ready) = line.page(Service::MenuValidator, replica, "/readyz").await.unwrap();
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    ready["notes"]["names are matched by"].as_str().unwrap_or_else(|| panic!("{ready}")).to_owned()
}

#[tokio::test]
async fn a_hub_that_is_away_means_words_until_it_comes_and_two_replicas_download_once() {
    let port = free_port().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let environment = [
        ("GREENBITE_MENU_VALIDATOR__MODEL", "someone/minilm@v1".to_owned()),
        ("GREENBITE_MENU_VALIDATOR__FALLBACK", String::new()),
        ("HF_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("HF_HOME", cache.path().display().to_string()),
    ];
    let environment = environment.map(|(key, value)| (key.to_owned(), value)).into();
    let line = Line::with(Options { replicas: 2, environment, ..Options::default() }).await.unwrap();
    for replica in [0, 1] {
        let note = decides(&line, replica).await;
        assert!(note.starts_with("words alone, because the hub cannot be reached"), "{note}");
        assert!(note.ends_with("the model takes over as soon as it can be had"), "{note}");
    }
    // The line works meanwhile.
    line.send(&["Two Classic Cheeseburgers please"]).await.unwrap();
    line.wait_until_settled(Duration::from_secs(60)).await.unwrap();

    let folder = repository().join(".local/models/all-MiniLM-L6-v2");
    assert!(folder.is_dir(), "`cargo xtask test` fetches the model that this needs");
    let hub = Hub::start(port, folder).await.unwrap();
    for replica in [0, 1] {
        wait_until("the model has taken over", Duration::from_secs(120), || async {
            Ok((decides(&line, replica).await == "someone/minilm").then_some(()))
        })
        .await
        .unwrap();
    }
    assert_eq!(hub.downloads(), 1, "one replica downloads, the other one waits for it");
    line.send(&["One chese burgr please"]).await.unwrap();
    line.wait_until_settled(Duration::from_secs(60)).await.unwrap();

    // From then on the cache has it, whether the hub is there or not.
    drop(hub);
    line.restart(Service::MenuValidator, 0).await.unwrap();
    assert_eq!(decides(&line, 0).await, "someone/minilm");
}
