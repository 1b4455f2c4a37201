//! Claims: an uploader says which SHA-256 a file has, and the hub believes it only once it has looked.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use steelyard_core::{Sha256, Timestamp};

use super::file::{FileRow, file, file_columns};
use crate::batch::{fetch_in, insert_rows, keys};
use crate::conn::args;
use crate::{Conn, DbError, Row, Tx, Value, dialect, lfs};

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The repository has its link now.
    Linked,
    /// It had the same one already, or one to a stored content of the same SHA-256 and size.
    Same,
    /// Not so: the repository has another file for this SHA-256, or the hub knows that this file has another SHA-256.
    Other,
}

/// A file to link to a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// The content that it is said to be.
    pub sha256: Sha256,
    /// The id that clients shall see; fresh.
    pub public_id: String,
    /// The file.
    pub file_id: i64,
}

/// Links a file to a repository as the content of that SHA-256. If the hub has computed the file's SHA-256 the link is an
/// ordinary one, else a claim. The first claim of a repository stands until it is found wrong.
/// `public_id` must be fresh.
pub async fn claim_link(
    tx: &mut Tx,
    repo_id: i64,
    sha256: Sha256,
    public_id: &str,
    file_id: i64,
    now: Timestamp,
) -> Result<ClaimOutcome, DbError> {
    let link = NewLink { sha256, public_id: public_id.to_owned(), file_id };
    let outcomes = claim_links(tx, repo_id, &[link], now).await?;
    outcomes.first().copied().ok_or(DbError::Missing { row: "lfs_link" })
}

/// Links files to a repository as [`claim_link`] does; the outcomes are in the order of the links.
pub async fn claim_links(
    tx: &mut Tx,
    repo_id: i64,
    links: &[NewLink],
    now: Timestamp,
) -> Result<Vec<ClaimOutcome>, DbError> {
    let files = lock_files(tx, links).await?;
    let mut outcomes = HashMap::with_capacity(links.len());
    let mut open: Vec<&NewLink> = links.iter().collect();
    while !open.is_empty() {
        // One statement can touch a link once; where several files are claimed for one SHA-256 there are several rounds.
        let (mut verified, mut claimed) = (BTreeMap::new(), BTreeMap::new());
        let mut later = Vec::new();
        for link in open {
            if outcomes.contains_key(&(link.sha256, link.file_id)) {
                continue;
            }
            let file = files.get(&link.file_id).ok_or(DbError::Missing { row: "xet_file" })?;
            let batch = match file.sha256 {
                Some(known) if known != link.sha256 => {
                    outcomes.insert((link.sha256, link.file_id), ClaimOutcome::Other);
                    continue;
                }
                Some(_) => &mut verified,
                None => &mut claimed,
            };
            match batch.entry(link.sha256) {
                Entry::Vacant(entry) => _ = entry.insert((link, file)),
                Entry::Occupied(_) => later.push(link),
            }
        }
        outcomes.extend(link_verified(tx, repo_id, &verified, now).await?);
        outcomes.extend(link_claimed(tx, repo_id, &claimed, now).await?);
        open = later;
    }
    let outcome = |link: &NewLink| outcomes.get(&(link.sha256, link.file_id)).copied();
    links.iter().map(|link| outcome(link).ok_or(DbError::Missing { row: "lfs_link" })).collect()
}

/// Links in order of their content, as all rows that several transactions may write.
type Batch<'a> = BTreeMap<Sha256, (&'a NewLink, &'a FileRow)>;
/// What became of the links of a batch, by SHA-256 and file.
type Outcomes = HashMap<(Sha256, i64), ClaimOutcome>;

