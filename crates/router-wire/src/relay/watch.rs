//! What the events of a stream say of it: is there content, an end, a usage, an error.

use bytes::Bytes;
use router_core::usage::{ServiceTier, Usage};

use crate::message::{Content, Event, Stop};
use crate::tokens::TextCount;

/// Looks at every event of a stream that is read through a [`crate::dialects::StreamDecoder`].
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) content: bool,
    pub(super) stopped: bool,
    usage: Option<Usage>,
    service: ServiceTier,
    pub(super) error: Option<Bytes>,
    pub(super) text: TextCount,
}

impl Watch {
    /// What was consumed, in the tier in which it was.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage.map(|usage| Usage { service: self.service, ..usage })
    }

    /// Takes note of an event. Whether it carries content.
    pub(super) fn see(&mut self, event: &Event) -> bool {
        match event {
            Event::Text(text) | Event::Refusal(text) | Event::Reasoning(text) => self.text.add(text.as_bytes()),
            Event::ToolStart { name, .. } => self.text.add(name.as_bytes()),
            Event::ToolArguments { delta, .. } => self.text.add(delta.as_bytes()),
            Event::Whole(part) => {
                if let Content::Text { text, .. } = &part.content {
                    self.text.add(text.as_bytes());
                }
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::ServiceTier(tier) => self.service = ServiceTier::named(tier),
            Event::Error(data) => self.error = Some(data.clone()),
            Event::Stop(stop) => {
                self.stopped = true;
                self.content |= explains_silence(stop);
            }
            _ => {}
        }
        let content = event.is_content();
        self.content |= content;
        content
    }
}

/// Whether an answer without any content is one all the same, because it says why: out of tokens, refused, paused.
pub(super) const fn explains_silence(stop: &Stop) -> bool {
    matches!(stop, Stop::Length | Stop::Refusal | Stop::Pause)
}
