//! How fast the forward pass is, against candle-transformers, PyTorch and ONNX Runtime: `cargo xtask bench embed`.
//!
//! All in one run and interleaved, the same weights and token ids, two threads each; of the rounds the better
//! counts, because the machine may be busy with other things. Python's engines are installed into `.local/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use common::{Peer, closeness};
use embed::{Batch, Hub, Model, Options, Source};
use serde_json::{Value, json};

const THREADS: usize = 2;
const ROUNDS: usize = 3;
/// What the Python environment is made of.
const PACKAGES: [&str; 5] =
    ["torch==2.15.0", "transformers==5.23.0", "onnxruntime==1.32.0", "onnx>=1.19", "safetensors>=0.6"];
/// Spinning threads of candle fight with the others on so few cores.
const SPIN: (&str, &str) = ("CANDLE_BARRIER_POOL_SPIN_LIMIT", "100");

fn main() {
    // candle and rayon read these when they first run; a process cannot set them for itself.
    if std::env::var_os(SPIN.0).is_none() {
        let program = std::env::current_exe().expect("a program knows itself");
        let threads = THREADS.to_string();
        let status = Command::new(program)
            .env(SPIN.0, SPIN.1)
            .env("RAYON_NUM_THREADS", threads)
            .status()
            .expect("runs again");
        std::process::exit(status.code().unwrap_or(1));
    }
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local");
    let (folder, kind) = weights(&local);
    println!("weights: {kind}; {THREADS} threads each; the better of {ROUNDS} rounds\n");

    let options = Options { threads: THREADS, ..Options::default() };
    let loading = Instant::now();
    let ours = Model::load(&folder, "gte-modernbert-base", options).expect("our model loads");
    println!("ours loads in {:.1} s; resident memory {} MiB", loading.elapsed().as_secs_f64(), resident());
    let quantised =
        Model::load(&folder, "gte-modernbert-base", Options { quantised: true, ..options }).expect("q8");
    let peer = Peer::load(&folder);
    let mut python = Python::start(&local, &folder);

    let cases: [(&str, Vec<usize>); 5] = [
        ("u1", vec![12]),
        ("u8", vec![12; 8]),
        ("u32", vec![12; 32]),
        ("v32", (0..32).map(|i| 5 + (i * 7) % 20).collect()),
        ("long", vec![256]),
    ];
    let mut best: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let mut product = 0.0f64;
    let mut worst = (1.0f32, 0.0f32);
    for round in 0..ROUNDS {
        product = product.max(candle_product(1024)).max(candle_product(2048));
        if let Some(python) = &mut python {
            product = product.max(python.product(1024)).max(python.product(2048));
        }
        for (case, lengths) in &cases {
            let texts = common::texts(lengths, 50_000);
            let batch: Batch = texts.iter().collect();
            let repeat = if batch.tokens() < 100 { 9 } else { 5 };
            let mut note = |engine, ms: f64| {
                let best = best.entry((engine, *case)).or_insert(f64::INFINITY);
                *best = best.min(ms);
            };
            note("ours", median(repeat, || drop(ours.forward(&batch).expect("ours"))));
            note("candle", median(repeat, || drop(peer.padded(&texts))));
            note("q8", median(repeat, || drop(quantised.forward(&batch).expect("q8"))));
            let vectors = ours.forward(&batch).expect("ours");
            let mut compare = |others: &[Vec<f32>]| {
                for (a, b) in vectors.iter().zip(others) {
                    let (cosine, most) = closeness(a, b);
                    worst = (worst.0.min(cosine), worst.1.max(most));
                }
            };
            if round == 0 {
                compare(&peer.padded(&texts));
            }
            if let Some(python) = &mut python {
                for engine in ["torch", "onnx"] {
                    let (ms, theirs) = python.time(engine, &texts, repeat);
                    note(engine, ms);
                    compare(&theirs);
                }
            }
        }
    }
    report(&best, product, worst, &cases);
}

