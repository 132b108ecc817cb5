//! All that a provider tells of its models: all pages of its list, prices where they stand apart, and single models where a list
//! only names them. Within one time limit.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Uri};
use router_core::fault::{Fault, FaultKind};
use router_wire::lists::{Family, Gathered, Listed, MAX_ASKED};

use super::super::problem::Problem;
use crate::listing::{Ask, no_list};

/// What the provider has.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) family: &'static Family,
    /// Prices are in USD.
    pub(super) models: Vec<Listed>,
    pub(super) pages: usize,
    /// Whether the whole list was read, and whether it names all that can be called.
    pub(super) complete: bool,
    /// What could not be learned, in words.
    pub(super) notes: Vec<String>,
}

impl Ask<'_> {
    /// Asks for all there is.
    ///
    /// # Errors
    /// A problem that says what went wrong with the list itself; less only leaves a note.
    pub(super) async fn everything(&self, patience: Duration) -> Result<Found, Problem> {
        tokio::time::timeout(patience, self.list()).await.unwrap_or_else(|_| {
            let fault = Fault::new(FaultKind::TotalTimeout, "");
            let detail = format!("The provider had not told its models after {} s.", patience.as_secs());
            Err(Problem::upstream(&fault, detail))
        })
    }

    async fn list(&self) -> Result<Found, Problem> {
        let family = self.family();
        let place = self.side.place();
        let mut gathered = Gathered::default();
        let mut next: Option<String> = None;
        loop {
            let url = (family.url)(&place, next.as_deref());
            let body = self.send(Method::GET, &url, Bytes::new()).await.map_err(|fault| self.problem(&fault, &url))?;
            let page = family.read(next.as_deref(), &body);
            let page = page.map_err(|_| self.problem(&no_list(&body), &url))?;
            next = gathered.add(page);
            if next.is_none() {
                break;
            }
        }
        let mut notes = Vec::new();
        if gathered.cut {
            notes.push(format!("The list goes on; {} models of it were read.", gathered.models.len()));
        }
        let mut models = gathered.models;
        self.prices(family, &mut models, &mut notes).await;
        self.about(family, &mut models, &mut notes).await;
        for model in &mut models {
            model.price = model.price.take().map(|price| self.side.conversion.exchanged(&price));
        }
        Ok(Found { family, models, pages: gathered.pages, complete: family.complete && !gathered.cut, notes })
    }

    async fn prices(&self, family: &Family, models: &mut [Listed], notes: &mut Vec<String>) {
        let Some(prices) = family.prices else { return };
        let url = (prices.url)(&self.side.place());
        let told = self.send(Method::GET, &url, Bytes::new()).await;
        let told = told.and_then(|body| prices.complete(&body, models).map_err(|_| no_list(&body)));
        if let Err(fault) = told {
            notes.push(format!("Prices are unknown. {}", self.sentence(&fault, &url)));
        }
    }

    async fn about(&self, family: &Family, models: &mut [Listed], notes: &mut Vec<String>) {
        let Some(about) = family.about else { return };
        let url = (about.url)(&self.side.place());
        if models.len() > MAX_ASKED {
            notes.push(format!("Only the first {MAX_ASKED} models were asked about one by one."));
        }
        for model in models.iter_mut().take(MAX_ASKED) {
            match self.send(Method::POST, &url, (about.body)(model).into()).await {
                Ok(body) => about.complete(&body, model),
                Err(fault) => notes.push(format!("`{}` is only named. {}", model.id, self.sentence(&fault, &url))),
            }
        }
    }

    fn problem(&self, fault: &Fault, url: &str) -> Problem {
        Problem::upstream(fault, self.sentence(fault, url))
    }

    /// What went wrong, for the operator. Addresses hold no secret: keys are sent in headers.
    fn sentence(&self, fault: &Fault, url: &str) -> String {
        let host = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
        let said = fault.detail.trim_end_matches('.');
        match (fault.kind, fault.status) {
            (FaultKind::Dns, _) => format!("The name `{host}` of the provider does not resolve: is base_url right?"),
            (FaultKind::Connect, _) => format!("No connection to {url}: {said}."),
            (FaultKind::ConnectTimeout, _) => format!("No connection to {url} in time."),
            (FaultKind::Tls, _) => format!("No secure connection to {url}: {said}."),
            (FaultKind::EgressDenied, _) => format!("{url} may not be called: {said}."),
            (FaultKind::KeyInvalid, Some(status)) => {
                format!("The provider refuses the channel's key at {url} (status {status}): {said}.")
            }
            (_, Some(status)) => format!("The provider answered {url} with status {status}: {said}."),
            (_, None) => format!("The answer to {url} is of no use: {said}."),
        }
    }
}
