//! What takes how much room, and what would become free: for operators and owners.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use steelyard_core::{RepoId, RepoKind, Sha256, Timestamp, XetHash};
use steelyard_db::xet::{self, FileRow, LinkStorage, XorbRow};
use steelyard_db::{lfs, refs, repo};
use steelyard_git::lfs_pointer::{self, POINTER_BYTES_MAX};
use steelyard_git::{EntryMode, ObjectSource as _, PackSet, read};

use super::gc::{FILE_KEEP_SECS, XORB_KEEP_SECS};
use crate::fetch::blocking;
use crate::{Error, Hub, Missing, Result};

/// Rows per statement.
const ROUND: i64 = 500;
/// Refs named for one file; a file that more hold says how many.
const REFS_SHOWN: usize = 20;
/// Things of one kind that a report lists; the sums are over all.
const LISTED_MAX: usize = 1000;

/// How many of something, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// What the large files of the whole hub take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HubUsage {
    /// Large files as readers see them, counted for each repository that has them.
    pub linked: Amount,
    /// Bytes that lie in the store for them: xorbs, raw objects, left-over objects.
    pub stored_bytes: u64,
    /// Contents that are stored as they came.
    pub raw: Amount,
    /// Raw objects whose content is in xorbs by now; they go within hours.
    pub left_over: Amount,
    /// Blocks of chunks, by what they take in the store.
    pub xorbs: Amount,
    /// What the chunks in them have before compression.
    pub xorb_raw_bytes: u64,
    /// Xorbs that no file uses, among the above.
    pub unused: Amount,
}

/// A large file of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileUsage {
    /// Its content.
    pub sha256: Sha256,
    /// Where it is, or was last.
    pub path: Option<String>,
    /// Its size.
    pub size: u64,
    /// Its hash in the protocol of Xet, once it is in xorbs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xet_hash: Option<XetHash>,
    /// Bytes of the objects it is read from, which others may share.
    pub stored_bytes: u64,
    /// Bytes that go when this repository lets go of it: nothing else uses them.
    pub freed_bytes: u64,
    /// Repositories that have the same content.
    pub repos: u64,
    /// Refs whose newest commit has it, at most 20 by name.
    pub refs: Vec<String>,
    /// How many such refs there are; 0 says that only earlier commits have it, or none.
    pub ref_count: u64,
}

/// What the large files of a repository take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepoUsage {
    /// `models/alice/bert`.
    pub repo: String,
    /// Sizes of its large files, as readers see them.
    pub logical_bytes: u64,
    /// Stored bytes that no other repository uses: what goes when it is deleted.
    pub unique_bytes: u64,
    /// Stored bytes that it uses together with others.
    pub shared_bytes: u64,
    /// Its large files, those first that would free most.
    pub files: Vec<FileUsage>,
}

/// One step of clearing away, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GcStep {
    /// What the sweep would do: `condemnFiles`, `deleteFiles`, …
    pub step: &'static str,
    /// Why these, in words.
    pub why: &'static str,
    /// When what is meant goes for good, at the earliest.
    pub goes: &'static str,
    /// How many, and their bytes: of the content for files, in the store for the others.
    #[serde(flatten)]
    pub amount: Amount,
    /// Their hashes, at most 1,000.
    pub hashes: Vec<String>,
}

impl Hub {
    /// What the large files of the whole hub take. Reads whole tables.
    pub async fn hub_usage(&self) -> Result<HubUsage> {
        let mut conn = self.db().read().await?;
        let found = xet::storage_of_hub(&mut conn).await?;
        let amount = |tally: xet::Tally| Amount { count: tally.count, bytes: tally.bytes };
        Ok(HubUsage {
            linked: amount(found.linked),
            stored_bytes: found.raw.bytes + found.left_over.bytes + found.xorbs.bytes,
            raw: amount(found.raw),
            left_over: amount(found.left_over),
            xorbs: amount(found.xorbs),
            xorb_raw_bytes: found.xorb_raw_bytes,
            unused: amount(found.unused),
        })
    }

