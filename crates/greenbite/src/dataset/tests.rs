use std::collections::HashMap;
use std::fs;

use tempfile::TempDir;

use super::*;

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data").join(file)
}

fn menu() -> Vec<MenuRow> {
    read_rows(&data("menu.csv")).unwrap()
}

fn options() -> Vec<OptionRow> {
    read_rows(&data("options.csv")).unwrap()
}

fn generate(folder: &TempDir, seed: u64, count: usize) -> Generate {
    Generate {
        seed,
        count,
        menu: data("menu.csv"),
        options: data("options.csv"),
        from: NaiveDate::from_ymd_opt(2026, 3, 2).unwrap(),
        out: folder.path().join("messages.csv"),
        labels: folder.path().join("labels.jsonl"),
    }
}

fn written(seed: u64, count: usize) -> Vec<Arrival> {
    let folder = TempDir::new().unwrap();
    write_messages(&menu(), &options(), &generate(&folder, seed, count)).unwrap()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// What is wrong with a label, if anything.
fn fault(label: &Label, menu: &[MenuRow], options: &[OptionRow]) -> Option<String> {
    let known = |kind: &[&str], name: &str| {
        options.iter().any(|option| option.name == name && kind.contains(&option.kind.as_str()))
    };
    for line in &label.items {
        if !menu.iter().any(|item| item.name == line.item) {
            return Some(format!("{} is not on the menu", line.item));
        }
        if line.quantity == 0 || (line.quantity > 20 && !label.off_menu) {
            return Some(format!("{} of {} without a person's look", line.quantity, line.item));
        }
        if let Some(size) = &line.size
            && !known(&["size"], size)
        {
            return Some(format!("{size} is no size"));
        }
        for modifier in &line.modifiers {
            let strange = !known(&["topping", "sauce", "bread", "extra"], &modifier.name);
            let own_words = matches!(modifier.op, ModifierOp::Remove | ModifierOp::Note);
            if strange && !own_words && !label.off_menu {
                return Some(format!("the kitchen has no {}", modifier.name));
            }
        }
    }
    let order = label.kind == Kind::Order;
    let empty = label.items.is_empty() && label.off_menu_items.is_empty();
    let lower = label.text.to_lowercase();
    if order == empty {
        return Some("an order has lines, and nothing else has".into());
    }
    if label.kind != Kind::Enquiry && label.text.trim_end().ends_with('?') {
        return Some("what ends in a question mark asks something".into());
    }
    if !label.off_menu && !label.off_menu_items.is_empty() || (!order && label.off_menu) {
        return Some("off_menu and the lines disagree".into());
    }
    let missing = label.off_menu_items.iter().find(|item| !lower.contains(&item.to_lowercase()));
    missing.map(|item| format!("'{item}' is not in the message"))
}

#[test]
fn one_seed_writes_one_data_set_and_another_seed_another() {
    let folder = TempDir::new().unwrap();
    let how = generate(&folder, 7, 200);
    let run = || {
        let arrivals = write_messages(&menu(), &options(), &how).unwrap();
        save(&arrivals, &how.out, &how.labels).unwrap();
        (text(&how.out), text(&how.labels))
    };
    assert_eq!(run(), run());
    assert_ne!(written(7, 200), written(8, 200));
}

#[test]
fn as_many_messages_are_written_as_were_asked_for_and_in_the_order_of_time() {
    for count in [0, 1, 111, 500] {
        let arrivals = written(3, count);
        assert_eq!(arrivals.len(), count);
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.at));
    }
}

#[test]
fn the_mix_is_that_of_a_restaurant() {
    let arrivals = written(11, 3000);
    let share =
        |kind: Kind| arrivals.iter().filter(|arrival| arrival.written.kind == kind).count() as f64 / 3000.0;
    assert!((0.47..0.60).contains(&share(Kind::Order)), "{}", share(Kind::Order));
    assert!((0.20..0.31).contains(&share(Kind::Enquiry)), "{}", share(Kind::Enquiry));
    assert!((0.15..0.26).contains(&share(Kind::Miscellaneous)), "{}", share(Kind::Miscellaneous));

    let noon = arrivals.iter().filter(|arrival| (11..14).contains(&hour(arrival.at))).count();
    let night = arrivals.iter().filter(|arrival| hour(arrival.at) < 6).count();
    assert!(noon > 600 && night < 60, "{noon} at noon, {night} at night");

    let different: HashSet<&str> = arrivals.iter().map(|a| a.written.text.as_str()).collect();
    assert!((1800..2850).contains(&different.len()), "{} different messages", different.len());
}

