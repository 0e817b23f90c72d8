//! The operator's command: provision, menu, model, dataset, import, simulate, eval, calibrate, doctor, dlq, export, order, report,
//! customer, journey, ledger, webhooks.

pub mod calibrate;
pub mod cli;
pub mod config;
pub mod customers;
pub mod dataset;
pub mod dlq;
pub mod doctor;
pub mod eval;
pub mod export;
pub mod import;
pub mod journey;
pub mod knowledge;
pub mod ledger;
pub mod menus;
pub mod models;
pub mod orders;
pub mod progress;
pub mod provision;
pub mod replies;
pub mod report;
pub mod schedule;
pub mod simulate;
pub mod site;
pub mod until;
pub mod webhooks;
