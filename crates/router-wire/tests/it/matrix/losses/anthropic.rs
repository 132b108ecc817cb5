//! What Anthropic Messages cannot carry, for a model that thinks adaptively.

use router_wire::message::{Content, Effort, Format, Part, Request, SignatureFormat, ToolChoice};

use super::common::{
    CUSTOM_TOOLS, IMAGE_DETAIL, LOGIT_BIAS, LOGPROBS, METADATA, PENALTIES, PROMPT_CACHE_KEY, RESULT_NAMES,
    TOOLS_WITHOUT_SCHEMA, VERBOSITY, later_system_is_user, nameless_schema, only_allowed, only_reasoning_of,
    refusal_is_text,
};
use super::{Loss, Refusal, Table};

/// The table.
pub(super) const TABLE: Table = Table {
    codec: "anthropic",
    model: "claude-opus-4-6",
    requests: &[
        Loss {
            thing: "Instructions in mid-conversation",
            happens: "the user's words",
            named: None,
            change: later_system_is_user,
        },
        Loss {
            thing: "Reasoning of earlier turns",
            happens: "kept with Anthropic's signature, else left out",
            named: None,
            change: |request| only_reasoning_of(request, Some(&SignatureFormat::Anthropic)),
        },
        RESULT_NAMES,
        IMAGE_DETAIL,
        Loss {
            thing: "top_p beside a temperature",
            happens: "dropped",
            named: Some("top_p"),
            change: |request| {
                if request.sampling.temperature.is_some() {
                    request.sampling.top_p = None;
                }
            },
        },
        PENALTIES,
        Loss { thing: "Seed", happens: "dropped", named: Some("seed"), change: |request| request.sampling.seed = None },
        LOGIT_BIAS,
        LOGPROBS,
        Loss {
            thing: "No limit on output tokens",
            happens: "the model's own limit",
            named: None,
            change: |request| request.max_output_tokens = request.max_output_tokens.or(Some(8_192)),
        },
        Loss {
            thing: "Allowed tools",
            happens: "the others are left out of the list",
            named: None,
            change: only_allowed,
        },
        CUSTOM_TOOLS,
        TOOLS_WITHOUT_SCHEMA,
        Loss {
            thing: "One call at a time",
            happens: "said on the choice, which becomes `auto`",
            named: None,
            change: |request| {
                if request.parallel_tool_calls == Some(false) {
                    request.tool_choice = request.tool_choice.take().or(Some(ToolChoice::Auto));
                }
            },
        },
        Loss {
            thing: "JSON without a schema",
            happens: "asked for in the instructions",
            named: None,
            change: json_by_words,
        },
        Loss {
            thing: "JSON schema without a name",
            happens: "without name and description; strict",
            named: None,
            change: |request| {
                nameless_schema(request);
                if let Format::Schema { strict, .. } = &mut request.format {
                    *strict = Some(true);
                }
            },
        },
        Loss {
            thing: "Reasoning budget in tokens",
            happens: "the effort that it means; kept for models that take a budget",
            named: None,
            change: |request| {
                if let Some(wish) = &mut request.reasoning
                    && wish.budget.take().is_some()
                {
                    wish.effort = Some(Effort::Medium);
                }
            },
        },
        Loss {
            thing: "Adaptive reasoning",
            happens: "always, beside an effort",
            named: None,
            change: |request| {
                if let Some(wish) = &mut request.reasoning {
                    wish.adaptive = wish.effort != Some(Effort::None);
                }
            },
        },
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
        Refusal { thing: "Images stored at another provider", request: "image-stored", param: "messages" },
        Refusal { thing: "Sounds", request: "sound", param: "messages" },
    ],
    answers: &[
        Loss {
            thing: "Refusals",
            happens: "text, with the stop reason `refusal`",
            named: None,
            change: |answer| refusal_is_text(&mut answer.parts),
        },
        Loss {
            thing: "Citations",
            happens: "left out where Anthropic would need more than an address",
            named: None,
            change: |answer| {
                answer.parts.iter_mut().for_each(|part| {
                    if let Content::Text { citations, .. } = &mut part.content {
                        citations.clear();
                    }
                })
            },
        },
    ],
};

fn json_by_words(request: &mut Request) {
    if request.format == Format::Json {
        request.format = Format::Text;
        request.system.push(Part::text("Answer with one JSON object and nothing else."));
    }
}