fn report(best: &BTreeMap<(&str, &str), f64>, product: f64, worst: (f32, f32), cases: &[(&str, Vec<usize>)]) {
    println!("\n| ms a batch | {} |", cases.iter().map(|(case, _)| *case).collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---|".repeat(cases.len()));
    for engine in ["ours", "q8", "candle", "torch", "onnx"] {
        let times = cases.iter().map(|(case, _)| match best.get(&(engine, *case)) {
            Some(ms) => format!("{ms:.1}"),
            None => "-".to_owned(),
        });
        println!("| {engine} | {} |", times.collect::<Vec<_>>().join(" | "));
    }
    println!("\nlargest difference to all others: cosine {:.8}, {:.1e} in a value\n", worst.0, worst.1);

    println!("| ratio of times | measured | hold to | stretch | |");
    println!("|---|---|---|---|---|");
    let ratio = |engine, case, other, of| Some(best.get(&(engine, case))? / best.get(&(other, of))?);
    let lines = [
        (
            "32 texts of 12 tokens, against candle-transformers",
            ratio("ours", "u32", "candle", "u32"),
            0.80,
            0.65,
        ),
        (
            "32 texts of 5 to 24 tokens, against candle-transformers padded",
            ratio("ours", "v32", "candle", "v32"),
            0.45,
            0.33,
        ),
        ("32 texts of 12 tokens, against PyTorch", ratio("ours", "u32", "torch", "u32"), 1.0, 0.85),
        ("32 texts of 12 tokens, against ONNX Runtime f32", ratio("ours", "u32", "onnx", "u32"), 1.35, 1.0),
        ("1 text of 12 tokens, against ONNX Runtime f32", ratio("ours", "u1", "onnx", "u1"), 2.3, 1.5),
        ("q8 (opt-in) 1 text, against our f32", ratio("q8", "u1", "ours", "u1"), 0.40, 0.25),
    ];
    for (name, ratio, hold, stretch) in lines {
        match ratio {
            Some(ratio) => println!(
                "| {name} | {ratio:.2} | {hold} | {stretch} | {} |",
                verdict(ratio <= hold, ratio <= stretch)
            ),
            None => println!("| {name} | not measured: no Python environment | {hold} | {stretch} | |"),
        }
    }
    // Two operations for each weight of the linear layers and each token.
    let work = 2.0 * 110.3e6 * (32.0 * 12.0) / 1e9;
    let speed = work / (best[&("ours", "u32")] / 1e3);
    let share = speed / product;
    println!(
        "| share of the best f32 matrix product in the same run ({speed:.0} of {product:.0} GF/s) | {share:.2} | ≥ 0.60 | ≥ 0.80 | {} |",
        verdict(share >= 0.60, share >= 0.80)
    );
}

fn verdict(held: bool, stretched: bool) -> &'static str {
    match (held, stretched) {
        (_, true) => "stretch",
        (true, _) => "held",
        _ => "MISSED",
    }
}

fn median(repeat: usize, mut run: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = (0..repeat)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// Best speed of candle's own matrix product, in billions of operations a second.
fn candle_product(size: usize) -> f64 {
    let [a, b] = [0, 1].map(|_| Tensor::rand(0f32, 1f32, (size, size), &Device::Cpu).expect("a matrix"));
    let best = (0..8)
        .map(|_| {
            let started = Instant::now();
            let _ = a.matmul(&b).expect("a product");
            started.elapsed()
        })
        .min()
        .expect("eight times");
    2.0 * (size as f64).powi(3) / best.as_secs_f64() / 1e9
}

/// The real weights where the cache of the hub has them, else random ones of the same shape.
fn weights(local: &Path) -> (PathBuf, &'static str) {
    let hub = Hub { offline: true, ..Hub::from_env() };
    let real = embed::DEFAULT_MODEL.parse::<Source>().and_then(|source| source.folder(&hub));
    if let Ok(folder) = real {
        return (folder, "Alibaba-NLP/gte-modernbert-base");
    }
    let folder = local.join("bench/gte-modernbert-shape");
    if !folder.join("model.safetensors").exists() {
        println!("writing random weights (569 MiB) into .local/bench");
        std::fs::create_dir_all(&folder).expect("a folder in .local");
        common::random_weights(&folder, "", &common::GTE_MODERNBERT_BASE);
    }
    (folder, "random, of the shape of gte-modernbert-base")
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// The engines that speak Python.
struct Python {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Python {
    /// Sets up an environment in `.local/` the first time; without one, says so.
    fn start(local: &Path, folder: &Path) -> Option<Python> {
        let environment = local.join("bench/venv");
        let program = environment.join("bin/python");
        let done = environment.join("done");
        if !done.exists() {
            println!(
                "setting up PyTorch and ONNX Runtime in .local/bench/venv (some minutes, the first time only)"
            );
            let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
            let installed =
                || Command::new(&program).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES).status();
            let succeeded =
                |status: std::io::Result<std::process::ExitStatus>| status.is_ok_and(|s| s.success());
            if !succeeded(made) || !succeeded(installed()) {
                println!(
                    "skipped PyTorch and ONNX Runtime: python3 with venv and a package index are needed"
                );
                return None;
            }
            std::fs::write(&done, PACKAGES.join("\n")).ok()?;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers.py");
        let mut child = Command::new(program)
            .arg(script)
            .arg(folder)
            .env("OMP_NUM_THREADS", THREADS.to_string())
            .env("HF_HUB_OFFLINE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let (input, output) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        let mut python = Python { child, input, output };
        match python.read() {
            Some(ready) if ready["ready"] == true => Some(python),
            _ => {
                println!(
                    "skipped PyTorch and ONNX Runtime: crates/embed/benches/peers.py ended at its start"
                );
                None
            }
        }
    }

    fn read(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    fn ask(&mut self, command: &Value) -> Value {
        writeln!(self.input, "{command}").expect("Python listens");
        self.read().expect("Python answers")
    }

    fn time(&mut self, engine: &str, texts: &[Vec<u32>], repeat: usize) -> (f64, Vec<Vec<f32>>) {
        let answer = self.ask(&json!({"engine": engine, "texts": texts, "repeat": repeat}));
        (
            answer["ms"].as_f64().expect("a time"),
            serde_json::from_value(answer["vectors"].clone()).expect("vectors"),
        )
    }

    fn product(&mut self, size: usize) -> f64 {
        self.ask(&json!({"engine": "product", "size": size}))["gflops"].as_f64().expect("a speed")
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It ends by itself when its input closes; this is for when it hangs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
