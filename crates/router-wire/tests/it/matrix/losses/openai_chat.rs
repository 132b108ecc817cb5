//! What Chat Completions cannot carry, at a provider without habits of its own.

use router_wire::message::{Effort, ReasoningWish, Stop};

use super::common::{
    FAILED_RESULTS, LOGPROBS, METADATA, RESULT_NAMES, TEXT_DOCUMENTS, images_behind, join, named_schema, no_cache,
    only_reasoning_of, place_citations,
};
use super::{Loss, Refusal, Table};

/// The table.
pub(super) const TABLE: Table = Table {
    codec: "openai_chat",
    model: "gpt-5",
    requests: &[
        Loss {
            thing: "Several system blocks",
            happens: "joined by blank lines into one message",
            named: None,
            change: |request| join(&mut request.system),
        },
        Loss {
            thing: "Cache marks",
            happens: "left out; kept where the vendor takes `cache_control` (OpenRouter)",
            named: None,
            change: no_cache,
        },
        Loss {
            thing: "Reasoning of earlier turns",
            happens: "left out; kept where the vendor takes `reasoning_content`; in `reasoning_details` only with a signature of the model's family, or of any where the name tells none",
            named: None,
            change: |request| only_reasoning_of(request, None),
        },
        FAILED_RESULTS,
        Loss {
            thing: "Images in tool results",
            happens: "moved into the user message behind the result",
            named: None,
            change: images_behind,
        },
        RESULT_NAMES,
        TEXT_DOCUMENTS,
        Loss {
            thing: "top_k",
            happens: "dropped",
            named: Some("top_k"),
            change: |request| request.sampling.top_k = None,
        },
        LOGPROBS,
        METADATA,
        Loss {
            thing: "Reasoning budget in tokens",
            happens: "the effort that it means",
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
            happens: "the model's own default",
            named: None,
            change: |request| {
                request.reasoning.iter_mut().for_each(|wish| wish.adaptive = false);
                request.reasoning = request.reasoning.take().filter(|wish| *wish != ReasoningWish::default());
            },
        },
        Loss { thing: "JSON schema without a name", happens: "named `response`", named: None, change: named_schema },
    ],
    refused: &[
        Refusal { thing: "More than four stop sequences", request: "five-stops", param: "stop" },
        Refusal { thing: "Images stored at another provider", request: "image-stored", param: "messages" },
        Refusal { thing: "Documents by address", request: "document-url", param: "messages" },
    ],
    answers: &[
        Loss {
            thing: "The stop sequence that was met",
            happens: "`stop`, without saying which",
            named: None,
            change: |answer| answer.stop = without_sequence(&answer.stop),
        },
        Loss {
            thing: "A paused turn",
            happens: "`length`: the turn is not finished",
            named: None,
            change: |answer| {
                if answer.stop == Stop::Pause {
                    answer.stop = Stop::Length;
                }
            },
        },
        Loss {
            thing: "Cache writes for an hour",
            happens: "counted with the other cache writes",
            named: None,
            change: |answer| {
                if let Some(usage) = &mut answer.usage {
                    usage.cache_write += std::mem::take(&mut usage.cache_write_1h);
                }
            },
        },
        Loss {
            thing: "Places of citations",
            happens: "`start_index` and `end_index` are 0 where the provider names none",
            named: None,
            change: |answer| place_citations(&mut answer.parts, |_| 0),
        },
    ],
};

fn without_sequence(stop: &Stop) -> Stop {
    if matches!(stop, Stop::Sequence(_)) { Stop::End } else { stop.clone() }
}
