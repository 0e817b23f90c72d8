//! The page itself: HTML, style and ES modules, served from the binary.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

macro_rules! assets {
    ($($path:literal as $kind:literal),+ $(,)?) => {
        &[$(($path, $kind, include_bytes!(concat!("../assets/", $path)))),+]
    };
}

const JS: &str = "text/javascript; charset=utf-8";

static ASSETS: &[(&str, &str, &[u8])] = assets![
    "app.css" as "text/css; charset=utf-8",
    "app.js" as "js",
    "api.js" as "js",
    "charts.js" as "js",
    "dead.js" as "js",
    "desk.js" as "js",
    "discord.js" as "js",
    "dom.js" as "js",
    "enter.js" as "js",
    "format.js" as "js",
    "icon.svg" as "image/svg+xml",
    "journey.js" as "js",
    "json.js" as "js",
    "kitchen.js" as "js",
    "line.js" as "js",
    "live.js" as "js",
    "reach.js" as "js",
    "report.js" as "js",
    "tap.js" as "js",
    "teach.js" as "js",
    "vendor/chakra-petch/chakra-petch-latin-500-normal.woff2" as "font/woff2",
    "vendor/chakra-petch/chakra-petch-latin-700-normal.woff2" as "font/woff2",
    "vendor/uplot/uPlot.esm.js" as "js",
    "vendor/uplot/uPlot.min.css" as "text/css; charset=utf-8",
];

const HTML: &str = "text/html; charset=utf-8";
/// The link to the panel for teachers, as the page has it.
const TEACH: &str = "      <a href=\"/teach\" data-link>Teach</a>\n";

/// The page; every view is the same document, and its own script shows the view of the address.
pub async fn page() -> Response {
    serve(HTML, include_bytes!("../assets/index.html"))
}

/// The page without the panel for teachers.
pub async fn page_of_a_restaurant() -> Response {
    let whole = include_str!("../assets/index.html");
    let headers = [(header::CONTENT_TYPE, HTML), (header::CACHE_CONTROL, "no-cache")];
    (headers, whole.replace(TEACH, "")).into_response()
}

/// What a browser sees that has to show a token first.
pub fn enter() -> Response {
    serve(HTML, include_bytes!("../assets/enter.html"))
}

/// One file of the page.
pub async fn file(axum::extract::Path(path): axum::extract::Path<String>) -> Response {
    match ASSETS.iter().find(|(name, ..)| *name == path) {
        Some((_, kind, content)) => serve(if *kind == "js" { JS } else { kind }, content),
        None => (StatusCode::NOT_FOUND, format!("There is no file '{path}' in this page.")).into_response(),
    }
}

fn serve(kind: &'static str, content: &'static [u8]) -> Response {
    // A new binary may bring a new page under the same names.
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_that_a_restaurants_page_does_not_have_is_in_the_page() {
        assert!(include_str!("../assets/index.html").contains(TEACH));
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
        let mut pending = vec![std::path::PathBuf::from(root)];
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    pending.push(path);
                    continue;
                }
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                let not_served =
                    name.ends_with(".html") || name.ends_with("LICENSE") || name.ends_with(".md");
                assert_eq!(ASSETS.iter().any(|(served, ..)| *served == name), !not_served, "{name}");
            }
        }
    }
}
