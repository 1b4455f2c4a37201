//! Refs of repositories and the sequence number that orders every change of them.
//!
//! [`advance`] comes first in each transaction that changes refs or packs: its row lock is the write lock of the
//! repository, and its number tells caches how far they have to read.

use steelyard_core::{Oid, RefName, Timestamp};

use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, Value};

/// Where a repository's history stands.
#[derive(Debug, Clone)]
pub struct GitRow {
    /// Number of the last change of refs or packs.
    pub seq: i64,
    /// Rises when objects are dropped; a writer that saw an older value must start again.
    pub gc_epoch: i64,
    /// Rises when packs are replaced; caches then start again.
    pub generation: i64,
    /// The ref HEAD points to.
    pub head_ref: String,
    /// Number of packs that wait to be joined.
    pub tail_packs: i64,
    /// Bytes of these packs.
    pub tail_bytes: i64,
    /// True when unreachable objects should be dropped.
    pub drop_wanted: bool,
    /// Nothing can be dropped before that.
    pub drop_after: Option<Timestamp>,
}

/// One ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefRow {
    /// Full name.
    pub name: String,
    /// What it points to.
    pub oid: Oid,
    /// The commit behind it, when `oid` is an annotated tag.
    pub peeled: Option<Oid>,
}

impl RefRow {
    /// The commit the ref stands for.
    pub fn target(&self) -> Oid {
        self.peeled.unwrap_or(self.oid)
    }
}

pub(crate) fn git(row: &Row) -> Result<GitRow, DbError> {
    Ok(GitRow {
        seq: row.int("seq")?,
        gc_epoch: row.int("gc_epoch")?,
        generation: row.int("generation")?,
        head_ref: row.text("head_ref")?,
        tail_packs: row.int("tail_packs")?,
        tail_bytes: row.int("tail_bytes")?,
        drop_wanted: row.bool("drop_wanted")?,
        drop_after: row.opt_timestamp("drop_after")?,
    })
}

fn reference(row: &Row) -> Result<RefRow, DbError> {
    Ok(RefRow { name: row.text("name")?, oid: row.oid("oid")?, peeled: row.opt_oid("peeled")? })
}

macro_rules! git_columns {
    () => {
        "seq, gc_epoch, generation, head_ref, tail_packs, tail_bytes, drop_wanted, drop_after"
    };
}

/// Creates the history record of a new repository.
pub async fn create_git(tx: &mut Tx, repo_id: i64, head: &RefName) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO git_repo (repo_id, seq, gc_epoch, generation, head_ref, tail_packs, tail_bytes, drop_wanted) \
         VALUES ($1, 0, 0, 0, $2, 0, 0, $3)",
        args![repo_id, head.as_str(), false],
    )
    .await?;
    Ok(())
}

/// Where the repository's history stands.
pub async fn find_git(conn: &mut Conn, repo_id: i64) -> Result<Option<GitRow>, DbError> {
    let sql = concat!("SELECT ", git_columns!(), " FROM git_repo WHERE repo_id = $1");
    conn.fetch_optional(sql, args![repo_id]).await?.as_ref().map(git).transpose()
}

/// Takes the repository's write lock and the next sequence number; `None` when `gc_epoch` has moved on or the
/// repository is gone, so that nothing based on dropped objects can be committed.
pub async fn advance(tx: &mut Tx, repo_id: i64, gc_epoch: i64) -> Result<Option<i64>, DbError> {
    let sql =
        "UPDATE git_repo SET seq = seq + 1 WHERE repo_id = $1 AND gc_epoch = $2 RETURNING seq";
    tx.fetch_optional(sql, args![repo_id, gc_epoch]).await?.map(|row| row.int("seq")).transpose()
}

/// Takes the repository's write lock without changing anything, and tells where its history stands.
pub async fn lock_git(tx: &mut Tx, repo_id: i64) -> Result<Option<GitRow>, DbError> {
    let sql =
        concat!("UPDATE git_repo SET seq = seq WHERE repo_id = $1 RETURNING ", git_columns!());
    tx.fetch_optional(sql, args![repo_id]).await?.as_ref().map(git).transpose()
}

