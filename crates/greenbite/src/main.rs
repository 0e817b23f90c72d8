//! The operator's command.

fn main() -> std::process::ExitCode {
    greenbite::cli::main()
}
