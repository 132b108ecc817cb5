//! Listening: on the caller's runtime, or on threads with a runtime each.

use super::{Shared, connection};
use crate::http1::Link;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Connections that may wait to be accepted: a thousand clients may come at once.
const BACKLOG: i32 = 4096;
/// Pause after a failed accept (no file descriptors left): the condition does not end by itself at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Binds a non-blocking listener with a long backlog.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Accepts until stopped; each connection is a task that ends with the provider too.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Stopped, or the provider was dropped.
            _ = stopped.changed() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(connection::serve(Link::new(stream), Arc::clone(&shared), stopped.clone()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Runs accept loops on `threads` threads that share one listener.
pub(super) fn on_threads(
    threads: usize,
    listener: &std::net::TcpListener,
    shared: &Arc<Shared>,
    stopped: &watch::Receiver<bool>,
) -> io::Result<()> {
    for number in 0..threads {
        let listener = listener.try_clone()?;
        let (shared, stopped) = (Arc::clone(shared), stopped.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name(format!("simulated-provider-{number}")).spawn(move || {
            runtime.block_on(async move {
                // The listener was made by `bind`, so registering it cannot fail short of a broken reactor.
                if let Ok(listener) = TcpListener::from_std(listener) {
                    accept(listener, shared, stopped).await;
                }
            });
        })?;
    }
    Ok(())
}
