//! The lines of an order in words.

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::voice::{Voice, article, is_plural, misspell, number, plural, spoken_size};
use super::{Change, Grammar, Line, ModifierOp, What};

impl Grammar<'_> {
    pub(super) fn list(&self, rng: &mut StdRng, voice: Voice, lines: &[Line], whole: bool) -> Result<String> {
        let and = *["and", "and", "and", "and", "&", "plus", "+"].choose(rng).context("no joiners")?;
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate() {
            // After a wish ("no onions") a bare "fries" would read as a part of it.
            let after_wish = at > 0 && !lines[at - 1].changes.is_empty();
            if at > 0 {
                let last = at + 1 == lines.len();
                text.push_str(&match (voice.punctuation, last) {
                    (true, true) if whole || rng.random_bool(0.6) => format!(" {and} "),
                    (true, _) => ", ".to_owned(),
                    (false, _) => format!(" {and} "),
                });
            }
            text.push_str(&self.line(rng, voice, line, whole || after_wish || lines.len() > 3)?);
        }
        Ok(text)
    }

    /// One line in words: how many, what size, what, and what to change.
    pub(super) fn line(&self, rng: &mut StdRng, voice: Voice, line: &Line, counted: bool) -> Result<String> {
        let (name, measures) = match &line.what {
            What::Unsold(name) => (name.clone(), None),
            What::Item(index) => {
                let item = &self.menu[*index];
                let table = self.tables.get("measures");
                let measures =
                    table.and_then(|t| t.get(item.name.as_str()).or_else(|| t.get(item.category.as_str())));
                (self.called(rng, *index, line.quantity == 1 && line.size.is_none())?, measures)
            }
        };
        let slip = voice.sloppy && matches!(line.what, What::Item(_)) && rng.random_bool(0.35);
        let name = if slip { misspell(rng, &name) } else { name };
        let comma = rng.random_bool(0.5);
        let changes = self.changes(rng, &line.changes, comma, false)?;
        if name.starts_with("the ") {
            return Ok(format!("{name}{changes}"));
        }
        let size = match &line.size {
            None => String::new(),
            Some(size) => format!("{} ", spoken_size(rng, size)),
        };
        let plain = is_plural(&name);
        let measure = match measures.and_then(|m| m.choose(rng)) {
            Some(measure)
                if line.size.is_none() && (plain || rng.random_bool(0.12)) && rng.random_bool(0.5) =>
            {
                Some(measure.to_owned())
            }
            _ => None,
        };
        let many = line.quantity > 1;
        let thing = match (measure, many) {
            (Some(measure), false) => format!("{measure} {name}"),
            (Some(measure), true) => {
                let (head, of) = measure.split_once(' ').unwrap_or((measure, "of"));
                format!("{} {of} {name}", plural(head))
            }
            (None, false) => format!("{size}{name}"),
            (None, true) => format!("{size}{}", plural(&name)),
        };
        let singular = format!("{size}{name}");
        let text = match line.quantity {
            1 => match rng.random_range(0..100) {
                0..25 if !counted => thing,
                0..50 if voice.digits => format!("1 {thing}"),
                50..56 if voice.digits => format!("1x {thing}"),
                0..55 if plain && measure.is_none() && size.is_empty() => format!("one {thing}"),
                0..40 => format!("one {thing}"),
                _ if plain && measure.is_none() && size.is_empty() => format!("one {thing}"),
                _ => format!("{} {thing}", article(&thing)),
            },
            n => match rng.random_range(0..100) {
                0..8 => format!("{n}x {singular}"),
                8..13 => format!("{n} x {singular}"),
                13..18 if changes.is_empty() => format!("{singular} x{n}"),
                18..28 if n == 2 => format!("a couple of {thing}"),
                18..55 if n == 6 => format!("half a dozen {thing}"),
                18..60 if n == 12 => format!("a dozen {thing}"),
                _ if n > 12 || voice.digits => format!("{n} {thing}"),
                _ => format!("{} {thing}", number(n, false)),
            },
        };
        Ok(text + &changes)
    }

    /// One of the names by which people call an item; without its article.
    pub(super) fn called(&self, rng: &mut StdRng, index: usize, nicknames: bool) -> Result<String> {
        let item = &self.menu[index];
        let foreign = self.sections.get("foreign").map_or(&[][..], Vec::as_slice);
        let mut names: Vec<&str> =
            item.aliases.split('|').filter(|alias| !alias.is_empty() && !foreign.contains(alias)).collect();
        let nick = self.tables.get("nicknames").and_then(|table| table.get(item.name.as_str()));
        if let Some(nick) = nick {
            names.extend(nick.iter().filter(|name| nicknames || !name.starts_with("the ")));
        }
        let full = item.name.trim_start_matches("The ");
        Ok(match rng.random_range(0..100) {
            0..15 => full.to_owned(),
            15..50 => full.to_lowercase(),
            _ => names.choose(rng).map_or_else(|| full.to_lowercase(), |name| (*name).to_owned()),
        })
    }

    pub(super) fn plain_name(&self, lines: &[Line], at: usize) -> String {
        match &lines[at].what {
            What::Unsold(name) => name.clone(),
            What::Item(index) => self.menu[*index].name.trim_start_matches("The ").to_lowercase(),
        }
    }

    /// The wishes behind an item; `wish` where they stand without it ("two of them with ...").
    pub(super) fn changes(
        &self,
        rng: &mut StdRng,
        changes: &[Change],
        comma: bool,
        wish: bool,
    ) -> Result<String> {
        if let [a, b] = changes
            && (a.op, b.op) == (ModifierOp::Add, ModifierOp::Remove)
            && !a.name.ends_with("Bun")
            && rng.random_bool(0.6)
        {
            let added = self.spoken_option(rng, a.op, &a.name)?;
            let out = self.spoken_option(rng, b.op, &b.name)?;
            return Ok(format!(" with {added} instead of {out}"));
        }
        if let ([one], true) = (changes, wish) {
            let bun = one.name.ends_with("Bun");
            let said = self.spoken_option(rng, one.op, &one.name)?;
            return Ok(match (one.op, rng.random_bool(0.7)) {
                (ModifierOp::Add, _) if bun => format!("on a {said}"),
                (ModifierOp::Add, _) => format!("with {said}"),
                (ModifierOp::Extra, _) => format!("with extra {said}"),
                (ModifierOp::Light, true) => format!("with less {said}"),
                (ModifierOp::Light, false) => format!("with just a little {said}"),
                (ModifierOp::Remove, true) => format!("without {said}"),
                (ModifierOp::Remove, false) => format!("with no {said}"),
                (ModifierOp::Note, _) => said,
            });
        }
        let mut text = String::new();
        let spoken = |rng: &mut StdRng, op: ModifierOp| -> Result<Vec<String>> {
            changes.iter().filter(|c| c.op == op).map(|c| self.spoken_option(rng, c.op, &c.name)).collect()
        };
        let bread = |name: &str| name.ends_with("bun");
        let added = spoken(rng, ModifierOp::Add)?;
        let (buns, added): (Vec<_>, Vec<_>) = added.into_iter().partition(|name| bread(name));
        for bun in buns {
            text.push_str(if rng.random_bool(0.5) { " on a " } else { " in a " });
            text.push_str(&bun);
        }
        if !added.is_empty() {
            let sauces = changes.iter().filter(|c| c.op == ModifierOp::Add).all(|c| c.is_sauce);
            let added = added.join(" and ");
            text.push_str(&match rng.random_range(0..100) {
                0..25 if sauces => format!(" with {added} on the side"),
                25..40 if sauces && text.is_empty() => format!(" plus {added}"),
                _ if text.is_empty() => format!(" with {added}"),
                _ => format!(" and with {added}"),
            });
        }
        let comma = if comma { ", " } else { " " };
        for more in spoken(rng, ModifierOp::Extra)? {
            text.push_str(&match rng.random_range(0..100) {
                0..40 => format!("{comma}extra {more}"),
                40..70 => format!(" with extra {more}"),
                70..85 => format!(" with lots of {more}"),
                _ => format!(" heavy on the {more}"),
            });
        }
        for less in spoken(rng, ModifierOp::Light)? {
            text.push_str(&match rng.random_range(0..100) {
                0..25 => format!("{comma}light on the {less}"),
                25..50 => format!(", go easy on the {less}"),
                50..65 => format!(" with just a little {less}"),
                65..80 => format!(", not too much {less}"),
                _ => format!(" with less {less}"),
            });
        }
        let out = spoken(rng, ModifierOp::Remove)?;
        match out.as_slice() {
            [] => {}
            [one] => text.push_str(&match rng.random_range(0..100) {
                0..30 => format!("{comma}no {one}"),
                30..55 => format!(" without {one}"),
                55..63 => format!(" without any {one}"),
                63..71 => format!("{comma}hold the {one}"),
                71..79 => format!(" but no {one}"),
                79..86 => format!(", leave out the {one}"),
                86..93 => format!(" (no {one})"),
                _ => format!(" with no {one}"),
            }),
            several => text.push_str(&match rng.random_range(0..3) {
                0 => format!("{comma}no {}", several.join(" no ")),
                1 => format!(" without {}", several.join(" and ")),
                _ => format!(", no {}", several.join(" or ")),
            }),
        }
        Ok(text)
    }

    pub(super) fn spoken_option(&self, rng: &mut StdRng, op: ModifierOp, name: &str) -> Result<String> {
        let names = self.tables.get("spoken options").and_then(|table| table.get(name));
        // "with an egg", but "hold the egg".
        let article = |spoken: &str| spoken.starts_with("a ") || spoken.starts_with("an ");
        let names: Vec<&str> = names
            .into_iter()
            .flatten()
            .copied()
            .filter(|spoken| op == ModifierOp::Add || !article(spoken))
            .collect();
        Ok(names.choose(rng).map_or_else(|| name.to_lowercase(), |spoken| (*spoken).to_owned()))
    }
}
