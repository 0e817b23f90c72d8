use contracts::{
    Decision, Message, Modifier, ModifierOp, Received, RegisteredLine, Service, Topic, TrailEntry,
};
use runtime::Trace;
use store::orders::{NewLine, NewOrder};

use crate::support::{Site, repository};

#[tokio::test]
async fn provisioning_can_be_repeated_and_says_what_it_did() {
    let site = Site::bare().await;
    let first = site.run(&["provision"]).await.ok();
    assert!(first.contains("created: stream GREENBITE, stream GREENBITE_DLQ, durable classifier"), "{first}");
    let second = site.run(&["provision"]).await.ok();
    assert!(second.contains("as wanted: stream GREENBITE") && !second.contains("created"), "{second}");
}

#[tokio::test]
async fn a_menu_is_imported_shown_and_refused_with_its_mistakes() {
    let site = Site::new().await;
    let (menu, options) = (repository("data/menu.csv"), repository("data/options.csv"));
    let said = site.run(&["menu", "import", &menu, "--options", &options, "--if-empty"]).await.ok();
    assert!(said.contains("(the first)"), "{said}");
    let shown = site.run(&["menu", "show", "--json"]).await.json();
    assert!(shown["items"].as_array().unwrap().len() >= 24);
    assert!(site.run(&["menu", "show"]).await.ok().contains("the_green_garden_vegan_burger"));
    let cached = site.memcached_has("the_green_garden_vegan_burger").await;
    assert!(cached.contains("The Green Garden Vegan Burger|"), "{cached}");

    // A start over data that are there leaves the owner's menu alone.
    site.file("mine.csv", "name,price\nTea,2.00\n");
    let said = site.run(&["menu", "import", "mine.csv"]).await.ok();
    let said_again = site.run(&["menu", "import", &menu, "--options", &options, "--if-empty"]).await.ok();
    assert!(said_again.starts_with("there is a menu already, "), "{said_again}");
    assert!(said_again.contains("it stays") && said.contains("1 items"), "{said} {said_again}");
    let mine = site.run(&["menu", "show", "--json"]).await.json();
    assert_eq!(mine["items"].as_array().unwrap().len(), 1);
    site.run(&["menu", "import", &menu, "--options", &options]).await.ok();

    site.file("bad.csv", "name,price\nTea,two\n,3.00\n");
    let said = site.run(&["menu", "import", "bad.csv"]).await;
    assert_eq!(said.code, 65, "{said:?}");
    assert!(said.err.contains("row 2") && said.err.contains("row 3"), "{said:?}");
    assert_eq!(site.run(&["menu", "show", "--json"]).await.json()["version"], shown["version"]);
}

