//! A group of commits: one look at the refs, one draft, one transaction.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use steelyard_core::RefName;
use steelyard_core::fault::crash_point;
use steelyard_db::event::{self, NewEvent};
use steelyard_db::pack::PackKind;
use steelyard_db::refs::{self, GitRow, RefRow};
use steelyard_db::{DbError, Tx, evals, lfs};

use super::commit::{Committed, not_uploaded};
use super::draft::{Draft, Drafted, Drafter, Landing, Outcome};
use super::plan::{Plan, named_content};
use super::queue::Waiting;
use crate::fetch::blocking;
use crate::history::{Change, History, Landed, LogEntry, PreparedPack, Step};
use crate::revisions::{HeadFacts, record_head};
use crate::{Error, Hub, Result};

/// Attempts before a group takes the repository's lock first and cannot lose any more.
const OPTIMISTIC_ATTEMPTS: u32 = 4;
const ATTEMPTS_MAX: u32 = 8;
/// Groups with more bytes than this are built off the async threads.
const INLINE_BUILD_BYTES: usize = 64 * 1024;

/// What one attempt came to.
enum Attempt {
    /// Whoever waited has an answer.
    Done,
    /// Somebody else was faster: those who still wait try again.
    Lost,
    /// The group failed for a reason of no plan in particular, before anything was written.
    Divided(Error),
}

/// How a group's transaction ended.
enum Ended {
    /// All of it is there, with the pull request that it opened, if any.
    Landed(Option<i64>),
    /// The same form has opened this before, and nothing more was written.
    Opened(Committed),
    /// Somebody else was faster, and nothing was written.
    Lost,
}

impl Hub {
    /// Makes the commits of a group, all of one repository, and answers everyone in it.
    pub(super) async fn commit_group(&self, mut group: Vec<Waiting>) {
        for attempt in 0..ATTEMPTS_MAX {
            match self.attempt(&mut group, attempt >= OPTIMISTIC_ATTEMPTS).await {
                Ok(Attempt::Done) => return,
                Ok(Attempt::Lost) => tokio::time::sleep(self.jitter(attempt)).await,
                Ok(Attempt::Divided(error)) if group.len() == 1 => {
                    return settle_all(group, error);
                }
                // One of them is to blame: let it not be the others' fault.
                Ok(Attempt::Divided(_)) => {
                    for one in group {
                        Box::pin(self.commit_group(vec![one])).await;
                    }
                    return;
                }
                Err(error) => return settle_all(group, error),
            }
        }
        settle_all(group, Error::Unavailable("the branch changes too fast".into()));
    }

    fn jitter(&self, attempt: u32) -> Duration {
        let mut byte = [0];
        self.rng().fill(&mut byte);
        Duration::from_millis(u64::from(byte[0] % 8) << attempt.min(4))
    }

    /// One try. Takes everyone out of the group who has an answer.
    async fn attempt(&self, group: &mut Vec<Waiting>, lock_first: bool) -> Result<Attempt> {
        let Some(repo_id) = group.first().map(|waiting| waiting.plan.repo.id) else {
            return Ok(Attempt::Done);
        };
        let mut locked = None;
        if lock_first {
            let mut tx = self.db().write().await?;
            refs::lock_git(&mut tx, repo_id).await?;
            locked = Some(tx);
        }
        let (state, rows) = self.read_targets(repo_id, group).await?;
        let history = self.history(repo_id, &state).await?;
        self.check_links(group, history.gc_epoch()).await?;
        let Draft { verdicts, landing } = match self.draft(group, &history, &state, rows).await {
            Ok(draft) => draft,
            Err(error) => return Ok(Attempt::Divided(error)),
        };
        let mut resting = Vec::with_capacity(group.len());
        for (waiting, verdict) in group.drain(..).zip(verdicts) {
            match verdict.outcome {
                // It holds whatever becomes of the others.
                Outcome::Refused(_) | Outcome::Unchanged(_) if !verdict.on_group => {
                    waiting.settle(verdict.outcome.into_answer(None));
                }
                outcome => resting.push((waiting, outcome)),
            }
        }
        let Some(landing) = landing else { return Ok(Attempt::Done) };
        crash_point("commit.built");
        match self.land_group(locked, &history, &state, landing).await {
            Ok(Ended::Landed(pull_request)) => {
                for (waiting, outcome) in resting {
                    waiting.settle(outcome.into_answer(pull_request));
                }
                Ok(Attempt::Done)
            }
            Ok(Ended::Opened(before)) => {
                for (waiting, _) in resting {
                    waiting.settle(Ok(before));
                }
                Ok(Attempt::Done)
            }
            Ok(Ended::Lost) => {
                group.extend(resting.into_iter().map(|(waiting, _)| waiting));
                Ok(Attempt::Lost)
            }
            Err(error) => {
                group.extend(resting.into_iter().map(|(waiting, _)| waiting));
                Err(error)
            }
        }
    }

