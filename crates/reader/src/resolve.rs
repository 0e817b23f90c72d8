//! Which item, option or ingredient a phrase means, by its words alone.

use contracts::ModifierOp;
use menu::Lexicon;
use menu::lexicon::{How, Target};
use text::{Classes, Kind, Token, tokens};

use crate::surface::{Mark, Surface, is_head, is_option_head};

/// What a phrase means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Meant {
    /// This item.
    Item {
        /// Its place on the menu.
        item: u16,
        /// How it was found.
        by: By,
    },
    /// One of these, best first.
    Open(Vec<u16>),
    /// Close to these, best first, but not all words of the phrase belong to them.
    Partly(Vec<u16>),
    /// Nothing that is sold here.
    Nothing,
}

impl Meant {
    /// Whether both are the same item, however it was found.
    pub fn is_same_item(&self, other: &Meant) -> bool {
        matches!((self, other), (Meant::Item { item, .. }, Meant::Item { item: other, .. }) if item == other)
    }
}

/// How a phrase led to its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum By {
    /// Its name or alias.
    Name,
    /// Words that only its name has.
    Part,
    /// It is the plain one of those that share the words.
    Plain,
    /// What the message spoke of before.
    Context,
    /// Words of its description.
    Description,
}

/// A wish's thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Thing {
    /// The option's name, or the customer's words.
    pub name: String,
    /// An option, not only words.
    pub option: bool,
    /// All of its words stand somewhere on the menu.
    pub in_house: bool,
    /// More than one option could be meant.
    pub open: bool,
    /// Only a part of the option's name was said, and not all that tells it from others.
    pub part: bool,
}

/// Of items that share a word, the one that has only such a word besides is the one without a special name.
const PLAIN: &[&str] = &[
    "regular",
    "plain",
    "classic",
    "original",
    "house",
    "standard",
    "normal",
    "simple",
    "traditional",
    "basic",
    "ordinary",
    "our",
    "the",
    "bottomless",
    "fountain",
    "drip",
    "brewed",
    "filter",
    "bottled",
    "boiled",
    "steamed",
    "fresh",
    "small",
    "can",
    "bottle",
    "glass",
    "cup",
    "pot",
    "portion",
    "homemade",
    "classique",
    "nature",
    "maison",
    "simple",
    "normale",
    "clasico",
    "clasica",
    "natural",
    "casa",
    "klassisch",
    "klassischer",
    "klassische",
    "normaler",
    "natur",
    "einfach",
];

/// A menu with what resolving needs besides its lexicon.
#[derive(Debug)]
pub struct Resolver<'l> {
    lexicon: &'l Lexicon,
    names: &'l Names,
}

/// The words of all names, as numbers of the lexicon.
#[derive(Debug, Clone, Default)]
pub struct Names {
    items: Vec<Vec<Vec<u32>>>,
    options: Vec<Vec<Vec<u32>>>,
    plain: Vec<u32>,
    categories: Vec<Vec<u32>>,
    size_numbers: Vec<u32>,
    /// What each option is: "sauce", as stems.
    kinds: Vec<String>,
    /// The last word of each option's name as it is written.
    option_ends: Vec<String>,
    /// How many pieces an item's name says it has: "Hot Wings (6)".
    portions: Vec<Option<u32>>,
    /// Whether the item comes by the piece: wings, nuggets.
    by_pieces: Vec<bool>,
    /// Sizes that are numbers of pieces: "6 Piece".
    piece_sizes: Vec<(u32, String)>,
    /// The item that customers build, where there is one: "Build Your Own Pizza".
    made_to_order: Option<u16>,
}

/// How names say that something comes by so many.
const PIECES: &[&str] = &["piece", "pc", "ct", "count", "stuck", "stk", "pieza", "unidad", "ud", "uds"];
/// What comes by so many pieces.
const BY_PIECES: &[&str] = &[
    "wing",
    "tender",
    "nugget",
    "strip",
    "bite",
    "popper",
    "boneless",
    "bone",
    "drum",
    "drumstick",
    "flat",
    "rib",
    "shrimp",
    "prawn",
    "dumpling",
    "gyoza",
    "stick",
    "alita",
    "flugel",
];
/// Kinds of dishes that customers build.
const BUILT: &[&str] =
    &["pizza", "burger", "burrito", "sandwich", "sub", "wrap", "bowl", "salad", "bagel", "poke"];

