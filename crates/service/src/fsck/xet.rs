//! Xorbs and the files put together from them: rows against tables, tables against objects, links against both.

use std::collections::HashMap;

use bytes::Bytes;
use steelyard_blob::{Family, Key};
use steelyard_core::XetHash;
use steelyard_db::lfs::{Home, LinkRow};
use steelyard_db::xet::{self, FileRow, XorbRow, XorbState};
use steelyard_db::{check, repo};
use steelyard_xet::{ChunkTable, FileHasher, Terms, check_xorb};

use super::Report;
use super::finding::Finding;
use crate::{Error, Hub, Result};

/// Rows read at a time.
const PAGE: i64 = 200;
/// Stored objects listed at a time.
const LISTING: usize = 1000;
/// Findings of one kind about the whole hub.
const LISTED_MAX: i64 = 500;
/// Tables kept at hand, of up to 320 KiB each.
const TABLES_MAX: usize = 200;
const REUPLOAD: &str =
    "restore it from a backup of the object store, or upload one of the files that use it again";
const DATABASE: &str = "restore the database from a backup";

/// Tables that were read lately, by the xorb's id and generation.
#[derive(Default)]
struct Tables(HashMap<(i64, u32), ChunkTable>);

impl Hub {
    /// Checks all xorbs, files, and what leads to them.
    pub(super) async fn fsck_xet(&self, deep: bool, report: &mut Report<'_>) -> Result<()> {
        report.looking("xorbs");
        self.fsck_xorbs(deep, report).await?;
        report.looking("files in xorbs");
        self.fsck_files(deep, report).await?;
        report.looking("links to files in xorbs");
        self.fsck_names_of_files(report).await?;
        self.fsck_stored_xorbs(report).await
    }

    /// Checks the file behind a link of one repository.
    pub(super) async fn fsck_linked_file(
        &self,
        link: &LinkRow,
        deep: bool,
        found: &mut Vec<Finding>,
    ) -> Result<()> {
        let file_id = match link.home {
            Home::Raw => return Ok(()),
            Home::Quarantined => {
                found.push(quarantined(link));
                return Ok(());
            }
            Home::Xet { file_id, .. } | Home::Claimed { file_id, .. } => file_id,
        };
        let mut conn = self.db().read().await?;
        let Some(file) = xet::find_file_by_id(&mut conn, file_id).await? else { return Ok(()) };
        let packed = xet::file_terms(&mut conn, file_id).await?;
        drop(conn);
        let mut tables = Tables::default();
        if let Some(terms) = self.check_file(&file, packed, deep, &mut tables, found).await? {
            let mut conn = self.db().read().await?;
            let xorbs = xet::find_xorbs_by_id(&mut conn, &terms.xorb_ids()).await?;
            drop(conn);
            for xorb in xorbs {
                found.extend(self.check_xorb_object(&xorb, deep).await?);
            }
        }
        Ok(())
    }

    async fn fsck_xorbs(&self, deep: bool, report: &mut Report<'_>) -> Result<()> {
        let mut conn = self.db().read().await?;
        for id in check::list_xorbs_without_table(&mut conn, 0, LISTED_MAX).await? {
            report.found(Finding::error(format!("xorb {id}"), "has no chunk table", DATABASE));
        }
        drop(conn);
        let mut after = 0;
        loop {
            let mut conn = self.db().read().await?;
            let xorbs = check::list_xorbs(&mut conn, after, PAGE).await?;
            drop(conn);
            let Some(last) = xorbs.last() else { return Ok(()) };
            after = last.id;
            for xorb in xorbs.iter().filter(|xorb| xorb.state != XorbState::Deleting) {
                report.summary.xorbs += 1;
                if let Some(finding) = self.check_xorb_object(xorb, deep).await? {
                    report.found(finding);
                }
            }
        }
    }

    /// What is wrong with the object of a xorb, and with its table.
    async fn check_xorb_object(&self, xorb: &XorbRow, deep: bool) -> Result<Option<Finding>> {
        let key = Key::xorb(&xorb.hash, xorb.generation);
        let place = || format!("xorb {}", xorb.hash);
        let what = match self.blobs().head(&key).await? {
            None => format!("is missing from the object store ({key})"),
            Some(info) if info.size != xorb.stored_bytes => {
                format!("has {} bytes instead of {} ({key})", info.size, xorb.stored_bytes)
            }
            Some(_) => {
                let Some(what) = self.check_xorb_table(xorb, &key, deep).await? else {
                    return Ok(None);
                };
                what
            }
        };
        // It may have gone, or got another object, since its row was read.
        let mut conn = self.db().read().await?;
        let row = xet::find_xorbs_by_id(&mut conn, &[xorb.id]).await?.pop();
        let is_same = row.is_some_and(|row| {
            row.generation == xorb.generation && row.state != XorbState::Deleting
        });
        if !is_same {
            return Ok(None);
        }
        let users = xet::list_files_of_xorb(&mut conn, xorb.id, LISTED_MAX).await?.len();
        let what = format!("{what}; {users} files use it");
        Ok(Some(Finding::error(place(), what, REUPLOAD)))
    }

