//! What lies between a program and its database, or a provider: a TCP proxy whose line goes bad on demand, while connections run, or at a
//! step of what passes over it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// Most bytes that are passed on at once.
const CHUNK: usize = 16 << 10;
/// Between two pieces, so that they rarely arrive as one.
const BETWEEN_PIECES: Duration = Duration::from_millis(1);

/// How the line is. A change holds at once, also for connections that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// As if there were no proxy.
    Good,
    /// Every chunk is late by so much, in both directions.
    Delay(Duration),
    /// Bytes go on in pieces of at most so many (1 or more).
    Pieces(usize),
    /// Connections are accepted, nothing goes on, and nobody is told, not even when the line is good again: as behind
    /// a firewall that forgot them.
    Freeze,
    /// Connections are closed, new ones as soon as they are accepted.
    Drop,
    /// The same with a TCP reset.
    Reset,
    /// Clients are told that nothing more comes; what they send is still taken, and goes nowhere.
    HalfClose,
}

impl Line {
    fn ends_connections(&self) -> bool {
        matches!(self, Self::Freeze | Self::Drop | Self::Reset | Self::HalfClose)
    }
}

/// A running proxy on `127.0.0.1`. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    line: watch::Sender<Line>,
    /// What a client has to send for the line to change.
    trigger: Mutex<Option<(Vec<u8>, Line)>>,
    /// Steps until one fails; below zero none does any more.
    steps: AtomicI64,
}

impl TcpProxy {
    /// Listens on a free port and passes everything on to `target`.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let line = watch::Sender::new(Line::Good);
        let shared = Arc::new(Shared { target, line, trigger: Mutex::default(), steps: AtomicI64::new(-1) });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How the line is now.
    #[must_use]
    pub fn line(&self) -> Line {
        *self.shared.line.borrow()
    }

    /// Changes the line.
    pub fn set(&self, line: Line) {
        self.shared.line.send_replace(line);
    }

    /// Changes the line, once, as soon as a client has sent these bytes in one chunk. They still arrive, their answer is
    /// already subject to the change.
    pub fn set_after(&self, sent: &[u8], line: Line) {
        *self.shared.trigger.lock().unwrap_or_else(PoisonError::into_inner) = Some((sent.to_owned(), line));
    }

    /// The step of this number from now on, from 0, fails, and with it its connection; those after it do not. Steps are: a connection to
    /// the target, each chunk that is read, each piece that is written, on either side.
    pub fn fail_step(&self, number: u32) {
        self.shared.steps.store(i64::from(number), Ordering::SeqCst);
    }

    /// Whether the step has come that was to fail.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.shared.steps.load(Ordering::SeqCst) < 0
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn step(&self) -> io::Result<()> {
        // It stays where it is once it is below zero, so that it never wraps.
        let before = self.steps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| (left >= 0).then(|| left - 1));
        if before == Ok(0) { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    /// Pulls the trigger if a client sent what it waits for.
    fn sent(&self, bytes: &[u8]) {
        let mut trigger = self.trigger.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |(wanted, _): &mut (Vec<u8>, Line)| bytes.windows(wanted.len()).any(|part| part == wanted);
        if let Some((_, line)) = trigger.take_if(wanted) {
            self.line.send_replace(line);
        }
    }

    /// The fault that ends connections, as soon as there is one.
    async fn fault(&self) -> Line {
        let mut line = self.line.subscribe();
        // Bound to a name: the guard would otherwise outlive what it borrows from.
        let fault = line.wait_for(Line::ends_connections).await.map(|line| *line);
        // The sender is `self`'s own.
        fault.unwrap_or(Line::Drop)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Ends with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => _ = connections.spawn(serve(client, Arc::clone(&shared))),
                // No descriptors left, most likely; that does not end at once.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(mut client: TcpStream, shared: Arc<Shared>) {
    let mut server = None;
    let fault = tokio::select! {
        biased;
        fault = shared.fault() => fault,
        // However it ended: both sides are closed.
        _ = pass(&mut client, &mut server, &shared) => return,
    };
    match fault {
        Line::Freeze => std::future::pending().await,
        Line::HalfClose => {
            drop(server);
            if client.shutdown().await.is_ok() {
                drop(tokio::io::copy(&mut client, &mut tokio::io::sink()).await);
            }
        }
        // If the option is refused the peer sees a FIN, which still is a cut.
        Line::Reset => drop(socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO))),
        _ => {}
    }
}

/// Connects and passes bytes on in both directions until both have ended, or one has failed.
async fn pass(client: &mut TcpStream, server: &mut Option<TcpStream>, shared: &Shared) -> io::Result<()> {
    shared.step()?;
    let server = server.insert(TcpStream::connect(shared.target).await?);
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let there = copy(from_client, to_server, shared, |bytes| shared.sent(bytes));
    let back = copy(from_server, to_client, shared, |_| ());
    tokio::try_join!(there, back).map(drop)
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    shared: &Shared,
    passed: impl Fn(&[u8]),
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = from.read(&mut buffer).await?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        shared.step()?;
        // Copied out: a borrow of the line must not be held while waiting.
        let now = *shared.line.borrow();
        match now {
            Line::Delay(late) => {
                tokio::time::sleep(late).await;
                shared.step()?;
                to.write_all(bytes).await?;
            }
            Line::Pieces(most) => {
                for piece in bytes.chunks(most.max(1)) {
                    shared.step()?;
                    to.write_all(piece).await?;
                    tokio::time::sleep(BETWEEN_PIECES).await;
                }
            }
            _ => {
                shared.step()?;
                to.write_all(bytes).await?;
            }
        }
        passed(bytes);
    }
}
