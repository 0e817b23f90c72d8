//! Station: writes orders, reviews and enquiries to PostgreSQL, the rest to a file.

fn main() -> std::process::ExitCode {
    runtime::main(contracts::Service::Registrar, registrar::build)
}
