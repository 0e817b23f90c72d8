//! Menus and options as CSV files. All that is wrong with a file is told at once, with row numbers.
//!
//! Files are taken as spreadsheets and tills save them: see [`sheet`]. What was not as in our own files
//! (separator, letters, names of columns) is told.

use std::collections::HashMap;
use std::io::Read;

use sheet::columns::{self, Column, Header};
use sheet::{RowError, Separator, letters};

pub use sheet::CsvErrors;

use crate::keys::slug;
use crate::model::{Menu, MenuItem, MenuOption};

/// What a file held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted<T> {
    /// What was read.
    pub value: T,
    /// How it had to be read where that is not as in our own files, a sentence each.
    pub notes: Vec<String>,
}

/// Reads a menu file and, if there is one, an options file. `menu` and `options` are a name for messages, and the text.
pub fn read_menu<R: Read, O: Read>(menu: (&str, R), options: Option<(&str, O)>) -> Result<Menu, CsvErrors> {
    read_menu_noted(menu, options).map(|noted| noted.value)
}

/// The same, with how the files had to be read.
pub fn read_menu_noted<R: Read, O: Read>(
    menu: (&str, R),
    options: Option<(&str, O)>,
) -> Result<Noted<Menu>, CsvErrors> {
    let Noted { value: items, mut notes } = read_items(menu.0, menu.1)?;
    let options = match options {
        Some((file, text)) => {
            let options = read_options(file, text)?;
            notes.extend(options.notes);
            options.value
        }
        None => Vec::new(),
    };
    Ok(Noted { value: Menu::new(items, options), notes })
}

/// Reads a file with the columns `name,category,description,price,aliases`; category, description and aliases may be
/// missing, aliases are separated by `|`.
pub fn read_items(file: &str, text: impl Read) -> Result<Noted<Vec<MenuItem>>, CsvErrors> {
    let optional = [columns::CATEGORY, columns::DESCRIPTION, columns::ALIASES];
    let mut table = Table::read(file, text, &[columns::NAME, columns::PRICE], &optional)?;
    let mut items = Vec::new();
    let mut names: HashMap<String, (u64, String)> = HashMap::new();
    for row in table.take_rows() {
        let Some(name) = table.name(&row) else { continue };
        let key = slug(&name);
        if let Some((first, other)) = names.get(&key) {
            let message = if *other == name {
                format!("\"{name}\" is already in row {first}: keep one of them")
            } else {
                format!("\"{name}\" has the key {key}, as \"{other}\" in row {first} has: rename one of them")
            };
            table.error(row.line, message);
            continue;
        }
        names.insert(key.clone(), (row.line, name.clone()));
        let description = table.one_line(&row, "description");
        let category = table.one_line(&row, "category");
        let price = table.price(&row, "price", false);
        items.push(MenuItem {
            slug: key,
            name,
            category,
            description,
            price_cents: price,
            aliases: table.aliases(&row),
        });
    }
    if items.is_empty() && table.errors.is_empty() {
        table.error(1, "the file has no items: a menu needs one row an item below the header".to_owned());
    }
    table.finish(items)
}

/// Reads a file with the columns `kind,name,aliases,price`; aliases and price may be missing.
pub fn read_options(file: &str, text: impl Read) -> Result<Noted<Vec<MenuOption>>, CsvErrors> {
    let optional = [columns::PRICE, columns::ALIASES];
    let mut table = Table::read(file, text, &[columns::KIND, columns::OPTION], &optional)?;
    let mut options = Vec::new();
    let mut names: HashMap<(String, String), u64> = HashMap::new();
    for row in table.take_rows() {
        let kind = table.field(&row, "kind").to_lowercase();
        if kind.is_empty() {
            table.error(row.line, "the kind is missing: write size, topping, or the like".to_owned());
        }
        let Some(name) = table.name(&row) else { continue };
        if let Some(first) = names.insert((kind.clone(), slug(&name)), row.line) {
            table.error(row.line, format!("{kind} \"{name}\" is already in row {first}: keep one of them"));
            continue;
        }
        let price_cents = table.price(&row, "price", true);
        options.push(MenuOption { kind, name, aliases: table.aliases(&row), price_cents });
    }
    table.finish(options)
}

