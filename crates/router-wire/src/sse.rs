//! Server-sent events over arbitrary chunks: whole frames come out, as slices of what came in wherever possible.
//!
//! Line ends are made LF (a stream with CR or CRLF is copied, others are not), a leading byte order mark goes. A frame
//! is everything up to and with a blank line. What stays behind at the end of the stream is a frame too: providers
//! forget the last blank line.

use bytes::Bytes;
use memchr::{memchr, memchr_iter, memrchr_iter};

/// A frame grew beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {limit} bytes")]
pub struct FrameTooLong {
    /// The limit in bytes.
    pub limit: usize,
}

/// Whole frames that a chunk completed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    /// The frame that earlier chunks began, copied together; or empty.
    pub joined: Bytes,
    /// Frames that lie whole in this chunk, as one slice of it; or empty.
    pub whole: Bytes,
}

/// Cuts a byte stream into frames.
#[derive(Debug)]
pub struct Splitter {
    limit: usize,
    /// An unfinished frame.
    carry: Vec<u8>,
    /// The last byte was a CR, already passed on as LF: a following LF belongs to it.
    after_cr: bool,
    /// Number of bytes of a byte order mark seen; `None` once the start is decided.
    mark: Option<usize>,
}

/// Bytes that a frame may take beyond its own: it may wait long for a client that does not read. (What grows doubles.)
const WASTE: usize = 4 * 1024;

const MARK: &[u8] = b"\xef\xbb\xbf";

impl Splitter {
    /// A splitter that holds at most `limit` bytes of an unfinished frame.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, carry: Vec::new(), after_cr: false, mark: Some(0) }
    }

    /// Takes a chunk and gives the frames that it completes.
    ///
    /// # Errors
    /// [`FrameTooLong`]; the stream cannot go on then.
    pub fn push(&mut self, chunk: Bytes) -> Result<Frames, FrameTooLong> {
        let chunk = self.without_mark(chunk);
        let mut chunk = self.with_lf(chunk);
        let mut frames = Frames::default();
        if !self.carry.is_empty() {
            let at_seam = self.carry.ends_with(b"\n") && chunk.starts_with(b"\n");
            let end = if at_seam { Some(1) } else { blank_line(&chunk) };
            let Some(end) = end else {
                self.keep(&chunk)?;
                return Ok(frames);
            };
            self.carry.extend_from_slice(&chunk.split_to(end));
            let mut joined = std::mem::take(&mut self.carry);
            if joined.capacity() - joined.len() > WASTE {
                joined.shrink_to_fit();
            }
            frames.joined = joined.into();
        }
        let end = whole_frames(&chunk);
        frames.whole = chunk.split_to(end);
        self.keep(&chunk)?;
        if frames.joined.len() > self.limit { Err(FrameTooLong { limit: self.limit }) } else { Ok(frames) }
    }

    /// The end of the stream: what was left, with the blank line that it lacked. Empty if nothing was, or if it broke off: half an event
    /// says nothing, whatever its name.
    pub fn finish(&mut self) -> Bytes {
        let mut rest = std::mem::take(&mut self.carry);
        if let Some(seen) = self.mark.take() {
            rest.splice(0..0, MARK.iter().take(seen).copied());
        }
        if rest.iter().all(|byte| *byte == b'\n') {
            return Bytes::new();
        }
        if breaks_off(&rest) {
            return Bytes::new();
        }
        while !rest.ends_with(b"\n\n") {
            rest.push(b'\n');
        }
        rest.into()
    }

    fn keep(&mut self, tail: &[u8]) -> Result<(), FrameTooLong> {
        if self.carry.len() + tail.len() > self.limit {
            return Err(FrameTooLong { limit: self.limit });
        }
        self.carry.extend_from_slice(tail);
        Ok(())
    }

    fn without_mark(&mut self, mut chunk: Bytes) -> Bytes {
        while let Some(seen) = self.mark {
            let (Some(expected), Some(found)) = (MARK.get(seen), chunk.first()) else {
                if seen == MARK.len() {
                    self.mark = None;
                }
                break;
            };
            if expected != found {
                self.mark = None;
                if seen > 0 {
                    let head = MARK.iter().take(seen).copied();
                    return head.chain(chunk.iter().copied()).collect();
                }
                break;
            }
            self.mark = Some(seen + 1);
            chunk = chunk.slice(1..);
        }
        chunk
    }

    fn with_lf(&mut self, chunk: Bytes) -> Bytes {
        if chunk.is_empty() || (!self.after_cr && memchr(b'\r', &chunk).is_none()) {
            return chunk;
        }
        let mut lines = Vec::with_capacity(chunk.len());
        for byte in &chunk {
            match byte {
                b'\r' => lines.push(b'\n'),
                b'\n' if self.after_cr => {}
                other => lines.push(*other),
            }
            self.after_cr = *byte == b'\r';
        }
        lines.into()
    }
}

