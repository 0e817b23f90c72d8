//! Subjects with wildcards, as NATS matches them, and payloads as a page shows them.

use serde_json::Value;

/// Longest subject that is taken for one.
const LONGEST: usize = 200;

/// A subject with `*` for one token and `>` for all the rest.
#[derive(Debug, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// Reads a subject, or says what is wrong with it.
    pub fn parse(subject: &str) -> Result<Pattern, String> {
        let subject = subject.trim();
        if subject.is_empty() || subject.len() > LONGEST {
            return Err(format!("A subject has 1 to {LONGEST} characters, such as greenbite.>"));
        }
        if subject.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("'{subject}' is no subject: it holds a space."));
        }
        let tokens: Vec<String> = subject.split('.').map(str::to_owned).collect();
        if tokens.iter().any(String::is_empty) {
            return Err(format!("'{subject}' is no subject: between two dots there is a word, * or >."));
        }
        let last = tokens.len() - 1;
        if tokens.iter().enumerate().any(|(at, token)| token == ">" && at != last) {
            return Err(format!("'{subject}' is no subject: > stands for all the rest, so it comes last."));
        }
        Ok(Pattern(tokens))
    }

    /// Whether a subject without wildcards is one of these.
    pub fn matches(&self, subject: &str) -> bool {
        let mut tokens = subject.split('.');
        for wanted in &self.0 {
            match (wanted.as_str(), tokens.next()) {
                (_, None) => return false,
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (word, Some(token)) if word == token => {}
                _ => return false,
            }
        }
        tokens.next().is_none()
    }
}

/// A payload as JSON: as it is where it is JSON, as text where it is text, else what it is.
pub fn payload(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => Value::from(format!("{} bytes that are not text", bytes.len())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_the_bus_matches_them() {
        for (pattern, subject, expected) in [
            ("greenbite.>", "greenbite.classified.order.1", true),
            ("greenbite.>", "greenbite", false),
            ("greenbite.>", "greenbite-dlq.a.b.1", false),
            ("greenbite.*.order.*", "greenbite.classified.order.1", true),
            ("greenbite.*.order.*", "greenbite.classified.misc.1", false),
            ("greenbite.*", "greenbite.classified.order.1", false),
            ("greenbite.*.*.42", "greenbite.notified.order.42", true),
            (">", "anything.at.all", true),
            ("a.b", "a.b", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(subject), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn what_is_no_subject_is_refused_with_a_reason() {
        for bad in ["", "a..b", ".a", "a.>.b", "a b", "a.\n", &"x".repeat(300)] {
            assert!(Pattern::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_payload_of_any_kind_can_be_shown() {
        assert_eq!(payload(b"{\"a\":1}")["a"], 1);
        assert_eq!(payload(b"hello"), "hello");
        assert_eq!(payload(&[0xff, 0xfe]), "2 bytes that are not text");
    }
}
