//! The free questions to a provider: for its list of models and what belongs to it. With the channel's own key and address, under
//! the guard of all other calls.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Method, Uri};
use router_core::catalog::Channel;
use router_core::fault::{Fault, FaultKind};
use router_core::world::KeyCell;
use router_wire::lists::{self, Family};

use crate::snapshot::ChannelSide;
use crate::upstream::{Upstream, UpstreamRequest, collect};

/// Largest page: OpenRouter's list, which is one page, has about 1 MB.
const MAX_PAGE: usize = 16 * 1024 * 1024;
/// Of an error, what is read.
const MAX_ERROR: usize = 64 * 1024;

/// A channel whose provider is asked.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) upstream: &'a Upstream,
    pub(crate) channel: &'a Channel,
    pub(crate) side: &'a ChannelSide,
    pub(crate) now_ms: u64,
}

impl Ask<'_> {
    /// How the provider lists its models.
    pub(crate) fn family(&self) -> &'static Family {
        lists::family(&self.channel.kind, &self.side.preset.dialect)
    }

    /// Asks for the first page of the list only: whether somebody is there.
    ///
    /// # Errors
    /// The fault in the way.
    pub(crate) async fn look(&self, patience: Duration) -> Result<(), Fault> {
        let family = self.family();
        let url = (family.url)(&self.side.place(), None);
        let look = async {
            let body = self.send(Method::GET, &url, Bytes::new()).await?;
            family.read(None, &body).map(drop).map_err(|_| no_list(&body))
        };
        let late = |_| Err(Fault::new(FaultKind::ConnectTimeout, "no answer to the question for its models"));
        tokio::time::timeout(patience, look).await.unwrap_or_else(late)
    }

    /// The place of the key that it asks with: the first that is not set aside.
    pub(crate) fn key(&self) -> usize {
        let usable = |cell: &KeyCell| !cell.health.cooldown.is_cooling(self.now_ms);
        self.side.cell.keys.iter().position(usable).unwrap_or(0)
    }

    /// One question.
    ///
    /// # Errors
    /// The fault in the way.
    pub(crate) async fn send(&self, method: Method, url: &str, body: Bytes) -> Result<Bytes, Fault> {
        let uri: Uri = url.parse().map_err(|_| Fault::new(FaultKind::EgressDenied, "not a URL"))?;
        let mut headers = self.side.keys.get(self.key()).map_or_else(HeaderMap::new, |key| key.headers.to_map(false));
        if method == Method::GET {
            headers.remove(CONTENT_TYPE);
        }
        let request = UpstreamRequest { method, uri, headers, body, rest: None };
        let (head, body) = self.upstream.send(request).await?.into_parts();
        if head.status.is_success() {
            return collect(body, MAX_PAGE).await;
        }
        let said = collect(body, MAX_ERROR).await.unwrap_or_default();
        Err(self.side.adapter.classify(head.status.as_u16(), &head.headers, &said, self.now_ms))
    }
}

/// A success that is none.
pub(crate) fn no_list(body: &[u8]) -> Fault {
    let page = body.trim_ascii_start().starts_with(b"<");
    let detail = if page { "a web page, not a list of models; is base_url right?" } else { "not a list of models" };
    Fault::new(FaultKind::BadAnswer, detail)
}
