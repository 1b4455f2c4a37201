//! Likes, and how a repository is used.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use steelyard_core::Timestamp;
use steelyard_service::counters::{DayRow, LikedRepo, Liker, Liking, StatsRow, Usage, trend};

/// What a counter says under a field's name; `None` for a name that is no counter.
pub fn stats_field(stats: &StatsRow, now: Timestamp, name: &str) -> Option<Value> {
    match name {
        "downloads" => Some(json!(stats.downloads_30d)),
        "downloadsAllTime" => Some(json!(stats.downloads_all)),
        "likes" => Some(json!(stats.likes)),
        "trendingScore" => Some(json!(trend::score(stats.trend, now))),
        _ => None,
    }
}

/// What became of a like.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LikeResponse {
    /// The caller likes the repository now.
    liked: bool,
    /// How many people like it now.
    likes: u64,
}

impl From<Liking> for LikeResponse {
    fn from(liking: Liking) -> Self {
        Self { liked: liking.is_liked, likes: liking.likes }
    }
}

/// Somebody who likes a repository; the fields that clients require.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LikerResponse {
    user: String,
    fullname: String,
    avatar_url: String,
    #[serde(rename = "type")]
    kind: &'static str,
    liked_at: String,
}

impl From<Liker> for LikerResponse {
    fn from(liker: Liker) -> Self {
        Self {
            user: liker.name,
            fullname: liker.full_name,
            avatar_url: String::new(),
            kind: liker.kind.as_str(),
            liked_at: liker.created_at.to_string(),
        }
    }
}

/// A repository that a user likes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LikedRepoResponse {
    created_at: String,
    repo: LikedRepoName,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LikedRepoName {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl From<LikedRepo> for LikedRepoResponse {
    fn from(liked: LikedRepo) -> Self {
        Self {
            created_at: liked.created_at.to_string(),
            repo: LikedRepoName {
                name: liked.repo.repo.to_string(),
                kind: liked.repo.kind.as_str(),
            },
        }
    }
}

/// How a repository is used, and why it trends.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageResponse {
    /// Downloads of the last 30 days, by the Hub's rules.
    downloads: u64,
    /// Downloads ever.
    downloads_all_time: u64,
    /// Different downloaders of each of the last 30 days, summed up, without machines that build and test.
    downloaders: u64,
    /// Those of the 30 days' downloads that machines made that build and test.
    downloads_by_ci: u64,
    likes: u64,
    trending_score: f64,
    trend: TrendResponse,
    /// The days of the last 30 on which somebody downloaded it, UTC.
    days: Vec<DayResponse>,
}

/// What the score is made of: each like and each different downloader of a day adds its weight, which halves in time.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TrendResponse {
    half_life_days: i64,
    like_weight: f64,
    downloader_weight: f64,
    /// Likes of the last seven days that still stand.
    likes_last_week: u64,
    /// Different downloaders of each of the last seven days, summed up.
    downloaders_last_week: u64,
}

/// A day.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DayResponse {
    day: String,
    downloads: u64,
    downloaders: u64,
    downloads_by_ci: u64,
}

impl From<&DayRow> for DayResponse {
    fn from(row: &DayRow) -> Self {
        let date = Timestamp::from_secs(row.day.saturating_mul(24 * 3600)).to_string();
        Self {
            day: date.split('T').next().unwrap_or_default().to_owned(),
            downloads: row.downloads,
            downloaders: row.people,
            downloads_by_ci: row.ci,
        }
    }
}

impl From<Usage> for UsageResponse {
    fn from(usage: Usage) -> Self {
        Self {
            downloads: usage.stats.downloads_30d,
            downloads_all_time: usage.stats.downloads_all,
            downloaders: usage.stats.people_30d,
            downloads_by_ci: usage.stats.ci_30d,
            likes: usage.stats.likes,
            trending_score: usage.trending_score,
            trend: TrendResponse {
                half_life_days: trend::HALF_LIFE_DAYS,
                like_weight: trend::LIKE,
                downloader_weight: trend::PERSON,
                likes_last_week: usage.likes_7d,
                downloaders_last_week: usage.people_7d,
            },
            days: usage.days.iter().map(DayResponse::from).collect(),
        }
    }
}
