//! Rows of a CSV file of messages, each with the place where a person finds it again.
//!
//! A file that is still written to is cut at line ends as they appear; a quoted field may hold line
//! ends, but a quote that never closes costs only its own line.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use contracts::Code;
use contracts::topology::MAX_TEXT_BYTES;
use sha2::{Digest, Sha256};
use sheet::{Header, Separator, columns, letters};

use crate::admit::{Refusal, admit, admit_bytes};
use crate::times::Times;

/// Largest row: a message in which every byte is a doubled quote, and the other columns.
pub const MAX_ROW_BYTES: usize = 2 * MAX_TEXT_BYTES + 8 * 1024;
/// How much of a bad row is kept to recognise it by.
const EXCERPT_BYTES: usize = 1_000;

/// Where a row stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    /// Its first line; the header is line 1.
    pub line: u64,
    /// Its first byte.
    pub offset: u64,
}

/// A row that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Where it stands.
    pub place: Place,
    /// Why.
    pub refusal: Refusal,
    /// Its beginning, as it stands in the file.
    pub excerpt: Vec<u8>,
}

/// A row of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// When the message came, where the row says so.
    pub timestamp: Option<DateTime<Utc>>,
    /// What the customer wrote.
    pub text: String,
    /// Who the customer is to the channel, where the row says so.
    pub customer: Option<String>,
    /// The sender's own id of the message, where the row has one.
    pub external_id: Option<String>,
    /// Whether it is not UTF-8 and was read as Windows-1252.
    pub guessed: bool,
}

impl Row {
    /// A fingerprint of what the row says, by which a second import of a file knows it.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.timestamp.map_or(i64::MIN, |at| at.timestamp_micros()).to_be_bytes());
        hash.update(self.customer.as_deref().unwrap_or_default());
        hash.update([0]);
        hash.update(&self.text);
        hex(&hash.finalize()[..16])
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is known of the bytes behind those in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// More may come: an unfinished row waits.
    Growing,
    /// More may come, but a quote that is still open was given its time.
    QuotesGivenUp,
    /// Nothing more comes: what is left is the last row.
    Ended,
}

/// Cuts a file into rows.
#[derive(Debug)]
pub struct Splitter {
    buffer: Vec<u8>,
    start: usize,
    place: Place,
    /// What stands between the columns; the first line shows it.
    separator: Option<Separator>,
    /// A row that is too long and whose end was not seen yet: its place and its beginning.
    skipping: Option<(Place, Vec<u8>)>,
}

/// A row as it stands in the file, without its line end.
pub type RawRow = Result<(Place, Vec<u8>), Rejected>;

enum Cut {
    /// A whole row: its length, and that of its line end.
    Row(usize, usize),
    /// A closed quote is followed by something else: the first line is bad.
    BadQuote(usize),
    /// Only part of a row, in one line.
    Wait,
    /// Part of a row with an open quote, over more than one line: length of the first.
    Open(usize),
}

impl Splitter {
    /// A splitter that begins at this place of a file whose columns are separated like this.
    pub fn at(place: Place, separator: Separator) -> Self {
        Splitter { place, separator: Some(separator), ..Splitter::new() }
    }

    /// A splitter for a file's beginning.
    pub fn new() -> Self {
        let place = Place { line: 1, offset: 0 };
        Splitter { buffer: Vec::new(), start: 0, place, separator: None, skipping: None }
    }

    /// What stands between the columns; known from the first row on.
    pub fn separator(&self) -> Separator {
        self.separator.unwrap_or_default()
    }

    /// Takes more bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Where the next row begins: everything before it was given out.
    pub fn place(&self) -> Place {
        self.skipping.as_ref().map_or(self.place, |(place, _)| *place)
    }

    /// Whether a quote is open over a line end: the row may be unfinished, or broken.
    pub fn quote_is_open(&self) -> bool {
        matches!(cut(&self.buffer[self.start..], false, self.separator()), Cut::Open(_))
    }

