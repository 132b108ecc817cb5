//! What `generateContent` cannot carry, for a model of the third generation.

use base64::Engine;
use router_wire::message::{Content, Effort, Format, Media, MediaSource, SignatureFormat, Stop};

use super::common::{
    CACHE_MARKS, CUSTOM_TOOLS, IMAGE_DETAIL, LOGIT_BIAS, METADATA, PENALTIES, PROMPT_CACHE_KEY, VERBOSITY, each_part,
    later_system_is_user, nameless_schema, one_allowed_is_named, only_reasoning_of, refusal_is_text,
};
use super::{Loss, Refusal, Table};

/// The table.
pub(super) const TABLE: Table = Table {
    codec: "gemini",
    model: "gemini-3-pro",
    requests: &[
        Loss {
            thing: "Instructions in mid-conversation",
            happens: "the user's words",
            named: None,
            change: later_system_is_user,
        },
        CACHE_MARKS,
        Loss {
            thing: "Reasoning of earlier turns",
            happens: "kept with Gemini's signature, else left out",
            named: None,
            change: |request| only_reasoning_of(request, Some(&SignatureFormat::Gemini)),
        },
        IMAGE_DETAIL,
        Loss {
            thing: "Names of documents",
            happens: "left out",
            named: None,
            change: |request| each_part(request, nameless_file),
        },
        Loss {
            thing: "Plain text documents",
            happens: "sent as bytes of `text/plain`",
            named: None,
            change: |request| each_part(request, text_as_bytes),
        },
        PENALTIES,
        LOGIT_BIAS,
        Loss {
            thing: "Allowed tools",
            happens: "kept; one that must be called is a named one",
            named: None,
            change: one_allowed_is_named,
        },
        Loss {
            thing: "One call at a time",
            happens: "dropped",
            named: Some("parallel_tool_calls"),
            change: |request| {
                if request.parallel_tool_calls == Some(false) {
                    request.parallel_tool_calls = None;
                }
            },
        },
        Loss {
            thing: "Strict tools",
            happens: "left out",
            named: None,
            change: |request| request.tools.iter_mut().for_each(|tool| tool.strict = None),
        },
        CUSTOM_TOOLS,
        Loss {
            thing: "JSON schema without a name",
            happens: "without name, description and strictness",
            named: None,
            change: |request| {
                nameless_schema(request);
                if let Format::Schema { strict, .. } = &mut request.format {
                    *strict = None;
                }
            },
        },
        Loss {
            thing: "Reasoning budget in tokens",
            happens: "the nearest level; kept for models that take a budget",
            named: None,
            change: |request| {
                if let Some(wish) = &mut request.reasoning
                    && wish.budget.take().is_some()
                {
                    wish.effort = Some(Effort::High);
                }
            },
        },
        Loss {
            thing: "No reasoning at all",
            happens: "the lowest level, where a model cannot do without",
            named: None,
            change: |request| {
                if let Some(wish) = &mut request.reasoning {
                    if wish.effort == Some(Effort::None) {
                        wish.effort = Some(Effort::Low);
                    } else {
                        wish.show = Some(true);
                    }
                }
            },
        },
        Loss {
            thing: "Adaptive reasoning",
            happens: "the model's own default",
            named: None,
            change: |request| {
                if let Some(wish) = &mut request.reasoning {
                    wish.adaptive = false;
                }
            },
        },
        Loss { thing: "User", happens: "dropped", named: Some("user"), change: |request| request.user = None },
        PROMPT_CACHE_KEY,
        METADATA,
        VERBOSITY,
    ],
    refused: &[
        Refusal { thing: "Images by address", request: "image-url", param: "messages" },
        Refusal { thing: "Images stored at another provider", request: "image-stored", param: "messages" },
        Refusal { thing: "Documents by address", request: "document-url", param: "messages" },
    ],
    answers: &[
        Loss {
            thing: "Refusals",
            happens: "text, with the finish reason `SAFETY`",
            named: None,
            change: |answer| refusal_is_text(&mut answer.parts),
        },
        Loss {
            thing: "The stop sequence that was met",
            happens: "`STOP`, without saying which",
            named: None,
            change: |answer| {
                if matches!(answer.stop, Stop::Sequence(_)) {
                    answer.stop = Stop::End;
                }
            },
        },
        Loss {
            thing: "A paused turn",
            happens: "`MAX_TOKENS`: the turn is not finished",
            named: None,
            change: |answer| {
                if answer.stop == Stop::Pause {
                    answer.stop = Stop::Length;
                }
            },
        },
        Loss {
            thing: "Cache writes",
            happens: "counted as input",
            named: None,
            change: |answer| {
                if let Some(usage) = &mut answer.usage {
                    (usage.cache_write, usage.cache_write_1h) = (0, 0);
                }
            },
        },
    ],
};

fn nameless_file(content: &mut Content) {
    if let Content::File(media) = content {
        media.name = None;
    }
}

fn text_as_bytes(content: &mut Content) {
    if let Content::File(Media { source, .. }) = content
        && let MediaSource::Text(text) = source
    {
        *source = MediaSource::Base64(base64::engine::general_purpose::STANDARD.encode(text));
    }
}
