//! Settings: where they come from, and what is refused.
#![allow(clippy::unwrap_used)] // in helpers of tests, as in tests

use std::path::Path;
use std::process::ExitCode;

use contracts::{Code, Service};
use runtime::{LaneCount, Loaded, Secret, Settings, StartError, Validate, load_from};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Shop {
    threshold: f64,
    webhooks: Webhooks,
    note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Webhooks {
    order: Option<Secret>,
}

impl Validate for Shop {
    const HELP: &'static [(&'static str, &'static str)] = &[("threshold", "how sure is sure")];
    const SECRETS: &'static [&'static str] = &["webhooks.order"];

    fn validate(&self, _: &Settings) -> Result<(), String> {
        if self.threshold > 1.0 { Err("threshold is more than 1".into()) } else { Ok(()) }
    }
}

fn read(file: &str, variables: &[(&str, &str)]) -> Result<Loaded<Shop>, StartError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_from(Service::MenuValidator, Some((Path::new("greenbite.toml"), file)), variables)
}

fn refused(file: &str, variables: &[(&str, &str)]) -> String {
    let error = read(file, variables).err().unwrap();
    assert_eq!(error.code, Code::Settings);
    assert_eq!(format!("{:?}", error.exit_code()), format!("{:?}", ExitCode::from(64)));
    error.to_string()
}

#[test]
fn the_databases_password_may_be_given_apart_and_hold_any_character() {
    let url = |variables: &[(&str, &str)]| {
        let loaded = read("", variables).unwrap();
        url::Url::parse(loaded.settings.database.url.expose()).unwrap()
    };
    let apart = |url: &url::Url| {
        url.query_pairs().find(|(name, _)| name == "password").map(|(_, value)| value.into_owned())
    };
    let address = ("GREENBITE_DATABASE__URL", "postgres://me:old@host/db?sslmode=disable");
    for password in ["p@ss/w:rd", "a?b#c&d=e%41+ f", "ünïcode'\"\\", "12345"] {
        let url = url(&[address, ("GREENBITE_DATABASE__PASSWORD", password)]);
        assert_eq!(apart(&url).as_deref(), Some(password));
        assert_eq!((url.username(), url.host_str(), url.path()), ("me", Some("host"), "/db"));
    }
    let unchanged = url(&[address, ("GREENBITE_DATABASE__PASSWORD", "")]);
    assert_eq!(unchanged.as_str(), address.1, "an empty one is none");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from a file\n").unwrap();
    let path = file.path().to_str().unwrap();
    assert_eq!(
        apart(&url(&[address, ("GREENBITE_DATABASE__PASSWORD_FILE", path)])).as_deref(),
        Some("from a file")
    );
    let said = refused(
        "",
        &[("GREENBITE_DATABASE__URL", "postgres//me:cret@host"), ("GREENBITE_DATABASE__PASSWORD", "hush")],
    );
    assert!(said.contains("database.url") && !said.contains("hush") && !said.contains("cret"), "{said}");
    assert!(
        !format!("{:?}", read("", &[("GREENBITE_DATABASE__PASSWORD", "hush")]).unwrap().settings)
            .contains("hush")
    );
}

#[test]
fn five_replicas_of_each_station_fit_the_connections_that_postgresql_has() {
    let of = |service| {
        let loaded: Loaded<Shop> = load_from(service, None, []).unwrap();
        loaded.settings.database.max_connections
    };
    let stations: u32 = Service::STATIONS.into_iter().map(of).sum();
    // 100 by default, 3 of them for the superuser.
    let others = [Service::Replier, Service::Dashboard, Service::Greenbite];
    assert!(5 * stations + others.into_iter().map(of).sum::<u32>() <= 97);
    let set = load_from::<Shop>(
        Service::Registrar,
        None,
        [("GREENBITE_DATABASE__MAX_CONNECTIONS".into(), "9".into())],
    );
    assert_eq!(set.unwrap().settings.database.max_connections, 9);
}

