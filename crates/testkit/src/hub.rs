//! A stand-in for the hub of models: it answers as the hub does, with the files of one folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running hub; dropped, it is away.
pub struct Hub {
    port: u16,
    downloads: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Files {
    folder: PathBuf,
    downloads: Arc<AtomicUsize>,
}

impl Hub {
    /// On this port of this machine, with the model in this folder under every name and revision.
    pub async fn start(port: u16, folder: PathBuf) -> anyhow::Result<Hub> {
        Hub::serve(TcpListener::bind(("127.0.0.1", port)).await?, folder)
    }

    /// As [`Hub::start`], where containers on this machine reach it too, on any port.
    pub async fn for_containers(folder: PathBuf) -> anyhow::Result<Hub> {
        Hub::serve(TcpListener::bind(("0.0.0.0", 0)).await?, folder)
    }

    fn serve(listener: TcpListener, folder: PathBuf) -> anyhow::Result<Hub> {
        let port = listener.local_addr()?.port();
        let downloads = Arc::new(AtomicUsize::new(0));
        let files = Files { folder, downloads: downloads.clone() };
        let router =
            Router::new().route("/{owner}/{name}/resolve/{revision}/{*file}", get(file)).with_state(files);
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Hub { port, downloads, server })
    }

    /// Its address, for HF_ENDPOINT.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How often the weights were asked for, whole or the last of their parts.
    pub fn downloads(&self) -> usize {
        self.downloads.load(Ordering::SeqCst)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn file(
    State(files): State<Files>,
    Path((_, _, _, file)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let Ok(bytes) = tokio::fs::read(files.folder.join(&file)).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (first, last) =
        range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).unwrap_or_default();
    let end = bytes.len().saturating_sub(1);
    let (first, last) = (first.parse().unwrap_or(0).min(end), last.parse().unwrap_or(end).min(end));
    // A client looks at the first byte to learn size and commit, and then asks for the rest.
    if file == "model.safetensors" && last == end {
        files.downloads.fetch_add(1, Ordering::SeqCst);
    }
    let told = [
        (header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", bytes.len())),
        (header::ETAG, format!("\"{}\"", file.replace('/', "-"))),
        (header::HeaderName::from_static("x-repo-commit"), "0123abcd".to_owned()),
    ];
    (StatusCode::PARTIAL_CONTENT, told, Body::from(bytes[first..=last.max(first)].to_vec())).into_response()
}
