//! Reads the content of a message: a string, or a list of text, images, sounds, files and refusals.

use serde_json::{Map, Value};

use super::fields::{object, text};
use crate::message::{CacheLife, Content, Media, MediaSource, Part, Reasoning, Unsupported};

/// The parts of a `content` member. Kinds that have no neutral form are reported at `place`, such as `messages[3]`.
pub(super) fn parts(content: Option<&Value>, place: &str, unsupported: &mut Vec<Unsupported>) -> Vec<Part> {
    match content {
        Some(Value::String(text)) => vec![Part::text(text.as_str())],
        Some(Value::Array(list)) => list.iter().filter_map(|item| part(item, place, unsupported)).collect(),
        Some(item @ Value::Object(_)) => part(item, place, unsupported).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// `cache_control` of a part, a message or a tool.
pub(super) fn cache(carrier: &Map<String, Value>) -> Option<CacheLife> {
    let mark = object(carrier, "cache_control")?;
    Some(if text(mark, "ttl") == Some("1h") { CacheLife::Hour1 } else { CacheLife::Minutes5 })
}

fn part(item: &Value, place: &str, unsupported: &mut Vec<Unsupported>) -> Option<Part> {
    let item = match item {
        Value::String(text) => return Some(Part::text(text.as_str())),
        Value::Object(item) => item,
        _ => return None,
    };
    let kind = text(item, "type").unwrap_or_default();
    let content = match kind {
        "refusal" => Content::Refusal(text(item, "refusal").unwrap_or_default().to_owned()),
        "image_url" | "input_image" => Content::Image(image(item)?),
        "input_audio" => Content::Audio(audio(object(item, "input_audio")?)),
        "file" | "input_file" => Content::File(file(object(item, "file").unwrap_or(item))?),
        "thinking" => Content::Reasoning(Reasoning { text: thinking(item), ..Reasoning::default() }),
        _ => match text(item, "text") {
            Some(text) => Content::Text { text: text.to_owned(), citations: Vec::new() },
            None => {
                let message = format!("parts of type `{kind}` can only go to a provider of the same dialect");
                unsupported.push(Unsupported::new(format!("{place}.content"), message));
                return None;
            }
        },
    };
    Some(Part { content, cache: cache(item) })
}

/// `{"url","detail"}`, or the address alone.
fn image(item: &Map<String, Value>) -> Option<Media> {
    let holder = object(item, "image_url");
    let address = holder.and_then(|holder| text(holder, "url")).or_else(|| text(item, "image_url"))?;
    let mut media = Media::from_address(address);
    media.detail = text(holder.unwrap_or(item), "detail").map(str::to_owned);
    Some(media)
}

fn audio(item: &Map<String, Value>) -> Media {
    let data = text(item, "data").unwrap_or_default().to_owned();
    let media_type = text(item, "format").map(|format| match format {
        "mp3" => "audio/mpeg".to_owned(),
        format => format!("audio/{format}"),
    });
    Media { source: MediaSource::Base64(data), media_type, name: None, detail: None }
}

fn file(item: &Map<String, Value>) -> Option<Media> {
    let name = text(item, "filename").map(str::to_owned);
    let mut media = match (text(item, "file_data"), text(item, "file_id"), text(item, "file_url")) {
        (Some(data), ..) if data.starts_with("data:") => Media::from_address(data),
        (Some(data), ..) => {
            Media { source: MediaSource::Base64(data.to_owned()), media_type: None, name: None, detail: None }
        }
        (None, Some(id), _) => {
            Media { source: MediaSource::Stored(id.to_owned()), media_type: None, name: None, detail: None }
        }
        (None, None, Some(url)) => Media::from_address(url),
        (None, None, None) => return None,
    };
    let pdf = || name.as_deref().filter(|name| name.to_ascii_lowercase().ends_with(".pdf"));
    if media.media_type.is_none() && pdf().is_some() {
        media.media_type = Some("application/pdf".to_owned());
    }
    media.name = name;
    Some(media)
}

/// Mistral's thinking part: a string, or a list of text parts.
fn thinking(item: &Map<String, Value>) -> String {
    match item.get("thinking") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) => list.iter().filter_map(|part| text(part.as_object()?, "text")).collect(),
        _ => String::new(),
    }
}
