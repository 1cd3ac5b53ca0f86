//! The pages' socket: a bounded number of connections, each of which must say soon what it wants.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use board::access::PeerAddress;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Who has not sent a whole head of a request by then is hung up on.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// Who takes nothing for so long is hung up on.
const STALLED_MS: u32 = 60_000;
/// After an error of the socket (no descriptor is free), it is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Answers for as long as the task lives; connections beyond `most` wait until another one ends.
pub async fn serve(listener: TcpListener, pages: Router, most: usize) {
    let connections = Arc::new(Semaphore::new(most));
    loop {
        // Taken before the connection: the system keeps those that wait, and turns further ones away.
        let Ok(place) = Arc::clone(&connections).acquire_owned().await else { return };
        let (socket, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection to the board cannot be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // One that takes nothing of what was sent is given up, its unsent rest with it.
        let _ = rustix::net::sockopt::set_tcp_user_timeout(&socket, STALLED_MS);
        // Small pieces of an event stream must not wait for each other; where it cannot be had, they do.
        let _ = socket.set_nodelay(true);
        let pages = pages.clone().layer(axum::Extension(PeerAddress(address)));
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
            // An error is the other side's: it left, or sent no HTTP.
            let _ = http.serve_connection(TokioIo::new(socket), TowerToHyperService::new(pages)).await;
            drop(place);
        });
    }
}
