//! In which dialect an attempt speaks with its provider: the client's own, byte for byte, or another through the neutral form.

use bytes::Bytes;
use http::Uri;
use router_core::ask::Endpoint;
use router_core::catalog::{Capability, ChannelModel, ModelIx};
use router_core::fault::{ClientError, Fault, FaultKind};
use router_core::world::Target;
use router_wire::adapters::Call;
use router_wire::dialects::{
    AccountBound, ClientCodec, ClientEmbed, Echo, Passing, ProviderCodec, ProviderEmbed, RequestError,
    Target as Upstream, Watched, provider,
};
use router_wire::message::{EmbedForm, Names, Request, Unsupported};
use router_wire::relay::Passage;

use super::admit::Job;
use super::fit::{Fits, Written};
use crate::snapshot::{ChannelSide, ModelSide, ServerSnapshot};

/// How the running attempt speaks.
#[derive(Clone, Debug, Default)]
pub(super) enum Tongue {
    /// The client's dialect.
    #[default]
    Same,
    /// Another one.
    Other {
        /// The provider's.
        provider: &'static ProviderCodec,
        /// The client's.
        client: &'static ClientCodec,
        /// How names of tools were changed.
        names: Names,
    },
    /// Another one, about embeddings.
    Vectors(Vectors),
}

/// Embeddings between two dialects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vectors {
    pub(super) provider: &'static ProviderEmbed,
    pub(super) client: &'static ClientEmbed,
    /// What the client's answer looks like.
    pub(super) form: EmbedForm,
    /// How many there must be.
    pub(super) count: usize,
}

impl Tongue {
    /// The codecs of provider and client, where an answer has to be read to be judged: everything but OpenAI's own shapes.
    pub(super) fn codecs(&self, job: &Job) -> Option<(&'static ProviderCodec, &'static ClientCodec, Names)> {
        match self {
            Self::Other { provider, client, names } => Some((provider, client, names.clone())),
            Self::Vectors(_) => None,
            Self::Same => {
                let read = job.endpoint.is_generation() && job.dialect.watched == Watched::ByDecoder;
                let (provider, client) = (provider(job.dialect.name)?, job.dialect.codec.filter(|_| read)?);
                Some((provider, client, Names::default()))
            }
        }
    }
}

/// What an attempt sends.
pub(super) struct Prepared {
    pub(super) uri: Uri,
    pub(super) body: Bytes,
    pub(super) tongue: Tongue,
    /// Hints that the provider does not get.
    pub(super) dropped: Vec<String>,
    /// What of the body may mean something to another account only.
    pub(super) bound: Option<&'static AccountBound>,
}

/// What the two sides speak, before anything is translated.
#[derive(Clone, Copy)]
enum Between {
    Same,
    /// With what is translated between the two and the provider's dialect.
    Others(Work, &'static ProviderCodec),
}

/// What can be translated.
#[derive(Clone, Copy)]
enum Work {
    Conversation(&'static ClientCodec),
    Embeddings(&'static ClientEmbed, &'static ProviderEmbed),
}

impl Job {
    /// The request in the neutral form, read once.
    pub(super) fn neutral(&self, client: &ClientCodec) -> Result<&Request, Unsupported> {
        let read = || (client.read_request)(&self.body).map(|request| self.completed(request));
        self.neutral.get_or_init(read).as_ref().map_err(|error: &RequestError| {
            Unsupported::new(error.param.clone().unwrap_or_default(), error.message.clone())
        })
    }

    /// Model and stream stand in the path of some dialects.
    fn completed(&self, mut request: Request) -> Request {
        request.model.clone_from(&self.intake.ask.model);
        request.stream = self.intake.ask.stream;
        request
    }

    fn between(&self, channel: &ChannelSide) -> Result<Between, Unsupported> {
        let (own, spoken) = (self.dialect.spoken, channel.preset.spoken(self.dialect.spoken));
        if spoken == own {
            return Ok(Between::Same);
        }
        let nothing = || Unsupported::new("model", "the provider has no such endpoint");
        let client = self.dialect.codec.ok_or_else(nothing)?;
        let provider = provider(spoken).ok_or_else(nothing)?;
        let work = match self.endpoint {
            Endpoint::Embeddings => client.embed.zip(provider.embed).map(|(client, own)| Work::Embeddings(client, own)),
            endpoint => endpoint.is_generation().then_some(Work::Conversation(client)),
        };
        Ok(Between::Others(work.ok_or_else(nothing)?, provider))
    }

