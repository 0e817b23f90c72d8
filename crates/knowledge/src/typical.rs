//! How customers ask for what restaurants are usually asked for: groups of questions that want the same answer.
//!
//! Each group either widens the entry of the house that it means, or guards: what is nearest to a question that no
//! entry answers is not answered.

use std::sync::OnceLock;

/// Questions that want the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typical {
    /// What they are about.
    pub topic: String,
    /// Their language, as an ISO 639-1 code.
    pub language: String,
    /// The plainest first.
    pub questions: Vec<String>,
}

/// The groups that come with the program.
pub fn typical() -> &'static [Typical] {
    static GROUPS: OnceLock<Vec<Typical>> = OnceLock::new();
    // A test reads the file; one that cannot be read would leave groups out, never stop the line.
    GROUPS.get_or_init(|| read(include_str!("../words/typical.csv")).unwrap_or_default())
}

fn read(file: &str) -> Result<Vec<Typical>, csv::Error> {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let group = |row: Result<[String; 3], csv::Error>| {
        let [topic, language, questions] = row?;
        let questions = questions.split(" | ").map(|question| question.trim().to_owned()).collect();
        Ok(Typical { topic, language, questions })
    };
    reader.deserialize().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_can_be_read_and_no_question_stands_in_it_twice() {
        let groups = read(include_str!("../words/typical.csv")).unwrap();
        assert!(groups.len() > 200);
        let mut seen = std::collections::HashMap::new();
        for group in &groups {
            assert!(["en", "es", "fr", "de"].contains(&group.language.as_str()), "{group:?}");
            for question in &group.questions {
                let other = seen.insert((question.clone(), group.language.clone()), group.topic.clone());
                assert_eq!(other, None, "'{question}' stands there twice");
            }
        }
    }
}
