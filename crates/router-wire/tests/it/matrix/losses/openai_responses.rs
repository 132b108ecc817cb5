//! What Responses cannot carry.

use router_wire::message::{Answer, Content, Effort, Reasoning, SignatureFormat, Stop};

use super::common::{
    document_text, each_part, failed_in_text, named_schema, nameless, no_cache, only_reasoning_of, place_citations,
    some_schema,
};
use super::{Loss, Refusal, Table};

/// The table.
pub(super) const TABLE: Table = Table {
    codec: "openai_responses",
    model: "gpt-5",
    requests: &[
        Loss { thing: "Cache marks", happens: "left out", named: None, change: no_cache },
        Loss {
            thing: "Reasoning of earlier turns",
            happens: "kept with OpenAI's encrypted content, else left out",
            named: None,
            change: |request| only_reasoning_of(request, Some(&SignatureFormat::OpenAi)),
        },
        Loss {
            thing: "Failed tool results",
            happens: "the text begins with `Error: `",
            named: None,
            change: |request| each_part(request, failed_in_text),
        },
        Loss {
            thing: "Names of tools in results",
            happens: "found by the id of the call",
            named: None,
            change: |request| each_part(request, nameless),
        },
        Loss {
            thing: "Plain text documents",
            happens: "sent as text",
            named: None,
            change: |request| each_part(request, document_text),
        },
        Loss {
            thing: "top_k",
            happens: "dropped",
            named: Some("top_k"),
            change: |request| request.sampling.top_k = None,
        },
        Loss {
            thing: "Penalties",
            happens: "dropped",
            named: Some("frequency_penalty"),
            change: |request| (request.sampling.frequency_penalty, request.sampling.presence_penalty) = (None, None),
        },
        Loss { thing: "Seed", happens: "dropped", named: Some("seed"), change: |request| request.sampling.seed = None },
        Loss {
            thing: "Logit bias",
            happens: "dropped",
            named: Some("logit_bias"),
            change: |request| request.sampling.logit_bias = None,
        },
        Loss {
            thing: "Log probabilities",
            happens: "dropped",
            named: Some("logprobs"),
            change: |request| (request.sampling.logprobs, request.sampling.top_logprobs) = (None, None),
        },
        Loss {
            thing: "Tools without a schema",
            happens: "a schema without properties",
            named: None,
            change: some_schema,
        },
        Loss {
            thing: "Tools that do not say whether they are strict",
            happens: "`strict: false`, because the dialect's own default is true",
            named: None,
            change: |request| {
                request
                    .tools
                    .iter_mut()
                    .filter(|tool| tool.custom.is_none())
                    .for_each(|tool| tool.strict = Some(tool.strict.unwrap_or(false)))
            },
        },
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
                if let Some(wish) = &mut request.reasoning {
                    wish.adaptive = false;
                }
            },
        },
        Loss {
            thing: "Encrypted reasoning that was not asked for",
            happens: "asked for, so that it can come back",
            named: None,
            change: |request| {
                if let Some(wish) = &mut request.reasoning {
                    wish.encrypted = wish.effort != Some(Effort::None);
                }
            },
        },
        Loss { thing: "JSON schema without a name", happens: "named `response`", named: None, change: named_schema },
    ],
    refused: &[
        Refusal { thing: "Stop sequences", request: "stop", param: "stop" },
        Refusal { thing: "More than four stop sequences", request: "five-stops", param: "stop" },
        Refusal { thing: "Images stored at another provider", request: "image-stored", param: "file_id" },
        Refusal { thing: "Sounds", request: "sound", param: "input_audio" },
    ],
    answers: &[
        Loss {
            thing: "The stop sequence that was met",
            happens: "`completed`, without saying which",
            named: None,
            change: |answer| {
                if matches!(answer.stop, Stop::Sequence(_)) {
                    answer.stop = Stop::End;
                }
            },
        },
        Loss {
            thing: "A paused turn",
            happens: "`incomplete`, as if the limit had been reached",
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
            happens: "the whole text, where the provider names none",
            named: None,
            change: cited,
        },
        Loss {
            thing: "A service tier that the provider does not name",
            happens: "`default`",
            named: None,
            change: |answer| answer.service_tier = answer.service_tier.take().or_else(|| Some("default".to_owned())),
        },
        Loss { thing: "OpenAI's reasoning without an id", happens: "gets an id", named: None, change: with_ids },
    ],
};

fn cited(answer: &mut Answer) {
    place_citations(&mut answer.parts, str::len);
    for part in &mut answer.parts {
        if let Content::Text { citations, .. } = &mut part.content {
            for citation in citations.iter_mut().filter_map(serde_json::Value::as_object_mut) {
                citation.insert("type".to_owned(), "url_citation".into());
            }
        }
    }
}

fn with_ids(answer: &mut Answer) {
    for (index, part) in answer.parts.iter_mut().enumerate() {
        if let Content::Reasoning(Reasoning { signature: Some(signature), .. }) = &mut part.content
            && signature.format == SignatureFormat::OpenAi
        {
            signature.id.get_or_insert_with(|| format!("rs_x1_{index}"));
        }
    }
}
