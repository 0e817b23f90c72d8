//! `[dashboard]` in `greenbite.toml`.

use std::net::SocketAddr;

use runtime::{Secret, Settings, StartError, Validate};
use serde::{Deserialize, Serialize};

/// Settings of the web page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where the page listens. Elsewhere than on loopback only with a token.
    pub listen: String,
    /// Who the page is for.
    pub mode: Mode,
    /// What a browser must show to change something; on loopback one is made up and printed if it is missing.
    pub token: Option<Secret>,
    /// What a browser must show to read, in production; the token above reads too.
    pub read_token: Option<Secret>,
    /// Address of a trace in your tracing tool, with `{trace_id}` in it.
    pub trace_url: Option<String>,
    /// The data set that the simulation replays.
    pub dataset: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: "127.0.0.1:8088".to_owned(),
            mode: Mode::Class,
            token: None,
            read_token: None,
            trace_url: None,
            dataset: "data/messages.csv".to_owned(),
        }
    }
}

/// Who the page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A class: everybody looks on, and whoever has the token makes traffic, pauses stations and clears the data.
    Class,
    /// A restaurant: nobody looks on without a token, and nobody makes traffic, pauses stations or clears the data.
    Production,
}

impl Config {
    /// What changes something, where it is set.
    pub fn token(&self) -> Option<&Secret> {
        self.token.as_ref().filter(|token| !token.expose().is_empty())
    }

    /// What reads in production, where it is set.
    pub fn read_token(&self) -> Option<&Secret> {
        self.read_token.as_ref().filter(|token| !token.expose().is_empty())
    }

    /// Where the page listens.
    pub fn address(&self) -> Result<SocketAddr, StartError> {
        self.listen.parse().map_err(|error| {
            StartError::settings(format!(
                "dashboard.listen is '{}', not an address and a port: {error}",
                self.listen
            ))
        })
    }
}

impl Validate for Config {
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("listen", "where the page is; elsewhere than on this machine only with a token"),
        (
            "mode",
            "class: a panel for teachers, and reading is free; production: neither panel, simulation nor clearing, and \
             reading needs a token",
        ),
        ("token", "what a browser must show to change something; made up and printed where it is missing"),
        ("read_token", "what a browser must show to read, in production; the token reads too"),
        ("trace_url", "address of a trace in your tracing tool, with {trace_id} in it"),
        ("dataset", "the data set that the simulation replays"),
    ];
    const SECRETS: &'static [&'static str] = &["token", "read_token"];

    fn validate(&self, _: &Settings) -> Result<(), String> {
        let address = self.address().map_err(|error| error.reason)?;
        if !address.ip().is_loopback() && self.token().is_none() {
            return Err(format!(
                "dashboard.listen is {address}, which others can reach, but there is no dashboard.token: set one \
                 (GREENBITE_DASHBOARD__TOKEN or GREENBITE_DASHBOARD__TOKEN_FILE) or listen on 127.0.0.1"
            ));
        }
        if let (Some(token), Some(read)) = (self.token(), self.read_token())
            && token == read
        {
            return Err(
                "dashboard.read_token is the same as dashboard.token: whoever may read could change \
                        everything; set another one"
                    .to_owned(),
            );
        }
        Ok(())
    }
}