    /// The next row; `None` when what is in hand holds no whole one.
    pub fn next(&mut self, rest: Rest) -> Option<RawRow> {
        loop {
            if self.skipping.is_some() {
                match memchr(b'\n', &self.buffer[self.start..]) {
                    Some(end) => self.advance(end + 1),
                    None if rest == Rest::Ended => self.advance(self.buffer.len() - self.start),
                    None => {
                        self.advance(self.buffer.len() - self.start);
                        return None;
                    }
                }
                let (place, excerpt) = self.skipping.take()?;
                let length = self.place.offset - place.offset;
                let reason = format!(
                    "The row has {length} bytes; the line carries messages of up to {MAX_TEXT_BYTES}."
                );
                return Some(Err(Rejected { place, refusal: Refusal::new(Code::TooLarge, reason), excerpt }));
            }
            self.look_for_separator(rest);
            let bytes = &self.buffer[self.start..];
            let unfinished = bytes.len() > MAX_ROW_BYTES || rest != Rest::Growing;
            match cut(bytes, rest == Rest::Ended, self.separator()) {
                Cut::Row(length, end) if length <= MAX_ROW_BYTES => {
                    let row = bytes[..length].to_vec();
                    let place = self.place;
                    self.advance(length + end);
                    // Empty lines are no rows; people leave them at the end of files.
                    if !row.is_empty() {
                        return Some(Ok((place, row)));
                    }
                }
                Cut::Row(..) => self.skip(),
                Cut::BadQuote(line) => {
                    return Some(Err(self.reject_line(line, "text follows a closing quote")));
                }
                Cut::Open(line) if unfinished => {
                    return Some(Err(self.reject_line(line, "a quote is opened and never closed")));
                }
                Cut::Wait if bytes.len() > MAX_ROW_BYTES => self.skip(),
                Cut::Wait | Cut::Open(_) => return None,
            }
        }
    }

    /// Learns the separator once the first line is whole, and passes a line that declares one.
    fn look_for_separator(&mut self, rest: Rest) {
        if self.separator.is_some() {
            return;
        }
        let bytes = &self.buffer[self.start..];
        let end = match memchr(b'\n', bytes) {
            Some(end) => end + 1,
            None if rest == Rest::Ended => bytes.len(),
            None => return,
        };
        let line = &bytes[..end];
        match Separator::declared(line) {
            Some(declared) => {
                self.separator = Some(declared);
                self.advance(end);
            }
            None => self.separator = Some(Separator::of(line)),
        }
    }

    fn advance(&mut self, length: usize) {
        let passed = &self.buffer[self.start..self.start + length];
        self.place.line += passed.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.place.offset += length as u64;
        self.start += length;
    }

    fn skip(&mut self) {
        self.skipping = Some((self.place, excerpt(&self.buffer[self.start..])));
    }

    fn reject_line(&mut self, length: usize, what: &str) -> Rejected {
        let rejected = Rejected {
            place: self.place,
            refusal: Refusal::new(Code::BadRow, format!("The row is not CSV: {what}.")),
            excerpt: excerpt(&self.buffer[self.start..self.start + length]),
        };
        self.advance(length);
        rejected
    }
}

impl Default for Splitter {
    fn default() -> Self {
        Splitter::new()
    }
}

fn excerpt(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(EXCERPT_BYTES)].to_vec()
}

fn memchr(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&b| b == byte)
}

/// Finds the end of the first row; the end of an ended file ends a row as a line end does.
fn cut(bytes: &[u8], ended: bool, separator: Separator) -> Cut {
    enum At {
        FieldStart,
        Plain,
        Quoted,
        QuoteInQuoted,
    }
    let mut at = At::FieldStart;
    let separator = separator.byte();
    let mut first_line = None;
    for (i, &byte) in bytes.iter().enumerate() {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, b'\n') => {
                first_line.get_or_insert(i + 1);
                At::Quoted
            }
            (At::Quoted, _) => At::Quoted,
            (At::QuoteInQuoted, b'"') => At::Quoted,
            (_, b'\n') => {
                let carriage = usize::from(i > 0 && bytes[i - 1] == b'\r');
                return Cut::Row(i - carriage, 1 + carriage);
            }
            (_, byte) if byte == separator => At::FieldStart,
            (At::QuoteInQuoted, b'\r') => At::QuoteInQuoted,
            (At::QuoteInQuoted, _) => {
                return match first_line.or_else(|| memchr(b'\n', &bytes[i..]).map(|end| i + end + 1)) {
                    Some(line) => Cut::BadQuote(line),
                    None if ended => Cut::BadQuote(bytes.len()),
                    None => Cut::Wait,
                };
            }
            (At::FieldStart, b'"') => At::Quoted,
            (At::FieldStart | At::Plain, _) => At::Plain,
        };
    }
    match (at, first_line) {
        (At::Quoted, Some(line)) => Cut::Open(line),
        (At::Quoted, None) if ended => Cut::Open(bytes.len()),
        _ if ended && !bytes.is_empty() => Cut::Row(bytes.len(), 0),
        _ => Cut::Wait,
    }
}

