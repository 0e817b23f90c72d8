//! `greenbite eval`: the very functions that the stations run, over any restaurant's files.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use contracts::{Modifier, ModifierOp, Verdict};
use menu::{Lexicon, Menu};
use menu_validator::judge::Judge;
use menu_validator::meaning::Meaning;
use menu_validator::model;
use menu_validator::resolver::ByRule;
use reader::rules::extract::Bounds;
use reader::{Kind as MessageKind, Reader};
use serde::{Deserialize, Serialize};
use text::Kind;

use crate::calibrate::Model;

/// Reads messages, writes what the line would make of them and, where labels are at hand, how right that is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The menu: name,category,description,price,aliases.
    #[arg(long)]
    pub menu: PathBuf,
    /// The options: kind,name,aliases.
    #[arg(long)]
    pub options: Option<PathBuf>,
    /// The messages: an object a line with id and text (and labels), or a CSV file with the column message.
    #[arg(long)]
    pub messages: PathBuf,
    /// Labels of a CSV file of messages: an object a line, in the same order or with the same ids.
    #[arg(long)]
    pub labels: Option<PathBuf>,
    /// Where to write the predictions.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Shows every message that came out wrong.
    #[arg(long)]
    pub failures: bool,
    /// Which model.
    #[command(flatten)]
    pub model: Model,
}

/// What the line makes of a message.
#[derive(Debug, Clone, Serialize)]
pub struct Prediction {
    /// The message's id, as it came.
    pub id: serde_json::Value,
    /// order, enquiry or miscellaneous.
    pub kind: &'static str,
    /// The items of an order.
    pub items: Vec<PredictedItem>,
    /// The order may not be registered as it stands.
    pub off_menu: bool,
    /// What was asked for that is not on the menu, or may not be.
    pub off_menu_items: Vec<String>,
    /// Why.
    pub reason: String,
}

/// An item of an order.
#[derive(Debug, Clone, Serialize)]
pub struct PredictedItem {
    /// Its name on the menu.
    pub item: String,
    /// How many.
    pub quantity: u32,
    /// Its size, if one was asked for.
    pub size: Option<String>,
    /// Wishes about it.
    pub modifiers: Vec<Modifier>,
}