/// One ref together with where the history stands, read in one statement.
pub async fn find_ref_with_git(
    conn: &mut Conn,
    repo_id: i64,
    name: &RefName,
) -> Result<Option<(GitRow, Option<RefRow>)>, DbError> {
    let sql = concat!(
        "SELECT ",
        git_columns!(),
        ", r.name, r.oid, r.peeled FROM git_repo g LEFT JOIN git_ref r ON r.repo_id = g.repo_id AND r.name = $2 \
         WHERE g.repo_id = $1"
    );
    let Some(row) = conn.fetch_optional(sql, args![repo_id, name.as_str()]).await? else {
        return Ok(None);
    };
    let found = row.opt_oid("oid")?.map(|_| reference(&row)).transpose()?;
    Ok(Some((git(&row)?, found)))
}

/// Several refs together with where the history stands, read in one statement; names that do not exist are left out.
pub async fn find_refs_with_git(
    conn: &mut Conn,
    repo_id: i64,
    names: &[&RefName],
) -> Result<Option<(GitRow, Vec<RefRow>)>, DbError> {
    if let [only] = names {
        let found = find_ref_with_git(conn, repo_id, only).await?;
        return Ok(found.map(|(state, row)| (state, row.into_iter().collect())));
    }
    let places: Vec<String> = (2..names.len() + 2).map(|number| format!("${number}")).collect();
    let sql = format!(
        "SELECT {}, r.name, r.oid, r.peeled FROM git_repo g \
         LEFT JOIN git_ref r ON r.repo_id = g.repo_id AND r.name IN ({}) WHERE g.repo_id = $1",
        git_columns!(),
        places.join(", ")
    );
    let mut args = args![repo_id];
    args.extend(names.iter().map(|name| Value::from(name.as_str())));
    state_and_refs(&conn.fetch_dynamic(sql, args).await?)
}

/// The ref of that name.
pub async fn find_ref(
    conn: &mut Conn,
    repo_id: i64,
    name: &RefName,
) -> Result<Option<RefRow>, DbError> {
    let sql = "SELECT name, oid, peeled FROM git_ref WHERE repo_id = $1 AND name = $2";
    conn.fetch_optional(sql, args![repo_id, name.as_str()])
        .await?
        .as_ref()
        .map(reference)
        .transpose()
}

/// All refs whose name starts with `prefix`, by name.
pub async fn list_refs(
    conn: &mut Conn,
    repo_id: i64,
    prefix: &str,
) -> Result<Vec<RefRow>, DbError> {
    // A range instead of LIKE: it uses the primary key and needs no escaping. U+10FFFF sorts after any other.
    let sql = "SELECT name, oid, peeled FROM git_ref WHERE repo_id = $1 AND name >= $2 AND name < $3 ORDER BY name";
    let rows = conn.fetch_all(sql, args![repo_id, prefix, format!("{prefix}\u{10ffff}")]).await?;
    rows.iter().map(reference).collect()
}

/// All refs and where the history stands, consistent with each other.
pub async fn list_refs_with_git(
    conn: &mut Conn,
    repo_id: i64,
) -> Result<Option<(GitRow, Vec<RefRow>)>, DbError> {
    let sql = concat!(
        "SELECT ",
        git_columns!(),
        ", r.name, r.oid, r.peeled FROM git_repo g LEFT JOIN git_ref r ON r.repo_id = g.repo_id \
         WHERE g.repo_id = $1 ORDER BY r.name"
    );
    state_and_refs(&conn.fetch_all(sql, args![repo_id]).await?)
}

/// Rows of one repository, each with a ref or none.
fn state_and_refs(rows: &[Row]) -> Result<Option<(GitRow, Vec<RefRow>)>, DbError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let state = git(first)?;
    let mut refs = Vec::with_capacity(rows.len());
    for row in rows {
        if row.opt_oid("oid")?.is_some() {
            refs.push(reference(row)?);
        }
    }
    Ok(Some((state, refs)))
}

/// What a change of a ref is based on and leads to. `None` stands for "no such ref".
#[derive(Debug, Clone)]
pub struct RefChange<'a> {
    /// The ref.
    pub name: &'a RefName,
    /// What it must point to now.
    pub old: Option<Oid>,
    /// What it shall point to.
    pub new: Option<Oid>,
    /// The commit behind `new`, when that is an annotated tag.
    pub peeled: Option<Oid>,
}

