//! Words that neither the menu nor the language knows: a dish that is not sold, or somebody's name.

use super::*;

impl Builder<'_> {
    /// A word that neither the menu nor the language knows.
    pub(super) fn unknown(&mut self, i: usize) {
        let m = &self.mentions[i];
        if self.instead {
            // "tofu instead of beef", where beef is no topping
            if let Some(current) = self.current
                && i > 0
                && (self.mentions[i - 1].is(Classes::INSTEAD) || self.mentions[i - 1].unknown)
            {
                self.op = Some(ModifierOp::Remove);
                self.unknown_modifier(i, current);
            }
            return;
        }
        if self.story && !self.pending.strong {
            return;
        }
        let about = Classes::TOPIC_PICK_UP.or(Classes::TOPIC_HOURS).or(Classes::TOPIC_STATUS);
        if m.is(about) && !m.is(Classes::TOPIC_MENU) && self.clause_start && !self.pending.strong {
            // "pickup at six"
            return;
        }
        if let Some(current) = self.current
            && self.mentions.get(i + 1).is_some_and(|next| next.is(Classes::LEFT_OFF))
        {
            // "rocket left off"
            self.unknown_modifier(i, current);
            return;
        }
        if m.described && !m.unknown && self.op.is_none() {
            if self.counted() || self.mentions.get(i + 1).is_some_and(|next| !next.items.is_empty()) {
                self.pending.words.push(i);
            }
            return;
        }
        if self.is_name(i) {
            self.named = Some(i);
            return;
        }
        if let (Some(current), true) = (self.current, self.op.is_some() || (self.with && !self.counted())) {
            if self.option_adjacent(i) {
                self.pending.words.push(i);
                return;
            }
            // Only what stands in the list: "with lots of love, Rosa" is over at "love".
            let list = Classes::WITH
                .or(Classes::REMOVE)
                .or(Classes::EXTRA)
                .or(Classes::LIGHT)
                .or(Classes::JOIN)
                .or(Classes::ARTICLE)
                .or(Classes::OR)
                .or(Classes::DECORATION)
                .or(Classes::ONTO);
            let before = i.checked_sub(1).map(|b| &self.mentions[b]);
            if before.is_some_and(|b| b.is_food() || b.unknown || b.kind == Kind::Comma || b.is(list)) {
                self.unknown_modifier(i, current);
            }
            return;
        }
        if self.pending.strong
            || self.clause_start
            || !self.pending.mods.is_empty()
            || !self.pending.words.is_empty()
        {
            self.pending.listed |= self.joined && self.current.is_some() && self.after_food(i);
            self.pending.words.push(i);
            return;
        }
        let Some(current) = self.current else {
            self.pending.words.push(i);
            return;
        };
        if self.joined {
            self.pending.listed = self.after_food(i);
            self.pending.words.push(i);
        } else if self.lines[current].phrase.1 == m.first {
            // "coke zero": a word more than the name.
            self.lines[current].phrase.1 = m.end;
            if self.lines[current].doubts.len() >= MOST_MODS {
                return;
            }
            let doubt = format!("\"{}\" is not on the menu", self.text_of(m.first, m.end));
            self.lines[current].doubts.push(doubt);
        }
    }

    /// "hi GreenBite", "Jill gets ...", "..., Omar the same": who, not what.
    pub(super) fn is_name(&self, i: usize) -> bool {
        if self.counted() || !self.pending.mods.is_empty() {
            return false;
        }
        if i > 0 && self.named == Some(i - 1) {
            return true;
        }
        let run = self.mentions[i..].iter().take(4).take_while(|m| m.unknown).count();
        let after = self.mentions.get(i + run);
        if after.is_some_and(|a| a.is(Classes::THIRD) && !a.is_food()) {
            return true;
        }
        // "Thanks, Leo", "Name: Leo", "Hi, Leo here"
        let closes = after.is_none_or(|a| matches!(a.kind, Kind::Stop));
        let here =
            after.is_some_and(|a| a.kind == Kind::Word && a.is(Classes::FILLER) && !a.is(Classes::PLEASE));
        if i > 1
            && self.mentions[i - 1].kind == Kind::Comma
            && self.mentions[i - 2].is(Classes::FILLER.or(Classes::PLAIN).or(Classes::NOT_FOOD))
            && !self.mentions[i - 2].is_food()
            && ((closes && !self.lines.is_empty()) || (here && self.lines.is_empty()))
        {
            return true;
        }
        // A name in a line of its own below the order, or "Leo here" at its start.
        if i > 0
            && self.mentions[i - 1].kind == Kind::Stop
            && ((here && self.lines.is_empty())
                || (after.is_none() && !self.lines.is_empty() && self.is_capital(i)))
        {
            return true;
        }
        let before = i.checked_sub(1).map(|b| &self.mentions[b]);
        let dish = Classes::JOIN
            .or(Classes::REQUEST)
            .or(Classes::WITH)
            .or(Classes::ARTICLE)
            .or(Classes::DECORATION)
            .or(Classes::REMOVE)
            .or(Classes::EXTRA)
            .or(Classes::LIGHT)
            .or(Classes::CONTAINER)
            .or(Classes::OR);
        let greeted = before.is_some_and(|b| {
            b.is(Classes::FILLER.or(Classes::SUBJECT).or(Classes::PLAIN))
                && !b.is_food()
                && !b.is(dish)
                && (!b.is(Classes::PLEASE) || !self.lines.is_empty())
        });
        if greeted && self.pending.words.is_empty() {
            return true;
        }
        let capital = self.is_capital(i);
        let introduces = after.is_some_and(|a| {
            a.is(Classes::REQUEST.or(Classes::SAME).or(Classes::ARTICLE).or(Classes::ALL_OF))
                || a.number.is_some()
        });
        capital && introduces && !self.pending.strong
    }

    pub(super) fn is_capital(&self, i: usize) -> bool {
        let token = self.reading.tokens.get(self.mentions[i].first);
        let first = token.and_then(|t| self.text.get(t.start..)).and_then(|t| t.chars().next());
        first.is_some_and(char::is_uppercase) && !self.shouted
    }

    /// Whether the joiner before this stands behind something of the menu.
    pub(super) fn after_food(&self, i: usize) -> bool {
        let mut at = i;
        while at > 0 {
            at -= 1;
            let m = &self.mentions[at];
            if m.kind == Kind::Comma || m.is(Classes::JOIN) {
                continue;
            }
            return m.is_food() || (m.unknown && self.named != Some(at));
        }
        false
    }

    /// Whether a clause is nothing but what is asked for, and a polite word.
    pub(super) fn is_whole_clause(&self, to: usize) -> bool {
        let clause = self.mentions.get(self.clause_from..to).unwrap_or_default();
        let plain = Classes::FILLER.or(Classes::PLEASE).or(Classes::DECORATION).or(Classes::GENERIC);
        let from = self.clause_from.min(to);
        let polite =
            self.mentions[from..].iter().take(to - from + 3).take(LOOK_AHEAD).any(|m| m.is(Classes::PLEASE));
        clause.iter().all(|m| m.unknown || m.described || m.is_food() || m.is(plain))
            && (polite || self.mentions.iter().all(|m| m.unknown || m.described || m.kind != Kind::Word))
    }
}
