//! The spans of the line, and the durations of its HTTP requests, by OpenTelemetry's conventions.
//!
//! What only a tracing tool wants is put on the span itself: a field would be printed with each log line.

use std::sync::LazyLock;
use std::time::Instant;

use async_nats::header::NATS_MESSAGE_ID;
use contracts::{Code, ConsumerSpec, MessageId, Topic};
use opentelemetry::metrics::Histogram;
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, KeyValue, Value, global};
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::delivery::Delivery;
use crate::metrics::SECONDS;
use crate::telemetry::is_exporting;
use crate::trace::Trace;

/// The span of one delivery, and where in the message's trace that is.
///
/// The first delivery of the first generation continues the trace of the station before; a
/// redelivery or a replay begins with a link to it, so that a trace never shows work twice.
pub(crate) fn process(spec: &ConsumerSpec, delivery: &Delivery) -> (Span, Trace) {
    let subject = delivery.message.subject.as_str();
    let span = info_span!(
        "process",
        otel.name = %format_args!("process {}", spec.input),
        otel.kind = "consumer",
        message_id = subject.rsplit('.').next().unwrap_or_default(),
        attempt = delivery.attempt,
    );
    if is_exporting() {
        let id = delivery.headers().and_then(|headers| headers.get(NATS_MESSAGE_ID));
        messaging(&span, "process", "process", spec.input, subject.to_owned());
        set(&span, "messaging.message.id", id.map(|id| id.as_str().to_owned()).unwrap_or_default());
        set(&span, "messaging.message.body.size", delivery.message.payload.len() as i64);
        set(&span, "messaging.consumer.group.name", spec.durable);
    }
    let again = delivery.attempt > 1 || delivery.headers().map_or(1, crate::bus::generation) > 1;
    let trace = place(&span, delivery.headers().and_then(Trace::from_headers), again);
    (span, trace)
}

/// The span in which an event is put on the line that no stage's handler decided. `again`: it was there before, and
/// begins a trace of its own, with a link to the one from before.
pub fn publish(topic: Topic, id: MessageId, before: Option<Trace>, again: bool) -> (Span, Trace) {
    let span = info_span!(
        "publish",
        otel.name = %format_args!("publish {topic}"),
        otel.kind = "producer",
        message_id = %id,
    );
    if is_exporting() {
        messaging(&span, "send", "publish", topic, topic.subject(id));
    }
    let trace = place(&span, before, again);
    (span, trace)
}

/// Where the trace of one of several messages begins that came in with one request; it has a link to that.
pub fn create(topic: Topic, request: &Trace) -> Trace {
    let span = info_span!(
        parent: None, "create", otel.name = %format_args!("create {topic}"), otel.kind = "producer"
    );
    if is_exporting() {
        messaging(&span, "create", "create", topic, topic.filter().to_owned());
        span.add_link(otel_context(request));
    }
    place(&span, None, false)
}

/// What came of a message, on the span of its delivery.
pub(crate) fn decided(outcome: &str, decided_by: &str) {
    if is_exporting() {
        let span = Span::current();
        set(&span, "greenbite.outcome", outcome.to_owned());
        set(&span, "greenbite.decided_by", decided_by.to_owned());
    }
}

/// The current span's work failed. The reason is for the log: here it might be shown to more people.
pub(crate) fn failed(code: Code) {
    if is_exporting() {
        let span = Span::current();
        set(&span, "error.type", code.as_str());
        span.set_status(Status::error(code.as_str()));
    }
}

/// An HTTP request that is under way.
pub struct Request {
    /// Its span, for what happens on its behalf.
    pub span: Span,
    /// Where in a trace that is.
    pub trace: Trace,
    duration: &'static Histogram<f64>,
    attributes: Vec<KeyValue>,
    fails_from: u16,
    began: Instant,
}

