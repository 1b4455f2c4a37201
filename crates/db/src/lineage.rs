//! What models were made from: edges from a repository's head to the names its card gives.
//!
//! The names are the card's, but for those of models that were renamed since. They may be wrong, lead in a circle, or to
//! nothing; whoever walks the graph bounds the walk.

use crate::batch::{fetch_in, keys};
use crate::conn::args;
use crate::repo::{RepoRow, repo, select};
use crate::row::clean;
use crate::{Conn, DbError, Row, Tx, Value, Viewer};
use steelyard_core::RepoId;

/// One edge: a model somebody names as the base of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseRow {
    /// The name in the card, as it is spelled there.
    pub base_id: String,
    /// `adapter`, `merge`, `quantized` or `finetune`.
    pub relation: String,
}

/// Bases of one repository that are looked up among the renamed.
const RENAMED_MAX: usize = 50;

fn base(row: &Row) -> Result<BaseRow, DbError> {
    Ok(BaseRow { base_id: row.text("base_id")?, relation: row.text("relation")? })
}

/// The form in which names of bases are compared.
pub fn fold(base_id: &str) -> String {
    base_id.to_ascii_lowercase()
}

/// The rows of a repository's bases, in this order; one that is named twice counts once.
pub(crate) fn values(repo_id: i64, bases: &[BaseRow]) -> Vec<[Value; 5]> {
    let mut rows: Vec<[Value; 5]> = Vec::with_capacity(bases.len());
    let mut seen = std::collections::HashSet::new();
    for base in bases {
        let id = clean(&base.base_id);
        let folded = fold(&id);
        if seen.insert(folded.clone()) {
            let position = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            rows.push([
                repo_id.into(),
                position.into(),
                folded.into(),
                id.into(),
                clean(&base.relation).into(),
            ]);
        }
    }
    rows
}

/// Makes these the bases of a repository, in this order. One that is named twice counts once, the repository itself not at
/// all, and one that was renamed by the name it has now.
pub async fn replace_bases(tx: &mut Tx, repo_id: i64, bases: &[BaseRow]) -> Result<(), DbError> {
    tx.execute_later("DELETE FROM model_base WHERE repo_id = $1", args![repo_id]).await?;
    if bases.is_empty() {
        return Ok(());
    }
    let into = "INSERT INTO model_base (repo_id, position, base_folded, base_id, relation) VALUES ";
    tx.insert_later(into, values(repo_id, bases).into_iter()).await?;
    let rename = "UPDATE model_base SET base_id = now.id, base_folded = now.folded FROM \
                  (SELECT a.name || '/' || r.name AS id, a.name_folded || '/' || r.name_folded AS folded \
                  FROM repo_redirect d JOIN repo r ON r.id = d.repo_id JOIN account a ON a.id = r.owner_id \
                  WHERE d.kind = 'model' AND d.namespace_folded = $2 AND d.name_folded = $3 \
                  AND r.deleted_at IS NULL) AS now \
                  WHERE model_base.repo_id = $1 AND model_base.base_folded = $4";
    for base in bases.iter().take(RENAMED_MAX) {
        let folded = fold(&clean(&base.base_id));
        if let Some((namespace, name)) = folded.split_once('/') {
            tx.execute_later(rename, args![repo_id, namespace, name, folded.as_str()]).await?;
        }
    }
    let itself = "DELETE FROM model_base WHERE repo_id = $1 AND base_folded = \
                  (SELECT a.name_folded || '/' || r.name_folded FROM repo r JOIN account a ON a.id = r.owner_id \
                  WHERE r.id = $1)";
    tx.execute_later(itself, args![repo_id]).await
}

/// Gives the bases of that name another one; returns the repositories that were made from it.
pub async fn rename_base(tx: &mut Tx, from: &RepoId, to: &RepoId) -> Result<Vec<i64>, DbError> {
    let sql = "UPDATE model_base SET base_id = $2, base_folded = $3 WHERE base_folded = $1 RETURNING repo_id";
    let to = to.to_string();
    let args = args![fold(&from.to_string()), to.as_str(), fold(&to)];
    tx.fetch_all(sql, args).await?.iter().map(|row| row.int("repo_id")).collect()
}

