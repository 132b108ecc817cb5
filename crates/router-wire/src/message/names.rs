//! Names of tools that a provider's dialect forbids: rewritten on the way up, restored on the way down.

use std::collections::HashMap;
use std::collections::HashSet;

/// Which names a dialect takes.
#[derive(Clone, Copy, Debug)]
pub struct NameRule {
    /// Longest name, in characters.
    pub max: usize,
    /// Characters beside letters and digits of ASCII.
    pub also: &'static [char],
}

impl NameRule {
    /// Chat and Responses: 64 of `[a-zA-Z0-9_-]`.
    pub const OPENAI: Self = Self { max: 64, also: &['_', '-'] };
    /// Anthropic: 128 of `[a-zA-Z0-9_-]`.
    pub const ANTHROPIC: Self = Self { max: 128, also: &['_', '-'] };
    /// Gemini: 128 of `[a-zA-Z0-9_.:-]`.
    pub const GEMINI: Self = Self { max: 128, also: &['_', '-', '.', ':'] };

    fn holds(self, name: &str) -> bool {
        !name.is_empty() && name.len() <= self.max && name.chars().all(|c| self.takes(c))
    }

    fn takes(self, c: char) -> bool {
        c.is_ascii_alphanumeric() || self.also.contains(&c)
    }
}

/// The names of one request that were rewritten, both ways. Empty where nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    up: HashMap<String, String>,
    down: HashMap<String, String>,
}

impl Names {
    /// Decides over all names that a request uses (tools, choices, history). Legal names keep theirs; the others get a legal
    /// name that no other has, the same one wherever they stand and whatever the order.
    #[must_use]
    pub fn for_rule<'a>(rule: NameRule, names: impl Iterator<Item = &'a str>) -> Self {
        let mut illegal: Vec<&str> = Vec::new();
        let mut taken: HashSet<String> = HashSet::new();
        for name in names {
            if rule.holds(name) {
                taken.insert(name.to_owned());
            } else if !illegal.contains(&name) {
                illegal.push(name);
            }
        }
        illegal.sort_unstable();
        let mut found = Self::default();
        for name in illegal {
            let legal = legal(rule, name, &taken);
            taken.insert(legal.clone());
            found.up.insert(name.to_owned(), legal.clone());
            found.down.insert(legal, name.to_owned());
        }
        found
    }

    /// The name for the provider.
    #[must_use]
    pub fn up<'a>(&'a self, name: &'a str) -> &'a str {
        self.up.get(name).map_or(name, String::as_str)
    }

    /// The name for the client.
    #[must_use]
    pub fn down<'a>(&'a self, name: &'a str) -> &'a str {
        self.down.get(name).map_or(name, String::as_str)
    }

    /// Whether any name was rewritten.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.up.is_empty()
    }
}

fn legal(rule: NameRule, name: &str, taken: &HashSet<String>) -> String {
    let mut base: String = name.chars().map(|c| if rule.takes(c) { c } else { '_' }).collect();
    if base.is_empty() {
        base.push_str("tool");
    }
    // FNV-1a: short, stable, and no secret depends on it.
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let fits = base.len() <= rule.max && !taken.contains(&base);
    if fits {
        return base;
    }
    (0_u64..)
        .map(|round| {
            let suffix = format!("_{:08x}", (hash.wrapping_add(round)) & 0xffff_ffff);
            let head: String = base.chars().take(rule.max.saturating_sub(suffix.len())).collect();
            format!("{head}{suffix}")
        })
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_unique_and_come_back() {
        let long = "x".repeat(200);
        let names = ["ok", "a.b", "a_b", "a:b", "", &long, "wetter_für"];
        let map = Names::for_rule(NameRule::OPENAI, names.iter().copied());
        let mut seen = HashSet::new();
        for name in names {
            let up = map.up(name);
            assert!(NameRule::OPENAI.holds(up), "{up}");
            assert!(seen.insert(up.to_owned()), "{up} twice");
            assert_eq!(map.down(up), name);
        }
        assert_eq!(map.up("ok"), "ok");
        assert!(Names::for_rule(NameRule::GEMINI, ["a.b:c"].into_iter()).is_empty());
    }
}
