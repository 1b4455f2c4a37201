//! Many new repositories at once, for a catalogue to test with and to measure on: the same rows that creating them one by
//! one would write, in few statements.

use std::collections::HashMap;

use serde_json::Value as Json;
use steelyard_core::{Oid, RefName, RepoKind, RepoName, Timestamp, Visibility};

use crate::account::{AccountKind, NewAccount};
use crate::batch::{fetch_in, insert_rows};
use crate::conn::args;
use crate::downloads::DayCount;
use crate::evals::{self, Eval};
use crate::lineage::{self, BaseRow};
use crate::pack::NewPack;
use crate::{Conn, DbError, Tx, Value};

/// How many repositories and accounts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inhabitants {
    /// Repositories, deleted ones too.
    pub repos: i64,
    /// Users and organisations.
    pub accounts: i64,
}

/// Counts what is there already.
pub async fn count_inhabitants(conn: &mut Conn) -> Result<Inhabitants, DbError> {
    let sql =
        "SELECT (SELECT COUNT(*) FROM repo) AS repos, (SELECT COUNT(*) FROM account) AS accounts";
    let row = conn.fetch_one(sql, args![]).await?;
    Ok(Inhabitants { repos: row.int("repos")?, accounts: row.int("accounts")? })
}

/// Creates accounts, or finds those of the same name and kind; their keys in the same order.
/// [`DbError::Conflict`] when a name belongs to an account of the other kind.
pub async fn ensure_accounts(tx: &mut Tx, new: &[NewAccount<'_>]) -> Result<Vec<i64>, DbError> {
    let rows: Vec<[Value; 9]> = new
        .iter()
        .map(|account| {
            [
                account.public_id.as_str().into(),
                account.kind.as_str().into(),
                account.name.as_str().into(),
                account.name.folded().into(),
                account.full_name.into(),
                account.email.into(),
                account.is_admin.into(),
                account.default_visibility.as_str().into(),
                account.created_at.into(),
            ]
        })
        .collect();
    let sql = "INSERT INTO account (public_id, kind, name, name_folded, full_name, email, is_admin, \
               default_visibility, created_at) VALUES {rows} ON CONFLICT (name_folded) DO NOTHING";
    insert_rows(tx, sql, &rows).await?;
    let names: Vec<Value> = new.iter().map(|account| account.name.folded().into()).collect();
    let sql = "SELECT id, kind, name_folded FROM account WHERE name_folded IN {keys}";
    let mut found = HashMap::new();
    for row in fetch_in(tx, sql, args![], &names).await? {
        let kind = AccountKind::of(&row.text("kind")?);
        found.insert(row.text("name_folded")?, (row.int("id")?, kind));
    }
    let key_of = |account: &NewAccount<'_>| match found.get(&account.name.folded()) {
        Some((id, kind)) if *kind == account.kind => Ok(*id),
        _ => Err(DbError::Conflict { constraint: "account.name_folded".to_owned() }),
    };
    new.iter().map(key_of).collect()
}

/// Makes users members of organisations: organisation, user, role. Who is a member already stays what they are.
pub async fn ensure_members(
    tx: &mut Tx,
    members: &[(i64, i64, &str)],
    now: Timestamp,
) -> Result<(), DbError> {
    let rows: Vec<[Value; 4]> = members
        .iter()
        .map(|(org, user, role)| [(*org).into(), (*user).into(), (*role).into(), now.into()])
        .collect();
    let sql = "INSERT INTO org_member (org_id, user_id, role, created_at) VALUES {rows} \
               ON CONFLICT (org_id, user_id) DO NOTHING";
    insert_rows(tx, sql, &rows).await?;
    Ok(())
}

