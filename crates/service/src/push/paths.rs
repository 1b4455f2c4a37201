//! Finding out what a pushed blob is called.

use std::collections::{HashMap, HashSet};

use steelyard_core::Oid;
use steelyard_git::walk::diff_trees;
use steelyard_git::{GitError, ObjectSource, read};

/// Effort spent on finding names for a message.
const COMMITS_MAX: usize = 10_000;
const CHANGES_MAX: usize = 100_000;

/// The path at which each of `wanted` first appears in the new commits behind `tips`. A blob may lack one: it can lie
/// beyond the limits, or in a merge's second parent's side that is known already.
pub(super) fn find_paths(
    source: &dyn ObjectSource,
    tips: &[Oid],
    is_known: &dyn Fn(&Oid) -> bool,
    wanted: &HashSet<Oid>,
) -> Result<HashMap<Oid, String>, GitError> {
    let mut found = HashMap::new();
    let mut seen = HashSet::new();
    let mut open = Vec::new();
    for tip in tips {
        open.push(read::resolve_commit(source, tip)?.0);
    }
    while let Some(oid) = open.pop() {
        if found.len() == wanted.len() || seen.len() == COMMITS_MAX {
            break;
        }
        if is_known(&oid) || !seen.insert(oid) {
            continue;
        }
        let commit = read::get_commit(source, &oid)?;
        let base = match commit.parents.first() {
            Some(parent) => Some(read::get_commit(source, parent)?.tree),
            None => None,
        };
        for change in diff_trees(source, base.as_ref(), Some(&commit.tree), CHANGES_MAX)?.changes {
            if let Some((_, blob)) = change.new
                && wanted.contains(&blob)
            {
                found.entry(blob).or_insert_with(|| change.path_text().into_owned());
            }
        }
        open.extend(commit.parents);
    }
    Ok(found)
}
