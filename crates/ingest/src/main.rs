//! Station: takes customer messages in by HTTP and CSV, and relays them to the bus.

fn main() -> std::process::ExitCode {
    runtime::main(contracts::Service::Ingest, ingest::build)
}
