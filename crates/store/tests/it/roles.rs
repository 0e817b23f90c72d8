use contracts::{Code, FailureKind, MessageId, Service};
use sqlx::{Connection, PgConnection};
use store::Store;
use store::roles::role_of;
use testkit::Postgres;

use crate::{LEASE, enquiry, message, messages, order, proposed, review};

/// May this service run this statement? Nothing it does stays.
async fn may(url: &str, statement: &'static str) -> Result<(), String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    match sqlx::raw_sql(statement).execute(&mut *tx).await {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => {
            Err(error.message().to_owned())
        }
        Err(other) => panic!("{statement}: {other}"),
    }
}

struct Database {
    owner: Store,
    name: String,
}

impl Database {
    /// With roles and their passwords; once more than needed, since it has to be repeatable.
    async fn new() -> Database {
        let url = crate::url().await;
        let owner = Store::connect(&url, 4).await.unwrap();
        owner.apply_roles().await.unwrap();
        owner.apply_roles().await.unwrap();
        let name = url.rsplit('/').next().unwrap().to_owned();
        Database { owner, name }
    }

    async fn url_of(&self, service: Service) -> String {
        let postgres = Postgres::shared().await.unwrap();
        self.owner.set_role_password(service, "it's a test").await.unwrap();
        postgres.url_as(&role_of(service), "it's%20a%20test", &self.name)
    }
}

