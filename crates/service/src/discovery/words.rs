//! Searching by words: ranked with everything else, in the text of cards, and by a few letters.

use std::collections::HashMap;

use steelyard_core::RepoKind;
use steelyard_db::account::{self, AccountRow};
use steelyard_db::catalogue;
use steelyard_db::repo::RepoRow;
use steelyard_index::text::{Matched, TextPage, highlight};
use steelyard_index::{Matching, SearchRequest};

use super::search::{Found, FoundRepo};
use crate::{Actor, Error, Hub, Result};

/// Longest text that is searched for, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 4096;
/// Words that are searched for.
const WORDS_MAX: usize = 16;
/// Hits on a page, and the last one that can be asked for.
const PAGE_MAX: usize = 100;
const SKIP_MAX: usize = 1000;
/// Kinds that a few letters are looked for in.
const QUICK_KINDS: [RepoKind; 3] = [RepoKind::Model, RepoKind::Dataset, RepoKind::Space];

/// A repository whose card has the words.
#[derive(Debug)]
pub struct TextFoundRepo {
    /// The repository.
    pub repo: FoundRepo,
    /// Where the words are, as HTML: escaped, the words in `<em>`.
    pub snippets: Vec<String>,
}

/// What the text of cards has of some words.
#[derive(Debug)]
pub struct TextFound {
    /// A page of the hits, best first.
    pub hits: Vec<TextFoundRepo>,
    /// How many there are, or a number that is surely reached.
    pub total: u64,
    /// Whether there are no more than these.
    pub is_exact: bool,
    /// Whether they have all the words; otherwise none has.
    pub all_words: bool,
}

/// What begins with, or contains, a few letters.
#[derive(Debug)]
pub struct QuickFound {
    /// Repositories by kind, the most used first.
    pub repos: Vec<(RepoKind, Vec<RepoRow>)>,
    /// Users.
    pub users: Vec<AccountRow>,
    /// Organisations.
    pub orgs: Vec<AccountRow>,
}

impl Hub {
    /// As [`Hub::search`]; free words of the query are looked for in names and in the text of cards.
    pub async fn search_words(&self, actor: &Actor, mut request: SearchRequest) -> Result<Found> {
        if request.query.words.is_empty() {
            return self.search(actor, request).await;
        }
        self.catch_up().await?;
        self.open_words().await?;
        self.commit_texts().await?;
        request.viewer = self.sight(actor).await?.viewer;
        request.now = self.now();
        let hub = self.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let (hits, matched) = hub.text_hits(&request)?;
            request.text = Some(hits);
            Ok::<_, Error>((request, matched))
        });
        let (request, matched) = looked.await.map_err(Error::internal)??;
        let found = self.search(actor, request).await?;
        Ok(Found { all_words: matched == Matched::AllWords, ..found })
    }

    /// Searches the text of cards.
    pub async fn search_text(
        &self,
        actor: &Actor,
        text: &str,
        kinds: &[RepoKind],
        limit: usize,
        skip: usize,
    ) -> Result<TextFound> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Error::invalid(
                "q",
                format!("must be at most {TEXT_BYTES_MAX} bytes long"),
            ));
        }
        if skip > SKIP_MAX {
            return Err(Error::invalid("skip", format!("must be at most {SKIP_MAX}")));
        }
        let words = words_of(text);
        self.catch_up().await?;
        self.open_words().await?;
        self.commit_texts().await?;
        let sight = self.sight(actor).await?;
        let request = SearchRequest {
            viewer: sight.viewer.clone(),
            kinds: kinds.to_vec(),
            now: self.now(),
            ..SearchRequest::default()
        };
        let (hub, wanted) = (self.clone(), words.clone());
        let limit = limit.clamp(1, PAGE_MAX);
        let looked =
            tokio::task::spawn_blocking(move || hub.text_page(&request, &wanted, limit, skip));
        let page = looked.await.map_err(Error::internal)??;
        let ids: Vec<i64> = page.hits.iter().map(|hit| hit.repo_id).collect();
        let mut rows = self.rows_in_sight(actor, &sight, &ids).await?;
        let mut hits = Vec::with_capacity(page.hits.len());
        for hit in &page.hits {
            let Some((row, stats)) = rows.remove(&hit.repo_id) else { continue };
            let snippets = self.snippets_of(row.id, &words).await?;
            let repo = FoundRepo { row, stats, score: Some(hit.score) };
            hits.push(TextFoundRepo { repo, snippets });
        }
        Ok(TextFound {
            hits,
            total: page.total.count,
            is_exact: page.total.is_exact,
            all_words: page.matched == Matched::AllWords,
        })
    }

    fn text_page(
        &self,
        request: &SearchRequest,
        words: &[String],
        limit: usize,
        skip: usize,
    ) -> Result<TextPage> {
        let index = self.discovery().texts().get()?;
        let page = self.discovery().index().with_matching(request, |matching| match matching {
            Matching::Few(ids) => index.search_among(words, &ids, limit, skip),
            Matching::Many(meets) => index.search(words, meets, limit, skip),
        });
        page.map_err(Error::internal)
    }

    async fn snippets_of(&self, repo_id: i64, words: &[String]) -> Result<Vec<String>> {
        let mut conn = self.db().read().await?;
        let text = catalogue::find_card(&mut conn, repo_id).await?.unwrap_or_default();
        Ok(highlight(&text, words).iter().map(|snippet| snippet.to_html()).collect())
    }

    /// Finds repositories and accounts by a few letters of their names.
    pub async fn quick_search(
        &self,
        actor: &Actor,
        text: &str,
        limit: usize,
    ) -> Result<QuickFound> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Error::invalid(
                "q",
                format!("must be at most {TEXT_BYTES_MAX} bytes long"),
            ));
        }
        self.catch_up().await?;
        let sight = self.sight(actor).await?;
        let text = text.trim();
        let mut repos = Vec::new();
        for kind in QUICK_KINDS {
            let ids = match text {
                "" => Vec::new(),
                text => self.discovery().index().complete(text, &[kind], &sight.viewer, limit),
            };
            let mut rows: HashMap<_, _> = self.rows_in_sight(actor, &sight, &ids).await?;
            let found = ids.iter().filter_map(|id| rows.remove(id)).map(|(row, _)| row);
            repos.push((kind, found.collect()));
        }
        let mut conn = self.db().read().await?;
        let mut find = async |kind| match text {
            "" => Ok(Vec::new()),
            text => account::find_accounts_like(&mut conn, kind, text, limit as i64).await,
        };
        let users = find(account::AccountKind::User).await?;
        let orgs = find(account::AccountKind::Org).await?;
        Ok(QuickFound { repos, users, orgs })
    }
}

/// The words of a text; several in quotes count as one.
fn words_of(text: &str) -> Vec<String> {
    let parts = text.split('"').enumerate();
    let words = parts.flat_map(|(at, part)| -> Vec<String> {
        if at % 2 == 1 {
            vec![part.trim().to_owned()]
        } else {
            part.split_whitespace().map(str::to_owned).collect()
        }
    });
    words.filter(|word| !word.is_empty()).take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_quotes_stays_together() {
        assert_eq!(words_of(r#"a "b  c" d"#), ["a", "b  c", "d"]);
        assert_eq!(words_of(r#"open "quote"#), ["open", "quote"]);
        assert!(words_of("\"\" ").is_empty());
        assert_eq!(words_of(&"w ".repeat(100)).len(), WORDS_MAX);
    }
}
