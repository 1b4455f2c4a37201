//! Claims: made, settled, and what they never do.

use steelyard_db::lfs::{self, Home, UploadRow};
use steelyard_db::xet::{self, ClaimOutcome, Confirmed, NewLink};

use super::{claim, file, hash, link, new_file, user_and_repo, xorb};
use crate::base::{Base, at, db_suite, sha256};

db_suite!(
    the_first_claim_stands,
    many_files_are_linked_at_once,
    many_contents_and_grants_are_made_at_once,
    a_claim_on_a_known_file_is_a_link_or_a_lie,
    a_claim_beside_a_stored_content,
    claims_are_settled_together,
    a_wrong_claim_gives_way,
    a_grant_holds_a_claim,
    unverified_files_are_listed,
);

async fn home(base: &Base, repo: i64, n: u8) -> Option<Home> {
    let link = lfs::find_link(&mut base.read().await, repo, sha256(n)).await.unwrap();
    link.map(|link| link.home)
}

async fn confirm(base: &Base, file: i64, n: u8) -> Confirmed {
    let mut tx = base.write().await;
    let settled = xet::confirm_claims(&mut tx, file, sha256(n), at(500)).await.unwrap();
    tx.commit().await.unwrap();
    settled
}

async fn the_first_claim_stands(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let (_, other) = user_and_repo(&base, "v").await;
    let (one, two) = (file(&base, 1, &[]).await, file(&base, 2, &[]).await);
    assert_eq!(claim(&base, repo, 5, one, "a").await, ClaimOutcome::Linked);
    assert_eq!(claim(&base, repo, 5, one, "b").await, ClaimOutcome::Same);
    assert_eq!(claim(&base, repo, 5, two, "c").await, ClaimOutcome::Other);
    assert_eq!(claim(&base, other, 5, two, "d").await, ClaimOutcome::Linked, "another repository");
    assert_eq!(claim(&base, repo, 6, one, "e").await, ClaimOutcome::Linked, "another SHA-256");
    let mut conn = base.read().await;
    let found = lfs::find_link(&mut conn, repo, sha256(5)).await.unwrap().unwrap();
    assert_eq!((&*found.public_id, found.size_bytes, found.linked_at), ("a", 1000, at(300)));
    assert_eq!(found.home, Home::Claimed { file_id: one, hash: hash(1) });
    assert!(found.is_served());
    assert!(lfs::find_object(&mut conn, sha256(5)).await.unwrap().is_none(), "nobody has checked");
    let hashes = lfs::xet_hashes(&mut conn, repo, &[sha256(5), sha256(7)]).await.unwrap();
    assert_eq!(hashes.into_iter().collect::<Vec<_>>(), [(sha256(5), hash(1))]);
    drop(conn);
    let mut tx = base.write().await;
    assert!(xet::claim_link(&mut tx, repo, sha256(9), "x", 999, at(1)).await.is_err(), "no file");
}

async fn a_claim_on_a_known_file_is_a_link_or_a_lie(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let one = file(&base, 1, &[]).await;
    assert_eq!(confirm(&base, one, 5).await, Confirmed::default());
    assert!(lfs::find_object(&mut base.read().await, sha256(5)).await.unwrap().is_none());
    assert_eq!(claim(&base, repo, 6, one, "lie").await, ClaimOutcome::Other);
    assert_eq!(home(&base, repo, 6).await, None);
    assert_eq!(claim(&base, repo, 5, one, "a").await, ClaimOutcome::Linked);
    assert_eq!(home(&base, repo, 5).await, Some(Home::Xet { file_id: one, hash: hash(1) }));
    assert_eq!(lfs::find_object(&mut base.read().await, sha256(5)).await.unwrap(), Some(1000));
    assert_eq!(claim(&base, repo, 5, one, "b").await, ClaimOutcome::Same);
}