/// The files of these links; their SHA-256 do not become known until the transaction ends.
async fn lock_files(tx: &mut Tx, links: &[NewLink]) -> Result<HashMap<i64, FileRow>, DbError> {
    let mut sql =
        concat!("SELECT ", file_columns!(), " FROM xet_file f WHERE f.id IN {keys} ORDER BY f.id")
            .to_owned();
    sql.push_str(dialect::share_rows(tx));
    let ids: Vec<i64> = links.iter().map(|link| link.file_id).collect();
    let rows = fetch_in(tx, &sql, args![], &keys(&ids)).await?;
    rows.iter().map(|row| file(row).map(|file| (file.id, file))).collect()
}

async fn link_verified(
    tx: &mut Tx,
    repo_id: i64,
    batch: &Batch<'_>,
    now: Timestamp,
) -> Result<Outcomes, DbError> {
    let contents: Vec<_> =
        batch.iter().map(|(sha256, (_, file))| (*sha256, file.size_bytes, file.id)).collect();
    lfs::ensure_xet_objects(tx, &contents, now).await?;
    let rows: Vec<[Value; 4]> = batch
        .values()
        .map(|(link, _)| [repo_id.into(), link.sha256.into(), (&link.public_id).into(), now.into()])
        .collect();
    let sql = "INSERT INTO lfs_link (repo_id, sha256, public_id, linked_at) VALUES {rows} \
               ON CONFLICT (repo_id, sha256) DO UPDATE SET claimed_file_id = NULL, quarantined_at = NULL \
               RETURNING sha256, public_id";
    let mut outcomes = Outcomes::new();
    for row in insert_rows(tx, sql, &rows).await? {
        let (link, outcome) = of_row(batch, &row)?;
        outcomes.insert((link.sha256, link.file_id), outcome.unwrap_or(ClaimOutcome::Same));
    }
    Ok(outcomes)
}

/// The link of a batch that a row is about, and [`ClaimOutcome::Linked`] if it was inserted: only then has it the id
/// that was made for it.
fn of_row<'a>(
    batch: &Batch<'a>,
    row: &Row,
) -> Result<(&'a NewLink, Option<ClaimOutcome>), DbError> {
    let found = batch.get(&row.sha256("sha256")?);
    let (link, _) = found.ok_or(DbError::Inconsistent { column: "sha256" })?;
    let is_new = row.text("public_id")? == link.public_id;
    Ok((link, is_new.then_some(ClaimOutcome::Linked)))
}

async fn link_claimed(
    tx: &mut Tx,
    repo_id: i64,
    batch: &Batch<'_>,
    now: Timestamp,
) -> Result<Outcomes, DbError> {
    let rows: Vec<[Value; 5]> = batch
        .values()
        .map(|(link, file)| {
            let (sha256, id) = (link.sha256.into(), (&link.public_id).into());
            [repo_id.into(), sha256, id, now.into(), file.id.into()]
        })
        .collect();
    // The change that changes nothing locks a link that exists, and returns it.
    let sql = "INSERT INTO lfs_link (repo_id, sha256, public_id, linked_at, claimed_file_id) VALUES {rows} \
               ON CONFLICT (repo_id, sha256) DO UPDATE SET linked_at = lfs_link.linked_at \
               RETURNING sha256, public_id, claimed_file_id, quarantined_at";
    let mut outcomes = Outcomes::new();
    for row in insert_rows(tx, sql, &rows).await? {
        let (link, outcome) = of_row(batch, &row)?;
        let outcome = match (outcome, batch.get(&link.sha256)) {
            (Some(outcome), _) => outcome,
            (None, Some((_, file))) => {
                claim_again(tx, repo_id, link.sha256, file, &row, now).await?
            }
            (None, None) => ClaimOutcome::Other,
        };
        outcomes.insert((link.sha256, link.file_id), outcome);
    }
    Ok(outcomes)
}