    async fn check_xorb_table(
        &self,
        xorb: &XorbRow,
        key: &Key,
        deep: bool,
    ) -> Result<Option<String>> {
        let mut conn = self.db().read().await?;
        let Some((_, packed)) = xet::xorb_tables(&mut conn, &[xorb.id]).await?.pop() else {
            return Ok(None);
        };
        drop(conn);
        let table = match ChunkTable::from_packed(packed.into()) {
            Ok(table) => table,
            Err(fault) => return Ok(Some(format!("has a broken chunk table: {fault}"))),
        };
        let says = (table.len(), u64::from(table.raw_bytes()), u64::from(table.stored_bytes()));
        if says != (xorb.n_chunks, xorb.raw_bytes, xorb.stored_bytes) {
            return Ok(Some("has a chunk table of another xorb".to_owned()));
        }
        if !deep {
            return Ok(None);
        }
        let Some(bytes) = self.blobs().get(key).await? else { return Ok(None) };
        let hash = xorb.hash;
        let checked = tokio::task::spawn_blocking(move || check_xorb(&bytes, &hash));
        Ok(match checked.await.map_err(Error::internal)? {
            Ok(checked) if checked.table == table => None,
            Ok(_) => Some("holds its chunks at other places than its table says".to_owned()),
            Err(fault) => Some(format!("holds other bytes: {fault}")),
        })
    }

    async fn fsck_files(&self, deep: bool, report: &mut Report<'_>) -> Result<()> {
        let (mut after, mut tables) = (0, Tables::default());
        loop {
            let mut conn = self.db().read().await?;
            let files = check::list_files(&mut conn, after, PAGE).await?;
            drop(conn);
            let Some((last, _)) = files.last() else { break };
            after = last.id;
            for (file, packed) in files {
                report.summary.files += 1;
                let mut found = Vec::new();
                self.check_file(&file, packed, deep, &mut tables, &mut found).await?;
                found.into_iter().for_each(|finding| report.found(finding));
            }
        }
        let mut conn = self.db().read().await?;
        for (file, xorb) in check::list_bad_edges(&mut conn, (0, 0), LISTED_MAX).await? {
            let what = format!("uses xorb {xorb}, which is missing or about to go");
            report.found(Finding::error(format!("file in xorbs {file}"), what, DATABASE));
        }
        Ok(())
    }

    /// Checks a file's terms against the tables of its xorbs; the terms, if they can be read.
    async fn check_file(
        &self,
        file: &FileRow,
        packed: Vec<u8>,
        deep: bool,
        tables: &mut Tables,
        found: &mut Vec<Finding>,
    ) -> Result<Option<Terms>> {
        let terms = match Terms::from_packed(Bytes::from(packed)) {
            Ok(terms) => terms,
            Err(fault) => {
                found.push(bad_file(file, format!("has a broken recipe: {fault}")));
                return Ok(None);
            }
        };
        if terms.total_raw() != file.size_bytes || terms.len() != file.n_terms as usize {
            let what = format!("its recipe gives {} bytes", terms.total_raw());
            found.push(bad_file(file, what));
        }
        let mut conn = self.db().read().await?;
        let edges = check::file_edges(&mut conn, &[file.id]).await?;
        let edges: Vec<i64> = edges.into_iter().map(|(_, xorb)| xorb).collect();
        if edges != terms.xorb_ids() && self.is_same_file(&mut conn, file, &terms).await? {
            found.push(bad_file(file, "does not keep the xorbs that its recipe names"));
        }
        drop(conn);
        if deep && let Some(what) = self.check_recipe(file, &terms, tables).await? {
            let mut conn = self.db().read().await?;
            if self.is_same_file(&mut conn, file, &terms).await? {
                found.push(bad_file(file, what));
            }
        }
        Ok(Some(terms))
    }

    /// False when the file went or got other terms since it was read.
    async fn is_same_file(
        &self,
        conn: &mut steelyard_db::Conn,
        file: &FileRow,
        terms: &Terms,
    ) -> Result<bool> {
        Ok(xet::file_terms(conn, file.id).await? == terms.packed()[..])
    }

