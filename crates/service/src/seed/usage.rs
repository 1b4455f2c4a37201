//! How the repositories of a catalogue were used: days of downloads, likes, and the trend that follows from both.

use steelyard_core::Timestamp;
use steelyard_db::downloads::{DayCount, day_of};
use steelyard_db::stats::StatsChange;

use super::catalogue::Catalogue;
use super::chance::{Question, float, whole};
use super::people::People;
use super::spec::Usage;
use crate::counters::trend;

/// On so many days of the last thirty a repository was downloaded, at most: what matters is their sum.
const DAYS_MAX: u64 = 4;
/// Days between two of them.
const DAYS_APART: i64 = 7;

/// Rows about the use of repositories.
#[derive(Debug, Default)]
pub(super) struct UsageRows {
    pub(super) stats: Vec<StatsChange>,
    pub(super) days: Vec<(DayCount, i64)>,
    pub(super) likes: Vec<(i64, i64, Timestamp)>,
}

impl UsageRows {
    /// Adds the rows of one repository. What nobody used has none.
    pub(super) fn add(
        &mut self,
        catalogue: &Catalogue,
        people: &People,
        (index, repo_id): (u64, i64),
        usage: &Usage,
    ) {
        let mut weight = self.add_days(catalogue.until, repo_id, usage);
        weight += self.add_likes(catalogue, people, (index, repo_id), usage.likes);
        if *usage == Usage::default() {
            return;
        }
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.stats.push(StatsChange {
            repo_id,
            downloads_30d: signed(usage.downloads_30d),
            downloads_all: signed(usage.downloads_all),
            people_30d: signed(usage.people_30d),
            ci_30d: signed(usage.ci_30d),
            likes: signed(usage.likes),
            trend: weight,
        });
    }

    fn add_days(&mut self, until: Timestamp, repo_id: i64, usage: &Usage) -> f64 {
        let count = usage.downloads_30d.min(DAYS_MAX);
        let mut weight = 0.0;
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for at in 0..count {
            // What does not divide falls on the last day.
            let part = |all: u64| all / count + if at == 0 { all % count } else { 0 };
            let before = 1 + DAYS_APART * signed(at);
            let moment = until.plus_secs(-before * 86_400);
            let people = part(usage.people_30d);
            weight += trend::PERSON * float(people) * trend::growth(moment);
            let day = DayCount {
                repo_id,
                day: day_of(moment),
                downloads: signed(part(usage.downloads_30d)),
                ci: signed(part(usage.ci_30d)),
            };
            self.days.push((day, signed(people)));
        }
        weight
    }

    fn add_likes(
        &mut self,
        catalogue: &Catalogue,
        people: &People,
        (index, repo_id): (u64, i64),
        likes: u64,
    ) -> f64 {
        if likes == 0 {
            return 0.0;
        }
        let mut chance = catalogue.chance(Question::Use, index ^ (1 << 63));
        let users = people.users.len();
        let first = usize::try_from(chance.below(users as u64)).unwrap_or(0);
        let age = float(
            u64::try_from(catalogue.until.secs() - catalogue.created_at(index).secs()).unwrap_or(0),
        );
        let mut weight = 0.0;
        for number in 0..usize::try_from(likes).unwrap_or(0).min(users) {
            let before = i64::try_from(whole(age * chance.unit())).unwrap_or(0);
            let at = catalogue.until.plus_secs(-before);
            self.likes.push((repo_id, people.users[(first + number) % users], at));
            weight += trend::LIKE * trend::growth(at);
        }
        weight
    }
}