/// The number of pieces that a name says, as digits in brackets or before "pieces".
fn pieces(name: &str) -> Option<u32> {
    let tokens = tokens(name);
    tokens.iter().enumerate().find_map(|(at, token)| {
        let Kind::Number(number) = token.kind else { return None };
        let bracketed = name[..token.start].ends_with('(');
        let counted = tokens.get(at + 1).is_some_and(|next| PIECES.contains(&next.stem.as_str()));
        number.filter(|_| bracketed || counted)
    })
}

fn comes_by_pieces(name: &str) -> bool {
    tokens(name).iter().any(|token| BY_PIECES.contains(&token.stem.as_str()))
}

/// Whether customers build this item themselves.
fn is_built(name: &str, aliases: &[String]) -> bool {
    let words = |name: &str| -> Vec<String> { tokens(name).into_iter().map(|token| token.stem).collect() };
    let kind = |name: &str| matches!(words(name).as_slice(), [word] if BUILT.contains(&word.as_str()));
    let own = words(name).windows(2).any(|pair| pair == ["your", "own"]);
    own || kind(name) || aliases.iter().any(|alias| kind(alias))
}

impl Names {
    /// Of a menu.
    pub fn of(lexicon: &Lexicon) -> Names {
        let words = |name: &str| -> Vec<u32> {
            tokens(name).iter().filter_map(|t| lexicon.known(t)).map(|known| known.word).collect()
        };
        let all = |name: &String, aliases: &[String]| -> Vec<Vec<u32>> {
            std::iter::once(name).chain(aliases).map(|name| words(name)).collect()
        };
        let menu = lexicon.menu();
        Names {
            items: menu.items.iter().map(|item| all(&item.name, &item.aliases)).collect(),
            options: menu.options.iter().map(|option| all(&option.name, &option.aliases)).collect(),
            plain: PLAIN.iter().flat_map(|word| words(word)).collect(),
            option_ends: menu
                .options
                .iter()
                .map(|option| tokens(&option.name).pop().map(|token| token.text).unwrap_or_default())
                .collect(),
            by_pieces: menu.items.iter().map(|item| comes_by_pieces(&item.name)).collect(),
            piece_sizes: menu
                .options
                .iter()
                .filter(|option| option.kind == "size")
                .filter_map(|option| Some((pieces(&option.name)?, option.name.clone())))
                .collect(),
            portions: menu.items.iter().map(|item| pieces(&item.name)).collect(),
            made_to_order: {
                let mut built = (0_u16..).zip(&menu.items).filter(|(_, i)| is_built(&i.name, &i.aliases));
                built.next().filter(|_| built.next().is_none()).map(|(at, _)| at)
            },
            categories: menu.items.iter().map(|item| words(&item.category)).collect(),
            kinds: menu
                .options
                .iter()
                .map(|option| tokens(&option.kind).into_iter().map(|token| token.stem).collect())
                .collect(),
            size_numbers: menu
                .options
                .iter()
                .filter(|option| option.kind == "size")
                .flat_map(|option| tokens(&option.name))
                .filter_map(|token| match token.kind {
                    Kind::Number(number) => number,
                    _ => None,
                })
                .collect(),
        }
    }
}

/// A word of a phrase that carries meaning.
#[derive(Debug, Clone, Copy)]
struct Content {
    at: usize,
    word: Option<u32>,
}

