//! Reading settings: defaults ← file ← environment; secrets also from files; nothing unknown.

use std::path::{Path, PathBuf};

use contracts::Service;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};

use crate::app::Config;
use crate::error::StartError;
use crate::settings::{Database, Settings, Validate};

/// Where settings are looked for unless `--config` says otherwise.
pub const FILE: &str = "greenbite.toml";
/// How the environment's settings begin; `__` goes one table down: `GREENBITE_NATS__URL`.
pub const PREFIX: &str = "GREENBITE_";
/// Names the file in the environment.
const FILE_VARIABLE: &str = "GREENBITE_CONFIG";

/// The settings that all services have in common, and those of this one.
#[derive(Debug, Clone, Default)]
pub struct Loaded<C> {
    /// What all services have in common.
    pub settings: Settings,
    /// The service's own table.
    pub config: C,
}

/// Reads `greenbite.toml` (or this file, which must exist then) and the environment.
pub fn load<C: Config>(service: Service, file: Option<&Path>) -> Result<Loaded<C>, StartError> {
    let given = file.map(Path::to_owned).or_else(|| std::env::var_os(FILE_VARIABLE).map(PathBuf::from));
    let text = match &given {
        Some(path) => Some((
            path.clone(),
            std::fs::read_to_string(path)
                .map_err(|error| StartError::settings(format!("{}: {error}", path.display())))?,
        )),
        None => std::fs::read_to_string(FILE).ok().map(|text| (PathBuf::from(FILE), text)),
    };
    load_from(service, text.as_ref().map(|(path, text)| (path.as_path(), text.as_str())), std::env::vars())
}

/// As [`load`], from a text and variables that are given.
pub fn load_from<C: Config>(
    service: Service,
    file: Option<(&Path, &str)>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded<C>, StartError> {
    let table = service.as_str();
    let mut figment = Figment::new();
    if let Some((path, text)) = file {
        let parsed = Figment::from(Toml::string(text));
        if let Err(error) = parsed.extract::<Dict>() {
            return Err(StartError::settings(format!("{}: {error}", path.display())));
        }
        figment = figment.merge(parsed);
    }
    figment = figment.merge(Environment::read(variables)?);
    let settings_secrets = Settings::SECRETS.iter().map(|path| (*path).to_owned());
    let own_secrets = C::SECRETS.iter().map(|path| format!("{table}.{path}"));
    for path in settings_secrets.chain(own_secrets) {
        figment = secret_from_file(figment, &path)?;
    }
    let Tracked { value: mut settings, unknown } = extract::<Settings>(&figment, "")?;
    if !figment.contains("database.max_connections") {
        settings.database.max_connections = Database::connections_of(service);
    }
    settings.database.join().map_err(StartError::settings)?;
    let tables = |name: &str| ALL_TABLES.iter().any(|service| service.as_str() == name);
    let unknown: Vec<&String> = unknown.iter().filter(|path| !tables(path)).collect();
    refuse_unknown(&unknown, "")?;
    let Tracked { value: config, unknown } = extract::<C>(&figment, table)?;
    refuse_unknown(&unknown.iter().collect::<Vec<_>>(), table)?;
    settings.validate(&settings).map_err(StartError::settings)?;
    config.validate(&settings).map_err(|reason| StartError::settings(format!("[{table}] {reason}")))?;
    Ok(Loaded { settings, config })
}

const ALL_TABLES: [Service; 10] = [
    Service::Ingest,
    Service::Classifier,
    Service::Extractor,
    Service::MenuValidator,
    Service::Registrar,
    Service::Answerer,
    Service::Notifier,
    Service::Replier,
    Service::Dashboard,
    Service::Greenbite,
];

/// A value, and the keys that nobody asked for.
struct Tracked<T> {
    value: T,
    unknown: Vec<String>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Tracked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut unknown = Vec::new();
        let value = serde_ignored::deserialize(deserializer, |path| unknown.push(path.to_string()))?;
        Ok(Tracked { value, unknown })
    }
}

fn extract<T: DeserializeOwned>(figment: &Figment, table: &str) -> Result<Tracked<T>, StartError> {
    let extracted = if table.is_empty() {
        figment.extract_lossy()
    } else if figment.contains(table) {
        figment.extract_inner_lossy(table)
    } else {
        Figment::new().extract_lossy()
    };
    extracted.map_err(|error| {
        let all = error.into_iter().map(|error| error.to_string()).collect::<Vec<_>>();
        StartError::settings(all.join("; "))
    })
}

fn refuse_unknown(unknown: &[&String], table: &str) -> Result<(), StartError> {
    if unknown.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = unknown
        .iter()
        .map(|path| if table.is_empty() { (*path).clone() } else { format!("{table}.{path}") })
        .collect();
    Err(StartError::settings(format!("there is no such setting: {} (--help lists all)", names.join(", "))))
}

/// `<path>_file` holds the secret `<path>`.
fn secret_from_file(figment: Figment, path: &str) -> Result<Figment, StartError> {
    let file_path = format!("{path}_file");
    let Ok(file) = figment.extract_inner::<String>(&file_path) else { return Ok(figment) };
    if figment.contains(path) {
        return Err(StartError::settings(format!(
            "both {path} and {file_path} are set: which one is meant?"
        )));
    }
    let secret = std::fs::read_to_string(&file)
        .map_err(|error| StartError::settings(format!("{file_path} = {file}: {error}")))?;
    let mut data = figment.data().map_err(|error| StartError::settings(&error))?;
    for table in data.values_mut() {
        remove(table, &file_path);
        insert(table, path, Value::from(secret.trim_end_matches(['\r', '\n'])));
    }
    Ok(Figment::from(Given(data)))
}

/// What was merged so far.
struct Given(Map<Profile, Dict>);

impl Provider for Given {
    fn metadata(&self) -> Metadata {
        Metadata::named("the settings")
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(self.0.clone())
    }
}

/// The environment's settings. Values are text: what they become is for the type that reads them
/// to say, so that a password of digits stays one.
struct Environment(Dict);

impl Environment {
    fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, StartError> {
        let mut dict = Dict::new();
        for (name, text) in variables {
            let Some(path) = name.strip_prefix(PREFIX).filter(|path| path.contains("__")) else { continue };
            let path = path.to_lowercase().replace("__", ".");
            let path = match path.split_once('.') {
                // The one table with a dash in its name.
                Some(("menu_validator", rest)) => format!("menu-validator.{rest}"),
                _ => path,
            };
            let list = text.starts_with('[').then(|| text.parse::<Value>().ok()).flatten();
            insert(&mut dict, &path, list.unwrap_or_else(|| Value::from(text)));
        }
        Ok(Environment(dict))
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("the environment")
            .interpolater(|_, keys| format!("{PREFIX}{}", keys.join("__").replace('-', "_").to_uppercase()))
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}

fn insert(dict: &mut Dict, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            dict.insert(path.to_owned(), value);
        }
        Some((table, rest)) => {
            let entry = dict.entry(table.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

fn remove(dict: &mut Dict, path: &str) {
    match path.split_once('.') {
        None => {
            dict.remove(path);
        }
        Some((table, rest)) => {
            if let Some(Value::Dict(_, inner)) = dict.get_mut(table) {
                remove(inner, rest);
            }
        }
    }
}
