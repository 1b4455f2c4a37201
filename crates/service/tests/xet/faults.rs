//! Every call of a store fails once, before or after its effect: each use case says so clearly, leaves nothing half
//! done, and succeeds when it is tried again.

use std::time::Duration;

use steelyard_core::Visibility::{Private, Public};
use steelyard_core::fault::Moment;
use steelyard_core::{RepoId, RepoPath};
use steelyard_db::job;
use steelyard_db::lfs::Home;
use steelyard_service::commits::{CommitRequest, Operation};
use steelyard_service::xet::{DuplicateFile, XetScope, XetToken};
use steelyard_service::{Error, Hub};

use crate::client::{Packed, pack, random, send_shard, send_xorb};
use crate::planted::{Kind, chunks, sha256};
use crate::stores;
use crate::world::{MODEL, World, id, on_every_store};

on_every_store!(
    uploading_a_xorb,
    registering_files,
    registering_claims,
    verifying_claims,
    committing_a_registered_file,
    copying_files,
    moving_a_content_into_xorbs,
    clearing_away,
);

/// More calls than any use case makes: beyond it, the loop itself is broken.
const CALLS_MAX: u64 = 200;

/// What somebody wants of the hub, once per fault.
trait Wish {
    /// Makes what the wish needs, other things for each seed; nothing fails meanwhile.
    async fn prepare(&mut self, w: &World, seed: u64);
    /// The calls under test.
    async fn attempt(&mut self, w: &World) -> Result<(), Error>;
    /// Looks at the result.
    async fn granted(&mut self, w: &World);
}

async fn survives(w: World, mut wish: impl Wish) {
    for (moment, base) in [(Moment::Before, 1000), (Moment::After, 2000)] {
        let mut n = 0;
        loop {
            n += 1;
            assert!(n < CALLS_MAX, "an attempt without faults still fails");
            wish.prepare(&w, base + n).await;
            w.db.faults().arm(n, moment);
            let result = wish.attempt(&w).await;
            let fired = w.db.faults().disarm();
            match &result {
                Ok(()) => {}
                Err(Error::Unavailable(_)) if fired => {}
                Err(error) => panic!("call {n} {moment:?}: not a clear answer: {error:?}"),
            }
            stores::check(&w.db, &w.blobs).await;
            if let Err(error) = result {
                let again = wish.attempt(&w).await;
                again.unwrap_or_else(|again| {
                    panic!("retry after {n} {moment:?} ({error:?}): {again:?}")
                });
            }
            wish.granted(&w).await;
            stores::check(&w.db, &w.blobs).await;
            w.clear_away().await;
            if !fired {
                break;
            }
        }
        assert!(n > 1, "no call was failed");
    }
}

/// A hub that believes every SHA-256 until its job has read the file.
async fn believing(w: &World) -> Hub {
    w.hub_with(7, |settings| settings.xet.verify_now_bytes_max = 0).await
}

impl World {
    async fn try_token(&self, repo: &RepoId) -> Result<XetToken, Error> {
        let scope = XetScope::Write;
        let grant =
            self.hub.grant_xet_token(&self.alice, MODEL, repo, scope, "main", false).await?;
        self.hub.verify_xet_token(grant.token.expose(), scope)
    }

    /// Removes all that was registered, so that looking at everything stays cheap.
    async fn clear_away(&self) {
        for sql in [
            "DELETE FROM lfs_link",
            "DELETE FROM lfs_upload",
            "DELETE FROM lfs_object",
            "DELETE FROM xet_dedup",
            "DELETE FROM xet_file_xorb",
            "DELETE FROM xet_file",
            "DELETE FROM xorb_use",
            "DELETE FROM xorb_chunks",
            "DELETE FROM xorb",
        ] {
            self.execute(sql, Vec::new()).await;
        }
    }
}

/// What most wishes are about.
struct Files {
    repo: RepoId,
    data: Vec<Vec<u8>>,
    packed: Packed,
}

impl Files {
    fn none() -> Self {
        let packed = Packed { xorbs: Vec::new(), recipes: Vec::new() };
        Self { repo: id("alice", "none"), data: Vec::new(), packed }
    }

    fn fill(&mut self, seed: u64) {
        self.data = vec![random(seed, 250_000), random(seed + 50_000, 30_000)];
        self.packed = pack(&[&self.data[0], &self.data[1]], 2);
    }

    async fn send_xorbs(&self, w: &World, token: &XetToken) {
        for xorb in &self.packed.xorbs {
            send_xorb(&w.hub, token, xorb).await.unwrap();
        }
    }

    async fn assert_there(&self, w: &World, repo: &RepoId) {
        for data in &self.data {
            w.assert_content(repo, data).await;
        }
    }
}

struct UploadXorb(Files);

