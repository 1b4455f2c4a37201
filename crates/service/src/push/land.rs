//! The transaction of a push.

use std::collections::BTreeMap;
use std::sync::Arc;

use steelyard_core::fault::crash_point;
use steelyard_core::limits::COMMIT_OPERATIONS_MAX;
use steelyard_core::{Namespace, Oid, RepoKind, Sha256};
use steelyard_db::evals::{self, Eval};
use steelyard_db::refs::{self, GitRow};
use steelyard_db::{Tx, lfs, repo};
use steelyard_git::walk::diff_trees;

use super::inspect::Planned;
use super::receive::{Base, Checked, Push};
use crate::fetch::blocking;
use crate::history::{Change, History, Landed, LogEntry, PreparedPack, broken};
use crate::revisions::{HeadFacts, compute_facts, compute_proposed, read_tree_of, record_head};
use crate::{Error, Hub, Missing, Result};

/// What the default branch, and the large files, are known for after the push; worked out before the lock is taken.
#[derive(Default)]
struct Consequences {
    facts: Option<HeadFacts>,
    /// Content, path and ref.
    names: Vec<(Sha256, String, String)>,
    /// What pull requests propose, by number.
    proposed: Vec<(i64, Vec<Eval>)>,
}

impl Hub {
    /// Lands what is planned: every ref that is still where the client believes, the others are refused. False when
    /// objects were dropped since `base` was read, so that all must be checked again.
    pub(super) async fn land_push(
        &self,
        push: &mut Push<'_>,
        base: &Base,
        checked: &Checked,
        prepared: Option<&PreparedPack>,
    ) -> Result<bool> {
        let consequences = self.find_consequences(push, base, checked).await?;
        let repo_id = push.access.repo.id;
        let slot = self.histories().writer(repo_id);
        let _writing = slot.lock().await;
        let mut tx = self.db().write().await?;
        let Some(state) = self.lock_for_push(&mut tx, push).await? else {
            return Err(Error::NotFound(Missing::Repo { anonymous: false }));
        };
        // The objects and the refs that the push was checked against: what was read later may be of a later epoch.
        let is_same_epoch = [base.history.gc_epoch(), base.state.gc_epoch] == [state.gc_epoch; 2];
        if !is_same_epoch || state.head_ref != base.state.head_ref {
            return Ok(false);
        }
        // Under the lock: what is compared here cannot move before the commit.
        let current: BTreeMap<String, Oid> = refs::list_refs(&mut tx, repo_id, "refs/")
            .await?
            .into_iter()
            .map(|row| (row.name, row.oid))
            .collect();
        push.ballot.compare(&current);
        push.ballot.settle();
        let standing: Vec<&Planned> =
            checked.planned.iter().filter(|plan| stands(push, &plan.change)).collect();
        if standing.is_empty() {
            return Ok(true);
        }
        let changes: Vec<Change> = standing.iter().map(|plan| plan.change.clone()).collect();
        let log = LogEntry { actor_id: push.access.actor.id(), cause: "push", now: self.now() };
        let Landed::At(seq) =
            self.land(&mut tx, repo_id, state.gc_epoch, prepared, &changes, log).await?
        else {
            return Ok(false);
        };
        self.record_push(&mut tx, push, &state, &standing, &consequences).await?;
        self.record_refs(&mut tx, &push.access.actor, &push.access.repo, &changes).await?;
        crash_point("push.before_commit");
        tx.commit().await?;
        crash_point("push.after_commit");
        self.note_landed(repo_id, &base.history, seq, prepared);
        Ok(true)
    }

    async fn lock_for_push(&self, tx: &mut Tx, push: &Push<'_>) -> Result<Option<GitRow>> {
        let repo_id = push.access.repo.id;
        // A push takes long enough for its repository to be deleted meanwhile.
        if repo::find_repo_by_id(tx, repo_id).await?.is_none() {
            return Ok(None);
        }
        Ok(refs::lock_git(tx, repo_id).await?)
    }

