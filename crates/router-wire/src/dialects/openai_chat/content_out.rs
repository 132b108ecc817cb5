//! Writes the content of a user's message: a string where it is only text, else a list of parts.

use serde_json::{Map, Value, json};

use crate::dialects::Target;
use crate::message::{CacheLife, Content, Media, MediaSource, Part, Unsupported};

/// A `content` member.
///
/// # Errors
/// [`Unsupported`] for media that a provider of this dialect cannot get.
pub(super) fn content(parts: &[Part], target: &Target<'_>) -> Result<Value, Unsupported> {
    let marks = target.quirks.cache_control;
    let marked = marks && parts.iter().any(|part| part.cache.is_some());
    let only_text = parts.iter().all(|part| part.as_text().is_some());
    if only_text && !marked && (parts.len() <= 1 || target.quirks.string_content) {
        return Ok(joined(parts).into());
    }
    let mut list = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(mut written) = written(part)? else { continue };
        if let (Some(life), true) = (part.cache, marks) {
            written.insert("cache_control".to_owned(), mark(life));
        }
        list.push(Value::Object(written));
    }
    Ok(list.into())
}

/// Texts as one, with a blank line between them.
pub(super) fn joined(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
    texts.join("\n\n")
}

fn mark(life: CacheLife) -> Value {
    match life {
        CacheLife::Minutes5 => json!({"type": "ephemeral"}),
        CacheLife::Hour1 => json!({"type": "ephemeral", "ttl": "1h"}),
    }
}

fn written(part: &Part) -> Result<Option<Map<String, Value>>, Unsupported> {
    let part = match &part.content {
        Content::Text { text, .. } | Content::Refusal(text) => json!({"type": "text", "text": text}),
        Content::Image(media) => {
            let address = media.to_address().ok_or_else(|| stored("images"))?;
            let mut image = json!({"url": address});
            if let (Some(image), Some(detail)) = (image.as_object_mut(), &media.detail) {
                image.insert("detail".to_owned(), detail.as_str().into());
            }
            json!({"type": "image_url", "image_url": image})
        }
        Content::Audio(media) => audio(media)?,
        Content::File(media) => file(media)?,
        Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => return Ok(None),
    };
    Ok(match part {
        Value::Object(part) => Some(part),
        _ => None,
    })
}

fn stored(what: &str) -> Unsupported {
    Unsupported::new("messages", format!("{what} that are stored at one provider cannot go to another"))
}

fn audio(media: &Media) -> Result<Value, Unsupported> {
    let MediaSource::Base64(data) = &media.source else { return Err(stored("sounds")) };
    let format = match media.media_type.as_deref() {
        Some("audio/mpeg" | "audio/mp3") => "mp3",
        Some("audio/x-wav" | "audio/wave") | None => "wav",
        Some(kind) => kind.strip_prefix("audio/").unwrap_or(kind),
    };
    Ok(json!({"type": "input_audio", "input_audio": {"data": data, "format": format}}))
}

/// A document. Plain text goes as text, which every model of the dialect reads.
fn file(media: &Media) -> Result<Value, Unsupported> {
    let name = media.name.as_deref();
    match &media.source {
        MediaSource::Text(text) => {
            let text = name.map_or_else(|| text.clone(), |name| format!("{name}\n\n{text}"));
            Ok(json!({"type": "text", "text": text}))
        }
        MediaSource::Base64(_) => {
            let address = media.to_address().ok_or_else(|| stored("files"))?;
            let name = name.unwrap_or("document.pdf");
            Ok(json!({"type": "file", "file": {"filename": name, "file_data": address}}))
        }
        MediaSource::Url(_) => {
            Err(Unsupported::new("messages", "documents at an address cannot go to a provider of this dialect"))
        }
        MediaSource::Stored(_) => Err(stored("files")),
    }
}
