//! Connections: accepted under a cap, served with timers, drained at the end.
//!
//! `axum::serve` sets no timer, so hyper's header time-out would be inert; hence hyper-util directly.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::config;
use crate::http::Peer;

/// How long accepting pauses when the system refuses it (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The connections that are open.
pub(super) struct Connections {
    slots: Arc<Semaphore>,
    graceful: std::sync::Mutex<Option<GracefulShutdown>>,
    builder: Builder<TokioExecutor>,
}

impl Connections {
    pub(super) fn new(server: &config::Server) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(server.header_timeout_ms))
            .max_buf_size(server.header_bytes_max.max(8 << 10))
            .pipeline_flush(true);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(20));
        Self {
            slots: Arc::new(Semaphore::new(server.connections_max)),
            graceful: std::sync::Mutex::new(Some(GracefulShutdown::new())),
            builder,
        }
    }

    /// Waits until requests under way are answered, but not longer than this.
    pub(super) async fn drain(&self, at_most: Duration) {
        let graceful = self.graceful.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(graceful) = graceful else { return };
        if tokio::time::timeout(at_most, graceful.shutdown()).await.is_err() {
            warn!("some requests were not answered in time and are cut off");
        }
    }

    fn serve(&self, stream: TcpStream, peer: Peer, router: Router, slot: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "a connection could not be made prompt");
        }
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let guard = self.graceful.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(graceful) = guard.as_ref() else { return };
        let connection = graceful.watch(connection);
        drop(guard);
        tokio::spawn(async move {
            metrics::gauge!("weir_http_connections").increment(1);
            if let Err(error) = connection.await {
                debug!(error = %error, "a connection ended early");
            }
            metrics::gauge!("weir_http_connections").decrement(1);
            drop(slot);
        });
    }
}

/// Accepts connections until `stop` completes.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    connections: &Connections,
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let slot = tokio::select! {
            () = &mut stop => return,
            slot = Arc::clone(&connections.slots).acquire_owned() => slot,
        };
        // The semaphore is never closed.
        let Ok(slot) = slot else { return };
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => connections.serve(stream, Peer(address), router.clone(), slot),
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
