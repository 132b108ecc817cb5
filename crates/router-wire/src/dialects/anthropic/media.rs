//! Images and documents as the API takes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::message::{Media, MediaSource, Unsupported};

const IMAGES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];
const PDF: &str = "application/pdf";

/// How the base64 of a kind of file begins, for media whose type nobody said.
const MAGIC: &[(&str, &str)] =
    &[("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"), ("JVBER", PDF)];

fn kind<'a>(media: &'a Media, data: &str) -> &'a str {
    let said = media.media_type.as_deref().filter(|kind| *kind != "application/octet-stream");
    let seen = || MAGIC.iter().find(|(head, _)| data.starts_with(head)).map(|(_, kind)| *kind);
    match said.or_else(seen).unwrap_or_default() {
        "image/jpg" => "image/jpeg",
        kind => kind,
    }
}

fn refused(why: impl Into<String>) -> Unsupported {
    Unsupported::new("messages", why)
}

/// An `image` block.
pub(super) fn image(media: &Media) -> Result<Value, Unsupported> {
    let source = match &media.source {
        MediaSource::Base64(data) => match kind(media, data) {
            kind if IMAGES.contains(&kind) => json!({ "type": "base64", "media_type": kind, "data": data }),
            kind => {
                return Err(refused(format!("an image of type `{kind}` is not taken; JPEG, PNG, GIF and WebP are")));
            }
        },
        MediaSource::Url(url) if is_http(url) => json!({ "type": "url", "url": url }),
        MediaSource::Url(_) => return Err(refused("an image's address must be http or https")),
        MediaSource::Text(_) => return Err(refused("an image cannot be text")),
        MediaSource::Stored(_) => return Err(refused("the image is stored in another provider's account")),
    };
    Ok(json!({ "type": "image", "source": source }))
}

/// A `document` block.
pub(super) fn document(media: &Media) -> Result<Value, Unsupported> {
    let plain = |text: &str| json!({ "type": "text", "media_type": "text/plain", "data": text });
    let source = match &media.source {
        MediaSource::Text(text) => plain(text),
        MediaSource::Base64(data) => match kind(media, data) {
            PDF => json!({ "type": "base64", "media_type": PDF, "data": data }),
            kind if IMAGES.contains(&kind) => return image(media),
            kind if kind.starts_with("text/") || kind == "application/json" => {
                let text = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                plain(&text.ok_or_else(|| refused("a text file is not base64 of UTF-8"))?)
            }
            kind => return Err(refused(format!("a file of type `{kind}` is not taken; PDF and text are"))),
        },
        MediaSource::Url(url) if is_http(url) => json!({ "type": "url", "url": url }),
        MediaSource::Url(_) => return Err(refused("a file's address must be http or https")),
        MediaSource::Stored(_) => return Err(refused("the file is stored in another provider's account")),
    };
    let mut block = json!({ "type": "document", "source": source });
    if let (Some(name), Some(object)) = (&media.name, block.as_object_mut()) {
        object.insert("title".into(), name.as_str().into());
    }
    Ok(block)
}

fn is_http(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_said_seen_or_refused() {
        let media = |address: &str| Media::from_address(address);
        assert_eq!(image(&media("data:image/jpg;base64,/9j/a")).unwrap()["source"]["media_type"], "image/jpeg");
        assert_eq!(image(&media("data:;base64,iVBORa")).unwrap()["source"]["media_type"], "image/png");
        assert_eq!(image(&media("https://x/a.png")).unwrap()["source"]["type"], "url");
        assert!(image(&media("data:image/svg+xml;base64,aaaa")).is_err());
        assert!(image(&media("ftp://x/a.png")).is_err());
        assert_eq!(document(&media("data:application/pdf;base64,JVBERi0")).unwrap()["source"]["type"], "base64");
        assert_eq!(document(&media("data:text/csv;base64,YSxi")).unwrap()["source"]["data"], "a,b");
        assert!(document(&media("data:application/zip;base64,UEsD")).is_err());
    }
}
