//! The large files behind the new tips of refs.
//!
//! **The rule.** What becomes reachable through a ref may point only to contents that the repository links to. That
//! cannot be told from the objects somebody sends: what was cut off from a history, say because a large file in it was
//! deleted for good, stays in the repository for two weeks, and can be named by its id without sending anything. So
//! the commits behind the new tip are walked, as far as they are not behind a ref.
//!
//! What is behind a ref already stays as it is. A large file may have been deleted without rewriting the history, and
//! its branch can still be copied and moved on.
//!
//! Between the look and the transaction nothing can change that matters: deleting large files for good raises the
//! repository's epoch, which the transaction asserts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use steelyard_core::{Oid, Sha256};
use steelyard_db::repo::RepoRow;
use steelyard_git::lfs_pointer::{self, POINTER_BYTES_MAX};
use steelyard_git::walk::{fresh_commits, fresh_files, reachable};
use steelyard_git::{GitError, ObjectSource, read};

use crate::fetch::{GitRefs, blocking};
use crate::history::{History, broken};
use crate::{Error, Hub, Result};

/// A pointer to a large file that becomes reachable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewPointer {
    /// The content it names.
    pub(crate) sha256: Sha256,
    /// The size it claims.
    pub(crate) size_bytes: u64,
    /// Where it was seen first.
    pub(crate) path: String,
}

/// The pointers that become reachable, by the id of their blob.
pub(crate) type NewPointers = HashMap<Oid, NewPointer>;

/// A pointer that breaks the rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unlinked {
    /// Its path.
    pub(crate) path: String,
    /// What is wrong with it, to be read after the path.
    pub(crate) rule: String,
    /// True when uploading the content would help.
    pub(crate) is_missing: bool,
}

/// What is behind new tips.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    pub(crate) pointers: NewPointers,
    /// By path.
    pub(crate) unlinked: Vec<Unlinked>,
}

impl Hub {
    /// Looks at the large files that refs at `tips` would make reachable and that `refs` do not reach. `base` is the
    /// repository as it is, `view` has what a push brings as well. Tips that are no commits are left to others.
    pub(crate) async fn look_behind(
        &self,
        repo_id: i64,
        base: &Arc<History>,
        view: &Arc<History>,
        tips: Vec<Oid>,
        refs: Arc<[Oid]>,
    ) -> Result<Behind> {
        let (seen, known) = (Arc::clone(view), Arc::clone(&refs));
        let is_pushed = !Arc::ptr_eq(base, view);
        let find = move || {
            find_new_pointers(&*seen, &tips, &known).map_err(|error| match error {
                // Git before 2.38 lets folders pass with modes that nobody knows.
                GitError::Malformed { .. } if is_pushed => {
                    Error::invalid("pack", error.to_string())
                }
                error => broken(error),
            })
        };
        let pointers = blocking(find).await?;
        let mut suspects = Vec::new();
        for (blob, pointer) in &pointers {
            if let Some(rule) = self.broken_rule(repo_id, pointer).await? {
                suspects.push((*blob, pointer.path.clone(), rule));
            }
        }
        if suspects.is_empty() {
            return Ok(Behind { pointers, unlinked: Vec::new() });
        }
        let base = Arc::clone(base);
        let unlinked = blocking(move || convict(&base, &refs, suspects)).await?;
        Ok(Behind { pointers, unlinked })
    }

    async fn broken_rule(&self, repo_id: i64, pointer: &NewPointer) -> Result<Option<Rule>> {
        let NewPointer { sha256, size_bytes: size, .. } = pointer;
        Ok(match self.finish_upload_for_commit(repo_id, *sha256).await? {
            Some(found) if found == *size => None,
            Some(found) => Some(Rule::WrongSize(format!(
                "says that LFS object {sha256} has {size} bytes, but it has {found}"
            ))),
            None => Some(Rule::Missing(format!("points to LFS object {sha256}"))),
        })
    }

    /// Checks that a ref may be set to a commit that somebody named, and gives the view that the transaction must
    /// rest on. `seen_at` is the epoch at which the commit was found.
    pub(crate) async fn admit_tip(
        &self,
        repo: &RepoRow,
        commit: Oid,
        seen_at: i64,
    ) -> Result<Arc<History>> {
        let refs = self.git_refs_of(repo).await?;
        let history = self.history(repo.id, &refs.state).await?;
        if [history.gc_epoch(), refs.state.gc_epoch] != [seen_at; 2] {
            return Err(Error::Stale);
        }
        let behind =
            self.look_behind(repo.id, &history, &history, vec![commit], commits_of(&refs)).await?;
        match behind.unlinked.first() {
            None => Ok(history),
            Some(Unlinked { path, rule, .. }) => {
                Err(Error::invalid("revision", format!("has the file \"{path}\", which {rule}")))
            }
        }
    }
}

/// The commits that refs stand for.
pub(crate) fn commits_of(refs: &GitRefs) -> Arc<[Oid]> {
    refs.refs.iter().map(|record| record.peeled.unwrap_or(record.oid)).collect()
}

enum Rule {
    /// The repository has no right to the content.
    Missing(String),
    WrongSize(String),
}

/// Of pointers that seem to break the rule, those that do. The walk that found them may list what a ref reaches in
/// another place; only who would be refused pays for certainty.
fn convict(
    base: &History,
    refs: &[Oid],
    suspects: Vec<(Oid, String, Rule)>,
) -> Result<Vec<Unlinked>> {
    let reached = reachable(base, refs, &|_| false, &mut |_| Ok(())).map_err(broken)?;
    let mut unlinked = Vec::new();
    for (blob, path, rule) in suspects {
        if reached.contains(&blob) {
            continue;
        }
        let (rule, is_missing) = match rule {
            Rule::WrongSize(text) => (text, true),
            // It was linked when it came.
            Rule::Missing(text) if base.contains(&blob).map_err(broken)? => {
                (format!("{text}, which this repository no longer has"), false)
            }
            Rule::Missing(text) => (format!("{text}, which was not uploaded"), true),
        };
        unlinked.push(Unlinked { path, rule, is_missing });
    }
    unlinked.sort_unstable();
    Ok(unlinked)
}

/// The pointers in files that become reachable through `tips` and are not behind `refs`, which are commits. Some that
/// are behind them in another place may be among the answer.
fn find_new_pointers(
    view: &dyn ObjectSource,
    tips: &[Oid],
    refs: &[Oid],
) -> Result<NewPointers, GitError> {
    let mut commits = HashSet::new();
    for tip in tips {
        match read::resolve_commit(view, tip) {
            Ok((commit, _)) => drop(commits.insert(commit)),
            // Not for a ref; whoever plans its change says so.
            Err(GitError::WrongKind { .. } | GitError::TooLarge { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let commits: Vec<Oid> = commits.into_iter().collect();
    let fresh = fresh_commits(view, &commits, refs)?;
    let mut pointers = NewPointers::new();
    fresh_files(view, &fresh, &mut |path, oid| {
        let (_, size) = view.header(oid)?.ok_or(GitError::Missing(*oid))?;
        if size < POINTER_BYTES_MAX as u64
            && let Some((sha256, size_bytes)) = lfs_pointer::parse(&read::get_blob(view, oid)?)
        {
            let path = String::from_utf8_lossy(path).into_owned();
            pointers.insert(*oid, NewPointer { sha256, size_bytes, path });
        }
        Ok(())
    })?;
    Ok(pointers)
}
