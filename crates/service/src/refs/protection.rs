//! Protected branches: history on them only grows.

use std::collections::HashSet;

use serde_json::Value;
use steelyard_core::RefName;
use steelyard_db::repo::RepoRow;

use crate::{Error, Result};

/// Where the names are kept in a repository's settings.
pub(crate) const SETTING: &str = "protected_branches";
/// Most branches of one repository that may be protected.
const BRANCHES_MAX: usize = 100;

/// The names of the protected branches in a repository's settings.
pub(crate) fn protected_branches(settings: &Value) -> HashSet<&str> {
    let list = settings.get(SETTING).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The names of a repository's protected branches, in order.
pub fn list_protected(repo: &RepoRow) -> Vec<String> {
    let mut names: Vec<String> =
        protected_branches(&repo.settings).into_iter().map(str::to_owned).collect();
    names.sort();
    names
}

/// Checks a list of branches to protect.
pub(crate) fn check_branches(branches: &[String]) -> Result<()> {
    if branches.len() > BRANCHES_MAX {
        return Err(Error::invalid("protectedBranches", "must name at most 100 branches"));
    }
    for branch in branches {
        RefName::branch(branch)?;
    }
    Ok(())
}

/// Fails when `name` is a protected branch: `what` would take history away from it.
pub(crate) fn refuse_if_protected(repo: &RepoRow, name: &RefName, what: &str) -> Result<()> {
    let is_protected =
        name.branch_name().is_some_and(|name| protected_branches(&repo.settings).contains(name));
    if is_protected {
        return Err(Error::Forbidden(format!(
            "Cannot {what} {name}: the branch is protected in {}",
            repo.repo
        )));
    }
    Ok(())
}
