//! What is written to Discord: from a registered event to the payload of a webhook, without any I/O.

use contracts::{
    Candidate, Category, EnquiryTopic, Message, Modifier, ModifierOp, Proposal, Registered, RegisteredLine,
    RegisteredOrder, Registration, ValidatedLine, Verdict,
};
use serde_json::{Value, json};

use crate::markdown::{escape, escape_line, length, quote};

/// Discord's limits, in characters, which hold for the message as a whole or it is refused.
mod limit {
    pub const DESCRIPTION: usize = 4096;
    pub const FIELDS: usize = 25;
    pub const VALUE: usize = 1024;
    pub const EMBED: usize = 6000;
}

/// How much of the embed's 6000 the list of a long order may take; the rest is for words and reason.
const LIST: usize = 3800;
const REASON: usize = 400;

/// What is settable about the notifications' looks.
#[derive(Debug, Clone)]
pub struct Style {
    /// A sign (`$`, `€`), printed before the amount, or a code (`EUR`), printed after it.
    pub currency: String,
}

impl Style {
    fn money(&self, cents: i64) -> String {
        let sign = if cents < 0 { "-" } else { "" };
        let amount = format!("{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
        let currency = escape_line(&self.currency, 8);
        if currency.chars().all(char::is_alphabetic) && !currency.is_empty() {
            format!("{sign}{amount} {currency}")
        } else {
            format!("{sign}{currency}{amount}")
        }
    }
}

/// The payload that tells of this event, with the answer that is proposed to an enquiry.
pub fn compose(
    event: &Registered,
    proposal: Option<&Proposal>,
    style: &Style,
    possible_repeat: bool,
) -> Value {
    let message = &event.message;
    let (subject, mut embed) = match &event.registration {
        Registration::Order { order } => (format!("order {}", order.number), of_order(order, event, style)),
        Registration::Review { number, lines } => {
            (format!("review {number}"), of_review(*number, lines, event, style))
        }
        Registration::Enquiry { number, topic, proposed_reply } => {
            let reply = proposed_reply.as_deref();
            (format!("enquiry {number}"), of_enquiry(*number, *topic, proposal, reply, event))
        }
        Registration::Misc => (format!("message {}", message.id), of_misc(event)),
    };
    let mut payload = json!({ "allowed_mentions": { "parse": [] } });
    if possible_repeat {
        embed.title = format!("POSSIBLE REPEAT: {}", embed.title);
        payload["content"] = json!(format!(
            "⚠️ **Possible repeat** of {subject}: it may have been shown here before. \
             Look for the same number before you act on it."
        ));
    }
    payload["embeds"] = json!([embed.into_json(message)]);
    payload
}

/// The payload that shows an owner that a webhook works, and for what it is used.
pub fn trial(categories: &[Category]) -> Value {
    let names: Vec<&str> = categories.iter().map(|category| category.as_str()).collect();
    json!({
        "allowed_mentions": { "parse": [] },
        "content": format!("GreenBite can post here. What comes: {}.", names.join(", ")),
    })
}

fn of_order(order: &RegisteredOrder, event: &Registered, style: &Style) -> Embed {
    let number = order.number;
    let heading = format!("# Order {number}");
    let total = format!("\n## Total {}", style.money(order.total_cents));
    let blocks: Vec<String> = order.lines.iter().map(|line| order_line(line, style)).collect();
    let room = LIST - length(&heading) - length(&total);
    let list =
        as_many_as_fit(&blocks, room, |left| format!("\n### … and {left} more items, see order {number}"));

    let pieces: u64 = order.lines.iter().map(|line| u64::from(line.quantity)).sum();
    let items = if pieces == 1 { "item" } else { "items" };
    let title = format!("Order {number} · {pieces} {items} · {}", style.money(order.total_cents));
    let mut embed = Embed::new(title, 0x2e_9e_4f);
    embed.description = format!("{heading}{list}{total}");
    embed.words(&event.message);
    embed.reason(&event.reason);
    embed
}

/// Two lines that stand out: what to make, and under it what is different about it.
fn order_line(line: &RegisteredLine, style: &Style) -> String {
    let name = escape_line(&line.item, 160);
    let size = line.size.as_deref().map(|size| format!(", {}", escape_line(size, 40))).unwrap_or_default();
    let mut block = format!("\n### {} × {name}{size}\n", line.quantity);
    if !line.modifiers.is_empty() {
        block += &format!("**{}**\n", wishes(&line.modifiers, 600));
    }
    block + &style.money(line.total_cents)
}

fn wishes(modifiers: &[Modifier], room: usize) -> String {
    let wishes: Vec<String> = modifiers
        .iter()
        .enumerate()
        .map(|(index, modifier)| {
            let name = escape_line(&modifier.name, 80);
            let wish = match modifier.op {
                ModifierOp::Add => format!("ADD {name}"),
                ModifierOp::Remove => format!("NO {name}"),
                ModifierOp::Extra => format!("EXTRA {name}"),
                ModifierOp::Light => format!("LIGHT ON {name}"),
                ModifierOp::Note => format!("NOTE: {name}"),
            };
            if index == 0 { wish } else { format!(" · {wish}") }
        })
        .collect();
    as_many_as_fit(&wishes, room, |left| format!(" · … and {left} MORE WISHES, see the customer's words"))
}

fn of_review(number: i64, lines: &[ValidatedLine], event: &Registered, style: &Style) -> Embed {
    let mut embed = Embed::new(format!("Review {number} · please decide"), 0xf0_a8_1a);
    let words = quote(&event.message.text, 1500, &see(&event.message));
    embed.description = format!("# Review {number}\n{words}");
    embed.reason(&event.reason);
    let certain: Vec<String> = lines
        .iter()
        .filter(|line| line.verdict == Verdict::Accepted)
        .enumerate()
        .map(|(index, line)| format!("{}{}", if index == 0 { "" } else { "\n" }, certain_line(line)))
        .collect();
    if !certain.is_empty() {
        let list = as_many_as_fit(&certain, 700, |left| format!("\n… and {left} more"));
        embed.field("Beyond doubt", list);
    }
    let open: Vec<&ValidatedLine> = lines.iter().filter(|line| line.verdict != Verdict::Accepted).collect();
    let more = |left: usize| ("More".to_owned(), format!("… and {left} more items, see review {number}"));
    for (index, line) in open.iter().enumerate() {
        let (name, value) = open_line(line, style);
        let (more_name, more_value) = more(open.len() - index);
        // Room for this one, and, unless it is the last, for the word that there are more.
        let last = index + 1 == open.len();
        let reserve = if last { 0 } else { length(&more_name) + length(&more_value) };
        let fits = embed.room() >= length(&name) + length(&value) + reserve;
        if !fits || embed.fields.len() + usize::from(!last) >= limit::FIELDS {
            embed.field(&more_name, more_value);
            break;
        }
        embed.field(&name, value);
    }
    embed
}

fn certain_line(line: &ValidatedLine) -> String {
    let name = line.matched.as_ref().map_or(line.line.phrase.as_str(), |item| item.name.as_str());
    format!("**{} × {}**{}", line.line.quantity, escape_line(name, 120), size_and_wishes(line))
}

fn size_and_wishes(line: &ValidatedLine) -> String {
    let size = line.line.size.as_deref().map(|size| format!(", {}", escape_line(size, 40)));
    let wishes =
        (!line.line.modifiers.is_empty()).then(|| format!(", **{}**", wishes(&line.line.modifiers, 150)));
    size.unwrap_or_default() + &wishes.unwrap_or_default()
}

/// A line that somebody has to decide: the customer's phrase, why it is open, what it may mean.
fn open_line(line: &ValidatedLine, style: &Style) -> (String, String) {
    let mark = if line.verdict == Verdict::Rejected { " (not on the menu)" } else { "" };
    let name = format!("{} × “{}”{mark}", line.line.quantity, escape_line(&line.line.phrase, 120));
    let mut value = escape(&line.reason, 160);
    let details = size_and_wishes(line);
    if let Some(details) = details.strip_prefix(", ") {
        value += &format!("\n{details}");
    }
    if !line.line.doubts.is_empty() {
        value += &format!("\nNot sure: {}", escape_line(&line.line.doubts.join("; "), 100));
    }
    for (place, candidate) in line.candidates.iter().take(2).enumerate() {
        value += &candidate_lines(place + 1, candidate, style);
    }
    (name, value)
}

fn candidate_lines(place: usize, candidate: &Candidate, style: &Style) -> String {
    let name = escape_line(&candidate.name, 70);
    let price = style.money(candidate.price_cents);
    let fit = (candidate.score.clamp(0.0, 1.0) * 100.0).round();
    let description = escape_line(&candidate.description, 120);
    format!("\n**{place}. {name}** · {price} · fits {fit:.0} %\n{description}")
}

/// With the answerer's proposal, or without it the validator's reply, where there is one.
fn of_enquiry(
    number: i64,
    topic: EnquiryTopic,
    proposal: Option<&Proposal>,
    reply: Option<&str>,
    event: &Registered,
) -> Embed {
    let topic = match topic {
        EnquiryTopic::Menu => "the menu",
        EnquiryTopic::Price => "prices",
        EnquiryTopic::Hours => "opening hours",
        EnquiryTopic::PickUp => "pick-up, delivery, tables",
        EnquiryTopic::Status => "where an order is",
        EnquiryTopic::Other => "something else",
    };
    let mut embed = Embed::new(format!("Enquiry {number} · {topic}"), 0x3b_82_c4);
    embed.description =
        format!("# Enquiry {number}\n{}", quote(&event.message.text, 3000, &see(&event.message)));
    if let Some(reply) = proposal.map(|proposal| proposal.text.as_str()).or(reply) {
        embed.field("Proposed answer", escape(reply, limit::VALUE));
    }
    if let Some(proposal) = proposal {
        embed.field("Where it comes from", escape(&proposal.comes_from(), 200));
        if proposal.careful {
            embed.field("About health", "Confirm it before the customer gets it.".to_owned());
        }
    }
    embed.reason(&event.reason);
    embed
}

fn of_misc(event: &Registered) -> Embed {
    let mut embed = Embed::new(format!("Message {}", event.message.id), 0x8a_8f_98);
    embed.description = quote(&event.message.text, limit::DESCRIPTION, &see(&event.message));
    embed.reason(&event.reason);
    embed
}

fn see(message: &Message) -> String {
    format!("cut, see message {}", message.id)
}

/// The blocks if they fit, else as many as leave room to say how many are left out.
fn as_many_as_fit(blocks: &[String], room: usize, left_out: impl Fn(usize) -> String) -> String {
    let whole: usize = blocks.iter().map(|block| length(block)).sum();
    if whole <= room {
        return blocks.concat();
    }
    let mut text = String::new();
    let mut used = 0;
    for (index, block) in blocks.iter().enumerate() {
        let left = left_out(blocks.len() - index);
        // The hint only gets shorter from here on, so whatever follows finds its room too.
        let next = left_out(blocks.len() - index - 1);
        if used + length(block) + length(&next) > room {
            return text + &left;
        }
        text += block;
        used += length(block);
    }
    text
}

/// One embed within Discord's limits.
struct Embed {
    title: String,
    description: String,
    colour: u32,
    fields: Vec<(String, String)>,
}

impl Embed {
    fn new(title: String, colour: u32) -> Self {
        Embed { title, description: String::new(), colour, fields: Vec::new() }
    }

    /// Discord refuses a field without a value, so there is none.
    fn field(&mut self, name: &str, value: String) {
        if !value.trim().is_empty() {
            self.fields.push((name.to_owned(), value));
        }
    }

    fn words(&mut self, message: &Message) {
        self.field("The customer wrote", quote(&message.text, limit::VALUE, &see(message)));
    }

    fn reason(&mut self, reason: &str) {
        self.field("Why", escape(reason, REASON));
    }

    /// Characters that are left of what Discord takes, with the mark of a repeat and the footer set aside.
    fn room(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(name, value)| length(name) + length(value)).sum();
        (limit::EMBED - 100).saturating_sub(length(&self.title) + length(&self.description) + fields)
    }

    fn into_json(self, message: &Message) -> Value {
        let footer = match message.generation {
            0 | 1 => format!("GreenBite · message {}", message.id),
            again => format!("GreenBite · message {} · repaired, publication {again}", message.id),
        };
        let fields: Vec<Value> =
            self.fields.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        json!({
            "title": self.title,
            "description": self.description,
            "color": self.colour,
            "fields": fields,
            "footer": { "text": footer },
            // Discord shows it beside the footer, in each reader's own time zone.
            "timestamp": message.received_at.to_rfc3339(),
        })
    }
}
