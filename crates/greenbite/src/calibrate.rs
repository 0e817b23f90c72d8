//! `greenbite calibrate`: what a model makes of the labelled phrases, and the bounds that follow.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, bail};
use comfy_table::Table;
use menu::Lexicon;
use menu_validator::calibration::{self, Answer, Quality};
use menu_validator::matching::Thresholds;
use menu_validator::meaning::{Compared, Meaning};
use menu_validator::{Config, model};

use crate::cli::{say, table};
use crate::eval::read_menu;

/// Shows what a model makes of the labelled phrases, and the bounds that follow.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The menu: name,category,description,price,aliases.
    #[arg(long, default_value = "data/menu.csv")]
    pub menu: PathBuf,
    /// The options: kind,name,aliases.
    #[arg(long)]
    pub options: Option<PathBuf>,
    /// The labelled phrases (phrase,item,kind); those that come with the program, if not given.
    #[arg(long, default_value = "")]
    pub pairs: String,
    /// Labelled phrases that the bounds are not made from, to see what they are worth.
    #[arg(long)]
    pub check: Option<PathBuf>,
    /// Which model.
    #[command(flatten)]
    pub model: Model,
    /// Weights in 8-bit blocks.
    #[arg(long)]
    pub quantised: bool,
}

/// Which model reads phrases: the station's setting.
#[derive(Debug, clap::Args)]
pub struct Model {
    /// Model of the hub (owner/name or owner/name@revision), folder of a model, or none.
    #[arg(long, env = "GREENBITE_MENU_VALIDATOR__MODEL", default_value_t = Config::default().model)]
    pub model: String,
    /// What stands in where the model cannot be had.
    #[arg(long, env = "GREENBITE_MENU_VALIDATOR__FALLBACK", default_value_t = Config::default().fallback)]
    pub fallback: String,
}

impl Model {
    /// The station's settings with this model.
    pub fn config(&self) -> Config {
        Config { model: self.model.clone(), fallback: self.fallback.clone(), ..Config::default() }
    }
}

/// Shares of the labelled items at which the curve is shown.
const STEPS: [f32; 6] = [0.0, 0.02, 0.05, 0.1, 0.2, 0.3];

/// Runs it.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config { calibration: args.pairs.clone(), ..args.model.config() };
    let lexicon = Lexicon::new(read_menu(&args.menu, args.options.as_deref())?);
    let pairs = menu_validator::pairs(&config).map_err(anyhow::Error::msg)?;
    let chosen = model::open(&config, args.quantised).await;
    say(&format!("names are matched by {}", chosen.note));
    let Some(embedder) = chosen.embedder else { bail!("there is no model to calibrate") };
    let meaning = Meaning::new(embedder, None, pairs);
    let checked = match &args.check {
        Some(path) => {
            let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
            calibration::read_pairs(file).with_context(|| format!("{} cannot be read", path.display()))?
        }
        None => Vec::new(),
    };
    let found = meaning.compare(&lexicon, &checked).await?;
    if found.iter().all(|compared| compared.answers.is_empty()) {
        bail!("the labelled phrases are not about this menu");
    }
    if args.check.is_some() && found.iter().all(|compared| compared.others.is_empty()) {
        bail!("the phrases to check with are not about this menu");
    }

    let mut table = table(&[
        "",
        "accept",
        "margin",
        "review",
        "recall",
        "found",
        "held out: recall",
        "precision",
        "found",
        "wrong",
    ]);
    for Compared { basis, answers, .. } in &found {
        let bounds = calibration::bounds(answers);
        let (all, held_out) = (Quality::of(answers, &bounds), calibration::held_out(answers));
        table.add_row([
            (*basis).to_owned(),
            format!("{:.2}", bounds.accept),
            format!("{:.2}", bounds.margin),
            format!("{:.2}", bounds.review),
            percent(all.recall()),
            percent(all.found()),
            percent(held_out.recall()),
            percent(held_out.precision()),
            percent(held_out.found()),
            held_out.false_accepts.to_string(),
        ]);
    }
    say(&format!(
        "{table}\nrecall: accepted rightly; found: accepted, or first before a person; wrong: accepted wrongly"
    ));

    if let Some(path) = &args.check {
        say(&format!("\nby the same bounds, {}:", path.display()));
        for Compared { basis, answers, others } in &found {
            let bounds = calibration::bounds(answers);
            say(&format!("{basis}: {}", Quality::of(others, &bounds)));
            for ((pair, _), answer) in calibration::about(&checked, &lexicon).iter().zip(others) {
                if answer.is_accepted(&bounds) && answer.label != Some(answer.best) {
                    let item = &lexicon.menu().items[answer.best].name;
                    say(&format!("  wrongly accepted: '{}' as {item} ({:.2})", pair.phrase, answer.score));
                }
            }
        }
    }
    if let Some(Compared { basis, answers, .. }) = found.last() {
        say(&format!("\n{basis}: {}", Quality::of(answers, &calibration::bounds(answers))));
        say(&format!("{}", curve(answers)));
    }
    Ok(())
}

/// What other bounds would give.
fn curve(answers: &[Answer]) -> Table {
    let bounds = calibration::bounds(answers);
    let mut table = table(&["accept from", "recall", "precision", "accepted wrongly"]);
    for step in STEPS {
        let by = Thresholds { accept: bounds.accept - step, ..bounds };
        let quality = Quality::of(answers, &by);
        table.add_row([
            format!("{:.2}", by.accept),
            percent(quality.recall()),
            percent(quality.precision()),
            quality.false_accepts.to_string(),
        ]);
    }
    table
}

fn percent(share: f32) -> String {
    format!("{:.1} %", share * 100.0)
}
