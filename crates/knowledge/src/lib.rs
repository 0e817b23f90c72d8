//! What the house knows: finds the entry that answers a question, computes what can be computed, and says when it
//! does not know.
//!
//! | file | what is in it |
//! |---|---|
//! | [`entry`] | what a house has written down, and its CSV file |
//! | [`typical`] | how customers ask for what restaurants are usually asked for |
//! | [`base`] | entries and typical questions made ready, and the search among them |
//! | [`bounds`] | from which score on an answer is dared |
//! | [`facts`] | what is computed from menu, clock and order, never retrieved |
//! | [`answer`] | the decision: a proposal, or why there is none |
//! | [`meaning`] | the same with vectors of a model |
//! | [`check`] | what is wrong with the entries |
//! | [`gaps`] | what is asked and not answered |

pub mod answer;
pub mod base;
pub mod bounds;
pub mod check;
pub mod entry;
pub mod facts;
pub mod gaps;
pub mod meaning;
pub mod say;
pub mod typical;
mod words;

pub use answer::{Answer, Proposal, Source};
pub use base::Base;
pub use entry::Entry;
pub use facts::{Doors, Fact, Truth};
pub use meaning::Answerer;
pub use words::language;
