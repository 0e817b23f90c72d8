//! Why a person has to look at an order that is all on the menu.

use contracts::Verdict;

use crate::matching::Validation;

/// Lets an order wait for a person. What is rejected goes to one anyway, as an enquiry.
pub fn hold(found: &mut Validation, reason: &str) {
    match found.verdict {
        Verdict::Accepted => {
            found.verdict = Verdict::Review;
            reason.clone_into(&mut found.reason);
        }
        Verdict::Review => found.reason = format!("{}. {reason}", found.reason),
        Verdict::Rejected => {}
    }
}
