//! Sizes, toppings and other wishes about an item.

use super::*;

impl Builder<'_> {
    /// "a little salad": small, not less of it.
    pub(super) fn size_before_item(&mut self, i: usize) -> bool {
        let m = &self.mentions[i];
        if self.current.is_some() && self.with && !self.pending.strong {
            return false;
        }
        let Some(next) = self.next_food(i + 1) else { return false };
        if next.items.is_empty() || (!next.options.is_empty() && next.options[0].whole) {
            return false;
        }
        let mut size = None;
        self.lexicon.names_at(&self.reading.tokens, m.end - 1, |length, hit| {
            if length == 1
                && let Some(option) = option_of(hit)
                && self.lexicon.is_size(option)
            {
                size = Some(option);
            }
        });
        let Some(size) = size else { return false };
        if !self.pending.strong {
            self.end_phrase(i);
        }
        self.pending.strong = true;
        self.pending.only_request = false;
        self.pending.size = Some(self.lexicon.menu().options[usize::from(size)].name.clone());
        true
    }

    pub(super) fn option(&mut self, i: usize) {
        let m = &self.mentions[i];
        if self.told && !self.counted() {
            // "last time we ended up with ketchup on ..."
            return;
        }
        let hit = m.options.first().copied();
        let (name, option) = match hit.and_then(option_of) {
            Some(id) => (self.lexicon.menu().options[usize::from(id)].name.clone(), Some(id)),
            None => match m.items.first() {
                // "chocolate, not vanilla": an item that nobody asked for.
                Some(item) if item.whole || self.lexicon.has_options() => {
                    self.op_used = true;
                    return;
                }
                Some(_) => (self.text_of(m.first, m.end), None),
                None => return,
            },
        };
        // "cheddar cheese": one thing in two words.
        if let Some(last) = i.checked_sub(1).map(|b| &self.mentions[b])
            && last.end == m.first
            && let Some(before) = last.options.first().copied()
            && last.options.first().is_some_and(|h| h.whole)
            && m.options.iter().any(|h| h.target == before.target)
            && (m.options.len() > 1 || !m.options[0].name)
        {
            return;
        }
        // "swiss cheese": the sort is told already, the word says what sort of thing it is.
        if let Some(last) = i.checked_sub(1).map(|b| &self.mentions[b])
            && last.end == m.first
            && m.options.len() > 1
            && m.options.iter().all(|h| !h.whole && h.last)
            && let Some(before) = last.options.first()
            && (before.whole || last.options.len() == 1)
            && !self.tail.is_empty()
        {
            return;
        }
        // "one lemon tart": what is counted is the tart.
        let names_another = self.counted()
            && self.op.is_none()
            && self.mentions.get(i + 1).is_some_and(|next| {
                (next.unknown || next.described && !next.is_food()) && next.first == m.end
            });
        let op = if self.is_left_off(i) { ModifierOp::Remove } else { self.op.unwrap_or(ModifierOp::Add) };
        if self.current.is_none() && self.is_for_all(i) {
            // "everything with no onions: a hamburger, ..."
            self.for_all.push(Mod { op, name, count: 1, option, fresh: false });
            self.pending = Pending::default();
            return;
        }
        let modifier = Mod { op, name, count: self.pending.count.unwrap_or(1), option, fresh: true };
        self.op_used = true;
        if self.op != Some(ModifierOp::Remove) {
            self.op = None;
        }
        if self.tail.len() < MOST_MODS {
            self.tail.push(modifier.clone());
        }
        // "vegan cheese": what is before the option is not known.
        let words = std::mem::take(&mut self.pending.words);
        let unknown = words.iter().map(|at| &self.mentions[*at]).find(|w| w.unknown);
        let mut doubt =
            unknown.map(|w| format!("\"{}\" is not among the options", self.text_of(w.first, m.end)));
        if hit.is_some_and(|hit| !hit.whole) && !self.has_in_name(m, option) {
            doubt = Some(format!("\"{}\" may not be {}", self.text_of(m.first, m.end), modifier.name));
        }
        if m.guessed {
            doubt = Some(format!("\"{}\" may be a slip of the pen", self.text_of(m.first, m.end)));
        }
        let ahead = self.head_ahead(i);
        let belongs_ahead =
            names_another || ahead && (self.pending.strong || !self.with || self.current.is_none());
        let new_phrase = self.current.is_none() || belongs_ahead;
        if new_phrase {
            self.pending.words = words;
            if ahead && !m.options.first().is_some_and(|h| h.whole) {
                // "vegan cheesecake" is no cheesecake with vegan cheese.
                let words = self.text_of(m.first, m.end);
                self.pending.doubt.get_or_insert(format!("\"{words}\" may not be {}", modifier.name));
            }
            if self.pending.mods.len() < MOST_MODS {
                self.pending.mods.push(Mod { count: 1, ..modifier });
            }
            if let Some(doubt) = doubt
                && !ahead
                && let Some(current) = self.current
            {
                self.lines[current].doubts.push(doubt);
            }
            return;
        }
        let Some(current) = self.current else { return };
        self.pending = Pending::default();
        self.lines[current].fresh = false;
        if self.all {
            for at in 0..self.lines.len() {
                self.lines[at].push(modifier.clone());
            }
        } else {
            self.lines[current].push(modifier);
        }
        if let Some(doubt) = doubt {
            self.lines[current].doubts.push(doubt);
        }
    }

    /// "mayo off", "rocket left out"
    fn is_left_off(&self, i: usize) -> bool {
        self.mentions.get(i + 1).is_some_and(|next| next.is(Classes::LEFT_OFF))
    }

    /// Whether a wish that comes before all items is about all of them.
    fn is_for_all(&self, i: usize) -> bool {
        let colon = |m: &Mention| self.reading.tokens[m.first].text == ":";
        // The few mentions ahead first: what lies behind is as long as the sentence.
        self.mentions.iter().skip(i + 1).take(4).any(colon)
            && self.mentions[self.sentence_from.min(i)..i].iter().any(|m| m.is(Classes::ALL_OF))
    }

    /// Whether an option's own name has the word, not only one of its other names.
    fn has_in_name(&self, m: &Mention, option: Option<u16>) -> bool {
        let option = option.and_then(|id| self.lexicon.menu().options.get(usize::from(id)));
        let Some(option) = option else { return true };
        let meant = |token: &text::Token| {
            let known = self.lexicon.known(token).or_else(|| self.lexicon.corrected(token));
            known.map_or_else(|| token.stem.clone(), |known| self.lexicon.stem(known.word).to_owned())
        };
        let name = text::tokens(&option.name);
        // "mayo" is enough of "Mayonnaise".
        self.reading.tokens[m.first..m.end].iter().any(|token| {
            let meant: String = meant(token).chars().take(3).collect();
            name.iter().any(|word| word.stem.starts_with(&meant))
        })
    }

    pub(super) fn unknown_modifier(&mut self, i: usize, current: usize) {
        let m = &self.mentions[i];
        let op = if self.is_left_off(i) { ModifierOp::Remove } else { self.op.unwrap_or(ModifierOp::Add) };
        let words = self.text_of(m.first, m.end);
        let goes_on = i > 0 && self.mentions[i - 1].unknown;
        let lines = if self.all { 0..self.lines.len() } else { current..current + 1 };
        for line in &mut self.lines[lines] {
            let full = line.mods.len() >= MOST_MODS;
            match line.mods.last_mut() {
                // "pickled radish": one thing in two words.
                Some(last) if last.option.is_none() && last.op == op && goes_on => {
                    if last.name.len() < LONGEST_QUOTE {
                        last.name = format!("{} {words}", last.name);
                    }
                }
                _ if full => {}
                _ => {
                    line.mods.push(Mod { op, name: words.clone(), count: 1, option: None, fresh: true });
                    if op != ModifierOp::Remove {
                        line.doubts.push(format!("the kitchen may have no \"{words}\""));
                    }
                }
            }
        }
        if self.op != Some(ModifierOp::Remove) {
            self.op = None;
        }
    }

    pub(super) fn size(&mut self, i: usize, option: Option<u16>) {
        let m = &self.mentions[i];
        let name = match option {
            Some(id) => self.lexicon.menu().options[usize::from(id)].name.clone(),
            // The restaurant lists what can be chosen, and sizes are not among it.
            None if self.lexicon.has_options() => return,
            None => self.text_of(m.first, m.end),
        };
        let attach_before = !self.phrase_follows(i + 1)
            && self.pending.count.is_none()
            && !self.elided_follows(i + 1)
            && self.current.is_some();
        let one =
            self.mentions.get(i + 1).is_some_and(|next| next.is(Classes::PRONOUN) && next.number == Some(1));
        if let (true, Some(current)) = (attach_before, self.current) {
            if one && self.counted() && !self.correcting && self.lines[current].size.is_some() {
                // "a small omelette for her, a big one for me"
                let mut line = self.lines[current].clone();
                (line.quantity, line.size) = (1, Some(name));
                line.mods.clear();
                self.lines.push(line);
                self.current = Some(self.lines.len() - 1);
                self.pending = Pending::default();
                return;
            }
            if self.all {
                self.lines.iter_mut().for_each(|line| line.size = Some(name.clone()));
            } else {
                self.lines[current].size = Some(name);
            }
            self.correcting = false;
            self.pending = Pending::default();
            return;
        }
        if !self.pending.strong && self.pending.mods.is_empty() && self.pending.words.is_empty() {
            self.end_phrase(i);
        }
        self.pending.strong = true;
        self.pending.only_request = false;
        self.pending.size = Some(name);
    }
}
