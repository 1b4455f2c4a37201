//! Judging one repository: the report on its card, code to begin with, its results, and who uses it.

use steelyard_card::eval::{self, HubEntry};
use steelyard_card::report::{self, CardReport, EvalCounts, Known, KnownId, ReportInput};
use steelyard_card::snippets::{self, Snippet, SnippetInput};
use steelyard_card::{Facts, license};
use steelyard_core::{RepoId, RepoKind, Revision, Timestamp};
use steelyard_db::evals;
use steelyard_index::{Linked, SearchRequest, Sort};

use super::numbers::weight_faults;
use crate::revisions::{Entry, Snapshot, facts_with_card, result_files, result_of};
use crate::{Action, Actor, Error, Hub, Result};

/// Files that a report looks at.
const FILES_MAX: usize = 20_000;
/// Ids of the metadata that are looked up.
const IDS_MAX: usize = 50;
/// Names suggested for an id that is not here.
const NEAREST_MAX: usize = 3;
/// Ids that are looked at for that, those with most downloads.
const CANDIDATES_MAX: usize = 50;
/// Spaces that are told to use a model.
const SPACES_MAX: usize = 100;
/// Weight files whose last change is looked up.
const WEIGHTS_MAX: usize = 20;
/// Metadata keys that name repositories, and what kind.
const ID_KEYS: [(&str, RepoKind); 4] = [
    ("base_model", RepoKind::Model),
    ("new_version", RepoKind::Model),
    ("datasets", RepoKind::Dataset),
    ("models", RepoKind::Model),
];

impl Hub {
    /// What can be said of a repository's card at a revision.
    pub async fn card_report(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        revision: &Revision,
    ) -> Result<CardReport> {
        let snapshot = self.snapshot(actor, kind, id, revision, Action::ReadRepo).await?;
        let facts = self.parsed_facts(&snapshot)?;
        let readme = self.readme(&snapshot)?;
        self.report_on(actor, &snapshot, readme.as_deref(), &facts).await
    }

    /// As [`Hub::card_report`], of a card that is still being written.
    pub async fn draft_report(
        &self,
        actor: &Actor,
        snapshot: &Snapshot,
        readme: &str,
    ) -> Result<CardReport> {
        let facts = facts_with_card(snapshot, readme)?;
        self.report_on(actor, snapshot, Some(readme), &facts).await
    }

    async fn report_on(
        &self,
        actor: &Actor,
        snapshot: &Snapshot,
        readme: Option<&str>,
        facts: &Facts,
    ) -> Result<CardReport> {
        let files: Vec<String> = paths(snapshot)?;
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let known = self.known(actor, snapshot, facts, &files).await?;
        let kind = snapshot.repo.kind;
        Ok(report::report(ReportInput { kind, readme, facts, files: &files, known: &known }))
    }

    /// Code to begin with. A revision that is asked for is named in the code, as the commit it stands for now.
    pub async fn snippets(
        &self,
        actor: &Actor,
        kind: RepoKind,
        id: &RepoId,
        revision: Option<&Revision>,
        endpoint: &str,
    ) -> Result<Vec<Snippet>> {
        let snapshot = match revision {
            Some(revision) => self.snapshot(actor, kind, id, revision, Action::ReadRepo).await?,
            None => {
                let row = self.repo(actor, kind, id, Action::ReadRepo).await?;
                let head = self.head(row).await?;
                head.ok_or_else(|| Error::no_revision("HEAD"))?
            }
        };
        self.snippets_at(&snapshot, revision, endpoint)
    }

    /// Code to begin with, of a snapshot that the caller was given; `revision` says whether its commit is named in it.
    pub fn snippets_at(
        &self,
        snapshot: &Snapshot,
        revision: Option<&Revision>,
        endpoint: &str,
    ) -> Result<Vec<Snippet>> {
        let (facts, files) = (self.parsed_facts(snapshot)?, paths(snapshot)?);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let commit = snapshot.commit.to_string();
        Ok(snippets::snippets(&SnippetInput {
            id: &snapshot.repo.repo.to_string(),
            kind: snapshot.repo.kind,
            endpoint,
            revision: revision.map(|_| commit.as_str()),
            facts: &facts,
            files: &files,
            private: snapshot.repo.visibility.is_private(),
            gated: !snapshot.repo.gated.is_empty(),
        }))
    }

