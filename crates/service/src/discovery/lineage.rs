//! Where a model comes from and what became of it: base models up to the roots, and children by relation.
//!
//! The walk goes by the names that cards give. It never goes through a repository the actor may not see: such a one is
//! missing, in the same words as one that does not exist, and with it everything above.

use std::collections::{HashSet, VecDeque};

use serde_json::Value;
use steelyard_card::Facts;
use steelyard_card::facts::BaseRelation;
use steelyard_card::license::{self, LINKS_MAX, LineageReport, Link, LinkState};
use steelyard_core::{RepoId, RepoKind};
use steelyard_db::lineage::{self, ListChildren};
use steelyard_db::repo::RepoRow;
use steelyard_db::{Conn, Viewer};

use crate::{Action, Actor, Error, Hub, Result};

/// Steps up from a model.
const DEPTH_MAX: u32 = 64;
/// Children on one page.
const CHILDREN_MAX: usize = 100;

/// How many models were made from one, by relation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct ChildrenCount {
    /// Adapters.
    pub adapter: i64,
    /// Merges it is part of.
    pub merge: i64,
    /// Quantizations.
    pub quantized: i64,
    /// Models trained further.
    pub finetune: i64,
}

impl ChildrenCount {
    /// All relations together.
    pub fn total(self) -> i64 {
        self.adapter + self.merge + self.quantized + self.finetune
    }
}

/// A model's place among others.
#[derive(Debug)]
pub struct Lineage {
    /// The model, then what it was made from, breadth first; the report's `chain` has the same order.
    pub licenses: LineageReport,
    /// The first base, its first base, and so on up to a root.
    pub path: Vec<String>,
    /// Models made from it directly.
    pub children: ChildrenCount,
    /// Why the relation to its bases was chosen, in words.
    pub evidence: Vec<String>,
    /// The newest of the versions that cards name as its successors; absent for the newest.
    pub newest_version: Option<String>,
}

/// A model made from another one.
#[derive(Debug)]
pub struct Child {
    /// The repository.
    pub row: RepoRow,
    /// How it was made.
    pub relation: String,
}

impl Hub {
    /// Where a model comes from, what its ancestors' licences ask, and what was made from it.
    pub async fn lineage(&self, actor: &Actor, id: &RepoId) -> Result<Lineage> {
        let mut conn = self.db().read().await?;
        let action = Action::ReadRepo;
        let row = self.repo_on(&mut conn, actor, RepoKind::Model, id, action).await?;
        let facts = facts_of(&row);
        let links = self.walk_up(&mut conn, actor, &row, &facts).await?;
        Ok(Lineage {
            path: first_path(&links),
            licenses: license::lineage(&links),
            children: self.children_count(&mut conn, actor, &row.repo).await?,
            newest_version: self.newest_version(&mut conn, actor, &row, &facts).await?,
            evidence: facts.base_evidence,
        })
    }

    /// The models made from this one that the actor may see, by relation.
    pub async fn count_children(&self, actor: &Actor, id: &RepoId) -> Result<ChildrenCount> {
        let mut conn = self.db().read().await?;
        self.children_count(&mut conn, actor, id).await
    }

    /// One page of the models made from this one; `after` is the key of the last one shown.
    pub async fn list_children(
        &self,
        actor: &Actor,
        id: &RepoId,
        relation: Option<BaseRelation>,
        after: i64,
    ) -> Result<(Vec<Child>, Option<i64>)> {
        let mut conn = self.db().read().await?;
        self.repo_on(&mut conn, actor, RepoKind::Model, id, Action::ReadRepo).await?;
        let wanted = ListChildren {
            base_folded: &lineage::fold(&id.to_string()),
            relation: relation.map(BaseRelation::as_str),
            viewer: viewer(actor),
            after,
            limit: i64::try_from(CHILDREN_MAX + 1).unwrap_or(i64::MAX),
        };
        let mut found = lineage::list_children(&mut conn, &wanted).await?;
        let has_more = found.len() > CHILDREN_MAX;
        found.truncate(CHILDREN_MAX);
        let next = found.last().filter(|_| has_more).map(|(row, _)| row.id);
        let children = found.into_iter().map(|(row, relation)| Child { row, relation });
        Ok((children.collect(), next))
    }

    async fn children_count(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        id: &RepoId,
    ) -> Result<ChildrenCount> {
        let folded = lineage::fold(&id.to_string());
        let mut count = ChildrenCount::default();
        for (relation, n) in lineage::count_children(conn, &folded, viewer(actor)).await? {
            match BaseRelation::parse(&relation) {
                Some(BaseRelation::Adapter) => count.adapter = n,
                Some(BaseRelation::Merge) => count.merge = n,
                Some(BaseRelation::Quantized) => count.quantized = n,
                Some(BaseRelation::Finetune) => count.finetune = n,
                None => {}
            }
        }
        Ok(count)
    }