impl<'l> Resolver<'l> {
    /// For a menu.
    pub fn new(lexicon: &'l Lexicon, names: &'l Names) -> Resolver<'l> {
        Resolver { lexicon, names }
    }

    /// An item's name on the menu.
    pub fn item_name(&self, item: u16) -> &str {
        self.lexicon.menu().items.get(usize::from(item)).map_or("", |item| &item.name)
    }

    /// The item that the words from `first` up to `end` mean; `heads` are words that spoke of its kind before.
    pub fn item(&self, surface: &Surface<'_>, first: usize, end: usize, heads: &[u32]) -> Meant {
        let content = self.content(surface, first, end);
        let mut whole = self.whole(surface, first, end, item_of);
        if whole.is_empty() && first + 1 < end {
            // "tuna sandwich" where the menu writes "Tuna".
            whole = self.whole(surface, first, end - 1, item_of);
            whole.retain(|item| is_head(surface.tokens.get(end - 1), *item, self.lexicon));
        }
        match whole.as_slice() {
            [item] => return Meant::Item { item: *item, by: By::Name },
            [] => {}
            several => return self.choose(several.to_vec(), &content, heads),
        }
        // A "sandwich" that is on no menu says only what the thing is.
        let kind = |c: &Content| c.word.is_none() && text::food::food().is_kind(&surface.tokens[c.at].stem);
        let told_apart: Vec<Content> = content.iter().copied().filter(|c| !kind(c)).collect();
        let content = if told_apart.is_empty() { content } else { told_apart };
        if content.is_empty() {
            return Meant::Nothing;
        }
        let mut candidates = self.candidates(&content);
        candidates
            .sort_by(|a, b| (b.explained, b.named).cmp(&(a.explained, a.named)).then(a.item.cmp(&b.item)));
        let full: Vec<&Candidate> = candidates.iter().filter(|c| c.explained == content.len()).collect();
        let Some(most) = full.iter().map(|c| c.named).max() else {
            let close: Vec<u16> = candidates.iter().take(3).map(|c| c.item).collect();
            return if close.is_empty() { Meant::Nothing } else { Meant::Partly(close) };
        };
        let best: Vec<u16> = full.iter().filter(|c| c.named == most).map(|c| c.item).collect();
        match best.as_slice() {
            [item] if most > 0 => Meant::Item { item: *item, by: By::Part },
            [item] => Meant::Item { item: *item, by: By::Description },
            _ if most > 0 => self.choose(best, &content, heads),
            _ => Meant::Open(best),
        }
    }

    /// The one of several that is meant by the words that they share.
    fn choose(&self, several: Vec<u16>, content: &[Content], heads: &[u32]) -> Meant {
        let last = content.last().and_then(|c| c.word);
        let ends = |item: u16| {
            let parts = last.map(|word| &self.lexicon.word(word).parts);
            parts.is_some_and(|parts| parts.iter().any(|p| p.last && p.target == Target::Item(item)))
        };
        let ending: Vec<u16> = several.iter().copied().filter(|item| ends(*item)).collect();
        let left = if ending.is_empty() { several } else { ending };
        if let [item] = left.as_slice() {
            return Meant::Item { item: *item, by: By::Part };
        }
        let rest = |item: u16| self.left_over(item, content);
        let bare: Vec<u16> = left.iter().copied().filter(|item| rest(*item) == 0).collect();
        if let [item] = bare.as_slice() {
            return Meant::Item { item: *item, by: By::Plain };
        }
        let fitting: Vec<u16> = left.iter().copied().filter(|item| self.is_kind(*item, heads)).collect();
        match fitting.as_slice() {
            [item] => Meant::Item { item: *item, by: By::Context },
            [] => Meant::Open(left),
            _ => Meant::Open(fitting),
        }
    }

    /// Words of a name that the phrase does not have and that tell it from others.
    fn left_over(&self, item: u16, content: &[Content]) -> usize {
        let names = self.names.items.get(usize::from(item)).into_iter().flatten();
        let category = self.names.categories.get(usize::from(item));
        names
            .map(|name| {
                let said = |word: &u32| content.iter().any(|c| c.word == Some(*word));
                let kind = |word: &u32| category.is_some_and(|words| words.contains(word));
                name.iter().filter(|w| !said(w) && !self.names.plain.contains(w) && !kind(w)).count()
            })
            .min()
            .unwrap_or(0)
    }

    fn is_kind(&self, item: u16, heads: &[u32]) -> bool {
        !heads.is_empty()
            && heads.iter().all(|head| {
                let word = self.lexicon.word(*head);
                word.described.contains(&item)
                    || word.parts.iter().any(|part| part.target == Target::Item(item))
            })
    }

    /// The words of a chunk that spoke of a kind: "burgers".
    pub fn heads(&self, surface: &Surface<'_>, first: usize, end: usize) -> Vec<u32> {
        self.content(surface, first, end).into_iter().filter_map(|c| c.word).collect()
    }

    fn content(&self, surface: &Surface<'_>, first: usize, end: usize) -> Vec<Content> {
        let silent = |token: &Token, mark: &Mark| {
            !matches!(token.kind, Kind::Word | Kind::Number(_))
                || mark.joined
                || (!mark.shape.is_food()
                    && mark.classes.has(SILENT)
                    && !mark.known.is_some_and(|k| self.names_item(k.word)))
        };
        (first..end.min(surface.marks.len()))
            .filter(|at| !silent(&surface.tokens[*at], &surface.marks[*at]))
            .map(|at| Content { at, word: surface.marks[at].known.map(|known| known.word) })
            .collect()
    }

    fn names_item(&self, word: u32) -> bool {
        self.lexicon.word(word).parts.iter().any(|part| matches!(part.target, Target::Item(_)))
    }

    fn candidates(&self, content: &[Content]) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::new();
        let mut count = |item: u16, named: bool| match found.iter_mut().find(|c| c.item == item) {
            Some(candidate) => {
                candidate.explained += 1;
                candidate.named += usize::from(named);
            }
            None => found.push(Candidate { item, explained: 1, named: usize::from(named) }),
        };
        for content in content {
            let Some(word) = content.word.map(|word| self.lexicon.word(word)) else { continue };
            for part in &word.parts {
                if let Target::Item(item) = part.target {
                    count(item, true);
                }
            }
            for item in &word.described {
                if !word.parts.iter().any(|part| part.target == Target::Item(*item)) {
                    count(*item, false);
                }
            }
        }
        found
    }

    /// What has all words of the phrase as its name or alias.
    fn whole<T: PartialEq>(
        &self,
        surface: &Surface<'_>,
        first: usize,
        end: usize,
        pick: impl Fn(Target) -> Option<T>,
    ) -> Vec<T> {
        let mut best = 0.0;
        let mut found: Vec<T> = Vec::new();
        for words in [&surface.meant, &surface.tokens] {
            for at in first..end.min(first + 3) {
                let skipped = surface.marks[first..at].iter().all(|m| m.classes.has(SILENT));
                if !skipped {
                    break;
                }
                self.lexicon.names_at(words, at, |length, hit| {
                    if at + length != end || !hit.whole || hit.score < best {
                        return;
                    }
                    if let Some(target) = pick(hit.target) {
                        if hit.score > best {
                            best = hit.score;
                            found.clear();
                        }
                        if !found.contains(&target) {
                            found.push(target);
                        }
                    }
                });
                if !found.is_empty() {
                    return found;
                }
            }
        }
        found
    }

    /// The size that the words mean, as the options call it.
    pub fn size(&self, surface: &Surface<'_>, first: usize, end: usize) -> Option<String> {
        const SAME: [&[&str]; 3] = [
            &[
                "small", "smaller", "smallest", "little", "mini", "kids", "child", "short", "klein",
                "kleine", "kleinen", "kleiner", "kleines", "petit", "petite", "pequeno", "pequena", "sm",
                "sml",
            ],
            &[
                "medium", "regular", "normal", "middle", "standard", "mittel", "mittlere", "moyen",
                "moyenne", "mediano", "mediana", "med", "reg",
            ],
            &[
                "large", "larger", "largest", "big", "bigger", "biggest", "grande", "grand", "xl", "tall",
                "huge", "gross", "grosse", "grossen", "grosser", "grosses", "lg", "lge", "lrg",
            ],
        ];
        let options = &self.lexicon.menu().options;
        let sizes = |target| match target {
            Target::Option(id) if self.lexicon.is_size(id) => Some(id),
            _ => None,
        };
        if let Some(id) = self.whole(surface, first, end, sizes).first() {
            return options.get(usize::from(*id)).map(|option| option.name.clone());
        }
        for at in first..end.min(surface.tokens.len()) {
            let word = &surface.tokens[at];
            let mut named = None;
            self.lexicon.names_at(&surface.meant, at, |_, hit| {
                if let Target::Option(id) = hit.target
                    && self.lexicon.is_size(id)
                {
                    named = named.or(Some(id));
                }
            });
            if let Some(id) = named {
                return options.get(usize::from(id)).map(|option| option.name.clone());
            }
            let group =
                SAME.iter().find(|g| g.contains(&word.text.as_str()) || g.contains(&word.stem.as_str()));
            let equal = group.and_then(|group| {
                options.iter().find(|o| {
                    o.kind == "size" && tokens(&o.name).iter().any(|t| group.contains(&t.text.as_str()))
                })
            });
            if let Some(option) = equal {
                return Some(option.name.clone());
            }
        }
        // A restaurant that lists no options at all takes sizes as they are said.
        (!self.lexicon.has_options()).then(|| surface.words(first, end).to_lowercase())
    }

    /// Whether sizes of the menu are told by this number: "6 Piece".
    pub fn is_size_number(&self, number: u32) -> bool {
        number > 1 && self.names.size_numbers.contains(&number)
    }

    /// How many pieces are one of the item: "Hot Wings (6)".
    pub fn portion(&self, item: u16) -> Option<u32> {
        *self.names.portions.get(usize::from(item))?
    }

    /// The size by which so many pieces of the item come: "6 Piece" for six wings.
    pub fn portion_size(&self, item: u16, count: u32) -> Option<String> {
        if !*self.names.by_pieces.get(usize::from(item))? {
            return None;
        }
        let size = self.names.piece_sizes.iter().find(|(pieces, _)| *pieces == count);
        size.map(|(_, size)| size.clone())
    }

    /// The item that customers build, where there is just one: "Build Your Own Pizza".
    pub fn made_to_order(&self) -> Option<u16> {
        self.names.made_to_order
    }

    /// Whether the item has something in its name, description or category.
    pub fn has(&self, item: u16, surface: &Surface<'_>, first: usize, end: usize) -> bool {
        self.content(surface, first, end).iter().any(|c| c.word.is_some_and(|word| self.has_word(item, word)))
    }

    fn has_word(&self, item: u16, word: u32) -> bool {
        let word = self.lexicon.word(word);
        word.described.contains(&item) || word.parts.iter().any(|part| part.target == Target::Item(item))
    }

    /// What a wish is about; `item` is what it is wished for, where that is known already.
    pub fn thing(
        &self,
        surface: &Surface<'_>,
        (first, end): (usize, usize),
        op: ModifierOp,
        item: Option<u16>,
    ) -> Thing {
        let options = &self.lexicon.menu().options;
        let named_whole = |(first, end)| self.whole(surface, first, end, |target| self.option_of(target));
        let mut whole = named_whole((first, end));
        if whole.is_empty() && first + 1 < end {
            // "cheddar cheese" where the menu writes "Cheddar".
            whole = named_whole((first, end - 1));
            whole.retain(|option| is_option_head(surface.tokens.get(end - 1), *option, self.lexicon));
        }
        let end = if whole.is_empty() { self.without_kind(surface, first, end) } else { end };
        let (first, end) = match whole.is_empty() {
            true => trimmed(surface, first, end),
            false => (first, end),
        };
        if whole.is_empty() {
            whole = named_whole((first, end));
        }
        let content = self.content(surface, first, end);
        let known = |c: &Content| c.word.is_some();
        let in_house = !content.is_empty() && content.iter().all(known);
        let named = |id: u16, open: bool, part: bool| Thing {
            name: options.get(usize::from(id)).map(|o| o.name.clone()).unwrap_or_default(),
            option: true,
            in_house: true,
            open,
            part,
        };
        let own = |part: bool| {
            let name = self.own_words(surface, first, end);
            Thing { name, option: false, in_house, open: false, part }
        };
        let adds = op == ModifierOp::Add;
        let has = !adds && item.is_some_and(|item| self.has(item, surface, first, end));
        match whole.as_slice() {
            // "hold the almonds" is about those in it, not about the almond milk that the house has too.
            [id] if has && self.is_elliptic(*id, &content) => {
                let had = item.and_then(|item| self.had_option(item, &content));
                return if had == Some(*id) { named(*id, false, false) } else { own(false) };
            }
            // "no ice" is not about the option that is also called "on ice".
            [id] if !adds && self.is_only_ended(*id, surface, first, end) => return own(false),
            // "veggies" is rather the option Grilled Veggies than the option Veggie.
            [id] => {
                let rather = self.written_so(surface, first, end, *id);
                return named(rather.unwrap_or(*id), false, rather.is_some());
            }
            [id, ..] => return named(*id, true, false),
            [] => {}
        }
        // "no lettuce" is about the lettuce in it, not about the lettuce wrap that the house has too.
        if has && let Some(item) = item {
            // "no pico" where the pico de gallo in it is an option.
            return match self.had_option(item, &content) {
                Some(id) => named(id, false, false),
                None => own(false),
            };
        }
        let mut fitting = self.fitting(surface, &content, adds);
        if fitting.is_empty() {
            let told_apart: Vec<Content> =
                content.iter().copied().filter(|c| !self.is_generic(surface, c)).collect();
            if told_apart.len() < content.len() {
                fitting = self.fitting(surface, &told_apart, adds);
            }
        }
        fitting.sort_unstable();
        match fitting.as_slice() {
            [(left, id)] => named(*id, false, *left > 0),
            [(least, id), (next, _), ..] => named(*id, least == next, *least > 0),
            [] => own(false),
        }
    }

    /// "sesame bagel" where sesame, also called so, is an option and the bagel an item: both.
    pub fn item_as_option(
        &self,
        surface: &Surface<'_>,
        first: usize,
        end: usize,
        meant: &Meant,
    ) -> Option<(u16, Thing)> {
        if matches!(meant, Meant::Item { by: By::Name, .. }) || end < first + 2 {
            return None;
        }
        let [_] = self.whole(surface, first, end, |target| self.option_of(target))[..] else { return None };
        let [item] = self.whole(surface, end - 1, end, item_of)[..] else { return None };
        Some((item, self.thing(surface, (first, end), ModifierOp::Add, None)))
    }

    /// Options that have all words of a wish in their names, with how many words of the name are not among them.
    fn fitting(&self, surface: &Surface<'_>, content: &[Content], adds: bool) -> Vec<(usize, u16)> {
        let Some(last) = content.last() else { return Vec::new() };
        let fits = |id: u16| {
            let kind = self.names.kinds.get(usize::from(id))?;
            // "light ice" is no part of the option that is also called "over ice".
            let name = self.names.options.get(usize::from(id)).and_then(|names| names.first())?;
            let named =
                |c: &Content| c.word.is_some_and(|w| self.names_option(w, id) && (adds || name.contains(&w)));
            // "cheddar cheese" is the option Cheddar of the kind cheese.
            let of_kind = |c: &Content| *kind == surface.tokens[c.at].stem;
            let has = |c: &Content| named(c) || (of_kind(c) && content.iter().any(named));
            let whole = content.iter().all(has) && (adds || of_kind(last) || self.ends_with(id, last.word));
            whole.then(|| (self.unsaid(id, content), id))
        };
        let options = (0..self.names.options.len() as u16).filter(|id| !self.lexicon.is_size(*id));
        options.filter_map(fits).collect()
    }

    /// The option that is meant, unless it is a size.
    fn option_of(&self, target: Target) -> Option<u16> {
        match target {
            Target::Option(id) if !self.lexicon.is_size(id) => Some(id),
            _ => None,
        }
    }

    /// The only option whose name ends with a word just as it is written, where this one's name does not.
    fn written_so(&self, surface: &Surface<'_>, first: usize, end: usize, option: u16) -> Option<u16> {
        let written = surface.tokens.get(end.checked_sub(1)?).filter(|token| token.text != token.stem)?;
        let last = |id: u16| self.names.option_ends.get(usize::from(id)).map(String::as_str);
        let aliases = &self.lexicon.menu().options.get(usize::from(option))?.aliases;
        let so = |id: &u16| last(*id) == Some(written.text.as_str());
        if first + 1 != end || so(&option) || aliases.iter().any(|alias| alias.to_lowercase() == written.text)
        {
            return None;
        }
        let mut others = (0..self.names.options.len() as u16).filter(so);
        others.next().filter(|_| others.next().is_none())
    }

    /// The only option that has all of the words in its name, where the item has all words of that name.
    fn had_option(&self, item: u16, content: &[Content]) -> Option<u16> {
        let has = |word: &u32| self.has_word(item, *word);
        let mut found = (0..self.names.options.len() as u16).filter(|id| {
            let name = self.names.options.get(usize::from(*id)).and_then(|names| names.first());
            !self.lexicon.is_size(*id)
                && name.is_some_and(|name| {
                    name.iter().all(has)
                        && content.iter().all(|c| c.word.is_some_and(|word| name.contains(&word)))
                })
        });
        found.next().filter(|_| found.next().is_none())
    }

    /// The end of a phrase without the kind of option that it closes with: "salted caramel ice cream".
    fn without_kind(&self, surface: &Surface<'_>, first: usize, end: usize) -> usize {
        let two = end.checked_sub(2).filter(|at| *at > first);
        let is_kind = |at: &usize| {
            let [one, other] = &surface.tokens[*at..end] else { return false };
            self.names.kinds.iter().any(|kind| kind.strip_prefix(&one.text) == Some(other.stem.as_str()))
        };
        two.filter(is_kind).unwrap_or(end)
    }

    /// Whether an option has the words only at the end of a longer alias, as "iced" has "ice" in "on ice".
    fn is_only_ended(&self, option: u16, surface: &Surface<'_>, first: usize, end: usize) -> bool {
        let name = self.names.options.get(usize::from(option)).and_then(|names| names.first());
        let Some(option) = self.lexicon.menu().options.get(usize::from(option)) else { return false };
        let said: Vec<&String> = surface.tokens[first..end].iter().map(|token| &token.stem).collect();
        let mut content = self.content(surface, first, end).into_iter();
        let named = content.any(|c| c.word.is_some_and(|word| name.is_some_and(|name| name.contains(&word))));
        let ends = |alias: &String| {
            let words = tokens(alias);
            words
                .len()
                .checked_sub(said.len())
                .map(|more| (more, said.iter().copied().eq(words[more..].iter().map(|w| &w.stem))))
        };
        let mut ended = option.aliases.iter().filter_map(ends).filter(|(_, ends)| *ends).peekable();
        !named && ended.peek().is_some() && ended.all(|(more, _)| more > 0)
    }

    /// Whether the words leave out what the option is: "almond" of "Almond Milk".
    fn is_elliptic(&self, option: u16, content: &[Content]) -> bool {
        let name = self.names.options.get(usize::from(option)).and_then(|names| names.first());
        name.is_some_and(|name| {
            let said = |word: &u32| content.iter().any(|c| c.word == Some(*word));
            name.last().is_some_and(|last| !said(last)) && name.iter().any(said)
        })
    }

    fn names_option(&self, word: u32, option: u16) -> bool {
        self.lexicon.word(word).parts.iter().any(|part| part.target == Target::Option(option))
    }

    /// Words of an option's name that tell it from others and are not among the words.
    fn unsaid(&self, option: u16, content: &[Content]) -> usize {
        let said = |w: &u32| content.iter().any(|c| c.word == Some(*w));
        let names = self.names.options.get(usize::from(option)).into_iter().flatten();
        let left =
            names.map(|name| name.iter().filter(|w| !said(w) && !self.names.plain.contains(w)).count());
        left.min().unwrap_or(0)
    }

    /// "sauce", "cheese": what a thing is, not which.
    fn is_generic(&self, surface: &Surface<'_>, content: &Content) -> bool {
        let stem = &surface.tokens[content.at].stem;
        surface.marks[content.at].classes.has(Classes::GENERIC)
            || text::food::food().is_kind(stem)
            || self.names.kinds.contains(stem)
    }

    /// Several wishes in a row, "lettuce cheese olives", as one for each, where every word belongs to one of them.
    pub fn several(
        &self,
        surface: &Surface<'_>,
        (first, end): (usize, usize),
        op: ModifierOp,
    ) -> Option<Vec<(Thing, (usize, usize))>> {
        const LONGEST: usize = 4;
        let mut found = Vec::new();
        let mut at = first;
        while at < end {
            let mark = &surface.marks[at];
            if !mark.shape.is_food() && mark.classes.has(Classes::JOIN.or(Classes::WITH)) {
                at += 1;
                continue;
            }
            let part = (at + 1..=end.min(at + LONGEST)).rev().find_map(|until| {
                let thing = self.thing(surface, (at, until), op, None);
                (thing.option && !thing.open && until - at < end - first).then_some((thing, (at, until)))
            })?;
            at = part.1.1;
            found.push(part);
        }
        (found.len() > 1).then_some(found)
    }

    /// Several items in a row, "doritos, water" without the comma.
    pub fn several_items(
        &self,
        surface: &Surface<'_>,
        first: usize,
        end: usize,
    ) -> Option<Vec<(u16, (usize, usize))>> {
        let mut found = Vec::new();
        let mut at = first;
        while at < end {
            let part = (at + 1..=end).rev().find_map(|until| match self.item(surface, at, until, &[]) {
                Meant::Item { item, by: By::Name | By::Part | By::Plain } if until - at < end - first => {
                    Some((item, (at, until)))
                }
                _ => None,
            })?;
            at = part.1.1;
            found.push(part);
        }
        (found.len() > 1).then_some(found)
    }

    /// Whether the name or an alias of an option ends with a word.
    fn ends_with(&self, option: u16, word: Option<u32>) -> bool {
        let names = self.names.options.get(usize::from(option)).into_iter().flatten();
        word.is_some() && names.into_iter().any(|name| name.last().copied() == word)
    }

    /// The customer's words without the little ones around them.
    pub fn own_words(&self, surface: &Surface<'_>, first: usize, end: usize) -> String {
        const LITTLE: Classes = Classes(Classes::ARTICLE.0 | Classes::JOIN.0);
        let mut first = first;
        while first + 1 < end
            && !surface.marks[first].shape.is_food()
            && surface.marks[first].classes.has(LITTLE)
        {
            first += 1;
        }
        surface.words(first, end).to_lowercase()
    }

    /// Whether a word of the phrase was only guessed.
    pub fn guessed(&self, surface: &Surface<'_>, first: usize, end: usize) -> bool {
        surface.marks[first..end.min(surface.marks.len())]
            .iter()
            .any(|mark| mark.known.is_some_and(|known| known.how == How::Guess))
    }

    /// Words of the phrase that are neither on the menu nor of the language.
    pub fn strange(&self, surface: &Surface<'_>, first: usize, end: usize) -> Vec<usize> {
        self.content(surface, first, end).iter().filter(|c| c.word.is_none()).map(|c| c.at).collect()
    }
}

