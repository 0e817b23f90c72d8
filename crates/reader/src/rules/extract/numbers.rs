//! Numbers: how many of what, and parts of a set.

use super::*;

impl Builder<'_> {
    /// A number: how many of what follows, of what came before, or nothing of the sort.
    pub(super) fn number(&mut self, i: usize) -> usize {
        let m = &self.mentions[i];
        let before = i.checked_sub(1).map(|b| &self.mentions[b]);
        let after = self.mentions.get(i + 1);
        let Some(count) = m.number else {
            return i + 1;
        };
        if let Some(end) = self.end_of_address(i + 1) {
            return end;
        }
        if m.is(Classes::REQUEST) {
            // "we both take a hamburger"
            self.end_phrase(i);
            (self.op, self.with, self.story, self.told) = (None, false, false, false);
            self.pending = Pending { strong: true, count: Some(count), ..Pending::default() };
            return i + 1;
        }
        if count == 0 {
            self.op = Some(ModifierOp::Remove);
            return i + 1;
        }
        // "1) soup": the number of a list.
        let behind = self.text.as_bytes().get(self.reading.tokens[m.end - 1].end);
        let starts_line = before.is_none_or(|b| b.kind == Kind::Stop);
        if matches!(m.kind, Kind::Number(_)) && starts_line && matches!(behind, Some(b')' | b'.')) {
            return i + 1;
        }
        // "2 (two) shakes": said twice, meant once.
        let repeated = matches!(&self.mentions[i + 1..], [open, again, close, ..]
            if open.kind == Kind::Comma && again.number == Some(count) && close.kind == Kind::Comma);
        let behind = if repeated { i + 4 } else { i + 1 };
        let follows = self.phrase_follows(behind);
        if before.is_some_and(|b| b.kind == Kind::Sign) || after.is_some_and(|a| a.kind == Kind::Sign) {
            return i + 1;
        }
        if after.is_some_and(|a| a.is(Classes::NUMBER_AFTER) && !a.is_food()) {
            return i + 2;
        }
        if before.is_some_and(|b| b.is(Classes::NUMBER_BEFORE) && !b.is_food())
            && !(follows && before.is_some_and(|b| b.is(Classes::FILLER)))
            && matches!(m.kind, Kind::Number(_))
        {
            return i + 1;
        }
        // "one" that stands for a thing: the spicy one.
        if m.is(Classes::PRONOUN)
            && before
                .is_some_and(|b| b.is_food() || b.is(Classes::DECORATION) || b.unknown || b.is(Classes::SIZE))
            && !self.joined
            && !follows
            && !(self.current.is_some_and(|c| self.lines[c].quantity > 1) && self.followed_by_modifier(i + 1))
        {
            return i + 1;
        }
        // "coke x2", "coke 2"
        if before.is_some_and(|b| b.is(Classes::TIMES)) && !self.pending.words.is_empty() && !follows {
            self.pending.strong = true;
            self.pending.only_request = false;
            self.pending.count = Some(count);
            return i + 1;
        }
        let times_before = before.is_some_and(|b| b.is(Classes::TIMES));
        let times_of_last = times_before && !self.times_before && i > 1 && self.mentions[i - 2].is_food();
        if let Some(current) = self.current
            && (times_of_last || (!follows && !self.followed_by_modifier(i + 1) && !self.pending.strong))
        {
            let line = &mut self.lines[current];
            let dangling = self.anded && !self.correcting;
            let same_sentence = line.phrase.1 > self.mentions.get(self.sentence_from).map_or(0, |m| m.first);
            if times_of_last || self.correcting || (!line.counted && !dangling && same_sentence) {
                line.quantity = count;
                line.counted = true;
                self.correcting = false;
                return i + 1;
            }
        }
        if let Some(current) = self.current
            && self.option_run_without_item(i + 1)
            && !self.size_next(i + 1)
            && (self.lines[current].quantity < count || !self.lines[current].counted || self.with)
        {
            // "two shots of vanilla": a count of a modifier.
            self.end_phrase(i);
            self.pending.count = Some(count);
            return i + 1;
        }
        if follows {
            self.end_phrase(i);
            self.story = false;
            self.told = false;
            self.op = None;
            self.pending.strong = true;
            self.pending.only_request = false;
            self.pending.count = Some(count);
            let mut next = behind;
            if after.is_some_and(|a| a.is(Classes::TIMES)) {
                next += 1;
            }
            return next;
        }
        // No thing follows: part of what came before, or more of it.
        self.end_phrase(i);
        self.pending.strong = true;
        self.pending.count = Some(count);
        self.pending.only_request = false;
        if self.current.is_some() {
            self.refer(count, self.followed_by_modifier(i + 1));
            self.pending = Pending::default();
        }
        i + 1
    }

    /// "three with bread", "make it two", "three of those".
    pub(super) fn refer(&mut self, count: u32, modified: bool) {
        let Some(current) = self.current else { return };
        if self.correcting || !modified {
            let corrected = std::mem::take(&mut self.correcting);
            if self.anded && !corrected {
                self.dangling = true;
            } else if !self.lines[current].split && (corrected || !self.lines[current].counted) {
                self.lines[current].quantity = count;
                self.lines[current].counted = true;
            }
            return;
        }
        // The line that is being split: the current one, or the one that the current was split off.
        let base = if self.lines[current].split { self.base_of(current) } else { Some(current) };
        let mut part = match base {
            Some(base) => self.lines[base].clone(),
            None => self.lines[current].clone(),
        };
        part.quantity = count;
        part.counted = true;
        part.split = true;
        match base {
            Some(base) if self.lines[base].quantity > count => {
                self.lines[base].quantity -= count;
                self.lines.push(part);
                self.current = Some(self.lines.len() - 1);
            }
            Some(base)
                if self.lines[base].quantity == count
                    && self.lines[base].counted
                    && self.lines.iter().skip(base + 1).any(|line| line.split) =>
            {
                self.lines[base].split = true;
                self.current = Some(base);
            }
            _ => {
                // One more of the same.
                part.mods.clear();
                part.split = false;
                self.lines.push(part);
                self.current = Some(self.lines.len() - 1);
            }
        }
        self.with = true;
    }

    /// How many of a set are left when one part of it has been told: "one with egg, the other ...".
    pub(super) fn rest(&self) -> Option<u32> {
        let current = self.current?;
        let base = if self.lines[current].split { self.base_of(current)? } else { return None };
        Some(self.lines[base].quantity)
    }

    pub(super) fn base_of(&self, line: usize) -> Option<usize> {
        (0..line)
            .rev()
            .find(|at| !self.lines[*at].split)
            .filter(|at| self.lines[*at].item == self.lines[line].item)
    }
}
