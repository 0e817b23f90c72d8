//! What stands between the columns.

use std::fmt;

/// What stands between the columns of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Separator {
    /// As the format's name says.
    #[default]
    Comma,
    /// Where the comma is in the numbers.
    Semicolon,
    /// What is pasted from a spreadsheet, or saved as "text".
    Tab,
}

impl Separator {
    const ALL: [Separator; 3] = [Separator::Comma, Separator::Semicolon, Separator::Tab];

    /// The separator as it stands in the file.
    pub fn byte(self) -> u8 {
        match self {
            Separator::Comma => b',',
            Separator::Semicolon => b';',
            Separator::Tab => b'\t',
        }
    }

    /// The separator of a file whose first row this is: the one that makes the most columns of it.
    pub fn of(header: &[u8]) -> Separator {
        let mut best = (Separator::Comma, 0);
        for separator in Separator::ALL {
            let count = count_unquoted(header, separator.byte());
            if count > best.1 {
                best = (separator, count);
            }
        }
        best.0
    }

    /// The separator that a first line such as `sep=;` declares, which Excel writes and no reader is shown.
    pub fn declared(line: &[u8]) -> Option<Separator> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
        match line {
            [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', byte] => {
                Separator::ALL.into_iter().find(|separator| separator.byte() == *byte)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Separator::Comma => "commas",
            Separator::Semicolon => "semicolons",
            Separator::Tab => "tabs",
        })
    }
}

fn count_unquoted(line: &[u8], wanted: u8) -> usize {
    let mut quoted = false;
    let mut count = 0;
    for &byte in line {
        match byte {
            b'"' => quoted = !quoted,
            _ if byte == wanted && !quoted => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_that_makes_the_most_columns_is_the_files() {
        for (header, separator) in [
            ("name,price", Separator::Comma),
            ("Name;Preis", Separator::Semicolon),
            ("\u{feff}Name;Preis;Beschreibung, kurz\r\n", Separator::Semicolon),
            ("name\tprice", Separator::Tab),
            ("\"a;b;c\",price", Separator::Comma),
            ("message", Separator::Comma),
        ] {
            assert_eq!(Separator::of(header.as_bytes()), separator, "{header}");
        }
    }

    #[test]
    fn a_separator_may_be_declared() {
        assert_eq!(Separator::declared(b"\xef\xbb\xbfsep=;\r\n"), Some(Separator::Semicolon));
        assert_eq!(Separator::declared(b"\"sep=\t\"\n"), Some(Separator::Tab));
        for other in [&b"sep=x"[..], b"sep", b"separator;name", b""] {
            assert_eq!(Separator::declared(other), None);
        }
    }
}
