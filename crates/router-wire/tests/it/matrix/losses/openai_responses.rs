//! What Responses cannot carry.

use router_wire::message::{Answer, Content, Effort, Reasoning, SignatureFormat, Stop};

use super::common::{
    CACHE_MARKS, FAILED_RESULTS, LOGIT_BIAS, LOGPROBS, PENALTIES, RESULT_NAMES, TEXT_DOCUMENTS, TOOLS_WITHOUT_SCHEMA,
    named_schema, only_reasoning_of, place_citations,
};
use super::{Loss, Refusal, Table};

/// The table.
pub(super) const TABLE: Table = Table {
    codec: "openai_responses",
    model: "gpt-5",
    requests: &[
        CACHE_MARKS,
        Loss {
            thing: "Reasoning of earlier turns",
            happens: "kept with OpenAI's encrypted content, else left out",
            named: None,
            change: |request| only_reasoning_of(request, Some(&SignatureFormat::OpenAi)),
        },
        FAILED_RESULTS,
        RESULT_NAMES,
        TEXT_DOCUMENTS,
        Loss {
            thing: "top_k",
            happens: "dropped",
            named: Some("top_k"),
            change: |request| request.sampling.top_k = None,
        },
        PENALTIES,
        Loss { thing: "Seed", happens: "dropped", named: Some("seed"), change: |request| request.sampling.seed = None },
        LOGIT_BIAS,
        LOGPROBS,
        TOOLS_WITHOUT_SCHEMA,
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
