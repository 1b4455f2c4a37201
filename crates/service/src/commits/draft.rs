//! A group of plans becomes commits in memory, one upon the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use steelyard_core::{Oid, RefName};
use steelyard_db::evals::Eval;
use steelyard_db::refs::{GitRow, RefRow};
use steelyard_git::pack::gather;
use steelyard_git::{BuiltPack, GitError};

use super::build::build;
use super::plan::Plan;
use super::pull_request::find_parent;
use crate::history::{Change, History, INLINE_BYTES_MAX, broken};
use crate::revisions::{
    HeadFacts, RESULTS_FOLDER, compute_facts, compute_proposed, is_telling, read_tree_of,
};
use crate::{Error, Result};

/// What a group of plans comes to; nothing of it has landed.
pub(super) struct Draft {
    /// One for each plan, in order.
    pub(super) verdicts: Vec<Verdict>,
    /// What there is to land, if anything.
    pub(super) landing: Option<Landing>,
}

/// Commits that are ready to land together.
pub(super) struct Landing {
    /// In the order in which they were made.
    pub(super) commits: Vec<Drafted>,
    /// Each ref that moves, from where the database says it is to where it ends.
    pub(super) moves: Vec<Change>,
    /// The objects, in as few packs as rows of the database can take.
    pub(super) packs: Vec<BuiltPack>,
    /// What the repository says of itself afterwards, when that may have changed.
    pub(super) facts: Option<HeadFacts>,
    /// What pull requests propose afterwards, each with the number of its commit among `commits`.
    pub(super) proposed: Vec<(usize, Vec<Eval>)>,
}

/// What becomes of one plan.
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// True when it rests on another commit of the group, so that it holds only if the group lands.
    pub(super) on_group: bool,
}

/// See [`Verdict`].
pub(super) enum Outcome {
    Refused(Error),
    /// Nothing would change; the head answers.
    Unchanged(Oid),
    Made(Oid),
}

/// A commit that was made in memory.
pub(super) struct Drafted {
    pub(super) plan: Arc<Plan>,
    pub(super) change: Change,
}

/// A ref on its way.
struct Tip {
    name: RefName,
    /// Where the database says it is.
    stored: Option<RefRow>,
    /// The commit the next plan builds on, with its tree once that was looked up.
    head: Option<(Oid, Option<Oid>)>,
    is_moved: bool,
}

/// Puts packs together as long as the result fits a row of the database.
fn bundle(packs: Vec<BuiltPack>) -> Result<Vec<BuiltPack>, GitError> {
    let mut bundles = Vec::new();
    let (mut current, mut bytes) = (Vec::new(), 0);
    for pack in packs {
        if !current.is_empty() && bytes + pack.bytes.len() > INLINE_BYTES_MAX {
            bundles.push(gather(&current)?);
            (current, bytes) = (Vec::new(), 0);
        }
        bytes += pack.bytes.len();
        current.push(pack);
    }
    bundles.push(gather(&current)?);
    Ok(bundles)
}

impl Tip {
    fn stored(row: RefRow) -> Result<Self> {
        let head = Some((row.target(), None));
        Ok(Self { name: RefName::parse(&row.name)?, stored: Some(row), head, is_moved: false })
    }

    fn into_move(self) -> Change {
        let (old, new) = (self.stored.map(|row| row.oid), self.head.map(|(commit, _)| commit));
        Change { name: self.name, old, new, peeled: None }
    }
}

/// The repository's objects together with the ones just made.
struct View {
    history: Arc<History>,
    /// How many of the packs just made are in it.
    ahead: usize,
}

impl View {
    /// Brings it up to date: packs are taken in only when somebody looks.
    fn with(&mut self, packs: &[BuiltPack]) -> &Arc<History> {
        for pack in &packs[self.ahead..] {
            self.history = Arc::new(self.history.with_built(pack));
        }
        self.ahead = packs.len();
        &self.history
    }
}

/// Makes a [`Draft`], plan by plan.
pub(super) struct Drafter {
    view: View,
    head_ref: String,
    tips: Vec<Tip>,
    verdicts: Vec<Verdict>,
    commits: Vec<Drafted>,
    packs: Vec<BuiltPack>,
    /// The tree of the default branch after the last commit to it, with the plan that made it.
    head_tree: Option<(Oid, Arc<Plan>)>,
    /// True when one of these commits touches a file that tells something.
    tells: bool,
    /// The commits to pull requests that touch results: number and tree.
    proposals: Vec<(usize, Oid)>,
}

impl Drafter {
    /// Begins on what `state` and `refs` say, with the objects of `history`.
    pub(super) fn new(history: &Arc<History>, state: &GitRow, refs: Vec<RefRow>) -> Result<Self> {
        Ok(Self {
            view: View { history: Arc::clone(history), ahead: 0 },
            head_ref: state.head_ref.clone(),
            tips: refs.into_iter().map(Tip::stored).collect::<Result<_>>()?,
            verdicts: Vec::new(),
            commits: Vec::new(),
            packs: Vec::new(),
            head_tree: None,
            tells: false,
            proposals: Vec::new(),
        })
    }

    /// Makes the commit of a plan on what the plans before it left. One that cannot be carried out is refused and leaves
    /// nothing behind.
    pub(super) fn add(&mut self, plan: &Arc<Plan>) {
        let verdict = self.judge(plan);
        self.verdicts.push(verdict);
    }