#[tokio::test]
async fn an_item_is_sold_out_shown_so_and_back() {
    let site = Site::new().await;
    site.file("menu.csv", "name,price,aliases\nCheesecake,6.50,cheese cake|New York\nBrownie,6.00,\n");
    site.run(&["menu", "import", "menu.csv"]).await.ok();
    let hours = [("GREENBITE_RESTAURANT__HOURS", "Mo-Su 00:00-24:00; Jan 1 off")];

    let said = site.run(&["menu", "sold-out", "new york", "--who", "Ada"]).await.ok();
    assert!(said.contains("Cheesecake is sold out until `greenbite menu back cheesecake`"), "{said}");
    let said = site.run_with(&["menu", "sold-out", "Brownie", "--until", "tomorrow"], &hours).await.ok();
    assert!(said.contains("Brownie is sold out until "), "{said}");
    let shown = site.run(&["menu", "show"]).await.ok();
    assert!(shown.contains("until it is back, since") && shown.contains("by Ada"), "{shown}");
    let json = site.run(&["menu", "show", "--json"]).await.json();
    assert_eq!(
        (json["sold_out"][0]["slug"].as_str(), json["items"][0]["name"].as_str()),
        (Some("brownie"), Some("Cheesecake"))
    );
    let doctor = site.run_with(&["doctor"], &hours).await;
    assert!(doctor.out.contains("sold out: Cheesecake, until it is back"), "{doctor:?}");
    let closed = [("GREENBITE_RESTAURANT__HOURS", "Jan 1 00:00-00:01")];
    let doctor = site.run_with(&["doctor"], &closed).await;
    assert!(doctor.out.contains("no order is taken: we are closed"), "{doctor:?}");

    // A new menu leaves it sold out.
    site.file("menu.csv", "name,price\nCheesecake,7.50\n");
    site.run(&["menu", "import", "menu.csv"]).await.ok();
    assert!(site.run(&["menu", "show"]).await.ok().contains("until it is back"));
    assert!(site.run(&["menu", "back", "cheesecake"]).await.ok().contains("is there again"));
    let again = site.run(&["menu", "back", "Cheesecake"]).await;
    assert!(
        again.code == 1 && again.err.contains("\"Cheesecake\" was not sold out; what is: Brownie"),
        "{again:?}"
    );
    site.run(&["menu", "sold-out", "Cheesecake"]).await.ok();
    let misspelt = site.run(&["menu", "back", "chesecake"]).await;
    assert!(misspelt.code == 1 && misspelt.err.contains("what is: Cheesecake, Brownie"), "{misspelt:?}");
    assert!(site.run(&["menu", "show"]).await.ok().contains("until it is back"), "it is sold out still");

    for (arguments, says) in [
        (&["menu", "sold-out", "cheese"][..], "there is Cheesecake"),
        (&["menu", "sold-out", "lasagne"][..], "is not on the menu"),
        (&["menu", "sold-out", "Cheesecake", "--until", "close"][..], "set restaurant.hours"),
        (&["menu", "sold-out", "Cheesecake", "--until", "soon"][..], "is no time"),
    ] {
        let said = site.run(arguments).await;
        assert!(said.code == 1 && said.err.contains(says), "{said:?}");
    }
    let wrong = site.run_with(&["menu", "show"], &[("GREENBITE_RESTAURANT__HOURS", "whenever")]).await;
    assert!(wrong.code == 64 && wrong.err.contains("Mo-Fr 11:30"), "{wrong:?}");
}