/// The bases of a repository, in the order of its card.
pub async fn list_bases(conn: &mut Conn, repo_id: i64) -> Result<Vec<BaseRow>, DbError> {
    let sql = "SELECT base_id, relation FROM model_base WHERE repo_id = $1 ORDER BY position";
    conn.fetch_all(sql, args![repo_id]).await?.iter().map(base).collect()
}

/// The bases of many repositories: `(repository, base)`, each repository's in the order of its card.
pub async fn find_bases_of(
    conn: &mut Conn,
    repo_ids: &[i64],
) -> Result<Vec<(i64, BaseRow)>, DbError> {
    let sql = "SELECT repo_id, base_id, relation FROM model_base WHERE repo_id IN {keys} \
               ORDER BY repo_id, position";
    let rows = fetch_in(conn, sql, args![], &keys(repo_ids)).await?;
    rows.iter().map(|row| Ok((row.int("repo_id")?, base(row)?))).collect()
}

/// The bases of all repositories after `after` up to and including `last`.
pub(crate) async fn list_bases_between(
    conn: &mut Conn,
    after: i64,
    last: i64,
) -> Result<Vec<(i64, BaseRow)>, DbError> {
    let sql = "SELECT repo_id, base_id, relation FROM model_base WHERE repo_id > $1 AND repo_id <= $2 \
               ORDER BY repo_id, position";
    let rows = conn.fetch_all(sql, args![after, last]).await?;
    rows.iter().map(|row| Ok((row.int("repo_id")?, base(row)?))).collect()
}

/// Joins `repo r` to its edges `b` towards the base `$1`.
macro_rules! children {
    () => {
        "JOIN model_base b ON b.repo_id = r.id WHERE b.base_folded = $1 AND r.deleted_at IS NULL "
    };
}

/// What [`list_children`] looks for.
#[derive(Debug, Clone, Default)]
pub struct ListChildren<'a> {
    /// The base's name, folded.
    pub base_folded: &'a str,
    /// Only those made from it in this way.
    pub relation: Option<&'a str>,
    /// Who asks.
    pub viewer: Viewer,
    /// After the repository with this key.
    pub after: i64,
    /// At most this many.
    pub limit: i64,
}

/// The repositories made from a base and how, in order of key.
pub async fn list_children(
    conn: &mut Conn,
    wanted: &ListChildren<'_>,
) -> Result<Vec<(RepoRow, String)>, DbError> {
    let mut sql = String::from(concat!(select!(", b.relation "), children!(), "AND r.id > $2"));
    let mut values = args![wanted.base_folded, wanted.after, wanted.limit];
    if let Some(relation) = wanted.relation {
        values.push(relation.into());
        sql.push_str(&format!(" AND b.relation = ${}", values.len()));
    }
    sql.push_str(&wanted.viewer.condition(&mut values));
    sql.push_str(" ORDER BY r.id LIMIT $3");
    let rows = conn.fetch_dynamic(sql, values).await?;
    rows.iter().map(|row| Ok((repo(row)?, row.text("relation")?))).collect()
}

/// How many repositories the viewer may see were made from a base, by relation.
pub async fn count_children(
    conn: &mut Conn,
    base_folded: &str,
    viewer: Viewer,
) -> Result<Vec<(String, i64)>, DbError> {
    let mut values = args![base_folded];
    let mut sql = String::from(concat!(
        "SELECT b.relation, COUNT(*) AS n FROM repo r JOIN account a ON a.id = r.owner_id ",
        children!()
    ));
    sql.push_str(&viewer.condition(&mut values));
    sql.push_str(" GROUP BY b.relation ORDER BY b.relation");
    let rows = conn.fetch_dynamic(sql, values).await?;
    rows.iter().map(|row| Ok((row.text("relation")?, row.int("n")?))).collect()
}
