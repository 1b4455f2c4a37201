//! What overtakes what. On SQLite the second transaction waits for the first one; on PostgreSQL they run side by side
//! until they meet at a row.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use steelyard_core::{Sha256, XetHash};
use steelyard_db::lfs::{self, Home};
use steelyard_db::xet::{self, ClaimOutcome, Confirmed, XorbInsert, XorbState};
use steelyard_db::{Db, DbError, Tx, check};
use steelyard_testkit::TestRng;
use tokio::task::JoinHandle;

use super::{file, hash, new_file, new_xorb, user_and_repo, xorb};
use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    whoever_locks_a_xorb_first_keeps_it,
    a_condemned_xorb_is_taken_back,
    nobody_refers_to_what_is_being_deleted,
    a_late_deletion_hits_nothing,
    a_xorb_uploaded_during_its_deletion_is_new,
    a_claim_is_settled_whichever_comes_first,
    a_link_made_during_a_deletion_keeps_its_content,
    a_file_registered_during_its_deletion_is_there,
    xorbs_in_use_are_never_deleted,
);

const DAY: i64 = 86_400;

/// Begins another transaction, and gives it time to come as far as it can.
async fn meanwhile<T, F>(base: &Base, work: impl FnOnce(Tx) -> F + Send + 'static) -> JoinHandle<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let db = base.db.clone();
    let task = tokio::spawn(async move { work(db.write().await.unwrap()).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    task
}

async fn state(base: &Base, id: i64) -> XorbState {
    let rows = xet::find_xorbs_by_id(&mut base.read().await, &[id]).await.unwrap();
    rows[0].state
}

async fn whoever_locks_a_xorb_first_keeps_it(base: Base) {
    let x = xorb(&base, 1).await;
    let mut tx = base.write().await;
    assert_eq!(xet::lock_xorbs(&mut tx, &[x]).await.unwrap()[0].state, XorbState::Live);
    let sweep = meanwhile(&base, async move |mut tx| {
        let condemned = xet::condemn_xorbs(&mut tx, &[x], at(9 * DAY)).await.unwrap();
        tx.commit().await.unwrap();
        condemned
    });
    let sweep = sweep.await;
    xet::insert_file(&mut tx, &new_file(1, &[x]), at(9 * DAY)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sweep.await.unwrap(), Vec::<i64>::new());
    assert_eq!(state(&base, x).await, XorbState::Live);
}

async fn a_condemned_xorb_is_taken_back(base: Base) {
    let x = xorb(&base, 1).await;
    let mut tx = base.write().await;
    assert_eq!(xet::condemn_xorbs(&mut tx, &[x], at(9 * DAY)).await.unwrap(), [x]);
    let registration = meanwhile(&base, async move |mut tx| {
        let seen = xet::lock_xorbs(&mut tx, &[x]).await.unwrap()[0].state;
        xet::revive_xorbs(&mut tx, &[x]).await.unwrap();
        xet::insert_file(&mut tx, &new_file(1, &[x]), at(9 * DAY)).await.unwrap();
        tx.commit().await.unwrap();
        seen
    });
    let registration = registration.await;
    tx.commit().await.unwrap();
    assert_eq!(registration.await.unwrap(), XorbState::Condemned);
    let mut tx = base.write().await;
    assert_eq!(xet::claim_xorbs_to_delete(&mut tx, at(99 * DAY), 9).await.unwrap(), []);
    tx.commit().await.unwrap();
    assert_eq!(state(&base, x).await, XorbState::Live);
}

async fn nobody_refers_to_what_is_being_deleted(base: Base) {
    let user = base.user("u").await;
    let x = xorb(&base, 1).await;
    let mut tx = base.write().await;
    xet::condemn_xorbs(&mut tx, &[x], at(9 * DAY)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    assert_eq!(xet::claim_xorbs_to_delete(&mut tx, at(10 * DAY), 9).await.unwrap().len(), 1);
    let grant = meanwhile(&base, async move |mut tx| {
        let told = xet::touch_use(&mut tx, user, &[x], at(40 * DAY)).await.unwrap();
        tx.commit().await.unwrap();
        told
    });
    let grant = grant.await;
    let registration = meanwhile(&base, async move |mut tx| {
        xet::lock_xorbs(&mut tx, &[x]).await.unwrap()[0].state
    });
    let registration = registration.await;
    tx.commit().await.unwrap();
    assert_eq!(grant.await.unwrap(), HashSet::new());
    assert_eq!(registration.await.unwrap(), XorbState::Deleting);
}

async fn a_late_deletion_hits_nothing(base: Base) {
    let x = xorb(&base, 1).await;
    let mut tx = base.write().await;
    xet::condemn_xorbs(&mut tx, &[x], at(9 * DAY)).await.unwrap();
    xet::claim_xorbs_to_delete(&mut tx, at(10 * DAY), 9).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    let outcome = xet::insert_xorb(&mut tx, &new_xorb(1, 22, None, &[5; 40]), at(10 * DAY)).await;
    assert_eq!(outcome.unwrap(), XorbInsert::Revived(x));
    let deletion = meanwhile(&base, async move |mut tx| {
        let deleted = xet::delete_xorb(&mut tx, x, 1).await.unwrap();
        tx.commit().await.unwrap();
        deleted
    });
    let deletion = deletion.await;
    tx.commit().await.unwrap();
    assert!(!deletion.await.unwrap());
    let mut conn = base.read().await;
    let row = xet::find_xorbs_by_id(&mut conn, &[x]).await.unwrap().remove(0);
    assert_eq!((row.generation, row.state), (22, XorbState::Live));
    assert_eq!(xet::xorb_tables(&mut conn, &[x]).await.unwrap(), [(x, vec![5; 40])]);
}

async fn a_xorb_uploaded_during_its_deletion_is_new(base: Base) {
    let x = xorb(&base, 1).await;
    let mut tx = base.write().await;
    xet::condemn_xorbs(&mut tx, &[x], at(9 * DAY)).await.unwrap();
    xet::claim_xorbs_to_delete(&mut tx, at(10 * DAY), 9).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    assert!(xet::delete_xorb(&mut tx, x, 1).await.unwrap());
    let upload = meanwhile(&base, async move |mut tx| {
        let new = new_xorb(1, 22, None, &[5; 40]);
        let outcome = xet::insert_xorb(&mut tx, &new, at(10 * DAY)).await.unwrap();
        tx.commit().await.unwrap();
        outcome
    });
    let upload = upload.await;
    tx.commit().await.unwrap();
    let outcome = upload.await.unwrap();
    let XorbInsert::Inserted(id) = outcome else { panic!("{outcome:?}") };
    assert_ne!(id, x);
    assert_eq!(state(&base, id).await, XorbState::Live);
}

async fn a_claim_is_settled_whichever_comes_first(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let (_, other) = user_and_repo(&base, "v").await;
    for (n, claimed) in [(1, 1), (2, 200)] {
        // The claim first.
        let first = file(&base, n, &[]).await;
        let mut tx = base.write().await;
        let outcome =
            xet::claim_link(&mut tx, repo, sha256(claimed), &format!("a{n}"), first, at(1)).await;
        assert_eq!(outcome.unwrap(), ClaimOutcome::Linked);
        let job = meanwhile(&base, async move |mut tx| {
            let settled = xet::confirm_claims(&mut tx, first, sha256(n), at(2)).await.unwrap();
            tx.commit().await.unwrap();
            settled
        });
        let job = job.await;
        tx.commit().await.unwrap();
        let is_true = n == claimed;
        let expected = Confirmed { confirmed: is_true.into(), quarantined: (!is_true).into() };
        assert_eq!(job.await.unwrap(), expected);
        // The job first.
        let second = file(&base, n + 100, &[]).await;
        let mut tx = base.write().await;
        xet::confirm_claims(&mut tx, second, sha256(n + 100), at(2)).await.unwrap();
        let claimed = if is_true { n + 100 } else { claimed };
        let upload = meanwhile(&base, async move |mut tx| {
            let outcome =
                xet::claim_link(&mut tx, other, sha256(claimed), &format!("b{n}"), second, at(1))
                    .await;
            tx.commit().await.unwrap();
            outcome.unwrap()
        });
        let upload = upload.await;
        tx.commit().await.unwrap();
        let expected = if is_true { ClaimOutcome::Linked } else { ClaimOutcome::Other };
        assert_eq!(upload.await.unwrap(), expected);
        let link = lfs::find_link(&mut base.read().await, other, sha256(claimed)).await.unwrap();
        let home = Home::Xet { file_id: second, hash: hash(n + 100) };
        assert_eq!(link.map(|link| link.home), is_true.then_some(home));
    }
}

async fn a_link_made_during_a_deletion_keeps_its_content(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let mut tx = base.write().await;
    for n in [1, 2] {
        lfs::condemn_orphan(&mut tx, sha256(n), 1, at(1)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    lfs::ensure_link(&mut tx, repo, sha256(1), "a", at(5)).await.unwrap();
    let sweep = meanwhile(&base, async move |mut tx| {
        let deleted = lfs::delete_condemned(&mut tx, sha256(1), at(5)).await.unwrap();
        tx.commit().await.unwrap();
        deleted
    });
    let sweep = sweep.await;
    tx.commit().await.unwrap();
    assert!(!sweep.await.unwrap());
    let mut tx = base.write().await;
    assert!(lfs::delete_condemned(&mut tx, sha256(2), at(5)).await.unwrap());
    let upload = meanwhile(&base, async move |mut tx| {
        lfs::ensure_link(&mut tx, repo, sha256(2), "b", at(5)).await
    });
    let upload = upload.await;
    tx.commit().await.unwrap();
    let refused = upload.await.unwrap();
    assert!(matches!(refused, Err(DbError::Missing { .. })), "{refused:?}");
    assert!(check::list_homeless_links(&mut base.read().await, "", 9).await.unwrap().is_empty());
}

async fn a_file_registered_during_its_deletion_is_there(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let one = file(&base, 1, &[]).await;
    let mut tx = base.write().await;
    xet::condemn_files(&mut tx, &[one], at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    assert_eq!(xet::delete_files(&mut tx, at(5), 9, at(7)).await.unwrap(), [one]);
    let registration = meanwhile(&base, async move |mut tx| {
        let inserted = xet::insert_file(&mut tx, &new_file(1, &[]), at(5)).await.unwrap();
        tx.commit().await.unwrap();
        inserted
    });
    let registration = registration.await;
    tx.commit().await.unwrap();
    let (two, is_new) = registration.await.unwrap();
    assert!(is_new);
    // And what is claimed while the sweep looks stays.
    let mut tx = base.write().await;
    xet::condemn_files(&mut tx, &[two], at(6)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = base.write().await;
    xet::claim_link(&mut tx, repo, sha256(1), "claim", two, at(7)).await.unwrap();
    let sweep = meanwhile(&base, async move |mut tx| {
        let deleted = xet::delete_files(&mut tx, at(99), 9, at(7)).await.unwrap();
        tx.commit().await.unwrap();
        deleted
    });
    let sweep = sweep.await;
    tx.commit().await.unwrap();
    assert_eq!(sweep.await.unwrap(), Vec::<i64>::new());
    assert!(xet::find_file_by_id(&mut base.read().await, two).await.unwrap().is_some());
}

/// The object store of the stress test: hashes and generations.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<HashSet<(XetHash, u32)>>>);

impl Store {
    fn put(&self, hash: XetHash, generation: u32) {
        assert!(self.0.lock().unwrap().insert((hash, generation)), "keys are never used twice");
    }

    fn delete(&self, hash: XetHash, generation: u32) {
        self.0.lock().unwrap().remove(&(hash, generation));
    }

    fn has(&self, hash: XetHash, generation: u32) -> bool {
        self.0.lock().unwrap().contains(&(hash, generation))
    }
}

/// What the tasks of the stress test share. Each question for the time lets days pass.
#[derive(Clone)]
struct World {
    db: Db,
    store: Store,
    clock: Arc<AtomicI64>,
    generations: Arc<AtomicU32>,
    repo: i64,
    user: i64,
}

impl World {
    fn now(&self) -> i64 {
        self.clock.fetch_add(DAY + 7, Ordering::Relaxed)
    }

    async fn upload(&self, n: u8) -> Result<(), DbError> {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        self.store.put(hash(n), generation);
        let mut tx = self.db.write().await?;
        let new = new_xorb(n, generation, Some(self.user), &[5; 40]);
        let inserted = xet::insert_xorb(&mut tx, &new, at(self.now())).await?;
        let id = match &inserted {
            XorbInsert::Inserted(id) | XorbInsert::Revived(id) => *id,
            XorbInsert::Exists(row) => row.id,
        };
        let told = xet::touch_use(&mut tx, self.user, &[id], at(self.now() + DAY)).await?;
        assert_eq!(told, HashSet::from([id]));
        tx.commit().await?;
        if matches!(inserted, XorbInsert::Exists(_)) {
            self.store.delete(hash(n), generation);
        }
        Ok(())
    }

    async fn register(&self, n: u8, wanted: &[u8]) -> Result<bool, DbError> {
        let hashes: Vec<_> = wanted.iter().map(|n| hash(*n)).collect();
        let mut tx = self.db.write().await?;
        let found = xet::find_xorbs(&mut tx, &hashes).await?;
        let ids: Vec<_> = found.iter().map(|row| row.id).collect();
        let locked = xet::lock_xorbs(&mut tx, &ids).await?;
        let there = locked.iter().filter(|row| row.state != XorbState::Deleting).count();
        if there < wanted.len() {
            return Ok(false);
        }
        for row in &locked {
            assert!(self.store.has(row.hash, row.generation), "a locked xorb has its object");
        }
        xet::revive_xorbs(&mut tx, &ids).await?;
        xet::mark_used(&mut tx, &ids, at(self.now())).await?;
        let (file, _) = xet::insert_file(&mut tx, &new_file(n, &ids), at(self.now())).await?;
        let public_id = format!("{n}-{}", self.now());
        let sha256 = Sha256::new([n; 32]);
        xet::claim_link(&mut tx, self.repo, sha256, &public_id, file, at(self.now())).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn forget_links(&self) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        for link in lfs::list_links(&mut tx, self.repo, "", 2).await? {
            lfs::delete_link(&mut tx, self.repo, &link.public_id).await?;
        }
        tx.commit().await
    }

    async fn sweep(&self) -> Result<(), DbError> {
        let mut conn = self.db.read().await?;
        let files = xet::list_condemnable_files(&mut conn, 0, 9).await?;
        let xorbs = xet::list_condemnable_xorbs(&mut conn, at(self.now()), 0, 9).await?;
        drop(conn);
        let mut tx = self.db.write().await?;
        let named = xet::list_sparable_files(&mut tx, 0, 9).await?;
        xet::spare_files(&mut tx, &named).await?;
        let ids: Vec<_> = files.iter().map(|row| row.id).collect();
        xet::condemn_files(&mut tx, &ids, at(self.now())).await?;
        tx.commit().await?;
        let mut tx = self.db.write().await?;
        xet::delete_files(&mut tx, at(self.now()), 9, at(self.now())).await?;
        tx.commit().await?;
        let mut tx = self.db.write().await?;
        let ids: Vec<_> = xorbs.iter().map(|row| row.id).collect();
        xet::condemn_xorbs(&mut tx, &ids, at(self.now())).await?;
        tx.commit().await?;
        let mut tx = self.db.write().await?;
        let doomed = xet::claim_xorbs_to_delete(&mut tx, at(self.now()), 9).await?;
        tx.commit().await?;
        for row in doomed {
            self.store.delete(row.hash, row.generation);
            tokio::task::yield_now().await;
            let mut tx = self.db.write().await?;
            xet::delete_xorb(&mut tx, row.id, row.generation).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// Uploads, registrations and sweeps at once, over days that pass within milliseconds: whatever a registration finds
/// has its object, and so has every xorb a file uses in the end.
async fn xorbs_in_use_are_never_deleted(base: Base) {
    let (user, repo) = user_and_repo(&base, "u").await;
    let world = World {
        db: base.db.clone(),
        store: Store::default(),
        clock: Arc::new(AtomicI64::new(100 * DAY)),
        generations: Arc::new(AtomicU32::new(1)),
        repo,
        user,
    };
    let mut tasks = Vec::new();
    for task in 0..6_u64 {
        let world = world.clone();
        tasks.push(tokio::spawn(async move {
            let rng = TestRng::seeded(task);
            let (mut registered, mut busy) = (0, 0);
            for _ in 0..60 {
                let n = 1 + u8::try_from(rng.below(4)).unwrap();
                let done = match task {
                    0 | 1 => world.upload(n).await.map(|()| false),
                    2 | 3 => world.register(n, &[n, 1 + n % 4]).await,
                    4 => world.sweep().await.map(|()| false),
                    _ => match rng.below(2) {
                        0 => world.forget_links().await.map(|()| false),
                        _ => world.sweep().await.map(|()| false),
                    },
                };
                match done {
                    Ok(done) => registered += usize::from(done),
                    // PostgreSQL lets one of two transactions go when they wait for each other.
                    Err(DbError::Unavailable(_)) => busy += 1,
                    Err(error) => panic!("{error:?}"),
                }
            }
            (registered, busy)
        }));
    }
    let (mut registered, mut busy) = (0, 0);
    for task in tasks {
        let (r, b) = task.await.unwrap();
        registered += r;
        busy += b;
    }
    assert!(registered > 3, "{registered} registrations passed, {busy} gave way");
    let mut conn = base.read().await;
    let rows = check::list_xorbs(&mut conn, 0, 100).await.unwrap();
    for row in rows.iter().filter(|row| row.state != XorbState::Deleting) {
        assert!(world.store.has(row.hash, row.generation), "{row:?} has its object");
    }
    assert!(check::list_bad_edges(&mut conn, (0, 0), 9).await.unwrap().is_empty());
    assert!(check::list_xorbs_without_table(&mut conn, 0, 9).await.unwrap().is_empty());
}
