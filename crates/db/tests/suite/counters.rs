//! Downloads, likes, and the counters they make.

use steelyard_core::{Timestamp, Visibility};
use steelyard_db::account::AccountKind;
use steelyard_db::downloads::{self, Counting, DayCount, DownloadBatch, Seen, day_of};
use steelyard_db::stats::{self, StatsChange, StatsRow};
use steelyard_db::{Viewer, likes, repo};

use crate::base::{Base, at, db_suite};

db_suite!(
    a_batch_becomes_days_and_sums,
    a_batch_counts_once,
    an_address_counts_once_in_five_minutes,
    downloaders_count_once_a_day,
    repositories_that_are_gone_are_left_out,
    days_roll_out_of_the_sum,
    what_was_seen_is_forgotten,
    counters_that_changed_are_listed,
    likes_count_once_and_can_be_taken_back,
    lists_of_likes_are_paged_and_hide_what_is_private,
    batches_of_two_replicas_do_not_wait_in_a_circle,
);

/// A day far from 1970, at noon.
const DAY: i64 = 20_000;

fn on(day: i64, secs: i64) -> Timestamp {
    at(day * 86_400 + 43_200 + secs)
}

fn seen(repo_id: i64, who: u8, at: Timestamp) -> Seen {
    Seen { repo_id, who: [who; 16], at, is_ci: false }
}

async fn record(base: &Base, batch: &DownloadBatch, now: Timestamp) -> bool {
    let mut tx = base.write().await;
    let counting = Counting { person_trend: 0.5, now };
    let is_new = downloads::record_batch(&mut tx, batch, &counting).await.unwrap();
    tx.commit().await.unwrap();
    is_new
}

async fn stats_of(base: &Base, repo_id: i64) -> StatsRow {
    stats::get_stats(&mut base.read().await, repo_id).await.unwrap()
}

/// `(day, downloads, people, ci)` of each day.
async fn days_of(base: &Base, repo_id: i64) -> Vec<(i64, u64, u64, u64)> {
    let days = downloads::list_days(&mut base.read().await, repo_id, 0).await.unwrap();
    days.iter().map(|day| (day.day, day.downloads, day.people, day.ci)).collect()
}

fn count(repo_id: i64, day: i64, downloads: i64, ci: i64) -> DayCount {
    DayCount { repo_id, day, downloads, ci }
}

async fn a_batch_becomes_days_and_sums(base: Base) {
    let user = base.user("u").await;
    let (a, b) = (base.repo(("u", user), "a").await, base.repo(("u", user), "b").await);
    assert_eq!(stats_of(&base, a).await, StatsRow::unused(a));
    let batch = DownloadBatch {
        id: [1; 16],
        counts: vec![count(b, DAY, 4, 1), count(a, DAY, 2, 0), count(a, DAY - 1, 5, 2)],
        windows: Vec::new(),
        people: vec![seen(a, 1, on(DAY, 0)), seen(a, 2, on(DAY, 1)), seen(b, 1, on(DAY, 0))],
    };
    assert!(record(&base, &batch, on(DAY, 2)).await);
    assert_eq!(days_of(&base, a).await, [(DAY - 1, 5, 0, 2), (DAY, 2, 2, 0)]);
    assert_eq!(days_of(&base, b).await, [(DAY, 4, 1, 1)]);
    let expected = StatsRow {
        repo_id: a,
        downloads_30d: 7,
        downloads_all: 7,
        people_30d: 2,
        ci_30d: 2,
        likes: 0,
        trend: 1.0,
        updated_at: on(DAY, 2),
    };
    assert_eq!(stats_of(&base, a).await, expected);
    let unused = base.repo(("u", user), "unused").await;
    let keys = [unused, b, a, unused + 9];
    let found = stats::find_repos_with_stats(&mut base.read().await, &keys).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|(repo, stats)| (repo.id, stats)).collect();
    let of = [stats_of(&base, a).await, stats_of(&base, b).await, StatsRow::unused(unused)];
    assert_eq!(found, [(a, of[0]), (b, of[1]), (unused, of[2])]);
    let late = downloads::list_days(&mut base.read().await, a, DAY).await.unwrap();
    assert_eq!(late.len(), 1);
}

