//! Leaderboards: what models report of a dataset, ranked only where it was measured in the same way.

use std::collections::BTreeMap;

use steelyard_card::eval::{ComparisonKey, EvalResult, Origin};
use steelyard_core::{RepoId, RepoKind};
use steelyard_db::account::AccountKind;
use steelyard_db::evals::{self, DatasetEval, Eval};
use steelyard_db::lineage;
use steelyard_db::repo::RepoRow;
use steelyard_index::normalize_metric;

use super::lineage::viewer;
use crate::revisions::result_of;
use crate::{Action, Actor, Hub, Result};

/// Results of one dataset that are looked at.
const RESULTS_MAX: i64 = 20_000;

/// Words in the names of metrics of which less is better.
const LESS_IS_BETTER: [&str; 18] = [
    "wer",
    "cer",
    "ter",
    "error",
    "errors",
    "nll",
    "brier",
    "bpb",
    "perplexity",
    "ppl",
    "loss",
    "mae",
    "mse",
    "rmse",
    "mape",
    "fid",
    "eer",
    "latency",
];

/// The rankings of a dataset; the way of measuring with most results first.
#[derive(Debug)]
pub struct Board {
    /// One for each way of measuring and each origin of results.
    pub rankings: Vec<Ranking>,
    /// True when there are more results than are looked at.
    pub is_truncated: bool,
}

/// Results that were measured in the same way, and that the same kind of source stands behind, the best first.
#[derive(Debug)]
pub struct Ranking {
    /// The way they were measured.
    pub key: ComparisonKey,
    /// Who stands behind them.
    pub origin: Origin,
    /// Whether less is better.
    pub less_is_better: bool,
    /// The results.
    pub ranks: Vec<Rank>,
}

/// A result in its ranking.
#[derive(Debug)]
pub struct Rank {
    /// 1 is the best; equal values share a rank.
    pub rank: u64,
    /// The model.
    pub model: RepoId,
    /// Whether its owner is an organisation,
    pub is_org: bool,
    /// and the owner's name for people.
    pub owner_full_name: String,
    /// The result.
    pub result: EvalResult,
    /// The pull request that proposes it, when the model itself does not report it.
    pub pull_request: Option<i64>,
}

/// A result, and who says so.
#[derive(Debug)]
pub struct Reported {
    /// The result.
    pub result: EvalResult,
    /// The pull request that proposes it, when the repository itself does not report it.
    pub pull_request: Option<i64>,
}

impl Hub {
    /// The results that a repository's default branch reports, in its card and in files of results, then those that its
    /// open pull requests propose.
    pub async fn results_of(&self, row: &RepoRow) -> Result<Vec<Reported>> {
        let mut conn = self.db().read().await?;
        let rows = evals::list_of_repo(&mut conn, row.id).await?;
        let reported =
            |row: &Eval| Reported { result: result_of(row), pull_request: row.pull_request };
        Ok(rows.iter().map(reported).collect())
    }

    /// What models that `actor` may see report of a dataset; with `roots_only`, of models that name no base model.
    pub async fn leaderboard(
        &self,
        actor: &Actor,
        dataset: &RepoId,
        roots_only: bool,
    ) -> Result<Board> {
        let mut conn = self.db().read().await?;
        let action = Action::ReadRepo;
        let row = self.repo_on(&mut conn, actor, RepoKind::Dataset, dataset, action).await?;
        let name = row.repo.to_string();
        let found = evals::list_of_dataset(&mut conn, &name, viewer(actor), RESULTS_MAX).await?;
        let is_truncated = i64::try_from(found.len()).is_ok_and(|count| count >= RESULTS_MAX);
        let mut found: Vec<DatasetEval> =
            found.into_iter().filter(|eval| eval.kind == RepoKind::Model).collect();
        if roots_only {
            let mut ids: Vec<i64> = found.iter().map(|eval| eval.repo_id).collect();
            ids.dedup();
            let bases = lineage::find_bases_of(&mut conn, &ids).await?;
            let derived: std::collections::HashSet<i64> =
                bases.into_iter().map(|(repo_id, _)| repo_id).collect();
            found.retain(|eval| !derived.contains(&eval.repo_id));
        }
        Ok(Board { rankings: rankings(found), is_truncated })
    }
}

