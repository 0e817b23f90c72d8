//! The orders of a day as CSV.

use std::io;

use chrono::NaiveDate;
use chrono_tz::Tz;
use contracts::{Modifier, ModifierOp};
use store::orders::OrderedLine;

use crate::spreadsheet::{cell, money};

/// What the file of a day is called.
pub fn file_name(day: NaiveDate) -> String {
    format!("orders-{day}.csv")
}

/// How many orders these are the lines of, and what they come to in cents.
pub fn total(lines: &[OrderedLine]) -> (usize, i64) {
    let mut orders: Vec<(i64, i64)> =
        lines.iter().map(|line| (line.order_number, line.order_total_cents)).collect();
    orders.dedup();
    (orders.len(), orders.iter().map(|(_, cents)| cents).sum())
}

const HEADER: [&str; 14] = [
    "order",
    "time",
    "customer",
    "status",
    "quantity",
    "item",
    "size",
    "wishes",
    "unit_price",
    "line_total",
    "order_total",
    "message",
    "message_id",
    "item_key",
];

/// The file, a row for each line of an order, with the times of the restaurant's clock.
pub fn csv(lines: &[OrderedLine], zone: Tz) -> io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for line in lines {
        let kitchen = &line.line;
        writer.write_record([
            line.order_number.to_string(),
            line.created_at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
            cell(line.customer.as_deref().unwrap_or_default()),
            cell(&line.status),
            kitchen.quantity.to_string(),
            cell(&kitchen.item),
            cell(kitchen.size.as_deref().unwrap_or_default()),
            cell(&wishes(&kitchen.modifiers)),
            money(kitchen.unit_price_cents),
            money(kitchen.total_cents),
            money(line.order_total_cents),
            cell(&line.text),
            line.message_id.to_string(),
            cell(&kitchen.slug),
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error())
}

fn wishes(modifiers: &[Modifier]) -> String {
    let word = |op| match op {
        ModifierOp::Add => "with",
        ModifierOp::Remove => "no",
        ModifierOp::Extra => "extra",
        ModifierOp::Light => "light",
        ModifierOp::Note => "note",
    };
    modifiers.iter().map(|wish| format!("{} {}", word(wish.op), wish.name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use contracts::{MessageId, RegisteredLine};

    use super::*;

    fn line(text: &str, modifier: &str) -> OrderedLine {
        OrderedLine {
            order_number: 7,
            created_at: "2026-07-01T22:30:00Z".parse().unwrap(),
            message_id: MessageId(42),
            text: text.to_owned(),
            customer: Some("@SUM(A1)".to_owned()),
            status: "registered".to_owned(),
            order_total_cents: 2_500,
            line: RegisteredLine {
                item: "Cheese Burger".to_owned(),
                slug: "cheese_burger".to_owned(),
                quantity: 2,
                size: None,
                modifiers: vec![Modifier { op: ModifierOp::Remove, name: modifier.to_owned() }],
                unit_price_cents: 1_250,
                total_cents: 2_500,
            },
        }
    }

    #[test]
    fn no_cell_of_an_export_is_a_formula_and_every_row_has_all_columns() {
        let bytes = csv(&[line("=HYPERLINK(\"http://x\")\n-2", "=1+1")], chrono_tz::Europe::Berlin).unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].len(), HEADER.len());
        for value in &rows[0] {
            assert!(!value.starts_with(['=', '+', '-', '@', '\t', '\r']), "{value}");
        }
        assert_eq!(&rows[0][1], "2026-07-02 00:30:00", "the restaurant's time, not ours");
        assert_eq!(&rows[0][11], "'=HYPERLINK(\"http://x\")\n'-2");
    }
}
