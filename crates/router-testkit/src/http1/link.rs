//! One TCP connection with an inbox: reads heads and bodies, writes bytes, and notices when the other side goes away.

use super::body::{BodyDecoder, Framing};
use super::head::{Head, head_length, reason};
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest head that is read; larger ones are an error of kind `InvalidData`.
const MAX_HEAD: usize = 1 << 20;
/// Longest body that is kept; larger ones are an error of kind `InvalidData`.
const MAX_BODY: usize = 256 << 20;

/// A TCP connection and the bytes that were read but not yet used.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    inbox: BytesMut,
}

/// A whole response, as a raw client sees it.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status line and headers.
    pub head: Head,
    /// The body with its framing taken off.
    pub body: Bytes,
    /// Whether the body ended as its framing promised (false: cut).
    pub complete: bool,
}

impl Response {
    /// The bytes of a response head; `framing` is the framing header line without line end.
    #[must_use]
    pub fn head_bytes(version: &str, status: u16, headers: &[(String, String)], framing: &str) -> Bytes {
        let mut head = format!("{version} {status} {}\r\n", reason(status));
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.extend([framing, "\r\n\r\n"]);
        head.into()
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as text; invalid UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Link {
    /// Wraps a connection; Nagle's algorithm is switched off.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        // A socket that refuses the option still works, only later.
        drop(stream.set_nodelay(true));
        Self { stream, inbox: BytesMut::new() }
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// Whatever the operating system says, e.g. connection refused.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::new(TcpStream::connect(address).await?))
    }

    /// Reads a head, blank line included. `None`: the peer closed between two messages.
    ///
    /// # Errors
    /// IO errors; `UnexpectedEof` inside a head; `InvalidData` for a head over 1 MiB.
    pub async fn read_head(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(length) = head_length(&self.inbox) {
                return Ok(Some(self.inbox.split_to(length).freeze()));
            }
            if self.inbox.len() > MAX_HEAD {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "head too large"));
            }
            if self.fill().await? == 0 {
                return if self.inbox.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Reads a whole body. The second value is false if the connection ended before the body did.
    ///
    /// # Errors
    /// IO errors; `InvalidData` for broken framing or a body over 256 MiB.
    pub async fn read_body(&mut self, framing: Framing) -> io::Result<(Bytes, bool)> {
        let mut decoder = BodyDecoder::new(framing);
        let mut body = BytesMut::new();
        loop {
            if self.decode(&mut decoder, &mut body)? {
                return Ok((body.freeze(), true));
            }
            if body.len() > MAX_BODY {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "body too large"));
            }
            if self.fill().await? == 0 {
                return Ok((body.freeze(), decoder.ends_with_connection()));
            }
        }
    }

    /// Takes payload out of what has already arrived; true when the body is complete.
    ///
    /// # Errors
    /// `InvalidData` for broken framing.
    pub fn decode(&mut self, decoder: &mut BodyDecoder, payload: &mut BytesMut) -> io::Result<bool> {
        decoder.decode(&mut self.inbox, payload).map_err(|bad| io::Error::new(io::ErrorKind::InvalidData, bad))
    }

    /// Waits for more bytes and puts them into the inbox; 0: the peer closed.
    ///
    /// # Errors
    /// IO errors, e.g. a reset.
    pub async fn fill(&mut self) -> io::Result<usize> {
        self.inbox.reserve(4096);
        self.stream.read_buf(&mut self.inbox).await
    }

    /// Writes all bytes.
    ///
    /// # Errors
    /// IO errors, e.g. a broken pipe when the peer has gone.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits, and watches the peer meanwhile. Bytes that arrive early stay in the inbox.
    ///
    /// # Errors
    /// `ConnectionAborted` if the peer closed, or the IO error that it caused.
    pub async fn pause(&mut self, duration: Duration) -> io::Result<()> {
        let sleep = tokio::time::sleep(duration);
        tokio::pin!(sleep);
        loop {
            tokio::select! {
                () = &mut sleep => return Ok(()),
                read = self.fill() => if read? == 0 { return Err(io::ErrorKind::ConnectionAborted.into()) },
            }
        }
    }

    /// Waits until the peer closes or resets.
    pub async fn gone(&mut self) {
        while let Ok(1..) = self.fill().await {
            self.inbox.clear();
        }
    }

    /// Closes with a TCP reset instead of a FIN.
    pub fn reset(self) {
        // If the option is refused the peer sees a FIN, which still is a cut.
        drop(socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)));
    }

    /// Client side: sends raw request bytes and reads one whole response; interim 1xx heads are skipped.
    ///
    /// # Errors
    /// IO errors; `UnexpectedEof` if the connection ends before a head.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Response> {
        self.send(request).await?;
        loop {
            let bytes = self.read_head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let head = Head::parse(&bytes);
            if (100..200).contains(&head.status()) {
                continue;
            }
            let (body, complete) = self.read_body(Framing::of_head(&bytes, Framing::UntilClose)).await?;
            return Ok(Response { head, body, complete });
        }
    }
}
