//! Every line of an order against the menu: accepted, review or rejected. The decision itself.

use contracts::{Candidate, MatchedItem, OrderLine, ValidatedLine, Verdict};
use menu::Lexicon;
use menu::lexicon::Target;

/// Scores phrases against the menu. Words and spelling do it here; meaning can do it by the same trait.
pub trait PhraseScorer: Send + Sync {
    /// For each phrase, how well it fits each item of the menu, in the menu's order, from 0 to 1.
    fn score(&self, phrases: &[&str], lexicon: &Lexicon) -> Vec<Vec<f32>>;

    /// What decides, for the trail: `words`.
    fn name(&self) -> &str;
}

/// Scores by words and spelling alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct WordScorer;

impl PhraseScorer for WordScorer {
    fn score(&self, phrases: &[&str], lexicon: &Lexicon) -> Vec<Vec<f32>> {
        phrases.iter().map(|phrase| words_score(phrase, lexicon)).collect()
    }

    fn name(&self) -> &str {
        "words"
    }
}

/// Where a score becomes a verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// From here on a phrase is an item, if the next candidate is far enough.
    pub accept: f32,
    /// How far the next candidate must be.
    pub margin: f32,
    /// Below this, a phrase is nothing that we have.
    pub review: f32,
}

/// Below this a candidate is not even worth proposing instead.
const CLOSE: f32 = 0.1;

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { accept: 0.93, margin: 0.1, review: 0.45 }
    }
}

/// An order held against the menu.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// The lines with their verdicts.
    pub lines: Vec<ValidatedLine>,
    /// The verdict over the order: that of its worst line.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// On a rejected order: what to answer.
    pub proposed_reply: Option<String>,
}

/// Holds an order against the menu, with the usual thresholds.
pub fn validate(lines: Vec<OrderLine>, lexicon: &Lexicon, scorer: &dyn PhraseScorer) -> Validation {
    validate_with(lines, lexicon, scorer, &Thresholds::default())
}

/// Holds an order against the menu.
pub fn validate_with(
    lines: Vec<OrderLine>,
    lexicon: &Lexicon,
    scorer: &dyn PhraseScorer,
    thresholds: &Thresholds,
) -> Validation {
    // Only what the menu does not answer directly costs a score.
    let open: Vec<usize> = (0..lines.len()).filter(|at| !is_certain(&lines[*at])).collect();
    let phrases: Vec<&str> = open.iter().map(|at| lines[*at].phrase.as_str()).collect();
    let mut scores: Vec<Option<Vec<f32>>> = vec![None; lines.len()];
    if !phrases.is_empty() {
        for (at, row) in open.iter().zip(scorer.score(&phrases, lexicon)) {
            scores[*at] = Some(row);
        }
    }
    let lines: Vec<ValidatedLine> = lines
        .into_iter()
        .zip(scores)
        .map(|(line, row)| validate_line(line, row, lexicon, thresholds))
        .collect();

    let verdict = worst(&lines);
    let reason = match lines.iter().find(|l| l.verdict == verdict) {
        Some(line) if verdict != Verdict::Accepted => line.reason.clone(),
        Some(_) => "Every item is on the menu".to_owned(),
        None => "There is nothing to order in it".to_owned(),
    };
    let proposed_reply = (verdict == Verdict::Rejected).then(|| reply(&lines));
    Validation { lines, verdict, reason, proposed_reply }
}

fn worst(lines: &[ValidatedLine]) -> Verdict {
    if lines.iter().any(|l| l.verdict == Verdict::Rejected) {
        Verdict::Rejected
    } else if lines.is_empty() || lines.iter().any(|l| l.verdict == Verdict::Review) {
        Verdict::Review
    } else {
        Verdict::Accepted
    }
}

fn is_certain(line: &OrderLine) -> bool {
    line.item.is_some() && line.doubts.is_empty()
}