/// Compare-and-swap of one ref; false when it does not point to `old` any more (the caller rolls back).
pub async fn change_ref(
    tx: &mut Tx,
    repo_id: i64,
    seq: i64,
    change: &RefChange<'_>,
) -> Result<bool, DbError> {
    let name = change.name.as_str();
    let changed = match (change.old, change.new) {
        (Some(old), Some(new)) => {
            let sql = "UPDATE git_ref SET oid = $4, peeled = $5, updated_seq = $6 \
                       WHERE repo_id = $1 AND name = $2 AND oid = $3";
            tx.execute(sql, args![repo_id, name, old, new, change.peeled, seq]).await?
        }
        (None, Some(new)) => {
            let sql = "INSERT INTO git_ref (repo_id, name, oid, peeled, updated_seq) VALUES ($1, $2, $3, $4, $5) \
                       ON CONFLICT (repo_id, name) DO NOTHING";
            tx.execute(sql, args![repo_id, name, new, change.peeled, seq]).await?
        }
        (Some(old), None) => {
            let sql = "DELETE FROM git_ref WHERE repo_id = $1 AND name = $2 AND oid = $3";
            tx.execute(sql, args![repo_id, name, old]).await?
        }
        (None, None) => 1,
    };
    Ok(changed == 1)
}

/// One line of the log of ref changes.
#[derive(Debug, Clone)]
pub struct LoggedChange<'a> {
    /// The change.
    pub change: RefChange<'a>,
    /// Who made it.
    pub actor_id: Option<i64>,
    /// How, such as `commit` or `push`.
    pub cause: &'a str,
    /// When.
    pub now: Timestamp,
}

/// Writes lines of the repository's log of ref changes, in that order. Changes of one ref may follow each other within
/// one sequence number; the ref itself is then changed once, by [`change_ref`].
pub async fn log_ref_changes(
    tx: &mut Tx,
    repo_id: i64,
    seq: i64,
    lines: &[LoggedChange<'_>],
) -> Result<(), DbError> {
    let into = "INSERT INTO git_reflog (repo_id, seq, ref_name, old_oid, new_oid, actor_id, cause, at) VALUES ";
    let rows = lines.iter().map(|line| {
        let (name, old, new) = (line.change.name.as_str(), line.change.old, line.change.new);
        [
            Value::from(repo_id),
            seq.into(),
            name.into(),
            old.into(),
            new.into(),
            line.actor_id.into(),
            line.cause.into(),
            line.now.into(),
        ]
    });
    tx.insert_later(into, rows).await
}

/// What a ref pointed to before it was changed after `since`, with the latest such change: these objects stay although
/// no ref names them any more.
pub async fn list_recent_old_oids(
    conn: &mut Conn,
    repo_id: i64,
    since: Timestamp,
) -> Result<Vec<(Oid, Timestamp)>, DbError> {
    let sql = "SELECT old_oid, MAX(at) AS at FROM git_reflog \
               WHERE repo_id = $1 AND at >= $2 AND old_oid IS NOT NULL GROUP BY old_oid";
    let rows = conn.fetch_all(sql, args![repo_id, since]).await?;
    rows.iter().map(|row| Ok((row.oid("old_oid")?, row.timestamp("at")?))).collect()
}

/// Asks for unreachable objects to be dropped. A look that is planned for later stays planned: what was cut off now
/// is kept longer than that.
pub async fn want_drop(tx: &mut Tx, repo_id: i64) -> Result<(), DbError> {
    tx.execute_later(
        "UPDATE git_repo SET drop_wanted = $2 WHERE repo_id = $1",
        args![repo_id, true],
    )
    .await?;
    Ok(())
}

/// Plans the next look for unreachable objects, or takes the wish for one back.
pub async fn plan_drop(tx: &mut Tx, repo_id: i64, after: Option<Timestamp>) -> Result<(), DbError> {
    let sql = "UPDATE git_repo SET drop_wanted = $2, drop_after = $3 WHERE repo_id = $1";
    tx.execute(sql, args![repo_id, after.is_some(), after]).await?;
    Ok(())
}
