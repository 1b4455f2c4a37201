//! Repositories as records: names, visibility, redirects. Their contents are in [`crate::refs`] and [`crate::pack`].

use serde_json::Value as Json;
use steelyard_core::{
    Namespace, OrgRole, RefName, RepoId, RepoKind, RepoName, Timestamp, Visibility,
};

use crate::account::AccountKind;
use crate::batch::{fetch_in, keys};
use crate::conn::args;
use crate::refs::{self, GitRow, RefRow};
use crate::viewer::Viewer;
use crate::{Conn, DbError, Row, Tx, Value};

/// A repository that exists (deleted ones are not returned by this module).
#[derive(Debug, Clone)]
pub struct RepoRow {
    /// Internal key.
    pub id: i64,
    /// The id clients see as `_id`.
    pub public_id: String,
    /// Model, dataset, space or kernel.
    pub kind: RepoKind,
    /// The owning account's key.
    pub owner_id: i64,
    /// Whether the owner is a user or an organisation.
    pub owner_kind: AccountKind,
    /// Its current `namespace/name`, spelled as its owners do.
    pub repo: RepoId,
    /// Who created it.
    pub creator_id: i64,
    /// Public or private.
    pub visibility: Visibility,
    /// `""`, `"auto"` or `"manual"`.
    pub gated: String,
    /// True when an administrator took it out of service.
    pub disabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its default branch last changed.
    pub last_modified: Timestamp,
    /// What clients set and the hub keeps (a space's SDK, ...), as a JSON object.
    pub settings: Json,
    /// What the hub derived from the head of the default branch, as a JSON object.
    pub facts: Json,
}

/// What [`repo`] reads of `repo r` and its owner `account a`, and more columns where given.
macro_rules! select {
    () => {
        $crate::repo::select!("")
    };
    ($($more:expr),+) => {
        concat!(
            "SELECT r.id, r.public_id, r.kind, r.owner_id, a.kind AS owner_kind, a.name AS owner_name, r.name, \
             r.creator_id, r.visibility, r.gated, r.disabled, r.created_at, r.last_modified, r.settings, r.facts",
            $($more,)+
            " FROM repo r JOIN account a ON a.id = r.owner_id "
        )
    };
}
pub(crate) use select;

pub(crate) fn repo(row: &Row) -> Result<RepoRow, DbError> {
    let owner_kind = AccountKind::of(&row.text("owner_kind")?);
    let namespace = row.parsed("owner_name", Namespace::parse)?;
    let name = row.parsed("name", RepoName::parse)?;
    Ok(RepoRow {
        id: row.int("id")?,
        public_id: row.text("public_id")?,
        kind: row.parsed("kind", RepoKind::parse)?,
        owner_id: row.int("owner_id")?,
        owner_kind,
        repo: RepoId::new(namespace, name),
        creator_id: row.int("creator_id")?,
        visibility: row.parsed("visibility", Visibility::parse)?,
        gated: row.text("gated")?,
        disabled: row.bool("disabled")?,
        created_at: row.timestamp("created_at")?,
        last_modified: row.timestamp("last_modified")?,
        settings: row.json("settings")?,
        facts: row.json("facts")?,
    })
}

/// A repository together with what a request most often asks next, read in one statement.
#[derive(Debug)]
pub struct RepoAt {
    /// The repository.
    pub repo: RepoRow,
    /// The role of the asking user in the organisation that owns it.
    pub org_role: Option<OrgRole>,
    /// Where its history stands.
    pub git: GitRow,
    /// The ref that was asked for, where it exists.
    pub reference: Option<RefRow>,
}

/// A new repository.
#[derive(Debug)]
pub struct NewRepo<'a> {
    /// The id clients will see.
    pub public_id: String,
    /// Model, dataset, space or kernel.
    pub kind: RepoKind,
    /// The owning account's key.
    pub owner_id: i64,
    /// Its name.
    pub name: &'a RepoName,
    /// Who creates it.
    pub creator_id: i64,
    /// Public or private.
    pub visibility: Visibility,
    /// See [`RepoRow::settings`].
    pub settings: &'a Json,
    /// See [`RepoRow::facts`].
    pub facts: &'a Json,
    /// Now.
    pub now: Timestamp,
}