static SERVED: LazyLock<Histogram<f64>> = LazyLock::new(|| duration("http.server.request.duration"));
static ASKED: LazyLock<Histogram<f64>> = LazyLock::new(|| duration("http.client.request.duration"));

fn duration(name: &'static str) -> Histogram<f64> {
    global::meter("greenbite").f64_histogram(name).with_unit("s").with_boundaries(SECONDS.to_vec()).build()
}

impl Request {
    /// One that a client makes of us; its trace is continued where it names one.
    pub fn served(method: &'static str, route: &'static str, caller: Option<Trace>) -> Self {
        let span = info_span!("request", otel.name = %format_args!("{method} {route}"), otel.kind = "server");
        let attributes =
            vec![KeyValue::new("http.request.method", method), KeyValue::new("http.route", route)];
        Request::begin(span, caller, &SERVED, attributes, 500)
    }

    /// One that we make of this host. Its path is not told: in a webhook's address it is the key.
    pub fn asked(method: &'static str, host: &str) -> Self {
        let span = info_span!("request", otel.name = method, otel.kind = "client");
        let attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("server.address", host.to_owned()),
        ];
        Request::begin(span, None, &ASKED, attributes, 400)
    }

    fn begin(
        span: Span,
        caller: Option<Trace>,
        duration: &'static Histogram<f64>,
        attributes: Vec<KeyValue>,
        fails_from: u16,
    ) -> Self {
        if is_exporting() {
            attributes.iter().for_each(|one| span.set_attribute(one.key.clone(), one.value.clone()));
        }
        let trace = place(&span, caller, false);
        Request { span, trace, duration, attributes, fails_from, began: Instant::now() }
    }

    /// It was answered with this status; without one, nobody answered.
    pub fn answered(mut self, status: Option<u16>) {
        if !is_exporting() {
            return;
        }
        let failed = status.is_none_or(|status| status >= self.fails_from);
        let mut told = Vec::new();
        told.extend(status.map(|status| KeyValue::new("http.response.status_code", i64::from(status))));
        if failed {
            let kind = status.map_or_else(|| "unreachable".to_owned(), |status| status.to_string());
            told.push(KeyValue::new("error.type", kind.clone()));
            self.span.set_status(Status::error(kind));
        }
        told.iter().for_each(|one| self.span.set_attribute(one.key.clone(), one.value.clone()));
        self.attributes.extend(told);
        self.duration.record(self.began.elapsed().as_secs_f64(), &self.attributes);
    }
}

fn messaging(span: &Span, kind: &'static str, name: &'static str, topic: Topic, destination: String) {
    set(span, "messaging.system", "nats");
    set(span, "messaging.operation.type", kind);
    set(span, "messaging.operation.name", name);
    set(span, "messaging.destination.name", destination);
    set(span, "messaging.destination.template", topic.filter());
}

fn set(span: &Span, key: &'static str, value: impl Into<Value>) {
    span.set_attribute(key, value);
}

/// Puts a span where it belongs in the message's trace, and says where that is.
///
/// Without an exporter the ids are made here, and a message keeps its one trace.
fn place(span: &Span, before: Option<Trace>, again: bool) -> Trace {
    if let Some(before) = &before {
        let context = otel_context(before);
        if again {
            span.add_link(context);
        } else {
            let _ = span.set_parent(Context::new().with_remote_span_context(context));
        }
    }
    let own = span.context().span().span_context().clone();
    let state = before.as_ref().and_then(|before| before.state.clone());
    if own.is_valid() {
        return Trace {
            trace_id: u128::from_be_bytes(own.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(own.span_id().to_bytes()),
            sampled: own.is_sampled(),
            state,
        };
    }
    before.map_or_else(Trace::start, |before| before.child())
}

fn otel_context(trace: &Trace) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(trace.trace_id.to_be_bytes()),
        SpanId::from_bytes(trace.span_id.to_be_bytes()),
        TraceFlags::new(u8::from(trace.sampled)),
        true,
        TraceState::default(),
    )
}
