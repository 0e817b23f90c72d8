//! The hub as a person without internet meets it, by a server of our own on this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "hub")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::random_modernbert;
use embed::{Error, Hub, Model, Options, Source};

fn hub(endpoint: &str, cache: &Path) -> Hub {
    Hub {
        endpoint: Some(endpoint.to_owned()),
        cache: cache.to_owned(),
        offline: false,
        answer: Duration::from_millis(700),
        patience: Duration::from_millis(700),
        slowest: 10_000,
        progress: false,
    }
}

/// A server that hands every connection to `serve`; ends with the test process.
fn server(serve: impl Fn(TcpStream, &str) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let served = Arc::new(AtomicUsize::new(0));
    let (serve, count) = (Arc::new(serve), Arc::clone(&served));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (serve, count) = (Arc::clone(&serve), Arc::clone(&count));
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut request = String::new();
                reader.read_line(&mut request).unwrap();
                let mut line = String::new();
                while reader.read_line(&mut line).unwrap() > 2 {
                    line.clear();
                }
                count.fetch_add(1, Ordering::SeqCst);
                serve(stream, request.split(' ').nth(1).unwrap_or_default());
            });
        }
    });
    (endpoint, served)
}

/// Answers as the hub does: the whole file as a part, with its commit.
fn answer(mut stream: TcpStream, path: &str, folder: &Path, chunk: usize, pause: Duration) {
    let file = path.split_once("/resolve/v1/").map(|(_, file)| folder.join(file));
    let Some(bytes) = file.and_then(|file| std::fs::read(file).ok()) else {
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    };
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {0}\r\nContent-Range: bytes 0-{1}/{0}\r\n\
         ETag: \"{2}\"\r\nX-Repo-Commit: 0123abcd\r\nConnection: close\r\n\r\n",
        bytes.len(),
        bytes.len() - 1,
        path.replace('/', "-"),
    );
    let _ = stream.write_all(head.as_bytes());
    for part in bytes.chunks(chunk) {
        if stream.write_all(part).is_err() {
            return;
        }
        std::thread::sleep(pause);
    }
}

fn source() -> Source {
    "someone/some-model@v1".parse().unwrap()
}

#[test]
fn a_model_is_fetched_once_and_then_found_in_the_cache() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    random_modernbert(folder.path(), "", 2);
    let files = folder.path().to_owned();
    let (endpoint, served) =
        server(move |stream, path| answer(stream, path, &files, 1 << 20, Duration::ZERO));
    let hub = hub(&endpoint, cache.path());
    let found = source().folder(&hub).unwrap();
    let model = Model::load(&found, "some-model", Options::default()).unwrap();
    let original = Model::load(folder.path(), "some-model", Options::default()).unwrap();
    assert_eq!(model.hash(), original.hash());
    let requests = served.load(Ordering::SeqCst);
    assert!(requests >= 6);
    assert_eq!(source().folder(&hub).unwrap(), found);
    assert_eq!(source().folder(&Hub { offline: true, ..hub }).unwrap(), found);
    assert_eq!(served.load(Ordering::SeqCst), requests, "the second time nothing is asked");
}