/// Length of the whole frames at the start of `chunk`: frames end after the first two line ends in a row, so of a run
/// of line ends at the last boundary an odd one begins the next frame. (The same for any chunking.)
fn whole_frames(chunk: &[u8]) -> usize {
    let Some(end) = last_blank_line(chunk) else { return 0 };
    let run = chunk.get(..end).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\n').count();
    end - run % 2
}

/// The end of the first blank line. Frames mostly are one line, so this looks at two or three places only.
fn blank_line(bytes: &[u8]) -> Option<usize> {
    memchr_iter(b'\n', bytes).find(|at| bytes.get(at + 1) == Some(&b'\n')).map(|at| at + 2)
}

fn last_blank_line(bytes: &[u8]) -> Option<usize> {
    memrchr_iter(b'\n', bytes)
        .find(|at| at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\n'))
        .map(|at| at + 1)
}

/// Whether a frame ends before its data, or in the middle of its object.
fn breaks_off(frame: &[u8]) -> bool {
    let event = read(frame);
    let Some(data) = event.data.as_deref().or(event.bare).filter(|data| !data.is_empty()) else { return true };
    data.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(data).is_err()
}

/// The frames of a block of whole frames.
pub fn frames(block: &Bytes) -> impl Iterator<Item = Bytes> {
    let mut rest = block.clone();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = blank_line(&rest).unwrap_or(rest.len());
        Some(rest.split_to(end))
    })
}

/// What the lines of one frame say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event:` field, empty if absent.
    pub name: &'a [u8],
    /// The `data:` lines; joined by LF if there are several. `None` for comments and the like.
    pub data: Option<std::borrow::Cow<'a, [u8]>>,
    /// A line without a field name that holds a JSON object: some proxies send errors so.
    pub bare: Option<&'a [u8]>,
}