/// A message, with its label where there is one.
#[derive(Debug, Clone, Deserialize)]
struct Labelled {
    id: serde_json::Value,
    #[serde(alias = "message")]
    text: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    items: Vec<GoldItem>,
    #[serde(default)]
    off_menu: bool,
    #[serde(default)]
    off_menu_items: Vec<serde_json::Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct GoldItem {
    item: String,
    #[serde(default = "one")]
    quantity: u32,
    #[serde(default)]
    size: Option<String>,
    #[serde(default)]
    modifiers: Vec<GoldModifier>,
}

#[derive(Debug, Clone, Deserialize)]
struct GoldModifier {
    op: ModifierOp,
    name: String,
    #[serde(default)]
    any_of: Vec<String>,
    #[serde(default)]
    any_op: Vec<ModifierOp>,
    #[serde(default)]
    optional: bool,
    #[serde(default = "one")]
    count: u32,
}

const fn one() -> u32 {
    1
}

/// How right the predictions are.
#[derive(Debug, Clone, Default)]
pub struct Scores {
    /// Labelled messages.
    pub messages: usize,
    /// Of the right kind.
    pub kinds: usize,
    /// Kind of the label, kind of the prediction, how many.
    pub confusion: BTreeMap<(String, String), usize>,
    /// Items found, missed, invented.
    pub items: (usize, usize, usize),
    /// Right quantities of the items found.
    pub quantities: usize,
    /// Right sizes of the items found.
    pub sizes: usize,
    /// Modifiers found, missed, invented.
    pub modifiers: (usize, usize, usize),
    /// Orders wholly on the menu.
    pub orders: usize,
    /// Of them registered with every item, quantity, size and modifier right.
    pub whole: usize,
    /// Of them registered, and not right: what the kitchen cooks wrong.
    pub wrong: usize,
    /// Messages that are no order.
    pub others: usize,
    /// Of them registered.
    pub others_registered: usize,
    /// Orders with something that is not on the menu.
    pub off_menu: usize,
    /// Of them kept from being registered.
    pub flagged: usize,
    /// Registered though it was no order, or not on the menu.
    pub false_accepts: usize,
    /// Messages that must not be registered.
    pub forbidden: usize,
}

/// Runs it.
pub async fn run(args: &Args) -> anyhow::Result<Scores> {
    let lexicon = Lexicon::new(read_menu(&args.menu, args.options.as_deref())?);
    let reader = Reader::new(Arc::clone(lexicon.menu()));
    let messages = read_messages(&args.messages, args.labels.as_deref())?;
    let config = args.model.config();
    let chosen = model::open(&config, false).await;
    println!("names are matched by {}", chosen.note);
    let pairs = menu_validator::pairs(&config).map_err(anyhow::Error::msg)?;
    let meaning = chosen.embedder.map(|embedder| Arc::new(Meaning::new(embedder, None, pairs)));
    if let Some(meaning) = &meaning {
        meaning.prepare(&lexicon).await?;
    }
    let judge = Judge::new(meaning.clone(), config, Arc::new(ByRule));
    let began = Instant::now();
    let mut predictions = Vec::with_capacity(messages.len());
    for message in &messages {
        predictions.push(predict(message.id.clone(), &message.text, &reader, &judge, &lexicon).await);
    }
    let took = began.elapsed();

    if let Some(out) = &args.out {
        let file = File::create(out).with_context(|| format!("{} cannot be written", out.display()))?;
        let mut file = BufWriter::new(file);
        for prediction in &predictions {
            serde_json::to_writer(&mut file, prediction)?;
            file.write_all(b"\n")?;
        }
        file.flush()?;
    }
    println!(
        "{} messages in {:.1} ms, {:.0} a second",
        messages.len(),
        took.as_secs_f64() * 1e3,
        messages.len() as f64 / took.as_secs_f64().max(1e-9)
    );
    if let Some(meaning) = meaning {
        let (asked, computed) = meaning.counts();
        println!("{asked} phrases were read by meaning, {computed} of them computed");
    }
    let scores = score(&messages, &predictions, args.failures);
    if scores.messages > 0 {
        print(&scores);
    }
    Ok(scores)
}

/// What the line makes of a text.
pub async fn predict(
    id: serde_json::Value,
    text: &str,
    reader: &Reader,
    judge: &Judge,
    lexicon: &Lexicon,
) -> Prediction {
    let read = reader.read(text, Bounds::default());
    let mut prediction = Prediction {
        id,
        kind: read.kind.as_str(),
        items: Vec::new(),
        off_menu: false,
        off_menu_items: Vec::new(),
        reason: read.kind_reason,
    };
    if read.kind != MessageKind::Order {
        return prediction;
    }
    if read.lines.is_empty() {
        // The line registers it as an enquiry: nobody knows what is wanted.
        prediction.kind = "enquiry";
        prediction.reason = read.reason;
        return prediction;
    }
    let (validation, _) = judge.judge(read.lines, lexicon).await;
    prediction.off_menu = validation.verdict != Verdict::Accepted;
    prediction.reason = validation.reason;
    for line in validation.lines {
        if line.verdict != Verdict::Accepted {
            prediction.off_menu_items.push(line.line.phrase.clone());
        }
        let Some(matched) =
            line.matched.filter(|_| line.verdict == Verdict::Accepted || line.line.item.is_some())
        else {
            continue;
        };
        prediction.items.push(PredictedItem {
            item: matched.name,
            quantity: line.line.quantity,
            size: line.line.size,
            modifiers: line.line.modifiers,
        });
    }
    prediction
}

/// The menu and its options, from files.
pub fn read_menu(menu: &Path, options: Option<&Path>) -> anyhow::Result<Menu> {
    let open = |path: &Path| File::open(path).with_context(|| format!("{} cannot be opened", path.display()));
    let menu_name = menu.display().to_string();
    let options_name = options.map(|path| path.display().to_string());
    let options = match (&options_name, options) {
        (Some(name), Some(path)) => Some((name.as_str(), open(path)?)),
        _ => None,
    };
    Ok(menu::csv::read_menu((menu_name.as_str(), open(menu)?), options)?)
}

fn read_messages(path: &Path, labels: Option<&Path>) -> anyhow::Result<Vec<Labelled>> {
    if path.extension().is_none_or(|e| !e.eq_ignore_ascii_case("csv")) {
        return read_lines(path, |line| Ok(serde_json::from_str(line)?));
    }
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let headers = reader.headers()?.clone();
    let column = |name: &str| headers.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    let Some(text) = column("message").or_else(|| column("text")) else {
        bail!("{} has no column message", path.display());
    };
    let mut messages = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record = record.with_context(|| format!("{}, message {}", path.display(), number + 1))?;
        let id = column("id").and_then(|at| record.get(at)).map_or_else(|| (number + 1).into(), Into::into);
        messages.push(Labelled {
            id,
            text: record.get(text).unwrap_or_default().to_owned(),
            kind: None,
            items: Vec::new(),
            off_menu: false,
            off_menu_items: Vec::new(),
        });
    }
    let Some(labels) = labels else { return Ok(messages) };
    #[derive(Deserialize)]
    struct Label {
        #[serde(default)]
        id: serde_json::Value,
        #[serde(default, alias = "text")]
        message: Option<String>,
        kind: String,
        #[serde(default)]
        items: Vec<GoldItem>,
        #[serde(default)]
        off_menu: bool,
        #[serde(default)]
        off_menu_items: Vec<serde_json::Value>,
    }
    let labels: Vec<Label> = read_lines(labels, |line| Ok(serde_json::from_str(line)?))?;
    let mut by_text: HashMap<String, usize> = HashMap::new();
    for (at, label) in labels.iter().enumerate() {
        if let Some(text) = &label.message {
            by_text.insert(text.trim().to_owned(), at);
        }
    }
    for (number, message) in messages.iter_mut().enumerate() {
        let label = by_text
            .get(message.text.trim())
            .or(if by_text.is_empty() { Some(&number) } else { None })
            .and_then(|at| labels.get(*at));
        if let Some(label) = label {
            if !label.id.is_null() {
                message.id = label.id.clone();
            }
            message.kind = Some(label.kind.clone());
            message.items = label.items.clone();
            message.off_menu = label.off_menu;
            message.off_menu_items = label.off_menu_items.clone();
        }
    }
    Ok(messages)
}