    /// The model and everything it was made from, breadth first; bounded in steps and links. A model that several others
    /// were made from is listed with each of them, and followed once.
    pub(super) async fn walk_up(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        row: &RepoRow,
        facts: &Facts,
    ) -> Result<Vec<Link>> {
        let mut links = vec![link(&row.repo.to_string(), None, facts, 0)];
        let mut open = VecDeque::from([(0, bases(facts))]);
        while let Some((at, (relation, names))) = open.pop_front() {
            let (via, depth) = (links[at].id.clone(), links[at].depth + 1);
            for name in names {
                if links.len() > LINKS_MAX || depth > DEPTH_MAX {
                    return Ok(links);
                }
                let mut found = if is_above(&links, at, &name) {
                    Link { id: name, state: LinkState::Cycle, ..Link::default() }
                } else if let Some(known) = links.iter().find(|link| is_named(link, &name)) {
                    known.clone()
                } else if let Some(row) = self.base(conn, actor, &name).await? {
                    let facts = facts_of(&row);
                    open.push_back((links.len(), bases(&facts)));
                    link(&row.repo.to_string(), None, &facts, depth)
                } else {
                    Link { id: name, state: LinkState::Missing, ..Link::default() }
                };
                (found.via, found.relation, found.depth) = (Some(via.clone()), relation, depth);
                links.push(found);
            }
        }
        Ok(links)
    }

    /// The model of that name, also one that was renamed, if the actor may see it.
    async fn base(&self, conn: &mut Conn, actor: &Actor, name: &str) -> Result<Option<RepoRow>> {
        let Ok(id) = RepoId::parse(name) else { return Ok(None) };
        let action = Action::ReadRepo;
        let found = match self.repo_on(conn, actor, RepoKind::Model, &id, action).await {
            Err(Error::Moved { to, .. }) => {
                self.repo_on(conn, actor, RepoKind::Model, &to, action).await
            }
            found => found,
        };
        match found {
            Ok(row) => Ok(Some(row)),
            Err(Error::NotFound(_) | Error::Disabled | Error::Moved { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Follows `new_version` from card to card as far as the actor may see.
    async fn newest_version(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        row: &RepoRow,
        facts: &Facts,
    ) -> Result<Option<String>> {
        let mut seen = HashSet::from([row.repo.to_string().to_ascii_lowercase()]);
        let (mut newest, mut next) = (None, facts.new_version.clone());
        while let Some(name) = next.take() {
            if seen.len() > DEPTH_MAX as usize || !seen.insert(name.to_ascii_lowercase()) {
                break;
            }
            let Some(row) = self.base(conn, actor, &name).await? else { break };
            next = facts_of(&row).new_version;
            newest = Some(row.repo.to_string());
        }
        Ok(newest)
    }
}

/// Who looks at lists made by the database.
pub(super) fn viewer(actor: &Actor) -> Viewer {
    Viewer { user_id: actor.id(), sees_all: actor.user().is_some_and(|user| user.is_admin) }
}

/// The facts on record; what an older release wrote otherwise counts as nothing.
pub(super) fn facts_of(row: &RepoRow) -> Facts {
    serde_json::from_value(row.facts.clone()).unwrap_or_default()
}

fn bases(facts: &Facts) -> (Option<BaseRelation>, Vec<String>) {
    (facts.base_model_relation, facts.base_models.clone())
}

fn link(id: &str, via: Option<&str>, facts: &Facts, depth: u32) -> Link {
    let card = facts.card_data.as_ref();
    Link {
        id: id.to_owned(),
        via: via.map(str::to_owned),
        relation: None,
        license: facts.license.first().cloned(),
        license_name: card
            .and_then(|card| card.get("license_name"))
            .and_then(Value::as_str)
            .map(str::to_owned),
        depth,
        state: LinkState::Known,
    }
}

fn is_named(link: &Link, name: &str) -> bool {
    link.id.eq_ignore_ascii_case(name)
}

/// Whether the link at this place, or one on the way down from it, has that name.
fn is_above(links: &[Link], at: usize, name: &str) -> bool {
    let mut link = &links[at];
    loop {
        if is_named(link, name) {
            return true;
        }
        let Some(via) = &link.via else { return false };
        let Some(next) = links.iter().find(|one| one.id == *via && one.depth < link.depth) else {
            return false;
        };
        link = next;
    }
}

/// From the model along the first base of each, as long as they are here.
fn first_path(links: &[Link]) -> Vec<String> {
    let Some(mut last) = links.first() else { return Vec::new() };
    let mut path = vec![last.id.clone()];
    while let Some(next) = links.iter().find(|link| link.via.as_deref() == Some(&last.id)) {
        if next.state == LinkState::Cycle || path.len() > links.len() {
            break;
        }
        path.push(next.id.clone());
        last = next;
    }
    path
}
