//! The binary of the web page.

fn main() -> std::process::ExitCode {
    runtime::main(contracts::Service::Dashboard, dashboard::build)
}
