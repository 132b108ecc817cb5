//! Images, sounds and documents inside messages.

/// Where the bytes of a medium are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaSource {
    /// In the request, base64 without the `data:` prefix.
    Base64(String),
    /// Plain text in the request (documents only).
    Text(String),
    /// At an address that the provider fetches; we never do.
    Url(String),
    /// In a provider account, under this id; it means nothing to any other.
    Stored(String),
}

/// An image, a sound or a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Where the bytes are.
    pub source: MediaSource,
    /// Media type such as `image/png`, if it is known. `image/jpg` is written `image/jpeg`.
    pub media_type: Option<String>,
    /// File name or title of a document.
    pub name: Option<String>,
    /// OpenAI's `detail` of an image: `low`, `high`, `auto`.
    pub detail: Option<String>,
}

impl Media {
    /// A medium from a `data:` or `http(s):` address, as OpenAI's `image_url` and `file_data` hold it.
    #[must_use]
    pub fn from_address(address: &str) -> Self {
        let plain = |source, media_type| Self { source, media_type, name: None, detail: None };
        let Some(inline) = address.strip_prefix("data:") else {
            return plain(MediaSource::Url(address.to_owned()), None);
        };
        let Some((head, data)) = inline.split_once(',') else {
            return plain(MediaSource::Base64(inline.to_owned()), None);
        };
        let kind = head.split(';').next().filter(|kind| !kind.is_empty()).map(|kind| match kind {
            "image/jpg" => "image/jpeg".to_owned(),
            kind => kind.to_ascii_lowercase(),
        });
        plain(MediaSource::Base64(data.to_owned()), kind)
    }

    /// The medium as an address: `data:` for bytes, the address itself for a URL; `None` for what has no address.
    #[must_use]
    pub fn to_address(&self) -> Option<String> {
        match &self.source {
            MediaSource::Url(url) => Some(url.clone()),
            MediaSource::Base64(data) => {
                let kind = self.media_type.as_deref().unwrap_or("application/octet-stream");
                Some(format!("data:{kind};base64,{data}"))
            }
            MediaSource::Text(_) | MediaSource::Stored(_) => None,
        }
    }
}
