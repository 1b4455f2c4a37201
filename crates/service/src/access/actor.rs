//! Whoever makes a request.

use steelyard_core::TokenRole;

/// A user who proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserActor {
    /// Account key.
    pub id: i64,
    /// Account name.
    pub name: String,
    /// True for administrators of the hub.
    pub is_admin: bool,
    /// What the token they came with may do.
    pub token_role: TokenRole,
    /// The token's name.
    pub token_name: String,
    /// The browser's session they came with instead of a token.
    pub session: Option<i64>,
}

/// Whoever makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Nobody in particular.
    Anonymous,
    /// A user with a token.
    User(UserActor),
}

impl Actor {
    /// The user, if there is one.
    pub fn user(&self) -> Option<&UserActor> {
        match self {
            Self::Anonymous => None,
            Self::User(user) => Some(user),
        }
    }

    /// The user's key, if there is one.
    pub fn id(&self) -> Option<i64> {
        self.user().map(|user| user.id)
    }

    /// True for [`Actor::Anonymous`].
    pub fn is_anonymous(&self) -> bool {
        self.user().is_none()
    }
}
