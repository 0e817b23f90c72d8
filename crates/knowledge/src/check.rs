//! What is wrong with the entries: expired, doubled, at odds with each other.

use chrono::NaiveDate;

use crate::entry::Entry;
use crate::words;

/// What a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// An entry that is true no longer.
    Expired(String, NaiveDate),
    /// Two entries that answer the same question in different words.
    AtOdds(String, String, String),
    /// Two entries that answer the same question in the same words.
    Doubled(String, String),
    /// Nobody has approved it.
    NotApproved(String),
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Finding::Expired(id, day) => {
                write!(
                    f,
                    "'{id}' was true until {day}: it is proposed no longer. Write a new one or delete it."
                )
            }
            Finding::AtOdds(one, other, question) => write!(
                f,
                "'{one}' and '{other}' both answer \"{question}\", and differently: keep one of them, or say what tells them apart."
            ),
            Finding::Doubled(one, other) => {
                write!(f, "'{one}' and '{other}' say the same: delete one of them.")
            }
            Finding::NotApproved(id) => write!(f, "'{id}' was approved by nobody: fill in approved_by."),
        }
    }
}

/// All that is wrong on this day.
pub fn check(entries: &[Entry], today: NaiveDate) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in entries {
        if let Some(until) = entry.valid_until.filter(|until| *until < today) {
            findings.push(Finding::Expired(entry.id.clone(), until));
        }
        if entry.approved_by.is_empty() {
            findings.push(Finding::NotApproved(entry.id.clone()));
        }
    }
    for (at, one) in entries.iter().enumerate() {
        findings.extend(entries[at + 1..].iter().filter_map(|other| of_two(one, other)));
    }
    findings
}

fn of_two(one: &Entry, other: &Entry) -> Option<Finding> {
    // One that begins when the other ends takes its place.
    let apart = |one: &Entry, other: &Entry| {
        one.valid_until.zip(other.valid_from).is_some_and(|(until, from)| until < from)
    };
    if one.language != other.language || apart(one, other) || apart(other, one) {
        return None;
    }
    let asked = |question: &String| words::folded(question);
    let shared =
        one.questions.iter().find(|question| other.questions.iter().any(|o| asked(o) == asked(question)))?;
    if words::folded(&one.answer) == words::folded(&other.answer) {
        return Some(Finding::Doubled(one.id.clone(), other.id.clone()));
    }
    Some(Finding::AtOdds(one.id.clone(), other.id.clone(), shared.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_doubles_and_what_is_expired_are_found() {
        let file = "id,topic,language,questions,answer,valid_from,valid_until,approved_by\n\
            a,t,en,Are you open? | Open?,Yes.,,,Ana\n\
            b,t,en,are you open,No.,,,Ana\n\
            c,t,en,OPEN?,yes,,,Ana\n\
            d,t,en,Summer?,Yes.,,2026-08-31,Ana\n\
            e,t,en,Summer?,No.,2026-09-01,,\n";
        let entries = crate::entry::read("k.csv", file.as_bytes()).unwrap();
        let found = check(&entries, "2026-10-01".parse().unwrap());
        assert_eq!(
            found,
            [
                Finding::Expired("d".into(), "2026-08-31".parse().unwrap()),
                Finding::NotApproved("e".into()),
                Finding::AtOdds("a".into(), "b".into(), "Are you open?".into()),
                Finding::Doubled("a".into(), "c".into()),
            ]
        );
    }
}
