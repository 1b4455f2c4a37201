//! Completing a query while it is typed: fields, their values, and what is on the hub.

use steelyard_core::RepoKind;
use steelyard_index::SearchRequest;
use steelyard_index::query::{self, Open};

use super::words::TEXT_BYTES_MAX;
use crate::{Actor, Error, Hub, Result};

/// Suggestions from an open list, and words of it that are looked at.
const OPEN_MAX: usize = 8;
const OPEN_WORDS_MAX: usize = 500;

/// A completion of a query.
#[derive(Debug)]
pub struct Suggested {
    /// The whole query with the completion in its place.
    pub text: String,
    /// What it means.
    pub about: String,
}

impl Hub {
    /// Completes a query at a byte of its text: fields, their values, and names of repositories.
    pub async fn suggest(&self, actor: &Actor, text: &str, at: usize) -> Result<Vec<Suggested>> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Error::invalid(
                "q",
                format!("must be at most {TEXT_BYTES_MAX} bytes long"),
            ));
        }
        let at = text.floor_char_boundary(at.min(text.len()));
        let found = query::suggest(text, at);
        let before = &text[..found.replace.start];
        let mut suggested: Vec<Suggested> = found
            .items
            .iter()
            .map(|item| Suggested {
                text: format!(
                    "{before}{}{}",
                    item.text,
                    after(&text[at..], item.text.ends_with(':'))
                ),
                about: item.about.to_owned(),
            })
            .collect();
        let Some(open) = found.open else { return Ok(suggested) };
        let rest = after(&text[at..], false);
        for (word, about) in self.suggest_open(actor, open, &text[found.replace.clone()]).await? {
            let text = match open {
                Open::Name => word,
                _ => format!("{before}{word}{rest}"),
            };
            suggested.push(Suggested { text, about });
        }
        Ok(suggested)
    }

    /// Words of an open list that fit what was typed, with what they are.
    async fn suggest_open(
        &self,
        actor: &Actor,
        open: Open,
        typed: &str,
    ) -> Result<Vec<(String, String)>> {
        if let Open::Words(facet) = open {
            let request = SearchRequest {
                facets: vec![(facet, OPEN_WORDS_MAX)],
                limit: 0,
                ..SearchRequest::default()
            };
            let counts = self
                .search(actor, request)
                .await?
                .facets
                .into_iter()
                .flat_map(|(_, counts)| counts);
            let typed = typed.to_lowercase();
            let fits = counts.filter(|one| one.word.to_lowercase().starts_with(&typed));
            let about =
                |count| format!("{count} repositor{}", if count == 1 { "y" } else { "ies" });
            return Ok(fits.take(OPEN_MAX).map(|one| (one.word, about(one.count))).collect());
        }
        if typed.is_empty() {
            return Ok(Vec::new());
        }
        let quick = self.quick_search(actor, typed, OPEN_MAX).await?;
        if open == Open::Account {
            let users = quick.users.into_iter().map(|user| (user.name, "a user".to_owned()));
            let orgs = quick.orgs.into_iter().map(|org| (org.name, "an organisation".to_owned()));
            return Ok(users.chain(orgs).take(OPEN_MAX).collect());
        }
        let is_wanted = |kind: RepoKind| open == Open::Name || open == Open::Repo(kind);
        let each = if open == Open::Name { 3 } else { OPEN_MAX };
        let repos = quick.repos.into_iter().filter(|(kind, _)| is_wanted(*kind));
        let named = repos.flat_map(|(kind, rows)| {
            let about = format!("a {kind} with that name");
            rows.into_iter().take(each).map(move |row| (row.repo.to_string(), about.clone()))
        });
        Ok(named.collect())
    }
}

/// What stays of the text behind the cursor: the rest of the word that is completed goes.
fn after(rest: &str, is_field: bool) -> &str {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | '"');
    let word = &rest[..rest.find(is_end).unwrap_or(rest.len())];
    let end = match word.find(':') {
        Some(colon) if is_field => colon + 1,
        _ => word.len(),
    };
    &rest[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_word_goes_and_what_follows_stays() {
        for (rest, is_field, expected) in [
            ("k:cla", true, "cla"),
            ("k:cla x", false, " x"),
            ("-classification,fill-mask", false, ",fill-mask"),
            ("", true, ""),
            (" next:x", true, " next:x"),
        ] {
            assert_eq!(after(rest, is_field), expected, "{rest}");
        }
    }
}
