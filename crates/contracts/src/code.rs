//! Error codes: each has a page in `docs/errors/` that says what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($variant:ident = $code:literal: $title:literal;)+) => {
        /// Why a message is a dead letter, or why a service does not start.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code { $(#[doc = $title] #[serde(rename = $code)] $variant,)+ }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$variant),+];

            /// The code as it is printed: `GB` and three digits.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $code,)+ }
            }

            /// What happened, in one line.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)+ }
            }

            /// Its page, relative to the repository.
            pub const fn page(self) -> &'static str {
                match self { $(Code::$variant => concat!("docs/errors/", $code, ".md"),)+ }
            }
        }
    };
}

codes! {
    Malformed = "GB101": "The event is not the JSON that its subject promises.";
    UnknownVersion = "GB102": "The event is of a version that this service does not know.";
    UnknownSubject = "GB103": "The subject is not one of the line's.";
    WrongId = "GB104": "The id in the subject is not the id in the event.";
    UnknownMessage = "GB105": "There is no such row in the table of messages.";
    TooLarge = "GB201": "The message is larger than the line carries.";
    EmptyMessage = "GB202": "The message has no text.";
    NotText = "GB203": "The message holds characters that are not text.";
    BadRow = "GB204": "The row of the file cannot be read.";
    RetriesUsedUp = "GB301": "A passing failure did not pass in all its tries.";
    Deadline = "GB302": "The station did not finish with the message in its time, twice.";
    Panicked = "GB303": "The station's code failed on the message, twice.";
    MaxDeliveries = "GB304": "The message was delivered as often as allowed and never acknowledged.";
    Refused = "GB305": "The other side refused the message for good.";
    Settings = "GB401": "The settings contradict each other or cannot be read.";
    Permission = "GB402": "The bus or the database does not permit what the service needs.";
    Topology = "GB403": "Stream or durables are missing or not as this version wants them.";
    BusOutage = "GB501": "The bus cannot be reached.";
    DatabaseOutage = "GB502": "The database cannot be reached.";
    NoMenu = "GB503": "There is no menu, neither in the cache nor in the database.";
    DiscordOutage = "GB504": "Discord cannot be reached, or tells us to wait.";
    WebhookClosed = "GB505": "A Discord webhook is gone or its key is wrong.";
    StreamFull = "GB506": "The stream has no room.";
    ModelOutage = "GB507": "The model cannot be fetched.";
}

impl Code {
    /// The code with this name, such as `GB101`.
    pub fn parse(text: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_page_and_every_page_its_code() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        let mut pages: Vec<String> = std::fs::read_dir(docs)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("GB"))
            .collect();
        pages.sort();
        let mut wanted: Vec<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
        wanted.sort();
        assert_eq!(pages, wanted);
        for code in Code::ALL {
            let page = std::fs::read_to_string(format!("{docs}/{code}.md")).unwrap();
            assert!(page.contains(code.title()), "{code}.md does not quote its title: {}", code.title());
        }
    }
}
