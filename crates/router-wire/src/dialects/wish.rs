//! OpenRouter's routing fields, which every dialect with a JSON object for a body may carry: `models` and `provider`.
//! What is unknown in them is left to providers that are routers themselves.

use router_core::ask::Ask;
use router_core::catalog::Capability;
use router_core::money::Nano;
use router_core::pricing::Rate;
use router_core::wish::{ProviderWish, Sort};

use super::RequestError;
use crate::scan::{Field, Kind, Scan, elements, members, string_inside, unescape};

/// Most names in a list.
const MOST: usize = 16;

/// Reads the fields into the ask. `reasoning`: the request asks for it; where every parameter has to arrive, that is a need.
///
/// # Errors
/// A 400 that names the field and says what is allowed.
pub(in crate::dialects) fn read(body: &[u8], scan: &Scan, ask: &mut Ask, reasoning: bool) -> Result<(), RequestError> {
    ask.models = models(body, scan)?;
    ask.provider = match scan.value(body, Field::Provider) {
        None => None,
        Some((Kind::Object, raw)) => Some(Box::new(wish(raw)?)),
        Some(_) => return Err(RequestError::invalid("provider", "an object")),
    };
    if reasoning && ask.provider.as_ref().is_some_and(|wish| wish.require_parameters) {
        ask.needs = ask.needs.with(Capability::Reasoning);
    }
    Ok(())
}

/// The models of the list, if there is one.
pub(super) fn models(body: &[u8], scan: &Scan) -> Result<Vec<String>, RequestError> {
    scan.value(body, Field::Models).map_or(Ok(Vec::new()), |(_, raw)| names(raw, "models", "model"))
}

fn wish(object: &[u8]) -> Result<ProviderWish, RequestError> {
    let mut wish = ProviderWish::default();
    let mut outcome = Ok(());
    members(object, |key, value| {
        if value != b"null" {
            outcome = field(&mut wish, &unescape(key), value);
        }
        outcome.is_ok()
    });
    outcome.map(|()| wish)
}

fn field(wish: &mut ProviderWish, name: &str, value: &[u8]) -> Result<(), RequestError> {
    match name {
        "order" => wish.order = names(value, "provider.order", "provider")?,
        "only" => wish.only = names(value, "provider.only", "provider")?,
        "ignore" => wish.ignore = names(value, "provider.ignore", "provider")?,
        "sort" => wish.sort = Some(sort(value)?),
        "max_price" => max_price(wish, value)?,
        "allow_fallbacks" => wish.allow_fallbacks = flag(value, "provider.allow_fallbacks")?,
        "require_parameters" => wish.require_parameters = flag(value, "provider.require_parameters")?,
        _ => {}
    }
    Ok(())
}

fn names(list: &[u8], field: &str, what: &str) -> Result<Vec<String>, RequestError> {
    let wrong = || RequestError::invalid(field, &format!("a list of at most {MOST} names of {what}s"));
    let (mut found, mut sound) = (Vec::new(), true);
    let whole = elements(list, |name| match string_inside(name) {
        Some(name) if !name.is_empty() && found.len() < MOST => found.push(unescape(name).into_owned()),
        _ => sound = false,
    });
    if whole && sound { Ok(found) } else { Err(wrong()) }
}

/// A word, or an object that holds it as `by`.
fn sort(value: &[u8]) -> Result<Sort, RequestError> {
    let word =
        if value.first() == Some(&b'{') { crate::scan::last_member(value, "by").unwrap_or_default() } else { value };
    let sort = string_inside(word).and_then(|word| Sort::named(&unescape(word)));
    sort.ok_or_else(|| {
        let known: Vec<&str> = Sort::ALL.iter().map(|(name, _)| *name).collect();
        RequestError::invalid("provider.sort", &format!("one of {}", known.join(", ")))
    })
}

fn flag(value: &[u8], field: &str) -> Result<bool, RequestError> {
    match value {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err(RequestError::invalid(field, "true or false")),
    }
}

/// Amounts as numbers or texts.
fn max_price(wish: &mut ProviderWish, object: &[u8]) -> Result<(), RequestError> {
    let mut outcome = Ok(());
    let whole = members(object, |key, value| {
        let text = string_inside(value).unwrap_or(value);
        let text = std::str::from_utf8(text).unwrap_or_default();
        let key = unescape(key);
        let rate = || Rate::parse(text).map(Some);
        let known = match &*key {
            "prompt" => rate().map(|rate| wish.max_price.prompt = rate),
            "completion" => rate().map(|rate| wish.max_price.completion = rate),
            "request" => text.parse::<Nano>().map(|usd| wish.max_price.request = Some(usd)),
            _ => Ok(()),
        };
        if known.is_err() {
            let unit = if key == "request" { "USD per request" } else { "USD per million tokens" };
            outcome = Err(RequestError::invalid(&format!("provider.max_price.{key}"), &format!("{unit}, such as 0.5")));
        }
        outcome.is_ok()
    });
    match outcome {
        Ok(()) if !whole => {
            Err(RequestError::invalid("provider.max_price", "an object with prompt, completion, request"))
        }
        outcome => outcome,
    }
}
