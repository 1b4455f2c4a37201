//! The operator's listener: health and metrics, apart from what users reach.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use steelyard_service::Hub;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::commands::serve::admin_address;
use crate::config::Loaded;

const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Starts collecting metrics.
pub fn install_metrics() -> Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?;
    builder.install_recorder().context("cannot collect metrics")
}

#[derive(Clone)]
struct AdminState {
    hub: Hub,
    metrics: PrometheusHandle,
}

/// Starts the listener, if the configuration has one. A default address that is taken is given up: a second hub on one
/// machine should start without asking; a chosen one must be free.
pub async fn start(
    loaded: &Loaded,
    hub: &Hub,
    metrics: PrometheusHandle,
    stop: &CancellationToken,
) -> Result<()> {
    let Some(address) = admin_address(&loaded.config.server.admin_listen) else { return Ok(()) };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) if !loaded.is_explicit("server.admin_listen") => {
            tracing::info!(%address, %error, "health and metrics are off: their address is taken");
            return Ok(());
        }
        Err(error) => return Err(error).with_context(|| format!("cannot listen on {address}")),
    };
    tracing::info!(address = %listener.local_addr()?, "health and metrics");
    let router = Router::new()
        .route("/health/live", get(|| async { "alive\n" }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(render))
        .with_state(AdminState { hub: hub.clone(), metrics });
    let stop = stop.clone();
    tokio::spawn(async move {
        let server = axum::serve(listener, router)
            .with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = server.await {
            tracing::error!(%error, "the admin listener failed");
        }
    });
    Ok(())
}

async fn ready(State(state): State<AdminState>) -> (StatusCode, String) {
    match state.hub.check_ready().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {error}: {cause}\n"))
        }
    }
}

async fn render(State(state): State<AdminState>) -> Result<String, StatusCode> {
    if let Err(error) = state.hub.record_gauges().await {
        tracing::warn!(%error, "job counts are missing from the metrics");
    }
    Ok(state.metrics.render())
}