/// Groups results by the way they were measured and by who stands behind them.
fn rankings(found: Vec<DatasetEval>) -> Vec<Ranking> {
    let mut groups: BTreeMap<(ComparisonKey, Origin), Vec<Rank>> = BTreeMap::new();
    for one in found {
        let result = result_of(&one.eval);
        groups.entry((result.key(), result.origin)).or_default().push(Rank {
            rank: 0,
            model: one.repo,
            is_org: one.owner_kind == AccountKind::Org,
            owner_full_name: one.owner_full_name,
            result,
            pull_request: one.eval.pull_request,
        });
    }
    let mut results_of: BTreeMap<ComparisonKey, usize> = BTreeMap::new();
    for ((key, _), ranks) in &groups {
        *results_of.entry(key.clone()).or_default() += ranks.len();
    }
    let mut rankings: Vec<Ranking> =
        groups.into_iter().map(|((key, origin), ranks)| ranking(key, origin, ranks)).collect();
    // Stable, so that the rankings of one way of measuring stay together.
    rankings.sort_by_key(|ranking| std::cmp::Reverse(results_of[&ranking.key]));
    rankings
}

fn ranking(key: ComparisonKey, origin: Origin, mut ranks: Vec<Rank>) -> Ranking {
    let less_is_better = is_less_better(&key.metric);
    // 91 % and 0.9 are told apart as searches do.
    let value = |rank: &Rank| normalize_metric(&key.metric, rank.result.value);
    ranks.sort_by(|a, b| {
        let order = value(b).total_cmp(&value(a));
        let order = if less_is_better { order.reverse() } else { order };
        order.then_with(|| a.model.to_string().cmp(&b.model.to_string()))
    });
    for at in 0..ranks.len() {
        let is_tied = at > 0 && value(&ranks[at]) == value(&ranks[at - 1]);
        ranks[at].rank = if is_tied { ranks[at - 1].rank } else { at as u64 + 1 };
    }
    Ranking { key, origin, less_is_better, ranks }
}

fn is_less_better(metric: &str) -> bool {
    let mut words = metric.split(|c: char| !c.is_alphanumeric());
    // The phoneme error rate, but not tokens per second.
    metric == "per" || words.any(|word| LESS_IS_BETTER.contains(&word))
}

#[cfg(test)]
mod tests {
    use steelyard_core::{Namespace, RepoName};

    use super::*;

    fn reported(model: &str, metric: &str, shots: Option<u32>, value: f64) -> DatasetEval {
        let name = RepoName::parse(model).unwrap();
        DatasetEval {
            repo_id: 1,
            kind: RepoKind::Model,
            repo: RepoId::new(Namespace::parse("alice").unwrap(), name),
            owner_kind: AccountKind::User,
            owner_full_name: "Alice".to_owned(),
            eval: Eval {
                source: "model-index".to_owned(),
                dataset: "cais/mmlu".to_owned(),
                metric: metric.to_owned(),
                shots,
                value,
                ..Eval::default()
            },
        }
    }

    fn shown(ranking: &Ranking) -> Vec<(u64, String)> {
        ranking.ranks.iter().map(|rank| (rank.rank, rank.model.name.to_string())).collect()
    }

    #[test]
    fn shots_are_never_mixed() {
        let rankings = rankings(vec![
            reported("a", "accuracy", Some(0), 68.0),
            reported("b", "acc", Some(5), 72.0),
            reported("c", "accuracy", Some(5), 75.0),
            reported("d", "accuracy", None, 90.0),
        ]);
        assert_eq!(rankings.len(), 3);
        assert_eq!(rankings[0].key.shots, Some(5));
        assert_eq!(shown(&rankings[0]), [(1, "c".to_owned()), (2, "b".to_owned())]);
    }

    #[test]
    fn equal_values_share_a_rank_and_errors_are_better_small() {
        let rankings = rankings(vec![
            reported("a", "wer", None, 7.0),
            reported("b", "wer", None, 5.0),
            reported("c", "wer", None, 5.0),
        ]);
        assert!(rankings[0].less_is_better);
        let places = shown(&rankings[0]);
        assert_eq!(places, [(1, "b".to_owned()), (1, "c".to_owned()), (3, "a".to_owned())]);
        for metric in ["per", "error_rate", "word_error_rate", "test_wer", "val loss"] {
            assert!(is_less_better(metric), "{metric}");
        }
        for metric in ["super_accuracy", "tokens per second", "terror"] {
            assert!(!is_less_better(metric), "{metric}");
        }
    }

    #[test]
    fn percentages_are_ranked_with_fractions_and_origins_apart() {
        let mut others = reported("d", "accuracy", None, 0.99);
        others.eval.origin = "third-party".to_owned();
        let rankings = rankings(vec![
            reported("a", "accuracy", None, 91.0),
            reported("b", "accuracy", None, 0.95),
            reported("c", "accuracy", None, 0.9),
            others,
        ]);
        let origins: Vec<_> = rankings.iter().map(|ranking| ranking.origin).collect();
        assert_eq!(origins, [Origin::SelfReported, Origin::ThirdParty]);
        let order = [(1, "b".to_owned()), (2, "a".to_owned()), (3, "c".to_owned())];
        assert_eq!(shown(&rankings[0]), order);
        assert_eq!(shown(&rankings[1]), [(1, "d".to_owned())]);
    }
}
