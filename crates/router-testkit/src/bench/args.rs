//! A tiny parser for `--name value` arguments.

use super::Failure;
use std::str::FromStr;

/// The arguments of a program, checked against the names that it knows.
#[derive(Clone, Debug, Default)]
pub struct Args {
    values: Vec<(String, String)>,
}

impl Args {
    /// Reads arguments. `options` take a value and may repeat, `switches` take none; names without the dashes.
    ///
    /// # Errors
    /// An unknown name (with the known ones), or an option without its value.
    pub fn parse(
        arguments: impl IntoIterator<Item = String>,
        options: &[&str],
        switches: &[&str],
    ) -> Result<Self, Failure> {
        let mut values = Vec::new();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let name = argument.strip_prefix("--").unwrap_or_default();
            if switches.contains(&name) {
                values.push((name.to_owned(), String::new()));
            } else if options.contains(&name) {
                let value = arguments.next().ok_or_else(|| format!("--{name} needs a value"))?;
                values.push((name.to_owned(), value));
            } else {
                let known: Vec<String> = options.iter().chain(switches).map(|name| format!("--{name}")).collect();
                return Err(format!("unknown argument {argument}; known: {}", known.join(" ")).into());
            }
        }
        Ok(Self { values })
    }

    /// Whether a switch or option was given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.iter().any(|(known, _)| known == name)
    }

    /// The last value of an option.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of an option, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value that parses, or the default where the option is absent.
    ///
    /// # Errors
    /// When the value does not parse.
    pub fn get<T: FromStr>(&self, name: &str, default: T) -> Result<T, Failure> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("--{name}: '{text}' is not a valid value").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, Failure> {
        Args::parse(line.split_whitespace().map(str::to_owned), &["n", "header"], &["json"])
    }

    #[test]
    fn arguments_are_read_and_checked() {
        let args = parse("--n 3 --json --header a:1 --header b:2").unwrap();
        assert_eq!(args.get("n", 0).unwrap(), 3);
        assert!(args.has("json"));
        assert_eq!(args.all("header").collect::<Vec<_>>(), ["a:1", "b:2"]);
        assert_eq!(args.get("absent", 7).unwrap(), 7);
        assert!(parse("--n x").unwrap().get::<u32>("n", 0).is_err());
        for wrong in ["--m 1", "n 3", "--n"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
