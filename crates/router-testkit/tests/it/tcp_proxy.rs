//! The proxy before a server that sends everything back.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use router_testkit::TcpProxy;
use router_testkit::tcp_proxy::Line;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// An echo server, and how many bytes each of its reads brought.
async fn echo() -> (SocketAddr, mpsc::UnboundedReceiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (reads, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let reads = reads.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    let _ = reads.send(count);
                    stream.write_all(&buffer[..count]).await.unwrap();
                }
            });
        }
    });
    (address, seen)
}

/// Sends the text and reads as much back.
async fn say(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

async fn connect(proxy: &TcpProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

#[tokio::test]
async fn a_line_that_works_somehow_brings_every_byte() {
    let (address, mut reads) = echo().await;
    let proxy = TcpProxy::start(address).await.unwrap();
    let mut stream = connect(&proxy).await;
    let text = "0123456789".repeat(30);
    for line in [Line::Good, Line::Delay(Duration::from_millis(1)), Line::Pieces(7), Line::Good] {
        proxy.set(line);
        assert_eq!(say(&mut stream, &text).await.unwrap(), text, "{line:?}");
        let mut sizes = vec![reads.recv().await.unwrap()];
        sizes.extend(std::iter::from_fn(|| reads.try_recv().ok()));
        assert_eq!(sizes.iter().sum::<usize>(), text.len(), "{line:?}");
        if line == Line::Pieces(7) {
            assert!(sizes.len() > 1, "in one piece");
        }
    }
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "an end is passed on and comes back");
}

#[tokio::test]
async fn a_line_that_breaks_takes_running_and_new_connections() {
    let (address, _reads) = echo().await;
    for fault in [Line::Drop, Line::Reset, Line::HalfClose] {
        let proxy = TcpProxy::start(address).await.unwrap();
        let mut running = connect(&proxy).await;
        say(&mut running, "hello").await.unwrap();
        proxy.set(fault);
        let mut new = connect(&proxy).await;
        for stream in [&mut running, &mut new] {
            let end = stream.read(&mut [0]).await.map_err(|error| error.kind());
            let expected = if fault == Line::Reset { Err(ErrorKind::ConnectionReset) } else { Ok(0) };
            assert_eq!(end, expected, "{fault:?}");
        }
        proxy.set(Line::Good);
        if fault == Line::HalfClose {
            // More than two sockets hold: somebody takes it.
            running.write_all(&vec![0; 32 << 20]).await.unwrap();
        }
        assert_eq!(say(&mut connect(&proxy).await, "again").await.unwrap(), "again", "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_frozen_hears_nothing_any_more() {
    let (address, mut reads) = echo().await;
    let proxy = TcpProxy::start(address).await.unwrap();
    let mut running = connect(&proxy).await;
    say(&mut running, "hello").await.unwrap();
    assert_eq!(reads.recv().await, Some(5));
    proxy.set_after(b"freeze", Line::Freeze);
    assert_eq!(say(&mut running, "not yet").await.unwrap(), "not yet");
    assert_eq!(reads.recv().await, Some(7));
    running.write_all(b"now freeze").await.unwrap();
    assert_eq!(reads.recv().await, Some(10), "the bytes that froze the line arrive");
    assert_eq!(proxy.line(), Line::Freeze);
    running.write_all(b"anybody?").await.unwrap();
    proxy.set(Line::Good);
    assert_eq!(say(&mut connect(&proxy).await, "again").await.unwrap(), "again");
    assert_eq!(reads.recv().await, Some(5), "what was sent into the ice came through");
    assert_eq!(running.try_read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
}
