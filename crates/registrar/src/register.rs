//! What is written of an event.

use contracts::{
    Classified, EnquiryTopic, Extracted, Message, RegisteredLine, TrailEntry, Validated, ValidatedLine,
    Verdict,
};
use serde::{Deserialize, Serialize};
use store::enquiries::NewEnquiry;
use store::orders::{NewLine, NewOrder};
use store::reviews::NewReview;

/// An event that contradicts itself: whoever published it has a bug, and no retry helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// An order of nothing.
    #[error("an accepted order without lines")]
    NoLines,
    /// A line that is not accepted, and that no person accepted either.
    #[error("an accepted order with a line that is not accepted: line {0}")]
    NotAccepted(usize),
    /// A line of which nobody knows what it is.
    #[error("an accepted order whose line {0} names no item of the menu")]
    NoItem(usize),
    /// A quantity of nothing, or more than anybody can cook.
    #[error("line {0} has a quantity that no kitchen can make")]
    Quantity(usize),
    /// A price below nothing, or an amount that does not fit.
    #[error("line {0} has a price or a total that is no amount of money")]
    Amount(usize),
}

/// An accepted order: its lines with the menu's prices, and what they come to.
pub fn order(event: &Validated) -> Result<NewOrder, Flaw> {
    if event.lines.is_empty() {
        return Err(Flaw::NoLines);
    }
    let mut lines = Vec::with_capacity(event.lines.len());
    let mut total_cents = 0_i64;
    for (line, number) in event.lines.iter().zip(1..) {
        if line.verdict != Verdict::Accepted && event.settled.is_none() {
            return Err(Flaw::NotAccepted(number));
        }
        let new = order_line(line, number)?;
        total_cents = total_cents.checked_add(new.line.total_cents).ok_or(Flaw::Amount(number))?;
        lines.push(new);
    }
    Ok(NewOrder {
        message_id: event.message.id,
        customer: event.message.customer.clone(),
        lines,
        total_cents,
        menu_version: event.menu_version.clone(),
        reason: event.reason.clone(),
        settled: event.settled.clone(),
    })
}

fn order_line(line: &ValidatedLine, number: usize) -> Result<NewLine, Flaw> {
    let item = line.matched.as_ref().ok_or(Flaw::NoItem(number))?;
    // The column's type is the limit.
    let quantity = i32::try_from(line.line.quantity).ok().filter(|quantity| *quantity > 0);
    let quantity = quantity.ok_or(Flaw::Quantity(number))?;
    let unit_price_cents = Some(item.unit_price_cents).filter(|cents| *cents >= 0);
    let unit_price_cents = unit_price_cents.ok_or(Flaw::Amount(number))?;
    let total_cents = unit_price_cents.checked_mul(quantity.into()).ok_or(Flaw::Amount(number))?;
    Ok(NewLine {
        phrase: line.line.phrase.clone(),
        line: RegisteredLine {
            item: item.name.clone(),
            slug: item.slug.clone(),
            quantity: line.line.quantity,
            size: line.line.size.clone(),
            modifiers: line.line.modifiers.clone(),
            unit_price_cents,
            total_cents,
        },
    })
}

/// An order that a person has to decide about, with everything that the person needs to see.
pub fn review(event: &Validated) -> NewReview {
    NewReview {
        message_id: event.message.id,
        lines: event.lines.clone(),
        reason: event.reason.clone(),
        menu_version: event.menu_version.clone(),
    }
}

/// An order of something that is not on the menu: an enquiry about the menu, with an answer proposed.
///
/// Nothing is proposed to somebody who speaks of what makes him ill: what comes closest may be just that.
pub fn rejected(event: &Validated) -> NewEnquiry {
    let health = text::health::speaks_of_health(&event.message.text);
    NewEnquiry {
        message_id: event.message.id,
        topic: EnquiryTopic::Menu,
        reason: event.reason.clone(),
        proposed_reply: event.proposed_reply.clone().filter(|_| !health),
        not_on_menu: event
            .lines
            .iter()
            .filter(|line| line.verdict == Verdict::Rejected)
            .map(|line| line.line.phrase.clone())
            .collect(),
        closest: closest(event).filter(|_| !health),
        settled: event.settled.clone(),
    }
}