    /// The draft of all plans so far; an error is about no plan in particular.
    pub(super) fn finish(mut self) -> Result<Draft> {
        if self.commits.is_empty() {
            return Ok(Draft { verdicts: self.verdicts, landing: None });
        }
        let facts = self.facts()?;
        let proposed = self.proposed()?;
        let Self { verdicts, tips, commits, packs, .. } = self;
        let moves = tips.into_iter().filter(|tip| tip.is_moved).map(Tip::into_move).collect();
        let packs = bundle(packs).map_err(broken)?;
        Ok(Draft { verdicts, landing: Some(Landing { commits, moves, packs, facts, proposed }) })
    }

    fn judge(&mut self, plan: &Arc<Plan>) -> Verdict {
        let index = match self.tips.iter().position(|tip| tip.name == plan.target) {
            Some(index) => index,
            None => {
                let name = plan.target.clone();
                self.tips.push(Tip { name, stored: None, head: None, is_moved: false });
                self.tips.len() - 1
            }
        };
        let on_group = self.tips[index].is_moved;
        // Not even a fault of ours in building one commit may reach its neighbours.
        let made = catch_unwind(AssertUnwindSafe(|| self.carry_out(plan, index)));
        let outcome = match made {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Refused(error),
            Err(_) => Outcome::Refused(Error::internal("building the commit panicked")),
        };
        Verdict { outcome, on_group }
    }

    /// Nothing is kept of a plan that fails: the last step alone changes what the next plan sees.
    fn carry_out(&mut self, plan: &Arc<Plan>, index: usize) -> Result<Outcome> {
        let view = Arc::clone(self.view.with(&self.packs));
        let base = self.base_of(plan, index, &view)?;
        let Some(built) = build(&view, base, &plan.operations, &plan.authorship)? else {
            let (commit, _) = base.expect("a commit without a base always brings a tree");
            return Ok(Outcome::Unchanged(commit));
        };
        let tip = &mut self.tips[index];
        let old = tip.head.map(|(commit, _)| commit);
        if plan.pull_request.is_none() {
            tip.head = Some((built.commit, Some(built.tree)));
            tip.is_moved = true;
            if tip.name.as_str() == self.head_ref {
                self.head_tree = Some((built.tree, Arc::clone(plan)));
                self.tells |= plan
                    .operations
                    .iter()
                    .any(|(operation, _)| is_telling(plan.repo.kind, operation.path().as_str()));
            }
        }
        let is_proposal =
            plan.pull_request.is_some() || plan.target.pull_request_number().is_some();
        let paths = || plan.operations.iter().map(|(operation, _)| operation.path().as_str());
        if is_proposal
            && paths()
                .any(|path| RESULTS_FOLDER.starts_with(path) || path.starts_with(RESULTS_FOLDER))
        {
            self.proposals.push((self.commits.len(), built.tree));
        }
        let name = plan.target.clone();
        let change = Change { name, old, new: Some(built.commit), peeled: None };
        self.commits.push(Drafted { plan: Arc::clone(plan), change });
        self.packs.push(built.pack);
        Ok(Outcome::Made(built.commit))
    }

    /// The commit and tree to build on, after checking what the client believes about them.
    fn base_of(&mut self, plan: &Plan, index: usize, view: &History) -> Result<Option<(Oid, Oid)>> {
        let tip = &mut self.tips[index];
        // Only the default branch may be born by a commit.
        if tip.head.is_none() && tip.name.as_str() != self.head_ref {
            let name = plan.target.branch_name().unwrap_or(plan.target.as_str());
            return Err(Error::no_revision(name));
        }
        if let Some(parent) = &plan.parent {
            let is_head =
                tip.head.is_some_and(|(commit, _)| commit.to_string().starts_with(parent.as_str()));
            if !is_head && plan.pull_request.is_none() {
                return Err(Error::Stale);
            }
            if !is_head {
                let commit = find_parent(view, parent)?;
                return Ok(Some((commit, read_tree_of(view, commit)?)));
            }
        }
        let Some((commit, tree)) = tip.head else { return Ok(None) };
        let tree = match tree {
            Some(tree) => tree,
            None => read_tree_of(view, commit)?,
        };
        tip.head = Some((commit, Some(tree)));
        Ok(Some((commit, tree)))
    }

    /// What pull requests propose whose results may have changed.
    fn proposed(&mut self) -> Result<Vec<(usize, Vec<Eval>)>> {
        if self.proposals.is_empty() {
            return Ok(Vec::new());
        }
        let view = Arc::clone(self.view.with(&self.packs));
        let head = self.tips.iter().find(|tip| tip.name.as_str() == self.head_ref);
        let head = match head.and_then(|tip| tip.head) {
            Some((commit, None)) => Some(read_tree_of(&view, commit)?),
            Some((_, tree)) => tree,
            None => None,
        };
        let mut proposed = Vec::new();
        for (at, tree) in std::mem::take(&mut self.proposals) {
            let repo = &self.commits[at].plan.repo;
            let owner = &repo.repo.namespace;
            proposed.push((at, compute_proposed(repo.kind, owner, &view, tree, head)?));
        }
        Ok(proposed)
    }

    /// What the repository says of itself, when its default branch got a commit that touches a file which tells
    /// something.
    fn facts(&mut self) -> Result<Option<HeadFacts>> {
        let Some((tree, plan)) = self.head_tree.take().filter(|_| self.tells) else {
            return Ok(None);
        };
        let view = self.view.with(&self.packs);
        let (kind, owner) = (plan.repo.kind, &plan.repo.repo.namespace);
        let derived = catch_unwind(AssertUnwindSafe(|| compute_facts(kind, owner, view, tree)));
        let derived =
            derived.unwrap_or_else(|_| Err(Error::internal("deriving the facts panicked")));
        derived.map(Some)
    }
}

#[cfg(test)]
pub(super) mod tests;
