//! What a person's terminal needs to reach a running line: settings files and variables, with the line's passwords.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use contracts::{Category, Service, topology};

use crate::Line;

impl Line {
    /// Writes settings files and variables into this folder, for its owner alone: `greenbite.toml` for the operator's
    /// command, `<station>.toml` for one more of each station and of the page, and `env` for a shell.
    pub fn write_access(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        for service in Service::STATIONS.into_iter().chain([Service::Dashboard, Service::Greenbite]) {
            secretly(&folder.join(format!("{service}.toml")), &self.settings_of(service, folder))?;
        }
        secretly(&folder.join("env"), &self.variables(folder))
    }

    fn settings_of(&self, service: Service, folder: &Path) -> String {
        let user = match service {
            Service::Greenbite => topology::OPERATOR,
            station => station.as_str(),
        };
        let mut text = format!(
            "# How {service} finds this line's servers; made anew whenever the line starts.\n\
             [nats]\nurl = {:?}\nuser = {user:?}\npassword = {:?}\n\n\
             [database]\nurl = {:?}\n\n[memcached]\naddress = {:?}\n",
            self.nats.url(),
            self.nats.password(user).unwrap_or_default(),
            self.database_url_of(service),
            self.memcached.address(),
        );
        match service {
            Service::Ingest => {
                let key = self.door(0).map(|(_, key)| key).unwrap_or_default();
                text.push_str(&format!("\n[ingest]\nlisten = \"127.0.0.1:0\"\nkey = {key:?}\n"));
            }
            Service::Dashboard => {
                let token = self.page_address().map(|(_, token)| token).unwrap_or_default();
                text.push_str(&format!("\n[dashboard]\nlisten = \"127.0.0.1:0\"\ntoken = {token:?}\n"));
            }
            Service::Registrar => {
                let file = folder.join("miscellaneous.jsonl").display().to_string();
                text.push_str(&format!("\n[registrar]\nfile = {file:?}\n"));
            }
            // `greenbite webhooks` tries the notifier's.
            Service::Notifier | Service::Greenbite => {
                text.push_str("\n[notifier.webhooks]\n");
                for category in Category::ALL {
                    let address = self.discord.webhook(category.as_str());
                    text.push_str(&format!("{category} = {address:?}\n"));
                }
            }
            _ => {}
        }
        text
    }

    /// Of the line's own programs, of `nats` and of `psql`.
    fn variables(&self, folder: &Path) -> String {
        let port = self.memcached.address().rsplit(':').next().unwrap_or_default().to_owned();
        // Passwords and ports are our own: letters and digits. Only paths need quotes.
        format!(
            "# For a shell, by `. {folder}/env`; made anew whenever the line starts.\n\
             export PATH='{binaries}':\"$PATH\"\n\
             export GREENBITE_CONFIG='{folder}/greenbite.toml'\n\
             export NATS_URL={nats} NATS_USER=teacher NATS_PASSWORD={teacher}\n\
             export PGHOST=127.0.0.1 PGPORT={postgres} PGDATABASE={database} PGUSER={role} PGPASSWORD={password}\n\
             export MEMCACHED_PORT={port}\n",
            folder = folder.display(),
            binaries = self.binaries().display(),
            nats = self.nats.url(),
            teacher = self.nats.password("teacher").unwrap_or_default(),
            postgres = self.postgres.port(),
            database = crate::line::DATABASE,
            role = crate::line::role_of(Service::Greenbite),
            password = self.role_password(Service::Greenbite),
        )
    }
}

/// Writes a file that nobody but its owner can read, also where one is there that others could.
fn secretly(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