fn read_lines<T>(path: &Path, parse: impl Fn(&str) -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let mut out = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("{}, line {}", path.display(), number + 1))?;
        if !line.trim().is_empty() {
            out.push(parse(&line).with_context(|| format!("{}, line {}", path.display(), number + 1))?);
        }
    }
    Ok(out)
}

// ------------------------------------------------------------------ scoring

fn key(name: &str) -> String {
    text::tokens(name)
        .into_iter()
        .filter(|t| matches!(t.kind, Kind::Word | Kind::Number(_)))
        .map(|t| t.text)
        .collect()
}

fn modifier_key(name: &str) -> String {
    let words: Vec<_> =
        text::tokens(name).into_iter().filter(|t| matches!(t.kind, Kind::Word | Kind::Number(_))).collect();
    let first = words.iter().position(|t| !matches!(t.text.as_str(), "the" | "a" | "an" | "any" | "some"));
    words[first.unwrap_or(0)..].iter().map(|t| t.stem.as_str()).collect()
}

fn kind_key(kind: &str) -> &'static str {
    match kind.to_lowercase().as_str() {
        "order" => "order",
        "enquiry" | "inquiry" | "question" => "enquiry",
        _ => "miscellaneous",
    }
}

fn score(messages: &[Labelled], predictions: &[Prediction], show: bool) -> Scores {
    let mut scores = Scores::default();
    let mut failures = Vec::new();
    for (gold, prediction) in messages.iter().zip(predictions) {
        let Some(kind) = gold.kind.as_deref().map(kind_key) else { continue };
        scores.messages += 1;
        scores.kinds += usize::from(kind == prediction.kind);
        *scores.confusion.entry((kind.to_owned(), prediction.kind.to_owned())).or_default() += 1;
        let off_menu = gold.off_menu || !gold.off_menu_items.is_empty();
        let registered = prediction.kind == "order" && !prediction.items.is_empty() && !prediction.off_menu;
        let ok = if kind != "order" {
            scores.forbidden += 1;
            scores.others += 1;
            scores.others_registered += usize::from(registered);
            scores.false_accepts += usize::from(registered);
            kind == prediction.kind
        } else if off_menu {
            scores.forbidden += 1;
            scores.off_menu += 1;
            scores.false_accepts += usize::from(registered);
            let flagged = prediction.kind == "order" && prediction.off_menu;
            scores.flagged += usize::from(flagged);
            flagged
        } else {
            scores.orders += 1;
            let right = compare(&gold.items, &prediction.items, &mut scores) && registered;
            scores.whole += usize::from(right);
            scores.wrong += usize::from(registered && !right);
            right
        };
        if !ok {
            failures.push((!registered, gold, prediction));
        }
    }
    // What went to the kitchen wrong stands first.
    failures.sort_by_key(|(asked, ..)| *asked);
    for (_, gold, prediction) in failures.iter().filter(|_| show) {
        show_failure(gold, prediction);
    }
    scores
}

