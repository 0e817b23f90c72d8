//! `greenbite provision`

use std::time::{Duration, Instant};

use contracts::{Failure, FailureKind};
use store::Store;

use crate::cli::{End, say};
use crate::site::Site;

/// `greenbite provision`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds to wait for the database to come up
    #[arg(long, default_value_t = 30)]
    wait: u64,
    /// Leave the database's roles as they are
    #[arg(long)]
    no_roles: bool,
}

/// Tables, roles, streams and durables.
pub async fn run(site: &Site, args: Args) -> anyhow::Result<End> {
    let database = &site.settings.database;
    let store = Store::connect(database.url.expose(), database.max_connections).await?;
    come_up(&store, Duration::from_secs(args.wait)).await?;
    store.migrate().await?;
    say("tables: up to date");
    if !args.no_roles {
        store.apply_roles().await?;
        say("roles: every service has its privileges");
    }
    let bus = site.bus().await?;
    let report = runtime::provision(&bus, &site.settings.line).await?;
    say(report.to_string().trim_end());
    if report.differences.is_empty() {
        return Ok(End::Done);
    }
    say("The bus does not have everything as this version wants it: see docs/errors/GB403.md.");
    Ok(End::NeedsPerson)
}

async fn come_up(store: &Store, wait: Duration) -> Result<(), store::Error> {
    let began = Instant::now();
    loop {
        match store.ping().await {
            Err(error) if error.kind() == FailureKind::Outage && began.elapsed() < wait => {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            answer => return answer,
        }
    }
}
