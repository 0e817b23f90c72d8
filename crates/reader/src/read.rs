//! The decision over a message: its kind, its lines, and what a person has to be asked about.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use contracts::{EnquiryTopic, Modifier, ModifierOp, OrderLine};
use menu::{Lexicon, Menu};

use crate::order::{Line, Order};
use crate::resolve::{Meant, Names, Resolver};
use crate::rules::classify::{Classification, classify_reading};
use crate::rules::extract::{Bounds, Extraction, extract_from};
use crate::second::Second;
use crate::surface::Surface;
use crate::trust::{self, unexplained};
use crate::weights::Weights;
use crate::{Kind, Observed, kind_of, kinds, observe, signs_of};

/// What the line makes of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// What it is.
    pub kind: Kind,
    /// On an enquiry: what about.
    pub topic: Option<EnquiryTopic>,
    /// ISO 639-1 code of its language.
    pub language: String,
    /// Why it is that, in a cook's words.
    pub kind_reason: String,
    /// The lines of an order; a line with doubts needs a person.
    pub lines: Vec<OrderLine>,
    /// What was read, in one sentence.
    pub reason: String,
    /// How likely the lines are right, from 0 to 1.
    pub trust: f32,
}

/// Why an order needs a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// Nothing is ordered.
    Nothing,
    /// Something is ordered that is not sold.
    Unsold,
    /// A part that fits nothing.
    Misfit(String),
    /// It is open which item is meant.
    Open,
    /// More pieces or lines than anybody orders.
    Many,
    /// Something on an item that the house has nowhere.
    NoSuch(String),
    /// Words that nobody could explain.
    Unexplained(Vec<String>),
    /// It can be read in more than one way.
    Unsure,
}

impl Doubt {
    /// In a cook's words.
    pub fn reason(&self) -> String {
        match self {
            Doubt::Nothing => "No item could be read".to_owned(),
            Doubt::Unsold => "Something in it is not on the menu".to_owned(),
            Doubt::Misfit(what) => format!("It is not clear what this belongs to: {what}"),
            Doubt::Open => "It is open which item is meant".to_owned(),
            Doubt::Many => "It is more than anybody orders without a look".to_owned(),
            Doubt::NoSuch(what) => format!("\"{what}\" stands nowhere on the menu"),
            Doubt::Unexplained(words) => format!("Nobody could explain \"{}\"", words.join("\", \"")),
            Doubt::Unsure => "It can be read in more than one way".to_owned(),
        }
    }
}

/// Why an observed order needs a person, whatever it is trusted; the gravest reason first.
pub fn doubt(observed: &Observed, surface: &Surface<'_>, bounds: Bounds) -> Option<Doubt> {
    let order = &observed.order;
    let wishes = || order.lines.iter().flat_map(|line| &line.wishes);
    let strange =
        |wish: &&crate::order::Wish| wish.op == ModifierOp::Add && !wish.thing.option && !wish.thing.in_house;
    if order.lines.is_empty() && order.unsold.is_empty() {
        return Some(Doubt::Nothing);
    }
    if let Some(misfit) = order.misfits.first() {
        return Some(Doubt::Misfit(misfit.clone()));
    }
    if let Some(wish) = wishes().find(strange) {
        return Some(Doubt::NoSuch(wish.thing.name.clone()));
    }
    let words = unexplained(surface, &observed.tags);
    if !words.is_empty() {
        let words = words.iter().map(|at| surface.words(*at, at + 1).to_owned()).collect();
        return Some(Doubt::Unexplained(words));
    }
    if order.lines.len() > bounds.lines
        || order.lines.iter().any(|line| line.count > bounds.quantity || line.count == 0)
    {
        return Some(Doubt::Many);
    }
    if !order.unsold.is_empty() {
        return Some(Doubt::Unsold);
    }
    order.lines.iter().any(|line| !matches!(line.meant, Meant::Item { .. })).then_some(Doubt::Open)
}

/// Reads messages to one restaurant.
#[derive(Debug)]
pub struct Reader {
    /// The menu with what everybody calls its food.
    lexicon: Lexicon,
    names: Names,
    weights: Arc<Weights>,
}

impl Reader {
    /// For a menu, by the weights that this program was built with.
    pub fn new(menu: impl Into<Arc<Menu>>) -> Reader {
        let lexicon = Lexicon::with_common_names(menu);
        Reader { names: Names::of(&lexicon), lexicon, weights: own_weights() }
    }

    /// Reads a message. The same text is always read the same.
    pub fn read(&self, text: &str, bounds: Bounds) -> Read {
        let reading = self.lexicon.read(text);
        let by_rules = classify_reading(&reading, &self.lexicon);
        let extraction = extract_from(&reading, &self.lexicon, bounds);
        let second = Second::of(by_rules.kind, &extraction.lines);
        if reading.tokens.len() > LONGEST {
            return too_long(by_rules, extraction);
        }
        let surface = Surface::of(text, &self.lexicon);
        let resolver = Resolver::new(&self.lexicon, &self.names);
        let observed = observe(&surface, &resolver, &self.weights, &second);
        let scores = kinds(&surface, &observed, &self.weights, &second);
        let (kind, odds) = kind_of(&surface, &scores);
        let signs = signs_of(&surface, &resolver, &observed, odds, &second);
        let trust = trust::weigh(&signs, &self.weights.trust);
        let doubt = doubt(&observed, &surface, bounds)
            .or((!self.weights.gate.lets_through(trust, odds)).then_some(Doubt::Unsure));
        let mut read = Read {
            kind,
            topic: by_rules.topic.or((kind == Kind::Enquiry).then_some(EnquiryTopic::Other)),
            language: by_rules.language.clone(),
            kind_reason: kind_reason(kind, &by_rules),
            lines: Vec::new(),
            reason: extraction.reason.clone(),
            trust,
        };
        if kind != Kind::Enquiry {
            read.topic = None;
        }
        if kind == Kind::Order {
            read.lines = self.lines(&resolver, &observed, extraction, doubt);
            if let [_, ..] = read.lines.as_slice() {
                read.reason = told(&read.lines);
            }
        }
        read
    }