#[test]
fn every_generated_label_fits_the_menu_and_the_house_rules() {
    let (menu, options) = (menu(), options());
    for (row, arrival) in written(5, 4000).iter().enumerate() {
        let label = label(row, &arrival.written);
        assert_eq!(fault(&label, &menu, &options), None, "{label:?}");
        assert!(!label.text.contains(['{', '}']), "an unfilled slot: {label:?}");
        assert!(!label.text.contains("  "), "two spaces: {label:?}");
    }
}

#[test]
fn every_item_is_ordered_and_every_op_used() {
    let arrivals = written(5, 1500);
    let lines = || arrivals.iter().flat_map(|arrival| &arrival.written.items);
    for item in menu() {
        assert!(lines().any(|line| line.item == item.name), "nobody orders {}", item.name);
    }
    for op in [ModifierOp::Add, ModifierOp::Remove, ModifierOp::Extra, ModifierOp::Light] {
        assert!(lines().flat_map(|line| &line.modifiers).any(|modifier| modifier.op == op), "{op:?}");
    }
}

#[test]
fn the_phrases_speak_only_of_what_the_menu_and_the_options_have() {
    let (menu, options) = (menu(), options());
    Grammar::new(&menu, &options).unwrap().check().unwrap();
}

#[test]
fn a_menu_without_items_is_refused() {
    let refused = Grammar::new(&[], &options()).err().unwrap().to_string();
    assert!(refused.contains("no items"), "{refused}");
}

#[test]
fn another_restaurant_gets_messages_too() {
    let menu = [MenuRow { name: "Noodles".into(), category: String::new(), aliases: String::new() }];
    let folder = TempDir::new().unwrap();
    let arrivals = write_messages(&menu, &[], &generate(&folder, 1, 300)).unwrap();
    for (row, arrival) in arrivals.iter().enumerate() {
        assert_eq!(fault(&label(row, &arrival.written), &menu, &[]), None, "{arrival:?}");
    }
}

fn clean(folder: &TempDir, labels: bool) -> Clean {
    let file = |name: &str| folder.path().join(name);
    Clean {
        input: file("messages.csv"),
        output: file("clean.csv"),
        labels: labels.then(|| file("labels.jsonl")),
        labels_out: labels.then(|| file("clean.jsonl")),
    }
}

#[test]
fn cleaning_keeps_the_first_of_repeated_messages() {
    let folder = TempDir::new().unwrap();
    let rows = "timestamp,message\n1,two colas\n2,\"hi, there\"\n3,two colas\n4, two colas \n5,Two colas\n";
    fs::write(folder.path().join("messages.csv"), rows).unwrap();
    let how = clean(&folder, false);
    assert_eq!(clean_files(&how).unwrap(), (3, 2));
    assert_eq!(text(&how.output), "timestamp,message\n1,two colas\n2,\"hi, there\"\n5,Two colas\n");
}

#[test]
fn cleaning_keeps_the_labels_in_step_and_a_second_time_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let how = generate(&folder, 2, 400);
    save(&write_messages(&menu(), &options(), &how).unwrap(), &how.out, &how.labels).unwrap();
    let how = clean(&folder, true);
    let (kept, dropped) = clean_files(&how).unwrap();
    assert!(dropped > 20 && kept + dropped == 400, "{kept} kept, {dropped} dropped");

    let labels = read_labels(how.labels_out.as_deref().unwrap()).unwrap();
    let mut rows = csv::Reader::from_path(&how.output).unwrap();
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), labels.len()), (kept, kept));
    for (at, (row, label)) in rows.iter().zip(&labels).enumerate() {
        assert_eq!((&row[1], row_id(at)), (label.text.as_str(), label.id.clone()));
    }

    let again = Clean {
        input: how.output.clone(),
        output: folder.path().join("again.csv"),
        labels: how.labels_out.clone(),
        labels_out: Some(folder.path().join("again.jsonl")),
    };
    assert_eq!(clean_files(&again).unwrap(), (kept, 0));
    assert_eq!(text(&again.output), text(&how.output));
    assert_eq!(text(again.labels_out.as_deref().unwrap()), text(how.labels_out.as_deref().unwrap()));
}

