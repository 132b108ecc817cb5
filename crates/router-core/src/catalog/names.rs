//! The index of model names: names and aliases as given, the same without case, and families without date and
//! vendor prefix.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::family;
use super::{ChannelModel, ListIx, ModelIx};

/// Which channel models a name stands for. Every list is in the order of configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameIndex {
    lists: Vec<Box<[ModelIx]>>,
    exact: HashMap<Arc<str>, ListIx>,
    folded: HashMap<Box<str>, ListIx>,
    /// Ascending by date.
    families: HashMap<Box<str>, Box<[(u32, ListIx)]>>,
    /// Names of models, without aliases, sorted, each with its channel models.
    names: Vec<(Arc<str>, ListIx)>,
}

impl NameIndex {
    pub(crate) fn build(models: &[ChannelModel]) -> Self {
        let mut exact: BTreeMap<Arc<str>, Vec<ModelIx>> = BTreeMap::new();
        let mut folded: BTreeMap<String, Vec<ModelIx>> = BTreeMap::new();
        let mut families: BTreeMap<String, BTreeMap<u32, Vec<ModelIx>>> = BTreeMap::new();
        for (slot, model) in models.iter().enumerate() {
            let ix = ModelIx::of(slot);
            for name in std::iter::once(&model.name).chain(model.aliases.iter()) {
                add(exact.entry(Arc::clone(name)).or_default(), ix);
                add(folded.entry(name.to_ascii_lowercase()).or_default(), ix);
                let (base, date) = family::split(name);
                let dates = families.entry(base.to_ascii_lowercase()).or_default();
                add(dates.entry(date).or_default(), ix);
            }
        }
        let mut index = Self::default();
        for (name, list) in exact {
            let list = index.list_of(list);
            index.exact.insert(name, list);
        }
        for (name, list) in folded {
            let list = index.list_of(list);
            index.folded.insert(name.into(), list);
        }
        for (base, dates) in families {
            let dates = dates.into_iter().map(|(date, list)| (date, index.list_of(list))).collect();
            index.families.insert(base.into(), dates);
        }
        index.names = index.own_names(models);
        index
    }

    fn list_of(&mut self, list: Vec<ModelIx>) -> ListIx {
        self.lists.push(list.into());
        ListIx::of(self.lists.len() - 1)
    }

    fn own_names(&self, models: &[ChannelModel]) -> Vec<(Arc<str>, ListIx)> {
        let mut names: Vec<_> =
            models.iter().filter_map(|m| Some((Arc::clone(&m.name), *self.exact.get(&m.name)?))).collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        names.dedup_by(|a, b| a.0 == b.0);
        names
    }

    /// The channel models of a list.
    pub(crate) fn list(&self, list: ListIx) -> &[ModelIx] {
        self.lists.get(list.slot()).map_or(&[], AsRef::as_ref)
    }

    /// A name or alias, as given or else without regard to case.
    pub(crate) fn name(&self, text: &str) -> Option<ListIx> {
        self.exact.get(text).or_else(|| self.folded.get(text.to_ascii_lowercase().as_str())).copied()
    }

    /// The family of a text. With a date: that date, else the undated name. Without: the undated name, else the
    /// newest date.
    pub(crate) fn family(&self, text: &str) -> Option<ListIx> {
        let (base, wanted) = family::split(text);
        let dates = self.families.get(base.to_ascii_lowercase().as_str())?;
        let of = |wanted: u32| dates.iter().find(|(date, _)| *date == wanted);
        let newest = || if wanted == 0 { dates.last() } else { None };
        of(wanted).or_else(|| of(0)).or_else(newest).map(|(_, list)| *list)
    }

    /// Names of models, sorted, without aliases.
    pub(crate) fn names(&self) -> &[(Arc<str>, ListIx)] {
        &self.names
    }
}

/// Models come in ascending order, so a double can only be the last.
fn add(list: &mut Vec<ModelIx>, ix: ModelIx) {
    if list.last() != Some(&ix) {
        list.push(ix);
    }
}
