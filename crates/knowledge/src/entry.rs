//! What a house has written down, and the CSV file that it is kept in.

use std::io::Read;

use chrono::NaiveDate;
use sheet::{CsvErrors, Row, RowError, Rows};

pub use store::knowledge::Entry;

/// Reads a file with the columns `id,topic,language,questions,answer` and, where they are there,
/// `valid_from,valid_until,source,approved_by`. Questions are separated by `|`, days are written 2026-11-28.
pub fn read(file: &str, text: impl Read) -> Result<Vec<Entry>, CsvErrors> {
    let rows = Rows::read(file, text, &["id", "topic", "language", "questions", "answer"])?;
    let (mut entries, mut errors): (Vec<Entry>, Vec<RowError>) = (Vec::new(), Vec::new());
    let mut wrong = |row: u64, message: String| errors.push(RowError { row, message });
    for row in rows.iter() {
        let row = match row {
            Ok(row) => row,
            Err((line, message)) => {
                wrong(line, message);
                continue;
            }
        };
        let line = row.line;
        match entry(&rows, row) {
            Ok(entry) if entries.iter().any(|other| other.id == entry.id) => {
                wrong(line, format!("the id '{}' is there already: give this entry another", entry.id));
            }
            Ok(entry) => entries.push(entry),
            Err(message) => wrong(line, message),
        }
    }
    if entries.is_empty() && errors.is_empty() {
        return Err(CsvErrors::one(
            file,
            1,
            "the file has no entries: write one row an entry below the header",
        ));
    }
    if errors.is_empty() { Ok(entries) } else { Err(CsvErrors { file: file.to_owned(), errors }) }
}

fn entry(rows: &Rows, row: &Row) -> Result<Entry, String> {
    let field = |name: &str| rows.field(row, name).to_owned();
    let needed = |name: &str| match field(name) {
        value if value.is_empty() => Err(format!("'{name}' is empty")),
        value => Ok(value),
    };
    let day = |name: &str| match field(name) {
        value if value.is_empty() => Ok(None),
        value => {
            value.parse().map(Some).map_err(|_| format!("{name} '{value}' is no day such as 2026-11-28"))
        }
    };
    let questions: Vec<String> =
        field("questions").split('|').map(|q| q.trim().to_owned()).filter(|q| !q.is_empty()).collect();
    if questions.is_empty() {
        return Err("there is no question: write one at least, several are separated by |".to_owned());
    }
    let (valid_from, valid_until): (Option<NaiveDate>, Option<NaiveDate>) =
        (day("valid_from")?, day("valid_until")?);
    if let (Some(from), Some(until)) = (valid_from, valid_until)
        && until < from
    {
        return Err(format!("valid_until {until} lies before valid_from {from}"));
    }
    Ok(Entry {
        id: needed("id")?,
        topic: needed("topic")?,
        language: needed("language")?.to_lowercase(),
        questions,
        answer: needed("answer")?,
        valid_from,
        valid_until,
        source: field("source"),
        approved_by: field("approved_by"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_all_that_is_wrong_is_told_with_its_row() {
        let file = "id,topic,language,questions,answer,valid_until\nwifi,wifi,en,Do you have wifi? | Wifi?,Yes.,2026-12-01\n";
        let entries = read("k.csv", file.as_bytes()).unwrap();
        assert_eq!(entries[0].questions, ["Do you have wifi?", "Wifi?"]);
        assert!(entries[0].holds_on("2026-12-01".parse().unwrap()));
        assert!(!entries[0].holds_on("2026-12-02".parse().unwrap()));
        let wrong = "id,topic,language,questions,answer,valid_until\na,t,en,|,x,\na2,t,en,q,,\nb,t,en,q,x,soon\nc,t,en,q,x,\nc,t,en,q,x,\n";
        let told = read("k.csv", wrong.as_bytes()).unwrap_err().to_string();
        for part in [
            "row 2: there is no question",
            "row 3: 'answer' is empty",
            "row 4: valid_until 'soon'",
            "row 6: the id 'c'",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(
            read("k.csv", "id,topic\n".as_bytes()).unwrap_err().to_string().contains("'language' is missing")
        );
    }
}
