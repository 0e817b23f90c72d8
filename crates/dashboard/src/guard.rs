//! Who may do what: the token, requests from other sites, and what the browser may load.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use runtime::Secret;
use serde_json::json;
use subtle::ConstantTimeEq;

/// Scripts, styles and connections from this server alone; nothing inline, nothing framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the guard knows.
#[derive(Clone)]
pub struct Guard {
    token: Secret,
    loopback: bool,
}

impl Guard {
    /// A guard for this token; on loopback it also refuses requests in another host's name.
    pub fn new(token: Secret, loopback: bool) -> Self {
        Guard { token, loopback }
    }

    fn refusal(&self, method: &Method, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST).unwrap_or_default();
        // A name of another site that was pointed at this machine (DNS rebinding) is not this page.
        if self.loopback && !names_this_machine(host) {
            return Some((
                StatusCode::MISDIRECTED_REQUEST,
                "This page answers on 127.0.0.1 and localhost only.",
            ));
        }
        if matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        let other_site = headers
            .get("sec-fetch-site")
            .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
            || text(header::ORIGIN).is_some_and(|origin| origin.split("://").nth(1) != Some(host));
        if other_site {
            return Some((StatusCode::FORBIDDEN, "The request comes from another site."));
        }
        let json = text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
        if !json {
            return Some((
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Send JSON, with content-type: application/json.",
            ));
        }
        let shown =
            text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if !bool::from(shown.as_bytes().ct_eq(self.token.expose().as_bytes())) {
            return Some((StatusCode::UNAUTHORIZED, "Read only: the token is missing or wrong."));
        }
        None
    }
}

fn names_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Refuses what may not be, and tells the browser what the page may load.
pub async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match guard.refusal(request.method(), request.headers()) {
        Some((status, reason)) => (status, Json(json!({ "error": reason }))).into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn guard() -> Guard {
        Guard::new(Secret::new("open sesame"), true)
    }

    const GOOD: [(&str, &str); 4] = [
        ("host", "127.0.0.1:8088"),
        ("origin", "http://127.0.0.1:8088"),
        ("content-type", "application/json"),
        ("authorization", "Bearer open sesame"),
    ];

    fn changed(name: &'static str, value: &'static str) -> Option<StatusCode> {
        let list: Vec<_> =
            GOOD.iter().map(|pair| if pair.0 == name { (name, value) } else { *pair }).collect();
        guard().refusal(&Method::POST, &headers(&list)).map(|(status, _)| status)
    }

    #[test]
    fn whoever_shows_the_token_from_this_page_may_change_things() {
        assert_eq!(guard().refusal(&Method::POST, &headers(&GOOD)), None);
    }

    #[test]
    fn without_the_token_from_another_site_or_by_a_form_nothing_changes() {
        assert_eq!(changed("authorization", "Bearer open"), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(changed("authorization", ""), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(changed("origin", "http://evil.example"), Some(StatusCode::FORBIDDEN));
        assert_eq!(changed("origin", "null"), Some(StatusCode::FORBIDDEN));
        assert_eq!(changed("content-type", "text/plain"), Some(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        let mut cross = GOOD.to_vec();
        cross.push(("sec-fetch-site", "cross-site"));
        assert!(guard().refusal(&Method::POST, &headers(&cross)).is_some());
    }

    #[test]
    fn reading_needs_no_token_but_the_right_host() {
        for host in ["localhost:8088", "127.0.0.1", "[::1]:8088"] {
            assert_eq!(guard().refusal(&Method::GET, &headers(&[("host", host)])), None, "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", ""] {
            assert!(guard().refusal(&Method::GET, &headers(&[("host", host)])).is_some(), "{host}");
        }
        let open = Guard::new(Secret::new("t"), false);
        assert_eq!(open.refusal(&Method::GET, &headers(&[("host", "pass.example")])), None);
    }
}