/// A predicted line with equal ones added up.
fn merged(items: &[PredictedItem]) -> Vec<PredictedItem> {
    let mut out: Vec<PredictedItem> = Vec::new();
    for item in items {
        let mut item = item.clone();
        item.modifiers.sort();
        match out.iter_mut().find(|o| {
            key(&o.item) == key(&item.item)
                && o.size.as_deref().map(key) == item.size.as_deref().map(key)
                && o.modifiers == item.modifiers
        }) {
            Some(known) => known.quantity = known.quantity.saturating_add(item.quantity),
            None => out.push(item),
        }
    }
    out
}

/// The words of a wish that carry meaning.
fn content(name: &str) -> Vec<String> {
    const LITTLE: &[&str] = &["the", "a", "an", "on", "in", "of", "to", "it", "them", "please", "very", "my"];
    let words = text::tokens(name).into_iter().filter(|t| matches!(t.kind, Kind::Word | Kind::Number(_)));
    words.map(|t| t.stem).filter(|word| !LITTLE.contains(&word.as_str())).collect()
}

/// A wish about preparation is right in any words that have the essential ones.
fn noted(gold: &GoldModifier, found: &Modifier) -> bool {
    let note = gold.op == ModifierOp::Note || gold.any_op.contains(&ModifierOp::Note);
    let words = content(&found.name);
    note && matches!(found.op, ModifierOp::Note | ModifierOp::Add)
        && std::iter::once(&gold.name)
            .chain(&gold.any_of)
            .map(|name| content(name))
            .any(|wanted| !wanted.is_empty() && wanted.iter().all(|word| words.contains(word)))
}

fn same_modifier(gold: &GoldModifier, found: &Modifier) -> bool {
    let name = modifier_key(&found.name);
    if noted(gold, found) {
        return true;
    }
    (gold.op == found.op || gold.any_op.contains(&found.op))
        && std::iter::once(&gold.name).chain(&gold.any_of).any(|n| modifier_key(n) == name)
}

/// Modifiers found, missed, invented.
fn modifiers(gold: &[GoldModifier], found: &[Modifier]) -> (usize, usize, usize) {
    let mut left: Vec<&Modifier> = found.iter().collect();
    let (mut hit, mut missed) = (0, 0);
    for want in gold {
        for _ in 0..want.count {
            match left.iter().position(|m| same_modifier(want, m)) {
                Some(at) => {
                    left.remove(at);
                    hit += usize::from(!want.optional);
                }
                None => missed += usize::from(!want.optional),
            }
        }
        if !want.any_of.is_empty() {
            left.retain(|m| !same_modifier(want, m));
        }
    }
    (hit, missed, left.len())
}

fn compare(gold: &[GoldItem], found: &[PredictedItem], scores: &mut Scores) -> bool {
    let mut left = merged(found);
    let mut whole = true;
    for want in gold {
        let agreement = |p: &PredictedItem| {
            let (hit, missed, invented) = modifiers(&want.modifiers, &p.modifiers);
            let exact = usize::from(p.quantity == want.quantity) * 4
                + usize::from(p.size.as_deref().map(key) == want.size.as_deref().map(key)) * 2;
            (exact + 3 * hit + 20).saturating_sub(missed + invented)
        };
        let best = left
            .iter()
            .enumerate()
            .filter(|(_, p)| key(&p.item) == key(&want.item))
            .max_by_key(|(_, p)| agreement(p))
            .map(|(at, _)| at);
        let Some(best) = best else {
            scores.items.1 += 1;
            scores.modifiers.1 += want.modifiers.iter().filter(|m| !m.optional).count();
            whole = false;
            continue;
        };
        let line = left.remove(best);
        scores.items.0 += 1;
        let quantity = line.quantity == want.quantity;
        let size = line.size.as_deref().map(key).unwrap_or_default()
            == want.size.as_deref().map(key).unwrap_or_default();
        scores.quantities += usize::from(quantity);
        scores.sizes += usize::from(size);
        let (hit, missed, invented) = modifiers(&want.modifiers, &line.modifiers);
        scores.modifiers.0 += hit;
        scores.modifiers.1 += missed;
        scores.modifiers.2 += invented;
        whole &= quantity && size && missed == 0 && invented == 0;
    }
    scores.items.2 += left.len();
    scores.modifiers.2 += left.iter().map(|l| l.modifiers.len()).sum::<usize>();
    whole && left.is_empty()
}

