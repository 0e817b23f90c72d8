//! The operator's command: provision, menu, dataset, simulate, eval, replay, doctor.

pub mod dataset;
pub mod eval;
