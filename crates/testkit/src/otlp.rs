//! A receiver of OpenTelemetry's protocol over HTTP: it decodes what comes and keeps it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Attributes, printed.
pub type Attributes = BTreeMap<String, String>;

/// A span as it was told.
#[derive(Debug, Clone)]
pub struct Span {
    /// Who told it.
    pub resource: Attributes,
    /// Its name.
    pub name: String,
    /// What it does in the trace: `Server`, `Client`, `Producer`, `Consumer`.
    pub kind: String,
    /// The trace.
    pub trace_id: String,
    /// The span itself.
    pub span_id: String,
    /// What it is a part of; empty for the first of a trace.
    pub parent_id: String,
    /// Traces that it has links to.
    pub links: Vec<String>,
    /// What is known of it.
    pub attributes: Attributes,
    /// Whether it failed.
    pub failed: bool,
}

/// One point of a metric.
#[derive(Debug, Clone)]
pub struct Point {
    /// Who told it.
    pub resource: Attributes,
    /// The metric.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// How it counts: `sum`, `gauge`, `histogram`.
    pub kind: &'static str,
    /// What the point is about.
    pub attributes: Attributes,
    /// The value; of a histogram, how many there were.
    pub value: f64,
}

/// A log record.
#[derive(Debug, Clone)]
pub struct Record {
    /// Who told it.
    pub resource: Attributes,
    /// How grave it is: `INFO`.
    pub severity: String,
    /// What it says.
    pub body: String,
    /// The trace in which it was said; empty outside one.
    pub trace_id: String,
    /// Its fields.
    pub attributes: Attributes,
}

/// All that was received.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Spans, in the order in which they came.
    pub spans: Vec<Span>,
    /// Points of metrics; later ones of the same metric come behind.
    pub points: Vec<Point>,
    /// Log records.
    pub records: Vec<Record>,
    /// Requests as they came, to be searched for what must not be in them.
    pub raw: Vec<Bytes>,
    /// Requests that could not be decoded.
    pub undecodable: usize,
}

type Shared = Arc<Mutex<Received>>;

/// A running receiver; dropped, it is away.
pub struct Receiver {
    port: u16,
    received: Shared,
    server: JoinHandle<()>,
}

impl Receiver {
    /// On any free port.
    pub async fn start() -> anyhow::Result<Receiver> {
        Receiver::at(0).await
    }

    /// On this port of this machine.
    pub async fn at(port: u16) -> anyhow::Result<Receiver> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let port = listener.local_addr()?.port();
        let received = Shared::default();
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .route("/v1/logs", post(logs))
            .with_state(received.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Receiver { port, received, server })
    }

    /// Its address, for OTEL_EXPORTER_OTLP_ENDPOINT.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What has come so far.
    pub fn received(&self) -> Received {
        lock(&self.received).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(received: &Shared) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a request, decoded.
fn keep<M: Message + Default>(
    received: &Shared,
    body: Bytes,
    add: impl FnOnce(&mut Received, M),
) -> StatusCode {
    let decoded = M::decode(body.clone());
    let mut received = lock(received);
    received.raw.push(body);
    match decoded {
        Ok(message) => {
            add(&mut received, message);
            StatusCode::OK
        }
        Err(_) => {
            received.undecodable += 1;
            StatusCode::BAD_REQUEST
        }
    }
}

async fn traces(State(received): State<Shared>, body: Bytes) -> StatusCode {
    keep(&received, body, |received, request: ExportTraceServiceRequest| {
        for of_resource in request.resource_spans {
            let resource = resource(of_resource.resource);
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            received.spans.extend(spans.map(|span| Span {
                resource: resource.clone(),
                kind: format!("{:?}", span.kind()),
                name: span.name,
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
                attributes: attributes(span.attributes),
                failed: span.status.is_some_and(|status| status.code == 2),
            }));
        }
    })
}

async fn metrics(State(received): State<Shared>, body: Bytes) -> StatusCode {
    keep(&received, body, |received, request: ExportMetricsServiceRequest| {
        for of_resource in request.resource_metrics {
            let resource = resource(of_resource.resource);
            for metric in of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                let (kind, points) = points(metric.data);
                received.points.extend(points.into_iter().map(|(attributes, value)| Point {
                    resource: resource.clone(),
                    name: metric.name.clone(),
                    unit: metric.unit.clone(),
                    kind,
                    attributes,
                    value,
                }));
            }
        }
    })
}

fn points(data: Option<Data>) -> (&'static str, Vec<(Attributes, f64)>) {
    let number = |value: Option<Value>| match value {
        Some(Value::AsDouble(value)) => value,
        Some(Value::AsInt(value)) => value as f64,
        None => f64::NAN,
    };
    let numbers = |points: Vec<opentelemetry_proto::tonic::metrics::v1::NumberDataPoint>| {
        points.into_iter().map(|point| (attributes(point.attributes), number(point.value))).collect()
    };
    match data {
        Some(Data::Sum(sum)) => ("sum", numbers(sum.data_points)),
        Some(Data::Gauge(gauge)) => ("gauge", numbers(gauge.data_points)),
        Some(Data::Histogram(histogram)) => {
            let points = histogram.data_points.into_iter();
            ("histogram", points.map(|point| (attributes(point.attributes), point.count as f64)).collect())
        }
        _ => ("other", Vec::new()),
    }
}

async fn logs(State(received): State<Shared>, body: Bytes) -> StatusCode {
    keep(&received, body, |received, request: ExportLogsServiceRequest| {
        for of_resource in request.resource_logs {
            let resource = resource(of_resource.resource);
            let records = of_resource.scope_logs.into_iter().flat_map(|scope| scope.log_records);
            received.records.extend(records.map(|record| Record {
                resource: resource.clone(),
                severity: record.severity_text,
                body: printed(record.body),
                trace_id: hex(&record.trace_id),
                attributes: attributes(record.attributes),
            }));
        }
    })
}

fn resource(resource: Option<Resource>) -> Attributes {
    attributes(resource.unwrap_or_default().attributes)
}

fn attributes(pairs: Vec<KeyValue>) -> Attributes {
    pairs.into_iter().map(|pair| (pair.key, printed(pair.value))).collect()
}

fn printed(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::DoubleValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(truth)) => truth.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
