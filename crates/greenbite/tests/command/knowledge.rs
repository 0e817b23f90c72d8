use crate::support::{Site, repository};

#[tokio::test]
async fn what_the_house_knows_is_imported_asked_and_its_gaps_are_told() {
    let site = Site::new().await;
    let (menu, knowledge) = (repository("data/menu.csv"), repository("data/knowledge.csv"));
    site.run(&["menu", "import", &menu]).await.ok();
    let asked = site.run(&["knowledge", "ask", "Can I bring my dog?", "--model", "none"]).await;
    assert!(asked.err.contains("the house knows nothing yet"), "{asked:?}");

    let said = site.run(&["knowledge", "import", &knowledge]).await.ok();
    assert!(said.contains("entries of") && said.contains("nothing is wrong with them"), "{said}");
    let listed = site.run(&["knowledge", "list", "--json"]).await.json();
    assert!(listed.as_array().unwrap().len() >= 30);

    let ask = async |text: &str| site.run(&["knowledge", "ask", text, "--model", "none"]).await;
    let dogs = ask("can I bring my dog?").await.ok();
    assert!(dogs.contains("Dogs on a lead are welcome") && dogs.contains("from dogs"), "{dogs}");
    let price = ask("how much is the lemonade?").await.ok();
    assert!(price.contains("Lemonade is $3.40.") && price.contains("from fact:price, computed"), "{price}");
    let burgers = ask("Can I order 20 hamburgers for Friday?").await;
    assert!(!burgers.out.contains("fact:status"), "{burgers:?}");
    site.run(&["menu", "sold-out", "Lemonade", "--who", "Ada"]).await.ok();
    let gone = ask("do you have lemonade?").await.ok();
    assert!(gone.contains("Lemonade is sold out at the moment") && !gone.contains("Yes, we have"), "{gone}");
    let health = ask("do you have a list of allergens").await.ok();
    assert!(health.contains("traces can never be ruled out"), "{health}");
    assert!(
        health.contains("Please confirm with our staff") && health.contains("a person first"),
        "{health}"
    );
    let open = ask("Is your meat kosher?").await;
    assert!(open.code == 1 && open.out.contains("A person has to answer"), "{open:?}");

    site.file("bad.csv", "id,topic,language,questions,answer\nx,t,en,,yes\n");
    let said = site.run(&["knowledge", "import", "bad.csv"]).await;
    assert!(said.code == 65 && said.err.contains("row 2: there is no question"), "{said:?}");
    assert_eq!(site.run(&["knowledge", "list", "--json"]).await.json(), listed, "what was there stays");

    for text in ["Is your meat kosher?", "Do you have kosher food?", "Can I bring my dog?"] {
        let id = site.message(text).await;
        let enquiry = "INSERT INTO enquiries (message_id, topic, reason) VALUES";
        site.sql(&format!("{enquiry} ({id}, 'other', 'a question')")).await;
    }
    let gaps = site.run(&["knowledge", "gaps", "--model", "none"]).await.ok();
    assert!(gaps.contains("kosher") && gaps.contains('2') && !gaps.contains("dog"), "{gaps}");
}

