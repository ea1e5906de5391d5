//! Logs, traces and metrics of the process.

use std::io::IsTerminal;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, TelemetryConfig};
use crate::error::Error;

/// What was set up; sends the last traces when told to.
pub(crate) struct Telemetry {
    traces: Option<SdkTracerProvider>,
    human: bool,
    pub(crate) metrics: PrometheusHandle,
}

impl Telemetry {
    /// Sets up logs, metrics and, where an endpoint is configured, traces. Needs a tokio runtime
    /// around it for the latter.
    pub(crate) fn start(config: &TelemetryConfig) -> Result<Self, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Telemetry(error.to_string());
        let traces =
            config.otlp_endpoint.as_deref().map(|url| tracer(url, config.trace_ratio)).transpose()?;
        let layer = traces.as_ref().map(|provider| {
            tracing_opentelemetry::layer().with_tracer(provider.tracer("veza")).with_filter(filter(config))
        });
        let human = is_human(config.log_format);
        tracing_subscriber::registry()
            .with(layer)
            .with(log_layer(config, human))
            .try_init()
            .map_err(|error| failed(&error))?;
        let metrics = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Suffix("_messages".to_owned()), &SIZES)
            })
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|error| failed(&error))?;
        if !human {
            std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        }
        Ok(Self { traces, human, metrics })
    }

    /// Says why the process ends, in the form of its log: a reader of JSON must be able to read this too.
    pub(crate) fn complain(&self, error: &Error) {
        if self.human {
            crate::command::complain(error);
        } else {
            tracing::error!(%error, "the process ends");
        }
    }

    /// Sends what was not sent yet.
    pub(crate) fn stop(self) {
        if let Some(traces) = self.traces
            && let Err(error) = traces.shutdown()
        {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Seconds, from half a millisecond to ten, dense around the goal of 200 ms.
const BUCKETS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0];

/// Things at once.
const SIZES: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

fn filter(config: &TelemetryConfig) -> EnvFilter {
    EnvFilter::try_from_default_env()
        .or_else(|_unset| EnvFilter::try_new(&config.log))
        .unwrap_or_else(|_malformed| EnvFilter::new("info"))
}

type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

fn is_human(format: LogFormat) -> bool {
    match format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    }
}

/// Whether to colour: on a terminal that can and whose owner wants it (<https://no-color.org>).
#[allow(clippy::disallowed_methods, reason = "what a terminal can is the environment's to say")]
fn is_colourful() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
    std::io::stderr().is_terminal() && !refused && !dumb
}

fn log_layer<S>(config: &TelemetryConfig, human: bool) -> BoxedLayer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    // A log that nobody reads any more is no reason to fail.
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    if human {
        layer.with_ansi(is_colourful()).with_filter(filter(config)).boxed()
    } else {
        layer.json().flatten_event(true).with_span_list(false).with_filter(filter(config)).boxed()
    }
}

fn tracer(endpoint: &str, ratio: f64) -> Result<SdkTracerProvider, Error> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| Error::Telemetry(format!("telemetry.otlp_endpoint: {error}")))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    let resource = Resource::builder().with_service_name("veza").build();
    Ok(SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build())
}

/// Makes a request's span a child of the trace it came with.
pub(crate) fn adopt(span: &tracing::Span, parent: veza_web::TraceParent) {
    let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let context = SpanContext::new(
        TraceId::from(parent.trace_id),
        SpanId::from(parent.parent_id),
        flags,
        true,
        TraceState::default(),
    );
    // Fails only when no traces are made.
    let _untraced = span.set_parent(Context::new().with_remote_span_context(context));
}
