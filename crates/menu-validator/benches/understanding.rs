//! Messages a second on one core for classify + extract + match, beside a plain longest match, and what a message of
//! 64 KiB costs. `cargo xtask bench understanding`

use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::time::{Duration, Instant};

use std::sync::Arc;

use menu::Lexicon;
use menu_validator::matching::{WordScorer, validate};
use reader::rules::extract::Bounds;
use reader::{Kind, Reader};

const ROUNDS: usize = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data");
    let open = |name: &str| File::open(format!("{data}/{name}"));
    let menu =
        menu::csv::read_menu(("menu.csv", open("menu.csv")?), Some(("options.csv", open("options.csv")?)))?;
    let mut messages = Vec::new();
    for record in csv::Reader::from_reader(open("messages.csv")?).records() {
        messages.push(record?.get(1).unwrap_or_default().to_owned());
    }
    let began = Instant::now();
    let lexicon = Lexicon::new(menu);
    let reader = Reader::new(Arc::clone(lexicon.menu()));
    println!(
        "lexicon of {} items: {:.1} ms",
        lexicon.menu().items.len(),
        began.elapsed().as_secs_f64() * 1e3
    );

    let names: HashMap<String, usize> = lexicon
        .menu()
        .items
        .iter()
        .enumerate()
        .flat_map(|(at, item)| {
            std::iter::once(&item.name).chain(&item.aliases).map(move |n| (n.to_lowercase(), at))
        })
        .collect();
    // The two in turns, so that a busy machine is busy for both.
    let (mut ours, mut naive) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        ours = ours.min(time(|| messages.iter().map(|text| understand(text, &reader, &lexicon)).sum()));
        naive = naive.min(time(|| messages.iter().map(|text| longest_match(text, &names)).sum()));
    }
    let rate = |took: Duration| messages.len() as f64 / took.as_secs_f64();
    println!("classify + extract + match: {:.0} messages a second", rate(ours));
    println!(
        "plain longest match:        {:.0} messages a second, {:.1} times ours",
        rate(naive),
        rate(naive) / rate(ours)
    );

    for (what, unit) in [
        ("the data set's own text", messages.join(" ")),
        ("one order again and again", "two cheeseburgers with no onions and a large cola, ".to_owned()),
        ("misspelt words", "hambuger cheezburger onoin rnigs ".to_owned()),
        ("single letters", "a ".to_owned()),
        ("one word without end", "burger".to_owned()),
        ("numbers", "2 x 3 ".to_owned()),
    ] {
        let mut text = unit.repeat((64 << 10) / unit.len() + 1);
        let mut end = 64 << 10;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        let took = (0..5).map(|_| time(|| understand(&text, &reader, &lexicon))).min().unwrap_or_default();
        println!("64 KiB, {what}: {:.1} ms", took.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn time(work: impl FnOnce() -> usize) -> Duration {
    let began = Instant::now();
    black_box(work());
    began.elapsed()
}

/// What the three stations do, two of them reading the text for themselves.
fn understand(text: &str, reader: &Reader, lexicon: &Lexicon) -> usize {
    if reader.read(text, Bounds::default()).kind != Kind::Order {
        return 0;
    }
    let lines = reader.read(text, Bounds::default()).lines;
    validate(lines, lexicon, &WordScorer).lines.len()
}

/// The least that could work: the longest names, with the number before them.
fn longest_match(text: &str, names: &HashMap<String, usize>) -> usize {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let (mut at, mut found) = (0, 0);
    while at < words.len() {
        let longest =
            (1..=5.min(words.len() - at)).rev().find(|n| names.contains_key(&words[at..at + n].join(" ")));
        found += usize::from(longest.is_some());
        at += longest.unwrap_or(1);
    }
    found
}
