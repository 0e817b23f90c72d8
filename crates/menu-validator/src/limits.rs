//! What is no normal order: too much of one item, too many pieces, too much money. Limits that need counting over
//! several orders are the registrar's.

use contracts::{ValidatedLine, Verdict};
use daybook::spreadsheet::money;
use runtime::OrderLimits;

use crate::held::hold;
use crate::matching::Validation;

/// Lets an order that goes beyond a limit wait for a person.
pub fn keep(found: &mut Validation, limits: &OrderLimits) {
    let most = u64::from(limits.line_pieces);
    for line in found.lines.iter_mut().filter(|line| is_over(line.line.quantity.into(), most)) {
        line.reason = format!(
            "{} of \"{}\" in one order; beyond {most} a person looks at it",
            line.line.quantity, line.line.phrase
        );
        if line.verdict == Verdict::Accepted {
            line.verdict = Verdict::Review;
        }
    }
    if let Some(reason) = beyond(&found.lines, limits) {
        hold(found, &reason);
    }
}

/// The first limit that is passed, in a cook's words.
fn beyond(lines: &[ValidatedLine], limits: &OrderLimits) -> Option<String> {
    let most = u64::from(limits.line_pieces);
    if let Some(line) = lines.iter().find(|line| is_over(line.line.quantity.into(), most)) {
        return Some(line.reason.clone());
    }
    let pieces: u64 = lines.iter().map(|line| u64::from(line.line.quantity)).sum();
    if is_over(pieces, limits.order_pieces.into()) {
        return Some(format!(
            "{pieces} pieces in one order; beyond {} a person looks at it",
            limits.order_pieces
        ));
    }
    let cents = total(lines);
    is_over(cents.unsigned_abs(), limits.order_cents.unsigned_abs()).then(|| {
        format!(
            "The order comes to {}; beyond {} a person looks at it",
            money(cents),
            money(limits.order_cents)
        )
    })
}

/// 0 is for no limit.
fn is_over(count: u64, most: u64) -> bool {
    most > 0 && count > most
}

fn total(lines: &[ValidatedLine]) -> i64 {
    let of_line = |line: &ValidatedLine| {
        let price = line.matched.as_ref().map_or(0, |item| item.unit_price_cents);
        price.saturating_mul(line.line.quantity.into())
    };
    lines.iter().map(of_line).fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use contracts::{MatchedItem, OrderLine};

    use super::*;

    fn line(phrase: &str, quantity: u32, unit_price_cents: i64) -> ValidatedLine {
        ValidatedLine {
            line: OrderLine {
                phrase: phrase.into(),
                quantity,
                size: None,
                modifiers: Vec::new(),
                item: None,
                doubts: Vec::new(),
            },
            verdict: Verdict::Accepted,
            reason: "on the menu".into(),
            matched: Some(MatchedItem { slug: menu::slug(phrase), name: phrase.into(), unit_price_cents }),
            candidates: Vec::new(),
        }
    }

    fn judged(lines: Vec<ValidatedLine>, limits: &OrderLimits) -> Validation {
        let mut found = Validation {
            lines,
            verdict: Verdict::Accepted,
            reason: "Every item is on the menu".into(),
            proposed_reply: None,
        };
        keep(&mut found, limits);
        found
    }

    #[test]
    fn an_evening_never_meets_a_limit_and_eighteen_thousand_waters_always_do() {
        let limits = OrderLimits::default();
        for (lines, expected) in [
            (vec![line("Water", 18_000, 0)], Some("18000 of \"Water\" in one order")),
            (vec![line("Water", u32::MAX, i64::MAX)], Some("of \"Water\"")),
            (vec![line("Water", 51, 100)], Some("51 of \"Water\"")),
            (vec![line("Water", 50, 100)], None),
            (vec![line("Tea", 40, 100), line("Cake", 40, 100), line("Pie", 21, 100)], Some("101 pieces")),
            (vec![line("Tea", 40, 100), line("Cake", 40, 100), line("Pie", 20, 100)], None),
            (vec![line("Lobster", 20, 5_001)], Some("comes to 1000.20; beyond 1000.00")),
            (vec![line("Lobster", 20, 5_000)], None),
        ] {
            let what = format!("{lines:?}");
            let found = judged(lines, &limits);
            let verdict = if expected.is_some() { Verdict::Review } else { Verdict::Accepted };
            assert_eq!(found.verdict, verdict, "{what}");
            assert!(found.reason.contains(expected.unwrap_or("Every item")), "{}", found.reason);
        }
    }

    #[test]
    fn a_limit_of_nothing_is_none() {
        let none = OrderLimits {
            line_pieces: 0,
            order_pieces: 0,
            order_cents: 0,
            customer_a_minute: 0,
            all_a_minute: 0,
        };
        assert_eq!(judged(vec![line("Water", 18_000, 900)], &none).verdict, Verdict::Accepted);
    }

    #[test]
    fn the_line_says_it_too_and_what_was_doubtful_before_stays_so() {
        let found = judged(vec![line("Water", 60, 1)], &OrderLimits::default());
        assert_eq!((found.lines[0].verdict, &found.lines[0].reason), (Verdict::Review, &found.reason));
        let mut doubtful = Validation { verdict: Verdict::Review, reason: "It may be soup".into(), ..found };
        keep(&mut doubtful, &OrderLimits::default());
        assert_eq!(doubtful.reason, format!("It may be soup. {}", doubtful.lines[0].reason));
    }
}
