//! `git.join`: many small packs become few larger ones.
//!
//! Nothing is dropped and no ref changes, so a join conflicts with no commit: the new pack stands at the highest
//! sequence number of its sources, and commits only add packs behind that. Packs form tiers: a pack is merged again as
//! soon as the smaller ones together are more than half its size, so a repository has a dozen packs or so, and each
//! byte is copied a few times in its life.

use std::sync::Arc;

use steelyard_core::fault::crash_point;
use steelyard_db::pack::{self, PackKind, PackRow};
use steelyard_db::refs;
use steelyard_git::pack::concat;
use steelyard_git::{BuiltPack, Pack};

use super::JobKind;
use super::manifest::{Manifest, check_complete, of_kind, size_of};
use super::progress;
use crate::fetch::blocking;
use crate::history::{History, PreparedPack, broken};
use crate::{Hub, Result};

/// Most bytes that are joined at once; they are in memory meanwhile.
pub(super) const JOIN_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Larger packs of commits and pushes are not copied when they can stand alone.
const COPY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Smaller packs are always merged.
const SMALL_BYTES: u64 = 64 * 1024;
/// Joined packs smaller than this together are not worth a repack.
const REPACK_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// What a join does.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Become one pack.
    join: Vec<String>,
    /// Stay as they are and leave the tail, if they need no other pack; else they are rewritten alone.
    promote: Vec<String>,
}

fn plan(rows: &[PackRow]) -> Plan {
    let is_large = |row: &&PackRow| row.size_bytes.unsigned_abs() > COPY_BYTES_MAX;
    let (large, small): (Vec<_>, Vec<_>) = of_kind(rows, PackKind::Tail).partition(is_large);
    let promote = large.iter().map(|row| row.pack_id.clone()).collect();
    let mut sum = 0;
    let mut chosen: Vec<&PackRow> = Vec::new();
    for row in small {
        let size = row.size_bytes.unsigned_abs();
        if sum + size > JOIN_BYTES_MAX {
            break;
        }
        sum += size;
        chosen.push(row);
    }
    if chosen.is_empty() {
        return Plan { join: Vec::new(), promote };
    }
    let mut older: Vec<_> = rows.iter().filter(|row| row.kind != PackKind::Tail).collect();
    older.sort_by_key(|row| row.size_bytes);
    for row in older {
        let size = row.size_bytes.unsigned_abs();
        let is_due = size < SMALL_BYTES || size < 2 * sum;
        if !is_due || sum + size > JOIN_BYTES_MAX {
            break;
        }
        sum += size;
        chosen.push(row);
    }
    chosen.sort_by(|a, b| (a.seq, &a.pack_id).cmp(&(b.seq, &b.pack_id)));
    Plan { join: chosen.iter().map(|row| row.pack_id.clone()).collect(), promote }
}

impl Hub {
    /// Joins the tail packs of a repository, and older packs where that is due.
    pub(super) async fn join_packs(&self, repo_id: i64) -> Result<()> {
        let Some(manifest) = self.manifest(repo_id).await? else { return Ok(()) };
        let plan = plan(&manifest.rows);
        progress::begin("packs", Some((plan.promote.len() + plan.join.len()) as u64));
        for pack_id in &plan.promote {
            self.promote_or_rewrite(repo_id, &manifest, pack_id).await?;
            progress::advance(1);
        }
        match plan.join.as_slice() {
            [] => self.recount_tail(repo_id).await?,
            [only] => self.promote_or_rewrite(repo_id, &manifest, only).await?,
            several => self.join_into_one(repo_id, &manifest, several).await?,
        }
        progress::advance(plan.join.len() as u64);
        if self.git().is_some() && wants_repack(&manifest.rows) {
            self.enqueue_repo_job(JobKind::GitRepack, repo_id).await?;
        }
        Ok(())
    }

