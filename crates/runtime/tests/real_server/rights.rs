//! The rights of a station's own user are enough, and not more.

use contracts::{Code, Service, Topic};
use runtime::{Bus, Nats as NatsSettings, Secret};
use testkit::Nats;

use crate::support::*;

fn as_user(nats: &Nats, user: &str) -> NatsSettings {
    NatsSettings {
        url: nats.url(),
        user: Some(user.to_owned()),
        password: nats.password(user).map(Secret::new),
        request_timeout_ms: 1_000,
    }
}

async fn restricted() -> Rig {
    let nats = Nats::with_users().await.unwrap();
    let bus = Bus::connect("provision", &as_user(&nats, "provision")).await.unwrap();
    let mut settings = quick();
    settings.nats = as_user(&nats, "classifier");
    let rig = Rig { nats, settings, bus };
    rig.provision().await;
    rig
}

#[tokio::test]
async fn a_station_runs_with_nothing_but_the_rights_of_its_user() {
    let rig = restricted().await;
    let count = counter();
    let seen = count.clone();
    let running = rig
        .run(classifier(move |event, cx| {
            seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            // The second message is delivered again, so that its existing outputs are looked for.
            let answer = match (event.message.id.0, cx.attempt) {
                (2, 1) => Err(runtime::StageError::transient("once more")),
                _ => order(event),
            };
            async move { answer }
        }))
        .await;
    let ingest = Bus::connect("ingest", &as_user(&rig.nats, "ingest")).await.unwrap();
    for id in [1, 2] {
        let trace = runtime::Trace::start();
        ingest.publish_event("ingest", Topic::ReceivedMessage, &received(id, 1), &trace).await.unwrap();
    }
    rig.until_done().await;
    assert_eq!(get(&count), 3);
    assert_eq!(rig.outputs().await, 2);
    let ack = rig.bus.jetstream().publish("greenbite.received.message.3", "{}".into()).await.unwrap();
    ack.await.unwrap();
    rig.until_dead(Code::Malformed, "3").await;
    assert_eq!(running.report()["ready"], true);

    let teacher = rig.nats.client("teacher").await.unwrap();
    let answer = teacher.request("$SRV.PING.greenbite-classifier", "".into()).await.unwrap();
    assert!(String::from_utf8_lossy(&answer.payload).contains("io.nats.micro.v1.ping_response"));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn what_the_user_may_not_do_is_named() {
    let rig = restricted().await;
    let bus = Bus::connect("classifier", &rig.settings.nats).await.unwrap();
    let trace = runtime::Trace::start();
    let error =
        bus.publish_event("classifier", Topic::ReceivedMessage, &received(1, 1), &trace).await.unwrap_err();
    assert!(matches!(&error, runtime::BusError::Denied(_)), "{error:?}");
    assert!(error.to_string().contains("greenbite.received.message.1"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_ends_the_service_with_the_reason() {
    let rig = restricted().await;
    let mut settings = rig.settings.clone();
    settings.nats.password = Some("wrong".into());
    let started = runtime::start(Service::Classifier, settings, (), async |_app| Ok(())).await;
    let error = started.err().unwrap();
    assert_eq!(error.code, Code::Permission);
    assert!(!error.to_string().contains("wrong"), "{error}");
}