/// Creates the record; [`DbError::Conflict`] when the name is taken in any case.
/// A redirect that an earlier repository left at this name ends here.
pub async fn create_repo(
    tx: &mut Tx,
    owner: &Namespace,
    new: &NewRepo<'_>,
) -> Result<i64, DbError> {
    delete_redirect(tx, new.kind, &RepoId::new(owner.clone(), new.name.clone())).await?;
    let row = tx
        .fetch_one(
            "INSERT INTO repo (public_id, kind, owner_id, name, name_folded, creator_id, visibility, gated, \
             disabled, created_at, last_modified, next_discussion, settings, facts) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, $9, $9, 1, $10, $11) RETURNING id",
            args![
                new.public_id.as_str(),
                new.kind.as_str(),
                new.owner_id,
                new.name.as_str(),
                new.name.folded(),
                new.creator_id,
                new.visibility.as_str(),
                false,
                new.now,
                new.settings.to_string(),
                new.facts.to_string(),
            ],
        )
        .await?;
    row.int("id")
}

/// As [`find_repo`], with the user's role in it, its history and one of its refs.
pub async fn find_repo_at(
    conn: &mut Conn,
    kind: RepoKind,
    id: &RepoId,
    user_id: Option<i64>,
    reference: Option<&RefName>,
) -> Result<Option<RepoAt>, DbError> {
    let sql = "SELECT r.id, r.public_id, r.kind, r.owner_id, a.kind AS owner_kind, a.name AS owner_name, r.name, \
               r.creator_id, r.visibility, r.gated, r.disabled, r.created_at, r.last_modified, r.settings, r.facts, \
               m.role AS org_role, f.name AS ref_name, f.oid AS ref_oid, f.peeled AS ref_peeled, \
               g.seq, g.gc_epoch, g.generation, g.head_ref, g.tail_packs, g.tail_bytes, g.drop_wanted, g.drop_after \
               FROM account a JOIN repo r ON r.owner_id = a.id JOIN git_repo g ON g.repo_id = r.id \
               LEFT JOIN org_member m ON m.org_id = a.id AND m.user_id = $4 \
               LEFT JOIN git_ref f ON f.repo_id = r.id AND f.name = $5 \
               WHERE a.name_folded = $1 AND r.kind = $2 AND r.name_folded = $3 AND r.deleted_at IS NULL";
    let name = reference.map(RefName::as_str);
    let args = args![id.namespace.folded(), kind.as_str(), id.name.folded(), user_id, name];
    let Some(row) = conn.fetch_optional(sql, args).await? else { return Ok(None) };
    let reference = match row.opt_oid("ref_oid")? {
        Some(oid) => {
            Some(RefRow { name: row.text("ref_name")?, oid, peeled: row.opt_oid("ref_peeled")? })
        }
        None => None,
    };
    let org_role = match row.opt_text("org_role")? {
        Some(_) => Some(row.parsed("org_role", OrgRole::parse)?),
        None => None,
    };
    Ok(Some(RepoAt { repo: repo(&row)?, org_role, git: refs::git(&row)?, reference }))
}

/// The repository that carries this name now, in any case.
pub async fn find_repo(
    conn: &mut Conn,
    kind: RepoKind,
    id: &RepoId,
) -> Result<Option<RepoRow>, DbError> {
    let sql = concat!(
        select!(),
        "WHERE a.name_folded = $1 AND r.kind = $2 AND r.name_folded = $3 AND r.deleted_at IS NULL"
    );
    let args = args![id.namespace.folded(), kind.as_str(), id.name.folded()];
    conn.fetch_optional(sql, args).await?.as_ref().map(repo).transpose()
}

/// The repository that carried this name before it was moved.
pub async fn find_moved_repo(
    conn: &mut Conn,
    kind: RepoKind,
    id: &RepoId,
) -> Result<Option<RepoRow>, DbError> {
    let sql = concat!(
        select!(),
        "JOIN repo_redirect d ON d.repo_id = r.id \
         WHERE d.kind = $1 AND d.namespace_folded = $2 AND d.name_folded = $3 AND r.deleted_at IS NULL"
    );
    let args = args![kind.as_str(), id.namespace.folded(), id.name.folded()];
    conn.fetch_optional(sql, args).await?.as_ref().map(repo).transpose()
}

/// The repository with that key.
pub async fn find_repo_by_id(conn: &mut Conn, id: i64) -> Result<Option<RepoRow>, DbError> {
    let sql = concat!(select!(), "WHERE r.id = $1 AND r.deleted_at IS NULL");
    conn.fetch_optional(sql, args![id]).await?.as_ref().map(repo).transpose()
}