fn validate_line(
    line: OrderLine,
    row: Option<Vec<f32>>,
    lexicon: &Lexicon,
    thresholds: &Thresholds,
) -> ValidatedLine {
    let menu = lexicon.menu();
    let named = line.item.as_ref().and_then(|name| menu.items.iter().position(|item| item.name == *name));
    let mut ranked: Vec<(usize, f32)> = match row {
        Some(row) => row.into_iter().enumerate().take(menu.items.len()).collect(),
        None => named.map(|at| (at, 1.0)).into_iter().collect(),
    };
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    // What the extractor read stands first among equals.
    if let Some(named) = named
        && let Some(at) = ranked.iter().position(|(item, _)| *item == named)
        && ranked.first().is_some_and(|(_, best)| ranked[at].1 + 0.05 >= *best || !line.doubts.is_empty())
    {
        let own = ranked.remove(at);
        ranked.insert(0, own);
    }
    let best = ranked.first().copied();
    let next = ranked.get(1).map_or(0.0, |(_, score)| *score);
    let certain = is_certain(&line);
    let (verdict, reason) = match (best, certain) {
        (Some((at, _)), true) if named.is_some() => {
            (Verdict::Accepted, format!("\"{}\" is {}", line.phrase, menu.items[at].name))
        }
        (Some((at, score)), _)
            if line.item.is_none()
                && line.doubts.is_empty()
                && score >= thresholds.accept
                && score - next >= thresholds.margin =>
        {
            (Verdict::Accepted, format!("\"{}\" is {} ({score:.2})", line.phrase, menu.items[at].name))
        }
        (Some((at, score)), _) if line.item.is_some() || score >= thresholds.review => {
            let doubt = line.doubts.first().map_or_else(
                || {
                    format!(
                        "\"{}\" is close to {} ({score:.2}), but not the same",
                        line.phrase, menu.items[at].name
                    )
                },
                Clone::clone,
            );
            (Verdict::Review, doubt)
        }
        (Some((at, score)), _) if score >= CLOSE => (
            Verdict::Rejected,
            format!("\"{}\" is not on the menu; the closest is {}", line.phrase, menu.items[at].name),
        ),
        _ => (Verdict::Rejected, format!("\"{}\" is not on the menu", line.phrase)),
    };
    let matched = match (verdict, best) {
        (Verdict::Accepted | Verdict::Review, Some((at, _))) => {
            let item = &menu.items[at];
            Some(MatchedItem {
                slug: item.slug.clone(),
                name: item.name.clone(),
                unit_price_cents: item.price_cents.saturating_add(surcharges(&line, lexicon)),
            })
        }
        _ => None,
    };
    let candidates = ranked
        .iter()
        .take(2)
        .map(|(at, score)| {
            let item = &menu.items[*at];
            Candidate {
                slug: item.slug.clone(),
                name: item.name.clone(),
                description: item.description.clone(),
                price_cents: item.price_cents,
                score: *score,
            }
        })
        .collect();
    ValidatedLine { line, verdict, reason, matched, candidates }
}

/// What size and extras cost, as the options have it.
fn surcharges(line: &OrderLine, lexicon: &Lexicon) -> i64 {
    use contracts::ModifierOp;
    let options = &lexicon.menu().options;
    let price = |name: &str, size: bool| {
        options.iter().find(|o| o.name == name && (o.kind == "size") == size).map_or(0, |o| o.price_cents)
    };
    let size = line.size.as_deref().map_or(0, |name| price(name, true));
    let extras = line
        .modifiers
        .iter()
        .filter(|m| matches!(m.op, ModifierOp::Add | ModifierOp::Extra))
        .map(|m| price(&m.name, false));
    size.saturating_add(extras.fold(0_i64, i64::saturating_add))
}

/// What to answer where something is not on the menu.
pub(crate) fn reply(lines: &[ValidatedLine]) -> String {
    let strange: Vec<&ValidatedLine> = lines.iter().filter(|l| l.verdict == Verdict::Rejected).collect();
    let names: Vec<&str> = strange.iter().map(|l| l.line.phrase.as_str()).collect();
    let closest =
        strange.iter().filter_map(|l| l.candidates.first()).find(|candidate| candidate.score >= CLOSE);
    let mut reply = format!("Sorry, we don't offer {}.", names.join(" or "));
    if let Some(closest) = closest {
        reply.push_str(&format!(
            " The closest we have is {} ({}.{:02}).",
            closest.name,
            closest.price_cents / 100,
            closest.price_cents % 100
        ));
    }
    reply.push_str(" Would you like something else?");
    reply
}

/// How well a phrase fits each item, by its words: what of the phrase the item explains, and what of the item's name
/// the phrase has.
fn words_score(phrase: &str, lexicon: &Lexicon) -> Vec<f32> {
    let tokens = text::tokens(phrase);
    let count = lexicon.menu().items.len();
    let mut covered = vec![0.0_f32; count];
    let mut explained = vec![0.0_f32; count];
    let mut weight = 0.0_f32;
    for token in tokens.iter().filter(|t| t.kind == text::Kind::Word) {
        let Some(known) = lexicon.known(token).or_else(|| lexicon.corrected(token)) else {
            weight += 1.0;
            continue;
        };
        let word = lexicon.word(known.word);
        weight += 1.0;
        for part in &word.parts {
            if let Target::Item(item) = part.target {
                covered[usize::from(item)] += part.share;
                explained[usize::from(item)] += 1.0;
            }
        }
        for item in &word.described {
            let item = usize::from(*item);
            let named = word.parts.iter().any(|p| p.target == Target::Item(item as u16));
            if !named {
                explained[item] += 0.5;
            }
        }
    }
    if weight == 0.0 {
        return covered;
    }
    let mut scores: Vec<f32> = covered
        .iter()
        .zip(&explained)
        .map(|(covered, explained)| {
            let explained = (explained / weight).min(1.0);
            (explained * explained * (0.5 + 0.5 * covered.min(1.0))).min(1.0)
        })
        .collect();
    lexicon.names_at(&tokens, 0, |length, hit| {
        if length == tokens.len()
            && let Target::Item(item) = hit.target
        {
            scores[usize::from(item)] = scores[usize::from(item)].max(hit.score);
        }
    });
    scores
}