    /// The lines of an order, each with what speaks against it.
    fn lines(
        &self,
        resolver: &Resolver<'_>,
        observed: &Observed,
        extraction: Extraction,
        doubt: Option<Doubt>,
    ) -> Vec<OrderLine> {
        let Order { lines, unsold, .. } = &observed.order;
        let strange = unsold.iter().map(|phrase| line_of(phrase.clone()));
        let mut lines: Vec<OrderLine> =
            lines.iter().map(|line| order_line(resolver, line)).chain(strange).collect();
        // What is not sold, or open, is the menu's to say: it may know it by meaning.
        let doubt = doubt.filter(|doubt| !matches!(doubt, Doubt::Unsold | Doubt::Open));
        if lines.is_empty() {
            lines = extraction.lines;
        }
        if let (Some(doubt), Some(first)) = (doubt, lines.first_mut())
            && first.doubts.is_empty()
        {
            first.doubts.push(doubt.reason());
        }
        lines
    }
}

/// Words of a message that is read as a whole; nobody orders in more.
const LONGEST: usize = 400;

/// What rules read, for a person to look at.
fn too_long(by_rules: Classification, extraction: Extraction) -> Read {
    let mut lines = if by_rules.kind == Kind::Order { extraction.lines } else { Vec::new() };
    if let Some(first) = lines.first_mut() {
        first.doubts.push("The message is too long to be sure of".to_owned());
    }
    Read {
        kind: by_rules.kind,
        topic: by_rules.topic,
        language: by_rules.language,
        kind_reason: by_rules.reason,
        lines,
        reason: extraction.reason,
        trust: 0.0,
    }
}

/// "Read 2 × "cola", 1 × "fries"".
fn told(lines: &[OrderLine]) -> String {
    let read: Vec<String> =
        lines.iter().take(5).map(|l| format!("{} \u{d7} \"{}\"", l.quantity, l.phrase)).collect();
    format!("Read {}", read.join(", "))
}

fn kind_reason(kind: Kind, by_rules: &Classification) -> String {
    match kind {
        kind if kind == by_rules.kind => by_rules.reason.clone(),
        Kind::Order => "It reads like an order".to_owned(),
        Kind::Enquiry => "It reads like a question to us".to_owned(),
        Kind::Misc => "It neither orders anything nor asks".to_owned(),
    }
}

fn line_of(phrase: String) -> OrderLine {
    OrderLine { phrase, quantity: 1, size: None, modifiers: Vec::new(), item: None, doubts: Vec::new() }
}

fn order_line(resolver: &Resolver<'_>, line: &Line) -> OrderLine {
    /// More of one wish is nobody's.
    const MOST_DOSES: u32 = 9;
    let modifiers = line.wishes.iter().flat_map(|wish| {
        let modifier = Modifier { op: wish.op, name: wish.thing.name.clone() };
        std::iter::repeat_n(modifier, wish.doses.min(MOST_DOSES) as usize)
    });
    let mut out = OrderLine {
        quantity: line.count.max(1),
        size: line.size.clone(),
        modifiers: modifiers.collect(),
        ..line_of(line.phrase.clone())
    };
    match &line.meant {
        Meant::Item { item, .. } => out.item = Some(resolver.item_name(*item).to_owned()),
        Meant::Open(items) if items.len() > 1 => {
            let names: Vec<&str> = items.iter().take(3).map(|item| resolver.item_name(*item)).collect();
            out.doubts.push(format!("\"{}\" may be {}", line.phrase, names.join(" or ")));
        }
        _ => {}
    }
    out
}

/// The weights that this program was built with.
pub fn own_weights() -> Arc<Weights> {
    static WEIGHTS: OnceLock<Arc<Weights>> = OnceLock::new();
    // A test reads them; weights that can't be read would leave every order to a person, never stop the line.
    let read = || {
        Arc::new(Weights::from_bytes(include_bytes!("../weights.bin")).unwrap_or_else(|_| Weights::none()))
    };
    Arc::clone(WEIGHTS.get_or_init(read))
}

/// The reader for whatever menu is current.
#[derive(Debug, Default)]
pub struct Readers {
    current: Mutex<Option<Arc<Reader>>>,
}

impl Readers {
    /// For this menu; compiled when it is a new one.
    pub fn for_menu(&self, lexicon: &Lexicon) -> Arc<Reader> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match current.as_ref().filter(|reader| reader.lexicon.version() == lexicon.version()) {
            Some(reader) => Arc::clone(reader),
            None => {
                let reader = Arc::new(Reader::new(Arc::clone(lexicon.menu())));
                *current = Some(Arc::clone(&reader));
                reader
            }
        }
    }
}