/// Those of these repositories that exist, in order of key.
pub async fn find_repos_by_id(conn: &mut Conn, ids: &[i64]) -> Result<Vec<RepoRow>, DbError> {
    let sql = concat!(select!(), "WHERE r.id IN {keys} AND r.deleted_at IS NULL ORDER BY r.id");
    fetch_in(conn, sql, args![], &keys(ids)).await?.iter().map(repo).collect()
}

/// Every repository in order of key, after `after`; for jobs and fsck.
pub async fn list_all_repos(
    conn: &mut Conn,
    after: i64,
    limit: i64,
) -> Result<Vec<RepoRow>, DbError> {
    let sql = concat!(select!(), "WHERE r.id > $1 AND r.deleted_at IS NULL ORDER BY r.id LIMIT $2");
    let rows = conn.fetch_all(sql, args![after, limit]).await?;
    rows.iter().map(repo).collect()
}

/// Whose repositories a listing shows.
#[derive(Debug, Clone, Default)]
pub struct ListRepos {
    /// Only this kind.
    pub kind: Option<RepoKind>,
    /// Only this owner.
    pub owner_id: Option<i64>,
    /// Only names that contain this text (already folded).
    pub search: Vec<String>,
    /// The user who asks: their own and their organisations' private repositories are included.
    pub viewer_id: Option<i64>,
    /// The viewer administers the hub and sees everything.
    pub sees_all: bool,
    /// Order.
    pub sort: RepoSort,
    /// After this (sort value, key) pair.
    pub after: Option<(i64, i64)>,
    /// At most this many.
    pub limit: i64,
}

/// The order of a listing; newest or greatest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RepoSort {
    /// By creation.
    #[default]
    CreatedAt,
    /// By last change.
    LastModified,
}

/// One page of repositories the viewer may see.
pub async fn list_repos(conn: &mut Conn, wanted: &ListRepos) -> Result<Vec<RepoRow>, DbError> {
    let mut sql = String::from(select!());
    let mut values = args![wanted.limit];
    sql.push_str("WHERE r.deleted_at IS NULL");
    if let Some(kind) = wanted.kind {
        sql.push_str(&format!(" AND r.kind = {}", place(&mut values, kind.as_str())));
    }
    if let Some(owner) = wanted.owner_id {
        sql.push_str(&format!(" AND r.owner_id = {}", place(&mut values, owner)));
    }
    for text in &wanted.search {
        let pattern =
            format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let place = place(&mut values, pattern);
        sql.push_str(&format!(
            " AND (a.name_folded || '/' || r.name_folded) LIKE {place} ESCAPE '\\'"
        ));
    }
    let viewer = Viewer { user_id: wanted.viewer_id, sees_all: wanted.sees_all };
    sql.push_str(&viewer.condition(&mut values));
    let column = match wanted.sort {
        RepoSort::CreatedAt => "r.created_at",
        RepoSort::LastModified => "r.last_modified",
    };
    if let Some((value, id)) = wanted.after {
        let (value, id) = (place(&mut values, value), place(&mut values, id));
        sql.push_str(&format!(" AND ({column} < {value} OR ({column} = {value} AND r.id < {id}))"));
    }
    sql.push_str(&format!(" ORDER BY {column} DESC, r.id DESC LIMIT $1"));
    conn.fetch_dynamic(sql, values).await?.iter().map(repo).collect()
}

/// Adds a parameter; returns what stands for it.
fn place(values: &mut Vec<Value>, value: impl Into<Value>) -> String {
    values.push(value.into());
    format!("${}", values.len())
}

/// Changes what is given and leaves the rest.
pub async fn update_repo(
    tx: &mut Tx,
    id: i64,
    visibility: Option<Visibility>,
    gated: Option<&str>,
    settings: Option<&Json>,
) -> Result<(), DbError> {
    tx.execute(
        "UPDATE repo SET visibility = COALESCE($2, visibility), gated = COALESCE($3, gated), \
         settings = COALESCE($4, settings) WHERE id = $1",
        args![id, visibility.map(Visibility::as_str), gated, settings.map(Json::to_string)],
    )
    .await?;
    Ok(())
}

/// Records that the default branch changed, and what it says now.
pub async fn touch_repo(
    tx: &mut Tx,
    id: i64,
    now: Timestamp,
    facts: Option<&Json>,
) -> Result<(), DbError> {
    let sql = "UPDATE repo SET last_modified = $2, facts = COALESCE($3, facts) WHERE id = $1";
    tx.execute_later(sql, args![id, now, facts.map(Json::to_string)]).await?;
    Ok(())
}

