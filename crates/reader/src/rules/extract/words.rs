//! What the words of the language do to an order that is being read.

use super::*;

impl Builder<'_> {
    /// Where a sentence ends that tries to steer the system: nothing in it is an order.
    pub(super) fn end_of_steering(&self, from: usize) -> Option<usize> {
        let ends = |m: &Mention| matches!(m.kind, Kind::Stop | Kind::Question);
        let length = self.mentions[from..].iter().position(ends).unwrap_or(self.mentions.len() - from);
        let sentence = &self.mentions[from..from + length];
        (length > 0 && sentence.iter().any(|m| m.is(Classes::STEER))).then_some(from + length)
    }

    /// A word of the language.
    pub(super) fn word(&mut self, i: usize) -> usize {
        let m = &self.mentions[i];
        if m.is(Classes::CANCEL_ALL) {
            self.end_phrase(i);
            self.lines.clear();
            self.current = None;
            self.cancelled = true;
            return i + 1;
        }
        if m.is(Classes::CANCEL)
            && let Some((line, at)) =
                self.cancelled_line(i + 1, m.is(Classes::REMOVE) && m.end == m.first + 1)
        {
            self.end_phrase(i);
            self.lines.remove(line);
            self.current = self.lines.len().checked_sub(1);
            self.op = None;
            self.with = false;
            self.correcting = false;
            return at + 1;
        }
        let cancels_option = m.is(Classes::CANCEL)
            && !m.is(Classes::REMOVE.or(Classes::CORRECT))
            && self.current.is_some()
            && self.next_food(i + 1).is_some_and(|next| next.options.first().is_some_and(|h| h.whole));
        if m.is(Classes::INSTEAD) {
            self.end_phrase(i);
            self.instead = true;
            self.op = Some(ModifierOp::Remove);
            return i + 1;
        }
        if m.is(Classes::ALL_OF) {
            if let Some((line, at)) = self.known_item(i + 1) {
                // "milk with both of the coffees"
                self.give_to(line);
                return at + 1;
            }
            self.end_phrase(i);
            if self.modifies_next(i + 1) {
                self.all = !self.lines.is_empty();
            } else {
                self.repeat_for_all();
            }
            return i + 1;
        }
        let refused = m.is(Classes::REMOVE)
            && m.end == m.first + 1
            && self.mentions.get(i + 1).is_some_and(|next| matches!(next.kind, Kind::Comma | Kind::Stop));
        if (m.is(Classes::CORRECT) || refused) && self.current.is_some() {
            let after_item =
                i > 0 && (self.mentions[i - 1].is_food() || self.mentions[i - 1].kind == Kind::Comma);
            let trailing = after_item && !refused && self.ends_order(i + 1);
            self.end_phrase(i);
            if trailing || std::mem::take(&mut self.dangling) {
                return i + 1;
            }
            self.correcting = true;
            self.with = false;
            self.op = None;
            return i + 1;
        }
        if m.is(Classes::SAME)
            && self.current.is_some()
            && self.pending.words.is_empty()
            && self.pending.mods.is_empty()
        {
            self.one_more_of_the_same();
            return i + 1;
        }
        if m.is(Classes::HALF) && self.followed_by_modifier(i + 1) {
            if let Some(current) = self.current
                && self.lines[current].quantity > 1
            {
                let half = self.lines[current].quantity / 2;
                self.end_phrase(i);
                self.refer(half, true);
            }
            return i + 1;
        }
        if m.is(Classes::OTHERS)
            && self.followed_by_modifier(i + 1)
            && let Some(left) = self.rest()
        {
            self.end_phrase(i);
            self.anded = false;
            self.refer(left, true);
            return i + 1;
        }
        if m.is(Classes::ON_ONE) && !self.phrase_follows(i + 1) && !self.tail.is_empty() {
            self.only_on_one();
            return i + 1;
        }
        if m.is(Classes::ONTO) && self.pending.words.iter().any(|at| self.mentions[*at].unknown) {
            // "put noodles into my soup"
            let words = self.pending.words.iter().filter_map(|at| self.mentions.get(*at));
            let words: Vec<String> = words.map(|m| self.text_of(m.first, m.end)).collect();
            self.doubt_ahead = Some(format!("the kitchen may have no \"{}\"", words.join(" ")));
            self.pending = Pending::default();
            return i + 1;
        }
        if m.is(Classes::ONTO) && self.op.is_none_or(|_| self.op_used) {
            match self.next_food(i + 1) {
                Some(next) if !next.items.is_empty() && !self.tail.is_empty() => {
                    self.onto = true;
                    self.op = None;
                    return i + 1;
                }
                Some(next) if next.items.is_empty() && !next.options.is_empty() && self.current.is_some() => {
                    self.end_phrase(i);
                    self.op = None;
                    self.with = true;
                    return i + 1;
                }
                _ => {}
            }
        }
        if m.is(Classes::REMOVE) || cancels_option {
            self.end_words(i);
            self.joined = false;
            self.op_used = false;
            self.tail.clear();
            self.op = Some(ModifierOp::Remove);
            if self.pending.mods.is_empty() && self.pending.words.is_empty() && self.pending.count.is_none() {
                self.pending = Pending::default();
            } else {
                self.end_phrase(i);
            }
            return i + 1;
        }
        if m.is(Classes::LIGHT) && self.size_before_item(i) {
            return i + 1;
        }
        if m.is(Classes::EXTRA) || m.is(Classes::LIGHT) {
            let over = std::mem::take(&mut self.op_used);
            if self.op != Some(ModifierOp::Remove) || self.joined || over {
                self.op = Some(if m.is(Classes::EXTRA) { ModifierOp::Extra } else { ModifierOp::Light });
            }
            self.joined = false;
            return i + 1;
        }
        if m.is(Classes::REQUEST)
            && m.is(Classes::CONTAINER)
            && self.counted()
            && self.pending.count.is_some()
        {
            // "2 orders golden fish"
            return i + 1;
        }
        if m.is(Classes::REQUEST) {
            if !self.counted() || (m.is(Classes::THIRD) && self.pending.count.is_none()) {
                // "Jill would like ...": who wants it.
                self.pending.words.clear();
            }
            self.end_phrase(i);
            self.joined = false;
            self.tail.clear();
            self.story = false;
            self.told = false;
            self.op = None;
            self.with = m.is(Classes::WITH);
            self.all = false;
            self.clause_start = false;
            let mods =
                if self.current.is_none() { std::mem::take(&mut self.pending.mods) } else { Vec::new() };
            self.pending = Pending { strong: !self.with, only_request: true, mods, ..Pending::default() };
            return i + 1;
        }
        if m.is(Classes::WITH) {
            if !self.tail.is_empty()
                && self.mentions.get(i + 1).is_some_and(|next| next.is(Classes::ARTICLE))
                && let Some((line, at)) = self.known_item(i + 1)
            {
                // "bread with the prawns"
                self.give_to(line);
                return at + 1;
            }
            self.end_phrase(i);
            self.joined = false;
            self.tail.clear();
            self.op = None;
            self.with = true;
            return i + 1;
        }
        if m.is(Classes::JOIN) {
            self.end_words(i);
            self.anded = true;
            self.tail.clear();
            self.clause_from = i + 1;
            if self.op != Some(ModifierOp::Remove) || !self.option_next(i + 1) {
                self.op = None;
            }
            self.joined = true;
            return i + 1;
        }
        if m.is(Classes::OR) {
            self.end_words(i);
            self.joined = true;
            return i + 1;
        }
        if m.is(Classes::CONTAINER) {
            // "two pumps of ...": the count is the option's.
            let measures = self.pending.count.is_some() && !self.pending.strong;
            if self.op.is_none() && !measures {
                if !self.pending.strong {
                    self.end_phrase(i);
                }
                self.pending.strong = true;
                self.pending.only_request = false;
                self.pending.container = true;
            }
            return i + 1;
        }
        if m.is(Classes::ARTICLE) {
            if m.end > m.first + 1
                && self.current.is_none()
                && !self.phrase_follows(i + 1)
                && let Some(told) = self.told_of.take()
            {
                // "she loves your soup, so get her one of those"
                self.pending = Pending { strong: true, ..Pending::default() };
                self.item(told);
                return i + 1;
            }
            if self.op.is_none() {
                if !self.pending.strong || !self.pending.words.is_empty() || !self.pending.mods.is_empty() {
                    self.end_phrase(i);
                }
                self.pending.strong = true;
                self.pending.only_request = false;
            }
            return i + 1;
        }
        if m.is(Classes::SIZE) && !self.lexicon.has_sizes() && !m.is(Classes::FILLER) {
            self.size(i, None);
            return i + 1;
        }
        if m.is(Classes::SIZE) && !m.is(Classes::FILLER.or(Classes::DECORATION)) {
            self.pending.doubt = Some(format!("\"{}\" is none of the sizes", self.text_of(m.first, m.end)));
            return i + 1;
        }
        if m.is(Classes::COPULA) && self.pending.count.is_none() && !self.pending.words.is_empty() {
            // "the fridge is empty": told, not asked for.
            self.pending = Pending::default();
            self.story = true;
            return i + 1;
        }
        if m.classes.only(Classes::PLAIN.or(Classes::TOPICS))
            && self.mentions.get(i + 1).is_some_and(|next| !next.items.is_empty())
            && (self.counted() || self.clause_start)
        {
            // "a birthday cake" is not any cake.
            self.pending.doubt = Some(format!("\"{}\" is not on the menu", self.text_of(m.first, m.end)));
            return i + 1;
        }
        if m.is(Classes::PAST.or(Classes::HYPOTHETICAL).or(Classes::STORY)) && self.pending.words.is_empty() {
            if self.pending.count.is_none() {
                self.end_phrase(i);
                self.story = true;
                self.told |= m.is(Classes::PAST);
            }
            return i + 1;
        }
        if m.is(Classes::SO) {
            self.story = false;
            self.told = false;
            return i + 1;
        }
        if m.is(Classes::NOT_FOOD) && self.pending.strong && self.pending.words.is_empty() {
            self.pending = Pending::default();
            return i + 1;
        }
        if m.is(Classes::DECORATION) || m.is(Classes::GENERIC) {
            if self.correcting && self.op == Some(ModifierOp::Remove) && self.take_back(i) {
                self.correcting = false;
                self.op = None;
            }
            return i + 1;
        }
        if m.is(Classes::FILLER.or(Classes::PLAIN)) {
            self.end_words(i);
            if self.op_used {
                self.op = None;
            }
        }
        i + 1
    }

    /// Whether nothing follows that could take something's place.
    pub(super) fn ends_order(&self, at: usize) -> bool {
        match self.mentions.get(at) {
            None => true,
            Some(m) if matches!(m.kind, Kind::Stop | Kind::Question) => true,
            Some(m) if m.kind == Kind::Comma => {
                self.mentions.get(at + 1).is_none_or(|next| next.is(Classes::JOIN))
            }
            Some(_) => false,
        }
    }

    /// A line that is spoken of once more: "the coffees".
    pub(super) fn known_item(&self, from: usize) -> Option<(usize, usize)> {
        let skip = Classes::ARTICLE.or(Classes::PRONOUN).or(Classes::GENERIC).or(Classes::FILLER);
        let mut ahead = self.mentions.iter().enumerate().skip(from).take(3);
        let (at, m) = ahead.find(|(_, m)| m.is_food() || !m.is(skip))?;
        let id =
            m.items.first().filter(|hit| hit.whole || m.options.is_empty()).copied().and_then(item_of)?;
        let line = self.lines.iter().rposition(|line| line.item == Some(id))?;
        Some((line, at))
    }

    /// What was wished since the last joiner goes to another line.
    fn give_to(&mut self, line: usize) {
        let mut wishes = std::mem::take(&mut self.pending.mods);
        for wish in std::mem::take(&mut self.tail) {
            if let Some(current) = self.current.filter(|current| *current != line) {
                self.lines[current].mods.retain(|m| m.name != wish.name || m.op != wish.op);
            }
            wishes.push(wish);
        }
        for wish in wishes {
            self.lines[line].push(wish);
        }
        self.pending = Pending::default();
        self.current = Some(line);
        self.with = false;
        self.op = None;
    }

    /// "actually no coke", "wait, no dessert": takes back what was asked for before.
    pub(super) fn take_back(&mut self, i: usize) -> bool {
        let m = &self.mentions[i];
        let ids: Vec<u16> = m.items.iter().filter(|hit| hit.whole).filter_map(|hit| item_of(*hit)).collect();
        let lexicon = self.lexicon;
        let category = |id: u16| {
            let item = lexicon.menu().items.get(usize::from(id));
            item.map(|item| text::singular(&item.category.to_lowercase())).unwrap_or_default()
        };
        let word = &self.reading.tokens[m.first].stem;
        let before = self.lines.len();
        self.lines.retain(|line| !line.item.is_some_and(|id| ids.contains(&id) || category(id) == *word));
        self.current = self.lines.len().checked_sub(1);
        self.lines.len() < before
    }

    /// "the same for my wife"
    pub(super) fn one_more_of_the_same(&mut self) {
        let Some(current) = self.current else { return };
        let mut line = self.lines[current].clone();
        line.quantity = self.pending.count.unwrap_or(1);
        line.split = false;
        self.pending = Pending::default();
        self.lines.push(line);
        self.current = Some(self.lines.len() - 1);
        self.with = true;
        self.op = None;
    }

    /// "hold the ice in one"
    pub(super) fn only_on_one(&mut self) {
        let Some(current) = self.current else { return };
        let tail = std::mem::take(&mut self.tail);
        if self.lines[current].quantity < 2 {
            return;
        }
        let mut one = self.lines[current].clone();
        self.lines[current].mods.retain(|m| !tail.iter().any(|t| t.name == m.name && t.op == m.op));
        self.lines[current].quantity -= 1;
        one.quantity = 1;
        one.split = true;
        self.lines.push(one);
        self.current = Some(self.lines.len() - 1);
        self.op = None;
    }

    /// "instead of X".
    pub(super) fn in_place_of(&mut self, i: usize) {
        let m = &self.mentions[i];
        self.instead = false;
        self.op = None;
        for hit in &m.items {
            if let Some(id) = item_of(*hit)
                && let Some(at) = self.lines.iter().position(|line| line.item == Some(id))
                && self.current != Some(at)
            {
                self.lines.remove(at);
                self.current = self.lines.len().checked_sub(1);
                return;
            }
        }
        if let Some(id) = m.options.first().copied().and_then(option_of) {
            let name = self.lexicon.menu().options[usize::from(id)].name.clone();
            let removed = Mod { op: ModifierOp::Remove, name, count: 1, option: Some(id), fresh: true };
            match self.current {
                Some(current) => self.lines[current].push(removed),
                None => self.pending.mods.push(removed),
            }
        } else if let Some(current) = self.current
            && m.items.iter().any(|hit| !hit.whole && item_of(*hit) == self.lines[current].item)
        {
            // "instead of beef", which is part of the name
            let name = self.text_of(m.first, m.end);
            self.lines[current].push(Mod {
                op: ModifierOp::Remove,
                name,
                count: 1,
                option: None,
                fresh: true,
            });
        }
    }

    /// The line that "scratch the ..." means, and where the name stands.
    pub(super) fn cancelled_line(&self, from: usize, removes: bool) -> Option<(usize, usize)> {
        for (at, m) in self.mentions.iter().enumerate().skip(from).take(4) {
            if m.is_food() {
                let whole_item = m.items.first().is_some_and(|h| h.whole);
                let option =
                    m.options.first().filter(|h| h.whole && !whole_item).copied().and_then(option_of);
                let mut ids: Vec<u16> =
                    m.items.iter().filter_map(|h| item_of(*h)).chain(m.related.iter().copied()).collect();
                if option.is_some() {
                    // "leave the bread": that on something, or the garlic bread.
                    let on_one = self.lines.iter().flat_map(|line| &line.mods).any(|m| m.option == option);
                    if removes || on_one {
                        return None;
                    }
                    ids.extend(self.items_with(m));
                }
                let line = self.lines.iter().rposition(|l| l.item.is_some_and(|id| ids.contains(&id)))?;
                if option.is_some() && self.current == Some(line) {
                    // "a cheeseburger, ditch the cheese"
                    return None;
                }
                return Some((line, at));
            }
            if !m.is(Classes::ARTICLE) && !m.is(Classes::SIZE) && !m.is(Classes::FILLER) {
                return None;
            }
        }
        None
    }

    /// Items whose names end with the word of a mention.
    fn items_with(&self, m: &Mention) -> Vec<u16> {
        let tokens = &self.reading.tokens[m.first..m.end];
        let words = tokens.iter().filter_map(|token| self.lexicon.known(token));
        let parts = words.flat_map(|known| &self.lexicon.word(known.word).parts);
        let ended = parts.filter(|part| part.last);
        ended.filter_map(|part| if let Target::Item(id) = part.target { Some(id) } else { None }).collect()
    }

    pub(super) fn repeat_for_all(&mut self) {
        let Some(current) = self.current else { return };
        let fresh: Vec<Mod> = self.lines[current].mods.iter().filter(|m| m.fresh).cloned().collect();
        for (at, line) in self.lines.iter_mut().enumerate() {
            if at != current {
                fresh.iter().for_each(|m| line.push(m.clone()));
            }
        }
    }
}
