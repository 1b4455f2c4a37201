//! `git.drop`: objects that no ref reaches go.
//!
//! Runs only where something was cut off (a ref was deleted, history rewritten), and keeps what a ref pointed to in the
//! last two weeks. At sequence number S, refs are read before packs, everything reachable is marked, and packs that
//! hold something else are rewritten without it. The transaction asserts that S is still the last change, retires the
//! old packs and raises the repository's epoch, so a commit that was built on an object which is gone now finds another
//! epoch and starts again: nothing acknowledged ever lacks an object.
//!
//! Losing against a writer costs little: marks are kept, and the next pass only looks at what is new. The fourth pass
//! holds the repository's write lock and cannot lose.

use std::collections::HashSet;
use std::sync::Arc;

use steelyard_core::fault::crash_point;
use steelyard_core::{Oid, Timestamp};
use steelyard_db::Tx;
use steelyard_db::pack::{self, PackKind, PackRow};
use steelyard_db::refs::{self, RefRow};
use steelyard_git::pack::concat_kept;
use steelyard_git::walk::reachable;
use steelyard_git::{BuiltPack, GitError, ObjectSource as _, Pack};

use super::join::JOIN_BYTES_MAX;
use super::manifest::Manifest;
use super::progress;
use crate::fetch::blocking;
use crate::history::{History, PreparedPack, broken};
use crate::{Error, Hub, Result};

/// How long objects stay after no ref reaches them any more.
pub(crate) const KEEP_SECS: i64 = 14 * 24 * 3600;
/// Passes; the last one holds the repository's write lock.
const PASSES: usize = 4;

/// What is to stay.
#[derive(Debug, Default)]
struct Marks {
    /// Reached by refs.
    live: HashSet<Oid>,
    /// Reached only by what refs pointed to lately.
    recent: HashSet<Oid>,
    /// When the first of `recent` may go.
    look_again: Option<Timestamp>,
}

impl Marks {
    fn keeps(&self, oid: &Oid) -> bool {
        self.live.contains(oid) || self.recent.contains(oid)
    }
}

/// Packs that hold something to drop.
#[derive(Debug, Default, PartialEq, Eq)]
struct Dirty {
    pack_ids: Vec<String>,
    dropped: HashSet<Oid>,
}

/// A pass that is ready to land.
struct Pass {
    seq: i64,
    gc_epoch: i64,
    marks: Arc<Marks>,
    dirty: Dirty,
    /// What stays of the dirty packs.
    prepared: Vec<PreparedPack>,
}

impl Hub {
    /// Before the packs of a repository are shared with another one: drops what can be dropped now.
    pub(crate) async fn drop_before_sharing(&self, repo_id: i64) -> Result<()> {
        let mut conn = self.db().read().await?;
        let state = refs::find_git(&mut conn, repo_id).await?;
        drop(conn);
        let now = self.now();
        let is_due = state.is_some_and(|state| {
            state.drop_wanted && state.drop_after.is_none_or(|after| after <= now)
        });
        if is_due { Box::pin(self.drop_unreachable(repo_id)).await } else { Ok(()) }
    }

    /// Drops what no ref of the repository reaches, or has reached lately.
    pub(super) async fn drop_unreachable(&self, repo_id: i64) -> Result<()> {
        let mut last: Option<Pass> = None;
        for number in 1..=PASSES {
            let mut locked = None;
            if number == PASSES {
                let mut tx = self.db().write().await?;
                refs::lock_git(&mut tx, repo_id).await?;
                locked = Some(tx);
            }
            let Some(manifest) = self.manifest(repo_id).await? else { return Ok(()) };
            if !manifest.state.drop_wanted {
                return Ok(());
            }
            let pass = self.prepare_pass(repo_id, &manifest, last.take()).await?;
            let tx = match locked {
                Some(tx) => tx,
                None => self.db().write().await?,
            };
            if self.land_pass(tx, repo_id, &pass).await? {
                return Ok(());
            }
            last = Some(pass);
        }
        for prepared in last.iter().flat_map(|pass| &pass.prepared) {
            self.discard_prepared(prepared).await;
        }
        Err(Error::Unavailable("the repository's packs keep changing".into()))
    }

