use std::path::Path;
use std::process::{Command, Stdio};

use testkit::hub::Hub;

/// `greenbite model fetch` with this hub and this cache.
fn fetch(hub: &str, cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenbite"));
    command
        .args(["model", "fetch"])
        .current_dir(cache)
        .env("HF_ENDPOINT", hub)
        .env("HF_HOME", cache)
        .env("GREENBITE_MENU_VALIDATOR__MODEL", "someone/minilm@v1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn a_model_is_fetched_once_by_several_and_then_found_without_the_hub() {
    let folder = testkit::repository().join(".local/models/all-MiniLM-L6-v2");
    assert!(folder.is_dir(), "`cargo xtask test` fetches the model that this needs");
    let hub = Hub::start(0, folder).await.unwrap();
    let (url, cache) = (hub.url(), tempfile::tempdir().unwrap());
    let several: Vec<_> = (0..3).map(|_| fetch(&url, cache.path()).spawn().unwrap()).collect();
    for one in several {
        let output = tokio::task::spawn_blocking(move || one.wait_with_output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.starts_with("someone/minilm@v1 is in "), "{output:?}");
    }
    assert_eq!(hub.downloads(), 1);
    drop(hub);
    let again = fetch(&url, cache.path()).output().unwrap();
    assert!(again.status.success(), "{again:?}");

    let elsewhere = tempfile::tempdir().unwrap();
    let away = fetch("http://127.0.0.1:9", elsewhere.path()).output().unwrap();
    assert_eq!(away.status.code(), Some(69), "{away:?}");
    let said = String::from_utf8(away.stderr).unwrap();
    assert!(said.starts_with("greenbite: GB507: the hub cannot be reached for someone/minilm"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
