//! The kitchen's steps on the bus.

use contracts::kitchen::{State, Step};
use contracts::{Kitchen, MessageId, RegisteredLine, Topic};
use ingest::Config;
use ingest::config::House;
use runtime::{Stored, provision};
use store::kitchen::{NewStep, Pressed};
use store::orders::{NewLine, NewOrder};
use store::registration::Registered;
use testkit::wait_until;

use crate::support::{SOON, Site, relay_only};

impl Site {
    /// A registered order: its message and its number.
    async fn order(&self) -> (MessageId, i64) {
        let id = self.insert(["two teas"]).await[0];
        let line = RegisteredLine {
            item: "Tea".to_owned(),
            slug: "tea".to_owned(),
            quantity: 2,
            size: None,
            modifiers: Vec::new(),
            unit_price_cents: 250,
            total_cents: 500,
        };
        let order = NewOrder {
            message_id: id,
            customer: None,
            lines: vec![NewLine { phrase: "teas".to_owned(), line }],
            total_cents: 500,
            menu_version: "v1".to_owned(),
            reason: "on the menu".to_owned(),
            settled: None,
        };
        let written = self.store.register_orders(&[order]).await.unwrap().remove(0);
        let Registered::New(contracts::Registration::Order { order }) = written else {
            panic!("{written:?}")
        };
        (id, order.number)
    }

    async fn press(&self, number: i64, step: Step) -> Pressed {
        let why = (step == Step::Void).then(|| "the customer left".to_owned());
        let new = NewStep { number, step, who: "Ada".to_owned(), why, after: None };
        self.store.take_step(&new).await.unwrap()
    }

    /// What the bus was told of an order, in the stream's order, once the last is there.
    async fn told(&self, id: MessageId, last: u32) -> Vec<(Topic, Kitchen, Stored)> {
        wait_until("the step is on the bus", SOON, || async {
            let stored = self.bus.messages("GREENBITE", &format!("greenbite.kitchen.*.{id}"), 50).await?;
            let told: Vec<(Topic, Kitchen, Stored)> = stored
                .into_iter()
                .map(|stored| {
                    let topic = Topic::parse(&stored.subject).unwrap().0;
                    (topic, serde_json::from_slice(&stored.payload).unwrap(), stored)
                })
                .collect();
            Ok(told.iter().any(|(_, event, _)| event.step == last).then_some(told))
        })
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn two_who_press_at_once_make_one_event_and_a_recall_is_told_as_a_newer_generation() {
    let site = Site::new().await;
    let first = site.start(relay_only()).await;
    let second = site.start(relay_only()).await;
    let (id, number) = site.order().await;
    let presses = tokio::join!(site.press(number, Step::Start), site.press(number, Step::Start));
    assert_eq!([&presses.0, &presses.1].iter().filter(|one| matches!(one, Pressed::Now(_))).count(), 1);
    site.press(number, Step::Ready).await;
    let told = site.told(id, 2).await;
    let steps: Vec<_> = told.iter().map(|(topic, event, _)| (*topic, event.step, event.state)).collect();
    assert_eq!(
        steps,
        [(Topic::KitchenPreparing, 1, State::Preparing), (Topic::KitchenReady, 2, State::Ready)]
    );
    let (_, event, stored) = &told[0];
    assert_eq!((event.order, event.who.as_str(), event.message.text.as_str()), (number, "Ada", "two teas"));
    assert_eq!(stored.generation(), 1);

    site.press(number, Step::Recall).await;
    site.press(number, Step::Void).await;
    let told = site.told(id, 4).await;
    let steps: Vec<_> = told.iter().map(|(topic, event, _)| (*topic, event.step)).collect();
    assert_eq!(steps[2..], [(Topic::KitchenPreparing, 3), (Topic::KitchenVoided, 4)], "{steps:?}");
    assert_eq!(told[2].2.generation(), 3);
    assert_eq!(told.last().unwrap().1.why.as_deref(), Some("the customer left"));
    assert_eq!(told.last().unwrap().1.trail[0].decision.decided_by, "Ada");
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test]
async fn steps_wait_for_a_bus_that_is_away_and_one_that_lost_its_storage_is_told_again() {
    let site = Site::new().await;
    let house = House { every_s: 1, ..House::default() };
    let running = site.start(Config { house, ..relay_only() }).await;
    let (id, number) = site.order().await;
    site.nats.stop().await;
    site.press(number, Step::Start).await;
    site.press(number, Step::Ready).await;
    site.nats.start_again().await.unwrap();
    assert_eq!(site.told(id, 2).await.len(), 2);

    site.bus.jetstream().delete_stream("GREENBITE").await.unwrap();
    provision(&site.bus, &contracts::topology::Limits::default()).await.unwrap();
    let told = site.told(id, 2).await;
    assert_eq!(told.iter().map(|(_, event, _)| event.step).collect::<Vec<_>>(), [1, 2]);
    running.stop().await.unwrap();
}
