//! `egress.proxy`: all calls to providers go through it, and what may not be called is not asked of it either.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use router_testkit::http1::Head;
use router_testkit::{SimProvider, dead_address};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::TestRouter;

/// A proxy that connects, or answers every request with that status.
struct TunnelProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Head>>>,
}

impl TunnelProxy {
    async fn start(refuses: Option<u16>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heads = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&heads), refuses));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<Head> {
        self.asked.lock().expect("a list").clone()
    }
}

async fn serve(mut client: TcpStream, heads: Arc<Mutex<Vec<Head>>>, refuses: Option<u16>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.expect("a head"));
    }
    let head = Head::parse(&head);
    let target = head.method_and_target().1.to_owned();
    heads.lock().expect("a list").push(head);
    if let Some(status) = refuses {
        let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
        client.write_all(answer.as_bytes()).await.expect("sent");
        return;
    }
    let mut provider = TcpStream::connect(target).await.expect("the provider listens");
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.expect("sent");
    // However it ends: the test looks at what the router saw.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut provider).await;
}

#[tokio::test]
async fn every_call_is_a_tunnel_with_the_proxys_own_password() {
    let proxy = TunnelProxy::start(None).await;
    let provider = SimProvider::start().await;
    let url = format!("http://user:secret@{}", proxy.address);
    let setup = TestRouter::setup().channel("only", &provider).env("PROXY_URL", &url);
    // What the environment says of proxies concerns others.
    let setup = setup.env("HTTPS_PROXY", "http://127.0.0.1:9").env("http_proxy", "http://127.0.0.1:9");
    let router = setup.system(json!({"egress": {"proxy": "${PROXY_URL}"}})).start().await;

    assert_eq!(router.chat().send().await.status(), 200);
    assert!(router.chat().streaming().send().await.text().contains("[DONE]"));

    assert_eq!(provider.stats().requests, 2);
    let target = provider.address().to_string();
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.len() as u64 == provider.stats().connections, "nothing goes beside it");
    for head in asked {
        assert_eq!(head.first_line, format!("CONNECT {target} HTTP/1.1"));
        assert_eq!(head.header("host"), Some(target.as_str()));
        assert_eq!(head.header("proxy-authorization"), Some("Basic dXNlcjpzZWNyZXQ="));
        assert_eq!(head.headers.len(), 2, "nothing of the request is the proxy's business");
    }
    for request in provider.requests() {
        assert_eq!(request.header("proxy-authorization"), None);
    }
    assert!(!router.stderr().contains("secret"), "{}", router.stderr());
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_away_is_not_gone_around() {
    let refusing = TunnelProxy::start(Some(407)).await;
    let away = dead_address().expect("a free port");
    for (address, detail) in [(refusing.address, "status 407"), (away, "refused")] {
        let provider = SimProvider::start().await;
        let setup = TestRouter::setup().channel("only", &provider);
        let router = setup.system(json!({"egress": {"proxy": format!("http://{address}")}})).start().await;
        router.chat().send().await.error(502, "upstream_error");
        assert_eq!(provider.stats().connections, 0);
        let row = router.row().await;
        assert_eq!(row.outcomes(), [("only", "connect")]);
        let attempt = &router.admin(&format!("/admin/v1/requests/{}", row.id)).await.json()["attempts"][0];
        assert!(attempt["detail"].as_str().is_some_and(|text| text.contains(detail)), "{attempt}");
    }
}

#[tokio::test]
async fn what_may_not_be_called_is_not_asked_of_the_proxy() {
    let proxy = TunnelProxy::start(None).await;
    let setup = TestRouter::setup().channel_at("metadata", "http://169.254.169.254/v1");
    let router = setup.system(json!({"egress": {"proxy": format!("http://{}", proxy.address)}})).start().await;
    assert_eq!(router.chat().send().await.status(), 502);
    assert_eq!(router.row().await.outcomes(), [("metadata", "egress_denied")]);
    assert!(proxy.asked().is_empty());
}
