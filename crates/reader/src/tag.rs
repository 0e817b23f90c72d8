//! What a word does in a message: the roles that are learned.

use contracts::ModifierOp;

/// The role of a word. A chunk is a word with a role of its own and the [`Tag::INSIDE`] words behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u8);

/// Which line a wish belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The item before.
    Back,
    /// The item that follows.
    Ahead,
    /// All items of the sentence.
    All,
}

const OPS: [ModifierOp; 5] =
    [ModifierOp::Add, ModifierOp::Remove, ModifierOp::Extra, ModifierOp::Light, ModifierOp::Note];
const REACHES: [Reach; 3] = [Reach::Back, Reach::Ahead, Reach::All];

impl Tag {
    /// Says nothing about the order.
    pub const TALK: Tag = Tag(0);
    /// Goes on with the chunk before.
    pub const INSIDE: Tag = Tag(1);
    /// An item that is ordered.
    pub const ITEM: Tag = Tag(2);
    /// The item before once more: "another one".
    pub const AGAIN: Tag = Tag(3);
    /// An item of the order that is only spoken of again: "the burger without onions".
    pub const REFER: Tag = Tag(4);
    /// An item of the order that is taken back.
    pub const UNDO: Tag = Tag(5);
    /// Something of the menu that is told of, refused or replaced.
    pub const TOLD: Tag = Tag(6);
    /// What the items that follow are: "4 burgers: 2 chicken, 2 vegan".
    pub const HEAD: Tag = Tag(7);
    /// Ordered, and not sold here.
    pub const UNSOLD: Tag = Tag(8);
    /// How many of the item that follows.
    pub const COUNT: Tag = Tag(9);
    /// How many of the item before.
    pub const COUNT_BACK: Tag = Tag(10);
    /// So many of the item before are different: "one without onions".
    pub const SHARE: Tag = Tag(11);
    /// How often the wish that follows counts: "two pumps of".
    pub const DOSES: Tag = Tag(12);
    /// Size of the item that follows.
    pub const SIZE: Tag = Tag(13);
    /// Size of the item before.
    pub const SIZE_BACK: Tag = Tag(14);
    /// Goes on with the number before: "twenty five".
    pub const NUMBER_ON: Tag = Tag(15);
    /// Goes on with the size before: "extra large".
    pub const SIZE_ON: Tag = Tag(16);
    const FIRST_WISH: u8 = 17;

    /// How many roles there are.
    pub const COUNT_OF: usize = 32;

    /// Every role.
    pub fn all() -> impl Iterator<Item = Tag> {
        (0..Self::COUNT_OF as u8).map(Tag)
    }

    /// A wish.
    pub fn wish(op: ModifierOp, reach: Reach) -> Tag {
        let op = OPS.iter().position(|o| *o == op).unwrap_or(0);
        let reach = REACHES.iter().position(|r| *r == reach).unwrap_or(0);
        Tag(Self::FIRST_WISH + (op * REACHES.len() + reach) as u8)
    }

    /// What a wish asks for, and where; `None` for any other role.
    pub fn as_wish(self) -> Option<(ModifierOp, Reach)> {
        let at = usize::from(self.0.checked_sub(Self::FIRST_WISH)?);
        Some((*OPS.get(at / REACHES.len())?, REACHES[at % REACHES.len()]))
    }

    /// As a place in a row of weights.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether a chunk's role is a number's.
    pub const fn is_number(self) -> bool {
        matches!(self.0, 9..=12 | 15)
    }

    /// Whether a chunk's role is a size's.
    pub const fn is_size(self) -> bool {
        matches!(self.0, 13 | 14 | 16)
    }

    /// Whether `next` can stand behind this role.
    pub const fn can_precede(self, next: Tag) -> bool {
        match next.0 {
            1 => self.0 != Self::TALK.0 && !self.is_number() && !self.is_size(),
            15 => self.is_number(),
            16 => self.is_size(),
            _ => true,
        }
    }

    /// A short name, for people who look into the reader.
    pub fn name(self) -> String {
        const NAMES: [&str; 17] = [
            "talk",
            "inside",
            "item",
            "again",
            "refer",
            "undo",
            "told",
            "head",
            "unsold",
            "count",
            "count-back",
            "share",
            "doses",
            "size",
            "size-back",
            "number-on",
            "size-on",
        ];
        match self.as_wish() {
            Some((op, reach)) => format!("{op:?}-{reach:?}").to_lowercase(),
            None => NAMES.get(self.index()).copied().unwrap_or("?").to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_keep_what_they_ask_for() {
        for op in OPS {
            for reach in REACHES {
                assert_eq!(Tag::wish(op, reach).as_wish(), Some((op, reach)));
            }
        }
        assert_eq!(Tag::ITEM.as_wish(), None);
        assert_eq!(Tag::wish(ModifierOp::Note, Reach::All).index() + 1, Tag::COUNT_OF);
    }
}
