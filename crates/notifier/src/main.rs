//! Station: tells the kitchen on Discord.

fn main() -> std::process::ExitCode {
    runtime::main(contracts::Service::Notifier, notifier::build)
}
