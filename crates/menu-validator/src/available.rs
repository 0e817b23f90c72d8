//! An order with something in it that has run out: a person decides, and is told what is nearest and there.

use std::collections::HashMap;
use std::fmt;

use contracts::{Candidate, ValidatedLine, Verdict};
use menu::{Lexicon, MenuItem};

use crate::held::hold;
use crate::matching::{Validation, reply};

/// Something that has run out.
#[derive(Debug, Clone, PartialEq)]
pub struct Missing {
    /// Its name on the menu.
    pub name: String,
    /// Until when, as people say it: `22:00`.
    pub until: Option<String>,
    /// What is nearest and there.
    pub instead: Option<Candidate>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is sold out", self.name)?;
        if let Some(until) = &self.until {
            write!(f, " until {until}")?;
        }
        match &self.instead {
            Some(instead) => write!(f, "; nearest that is there: {}", instead.name),
            None => Ok(()),
        }
    }
}

/// The keys of all items that an order names or may name.
pub fn named(found: &Validation) -> impl Iterator<Item = &str> {
    found.lines.iter().flat_map(|line| {
        let matched = line.matched.iter().map(|item| item.slug.as_str());
        matched.chain(line.candidates.iter().map(|candidate| candidate.slug.as_str()))
    })
}

/// What comes nearest to an item, of what is there: in the same part of the menu where that has anything, by the
/// scores of its name, then by price.
pub fn nearest(
    item: &MenuItem,
    scores: &[f32],
    lexicon: &Lexicon,
    is_there: impl Fn(&str) -> bool,
) -> Option<Candidate> {
    let others = || {
        let all = lexicon.menu().items.iter().enumerate();
        all.filter(|(_, other)| other.slug != item.slug && is_there(&other.slug))
    };
    let score = |at: usize| scores.get(at).copied().unwrap_or_default();
    let best = |among: &mut dyn Iterator<Item = (usize, &MenuItem)>| {
        among
            .max_by(|(a, one), (b, other)| {
                let apart = |item_of: &MenuItem| item_of.price_cents.abs_diff(item.price_cents);
                // Of equals the first on the menu: `max_by` takes the last.
                let by_price = apart(other).cmp(&apart(one)).then(b.cmp(a));
                score(*a).total_cmp(&score(*b)).then(by_price)
            })
            .map(|(at, other)| Candidate {
                slug: other.slug.clone(),
                name: other.name.clone(),
                description: other.description.clone(),
                price_cents: other.price_cents,
                score: score(at),
            })
    };
    let beside = best(&mut others().filter(|(_, other)| other.category == item.category));
    beside.or_else(|| best(&mut others()))
}

/// Lets an order wait for a person where something in it is missing, and proposes nothing that is.
pub fn keep(found: &mut Validation, missing: &HashMap<String, Missing>) {
    if missing.is_empty() {
        return;
    }
    let mut said = Vec::new();
    for line in &mut found.lines {
        if let Some(missing) = line.matched.as_ref().and_then(|item| missing.get(&item.slug)) {
            said.push(missing.to_string());
            mark(line, missing);
        }
        leave_out(line, missing);
    }
    for reason in &said {
        hold(found, reason);
    }
    if found.verdict == Verdict::Rejected {
        let sentences = said.iter().map(|said| format!("{said}. "));
        found.proposed_reply = Some(sentences.collect::<String>() + &reply(&found.lines));
        if let Some(line) = found.lines.iter().find(|line| line.verdict == Verdict::Rejected) {
            found.reason.clone_from(&line.reason);
        }
    }
}

/// The line is what the customer ordered still; first among its candidates is what is there.
fn mark(line: &mut ValidatedLine, missing: &Missing) {
    line.reason = match line.verdict {
        Verdict::Accepted => missing.to_string(),
        _ => format!("{}. {missing}", line.reason),
    };
    if line.verdict == Verdict::Accepted {
        line.verdict = Verdict::Review;
    }
    if let Some(instead) = &missing.instead {
        line.candidates.retain(|candidate| candidate.slug != instead.slug);
        line.candidates.insert(0, instead.clone());
        line.candidates.truncate(2);
    }
}

/// What is missing is no candidate, unless the customer named it.
fn leave_out(line: &mut ValidatedLine, missing: &HashMap<String, Missing>) {
    if line.verdict == Verdict::Rejected
        && let Some(closest) = line.candidates.first().and_then(|first| missing.get(&first.slug))
        && line.reason.contains(&closest.name)
    {
        line.reason = format!("{}. {closest}", line.reason);
    }
    let own = line.matched.as_ref().map(|item| item.slug.clone());
    line.candidates
        .retain(|candidate| own.as_ref() == Some(&candidate.slug) || !missing.contains_key(&candidate.slug));
}

#[cfg(test)]
mod tests {
    use contracts::OrderLine;
    use menu::Menu;

    use super::*;
    use crate::matching::{PhraseScorer, WordScorer, validate};

