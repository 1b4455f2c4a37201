//! Deleting large files for good: out of every commit of the repository.
//!
//! All refs are rewritten and all links deleted in one transaction, which asserts that nothing else changed since the
//! refs were read: a branch pushed meanwhile would keep the files. Losing against a writer costs little, because what
//! was rewritten is kept and only new commits are looked at; from the fifth attempt on the repository's write lock is
//! taken first. The old commits stay as long as anything that was cut off, and go with `git.drop`.
//! Until then who has their ids can read them; their pointers lead to nothing, because the links are gone, and no ref
//! can be set to them again (`tips.rs`). The repository's epoch is raised, so that nothing lands which was checked
//! while the files were still there.

use std::sync::Arc;

use steelyard_core::fault::crash_point;
use steelyard_core::{RefName, RepoId, RepoKind, Sha256};
use steelyard_db::pack::{self, PackKind};
use steelyard_db::refs::{self, GitRow, RefRow};
use steelyard_db::repo::RepoRow;
use steelyard_db::{Tx, lfs};
use steelyard_git::rewrite::{Rewriter, Rewritten};
use steelyard_git::{BuiltPack, GitError};

use super::files::check_count;
use crate::fetch::blocking;
use crate::history::{Change, History, Landed, LogEntry, PreparedPack, broken};
use crate::revisions::{HeadFacts, compute_facts, read_tree_of, record_head};
use crate::{Action, Actor, Error, Hub, Result};

/// Attempts before the repository's write lock is taken first.
const OPTIMISTIC_ATTEMPTS: usize = 4;
const ATTEMPTS_MAX: usize = 6;

/// Who deletes what.
struct Plan<'a> {
    actor: &'a Actor,
    repo: &'a RepoRow,
    file_ids: &'a [String],
    contents: Vec<Sha256>,
}

/// What earlier attempts have done.
struct Work {
    gc_epoch: i64,
    rewriter: Rewriter,
    prepared: Vec<PreparedPack>,
}

/// A new history, ready to land.
struct Landing {
    state: GitRow,
    changes: Vec<Change>,
    /// What the repository says of itself afterwards, when its default branch changes.
    facts: Option<HeadFacts>,
}

impl Hub {
    /// Takes large files out of the repository and out of its history: every branch, tag, pull request and conversion
    /// whose commits point to one of them is rewritten without, and so is every commit after the first such one.
    /// Commits that become empty stay, with their messages. Returns how many files there were.
    pub async fn purge_lfs_files(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        file_ids: &[String],
    ) -> Result<usize> {
        check_count(file_ids)?;
        let mut conn = self.db().read().await?;
        let repo = self.repo_on(&mut conn, actor, kind, id, Action::AdministerRepo).await?;
        let mut contents = Vec::with_capacity(file_ids.len());
        for file_id in file_ids {
            contents.extend(lfs::find_linked(&mut conn, repo.id, file_id).await?);
        }
        drop(conn);
        if contents.is_empty() {
            return Ok(0);
        }
        let plan = Plan { actor, repo: &repo, file_ids, contents };
        let slot = self.histories().writer(repo.id);
        let _writing = slot.lock().await;
        let mut work = None;
        for attempt in 0..ATTEMPTS_MAX {
            let mut locked = None;
            if attempt >= OPTIMISTIC_ATTEMPTS {
                let mut tx = self.db().write().await?;
                refs::lock_git(&mut tx, repo.id).await?;
                locked = Some(tx);
            }
            if let Some(deleted) = Box::pin(self.try_purge(&plan, &mut work, locked)).await? {
                return Ok(deleted);
            }
        }
        self.discard_work(work).await;
        Err(Error::Unavailable("the repository changes too fast".into()))
    }

    /// One attempt; `None` when somebody else changed the repository meanwhile.
    async fn try_purge(
        &self,
        plan: &Plan<'_>,
        kept: &mut Option<Work>,
        locked: Option<Tx>,
    ) -> Result<Option<usize>> {
        let mut conn = self.db().read().await?;
        let found = refs::list_refs_with_git(&mut conn, plan.repo.id).await?;
        drop(conn);
        let (state, refs) =
            found.ok_or_else(|| Error::internal("the repository has no history record"))?;
        let history = self.history(plan.repo.id, &state).await?;
        if history.gc_epoch() != state.gc_epoch {
            return Ok(None);
        }
        let (mut work, rows) = self.rewrite_refs(plan, kept.take(), &history, refs).await?;
        let changes = changes_of(rows)?;
        let facts = facts_after(plan.repo, &state, &changes, &history, &work).await?;
        crash_point("lfs.purge.rewritten");
        let tx = match locked {
            Some(tx) => tx,
            None => self.db().write().await?,
        };
        let landing = Landing { state, changes, facts };
        let deleted = self.land_purge(tx, plan, &landing, &mut work).await?;
        *kept = Some(work);
        Ok(deleted)
    }

