//! How the weights are made: labelled messages of many restaurants, roles that are found rather than given.

pub mod counts;
pub mod crf;
pub mod gold;
pub mod latent;
pub mod linear;
pub mod report;
pub mod run;
pub mod show;