    /// What is wrong with a recipe, by the tables of its xorbs.
    async fn check_recipe(
        &self,
        file: &FileRow,
        terms: &Terms,
        tables: &mut Tables,
    ) -> Result<Option<String>> {
        let mut conn = self.db().read().await?;
        let rows = xet::find_xorbs_by_id(&mut conn, &terms.xorb_ids()).await?;
        drop(conn);
        let generations: HashMap<i64, u32> =
            rows.iter().map(|row| (row.id, row.generation)).collect();
        let mut hasher = FileHasher::new();
        for (number, term) in terms.iter().enumerate() {
            let Some(generation) = generations.get(&term.xorb_id) else {
                return Ok(Some(format!(
                    "term {number} names xorb {}, which has no row",
                    term.xorb_id
                )));
            };
            let Some(table) = self.table(tables, term.xorb_id, *generation).await? else {
                return Ok(Some(format!("the xorb of term {number} has no chunk table")));
            };
            let raw = table.raw_range(term.chunks.clone()).map(|raw| raw.end - raw.start);
            let stored = table.stored_range(term.chunks.clone());
            if raw != Some(term.raw_len) || stored.as_ref() != Some(&term.stored) {
                return Ok(Some(format!("term {number} does not fit its xorb")));
            }
            for index in term.chunks {
                if let Some(entry) = table.entry(index) {
                    hasher.push(entry.hash, u64::from(entry.raw.end - entry.raw.start));
                }
            }
        }
        let computed = hasher.finish();
        Ok((computed != file.hash).then(|| format!("its chunks give another file, {computed}")))
    }

    async fn table(
        &self,
        tables: &mut Tables,
        xorb_id: i64,
        generation: u32,
    ) -> Result<Option<ChunkTable>> {
        if let Some(table) = tables.0.get(&(xorb_id, generation)) {
            return Ok(Some(table.clone()));
        }
        let mut conn = self.db().read().await?;
        let Some((_, packed)) = xet::xorb_tables(&mut conn, &[xorb_id]).await?.pop() else {
            return Ok(None);
        };
        drop(conn);
        let Ok(table) = ChunkTable::from_packed(packed.into()) else { return Ok(None) };
        if tables.0.len() >= TABLES_MAX {
            tables.0.clear();
        }
        tables.0.insert((xorb_id, generation), table.clone());
        Ok(Some(table))
    }

    async fn fsck_names_of_files(&self, report: &mut Report<'_>) -> Result<()> {
        let mut conn = self.db().read().await?;
        for sha256 in check::list_homeless_contents(&mut conn, &[], LISTED_MAX).await? {
            let what = "is neither an object nor a file in xorbs";
            report.found(Finding::error(format!("large file {sha256}"), what, DATABASE));
        }
        for (sha256, file) in check::list_wrong_homes(&mut conn, &[], LISTED_MAX).await? {
            let what = format!("its home, file {file} in xorbs, has another size or SHA-256");
            report.found(Finding::error(format!("large file {sha256}"), what, DATABASE));
        }
        for link in check::list_homeless_links(&mut conn, "", LISTED_MAX).await? {
            let finding = Finding::error(
                format!("link {}", link.public_id),
                format!("leads to large file {}, which has no row", link.sha256),
                "upload the file again",
            );
            let row = repo::find_repo_by_id(&mut conn, link.repo_id).await?;
            report.found(match row {
                Some(row) => finding.about(&super::label(&row)),
                None => finding,
            });
        }
        for chunk in check::list_bad_dedup(&mut conn, &[], LISTED_MAX).await? {
            let what = "is said to lie in a xorb that is not there";
            let hint = "delete its row from xet_dedup; uploads that count on it fail until then";
            report.found(Finding::error(format!("chunk {chunk}"), what, hint));
        }
        Ok(())
    }

    /// Objects of xorbs that no row names.
    async fn fsck_stored_xorbs(&self, report: &mut Report<'_>) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.blobs().list(Family::Xorbs, after, LISTING).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(*last);
            let parts: Vec<(XetHash, u32)> =
                page.iter().filter_map(|(key, _)| key.xorb_parts()).collect();
            let hashes: Vec<XetHash> = parts.iter().map(|(hash, _)| *hash).collect();
            let mut conn = self.db().read().await?;
            let rows = xet::find_xorbs(&mut conn, &hashes).await?;
            drop(conn);
            for (hash, generation) in parts {
                if !rows.iter().any(|row| row.hash == hash && row.generation == generation) {
                    let key = Key::xorb(&hash, generation).to_string();
                    let hint = "left by an upload that never ended; the job xet.orphans deletes it after a week";
                    report.found(Finding::info(key, "has no row", hint));
                }
            }
        }
    }
}

/// A link whose uploader said the wrong SHA-256.
fn quarantined(link: &LinkRow) -> Finding {
    let what =
        "what was uploaded has another SHA-256 than its uploader said; it is never given out";
    Finding::warning(format!("large file {}", link.sha256), what, "upload the file again")
}

fn bad_file(file: &FileRow, what: impl Into<String>) -> Finding {
    let hint = "upload the file again, or restore the database from a backup";
    Finding::error(format!("file in xorbs {} ({})", file.id, file.hash), what, hint)
}
