//! Just enough of `multipart/form-data` (RFC 7578) to find short text parts and to replace one: files pass unread.

use memchr::memmem;

/// Longest part that is read as a field.
const MOST: usize = 4_096;

/// Whether a body is a form: it begins with its boundary, which no JSON does.
pub(super) fn is(body: &[u8]) -> bool {
    body.starts_with(b"--")
}

/// The boundary that a form begins with, dashes included.
pub(super) fn boundary(body: &[u8]) -> Option<&[u8]> {
    let line = memmem::find(body.get(..body.len().min(128))?, b"\r\n")?;
    // RFC 2046: at most 70 characters.
    body.get(..line).filter(|line| is(line) && line.len() <= 72).map(<[u8]>::trim_ascii_end)
}

/// What stands between the boundaries of a form, which clients draw anew each time that they send it; any other body whole.
pub fn without_boundary(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let boundary = boundary(body).filter(|boundary| boundary.len() > 2);
    let mut ends = boundary.map(|boundary| memmem::find_iter(body, boundary));
    let mut from = Some(0);
    std::iter::from_fn(move || {
        let start = from?;
        let end = ends.as_mut().and_then(Iterator::next);
        from = end.zip(boundary).map(|(end, boundary)| end + boundary.len());
        body.get(start..end.unwrap_or(body.len()))
    })
}

/// Parts of a form, in their order.
struct Parts<'a> {
    body: &'a [u8],
    /// `\r\n--BOUNDARY`
    delimiter: Vec<u8>,
    at: usize,
}

/// A part: its headers, and where its value stands in the body.
struct Part<'a> {
    headers: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> Parts<'a> {
    /// `None` if the body does not begin with a boundary.
    fn of(body: &'a [u8]) -> Option<Self> {
        let boundary = boundary(body)?;
        let line = memmem::find(body, b"\r\n")?;
        Some(Self { body, delimiter: [b"\r\n", boundary].concat(), at: line })
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let rest = self.body.get(self.at..)?.strip_prefix(b"\r\n")?;
        let headers = memmem::find(rest, b"\r\n\r\n")?;
        let start = self.at + 2 + headers + 4;
        let length = memmem::find(self.body.get(start..)?, &self.delimiter)?;
        let end = start + length;
        let after = end + self.delimiter.len();
        // Blanks may follow a boundary; `--` ends the form.
        let line = memmem::find(self.body.get(after..)?, b"\r\n").map_or(self.body.len(), |line| after + line);
        self.at = if self.body.get(after..)?.starts_with(b"--") { self.body.len() } else { line };
        Some(Part { headers: rest.get(..headers)?, start, end })
    }
}

impl Part<'_> {
    fn is_named(&self, name: &str) -> bool {
        is_named(self.headers, name)
    }
}

/// Whether that is the `name` of the `Content-Disposition` among a part's headers.
pub(super) fn is_named(headers: &[u8], name: &str) -> bool {
    let headers = String::from_utf8_lossy(headers);
    let line = headers.lines().find(|line| {
        line.split_once(':').is_some_and(|(field, _)| field.trim().eq_ignore_ascii_case("content-disposition"))
    });
    line.into_iter().flat_map(|line| line.split(';')).any(|parameter| {
        let found = parameter.trim().strip_prefix("name=");
        found.is_some_and(|value| value.trim_matches('"') == name)
    })
}

/// The value of a short text part; of the first one, if there are several of that name.
pub(super) fn field<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let part = Parts::of(body)?.find(|part| part.is_named(name))?;
    body.get(part.start..part.end).filter(|value| value.len() <= MOST).and_then(|value| std::str::from_utf8(value).ok())
}

/// Bytes of the form's largest part: its file.
pub(super) fn largest(body: &[u8]) -> usize {
    Parts::of(body).into_iter().flatten().map(|part| part.end - part.start).max().unwrap_or(0)
}

/// Whether a part of that name stands there twice.
pub(super) fn is_twice(body: &[u8], name: &str) -> bool {
    Parts::of(body).into_iter().flatten().filter(|part| part.is_named(name)).nth(1).is_some()
}

/// The form with another model; all else byte for byte.
pub(super) fn with_model(body: &[u8], model: &str) -> Vec<u8> {
    let place = Parts::of(body).and_then(|mut parts| parts.find(|part| part.is_named("model")));
    let Some(Part { start, end, .. }) = place else { return body.to_vec() };
    [body.get(..start).unwrap_or_default(), model.as_bytes(), body.get(end..).unwrap_or_default()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--x-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a; name=\\\"model\\\".mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n\x00\xff\r\n--x-not\r\n\r\n--x-1\r\ncontent-disposition: form-data; name=model\r\n\r\nm-1\r\n--x-1\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n--x-1--\r\n";

    #[test]
    fn the_model_is_found_behind_a_file_and_replaced_alone() {
        assert!(is(FORM) && !is(b"{}"));
        assert_eq!((field(FORM, "model"), field(FORM, "stream")), (Some("m-1"), Some("true")));
        assert_eq!(field(FORM, "language"), None);
        assert_eq!(largest(FORM), b"\x00\xff\r\n--x-not\r\n".len());
        let changed = with_model(FORM, "vendor/m");
        assert_eq!(field(&changed, "model"), Some("vendor/m"));
        assert_eq!(with_model(&changed, "m-1"), FORM);
    }

    #[test]
    fn a_form_is_the_same_whatever_its_boundary() {
        let text = String::from_utf8_lossy(FORM);
        let other = text.replace("--x-1", "--another");
        assert!(without_boundary(text.as_bytes()).eq(without_boundary(other.as_bytes())));
        let changed = other.replace("m-1", "m-2");
        assert!(!without_boundary(text.as_bytes()).eq(without_boundary(changed.as_bytes())));
        for body in [&b"{\"a\": 1}"[..], b"", b"--\r\n--\r\n"] {
            assert_eq!(without_boundary(body).collect::<Vec<_>>(), [body]);
        }
    }

    #[test]
    fn what_is_no_form_stays_as_it_is() {
        for body in [&b"--"[..], b"--x\r\n", b"--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm", b""] {
            assert_eq!((field(body, "model"), with_model(body, "up").as_slice()), (None, body));
        }
    }

    #[test]
    fn twins_are_noticed() {
        let twice = [
            &FORM[..FORM.len() - 9],
            b"--x-1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nn\r\n--x-1--\r\n",
        ]
        .concat();
        assert!(!is_twice(FORM, "model"));
        assert!(is_twice(&twice, "model"), "{}", String::from_utf8_lossy(&twice));
    }
}