    async fn read_targets(&self, repo_id: i64, group: &[Waiting]) -> Result<(GitRow, Vec<RefRow>)> {
        let mut names: Vec<&RefName> = Vec::new();
        for waiting in group {
            if !names.contains(&&waiting.plan.target) {
                names.push(&waiting.plan.target);
            }
        }
        let mut conn = self.db().read().await?;
        let found = refs::find_refs_with_git(&mut conn, repo_id, &names).await?;
        found.ok_or_else(|| Error::internal("the repository has no history record"))
    }

    /// Looks again at the large files of plans that were checked in an earlier epoch, and refuses those whose links
    /// ended meanwhile. The transaction asserts the epoch, so links cannot end unnoticed after this. It only reads: the
    /// group may hold the lock already.
    async fn check_links(&self, group: &mut Vec<Waiting>, gc_epoch: i64) -> Result<()> {
        let is_old = |plan: &Plan| plan.lfs_epoch.is_some_and(|epoch| epoch != gc_epoch);
        if !group.iter().any(|waiting| is_old(&waiting.plan)) {
            return Ok(());
        }
        let mut conn = self.db().read().await?;
        let mut refused = Vec::with_capacity(group.len());
        for Waiting { plan, .. } in group.iter() {
            let contents = plan.operations.iter().filter(|_| is_old(plan));
            let mut refusal = None;
            for (operation, _) in contents {
                let Some((_, sha256, _)) = named_content(operation) else { continue };
                if lfs::find_link(&mut conn, plan.repo.id, sha256).await?.is_none() {
                    refusal = Some(not_uploaded(&plan.repo, operation));
                    break;
                }
            }
            refused.push(refusal);
        }
        let mut kept = Vec::with_capacity(group.len());
        for (waiting, refusal) in group.drain(..).zip(refused) {
            match refusal {
                Some(error) => waiting.settle(Err(error)),
                None => kept.push(waiting),
            }
        }
        *group = kept;
        Ok(())
    }

    async fn draft(
        &self,
        group: &[Waiting],
        history: &Arc<History>,
        state: &GitRow,
        rows: Vec<RefRow>,
    ) -> Result<Draft> {
        let plans: Vec<Arc<Plan>> = group.iter().map(|waiting| Arc::clone(&waiting.plan)).collect();
        let mut drafter = Drafter::new(history, state, rows)?;
        if plans.iter().map(|plan| plan.weight()).sum::<usize>() <= INLINE_BUILD_BYTES {
            for (index, plan) in plans.iter().enumerate() {
                // A group holds this thread no longer at a time than one commit does.
                if index > 0 {
                    tokio::task::yield_now().await;
                }
                drafter.add(plan);
            }
            return drafter.finish();
        }
        let work = move || {
            plans.iter().for_each(|plan| drafter.add(plan));
            drafter.finish()
        };
        blocking(work).await
    }

    /// The transaction.
    async fn land_group(
        &self,
        locked: Option<Tx>,
        history: &Arc<History>,
        state: &GitRow,
        landing: Landing,
    ) -> Result<Ended> {
        let Landing { mut commits, mut moves, packs, facts, proposed } = landing;
        let Some(repo_id) = commits.first().map(|drafted| drafted.plan.repo.id) else {
            return Ok(Ended::Landed(None));
        };
        let mut prepared = Vec::with_capacity(packs.len());
        for pack in packs {
            prepared.push(self.prepare_pack(pack, PackKind::Tail).await?);
        }
        let is_locked = locked.is_some();
        let mut tx = match locked {
            Some(tx) => tx,
            None => self.db().write().await?,
        };
        // A number is given out under the lock of the repository's row, which every other commit takes after this one.
        if !is_locked && commits.iter().any(|drafted| drafted.plan.pull_request.is_some()) {
            refs::lock_git(&mut tx, repo_id).await?;
        }
        if let Some(before) = self.opened_before(&mut tx, &commits).await? {
            self.give_up(tx, &prepared).await;
            return Ok(Ended::Opened(before));
        }
        let pull_request = self.open_wanted(&mut tx, &mut commits, &mut moves).await?;
        let steps: Vec<Step<'_>> = commits.iter().map(Drafted::step).collect();
        let landed = self
            .land_steps(&mut tx, repo_id, history.gc_epoch(), &prepared, &moves, &steps)
            .await?;
        let Landed::At(seq) = landed else {
            self.give_up(tx, &prepared).await;
            return Ok(Ended::Lost);
        };
        record(&mut tx, repo_id, state, &commits, facts.as_ref()).await?;
        for (at, results) in &proposed {
            let number = commits[*at].change.name.pull_request_number();
            evals::replace(&mut tx, repo_id, number, results).await?;
        }
        crash_point("commit.before_commit");
        tx.commit().await?;
        crash_point("commit.after_commit");
        self.note_landed(repo_id, history, seq, &prepared);
        Ok(Ended::Landed(pull_request))
    }