struct Row {
    line: u64,
    fields: csv::StringRecord,
}

struct Table {
    file: String,
    columns: HashMap<&'static str, usize>,
    rows: Vec<Row>,
    errors: Vec<RowError>,
    notes: Vec<String>,
}

impl Table {
    fn read(
        file: &str,
        text: impl Read,
        required: &[Column],
        optional: &[Column],
    ) -> Result<Table, CsvErrors> {
        let fail = |row, message: String| CsvErrors::one(file, row, message);
        let mut notes = Vec::new();
        let letters = letters::read_file(file, text)?;
        if let Some(encoding) = letters.encoding {
            notes.push(format!(
                "{file} is not UTF-8 and was read as {encoding}: look whether the accents are right"
            ));
        }
        let first = letters.text.split_inclusive('\n').next().unwrap_or_default();
        let declared = Separator::declared(first.as_bytes());
        let text = if declared.is_some() { &letters.text[first.len()..] } else { &letters.text };
        let first_line = if declared.is_some() { 2 } else { 1 };
        let separator =
            declared.unwrap_or_else(|| Separator::of(text.split('\n').next().unwrap_or_default().as_bytes()));
        if separator != Separator::Comma {
            notes.push(format!("{file}: the columns are separated by {separator}"));
        }
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator.byte())
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let headers = reader.headers().map_err(|error| fail(first_line, error.to_string()))?.clone();
        let mut header = Header::new(&headers);
        let mut columns = HashMap::new();
        for column in required.iter().chain(optional) {
            if let Some(index) = header.take(*column) {
                columns.insert(column.name, index);
            }
        }
        let missing: Vec<Column> =
            required.iter().copied().filter(|column| !columns.contains_key(column.name)).collect();
        if !missing.is_empty() {
            return Err(fail(first_line, lacks(&missing, &header, &headers, separator)));
        }
        let renamed = header.renamed();
        if !renamed.is_empty() {
            notes.push(format!("{file}: read {}", renamed.join(", ")));
        }
        let mut table = Table { file: file.to_owned(), columns, rows: Vec::new(), errors: Vec::new(), notes };
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {
                    let line = record.position().map_or(0, csv::Position::line) + first_line - 1;
                    if record.iter().all(str::is_empty) {
                        continue;
                    }
                    if record.len() > headers.len() {
                        table.error(
                            line,
                            format!(
                                "has {} fields, the header has {}: put a field that contains one of the {separator} between columns in quotes",
                                record.len(),
                                headers.len()
                            ),
                        );
                        continue;
                    }
                    table.rows.push(Row { line, fields: record.clone() });
                }
                Err(error) => {
                    let line = error.position().map_or(1, csv::Position::line) + first_line - 1;
                    table.error(line, error.to_string());
                    break;
                }
            }
        }
        Ok(table)
    }

    fn take_rows(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.rows)
    }

    fn error(&mut self, row: u64, message: String) {
        self.errors.push(RowError { row, message });
    }

    fn finish<T>(mut self, value: T) -> Result<Noted<T>, CsvErrors> {
        self.errors.sort_by_key(|error| error.row);
        if self.errors.is_empty() {
            Ok(Noted { value, notes: self.notes })
        } else {
            Err(CsvErrors { file: self.file, errors: self.errors })
        }
    }

    fn field<'r>(&self, row: &'r Row, column: &str) -> &'r str {
        self.columns.get(column).and_then(|index| row.fields.get(*index)).unwrap_or_default()
    }

    /// A field that must do in one line of `name|description|price`.
    fn one_line(&mut self, row: &Row, column: &str) -> String {
        let text = words(self.field(row, column));
        if text.contains('|') {
            self.error(
                row.line,
                format!("the {column} contains \"|\", which separates fields in the cache: remove it"),
            );
        }
        text
    }

    fn name(&mut self, row: &Row) -> Option<String> {
        let name = self.one_line(row, "name");
        if name.is_empty() {
            self.error(row.line, "the name is missing".to_owned());
            return None;
        }
        if slug(&name).is_empty() {
            self.error(row.line, format!("the name \"{name}\" has neither letter nor digit"));
            return None;
        }
        Some(name)
    }

    fn aliases(&self, row: &Row) -> Vec<String> {
        let aliases = self.field(row, "aliases").split('|').map(words);
        aliases.filter(|alias| !alias.is_empty()).collect()
    }

    fn price(&mut self, row: &Row, column: &str, optional: bool) -> i64 {
        let text = self.field(row, column);
        if text.is_empty() && optional {
            return 0;
        }
        match parse_price(text) {
            Ok(cents) => cents,
            Err(why) => {
                self.error(row.line, format!("the {column} {why}: write it like 8.90"));
                0
            }
        }
    }
}