    /// Rewrites what earlier attempts have not, and makes the new objects durable.
    async fn rewrite_refs(
        &self,
        plan: &Plan<'_>,
        kept: Option<Work>,
        history: &Arc<History>,
        refs: Vec<RefRow>,
    ) -> Result<(Work, Vec<(RefRow, Rewritten)>)> {
        let (contents, view) = (plan.contents.clone(), Arc::clone(history));
        let usable = move || match kept {
            Some(work)
                if work.gc_epoch == view.gc_epoch()
                    && work.rewriter.fits(&*view).map_err(broken)? =>
            {
                Ok((work, None))
            }
            stale => {
                let rewriter = Rewriter::new(contents);
                let gc_epoch = view.gc_epoch();
                Ok((Work { gc_epoch, rewriter, prepared: Vec::new() }, stale))
            }
        };
        let (mut work, stale) = blocking(usable).await?;
        self.discard_work(stale).await;
        let view = Arc::clone(history);
        let (mut work, rows, pack) = blocking(move || {
            let (rows, pack) = rewrite(&mut work.rewriter, &view, refs)?;
            Ok((work, rows, pack))
        })
        .await?;
        if let Some(pack) = pack {
            work.prepared.push(self.prepare_pack(pack, PackKind::Tail).await?);
        }
        Ok((work, rows))
    }

    /// The transaction; `None` when the repository is not as it was read.
    async fn land_purge(
        &self,
        mut tx: Tx,
        plan: &Plan<'_>,
        landing: &Landing,
        work: &mut Work,
    ) -> Result<Option<usize>> {
        let repo_id = plan.repo.id;
        // It took long enough for rights to be taken away meanwhile.
        self.repo_on(&mut tx, plan.actor, plan.repo.kind, &plan.repo.repo, Action::AdministerRepo)
            .await?;
        let (state, now) = (&landing.state, self.now());
        let current = refs::lock_git(&mut tx, repo_id).await?;
        let is_same = current.is_some_and(|current| {
            current.seq == state.seq
                && current.gc_epoch == state.gc_epoch
                && current.head_ref == state.head_ref
        });
        if !is_same {
            return Ok(None);
        }
        let changes = &landing.changes;
        if !changes.is_empty() {
            let log = LogEntry { actor_id: plan.actor.id(), cause: "lfs-delete", now };
            let landed = self.land(&mut tx, repo_id, state.gc_epoch, None, changes, log).await?;
            let Landed::At(seq) = landed else { return Ok(None) };
            for prepared in &work.prepared {
                pack::insert_pack(&mut tx, repo_id, seq, prepared.row().clone(), now).await?;
            }
            refs::want_drop(&mut tx, repo_id).await?;
            if changes.iter().any(|change| change.name.as_str() == state.head_ref) {
                record_head(&mut tx, repo_id, now, landing.facts.as_ref()).await?;
            }
            self.record_refs(&mut tx, plan.actor, plan.repo, changes).await?;
        }
        let deleted = self.delete_links(&mut tx, plan.actor, repo_id, plan.file_ids).await?;
        pack::bump_gc_epoch(&mut tx, repo_id).await?;
        crash_point("lfs.purge.before_commit");
        tx.commit().await?;
        crash_point("lfs.purge.after_commit");
        tracing::info!(
            repo_id,
            deleted,
            refs = changes.len(),
            "took large files out of the history"
        );
        Ok(Some(deleted))
    }

    /// Removes the packs of attempts that surely did not land.
    async fn discard_work(&self, work: Option<Work>) {
        for prepared in work.iter().flat_map(|work| &work.prepared) {
            self.discard_prepared(prepared).await;
        }
    }
}

/// Each ref and where it points afterwards.
type Moves = Vec<(RefRow, Rewritten)>;

/// Where each ref points afterwards, and what has to be added for that.
fn rewrite(
    rewriter: &mut Rewriter,
    view: &History,
    refs: Vec<RefRow>,
) -> Result<(Moves, Option<BuiltPack>)> {
    let too_large = |error| match error {
        GitError::TooLarge { what, limit } => {
            Error::TooLarge { what: what.to_owned(), limit: limit.to_string() }
        }
        error => broken(error),
    };
    let mut rows = Vec::with_capacity(refs.len());
    for row in refs {
        let new = rewriter.rewrite(view, &row.oid).map_err(too_large)?;
        rows.push((row, new));
    }
    Ok((rows, rewriter.take_pack().map_err(too_large)?))
}

fn changes_of(rows: Vec<(RefRow, Rewritten)>) -> Result<Vec<Change>> {
    let changed = rows.into_iter().filter(|(row, new)| row.oid != new.oid);
    let change = |(row, new): (RefRow, Rewritten)| {
        let name = RefName::parse(&row.name)?;
        Ok(Change { name, old: Some(row.oid), new: Some(new.oid), peeled: new.peeled })
    };
    changed.map(change).collect()
}

async fn facts_after(
    repo: &RepoRow,
    state: &GitRow,
    changes: &[Change],
    history: &Arc<History>,
    work: &Work,
) -> Result<Option<HeadFacts>> {
    let head = changes.iter().find(|change| change.name.as_str() == state.head_ref);
    let Some(commit) = head.and_then(|change| change.new) else { return Ok(None) };
    let mut view = None;
    for prepared in &work.prepared {
        view = Some(view.as_ref().unwrap_or(&**history).with_prepared(prepared));
    }
    let history = view.map_or_else(|| Arc::clone(history), Arc::new);
    let (kind, owner) = (repo.kind, repo.repo.namespace.clone());
    blocking(move || {
        let tree = read_tree_of(&history, commit)?;
        compute_facts(kind, &owner, &history, tree).map(Some)
    })
    .await
}
