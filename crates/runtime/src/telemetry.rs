//! Logs always; traces and metrics over OTLP only where OTEL_EXPORTER_OTLP_ENDPOINT is set.

use std::io::IsTerminal;
use std::time::Duration;

use contracts::Service;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::error::StartError;
use crate::settings::{LogFormat, Telemetry};
use crate::trace::Trace;

/// What must be flushed at the very end.
pub(crate) struct Guard {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

/// How long the last export may take.
const LAST_EXPORT: Duration = Duration::from_secs(3);

impl Guard {
    /// Sends what is left. The exporters block, so they get a thread that may.
    pub(crate) async fn finish(self) {
        let work = tokio::task::spawn_blocking(move || {
            if let Some(metrics) = self.metrics {
                let _ = metrics.shutdown();
            }
            if let Some(traces) = self.traces {
                let _ = traces.shutdown();
            }
        });
        let _ = tokio::time::timeout(LAST_EXPORT, work).await;
    }
}

/// Installs logging for the process, and the exporters where an endpoint is set.
pub(crate) fn install(service: Service, settings: &Telemetry) -> Result<Guard, StartError> {
    let directives = std::env::var("RUST_LOG").unwrap_or_else(|_| settings.log.clone());
    let filter = EnvFilter::try_new(&directives)
        .map_err(|error| StartError::settings(format!("telemetry.log = {directives}: {error}")))?;
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stdout().is_terminal(),
    };
    let lines = tracing_subscriber::fmt::layer().with_target(false);
    let lines = if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        lines.boxed()
    };
    let exporting = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").is_ok_and(|endpoint| !endpoint.is_empty());
    let guard = if exporting { exporters(service)? } else { Guard { traces: None, metrics: None } };
    let spans = guard.traces.as_ref().map(|provider| {
        tracing_opentelemetry::layer().with_tracer(provider.tracer("greenbite")).with_filter(
            // Only the line's own spans: those of the clients would follow each export with another.
            tracing_subscriber::filter::filter_fn(|metadata| metadata.target().starts_with("runtime")),
        )
    });
    tracing_subscriber::registry()
        .with(spans)
        .with(lines.with_filter(filter))
        .try_init()
        .map_err(|error| StartError::settings(format!("logging is set up already: {error}")))?;
    Ok(guard)
}

fn exporters(service: Service) -> Result<Guard, StartError> {
    crate::use_ring();
    let failed =
        |error: &dyn std::fmt::Display| StartError::settings(format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}"));
    let resource = Resource::builder()
        .with_service_name(format!("greenbite-{service}"))
        .with_attribute(KeyValue::new("service.instance.id", format!("{}", std::process::id())))
        .build();
    let spans =
        opentelemetry_otlp::SpanExporter::builder().with_http().build().map_err(|error| failed(&error))?;
    let metrics =
        opentelemetry_otlp::MetricExporter::builder().with_http().build().map_err(|error| failed(&error))?;
    let traces =
        SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource.clone()).build();
    let metrics = SdkMeterProvider::builder().with_periodic_exporter(metrics).with_resource(resource).build();
    opentelemetry::global::set_meter_provider(metrics.clone());
    Ok(Guard { traces: Some(traces), metrics: Some(metrics) })
}

/// Puts the span of one delivery where it belongs in the message's trace, and says where that is.
///
/// The first delivery of the first generation continues the trace of the station before; a
/// redelivery or a replay begins with a link to it, so that a trace never shows work twice.
/// Without an exporter the ids are made here, and a message keeps its one trace.
pub(crate) fn place(span: &Span, before: Option<Trace>, again: bool) -> Trace {
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