#[tokio::test]
async fn doctor_finds_what_needs_a_person_and_says_what_to_do() {
    let site = Site::new().await;
    site.message("waits").await;
    let said = site.run(&["doctor"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("No classifier answers"), "{said:?}");
    assert!(said.out.contains("run `greenbite menu import`"), "{said:?}");
    let json = site.run(&["doctor", "--json"]).await.json();
    assert_eq!(json["messages"]["to_relay"], 1);
    assert_eq!(json["durables"]["classifier"]["pending"], 0);
    assert_eq!(json["stations"]["notifier"], 0);
}

#[tokio::test]
async fn an_export_holds_the_days_orders_and_no_formula() {
    let site = Site::new().await;
    let text = "=HYPERLINK(\"http://evil\")\n2 burgers";
    let id = site.message(text).await;
    let line = RegisteredLine {
        item: "Cheese Burger".into(),
        slug: "cheese_burger".into(),
        quantity: 2,
        size: None,
        modifiers: vec![Modifier { op: ModifierOp::Remove, name: "onions".into() }],
        unit_price_cents: 1_050,
        total_cents: 2_100,
    };
    let order = NewOrder {
        message_id: id,
        customer: Some("+49 170 1234".into()),
        lines: vec![NewLine { phrase: "burgers".into(), line }],
        total_cents: 2_100,
        menu_version: "test".into(),
        reason: "on the menu".into(),
        settled: None,
    };
    site.store.register_orders(&[order]).await.unwrap();
    let zone: chrono_tz::Tz = "Pacific/Auckland".parse().unwrap();
    let today = chrono::Utc::now().with_timezone(&zone).date_naive().to_string();
    let run = async |day: &str| {
        site.run(&["export", "orders", "--day", day, "--timezone", "Pacific/Auckland", "--out", "day.csv"])
            .await
            .ok()
    };
    assert!(run(&today).await.contains("1 orders"), "21.00 in all");
    let file = std::fs::read_to_string(site.folder.path().join("day.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let row = reader.records().next().unwrap().unwrap();
    assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{row:?}");
    assert_eq!(&row[4], "2");
    assert_eq!(&row[7], "no onions");
    assert_eq!(&row[10], "21.00");
    assert_eq!(&row[3], "accepted");
    assert!(run("2020-01-01").await.contains("0 orders"));
}

#[tokio::test]
async fn a_journey_shows_each_step_with_its_reason() {
    let site = Site::new().await;
    let id = site.message("2 cheese burgers").await;
    let message = Message {
        id,
        generation: 1,
        received_at: chrono::Utc::now(),
        source: "test".into(),
        customer: None,
        text: "2 cheese burgers".into(),
    };
    let entry = TrailEntry {
        station: Service::Ingest,
        decision: Decision::by_rules("received", "Came in by a test.").score(0.75),
        attempt: 1,
        at: chrono::Utc::now(),
        took_us: 1_540,
    };
    let event = Received { message, trail: vec![entry] };
    site.bus.publish_event("test", Topic::ReceivedMessage, &event, &Trace::start()).await.unwrap();
    let said = site.run(&["journey", &id.to_string()]).await.ok();
    for word in ["2 cheese burgers", "received.message", "Came in by a test.", "0.75", "1.5 ms", "none yet"] {
        assert!(said.contains(word), "{word} is missing: {said}");
    }
    let json = site.run(&["journey", &id.to_string(), "--json"]).await.json();
    assert_eq!(json["steps"][0]["decision"]["verdict"], "received");
    let said = site.run(&["journey", "4711"]).await;
    assert_eq!(said.code, 1, "{said:?}");
}

#[tokio::test]
async fn an_order_is_listed_taken_through_its_steps_and_its_journey_shows_them() {
    let site = Site::new().await;
    assert!(site.run(&["order", "list"]).await.ok().contains("no order is open"));
    let id = site.message("a tea, please").await;
    let line = RegisteredLine {
        item: "Tea".into(),
        slug: "tea".into(),
        quantity: 1,
        size: None,
        modifiers: Vec::new(),
        unit_price_cents: 250,
        total_cents: 250,
    };
    let order = NewOrder {
        message_id: id,
        customer: None,
        lines: vec![NewLine { phrase: "a tea".into(), line }],
        total_cents: 250,
        menu_version: "test".into(),
        reason: "on the menu".into(),
        settled: None,
    };
    site.store.register_orders(&[order]).await.unwrap();
    let open = site.run(&["order", "list", "--json"]).await.json();
    assert_eq!(open[0]["state"], "accepted");
    let number = open[0]["number"].to_string();

    let early = site.run(&["order", "collect", &number]).await;
    assert_eq!(early.code, 1, "{early:?}");
    assert!(early.err.contains("is accepted") && early.err.contains("Possible: start, void."), "{early:?}");
    assert_eq!(site.run(&["order", "void", &number]).await.code, 64, "a void wants a reason");

    let start = ["order", "start", &number, "--who", "Ada"];
    let (first, second) = tokio::join!(site.run(&start), site.run(&start));
    let said = [first.ok(), second.ok()];
    assert_eq!(said.iter().filter(|said| said.contains("is preparing now")).count(), 1, "{said:?}");
    assert_eq!(said.iter().filter(|said| said.contains("is preparing already")).count(), 1, "{said:?}");
    let list = site.run(&["order", "list"]).await.ok();
    assert!(list.contains("preparing") && list.contains("1 Tea") && list.contains("2.50"), "{list}");

    // Nobody is logged in, as in a container.
    let nobody = [("USER", ""), ("LOGNAME", "")];
    site.run_with(&["order", "void", &number, "--why", "the customer left"], &nobody).await.ok();
    let said = site.run(&["journey", &id.to_string()]).await.ok();
    for words in
        ["kitchen   preparing, ", " by Ada\n", "kitchen   voided, ", "by operator: the customer left"]
    {
        assert!(said.contains(words), "{words} is missing: {said}");
    }
    let json = site.run(&["journey", &id.to_string(), "--json"]).await.json();
    assert_eq!(json["kitchen"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(json["kitchen"][1]["why"], "the customer left");
    let late = site.run(&["order", "start", &number]).await;
    assert!(late.code == 1 && late.err.contains("Nothing is possible any more."), "{late:?}");
}

impl Site {
    async fn memcached_has(&self, key: &str) -> String {
        let mut found = menu::Cache::new(self.memcached.address()).get_many(&[key]).await.unwrap();
        String::from_utf8(found.remove(key).unwrap_or_default()).unwrap()
    }
}