    async fn recount_tail(&self, repo_id: i64) -> Result<()> {
        let mut tx = self.db().write().await?;
        if refs::lock_git(&mut tx, repo_id).await?.is_some() {
            pack::count_tail(&mut tx, repo_id).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn promote_or_rewrite(
        &self,
        repo_id: i64,
        manifest: &Manifest,
        pack_id: &str,
    ) -> Result<()> {
        let pack = manifest.pack(pack_id)?;
        let bases = blocking(move || pack.foreign_bases().map_err(broken)).await?;
        if !bases.is_empty() {
            return self.join_into_one(repo_id, manifest, &[pack_id.to_owned()]).await;
        }
        let mut tx = self.db().write().await?;
        if refs::lock_git(&mut tx, repo_id).await?.is_some() {
            pack::promote_pack(&mut tx, pack_id).await?;
            pack::count_tail(&mut tx, repo_id).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn join_into_one(
        &self,
        repo_id: i64,
        manifest: &Manifest,
        pack_ids: &[String],
    ) -> Result<()> {
        let sources = pack_ids.iter().map(|id| manifest.pack(id)).collect::<Result<Vec<_>>>()?;
        let history = Arc::clone(&manifest.history);
        let built = blocking(move || join(&sources, &history)).await?;
        let prepared = self.prepare_pack(built, PackKind::Joined).await?;
        crash_point("join.stored");
        if !self
            .replace_packs(repo_id, &manifest.rows, pack_ids, std::slice::from_ref(&prepared))
            .await?
        {
            self.discard_prepared(&prepared).await;
        }
        Ok(())
    }

    /// Puts packs in the place of others that hold the same objects, in one transaction; false when one of those was
    /// replaced meanwhile, and then nothing happened.
    pub(super) async fn replace_packs(
        &self,
        repo_id: i64,
        rows: &[PackRow],
        old: &[String],
        new: &[PreparedPack],
    ) -> Result<bool> {
        let seq = rows
            .iter()
            .filter(|row| old.contains(&row.pack_id))
            .map(|row| row.seq)
            .max()
            .unwrap_or(0);
        let mut tx = self.db().write().await?;
        if refs::lock_git(&mut tx, repo_id).await?.is_none() {
            return Ok(false);
        }
        let now = self.now();
        for prepared in new {
            pack::insert_pack(&mut tx, repo_id, seq, prepared.row().clone(), now).await?;
        }
        if !pack::retire_packs(&mut tx, repo_id, old, now).await? {
            return Ok(false);
        }
        crash_point("join.before_commit");
        tx.commit().await?;
        crash_point("join.after_commit");
        Ok(true)
    }
}

fn join(sources: &[Arc<Pack>], history: &History) -> Result<BuiltPack> {
    let inputs: Vec<_> = sources.iter().map(|pack| (pack.data(), pack.toc())).collect();
    let built = concat(&inputs, history).map_err(broken)?;
    check_complete(std::slice::from_ref(&built), sources)?;
    Ok(built)
}

/// True when so much was joined since the last repack that fresh deltas pay.
fn wants_repack(rows: &[PackRow]) -> bool {
    let joined = size_of(of_kind(rows, PackKind::Joined)) + size_of(of_kind(rows, PackKind::Tail));
    joined > REPACK_BYTES_MIN.max(size_of(of_kind(rows, PackKind::Repacked)))
}

#[cfg(test)]
mod tests {
    use steelyard_core::Oid;

    use super::*;

    const MIB: i64 = 1024 * 1024;

    fn row(number: i64, kind: PackKind, size_bytes: i64) -> PackRow {
        PackRow {
            pack_id: format!("p{number:04}"),
            kind,
            n_objects: 1,
            size_bytes,
            trailer: Oid::new([0; 20]),
            seq: number,
            is_inline: size_bytes <= 65536,
        }
    }

    #[test]
    fn the_tail_takes_packs_of_its_own_order_along_and_leaves_larger_ones() {
        let mut rows: Vec<_> = (10..14).map(|n| row(n, PackKind::Tail, 50_000)).collect();
        rows.push(row(1, PackKind::Repacked, 90 * MIB));
        rows.push(row(2, PackKind::Joined, 900_000));
        rows.push(row(3, PackKind::Joined, 300_000));
        let ids = |numbers: &[i64]| numbers.iter().map(|n| format!("p{n:04}")).collect::<Vec<_>>();
        assert_eq!(plan(&rows).join, ids(&[2, 3, 10, 11, 12, 13]));
        rows[5].size_bytes = MIB + 1_000_000;
        assert_eq!(plan(&rows).join, ids(&[3, 10, 11, 12, 13]));
    }

    #[test]
    fn large_pushes_are_not_copied_and_memory_is_bounded() {
        let rows = [
            row(1, PackKind::Tail, 500 * MIB),
            row(2, PackKind::Tail, 60 * MIB),
            row(3, PackKind::Joined, 100 * MIB),
            row(4, PackKind::Joined, 200 * MIB),
        ];
        let plan = plan(&rows);
        assert_eq!(plan.promote, ["p0001"]);
        assert_eq!(plan.join, ["p0002", "p0003"]);
        assert_eq!(super::plan(&rows[2..]), Plan::default());
    }

    #[test]
    fn a_repository_keeps_few_packs_whatever_it_is_fed() {
        let mut rows: Vec<PackRow> = Vec::new();
        let mut most = 0;
        for number in 0..20_000_i64 {
            rows.push(row(number, PackKind::Tail, 500 + (number * 7919) % 60_000));
            if of_kind(&rows, PackKind::Tail).count() < 32 {
                continue;
            }
            let chosen = plan(&rows).join;
            let (gone, left): (Vec<_>, Vec<_>) =
                rows.into_iter().partition(|row| chosen.contains(&row.pack_id));
            rows = left;
            rows.push(row(
                gone.iter().map(|row| row.seq).max().unwrap(),
                PackKind::Joined,
                size_of(&gone) as i64,
            ));
            most = most.max(rows.len());
        }
        assert!(most <= 16, "{most} packs");
    }
}
