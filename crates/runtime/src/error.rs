//! Why a service does not start, or does not go on.

use std::fmt;
use std::process::ExitCode;

use contracts::{Code, Failure};

/// Why a service does not start, or does not go on: a code with a page of its own, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason} (see {})", code.page())]
pub struct StartError {
    /// Its code.
    pub code: Code,
    /// What happened and what to do.
    pub reason: String,
}

impl StartError {
    /// With this code and reason.
    pub fn new(code: Code, reason: impl fmt::Display) -> Self {
        StartError { code, reason: reason.to_string() }
    }

    /// The settings contradict each other or cannot be read.
    pub fn settings(reason: impl fmt::Display) -> Self {
        StartError::new(Code::Settings, reason)
    }

    /// The bus knows no such user, or another password of it.
    pub fn unauthorised(user: &str) -> Self {
        StartError::new(
            Code::Permission,
            format!(
                "the bus does not take user '{user}' with this password: check nats.user and nats.password"
            ),
        )
    }

    /// Nobody can listen there.
    pub fn listen(setting: &str, address: impl fmt::Display, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => "; stop who uses it, or set another port",
            std::io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
            _ => "",
        };
        StartError::settings(format!("{setting} = {address}: {error}{hint}"))
    }

    /// What the process exits with: 64 for settings (as sysexits.h has it), 1 for the rest.
    pub fn exit_code(&self) -> ExitCode {
        match self.code {
            Code::Settings => ExitCode::from(64),
            _ => ExitCode::FAILURE,
        }
    }
}

impl<E: Failure> From<E> for StartError {
    fn from(error: E) -> Self {
        StartError { code: error.code(), reason: error.to_string() }
    }
}
