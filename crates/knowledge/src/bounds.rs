//! From which confidence on an answer is dared: found by asking what is known already, not set by hand.

/// How many of a hundred known questions may get a wrong answer.
///
/// They are harder than customers' own: most of them stand alone, since what is nearest to each, itself, is left out.
/// How customers' questions fare at this bound is measured by `greenbite knowledge eval`.
pub const WRONG: f32 = 4.0;
/// Trials around a confidence that say how often it is right.
const AROUND: usize = 40;

/// A known question, asked as if it were a customer's.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The question.
    pub text: String,
    /// How sure the nearest entry was; none where the nearest was no entry.
    pub confidence: Option<f32>,
    /// It was the right entry.
    pub right: bool,
    /// There is an entry that answers it.
    pub has_entry: bool,
}

/// The bound, and the trials that it was found from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bounds {
    /// From this confidence on an answer is dared.
    pub dare: f32,
    /// Questions that were asked.
    pub asked: usize,
    /// Of these, with an entry.
    pub with_entry: usize,
    /// Of those, rightly answered at this bound.
    pub right: usize,
    /// Of all, wrongly answered at this bound.
    pub wrong: usize,
    /// Confidence and whether it was right, the surest first.
    answers: Vec<(f32, bool)>,
}

impl Bounds {
    /// The bound that nothing passes.
    pub fn never() -> &'static Bounds {
        static NEVER: Bounds =
            Bounds { dare: f32::INFINITY, asked: 0, with_entry: 0, right: 0, wrong: 0, answers: Vec::new() };
        &NEVER
    }

    /// The lowest bound at which no more than [`WRONG`] of a hundred are answered wrongly.
    pub fn of(trials: Vec<Trial>) -> Bounds {
        let (asked, with_entry) = (trials.len(), trials.iter().filter(|trial| trial.has_entry).count());
        let mut answers: Vec<(f32, bool)> =
            trials.iter().filter_map(|trial| Some((trial.confidence?, trial.right))).collect();
        answers.sort_by(|one, other| other.0.total_cmp(&one.0));
        let most = asked as f32 * WRONG / 100.0;
        let mut bounds = Bounds { dare: f32::INFINITY, asked, with_entry, right: 0, wrong: 0, answers };
        let (mut right, mut wrong) = (0, 0);
        for (confidence, is_right) in &bounds.answers {
            if *is_right {
                right += 1
            } else {
                wrong += 1
            }
            if wrong as f32 > most {
                break;
            }
            (bounds.dare, bounds.right, bounds.wrong) = (*confidence, right, wrong);
        }
        bounds
    }

    /// How often an answer of this confidence was right in the trials, from 0 to 1.
    pub fn sure(&self, confidence: f32) -> f32 {
        let at = self.answers.partition_point(|(other, _)| *other > confidence);
        let from = at.saturating_sub(AROUND / 2);
        let around = &self.answers[from..(from + AROUND).min(self.answers.len())];
        around.iter().filter(|(_, right)| *right).count() as f32 / around.len().max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_lies_where_wrong_answers_would_become_too_many() {
        let trial = |confidence: f32, right| Trial {
            text: String::new(),
            confidence: Some(confidence),
            right,
            has_entry: right,
        };
        let mut trials: Vec<Trial> = (0..45).map(|n| trial(2.0 - n as f32 / 50.0, true)).collect();
        trials.extend([1.95, 1.505, 1.305, 1.205, 1.105].map(|confidence| trial(confidence, false)));
        let bounds = Bounds::of(trials);
        // 4 of 100 are 2 of these 50: the third wrong one is where it ends.
        assert_eq!((bounds.asked, bounds.with_entry, bounds.wrong), (50, 45, 2));
        assert!(bounds.dare > 1.305 && bounds.dare < 1.33, "{}", bounds.dare);
        assert!(bounds.sure(1.9) > bounds.sure(1.2));
        assert_eq!(Bounds::of(Vec::new()).dare, f32::INFINITY, "without trials nothing is dared");
    }
}
