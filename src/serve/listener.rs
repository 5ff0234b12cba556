//! The server at the socket: accepts within a cap, gives each connection a timer, catches panics, and drains at the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use metrics::{Counter, Gauge};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use crate::config;
use crate::http::{Peer, Problem};

/// How long to wait after a failed accept: most often there are no descriptors left.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A listening socket and what its connections may cost.
pub(super) struct Listener {
    socket: TcpListener,
    connections: Arc<Semaphore>,
    protocol: http1::Builder,
    drain_timeout: Duration,
}

impl Listener {
    /// Begins to listen. Connections wait until [`Listener::run`].
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub(super) async fn bind(config: &config::Server) -> std::io::Result<Self> {
        let socket = TcpListener::bind(config.listen).await?;
        let mut protocol = http1::Builder::new();
        protocol
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(config.header_timeout_ms))
            .max_buf_size(config.header_bytes_max);
        Ok(Self {
            socket,
            connections: Arc::new(Semaphore::new(config.connections_max)),
            protocol,
            drain_timeout: Duration::from_millis(config.drain_timeout_ms),
        })
    }

    /// Returns the address it listens on.
    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop` completes, then lets requests under way finish for as long as the drain may take. Returns when
    /// it was told to stop.
    pub(super) async fn run(self, router: Router, stop: impl Future<Output = ()>) -> Instant {
        let graceful = GracefulShutdown::new();
        let answers = Answers::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer, permit)) => {
                    let connection =
                        Connection { router: router.clone(), answers: answers.clone(), peer, _permit: permit };
                    tokio::spawn(connection.serve(stream, self.protocol.clone(), graceful.watcher()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        let told = Instant::now();
        tracing::info!("stopping: no new connections");
        drop(self.socket);
        if tokio::time::timeout(self.drain_timeout, graceful.shutdown()).await.is_err() {
            tracing::warn!(drain.timeout_ms = self.drain_timeout.as_millis() as u64, "requests under way were cut off");
        }
        told
    }

    async fn accept(&self) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.connections).acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, peer) = self.socket.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, peer, permit))
    }
}

/// Counters that every answer touches, looked up once.
#[derive(Clone)]
struct Answers {
    by_class: [Counter; 4],
    connections: Gauge,
}

impl Answers {
    fn new() -> Self {
        let counter = |class: &'static str| metrics::counter!("weir_http_responses_total", "class" => class);
        Self {
            by_class: ["2xx", "3xx", "4xx", "5xx"].map(counter),
            connections: metrics::gauge!("weir_http_connections"),
        }
    }

    fn count(&self, response: &Response) {
        let class = usize::from(response.status().as_u16() / 100).clamp(2, 5) - 2;
        self.by_class[class].increment(1);
    }
}

struct Connection {
    router: Router,
    answers: Answers,
    peer: SocketAddr,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream, protocol: http1::Builder, watcher: Watcher) {
        self.answers.connections.increment(1.0);
        let service = service_fn(|request: hyper::Request<Incoming>| self.answer(request));
        let connection = protocol.serve_connection(TokioIo::new(stream), service);
        // Peers vanish, send nonsense or time out; none of it is news.
        let _ = watcher.watch(connection).await;
        self.answers.connections.decrement(1.0);
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Peer(self.peer));
        let answering = self.router.clone().call(request);
        let response = match AssertUnwindSafe(answering).catch_unwind().await {
            Ok(Ok(response)) => response,
            Err(_) => Problem::Internal("a handler panicked; the message is above".into()).into_response(),
        };
        self.answers.count(&response);
        Ok(response)
    }
}
