//! Accounts: signing in and up, and what people change of their own account.

mod applications;
mod keys;
mod login;
mod own;
mod reset;
mod second_factor;
mod sessions;
mod sign_up;
mod tokens;

use axum::http::StatusCode;
use axum::routing::get;
use steelyard_http::{Access, Route};
use steelyard_service::{Error, Result};

const METHODS: &[&str] = &["GET", "HEAD", "POST"];
const POST: &[&str] = &["POST"];

/// Pages of accounts.
pub(super) fn add(table: &mut Vec<Route>) {
    let (anyone, session) = (Access::Anyone, Access::Session);
    let mut add = |path: &str, access, what, handler| {
        table.push(Route::new(METHODS, path, access, what, handler));
    };
    add("/login", anyone, "Signs in", get(login::page).post(login::sign_in));
    add(
        "/login/code",
        anyone,
        "Asks for the second factor",
        get(login::code).post(login::enter_code),
    );
    add("/join", anyone, "Makes an account", get(sign_up::page).post(sign_up::sign_up));
    add("/reset", anyone, "Sets a forgotten password", get(reset::page).post(reset::reset));
    add("/settings/profile", session, "What others see", get(own::page).post(own::change));
    let (page, change) = (second_factor::page, second_factor::change);
    add("/settings/password", session, "Password and second factor", get(page).post(change));
    let (page, change) = (sessions::page, sessions::change);
    add("/settings/sessions", session, "Browsers that are signed in", get(page).post(change));
    add("/settings/tokens", session, "Access tokens", get(tokens::page).post(tokens::change));
    add("/settings/keys", session, "SSH keys", get(keys::page).post(keys::change));
    let (page, change) = (applications::page, applications::change);
    add("/settings/applications", session, "Apps and what they may do", get(page).post(change));
    let logout = axum::routing::post(login::sign_out);
    table.push(Route::new(POST, "/logout", anyone, "Signs out", logout));
    let home = get(own::home);
    table.push(Route::new(super::GET, "/settings", session, "Settings of an account", home));
}

/// What a form shows about how it went.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) problem: Option<String>,
    pub(crate) done: Option<&'static str>,
}

impl Outcome {
    /// Words for one of the things that a page can have done, named in its address.
    pub(crate) fn done(key: Option<&str>, words: &[(&str, &'static str)]) -> Self {
        let done = words.iter().find(|(known, _)| key == Some(known)).map(|(_, words)| *words);
        Self { done, ..Self::default() }
    }

    /// The words for people of what a form may answer by itself; other errors have pages of their own.
    pub(crate) fn of(error: Error) -> Result<(StatusCode, Self)> {
        let status = match &error {
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Conflict { .. } => StatusCode::CONFLICT,
            Error::Stale => StatusCode::PRECONDITION_FAILED,
            Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            _ => return Err(error),
        };
        Ok((status, Self::problem(&sentence(&error.to_string()))))
    }

    /// A problem in words.
    pub(crate) fn problem(words: &str) -> Self {
        Self { problem: Some(words.to_owned()), ..Self::default() }
    }
}

/// An error as a sentence.
fn sentence(text: &str) -> String {
    let text = text.strip_prefix("invalid ").unwrap_or(text);
    // `name: must be ...` reads better without the colon.
    let text = text.replacen(": ", " ", usize::from(!text.contains(" \"")));
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_sentences() {
        let error = Error::invalid("password", "must have at least 10 characters");
        assert_eq!(
            Outcome::of(error).unwrap().1.problem.unwrap(),
            "Password must have at least 10 characters."
        );
        let error = Error::conflict("the name x is taken");
        assert_eq!(Outcome::of(error).unwrap().1.problem.unwrap(), "The name x is taken.");
        let told = |retry_after_secs| {
            Outcome::of(Error::RateLimited { retry_after_secs }).unwrap().1.problem.unwrap()
        };
        assert_eq!(told(898), "Too many failed attempts; try again in 15 minutes.");
        assert_eq!(told(119), "Too many failed attempts; try again in 119 s.");
        assert!(Outcome::of(Error::Disabled).is_err());
    }
}