    /// What the large files of a repository take, which refs hold them, and what deleting each would free.
    /// For operators: nobody's rights are asked for.
    pub async fn repo_usage(&self, kind: RepoKind, id: &RepoId) -> Result<RepoUsage> {
        let mut conn = self.db().read().await?;
        let found = repo::find_repo(&mut conn, kind, id).await?;
        let row = found.ok_or(Error::NotFound(Missing::Repo { anonymous: false }))?;
        let storage = xet::storage_of_repo(&mut conn, row.id).await?;
        drop(conn);
        let mut holders = self.holders(row.id).await?;
        let mut files = Vec::new();
        let mut after = Vec::new();
        loop {
            let mut conn = self.db().read().await?;
            let links = xet::list_link_storage(&mut conn, row.id, &after, ROUND).await?;
            drop(conn);
            let Some(last) = links.last() else { break };
            after = last.sha256.as_bytes().to_vec();
            files.extend(links.into_iter().map(|link| {
                let held = holders.remove(&link.sha256).unwrap_or_default();
                file_usage(link, held)
            }));
        }
        files.sort_by(|a, b| b.freed_bytes.cmp(&a.freed_bytes).then(b.size.cmp(&a.size)));
        Ok(RepoUsage {
            repo: format!("{}/{}", kind.plural(), row.repo),
            logical_bytes: storage.logical_bytes,
            unique_bytes: storage.unique_bytes,
            shared_bytes: storage.shared_bytes,
            files,
        })
    }

    /// Which refs' newest commits have which large files, and where.
    async fn holders(&self, repo_id: i64) -> Result<HashMap<Sha256, Held>> {
        let mut conn = self.db().read().await?;
        let Some((state, rows)) = refs::list_refs_with_git(&mut conn, repo_id).await? else {
            return Ok(HashMap::new());
        };
        drop(conn);
        let history = self.history(repo_id, &state).await?;
        let history = Arc::clone(&history);
        blocking(move || {
            let mut holders = HashMap::<Sha256, Held>::new();
            for row in rows {
                for (sha256, path) in pointers_of(history.pack_set(), &row.target())? {
                    let held = holders.entry(sha256).or_default();
                    held.path.get_or_insert(path);
                    held.count += 1;
                    if held.refs.len() < REFS_SHOWN {
                        held.refs.push(row.name.clone());
                    }
                }
            }
            Ok(holders)
        })
        .await
    }

    /// What [`Hub::sweep_lfs`] and [`Hub::sweep_xet`] would do now, what waits for its day, and why. Changes nothing.
    pub async fn explain_gc(&self, now: Timestamp) -> Result<Vec<GcStep>> {
        let mut steps = Vec::new();
        let mut conn = self.db().read().await?;
        let (mut after, mut files) = (0, Vec::new());
        loop {
            let page = xet::list_condemnable_files(&mut conn, after, ROUND).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            files.extend(page);
        }
        let why = "no content, claim or unfinished upload names these files";
        steps.push(files_step("condemnFiles", why, "30 days after it is condemned", &files));
        let all = i64::MAX;
        let doomed =
            xet::list_deletable_files(&mut conn, now.plus_secs(-FILE_KEEP_SECS), all).await?;
        let waiting = xet::list_deletable_files(&mut conn, now.plus_secs(1), all).await?;
        let why = "these files were condemned 30 days ago and nothing has named them since";
        steps.push(files_step("deleteFiles", why, "now", &doomed));
        let waiting = without(waiting, &doomed, |file| file.id);
        let why = "these files were condemned less than 30 days ago; a registration or commit takes them back";
        steps.push(files_step("waitFiles", why, "30 days after it was condemned", &waiting));

        let (mut after, mut xorbs) = (0, Vec::new());
        loop {
            let page = xet::list_condemnable_xorbs(&mut conn, now, after, ROUND).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            xorbs.extend(page);
        }
        let why = "no file uses these xorbs, and nobody may refer to them from a cache any more";
        steps.push(xorbs_step("condemnXorbs", why, "a day after it is condemned", &xorbs));
        let doomed =
            xet::list_deletable_xorbs(&mut conn, now.plus_secs(-XORB_KEEP_SECS), all).await?;
        let waiting = xet::list_deletable_xorbs(&mut conn, now.plus_secs(1), all).await?;
        let why = "these xorbs were condemned a day ago and nothing has used them since";
        steps.push(xorbs_step("deleteXorbs", why, "now", &doomed));
        let waiting = without(waiting, &doomed, |xorb| xorb.id);
        let why = "these xorbs were condemned less than a day ago; an upload that uses them takes them back";
        steps.push(xorbs_step("waitXorbs", why, "a day after it was condemned", &waiting));

        let left_over = lfs::list_retired_raw(&mut conn, now.plus_secs(1), all).await?;
        let bytes = xet::storage_of_hub(&mut conn).await?.left_over.bytes;
        let hashes = left_over.iter().take(LISTED_MAX).map(ToString::to_string).collect();
        steps.push(GcStep {
            step: "deleteRaw",
            why: "these contents are in xorbs now; the objects they came in are left over",
            goes: "two hours after the content moved",
            amount: Amount { count: left_over.len() as u64, bytes },
            hashes,
        });
        Ok(steps)
    }
}

