//! Which script a request gets: rules with their sequences.

use crate::record::Received;
use crate::script::Script;
use std::sync::Arc;

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matcher {
    Any,
    Model(String),
    Key(String),
    Path(String),
    Calls(String),
}

impl Matcher {
    fn holds(&self, request: &Received, model: &str) -> bool {
        let call = request.method == "POST";
        match self {
            Self::Any => call,
            Self::Model(wanted) => call && model == wanted,
            Self::Key(wanted) => call && request.key() == Some(wanted),
            Self::Calls(prefix) => call && request.path.starts_with(prefix),
            Self::Path(prefix) => request.path.starts_with(prefix),
        }
    }
}

/// Scripts for successive calls.
#[derive(Debug)]
struct Sequence {
    scripts: Vec<Arc<Script>>,
    next: usize,
    cycle: bool,
}

impl Sequence {
    fn take(&mut self) -> Option<Arc<Script>> {
        let script = self.scripts.get(self.next).cloned();
        let last = self.next + 1 >= self.scripts.len();
        self.next = match (last, self.cycle) {
            (false, _) => self.next + 1,
            (true, true) => 0,
            (true, false) => self.next,
        };
        script
    }
}

/// The rules of a provider; the last one is asked first, `Any` stands at the front and is asked last.
#[derive(Debug, Default)]
pub(super) struct Rules {
    list: Vec<(Matcher, Sequence)>,
    named_last: Option<Matcher>,
}

impl Rules {
    /// Sets a rule; one with the same matcher is replaced.
    pub(super) fn set(&mut self, matcher: Matcher, script: Script) {
        self.list.retain(|(known, _)| *known != matcher);
        let sequence = Sequence { scripts: vec![Arc::new(script)], next: 0, cycle: false };
        let place = if matcher == Matcher::Any { 0 } else { self.list.len() };
        self.list.insert(place, (matcher.clone(), sequence));
        self.named_last = Some(matcher);
    }

    /// Appends to the rule named last; without one, to a faithful default.
    pub(super) fn then(&mut self, script: Script) {
        if self.named_last.is_none() {
            self.set(Matcher::Any, Script::ok());
        }
        if let Some(sequence) = self.last_named() {
            sequence.scripts.push(Arc::new(script));
        }
    }

    /// Lets the rule named last start over after its end.
    pub(super) fn cycle(&mut self) {
        if let Some(sequence) = self.last_named() {
            sequence.cycle = true;
        }
    }

    /// The script for a request; `None`: a faithful answer.
    pub(super) fn choose(&mut self, request: &Received) -> Option<Arc<Script>> {
        if self.list.is_empty() {
            return None;
        }
        let model = request.model();
        let (_, sequence) = self.list.iter_mut().rfind(|(matcher, _)| matcher.holds(request, &model))?;
        sequence.take()
    }

    fn last_named(&mut self) -> Option<&mut Sequence> {
        let named = self.named_last.as_ref()?;
        self.list.iter_mut().find(|(matcher, _)| matcher == named).map(|(_, sequence)| sequence)
    }
}
