//! Bytes as text: UTF-8, or what programs wrote before it.

use std::borrow::Cow;
use std::io::Read;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use crate::CsvErrors;

/// A file's text, and how its bytes had to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text, without a mark at its beginning.
    pub text: String,
    /// The encoding's name, where it is not UTF-8.
    pub encoding: Option<&'static str>,
}

/// Reads a whole file, which its errors call `file`.
pub fn read_file(file: &str, mut source: impl Read) -> Result<Text, CsvErrors> {
    let mut bytes = Vec::new();
    source
        .read_to_end(&mut bytes)
        .map_err(|error| CsvErrors::one(file, 1, format!("cannot be read: {error}")))?;
    read(&bytes).map_err(|line| CsvErrors::one(file, line, "is not UTF-8: save the file as UTF-8"))
}

/// Reads a whole file: as its mark at the beginning says, else as UTF-8, else as Windows-1252.
/// The error is the line that is none of them.
pub fn read(bytes: &[u8]) -> Result<Text, u64> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes)
        && encoding != UTF_8
    {
        let (text, _, broken) = encoding.decode(bytes);
        return if broken {
            Err(1)
        } else {
            Ok(Text { text: text.into_owned(), encoding: Some(encoding.name()) })
        };
    }
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            return Ok(Text { text: text.to_owned(), encoding: None });
        }
        Err(error) => error,
    };
    match windows_1252(bytes) {
        Some(text) => Ok(Text { text, encoding: Some(WINDOWS_1252.name()) }),
        None => Err(bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() as u64 + 1),
    }
}

/// The text that these bytes are in Windows-1252; `None` where they are rather broken UTF-8, or hold
/// a byte that means nothing.
pub fn windows_1252(bytes: &[u8]) -> Option<String> {
    // Five bytes mean nothing there, and the decoder takes them for control characters.
    let undefined = |byte: &u8| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d);
    if shows_utf8(bytes) || bytes.iter().any(undefined) {
        return None;
    }
    let (text, _, broken) = WINDOWS_1252.decode(bytes);
    (!broken).then(|| text.into_owned())
}

/// Whether there is a letter beyond ASCII that only UTF-8 writes so. A file that has one is UTF-8.
pub fn shows_utf8(bytes: &[u8]) -> bool {
    bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii())
}

/// What a web page's entities stand for: `&amp;` and `&#39;` as `&` and `'`. What is none stays.
pub fn entities(text: &str) -> Cow<'_, str> {
    html_escape::decode_html_entities(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_programs_save_is_read_with_its_accents() {
        let read = |bytes: &[u8]| read(bytes).map(|read| (read.text, read.encoding));
        assert_eq!(read("\u{feff}Crème".as_bytes()), Ok(("Crème".into(), None)));
        assert_eq!(read(b"Cr\xe8me 5 \x80"), Ok(("Crème 5 €".into(), Some("windows-1252"))));
        assert_eq!(read(b"\xff\xfeC\0r\0\xe8\0"), Ok(("Crè".into(), Some("UTF-16LE"))));
        assert_eq!(read(b"ok\nCr\xc3\xa8me\nCr\xe8me"), Err(3), "UTF-8 with a broken line is not guessed at");
        assert_eq!(read(b"ok\n\x81"), Err(2));
    }

    #[test]
    fn entities_stand_for_what_they_stand_for_and_once() {
        for (written, meant) in [
            ("fish &amp; chips", "fish & chips"),
            ("Joe&#39;s &#x26; Jane&#039;s", "Joe's & Jane's"),
            ("caf&eacute;&nbsp;au lait", "café\u{a0}au lait"),
            ("&amp;lt;", "&lt;"),
            ("salt & pepper; R&D", "salt & pepper; R&D"),
        ] {
            assert_eq!(entities(written), meant);
        }
    }
}
