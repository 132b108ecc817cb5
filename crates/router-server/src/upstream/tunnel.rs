//! `egress.proxy`: connections to providers as tunnels through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connector::ConnectError;
use super::egress::Origin;

/// Longest answer to a CONNECT.
const MAX_HEAD: usize = 8 * 1024;

/// The proxy of all calls to providers. It is trusted as far as its operator named it; what it passes on is still judged by name and
/// address, and still TLS.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `HOST:PORT`
    address: String,
    /// Marked as sensitive, so that no formatting shows it.
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// The proxy at `http://[USER:PASSWORD@]HOST[:PORT]`, which the configuration has judged; user and password as they stand.
    #[must_use]
    pub fn at(url: &str) -> Self {
        let rest = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
        let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
        let has_port = host.rsplit(']').next().is_some_and(|behind| behind.contains(':'));
        let authorization = user.and_then(|user| {
            let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(user))).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self { address: if has_port { host.to_owned() } else { format!("{host}:80") }, authorization }
    }

    /// A tunnel to that origin.
    ///
    /// # Errors
    /// The proxy is not there, or does not connect.
    pub(super) async fn connect(&self, origin: &Origin) -> Result<TcpStream, ConnectError> {
        let failed = |error: std::io::Error| ConnectError::Proxy(error.to_string());
        let mut stream = TcpStream::connect(&self.address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.write_all(&self.head(origin)).await.map_err(failed)?;
        let answer = read_head(&mut stream).await.map_err(failed)?;
        match status(&answer) {
            Some(200..=299) => Ok(stream),
            Some(status) => Err(ConnectError::Proxy(format!("status {status}"))),
            None => Err(ConnectError::Proxy("its answer is not HTTP".to_owned())),
        }
    }

    fn head(&self, origin: &Origin) -> Vec<u8> {
        let host = if origin.host.contains(':') { format!("[{}]", origin.host) } else { origin.host.clone() };
        let target = format!("{host}:{}", origin.port);
        let mut head = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n").into_bytes();
        if let Some(authorization) = &self.authorization {
            head.extend_from_slice(b"proxy-authorization: ");
            head.extend_from_slice(authorization.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// Reads up to the empty line and not a byte further: what follows is the provider's.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(128);
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

/// The status of an answer that is whole.
fn status(head: &[u8]) -> Option<u16> {
    let head = head.strip_suffix(b"\r\n\r\n")?;
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    line.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_its_password_never_shown() {
        let proxy = Proxy::at("http://user:p@ss@proxy.example:3128/");
        assert_eq!(proxy.address, "proxy.example:3128");
        let origin = Origin { scheme: "https".into(), host: "2001:db8::1".into(), port: 443 };
        let head = String::from_utf8(proxy.head(&origin)).unwrap();
        assert!(head.starts_with("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nhost: [2001:db8::1]:443\r\n"), "{head}");
        assert!(head.ends_with("\r\nproxy-authorization: Basic dXNlcjpwQHNz\r\n\r\n"), "{head}");
        assert!(!format!("{proxy:?}").contains("dXNl"), "{proxy:?}");
        let bare = Proxy::at("http://[::1]");
        assert_eq!(bare.address, "[::1]:80");
        assert!(!bare.head(&origin).windows(5).any(|part| part == b"proxy"));
    }

    #[test]
    fn an_answer_has_a_status_or_is_none() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407\r\n\r\n"), Some(407));
        for odd in [&b"HTTP/1.1 200 OK\r\n"[..], b"SSH-2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\r\n\r\n", b""] {
            assert_eq!(status(odd), None);
        }
    }
}
