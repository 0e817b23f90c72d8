//! Who may do what: the token, requests from other sites, and what the browser may load.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use runtime::Secret;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::assets;

/// Scripts, styles and connections from this server alone; nothing inline, nothing framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The cookie by which a browser that has shown a token goes on reading.
const COOKIE: &str = "greenbite-pass";
/// How long it does, in seconds: a month.
const COOKIE_AGE: u32 = 30 * 24 * 3_600;
/// Where a browser shows its token for the first time.
const ENTER: &str = "/api/enter";
/// What the page needs that asks for the token; nothing of the line is in it.
const OPEN: [&str; 4] = ["/assets/enter.js", "/assets/reach.js", "/assets/app.css", "/assets/icon.svg"];

/// What the guard knows.
#[derive(Clone)]
pub struct Guard {
    token: Secret,
    /// The tokens that read; without any, reading is free.
    readers: Arc<[Secret]>,
    loopback: bool,
}

impl Guard {
    /// A guard for this token; on loopback it also refuses requests in another host's name.
    pub fn new(token: Secret, loopback: bool) -> Self {
        Guard { token, readers: Arc::default(), loopback }
    }

    /// From here on reading takes this token, or the one that changes things.
    #[must_use]
    pub fn closed_to_others(mut self, read_token: Option<Secret>) -> Self {
        self.readers = read_token.into_iter().chain([self.token.clone()]).collect();
        self
    }

    /// Whether this request shows a token that reads, itself or by the pass that it was given for one.
    fn may_read(&self, headers: &HeaderMap) -> bool {
        let shown = bearer(headers);
        let pass = cookie(headers);
        self.readers.iter().any(|token| same(shown, token.expose()) || same(pass, &pass_for(token)))
    }

    fn refusal(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<(StatusCode, &'static str)> {
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
            let free = self.readers.is_empty() || OPEN.contains(&path) || path.starts_with("/assets/vendor/");
            return (!free && !self.may_read(headers))
                .then_some((StatusCode::UNAUTHORIZED, "Reading needs a token too: it is missing or wrong."));
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
        if path == ENTER && self.readers.iter().any(|token| same(bearer(headers), token.expose())) {
            return None;
        }
        if !same(bearer(headers), self.token.expose()) {
            return Some((StatusCode::UNAUTHORIZED, "Read only: the token is missing or wrong."));
        }
        None
    }
}

fn same(shown: &str, wanted: &str) -> bool {
    bool::from(shown.as_bytes().ct_eq(wanted.as_bytes()))
}

fn bearer(headers: &HeaderMap) -> &str {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.strip_prefix("Bearer ").unwrap_or_default()
}

fn cookie(headers: &HeaderMap) -> &str {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .find_map(|one| one.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .unwrap_or_default()
}

/// What a browser keeps instead of the token: it reads, and nothing can be changed with it.
fn pass_for(token: &Secret) -> String {
    Sha256::digest(format!("{COOKIE}:{}", token.expose())).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `POST /api/enter`: a browser that shows a token gets the pass by which it reads; [`check`] has looked at it.
pub async fn enter(State(guard): State<Guard>, headers: HeaderMap) -> Response {
    let shown = bearer(&headers);
    let owner = same(shown, guard.token.expose());
    // A proxy that speaks TLS says so: then the pass never goes over anything else.
    let tls = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes() == b"https");
    let secure = if tls { "; Secure" } else { "" };
    let pass = pass_for(&Secret::new(shown));
    let cookie = format!("{COOKIE}={pass}; Path=/; Max-Age={COOKIE_AGE}; HttpOnly; SameSite=Strict{secure}");
    ([(header::SET_COOKIE, cookie)], Json(json!({ "owner": owner }))).into_response()
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
    let path = request.uri().path();
    let view = request.method() == Method::GET && !path.starts_with("/api/") && !path.starts_with("/assets/");
    let mut response = match guard.refusal(request.method(), path, request.headers()) {
        Some((status @ StatusCode::UNAUTHORIZED, _)) if view => (status, assets::enter()).into_response(),
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
        guard().refusal(&Method::POST, "/api/clear", &headers(&list)).map(|(status, _)| status)
    }

    #[test]
    fn whoever_shows_the_token_from_this_page_may_change_things() {
        assert_eq!(guard().refusal(&Method::POST, "/api/clear", &headers(&GOOD)), None);
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
        assert!(guard().refusal(&Method::POST, "/api/clear", &headers(&cross)).is_some());
    }

    #[test]
    fn reading_needs_no_token_but_the_right_host() {
        let get = |guard: &Guard, host| guard.refusal(&Method::GET, "/", &headers(&[("host", host)]));
        for host in ["localhost:8088", "127.0.0.1", "[::1]:8088"] {
            assert_eq!(get(&guard(), host), None, "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", ""] {
            assert!(get(&guard(), host).is_some(), "{host}");
        }
        let open = Guard::new(Secret::new("t"), false);
        assert_eq!(get(&open, "pass.example"), None);
    }

    #[test]
    fn in_production_nothing_is_read_without_a_token_or_the_pass_for_one() {
        let closed = guard().closed_to_others(Some(Secret::new("look")));
        let get = |path: &str, more: Option<(&'static str, &str)>| {
            let list: Vec<_> = [("host", "localhost")].into_iter().chain(more).collect();
            closed.refusal(&Method::GET, path, &headers(&list)).map(|(status, _)| status)
        };
        for path in ["/", "/desk", "/api/snapshot", "/api/stream", "/assets/app.js"] {
            assert_eq!(get(path, None), Some(StatusCode::UNAUTHORIZED), "{path}");
            assert_eq!(get(path, Some(("authorization", "Bearer lock"))), Some(StatusCode::UNAUTHORIZED));
            assert_eq!(get(path, Some(("cookie", "greenbite-pass=look"))), Some(StatusCode::UNAUTHORIZED));
            for token in ["look", "open sesame"] {
                assert_eq!(get(path, Some(("authorization", &format!("Bearer {token}")))), None, "{path}");
                let pass = format!("other=1; {COOKIE}={}", pass_for(&Secret::new(token)));
                assert_eq!(get(path, Some(("cookie", &pass))), None, "{path}");
            }
        }
        assert_eq!(get("/assets/enter.js", None), None);
        assert_eq!(get("/assets/reach.js", None), None);
        assert_eq!(get("/assets/app.css", None), None);
    }

    #[test]
    fn whoever_may_read_may_not_change_anything() {
        let closed = guard().closed_to_others(Some(Secret::new("look")));
        let post = |path: &str, token: &'static str| {
            let mut list = GOOD.to_vec();
            list[3] = ("authorization", token);
            closed.refusal(&Method::POST, path, &headers(&list)).map(|(status, _)| status)
        };
        assert_eq!(post("/api/enter", "Bearer look"), None);
        assert_eq!(post("/api/reviews/1/settle", "Bearer look"), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(post("/api/reviews/1/settle", "Bearer open sesame"), None);
        // The pass in the cookie is no token.
        let pass = format!("{COOKIE}={}", pass_for(&Secret::new("open sesame")));
        let mut list = vec![("cookie", pass.as_str())];
        list.extend(GOOD.into_iter().filter(|(name, _)| *name != "authorization"));
        let refused = closed.refusal(&Method::POST, "/api/reviews/1/settle", &headers(&list));
        assert_eq!(refused.map(|(status, _)| status), Some(StatusCode::UNAUTHORIZED));
    }
}
