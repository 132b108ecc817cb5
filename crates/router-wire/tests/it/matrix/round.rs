//! Round trips: written in a dialect and read again, everything is as it was but for what its table says.

use base64::Engine;
use router_wire::adapters::Quirks;
use router_wire::dialects::{PROVIDERS, ProviderCodec, clients};
use router_wire::message::{Content, MediaSource, Request, Turn, Unsupported};

use super::losses::{self, table};
use super::{ReadRequest, corpus, echo, provider_of, readers, same, write_for};

/// A request without what the way itself changes, and with turns of one speaker as one.
fn plain(mut request: Request) -> Request {
    request.model.clear();
    request.dropped.clear();
    request.extras.clear();
    let mut turns: Vec<Turn> = Vec::new();
    for turn in request.turns {
        match turns.last_mut().filter(|last| last.role == turn.role) {
            Some(last) => last.parts.extend(turn.parts),
            None => turns.push(turn),
        }
    }
    request.turns = turns;
    request
}

/// How a dialect writes for its providers, and who reads that again.
type Way = (&'static ProviderCodec, ReadRequest);

/// One request there and back; what is wrong with it.
fn there_and_back((codec, read): Way, name: &str, request: &Request) -> Result<(), String> {
    let table = table(codec.name);
    let refusal = table.refused.iter().find(|refusal| refusal.request == name);
    let encoded = match (write_for(codec, request, &Quirks::default()), refusal) {
        (Err(param), Some(refusal)) if param == refusal.param => return Ok(()),
        (Err(param), _) => return Err(format!("`{param}` is refused, and the table does not say so")),
        (Ok(_), Some(_)) => return Err("the table says that it is refused".to_owned()),
        (Ok(encoded), None) => encoded,
    };
    let body = String::from_utf8_lossy(&encoded.body);
    let mut expected = request.clone();
    for loss in table.requests {
        let before = expected.clone();
        (loss.change)(&mut expected);
        if let (Some(named), true) = (loss.named, before != expected)
            && !encoded.dropped.iter().any(|dropped| dropped == named)
        {
            return Err(format!("`{named}` is not named among {:?}", encoded.dropped));
        }
    }
    let mut again = read(&encoded.body).map_err(|error| format!("{error}: {body}"))?;
    // Some dialects say it in the path, which is not the codec's business.
    again.stream = expected.stream;
    same(&plain(again), &plain(expected)).map_err(|difference| format!("{difference}\n  body {body}"))
}

/// All failures at once: whoever writes a codec wants to see them together.
fn none(failures: &[String]) {
    assert!(failures.is_empty(), "{} failures\n\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn matrix_requests_arrive_but_for_the_table() {
    let mut failures = Vec::new();
    for way in readers() {
        for (name, request) in corpus::requests() {
            let outcome = there_and_back(way, name, &request);
            failures.extend(outcome.err().map(|error| format!("{}, {name}: {error}", way.0.name)));
        }
    }
    none(&failures);
}

/// One dialect's way to a provider of it, as the table has it and as it is; `None` if it is refused.
fn pass((codec, read): Way, request: &Request) -> Option<Request> {
    let encoded = write_for(codec, request, &Quirks::default()).ok()?;
    let mut again = read(&encoded.body).ok()?;
    again.stream = request.stream;
    Some(plain(again))
}

fn lose((codec, _): Way, request: &mut Request) {
    table(codec.name).requests.iter().for_each(|loss| (loss.change)(request));
}

/// A request without what has several forms of one meaning, so that two dialects in a row may choose another than one alone:
/// how much to think, strictness by default, names that can be found again, plain text as document or as text.
fn essence(mut request: Request) -> Request {
    request.reasoning = None;
    request.tools.iter_mut().for_each(|tool| tool.strict = tool.strict.filter(|strict| *strict));
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        match &mut part.content {
            Content::ToolResult(result) => result.name = None,
            Content::File(media) => {
                media.name = None;
                if let (Some("text/plain"), MediaSource::Base64(data)) = (media.media_type.as_deref(), &media.source) {
                    let text = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
                    media.source = MediaSource::Text(String::from_utf8(text).unwrap());
                }
            }
            _ => {}
        }
    }
    request
}

/// From a client of one dialect through another and back: equal but for the two tables.
#[test]
fn matrix_requests_there_and_back_through_every_other_dialect() {
    let mut failures = Vec::new();
    for home in readers() {
        for away in readers() {
            for (name, request) in corpus::requests() {
                let found =
                    pass(home, &request).and_then(|at_home| pass(away, &at_home)).and_then(|back| pass(home, &back));
                let Some(found) = found else { continue };
                let mut expected = request.clone();
                [home, away, home].into_iter().for_each(|way| lose(way, &mut expected));
                let outcome = same(&essence(found), &essence(plain(expected)));
                failures.extend(outcome.err().map(|e| format!("{}, {}, {name}: {e}", home.0.name, away.0.name)));
            }
        }
    }
    none(&failures);
}

#[test]
fn matrix_answers_arrive_but_for_the_table() {
    let mut failures = Vec::new();
    for codec in clients() {
        for (name, answer) in corpus::answers() {
            let bytes = (codec.write_answer)(&answer, &echo(None));
            let outcome = match (provider_of(codec).read_answer)(&bytes) {
                Ok(again) => same(&losses::plain(again), &losses::of_answer(codec.name, answer)),
                Err(error) => Err(format!("{error:?}")),
            };
            let body = String::from_utf8_lossy(&bytes);
            failures.extend(outcome.err().map(|error| format!("{}, {name}: {error}\n  body {body}", codec.name)));
        }
    }
    none(&failures);
}

/// A loss that nothing shows is a stale line of the table.
#[test]
fn matrix_tables_say_nothing_that_is_not_so() {
    for codec in PROVIDERS {
        let table = table(codec.name);
        for (index, loss) in table.requests.iter().enumerate() {
            let shown = corpus::requests().into_iter().any(|(_, mut request)| {
                table.requests.iter().take(index).for_each(|earlier| (earlier.change)(&mut request));
                let before = request.clone();
                (loss.change)(&mut request);
                before != request
            });
            assert!(shown, "{}: nothing shows `{}`", codec.name, loss.thing);
        }
        for (index, loss) in table.answers.iter().enumerate() {
            let shown = corpus::answers().into_iter().any(|(_, mut answer)| {
                table.answers.iter().take(index).for_each(|earlier| (earlier.change)(&mut answer));
                let before = answer.clone();
                (loss.change)(&mut answer);
                before != answer
            });
            assert!(shown, "{}: nothing shows `{}`", codec.name, loss.thing);
        }
    }
}

/// What only the client's own dialect has is refused by every writer.
#[test]
fn matrix_what_only_the_client_s_dialect_has_is_refused() {
    for codec in PROVIDERS {
        let (_, mut request) = corpus::requests().swap_remove(0);
        request.unsupported.push(Unsupported::new("n", "one"));
        assert_eq!(write_for(codec, &request, &Quirks::default()).unwrap_err(), "n", "{}", codec.name);
    }
}