fn item_of(target: Target) -> Option<u16> {
    match target {
        Target::Item(id) => Some(id),
        Target::Option(_) => None,
    }
}

/// A wish without "without" before it and "instead" behind it.
fn trimmed(surface: &Surface<'_>, mut first: usize, mut end: usize) -> (usize, usize) {
    const BEFORE: Classes =
        Classes(Classes::REMOVE.0 | Classes::WITH.0 | Classes::ARTICLE.0 | Classes::JOIN.0);
    const BEHIND: Classes =
        Classes(Classes::INSTEAD.0 | Classes::PLEASE.0 | Classes::JOIN.0 | Classes::WITH.0);
    let little = |at: usize, classes: Classes| {
        let mark = &surface.marks[at];
        mark.classes.has(classes) && !mark.shape.is_name()
    };
    while first + 1 < end && little(first, BEFORE) {
        first += 1;
    }
    while first + 1 < end && little(end - 1, BEHIND) {
        end -= 1;
    }
    (first, end)
}

/// Words of a phrase that say nothing about which item it is.
const SILENT: Classes = Classes(
    Classes::ARTICLE.0
        | Classes::DECORATION.0
        | Classes::CONTAINER.0
        | Classes::JOIN.0
        | Classes::PLEASE.0
        | Classes::FILLER.0
        | Classes::GENERIC.0
        | Classes::WITH.0
        | Classes::PRONOUN.0
        | Classes::SIZE.0
        | Classes::REQUEST.0,
);

#[derive(Debug, Clone, Copy)]
struct Candidate {
    item: u16,
    /// Words of the phrase that name, description or category has.
    explained: usize,
    /// Words of the phrase that the name has.
    named: usize,
}
