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
use veza_web::TraceParent;

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
pub(crate) fn adopt(span: &tracing::Span, parent: TraceParent) {
    // Fails only when no traces are made.
    let _untraced = span.set_parent(Context::new().with_remote_span_context(remote(parent)));
}

fn remote(place: TraceParent) -> SpanContext {
    let flags = if place.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (TraceId::from(place.trace_id), SpanId::from(place.parent_id));
    SpanContext::new(trace, span, flags, true, TraceState::default())
}

/// Where in a trace the task is that asks.
pub(crate) fn place() -> Option<String> {
    let context = tracing::Span::current().context();
    let place = context.span().span_context().clone();
    let parent = || TraceParent {
        trace_id: u128::from_be_bytes(place.trace_id().to_bytes()),
        parent_id: u64::from_be_bytes(place.span_id().to_bytes()),
        sampled: place.is_sampled(),
    };
    place.is_valid().then(|| parent().to_string())
}

/// Lets what a job does be found from the trace of who enqueued it.
pub(crate) fn link(span: &tracing::Span, place: &str) {
    if let Some(cause) = TraceParent::parse(place) {
        span.add_link(remote(cause));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

    use super::*;

    /// What would be sent.
    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanProcessor for Kept {
        fn on_start(&self, _: &mut Span, _: &Context) {}

        fn on_end(&self, span: SpanData) {
            self.0.lock().unwrap().push(span);
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    #[test]
    fn a_run_is_linked_to_the_request_and_is_a_trace_of_its_own() {
        let kept = Kept::default();
        let provider = SdkTracerProvider::builder().with_span_processor(kept.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            assert_eq!(place(), None, "no task, no place");
            let request = tracing::info_span!("request");
            let place = request.in_scope(place).unwrap();
            drop(request);
            let run = tracing::info_span!("run");
            link(&run, &place);
            link(&run, "nonsense");
        });
        let spans = kept.0.lock().unwrap();
        let [request, run] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!(run.links.len(), 1);
        assert_eq!(run.links[0].span_context.trace_id(), request.span_context.trace_id());
        assert_eq!(run.links[0].span_context.span_id(), request.span_context.span_id());
        assert_ne!(run.span_context.trace_id(), request.span_context.trace_id());
    }
}
