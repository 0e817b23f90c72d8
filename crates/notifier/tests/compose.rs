//! What a notification looks like, and that no text whatsoever makes Discord refuse or obey it.
//!
//! `UPDATE_GOLDEN=1 cargo test -p notifier --test compose` writes the examples anew; read the
//! difference before you commit it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in helpers of tests, as in tests

use std::path::Path;

use chrono::{TimeZone, Utc};
use contracts::*;
use notifier::compose::{Style, compose};
use proptest::prelude::*;
use serde_json::{Value, json};

fn style() -> Style {
    Style { currency: "$".to_owned() }
}

fn registered(text: &str, reason: &str, registration: Registration) -> Registered {
    Registered {
        message: Message {
            id: MessageId(42),
            generation: 1,
            received_at: Utc.with_ymd_and_hms(2026, 3, 14, 12, 0, 0).unwrap(),
            source: "http".into(),
            customer: None,
            text: text.into(),
        },
        registration,
        reason: reason.into(),
        trail: vec![],
    }
}

fn line(
    quantity: u32,
    item: &str,
    size: Option<&str>,
    wishes: &[(ModifierOp, &str)],
    cents: i64,
) -> RegisteredLine {
    RegisteredLine {
        item: item.into(),
        slug: "slug".into(),
        quantity,
        size: size.map(Into::into),
        modifiers: wishes.iter().map(|(op, name)| Modifier { op: *op, name: (*name).into() }).collect(),
        unit_price_cents: cents,
        total_cents: cents * i64::from(quantity),
    }
}

fn order_of(lines: Vec<RegisteredLine>) -> Registration {
    let total_cents = lines.iter().map(|line| line.total_cents).sum();
    Registration::Order { order: RegisteredOrder { number: 12, lines, total_cents } }
}

fn lunch() -> Registered {
    registered(
        "Hi! two vegan burgers large w/o onions + extra pickles,\nand a lemonade. Thanks @everyone",
        "every item is on the menu",
        order_of(vec![
            line(
                2,
                "The Green Garden Vegan Burger",
                Some("Large"),
                &[(ModifierOp::Remove, "Onions"), (ModifierOp::Extra, "Pickles")],
                1370,
            ),
            line(1, "Homemade Lemonade", None, &[(ModifierOp::Light, "Ice")], 350),
        ]),
    )
}

fn candidate(name: &str, description: &str, price_cents: i64, score: f32) -> Candidate {
    Candidate { slug: "slug".into(), name: name.into(), description: description.into(), price_cents, score }
}

fn doubtful() -> Registered {
    let open = ValidatedLine {
        line: OrderLine {
            phrase: "spicy bean burgr".into(),
            quantity: 1,
            size: None,
            modifiers: vec![Modifier { op: ModifierOp::Add, name: "Cheese".into() }],
            item: None,
            doubts: vec!["two burgers could be meant".into()],
        },
        verdict: Verdict::Review,
        reason: "'spicy bean burgr' is close to two items".into(),
        matched: None,
        candidates: vec![
            candidate("Smoky Black Bean Burger", "Black beans, smoked over beech wood.", 1150, 0.71),
            candidate("Spicy Jalapeno Burger", "Grilled beef with fresh jalapenos.", 1190, 0.64),
        ],
    };
    let sure = ValidatedLine {
        line: OrderLine {
            phrase: "fries".into(),
            quantity: 2,
            modifiers: vec![],
            doubts: vec![],
            ..open.line.clone()
        },
        verdict: Verdict::Accepted,
        reason: "'fries' is French Fries".into(),
        matched: Some(MatchedItem {
            slug: "fries".into(),
            name: "French Fries".into(),
            unit_price_cents: 390,
        }),
        candidates: vec![],
    };
    registered(
        "one spicy bean burgr with cheese and 2 fries pls",
        "'spicy bean burgr' may be one of two items",
        Registration::Review { number: 3, lines: vec![open, sure] },
    )
}

fn question() -> Registered {
    registered(
        "do you have a pork burger?",
        "'pork burger' is not on the menu",
        Registration::Enquiry {
            number: 5,
            topic: EnquiryTopic::Menu,
            proposed_reply: Some(
                "Sorry, we don't offer pork burgers. The closest we have is the Hamburger.".into(),
            ),
        },
    )
}

fn proposal() -> Proposal {
    Proposal {
        text: "Dogs on a lead are welcome.".into(),
        source: "entry:dogs".into(),
        topic: "dogs".into(),
        language: "en".into(),
        sure: Some(0.93),
        careful: true,
    }
}

