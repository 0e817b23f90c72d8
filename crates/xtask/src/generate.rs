//! `cargo xtask generate`: writes the files that are made from the code.

use std::fs;

use anyhow::{Context, bail};
use contracts::Topic;
use contracts::topology::readers_of;
use testkit::repository;

/// Writes the files that are made from the code: the bus's users, the README's table of subjects.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write nothing; fail when a file is stale.
    #[arg(long)]
    check: bool,
}

/// Writes or checks every generated file.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (path, text) in files()? {
        let full = repository().join(path);
        if fs::read_to_string(&full).is_ok_and(|present| present == text) {
            continue;
        }
        if arguments.check {
            stale.push(path);
        } else {
            fs::write(&full, text).with_context(|| format!("cannot write {path}"))?;
            println!("{path} written");
        }
    }
    if !stale.is_empty() {
        bail!("stale: {}. `cargo xtask generate` writes them anew", stale.join(", "));
    }
    Ok(())
}

/// Path and content of every generated file.
fn files() -> anyhow::Result<Vec<(&'static str, String)>> {
    let readme = fs::read_to_string(repository().join("README.md")).context("cannot read README.md")?;
    Ok(vec![
        ("deploy/nats/users.conf", testkit::nats::users_conf()),
        ("README.md", between_markers(&readme, &subject_table())?),
    ])
}

const BEGIN: &str = "<!-- subjects: made by `cargo xtask generate` -->\n";
const END: &str = "<!-- subjects: end -->";

/// The text with what stands between the markers replaced.
fn between_markers(text: &str, table: &str) -> anyhow::Result<String> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.context("README.md has lost the markers around its table of subjects")?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// Every subject of the line: what it means, who publishes and who reads it.
fn subject_table() -> String {
    let mut table =
        String::from("| subject | means | published by | read by (durable) |\n|---|---|---|---|\n");
    for topic in Topic::ALL {
        let subject = topic.filter().replace('*', "<id>");
        let readers: Vec<String> = readers_of(*topic).map(|spec| format!("`{}`", spec.durable)).collect();
        let readers = if readers.is_empty() { "who watches".to_owned() } else { readers.join(", ") };
        let meaning = topic.meaning().trim_end_matches('.');
        table.push_str(&format!("| `{subject}` | {meaning} | {} | {readers} |\n", topic.publisher()));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_from_the_code_is_up_to_date() {
        for (path, wanted) in files().unwrap() {
            let present = fs::read_to_string(repository().join(path)).unwrap();
            assert_eq!(present, wanted, "{path} is stale: `cargo xtask generate` writes it anew");
        }
    }

    #[test]
    fn a_table_that_lost_its_markers_is_missed() {
        assert!(between_markers("no table here", "").is_err());
        let text = format!("before\n{BEGIN}old\n{END}\nafter\n");
        assert_eq!(between_markers(&text, "new\n").unwrap(), format!("before\n{BEGIN}new\n{END}\nafter\n"));
    }
}