    /// The dialect of a call to that channel, as its adapter knows it.
    fn call<'a>(&self, channel: &'a ChannelSide, model: &'a str, between: Between) -> Call<'a> {
        Call {
            dialect: channel.preset.spoken(self.dialect.spoken),
            endpoint: self.endpoint,
            model,
            stream: self.intake.ask.stream,
            method: match between {
                Between::Same => self.intake.method,
                Between::Others(Work::Embeddings(_, provider), _) => provider.method,
                Between::Others(Work::Conversation(_), _) => None,
            },
        }
    }

    /// Why that channel model cannot get this request at all; `None` if it can. Cheap where both speak one dialect. What is
    /// written to find out is kept for the first that can.
    pub(super) fn unfit<'a>(
        &mut self,
        snapshot: &'a ServerSnapshot,
        target: &Target,
        fits: &mut Fits<'a>,
    ) -> Option<Unsupported> {
        let model = snapshot.core.model(target.model)?;
        let channel = snapshot.channel(model.channel)?;
        match self.between(channel) {
            Ok(Between::Same) if self.endpoint.is_generation() => None,
            Ok(Between::Same) => {
                let address = channel.address(&self.call(channel, &model.upstream_name, Between::Same));
                address.is_none().then(|| Unsupported::new("model", "the provider has no such endpoint"))
            }
            Ok(Between::Others(work, provider)) => {
                let upstream = self.upstream(channel, model, target);
                fits.verdict(provider, &upstream, || {
                    let written = self.write(work, provider, target.model, &upstream);
                    let written = written.and_then(|written| self.may_drop(&written.dropped).map(|()| written));
                    let keep = |written| {
                        self.written.get_or_insert(written);
                    };
                    written.map(keep).err()
                })
            }
            Err(unsupported) => Some(unsupported),
        }
    }

    /// Where every parameter has to arrive (`provider.require_parameters`), none may be dropped.
    fn may_drop(&self, dropped: &[String]) -> Result<(), Unsupported> {
        let all = self.intake.ask.provider.as_ref().is_some_and(|wish| wish.require_parameters);
        match dropped.first().filter(|_| all) {
            Some(param) => Err(Unsupported::new(param.clone(), "the provider does not take it, and all are required")),
            None => Ok(()),
        }
    }

    /// The cap that goes upstream only where money is limited and the client named none: elsewhere a request passes as it came.
    fn output_cap(&self, target: &Target) -> Option<u64> {
        let named = self.intake.ask.max_output_tokens.is_some();
        (!named && self.book.is_capped(target)).then(|| self.output_bound(target))
    }

    /// The most output tokens of one answer: what the client named, else the model's limit or the configured cap.
    pub(super) fn output_bound(&self, target: &Target) -> u64 {
        self.snapshot.core.reserved_output(target.model, &self.intake.ask)
    }

    /// What translation has to know of a channel model.
    fn upstream<'a>(&self, channel: &'a ChannelSide, model: &'a ChannelModel, target: &Target) -> Upstream<'a> {
        Upstream {
            model: &model.upstream_name,
            context_length: model.context_length,
            model_max_output: model.max_output_tokens,
            thinks: model.capabilities.has(Capability::Reasoning),
            output_cap: self.output_cap(target),
            quirks: &channel.preset.quirks,
        }
    }

    fn write(
        &self,
        work: Work,
        provider: &'static ProviderCodec,
        model: ModelIx,
        upstream: &Upstream<'_>,
    ) -> Result<Written, Unsupported> {
        let (dropped, body, tongue) = match work {
            Work::Conversation(client) => {
                let request = self.neutral(client)?;
                if let Some(unsupported) = request.unsupported.first() {
                    return Err(unsupported.clone());
                }
                let mut encoded = (provider.write_request)(request, upstream)?;
                let names = std::mem::take(&mut encoded.names);
                (encoded.lost(&request.dropped), encoded.body, Tongue::Other { provider, client, names })
            }
            Work::Embeddings(client, provider) => {
                let request = (client.read_request)(&self.body)?;
                let encoded = (provider.write_request)(&request, upstream)?;
                let (form, count) = (request.form, request.inputs.len());
                let vectors = Vectors { provider, client, form, count };
                (encoded.lost(&request.dropped), encoded.body, Tongue::Vectors(vectors))
            }
        };
        Ok(Written { model, output_cap: upstream.output_cap, body: body.into(), tongue, dropped })
    }

