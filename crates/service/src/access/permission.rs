//! The permission table: one function decides every question of access.

use steelyard_core::{OrgRole, TokenRole, Visibility};

use crate::Actor;

/// What somebody wants to do with a repository or namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See that it exists, its card, its file names and its history.
    ReadRepo,
    /// Read the contents of its files.
    ReadContent,
    /// Change refs: commit, push, branch, tag, squash, upload large files.
    WriteContent,
    /// Open a pull request with a commit.
    ProposeChange,
    /// Like it, or no longer.
    LikeRepo,
    /// Change settings, rename, delete.
    AdministerRepo,
    /// Create a repository in a namespace, or move one there.
    CreateRepo,
    /// Change their own account: password, sessions, tokens, keys.
    ChangeAccount,
    /// Administrate the hub: accounts, jobs, storage, configuration.
    AdministerHub,
}

/// How the actor stands to the repository or namespace.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Public or private; [`Visibility::Public`] for a namespace.
    pub visibility: Visibility,
    /// Files are given out only to people on a list, and the actor is not on it.
    pub gated_out: bool,
    /// The namespace is the actor's own.
    pub is_owner: bool,
    /// The actor's role in the organisation that owns the namespace.
    pub org_role: Option<OrgRole>,
    /// The actor created the repository.
    pub is_creator: bool,
}

impl Standing {
    /// Towards the hub as a whole, or one's own account.
    pub const HUB: Self = Self {
        visibility: Visibility::Public,
        gated_out: false,
        is_owner: false,
        org_role: None,
        is_creator: false,
    };
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go ahead.
    Allow,
    /// Behave as if it did not exist.
    Hide,
    /// It is known to exist, and this is not allowed.
    Forbid,
    /// It may be seen; its contents must be asked for.
    Gate,
}