// One test: roles belong to the whole server, and their passwords with them.
#[tokio::test]
async fn every_service_may_do_its_work_and_nothing_else() {
    let database = Database::new().await;

    let ingest = database.url_of(Service::Ingest).await;
    let store = Store::connect(&ingest, 4).await.unwrap();
    let ids = messages(&store, 4).await;
    store.insert_message(&message("one more")).await.unwrap();
    let mut batch = store.relay_batch(10).await.unwrap();
    batch.mark_published(&ids).await.unwrap();
    batch.commit().await.unwrap();
    store.next_generation(&[(ids[3], 1)]).await.unwrap();
    store.without_outcome(chrono::Utc::now(), MessageId(0), 10).await.unwrap();
    store.unannounced(chrono::Utc::now(), MessageId(0), 10).await.unwrap();
    store.counts().await.unwrap();
    store.new_messages().wait(std::time::Duration::from_secs(1)).await;

    assert_eq!(store.last_export().await.unwrap(), None);
    store.note_export("2026-07-01".parse().unwrap(), "orders-2026-07-01.csv", 0).await.unwrap();
    store.orders_between(chrono::Utc::now(), chrono::Utc::now()).await.unwrap();
    store.kept_since_before(chrono::DateTime::UNIX_EPOCH, 10).await.unwrap();
    assert_eq!(store.anonymise(&[MessageId(4_711)]).await.unwrap(), 0);

    // Whoever takes a step writes what its customer is told, and may not see it.
    let replier = database.url_of(Service::Replier).await;
    let replies = Store::connect(&replier, 2).await.unwrap();
    replies.open_reply_channels(&["webhook"], LEASE).await.unwrap();

    let registrar = database.url_of(Service::Registrar).await;
    let store = Store::connect(&registrar, 4).await.unwrap();
    store.register_orders(&[order(ids[0])]).await.unwrap();
    store.register_reviews(&[review(ids[1])]).await.unwrap();
    store.register_enquiries(&[enquiry(ids[2])]).await.unwrap();
    store.register_misc(&[ids[3]]).await.unwrap();
    store.register_orders(&[order(ids[0]), order(ids[1]), order(ids[2]), order(ids[3])]).await.unwrap();
    let settled = Some(contracts::Settlement { by: "Ada".to_owned(), at: chrono::Utc::now() });
    store.register_orders(&[store::orders::NewOrder { settled, ..order(ids[1]) }]).await.unwrap();

    let paced = store::pace::PacedOrder { order: order(ids[0]), review: review(ids[0]) };
    store.register_at_pace(&[paced], &store::pace::Pace { of_customer: 1, of_all: 1 }).await.unwrap();

    let answerer = database.url_of(Service::Answerer).await;
    let store = Store::connect(&answerer, 1).await.unwrap();
    store.knowledge().await.unwrap();
    store.order_state(1).await.unwrap();
    assert_eq!(store.latest_order_of("nobody").await.unwrap(), None);
    for first in [true, false] {
        assert_eq!(store.propose(ids[2], &proposed("yes")).await.unwrap(), (proposed("yes"), first));
    }

    let notifier = database.url_of(Service::Notifier).await;
    let store = Store::connect(&notifier, 4).await.unwrap();
    assert_eq!(store.proposal(ids[2]).await.unwrap(), Some(proposed("yes")));
    let claim = store::notifications::Claim { message_id: ids[0], category: contracts::Category::Order };
    for may_have_been_sent in [false, true] {
        store.claim_notifications(&[claim], LEASE).await.unwrap();
        store.release_claim(claim, may_have_been_sent).await.unwrap();
    }
    store.claim_notifications(&[claim], LEASE).await.unwrap();
    let sent =
        store::notifications::Sent { claim, channel: contracts::Channel::File, discord_message_id: None };
    store.mark_sent(&[sent]).await.unwrap();
    store.claim_notifications(&[claim], LEASE).await.unwrap();

    let sending =
        store::replies::Sending { channel: "webhook", lease: LEASE, patience: LEASE, repeatable: true };
    let reply = replies.claim_replies(&sending, 1).await.unwrap().remove(0);
    assert_eq!(reply.message.id, ids[0]);
    let given_up = store::replies::ReplyOutcome::GivenUp("it is a test".to_owned());
    replies.note_reply(&reply, &given_up).await.unwrap();
    drop(replies.take_telegram_key().await.unwrap().unwrap());
    replies.insert_message(&message("from Telegram")).await.unwrap();

    let operator = database.url_of(Service::Greenbite).await;
    let store = Store::connect(&operator, 4).await.unwrap();
    let menu = store::menu::MenuRows { version: "v1".to_owned(), items: Vec::new(), options: Vec::new() };
    store.replace_menu(&menu).await.unwrap();
    store.mark_sold_out("soup", "Soup", None, "Ada").await.unwrap();
    store.mark_sold_out("tea", "Tea", None, "Ada").await.unwrap();
    assert!(store.mark_back("tea").await.unwrap());
    store.insert_simulated("messages.csv", 1, &[message("replayed")]).await.unwrap();
    let number = store.open_orders(5).await.unwrap()[0].number;
    let (step, who) = (contracts::kitchen::Step::Start, "Ada".to_owned());
    store.take_step(&store::kitchen::NewStep { number, step, who, why: None, after: None }).await.unwrap();
    store.journey(ids[0]).await.unwrap().unwrap();
    assert_eq!(store.failed_replies(5).await.unwrap().len(), 1);
    assert!(store.reply_again(reply.id).await.unwrap());
    assert!(!store.reply_done(reply.id).await.unwrap(), "it has not failed");
    store.report(&[chrono::Utc::now()], chrono::Utc::now()).await.unwrap();
    store.corrections().await.unwrap();
    store.known(&store.whom("guest-7").await.unwrap().unwrap()).await.unwrap();
    assert_eq!(store.anonymise(&[MessageId(4_711)]).await.unwrap(), 0);
    store.discard(&ids, "none").await.unwrap();

    for service in [
        Service::Classifier,
        Service::Extractor,
        Service::MenuValidator,
        Service::Answerer,
        Service::Dashboard,
    ] {
        let store = Store::connect(&database.url_of(service).await, 1).await.unwrap();
        assert_eq!(store.menu().await.unwrap(), Some(menu.clone()), "{service}");
    }
    let dashboard = database.url_of(Service::Dashboard).await;
    let store = Store::connect(&dashboard, 2).await.unwrap();
    store.insert_message(&message("from the page")).await.unwrap();
    store.open_reviews(5).await.unwrap();
    let accepted = store::reviews::ReviewDecision::Accepted;
    store.settle_review(ids[1], accepted, "Ada", &[]).await.unwrap();
    store.latest_messages(5).await.unwrap();
    store.report(&[chrono::Utc::now()], chrono::Utc::now()).await.unwrap();
    assert_eq!(store.journey(ids[0]).await.unwrap().unwrap().kitchen.len(), 1);
    assert_eq!(store.latest_orders(5).await.unwrap().len(), 2);
    store.latest_enquiries(5).await.unwrap();
    store.answer_enquiry(ids[2], "No.", "Ada").await.unwrap();
    let draft = store.drafts().await.unwrap()[0].id.clone();
    assert!(store.confirm_draft(&draft, "Ada", Some("Is there a helipad?")).await.unwrap());
    assert!(!store.discard_draft(&draft).await.unwrap(), "it is an entry now");
    assert_eq!(store.tickets(5).await.unwrap().len(), 2);
    let (step, who) = (contracts::kitchen::Step::Ready, "Ada".to_owned());
    store.take_step(&store::kitchen::NewStep { number, step, who, why: None, after: Some(1) }).await.unwrap();
    let relay = Store::connect(&ingest, 1).await.unwrap();
    for _ in 0..2 {
        let batch = relay.steps_to_tell(5).await.unwrap();
        assert_eq!(batch.steps().len(), 1);
        batch.commit(&[0]).await.unwrap();
    }
    relay.tell_steps_again(chrono::Utc::now()).await.unwrap();
    store.insert_simulated("messages.csv", 2, &[message("simulated")]).await.unwrap();
    store.next_generation(&[(ids[3], 2)]).await.unwrap();
    store.discard(&ids, "none").await.unwrap();

    let validator = database.url_of(Service::MenuValidator).await;
    let known = Store::connect(&validator, 1).await.unwrap().sold_out().await.unwrap();
    assert_eq!(known.iter().map(|out| out.slug.as_str()).collect::<Vec<_>>(), ["soup"]);
    let classifier = database.url_of(Service::Classifier).await;
    for (url, statement) in [
        (&ingest, "UPDATE orders SET state = 'voided'"),
        (&ingest, "UPDATE order_steps SET who = 'somebody else'"),
        (&ingest, "INSERT INTO order_steps (message_id, step, state, who) VALUES (1, 9, 'ready', 'x')"),
        (&ingest, "UPDATE orders SET customer = NULL"),
        (&ingest, "DELETE FROM daily_exports"),
        (&registrar, "SELECT anonymise('{1}')"),
        (&notifier, "SELECT anonymise('{1}')"),
        (&dashboard, "SELECT anonymise('{1}')"),
        (&operator, "UPDATE orders SET customer = NULL"),
        (&operator, "INSERT INTO daily_exports (day, file, orders) VALUES (now(), '', 0)"),
        (&ingest, "INSERT INTO notifications (message_id, category) VALUES (1, 'order')"),
        (&ingest, "UPDATE messages SET text = 'changed'"),
        (&ingest, "DELETE FROM messages"),
        (&ingest, "SELECT 1 FROM menu_items"),
        (&classifier, "SELECT 1 FROM messages"),
        (&classifier, "UPDATE menu_items SET price_cents = 1"),
        (&classifier, "SELECT 1 FROM sold_out"),
        (&validator, "DELETE FROM sold_out"),
        (&validator, "SELECT 1 FROM orders"),
        (&validator, "UPDATE menu_items SET price_cents = 1"),
        (&answerer, "SELECT text FROM messages"),
        (&answerer, "SELECT total_cents FROM orders"),
        (&answerer, "SELECT 1 FROM enquiries"),
        (&answerer, "UPDATE proposals SET answer = 'changed'"),
        (&answerer, "DELETE FROM proposals"),
        (&answerer, "DELETE FROM knowledge"),
        (&answerer, "SELECT anonymise('{1}')"),
        (&registrar, "SELECT 1 FROM proposals"),
        (&registrar, "SELECT 1 FROM replies"),
        (&replier, "UPDATE replies SET customer = 'somebody else'"),
        (&replier, "DELETE FROM replies"),
        (&replier, "UPDATE orders SET state = 'voided'"),
        (&replier, "UPDATE messages SET text = 'changed'"),
        (&replier, "SELECT 1 FROM reviews"),
        (&operator, "UPDATE replies SET customer = 'somebody else'"),
        (&registrar, "SELECT 1 FROM notifications"),
        (&registrar, "SELECT text FROM messages"),
        (&registrar, "UPDATE messages SET generation = 2"),
        (&registrar, "UPDATE orders SET total_cents = 1"),
        (&registrar, "UPDATE orders SET state = 'voided'"),
        (&registrar, "SELECT 1 FROM order_steps"),
        (&registrar, "DELETE FROM orders"),
        (
            &notifier,
            "INSERT INTO orders (message_id, total_cents, menu_version, reason) VALUES (1, 1, '', '')",
        ),
        (&notifier, "UPDATE proposals SET answer = 'changed'"),
        (&notifier, "UPDATE orders SET total_cents = 1"),
        (&notifier, "SELECT 1 FROM orders"),
        (&notifier, "SELECT 1 FROM messages"),
        (&notifier, "DELETE FROM notifications"),
        (&notifier, "UPDATE notifications SET message_id = 2"),
        (&dashboard, "UPDATE orders SET total_cents = 1"),
        (&dashboard, "UPDATE order_steps SET who = 'somebody else'"),
        (&dashboard, "UPDATE proposals SET answer = 'changed'"),
        (&dashboard, "UPDATE answers SET answer = 'changed'"),
        (&dashboard, "UPDATE knowledge SET answer = 'changed'"),
        (&answerer, "SELECT 1 FROM answers"),
        (
            &operator,
            "INSERT INTO answers (message_id, answer, as_proposed, answered_by) VALUES (1, 'x', true, 'x')",
        ),
        (&dashboard, "UPDATE messages SET text = 'changed'"),
        (&dashboard, "UPDATE menu_items SET price_cents = 1"),
        (
            &dashboard,
            "INSERT INTO orders (message_id, total_cents, menu_version, reason) VALUES (1, 1, '', '')",
        ),
        (&dashboard, "INSERT INTO notifications (message_id, category) VALUES (1, 'order')"),
        (
            &operator,
            "INSERT INTO orders (message_id, total_cents, menu_version, reason) VALUES (1, 1, '', '')",
        ),
        (&operator, "UPDATE orders SET total_cents = 1"),
        (&operator, "UPDATE order_steps SET who = 'somebody else'"),
        (&operator, "DELETE FROM order_steps"),
        (&operator, "DROP TABLE orders"),
        (&operator, "CREATE TABLE mine (id int)"),
    ] {
        let user = url.split(':').nth(1).unwrap();
        assert!(may(url, statement).await.is_err(), "{user} may: {statement}");
    }

    // A new class: all that customers wrote and what came of it goes, the menu stays.
    let store = Store::connect(&dashboard, 1).await.unwrap();
    store.clear_class().await.unwrap();
    assert!(
        store.latest_messages(5).await.unwrap().is_empty()
            && store.latest_orders(5).await.unwrap().is_empty()
    );
    assert_eq!(store.menu().await.unwrap(), Some(menu));

    // A service that is not permitted what it needs says so and ends; it does not retry for ever.
    let store = Store::connect(&notifier, 1).await.unwrap();
    let error = store.register_orders(&[order(ids[0])]).await.unwrap_err();
    use contracts::Failure;
    assert_eq!((error.kind(), error.code()), (FailureKind::Fatal, Code::Permission));
    assert!(error.to_string().contains("roles.sql"));
}