/// Which column is what, by the file's first row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    separator: Separator,
    text: usize,
    timestamp: Option<usize>,
    customer: Option<usize>,
    external_id: Option<usize>,
    count: usize,
    /// The file is UTF-8 for sure, so that a row that is not is broken.
    utf8: bool,
    notes: Vec<String>,
}

impl Columns {
    /// Reads the header row: `timestamp,message`, and, where there are such, `customer` and `external_id`, or what
    /// others call them. `beginning` is what is in hand of the file: it may show that the file is UTF-8.
    pub fn read(header: &[u8], separator: Separator, beginning: &[u8]) -> Result<Columns, Refusal> {
        if header.contains(&0) {
            let reason = "The file is not UTF-8, but perhaps UTF-16: save it as \"CSV UTF-8\".";
            return Err(Refusal::new(Code::BadRow, reason));
        }
        let utf8 = letters::shows_utf8(beginning);
        let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header);
        let names: Vec<String> = fields(header, separator)?
            .iter()
            .map(|name| {
                letters::windows_1252(name).unwrap_or_else(|| String::from_utf8_lossy(name).into_owned())
            })
            .collect();
        let mut header = Header::new(names.iter().map(String::as_str));
        let text = header.take(columns::MESSAGE).ok_or_else(|| {
            let guess = header.guess(columns::MESSAGE);
            let guess = guess.map(|guess| format!(" If \"{guess}\" is the message, call it so.")).unwrap_or_default();
            let reason = "The first row must name the columns: `timestamp,message`, and if you like `customer` and `external_id`.";
            Refusal::new(Code::BadRow, format!("{reason}{guess}"))
        })?;
        let timestamp = header.take(columns::TIMESTAMP);
        let customer = header.take(columns::CUSTOMER);
        let external_id = header.take(columns::EXTERNAL_ID);
        let mut notes = Vec::new();
        if separator != Separator::Comma {
            notes.push(format!("the columns are separated by {separator}"));
        }
        let renamed = header.renamed();
        if !renamed.is_empty() {
            notes.push(format!("read {}", renamed.join(", ")));
        }
        Ok(Columns { separator, text, timestamp, customer, external_id, count: names.len(), utf8, notes })
    }

    /// How the file has to be read where that is not as in our own files, a phrase each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Reads one row of messages.
    pub fn parse(&self, place: Place, bytes: &[u8], times: Times) -> Result<Row, Rejected> {
        let (row, guessed) = self.letters(bytes);
        match self.parse_fields(place, &row, times) {
            Ok(row) => Ok(Row { guessed, ..row }),
            Err(refusal) => Err(Rejected { place, refusal, excerpt: excerpt(bytes) }),
        }
    }

    /// The row in UTF-8 and whether that took a guess. What is broken stays as it is, to be refused.
    fn letters<'a>(&self, bytes: &'a [u8]) -> (Cow<'a, [u8]>, bool) {
        let guess = !self.utf8 && std::str::from_utf8(bytes).is_err();
        match guess.then(|| letters::windows_1252(bytes)).flatten() {
            Some(text) => (Cow::Owned(text.into_bytes()), true),
            None => (Cow::Borrowed(bytes), false),
        }
    }

    fn parse_fields(&self, place: Place, bytes: &[u8], times: Times) -> Result<Row, Refusal> {
        let fields = fields(bytes, self.separator)?;
        if fields.len() != self.count {
            return Err(Refusal::new(
                Code::BadRow,
                format!(
                    "The row has {} columns, the header has {}; the columns are separated by {}, and a text that holds one stands \
                     in quotes.",
                    fields.len(),
                    self.count,
                    self.separator
                ),
            ));
        }
        let optional = |column: Option<usize>, name: &str| -> Result<Option<String>, Refusal> {
            let Some(value) = column.map(|column| &fields[column]) else { return Ok(None) };
            let value = std::str::from_utf8(value)
                .map_err(|_| Refusal::new(Code::NotText, format!("The column {name} is not UTF-8.")))?
                .trim();
            if value.len() > MAX_KEY_BYTES || value.contains('\0') {
                return Err(Refusal::new(
                    Code::BadRow,
                    format!("The column {name} is longer than {MAX_KEY_BYTES} bytes or not text."),
                ));
            }
            Ok((!value.is_empty()).then(|| value.to_owned()))
        };
        let text = letters::entities(admit_bytes(&fields[self.text])?).into_owned();
        // What an entity stands for may be what the line cannot carry.
        admit(&text)?;
        let timestamp = optional(self.timestamp, "timestamp")?.map(|value| times.read(&value)).transpose()?;
        let customer =
            optional(self.customer, "customer")?.map(|name| letters::entities(&name).replace('\0', ""));
        let external_id = optional(self.external_id, "external_id")?;
        Ok(Row { place, timestamp, text, customer, external_id, guessed: false })
    }
}

