//! The commands that the README shows, for the demo that prints them and the test that runs them.

use anyhow::Context;

/// A command, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// As it is typed.
    pub command: String,
    /// In the README's words.
    pub purpose: String,
}

/// The commands of one part of this README, such as `Watch it`: those in its tables and in its blocks of code.
pub fn commands(readme: &str, part: &str) -> anyhow::Result<Vec<Shown>> {
    let heading = format!("\n## {part}\n");
    let (_, rest) =
        readme.split_once(&heading).with_context(|| format!("README.md has no part '{part}' any more"))?;
    let text = rest.split("\n## ").next().unwrap_or(rest);
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if in_code {
            let (command, purpose) = line.split_once(" # ").unwrap_or((line, ""));
            found.push(Shown { command: command.trim().to_owned(), purpose: purpose.trim().to_owned() });
        } else if let Some(row) = line.strip_prefix("| ") {
            let Some((purpose, cell)) = row.split_once(" | ") else { continue };
            // Every second piece between backticks is code; a table's `|` within one is escaped.
            found.extend(
                cell.split('`').skip(1).step_by(2).map(|code| Shown {
                    command: code.replace("\\|", "|"),
                    purpose: purpose.trim().to_owned(),
                }),
            );
        }
    }
    found.retain(|shown| !shown.command.is_empty());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_tables_and_in_code_of_their_part_alone() {
        let readme = "# x\n\n## One\n\n| a | `b 'c' \\| d`, afterwards `e 1` |\n|---|---|\n\n## Two\n\n```\nf --g   # why\n```\n";
        let found = |part| {
            commands(readme, part)
                .unwrap()
                .into_iter()
                .map(|shown| (shown.command, shown.purpose))
                .collect::<Vec<_>>()
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(found("One"), [pair("b 'c' | d", "a"), pair("e 1", "a")]);
        assert_eq!(found("Two"), [pair("f --g", "why")]);
        assert!(commands(readme, "Three").is_err());
    }
}
