//! The packs of a repository by their ids.

use std::collections::HashMap;
use std::sync::Arc;

use steelyard_git::Pack;

/// Packs by id. Adding one shares what was there: the packs are kept in runs of geometrically growing size, so that a
/// commit to a repository with a thousand packs does not copy a thousand names.
#[derive(Debug, Clone, Default)]
pub(crate) struct PackIndex {
    runs: Vec<Arc<HashMap<String, Arc<Pack>>>>,
}

impl PackIndex {
    /// Adds a pack whose id is not known yet.
    pub(super) fn insert(&mut self, id: String, pack: Arc<Pack>) {
        let mut run = HashMap::from([(id, pack)]);
        while let Some(previous) = self.runs.pop_if(|previous| previous.len() < 2 * run.len()) {
            let mut merged = Arc::unwrap_or_clone(previous);
            merged.extend(run);
            run = merged;
        }
        self.runs.push(Arc::new(run));
    }

    /// The pack with that id.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Pack>> {
        self.runs.iter().rev().find_map(|run| run.get(id))
    }

    /// True when there is a pack with that id.
    pub(crate) fn contains_key(&self, id: &str) -> bool {
        self.get(id).is_some()
    }

    /// Every pack with its id, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Arc<Pack>)> {
        self.runs.iter().flat_map(|run| run.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use steelyard_git::PackBuilder;

    use super::*;

    #[test]
    fn a_thousand_packs_lie_in_few_runs_and_older_copies_stay_as_they_are() {
        let pack = Arc::new(PackBuilder::new().finish().unwrap().into_pack());
        let mut index = PackIndex::default();
        let mut before = Vec::new();
        for number in 0..1000 {
            before.push(index.clone());
            index.insert(number.to_string(), Arc::clone(&pack));
        }
        assert!(index.runs.len() <= 11, "{}", index.runs.len());
        let names: BTreeSet<_> = index.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(names, (0..1000).map(|number| number.to_string()).collect());
        assert_eq!(index.iter().count(), 1000);
        for (count, earlier) in before.iter().enumerate() {
            assert_eq!(earlier.iter().count(), count);
            assert!(
                !earlier.contains_key(&count.to_string()) && index.contains_key(&count.to_string())
            );
        }
        assert!(index.get("1000").is_none());
    }
}