#[test]
fn errors_name_the_row() {
    let told = |rows: &str, labels: Option<&str>| {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("messages.csv"), rows).unwrap();
        fs::write(folder.path().join("labels.jsonl"), labels.unwrap_or_default()).unwrap();
        format!("{:#}", clean_files(&clean(&folder, labels.is_some())).unwrap_err())
    };
    let hi = r#"{"id":"row-0001","text":"hi","kind":"miscellaneous","items":[],"off_menu":false}"#;
    let cases = [
        (told("timestamp,message\n1,hi\n2,yes,no\n", None), "row 2: not a row"),
        (told("timestamp,message\n1,hi\n2,\n", None), "row 2: the message is empty"),
        (told("timestamp,text\n1,hi\n", None), "no column 'message'"),
        (told("timestamp,message\n1,hi\n2,yes\n", Some(hi)), "row 2: there is no label"),
        (told("timestamp,message\n1,yes\n", Some(hi)), "row 1: its label row-0001 is about another"),
        (told("timestamp,message\n1,hi\n", Some("{}")), "row 1: not a label"),
        (told("timestamp,message\n", Some(hi)), "ends at row 0, but there are 1 labels"),
    ];
    for (told, expected) in cases {
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn the_committed_messages_are_clean_and_their_labels_right() {
    let (menu, options) = (menu(), options());
    let labels = read_labels(&data("labels.jsonl")).unwrap();
    let mut rows = csv::Reader::from_path(data("messages.csv")).unwrap();
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert!(rows.len() >= 600 && rows.len() == labels.len(), "{} rows, {} labels", rows.len(), labels.len());
    let mut seen = HashSet::new();
    for (at, (row, label)) in rows.iter().zip(&labels).enumerate() {
        assert_eq!((&row[1], row_id(at)), (label.text.as_str(), label.id.clone()));
        assert!(seen.insert(label.text.clone()), "repeated: {}", label.text);
        assert!(DateTime::parse_from_rfc3339(&row[0]).is_ok(), "row {}: {}", at + 1, &row[0]);
        assert_eq!(fault(label, &menu, &options), None, "{label:?}");
    }
}

#[derive(Deserialize)]
struct Hard {
    #[serde(flatten)]
    label: Label,
    tags: Vec<String>,
}

#[test]
fn the_hard_set_fits_the_menu_and_covers_its_tags() {
    let (menu, options) = (menu(), options());
    let hard: Vec<Hard> = text(&data("restaurants/greenbite/hard.jsonl"))
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut tags: HashMap<&str, usize> = HashMap::new();
    let (mut ids, mut texts) = (HashSet::new(), HashSet::new());
    for Hard { label, tags: own } in &hard {
        assert_eq!(fault(label, &menu, &options), None, "{label:?}");
        assert!(ids.insert(&label.id) && texts.insert(&label.text), "twice: {label:?}");
        assert!(!own.is_empty(), "no tag: {label:?}");
        for tag in own {
            *tags.entry(tag).or_default() += 1;
        }
    }
    let of = |kind: Kind| hard.iter().filter(|hard| hard.label.kind == kind).count();
    let off_menu = hard.iter().filter(|hard| hard.label.off_menu).count();
    assert!(hard.len() >= 320 && off_menu * 6 >= of(Kind::Order), "{} and {off_menu}", hard.len());
    assert!(of(Kind::Order) * 100 / hard.len() <= 55, "{} orders", of(Kind::Order));
    let thin: Vec<_> = tags.iter().filter(|(_, count)| **count < 2).collect();
    assert!(thin.is_empty(), "tags that only one message covers: {thin:?}");
}

#[derive(Deserialize)]
struct Pair {
    phrase: String,
    item: String,
    kind: String,
}

#[test]
fn the_calibration_pairs_name_items_of_the_menu_or_nothing() {
    let menu = menu();
    let pairs: Vec<Pair> = read_rows(&data("calibration.csv")).unwrap();
    let nothing = pairs.iter().filter(|pair| pair.item.is_empty()).count();
    assert!(pairs.len() >= 240 && nothing * 10 >= pairs.len() * 4, "{} pairs, {nothing}", pairs.len());
    let mut phrases = HashSet::new();
    for pair in &pairs {
        let sold = ["synonym", "description", "typo", "part"].contains(&pair.kind.as_str());
        let unsold = ["near_miss", "not_sold"].contains(&pair.kind.as_str());
        assert!(sold != unsold && unsold == pair.item.is_empty(), "{} / {}", pair.phrase, pair.kind);
        assert!(pair.item.is_empty() || menu.iter().any(|item| item.name == pair.item), "{}", pair.item);
        assert!(phrases.insert(pair.phrase.to_lowercase()), "twice: {}", pair.phrase);
    }
    for item in &menu {
        let several = pairs.iter().filter(|pair| pair.item == item.name).count();
        assert!(several >= 3, "{} has {several} phrases", item.name);
    }
}
