//! What can be said of a push before its pack is read: pure rules on refs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;

use steelyard_core::{Oid, RefName};
use steelyard_db::discussion::DiscussionRow;
use steelyard_git::protocol::receive::RefCommand;

/// What git tells its user about a ref that moved.
pub(super) const FETCH_FIRST: &str = "fetch first";
/// What befalls the good commands of an atomic push with a bad one.
pub(super) const ATOMIC: &str = "atomic push failed: another ref was refused";

/// The commands of a push, and which were refused and why.
#[derive(Debug)]
pub(super) struct Ballot {
    pub(super) entries: Vec<Entry>,
    atomic: bool,
}

/// One command.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) command: RefCommand,
    /// Absent when the name breaks the rules.
    pub(super) name: Option<RefName>,
    pub(super) refusal: Option<String>,
}

impl Entry {
    /// Refuses the command; the first reason stays.
    pub(super) fn refuse(&mut self, reason: impl Into<String>) {
        self.refusal.get_or_insert_with(|| reason.into());
    }

    /// What the client takes the ref for.
    pub(super) fn old(&self) -> Option<Oid> {
        Some(self.command.old).filter(|oid| !oid.is_zero())
    }

    /// What the ref shall become.
    pub(super) fn new_oid(&self) -> Option<Oid> {
        Some(self.command.new).filter(|oid| !oid.is_zero())
    }
}

impl Ballot {
    /// Nothing is refused yet but names that are none.
    pub(super) fn new(commands: &[RefCommand], atomic: bool) -> Self {
        let entry = |command: &RefCommand| {
            let (name, refusal) = match RefName::parse(&command.name) {
                Ok(name) => (Some(name), None),
                Err(invalid) => (None, Some(format!("invalid ref name: {}", invalid.rule))),
            };
            Entry { command: command.clone(), name, refusal }
        };
        Self { entries: commands.iter().map(entry).collect(), atomic }
    }

    /// Numbers of the pull requests that are to be changed.
    pub(super) fn pull_requests(&self) -> BTreeSet<i64> {
        self.entries.iter().filter_map(|entry| entry.name.as_ref()?.pull_request_number()).collect()
    }

    /// The commands that are still to be done.
    pub(super) fn standing(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.refusal.is_none())
    }

    /// As [`Self::standing`], to refuse them.
    pub(super) fn standing_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().filter(|entry| entry.refusal.is_none())
    }

    /// What refs shall become, without what is refused or deleted.
    pub(super) fn tips(&self) -> Vec<Oid> {
        self.standing().filter_map(Entry::new_oid).collect()
    }

    /// Refuses every command that needs the pack.
    pub(super) fn refuse_updates(&mut self, reason: &str) {
        self.standing_mut()
            .filter(|entry| !entry.command.is_delete())
            .for_each(|entry| entry.refuse(reason));
        self.settle();
    }

    /// Lets an atomic push fail as a whole.
    pub(super) fn settle(&mut self) {
        if self.atomic && self.entries.iter().any(|entry| entry.refusal.is_some()) {
            self.entries.iter_mut().for_each(|entry| entry.refuse(ATOMIC));
        }
    }

    /// Refuses commands whose old value is not the present one, and names that cannot stand beside each other.
    pub(super) fn compare(&mut self, current: &BTreeMap<String, Oid>) {
        for entry in self.standing_mut() {
            if current.get(&entry.command.name).copied() != entry.old() {
                entry.refuse(FETCH_FIRST);
            } else if entry.old().is_none() && entry.new_oid().is_none() {
                entry.refuse("there is no such ref");
            }
        }
        self.separate(current);
    }

    /// Git keeps refs as files elsewhere, so none may be named like another's folder.
    fn separate(&mut self, current: &BTreeMap<String, Oid>) {
        let mut names: BTreeSet<&str> = current.keys().map(String::as_str).collect();
        let mut clashes = Vec::new();
        for entry in self.standing().filter(|entry| entry.command.is_delete()) {
            names.remove(entry.command.name.as_str());
        }
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.refusal.is_some() || !entry.command.is_create() {
                continue;
            }
            match clash(&names, &entry.command.name) {
                Some(other) => {
                    clashes.push((index, format!("cannot stand beside the existing ref {other}")));
                }
                None => drop(names.insert(&entry.command.name)),
            }
        }
        for (index, reason) in clashes {
            self.entries[index].refuse(reason);
        }
    }
}

fn clash<'a>(names: &BTreeSet<&'a str>, name: &str) -> Option<&'a str> {
    let above = name.match_indices('/').find_map(|(at, _)| names.get(&name[..at]).copied());
    above.or_else(|| {
        let folder = format!("{name}/");
        let from = (Bound::Included(folder.as_str()), Bound::Unbounded);
        let next = names.range::<str, _>(from).next().copied();
        next.filter(|next| next.starts_with(&folder))
    })
}

/// What the commands of a push are held against.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    /// The default branch, as a full name.
    pub(super) head: &'a str,
    /// Branches that cannot be deleted or forced.
    pub(super) protected: HashSet<&'a str>,
    /// True when the actor may change every ref.
    pub(super) may_write: bool,
    /// The actor's key.
    pub(super) actor_id: Option<i64>,
    /// The pull requests that the push names.
    pub(super) pull_requests: &'a HashMap<i64, DiscussionRow>,
}

impl Rules<'_> {
    /// Refuses what breaks a rule whatever the pack holds.
    pub(super) fn apply(&self, ballot: &mut Ballot) {
        let mut counts: HashMap<String, u32> = HashMap::new();
        for entry in &ballot.entries {
            *counts.entry(entry.command.name.clone()).or_default() += 1;
        }
        for entry in ballot.standing_mut() {
            if counts[&entry.command.name] > 1 {
                entry.refuse("is named more than once in this push");
            } else if let Some(reason) =
                entry.name.as_ref().and_then(|name| self.refusal(name, &entry.command))
            {
                entry.refuse(reason);
            }
        }
    }

    fn refusal(&self, name: &RefName, command: &RefCommand) -> Option<String> {
        if let Some(number) = name.pull_request_number() {
            return self.pull_request_refusal(number, command);
        }
        let branch = name.branch_name();
        if branch.is_none() && name.tag_name().is_none() {
            return Some(
                "only refs/heads/*, refs/tags/* and refs/pr/N can be pushed to".to_owned(),
            );
        }
        if !self.may_write {
            return Some("no permission to write; open a pull request instead".to_owned());
        }
        if !command.is_delete() {
            return None;
        }
        if name.as_str() == self.head {
            return Some("the default branch cannot be deleted".to_owned());
        }
        branch
            .is_some_and(|branch| self.protected.contains(branch))
            .then(|| "the branch is protected: it cannot be deleted".to_owned())
    }

    fn pull_request_refusal(&self, number: i64, command: &RefCommand) -> Option<String> {
        let Some(row) = self.pull_requests.get(&number) else {
            return Some(format!("there is no pull request {number}; pushing does not open one"));
        };
        if !self.may_write && Some(row.author_id) != self.actor_id {
            return Some(format!("pull request {number} belongs to somebody else"));
        }
        if command.is_delete() {
            return Some(
                "pull requests can be closed, but their refs cannot be deleted".to_owned(),
            );
        }
        let is_open = matches!(row.status.as_str(), "open" | "draft");
        (!is_open).then(|| format!("pull request {number} is {}", row.status))
    }
}

#[cfg(test)]
mod tests;
