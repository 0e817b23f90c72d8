//! Orders: what is wanted, and the turns that people take while they say it.

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::voice::{Voice, after, number};
use super::{Change, Grammar, Kind, Line, ModifierOp, What, Written, weighted};

impl Grammar<'_> {
    pub(super) fn order(&self, rng: &mut StdRng, hour: u32) -> Result<Written> {
        let voice = Voice::draw(rng, hour);
        let off_menu = rng.random_bool(0.12);
        let mut lines = self.lines(rng, 6, true)?;
        let mut off_menu_items = Vec::new();
        if off_menu {
            self.spoil(rng, &mut lines, &mut off_menu_items)?;
        }
        let told = if off_menu {
            self.plain_order(rng, voice, &lines)?
        } else {
            match rng.random_range(0..100) {
                0..5 => self.more_of_it(rng, voice, &mut lines)?,
                5..9 => self.swapped(rng, voice, &mut lines)?,
                9..13 => self.dropped(rng, voice, &mut lines)?,
                13..20 => self.split(rng, voice, &mut lines)?,
                20..24 => self.all_alike(rng, voice, &mut lines)?,
                24..33 => self.round_the_table(rng, voice, &lines)?,
                _ => self.plain_order(rng, voice, &lines)?,
            }
        };
        let text = self.dress(rng, voice, told)?;
        let items = lines.iter().filter_map(|line| self.label(line)).collect();
        Ok(Written { text, kind: Kind::Order, items, off_menu, off_menu_items })
    }

    /// Makes an order one that a person has to look at.
    fn spoil(&self, rng: &mut StdRng, lines: &mut Vec<Line>, off_menu_items: &mut Vec<String>) -> Result<()> {
        let kind = rng.random_range(0..100);
        let last = lines.len() - 1;
        let changeable = match &lines[last].what {
            What::Item(index) => self.menu[*index].category == "Burgers",
            What::Unsold(_) => false,
        };
        if kind < 22 && changeable {
            let name = self.pick_unsold(rng, "unknown topping")?;
            lines[last].changes = vec![Change { op: ModifierOp::Add, name, is_sauce: false }];
        } else if kind < 34 {
            lines[last].quantity = *weighted(rng, &[(30, 2), (40, 2), (50, 3), (100, 2), (250, 1)])?;
            lines[last].changes.clear();
        } else {
            let section = if kind < 42 { "vague" } else { "unsold" };
            let name = self.pick_unsold(rng, section)?;
            let quantity = *weighted(rng, &[(1, 80), (2, 15), (3, 5)])?;
            let what = What::Unsold(name.clone());
            let line = Line { what, quantity, size: None, changes: Vec::new() };
            if rng.random_bool(0.4) {
                *lines = vec![line];
            } else {
                lines.truncate(2);
                lines.insert(rng.random_range(0..=lines.len()), line);
            }
            off_menu_items.push(name);
        }
        Ok(())
    }

    fn plain_order(&self, rng: &mut StdRng, voice: Voice, lines: &[Line]) -> Result<String> {
        if voice.one_per_line && lines.len() > 1 {
            return self.on_lines(rng, voice, lines);
        }
        self.sentence(rng, voice, lines, false)
    }

    /// The lines in one sentence; a whole sentence counts them, a bare list need not.
    pub(super) fn sentence(
        &self,
        rng: &mut StdRng,
        voice: Voice,
        lines: &[Line],
        goes_on: bool,
    ) -> Result<String> {
        let people: u32 = lines.iter().map(|line| line.quantity).sum();
        let section = match rng.random_range(0..100) {
            0..35 => "want bare",
            _ if people > 3 => "want many",
            _ => "want one",
        };
        let list = self.list(rng, voice, lines, section != "want bare")?;
        let frames = self.sections.get(section).context("no frames for an order")?;
        let frames: Vec<&str> =
            frames.iter().copied().filter(|frame| !goes_on || frame.ends_with("{list}")).collect();
        let frame = frames.choose(rng).context("no frame goes on")?.replace("{list}", &list);
        self.fill(rng, voice.hour, &frame)
    }

    fn on_lines(&self, rng: &mut StdRng, voice: Voice, lines: &[Line]) -> Result<String> {
        let bullet = *["- ", "", "", "* "].choose(rng).context("no bullets")?;
        let mut text = String::new();
        if rng.random_bool(0.6) {
            text.push_str(
                ["Order:", "My order:", "We'd like", "Please make", "For us:"]
                    .choose(rng)
                    .context("no heads")?,
            );
        }
        for line in lines {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(bullet);
            text.push_str(&self.line(rng, voice, line, true)?);
        }
        text.push('\n');
        Ok(text)
    }

    /// "two colas, no, make that three"
    fn more_of_it(&self, rng: &mut StdRng, voice: Voice, lines: &mut Vec<Line>) -> Result<String> {
        lines.truncate(1);
        lines[0].changes.clear();
        lines[0].quantity = lines[0].quantity.min(6);
        let list = self.list(rng, voice, lines, true)?;
        let more = lines[0].quantity + rng.random_range(1..=2);
        lines[0].quantity = more;
        let more = number(more, voice.digits);
        let turn = [
            format!("{list}, no, make that {more}"),
            format!("{list}... no wait, {more}"),
            format!("{list}. Oh, better {more} of those"),
            format!("{list}, sorry, {more} of them"),
            format!("{list}. Actually make it {more}"),
        ];
        let turn = turn.choose(rng).context("no turns")?;
        let open = *["I'd like ", "", "Please send ", "I'll have ", ""].choose(rng).context("no openings")?;
        Ok(format!("{open}{turn}"))
    }

    /// "a hamburger and a cola. Sorry, lemonade instead of the cola"
    fn swapped(&self, rng: &mut StdRng, voice: Voice, lines: &mut [Line]) -> Result<String> {
        let new = loop {
            let new = self.item_line(rng, false)?;
            let What::Item(index) = new.what else {
                continue;
            };
            if self.menu.len() <= lines.len()
                || !lines.iter().any(|old| matches!(old.what, What::Item(i) if i == index))
            {
                break new;
            }
        };
        let at = lines.len() - 1;
        lines[at] = Line { quantity: 1, changes: Vec::new(), size: None, ..lines[at].clone() };
        let frame = self.sentence(rng, voice, lines, false)?;
        let old = self.plain_name(lines, at);
        let new = Line { quantity: 1, size: None, ..new };
        let fresh = self.line(rng, voice, &new, true)?;
        lines[at] = new;
        let turn = [
            format!("{frame}. Sorry, {fresh} instead of the {old}"),
            format!("{frame}. No, scratch the {old}, {fresh} please"),
            format!("{frame}. Oh wait, not the {old}, {fresh} instead"),
            format!("{frame}. On second thought {fresh} instead of the {old}"),
        ];
        Ok(turn.choose(rng).context("no turns")?.clone())
    }

    /// "a hamburger, fries and a cola. Actually, forget the cola"
    fn dropped(&self, rng: &mut StdRng, voice: Voice, lines: &mut Vec<Line>) -> Result<String> {
        while lines.len() < 2 {
            *lines = self.lines(rng, 4, true)?;
            if self.menu.len() < 2 {
                return self.plain_order(rng, voice, lines);
            }
        }
        let at = rng.random_range(0..lines.len());
        lines[at] = Line { quantity: 1, changes: Vec::new(), size: None, ..lines[at].clone() };
        let frame = self.sentence(rng, voice, lines, false)?;
        let old = self.plain_name(lines, at);
        lines.remove(at);
        let turn = [
            format!("{frame}. Actually, forget the {old}"),
            format!("{frame}. No wait, cancel the {old}"),
            format!("{frame}. Hmm, leave out the {old}"),
            format!("{frame}... no, skip the {old}"),
            format!("{frame}. Sorry, without the {old}"),
        ];
        Ok(turn.choose(rng).context("no turns")?.clone())
    }

    /// "three coffees, two with oat milk"
    pub(super) fn split(&self, rng: &mut StdRng, voice: Voice, lines: &mut Vec<Line>) -> Result<String> {
        lines.truncate(1);
        let What::Item(index) = lines[0].what else {
            return self.plain_order(rng, voice, lines);
        };
        let item = &self.menu[index];
        let total = rng.random_range(2..=4);
        let part = rng.random_range(1..total);
        lines[0] = Line { quantity: total, size: None, changes: Vec::new(), ..lines[0].clone() };
        let Some(change) = self.change(rng, item) else {
            return self.plain_order(rng, voice, lines);
        };
        let frame = self.sentence(rng, voice, lines, true)?;
        let said = self.changes(rng, std::slice::from_ref(&change), false, true)?;
        let some = number(part, voice.digits);
        let rest = number(total - part, voice.digits);
        let turn = [
            format!("{frame}, {some} of them {said}"),
            format!("{frame}, {some} {said} and {rest} plain"),
            format!("{frame}, but {some} of them {said}"),
        ];
        lines[0].quantity = total - part;
        let changed = Line { quantity: part, changes: vec![change], ..lines[0].clone() };
        lines.insert(0, changed);
        Ok(turn.choose(rng).context("no turns")?.clone())
    }

    /// "a hamburger and two cheeseburgers, all without onions"
    fn all_alike(&self, rng: &mut StdRng, voice: Voice, lines: &mut Vec<Line>) -> Result<String> {
        let burgers: Vec<usize> =
            (0..self.menu.len()).filter(|i| self.menu[*i].category == "Burgers").collect();
        let chosen: Vec<usize> = burgers.sample(rng, 2).copied().collect();
        let wishes = ["-Onions", "-Pickles", "*Pickles", "-Lettuce", "*Ketchup"];
        let wish = wishes.choose(rng).context("no wishes")?;
        let op = if wish.starts_with('-') { ModifierOp::Remove } else { ModifierOp::Extra };
        let known = self.options.iter().find(|option| option.name == wish[1..]);
        let (Some(option), [_, _]) = (known, chosen.as_slice()) else {
            return self.plain_order(rng, voice, lines);
        };
        let change = Change { op, name: option.name.clone(), is_sauce: option.kind == "sauce" };
        *lines = chosen
            .into_iter()
            .map(|index| Line {
                what: What::Item(index),
                quantity: rng.random_range(1..=3),
                size: None,
                changes: Vec::new(),
            })
            .collect();
        let frame = self.sentence(rng, voice, lines, true)?;
        let said = self.spoken_option(rng, change.op, &change.name)?;
        let wish =
            if op == ModifierOp::Remove { format!("without {said}") } else { format!("with extra {said}") };
        let all = *["all", "all of them", "everything", "both kinds"].choose(rng).context("no words")?;
        for line in lines.iter_mut() {
            line.changes.push(change.clone());
        }
        Ok(format!("{frame}, {all} {wish}"))
    }

    /// "mine is a hamburger, my wife gets a cheeseburger"
    fn round_the_table(&self, rng: &mut StdRng, voice: Voice, lines: &[Line]) -> Result<String> {
        if lines.len() < 2 || lines.len() > 4 {
            return self.plain_order(rng, voice, lines);
        }
        let mut people = self.sections.get("people").context("no people")?.clone();
        people.shuffle(rng);
        people.dedup();
        let mut text = String::new();
        let pattern = rng.random_range(0..3);
        for (at, line) in lines.iter().enumerate() {
            let order = self.line(rng, voice, line, true)?;
            let person = people.get(at).copied().context("too few people")?;
            let part = match (at, pattern) {
                (0, 0) => format!("{order} for me"),
                (_, 0) => format!("{order} for {person}"),
                (0, 1) => format!("I'll have {order}"),
                (_, 1) => format!("{person} takes {order}"),
                (0, _) => format!("Mine is {order}"),
                (_, _) => format!("{person} {} {order}", if at % 2 == 1 { "gets" } else { "would like" }),
            };
            if at > 0 {
                text.push_str(if at + 1 == lines.len() && rng.random_bool(0.6) {
                    " and "
                } else if voice.punctuation {
                    ", "
                } else {
                    " and "
                });
            }
            text.push_str(&part);
        }
        self.fill(rng, 12, &text)
    }

    /// A greeting before, a story, and what people add at the end.
    fn dress(&self, rng: &mut StdRng, voice: Voice, told: String) -> Result<String> {
        let mut text = told.clone();
        if rng.random_bool(0.1) {
            text = format!("{} {told}", self.pick(rng, "story")?);
        }
        if rng.random_bool(0.35) {
            let greeting = self.greeting(rng, voice.hour)?;
            text = if told.ends_with('\n') {
                format!("{}\n{text}", greeting.trim())
            } else {
                after(&greeting, &text)
            };
        }
        let end = match rng.random_range(0..100) {
            0..35 => ".",
            35..45 => "!",
            _ => "",
        };
        let tail = rng.random_bool(0.33);
        if !told.ends_with('\n') {
            text.push_str(if tail && end.is_empty() { "." } else { end });
            text.push(' ');
        }
        if tail {
            let named = text.contains(" here. ") || text.contains("it's ") || told.starts_with("Order for");
            let away = told.contains("to go") || told.contains("pick up");
            let tails = self.sections.get("tail").context("the phrases have no [tail]")?;
            let tails: Vec<&str> = tails
                .iter()
                .copied()
                .filter(|tail| !(named && tail.contains("{name}")))
                .filter(|tail| !(away && (tail.contains("able ") || tail.contains("Room"))))
                .collect();
            let tail = tails.choose(rng).context("no tail fits")?;
            text.push_str(&self.fill(rng, voice.hour, tail)?);
        }
        let mut text = voice.shape(text.trim(), true);
        if rng.random_bool(0.07) {
            text = format!("{text} {}", self.pick(rng, "emoji")?);
        }
        Ok(text)
    }
}
