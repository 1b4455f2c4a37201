//! What takes how much room, for operators. These queries look at whole tables: not for requests.

use steelyard_core::{Sha256, XetHash};

use crate::conn::args;
use crate::{Conn, DbError, Row};

/// How many of something there are, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// What the large files of the whole hub take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HubStorage {
    /// Links of all repositories; the sizes are what readers see, counted for each repository.
    pub linked: Tally,
    /// Contents stored as objects of their own.
    pub raw: Tally,
    /// Objects left over from contents that are in xorbs now; they go within hours.
    pub left_over: Tally,
    /// Xorbs, by what they take in the store.
    pub xorbs: Tally,
    /// Bytes of all their chunks before compression.
    pub xorb_raw_bytes: u64,
    /// Xorbs that no file uses, by what they take in the store; they are among `xorbs`.
    pub unused: Tally,
}

fn tally(row: &Row) -> Result<Tally, DbError> {
    Ok(Tally { count: row.count("n")?, bytes: row.count("bytes")? })
}

macro_rules! tally_of {
    ($bytes:literal, $from:literal) => {
        concat!(
            "SELECT COUNT(*) AS n, CAST(COALESCE(SUM(",
            $bytes,
            "), 0) AS BIGINT) AS bytes FROM ",
            $from
        )
    };
}

/// What the large files of the whole hub take.
pub async fn storage_of_hub(conn: &mut Conn) -> Result<HubStorage, DbError> {
    let linked = tally_of!(
        "COALESCE(o.size_bytes, f.size_bytes)",
        "lfs_link l LEFT JOIN lfs_object o ON o.sha256 = l.sha256 AND l.claimed_file_id IS NULL \
         LEFT JOIN xet_file f ON f.id = l.claimed_file_id WHERE l.quarantined_at IS NULL"
    );
    let raw = tally_of!("size_bytes", "lfs_object WHERE has_raw");
    let left_over =
        tally_of!("size_bytes", "lfs_object WHERE raw_retired_at IS NOT NULL AND NOT has_raw");
    let xorbs = tally_of!("stored_bytes", "xorb");
    let chunks = tally_of!("raw_bytes", "xorb");
    let unused = tally_of!(
        "stored_bytes",
        "xorb x WHERE NOT EXISTS (SELECT 1 FROM xet_file_xorb e WHERE e.xorb_id = x.id)"
    );
    Ok(HubStorage {
        linked: tally(&conn.fetch_one(linked, args![]).await?)?,
        raw: tally(&conn.fetch_one(raw, args![]).await?)?,
        left_over: tally(&conn.fetch_one(left_over, args![]).await?)?,
        xorbs: tally(&conn.fetch_one(xorbs, args![]).await?)?,
        xorb_raw_bytes: tally(&conn.fetch_one(chunks, args![]).await?)?.bytes,
        unused: tally(&conn.fetch_one(unused, args![]).await?)?,
    })
}

/// What one large file of a repository takes, and what its deletion would free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStorage {
    /// The content.
    pub sha256: Sha256,
    /// The last path it was committed under.
    pub filename: Option<String>,
    /// Its size, as a reader sees it.
    pub size_bytes: u64,
    /// The file that holds it, if it is in xorbs.
    pub file: Option<XetHash>,
    /// Bytes of the xorbs it uses, or of its own object.
    pub stored_bytes: u64,
    /// Bytes that nothing else uses: what goes when this link goes.
    pub freed_bytes: u64,
    /// Repositories that link to the same content.
    pub repos: u64,
}

/// The large files of a repository in order of their SHA-256, after `after`.
pub async fn list_link_storage(
    conn: &mut Conn,
    repo_id: i64,
    after: &[u8],
    limit: i64,
) -> Result<Vec<LinkStorage>, DbError> {
    let sql = "SELECT s.sha256, s.filename, s.size_bytes, s.file_hash, s.repos, \
               CAST(s.raw_bytes + COALESCE((SELECT SUM(x.stored_bytes) FROM xet_file_xorb e \
               JOIN xorb x ON x.id = e.xorb_id WHERE e.file_id = s.file_id), 0) AS BIGINT) AS stored_bytes, \
               CAST(CASE WHEN s.repos > 1 THEN 0 ELSE s.raw_bytes + COALESCE((SELECT SUM(x.stored_bytes) \
               FROM xet_file_xorb e JOIN xorb x ON x.id = e.xorb_id WHERE e.file_id = s.file_id \
               AND NOT EXISTS (SELECT 1 FROM xet_file_xorb other WHERE other.xorb_id = e.xorb_id \
               AND other.file_id <> s.file_id)), 0) END AS BIGINT) AS freed_bytes FROM (\
               SELECT l.sha256, l.filename, COALESCE(o.size_bytes, f.size_bytes) AS size_bytes, f.hash AS file_hash, \
               f.id AS file_id, CASE WHEN o.has_raw THEN o.size_bytes ELSE 0 END AS raw_bytes, \
               (SELECT COUNT(*) FROM lfs_link p WHERE p.sha256 = l.sha256) AS repos \
               FROM lfs_link l LEFT JOIN lfs_object o ON o.sha256 = l.sha256 AND l.claimed_file_id IS NULL \
               LEFT JOIN xet_file f ON f.id = COALESCE(l.claimed_file_id, o.xet_file_id) \
               WHERE l.repo_id = $1 AND l.quarantined_at IS NULL AND l.sha256 > $2 \
               AND (o.sha256 IS NOT NULL OR f.id IS NOT NULL) ORDER BY l.sha256 LIMIT $3) s ORDER BY s.sha256";
    let rows = conn.fetch_all(sql, args![repo_id, after, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(LinkStorage {
                sha256: row.sha256("sha256")?,
                filename: row.opt_text("filename")?,
                size_bytes: row.count("size_bytes")?,
                file: row.opt_xet_hash("file_hash")?,
                stored_bytes: row.count("stored_bytes")?,
                freed_bytes: row.count("freed_bytes")?,
                repos: row.count("repos")?,
            })
        })
        .collect()
}