#[test]
fn the_file_overrides_the_defaults_and_the_environment_the_file() {
    let file = "[nats]\nurl = \"nats://file\"\n[line]\nmax_deliver = 15\n[menu-validator]\nthreshold = 0.5\n[classifier]\nanything = 1\n";
    let loaded = read(file, &[]).unwrap();
    assert_eq!(loaded.settings.nats.url, "nats://file");
    assert_eq!(loaded.settings.line.max_deliver, 15);
    assert_eq!(loaded.settings.retry.tries, Settings::default().retry.tries);
    assert_eq!(loaded.config.threshold, 0.5);
    let loaded = read(
        file,
        &[
            ("GREENBITE_NATS__URL", "nats://environment"),
            ("GREENBITE_LINE__MAX_DELIVER", "16"),
            ("GREENBITE_MENU_VALIDATOR__THRESHOLD", "0.75"),
            ("GREENBITE_MENU_VALIDATOR__NOTE", "42"),
            ("GREENBITE_LANES__REGISTRAR_ORDER", "12"),
            ("GREENBITE_LANES__DEFAULT", "auto"),
            ("GREENBITE_NATS_PASSWORD_CLASSIFIER", "not a setting"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(loaded.settings.nats.url, "nats://environment");
    assert_eq!(loaded.settings.line.max_deliver, 16);
    assert_eq!(loaded.config.threshold, 0.75);
    assert_eq!(loaded.config.note.as_deref(), Some("42"));
    assert_eq!(loaded.settings.lanes.each["registrar_order"], LaneCount::Fixed(12));
    assert_eq!(loaded.settings.lanes.default, LaneCount::Auto);
}

#[test]
fn a_password_of_digits_stays_what_it_was() {
    let loaded = read("", &[("GREENBITE_NATS__PASSWORD", "0012")]).unwrap();
    assert_eq!(loaded.settings.nats.password.unwrap().expose(), "0012");
}

#[test]
fn secrets_may_lie_in_files_and_are_never_printed() {
    let file = std::env::temp_dir().join(format!("greenbite-secret-{}", std::process::id()));
    std::fs::write(&file, "hush\n").unwrap();
    let path = file.to_str().unwrap();
    let loaded = read(
        "",
        &[("GREENBITE_NATS__PASSWORD_FILE", path), ("GREENBITE_MENU_VALIDATOR__WEBHOOKS__ORDER_FILE", path)],
    )
    .unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(loaded.settings.nats.password.as_ref().unwrap().expose(), "hush");
    assert_eq!(loaded.config.webhooks.order.as_ref().unwrap().expose(), "hush");
    let printed = format!(
        "{loaded:?} {} {}",
        serde_json::to_string(&loaded.settings).unwrap(),
        serde_json::to_string(&loaded.config).unwrap()
    );
    assert!(!printed.contains("hush"), "{printed}");
    let both = refused("", &[("GREENBITE_NATS__PASSWORD", "a"), ("GREENBITE_NATS__PASSWORD_FILE", "/b")]);
    assert!(both.contains("nats.password") && both.contains("which one"), "{both}");
    let missing = refused("", &[("GREENBITE_NATS__PASSWORD_FILE", "/there/is/no/such/file")]);
    assert!(missing.contains("nats.password_file"), "{missing}");
}

#[test]
fn what_is_no_setting_is_refused_by_name() {
    for (file, name) in [
        ("[nats]\nurll = \"x\"", "nats.urll"),
        ("[natz]\nurl = \"x\"", "natz"),
        ("[line]\nmax_ack = 1", "max_ack"),
        ("[menu-validator]\ntreshold = 0.5", "menu-validator.treshold"),
        ("[menu-validator.webhooks]\nordr = \"x\"", "menu-validator.webhooks.ordr"),
        ("[lanes]\nclasifier = 4", "lanes.clasifier"),
    ] {
        let error = refused(file, &[]);
        assert!(error.contains(name), "{file}: {error}");
    }
    let error = refused("", &[("GREENBITE_NATS__URLL", "x")]);
    assert!(error.contains("nats.urll"), "{error}");
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    for (file, words) in [
        ("[nats\nurl = 1", "greenbite.toml"),
        ("[line]\nmax_deliver = \"many\"", "max_deliver"),
        ("[lanes]\ndefault = \"some\"", "lanes"),
        ("[menu-validator]\nthreshold = 2.0", "threshold is more than 1"),
    ] {
        let error = refused(file, &[]);
        assert!(error.contains(words), "{file}: {error}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused_and_say_which() {
    for (file, one, other) in [
        ("[lanes]\ndeadline_ms = 40000", "lanes.deadline_ms", "line.ack_wait_ms"),
        ("[line]\nmax_ack_pending = 8\n[lanes]\nclassifier = 9", "lanes.classifier", "line.max_ack_pending"),
        ("[line]\nmax_deliver = 5", "retry.tries", "line.max_deliver"),
        ("[retry]\nfirst_ms = 10\nmost_ms = 5", "retry.most_ms", "retry.first_ms"),
        (
            "[line]\nmax_age_hours = 1\nduplicate_window_s = 7200",
            "line.duplicate_window_s",
            "line.max_age_hours",
        ),
        ("[lanes]\ndefault = 1", "lanes.default", "from 2"),
        ("[lanes]\ndefault = 101", "lanes.default", "to 100"),
        ("[process]\nthreads = 0", "process.threads", "more than 0"),
    ] {
        let error = refused(file, &[]);
        assert!(error.contains(one) && error.contains(other), "{file}: {error}");
    }
}

#[test]
fn help_lists_every_setting_with_its_variable_and_default() {
    let help = runtime::settings_help::<Shop>(Service::MenuValidator);
    for words in [
        "GREENBITE_NATS__URL  [default: nats://127.0.0.1:4222]",
        "GREENBITE_NATS__PASSWORD  [default: none, a secret]",
        "GREENBITE_DATABASE__URL",
        "GREENBITE_LINE__ACK_WAIT_MS  [default: 30000]",
        "GREENBITE_LANES__DEFAULT  [default: auto]",
        "GREENBITE_MENU_VALIDATOR__THRESHOLD",
        "how sure is sure",
    ] {
        assert!(help.contains(words), "{words} is not in\n{help}");
    }
    let described = Settings::HELP.len();
    let listed = help.matches("GREENBITE_").count() - 3;
    assert!(listed >= described, "{listed} listed, {described} described\n{help}");
}