/// A new repository with one commit on its default branch.
#[derive(Debug)]
pub struct SeedRepo<'a> {
    /// The id clients will see.
    pub public_id: String,
    /// Model, dataset or space.
    pub kind: RepoKind,
    /// The owning account's key.
    pub owner_id: i64,
    /// Its name.
    pub name: &'a RepoName,
    /// Who made it.
    pub creator_id: i64,
    /// Public or private.
    pub visibility: Visibility,
    /// `""`, `"auto"` or `"manual"`.
    pub gated: &'a str,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its commit was made.
    pub last_modified: Timestamp,
    /// See [`crate::repo::RepoRow::settings`].
    pub settings: &'a Json,
    /// See [`crate::repo::RepoRow::facts`].
    pub facts: &'a Json,
    /// The default branch, and the commit it points to.
    pub head: (&'a RefName, Oid),
    /// The objects, small enough for a row.
    pub pack: NewPack,
    /// See [`crate::lineage`].
    pub bases: &'a [BaseRow],
    /// See [`crate::evals`].
    pub evals: &'a [Eval],
    /// See [`crate::catalogue::save_card`].
    pub card: Option<&'a str>,
    /// See [`crate::catalogue::save_weights`].
    pub weights: Option<Json>,
}

/// Creates repositories; their keys in the same order. [`DbError::Conflict`] when a name is taken.
pub async fn insert_repos(tx: &mut Tx, new: &[SeedRepo<'_>]) -> Result<Vec<i64>, DbError> {
    let ids = insert_records(tx, new).await?;
    let with_ids: Vec<(i64, &SeedRepo<'_>)> = ids.iter().copied().zip(new).collect();
    insert_git(tx, &with_ids).await?;
    insert_derived(tx, &with_ids).await?;
    Ok(ids)
}

async fn insert_records(tx: &mut Tx, new: &[SeedRepo<'_>]) -> Result<Vec<i64>, DbError> {
    let rows: Vec<[Value; 14]> = new
        .iter()
        .map(|repo| {
            [
                repo.public_id.as_str().into(),
                repo.kind.as_str().into(),
                repo.owner_id.into(),
                repo.name.as_str().into(),
                repo.name.folded().into(),
                repo.creator_id.into(),
                repo.visibility.as_str().into(),
                repo.gated.into(),
                false.into(),
                repo.created_at.into(),
                repo.last_modified.into(),
                1_i64.into(),
                repo.settings.to_string().into(),
                repo.facts.to_string().into(),
            ]
        })
        .collect();
    let sql = "INSERT INTO repo (public_id, kind, owner_id, name, name_folded, creator_id, visibility, gated, \
               disabled, created_at, last_modified, next_discussion, settings, facts) VALUES {rows} \
               RETURNING id, public_id";
    let mut found = HashMap::new();
    for row in insert_rows(tx, sql, &rows).await? {
        found.insert(row.text("public_id")?, row.int("id")?);
    }
    let missing = || DbError::Conflict { constraint: "repo.public_id".to_owned() };
    new.iter().map(|repo| found.get(&repo.public_id).copied().ok_or_else(missing)).collect()
}

async fn insert_git(tx: &mut Tx, new: &[(i64, &SeedRepo<'_>)]) -> Result<(), DbError> {
    let each = |row: fn(i64, &SeedRepo<'_>) -> [Value; 8]| {
        new.iter().map(|(id, repo)| row(*id, repo)).collect::<Vec<_>>()
    };
    let rows = each(|id, repo| {
        let (zero, one, bytes) = (0_i64, 1_i64, repo.pack.size_bytes);
        let head = repo.head.0.as_str();
        [
            id.into(),
            one.into(),
            zero.into(),
            zero.into(),
            head.into(),
            one.into(),
            bytes.into(),
            false.into(),
        ]
    });
    let sql = "INSERT INTO git_repo (repo_id, seq, gc_epoch, generation, head_ref, tail_packs, tail_bytes, \
               drop_wanted) VALUES {rows}";
    insert_rows(tx, sql, &rows).await?;
    let rows: Vec<[Value; 4]> = new
        .iter()
        .map(|(id, repo)| {
            [(*id).into(), repo.head.0.as_str().into(), repo.head.1.into(), 1_i64.into()]
        })
        .collect();
    let sql = "INSERT INTO git_ref (repo_id, name, oid, updated_seq) VALUES {rows}";
    insert_rows(tx, sql, &rows).await?;
    let rows = each(|_, repo| {
        let pack = &repo.pack;
        [
            pack.pack_id.as_str().into(),
            pack.kind.as_str().into(),
            pack.n_objects.into(),
            pack.size_bytes.into(),
            pack.trailer.into(),
            pack.toc.clone().into(),
            pack.inline.clone().into(),
            repo.last_modified.into(),
        ]
    });
    let sql = "INSERT INTO git_pack (pack_id, kind, n_objects, size_bytes, trailer, toc, inline_bytes, created_at) \
               VALUES {rows}";
    insert_rows(tx, sql, &rows).await?;
    let rows: Vec<[Value; 3]> = new
        .iter()
        .map(|(id, repo)| [(*id).into(), repo.pack.pack_id.as_str().into(), 1_i64.into()])
        .collect();
    let sql = "INSERT INTO git_repo_pack (repo_id, pack_id, seq) VALUES {rows}";
    insert_rows(tx, sql, &rows).await?;
    insert_reflog(tx, new).await
}

async fn insert_reflog(tx: &mut Tx, new: &[(i64, &SeedRepo<'_>)]) -> Result<(), DbError> {
    let rows: Vec<[Value; 7]> = new
        .iter()
        .map(|(id, repo)| {
            let (name, oid) = (repo.head.0.as_str(), repo.head.1);
            let (creator, at) = (repo.creator_id, repo.last_modified);
            [
                (*id).into(),
                1_i64.into(),
                name.into(),
                oid.into(),
                creator.into(),
                "create".into(),
                at.into(),
            ]
        })
        .collect();
    let sql = "INSERT INTO git_reflog (repo_id, seq, ref_name, new_oid, actor_id, cause, at) VALUES {rows}";
    insert_rows(tx, sql, &rows).await?;
    Ok(())
}

async fn insert_derived(tx: &mut Tx, new: &[(i64, &SeedRepo<'_>)]) -> Result<(), DbError> {
    let bases: Vec<_> =
        new.iter().flat_map(|(id, repo)| lineage::values(*id, repo.bases)).collect();
    let sql =
        "INSERT INTO model_base (repo_id, position, base_folded, base_id, relation) VALUES {rows}";
    insert_rows(tx, sql, &bases).await?;
    let found = new.iter().flat_map(|(id, repo)| repo.evals.iter().map(|eval| (*id, eval)));
    let found: Vec<_> = found.map(|(id, eval)| evals::values(id, None, eval)).collect();
    insert_rows(tx, concat!(evals::insert_into!(), "{rows}"), &found).await?;
    let text = |id: i64, text: &str| [Value::from(id), Value::from(text)];
    let cards: Vec<_> = new.iter().filter_map(|(id, repo)| Some(text(*id, repo.card?))).collect();
    insert_rows(tx, "INSERT INTO repo_card (repo_id, body) VALUES {rows}", &cards).await?;
    let weights: Vec<[Value; 3]> = new
        .iter()
        .filter_map(|(id, repo)| {
            let weights = repo.weights.as_ref()?.to_string();
            Some([(*id).into(), repo.head.1.into(), weights.into()])
        })
        .collect();
    let sql = "INSERT INTO repo_weights (repo_id, commit_oid, weights) VALUES {rows}";
    insert_rows(tx, sql, &weights).await?;
    Ok(())
}

/// Records likes: repository, user and when. Each comes once.
pub async fn insert_likes(tx: &mut Tx, likes: &[(i64, i64, Timestamp)]) -> Result<(), DbError> {
    let rows: Vec<[Value; 3]> = likes
        .iter()
        .map(|(repo, user, at)| [(*repo).into(), (*user).into(), (*at).into()])
        .collect();
    let sql = "INSERT INTO repo_like (repo_id, user_id, created_at) VALUES {rows}";
    insert_rows(tx, sql, &rows).await?;
    Ok(())
}

/// Records days of downloads, each with its different downloaders. Each day of a repository comes once.
pub async fn insert_days(tx: &mut Tx, days: &[(DayCount, i64)]) -> Result<(), DbError> {
    let rows: Vec<[Value; 5]> = days
        .iter()
        .map(|(day, people)| {
            [
                day.repo_id.into(),
                day.day.into(),
                day.downloads.into(),
                (*people).into(),
                day.ci.into(),
            ]
        })
        .collect();
    let sql = "INSERT INTO download_day (repo_id, day, downloads, people, ci) VALUES {rows}";
    insert_rows(tx, sql, &rows).await?;
    Ok(())
}
