//! `greenbite menu`

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::Utc;
use daybook::spreadsheet::money;
use menu::csv::{CsvErrors, Noted};
use menu::{Error, Menu, MenuHandle, MenuItem, sold_out};
use runtime::hours::near;
use serde::Serialize;
use store::sold_out::SoldOutItem;

use crate::cli::{End, complain, say, say_json, table};
use crate::site::Site;
use crate::{orders, until};

/// Names that are told of where one was not found.
const NEAREST: usize = 3;

/// `greenbite menu`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a CSV file the current menu: in the database, then in the cache; stations follow by themselves
    Import(Import),
    /// Prints the current menu, and what of it is sold out
    Show {
        /// For a program
        #[arg(long)]
        json: bool,
    },
    /// An item has run out: orders with it wait for a person; stations know it within a second
    SoldOut(RunOut),
    /// An item that was sold out is there again
    Back {
        /// Its name, another name of it, or its key in the cache
        item: String,
    },
}

/// `greenbite menu sold-out`
#[derive(Debug, clap::Args)]
pub struct RunOut {
    /// Its name, another name of it, or its key in the cache
    item: String,
    /// When it is back by itself: close, tomorrow, a time (22:00) or a day with one (2026-11-29 18:00) [default: when
    /// `greenbite menu back` says so]
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Who says so [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
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
            cached(menu::import(&store, &site.cache(), &menu).await)?;
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
            let sold_out = store.sold_out().await?;
            let menu = MenuHandle::new(store, site.cache()).menu().await?;
            if json { say_json(&Shown { menu: &menu, sold_out })? } else { print(site, &menu, &sold_out) }
        }
        Command::SoldOut(run_out) => {
            let menu = MenuHandle::new(store.clone(), site.cache()).menu().await?;
            let item = item(&menu, &run_out.item)?;
            let house = &site.settings.restaurant;
            let now = house.clock(Utc::now());
            let until = run_out.until.map(|text| until::parse(&text, house, now)).transpose();
            let until = until.map_err(anyhow::Error::msg)?;
            let who = run_out.who.unwrap_or_else(orders::user);
            let (cache, until_utc) = (site.cache(), until.map(|at| at.to_utc()));
            cached(sold_out::mark_sold_out(&store, &cache, item, until_utc, &who).await)?;
            say(&match until {
                Some(until) => format!("{} is sold out until {}", item.name, near(until, now)),
                None => format!("{} is sold out until `greenbite menu back {}`", item.name, item.slug),
            });
        }
        Command::Back { item: name } => {
            let menu = MenuHandle::new(store.clone(), site.cache()).menu().await?;
            // An item that an import took from the menu can still be told to be back.
            let slug = item(&menu, &name).map_or_else(|_| menu::slug(&name), |item| item.slug.clone());
            let before = store.sold_out().await?;
            let was = store.mark_back(&slug).await?;
            cached(sold_out::publish(&store, &site.cache()).await)?;
            if !was {
                complain(&not_out(&name, &slug, &before));
                return Ok(End::NeedsPerson);
            }
            say(&format!("{name} is there again"));
        }
    }
    Ok(End::Done)
}

/// What the database has stands; what the cache lacks comes by itself.
fn cached(result: Result<(), Error>) -> anyhow::Result<()> {
    match result {
        Err(error @ Error::NotCached(_)) => complain(&error.to_string()),
        result => result?,
    }
    Ok(())
}

/// The item of that name, other name or key.
fn item<'a>(menu: &'a Menu, name: &str) -> anyhow::Result<&'a MenuItem> {
    let slug = menu::slug(name);
    let called = |item: &&MenuItem| item.aliases.iter().any(|alias| menu::slug(alias) == slug);
    if let Some(item) = menu.item(&slug).or_else(|| menu.items.iter().find(called)) {
        return Ok(item);
    }
    let like: Vec<&str> =
        menu.items.iter().filter(|item| item.slug.contains(&slug)).map(|item| item.name.as_str()).collect();
    match like.is_empty() {
        true => anyhow::bail!("\"{name}\" is not on the menu: `greenbite menu show` lists it"),
        false => anyhow::bail!("\"{name}\" is not on the menu; there is {}", like.join(", ")),
    }
}

/// That nothing of that name was sold out, and what is.
fn not_out(name: &str, slug: &str, sold_out: &[SoldOutItem]) -> String {
    let mut sold_out: Vec<&SoldOutItem> = sold_out.iter().collect();
    if sold_out.is_empty() {
        return format!("nothing was changed: \"{name}\" was not sold out, and nothing else is");
    }
    // The likeliest first.
    sold_out.sort_by(|a, b| {
        let alike = |item: &SoldOutItem| strsim::jaro_winkler(&item.slug, slug);
        alike(b).total_cmp(&alike(a))
    });
    let names: Vec<&str> = sold_out.iter().take(NEAREST).map(|item| item.item.as_str()).collect();
    format!("nothing was changed: \"{name}\" was not sold out; what is: {}", names.join(", "))
}

/// The menu for a program.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    menu: &'a Menu,
    sold_out: Vec<SoldOutItem>,
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

fn print(site: &Site, menu: &Menu, sold_out: &[SoldOutItem]) {
    let mut items = table(&["item", "category", "price", "description", "key in the cache", "sold out"]);
    for item in &menu.items {
        let out = sold_out.iter().find(|out| out.slug == item.slug);
        let out = out.map_or_else(String::new, |out| said(site, out));
        let price = money(item.price_cents);
        items.add_row([&item.name, &item.category, &price, &item.description, &item.slug, &out]);
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

/// Since when, until when, and who said so.
pub fn said(site: &Site, out: &SoldOutItem) -> String {
    let house = &site.settings.restaurant;
    let now = house.clock(Utc::now());
    let time = |at| near(house.clock(at), now);
    let until =
        out.until.map_or_else(|| "until it is back".to_owned(), |until| format!("until {}", time(until)));
    format!("{until}, since {} by {}", time(out.since), out.who)
}