/// What is said of a header without the columns that are needed.
fn lacks(missing: &[Column], header: &Header, headers: &csv::StringRecord, separator: Separator) -> String {
    let names: Vec<&str> = missing.iter().map(|column| column.name).collect();
    let found = headers.iter().collect::<Vec<_>>().join(",");
    let mut said =
        format!("the header lacks {}: it is \"{found}\", separated by {separator}", names.join(" and "));
    for column in missing {
        if let Some(guess) = header.guess(*column) {
            said += &format!("; if \"{guess}\" is the {}, call it so", column.name);
        }
    }
    said
}

/// A text with single blanks, and with what a web page's entities stand for.
fn words(text: &str) -> String {
    letters::entities(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `8.90`, `8,90`, `$8.90`, `8` in cents.
fn parse_price(text: &str) -> Result<i64, String> {
    let number = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '$' | '€' | '£' | '¥'));
    if number.is_empty() {
        return Err("is missing".to_owned());
    }
    if number.starts_with('-') {
        return Err(format!("\"{text}\" is negative"));
    }
    let (whole, cents) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || !digits(whole) || !digits(cents) {
        return Err(format!("\"{text}\" is no price"));
    }
    if cents.len() > 2 {
        return Err(format!("\"{text}\" has more than two decimals"));
    }
    let whole: i64 = whole.parse().map_err(|_| format!("\"{text}\" is no price"))?;
    let cents: i64 = format!("{cents:0<2}").parse().map_err(|_| format!("\"{text}\" is no price"))?;
    Ok(whole * 100 + cents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Result<Vec<MenuItem>, CsvErrors> {
        read_items("menu.csv", text.as_bytes()).map(|noted| noted.value)
    }

    #[test]
    fn a_menu_is_read_as_spreadsheets_save_it_and_how_is_told() {
        for (bytes, notes) in [
            (&b"name,price\nCr\xc3\xa8me,9.95\n"[..], &[][..]),
            (
                b"Gericht;Preis (EUR)\r\nCr\xe8me;\"9,95 \x80\"\r\n",
                &["windows-1252", "semicolons", "\"Gericht\" as name"],
            ),
            (b"sep=;\nname;price\nCr\xc3\xa8me;9,95\n", &["semicolons"]),
            (b"Item Name\tBase Price\nCr&egrave;me\t$9.95\n", &["tabs", "\"Base Price\" as price"]),
            ("Désignation;Prix\nCrème;9,95\n".as_bytes(), &["semicolons", "\"Désignation\" as name"]),
        ] {
            let read = read_items("menu.csv", bytes).unwrap();
            assert_eq!((read.value[0].name.as_str(), read.value[0].price_cents), ("Crème", 995), "{notes:?}");
            assert_eq!(read.notes.is_empty(), notes.is_empty(), "{:?}", read.notes);
            for note in notes {
                assert!(read.notes.iter().any(|told| told.contains(note)), "{note}: {:?}", read.notes);
            }
        }
    }

    #[test]
    fn a_mistake_keeps_its_row_below_a_declared_separator() {
        let errors = items("sep=;\nname;price\nTea;x\n").unwrap_err();
        assert_eq!(errors.errors[0].row, 3, "{errors}");
    }

    #[test]
    fn a_column_that_is_nearly_known_is_guessed_at_and_not_taken() {
        let told = items("name;prise\nTea;1\n").unwrap_err().to_string();
        assert!(
            told.contains("lacks price") && told.contains("if \"prise\" is the price, call it so"),
            "{told}"
        );
        assert!(
            read_items("menu.csv", &b"name,price\nCr\xc3\xa8me,1\nCr\xe8me,1\n"[..])
                .unwrap_err()
                .to_string()
                .contains("row 3: is not UTF-8")
        );
    }

    #[test]
    fn a_menu_is_read_with_its_aliases() {
        let text = "name,category,description,price,aliases\nTomato Soup,starter,\"Hot, red\",4.50,red soup| soup \n";
        let read = items(text).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].slug, "tomato_soup");
        assert_eq!(read[0].description, "Hot, red");
        assert_eq!(read[0].price_cents, 450);
        assert_eq!(read[0].aliases, ["red soup", "soup"]);
    }

    #[test]
    fn columns_may_come_in_any_order_and_optional_ones_may_be_missing() {
        let read = items("\u{feff}Price,Name\n$3,Tea\n2.5,Water\n").unwrap();
        assert_eq!((read[0].price_cents, read[1].price_cents), (300, 250));
    }

    #[test]
    fn all_mistakes_of_a_file_are_told_at_once_with_their_rows() {
        let text = "name,description,price\nTea,a|b,1\nTea,,2\n,,3\nCake,,\nPie,,-4\nStew,,1.234\nOx,tail,soup,5\nte a,,1\ntea!,,1\n";
        let errors = items(text).unwrap_err();
        let rows: Vec<u64> = errors.errors.iter().map(|e| e.row).collect();
        assert_eq!(rows, [2, 3, 4, 5, 6, 7, 8, 10], "{errors}");
        let told = errors.to_string();
        for words in
            ["menu.csv", "already in row 2", "name is missing", "is negative", "two decimals", "in quotes"]
        {
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn a_file_without_the_columns_or_without_items_is_refused() {
        assert!(items("thing,price\nTea,1\n").unwrap_err().to_string().contains("lacks name"));
        assert!(items("name,price\n").unwrap_err().to_string().contains("no items"));
    }

    #[test]
    fn options_have_kinds_and_may_cost_extra() {
        let text = "kind,name,aliases,price\nsize,Large,big,1.00\ntopping,Bacon,,\nTopping,bacon,,\n";
        let errors = read_options("options.csv", text.as_bytes()).unwrap_err();
        assert!(errors.to_string().contains("row 4: topping \"bacon\" is already in row 3"), "{errors}");
        let text = "kind,name,aliases,price\nsize,Large,big,1.00\ntopping,Bacon,,\n";
        let options = read_options("options.csv", text.as_bytes()).unwrap().value;
        assert_eq!((options[0].price_cents, options[1].price_cents), (100, 0));
        assert_eq!(options[0].aliases, ["big"]);
        let text = "Modifier Group;Modifier;Price\nSize;Large;1,00\n";
        let read = read_options("options.csv", text.as_bytes()).unwrap();
        assert_eq!((read.value[0].kind.as_str(), read.value[0].price_cents), ("size", 100));
        assert!(read.notes[0].contains("semicolons"), "{:?}", read.notes);
    }
}
