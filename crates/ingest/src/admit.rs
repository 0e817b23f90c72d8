//! What the line carries: the decision whether a customer's text may enter it.

use contracts::Code;
use contracts::topology::MAX_TEXT_BYTES;

/// Why a text may not enter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({code})")]
pub struct Refusal {
    /// The code, with a page of its own.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub reason: String,
}

impl Refusal {
    /// A refusal with this code.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Refusal { code, reason: reason.into() }
    }
}

/// Whether the line carries this text.
pub fn admit(text: &str) -> Result<(), Refusal> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Refusal::new(
            Code::TooLarge,
            format!("The message has {} bytes; the line carries up to {MAX_TEXT_BYTES}.", text.len()),
        ));
    }
    if text.trim().is_empty() {
        return Err(Refusal::new(Code::EmptyMessage, "The message has no text."));
    }
    // Line breaks and tabs come with what people paste; the rest of the control characters does not.
    if let Some((at, c)) =
        text.char_indices().find(|&(_, c)| c.is_ascii_control() && !c.is_ascii_whitespace() && c != '\u{b}')
    {
        return Err(Refusal::new(
            Code::NotText,
            format!("The message holds the control character U+{:04X} at byte {at}.", u32::from(c)),
        ));
    }
    Ok(())
}

/// The same for bytes that nobody has read as text yet.
pub fn admit_bytes(bytes: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Refusal::new(Code::NotText, format!("The message is not UTF-8 at byte {}.", error.valid_up_to()))
    })?;
    admit(text).map(|()| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_carried() {
        for text in [
            "2 cheese burgers",
            "a\r\n\tb",
            "🍔",
            "zwei Käse, s'il vous plaît",
            " ? ",
            &"x".repeat(MAX_TEXT_BYTES),
        ] {
            assert_eq!(admit(text), Ok(()), "{text:.20}");
        }
    }

    #[test]
    fn what_the_line_cannot_carry_is_refused_with_its_code() {
        let table = [
            ("", Code::EmptyMessage),
            (" \r\n\t\u{3000}", Code::EmptyMessage),
            ("two\0burgers", Code::NotText),
            ("\u{1b}[2J", Code::NotText),
            (&"x".repeat(MAX_TEXT_BYTES + 1), Code::TooLarge),
        ];
        for (text, code) in table {
            assert_eq!(admit(text).unwrap_err().code, code, "{text:.20}");
        }
        assert_eq!(admit_bytes(b"caf\xe9").unwrap_err().reason, "The message is not UTF-8 at byte 3.");
        assert_eq!(admit_bytes("café".as_bytes()), Ok("café"));
    }
}