    /// Marks, and rewrites what is dirty; what an earlier pass did is used again as far as it still holds.
    async fn prepare_pass(
        &self,
        repo_id: i64,
        manifest: &Manifest,
        last: Option<Pass>,
    ) -> Result<Pass> {
        let mut conn = self.db().read().await?;
        let now = self.now();
        let recent =
            refs::list_recent_old_oids(&mut conn, repo_id, now.plus_secs(-KEEP_SECS)).await?;
        drop(conn);
        let (marked, prepared_for, prepared) = match last {
            Some(pass) => (Some(pass.marks), pass.dirty, pass.prepared),
            None => (None, Dirty::default(), Vec::new()),
        };
        let history = Arc::clone(&manifest.history);
        let refs = manifest.refs.clone();
        let marks =
            blocking(move || mark(&history, &refs, &recent, marked.as_deref(), now)).await?;
        let marks = Arc::new(marks);
        let packs = packs_of(manifest, &manifest.rows)?;
        let marking = Arc::clone(&marks);
        let dirty = blocking(move || find_dirty(&packs, &marking)).await?;
        let mut pass = Pass {
            seq: manifest.state.seq,
            gc_epoch: manifest.state.gc_epoch,
            marks,
            dirty,
            prepared,
        };
        if pass.dirty != prepared_for {
            for prepared in std::mem::take(&mut pass.prepared) {
                self.discard_prepared(&prepared).await;
            }
            self.rewrite_dirty(manifest, &mut pass).await?;
        }
        Ok(pass)
    }

    async fn rewrite_dirty(&self, manifest: &Manifest, pass: &mut Pass) -> Result<()> {
        let groups = groups(&manifest.rows, &pass.dirty.pack_ids);
        progress::begin("groups of packs", Some(groups.len() as u64));
        for group in groups {
            let packs = packs_of(manifest, group)?;
            let (marks, history) = (Arc::clone(&pass.marks), Arc::clone(&manifest.history));
            let built = blocking(move || rewrite(&packs, &marks, &history)).await?;
            progress::advance(1);
            if built.toc.is_empty() {
                continue;
            }
            pass.prepared.push(self.prepare_pack(built, PackKind::Joined).await?);
            crash_point("drop.stored");
        }
        Ok(())
    }

    /// The transaction; false when somebody changed the repository meanwhile, and then nothing happened.
    async fn land_pass(&self, mut tx: Tx, repo_id: i64, pass: &Pass) -> Result<bool> {
        let state = refs::lock_git(&mut tx, repo_id).await?;
        if !state.is_some_and(|state| state.seq == pass.seq && state.gc_epoch == pass.gc_epoch) {
            return Ok(false);
        }
        if !pass.dirty.pack_ids.is_empty() {
            let now = self.now();
            for prepared in &pass.prepared {
                pack::insert_pack(&mut tx, repo_id, pass.seq, prepared.row().clone(), now).await?;
            }
            if !pack::retire_packs(&mut tx, repo_id, &pass.dirty.pack_ids, now).await? {
                return Ok(false);
            }
            pack::bump_gc_epoch(&mut tx, repo_id).await?;
        }
        refs::plan_drop(&mut tx, repo_id, pass.marks.look_again).await?;
        crash_point("drop.before_commit");
        tx.commit().await?;
        crash_point("drop.after_commit");
        if !pass.dirty.pack_ids.is_empty() {
            tracing::info!(
                repo_id,
                packs = pass.dirty.pack_ids.len(),
                objects = pass.dirty.dropped.len(),
                "dropped unreachable objects"
            );
        }
        Ok(true)
    }
}

fn packs_of<'a>(
    manifest: &Manifest,
    rows: impl IntoIterator<Item = &'a PackRow>,
) -> Result<Vec<(String, Arc<Pack>)>> {
    rows.into_iter().map(|row| Ok((row.pack_id.clone(), manifest.pack(&row.pack_id)?))).collect()
}

