//! A stream as one JSON array that is written piece by piece: Gemini's `streamGenerateContent` without `alt=sse`.

use bytes::Bytes;

use crate::sse;

/// Whether the array has been opened.
#[derive(Debug, Default)]
pub(super) struct Opened(bool);

impl Opened {
    /// The data of a block of whole events as elements of the array, with the comma or bracket before each.
    pub(super) fn elements(&mut self, block: &Bytes) -> Bytes {
        let mut out = Vec::with_capacity(block.len() + 2);
        for frame in sse::frames(block) {
            let event = sse::read(&frame);
            let Some(data) = event.data.as_deref().map(<[u8]>::trim_ascii).filter(|data| data.starts_with(b"{")) else {
                continue;
            };
            out.extend_from_slice(if self.0 { b",\n" } else { b"[" });
            self.0 = true;
            out.extend_from_slice(data);
        }
        out.into()
    }

    /// What ends the array.
    pub(super) const fn close(&self) -> &'static [u8] {
        if self.0 { b"]" } else { b"[]" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_elements() {
        let mut opened = Opened::default();
        assert_eq!(opened.close(), b"[]");
        let first = opened.elements(&Bytes::from_static(b"data: {\"a\":1}\n\n: ping\n\ndata: {\"a\":2}\n\n"));
        assert_eq!(first, &b"[{\"a\":1},\n{\"a\":2}"[..]);
        assert_eq!(opened.elements(&Bytes::from_static(b"data: {}\n\n")), &b",\n{}"[..]);
        assert_eq!(opened.close(), b"]");
    }
}
