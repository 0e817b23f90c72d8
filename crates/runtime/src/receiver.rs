//! The way to the receiver of traces, metrics and logs.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// How long an export may take; as OpenTelemetry has it by default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A receiver that may be away: what is told meanwhile is lost beyond a bound, and the line goes on. That it is
/// away is said once, and so is its return. Used by threads of the exporters' own, which may block.
#[derive(Debug)]
pub(crate) struct Receiver {
    client: reqwest::blocking::Client,
    /// Without user and password.
    endpoint: String,
    is_away: AtomicBool,
}

impl Receiver {
    pub(crate) fn new(endpoint: &str) -> Result<Self, String> {
        let mut url = url::Url::parse(endpoint).map_err(|error| error.to_string())?;
        let client = reqwest::blocking::Client::builder().timeout(TIMEOUT).build();
        let client = client.map_err(|error| error.to_string())?;
        let _ = (url.set_username(""), url.set_password(None));
        Ok(Receiver { client, endpoint: url.into(), is_away: AtomicBool::new(false) })
    }

    fn note(&self, failure: Option<String>) {
        let Receiver { endpoint, is_away, .. } = self;
        match failure {
            Some(reason) if !is_away.swap(true, Relaxed) => tracing::warn!(
                "traces, metrics and logs are not received at {endpoint}, tried again by itself: {reason}"
            ),
            None if is_away.swap(false, Relaxed) => {
                tracing::info!("traces, metrics and logs are received at {endpoint} again");
            }
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Receiver {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.send_bytes(request).await;
        self.note(match &answer {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("status {}", response.status())),
            Err(error) => Some(in_words(error.as_ref())),
        });
        answer
    }
}

/// The last cause: the first only repeats the address.
fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().map_or_else(String::new, ToString::to_string)
}