    fn lexicon() -> Lexicon {
        let items = [
            ("Cheesecake", "dessert", 650),
            ("Brownie", "dessert", 600),
            ("Apple Pie", "dessert", 450),
            ("Apple Juice", "drink", 300),
            ("Tomato Soup", "soup", 500),
        ];
        let item = |(name, category, price): (&str, &str, i64)| MenuItem {
            category: category.to_owned(),
            ..MenuItem::new(name, "", price)
        };
        Lexicon::new(Menu::new(items.map(item).to_vec(), Vec::new()))
    }

    fn line(phrase: &str, item: Option<&str>) -> OrderLine {
        OrderLine {
            phrase: phrase.into(),
            quantity: 1,
            size: None,
            modifiers: Vec::new(),
            item: item.map(Into::into),
            doubts: Vec::new(),
        }
    }

    /// What is nearest to an item, where these have run out.
    fn instead(name: &str, out: &[&str]) -> Option<String> {
        let lexicon = lexicon();
        let scores = WordScorer.score(&[name], &lexicon).remove(0);
        let item = lexicon.menu().item(&menu::slug(name)).unwrap().clone();
        nearest(&item, &scores, &lexicon, |slug| !out.contains(&slug)).map(|candidate| candidate.name)
    }

    fn missing(name: &str, instead: Option<&str>) -> HashMap<String, Missing> {
        let lexicon = lexicon();
        let instead = instead.map(|name| {
            let item = lexicon.menu().item(&menu::slug(name)).unwrap();
            Candidate {
                slug: item.slug.clone(),
                name: item.name.clone(),
                description: String::new(),
                price_cents: item.price_cents,
                score: 0.2,
            }
        });
        let gone = Missing { name: name.to_owned(), until: Some("22:00".to_owned()), instead };
        [(menu::slug(name), gone)].into()
    }

    #[test]
    fn the_nearest_is_of_the_same_kind_the_most_alike_and_there() {
        for (name, out, expected) in [
            ("Cheesecake", &["cheesecake"][..], Some("Brownie")),
            ("Cheesecake", &["cheesecake", "brownie"][..], Some("Apple Pie")),
            // Words count for more than prices, the part of the menu for more than words.
            ("Apple Juice", &["apple_juice"][..], Some("Apple Pie")),
            ("Cheesecake", &["cheesecake", "brownie", "apple_pie"][..], Some("Tomato Soup")),
            ("Tomato Soup", &["cheesecake", "brownie", "apple_pie", "apple_juice", "tomato_soup"][..], None),
        ] {
            assert_eq!(instead(name, out).as_deref(), expected, "{name} without {out:?}");
        }
    }

    #[test]
    fn an_order_for_what_is_sold_out_waits_for_a_person_who_reads_what_is_there() {
        let lines = vec![line("tomato soup", Some("Tomato Soup")), line("cheese cake", Some("Cheesecake"))];
        let mut found = validate(lines, &lexicon(), &WordScorer);
        assert_eq!(found.verdict, Verdict::Accepted);
        keep(&mut found, &missing("Cheesecake", Some("Brownie")));
        assert_eq!(found.verdict, Verdict::Review);
        assert_eq!(found.reason, "Cheesecake is sold out until 22:00; nearest that is there: Brownie");
        assert_eq!(found.lines[0].verdict, Verdict::Accepted);
        let line = &found.lines[1];
        assert_eq!((line.verdict, &line.reason), (Verdict::Review, &found.reason));
        assert_eq!(
            line.matched.as_ref().unwrap().name,
            "Cheesecake",
            "it is what the customer ordered still"
        );
        let names: Vec<&str> = line.candidates.iter().map(|candidate| candidate.name.as_str()).collect();
        assert_eq!(names, ["Brownie", "Cheesecake"]);
    }

    #[test]
    fn what_is_sold_out_is_not_proposed_instead_of_something_else() {
        let mut found = validate(vec![line("apple pancake", None)], &lexicon(), &WordScorer);
        assert_eq!(found.verdict, Verdict::Rejected, "{found:?}");
        let closest = found.lines[0].candidates[0].name.clone();
        assert!(found.proposed_reply.as_ref().unwrap().contains(&closest));
        keep(&mut found, &missing(&closest, None));
        let reply = found.proposed_reply.unwrap();
        assert!(!reply.contains(&format!("closest we have is {closest}")), "{reply}");
        assert!(found.reason.contains(&format!("{closest} is sold out until 22:00")), "{}", found.reason);
    }

    #[test]
    fn a_rejected_order_says_what_is_sold_out_beside_what_is_not_on_the_menu() {
        let lines = vec![line("lasagne", None), line("cheesecake", Some("Cheesecake"))];
        let mut found = validate(lines, &lexicon(), &WordScorer);
        keep(&mut found, &missing("Cheesecake", Some("Brownie")));
        assert_eq!(found.verdict, Verdict::Rejected);
        let reply = found.proposed_reply.unwrap();
        assert!(
            reply.starts_with("Cheesecake is sold out until 22:00; nearest that is there: Brownie. Sorry,")
        );
    }

    #[test]
    fn without_anything_missing_nothing_changes() {
        let found = validate(vec![line("cheesecake", Some("Cheesecake"))], &lexicon(), &WordScorer);
        let mut same = found.clone();
        keep(&mut same, &HashMap::new());
        assert_eq!(same, found);
    }
}