/// The item that the proposed reply names in place of what is not on the menu.
fn closest(event: &Validated) -> Option<String> {
    let reply = event.proposed_reply.as_deref()?;
    let rejected = event.lines.iter().filter(|line| line.verdict == Verdict::Rejected);
    let mut names = rejected.flat_map(|line| &line.candidates).map(|candidate| &candidate.name);
    names.find(|name| reply.contains(name.as_str())).cloned()
}

/// Something like an order, of which nobody can say what is wanted.
pub fn unclear(event: &Extracted) -> NewEnquiry {
    let reason = reason(&event.trail, "sounds like an order, but no item could be read from it");
    NewEnquiry {
        message_id: event.message.id,
        topic: EnquiryTopic::Other,
        reason,
        proposed_reply: None,
        not_on_menu: Vec::new(),
        closest: None,
        settled: None,
    }
}

/// A question.
pub fn enquiry(event: &Classified) -> NewEnquiry {
    NewEnquiry {
        message_id: event.message.id,
        topic: event.topic.unwrap_or(EnquiryTopic::Other),
        reason: reason(&event.trail, "asks for an answer"),
        proposed_reply: None,
        not_on_menu: Vec::new(),
        closest: None,
        settled: None,
    }
}

/// One line of the file of miscellaneous messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MiscellaneousLine {
    /// The message, as its row has it.
    #[serde(flatten)]
    pub message: Message,
    /// Why it is neither order nor enquiry.
    pub reason: String,
}

/// What is neither order nor enquiry.
pub fn miscellaneous(event: &Classified) -> MiscellaneousLine {
    let reason = reason(&event.trail, "neither an order nor an enquiry");
    MiscellaneousLine { message: event.message.clone(), reason }
}

/// The reason that the station before gave.
fn reason(trail: &[TrailEntry], otherwise: &str) -> String {
    let given = trail.last().map(|entry| entry.decision.reason.as_str()).filter(|reason| !reason.is_empty());
    given.unwrap_or(otherwise).to_owned()
}

#[cfg(test)]
mod tests {
    use contracts::{Decision, MatchedItem, MessageId, OrderLine, Service, Settlement};
    use proptest::prelude::*;

    use super::*;

    fn line(quantity: u32, unit_price_cents: i64) -> ValidatedLine {
        ValidatedLine {
            line: OrderLine {
                phrase: "leak soup".to_owned(),
                quantity,
                size: Some("large".to_owned()),
                modifiers: Vec::new(),
                item: None,
                doubts: Vec::new(),
            },
            verdict: Verdict::Accepted,
            reason: "on the menu".to_owned(),
            matched: Some(MatchedItem {
                slug: "leek_soup".to_owned(),
                name: "Leek Soup".to_owned(),
                unit_price_cents,
            }),
            candidates: Vec::new(),
        }
    }

    fn message() -> Message {
        Message {
            id: MessageId(7),
            generation: 1,
            received_at: chrono::DateTime::UNIX_EPOCH,
            source: "http".to_owned(),
            customer: Some("guest-7".to_owned()),
            text: "Two large leak soups".to_owned(),
        }
    }

    fn validated(lines: Vec<ValidatedLine>) -> Validated {
        Validated {
            message: message(),
            lines,
            reason: "Everything is on the menu.".to_owned(),
            proposed_reply: None,
            menu_version: "v1".to_owned(),
            settled: None,
            trail: Vec::new(),
        }
    }

    fn by_a_person() -> Option<Settlement> {
        Some(Settlement { by: "Ada".to_owned(), at: chrono::DateTime::UNIX_EPOCH })
    }

    #[test]
    fn an_order_comes_to_the_sum_of_its_lines() {
        let order = order(&validated(vec![line(2, 650), line(1, 495)])).unwrap();
        assert_eq!(order.total_cents, 1_795);
        assert_eq!(order.lines[0].line.total_cents, 1_300);
        assert_eq!(order.lines[0].phrase, "leak soup");
        assert_eq!(order.lines[0].line.item, "Leek Soup");
        assert_eq!((order.customer.as_deref(), order.menu_version.as_str()), (Some("guest-7"), "v1"));
    }

