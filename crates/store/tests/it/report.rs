use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection, PgConnection, Row};
use store::Store;
use store::report::{Report, Sum};

use crate::{messages, order, review, url};

/// A restaurant in Berlin; statements as its tables' owner.
struct Restaurant {
    store: Store,
    owner: PgConnection,
}

impl Restaurant {
    async fn new() -> Restaurant {
        let url = url().await;
        Restaurant {
            store: Store::connect(&url, 2).await.unwrap(),
            owner: PgConnection::connect(&url).await.unwrap(),
        }
    }

    async fn sql(&mut self, statement: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut self.owner).await.unwrap();
    }

    /// One order for each of these times by Berlin's offset then, of a message five minutes before.
    async fn orders_at(&mut self, times: &[&str]) {
        let ids = messages(&self.store, times.len()).await;
        let orders: Vec<_> = ids.iter().map(|id| order(*id)).collect();
        self.store.register_orders(&orders).await.unwrap();
        for (id, at) in ids.iter().zip(times) {
            self.sql(&format!(
                "UPDATE orders SET created_at = '{at}' WHERE message_id = {id};
                 UPDATE messages SET received_at = timestamptz '{at}' - interval '5 minutes' WHERE id = {id}"
            ))
            .await;
        }
    }

    /// So many hours from a time on.
    async fn report(&self, from: &str, hours: i64) -> Report {
        let from: DateTime<Utc> = from.parse().unwrap();
        let list: Vec<_> = (0..hours).map(|hour| from + TimeDelta::hours(hour)).collect();
        self.store.report(&list, from + TimeDelta::hours(hours)).await.unwrap()
    }

    /// Orders and money of a day by what PostgreSQL itself knows of the zone's clock.
    async fn plain_sql(&mut self, day: &str) -> Sum {
        let row = sqlx::query(
            "SELECT count(*), coalesce(sum(i.total_cents), 0)::bigint
             FROM orders o JOIN LATERAL (SELECT sum(total_cents) AS total_cents FROM order_items
                                         WHERE order_id = o.id) i ON true
             WHERE (o.created_at AT TIME ZONE 'Europe/Berlin')::date = $1::text::date AND o.state <> 'voided'",
        )
        .bind(day)
        .fetch_one(&mut self.owner)
        .await
        .unwrap();
        Sum { orders: row.get(0), cents: row.get(1) }
    }
}

fn sum_of(hours: &[Sum]) -> Sum {
    Sum {
        orders: hours.iter().map(|hour| hour.orders).sum(),
        cents: hours.iter().map(|hour| hour.cents).sum(),
    }
}

#[tokio::test]
async fn a_days_figures_are_those_of_plain_sql_at_midnight_and_at_both_clock_changes() {
    let mut restaurant = Restaurant::new().await;
    restaurant
        .orders_at(&[
            "2026-03-28 23:59:59.999+01",
            "2026-03-29 00:00:00+01",
            "2026-03-29 01:59:59+01",
            "2026-03-29 03:00:00+02",
            "2026-03-29 23:59:59+02",
            "2026-03-30 00:00:00+02",
            "2026-10-24 23:59:59+02",
            "2026-10-25 02:30:00+02",
            "2026-10-25 02:30:00+01",
            "2026-10-25 02:45:00+01",
            "2026-10-25 23:59:59+01",
            "2026-10-26 00:00:00+01",
        ])
        .await;
    let one = Sum { orders: 1, cents: 2_200 };
    let none = Sum::default();

    // Spring: 23 hours, and after 01:59:59 comes 03:00:00.
    let spring = restaurant.report("2026-03-28T23:00:00Z", 23).await;
    assert_eq!(spring.total, Sum { orders: 4, cents: 8_800 });
    assert_eq!(spring.total, restaurant.plain_sql("2026-03-29").await);
    assert_eq!(spring.hours[..3], [one, one, one]);
    assert_eq!((spring.hours[3], spring.hours[22]), (none, one));

    // Autumn: 25 hours, and the hour from 02:00 on comes twice.
    let autumn = restaurant.report("2026-10-24T22:00:00Z", 25).await;
    assert_eq!(autumn.total, restaurant.plain_sql("2026-10-25").await);
    assert_eq!(autumn.hours[2..5], [one, Sum { orders: 2, cents: 4_400 }, none]);
    assert_eq!(autumn.hours[24], one);

    for report in [&spring, &autumn] {
        assert_eq!(sum_of(&report.hours), report.total);
        assert_eq!(report.items.iter().map(|sold| sold.cents).sum::<i64>(), report.total.cents);
        assert_eq!(report.sources[0].sum, report.total);
        assert_eq!(report.fates.straight_through, report.total.orders);
        assert_eq!(report.items[0].quantity, report.total.orders * 4);
        let p50 = report.to_registered.p50.unwrap();
        assert!((p50 - 5.0).abs() < 1e-6, "{p50}");
    }
    let quiet = restaurant.report("2026-05-01T22:00:00Z", 24).await;
    assert_eq!((quiet.total, quiet.hours.len(), quiet.to_registered.p50), (none, 24, None));
}

