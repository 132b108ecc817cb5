//! What can be asked of a provider: endpoints, told apart by the end of the path, and the dialects they speak.

use super::chat::Flavor;

/// An endpoint, whatever stands before it in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST …/chat/completions`
    Chat,
    /// `POST …/completions`
    Completions,
    /// `POST …/embeddings`
    Embeddings,
    /// `GET …/models`, in the form of the dialect that asks
    Models,
    /// `GET …/models/{id}`
    Model,
    /// `POST …/messages` (Anthropic)
    Messages,
    /// `POST …/messages/count_tokens`
    MessagesCount,
    /// `POST …/models/{model}:generateContent` (Gemini)
    Generate,
    /// `POST …/models/{model}:streamGenerateContent`
    GenerateStream,
    /// `POST …/models/{model}:countTokens`
    GenerateCount,
    /// `POST …/models/{model}:embedContent`
    EmbedContent,
    /// `POST …/models/{model}:batchEmbedContents`
    EmbedContents,
    /// `POST …/responses` (OpenAI)
    Responses,
    /// `GET` or `DELETE …/responses/{id}`, `GET …/responses/{id}/input_items`, `POST …/responses/{id}/cancel`
    Response,
    /// `POST …/api/chat` (Ollama)
    OllamaChat,
    /// `POST …/api/embed`
    OllamaEmbed,
    /// `GET …/api/tags`
    OllamaTags,
    /// `POST …/api/show`
    OllamaShow,
    /// `GET …/api/pricing` (new-api)
    Pricing,
    /// Anything else.
    Unknown,
}

impl Endpoint {
    /// The endpoint of a request.
    #[must_use]
    pub fn of(method: &str, path: &str) -> Self {
        let post = method == "POST";
        let get = method == "GET";
        let gemini = |verb: &str| post && path.contains("/models/") && path.ends_with(verb);
        match path {
            _ if gemini(":generateContent") => Self::Generate,
            _ if gemini(":streamGenerateContent") => Self::GenerateStream,
            _ if gemini(":countTokens") => Self::GenerateCount,
            _ if gemini(":embedContent") => Self::EmbedContent,
            _ if gemini(":batchEmbedContents") => Self::EmbedContents,
            _ if post && path.ends_with("/chat/completions") => Self::Chat,
            _ if post && path.ends_with("/completions") => Self::Completions,
            _ if post && path.ends_with("/embeddings") => Self::Embeddings,
            _ if post && path.ends_with("/messages") => Self::Messages,
            _ if post && path.ends_with("/messages/count_tokens") => Self::MessagesCount,
            _ if post && path.ends_with("/responses") => Self::Responses,
            _ if post && path.ends_with("/api/chat") => Self::OllamaChat,
            _ if post && path.ends_with("/api/embed") => Self::OllamaEmbed,
            _ if get && path.ends_with("/api/tags") => Self::OllamaTags,
            _ if post && path.ends_with("/api/show") => Self::OllamaShow,
            _ if get && path.ends_with("/api/pricing") => Self::Pricing,
            _ if matches!(method, "GET" | "DELETE") && path.contains("/responses/") => Self::Response,
            _ if post && path.contains("/responses/") && path.ends_with("/cancel") => Self::Response,
            _ if get && path.ends_with("/models") => Self::Models,
            _ if get && path.contains("/models/") => Self::Model,
            _ => Self::Unknown,
        }
    }

    /// Whether an answer of it can be a stream.
    #[must_use]
    pub fn streams(self) -> bool {
        matches!(
            self,
            Self::Chat
                | Self::Completions
                | Self::Messages
                | Self::Generate
                | Self::GenerateStream
                | Self::Responses
                | Self::OllamaChat
        )
    }
}

/// The dialect that a request is spoken in; errors take its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI chat, completions, embeddings, with a vendor's habits.
    Chat(Flavor),
    /// Anthropic Messages.
    Messages,
    /// Gemini.
    Gemini,
    /// OpenAI Responses.
    Responses,
    /// Ollama's own.
    Ollama,
}

impl Dialect {
    /// The dialect of a request; `anthropic` when it carries `anthropic-version`.
    #[must_use]
    pub fn of(endpoint: Endpoint, path: &str, anthropic: bool) -> Self {
        match endpoint {
            Endpoint::Messages | Endpoint::MessagesCount => Self::Messages,
            Endpoint::Generate
            | Endpoint::GenerateStream
            | Endpoint::GenerateCount
            | Endpoint::EmbedContent
            | Endpoint::EmbedContents => Self::Gemini,
            Endpoint::Responses | Endpoint::Response => Self::Responses,
            Endpoint::OllamaChat | Endpoint::OllamaEmbed | Endpoint::OllamaTags | Endpoint::OllamaShow => Self::Ollama,
            Endpoint::Models | Endpoint::Model if anthropic => Self::Messages,
            Endpoint::Models | Endpoint::Model if path.contains("/v1beta/models") => Self::Gemini,
            _ => Self::Chat(Flavor::of(path)),
        }
    }
}

/// The model that a path names (Gemini's methods, Azure's deployments), percent signs decoded where they matter.
#[must_use]
pub fn model_in(path: &str) -> Option<String> {
    let decoded = |id: &str| {
        ["%2F", "%2f"]
            .iter()
            .fold(id.to_owned(), |id, code| id.replace(code, "/"))
            .replace("%3A", ":")
            .replace("%3a", ":")
    };
    if let Some((_, rest)) = path.split_once("/deployments/") {
        return rest.split_once('/').map(|(model, _)| decoded(model));
    }
    let (_, rest) = path.split_once("/models/")?;
    rest.rsplit_once(':').map(|(model, _)| decoded(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_endpoint_dialect_and_model() {
        let table = [
            ("POST", "/v1/chat/completions", Endpoint::Chat, Dialect::Chat(Flavor::OpenAi), None),
            ("POST", "/groq/openai/v1/chat/completions", Endpoint::Chat, Dialect::Chat(Flavor::Groq), None),
            (
                "POST",
                "/azure/openai/deployments/d1/chat/completions",
                Endpoint::Chat,
                Dialect::Chat(Flavor::Azure),
                Some("d1"),
            ),
            ("POST", "/v1/messages", Endpoint::Messages, Dialect::Messages, None),
            ("POST", "/v1/messages/count_tokens", Endpoint::MessagesCount, Dialect::Messages, None),
            ("POST", "/v1beta/models/a%2Fb:c:generateContent", Endpoint::Generate, Dialect::Gemini, Some("a/b:c")),
            ("POST", "/v1beta/models/m:streamGenerateContent", Endpoint::GenerateStream, Dialect::Gemini, Some("m")),
            ("GET", "/v1beta/models", Endpoint::Models, Dialect::Gemini, None),
            ("POST", "/v1/responses", Endpoint::Responses, Dialect::Responses, None),
            ("GET", "/v1/responses/resp_1", Endpoint::Response, Dialect::Responses, None),
            ("POST", "/api/chat", Endpoint::OllamaChat, Dialect::Ollama, None),
            ("POST", "/ollama/api/embed", Endpoint::OllamaEmbed, Dialect::Ollama, None),
            ("GET", "/v1/chat/completions", Endpoint::Unknown, Dialect::Chat(Flavor::OpenAi), None),
        ];
        for (method, path, endpoint, dialect, model) in table {
            assert_eq!(Endpoint::of(method, path), endpoint, "{path}");
            assert_eq!(Dialect::of(endpoint, path, false), dialect, "{path}");
            assert_eq!(model_in(path).as_deref(), model, "{path}");
        }
    }
}
