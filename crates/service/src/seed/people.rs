//! The users and organisations of a catalogue.

use steelyard_core::{Namespace, Timestamp, Visibility};
use steelyard_db::account::{AccountKind, NewAccount};
use steelyard_db::seed;

use super::catalogue::Catalogue;
use super::chance::Question;
use crate::{Hub, Result};

/// Accounts of one transaction.
const BATCH: u64 = 2000;
/// Members of an organisation, at most, besides the one who acts for it.
const MEMBERS_MAX: u64 = 6;

/// The keys of a catalogue's accounts, in its order.
pub(super) struct People {
    pub(super) ids: Vec<i64>,
    /// The keys of the users among them.
    pub(super) users: Vec<i64>,
}

impl People {
    pub(super) fn id(&self, account: u64) -> i64 {
        usize::try_from(account).ok().and_then(|at| self.ids.get(at).copied()).unwrap_or(0)
    }
}

impl Hub {
    /// Creates the accounts, or finds them.
    pub(super) async fn seed_people(&self, catalogue: &Catalogue) -> Result<People> {
        let mut people = People { ids: Vec::new(), users: Vec::new() };
        let began = catalogue.created_at(0);
        let mut start = 0;
        while start < catalogue.accounts() {
            let batch = start..(start + BATCH).min(catalogue.accounts());
            let (count, end) = (batch.end - batch.start, batch.end);
            let named: Vec<(u64, Namespace)> = batch
                .map(|at| Ok((at, Namespace::parse_new(&catalogue.account_name(at))?)))
                .collect::<Result<_>>()?;
            let mut tx = self.db().write().await?;
            let new: Vec<NewAccount<'_>> =
                named.iter().map(|(at, name)| account(catalogue, *at, name, began)).collect();
            let ids = seed::ensure_accounts(&mut tx, &new).await?;
            tx.commit().await?;
            debug_assert_eq!(ids.len() as u64, count);
            let users = ids.iter().zip(&new).filter(|(_, new)| new.kind == AccountKind::User);
            people.users.extend(users.map(|(id, _)| *id));
            people.ids.extend(ids);
            start = end;
        }
        self.seed_members(catalogue, &people, began).await?;
        Ok(people)
    }

    async fn seed_members(
        &self,
        catalogue: &Catalogue,
        people: &People,
        began: Timestamp,
    ) -> Result<()> {
        let mut members: Vec<(i64, i64, &str)> = Vec::new();
        for account in (0..catalogue.accounts()).filter(|at| catalogue.is_organization(*at)) {
            let (org, acting) = (people.id(account), people.id(catalogue.acting(account)));
            members.push((org, acting, "admin"));
            let mut chance = catalogue.chance(Question::Account, account ^ (1 << 63));
            let mut others: Vec<i64> = (0..chance.below(MEMBERS_MAX + 1))
                .filter_map(|_| {
                    let at = chance.below(people.users.len() as u64);
                    people.users.get(usize::try_from(at).ok()?).copied()
                })
                .filter(|user| *user != acting)
                .collect();
            others.sort_unstable();
            others.dedup();
            let roles = ["write", "contributor", "read"];
            members.extend(others.into_iter().map(|user| (org, user, chance.pick(&roles))));
        }
        for batch in members.chunks(BATCH as usize) {
            let mut tx = self.db().write().await?;
            seed::ensure_members(&mut tx, batch, began).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

fn account<'a>(
    catalogue: &Catalogue,
    at: u64,
    name: &'a Namespace,
    began: Timestamp,
) -> NewAccount<'a> {
    let id = catalogue.chance(Question::Account, at ^ (1 << 62)).next();
    let is_organization = catalogue.is_organization(at);
    NewAccount {
        public_id: format!("{:08x}{id:016x}", began.secs()),
        kind: if is_organization { AccountKind::Org } else { AccountKind::User },
        name,
        full_name: name.as_str(),
        email: None,
        is_admin: false,
        default_visibility: Visibility::Public,
        created_at: began,
    }
}
