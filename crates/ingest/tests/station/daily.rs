//! What one replica does once a day.

use std::path::Path;
use std::time::Duration;

use chrono::{Days, NaiveDate, Utc};
use contracts::Code;
use contracts::topology::DEAD_LETTER_STREAM;
use ingest::config::Daily;
use testkit::wait_until;

use crate::support::{SOON, Site, relay_only};

fn days_ago(days: u64) -> NaiveDate {
    Utc::now().date_naive() - Days::new(days)
}

fn file(folder: &Path, day: NaiveDate) -> std::path::PathBuf {
    folder.join(format!("orders-{day}.csv"))
}

async fn wait_for(path: &Path) {
    wait_until(&format!("{}", path.display()), SOON, || async { Ok(path.exists().then_some(())) })
        .await
        .unwrap();
}

/// An order of a tea at noon of that day.
fn order_at(id: i64, day: NaiveDate) -> String {
    format!(
        "INSERT INTO orders (message_id, total_cents, menu_version, reason, created_at)
             VALUES ({id}, 250, 'v1', 'on the menu', '{day} 12:00Z');
         INSERT INTO order_items (order_id, position, phrase, slug, item, quantity, unit_price_cents, total_cents)
             SELECT id, 1, 'tea', 'tea', 'Tea', 1, 250, 250 FROM orders WHERE message_id = {id}"
    )
}

#[tokio::test]
async fn days_that_passed_while_nothing_ran_are_written_once_by_two_processes() {
    let site = Site::new().await;
    let ids = site.insert(["a tea yesterday", "a tea the day before"]).await;
    for (id, ago) in ids.iter().zip([1, 2]) {
        site.sql(&order_at(id.0, days_ago(ago))).await;
    }
    site.store.note_export(days_ago(4), "orders.csv", 0).await.unwrap();
    let exports = site.folder.path().join("exports");
    std::fs::create_dir(&exports).unwrap();
    let folder = exports.display().to_string();
    let variables = [("GREENBITE_INGEST__DAILY__EXPORT_FOLDER", folder.as_str())];
    let (one, two) = (site.folder.path().join("one"), site.folder.path().join("two"));
    let mut processes = [site.spawn_with(&variables, &one), site.spawn_with(&variables, &two)];

    wait_for(&file(&exports, days_ago(1))).await;
    wait_until("the last day is noted", SOON, || async {
        Ok((site.store.last_export().await? == Some(days_ago(1))).then_some(()))
    })
    .await
    .unwrap();
    // Each does its first round as soon as it runs.
    for log in [&one, &two] {
        wait_until("it runs", SOON, || async {
            Ok(std::fs::read_to_string(log)?.contains("runs; health").then_some(()))
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for process in &mut processes {
        assert!(process.stop(SOON).await.success());
    }
    let said = std::fs::read_to_string(&one).unwrap() + &std::fs::read_to_string(&two).unwrap();
    for (ago, teas) in [(1, 1), (2, 1), (3, 0)] {
        let path = file(&exports, days_ago(ago));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("Tea").count(), teas, "{text}");
        assert_eq!(said.matches(&format!("wrote {}:", path.display())).count(), 1, "{said}");
    }
    assert_eq!(std::fs::read_dir(&exports).unwrap().count(), 3, "nothing else, and nothing half");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_is_said_and_made_up_for_after_a_restart() {
    let site = Site::new().await;
    let folder = site.folder.path().join("later");
    let config = || ingest::Config {
        daily: Daily { export_folder: Some(folder.clone()), ..Daily::default() },
        ..relay_only()
    };
    let running = site.start(config()).await;
    site.insert(["relayed all the same"]).await;
    site.all_relayed().await;
    assert_eq!(site.store.last_export().await.unwrap(), None);
    running.stop().await.unwrap();
    std::fs::create_dir(&folder).unwrap();
    let running = site.start(config()).await;
    wait_for(&file(&folder, days_ago(1))).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn what_was_kept_long_enough_is_nobodys_in_the_rows_and_among_the_dead_letters() {
    let site = Site::new().await;
    let ids = site.insert(["SECRET and old", "SECRET, old and dead", "SECRET and of today"]).await;
    let mut batch = site.store.relay_batch(10).await.unwrap();
    batch.mark_published(&ids).await.unwrap();
    batch.commit().await.unwrap();
    site.store.register_misc(&[ids[0], ids[2]]).await.unwrap();
    site.sql(&format!(
        "UPDATE messages SET outcome_at = now() - interval '91 days' WHERE id = {};
         UPDATE messages SET published_at = now() - interval '91 days' WHERE id = {}",
        ids[0], ids[1]
    ))
    .await;
    for id in [ids[1], ids[2]] {
        site.bury(id, "SECRET").await;
    }
    let running = site.start(relay_only()).await;
    wait_until("the old ones are nobody's", SOON, || async {
        let text = site.store.message(ids[1]).await?.map(|row| row.message.text);
        Ok((text.as_deref() == Some("(anonymised)")).then_some(()))
    })
    .await
    .unwrap();
    running.stop().await.unwrap();
    let text = async |at: usize| site.store.message(ids[at]).await.unwrap().unwrap().message.text;
    assert_eq!((text(0).await.as_str(), text(2).await.as_str()), ("(anonymised)", "SECRET and of today"));
    let letters = site.bus.messages(DEAD_LETTER_STREAM, "greenbite-dlq.>", 10).await.unwrap();
    let subjects: Vec<_> = letters.iter().map(|letter| letter.subject.as_str()).collect();
    assert_eq!(subjects, [format!("greenbite-dlq.classifier.{}.{}", Code::Panicked, ids[2])]);
}
