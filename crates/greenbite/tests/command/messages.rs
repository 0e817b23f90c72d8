use crate::support::Site;

#[tokio::test]
async fn a_file_is_taken_in_once_and_its_bad_rows_are_found_again() {
    let site = Site::new().await;
    let mut file = b"timestamp,message\n2026-03-02T08:26:04Z,one\n,one more\n,one more\n".to_vec();
    file.extend(b",bad \xff\n,\n2026-02-30 12:00,no such day\n,caf\xc3\xa9");
    site.file("in.csv", &file);
    let said = site.run(&["import", "messages", "in.csv"]).await;
    assert_eq!(said.code, 65, "{said:?}");
    assert!(said.out.starts_with("4 messages taken in, 0 were known, 3 rejected"), "{said:?}");
    assert!(said.err.contains("line 7: '2026-02-30 12:00' is no date and time"), "{said:?}");
    assert_eq!(site.texts().await, ["one", "one more", "one more", "café"]);
    let rejects = std::fs::read_to_string(site.folder.path().join("in.csv.rejects.jsonl")).unwrap();
    assert_eq!(rejects.lines().count(), 3);
    assert!(rejects.lines().next().unwrap().contains(r#""line":5"#), "{rejects}");

    // The file has grown: what was in it is known.
    file.extend(b"\n,new\n");
    site.file("in.csv", &file);
    let said = site.run(&["import", "messages", "in.csv"]).await;
    assert!(said.out.starts_with("1 messages taken in, 4 were known, 3 rejected"), "{said:?}");

    // As a spreadsheet of another country saves it, with days that may be others.
    site.file(
        "german.csv",
        b"Datum;Nachricht\r\n27.11.2026 19:05;zwei K\xe4se, bitte\r\n11/3/2026 12:00;when?\r\n",
    );
    let said = site.run(&["import", "messages", "german.csv"]).await;
    assert!(said.out.starts_with("1 messages taken in, 0 were known, 1 rejected"), "{said:?}");
    for told in [
        "separated by semicolons",
        "\"Datum\" as timestamp",
        "read as Windows-1252",
        "may be one day or another",
    ] {
        assert!(said.err.contains(told), "{told}: {said:?}");
    }
    let said = site.run(&["import", "messages", "german.csv", "--month-first"]).await;
    assert!(said.out.starts_with("1 messages taken in, 1 were known, 0 rejected"), "{said:?}");
    assert_eq!(site.texts().await[5..], ["zwei Käse, bitte", "when?"]);

    site.file("headless.csv", "2026-03-02T08:26:04Z,one\n");
    let said = site.run(&["import", "messages", "headless.csv"]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("must name the columns"), "{said:?}");
}

#[tokio::test]
async fn a_simulation_goes_on_where_it_stopped_and_begins_anew_when_told_to() {
    let site = Site::new().await;
    let rows: String = (0..10).map(|n| format!("2026-03-02T08:00:0{n}Z,burger {n}\n")).collect();
    site.file("day.csv", format!("timestamp,message\n{rows}"));
    let fast = ["simulate", "day.csv", "--speed", "1000", "--batch", "1-3", "--seed", "7"];
    let with = |more: &[&'static str]| [&fast[..], more].concat();
    let said = site.run(&with(&["--count", "4"])).await.ok();
    assert!(said.starts_with("4 messages sent, up to message 4 of 10"), "{said}");
    let said = site.run(&with(&[])).await;
    assert!(said.err.contains("going on behind message 4 of 10"), "{said:?}");
    assert!(said.ok().starts_with("6 messages sent, up to the end of day.csv"));
    let expected: Vec<String> = (0..10).map(|n| format!("burger {n}")).collect();
    assert_eq!(site.texts().await, expected);

    // Another pass: the same words, and new messages all the same.
    site.run(&with(&["--count", "3"])).await.ok();
    site.run(&with(&["--restart", "--count", "12"])).await.ok();
    let texts = site.texts().await;
    assert_eq!(texts.len(), 25);
    assert_eq!(texts[10..13], expected[..3]);
    assert_eq!(texts[13..23], expected[..]);
    assert_eq!(texts[23..], expected[..2]);
}

#[tokio::test]
async fn what_is_wrong_with_the_way_in_is_said_in_one_line() {
    let site = Site::new().await;
    for (variable, value, code, words) in [
        (
            "GREENBITE_DATABASE__PASSWORD",
            "wrong",
            1,
            "GB402: the database says: password authentication failed",
        ),
        (
            "GREENBITE_NATS__PASSWORD",
            "wrong",
            1,
            "GB402: the bus does not take user 'operator' with this password",
        ),
        (
            "GREENBITE_DATABASE__URL",
            "postgres://operator@127.0.0.1:1/greenbite",
            69,
            "GB502: the database cannot be reached",
        ),
        ("GREENBITE_DATABASE__URL", "greenbite", 64, "GB401: database.url cannot be read"),
        ("GREENBITE_NATS__URL", "nats://127.0.0.1:1", 69, "GB501: the bus does not answer"),
        ("GREENBITE_CONFIG", "no.toml", 64, "GB401: no.toml: No such file"),
    ] {
        let said = site.run_with(&["dlq", "replay", "--all"], &[(variable, value)]).await;
        let store = site.run_with(&["export", "orders"], &[(variable, value)]).await;
        let said = if variable.contains("DATABASE") { store } else { said };
        assert_eq!(said.code, code, "{variable}: {said:?}");
        assert!(said.err.starts_with(&format!("greenbite: {words}")), "{variable}: {said:?}");
        assert_eq!(said.err.lines().count(), 1, "{variable}: {said:?}");
        assert!(!said.err.contains("wrong"), "a secret is shown: {said:?}");
    }
}

#[tokio::test]
async fn an_operator_changes_nothing_that_the_line_stands_on() {
    let site = Site::new().await;
    let operator = site.nats.client("operator").await.unwrap();
    let jetstream = site.bus.jetstream();
    jetstream.publish("greenbite.received.message.1", "{}".into()).await.unwrap().await.unwrap();
    for subject in [
        "$JS.API.STREAM.PURGE.GREENBITE",
        "$JS.API.STREAM.DELETE.GREENBITE",
        "$JS.API.STREAM.DELETE.GREENBITE_DLQ",
        "$JS.API.STREAM.MSG.DELETE.GREENBITE",
        "$JS.API.CONSUMER.DELETE.GREENBITE.classifier",
        "greenbite-control.extractor",
    ] {
        operator.publish(subject, r#"{"seq":1}"#.into()).await.unwrap();
    }
    operator.flush().await.unwrap();
    assert_eq!(site.bus.stream_state("GREENBITE").await.unwrap().messages, 1);
    site.bus.stream_state("GREENBITE_DLQ").await.unwrap();
    site.bus.line_state().await.unwrap();
}

#[tokio::test]
async fn wrong_usage_wrong_settings_and_a_server_that_is_away_have_exit_codes_of_their_own() {
    let site = Site::new().await;
    site.file("day.csv", "message\none\n");
    assert_eq!(site.run(&["simulate", "day.csv", "--batch", "8-1"]).await.code, 64);
    assert_eq!(site.run(&["simulate", "day.csv", "--speed", "0"]).await.code, 64);
    assert_eq!(site.run(&["lunch"]).await.code, 64);
    assert_eq!(site.run(&["dlq", "replay"]).await.code, 64);
    assert_eq!(site.run(&["dlq", "list", "--code", "GB999"]).await.code, 64);
    assert_eq!(site.run(&["--help"]).await.code, 0);
    let said = site.run(&["webhooks"]).await;
    assert!(said.code == 1 && said.out.contains("No webhook is set"), "{said:?}");
    site.file("wrong.toml", "[notifier.webhooks]\norder = \"ftp://discord/secret\"\n");
    let said = site.run(&["webhooks", "--config", "wrong.toml"]).await;
    assert!(
        said.code == 64 && said.err.contains("webhooks.order") && !said.err.contains("secret"),
        "{said:?}"
    );
    site.file("bad.toml", "[restaurant]\ntimezone = \"Mars/Olympus\"\n");
    let said = site.run(&["doctor", "--config", "bad.toml"]).await;
    assert_eq!(said.code, 64, "{said:?}");
    site.nats.kill();
    let said = site.run(&["dlq", "list"]).await;
    assert_eq!(said.code, 69, "{said:?}");
    assert!(said.err.contains("GB501"), "{said:?}");
}