#[test]
fn of_several_that_want_a_model_at_once_one_fetches_it_and_the_others_wait() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    random_modernbert(folder.path(), "", 2);
    let files = folder.path().to_owned();
    let weights = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&weights);
    let (endpoint, _) = server(move |stream, path| {
        count.fetch_add(usize::from(path.ends_with("safetensors")), Ordering::SeqCst);
        // Long enough for all of them to meet; the lock is the file's, so a thread is as good as a process.
        answer(stream, path, &files, 1 << 14, Duration::from_millis(10));
    });
    // Whoever fetches alone asks for the weights this often.
    let alone = tempfile::tempdir().unwrap();
    source().folder(&hub(&endpoint, alone.path())).unwrap();
    let once = weights.swap(0, Ordering::SeqCst);
    let replicas: Vec<_> = (0..3)
        .map(|_| {
            let hub = hub(&endpoint, cache.path());
            std::thread::spawn(move || source().folder(&hub).unwrap())
        })
        .collect();
    let folders: Vec<_> = replicas.into_iter().map(|replica| replica.join().unwrap()).collect();
    assert!(folders.iter().all(|folder| *folder == folders[0]));
    assert_eq!(weights.load(Ordering::SeqCst), once, "more than one has fetched the weights");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let place = tempfile::tempdir().unwrap();
    let cache = place.path().join("a-file");
    std::fs::write(&cache, "").unwrap();
    let error = source().folder(&hub("http://127.0.0.1:9", &cache)).unwrap_err().to_string();
    assert!(error.contains("the cache cannot be written") && error.contains("a-file"), "{error}");
}

#[test]
fn a_hub_that_refuses_connections_is_told_at_once() {
    let cache = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let started = Instant::now();
    let error = source().folder(&hub(&format!("http://127.0.0.1:{port}"), cache.path())).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("someone/some-model"));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_hub_that_says_nothing_costs_no_more_than_the_time_for_an_answer() {
    let cache = tempfile::tempdir().unwrap();
    let (endpoint, _) = server(|stream, _| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    let started = Instant::now();
    let error = source().folder(&hub(&endpoint, cache.path())).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_hub_that_answers_slowly_is_given_up_in_time() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    random_modernbert(folder.path(), "", 2);
    let files = folder.path().to_owned();
    // The small file comes at once, then a few bytes now and then: never still, and never done.
    let (endpoint, _) = server(move |stream, path| {
        let pause = if path.ends_with("safetensors") { Duration::from_millis(50) } else { Duration::ZERO };
        answer(stream, path, &files, 100, pause);
    });
    let started = Instant::now();
    let error = source().folder(&hub(&endpoint, cache.path())).unwrap_err();
    assert!(matches!(error, Error::TooSlow { .. }), "{error}");
    assert!(error.to_string().contains("bytes a second"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn a_model_that_the_hub_does_not_have_is_not_an_outage() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = folder.path().to_owned();
    let (endpoint, _) = server(move |stream, path| answer(stream, path, &files, 1 << 20, Duration::ZERO));
    let error = source().folder(&hub(&endpoint, cache.path())).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
}

#[test]
fn offline_means_that_nobody_is_asked() {
    let cache = tempfile::tempdir().unwrap();
    let (endpoint, served) = server(|stream, _| drop(stream));
    let hub = Hub { offline: true, ..hub(&endpoint, cache.path()) };
    assert!(matches!(source().folder(&hub), Err(Error::Offline { .. })));
    assert_eq!(served.load(Ordering::SeqCst), 0);
}

#[test]
fn a_name_is_a_folder_or_a_model_of_the_hub() {
    let hub = |id: &str, revision: &str| Source::Hub { id: id.into(), revision: revision.into() };
    assert_eq!("./models/x".parse::<Source>().unwrap(), Source::Folder("./models/x".into()));
    assert_eq!("/models/x".parse::<Source>().unwrap(), Source::Folder("/models/x".into()));
    assert_eq!("a/b@v2".parse::<Source>().unwrap(), hub("a/b", "v2"));
    assert_eq!("a/b".parse::<Source>().unwrap(), hub("a/b", "main"));
    assert_eq!(
        embed::DEFAULT_MODEL.parse::<Source>().unwrap(),
        hub(embed::DEFAULT_MODEL, embed::DEFAULT_REVISION)
    );
    for wrong in ["", "b", "a/b/c", "a/..", "../x/../y@", "a b/c", "a/b@../../x"] {
        let parsed = wrong.parse::<Source>();
        assert!(parsed.is_err() || matches!(parsed, Ok(Source::Folder(_))), "{wrong}: {parsed:?}");
    }
}