    /// The bytes and the address of an attempt, always from the original request.
    pub(super) fn prepare(
        &mut self,
        channel: &ChannelSide,
        model: &ChannelModel,
        side: &ModelSide,
        target: &Target,
    ) -> Result<Prepared, Fault> {
        let between = self.between(channel).map_err(|unsupported| refused(&unsupported))?;
        let call = self.call(channel, &model.upstream_name, between);
        let uri = match side.uri(&call, &channel.preset) {
            Some(uri) => uri.clone(),
            None => channel
                .address(&call)
                .ok_or_else(|| refused(&Unsupported::new("model", "the provider has no such endpoint")))?,
        };
        let bound = provider(call.dialect).and_then(|codec| codec.bound);
        match between {
            Between::Same => {
                let passing = Passing {
                    body: &self.body,
                    intake: &self.intake,
                    model: &model.upstream_name,
                    output_cap: self.output_cap(target),
                    preset: &channel.preset,
                };
                let body = Bytes::from(channel.adapter.body(self.dialect, &passing));
                Ok(Prepared { uri, body, tongue: Tongue::Same, dropped: Vec::new(), bound })
            }
            Between::Others(work, provider) => {
                let upstream = self.upstream(channel, model, target);
                let fresh =
                    |written: &Written| written.model == target.model && written.output_cap == upstream.output_cap;
                let written = match self.written.take().filter(fresh) {
                    Some(written) => written,
                    None => {
                        let written = self.write(work, provider, target.model, &upstream);
                        written.map_err(|unsupported| refused(&unsupported))?
                    }
                };
                // For another try with another key.
                let Written { body, tongue, dropped, .. } = self.written.insert(written).clone();
                Ok(Prepared { uri, body, tongue, dropped, bound })
            }
        }
    }

    /// What an answer repeats of its request.
    pub(super) fn echo<'a>(&'a self, id: &'a str) -> Echo<'a> {
        Echo {
            model: &self.intake.ask.model,
            id,
            created: self.now.unix_ms / 1_000,
            usage_wanted: self.intake.usage_wanted,
            input_tokens: self.intake.ask.input_tokens,
            request: self.neutral.get().and_then(|read| read.as_ref().ok()),
        }
    }

    /// A word for the ids of a translated answer.
    pub(super) fn word(&self) -> String {
        format!("{:016x}{:016x}", self.seed, router_core::ids::mix(self.seed))
    }

    /// The way of a stream in that tongue.
    pub(super) fn passage(&self, tongue: &Tongue) -> Passage {
        let passage = match tongue {
            Tongue::Vectors(_) => Passage::raw(),
            Tongue::Same => match (self.dialect.watched, provider(self.dialect.name)) {
                (Watched::AsBytes, _) => Passage::raw(),
                (Watched::ByDecoder, Some(codec)) => Passage::same(codec),
                _ => Passage::chat(self.dialect, !self.intake.usage_wanted),
            },
            Tongue::Other { provider, client, names } => {
                let encoder = (client.encoder)(&self.echo(&self.word()));
                Passage::translated(provider, encoder, names.clone())
            }
        };
        if self.intake.array { passage.as_array() } else { passage }
    }
}

/// The fault of an attempt that was never sent, because the provider's dialect cannot hold the request.
fn refused(unsupported: &Unsupported) -> Fault {
    Fault {
        client_error: Some(Box::new(ClientError {
            message: unsupported_words(unsupported),
            param: Some(unsupported.param.clone()).filter(|param| !param.is_empty()),
            code: None,
        })),
        ..Fault::new(FaultKind::Unsupported, unsupported.to_string())
    }
}

/// In words for the client.
pub(super) fn unsupported_words(unsupported: &Unsupported) -> String {
    format!(
        "No channel for this model can take `{}`: {}.",
        unsupported.param,
        unsupported.message.trim_end_matches('.')
    )
}