    async fn record_push(
        &self,
        tx: &mut Tx,
        push: &Push<'_>,
        state: &GitRow,
        standing: &[&Planned],
        consequences: &Consequences,
    ) -> Result<()> {
        let repo_id = push.access.repo.id;
        let landed = |name: &str| standing.iter().any(|plan| plan.change.name.as_str() == name);
        for (sha256, path, name) in consequences.names.iter().filter(|(.., name)| landed(name)) {
            lfs::name_link(tx, repo_id, *sha256, path, name).await?;
        }
        if landed(&state.head_ref) {
            record_head(tx, repo_id, self.now(), consequences.facts.as_ref()).await?;
        }
        let number = |plan: &&Planned| plan.change.name.pull_request_number();
        let landed: Vec<i64> = standing.iter().filter_map(number).collect();
        for (number, results) in consequences.proposed.iter().filter(|(n, _)| landed.contains(n)) {
            evals::replace(tx, repo_id, Some(*number), results).await?;
        }
        if standing.iter().any(|plan| plan.cuts) {
            refs::want_drop(tx, repo_id).await?;
        }
        Ok(())
    }

    async fn find_consequences(
        &self,
        push: &Push<'_>,
        base: &Base,
        checked: &Checked,
    ) -> Result<Consequences> {
        let mut planned: Vec<Planned> =
            checked.planned.iter().filter(|plan| stands(push, &plan.change)).cloned().collect();
        // The default branch comes last, so that its names for large files prevail.
        let head = base.state.head_ref.clone();
        planned.sort_by_key(|plan| plan.change.name.as_str() == head);
        let (view, kind) = (Arc::clone(&checked.view), push.access.repo.kind);
        let owner = push.access.repo.repo.namespace.clone();
        let pointers = checked.pointers.clone();
        let old_head = base.head;
        blocking(move || {
            let proposed = find_proposed(kind, &owner, &view, (&head, old_head), &planned)?;
            let mut consequences = Consequences { proposed, ..Consequences::default() };
            for plan in planned.iter().filter(|plan| plan.change.name.tag_name().is_none()) {
                let Some(tree) = plan.tree else { continue };
                if plan.change.name.as_str() == head {
                    consequences.facts = Some(compute_facts(kind, &owner, &view, tree)?);
                }
                if pointers.is_empty() {
                    continue;
                }
                let old = plan.old_tree.as_ref();
                for changed in diff_trees(&*view, old, Some(&tree), COMMIT_OPERATIONS_MAX)
                    .map_err(broken)?
                    .changes
                {
                    let pointer = changed.new.and_then(|(_, blob)| pointers.get(&blob));
                    if let Some(pointer) = pointer {
                        let path = changed.path_text().into_owned();
                        consequences.names.push((
                            pointer.sha256,
                            path,
                            plan.change.name.as_str().to_owned(),
                        ));
                    }
                }
            }
            Ok(consequences)
        })
        .await
    }
}

/// What the pull requests among these propose, against the default branch as it is after the push.
fn find_proposed(
    kind: RepoKind,
    owner: &Namespace,
    view: &History,
    (head, old_head): (&str, Option<Oid>),
    planned: &[Planned],
) -> Result<Vec<(i64, Vec<Eval>)>> {
    let mut proposed = Vec::new();
    let pushed = planned.iter().find(|plan| plan.change.name.as_str() == head);
    for plan in planned {
        let (Some(number), Some(tree)) = (plan.change.name.pull_request_number(), plan.tree) else {
            continue;
        };
        let head = match pushed {
            Some(plan) => plan.tree,
            None => old_head.map(|commit| read_tree_of(view, commit)).transpose()?,
        };
        proposed.push((number, compute_proposed(kind, owner, view, tree, head)?));
    }
    Ok(proposed)
}

/// True when the command of this change was not refused.
fn stands(push: &Push<'_>, change: &Change) -> bool {
    push.ballot.standing().any(|entry| entry.command.name == change.name.as_str())
}
