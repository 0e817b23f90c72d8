//! `greenbite menu`

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use daybook::spreadsheet::money;
use menu::csv::{CsvErrors, Noted};
use menu::{Error, Menu, MenuHandle};

use crate::cli::{End, complain, say, say_json, table};
use crate::site::Site;

/// `greenbite menu`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a CSV file the current menu: in the database, then in the cache; stations follow by themselves
    Import(Import),
    /// Prints the current menu
    Show {
        /// For a program
        #[arg(long)]
        json: bool,
    },
}

/// `greenbite menu import`
#[derive(Debug, clap::Args)]
pub struct Import {
    /// Columns name,category,description,price,aliases; separated by commas, semicolons or tabs, and under the names
    /// that tills give them
    #[arg(default_value = "data/menu.csv")]
    menu: PathBuf,
    /// Sizes, toppings and sauces: columns kind,name,aliases,price
    #[arg(long, value_name = "OPTIONS.csv")]
    options: Option<PathBuf>,
    /// Only where there is no menu yet; one that is there stays
    #[arg(long)]
    if_empty: bool,
}

/// Imports or prints the menu.
pub async fn run(site: &Site, command: Command) -> anyhow::Result<End> {
    let store = site.store().await?;
    match command {
        Command::Import(files) => {
            let before = store.menu_version().await?;
            if let Some(version) = before.as_ref().filter(|_| files.if_empty) {
                say(&format!("there is a menu already, {version}: it stays, and nothing was imported"));
                return Ok(End::Done);
            }
            let menu = match read(&files)? {
                Ok(read) => {
                    read.notes.iter().for_each(|note| complain(note));
                    read.value
                }
                Err(mistakes) => {
                    complain(&format!("nothing was imported. {mistakes}"));
                    return Ok(End::SomeRejected);
                }
            };
            match menu::import(&store, &site.cache(), &menu).await {
                Ok(()) => {}
                // The menu stands; what is missing comes by itself.
                Err(error @ Error::NotCached(_)) => complain(&error.to_string()),
                Err(error) => return Err(error.into()),
            }
            let change = match before {
                Some(before) if before == menu.version => "as it was before".to_owned(),
                Some(before) => format!("was {before}"),
                None => "the first".to_owned(),
            };
            say(&format!(
                "menu {} ({change}): {} items, {} options",
                menu.version,
                menu.items.len(),
                menu.options.len()
            ));
        }
        Command::Show { json } => {
            let menu = MenuHandle::new(store, site.cache()).menu().await?;
            if json { say_json(&*menu)? } else { print(&menu) }
        }
    }
    Ok(End::Done)
}

fn read(files: &Import) -> anyhow::Result<Result<Noted<Menu>, CsvErrors>> {
    let open = |path: &Path| File::open(path).with_context(|| format!("{} cannot be read", path.display()));
    let name = |path: &Path| path.display().to_string();
    let menu = (name(&files.menu), open(&files.menu)?);
    let options = match &files.options {
        Some(path) => Some((name(path), open(path)?)),
        None => None,
    };
    Ok(menu::csv::read_menu_noted(
        (&menu.0, menu.1),
        options.as_ref().map(|(name, file)| (name.as_str(), file)),
    ))
}

fn print(menu: &Menu) {
    let mut items = table(&["item", "category", "price", "description", "key in the cache"]);
    for item in &menu.items {
        items.add_row([&item.name, &item.category, &money(item.price_cents), &item.description, &item.slug]);
    }
    say(&items.to_string());
    let mut options = table(&["option", "kind", "price", "also called"]);
    for option in &menu.options {
        let price = if option.price_cents == 0 { String::new() } else { money(option.price_cents) };
        options.add_row([&option.name, &option.kind, &price, &option.aliases.join(", ")]);
    }
    say(&options.to_string());
    say(&format!("version {}", menu.version));
}