#[tokio::test]
async fn what_a_person_answered_is_a_draft_that_a_command_confirms_and_contradictions_are_told() {
    let site = Site::new().await;
    let id = site.message("Do you have karaoke?").await;
    site.sql(&format!(
        "INSERT INTO enquiries (message_id, topic, reason) VALUES ({id}, 'other', 'a question')"
    ))
    .await;
    for answer in ["On Fridays.", "Never."] {
        site.store.answer_enquiry(id, answer, "Ada").await.unwrap();
    }
    let draft = format!("learned-{id}");
    let drafts = site.run(&["knowledge", "drafts"]).await.ok();
    assert!(
        drafts.contains(&draft) && drafts.contains("On Fridays.") && !drafts.contains("Never."),
        "{drafts}"
    );

    // What somebody has answered is no gap; what nobody has is one.
    let open = site.message("Can we go bowling?").await;
    site.sql(&format!(
        "INSERT INTO enquiries (message_id, topic, reason) VALUES ({open}, 'other', 'a question')"
    ))
    .await;
    site.run(&["menu", "import", &repository("data/menu.csv")]).await.ok();
    let columns = "id,topic,language,questions,answer,approved_by";
    let file = site.file("k.csv", format!("{columns}\nwifi,wifi,en,Do you have wifi?,Yes.,Ben\n"));
    site.run(&["knowledge", "import", &file.display().to_string()]).await.ok();
    let gaps = site.run(&["knowledge", "gaps", "--model", "none"]).await.ok();
    assert!(gaps.contains("bowling") && !gaps.contains("karaoke"), "{gaps}");

    let file = site.file("k.csv", format!("{columns}\nmusic,music,en,do you have karaoke,Never.,Ben\n"));
    site.run(&["knowledge", "import", &file.display().to_string()]).await.ok();
    let odds = site.run(&["knowledge", "check"]).await;
    assert!(odds.code == 1 && odds.err.contains("differently") && odds.err.contains(&draft), "{odds:?}");
    let confirmed = site.run(&["knowledge", "confirm", &draft, "--who", "Ada"]).await.ok();
    assert!(confirmed.contains("is an entry of the house now"), "{confirmed}");
    let listed = site.run(&["knowledge", "list", "--json"]).await.json();
    let listed = listed.as_array().unwrap().iter().find(|entry| entry["id"] == draft.as_str()).cloned();
    assert_eq!(listed.unwrap()["approved_by"], "Ada");
    let again = site.run(&["knowledge", "discard", &draft]).await;
    assert!(again.code == 1 && again.err.contains("there is no draft"), "{again:?}");
}

#[tokio::test]
async fn an_entry_holds_by_the_restaurants_clock() {
    let site = Site::new().await;
    site.run(&["menu", "import", &repository("data/menu.csv")]).await.ok();
    // These two are never on the same day.
    let east = chrono::Utc::now().with_timezone(&chrono_tz::Pacific::Kiritimati).date_naive();
    let entries = format!(
        "id,topic,language,questions,answer,valid_from\nwifi,wifi,en,Do you have wifi?,Yes.,\n\
         tent,tent,en,Is the tent open? | Can we sit in the tent?,It is.,{east}\n"
    );
    site.file("knowledge.csv", &entries);
    site.run(&["knowledge", "import", "knowledge.csv"]).await;
    let ask = async |zone: &str| {
        let zone = [("GREENBITE_RESTAURANT__TIMEZONE", zone)];
        site.run_with(&["knowledge", "ask", "Is the tent open?", "--model", "none"], &zone).await
    };
    assert!(ask("Pacific/Kiritimati").await.out.contains("It is."));
    let west = ask("Etc/GMT+12").await;
    assert!(!west.out.contains("It is."), "{west:?}");
}

#[tokio::test]
async fn entries_at_odds_are_told_and_labelled_questions_are_measured() {
    let site = Site::new().await;
    let entries = "id,topic,language,questions,answer,approved_by\n\
        wifi,wifi,en,Do you have wifi? | What is the wifi password?,Yes.,Ana\n\
        wifi-2,wifi,en,Do you have wifi?,No.,Ana\n";
    let file = site.file("knowledge.csv", entries).display().to_string();
    let said = site.run(&["knowledge", "check", &file]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.err.contains("'wifi' and 'wifi-2' both answer") && said.err.contains("differently"),
        "{said:?}"
    );

    let questions = "half,language,text,entry\n\
        dev,en,how much is the soup?,fact:price\ndev,en,do you have a helicopter?,\ntest,en,wifi?,wifi\n";
    let folder = site.file("questions.csv", questions).parent().unwrap().display().to_string();
    site.file("menu.csv", "name,price\nSoup,5.00\n");
    let said = site.run(&["knowledge", "eval", &folder, "--half", "dev", "--model", "none"]).await.ok();
    assert!(
        said.contains("facts") && said.contains("1 (100.0 %)") && said.contains("top-1: 0 of 0"),
        "{said}"
    );
}