/// Replaces what was derived from the head, unless that changed meanwhile. True when it was replaced.
pub async fn replace_facts(tx: &mut Tx, id: i64, old: &Json, new: &Json) -> Result<bool, DbError> {
    let sql = "UPDATE repo SET facts = $3 WHERE id = $1 AND facts = $2";
    Ok(tx.execute(sql, args![id, old.to_string(), new.to_string()]).await? == 1)
}

/// Gives the repository another name and leaves a redirect at the old one.
/// [`DbError::Conflict`] when the new name is taken.
pub async fn move_repo(
    tx: &mut Tx,
    row: &RepoRow,
    owner_id: i64,
    to: &RepoId,
) -> Result<(), DbError> {
    delete_redirect(tx, row.kind, to).await?;
    tx.execute(
        "UPDATE repo SET owner_id = $2, name = $3, name_folded = $4 WHERE id = $1",
        args![row.id, owner_id, to.name.as_str(), to.name.folded()],
    )
    .await?;
    let same = row.repo.namespace.folded() == to.namespace.folded()
        && row.repo.name.folded() == to.name.folded();
    if !same {
        tx.execute(
            "INSERT INTO repo_redirect (kind, namespace_folded, name_folded, repo_id) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (kind, namespace_folded, name_folded) DO UPDATE SET repo_id = excluded.repo_id",
            args![row.kind.as_str(), row.repo.namespace.folded(), row.repo.name.folded(), row.id],
        )
        .await?;
    }
    Ok(())
}

/// Takes the repository out of service; its name is free at once, its contents go later. False when it was gone.
pub async fn delete_repo(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool, DbError> {
    tx.execute("DELETE FROM repo_redirect WHERE repo_id = $1", args![id]).await?;
    let sql = "UPDATE repo SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL";
    Ok(tx.execute(sql, args![id, now]).await? > 0)
}

/// Keys of repositories deleted before `before` that still have a row.
pub async fn list_deleted_repos(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT id FROM repo WHERE deleted_at < $1 ORDER BY id LIMIT $2";
    conn.fetch_all(sql, args![before, limit]).await?.iter().map(|row| row.int("id")).collect()
}

/// Removes every row that hangs on a deleted repository, but its packs: [`crate::pack::detach_all`] comes first.
pub async fn purge_repo(tx: &mut Tx, id: i64) -> Result<(), DbError> {
    for sql in [
        "DELETE FROM repo_like WHERE repo_id = $1",
        "DELETE FROM download_day WHERE repo_id = $1",
        "DELETE FROM repo_stats WHERE repo_id = $1",
        "DELETE FROM repo_weights WHERE repo_id = $1",
        "DELETE FROM repo_card WHERE repo_id = $1",
        "DELETE FROM eval_result WHERE repo_id = $1",
        "DELETE FROM model_base WHERE repo_id = $1",
        "DELETE FROM lfs_lock WHERE repo_id = $1",
        "DELETE FROM lfs_upload WHERE repo_id = $1",
        "DELETE FROM lfs_link WHERE repo_id = $1",
        "DELETE FROM git_reflog WHERE repo_id = $1",
        "DELETE FROM git_ref WHERE repo_id = $1",
        "DELETE FROM git_repo WHERE repo_id = $1",
        "DELETE FROM discussion WHERE repo_id = $1",
        "DELETE FROM repo WHERE id = $1 AND deleted_at IS NOT NULL",
    ] {
        tx.execute(sql, args![id]).await?;
    }
    Ok(())
}

async fn delete_redirect(tx: &mut Tx, kind: RepoKind, id: &RepoId) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM repo_redirect WHERE kind = $1 AND namespace_folded = $2 AND name_folded = $3",
        args![kind.as_str(), id.namespace.folded(), id.name.folded()],
    )
    .await?;
    Ok(())
}

/// Takes a repository out of service, or puts it back.
pub async fn set_repo_disabled(tx: &mut Tx, id: i64, disabled: bool) -> Result<(), DbError> {
    tx.execute("UPDATE repo SET disabled = $2 WHERE id = $1", args![id, disabled]).await?;
    Ok(())
}

/// How many repositories of each kind there are.
pub async fn count_repos(conn: &mut Conn) -> Result<Vec<(String, i64)>, DbError> {
    let sql =
        "SELECT kind, COUNT(*) AS n FROM repo WHERE deleted_at IS NULL GROUP BY kind ORDER BY kind";
    let rows = conn.fetch_all(sql, args![]).await?;
    rows.iter().map(|row| Ok((row.text("kind")?, row.int("n")?))).collect()
}
