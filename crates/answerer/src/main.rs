//! The binary of the station.

fn main() -> std::process::ExitCode {
    runtime::main(contracts::Service::Answerer, answerer::build)
}