#[test]
fn the_examples_look_as_agreed() {
    let misc = registered("lol ok 👍 https://example.com/cat", "neither asks nor orders", Registration::Misc);
    for (name, payload) in [
        ("order", compose(&lunch(), None, &style(), false)),
        ("order.repeat", compose(&lunch(), None, &style(), true)),
        ("review", compose(&doubtful(), None, &style(), false)),
        ("enquiry", compose(&question(), None, &style(), false)),
        ("enquiry.answered", compose(&question(), Some(&proposal()), &style(), false)),
        ("misc", compose(&misc, None, &style(), false)),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.json"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, serde_json::to_string_pretty(&payload).unwrap() + "\n").unwrap();
        }
        let golden: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(payload, golden, "{name}");
        assert_eq!(testkit::discord::check(&payload), Ok(()), "{name}");
    }
}

#[test]
fn a_possible_repeat_says_so_before_anything_else() {
    let payload = compose(&lunch(), None, &style(), true);
    assert!(payload["embeds"][0]["title"].as_str().unwrap().starts_with("POSSIBLE REPEAT: Order 12"));
    assert!(payload["content"].as_str().unwrap().contains("Possible repeat** of order 12"));
    let mut first = compose(&lunch(), None, &style(), false);
    assert!(first.get("content").is_none());
    // Apart from the mark nothing differs: the cook compares like with like.
    first["embeds"][0]["title"] = payload["embeds"][0]["title"].clone();
    assert_eq!(payload["embeds"], first["embeds"]);
}

#[test]
fn an_order_too_long_for_discord_says_how_many_items_are_missing() {
    let lines: Vec<_> =
        (0..80).map(|n| line(1, &format!("Burger with a rather long name {n}"), None, &[], 990)).collect();
    let payload =
        compose(&registered("everything, please", "on the menu", order_of(lines)), None, &style(), false);
    let text = payload["embeds"][0]["description"].as_str().unwrap();
    let shown = text.matches("\n### 1 × ").count();
    assert!(
        text.contains(&format!("\n### … and {} more items, see order 12\n## Total $792.00", 80 - shown)),
        "{text}"
    );
    assert!(shown > 40, "only {shown} items are shown");
    assert_eq!(testkit::discord::check(&payload), Ok(()));
}

#[test]
fn a_review_too_long_for_discord_says_how_many_lines_are_missing() {
    let mut event = doubtful();
    if let Registration::Review { lines, .. } = &mut event.registration {
        *lines = vec![lines[0].clone(); 40];
    }
    let payload = compose(&event, None, &style(), false);
    let fields = payload["embeds"][0]["fields"].as_array().unwrap();
    let shown = fields.iter().filter(|field| field["name"].as_str().unwrap().contains("burgr")).count();
    let last = fields.last().unwrap()["value"].as_str().unwrap();
    assert_eq!(last, format!("… and {} more items, see review 3", 40 - shown));
    assert_eq!(testkit::discord::check(&payload), Ok(()));
}

#[test]
fn words_too_long_for_discord_are_cut_where_one_sees_it() {
    let text = "more pickles ".repeat(1000);
    for event in [registered(&text, "r", order_of(vec![])), registered(&text, "r", Registration::Misc)] {
        let payload = compose(&event, None, &style(), false).to_string();
        assert!(payload.contains("… (cut, see message 42)"), "{payload}");
    }
}

#[test]
fn money_is_printed_as_the_restaurant_writes_it() {
    for (currency, printed) in
        [("$", "$27.40"), ("€", "€27.40"), ("EUR", "27.40 EUR"), ("", "27.40"), ("R$", "R$27.40")]
    {
        let style = Style { currency: currency.to_owned() };
        let payload = compose(&lunch(), None, &style, false);
        let text = payload["embeds"][0]["description"].as_str().unwrap();
        assert!(text.contains(&format!("\n{printed}\n")), "{currency}: {text}");
    }
}

/// Text as an attacker or a phone writes it: markup, mentions, links and letters of all kinds, of any length.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("@everyone".to_owned()),
        Just("<@1><@&2><#3>".to_owned()),
        Just("```\n".to_owned()),
        Just("**||__~~".to_owned()),
        Just("\\".to_owned()),
        Just("[x](https://evil.example)".to_owned()),
        Just("discord.gg/x".to_owned()),
        Just("\n# ".to_owned()),
        Just("\n> ".to_owned()),
        Just("\n1. ".to_owned()),
        Just("👩‍👩‍👧".to_owned()),
        Just("a\u{301}\u{202e}\u{0}".to_owned()),
        "\\PC{0,40}",
        ".{0,20}",
    ];
    (prop::collection::vec(piece, 0..12), prop_oneof![8 => Just(1usize), 1 => Just(70), 1 => Just(700)])
        .prop_map(|(pieces, times)| pieces.concat().repeat(times))
}