fn show_failure(gold: &Labelled, prediction: &Prediction) {
    let line = |item: &str, quantity: u32, size: Option<&str>, modifiers: Vec<String>| {
        format!(
            "{quantity} {}{item} [{}]",
            size.map(|s| format!("{s} ")).unwrap_or_default(),
            modifiers.join(", ")
        )
    };
    println!("\n{}: {}", gold.id, gold.text);
    let wanted: Vec<String> = gold
        .items
        .iter()
        .map(|i| {
            let modifiers = i.modifiers.iter().map(|m| format!("{}{}", sign(m.op), m.name)).collect();
            line(&i.item, i.quantity, i.size.as_deref(), modifiers)
        })
        .collect();
    let found: Vec<String> = prediction
        .items
        .iter()
        .map(|i| {
            let modifiers = i.modifiers.iter().map(|m| format!("{}{}", sign(m.op), m.name)).collect();
            line(&i.item, i.quantity, i.size.as_deref(), modifiers)
        })
        .collect();
    let off = |flag: bool| if flag { " (off menu)" } else { "" };
    println!(
        "   wanted {}{}: {}",
        gold.kind.as_deref().unwrap_or_default(),
        off(gold.off_menu || !gold.off_menu_items.is_empty()),
        wanted.join("; ")
    );
    println!("   found  {}{}: {}", prediction.kind, off(prediction.off_menu), found.join("; "));
    println!("   reason {}", prediction.reason);
}

const fn sign(op: ModifierOp) -> &'static str {
    match op {
        ModifierOp::Add => "+",
        ModifierOp::Remove => "-",
        ModifierOp::Extra => "++",
        ModifierOp::Light => "~",
        ModifierOp::Note => "!",
    }
}

fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { "    -".to_owned() } else { format!("{:5.1}", 100.0 * part as f64 / whole as f64) }
}

fn f1((hit, missed, invented): (usize, usize, usize)) -> String {
    percent(2 * hit, 2 * hit + missed + invented)
}

/// 95 % of such sets have a share in this range (Wilson).
fn range(part: usize, of: usize) -> String {
    const Z: f64 = 1.96;
    if of == 0 {
        return String::new();
    }
    let (n, p) = (of as f64, part as f64 / of as f64);
    let mid = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / (1.0 + Z * Z / n);
    format!("(95 %: {:.1} to {:.1})", 100.0 * (mid - half).max(0.0), 100.0 * (mid + half).min(1.0))
}

fn print(s: &Scores) {
    println!("kind accuracy       {} %  of {}", percent(s.kinds, s.messages), s.messages);
    for ((gold, found), count) in &s.confusion {
        if gold != found {
            println!("  {gold} taken for {found}: {count}");
        }
    }
    println!("item F1             {} %", f1(s.items));
    println!("quantities right    {} %", percent(s.quantities, s.items.0));
    println!("sizes right         {} %", percent(s.sizes, s.items.0));
    println!("modifier F1         {} %", f1(s.modifiers));
    let asked = s.orders - s.whole - s.wrong;
    println!("orders on the menu  {}", s.orders);
    println!("  straight through  {} %  {}", percent(s.whole, s.orders), range(s.whole, s.orders));
    println!("  asked a person    {} %", percent(asked, s.orders));
    println!("  WRONG TO KITCHEN  {} %  {}", percent(s.wrong, s.orders), range(s.wrong, s.orders));
    println!("off-menu kept back  {} %  of {}", percent(s.flagged, s.off_menu), s.off_menu);
    println!(
        "registered that must not be: {} of {} that are no orders, {} of {} off the menu",
        s.others_registered,
        s.others,
        s.false_accepts - s.others_registered,
        s.off_menu
    );
}
