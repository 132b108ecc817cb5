//! Habits of a vendor that translation must know: data of the preset, read by the dialect's writer.

/// What a provider takes and how. The defaults are those of a plain provider of its dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// It knows the role `developer`; else such messages become `system`.
    pub developer_role: bool,
    /// It takes `reasoning_content` on assistant turns (DeepSeek, Moonshot).
    pub reasoning_content: bool,
    /// It takes `reasoning_details` (OpenRouter).
    pub reasoning_details: bool,
    /// It takes `cache_control` on content parts (OpenRouter).
    pub cache_control: bool,
    /// Message content must be a string where it is only text (DeepSeek).
    pub string_content: bool,
    /// Parameters that it refuses or that mean something else there; they are dropped and named.
    pub unsupported_params: Vec<String>,
    /// Parameters that it calls by another name: ours, its own.
    pub renamed_params: Vec<(String, String)>,
    /// The limit on output tokens must be called this; `None`: as the dialect says.
    pub max_output_param: Option<String>,
}