#[tokio::test]
async fn a_voided_order_counts_apart_and_a_recalled_one_is_ready_when_it_was_so_last() {
    let mut restaurant = Restaurant::new().await;
    restaurant.orders_at(&["2026-07-01 12:00+02", "2026-07-01 12:10+02", "2026-07-01 13:00+02"]).await;
    restaurant
        .sql(
            "INSERT INTO order_steps (message_id, step, state, at, who, why) VALUES
                 (1, 1, 'ready', '2026-07-01 12:05+02', 'Ada', NULL),
                 (2, 1, 'ready', '2026-07-01 12:12+02', 'Ada', NULL),
                 (2, 2, 'preparing', '2026-07-01 12:13+02', 'Ada', 'no fries'),
                 (2, 3, 'ready', '2026-07-01 12:35+02', 'Ada', NULL),
                 (3, 1, 'voided', '2026-07-02 09:00+02', 'Ben', 'the customer left');
             UPDATE orders SET state = 'collected' WHERE message_id = 1;
             UPDATE orders SET state = 'ready' WHERE message_id = 2;
             UPDATE orders SET state = 'voided' WHERE message_id = 3",
        )
        .await;
    let report = restaurant.report("2026-06-30T22:00:00Z", 24).await;
    assert_eq!(report.total, Sum { orders: 2, cents: 4_400 });
    assert_eq!(report.wrong.voided, Sum { orders: 1, cents: 2_200 });
    assert_eq!((report.voids[0].why.as_str(), report.voids[0].who.as_str()), ("the customer left", "Ben"));
    assert_eq!(report.wrong.recalled, 1);
    // From 11:55 to 12:05, and from 12:05 to 12:35.
    let ready = report.to_ready;
    assert_eq!(ready.orders, 2);
    assert!(
        (ready.p50.unwrap() - 20.0).abs() < 1e-6 && (ready.p90.unwrap() - 28.0).abs() < 1e-6,
        "{ready:?}"
    );
}

#[tokio::test]
async fn what_was_asked_what_the_desk_made_of_it_and_what_is_not_on_the_menu_is_counted() {
    let mut restaurant = Restaurant::new().await;
    let ids = messages(&restaurant.store, 6).await;
    let reviews: Vec<_> = ids[..4].iter().map(|id| review(*id)).collect();
    restaurant.store.register_reviews(&reviews).await.unwrap();
    let rejected = |at: usize, phrases: &[&str]| store::enquiries::NewEnquiry {
        not_on_menu: phrases.iter().map(|phrase| (*phrase).to_owned()).collect(),
        closest: None,
        ..crate::enquiry(ids[at])
    };
    restaurant
        .store
        .register_enquiries(&[rejected(4, &["Pork burger", "sushi"]), rejected(5, &[])])
        .await
        .unwrap();
    let line = |phrase: &str, slug: &str, verdict: &str| {
        format!(
            r#"{{"phrase": "{phrase}", "quantity": 1, "verdict": "{verdict}", "reason": "", "matched": {{"slug": "{slug}"}}}}"#
        )
    };
    let seen = line("pork burger ", "burger", "review");
    let (same, other) =
        (line("pork burger ", "burger", "accepted"), line("pork burger ", "veal_burger", "accepted"));
    for (id, decision, decided) in [(1, "accepted", &same), (2, "accepted", &other), (3, "rejected", &seen)] {
        restaurant
            .sql(&format!(
                "UPDATE reviews SET lines = '[{seen}]', decision = '{decision}', decided_by = 'Ada',
                     decided_at = now(), decided_lines = '[{decided}]' WHERE message_id = {id}"
            ))
            .await;
    }
    let from = Utc::now() - TimeDelta::hours(1);
    let report = restaurant.store.report(&[from], Utc::now() + TimeDelta::hours(1)).await.unwrap();
    let fates = report.fates;
    assert_eq!((fates.asked, fates.accepted, fates.refused, fates.open), (4, 2, 1, 1));
    assert_eq!((fates.straight_through, fates.rejected, report.wrong.corrected), (0, 1, 1));
    let missing: Vec<_> = report.not_on_menu.iter().map(|one| (one.what.as_str(), one.times)).collect();
    assert_eq!(missing, [("pork burger", 2), ("sushi", 1)]);
    assert_eq!((report.unanswered[0].what.as_str(), report.unanswered[0].times), ("pick_up", 2));
    assert_eq!(report.messages[0].times, 4);
}
