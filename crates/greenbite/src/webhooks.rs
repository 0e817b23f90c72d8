//! `greenbite webhooks`

use std::path::Path;

use anyhow::Context;
use contracts::Service;

use crate::cli::{End, say, table};

/// Posts a few words to every Discord webhook that is set, and tells what Discord said. No address is printed.
pub async fn run(file: Option<&Path>) -> anyhow::Result<End> {
    let notifier = runtime::load::<notifier::Config>(Service::Notifier, file)?;
    let trials = notifier::try_webhooks(&notifier.config).await.context("the webhooks cannot be tried")?;
    if trials.is_empty() {
        say(&format!(
            "No webhook is set: everything would be written to {}.\n\
             Set GREENBITE_NOTIFIER__WEBHOOKS__ORDER (or ...__REVIEW, __ENQUIRY, __MISC) to post on Discord.",
            notifier.config.file.display()
        ));
        return Ok(End::NeedsPerson);
    }
    let mut answers = table(&["tells of", "Discord said"]);
    let mut end = End::Done;
    for trial in trials {
        let categories: Vec<&str> = trial.categories.iter().map(|category| category.as_str()).collect();
        let answer = match trial.outcome {
            Ok(()) => "posted".to_owned(),
            Err(reason) => {
                end = End::NeedsPerson;
                reason
            }
        };
        answers.add_row([categories.join(", "), answer]);
    }
    say(&answers.to_string());
    Ok(end)
}