/// Marks everything that refs reach or reached lately. Marks of an earlier pass are taken as they are: an object that
/// became unreachable since then stays until the next look.
fn mark(
    history: &History,
    refs: &[RefRow],
    recent: &[(Oid, Timestamp)],
    earlier: Option<&Marks>,
    now: Timestamp,
) -> Result<Marks> {
    let known = |oid: &Oid| earlier.is_some_and(|marks| marks.live.contains(oid));
    let tips: Vec<Oid> = refs.iter().map(|row| row.oid).collect();
    // Where something is missing, nothing may be dropped.
    let mut live = reachable(history, &tips, &known, &mut |oid| Err(GitError::Missing(*oid)))
        .map_err(broken)?;
    let mut kept = HashSet::new();
    if let Some(earlier) = earlier {
        live.extend(&earlier.live);
        kept.extend(&earlier.recent);
    }
    let mut look_again: Option<Timestamp> = None;
    let mut tips = Vec::new();
    for (oid, at) in recent {
        if !live.contains(oid) && history.contains(oid).map_err(broken)? {
            tips.push(*oid);
            // A second later, because the entry counts up to and including its last moment.
            let after = at.plus_secs(KEEP_SECS + 1);
            look_again = Some(look_again.map_or(after, |other| other.min(after)));
        }
    }
    let is_live = |oid: &Oid| live.contains(oid);
    kept.extend(reachable(history, &tips, &is_live, &mut |_| Ok(())).map_err(broken)?);
    if earlier.is_some() {
        // What was cut off since that pass passes for live here; it may go when it would have gone otherwise.
        let after = now.plus_secs(KEEP_SECS + 1);
        look_again = Some(look_again.map_or(after, |other| other.min(after)));
    }
    Ok(Marks { live, recent: kept, look_again })
}

/// Finds the packs that hold something unmarked, or whose deltas rest on something unmarked.
fn find_dirty(packs: &[(String, Arc<Pack>)], marks: &Marks) -> Result<Dirty> {
    let mut dirty = Dirty::default();
    for (id, pack) in packs {
        let unmarked: Vec<Oid> =
            pack.toc().iter().map(|entry| entry.oid).filter(|oid| !marks.keeps(oid)).collect();
        let bases =
            if unmarked.is_empty() { pack.foreign_bases().map_err(broken)? } else { Vec::new() };
        if !unmarked.is_empty() || bases.iter().any(|base| !marks.keeps(base)) {
            dirty.pack_ids.push(id.clone());
        }
        dirty.dropped.extend(unmarked);
    }
    Ok(dirty)
}

/// Dirty packs in the order of the manifest, in groups that are rewritten together.
fn groups<'a>(rows: &'a [PackRow], dirty: &[String]) -> Vec<Vec<&'a PackRow>> {
    let mut groups: Vec<Vec<&PackRow>> = Vec::new();
    let mut sum = 0;
    for row in rows.iter().filter(|row| dirty.contains(&row.pack_id)) {
        sum += row.size_bytes.unsigned_abs();
        match groups.last_mut().filter(|_| sum <= JOIN_BYTES_MAX) {
            Some(group) => group.push(row),
            None => {
                sum = row.size_bytes.unsigned_abs();
                groups.push(vec![row]);
            }
        }
    }
    groups
}

fn rewrite(packs: &[(String, Arc<Pack>)], marks: &Marks, history: &History) -> Result<BuiltPack> {
    let inputs: Vec<_> = packs.iter().map(|(_, pack)| (pack.data(), pack.toc())).collect();
    let built = concat_kept(&inputs, history, &|oid| marks.keeps(oid)).map_err(broken)?;
    for entry in packs.iter().flat_map(|(_, pack)| pack.toc().iter()) {
        if marks.keeps(&entry.oid) != built.toc.find(&entry.oid).is_some() {
            return Err(Error::internal(format!(
                "object {} is kept or dropped against its mark",
                entry.oid
            )));
        }
    }
    Ok(built)
}
