//! The hub's own rules, applied to what a push brings.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use steelyard_card::validate_bytes;
use steelyard_core::limits::REGULAR_FILE_BYTES_MAX;
use steelyard_core::{Oid, RepoKind};
use steelyard_git::walk::is_ancestor;
use steelyard_git::{GitError, ObjectKind, ObjectSource, Pack, read};

use super::judge::{Entry, Rules};
use super::paths::find_paths;
use crate::history::{Change, History, broken};
use crate::lfs::Unlinked;
use crate::{Error, Result};

/// The file that says what a repository is.
const README: &str = "README.md";
/// Files named in one message.
const FILES_SHOWN_MAX: usize = 10;

/// What a pushed pack brings that the repository did not have.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Number of new objects.
    pub(super) objects: usize,
    /// New files that are too large for git, with their sizes.
    pub(super) oversized: HashMap<Oid, u64>,
}

/// Looks at every object of `pack` that `history` lacks. `view` sees both.
pub(super) fn find_news(history: &History, view: &History, pack: &Pack) -> Result<News> {
    let mut news = News::default();
    for entry in pack.toc().iter() {
        // Git completes a pack with bases that the repository has already.
        if history.contains(&entry.oid).map_err(broken)? {
            continue;
        }
        news.objects += 1;
        let missing = || broken(GitError::Missing(entry.oid));
        let (kind, size) = view.header(&entry.oid).map_err(broken)?.ok_or_else(missing)?;
        if kind == ObjectKind::Blob && size > REGULAR_FILE_BYTES_MAX {
            news.oversized.insert(entry.oid, size);
        }
    }
    Ok(news)
}

/// Why a pack was refused: one line for the report, more for the screen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: String,
    pub(super) details: Vec<String>,
}

/// The blobs of a push and what they are called.
pub(super) struct Naming<'a> {
    pub(super) history: &'a History,
    pub(super) view: &'a History,
    pub(super) tips: &'a [Oid],
}

impl Naming<'_> {
    /// The fault of files that are too large for git.
    pub(super) fn oversized(&self, oversized: &HashMap<Oid, u64>) -> Result<Fault> {
        let wanted: HashSet<Oid> = oversized.keys().copied().collect();
        let is_known = |oid: &Oid| self.history.contains(oid).unwrap_or(false);
        let paths = find_paths(self.view, self.tips, &is_known, &wanted).map_err(broken)?;
        let mut files: Vec<(String, u64)> =
            oversized.iter().map(|(oid, size)| (called(&paths, oid), *size)).collect();
        files.sort_unstable();
        let limit = REGULAR_FILE_BYTES_MAX >> 20;
        let (name, size) = &files[0];
        let mut reason =
            format!("file {name} has {}, more than {limit} MiB; use git lfs track", mib(*size));
        if files.len() > 1 {
            // Writing to a String cannot fail.
            let _ = write!(reason, " (and {} more)", files.len() - 1);
        }
        let mut details =
            vec![format!("Files larger than {limit} MiB must be stored with git-lfs:")];
        details.extend(
            files
                .iter()
                .take(FILES_SHOWN_MAX)
                .map(|(name, size)| format!("  {name} ({})", mib(*size))),
        );
        details.push("Run \"git lfs install\" and \"git lfs track\" for them. If they are committed already, ".to_owned());
        details.push(format!(
            "rewrite the commits: git lfs migrate import --everything --above={limit}MiB"
        ));
        details.push("Then push again.".to_owned());
        Ok(Fault { reason, details })
    }
}

/// The fault of pointers to contents that this repository does not have; there is at least one.
pub(super) fn unlinked_fault(unlinked: &[Unlinked]) -> Fault {
    let Unlinked { path, rule, .. } = &unlinked[0];
    let is_missing = unlinked.iter().any(|file| file.is_missing);
    let mut reason = format!("file \"{path}\" {rule}");
    if is_missing {
        reason.push_str("; run git lfs push --all");
    }
    if unlinked.len() > 1 {
        let _ = write!(reason, " (and {} more)", unlinked.len() - 1);
    }
    let mut details = vec![
        "These files are pointers to LFS objects that this repository cannot name:".to_owned(),
    ];
    let shown = unlinked.iter().take(FILES_SHOWN_MAX);
    details.extend(shown.map(|Unlinked { path, rule, .. }| format!("  \"{path}\" {rule}")));
    if is_missing {
        details.push(
            "Upload them with \"git lfs push --all <remote> <branch>\", then push again."
                .to_owned(),
        );
    }
    Fault { reason, details }
}

fn called(paths: &HashMap<Oid, String>, oid: &Oid) -> String {
    paths.get(oid).map_or_else(|| format!("(blob {oid})"), |path| format!("\"{path}\""))
}

