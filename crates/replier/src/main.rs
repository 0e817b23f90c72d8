//! Station: tells customers what became of their messages.

fn main() -> std::process::ExitCode {
    runtime::main(contracts::Service::Replier, replier::build)
}