async fn a_claim_beside_a_stored_content(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let (one, two) = (file(&base, 1, &[]).await, file(&base, 2, &[]).await);
    link(&base, repo, 1, one).await;
    assert_eq!(claim(&base, repo, 1, two, "a").await, ClaimOutcome::Other, "another size");
    // The same bytes cut otherwise, as some clients do: the link keeps the file it has.
    let mut tx = base.write().await;
    let cut_otherwise = xet::NewFile { size_bytes: 1000, ..new_file(99, &[]) };
    let (other, _) = xet::insert_file(&mut tx, &cut_otherwise, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(&base, repo, 1, other, "a").await, ClaimOutcome::Same);
    assert_eq!(home(&base, repo, 1).await, Some(Home::Xet { file_id: one, hash: hash(1) }));
    assert_eq!(confirm(&base, other, 1).await, Confirmed::default());
    assert_eq!(claim(&base, repo, 1, other, "b").await, ClaimOutcome::Same, "and once it is known");
    assert_eq!(home(&base, repo, 1).await, Some(Home::Xet { file_id: one, hash: hash(1) }));
    let mut tx = base.write().await;
    lfs::ensure_object(&mut tx, sha256(2), 2000, at(1)).await.unwrap();
    lfs::ensure_link(&mut tx, repo, sha256(2), "raw", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let three = file(&base, 3, &[]).await;
    assert_eq!(claim(&base, repo, 2, three, "b").await, ClaimOutcome::Other, "another size");
    assert_eq!(claim(&base, repo, 2, two, "c").await, ClaimOutcome::Same);
    assert_eq!(home(&base, repo, 2).await, Some(Home::Raw), "what is verified stays");
}

async fn claims_are_settled_together(base: Base) {
    let (_, right) = user_and_repo(&base, "u").await;
    let (_, wrong) = user_and_repo(&base, "v").await;
    let (_, copy) = user_and_repo(&base, "w").await;
    let one = file(&base, 1, &[]).await;
    claim(&base, right, 5, one, "12345678-right").await;
    claim(&base, wrong, 6, one, "12345678-wrong").await;
    let mut tx = base.write().await;
    lfs::share_links(&mut tx, right, copy, "XXXXXXXX", at(1)).await.unwrap();
    lfs::share_links(&mut tx, wrong, copy, "YYYYYYYY", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(home(&base, copy, 5).await, Some(Home::Claimed { file_id: one, hash: hash(1) }));
    assert_eq!(confirm(&base, one, 5).await, Confirmed { confirmed: 2, quarantined: 2 });
    assert_eq!(confirm(&base, one, 5).await, Confirmed::default(), "once");
    for (repo, n, expected) in [
        (right, 5, Home::Xet { file_id: one, hash: hash(1) }),
        (copy, 5, Home::Xet { file_id: one, hash: hash(1) }),
        (wrong, 6, Home::Quarantined),
        (copy, 6, Home::Quarantined),
    ] {
        assert_eq!(home(&base, repo, n).await, Some(expected));
    }
    let mut conn = base.read().await;
    let content = lfs::find_content(&mut conn, sha256(5)).await.unwrap().unwrap();
    assert_eq!((content.size_bytes, content.has_raw), (1000, false));
    assert_eq!(content.xet, Some((one, hash(1))));
    assert!(lfs::find_content(&mut conn, sha256(6)).await.unwrap().is_none());
    // What is quarantined is shown, and takes no room.
    let links = lfs::list_links(&mut conn, copy, "", 10).await.unwrap();
    let served: Vec<_> = links.iter().map(|link| (&*link.public_id, link.is_served())).collect();
    assert_eq!(served, [("XXXXXXXX-right", true), ("YYYYYYYY-wrong", false)]);
    assert_eq!(lfs::sum_linked_bytes(&mut conn, copy).await.unwrap(), 1000);
    assert_eq!(lfs::sum_linked_bytes(&mut conn, wrong).await.unwrap(), 0);
    drop(conn);
    let mut tx = base.write().await;
    lfs::share_links(&mut tx, wrong, right, "ZZZZZZZZ", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(home(&base, right, 6).await, Some(Home::Quarantined), "a copy is no way around it");
    assert_eq!(confirm(&base, 999, 5).await, Confirmed::default(), "no such file");
}

async fn a_wrong_claim_gives_way(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let (lie, truth) = (file(&base, 1, &[]).await, file(&base, 2, &[]).await);
    claim(&base, repo, 5, lie, "a").await;
    confirm(&base, lie, 6).await;
    assert_eq!(claim(&base, repo, 5, lie, "b").await, ClaimOutcome::Other);
    assert_eq!(claim(&base, repo, 5, truth, "c").await, ClaimOutcome::Linked);
    assert_eq!(home(&base, repo, 5).await, Some(Home::Claimed { file_id: truth, hash: hash(2) }));
    // A content that arrives in full ends every claim of the repository for it, and every quarantine.
    claim(&base, repo, 7, file(&base, 3, &[]).await, "d").await;
    for n in [5, 7] {
        let mut tx = base.write().await;
        lfs::ensure_object(&mut tx, sha256(n), 123, at(1)).await.unwrap();
        lfs::ensure_link(&mut tx, repo, sha256(n), "unused", at(1)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(home(&base, repo, n).await, Some(Home::Raw));
    }
    let mut conn = base.read().await;
    let link = lfs::find_link(&mut conn, repo, sha256(5)).await.unwrap().unwrap();
    assert_eq!((&*link.public_id, link.size_bytes), ("a", 123), "the link keeps its name");
}

async fn a_grant_holds_a_claim(base: Base) {
    let (user, repo) = user_and_repo(&base, "u").await;
    let one = file(&base, 1, &[]).await;
    let grant = |id: &str, n, expires| UploadRow {
        id: id.to_owned(),
        repo_id: repo,
        user_id: user,
        sha256: sha256(n),
        size_bytes: 1000,
        part_size_bytes: None,
        expires_at: at(expires),
        finished_at: None,
        xet_file_id: Some(one),
    };
    let mut tx = base.write().await;
    for (id, expires) in [("plain", 70), ("plain again", 80)] {
        let plain = UploadRow { xet_file_id: None, ..grant(id, 8, expires) };
        lfs::create_finished_upload(&mut tx, &plain, at(10)).await.unwrap();
    }
    let plain = lfs::list_uploads(&mut tx, repo, sha256(8)).await.unwrap();
    assert_eq!((plain.len(), plain[0].expires_at, plain[0].xet_file_id), (1, at(80), None));
    for (id, n, expires) in [("right", 5, 50), ("again", 5, 90), ("wrong", 6, 60)] {
        lfs::create_finished_upload(&mut tx, &grant(id, n, expires), at(10)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let row = lfs::find_upload(&mut conn, "right").await.unwrap().unwrap();
    assert_eq!((row.finished_at, row.expires_at), (Some(at(10)), at(90)), "prolonged");
    assert_eq!((row.xet_file_id, row.size_bytes, row.user_id), (Some(one), 1000, user));
    assert!(!lfs::upload_exists(&mut conn, "again").await.unwrap());
    assert_eq!(lfs::list_uploads(&mut conn, repo, sha256(6)).await.unwrap().len(), 1);
    drop(conn);
    assert_eq!(confirm(&base, one, 5).await, Confirmed::default());
    let mut conn = base.read().await;
    assert!(!lfs::upload_exists(&mut conn, "wrong").await.unwrap(), "it leads nowhere");
    let content = lfs::find_content(&mut conn, sha256(5)).await.unwrap().unwrap();
    assert_eq!(content.xet, Some((one, hash(1))), "the commit finds it");
}

async fn unverified_files_are_listed(base: Base) {
    let (user, repo) = user_and_repo(&base, "u").await;
    let x = xorb(&base, 1).await;
    let mut files = Vec::new();
    for n in 1..=6 {
        files.push(file(&base, n, &[x]).await);
    }
    for n in [3, 1, 5] {
        claim(&base, repo, n, files[usize::from(n) - 1], &format!("c{n}")).await;
    }
    claim(&base, repo, 99, files[0], "twice").await;
    let mut tx = base.write().await;
    let grant = UploadRow {
        id: "grant".to_owned(),
        repo_id: repo,
        user_id: user,
        sha256: sha256(4),
        size_bytes: 4000,
        part_size_bytes: None,
        expires_at: at(9),
        finished_at: None,
        xet_file_id: Some(files[3]),
    };
    lfs::create_finished_upload(&mut tx, &grant, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    confirm(&base, files[4], 5).await;
    let list = async |after, limit| {
        let rows = xet::list_unverified_files(&mut base.read().await, after, limit).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(0, 10).await, [files[0], files[2], files[3]]);
    assert_eq!(list(files[0], 1).await, [files[2]]);
    assert_eq!(list(files[3], 9).await, Vec::<i64>::new());
}

async fn many_files_are_linked_at_once(base: Base) {
    let (_, repo) = user_and_repo(&base, "u").await;
    let mut files = Vec::new();
    for n in 0..100 {
        files.push(file(&base, n, &[]).await);
    }
    // Even ones are known, as what they are called here.
    let even: Vec<_> = (0..100).step_by(2).map(|n| (files[usize::from(n)], sha256(n))).collect();
    let mut tx = base.write().await;
    xet::set_files_sha256(&mut tx, &even).await.unwrap();
    tx.commit().await.unwrap();
    claim(&base, repo, 51, files[53], "earlier").await;
    let link = |n: u8, file: u8, id: String| NewLink {
        sha256: sha256(n),
        public_id: id,
        file_id: files[usize::from(file)],
    };
    let mut links: Vec<_> = (0..100).rev().map(|n| link(n, n, format!("id-{n}"))).collect();
    links.push(link(7, 9, "another".to_owned()));
    links.push(link(51, 53, "again".to_owned()));
    links.push(link(8, 10, "lie".to_owned()));
    links.push(link(9, 9, "twice".to_owned()));
    let mut tx = base.write().await;
    let outcomes = xet::claim_links(&mut tx, repo, &links, at(9)).await.unwrap();
    let others: Vec<_> = (0..outcomes.len())
        .filter(|i| outcomes[*i] != ClaimOutcome::Linked)
        .map(|i| (i, outcomes[i]))
        .collect();
    let expected = [
        (99 - 51, ClaimOutcome::Other),
        (100, ClaimOutcome::Other),
        (101, ClaimOutcome::Same),
        (102, ClaimOutcome::Other),
    ];
    assert_eq!(others, expected);
    let again: Vec<_> = (60..100).map(|n| link(n, n, format!("again-{n}"))).collect();
    let again = xet::claim_links(&mut tx, repo, &again, at(9)).await.unwrap();
    assert!(again.iter().all(|outcome| *outcome == ClaimOutcome::Same), "{again:?}");
    assert_eq!(xet::claim_links(&mut tx, repo, &[], at(9)).await.unwrap(), []);
    tx.commit().await.unwrap();
    let listed = lfs::list_links(&mut base.read().await, repo, "", 500).await.unwrap();
    assert_eq!(listed.len(), 100);
    for row in listed {
        let n = row.sha256.as_bytes()[0];
        let file_id = files[usize::from(if n == 51 { 53 } else { n })];
        let hash = hash(if n == 51 { 53 } else { n });
        let expected = match n % 2 {
            0 => Home::Xet { file_id, hash },
            _ => Home::Claimed { file_id, hash },
        };
        assert_eq!(row.home, expected, "{n}");
    }
}

async fn many_contents_and_grants_are_made_at_once(base: Base) {
    let (user, repo) = user_and_repo(&base, "u").await;
    let mut files = Vec::new();
    for n in 0..100 {
        files.push(file(&base, n, &[]).await);
    }
    let mut tx = base.write().await;
    lfs::condemn_orphan(&mut tx, sha256(200), 1, at(1)).await.unwrap();
    let contents =
        [(sha256(201), 5, files[1]), (sha256(200), 1, files[3]), (sha256(201), 6, files[5])];
    lfs::ensure_xet_objects(&mut tx, &contents, at(5)).await.unwrap();
    let row = lfs::find_content(&mut tx, sha256(201)).await.unwrap().unwrap();
    assert_eq!(
        (row.size_bytes, row.xet),
        (5, Some((files[1], hash(1)))),
        "the first of two counts"
    );
    assert_eq!(lfs::list_condemned(&mut tx, at(99), 9).await.unwrap(), []);
    let grants: Vec<_> = (0..100_u8)
        .chain([7])
        .map(|n| UploadRow {
            id: format!("grant-{n}"),
            repo_id: repo,
            user_id: user,
            sha256: sha256(n),
            size_bytes: 1,
            part_size_bytes: None,
            expires_at: at(50),
            finished_at: None,
            xet_file_id: Some(files[usize::from(n)]),
        })
        .collect();
    lfs::create_finished_uploads(&mut tx, &grants[..80], at(9)).await.unwrap();
    let longer: Vec<_> =
        grants.iter().map(|grant| UploadRow { expires_at: at(70), ..grant.clone() }).collect();
    lfs::create_finished_uploads(&mut tx, &longer, at(9)).await.unwrap();
    assert!(lfs::list_expired_uploads(&mut tx, at(70), 9).await.unwrap().is_empty());
    let all = lfs::list_expired_uploads(&mut tx, at(71), 999).await.unwrap();
    assert_eq!(all.len(), 100, "one for each file and content");
}
