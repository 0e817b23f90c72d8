//! Makes what people wrote harmless in Discord's markdown, and cuts it to a length.
//!
//! Text is handled as units that must not be torn apart (a backslash and what it escapes), so
//! that a cut never leaves half an escape behind.

/// Follows every `@`: Discord reads mentions before it reads backslashes.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// The text with all markup and mentions made harmless, cut to `limit` characters.
pub fn escape(text: &str, limit: usize) -> String {
    fit(&units(text, "\n"), limit, "…")
}

/// The same on one line, for names and titles.
pub fn escape_line(text: &str, limit: usize) -> String {
    fit(&units(text, " "), limit, "…")
}

/// The same as a block quote; a cut ends with `… ` and the hint where to read on.
pub fn quote(text: &str, limit: usize, hint: &str) -> String {
    let mut units = units(text, "\n> ");
    if units.is_empty() {
        units.push("(no text)".to_owned());
    }
    let start = "> ";
    format!("{start}{}", fit(&units, limit.saturating_sub(length(start)), &format!("… ({hint})")))
}

/// Length as Discord counts it.
pub fn length(text: &str) -> usize {
    text.chars().count()
}

/// All units if they fit into the limit, else as many as fit with the ending that says so.
fn fit(units: &[String], limit: usize, ending: &str) -> String {
    let total: usize = units.iter().map(|unit| length(unit)).sum();
    if total <= limit {
        return units.concat();
    }
    let mut room = limit.saturating_sub(length(ending));
    let mut kept: Vec<&str> = units
        .iter()
        .take_while(|unit| {
            let fits = length(unit) <= room;
            room = if fits { room - length(unit) } else { 0 };
            fits
        })
        .map(String::as_str)
        .collect();
    // The ending follows a word, not a blank or the start of a quoted line.
    while kept.pop_if(|last| last.chars().all(|c| c.is_whitespace() || c == '>')).is_some() {}
    kept.concat() + ending
}

/// The text, trimmed, in escaped units; every run of line breaks becomes one `line_break`.
fn units(text: &str, line_break: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().filter_map(visible).collect();
    let text: String = chars.iter().collect();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut units = Vec::with_capacity(chars.len());
    for line in lines {
        if !units.is_empty() {
            units.push(line_break.to_owned());
        }
        escape_into(&mut units, line);
    }
    units
}

/// Drops what would turn the writing direction or hide in the text; control characters become blanks.
fn visible(c: char) -> Option<char> {
    match c {
        '\n' | '\u{2028}' | '\u{2029}' | '\u{85}' => Some('\n'),
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2060}' | '\u{feff}' => None,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => Some(' '),
        c => Some(c),
    }
}

fn escape_into(units: &mut Vec<String>, line: &str) {
    let mut before: Option<char> = None;
    // Headings, lists and quotes only mean something where nothing but digits stands before them.
    let mut leading = true;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        let after = rest.as_str();
        let marks = match c {
            '\\' | '*' | '_' | '~' | '|' | '`' | '[' | ']' | '<' => true,
            '#' | '>' | '-' | '+' => leading,
            // "1." starts a list; a dot between letters may be a link or an invitation.
            '.' if leading => after.starts_with(' '),
            '.' => letter(before) && letter(after.chars().next()),
            ':' => after.starts_with("//"),
            _ => false,
        };
        units.push(match (c, marks) {
            ('@', _) => format!("@{ZERO_WIDTH_SPACE}"),
            (c, true) => format!("\\{c}"),
            (c, false) => c.to_string(),
        });
        leading = leading && (c.is_ascii_digit() || "#>-".contains(c));
        before = Some(c);
    }
}

fn letter(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_message_is_shown_and_not_obeyed() {
        for (written, shown) in [
            ("two burgers, please. $12.50!", "two burgers, please. $12.50!"),
            ("@everyone free food", "@\u{200b}everyone free food"),
            ("<@123> and <@&9> and <#4>", "\\<@\u{200b}123> and \\<@\u{200b}&9> and \\<#4>"),
            (
                "**bold** _it_ ~~no~~ ||spoiler||",
                "\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~ \\|\\|spoiler\\|\\|",
            ),
            ("```rm```", "\\`\\`\\`rm\\`\\`\\`"),
            ("[menu](https://evil.example)", "\\[menu\\](https\\://evil\\.example)"),
            ("discord.gg/abc", "discord\\.gg/abc"),
            ("# big", "\\# big"),
            ("### big # small", "\\#\\#\\# big # small"),
            ("-# small", "\\-\\# small"),
            (">>> all of it", "\\>\\>\\> all of it"),
            ("- one\n  * two\n1. three", "\\- one\n\\* two\n1\\. three"),
            ("5 - 2 > 1", "5 - 2 > 1"),
            ("12.50 for that?", "12.50 for that?"),
            ("a\\*b", "a\\\\\\*b"),
            ("\u{202e}backwards\u{7}", "backwards"),
            ("  \n\n a \r\n\n b ", "a\nb"),
        ] {
            assert_eq!(escape(written, 1000), shown, "{written}");
        }
    }

    #[test]
    fn a_cut_is_seen_and_never_leaves_half_an_escape() {
        assert_eq!(escape("********", 16), "\\*".repeat(8));
        assert_eq!(escape("********", 15), "\\*".repeat(7) + "…");
        assert_eq!(escape("********", 14), "\\*".repeat(6) + "…");
        assert_eq!(escape("two words", 5), "two…");
        assert_eq!(escape("ééééé", 4), "ééé…");
    }

    #[test]
    fn every_line_of_a_quote_is_quoted() {
        assert_eq!(quote("a\n# b", 100, "see message 1"), "> a\n> \\# b");
        assert_eq!(quote("  ", 100, "see message 1"), "> (no text)");
        assert_eq!(quote("abcdefghij klmnopqrstuvw", 25, "see message 1"), "> abcdef… (see message 1)");
        assert_eq!(quote("abcdef\nghijklmnopqrstuvwxyz", 28, "see message 1"), "> abcdef… (see message 1)");
    }
}
