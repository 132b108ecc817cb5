//! What a body uses, noticed while it is scanned: messages, images, tools, and how much text.
//!
//! The observer sees every key and value with its depth. Levels of a chat body: 1 the body, 2 `messages`, 3 a message,
//! 4 its `content` list, 5 a part, 6 what a part holds (`image_url`, `input_audio`, `file`). The items in `input` of Responses
//! have the same levels, with `output` in place of `content` where they are results.

use super::{Field, Kind, Text};
use crate::tokens::TextCount;

/// What a body uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Messages of a chat.
    pub messages: u64,
    /// Image parts.
    pub images: u64,
    /// Of the images: with `detail: low`.
    pub images_low: u64,
    /// Audio parts.
    pub audios: u64,
    /// File parts.
    pub files: u64,
    /// Video parts.
    pub videos: u64,
    /// Elements of `tools` and `functions`.
    pub tools: u64,
    /// Characters of text in messages, prompt and input; images, audio and files left out.
    pub text: TextCount,
    /// Numbers in `input` and `prompt`: texts that the client has already cut into tokens.
    pub token_ids: u64,
    /// Elements of `input` or `prompt`, if a list; a list of token ids is one input and counts none here.
    pub inputs: u64,
    /// Bytes of images, audio and files that the body carries.
    pub media_bytes: u64,
    /// Of the media bytes: audio.
    pub audio_bytes: u64,
    /// Of the media bytes: files and videos.
    pub file_bytes: u64,
}

/// The key of a message or part that the walk is inside of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Other,
    Content,
    /// A word of the protocol, no text for the model.
    Role,
    Type,
    Detail,
    Media(Medium),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Medium {
    Image,
    Audio,
    File,
    Video,
}

impl Medium {
    /// By the name of a part's type or of the key that carries it.
    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"image_url" | b"input_image" | b"image" => Some(Self::Image),
            b"input_audio" | b"audio_url" => Some(Self::Audio),
            b"file" | b"input_file" | b"file_data" | b"file_url" => Some(Self::File),
            b"video_url" | b"input_video" => Some(Self::Video),
            _ => None,
        }
    }
}

/// Gathers [`Features`] during the walk.
#[derive(Debug, Default)]
pub(super) struct Observer {
    pub(super) features: Features,
    /// The known top-level field that the walk is inside of.
    pub(super) top: Option<Field>,
    /// The walk is inside of an element of `input` that is an object: an item of Responses.
    item: bool,
    message_key: Inside,
    part_key: Inside,
    part: Option<Medium>,
    part_low: bool,
    detail: bool,
}

impl Observer {
    /// Inside of a message, or of an item of Responses.
    fn in_message(&self) -> bool {
        self.top == Some(Field::Messages) || (self.item && self.top == Some(Field::Input))
    }

    fn in_part(&self) -> bool {
        self.in_message() && self.message_key == Inside::Content
    }

    /// A key below the top level; `depth` counts the containers that are open.
    pub(super) fn key(&mut self, depth: usize, key: &[u8]) {
        if !self.in_message() {
            return;
        }
        match depth {
            3 => {
                self.message_key = match key {
                    b"content" => Inside::Content,
                    b"role" => Inside::Role,
                    b"output" if self.item => Inside::Content,
                    b"type" | b"id" | b"call_id" | b"status" | b"encrypted_content" if self.item => Inside::Role,
                    _ => Inside::Other,
                }
            }
            5 if self.in_part() => {
                self.part_key = match key {
                    b"type" => Inside::Type,
                    b"detail" => Inside::Detail,
                    _ => Medium::named(key).map_or(Inside::Other, Inside::Media),
                };
                if let Inside::Media(medium) = self.part_key {
                    self.part = Some(medium);
                }
            }
            6 if self.in_part() => self.detail = key == b"detail",
            _ => {}
        }
    }

    /// The beginning of any value.
    pub(super) fn value(&mut self, depth: usize, kind: Kind) {
        if depth == 2 {
            self.item = self.top == Some(Field::Input) && kind == Kind::Object;
            self.message_key = Inside::Other;
        }
        match (self.top, depth) {
            (Some(Field::Messages), 2) => self.features.messages += 1,
            (_, 4) if self.in_message() => {
                self.part_key = Inside::Other;
                self.part = None;
                self.part_low = false;
                self.detail = false;
            }
            (Some(Field::Tools | Field::Functions), 2) => self.features.tools += 1,
            (Some(Field::Input | Field::Prompt), _) if kind == Kind::Number && !self.item => {
                self.features.token_ids += 1;
            }
            (Some(Field::Input | Field::Prompt), 2) => self.features.inputs += 1,
            _ => {}
        }
    }

    /// A container was closed; `depth` is what remains open.
    pub(super) fn close(&mut self, depth: usize) {
        if depth != 4 || !self.in_part() {
            return;
        }
        match self.part.take() {
            Some(Medium::Image) => {
                self.features.images += 1;
                self.features.images_low += u64::from(self.part_low);
            }
            Some(Medium::Audio) => self.features.audios += 1,
            Some(Medium::File) => self.features.files += 1,
            Some(Medium::Video) => self.features.videos += 1,
            None => {}
        }
    }

    /// A string value of the body.
    pub(super) fn string(&mut self, depth: usize, body: &[u8], text: Text) {
        let inside = text.span.of(body).unwrap_or_default();
        match self.top {
            Some(_) if depth >= 3 && self.in_message() => {}
            Some(Field::Input | Field::Prompt) => return self.features.text.add_token(inside, text),
            _ => return,
        }
        if self.in_part() && depth >= 5 {
            match self.part_key {
                Inside::Type if depth == 5 => {
                    if let Some(medium) = Medium::named(inside) {
                        self.part = Some(medium);
                    }
                    return;
                }
                Inside::Detail if depth == 5 => return self.part_low = inside == b"low",
                Inside::Media(medium) => return self.media(medium, inside),
                _ => {}
            }
        }
        if depth == 3 && self.message_key == Inside::Role {
            return;
        }
        self.features.text.add_token(inside, text);
    }

    fn media(&mut self, medium: Medium, inside: &[u8]) {
        if self.detail && medium == Medium::Image {
            self.part_low = inside == b"low";
            return;
        }
        let bytes = inside.len() as u64;
        self.features.media_bytes += bytes;
        match medium {
            Medium::Image => {}
            Medium::Audio => self.features.audio_bytes += bytes,
            Medium::File | Medium::Video => self.features.file_bytes += bytes,
        }
    }
}
