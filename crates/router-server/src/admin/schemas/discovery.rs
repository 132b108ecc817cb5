//! What discovering answers.

use serde_json::{Value, json};

use super::{described, flag, int, list, maybe, nullable, open, strict, text, texts, usd, words};

/// The schema.
pub(super) fn schema() -> Value {
    let rate = || described("string", "USD for a million tokens, exactly; of the whole request where a name says so.");
    let tier =
        open(&[("above_tokens", int()), ("input", rate()), ("output", rate())], &["above_tokens", "input", "output"]);
    let price = open(
        &[("input", rate()), ("output", rate()), ("per_request", usd()), ("tiers", list(tier))],
        &["input", "output"],
    );
    let change = strict(&[
        ("model", described("string", "As clients ask for it.")),
        ("field", words(&["price", "context_length", "max_output_tokens", "capabilities"])),
        ("ours", json!({ "description": "What the channel has; null: nothing." })),
        ("theirs", json!({ "description": "What the provider says." })),
    ]);
    let model = strict(&[
        ("id", described("string", "As the provider calls it.")),
        ("display_name", nullable("string")),
        ("state", words(&["new", "changed", "same"])),
        ("models", described("array", "Names under which the channel has it.")),
        (
            "in_catalogue",
            described("boolean", "Whether the built-in catalogue knows it: then its name alone is enough."),
        ),
        ("active", flag()),
        ("context_length", maybe(int())),
        ("max_output_tokens", maybe(int())),
        ("capabilities", texts()),
        ("price", maybe(price)),
        ("changes", list(change)),
    ]);
    let gone = strict(&[("model", text()), ("upstream_name", text())]);
    strict(&[
        ("channel", text()),
        ("provider", text()),
        ("list", described("string", "The family of lists that was read.")),
        ("pages", int()),
        (
            "complete",
            described(
                "boolean",
                "Whether the whole list was read, and whether it names all that can be called; only then is anything gone.",
            ),
        ),
        ("found", int()),
        ("new", int()),
        ("changed", int()),
        ("models", list(model)),
        ("gone", list(gone)),
        ("notes", described("array", "What could not be learned, in words.")),
    ])
}