fn mib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// A command that passed every rule, ready to land.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) change: Change,
    /// The tree of the commit that the ref stands for then.
    pub(super) tree: Option<Oid>,
    /// The tree of the commit that it stands for now.
    pub(super) old_tree: Option<Oid>,
    /// True when history may become unreachable.
    pub(super) cuts: bool,
}

/// Looks at where refs are to point. The objects are known to be complete.
pub(super) struct Tips<'a> {
    pub(super) view: &'a Arc<History>,
    pub(super) kind: RepoKind,
    pub(super) rules: &'a Rules<'a>,
}

impl Tips<'_> {
    /// Plans the change of one ref, or says why not, with details for the screen.
    pub(super) fn plan(&self, entry: &Entry) -> Result<Result<Planned, Fault>> {
        let Some(name) = entry.name.clone() else {
            return Err(Error::internal("a ref without a name was not refused"));
        };
        let (old, new) = (entry.old(), entry.new_oid());
        let Some(new) = new else {
            let change = Change { name, old, new: None, peeled: None };
            return Ok(Ok(Planned { change, tree: None, old_tree: None, cuts: true }));
        };
        let is_tag = name.tag_name().is_some();
        let (commit, tree) = match read::resolve_commit(&**self.view, &new) {
            Ok((oid, commit)) if oid == new || is_tag => (oid, commit.tree),
            Ok(_) => return Ok(Err(fault("must point to a commit, not to a tag"))),
            Err(GitError::WrongKind { found, .. }) => {
                return Ok(Err(fault(format!("must point to a commit, not to a {found}"))));
            }
            Err(error @ GitError::TooLarge { .. }) => return Ok(Err(fault(error.to_string()))),
            Err(error) => return Err(broken(error)),
        };
        let before = match &old {
            Some(old) => Some(read::resolve_commit(&**self.view, old).map_err(broken)?),
            None => None,
        };
        let cuts = match (&before, old) {
            (Some((before, _)), Some(old)) => {
                old != new
                    && (is_tag || !is_ancestor(&**self.view, before, &commit).map_err(broken)?)
            }
            _ => false,
        };
        if cuts && name.branch_name().is_some_and(|branch| self.rules.protected.contains(branch)) {
            return Ok(Err(fault("the branch is protected: only fast-forwards are accepted")));
        }
        let old_tree = before.map(|(_, commit)| commit.tree);
        if name.branch_name().is_some()
            && let Some(fault) = self.check_card(tree, old_tree)?
        {
            return Ok(Err(fault));
        }
        let peeled = Some(commit).filter(|commit| *commit != new);
        let change = Change { name, old, new: Some(new), peeled };
        Ok(Ok(Planned { change, tree: Some(tree), old_tree, cuts }))
    }

    /// What is wrong with the card at the root of `tree`, unless it was so before.
    fn check_card(&self, tree: Oid, old_tree: Option<Oid>) -> Result<Option<Fault>> {
        let Some(card) = changed_card(self.view, tree, old_tree)? else { return Ok(None) };
        let report = validate_bytes(self.kind, None, &card);
        let shown = |issue: &steelyard_card::Issue| match issue.line {
            Some(line) => format!("{README} line {line}: {}", issue.message),
            None => format!("{README}: {}", issue.message),
        };
        let Some(first) = report.errors.first() else { return Ok(None) };
        let mut details = vec!["The metadata of the card is not valid:".to_owned()];
        details.extend(
            report.errors.iter().take(FILES_SHOWN_MAX).map(|issue| format!("  {}", shown(issue))),
        );
        Ok(Some(Fault { reason: shown(first), details }))
    }
}

/// The card at the root of a tree, if it is another one than in the old tree.
pub(super) fn changed_card(
    view: &History,
    tree: Oid,
    old_tree: Option<Oid>,
) -> Result<Option<Bytes>> {
    let find = |tree: Oid| read::lookup_path(view, &tree, README).map_err(broken);
    let Some(card) = find(tree)?.filter(|entry| entry.mode.is_file()) else { return Ok(None) };
    let before = old_tree.map(find).transpose()?.flatten();
    if before.is_some_and(|before| before.oid == card.oid) {
        return Ok(None);
    }
    let missing = || broken(GitError::Missing(card.oid));
    let (_, size) = view.header(&card.oid).map_err(broken)?.ok_or_else(missing)?;
    if size > REGULAR_FILE_BYTES_MAX {
        return Ok(None);
    }
    Ok(Some(view.read(&card.oid).map_err(broken)?.ok_or_else(missing)?.data))
}

fn fault(reason: impl Into<String>) -> Fault {
    Fault { reason: reason.into(), details: Vec::new() }
}
