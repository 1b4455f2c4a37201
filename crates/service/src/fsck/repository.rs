//! One repository from its refs to its last byte.

use std::collections::HashSet;
use std::sync::Arc;

use steelyard_core::Oid;
use steelyard_db::check;
use steelyard_db::pack::{self, PackKind, PackRow};
use steelyard_db::refs::{self, GitRow, RefRow};
use steelyard_db::repo::{self, RepoRow};

use super::finding::{Finding, Findings};
use super::refs::{check_closure, check_refs};
use super::{Report, label, links};
use crate::fetch::blocking;
use crate::{Hub, Result};

/// Times a repository that seems damaged and changes meanwhile is looked at again.
const ROUNDS: usize = 3;

/// What was looked at in one round.
#[derive(Default)]
struct Round {
    findings: Findings,
    refs: u64,
    packs: u64,
    objects: u64,
    pointers: u64,
}

impl Hub {
    pub(super) async fn fsck_repo(
        &self,
        row: &RepoRow,
        deep: bool,
        report: &mut Report<'_>,
    ) -> Result<()> {
        let label = label(row);
        report.looking(label.clone());
        let mut number = 1;
        let round = loop {
            let before = self.git_row(row.id).await?;
            let round = Box::pin(self.fsck_round(row, deep)).await?;
            let after = self.git_row(row.id).await?;
            let place =
                |git: Option<GitRow>| git.map(|git| (git.seq, git.generation, git.gc_epoch));
            if !round.findings.has_errors() || place(before) == place(after) || number == ROUNDS {
                break round;
            }
            number += 1;
        };
        let mut conn = self.db().read().await?;
        if round.findings.has_errors() && repo::find_repo_by_id(&mut conn, row.id).await?.is_none()
        {
            return Ok(());
        }
        drop(conn);
        report.summary.repos += 1;
        report.summary.refs += round.refs;
        report.summary.packs += round.packs;
        report.summary.objects += round.objects;
        report.summary.pointers += round.pointers;
        for finding in round.findings.into_list() {
            report.found(finding.about(&label));
        }
        Ok(())
    }

    async fn git_row(&self, repo_id: i64) -> Result<Option<GitRow>> {
        let mut conn = self.db().read().await?;
        Ok(refs::find_git(&mut conn, repo_id).await?)
    }

    async fn fsck_round(&self, row: &RepoRow, deep: bool) -> Result<Round> {
        let mut round = Round::default();
        let mut conn = self.db().read().await?;
        let Some((state, refs)) = refs::list_refs_with_git(&mut conn, row.id).await? else {
            let hint = "restore the database from a backup, or delete the repository";
            round.findings.push(Finding::error(
                "git_repo",
                "the repository has no history record",
                hint,
            ));
            return Ok(round);
        };
        let rows = pack::list_packs(&mut conn, row.id, 0).await?;
        for pack_id in check::list_rowless_packs(&mut conn, row.id).await? {
            let what = "the repository names a pack that has no row";
            round.findings.push(Finding::error(
                format!("pack {pack_id}"),
                what,
                "restore the database from a backup",
            ));
        }
        drop(conn);
        round.refs = refs.len() as u64;
        round.packs = rows.len() as u64;
        check_counters(&state, &rows, &mut round.findings);
        let packs = self.load_packs(&rows, &mut round.findings).await?;
        let (set, found) = blocking(move || Ok(super::packs::verify_all(packs))).await?;
        round.findings.extend(found);
        let set = Arc::new(set);
        let objects = {
            let (set, refs, state) = (Arc::clone(&set), refs.clone(), state.clone());
            let checked = blocking(move || {
                let mut findings = Findings::default();
                check_refs(&set, &state, &refs, &mut findings);
                let reached = check_closure(&set, &refs, &mut findings);
                Ok((findings, reached))
            });
            let (findings, reached): (Findings, HashSet<Oid>) = checked.await?;
            round.findings.extend(findings.into_list());
            reached
        };
        round.objects = objects.len() as u64;
        let pointers = self.find_pointers(set, refs, objects, deep).await?;
        round.pointers = pointers.len() as u64;
        self.check_pointers(row.id, &pointers, &mut round.findings).await?;
        Ok(round)
    }

    async fn find_pointers(
        &self,
        set: Arc<steelyard_git::PackSet>,
        refs: Vec<RefRow>,
        objects: HashSet<Oid>,
        deep: bool,
    ) -> Result<Vec<links::PointerAt>> {
        blocking(move || {
            let mut found = links::Pointers::default();
            for reference in &refs {
                found.visit_tip(&set, &reference.name, &reference.target());
            }
            if deep {
                found.visit_objects(&set, &objects);
            }
            Ok(found.into_list())
        })
        .await
    }
}

fn check_counters(state: &GitRow, rows: &[PackRow], findings: &mut Findings) {
    let tail: Vec<_> =
        rows.iter().filter(|row| row.seq <= state.seq && row.kind == PackKind::Tail).collect();
    let bytes: i64 = tail.iter().map(|row| row.size_bytes).sum();
    let newer = rows.iter().any(|row| row.seq > state.seq);
    let packs = i64::try_from(tail.len()).unwrap_or(i64::MAX);
    // Packs newer than the state were added while this was read, and so were the counters.
    if !newer && (packs, bytes) != (state.tail_packs, state.tail_bytes) {
        let what = format!(
            "counts {} tail packs of {} bytes, there are {packs} of {bytes}",
            state.tail_packs, state.tail_bytes
        );
        findings.push(Finding::warning(
            "git_repo",
            what,
            "the next join counts anew; nothing to do",
        ));
    }
}
