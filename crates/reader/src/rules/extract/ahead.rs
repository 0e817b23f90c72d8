//! Looking ahead, a bounded number of mentions, so that the cost stays linear.

use super::*;

impl<'a> Builder<'a> {
    /// The next thing of the menu, articles and the like aside.
    pub(super) fn next_food(&self, from: usize) -> Option<&'a Mention> {
        let skip = Classes::ARTICLE.or(Classes::DECORATION).or(Classes::SIZE);
        self.mentions.iter().skip(from).take(4).find(|m| m.is_food() || !m.is(skip)).filter(|m| m.is_food())
    }

    /// Whether more items follow in a list: ", fish and chicken".
    pub(super) fn list_follows(&self, from: usize) -> bool {
        self.mentions
            .iter()
            .skip(from)
            .take(4)
            .take_while(|m| {
                m.kind == Kind::Comma || m.is(Classes::JOIN) || m.is(Classes::ARTICLE) || m.is_food()
            })
            .any(|m| !m.items.is_empty())
    }

    pub(super) fn size_next(&self, from: usize) -> bool {
        self.mentions
            .get(from)
            .and_then(|m| m.options.first())
            .and_then(|h| option_of(*h))
            .is_some_and(|id| self.lexicon.is_size(id))
    }

    /// "a large with pineapple": after a size the item is left unsaid.
    pub(super) fn elided_follows(&self, i: usize) -> bool {
        self.pending.strong
            && !self.pending.only_request
            && self.mentions.get(i).is_some_and(|m| m.is(Classes::WITH))
    }

    /// "Reception at Hartley & Sons here: ...": where the order begins behind who sends it.
    pub(super) fn end_of_heading(&self) -> usize {
        let first = self.mentions.iter().take(LOOK_AHEAD).position(|m| {
            m.is_food()
                || m.number.is_some()
                || matches!(m.kind, Kind::Stop | Kind::Question | Kind::Number(_))
                || self.reading.tokens[m.first].text == ":"
        });
        let wishes =
            Classes::ALL_OF.or(Classes::REMOVE).or(Classes::WITH).or(Classes::EXTRA).or(Classes::LIGHT);
        match first {
            Some(at)
                if self.reading.tokens[self.mentions[at].first].text == ":"
                    && !self.mentions[..at].iter().any(|m| m.is(wishes)) =>
            {
                at + 1
            }
            _ => 0,
        }
    }

    /// Where an address ends whose number came before: "48 Elm Road".
    pub(super) fn end_of_address(&self, from: usize) -> Option<usize> {
        let ahead = self.mentions.iter().skip(from).take(4);
        let name =
            ahead.take_while(|m| m.kind == Kind::Word && !m.is_food() && !m.is(Classes::ADDRESS)).count();
        let street = self.mentions.get(from + name)?;
        if name > 0 && street.is(Classes::ADDRESS) {
            return Some(from + name + 1);
        }
        // "27 Calle Mayor"
        let behind = self.mentions.iter().skip(from + 1).take(3).take_while(|m| m.unknown).count();
        (name == 0 && street.is(Classes::ADDRESS) && behind > 0).then_some(from + 1 + behind)
    }

    /// Whether a thing to order follows, before anything that ends a noun phrase.
    pub(super) fn phrase_follows(&self, from: usize) -> bool {
        for m in self.mentions.iter().skip(from).take(LOOK_AHEAD) {
            if m.kind != Kind::Word && !m.is_food() {
                return false;
            }
            if m.is_food() {
                if !m.items.is_empty() {
                    return true;
                }
                continue;
            }
            if m.unknown {
                return true;
            }
            if m.described && m.classes.only(Classes::TOPICS) {
                return true;
            }
            if m.is(Classes::CONTAINER
                .or(Classes::DECORATION)
                .or(Classes::SIZE)
                .or(Classes::TIMES)
                .or(Classes::ARTICLE))
                || m.is(Classes::EXTRA)
                || m.is(Classes::GENERIC)
            {
                continue;
            }
            if m.is(Classes::JOIN) {
                continue;
            }
            return false;
        }
        false
    }

    pub(super) fn followed_by_modifier(&self, from: usize) -> bool {
        self.mentions
            .iter()
            .skip(from)
            .take(3)
            .find(|m| !m.is(Classes::PRONOUN.or(Classes::CONTAINER)) || m.is_food())
            .is_some_and(|m| {
                m.is(Classes::WITH.or(Classes::REMOVE).or(Classes::EXTRA).or(Classes::LIGHT))
                    || m.is(Classes::ONTO.or(Classes::ALL_OF))
                    || !m.options.is_empty()
            })
    }

    pub(super) fn modifies_next(&self, from: usize) -> bool {
        self.mentions.iter().skip(from).take(3).any(|m| {
            m.is(Classes::WITH.or(Classes::REMOVE).or(Classes::EXTRA).or(Classes::LIGHT))
                || (m.is_food() && m.items.is_empty())
        })
    }

    /// Options up to the end of the phrase, and no item.
    pub(super) fn option_run_without_item(&self, from: usize) -> bool {
        let mut any = false;
        for m in self.mentions.iter().skip(from).take(LOOK_AHEAD) {
            if m.is_food() {
                if m.options.is_empty() || (!m.items.is_empty() && !m.options[0].whole) {
                    return false;
                }
                any = true;
            } else if !m.is(Classes::CONTAINER.or(Classes::DECORATION)) {
                return any;
            }
        }
        any
    }

    /// Whether the next thing is an option and no item.
    pub(super) fn option_next(&self, from: usize) -> bool {
        self.mentions.iter().skip(from).take(3).find(|m| !m.is(Classes::DECORATION)).is_some_and(|m| {
            (m.is_food() && !m.options.is_empty() && !m.is(Classes::EXTRA.or(Classes::LIGHT))) || m.unknown
        })
    }

    /// Whether a comma within "no a, b or c" is one of its list.
    pub(super) fn lists_on(&self, from: usize) -> bool {
        self.option_next(from)
            && self
                .mentions
                .iter()
                .skip(from)
                .take(LOOK_AHEAD)
                .take_while(|m| m.is_food() || m.kind == Kind::Comma || m.is(Classes::OR))
                .any(|m| m.is(Classes::OR))
    }

    /// Whether the item's description has the word.
    pub(super) fn describes(&self, word: &Mention, id: u16) -> bool {
        self.reading.tokens[word.first..word.end].iter().all(|token| {
            self.lexicon
                .known(token)
                .is_some_and(|known| self.lexicon.word(known.word).described.contains(&id))
        })
    }

    /// Whether an item follows that this option belongs to: "steak, rice and bean | burrito".
    pub(super) fn head_ahead(&self, i: usize) -> bool {
        let mut joined = false;
        for m in self.mentions.iter().skip(i + 1).take(LOOK_AHEAD) {
            if m.is_food() {
                let item = m.items.first();
                let option = m.options.first();
                let size = option.and_then(|h| option_of(*h)).is_some_and(|id| self.lexicon.is_size(id));
                if size {
                    return false;
                }
                match (item, option) {
                    (Some(_), None) => return !joined,
                    (Some(item), Some(option)) if item.whole && !option.whole => return !joined,
                    _ => {
                        joined = false;
                        continue;
                    }
                }
            }
            if m.kind == Kind::Comma || m.is(Classes::JOIN.or(Classes::OR)) {
                joined = true;
                continue;
            }
            if m.is(Classes::EXTRA.or(Classes::LIGHT)) {
                continue;
            }
            if m.kind != Kind::Word
                || m.is(Classes::ARTICLE
                    .or(Classes::NUMBER)
                    .or(Classes::WITH)
                    .or(Classes::REQUEST)
                    .or(Classes::REMOVE)
                    .or(Classes::CONTAINER)
                    .or(Classes::FILLER))
            {
                return false;
            }
        }
        false
    }

    pub(super) fn option_adjacent(&self, i: usize) -> bool {
        self.mentions.get(i + 1).is_some_and(|m| !m.options.is_empty())
    }

    pub(super) fn side_follows(&self, from: usize) -> bool {
        self.mentions.get(from).is_some_and(|m| m.is(Classes::ON_THE_SIDE))
    }
}