async fn a_batch_counts_once(base: Base) {
    let user = base.user("u").await;
    let a = base.repo(("u", user), "a").await;
    let batch = DownloadBatch {
        id: [9; 16],
        counts: vec![count(a, DAY, 2, 0)],
        ..DownloadBatch::default()
    };
    assert!(record(&base, &batch, on(DAY, 0)).await);
    assert!(!record(&base, &batch, on(DAY, 5)).await);
    assert_eq!(stats_of(&base, a).await.downloads_all, 2);
}

async fn an_address_counts_once_in_five_minutes(base: Base) {
    let user = base.user("u").await;
    let (a, b) = (base.repo(("u", user), "a").await, base.repo(("u", user), "b").await);
    let mut id = 0;
    let mut at_secs = async |list: &[(i64, u8, i64)]| {
        id += 1;
        let windows =
            list.iter().map(|(repo, who, secs)| seen(*repo, *who, on(DAY, *secs))).collect();
        let batch = DownloadBatch { id: [id; 16], windows, ..DownloadBatch::default() };
        record(&base, &batch, on(DAY, 1000)).await;
        (stats_of(&base, a).await.downloads_all, stats_of(&base, b).await.downloads_all)
    };
    assert_eq!(at_secs(&[(a, 1, 0), (a, 1, 10), (a, 1, 20)]).await, (1, 0));
    assert_eq!(at_secs(&[(a, 1, 299)]).await, (1, 0), "within the window");
    assert_eq!(at_secs(&[(a, 2, 299), (b, 1, 299)]).await, (2, 1), "another address, another one");
    assert_eq!(at_secs(&[(a, 1, 300)]).await, (3, 1), "the window begins with what counted");
    assert_eq!(at_secs(&[(a, 1, 100)]).await, (3, 1), "a replica that comes late");
    assert_eq!(at_secs(&[(a, 1, 599)]).await, (3, 1));
    assert_eq!(at_secs(&[(a, 1, 600)]).await, (4, 1));
}

async fn downloaders_count_once_a_day(base: Base) {
    let user = base.user("u").await;
    let a = base.repo(("u", user), "a").await;
    for (id, who) in [(1, 1), (2, 1), (3, 2)] {
        let people = vec![seen(a, who, on(DAY, i64::from(id)))];
        let batch = DownloadBatch { id: [id; 16], people, ..DownloadBatch::default() };
        assert!(record(&base, &batch, on(DAY, 5)).await);
    }
    assert_eq!(days_of(&base, a).await, [(DAY, 0, 2, 0)]);
    let row = stats_of(&base, a).await;
    assert_eq!((row.people_30d, row.trend, row.downloads_30d), (2, 1.0, 0));
}

