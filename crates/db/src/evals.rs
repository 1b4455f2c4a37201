//! Results of evaluations, as repositories report them.

use crate::account::AccountKind;
use crate::batch::{fetch_in, keys};
use crate::conn::args;
use crate::row::clean;
use crate::{Conn, DbError, Row, Tx, Value, Viewer};
use steelyard_core::{Namespace, RepoId, RepoKind, RepoName};

/// One result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Eval {
    /// `model-index`, or the path of the file that says it.
    pub source: String,
    /// The pull request whose head says it; `None` for the default branch.
    pub pull_request: Option<i64>,
    /// The task, or the benchmark's own name of it.
    pub task: Option<String>,
    /// The dataset's id, or its name where it has none.
    pub dataset: String,
    /// The dataset's name for people.
    pub dataset_name: Option<String>,
    /// The configuration of the dataset.
    pub config: Option<String>,
    /// The split of the dataset.
    pub split: Option<String>,
    /// The revision of the dataset.
    pub dataset_revision: Option<String>,
    /// The metric's id.
    pub metric: String,
    /// The metric's name for people.
    pub metric_name: Option<String>,
    /// Examples shown before the question.
    pub shots: Option<u32>,
    /// How the prompt was put together.
    pub prompt_format: Option<String>,
    /// The program that measured.
    pub harness: Option<String>,
    /// The value as it was reported; a finite number.
    pub value: f64,
    /// `self`, `verified` or `third-party`.
    pub origin: String,
    /// What proves that it was measured by the hub.
    pub verify_token: Option<String>,
    /// Who or what says so: a name,
    pub source_name: Option<String>,
    /// an address,
    pub source_url: Option<String>,
    /// a user
    pub source_user: Option<String>,
    /// or an organisation.
    pub source_org: Option<String>,
    /// When it was measured.
    pub date: Option<String>,
    /// What there is to say about it.
    pub notes: Option<String>,
}

macro_rules! columns {
    () => {
        "e.repo_id, e.source, e.pull_request, e.task, e.dataset, e.dataset_name, e.config, e.split, \
         e.dataset_revision, e.metric, e.metric_name, e.shots, e.prompt_format, e.harness, e.value, e.origin, \
         e.verify_token, e.source_name, e.source_url, e.source_user, e.source_org, e.date, e.notes"
    };
}

fn eval(row: &Row) -> Result<Eval, DbError> {
    Ok(Eval {
        source: row.text("source")?,
        pull_request: row.opt_int("pull_request")?,
        task: row.opt_text("task")?,
        dataset: row.text("dataset")?,
        dataset_name: row.opt_text("dataset_name")?,
        config: row.opt_text("config")?,
        split: row.opt_text("split")?,
        dataset_revision: row.opt_text("dataset_revision")?,
        metric: row.text("metric")?,
        metric_name: row.opt_text("metric_name")?,
        shots: match row.opt_int("shots")? {
            Some(_) => Some(row.small("shots")?),
            None => None,
        },
        prompt_format: row.opt_text("prompt_format")?,
        harness: row.opt_text("harness")?,
        value: row.double("value")?,
        origin: row.text("origin")?,
        verify_token: row.opt_text("verify_token")?,
        source_name: row.opt_text("source_name")?,
        source_url: row.opt_text("source_url")?,
        source_user: row.opt_text("source_user")?,
        source_org: row.opt_text("source_org")?,
        date: row.opt_text("date")?,
        notes: row.opt_text("notes")?,
    })
}

/// Everything before the rows of an `INSERT`.
macro_rules! insert_into {
    () => {
        "INSERT INTO eval_result (repo_id, source, pull_request, task, dataset_folded, dataset, dataset_name, \
         config, split, dataset_revision, metric, metric_name, shots, prompt_format, harness, value, origin, \
         verify_token, source_name, source_url, source_user, source_org, date, notes) VALUES "
    };
}
pub(crate) use insert_into;

pub(crate) fn values(repo_id: i64, pull_request: Option<i64>, eval: &Eval) -> [Value; 24] {
    let text = |text: &Option<String>| Value::from(text.as_deref().map(clean));
    let dataset = clean(&eval.dataset);
    [
        repo_id.into(),
        clean(&eval.source).into(),
        pull_request.into(),
        text(&eval.task),
        dataset.to_lowercase().into(),
        dataset.into(),
        text(&eval.dataset_name),
        text(&eval.config),
        text(&eval.split),
        text(&eval.dataset_revision),
        clean(&eval.metric).into(),
        text(&eval.metric_name),
        eval.shots.map(i64::from).into(),
        text(&eval.prompt_format),
        text(&eval.harness),
        eval.value.into(),
        clean(&eval.origin).into(),
        text(&eval.verify_token),
        text(&eval.source_name),
        text(&eval.source_url),
        text(&eval.source_user),
        text(&eval.source_org),
        text(&eval.date),
        text(&eval.notes),
    ]
}

