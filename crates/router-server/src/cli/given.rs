//! The configuration that a file of assertions or a scenario names, brings with it, or both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::assertions::Inline;
use crate::config::{self, Loaded, Overrides, Problems, Source};

/// What such a file says of its configuration.
pub(super) struct Configured<'a> {
    /// A folder or a file, as seen from the file.
    pub(super) config: Option<&'a str>,
    /// More, in the file itself.
    pub(super) with: Option<&'a Inline>,
    /// The environment.
    pub(super) env: &'a BTreeMap<String, String>,
}

impl Configured<'_> {
    /// Loads it as the router would. `folder` is where the file lies; `instead` replaces the configuration that it names.
    ///
    /// # Errors
    /// What is not valid.
    pub(super) fn load(&self, folder: &Path, instead: Option<&PathBuf>) -> Result<Loaded, String> {
        let invalid = |problems: Problems| format!("the configuration is not valid:\n{problems}");
        let named = self.config.map(|path| folder.join(path));
        // A file that brings a whole world of its own has no configuration to be replaced.
        let source = match (instead.or(named.as_ref()), &named, self.with) {
            (_, None, Some(_)) => Source::Texts(Vec::new()),
            (Some(path), ..) => Source::Path(path.clone()),
            (None, ..) => Source::Default,
        };
        let files = config::read(&source).map_err(invalid)?;
        config::load_with(&files, self.with, self.env, &Overrides::default()).map_err(invalid)
    }
}