async fn repositories_that_are_gone_are_left_out(base: Base) {
    let user = base.user("u").await;
    let (a, gone) = (base.repo(("u", user), "a").await, base.repo(("u", user), "gone").await);
    let mut tx = base.write().await;
    repo::delete_repo(&mut tx, gone, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let batch = DownloadBatch {
        id: [1; 16],
        counts: vec![count(gone, DAY, 1, 0), count(a, DAY, 1, 0), count(a + 99, DAY, 1, 0)],
        windows: vec![seen(gone, 1, on(DAY, 0))],
        people: vec![seen(a + 99, 1, on(DAY, 0))],
    };
    assert!(record(&base, &batch, on(DAY, 0)).await);
    assert_eq!(stats_of(&base, a).await.downloads_all, 1);
    assert_eq!(stats_of(&base, gone).await.downloads_all, 0);
}

async fn days_roll_out_of_the_sum(base: Base) {
    let user = base.user("u").await;
    let mut repos = Vec::new();
    for n in 0..3 {
        repos.push(base.repo(("u", user), &format!("r{n}")).await);
    }
    let mut counts = Vec::new();
    for repo in &repos {
        for day in DAY - 40..DAY {
            counts.push(count(*repo, day, 1, 0));
        }
    }
    let batch = DownloadBatch { id: [1; 16], counts, ..DownloadBatch::default() };
    record(&base, &batch, on(DAY, 0)).await;
    let last = day_of(on(DAY, 0)) - downloads::DAYS_KEPT;
    let mut rounds = Vec::new();
    loop {
        let mut tx = base.write().await;
        let rolled = downloads::roll_days(&mut tx, last, 2, on(DAY, 9)).await.unwrap();
        tx.commit().await.unwrap();
        rounds.push(rolled);
        if rolled == 0 {
            break;
        }
    }
    assert_eq!(rounds, [2, 1, 0]);
    for repo in repos {
        let row = stats_of(&base, repo).await;
        assert_eq!((row.downloads_30d, row.downloads_all, row.updated_at), (29, 40, on(DAY, 9)));
        assert_eq!(days_of(&base, repo).await.len(), 29);
    }
}

async fn what_was_seen_is_forgotten(base: Base) {
    let user = base.user("u").await;
    let a = base.repo(("u", user), "a").await;
    let people = (0..5).map(|who| seen(a, who, on(DAY, i64::from(who)))).collect();
    let batch = DownloadBatch { id: [77; 16], people, ..DownloadBatch::default() };
    record(&base, &batch, on(DAY, 100)).await;
    let mut tx = base.write().await;
    let mut gone = Vec::new();
    for _ in 0..3 {
        gone.push(downloads::delete_seen(&mut tx, on(DAY, 4), 3).await.unwrap());
    }
    tx.commit().await.unwrap();
    assert_eq!(gone, [3, 1, 0]);
    let sql = "SELECT COUNT(*) AS n FROM download_seen";
    let left = base.read().await.fetch_one(sql, Vec::new()).await.unwrap().int("n").unwrap();
    assert_eq!(left, 2, "one downloader, and the batch");
}

async fn counters_that_changed_are_listed(base: Base) {
    let user = base.user("u").await;
    let mut repos = Vec::new();
    for n in 0..4 {
        repos.push(base.repo(("u", user), &format!("r{n}")).await);
    }
    let mut tx = base.write().await;
    for (n, secs) in [(0, 5), (1, 3), (2, 5), (3, 9), (1, 2)] {
        let change = StatsChange { repo_id: repos[n], likes: 1, ..StatsChange::default() };
        stats::change_stats(&mut tx, &[change], at(secs)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let mut after = (at(0), 0);
    let mut seen = Vec::new();
    loop {
        let page = stats::list_changed(&mut conn, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = (last.updated_at, last.repo_id);
        seen.extend(page.iter().map(|row| (row.repo_id, row.likes)));
    }
    assert_eq!(seen, [(repos[1], 2), (repos[0], 1), (repos[2], 1), (repos[3], 1)]);
    let none = stats::list_changed(&mut conn, (at(9), repos[3]), 2).await.unwrap();
    assert!(none.is_empty());
}

async fn likes_count_once_and_can_be_taken_back(base: Base) {
    let (u, v) = (base.user("u").await, base.user("v").await);
    let a = base.repo(("u", u), "a").await;
    let mut tx = base.write().await;
    assert!(likes::insert_like(&mut tx, a, u, at(10)).await.unwrap());
    assert!(!likes::insert_like(&mut tx, a, u, at(20)).await.unwrap());
    assert!(likes::insert_like(&mut tx, a, v, at(30)).await.unwrap());
    assert_eq!(likes::count_since(&mut tx, a, at(10)).await.unwrap(), 2);
    assert_eq!(likes::count_since(&mut tx, a, at(11)).await.unwrap(), 1);
    assert!(likes::has_like(&mut tx, a, u).await.unwrap());
    assert_eq!(likes::delete_like(&mut tx, a, u).await.unwrap(), Some(at(10)));
    assert!(!likes::has_like(&mut tx, a, u).await.unwrap());
    assert_eq!(likes::delete_like(&mut tx, a, u).await.unwrap(), None);
    assert_eq!(likes::count_since(&mut tx, a, at(0)).await.unwrap(), 1);
    let change =
        |likes, trend| [StatsChange { repo_id: a, likes, trend, ..StatsChange::default() }];
    stats::change_stats(&mut tx, &change(1, 0.1), at(1)).await.unwrap();
    stats::change_stats(&mut tx, &change(-1, -0.3), at(2)).await.unwrap();
    let row = stats::get_stats(&mut tx, a).await.unwrap();
    assert_eq!((row.likes, row.trend), (0, 0.0), "a trend does not fall below zero");
    tx.commit().await.unwrap();
}

async fn lists_of_likes_are_paged_and_hide_what_is_private(base: Base) {
    let owner = base.user("owner").await;
    let (org, fan) = (base.account(AccountKind::Org, "Org").await, base.user("fan").await);
    let mut repos = Vec::new();
    let mut tx = Vec::new();
    for n in 0..5 {
        repos.push(base.repo(("owner", owner), &format!("r{n}")).await);
        tx.push(base.user(&format!("fan{n}")).await);
    }
    let fans = tx;
    let mut tx = base.write().await;
    for (n, repo) in repos.iter().enumerate() {
        // Two likes share a moment.
        let moment = at([1, 2, 2, 3, 4][n]);
        likes::insert_like(&mut tx, *repo, fan, moment).await.unwrap();
        likes::insert_like(&mut tx, repos[0], fans[n], moment).await.unwrap();
    }
    likes::insert_like(&mut tx, repos[0], org, at(9)).await.unwrap();
    repo::update_repo(&mut tx, repos[3], Some(Visibility::Private), None, None).await.unwrap();
    repo::delete_repo(&mut tx, repos[4], at(9)).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = base.read().await;
    let (mut after, mut people) = (None, Vec::new());
    loop {
        let page = likes::list_likers(&mut conn, repos[0], after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.created_at, last.user_id));
        people.extend(page);
    }
    let names: Vec<_> = people.iter().map(|liker| &*liker.name).collect();
    assert_eq!(names, ["Org", "fan4", "fan3", "fan2", "fan1", "fan0", "fan"]);
    assert_eq!((people[0].kind, &*people[0].full_name), (AccountKind::Org, "Full Name"));
    let as_owner = Viewer { user_id: Some(owner), sees_all: false };
    let expected = [(Viewer::default(), vec![2, 1, 0]), (as_owner, vec![3, 2, 1, 0])];
    for (viewer, expected) in expected {
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = likes::list_of_user(&mut conn, fan, viewer, after, 2).await.unwrap();
            let Some((row, moment)) = page.last() else { break };
            after = Some((*moment, row.id));
            found.extend(page.iter().map(|(row, _)| row.id));
        }
        let expected: Vec<_> = expected.into_iter().map(|n: usize| repos[n]).collect();
        assert_eq!(found, expected);
    }
}

async fn batches_of_two_replicas_do_not_wait_in_a_circle(base: Base) {
    let user = base.user("u").await;
    let mut repos = Vec::new();
    for n in 0..20 {
        repos.push(base.repo(("u", user), &format!("r{n}")).await);
    }
    let base = &base;
    let replica = async |replica: u8| {
        for round in 0..15 {
            let mut repos = repos.clone();
            if replica == 1 {
                repos.reverse();
            }
            let batch = DownloadBatch {
                id: [replica * 100 + round; 16],
                counts: repos.iter().map(|repo| count(*repo, DAY, 1, 0)).collect(),
                windows: repos.iter().map(|repo| seen(*repo, round, on(DAY, 0))).collect(),
                people: repos.iter().map(|repo| seen(*repo, round, on(DAY, 0))).collect(),
            };
            assert!(record(base, &batch, on(DAY, 1)).await);
        }
    };
    tokio::join!(replica(0), replica(1));
    for repo in &repos {
        let row = stats_of(base, *repo).await;
        assert_eq!((row.downloads_all, row.people_30d), (45, 15), "30 each, and 15 windows");
    }
}
