//! TLS in front of a provider, with a right certificate or a wrong one. The certificates beside this file are made by
//! `scripts/make-test-certificates.sh`; nobody but a test trusts their authority.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The certificate of the authority, PEM: who trusts it accepts [`Identity::Right`].
pub const AUTHORITY: &str = include_str!("authority.pem");

/// As whom the server shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// For 127.0.0.1, signed by the authority.
    Right,
    /// The same, but its time is over.
    Expired,
    /// Signed by the authority, for another host.
    Elsewhere,
    /// For 127.0.0.1, signed by itself.
    SelfSigned,
    /// Takes the connection and never goes on.
    Silent,
}

/// All of them.
pub const IDENTITIES: &[Identity] =
    &[Identity::Right, Identity::Expired, Identity::Elsewhere, Identity::SelfSigned, Identity::Silent];

impl Identity {
    /// A word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Right => "tls-right",
            Self::Expired => "tls-expired",
            Self::Elsewhere => "tls-other-host",
            Self::SelfSigned => "tls-self-signed",
            Self::Silent => "tls-silent",
        }
    }

    /// Certificate and key, PEM; `None`: it shows none.
    const fn pem(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Right => Some((include_str!("right.pem"), include_str!("right.key"))),
            Self::Expired => Some((include_str!("expired.pem"), include_str!("expired.key"))),
            Self::Elsewhere => Some((include_str!("elsewhere.pem"), include_str!("elsewhere.key"))),
            Self::SelfSigned => Some((include_str!("own.pem"), include_str!("own.key"))),
            Self::Silent => None,
        }
    }

    fn acceptor(self) -> io::Result<Option<TlsAcceptor>> {
        let Some((certificate, key)) = self.pem() else { return Ok(None) };
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(io::Error::other)?;
        let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate], key))
            .map_err(io::Error::other)?;
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

/// A server that takes TLS off and passes the rest on to a provider. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl TlsFront {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free, or the certificate cannot be used.
    pub async fn start(identity: Identity, provider: SocketAddr) -> io::Result<Self> {
        let acceptor = identity.acceptor()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(pass_on(stream, acceptor.clone(), provider));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, _tasks: tasks })
    }

    /// `https://127.0.0.1:PORT` and the path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }
}

/// Serves a connection to its end. Whatever fails ends it, which is what the other side then sees.
async fn pass_on(stream: TcpStream, acceptor: Option<TlsAcceptor>, provider: SocketAddr) {
    let Some(acceptor) = acceptor else {
        return crate::http1::Link::new(stream).gone().await;
    };
    let Ok(mut client) = acceptor.accept(stream).await else { return };
    if let Ok(mut provider) = TcpStream::connect(provider).await {
        drop(tokio::io::copy_bidirectional(&mut client, &mut provider).await);
    }
}
