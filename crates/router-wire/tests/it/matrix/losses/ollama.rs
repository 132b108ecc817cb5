//! What Ollama's own API cannot carry, for a model that thinks.

use router_wire::message::{Content, Effort, Format, Part, ReasoningWish, Request, Role, ToolChoice};

use super::common::{
    CACHE_MARKS, CUSTOM_TOOLS, FAILED_RESULTS, IMAGE_DETAIL, LOGIT_BIAS, LOGPROBS, METADATA, PROMPT_CACHE_KEY,
    TEXT_DOCUMENTS, TOOLS_WITHOUT_SCHEMA, VERBOSITY, images_behind, join, nameless_schema,
};
use super::{Loss, Refusal, Table};

/// The table.
pub(super) const TABLE: Table = Table {
    codec: "ollama",
    model: "qwen3:8b",
    requests: &[
        Loss {
            thing: "Several system blocks",
            happens: "joined by blank lines into one message",
            named: None,
            change: |request| join(&mut request.system),
        },
        CACHE_MARKS,
        Loss {
            thing: "Reasoning of earlier turns",
            happens: "sent as text, without its proof; left out where it is only a proof",
            named: None,
            change: unproven,
        },
        FAILED_RESULTS,
        Loss {
            thing: "Images in tool results",
            happens: "moved into the user message behind the result",
            named: None,
            change: images_behind,
        },
        IMAGE_DETAIL,
        TEXT_DOCUMENTS,
        Loss {
            thing: "Several texts of one message",
            happens: "joined by blank lines, images behind them",
            named: None,
            change: joined,
        },
        LOGIT_BIAS,
        LOGPROBS,
        Loss {
            thing: "No tool to be called",
            happens: "the tools are left out of the list",
            named: None,
            change: |request| {
                if request.tool_choice == Some(ToolChoice::None) {
                    request.tools.clear();
                }
                request.tool_choice = None;
            },
        },
        Loss {
            thing: "One call at a time",
            happens: "dropped",
            named: Some("parallel_tool_calls"),
            change: |request| request.parallel_tool_calls = None,
        },
        Loss {
            thing: "Strict tools",
            happens: "dropped",
            named: Some("strict"),
            change: |request| request.tools.iter_mut().for_each(|tool| tool.strict = None),
        },
        CUSTOM_TOOLS,
        TOOLS_WITHOUT_SCHEMA,
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
            thing: "How much to reason",
            happens: "whether at all; low, medium and high for gpt-oss; dropped, named `reasoning`, for a model that the catalogue does not call a reasoning one",
            named: None,
            change: |request| {
                if let Some(wish) = &mut request.reasoning {
                    let off = wish.effort == Some(Effort::None);
                    *wish = ReasoningWish { effort: off.then_some(Effort::None), adaptive: !off, ..Default::default() };
                }
            },
        },
        Loss { thing: "User", happens: "dropped", named: Some("user"), change: |request| request.user = None },
        Loss {
            thing: "Service tier",
            happens: "dropped",
            named: Some("service_tier"),
            change: |request| request.service_tier = None,
        },
        PROMPT_CACHE_KEY,
        METADATA,
        VERBOSITY,
    ],
    refused: &[
        Refusal { thing: "A call that must be made", request: "tool-required", param: "tool_choice" },
        Refusal { thing: "A certain call that must be made", request: "tool-named", param: "tool_choice" },
        Refusal { thing: "Allowed tools of which one must be called", request: "tool-allowed", param: "tool_choice" },
        Refusal { thing: "Images by address", request: "image-url", param: "messages" },
        Refusal { thing: "Images stored at another provider", request: "image-stored", param: "messages" },
        Refusal { thing: "Documents", request: "document", param: "messages" },
        Refusal { thing: "Documents by address", request: "document-url", param: "messages" },
        Refusal { thing: "Sounds", request: "sound", param: "messages" },
    ],
    answers: &[],
};

fn unproven(request: &mut Request) {
    for turn in &mut request.turns {
        turn.parts.retain_mut(|part| match &mut part.content {
            Content::Reasoning(reasoning) => {
                reasoning.signature = None;
                !reasoning.redacted
            }
            _ => true,
        });
    }
}

/// The user's texts are one; what is no text stands behind it, results before it.
fn joined(request: &mut Request) {
    for turn in request.turns.iter_mut().filter(|turn| turn.role == Role::User) {
        let texts: Vec<Part> = turn.parts.extract_if(.., |part| part.as_text().is_some()).collect();
        let results = turn.parts.iter().take_while(|part| matches!(part.content, Content::ToolResult(_))).count();
        let mut text = texts;
        join(&mut text);
        turn.parts.splice(results..results, text);
    }
}
