//! Providers' lists of models: pages, prices beside them, and what is said of single models.

use router_wire::adapters::UpstreamPreset;
use router_wire::lists::{FAMILIES, Family, Gathered, Listed, MAX_MODELS, MAX_PAGES, Place};

use super::Input;

/// `[family, length] what the page before had named, body`
pub(super) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let family = input.choose(FAMILIES);
    let asked = std::str::from_utf8(input.piece()).ok().filter(|asked| !asked.is_empty());
    let body = input.rest();

    let mut gathered = Gathered::default();
    let mut next = asked.map(str::to_owned);
    let mut read = false;
    while let Ok(page) = family.read(next.as_deref(), body) {
        read = true;
        assert!(page.models.len() <= MAX_MODELS);
        next = gathered.add(page);
        let Some(next) = &next else { break };
        leads_to(family, next);
    }
    assert!(gathered.pages <= MAX_PAGES && gathered.models.len() <= MAX_MODELS);
    gathered.models.iter().for_each(sane);

    let mut models = if read { gathered.models } else { Vec::new() };
    models.push(Listed { id: "m".to_owned(), ..Listed::default() });
    if let Some(prices) = family.prices
        && let Ok(count) = prices.complete(body, &mut models)
    {
        assert!(count <= models.len());
    }
    if let (Some(about), Some(model)) = (family.about, models.last_mut()) {
        about.complete(body, model);
    }
    models.iter().for_each(sane);
}

/// Whatever a provider names as the next page, the address stays its own.
fn leads_to(family: &Family, next: &str) {
    let preset = UpstreamPreset::default();
    let url = (family.url)(&Place { base_url: "http://h/v1", preset: &preset }, Some(next));
    let parsed: Result<http::Uri, _> = url.parse();
    assert!(parsed.is_ok_and(|uri| uri.host() == Some("h") && !uri.path().contains("..")), "{url}");
}

fn sane(model: &Listed) {
    assert!(!model.id.is_empty() && !model.id.chars().any(char::is_control), "{:?}", model.id);
    if let Some(price) = &model.price {
        assert!(price.input.0 >= 0 && price.output.0 >= 0 && price.per_request.0 >= 0, "{price:?}");
        let own = [price.cached_input, price.cache_write, price.reasoning, price.audio_input];
        assert!(own.into_iter().flatten().all(|rate| rate.0 >= 0), "{price:?}");
    }
}