    /// The results in a model's files of results, as clients of the Hub read them.
    pub fn eval_entries(&self, snapshot: &Snapshot) -> Result<Vec<HubEntry>> {
        let files = result_files(snapshot)?;
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
        // Nobody measures for this hub yet, so no proof is accepted.
        Ok(eval::hub_entries(&files, |_| false))
    }

    /// The Spaces that say they use a model, as far as the actor may see, the most popular first.
    pub async fn spaces_using(&self, actor: &Actor, model: &RepoId) -> Result<Vec<String>> {
        let request = SearchRequest {
            kinds: vec![RepoKind::Space],
            linked: vec![Linked::Models(vec![model.to_string()])],
            sort: Sort::Likes,
            limit: SPACES_MAX,
            ..SearchRequest::default()
        };
        let found = self.search(actor, request).await?;
        Ok(found.repos.into_iter().map(|found| found.row.repo.to_string()).collect())
    }

    fn parsed_facts(&self, snapshot: &Snapshot) -> Result<Facts> {
        Ok(serde_json::from_value(self.facts_of(snapshot)?).unwrap_or_default())
    }

    fn readme(&self, snapshot: &Snapshot) -> Result<Option<String>> {
        let Some(entry) = snapshot.find_entry("README.md")? else { return Ok(None) };
        match snapshot.content(&entry)? {
            crate::revisions::Content::Regular(bytes) => {
                Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
            crate::revisions::Content::Large(_) => Ok(None),
        }
    }

    async fn known(
        &self,
        actor: &Actor,
        snapshot: &Snapshot,
        facts: &Facts,
        files: &[&str],
    ) -> Result<Known> {
        let mut conn = self.db().read().await?;
        let mut results = evals::list_of_repo(&mut conn, snapshot.repo.id).await?;
        results.retain(|result| result.pull_request.is_none());
        let lineage = match snapshot.repo.kind {
            RepoKind::Model if !facts.base_models.is_empty() => {
                let links = self.walk_up(&mut conn, actor, &snapshot.repo, facts).await?;
                Some(license::lineage(&links))
            }
            _ => None,
        };
        drop(conn);
        let eval_results = EvalCounts {
            total: results.len(),
            with_config: results
                .iter()
                .filter(|one| one.config.is_some() && one.split.is_some())
                .count(),
            with_harness: results.iter().filter(|one| names_source(one)).count(),
        };
        let is_model = snapshot.repo.kind == RepoKind::Model;
        let spaces = match is_model {
            true => Some(self.spaces_using(actor, &snapshot.repo.repo).await?.len()),
            false => None,
        };
        let (card_changed_ms, weights_changed_ms) = changes(snapshot, files)?;
        Ok(Known {
            ids: self.known_ids(actor, facts, IDS_MAX).await?,
            lineage,
            card_changed_ms,
            weights_changed_ms,
            eval_results: is_model.then_some(eval_results),
            linked_spaces: spaces,
            signed_commits: None,
            weight_faults: self.weight_faults(snapshot).await?,
        })
    }

    /// What is wrong with the headers of the weights, as far as they were looked at.
    async fn weight_faults(&self, snapshot: &Snapshot) -> Result<Vec<String>> {
        if !snapshot.is_head {
            return Ok(Vec::new());
        }
        Ok(weight_faults(&self.weights_on_record(&snapshot.repo).await?))
    }

    /// Looks up the ids that the metadata names.
    pub(super) async fn known_ids(
        &self,
        actor: &Actor,
        facts: &Facts,
        most: usize,
    ) -> Result<Vec<KnownId>> {
        let mut known = Vec::new();
        for (key, kind) in ID_KEYS {
            let ids: Vec<&String> = match key {
                "base_model" => facts.base_models.iter().collect(),
                "new_version" => facts.new_version.iter().collect(),
                "datasets" => facts.datasets.iter().collect(),
                _ => facts.models.iter().collect(),
            };
            for id in ids {
                if known.len() < most {
                    known.push(self.known_id(actor, key, kind, id).await?);
                }
            }
        }
        Ok(known)
    }

    async fn known_id(
        &self,
        actor: &Actor,
        key: &str,
        kind: RepoKind,
        id: &str,
    ) -> Result<KnownId> {
        let exists = match RepoId::parse(id) {
            Ok(repo) => match self.repo(actor, kind, &repo, Action::ReadRepo).await {
                Ok(_) | Err(Error::Moved { .. }) => true,
                Err(Error::NotFound(_) | Error::Disabled) => false,
                Err(error) => return Err(error),
            },
            Err(_) => false,
        };
        let nearest = if exists { Vec::new() } else { self.nearest(actor, kind, id).await? };
        Ok(KnownId { key: key.to_owned(), id: id.to_owned(), exists, nearest })
    }

    /// Ids that are here and whose name is the same or nearly so, the likeliest first.
    async fn nearest(&self, actor: &Actor, kind: RepoKind, id: &str) -> Result<Vec<String>> {
        let name = id.rsplit('/').next().unwrap_or(id);
        let (most, half) = (name.len() * 2 / 3, name.len() / 2);
        let beginning = |bytes| &name[..name.floor_char_boundary(bytes)];
        let end = |bytes| &name[name.ceil_char_boundary(name.len() - bytes)..];
        for part in [name, beginning(most), end(most), beginning(half), end(half)] {
            if part.len() < 3 {
                continue;
            }
            let request = SearchRequest {
                kinds: vec![kind],
                name_contains: vec![part.to_owned()],
                sort: Sort::Downloads,
                limit: CANDIDATES_MAX,
                ..SearchRequest::default()
            };
            let found = self.search(actor, request).await?;
            let ids = found.repos.iter().map(|one| one.row.repo.to_string());
            let alike = alike(name, ids.collect());
            if !alike.is_empty() {
                return Ok(alike);
            }
        }
        Ok(Vec::new())
    }
}

/// Those of `ids` whose name differs from `name` in few letters, the nearest first.
fn alike(name: &str, ids: Vec<String>) -> Vec<String> {
    // Spelling differs in these most often, and they say nothing.
    let plain = |name: &str| name.to_lowercase().replace(['-', '_', '.'], "");
    let (wanted, letters) = (plain(name), name.chars().count());
    let distance = |id: &String| {
        let name = id.rsplit('/').next().unwrap_or(id);
        strsim::damerau_levenshtein(&wanted, &plain(name))
    };
    let mut near: Vec<(usize, String)> = ids.into_iter().map(|id| (distance(&id), id)).collect();
    near.retain(|(distance, _)| *distance <= letters / 5);
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter().take(NEAREST_MAX).map(|(_, id)| id).collect()
}

fn names_source(eval: &evals::Eval) -> bool {
    let result = result_of(eval);
    result.harness.is_some() || result.source.url.is_some() || result.source.name.is_some()
}

fn paths(snapshot: &Snapshot) -> Result<Vec<String>> {
    let listed = snapshot.list_files(FILES_MAX)?;
    Ok(listed.iter().map(|file| file.path_text().into_owned()).collect())
}

/// When the card and the weights were last changed, in milliseconds since 1970.
fn changes(snapshot: &Snapshot, files: &[&str]) -> Result<(Option<i64>, Option<i64>)> {
    let weights = [".safetensors", ".bin", ".gguf", ".onnx", ".h5", ".pt"];
    let is_weights = |path: &&&str| weights.iter().any(|end| path.ends_with(end));
    let mut wanted: Vec<String> =
        files.iter().filter(is_weights).take(WEIGHTS_MAX).map(|path| (*path).to_owned()).collect();
    wanted.push("README.md".to_owned());
    let entries = snapshot.paths_info(&wanted, true)?;
    let date = |entry: &Entry| entry.last_commit.as_ref().map(|commit| commit.date);
    let (cards, weights): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.path == "README.md");
    let latest = |entries: Vec<&Entry>| entries.into_iter().filter_map(date).max();
    Ok((latest(cards).map(Timestamp::millis), latest(weights).map(Timestamp::millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_mended_and_a_like_beginning_is_not() {
        let ids = ["acme/Base-2", "acme/search-v2-16x", "other/search-qa", "acme/search_qas"];
        let ids = || ids.map(str::to_owned).to_vec();
        assert_eq!(alike("search_qa", ids()), ["other/search-qa", "acme/search_qas"]);
        assert_eq!(alike("saerch_qa", ids()), ["other/search-qa"]);
        assert_eq!(alike("Base", ids()), [] as [&str; 0]);
        assert_eq!(alike("base2", ids()), ["acme/Base-2"]);
        assert_eq!(alike("wikihow", ids()), [] as [&str; 0]);
    }
}