/// Reads the lines of one frame. Comments, `id:`, `retry:` and unknown fields are passed over.
#[must_use]
pub fn read(frame: &[u8]) -> Event<'_> {
    let mut event = Event::default();
    for line in frame.split(|byte| *byte == b'\n') {
        if line.starts_with(b"{") {
            event.bare = Some(line);
            continue;
        }
        let colon = memchr(b':', line).unwrap_or(line.len());
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => match &mut event.data {
                None => event.data = Some(value.into()),
                Some(data) => {
                    data.to_mut().push(b'\n');
                    data.to_mut().extend_from_slice(value);
                }
            },
            b"event" => event.name = value,
            _ => {}
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All frames of a stream that comes in these chunks.
    fn split(chunks: &[&[u8]]) -> Vec<String> {
        let mut splitter = Splitter::new(1000);
        let mut all = Vec::new();
        for chunk in chunks {
            let got = splitter.push(Bytes::copy_from_slice(chunk)).unwrap();
            all.extend(frames(&got.joined).chain(frames(&got.whole)));
        }
        all.extend(frames(&splitter.finish()));
        all.iter().map(|frame| String::from_utf8_lossy(frame).into_owned()).collect()
    }

    #[test]
    fn any_line_end_any_chunking_the_same_frames() {
        let streams: &[(&[u8], &[&str])] = &[
            (b"data: a\n\ndata: b\n\n", &["data: a\n\n", "data: b\n\n"]),
            (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", &["data: a\n\n", "data: b\n\n", "data: c\n\n"]),
            (b"\xef\xbb\xbfdata: a\n\n", &["data: a\n\n"]),
            (b"\xef\xbbdata: a\n\n", &["\u{fffd}data: a\n\n"]),
            (b"data: a\n\n\ndata: b\n\n\n\n", &["data: a\n\n", "\ndata: b\n\n", "\n\n"]),
            (b"data: a\n\ndata: last", &["data: a\n\n", "data: last\n\n"]),
            (b"data: {}\n\nevent: x\ndata: {\"a\":1}", &["data: {}\n\n", "event: x\ndata: {\"a\":1}\n\n"]),
            (b"data: {}\n\nevent: x\ndata: {\"a\":1", &["data: {}\n\n"]),
            (b"data: {}\n\nevent: x", &["data: {}\n\n"]),
            (b"data: a\n\ndata: last\r", &["data: a\n\n", "data: last\n\n"]),
            (b"event: x\r\ndata: 1\r\ndata: 2\r\n\r\n: c\r\n\r\n", &["event: x\ndata: 1\ndata: 2\n\n", ": c\n\n"]),
            (b"\xef", &[]),
            (b"", &[]),
            (b"\n", &[]),
        ];
        for (stream, expected) in streams {
            for first in 0..=stream.len() {
                for second in first..=stream.len() {
                    let chunks = [&stream[..first], &stream[first..second], &stream[second..]];
                    assert_eq!(split(&chunks), *expected, "{first} {second} {}", String::from_utf8_lossy(stream));
                }
            }
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(split(&bytes), *expected);
        }
    }

    #[test]
    fn whole_frames_are_not_copied() {
        let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\nda");
        let got = Splitter::new(100).push(chunk.clone()).unwrap();
        assert_eq!(got.whole.as_ptr(), chunk.as_ptr());
        assert_eq!(got.whole.len(), 18);
    }

    #[test]
    fn a_large_frame_takes_hardly_more_than_its_own_bytes() {
        let mut splitter = Splitter::new(1 << 20);
        let frame = format!("data: {}\n\n", "x".repeat(33 * 1024));
        let joined =
            frame.as_bytes().chunks(8 * 1024).map(|chunk| splitter.push(Bytes::copy_from_slice(chunk)).unwrap());
        let joined = joined.last().unwrap().joined;
        assert_eq!(joined, frame);
        // Nobody else holds it, so that this is the memory that it had.
        let memory = Vec::from(joined).capacity();
        assert!(memory <= frame.len() + WASTE, "{memory}");
    }

    #[test]
    fn a_frame_is_bounded() {
        let mut splitter = Splitter::new(10);
        assert!(splitter.push(Bytes::from_static(b"data: aaa")).is_ok());
        assert_eq!(splitter.push(Bytes::from_static(b"aaa")).unwrap_err().limit, 10);
        assert!(Splitter::new(10).push(Bytes::from_static(b"data: aaaaaaaaaaaaaaaa")).is_err());
        let mut splitter = Splitter::new(10);
        assert!(splitter.push(Bytes::from_static(b"data: aaa")).is_ok());
        assert!(splitter.push(Bytes::from_static(b"aaaaaaaaaaaaaaaaa\n\n")).is_err());
    }

    #[test]
    fn lines_are_read_as_fields() {
        let event = read(b": hi\nid: 7\nevent: error\nretry: 1\nfoo\ndata:{\"a\":\ndata:  1}\n\n");
        assert_eq!(event.name, b"error");
        assert_eq!(event.data.unwrap().as_ref(), b"{\"a\":\n 1}");
        assert_eq!(read(b": ping\n\n").data, None);
        assert_eq!(read(b"data\n\n").data.unwrap().as_ref(), b"");
        assert_eq!(read(b"{\"error\":1}\n\n").bare, Some(&b"{\"error\":1}"[..]));
    }
}
