//! Results of evaluations: out of the files of a commit, into rows, and back.

use bytes::Bytes;
use steelyard_card::Facts;
use steelyard_card::eval::{self, EvalInput, EvalResult, EvalSource, Origin};
use steelyard_core::{Namespace, Oid, RepoKind};
use steelyard_db::evals::Eval;
use steelyard_git::read::{self, ListedEntry};

use super::facts::Source;
use super::tree::list_files;
use super::{Content, Snapshot};
use crate::Result;
use crate::history::{History, broken};

pub(crate) use steelyard_card::eval::FOLDER;

/// Most results of one pull request.
const PROPOSED_MAX: usize = 200;
/// Files of a commit that are looked through.
const LISTED_MAX: usize = 2000;

/// The files of results among those of a commit, as far as any are read.
pub(super) fn files_of(
    kind: RepoKind,
    listed: &[ListedEntry],
    mut read: impl FnMut(&str) -> Result<Option<Bytes>>,
) -> Result<Vec<(String, Bytes)>> {
    let mut files = Vec::new();
    if kind != RepoKind::Model {
        return Ok(files);
    }
    for file in listed {
        let Ok(path) = std::str::from_utf8(&file.path) else { continue };
        // One more than is read, so that it is told that some were not.
        if files.len() <= eval::FILES_MAX
            && eval::is_eval_file(path)
            && let Some(bytes) = read(path)?
        {
            files.push((path.to_owned(), bytes));
        }
    }
    Ok(files)
}

/// The files of results of a commit.
pub(crate) fn result_files(snapshot: &Snapshot) -> Result<Vec<(String, Bytes)>> {
    let listed = snapshot.list_files(LISTED_MAX)?;
    files_of(snapshot.repo.kind, &listed, |path| match snapshot.find_entry(path)? {
        Some(entry) => match snapshot.content(&entry)? {
            Content::Regular(bytes) if bytes.len() <= eval::FILE_BYTES_MAX => Ok(Some(bytes)),
            _ => Ok(None),
        },
        None => Ok(None),
    })
}

/// The results that a pull request proposes: those of the files that the default branch has not, or has otherwise. Whoever
/// opens a pull request may be anybody, so what it says is a third party's word whatever it gives as its source.
pub(crate) fn compute_proposed(
    kind: RepoKind,
    owner: &Namespace,
    history: &History,
    tree: Oid,
    head: Option<Oid>,
) -> Result<Vec<Eval>> {
    let source = Source::new(history, tree);
    let listed = list_files(history, tree, LISTED_MAX)?;
    let files = files_of(kind, &listed, |path| {
        let blob_at = |tree: Oid| read::lookup_path(history, &tree, path).map_err(broken);
        let there = head.map(blob_at).transpose()?.flatten();
        let here = blob_at(tree)?;
        if there.map(|entry| entry.oid) == here.map(|entry| entry.oid) {
            return Ok(None);
        }
        source.result_file(path)
    })?;
    let mut found = collect(owner.as_str(), &Facts::default(), &files);
    found.truncate(PROPOSED_MAX);
    found.iter_mut().for_each(|result| result.origin = Origin::ThirdParty.as_str().to_owned());
    Ok(found)
}

/// The results that a model's card and files report.
pub(super) fn collect(owner: &str, facts: &Facts, files: &[(String, Bytes)]) -> Vec<Eval> {
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, bytes)| (path.as_str(), &**bytes)).collect();
    let card_data = facts.card_data.as_ref();
    let found = eval::collect(EvalInput { card_data, files: &files, owner: Some(owner) });
    found.results.into_iter().map(row_of).collect()
}

fn row_of(result: EvalResult) -> Eval {
    Eval {
        source: if result.filename == "README.md" {
            "model-index".to_owned()
        } else {
            result.filename
        },
        pull_request: None,
        task: result.task_type,
        dataset: result.dataset,
        dataset_name: result.dataset_name,
        config: result.config,
        split: result.split,
        dataset_revision: result.dataset_revision,
        metric: result.metric,
        metric_name: result.metric_name,
        shots: result.shots,
        prompt_format: result.prompt_format,
        harness: result.harness,
        value: result.value,
        origin: result.origin.as_str().to_owned(),
        verify_token: result.verify_token,
        source_name: result.source.name,
        source_url: result.source.url,
        source_user: result.source.user,
        source_org: result.source.org,
        date: result.date,
        notes: result.notes,
    }
}

/// The result a row was made from, as far as it is on record.
pub(crate) fn result_of(row: &Eval) -> EvalResult {
    let row = row.clone();
    let origin = match row.origin.as_str() {
        "verified" => Origin::Verified,
        "third-party" => Origin::ThirdParty,
        _ => Origin::SelfReported,
    };
    EvalResult {
        dataset: row.dataset,
        dataset_name: row.dataset_name,
        config: row.config,
        split: row.split,
        dataset_revision: row.dataset_revision,
        task_type: row.task,
        metric: row.metric,
        metric_name: row.metric_name,
        shots: row.shots,
        prompt_format: row.prompt_format,
        harness: row.harness,
        value: row.value,
        value_text: row.value.to_string(),
        origin,
        source: EvalSource {
            name: row.source_name,
            url: row.source_url,
            user: row.source_user,
            org: row.source_org,
        },
        date: row.date,
        notes: row.notes,
        filename: if row.source == "model-index" { "README.md".to_owned() } else { row.source },
        verify_token: row.verify_token,
    }
}
