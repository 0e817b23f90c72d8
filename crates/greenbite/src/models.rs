//! `greenbite model`

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use contracts::{Code, Service};
use menu_validator::model;
use runtime::StartError;

use crate::cli::{End, say};

/// `greenbite model`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Fetches the model that menu-validator's settings name into the cache (HF_HOME), once for all that share it
    Fetch,
}

/// Fetches the model, or finds that nothing is to be fetched.
pub async fn run(file: Option<&Path>, command: Command) -> anyhow::Result<End> {
    let Command::Fetch = command;
    let config = runtime::load::<menu_validator::Config>(Service::MenuValidator, file)?.config;
    if config.model == model::NONE {
        say("The settings ask for no model: words alone decide.");
        return Ok(End::Done);
    }
    let began = Instant::now();
    let name = config.model.clone();
    let fetched =
        tokio::task::spawn_blocking(move || model::fetch(&name)).await.context("the download failed")?;
    let folder = fetched.map_err(|error| match error {
        embed::Error::Missing { .. } => StartError::settings(format!("menu-validator.model: {error}")),
        // As for other servers that are away: whoever waits for this tries again.
        error => StartError::new(
            Code::ModelOutage,
            format!("{error}. Until the model is there, menu-validator goes on by its fallback or by words."),
        ),
    })?;
    say(&format!(
        "{} is in {} (after {:.0} s)",
        config.model,
        folder.display(),
        began.elapsed().as_secs_f64()
    ));
    Ok(End::Done)
}
