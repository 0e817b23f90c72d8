use std::time::Duration;

use contracts::{Code, Failure, FailureKind};
use store::Store;
use testkit::Postgres;

use crate::{messages, one_message, order};

#[tokio::test]
async fn a_database_that_stops_is_an_outage_and_one_that_comes_back_is_used_again() {
    let postgres = Postgres::start().await.unwrap();
    let store = Store::connect(&postgres.database().await.unwrap(), 4).await.unwrap();
    let ids = messages(&store, 2).await;
    store.register_orders(&[order(ids[0])]).await.unwrap();

    postgres.stop().await;
    for _ in 0..3 {
        let error = store.register_orders(&[order(ids[1])]).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (FailureKind::Outage, Code::DatabaseOutage), "{error}");
    }
    postgres.start_again().await.unwrap();
    let back = async { while store.ping().await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(20), back).await.unwrap();
    store.register_orders(&[order(ids[1])]).await.unwrap();
    assert_eq!(store.order_totals().await.unwrap().0, 2);
}

#[tokio::test]
async fn what_keeps_a_service_from_the_database_is_told_with_what_to_do() {
    let postgres = Postgres::shared().await.unwrap();
    let url = postgres.empty_database().await.unwrap();
    for (url, kind, code, hint) in [
        ("not an address", FailureKind::Fatal, Code::Settings, "postgres://"),
        (
            &postgres.url_as("nobody", "wrong-password", "postgres"),
            FailureKind::Fatal,
            Code::Permission,
            "user and password",
        ),
        (&postgres.url("no_such_database"), FailureKind::Fatal, Code::Settings, "create the database"),
        ("postgres://u:p@127.0.0.1:1/x", FailureKind::Outage, Code::DatabaseOutage, "cannot be reached"),
        (&url, FailureKind::Outage, Code::DatabaseOutage, "greenbite provision"),
    ] {
        let result = match Store::connect(url, 1).await {
            Ok(store) => store.menu_version().await.map(|_| ()),
            Err(error) => Err(error),
        };
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, code), "{error}");
        assert!(error.to_string().contains(hint), "{error}");
        assert!(
            !error.to_string().contains("wrong-password") && !format!("{error:?}").contains("wrong-password")
        );
    }
}

#[tokio::test]
async fn migrating_twice_and_at_once_does_no_harm() {
    let url = Postgres::shared().await.unwrap().empty_database().await.unwrap();
    let store = Store::connect(&url, 4).await.unwrap();
    let (one, other) = tokio::join!(store.migrate(), store.migrate());
    one.unwrap();
    other.unwrap();
    store.migrate().await.unwrap();
    one_message(&store).await;
}

#[tokio::test]
async fn errors_do_not_quote_what_customers_wrote() {
    let store = crate::fresh().await;
    let mut bad = crate::message("my secret");
    bad.source.clear();
    let error = store.insert_message(&bad).await.unwrap_err();
    assert_eq!(error.constraint(), Some("messages_source_not_empty"));
    assert!(!format!("{error} {error:?}").contains("my secret"), "{error:?}");
}
