//! What is said: texts in four languages, from a file that an owner edits.

use std::collections::HashMap;
use std::io::Read;

use sheet::{CsvErrors, Row, RowError, Rows};
use store::replies::ReplyStep;

/// The languages of the file, English first: it is used where a text is of none of them.
pub const LANGUAGES: [&str; 4] = ["en", "es", "fr", "de"];
/// The texts that GreenBite comes with.
const BUILT_IN: &str = include_str!("../../../data/replies.csv");
/// Characters of a text at most: short, and with room for what is filled in.
const LONGEST: usize = 1_000;

/// What there is a text for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Text {
    /// An order is read back.
    Accepted,
    /// A person looks at it first.
    Asked,
    /// Something is not on the menu, and nothing comes close.
    Rejected,
    /// Something is not on the menu, and the house has something like it.
    RejectedAlternative,
    /// A person answered an enquiry.
    Answered,
    /// An order waits to be collected.
    Ready,
    /// An order was called off.
    Voided,
}

impl Text {
    /// All of them.
    pub const ALL: [Text; 7] = [
        Text::Accepted,
        Text::Asked,
        Text::Rejected,
        Text::RejectedAlternative,
        Text::Answered,
        Text::Ready,
        Text::Voided,
    ];

    /// The text for a step, where there is something to offer instead or not.
    pub const fn of(step: ReplyStep, alternative: bool) -> Text {
        match step {
            ReplyStep::Accepted => Text::Accepted,
            ReplyStep::Asked => Text::Asked,
            ReplyStep::Rejected if alternative => Text::RejectedAlternative,
            ReplyStep::Rejected => Text::Rejected,
            ReplyStep::Answered => Text::Answered,
            ReplyStep::Ready => Text::Ready,
            ReplyStep::Voided => Text::Voided,
        }
    }

    /// As the file has it: `rejected_alternative`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Text::Accepted => "accepted",
            Text::Asked => "asked",
            Text::Rejected => "rejected",
            Text::RejectedAlternative => "rejected_alternative",
            Text::Answered => "answered",
            Text::Ready => "ready",
            Text::Voided => "voided",
        }
    }

    /// What it has to say, by the names of its places.
    const fn needs(self) -> &'static [&'static str] {
        match self {
            Text::Accepted => &["number", "items", "total"],
            Text::Asked => &[],
            Text::Rejected => &["missing"],
            Text::RejectedAlternative => &["missing", "closest"],
            Text::Answered => &["answer"],
            Text::Ready | Text::Voided => &["number"],
        }
    }

    /// What it may say besides.
    const fn may(self) -> &'static [&'static str] {
        match self {
            Text::Ready => &["items", "total"],
            Text::Voided => &["items", "total", "why"],
            Text::Accepted | Text::Asked | Text::Rejected | Text::RejectedAlternative | Text::Answered => &[],
        }
    }
}

/// Every text in every language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates(HashMap<(Text, &'static str), String>);

impl Templates {
    /// Those that GreenBite comes with.
    pub fn built_in() -> Result<Templates, CsvErrors> {
        Templates::read("data/replies.csv", BUILT_IN.as_bytes())
    }

    /// From a file with the columns `reply,language,text`. What is filled in stands in braces: `{number}`.
    pub fn read(file: &str, text: impl Read) -> Result<Templates, CsvErrors> {
        let rows = Rows::read(file, text, &["reply", "language", "text"])?;
        let (mut templates, mut errors) = (HashMap::new(), Vec::new());
        for row in rows.iter() {
            let (line, read) = match row {
                Ok(row) => (row.line, template(&rows, row)),
                Err((line, message)) => (line, Err(message)),
            };
            let wrong = match read {
                Ok((key, text)) => templates
                    .insert(key, text)
                    .map(|_| format!("'{}' is there already in '{}'", key.0.as_str(), key.1)),
                Err(message) => Some(message),
            };
            errors.extend(wrong.map(|message| RowError { row: line, message }));
        }
        if errors.is_empty() {
            errors.extend(missing(&templates).map(|message| RowError { row: 1, message }));
        }
        if errors.is_empty() {
            Ok(Templates(templates))
        } else {
            Err(CsvErrors { file: file.to_owned(), errors })
        }
    }

    /// A text with its places filled in. What is filled in is not looked at again, whatever it holds.
    pub fn fill(&self, text: Text, language: &str, values: &[(&str, &str)]) -> String {
        let language = LANGUAGES.into_iter().find(|known| *known == language).unwrap_or(LANGUAGES[0]);
        let template = self.0.get(&(text, language)).map(String::as_str).unwrap_or_default();
        let mut said = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            said.push_str(before);
            said.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value));
            rest = after;
        }
        said + rest
    }
}

