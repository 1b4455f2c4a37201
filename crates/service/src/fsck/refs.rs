//! Refs: valid names that lead to existing objects of the right kind, and everything these reach is there.

use std::collections::HashSet;

use steelyard_core::{Oid, RefName};
use steelyard_db::refs::{GitRow, RefRow};
use steelyard_git::read::resolve_commit;
use steelyard_git::walk::reachable;
use steelyard_git::{ObjectKind, ObjectSource as _, PackSet};

use super::finding::{Finding, Findings};
use crate::jobs::chain;

/// Missing objects named in a finding.
const NAMED_MAX: usize = 3;

/// Looks at each ref by itself.
pub(super) fn check_refs(set: &PackSet, state: &GitRow, refs: &[RefRow], findings: &mut Findings) {
    let has_branches = refs.iter().any(|row| row.name.starts_with("refs/heads/"));
    if has_branches && !refs.iter().any(|row| row.name == state.head_ref) {
        let what = format!("points to {}, which does not exist", state.head_ref);
        findings.push(Finding::warning("HEAD", what, "create that branch"));
    }
    for row in refs {
        findings.extend(check_ref(set, row));
    }
}

fn check_ref(set: &PackSet, row: &RefRow) -> Option<Finding> {
    let bad = |what: String, hint: &str| Some(Finding::error(row.name.clone(), what, hint));
    if RefName::parse(&row.name).is_err() {
        return bad("is no valid name of a ref".to_owned(), "delete the ref");
    }
    let kind = match set.header(&row.oid) {
        Ok(Some((kind, _))) => kind,
        Ok(None) => {
            let what = format!("points to object {}, which does not exist", row.oid);
            return bad(
                what,
                "restore the pack that held it, or point the ref to an earlier commit",
            );
        }
        // The closure says so.
        Err(_) => return None,
    };
    match kind {
        ObjectKind::Commit if row.peeled.is_none() => None,
        ObjectKind::Commit => bad(
            "is recorded as an annotated tag, but is a commit".to_owned(),
            "write the ref again",
        ),
        ObjectKind::Tag => match resolve_commit(set, &row.oid) {
            Ok((commit, _)) if row.peeled == Some(commit) => None,
            Ok((commit, _)) => bad(
                format!("leads to commit {commit}, but not by its record"),
                "write the tag again",
            ),
            Err(error) => bad(format!("leads to no commit: {}", chain(&error)), "delete the tag"),
        },
        ObjectKind::Tree | ObjectKind::Blob => bad(
            format!("points to {}, which is neither a commit nor a tag", row.oid),
            "delete the ref",
        ),
    }
}

/// Follows every ref to the end; returns all that is there. What is missing is told once, at the first ref that needs
/// it.
pub(super) fn check_closure(
    set: &PackSet,
    refs: &[RefRow],
    findings: &mut Findings,
) -> HashSet<Oid> {
    let mut reached: HashSet<Oid> = HashSet::new();
    let mut known_missing: HashSet<Oid> = HashSet::new();
    for row in refs {
        let mut missing = Vec::new();
        let found = reachable(set, &[row.oid], &|oid| reached.contains(oid), &mut |oid| {
            if known_missing.insert(*oid) && *oid != row.oid {
                missing.push(*oid);
            }
            Ok(())
        });
        match found {
            Ok(found) => reached.extend(found),
            Err(error) => {
                let what = format!("what it reaches cannot be read: {}", chain(&error));
                findings.push(Finding::error(
                    row.name.clone(),
                    what,
                    "restore the pack that holds the object",
                ));
            }
        }
        if !missing.is_empty() {
            let named: Vec<_> = missing.iter().take(NAMED_MAX).map(Oid::to_string).collect();
            let more = if missing.len() > NAMED_MAX { ", …" } else { "" };
            let what = format!(
                "{} objects it reaches are missing: {}{more}",
                missing.len(),
                named.join(", ")
            );
            findings.push(Finding::error(
                row.name.clone(),
                what,
                "restore the packs that held them",
            ));
        }
    }
    reached
}
