//! The running station on real servers, with no more rights than it has when deployed.
#![allow(clippy::unwrap_used, clippy::panic)] // in helpers of tests, as in tests

use std::time::Duration;

use answerer::Config;
use chrono::Utc;
use contracts::{Answered, EnquiryTopic, Message, MessageId, Registered, Registration, Service, Topic};
use knowledge::{Entry, entry};
use menu::{Cache, Menu, MenuItem};
use runtime::{Bus, Nats as NatsSettings, Running, Secret, Settings, Trace};
use store::Store;
use store::answers::Answering;
use store::messages::NewMessage;
use testkit::{Memcached, Nats, Postgres, wait_until};
use tokio::sync::Mutex;

const PASSWORD: &str = "for-tests";
const SOON: Duration = Duration::from_secs(20);
/// Roles belong to the cluster, which tests share: they are set up one after the other.
static ROLES: Mutex<()> = Mutex::const_new(());

const ENTRIES: &str = "id,topic,language,questions,answer\n\
    dogs,dogs,en,Can I bring my dog? | Are dogs allowed?,On a lead.\n\
    allergens,allergens,en,Do you have a list of allergens? | I have a food allergy.,A folder lists them.\n";

struct House {
    _nats: Nats,
    _memcached: Memcached,
    bus: Bus,
    /// As the tables' owner.
    store: Store,
    settings: Settings,
}

impl House {
    async fn new() -> House {
        let (nats, memcached) = tokio::try_join!(Nats::with_users(), Memcached::start()).unwrap();
        let as_user = |user: &str| NatsSettings {
            url: nats.url(),
            user: Some(user.to_owned()),
            password: nats.password(user).map(Secret::new),
            ..NatsSettings::default()
        };
        let bus = Bus::connect("provision", &as_user("provision")).await.unwrap();
        let postgres = Postgres::shared().await.unwrap();
        let url = postgres.database().await.unwrap();
        let store = Store::connect(&url, 4).await.unwrap();
        {
            let _one_at_a_time = ROLES.lock().await;
            store.apply_roles().await.unwrap();
            store.set_role_password(Service::Answerer, PASSWORD).await.unwrap();
        }
        let role = store::roles::role_of(Service::Answerer);
        let database = url.rsplit('/').next().unwrap();
        let mut settings = Settings { nats: as_user("answerer"), ..Settings::default() };
        settings.database.url = Secret::new(postgres.url_as(&role, PASSWORD, database));
        settings.database.max_connections = 1;
        settings.memcached.address = memcached.address();
        runtime::provision(&bus, &settings.line).await.unwrap();
        let menu = Menu::new(vec![MenuItem::new("Brownie", "Full of walnuts.", 450)], Vec::new());
        menu::import(&store, &Cache::new(memcached.address()), &menu).await.unwrap();
        store.replace_knowledge(&entries(ENTRIES)).await.unwrap();
        House { _nats: nats, _memcached: memcached, bus, store, settings }
    }

    async fn answerer(&self) -> Running {
        let config = Config { model: "none".into(), fallback: "none".into(), ..Config::default() };
        runtime::start(Service::Answerer, self.settings.clone(), config, answerer::build).await.unwrap()
    }

    async fn message(&self, text: &str, customer: Option<&str>) -> Message {
        let new = NewMessage {
            source: "test".into(),
            external_id: None,
            customer: customer.map(str::to_owned),
            text: text.into(),
            received_at: None,
        };
        Message {
            id: self.store.insert_message(&new).await.unwrap().id,
            generation: 1,
            received_at: Utc::now(),
            source: "test".into(),
            customer: new.customer,
            text: new.text,
        }
    }

    async fn register(&self, message: &Message, proposed_reply: Option<&str>) {
        let registration = Registration::Enquiry {
            number: 5,
            topic: EnquiryTopic::Other,
            proposed_reply: proposed_reply.map(str::to_owned),
        };
        let event = Registered {
            message: message.clone(),
            registration,
            reason: "a question".into(),
            trail: Vec::new(),
        };
        self.bus.publish_event("test", Topic::RegisteredEnquiry, &event, &Trace::start()).await.unwrap();
    }