/// Decides whether `actor`, standing so to a resource, may do `action`.
pub fn authorize(actor: &Actor, action: Action, standing: &Standing) -> Verdict {
    let user = actor.user();
    let is_admin = user.is_some_and(|user| user.is_admin);
    let belongs = is_admin || standing.is_owner || standing.org_role.is_some();
    if standing.visibility.is_private() && !belongs {
        return Verdict::Hide;
    }
    let token_writes = user.is_some_and(|user| user.token_role == TokenRole::Write);
    let role = standing.org_role;
    let writes = is_admin
        || standing.is_owner
        || role >= Some(OrgRole::Write)
        || (role == Some(OrgRole::Contributor) && standing.is_creator);
    let allowed = match action {
        Action::ReadRepo => true,
        Action::ReadContent if standing.gated_out && !writes => return Verdict::Gate,
        Action::ReadContent => true,
        Action::ProposeChange | Action::LikeRepo => token_writes,
        Action::WriteContent | Action::AdministerRepo => token_writes && writes,
        Action::CreateRepo => {
            token_writes && (is_admin || standing.is_owner || role >= Some(OrgRole::Contributor))
        }
        // Tokens leak more easily than sessions; one that leaked must not make more of them.
        Action::ChangeAccount => user.is_some_and(|user| user.session.is_some()),
        Action::AdministerHub => token_writes && is_admin,
    };
    if allowed { Verdict::Allow } else { Verdict::Forbid }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::UserActor;

    fn user(is_admin: bool, token_role: TokenRole) -> Actor {
        Actor::User(UserActor {
            id: 1,
            name: "u".into(),
            is_admin,
            token_role,
            token_name: "t".into(),
            session: None,
        })
    }

    fn standing(
        visibility: Visibility,
        is_owner: bool,
        org_role: Option<OrgRole>,
        is_creator: bool,
    ) -> Standing {
        Standing { visibility, gated_out: false, is_owner, org_role, is_creator }
    }

    /// One line per actor and standing; the letters are the verdicts for ReadRepo, ReadContent, WriteContent,
    /// ProposeChange, LikeRepo, AdministerRepo, CreateRepo (A allow, H hide, F forbid).
    #[test]
    fn the_permission_table() {
        use Visibility::{Private, Public};
        let (reader, writer) = (user(false, TokenRole::Read), user(false, TokenRole::Write));
        let (admin, anonymous) = (user(true, TokenRole::Write), Actor::Anonymous);
        let table: &[(&Actor, Standing, &str)] = &[
            (&anonymous, standing(Public, false, None, false), "AAFFFFF"),
            (&anonymous, standing(Private, false, None, false), "HHHHHHH"),
            (&writer, standing(Public, false, None, false), "AAFAAFF"),
            (&reader, standing(Public, false, None, false), "AAFFFFF"),
            (&writer, standing(Private, false, None, false), "HHHHHHH"),
            (&writer, standing(Private, false, None, true), "HHHHHHH"),
            (&writer, standing(Private, true, None, true), "AAAAAAA"),
            (&reader, standing(Private, true, None, true), "AAFFFFF"),
            (&writer, standing(Private, false, Some(OrgRole::Read), false), "AAFAAFF"),
            (&writer, standing(Private, false, Some(OrgRole::Contributor), false), "AAFAAFA"),
            (&writer, standing(Private, false, Some(OrgRole::Contributor), true), "AAAAAAA"),
            (&writer, standing(Private, false, Some(OrgRole::Write), false), "AAAAAAA"),
            (&reader, standing(Private, false, Some(OrgRole::Admin), false), "AAFFFFF"),
            (&admin, standing(Private, false, None, false), "AAAAAAA"),
        ];
        let actions = [
            Action::ReadRepo,
            Action::ReadContent,
            Action::WriteContent,
            Action::ProposeChange,
            Action::LikeRepo,
            Action::AdministerRepo,
            Action::CreateRepo,
        ];
        for (actor, standing, expected) in table {
            let letter = |action| match authorize(actor, action, standing) {
                Verdict::Allow => 'A',
                Verdict::Hide => 'H',
                Verdict::Forbid => 'F',
                Verdict::Gate => 'G',
            };
            let verdicts: String = actions.into_iter().map(letter).collect();
            assert_eq!(&verdicts, expected, "{actor:?} {standing:?}");
        }
    }

    #[test]
    fn an_account_is_changed_in_a_session_and_the_hub_by_administrators() {
        let in_session = |actor: Actor| match actor {
            Actor::User(user) => Actor::User(UserActor { session: Some(7), ..user }),
            Actor::Anonymous => Actor::Anonymous,
        };
        let (read, write) = (TokenRole::Read, TokenRole::Write);
        for (actor, account, hub) in [
            (Actor::Anonymous, Verdict::Forbid, Verdict::Forbid),
            (user(false, write), Verdict::Forbid, Verdict::Forbid),
            (in_session(user(false, write)), Verdict::Allow, Verdict::Forbid),
            (user(true, read), Verdict::Forbid, Verdict::Forbid),
            (user(true, write), Verdict::Forbid, Verdict::Allow),
            (in_session(user(true, write)), Verdict::Allow, Verdict::Allow),
        ] {
            let verdict = |action| authorize(&actor, action, &Standing::HUB);
            assert_eq!(verdict(Action::ChangeAccount), account, "{actor:?}");
            assert_eq!(verdict(Action::AdministerHub), hub, "{actor:?}");
        }
    }

    #[test]
    fn a_gate_hides_contents_only() {
        let gated =
            Standing { gated_out: true, ..standing(Visibility::Public, false, None, false) };
        assert_eq!(authorize(&Actor::Anonymous, Action::ReadRepo, &gated), Verdict::Allow);
        assert_eq!(authorize(&Actor::Anonymous, Action::ReadContent, &gated), Verdict::Gate);
        let owner = Standing { is_owner: true, ..gated };
        assert_eq!(
            authorize(&user(false, TokenRole::Read), Action::ReadContent, &owner),
            Verdict::Allow
        );
    }
}