impl Wish for UploadXorb {
    async fn prepare(&mut self, w: &World, seed: u64) {
        self.0.fill(seed);
        self.0.repo = w.repo(&w.alice, &format!("m-{seed}"), Private).await;
    }
    async fn attempt(&mut self, w: &World) -> Result<(), Error> {
        let token = w.try_token(&self.0.repo).await?;
        for xorb in &self.0.packed.xorbs {
            send_xorb(&w.hub, &token, xorb).await?;
        }
        Ok(())
    }
    async fn granted(&mut self, w: &World) {
        let token = w.write_token(&w.alice, &self.0.repo).await;
        send_shard(&w.hub, &token, &self.0.packed.recipes).await.unwrap();
        self.0.assert_there(w, &self.0.repo).await;
    }
}

async fn uploading_a_xorb(w: World) {
    survives(w, UploadXorb(Files::none())).await;
}

struct Register {
    files: Files,
    hub: Hub,
    /// The hub reads nothing before the answer.
    believing: bool,
}

impl Wish for Register {
    async fn prepare(&mut self, w: &World, seed: u64) {
        self.files.fill(seed);
        self.files.repo = w.repo(&w.alice, &format!("m-{seed}"), Private).await;
        let token = w.write_token(&w.alice, &self.files.repo).await;
        self.files.send_xorbs(w, &token).await;
    }
    async fn attempt(&mut self, w: &World) -> Result<(), Error> {
        let token = w.try_token(&self.files.repo).await?;
        send_shard(&self.hub, &token, &self.files.packed.recipes).await.map(drop)
    }
    async fn granted(&mut self, w: &World) {
        self.files.assert_there(w, &self.files.repo).await;
        for data in &self.files.data {
            let link = w.link_of(&self.files.repo, sha256(data)).await.unwrap();
            assert_eq!(matches!(link.home, Home::Claimed { .. }), self.believing);
        }
        assert_eq!(w.hub.run_jobs_until_idle().await.unwrap().failed, 0);
        self.files.assert_there(w, &self.files.repo).await;
    }
}

async fn registering_files(w: World) {
    let hub = w.hub.clone();
    survives(w, Register { files: Files::none(), hub, believing: false }).await;
}

async fn registering_claims(w: World) {
    let hub = believing(&w).await;
    survives(w, Register { files: Files::none(), hub, believing: true }).await;
}

/// One claim is right and one is false.
struct Verify(Files, Hub);

impl Wish for Verify {
    async fn prepare(&mut self, w: &World, seed: u64) {
        self.0.fill(seed);
        self.0.repo = w.repo(&w.alice, &format!("m-{seed}"), Private).await;
        let token = w.write_token(&w.alice, &self.0.repo).await;
        self.0.send_xorbs(w, &token).await;
        self.0.packed.recipes[1].sha256 = Some(sha256(b"something else"));
        // Other jobs have nothing to do.
        assert_eq!(w.hub.run_jobs_until_idle().await.unwrap().failed, 0);
        send_shard(&self.1, &token, &self.0.packed.recipes).await.unwrap();
    }
    async fn attempt(&mut self, w: &World) -> Result<(), Error> {
        // A job that failed is tried again later, and this is later.
        w.clock.advance(Duration::from_secs(120));
        let tally = w.hub.run_jobs_until_idle().await?;
        if tally.failed > 0 { Err(Error::Unavailable("a job failed".into())) } else { Ok(()) }
    }
    async fn granted(&mut self, w: &World) {
        let right = w.link_of(&self.0.repo, sha256(&self.0.data[0])).await.unwrap();
        let wrong = w.link_of(&self.0.repo, sha256(b"something else")).await.unwrap();
        assert!(matches!(right.home, Home::Xet { .. }), "{right:?}");
        assert_eq!(wrong.home, Home::Quarantined);
        w.assert_content(&self.0.repo, &self.0.data[0]).await;
    }
}

async fn verifying_claims(w: World) {
    let hub = believing(&w).await;
    survives(w, Verify(Files::none(), hub)).await;
}

/// The commit of a pull request links what was registered for it.
struct Commit(Files, Hub);

impl Wish for Commit {
    async fn prepare(&mut self, w: &World, seed: u64) {
        self.0.fill(seed);
        self.0.repo = w.repo(&w.alice, &format!("m-{seed}"), Public).await;
        let token = w.proposal_token(&w.bob, &self.0.repo).await;
        self.0.send_xorbs(w, &token).await;
        let (first, second) = self.0.packed.recipes.split_at(1);
        send_shard(&w.hub, &token, first).await.unwrap();
        send_shard(&self.1, &token, second).await.unwrap();
    }
    async fn attempt(&mut self, w: &World) -> Result<(), Error> {
        let large = |(data, name): (&Vec<u8>, &str)| Operation::LfsFile {
            path: RepoPath::parse(name).unwrap(),
            sha256: sha256(data),
            size: Some(data.len() as u64),
        };
        let request = CommitRequest {
            summary: "large files".to_owned(),
            description: String::new(),
            parent: None,
            operations: self.0.data.iter().zip(["a.bin", "b.bin"]).map(large).collect(),
            create_pr: true,
        };
        w.hub.commit(&w.bob, MODEL, &self.0.repo, "main", request).await.map(drop)
    }
    async fn granted(&mut self, w: &World) {
        self.0.assert_there(w, &self.0.repo).await;
    }
}