fn modifiers() -> impl Strategy<Value = Vec<Modifier>> {
    let op =
        prop::sample::select(vec![ModifierOp::Add, ModifierOp::Remove, ModifierOp::Extra, ModifierOp::Light]);
    prop::collection::vec((op, nasty()).prop_map(|(op, name)| Modifier { op, name }), 0..8)
}

fn any_order() -> impl Strategy<Value = Registration> {
    let line = (nasty(), any::<u32>(), prop::option::of(nasty()), modifiers(), 0..i64::MAX).prop_map(
        |(item, quantity, size, modifiers, cents)| RegisteredLine {
            item,
            slug: String::new(),
            quantity,
            size,
            modifiers,
            unit_price_cents: cents,
            total_cents: cents,
        },
    );
    (any::<i64>(), prop::collection::vec(line, 0..40), 0..i64::MAX).prop_map(
        |(number, lines, total_cents)| Registration::Order {
            order: RegisteredOrder { number, lines, total_cents },
        },
    )
}

fn any_review() -> impl Strategy<Value = Registration> {
    let candidate =
        (nasty(), nasty(), any::<i64>(), any::<f32>()).prop_map(|(name, description, price_cents, score)| {
            Candidate { slug: String::new(), name, description, price_cents, score }
        });
    let line = (
        (nasty(), any::<u32>(), prop::option::of(nasty()), modifiers(), prop::collection::vec(nasty(), 0..3)),
        prop::sample::select(vec![Verdict::Accepted, Verdict::Review, Verdict::Rejected]),
        nasty(),
        prop::collection::vec(candidate, 0..3),
    )
        .prop_map(|((phrase, quantity, size, modifiers, doubts), verdict, reason, candidates)| {
            ValidatedLine {
                line: OrderLine { phrase, quantity, size, modifiers, item: None, doubts },
                verdict,
                reason,
                matched: None,
                candidates,
            }
        });
    (any::<i64>(), prop::collection::vec(line, 0..40))
        .prop_map(|(number, lines)| Registration::Review { number, lines })
}

fn any_event() -> impl Strategy<Value = Registered> {
    let enquiry = prop::option::of(nasty()).prop_map(|proposed_reply| Registration::Enquiry {
        number: 5,
        topic: EnquiryTopic::PickUp,
        proposed_reply,
    });
    let registration = prop_oneof![any_order(), any_review(), enquiry, Just(Registration::Misc)];
    (nasty(), nasty(), registration, any::<u32>()).prop_map(|(text, reason, registration, generation)| {
        let mut event = registered(&text, &reason, registration);
        event.message.generation = generation;
        event
    })
}

fn any_proposal() -> impl Strategy<Value = Option<Proposal>> {
    let proposal = (nasty(), nasty(), prop::option::of(any::<f32>()), any::<bool>()).prop_map(
        |(text, id, sure, careful)| Proposal {
            text,
            source: format!("entry:{id}"),
            sure,
            careful,
            ..proposal()
        },
    );
    prop::option::of(proposal)
}

/// Every text of the payload that Discord shows.
fn texts(payload: &Value) -> Vec<String> {
    match payload {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(object) => object.values().flat_map(texts).collect(),
        _ => vec![],
    }
}

/// The text without what a backslash makes harmless.
fn obeyed(text: &str) -> String {
    let mut chars = text.chars();
    let mut left = String::new();
    while let Some(c) = chars.next() {
        if c == '\\' {
            assert!(chars.next().is_some(), "a backslash escapes nothing: {text}");
            left.push('·');
        } else {
            left.push(c);
        }
    }
    left
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_discord_takes_it_and_obeys_none_of_it(
        event in any_event(),
        proposal in any_proposal(),
        repeat in any::<bool>(),
    ) {
        let payload = compose(&event, proposal.as_ref(), &style(), repeat);
        prop_assert_eq!(testkit::discord::check(&payload), Ok(()));
        prop_assert_eq!(&payload["allowed_mentions"], &json!({ "parse": [] }));
        for text in texts(&payload) {
            let left = obeyed(&text);
            for (at, _) in text.match_indices('@') {
                prop_assert!(text[at + 1..].starts_with('\u{200b}'), "a mention: {}", text);
            }
            for markup in ["<", "`", "[", "||", "~~", "_", "://", "discord.gg"] {
                prop_assert!(!left.contains(markup), "{} in {}", markup, text);
            }
            prop_assert_eq!(left.matches("**").count() % 2, 0, "bold without end: {}", text);
            for line in left.lines() {
                let own = ["# Order ", "# Review ", "# Enquiry ", "### ", "## Total "];
                prop_assert!(!line.starts_with('#') || own.iter().any(|own| line.starts_with(own)), "{}", text);
                prop_assert!(!line.trim_start_matches("> ").starts_with(['#', '>', '-', '+']) || line.starts_with('#'), "{:?}", line);
            }
        }
    }
}