type Template = ((Text, &'static str), String);

/// One row of the file.
fn template(rows: &Rows, row: &Row) -> Result<Template, String> {
    let (reply, language, said) =
        (rows.field(row, "reply"), rows.field(row, "language"), rows.field(row, "text"));
    let known = Text::ALL.into_iter().find(|text| text.as_str() == reply).ok_or_else(|| {
        let all: Vec<&str> = Text::ALL.iter().map(|text| text.as_str()).collect();
        format!("there is no reply '{}': one of {} is wanted", reply, all.join(", "))
    })?;
    let language =
        LANGUAGES.into_iter().find(|known| known.eq_ignore_ascii_case(language)).ok_or_else(|| {
            format!("'{}' is no language of replies: one of {} is wanted", language, LANGUAGES.join(", "))
        })?;
    if said.is_empty() {
        return Err(format!("the text of '{}' is empty", known.as_str()));
    }
    if said.chars().count() > LONGEST {
        return Err(format!("the text of '{}' has more than {LONGEST} characters", known.as_str()));
    }
    let places = places(said)?;
    if let Some(strange) =
        places.iter().find(|place| !known.needs().contains(place) && !known.may().contains(place))
    {
        let all: Vec<String> =
            known.needs().iter().chain(known.may()).map(|name| format!("{{{name}}}")).collect();
        let all = if all.is_empty() { "nothing".to_owned() } else { all.join(", ") };
        return Err(format!("'{}' cannot say {{{strange}}}; what it can say is {all}", known.as_str()));
    }
    if let Some(lacking) = known.needs().iter().find(|name| !places.contains(name)) {
        return Err(format!("'{}' has to say {{{lacking}}}", known.as_str()));
    }
    Ok(((known, language), said.to_owned()))
}

/// The names in braces.
fn places(text: &str) -> Result<Vec<&str>, String> {
    let mut places = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let inside = rest[at..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let Some((name, after)) = inside.filter(|(name, _)| !name.contains('{')) else {
            return Err("a brace stands alone: what is filled in is written {number}".to_owned());
        };
        places.push(name);
        rest = after;
    }
    Ok(places)
}

/// Which texts the file lacks.
fn missing(templates: &HashMap<(Text, &'static str), String>) -> impl Iterator<Item = String> {
    let all = Text::ALL.into_iter().flat_map(|text| LANGUAGES.map(|language| (text, language)));
    all.filter(move |key| !templates.contains_key(key))
        .map(|(text, language)| format!("'{}' in '{language}' is missing", text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(from: &str, to: &str) -> String {
        assert!(BUILT_IN.contains(from), "{from}");
        let file = BUILT_IN.replacen(from, to, 1);
        Templates::read("replies.csv", file.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_comes_with_it_says_everything_in_every_language() {
        let templates = Templates::built_in().unwrap();
        let said = templates.fill(Text::Ready, "de", &[("number", "7")]);
        assert_eq!(said, "Bestellung 7 ist fertig und kann abgeholt werden.");
        assert_eq!(
            templates.fill(Text::Ready, "xx", &[("number", "7")]),
            templates.fill(Text::Ready, "en", &[("number", "7")])
        );
    }

    #[test]
    fn what_is_filled_in_is_not_read_as_a_text() {
        let templates = Templates::built_in().unwrap();
        let said = templates.fill(Text::Rejected, "en", &[("missing", "{number} tacos")]);
        assert_eq!(said, "Sorry, we don't have {number} tacos. Would you like something else?");
    }

    #[test]
    fn what_is_wrong_with_an_owners_file_is_said_with_its_row() {
        assert_eq!(
            with("ready,en,\"Order {number} is", "ready,en,\"Order {nummer} is"),
            "replies.csv cannot be used:\n  row 22: 'ready' cannot say {nummer}; what it can say is {number}, {items}, {total}"
        );
        assert!(
            with("Order {number} is ready.", "It is ready.").contains("row 22: 'ready' has to say {number}")
        );
        assert!(with("Order {number} is ready.", "Order {number is ready.").contains("a brace stands alone"));
        assert!(with("ready,en", "done,en").contains("there is no reply 'done': one of accepted, asked"));
        assert!(with("ready,en", "ready,it").contains("'it' is no language of replies"));
        assert!(with("ready,en", "ready,es").contains("'ready' is there already in 'es'"));
        assert!(with("reply,language,text", "reply,language,words").contains("the column 'text' is missing"));
        let end = BUILT_IN.trim_end().rfind('\n').unwrap();
        let said = Templates::read("replies.csv", &BUILT_IN.as_bytes()[..end]).unwrap_err().to_string();
        assert!(said.contains("'voided' in 'de' is missing"), "{said}");
    }

    #[test]
    fn an_owners_file_may_be_a_spreadsheets() {
        let file: String = BUILT_IN.lines().map(|line| line.replacen(',', ";", 2) + "\r\n").collect();
        assert_eq!(Templates::read("replies.csv", file.as_bytes()).unwrap(), Templates::built_in().unwrap());
    }
}