async fn committing_a_registered_file(w: World) {
    let hub = believing(&w).await;
    survives(w, Commit(Files::none(), hub)).await;
}

/// From one repository to another.
struct Copy(Files, Hub, RepoId);

impl Wish for Copy {
    async fn prepare(&mut self, w: &World, seed: u64) {
        self.0.fill(seed);
        self.0.repo = w.repo(&w.alice, &format!("m-{seed}"), Private).await;
        self.2 = w.repo(&w.alice, &format!("n-{seed}"), Private).await;
        let token = w.write_token(&w.alice, &self.0.repo).await;
        self.0.send_xorbs(w, &token).await;
        let (first, second) = self.0.packed.recipes.split_at(1);
        send_shard(&w.hub, &token, first).await.unwrap();
        send_shard(&self.1, &token, second).await.unwrap();
    }
    async fn attempt(&mut self, w: &World) -> Result<(), Error> {
        let recipes = &self.0.packed.recipes;
        let files: Vec<_> = recipes
            .iter()
            .map(|recipe| DuplicateFile {
                xet_hash: Some(recipe.hash),
                sha256: recipe.sha256.unwrap(),
            })
            .collect();
        let (from, to) = ((MODEL, &self.0.repo), (MODEL, &self.2));
        let failed = w.hub.duplicate_lfs_files(&w.alice, from, to, &files).await?;
        assert_eq!(failed, []);
        Ok(())
    }
    async fn granted(&mut self, w: &World) {
        self.0.assert_there(w, &self.2).await;
    }
}

async fn copying_files(w: World) {
    let hub = believing(&w).await;
    survives(w, Copy(Files::none(), hub, id("alice", "none"))).await;
}

/// A content that arrived as plain bytes moves into xorbs.
struct Chunk {
    repo: RepoId,
    data: Vec<u8>,
}

impl Wish for Chunk {
    async fn prepare(&mut self, w: &World, seed: u64) {
        self.repo = w.repo(&w.alice, &format!("m-{seed}"), Private).await;
        self.data = random(seed, 400_000);
        // Other jobs have nothing to do.
        assert_eq!(w.hub.run_jobs_until_idle().await.unwrap().failed, 0);
        w.plant_raw(&self.repo, &self.data).await;
        let (subject, now) = (sha256(&self.data).to_string(), w.hub.now());
        let mut tx = w.db.write().await.unwrap();
        job::enqueue(&mut tx, "lfs.chunk", &subject, now, now).await.unwrap();
        tx.commit().await.unwrap();
    }
    async fn attempt(&mut self, w: &World) -> Result<(), Error> {
        w.clock.advance(Duration::from_secs(120));
        let tally = w.hub.run_jobs_until_idle().await?;
        if tally.failed > 0 { Err(Error::Unavailable("a job failed".into())) } else { Ok(()) }
    }
    async fn granted(&mut self, w: &World) {
        let link = w.link_of(&self.repo, sha256(&self.data)).await.unwrap();
        assert!(matches!(link.home, Home::Xet { .. }), "{link:?}");
        w.assert_content(&self.repo, &self.data).await;
    }
}

async fn moving_a_content_into_xorbs(w: World) {
    survives(w, Chunk { repo: id("alice", "none"), data: Vec::new() }).await;
}

/// What nothing uses goes, and what is left of a mostly empty xorb moves.
struct Clear {
    repo: RepoId,
    kept: Vec<u8>,
}

impl Wish for Clear {
    async fn prepare(&mut self, w: &World, seed: u64) {
        self.repo = w.repo(&w.alice, &format!("m-{seed}"), Private).await;
        let shared = w.plant_xorb(chunks(Kind::Random, seed, 9), 1).await;
        let dropped = w.plant_xorb(chunks(Kind::Random, seed + 5000, 3), 2).await;
        let kept = w.plant_file(&[(&shared, 4..5)]).await;
        w.link(&self.repo, &kept).await;
        w.plant_file(&[(&shared, 0..9), (&dropped, 0..3)]).await;
        self.kept = kept.bytes;
    }
    async fn attempt(&mut self, w: &World) -> Result<(), Error> {
        for days in [0, 31, 63, 95] {
            let now = w.hub.now().plus_secs(days * 24 * 3600);
            w.hub.sweep_xet(now).await?;
            w.hub.compact_xorbs(now).await?;
        }
        Ok(())
    }
    async fn granted(&mut self, w: &World) {
        w.assert_content(&self.repo, &self.kept).await;
        assert_eq!((w.count("xet_file").await, w.count("xorb").await), (1, 1));
    }
}

async fn clearing_away(w: World) {
    survives(w, Clear { repo: id("alice", "none"), kept: Vec::new() }).await;
}