    /// What the station tells of this message's publication.
    async fn told(&self, id: MessageId, generation: u32) -> Answered {
        let waited = wait_until("the station has answered", SOON, async || {
            for topic in [Topic::AnsweredProposed, Topic::AnsweredOpen] {
                let last = self.bus.last_for(&topic.subject(id)).await?;
                if let Some(last) = last.filter(|last| last.generation() >= generation) {
                    let answered: Answered = serde_json::from_slice(&last.payload)?;
                    assert_eq!(answered.proposal.is_some(), topic == Topic::AnsweredProposed);
                    return Ok(Some(answered));
                }
            }
            Ok(None)
        });
        waited.await.unwrap()
    }

    async fn answered(&self, text: &str) -> Answered {
        let message = self.message(text, None).await;
        self.register(&message, None).await;
        self.told(message.id, 1).await
    }
}

fn entries(file: &str) -> Vec<Entry> {
    entry::read("k.csv", file.as_bytes()).unwrap()
}

/// Where the answer comes from, and what it is.
fn found(answered: &Answered) -> Option<(&str, &str)> {
    answered.proposal.as_ref().map(|proposal| (proposal.source.as_str(), proposal.text.as_str()))
}

#[tokio::test]
async fn an_enquiry_is_answered_from_an_entry_or_a_fact_or_stays_open_and_the_row_says_the_same() {
    let house = House::new().await;
    let running = house.answerer().await;
    let dogs = house.answered("can I bring my dog?").await;
    assert_eq!(found(&dogs), Some(("entry:dogs", "On a lead.")));
    let proposal = dogs.proposal.clone().unwrap();
    assert!(proposal.sure.is_some() && !proposal.careful, "{proposal:?}");
    let entry = dogs.trail.last().unwrap();
    assert_eq!((entry.station, entry.decision.verdict.as_str()), (Service::Answerer, "proposed"));
    assert_eq!((entry.decision.decided_by.as_str(), dogs.enquiry), ("words", 5));
    let row = house.store.proposal(dogs.message.id).await.unwrap().unwrap();
    assert_eq!(row.proposal, dogs.proposal);

    let price = house.answered("How much is the brownie?").await;
    assert_eq!(found(&price), Some(("fact:price", "Brownie is $4.50.")));

    let health = house.answered("i have a food allergy!").await.proposal.unwrap();
    assert!(health.careful && health.text.contains("Please confirm with our staff"), "{health:?}");

    let open = house.answered("Do you have karaoke?").await;
    assert_eq!((found(&open), open.trail.last().unwrap().decision.verdict.as_str()), (None, "open"));
    let row = house.store.proposal(open.message.id).await.unwrap().unwrap();
    assert_eq!((row.proposal, row.language.as_str()), (None, "en"));

    let rejected = house.message("One lobster please", None).await;
    house.register(&rejected, Some("Sorry, no lobster.")).await;
    assert_eq!(found(&house.told(rejected.id, 1).await), Some(("menu", "Sorry, no lobster.")));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn an_enquiry_is_answered_once_however_often_it_is_told_of_and_by_however_many() {
    let house = House::new().await;
    let both = [house.answerer().await, house.answerer().await];
    let mut message = house.message("can I bring my dog?", None).await;
    house.register(&message, None).await;
    let first = house.told(message.id, 1).await;
    // What the house says meanwhile is for the next who asks.
    house.store.replace_knowledge(&entries(&ENTRIES.replace("On a lead.", "No dogs."))).await.unwrap();
    let changed = wait_until("the new entry answers", SOON, async || {
        let answered = house.answered("are dogs allowed?").await;
        Ok((found(&answered) == Some(("entry:dogs", "No dogs."))).then_some(()))
    });
    changed.await.unwrap();
    message.generation = 2;
    house.register(&message, None).await;
    let again = house.told(message.id, 2).await;
    assert_eq!((found(&again), found(&first)), (found(&first), Some(("entry:dogs", "On a lead."))));
    let reason = &again.trail.last().unwrap().decision.reason;
    assert!(reason.ends_with("found before, told again"), "{reason}");
    for running in both {
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_people_answer_is_found_for_reworded_questions_once_it_is_confirmed_and_nothing_else_is() {
    let house = House::new().await;
    let running = house.answerer().await;
    let taught = [
        ("Do you have karaoke?", "On Fridays.", "Is there karaoke at your place?"),
        ("Can you engrave a spoon for us?", "Ask Ada.", "Could a spoon be engraved by you?"),
        ("Do you sell fishing licences?", "No.", "Are fishing licences sold here?"),
    ];
    let untaught = "Is there a helicopter pad on the roof?";
    for (question, answer, reworded) in taught {
        let asked = house.answered(question).await;
        assert_eq!(asked.proposal, None, "{question}");
        let (id, by) = (asked.message.id, "Ada");
        let enquiry = store::enquiries::NewEnquiry {
            closest: None,
            message_id: id,
            topic: EnquiryTopic::Other,
            reason: "a question".into(),
            proposed_reply: None,
            not_on_menu: Vec::new(),
            settled: None,
        };
        house.store.register_enquiries(&[enquiry]).await.unwrap();
        let draft = format!("learned-{id}");
        let now = Answering::Now { draft: Some(draft.clone()) };
        assert_eq!(house.store.answer_enquiry(id, answer, by).await.unwrap(), now);
        let again = house.store.answer_enquiry(id, "something else", "Ben").await.unwrap();
        assert!(
            matches!(again, Answering::Before(before) if before.answer == answer),
            "nobody is answered twice"
        );
        assert_eq!(house.answered(reworded).await.proposal, None, "a draft answers nobody");
        assert!(house.store.confirm_draft(&draft, by, None).await.unwrap());
        assert!(!house.store.confirm_draft(&draft, by, None).await.unwrap(), "it is no draft any more");
    }
    for (question, answer, reworded) in taught {
        let learned = wait_until(reworded, SOON, async || {
            let answered = house.answered(reworded).await;
            Ok(found(&answered).is_some_and(|(_, text)| text == answer).then_some(()))
        });
        learned.await.unwrap();
        assert_eq!(found(&house.answered(question).await).unwrap().1, answer);
    }
    assert_eq!(house.answered(untaught).await.proposal, None);
    // A new file of entries takes nothing of that away.
    house.store.replace_knowledge(&entries(ENTRIES)).await.unwrap();
    assert_eq!(house.store.knowledge().await.unwrap().len(), 2 + taught.len());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_customer_who_asks_where_the_order_is_hears_of_the_own_one() {
    let house = House::new().await;
    let running = house.answerer().await;
    let ordered = house.message("One brownie please", Some("guest-7")).await;
    let order = store::orders::NewOrder {
        message_id: ordered.id,
        customer: ordered.customer.clone(),
        lines: Vec::new(),
        total_cents: 0,
        menu_version: "v1".to_owned(),
        reason: "on the menu".to_owned(),
        settled: None,
    };
    house.store.register_orders(&[order]).await.unwrap();
    let asks = async |customer| {
        let message = house.message("Where is my order?", customer).await;
        house.register(&message, None).await;
        house.told(message.id, 1).await
    };
    let own = asks(Some("guest-7")).await.proposal.unwrap();
    assert_eq!(own.source, "fact:status");
    assert!(own.text.contains("is with the kitchen"), "{own:?}");
    for stranger in [Some("guest-8"), None] {
        assert_eq!(asks(stranger).await.proposal, None, "{stranger:?}");
    }
    running.stop().await.unwrap();
}