    async fn give_up(&self, tx: Tx, prepared: &[PreparedPack]) {
        drop(tx);
        for pack in prepared {
            self.discard_prepared(pack).await;
        }
    }

    /// The pull request that the only commit of a group is for, where the same form has opened it before.
    async fn opened_before(&self, tx: &mut Tx, commits: &[Drafted]) -> Result<Option<Committed>> {
        let [Drafted { plan, .. }] = commits else { return Ok(None) };
        let Some(wanted) = &plan.pull_request else { return Ok(None) };
        self.find_opened(tx, plan.repo.id, plan.actor_id, wanted).await
    }

    /// Opens the pull request that the only commit of a group is for, and lets it have the commit.
    async fn open_wanted(
        &self,
        tx: &mut Tx,
        commits: &mut [Drafted],
        moves: &mut Vec<Change>,
    ) -> Result<Option<i64>> {
        let [Drafted { plan, change }] = commits else { return Ok(None) };
        let Some(wanted) = &plan.pull_request else { return Ok(None) };
        let number =
            self.open_pull_request(tx, plan.repo.id, plan.actor_id, wanted, &plan.target).await?;
        change.name = RefName::pull_request(number);
        change.old = None;
        moves.push(change.clone());
        Ok(Some(number))
    }
}

/// What the transaction writes besides objects and refs.
async fn record(
    tx: &mut Tx,
    repo_id: i64,
    state: &GitRow,
    commits: &[Drafted],
    facts: Option<&HeadFacts>,
) -> Result<(), DbError> {
    for Drafted { plan, change } in commits {
        for (path, sha256, _) in plan.contents() {
            lfs::name_link(tx, repo_id, sha256, path.as_str(), change.name.as_str()).await?;
        }
    }
    let to_head = |drafted: &&Drafted| drafted.change.name.as_str() == state.head_ref;
    if let Some(last) = commits.iter().rev().find(to_head) {
        record_head(tx, repo_id, last.plan.authorship.now, facts).await?;
    }
    let events: Vec<NewEvent<'_>> = commits.iter().map(event_of).collect();
    event::append_events(tx, &events).await
}

fn event_of(drafted: &Drafted) -> NewEvent<'_> {
    let Drafted { plan, change } = drafted;
    let (old, new) = (change.old.map(|oid| oid.to_string()), change.new.map(|oid| oid.to_string()));
    NewEvent {
        kind: "repo.content",
        actor_id: Some(plan.actor_id),
        repo_id: Some(plan.repo.id),
        payload: json!({
            "updatedRefs": [{"ref": change.name.as_str(), "oldSha": old, "newSha": new}]
        }),
        now: plan.authorship.now,
    }
}

impl Drafted {
    fn step(&self) -> Step<'_> {
        let log = LogEntry {
            actor_id: Some(self.plan.actor_id),
            cause: "commit",
            now: self.plan.authorship.now,
        };
        Step { change: &self.change, log }
    }
}

impl Outcome {
    fn into_answer(self, pull_request: Option<i64>) -> Result<Committed> {
        match self {
            Self::Refused(error) => Err(error),
            Self::Unchanged(oid) => Ok(Committed { oid, pull_request: None }),
            Self::Made(oid) => Ok(Committed { oid, pull_request }),
        }
    }
}

/// Gives everyone the same error.
fn settle_all(group: Vec<Waiting>, error: Error) {
    let error = Arc::new(error);
    for waiting in group {
        let shared = Box::new(Arc::clone(&error));
        waiting.settle(Err(match &*error {
            Error::Unavailable(_) => Error::Unavailable(shared),
            _ => Error::Internal(shared),
        }));
    }
}
