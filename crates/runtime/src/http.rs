//! Requests to other people's servers: webhooks, bots.

use std::error::Error as _;
use std::time::Duration;

use reqwest::{ClientBuilder, Url, redirect};

/// A client for this address. Never a proxy on the way to this machine itself; and what redirects is not what was set.
pub fn client(url: &Url, timeout: Duration) -> ClientBuilder {
    let local = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    crate::use_ring();
    let builder = reqwest::Client::builder()
        .timeout(timeout)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("GreenBite/", env!("CARGO_PKG_VERSION")));
    if local { builder.no_proxy() } else { builder }
}

/// The whole chain of causes, without the address, which may hold a key.
pub fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !words.contains(&text) {
            words += &format!(": {text}");
        }
        cause = next.source();
    }
    words
}