/// Makes these the results of a repository's default branch, or of one of its pull requests.
/// A value that is no finite number is left out.
pub async fn replace(
    tx: &mut Tx,
    repo_id: i64,
    pull_request: Option<i64>,
    evals: &[Eval],
) -> Result<(), DbError> {
    let sql = "DELETE FROM eval_result WHERE repo_id = $1 AND COALESCE(pull_request, 0) = $2";
    tx.execute_later(sql, args![repo_id, pull_request.unwrap_or(0)]).await?;
    let finite = evals.iter().filter(|eval| eval.value.is_finite());
    let rows: Vec<_> = finite.map(|eval| values(repo_id, pull_request, eval)).collect();
    tx.insert_later(insert_into!(), rows.into_iter()).await
}

/// True of the results of a default branch, and of those that an open pull request proposes and the default branch does
/// not report itself.
macro_rules! is_current {
    () => {
        "(e.pull_request IS NULL OR (EXISTS (SELECT 1 FROM discussion d WHERE d.repo_id = e.repo_id \
         AND d.num = e.pull_request AND d.status IN ('open', 'draft')) \
         AND NOT EXISTS (SELECT 1 FROM eval_result h WHERE h.repo_id = e.repo_id AND h.pull_request IS NULL \
         AND h.source = e.source AND h.dataset_folded = e.dataset_folded AND h.metric = e.metric \
         AND COALESCE(h.config, '') = COALESCE(e.config, '') AND COALESCE(h.split, '') = COALESCE(e.split, '') \
         AND COALESCE(h.shots, -1) = COALESCE(e.shots, -1) AND h.value = e.value)))"
    };
}

/// The results of a repository, then those that its open pull requests propose, each in the order they were written.
pub async fn list_of_repo(conn: &mut Conn, repo_id: i64) -> Result<Vec<Eval>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM eval_result e WHERE e.repo_id = $1 AND ",
        is_current!(),
        " ORDER BY COALESCE(e.pull_request, 0), e.id"
    );
    conn.fetch_all(sql, args![repo_id]).await?.iter().map(eval).collect()
}

/// The results of the default branches of many repositories: `(repository, result)`.
pub(crate) async fn find_of_repos(
    conn: &mut Conn,
    repo_ids: &[i64],
) -> Result<Vec<(i64, Eval)>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM eval_result e WHERE e.repo_id IN {keys} AND e.pull_request IS NULL ORDER BY e.repo_id, e.id"
    );
    let rows = fetch_in(conn, sql, args![], &keys(repo_ids)).await?;
    rows.iter().map(|row| Ok((row.int("repo_id")?, eval(row)?))).collect()
}

/// The results of the default branches of all repositories after `after` up to and including `last`.
pub(crate) async fn list_between(
    conn: &mut Conn,
    after: i64,
    last: i64,
) -> Result<Vec<(i64, Eval)>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM eval_result e WHERE e.repo_id > $1 AND e.repo_id <= $2 AND e.pull_request IS NULL \
         ORDER BY e.repo_id, e.id"
    );
    let rows = conn.fetch_all(sql, args![after, last]).await?;
    rows.iter().map(|row| Ok((row.int("repo_id")?, eval(row)?))).collect()
}

/// A result on a dataset, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetEval {
    /// The key of the repository that reports it.
    pub repo_id: i64,
    /// Its kind.
    pub kind: RepoKind,
    /// Its name.
    pub repo: RepoId,
    /// Whether its owner is a user or an organisation.
    pub owner_kind: AccountKind,
    /// The owner's name for people.
    pub owner_full_name: String,
    /// The result.
    pub eval: Eval,
}

/// The results that were reported on a dataset, of repositories the viewer may see: those of default branches first, then
/// those that open pull requests propose and their repositories do not report themselves.
pub async fn list_of_dataset(
    conn: &mut Conn,
    dataset: &str,
    viewer: Viewer,
    limit: i64,
) -> Result<Vec<DatasetEval>, DbError> {
    let mut values = args![dataset.to_lowercase(), limit];
    let mut sql = String::from(concat!(
        "SELECT ",
        columns!(),
        ", r.kind, r.name, a.kind AS owner_kind, a.name AS owner_name, a.full_name AS owner_full_name \
         FROM eval_result e JOIN repo r ON r.id = e.repo_id JOIN account a ON a.id = r.owner_id \
         WHERE e.dataset_folded = $1 AND r.deleted_at IS NULL AND NOT r.disabled AND ",
        is_current!()
    ));
    sql.push_str(&viewer.condition(&mut values));
    sql.push_str(
        " ORDER BY CASE WHEN e.pull_request IS NULL THEN 0 ELSE 1 END, e.metric, e.id LIMIT $2",
    );
    let rows = conn.fetch_dynamic(sql, values).await?;
    rows.iter().map(of_dataset).collect()
}

fn of_dataset(row: &Row) -> Result<DatasetEval, DbError> {
    let namespace = row.parsed("owner_name", Namespace::parse)?;
    let name = row.parsed("name", RepoName::parse)?;
    Ok(DatasetEval {
        repo_id: row.int("repo_id")?,
        kind: row.parsed("kind", RepoKind::parse)?,
        repo: RepoId::new(namespace, name),
        owner_kind: AccountKind::of(&row.text("owner_kind")?),
        owner_full_name: row.text("owner_full_name")?,
        eval: eval(row)?,
    })
}
