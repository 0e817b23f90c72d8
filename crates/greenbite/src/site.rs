//! What a command works on: the settings, and the servers that they name.

use std::path::Path;
use std::time::Duration;

use contracts::{Code, Service};
use menu::Cache;
use runtime::{Bus, StartError};
use store::Store;

use crate::config::Config;

/// How long the bus may take to let us in.
const CONNECT: Duration = Duration::from_secs(5);

/// The settings, and the servers that they name.
pub struct Site {
    /// What all services have in common.
    pub settings: runtime::Settings,
    /// The command's own table.
    pub config: Config,
}

impl Site {
    /// Of this settings file, or `greenbite.toml` where there is one; as this user of the bus where they name none.
    pub fn load(file: Option<&Path>, user: &str) -> Result<Site, StartError> {
        let mut loaded = runtime::load::<Config>(Service::Greenbite, file)?;
        loaded.settings.nats.user.get_or_insert_with(|| user.to_owned());
        Ok(Site { settings: loaded.settings, config: loaded.config })
    }

    /// The database, which answers.
    pub async fn store(&self) -> Result<Store, StartError> {
        let database = &self.settings.database;
        let store = Store::connect(database.url.expose(), database.max_connections).await?;
        store.ping().await?;
        Ok(store)
    }

    /// The bus, connected.
    pub async fn bus(&self) -> Result<Bus, StartError> {
        let bus = Bus::connect(Service::Greenbite.as_str(), &self.settings.nats).await?;
        tokio::select! {
            () = bus.connected() => Ok(bus),
            () = bus.unauthorised() => {
                Err(StartError::unauthorised(self.settings.nats.user.as_deref().unwrap_or_default()))
            }
            () = tokio::time::sleep(CONNECT) => Err(StartError::new(
                Code::BusOutage,
                format!("the bus does not answer within {} s: does it run, and is nats.url right?", CONNECT.as_secs()),
            )),
        }
    }

    /// The menu's cache.
    pub fn cache(&self) -> Cache {
        Cache::new(self.settings.memcached.address.clone())
    }
}
