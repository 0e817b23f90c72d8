//! Logs always; traces, metrics and logs over OTLP only where OTEL_EXPORTER_OTLP_ENDPOINT is set.

use std::io::IsTerminal;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use contracts::Service;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::error::StartError;
use crate::receiver::Receiver;
use crate::settings::{LogFormat, Telemetry};

/// What is sent to a receiver, and must be flushed at the very end.
struct Exporters {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    logs: SdkLoggerProvider,
}

/// What must be flushed at the very end, where there is a receiver.
pub(crate) struct Guard(Option<Exporters>);

type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The receiver's address.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// How long the last export may take.
const LAST_EXPORT: Duration = Duration::from_secs(3);

impl Guard {
    /// Sends what is left. The exporters block, so they get a thread that may.
    pub(crate) async fn finish(self) {
        let Some(exporters) = self.0 else { return };
        let work = tokio::task::spawn_blocking(move || {
            let _ = exporters.metrics.shutdown();
            let _ = exporters.traces.shutdown();
            let _ = exporters.logs.shutdown();
        });
        let _ = tokio::time::timeout(LAST_EXPORT, work).await;
    }
}

static EXPORTING: OnceLock<()> = OnceLock::new();

/// Whether anybody receives what is told here.
pub(crate) fn is_exporting() -> bool {
    EXPORTING.get().is_some()
}

/// Installs logging for the process, and the exporters where an endpoint is set.
pub(crate) fn install(service: Service, settings: &Telemetry) -> Result<Guard, StartError> {
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
    let endpoint = std::env::var(ENDPOINT).ok().filter(|endpoint| !endpoint.is_empty());
    let exporters = endpoint.map(|endpoint| Exporters::new(service, settings, &endpoint)).transpose()?;
    let mut layers = vec![lines.with_filter(filter(settings)?).boxed()];
    if let Some(exporters) = &exporters {
        layers.extend([exporters.spans(), exporters.log_records(settings)?]);
    }
    tracing_subscriber::registry()
        .with(layers)
        .try_init()
        .map_err(|error| StartError::settings(format!("logging is set up already: {error}")))?;
    if exporters.is_some() {
        let _ = EXPORTING.set(());
    }
    Ok(Guard(exporters))
}

/// What is logged.
fn filter(settings: &Telemetry) -> Result<EnvFilter, StartError> {
    let directives = std::env::var("RUST_LOG").unwrap_or_else(|_| settings.log.clone());
    EnvFilter::try_new(&directives)
        .map_err(|error| StartError::settings(format!("telemetry.log = {directives}: {error}")))
}

impl Exporters {
    fn new(service: Service, settings: &Telemetry, endpoint: &str) -> Result<Self, StartError> {
        crate::use_ring();
        let failed = |error: &dyn std::fmt::Display| StartError::settings(format!("{ENDPOINT}: {error}"));
        let receiver: Arc<dyn HttpClient> =
            Arc::new(Receiver::new(endpoint).map_err(|error| failed(&error))?);
        let resource = resource(service, settings);
        let spans = SpanExporter::builder().with_http().with_shared_http_client(receiver.clone()).build();
        let metrics = MetricExporter::builder().with_http().with_shared_http_client(receiver.clone()).build();
        let logs = LogExporter::builder().with_http().with_shared_http_client(receiver).build();
        let exporters = Exporters {
            traces: SdkTracerProvider::builder()
                .with_batch_exporter(spans.map_err(|error| failed(&error))?)
                .with_resource(resource.clone())
                .build(),
            metrics: SdkMeterProvider::builder()
                .with_periodic_exporter(metrics.map_err(|error| failed(&error))?)
                .with_resource(resource.clone())
                .build(),
            logs: SdkLoggerProvider::builder()
                .with_batch_exporter(logs.map_err(|error| failed(&error))?)
                .with_resource(resource)
                .build(),
        };
        opentelemetry::global::set_meter_provider(exporters.metrics.clone());
        Ok(exporters)
    }

    /// The line's own spans, without what is logged in them: those of the clients would follow each export with another.
    fn spans(&self) -> AnyLayer {
        tracing_opentelemetry::layer()
            .with_tracer(self.traces.tracer("greenbite"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("runtime")))
            .boxed()
    }

    /// What is logged, but nothing below info: that may hold customers' words.
    fn log_records(&self, settings: &Telemetry) -> Result<AnyLayer, StartError> {
        let told = filter_fn(|metadata| metadata.is_event() && *metadata.level() <= Level::INFO);
        Ok(OpenTelemetryTracingBridge::new(&self.logs).with_filter(filter(settings)?.and(told)).boxed())
    }
}

/// Who tells. OTEL_RESOURCE_ATTRIBUTES has the last word.
fn resource(service: Service, settings: &Telemetry) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.namespace", "greenbite"),
            KeyValue::new("service.name", format!("greenbite-{service}")),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", format!("{:016x}", rand::random::<u64>())),
            KeyValue::new("deployment.environment.name", settings.environment.clone()),
        ])
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())])
        .build()
}