/// What the newest commits of refs say of a large file.
#[derive(Debug, Default)]
struct Held {
    path: Option<String>,
    refs: Vec<String>,
    count: u64,
}

fn file_usage(link: LinkStorage, held: Held) -> FileUsage {
    FileUsage {
        sha256: link.sha256,
        path: held.path.or(link.filename),
        size: link.size_bytes,
        xet_hash: link.file,
        stored_bytes: link.stored_bytes,
        freed_bytes: link.freed_bytes,
        repos: link.repos,
        refs: held.refs,
        ref_count: held.count,
    }
}

/// The large files of a commit, each with one of its paths.
fn pointers_of(set: &PackSet, commit: &steelyard_core::Oid) -> Result<HashMap<Sha256, String>> {
    let broken = crate::history::broken;
    let mut found = HashMap::new();
    let mut open = vec![(read::get_commit(set, commit).map_err(broken)?.tree, String::new())];
    while let Some((folder, path)) = open.pop() {
        let tree = read::get_tree(set, &folder).map_err(broken)?;
        for entry in tree.iter() {
            let path = format!("{path}{}", String::from_utf8_lossy(entry.name));
            match entry.mode {
                EntryMode::Tree => open.push((entry.oid, format!("{path}/"))),
                EntryMode::File | EntryMode::Executable => {
                    let header = set.header(&entry.oid).map_err(broken)?;
                    if header.is_none_or(|(_, size)| size >= POINTER_BYTES_MAX as u64) {
                        continue;
                    }
                    let content = read::get_blob(set, &entry.oid).map_err(broken)?;
                    if let Some((sha256, _)) = lfs_pointer::parse(&content) {
                        found.entry(sha256).or_insert(path);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

fn without<T>(all: Vec<T>, some: &[T], id: impl Fn(&T) -> i64) -> Vec<T> {
    let some: std::collections::HashSet<i64> = some.iter().map(&id).collect();
    all.into_iter().filter(|one| !some.contains(&id(one))).collect()
}

fn files_step(
    step: &'static str,
    why: &'static str,
    goes: &'static str,
    files: &[FileRow],
) -> GcStep {
    let bytes = files.iter().map(|file| file.size_bytes).sum();
    let hashes = files.iter().take(LISTED_MAX).map(|file| file.hash.to_string()).collect();
    GcStep { step, why, goes, amount: Amount { count: files.len() as u64, bytes }, hashes }
}

fn xorbs_step(
    step: &'static str,
    why: &'static str,
    goes: &'static str,
    xorbs: &[XorbRow],
) -> GcStep {
    let bytes = xorbs.iter().map(|xorb| xorb.stored_bytes).sum();
    let hashes = xorbs.iter().take(LISTED_MAX).map(|xorb| xorb.hash.to_string()).collect();
    GcStep { step, why, goes, amount: Amount { count: xorbs.len() as u64, bytes }, hashes }
}
