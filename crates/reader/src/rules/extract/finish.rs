//! From drafts to the lines of an order.

use super::*;

impl Builder<'_> {
    /// Options that were left without an item belong to the one item that takes them, if there is only one.
    pub(super) fn only_item(&self) -> Option<u16> {
        let items = &self.lexicon.menu().items;
        let mut alone = (0_u16..).zip(items).filter(|(_, item)| {
            !item.category.is_empty()
                && items.iter().filter(|other| other.category == item.category).count() == 1
        });
        match (alone.next(), alone.next()) {
            (Some((id, _)), None) => Some(id),
            _ => None,
        }
    }

    pub(super) fn finish(mut self, bounds: Bounds) -> Extraction {
        let pending = std::mem::take(&mut self.pending);
        if self.lines.is_empty()
            && !self.story
            && (!pending.mods.is_empty() || pending.size.is_some() && pending.count.is_some())
        {
            let item = self.only_item();
            self.lines.push(Draft {
                item,
                phrase: (0, 0),
                quantity: pending.count.unwrap_or(1),
                counted: pending.count.is_some(),
                size: pending.size,
                mods: pending.mods,
                doubts: Vec::new(),
                split: false,
                general: Vec::new(),
                partial: false,
                fresh: true,
                pure: false,
            });
        }
        for wish in std::mem::take(&mut self.for_all) {
            self.lines.iter_mut().for_each(|line| line.push(wish.clone()));
        }
        let menu = self.lexicon.menu();
        let mut lines = Vec::with_capacity(self.lines.len());
        for draft in self.lines.iter().take(bounds.lines) {
            let item = draft.item.and_then(|id| menu.items.get(usize::from(id)));
            let mut phrase = self.text_of(draft.phrase.0, draft.phrase.1);
            if phrase.is_empty() {
                phrase = item.map(|i| i.name.clone()).unwrap_or_else(|| {
                    draft.mods.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(" ")
                });
            }
            let mut doubts = draft.doubts.clone();
            doubts.truncate(MOST_MODS);
            if draft.quantity > bounds.quantity {
                doubts.push(format!(
                    "{} is more than the {} that nobody has to look at",
                    draft.quantity, bounds.quantity
                ));
            }
            if self.lines.len() > bounds.lines {
                doubts.push(format!("the order has more than {} lines", bounds.lines));
            }
            lines.push(OrderLine {
                phrase,
                quantity: draft.quantity.max(1),
                size: draft.size.clone(),
                modifiers: draft
                    .mods
                    .iter()
                    .flat_map(|m| {
                        let modifier = Modifier { op: m.op, name: m.name.clone() };
                        std::iter::repeat_n(modifier, m.count.min(9) as usize)
                    })
                    .collect(),
                item: item.map(|i| i.name.clone()),
                doubts,
            });
        }
        let reason = if lines.is_empty() {
            if self.cancelled {
                "The order was called off again".to_owned()
            } else {
                "No item could be read".to_owned()
            }
        } else {
            let read: Vec<String> =
                lines.iter().take(5).map(|l| format!("{} \u{d7} \"{}\"", l.quantity, l.phrase)).collect();
            format!("Read {}", read.join(", "))
        };
        Extraction { lines, language: self.reading.language_code.clone(), reason }
    }
}
