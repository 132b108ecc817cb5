//! What a model of this dialect takes, told by its name. There is no list to ask; the names have said it so far.
//!
//! | version | thinking | sampling | prefill | structured output |
//! |---|---|---|---|---|
//! | before 3.7 | none | yes | yes | by a forced tool |
//! | 3.7 … 4.4 | by budget | yes | yes | by a forced tool |
//! | 4.5 | by budget | yes | yes | `output_config.format` |
//! | 4.6 | adaptive, effort | yes | no | `output_config.format` |
//! | from 4.7, and names without a number | adaptive, effort to `xhigh` | no | no | `output_config.format` |
//!
//! Models of other vendors behind this dialect are taken for 4.0: the oldest form that can think is what they imitate.

/// A model's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Family(u32, u32);

/// How thinking is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinks {
    Never,
    ByBudget,
    Adaptive,
}

impl Family {
    /// `claude-3-7-sonnet-20250219` is 3.7, `anthropic/claude-opus-4.6` is 4.6, `claude-opus-4-20250514-v1:0` is 4.0.
    pub(super) fn of(model: &str) -> Self {
        let Some((_, name)) = model.split_once("claude") else { return Self(4, 0) };
        let words = name.split(['-', '.', '@', ':', '_', ' ']);
        let numbers = words.skip_while(|word| !number(word)).take_while(|word| number(word));
        let mut numbers = numbers.filter_map(|word| word.parse().ok());
        match numbers.next() {
            Some(major) => Self(major, numbers.next().unwrap_or(0)),
            None => Self(u32::MAX, 0),
        }
    }

    pub(super) fn thinks(self) -> Thinks {
        match self {
            _ if self >= Self(4, 6) => Thinks::Adaptive,
            _ if self >= Self(3, 7) => Thinks::ByBudget,
            _ => Thinks::Never,
        }
    }

    /// Temperature, `top_p`, `top_k`.
    pub(super) fn samples(self) -> bool {
        self < Self(4, 7)
    }

    /// Temperature and `top_p` together.
    pub(super) fn samples_twice(self) -> bool {
        self < Self(4, 1)
    }

    /// A last message of the assistant is continued.
    pub(super) fn continues(self) -> bool {
        self < Self(4, 6)
    }

    /// `output_config.format`, and `strict` on tools.
    pub(super) fn constrains(self) -> bool {
        self >= Self(4, 5)
    }

    /// Effort `xhigh`, and `display` of thinking.
    pub(super) fn newest(self) -> bool {
        self >= Self(4, 7)
    }
}

/// One or two digits; more are a date.
fn number(word: &str) -> bool {
    (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_version() {
        for (model, major, minor) in [
            ("claude-3-5-haiku-20241022", 3, 5),
            ("claude-3-7-sonnet-latest", 3, 7),
            ("claude-opus-4-20250514", 4, 0),
            ("anthropic.claude-opus-4-20250514-v1:0", 4, 0),
            ("claude-sonnet-4-5@20250929", 4, 5),
            ("anthropic/claude-opus-4.6", 4, 6),
            ("claude-opus-5", 5, 0),
            ("claude-mythos-preview", u32::MAX, 0),
            ("glm-4.6", 4, 0),
        ] {
            assert_eq!(Family::of(model), Family(major, minor), "{model}");
        }
        assert_eq!(Family::of("claude-3-opus").thinks(), Thinks::Never);
        assert_eq!(Family::of("claude-3-7-sonnet").thinks(), Thinks::ByBudget);
        assert_eq!(Family::of("claude-opus-4-6").thinks(), Thinks::Adaptive);
    }
}
