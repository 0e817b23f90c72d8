//! Items, and noun phrases that become one.

use super::*;

impl Builder<'_> {
    /// Something of the menu.
    pub(super) fn food(&mut self, i: usize) {
        let m = &self.mentions[i];
        if self.correcting && self.op == Some(ModifierOp::Remove) && self.take_back(i) {
            self.correcting = false;
            self.op = None;
            return;
        }
        if let Some(option) = m.options.first().and_then(|h| option_of(*h))
            && self.lexicon.is_size(option)
            && (m.items.is_empty() || m.options[0].whole)
            && self.op != Some(ModifierOp::Remove)
        {
            // "extra" before "large" is part of the size.
            self.size(i, Some(option));
            return;
        }
        if self.instead {
            self.in_place_of(i);
            return;
        }
        if self.is_item(i) { self.item(i) } else { self.option(i) }
    }

    pub(super) fn is_item(&self, i: usize) -> bool {
        let m = &self.mentions[i];
        let Some(item) = m.items.first() else { return false };
        let Some(option) = m.options.first() else {
            // With "no" before it, a name is what shall be left out.
            return self.op != Some(ModifierOp::Remove);
        };
        if self.op.is_some() {
            return false;
        }
        if self.onto {
            return true;
        }
        // "beef ramen", where beef is part of one name and ramen of another
        if !option.whole
            && let Some(current) = self.current
            && self.lines[current].partial
            && self.lines[current].phrase.1 == m.first
            && i > 0
            && self.mentions[i - 1].options.is_empty()
        {
            return true;
        }
        if let Some(current) = self.current
            && !self.anded
            && self.lines[current].phrase.1 + 1 == m.first
            && m.items.iter().filter_map(|h| item_of(*h)).any(|id| self.lines[current].general.contains(&id))
        {
            // "a shake, chocolate"
            return true;
        }
        let mut lead = item.score - option.score;
        if item.whole && !option.whole {
            lead += 0.4;
        }
        if option.whole && !item.whole {
            lead -= 0.4;
        }
        let counted = self.pending.strong && !self.pending.only_request;
        if counted {
            lead += if self.pending.container || self.pending.count.is_some() { 0.7 } else { 0.35 };
        } else if self.pending.strong && !self.with {
            lead += 0.15;
        }
        if self.side_follows(i + 1) {
            lead += 0.8;
        }
        // "burgers: cheese, fish and chicken"; "rather chocolate"
        let alike = m.items.iter().any(|h| item_of(*h).is_some_and(|id| self.context.contains(&id)));
        let listed =
            self.current.and_then(|c| self.lines[c].item).is_some_and(|id| self.context.contains(&id));
        if (alike && listed && !self.with)
            || (self.correcting
                && self.current.is_some_and(|c| m.items.iter().any(|h| self.same_category(c, h))))
        {
            lead += 1.2;
        }
        // "the spicy one"
        let one = self.mentions.get(i + 1).is_some_and(|m| m.is(Classes::PRONOUN) && m.number == Some(1));
        if one && self.pending.strong && !self.phrase_follows(i + 2) {
            lead += 1.5;
        }
        if self.head_ahead(i) {
            lead -= 0.6;
        }
        match self.current {
            None if !self.head_ahead(i) => lead += 0.3,
            None => {}
            Some(current) => {
                if !item.whole && !counted {
                    lead -= 0.5;
                } else if self.same_category(current, item) {
                    lead += 0.3;
                } else if self.with {
                    lead -= 0.4;
                } else if !self.pending.strong {
                    lead -= 0.2;
                }
            }
        }
        lead > 0.0
    }

    pub(super) fn same_category(&self, line: usize, hit: &Hit) -> bool {
        let items = &self.lexicon.menu().items;
        let category = |at: u16| items.get(usize::from(at)).map(|i| i.category.as_str()).unwrap_or_default();
        match (self.lines[line].item, hit.target) {
            (Some(a), Target::Item(b)) => !category(a).is_empty() && a != b && category(a) == category(b),
            _ => false,
        }
    }

    pub(super) fn item(&mut self, i: usize) {
        let m = &self.mentions[i];
        if m.is(Classes::AS_IT_IS) && self.current.is_some() && !m.items[0].whole {
            // "coffee, black", where a tea is called so too
            self.pending = Pending::default();
            return;
        }
        let counted = self.pending.strong && !self.pending.only_request;
        if self.story && self.pending.count.is_none() && !counted {
            self.told_of = Some(i);
            return;
        }
        if self.story && self.pending.count.is_none() {
            self.told_of = Some(i);
            self.pending = Pending::default();
            return;
        }
        let mut best = m.items[0];
        let clear = self.ambiguity(m).is_none();
        if !clear
            && !self.context.is_empty()
            && let Some(hit) =
                m.items.iter().find(|h| item_of(**h).is_some_and(|id| self.context.contains(&id)))
        {
            best = *hit;
        }
        // "on second thought chocolate": another of the same sort.
        let mut corrected = false;
        if !clear
            && self.correcting
            && let Some(current) = self.current
            && let Some(hit) = m.items.iter().find(|h| self.same_category(current, h))
        {
            best = *hit;
            corrected = true;
        }
        // "two strawberry ones and one chocolate one": of the same sort too.
        let ones = self.mentions.get(i + 1).is_some_and(|next| next.is(Classes::PRONOUN));
        if !clear
            && ones
            && let Some(current) = self.current
            && let Some(hit) = m.items.iter().find(|h| self.same_category(current, h))
        {
            best = *hit;
            corrected = true;
        }
        let Some(id) = item_of(best) else { return };
        let in_context = !clear && (self.context.contains(&id) || corrected);
        let general = !best.name && m.related.len() > 1 && !in_context;
        // "a sandwich with turkey": the general word came first.
        let words = std::mem::take(&mut self.pending.words);
        let mut doubts = Vec::new();
        let mut first = m.first;
        for at in words {
            let word = &self.mentions[at];
            if word.unknown || !self.describes(word, id) {
                doubts.push(format!("\"{}\" is not on the menu", self.text_of(word.first, word.end)));
            }
            first = first.min(word.first);
        }
        let pure = doubts.is_empty();
        doubts.extend(self.pending.doubt.take());
        doubts.extend(self.doubt_ahead.take());
        if m.guessed {
            doubts.push(format!("\"{}\" may be a slip of the pen", self.text_of(m.first, m.end)));
        }
        if !in_context && let Some(doubt) = self.ambiguity(m) {
            doubts.push(doubt);
        }
        let mut size = self.pending.size.take();
        let mut mods = std::mem::take(&mut self.pending.mods);
        if (!best.whole || general) && !mods.is_empty() && mods.iter().any(|m| m.op != ModifierOp::Remove) {
            // "tomato soup" is no soup of the day with tomatoes.
            let name = &self.lexicon.menu().items[usize::from(id)].name;
            doubts.push(format!("\"{}\" is not quite {name}", self.text_of(first, m.end)));
        }
        let count = self.pending.count.take();
        let tail = std::mem::take(&mut self.tail);
        if std::mem::take(&mut self.onto)
            && let Some(current) = self.current
        {
            self.lines[current].mods.retain(|m| !tail.iter().any(|t| t.name == m.name && t.op == m.op));
            if let Some(at) = self.lines.iter().rposition(|line| line.item == Some(id)) {
                tail.into_iter().for_each(|m| self.lines[at].push(m));
                self.pending = Pending::default();
                self.current = Some(at);
                self.op = None;
                return;
            }
            tail.into_iter()
                .filter(|t| !mods.iter().any(|m| m.name == t.name && m.op == t.op))
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|m| mods.push(m));
        }
        // "strawberry ice cream" is neither of the two.
        if let Some(current) = self.current
            && i > 0
            && self.mentions[i - 1].is_food()
            && self.lines[current].phrase.1 == m.first
            && self.lines[current].item.is_some()
            && self.lines[current].partial
            && (!best.name || !self.mentions[i - 1].items.first().is_some_and(|h| h.last))
            && count.is_none()
        {
            let from = self.lines[current].phrase.0;
            let line = &mut self.lines[current];
            line.item = Some(id);
            line.phrase = (from, m.end);
            line.doubts.clear();
            let phrase = self.text_of(from, m.end);
            let name = self.name_of(best);
            self.lines[current].doubts.push(format!("\"{phrase}\" is not quite {name}"));
            self.pending = Pending::default();
            return;
        }
        // "Ice cream for me. Black sesame."; "una soda de yuzu"
        if let Some(current) = self.current
            && self.lines[current].item == Some(id)
            && self.lines[current].partial
            && !best.whole
            && count.is_none()
            && !self.anded
            && !counted
        {
            let line = &mut self.lines[current];
            line.mods.extend(mods);
            line.size = size.or(line.size.take());
            if doubts.is_empty() && line.pure {
                line.doubts.clear();
            }
            line.doubts.extend(doubts);
            self.pending = Pending::default();
            return;
        }
        if general {
            self.context.clone_from(&m.related);
        }
        // "a pork burger" is none of the burgers: what it may be is for the menu to say.
        let another = general && i > 0 && first < m.first && self.mentions[i - 1].unknown;
        let draft = Draft {
            item: (!another).then_some(id),
            phrase: (first, m.end),
            quantity: count.unwrap_or(1),
            counted: count.is_some(),
            size: size.take(),
            mods,
            doubts,
            split: false,
            general: if general { m.related.clone() } else { Vec::new() },
            partial: !best.whole,
            fresh: true,
            pure,
        };
        // "a burger, the crispy chicken one"; "a sandwich with turkey"
        let apart = self.current.is_some_and(|current| {
            let sentence = self.mentions.get(self.sentence_from).map_or(0, |m| m.first);
            self.lines[current].phrase.1 <= sentence && count.is_some()
        });
        if let Some(current) = self.current
            && !self.anded
            && !apart
            && self.lines[current].pure
            && self.lines[current].general.contains(&id)
            && !general
            && (count.is_none()
                || !self.lines[current].counted
                || self.lines[current].quantity > draft.quantity)
            && self.lines[current].fresh
        {
            let whole = &self.lines[current];
            let quantity = match count {
                Some(count) => count,
                None if whole.counted && self.list_follows(i + 1) => 1,
                None => whole.quantity,
            };
            let size = draft.size.clone().or_else(|| whole.size.clone());
            let mut all = whole.mods.clone();
            all.extend(draft.mods.iter().cloned());
            self.lines[current] = Draft { quantity, size, mods: all, counted: true, fresh: false, ..draft };
            self.pending = Pending::default();
            self.op = None;
            self.with = false;
            self.correcting = false;
            return;
        }
        self.pending = Pending::default();
        self.op = None;
        self.with = false;
        self.all = false;
        for line in &mut self.lines {
            line.mods.iter_mut().for_each(|m| m.fresh = false);
        }
        if std::mem::take(&mut self.correcting)
            && let Some(current) = self.current
        {
            // "make it a large one" keeps the number.
            let quantity = if draft.counted { draft.quantity } else { self.lines[current].quantity };
            self.lines[current] = Draft { quantity, ..draft };
            return;
        }
        self.lines.push(draft);
        self.current = Some(self.lines.len() - 1);
    }

    /// Two items that the words fit alike.
    pub(super) fn ambiguity(&self, m: &Mention) -> Option<String> {
        let [best, second, ..] = m.items.as_slice() else {
            return (m.items[0].score < LEAST_PART).then(|| {
                format!("\"{}\" may not mean {}", self.text_of(m.first, m.end), self.name_of(m.items[0]))
            });
        };
        let clear = if best.whole {
            !second.whole || best.score - second.score > 0.005
        } else {
            best.score - second.score > 0.3
        };
        (!clear).then(|| {
            format!(
                "\"{}\" may be {} or {}",
                self.text_of(m.first, m.end),
                self.name_of(*best),
                self.name_of(*second)
            )
        })
    }

    pub(super) fn counted(&self) -> bool {
        self.pending.strong && !self.pending.only_request
    }

    /// Words that wait for an item are an item of their own now, or nothing.
    pub(super) fn end_words(&mut self, i: usize) {
        let unknown = self.pending.words.iter().any(|at| self.mentions[*at].unknown);
        let described = self.counted() && !self.pending.words.is_empty();
        if unknown || described {
            self.end_phrase(i);
        }
    }

    pub(super) fn end_phrase(&mut self, i: usize) {
        let mut pending = std::mem::take(&mut self.pending);
        let unknown = pending.words.iter().any(|at| self.mentions[*at].unknown);
        if unknown {
            // Better a review too many than a dish that vanishes.
            let starts = pending.words.first().is_some_and(|at| self.clause_from == *at);
            if pending.strong
                || pending.listed
                || starts
                || !pending.mods.is_empty()
                || self.is_whole_clause(i)
            {
                self.strange_item(pending);
            }
            return;
        }
        let waits = self.mentions.get(i).is_some_and(|m| m.is(Classes::WITH) || m.kind == Kind::Comma);
        if !pending.words.is_empty() && pending.strong && !pending.only_request && !waits {
            // A word that only a description has: "a beer".
            self.strange_item(pending);
            return;
        }
        if pending.mods.is_empty() && pending.size.is_none() {
            // "a sandwich with ...": the general word waits for what comes.
            if !pending.words.is_empty() && pending.strong {
                pending.only_request = false;
                self.pending = pending;
            }
            return;
        }
        match self.current {
            Some(current) if pending.count.is_none() => {
                let line = &mut self.lines[current];
                if line.size.is_none() {
                    line.size = pending.size;
                }
                line.mods.append(&mut pending.mods);
            }
            Some(current) => {
                let mut line = self.lines[current].clone();
                line.quantity = pending.count.unwrap_or(1);
                line.size = pending.size;
                line.mods = pending.mods;
                line.split = false;
                self.lines.push(line);
                self.current = Some(self.lines.len() - 1);
            }
            None => self.pending = pending,
        }
    }

    /// An item that nothing on the menu is like so far.
    pub(super) fn strange_item(&mut self, pending: Pending) {
        let (Some(first), Some(last)) = (pending.words.first(), pending.words.last()) else { return };
        if self.story {
            return;
        }
        let (mut first, mut end) = (self.mentions[*first].first, self.mentions[*last].end);
        // Options beside it are part of what was meant: "mushroom lasagne".
        for m in self.mentions {
            if m.is_food() && !pending.mods.is_empty() && (m.end == first || m.first == end) {
                first = first.min(m.first);
                end = end.max(m.end);
            }
        }
        let phrase = self.text_of(first, end);
        let draft = Draft {
            item: None,
            phrase: (first, end),
            quantity: pending.count.unwrap_or(1),
            counted: pending.count.is_some(),
            size: pending.size,
            mods: Vec::new(),
            doubts: vec![format!("\"{phrase}\" is not on the menu")],
            split: false,
            general: Vec::new(),
            partial: false,
            fresh: true,
            pure: false,
        };
        self.op = None;
        self.with = false;
        self.correcting = false;
        self.lines.push(draft);
        self.current = Some(self.lines.len() - 1);
    }
}