/// Largest `customer` or `external_id`.
pub const MAX_KEY_BYTES: usize = 200;

fn fields(row: &[u8], separator: Separator) -> Result<Vec<Vec<u8>>, Refusal> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator.byte()).has_headers(false).from_reader(row);
    let mut record = csv::ByteRecord::new();
    match reader.read_byte_record(&mut record) {
        Ok(_) => Ok(record.iter().map(<[u8]>::to_vec).collect()),
        Err(error) => Err(Refusal::new(Code::BadRow, format!("The row is not CSV: {error}."))),
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use proptest::prelude::*;

    use super::*;

    fn columns(header: &[u8]) -> Columns {
        Columns::read(header, Separator::of(header), header).unwrap()
    }

    fn all(bytes: &[u8], rest: Rest) -> (Vec<RawRow>, Place) {
        let mut splitter = Splitter::new();
        splitter.feed(bytes);
        let rows = std::iter::from_fn(|| splitter.next(rest)).collect();
        (rows, splitter.place())
    }

    fn texts(rows: &[RawRow]) -> Vec<String> {
        rows.iter()
            .map(|row| match row {
                Ok((_, bytes)) => String::from_utf8_lossy(bytes).into_owned(),
                Err(rejected) => format!("!{}", rejected.refusal.code),
            })
            .collect()
    }

    #[test]
    fn a_partial_last_line_waits_for_its_end() {
        let (rows, place) = all(b"timestamp,message\r\n,one\n,tw", Rest::Growing);
        assert_eq!(texts(&rows), ["timestamp,message", ",one"]);
        assert_eq!(place, Place { line: 3, offset: 24 });
    }

    #[test]
    fn the_last_line_of_an_ended_file_needs_no_line_end() {
        assert_eq!(texts(&all(b"a\nb", Rest::Ended).0), ["a", "b"]);
        assert_eq!(texts(&all(b"a\n,\"b\"", Rest::Ended).0), ["a", ",\"b\""]);
        assert_eq!(texts(&all(b"a\n,\"b", Rest::Ended).0), ["a", "!GB204"]);
        assert_eq!(texts(&all(b"a\n\n\r\n", Rest::Ended).0), ["a"]);
    }

    #[test]
    fn a_quoted_field_may_hold_commas_quotes_and_line_ends() {
        let (rows, place) = all(b",\"one, \"\"two\"\"\nthree\"\n,four\n", Rest::Growing);
        assert_eq!(texts(&rows), [",\"one, \"\"two\"\"\nthree\"", ",four"]);
        assert_eq!(place.line, 4);
        assert_eq!(rows[1].as_ref().unwrap().0, Place { line: 3, offset: 22 });
    }

    #[test]
    fn a_quote_that_never_closes_costs_only_its_own_line() {
        let bytes = b",\"broken\n,good\n,also good\n";
        assert!(all(bytes, Rest::Growing).0.is_empty());
        assert_eq!(texts(&all(bytes, Rest::QuotesGivenUp).0), ["!GB204", ",good", ",also good"]);
        assert_eq!(texts(&all(b",\"broken\n,\"good\"\n", Rest::Growing).0), ["!GB204", ",\"good\""]);
    }

    #[test]
    fn a_row_of_a_megabyte_is_rejected_without_holding_it_and_the_next_is_read() {
        let mut splitter = Splitter::new();
        splitter.feed(b",first\n,");
        let mut rows = Vec::new();
        for _ in 0..64 {
            splitter.feed(&[b'x'; 16 * 1024]);
            rows.extend(std::iter::from_fn(|| splitter.next(Rest::Growing)));
            assert!(splitter.buffer.len() <= MAX_ROW_BYTES + 16 * 1024);
        }
        assert_eq!(splitter.place(), Place { line: 2, offset: 7 }, "a restart reads the long row anew");
        splitter.feed(b"\n,last\n");
        rows.extend(std::iter::from_fn(|| splitter.next(Rest::Growing)));
        assert_eq!(texts(&rows), [",first", "!GB201", ",last"]);
        assert_eq!(rows[1].as_ref().unwrap_err().place, Place { line: 2, offset: 7 });
    }

    #[test]
    fn a_row_says_what_is_wrong_with_it() {
        let columns = columns(b"\xef\xbb\xbfTimestamp, message,customer");
        let times = Times::of(chrono_tz::Europe::Berlin);
        let parse = |row: &[u8]| columns.parse(Place { line: 2, offset: 20 }, row, times);
        let row = parse(b"2026-07-01 12:00,\"2 burgers, please\",c-7").unwrap();
        assert_eq!(row.text, "2 burgers, please");
        assert_eq!(row.customer.as_deref(), Some("c-7"));
        assert_eq!(row.timestamp.unwrap().to_rfc3339(), "2026-07-01T10:00:00+00:00");
        assert_eq!(parse(b",hello,").unwrap().timestamp, None);

        let table: [(&[u8], Code, &str); 6] = [
            (b"2026-13-01 12:00,hello,", Code::BadRow, "'2026-13-01 12:00' is no date"),
            (b"2026-03-29 02:30,hello,", Code::BadRow, "does not exist in Europe/Berlin"),
            (b",  ,", Code::EmptyMessage, "no text"),
            (b",caf\xe9,", Code::NotText, "not UTF-8 at byte 3"),
            (b",hello, world,", Code::BadRow, "4 columns, the header has 3"),
            (b"hello", Code::BadRow, "1 columns"),
        ];
        for (bytes, code, reason) in table {
            let rejected = parse(bytes).unwrap_err();
            assert_eq!(rejected.refusal.code, code, "{rejected:?}");
            assert!(rejected.refusal.reason.contains(reason), "{rejected:?}");
            assert_eq!((rejected.place.line, rejected.place.offset), (2, 20));
            assert_eq!(rejected.excerpt, bytes);
        }
        assert!(
            Columns::read(b"2026-07-01 12:00,2 burgers", Separator::Comma, b"")
                .unwrap_err()
                .reason
                .contains("must name the columns")
        );
    }

    #[test]
    fn the_same_row_has_the_same_fingerprint_and_another_has_another() {
        let columns = columns(b"timestamp,message");
        let times = Times::of(Tz::UTC);
        let print =
            |row: &[u8], line| columns.parse(Place { line, offset: 0 }, row, times).unwrap().fingerprint();
        assert_eq!(print(b"2026-07-01 12:00,hello", 2), print(b"2026-07-01T12:00:00Z,\"hello\"", 9));
        assert_ne!(print(b"2026-07-01 12:00,hello", 2), print(b"2026-07-01 12:01,hello", 2));
        assert_ne!(print(b",hello", 2), print(b",hello!", 2));
    }

    #[test]
    fn a_file_is_read_as_a_spreadsheet_saves_it() {
        let bytes = b"sep=;\r\nDatum;Nachricht\r\n27.11.2026 19:05;\"zwei; drei\"\r\n;\"1 K\xe4se &amp; Brot, bitte\"\r\n";
        let mut splitter = Splitter::new();
        for byte in bytes.chunks(1) {
            splitter.feed(byte);
        }
        let (place, header) = splitter.next(Rest::Growing).unwrap().unwrap();
        assert_eq!(place, Place { line: 2, offset: 7 });
        let columns = Columns::read(&header, splitter.separator(), bytes).unwrap();
        assert_eq!(columns.notes().len(), 2, "{:?}", columns.notes());
        assert!(columns.notes()[0].contains("semicolons"), "{:?}", columns.notes());
        let rows: Vec<Row> = std::iter::from_fn(|| splitter.next(Rest::Growing))
            .map(|row| row.and_then(|(place, row)| columns.parse(place, &row, Times::of(Tz::UTC))).unwrap())
            .collect();
        assert_eq!(rows[0].timestamp.unwrap().to_rfc3339(), "2026-11-27T19:05:00+00:00");
        assert_eq!((rows[0].text.as_str(), rows[0].guessed), ("zwei; drei", false));
        assert_eq!((rows[1].text.as_str(), rows[1].guessed), ("1 Käse & Brot, bitte", true));
    }

    #[test]
    fn an_entity_brings_in_nothing_that_the_line_cannot_carry() {
        let columns = columns(b"message");
        let parse = |row: &[u8]| columns.parse(Place { line: 2, offset: 8 }, row, Times::of(Tz::UTC));
        assert!(parse(b"a&#27;b").is_ok_and(|row| !row.text.contains('\u{1b}')));
        assert_eq!(parse(b"&nbsp;").unwrap_err().refusal.code, Code::EmptyMessage);
        assert_eq!(parse(b"Joe&#39;s").unwrap().text, "Joe's");
        assert_eq!(parse(b"a \x81").unwrap_err().refusal.code, Code::NotText);
    }

    #[test]
    fn a_header_that_is_nearly_known_is_guessed_at() {
        let refused = Columns::read(b"time,mesage", Separator::Comma, b"").unwrap_err();
        assert!(refused.reason.contains("If \"mesage\" is the message, call it so."), "{refused}");
    }

    proptest! {
        #[test]
        fn rows_come_out_as_they_were_written_however_the_file_arrives(
            rows in prop::collection::vec(prop::collection::vec("[ -~\n\"é,]{0,12}", 2), 1..8),
            piece in 1usize..40,
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            let mut splitter = Splitter::at(Place { line: 1, offset: 0 }, Separator::Comma);
            let mut read = Vec::new();
            for piece in bytes.chunks(piece) {
                splitter.feed(piece);
                while let Some(row) = splitter.next(Rest::Growing) {
                    let (place, row) = row.unwrap();
                    prop_assert!(bytes[place.offset as usize..].starts_with(&row));
                    read.push(fields(&row, Separator::Comma).unwrap());
                }
            }
            let rows: Vec<Vec<Vec<u8>>> =
                rows.iter().map(|row| row.iter().map(|field| field.clone().into_bytes()).collect()).collect();
            prop_assert_eq!(read, rows);
            prop_assert_eq!(splitter.place().offset, bytes.len() as u64);
        }

        #[test]
        fn whatever_the_bytes_are_the_file_is_read_to_its_end(bytes in prop::collection::vec(prop::sample::select(b"a,\"\r\n\xff".to_vec()), 0..60)) {
            let mut splitter = Splitter::new();
            splitter.feed(&bytes);
            let mut count = 0;
            while splitter.next(Rest::Ended).is_some() {
                count += 1;
                prop_assert!(count <= bytes.len());
            }
            prop_assert_eq!(splitter.place().offset, bytes.len() as u64);
        }
    }
}
