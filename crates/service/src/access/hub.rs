//! Questions of access that name no repository.

use super::{Action, Standing, UserActor, Verdict, authorize};
use crate::{Actor, Error, Result};

/// The user, if they may change their own account.
pub(crate) fn in_session(actor: &Actor) -> Result<&UserActor> {
    allowed(actor, Action::ChangeAccount, "an account is changed in a browser, not with a token")
}

/// The user, if they administrate the hub.
pub(crate) fn administrator(actor: &Actor) -> Result<&UserActor> {
    allowed(actor, Action::AdministerHub, "this is for administrators of the hub")
}

fn allowed<'a>(actor: &'a Actor, action: Action, refusal: &str) -> Result<&'a UserActor> {
    let Some(user) = actor.user() else {
        return Err(Error::LoginRequired("sign in to go on".to_owned()));
    };
    match authorize(actor, action, &Standing::HUB) {
        Verdict::Allow => Ok(user),
        Verdict::Hide | Verdict::Forbid | Verdict::Gate => {
            Err(Error::Forbidden(refusal.to_owned()))
        }
    }
}