    #[test]
    fn an_order_that_contradicts_itself_is_not_written() {
        let no_item = ValidatedLine { matched: None, ..line(1, 1) };
        let close = ValidatedLine { verdict: Verdict::Review, ..line(1, 1) };
        for (lines, flaw) in [
            (vec![], Flaw::NoLines),
            (vec![line(1, 1), no_item], Flaw::NoItem(2)),
            (vec![close], Flaw::NotAccepted(1)),
            (vec![line(0, 1)], Flaw::Quantity(1)),
            (vec![line(u32::MAX, 0)], Flaw::Quantity(1)),
            (vec![line(1, -1)], Flaw::Amount(1)),
            (vec![line(2, i64::MAX)], Flaw::Amount(1)),
            (vec![line(1, i64::MAX), line(1, 1)], Flaw::Amount(2)),
        ] {
            assert_eq!(order(&validated(lines)), Err(flaw));
        }
    }

    #[test]
    fn what_a_person_accepted_is_an_order_though_the_line_was_not_certain() {
        let close = ValidatedLine { verdict: Verdict::Review, ..line(1, 495) };
        let event = Validated { settled: by_a_person(), ..validated(vec![close]) };
        assert_eq!(order(&event).unwrap().settled, by_a_person());
    }

    #[test]
    fn a_rejected_order_is_an_enquiry_about_the_menu_with_the_proposed_reply() {
        let event = Validated {
            proposed_reply: Some("Sorry, no pork.".to_owned()),
            ..validated(vec![line(1, 1), ValidatedLine { verdict: Verdict::Rejected, ..line(1, 1) }])
        };
        let enquiry = rejected(&event);
        assert_eq!(enquiry.not_on_menu, ["leak soup"]);
        assert_eq!(enquiry.topic, EnquiryTopic::Menu);
        assert_eq!(enquiry.proposed_reply.as_deref(), Some("Sorry, no pork."));
    }

    #[test]
    fn nothing_is_offered_by_itself_to_somebody_who_speaks_of_an_allergy() {
        let candidate = line(1, 1).candidates;
        let rejected_line = ValidatedLine { verdict: Verdict::Rejected, candidates: candidate, ..line(1, 1) };
        let mut event = Validated {
            proposed_reply: Some("Sorry, no pork.".to_owned()),
            ..validated(vec![rejected_line])
        };
        event.message.text = "A nut-free satay please, I'm allergic".to_owned();
        let enquiry = rejected(&event);
        assert_eq!((enquiry.proposed_reply, enquiry.closest), (None, None));
        assert_eq!(enquiry.not_on_menu, ["leak soup"]);
    }

    #[test]
    fn the_reason_is_the_one_that_the_station_before_gave() {
        let entry = TrailEntry {
            station: Service::Classifier,
            decision: Decision::by_rules("misc", "only says thank you"),
            attempt: 1,
            at: chrono::DateTime::UNIX_EPOCH,
            took_us: 10,
        };
        let mut event =
            Classified { message: message(), language: "en".to_owned(), topic: None, trail: vec![entry] };
        assert_eq!(miscellaneous(&event).reason, "only says thank you");
        assert_eq!(enquiry(&event).topic, EnquiryTopic::Other);
        event.trail.clear();
        assert_eq!(miscellaneous(&event).reason, "neither an order nor an enquiry");
    }

    #[test]
    fn a_line_of_the_file_is_one_line_of_json_whatever_the_customer_wrote() {
        let text = "line one\nline \"two\"\r\n\u{2028}".to_owned();
        let event = Classified {
            message: Message { text: text.clone(), ..message() },
            language: "en".to_owned(),
            topic: None,
            trail: Vec::new(),
        };
        let written = serde_json::to_string(&miscellaneous(&event)).unwrap();
        assert!(!written.contains('\n') && written.starts_with(r#"{"id":7,"#), "{written}");
        assert_eq!(serde_json::from_str::<MiscellaneousLine>(&written).unwrap().message.text, text);
    }

    proptest! {
        #[test]
        fn no_amount_is_lost_and_none_wraps_around(
            lines in prop::collection::vec((any::<u32>(), any::<i64>()), 1..6),
        ) {
            let exact: i128 = lines.iter().map(|&(quantity, cents)| i128::from(quantity) * i128::from(cents)).sum();
            let event = validated(lines.iter().map(|&(quantity, cents)| line(quantity, cents)).collect());
            if let Ok(order) = order(&event) {
                prop_assert_eq!(i128::from(order.total_cents), exact);
            }
        }
    }
}
