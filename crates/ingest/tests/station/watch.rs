use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use contracts::MessageId;
use ingest::Config;
use testkit::wait_until;

use crate::support::{SOON, Site, relay_only};

fn append(path: &Path, bytes: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(bytes.as_ref()).unwrap();
}

fn watching(path: &Path) -> Config {
    Config { watch: Some(path.to_owned()), watch_poll_ms: 20, ..relay_only() }
}

impl Site {
    fn file(&self) -> PathBuf {
        self.folder.path().join("orders.csv")
    }

    /// Waits for so many messages, a little longer for one too many, and gives their texts in order.
    async fn texts(&self, count: u64) -> Vec<String> {
        wait_until(&format!("{count} messages are in"), SOON, || async {
            Ok((self.store.counts().await?.total() >= count).then_some(()))
        })
        .await
        .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(self.store.counts().await.unwrap().total(), count);
        let mut texts = Vec::new();
        let mut id = 0;
        while texts.len() < count as usize {
            // Ids that a repeated line drew are missing.
            id += 1;
            texts.extend(self.store.message(MessageId(id)).await.unwrap().map(|row| row.message.text));
        }
        texts
    }
}

#[tokio::test]
async fn appended_lines_come_in_once_each_over_restarts_and_a_partial_line_waits() {
    let site = Site::new().await;
    let path = site.file();
    append(&path, "timestamp,message\n2026-03-02T08:26:04Z,one\n,\"two,\nwith two lines\"\n,thr");
    let running = site.start(watching(&path)).await;
    assert_eq!(site.texts(2).await, ["one", "two,\nwith two lines"]);
    let row = site.store.message(MessageId(1)).await.unwrap().unwrap();
    assert_eq!(row.message.received_at.to_rfc3339(), "2026-03-02T08:26:04+00:00");
    running.stop().await.unwrap();

    append(&path, "ee\n,four\n");
    let first = site.start(watching(&path)).await;
    let second = site.start(watching(&path)).await;
    assert_eq!(site.texts(4).await[2..], ["three", "four"]);
    append(&path, "2026-03-02T08:26:04Z,one\n");
    assert_eq!(site.texts(5).await[4], "one", "the same words again are another message");
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test]
async fn bad_lines_are_found_again_among_the_rejects_and_the_rest_comes_in() {
    let site = Site::new().await;
    let path = site.file();
    append(&path, "timestamp,message\n,café\n");
    append(&path, b",bad \xff bytes\n,\n2026-02-30 12:00,no such day\n,\"a quote\" too many\n,");
    append(&path, "x".repeat(1 << 20));
    append(&path, "\n,last\n");
    let running = site.start(watching(&path)).await;
    assert_eq!(site.texts(2).await, ["café", "last"]);
    let rejects = fs::read_to_string(site.folder.path().join("orders.csv.rejects.jsonl")).unwrap();
    let rejects: Vec<serde_json::Value> =
        rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<(u64, &str)> =
        rejects.iter().map(|one| (one["line"].as_u64().unwrap(), one["code"].as_str().unwrap())).collect();
    assert_eq!(found, [(3, "GB203"), (4, "GB202"), (5, "GB204"), (6, "GB204"), (7, "GB201")]);
    assert_eq!(rejects[2]["row"], "2026-02-30 12:00,no such day");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_beginning() {
    let site = Site::new().await;
    let path = site.file();
    append(&path, "timestamp,message\n,one\n");
    let running = site.start(watching(&path)).await;
    assert_eq!(site.texts(1).await, ["one"]);
    running.stop().await.unwrap();

    // All while nobody looked: a line more, the rotation, and a new file.
    let rotated = site.folder.path().join("orders.csv.1");
    append(&path, ",two\n,three without an end");
    fs::rename(&path, &rotated).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    File::options().write(true).open(&rotated).unwrap().set_modified(long_ago).unwrap();
    append(&path, "timestamp,message\n,four\n");
    let running = site.start(watching(&path)).await;
    assert_eq!(site.texts(4).await[1..], ["two", "three without an end", "four"]);

    // Truncated under our eyes, and begun again.
    fs::write(&path, "timestamp,message\n,five\n").unwrap();
    assert_eq!(site.texts(5).await[4], "five");
    running.stop().await.unwrap();
}