/// What becomes of a claim for which the repository has a link already: `link`, which is locked.
async fn claim_again(
    tx: &mut Tx,
    repo_id: i64,
    sha256: Sha256,
    file: &FileRow,
    link: &Row,
    now: Timestamp,
) -> Result<ClaimOutcome, DbError> {
    let claimed = link.opt_int("claimed_file_id")?;
    let is_quarantined = link.opt_timestamp("quarantined_at")?.is_some();
    if claimed == Some(file.id) {
        // A file with a wrong claim has a known SHA-256, and its claims do not come here.
        return Ok(if is_quarantined { ClaimOutcome::Other } else { ClaimOutcome::Same });
    }
    if is_quarantined {
        let sql = "UPDATE lfs_link SET claimed_file_id = $3, quarantined_at = NULL, linked_at = $4 \
                   WHERE repo_id = $1 AND sha256 = $2";
        tx.execute(sql, args![repo_id, sha256, file.id, now]).await?;
        return Ok(ClaimOutcome::Linked);
    }
    if claimed.is_some() {
        return Ok(ClaimOutcome::Other);
    }
    // The link is to a stored content and stays what it is, so a wrong claim does no harm. That the content is in
    // another file proves nothing: clients that cut otherwise (huggingface.js) have another file for the same bytes.
    let is_same = lfs::find_object(tx, sha256).await? == Some(file.size_bytes);
    Ok(if is_same { ClaimOutcome::Same } else { ClaimOutcome::Other })
}

/// What became of the claims on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confirmed {
    /// Links that are ordinary ones now.
    pub confirmed: u64,
    /// Links whose claim was wrong.
    pub quarantined: u64,
}

/// Records that the hub has computed a file's SHA-256, and settles every claim on it: those that were right become links
/// to a stored content, wrong ones are quarantined, and grants that rest on a wrong one go.
pub async fn confirm_claims(
    tx: &mut Tx,
    file_id: i64,
    sha256: Sha256,
    now: Timestamp,
) -> Result<Confirmed, DbError> {
    let sql = "UPDATE xet_file SET sha256 = $2 WHERE id = $1 RETURNING size_bytes";
    let Some(row) = tx.fetch_optional(sql, args![file_id, sha256]).await? else {
        return Ok(Confirmed::default());
    };
    let wanted = "SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM lfs_link l WHERE l.claimed_file_id = $1 AND l.sha256 = $2) \
                  OR EXISTS (SELECT 1 FROM lfs_upload u WHERE u.xet_file_id = $1 AND u.sha256 = $2)";
    if tx.fetch_optional(wanted, args![file_id, sha256]).await?.is_some() {
        lfs::ensure_xet_object(tx, sha256, row.count("size_bytes")?, file_id, now).await?;
    }
    let sql = "UPDATE lfs_link SET claimed_file_id = NULL, quarantined_at = NULL \
               WHERE claimed_file_id = $1 AND sha256 = $2";
    let confirmed = tx.execute(sql, args![file_id, sha256]).await?;
    let sql = "UPDATE lfs_link SET quarantined_at = $3 \
               WHERE claimed_file_id = $1 AND sha256 <> $2 AND quarantined_at IS NULL";
    let quarantined = tx.execute(sql, args![file_id, sha256, now]).await?;
    let sql = "DELETE FROM lfs_upload WHERE xet_file_id = $1 AND sha256 <> $2";
    tx.execute(sql, args![file_id, sha256]).await?;
    Ok(Confirmed { confirmed, quarantined })
}

/// Files that a claim or a grant rests on and whose SHA-256 the hub has not computed, in order of id, after `after`.
pub async fn list_unverified_files(
    conn: &mut Conn,
    after: i64,
    limit: i64,
) -> Result<Vec<FileRow>, DbError> {
    let sql = concat!(
        "SELECT ",
        file_columns!(),
        " FROM xet_file f WHERE f.sha256 IS NULL AND f.id > $1 AND f.id IN (\
         SELECT l.claimed_file_id FROM lfs_link l WHERE l.claimed_file_id > $1 \
         UNION SELECT u.xet_file_id FROM lfs_upload u WHERE u.xet_file_id > $1) ORDER BY f.id LIMIT $2"
    );
    conn.fetch_all(sql, args![after, limit]).await?.iter().map(file).collect()
}
