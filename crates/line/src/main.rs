//! All programs of the line in one file: the name by which it is started says which one it is.
//!
//! The container image holds this file once, with a link of each name. It is linked once instead of nine times, a
//! ninth of the size, and what several containers run of it is in memory once.

use std::path::Path;
use std::process::ExitCode;

use contracts::Service;

fn main() -> ExitCode {
    let called = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&called).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name {
        "ingest" => runtime::main(Service::Ingest, ingest::build),
        "classifier" => runtime::main(Service::Classifier, classifier::build),
        "extractor" => runtime::main(Service::Extractor, extractor::build),
        "menu-validator" => runtime::main(Service::MenuValidator, menu_validator::build),
        "registrar" => runtime::main(Service::Registrar, registrar::build),
        "answerer" => runtime::main(Service::Answerer, answerer::build),
        "notifier" => runtime::main(Service::Notifier, notifier::build),
        "replier" => runtime::main(Service::Replier, replier::build),
        "dashboard" => runtime::main(Service::Dashboard, dashboard::build),
        "greenbite" => greenbite::cli::main(),
        _ => {
            eprintln!(
                "{name}: this file is every program of GreenBite's line; start it by the name of one: ingest, \
                 classifier, extractor, menu-validator, registrar, answerer, notifier, replier, dashboard or greenbite"
            );
            ExitCode::from(64)
        }
    }
}
