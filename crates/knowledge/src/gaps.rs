//! What is asked and not answered, by how often.

use crate::answer::Answer;

/// Questions about one thing that nobody has written an answer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What they seem to be about.
    pub about: String,
    /// How often it was asked.
    pub times: usize,
    /// The first of them.
    pub example: String,
}

/// Gathers what stayed open, the most frequent first.
pub fn gaps<'q>(asked: impl IntoIterator<Item = (&'q str, Answer)>) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    for (text, answer) in asked {
        let Answer::Open { about, .. } = answer else { continue };
        match gaps.iter_mut().find(|gap| gap.about == about) {
            Some(gap) => gap.times += 1,
            None => gaps.push(Gap { about, times: 1, example: text.to_owned() }),
        }
    }
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.times));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_most_comes_first() {
        let open = |about: &str| Answer::Open { about: about.to_owned(), reason: String::new() };
        let found = gaps([("a?", open("kosher")), ("b?", open("tv")), ("c?", open("tv"))]);
        assert_eq!(found[0], Gap { about: "tv".into(), times: 2, example: "b?".into() });
        assert_eq!(found.len(), 2);
    }
}
