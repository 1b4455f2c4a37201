//! A push from its first command to its report.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use steelyard_core::Oid;
use steelyard_core::fault::crash_point;
use steelyard_db::pack::PackKind;
use steelyard_db::refs::GitRow;
use steelyard_git::protocol::RefRecord;
use steelyard_git::protocol::receive::ReceiveRequest;
use steelyard_git::tool::GitBinary;
use tokio::io::AsyncRead;

use super::access::{PushAccess, find_pull_requests};
use super::inspect::{Fault, Naming, News, Planned, Tips, find_news, unlinked_fault};
use super::judge::{Ballot, Entry, Rules};
use super::quarantine::{Received, Shelter};
use crate::fetch::{GitRefs, Lease, blocking};
use crate::history::{History, PreparedPack};
use crate::lfs::{NewPointers, commits_of};
use crate::refs::protection::protected_branches;
use crate::{Error, Hub, Result};

/// Times a push is checked anew because objects were dropped meanwhile.
const ATTEMPTS_MAX: u32 = 4;
/// Packs from this size on are not rewritten when small ones are joined.
const LARGE_PACK_BYTES: usize = 1024 * 1024;

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushReport {
    /// Whether the pack was accepted.
    pub unpack: Result<(), String>,
    /// What became of each ref, in the order of the commands.
    pub refs: Vec<(String, Result<(), String>)>,
    /// Lines for the pusher's screen.
    pub messages: Vec<String>,
}

/// The state of the repository that a push is checked against.
pub(super) struct Base {
    pub(super) state: GitRow,
    pub(super) history: Arc<History>,
    /// The commits that refs stand for.
    refs: Arc<[Oid]>,
    /// The commit of the default branch.
    pub(super) head: Option<Oid>,
    lease: Lease,
}

/// A push on its way.
pub(super) struct Push<'a> {
    pub(super) access: &'a PushAccess,
    pub(super) ballot: Ballot,
    pub(super) messages: Vec<String>,
    git: &'a GitBinary,
}

impl Hub {
    /// Receives a push whose commands were read; `pack` stands at the first byte after them. What `pack` holds beyond
    /// what was needed is left to the caller.
    pub async fn push<R: AsyncRead + Send + Unpin>(
        &self,
        access: &PushAccess,
        request: &ReceiveRequest,
        pack: R,
    ) -> Result<PushReport> {
        let git = self.require_git()?;
        let ballot = Ballot::new(&request.commands, request.capabilities.atomic);
        let mut push = Push { access, ballot, messages: Vec::new(), git };
        let refs = self.git_refs_of(&access.repo).await?;
        self.judge_push(&mut push, &refs).await?;
        if push.ballot.standing().next().is_none() {
            return Ok(push.report(Ok(())));
        }
        match self.receive_push(&mut push, refs, pack).await {
            Ok(()) => Ok(push.report(Ok(()))),
            // What is wrong with the pack is the client's to mend; the rest is ours.
            Err(error @ (Error::Invalid(_) | Error::TooLarge { .. })) => {
                let text = match error {
                    Error::Invalid(invalid) => invalid.rule,
                    other => other.to_string(),
                };
                push.ballot.entries.iter_mut().for_each(|entry| entry.refuse("unpacker error"));
                Ok(push.report(Err(text)))
            }
            Err(error) => Err(error),
        }
    }

    /// Everything that can be refused without the pack.
    async fn judge_push(&self, push: &mut Push<'_>, refs: &GitRefs) -> Result<()> {
        let repo = &push.access.repo;
        let mut conn = self.db().read().await?;
        let numbers = push.ballot.pull_requests().into_iter();
        let pull_requests = find_pull_requests(&mut conn, repo.id, numbers).await?;
        drop(conn);
        let rules = Rules {
            head: &refs.head,
            protected: protected_branches(&repo.settings),
            may_write: push.access.may_write,
            actor_id: push.access.actor.id(),
            pull_requests: &pull_requests,
        };
        rules.apply(&mut push.ballot);
        push.ballot.compare(&by_name(&refs.refs));
        push.ballot.settle();
        Ok(())
    }

    async fn receive_push<R: AsyncRead + Send + Unpin>(
        &self,
        push: &mut Push<'_>,
        refs: GitRefs,
        pack: R,
    ) -> Result<()> {
        let shelter = Shelter::create(&self.settings().cache_dir, self.fresh_uuid()).await?;
        let mut base = self.push_base(push.access, refs).await?;
        let bytes_max = self.settings().limits.push_pack_bytes_max;
        let received = match push.ballot.tips().is_empty() {
            true => None,
            false => Some(shelter.receive(push.git, &base.lease, pack, bytes_max).await?),
        };
        crash_point("push.quarantined");
        let mut prepared = None;
        for _ in 0..ATTEMPTS_MAX {
            let checked = self.check_push(push, &base, &shelter, received.as_ref()).await?;
            if push.ballot.standing().next().is_none() {
                return Ok(());
            }
            if prepared.is_none() && checked.news.objects > 0 {
                prepared = self.store_push(received.as_ref()).await?;
                crash_point("push.stored");
            }
            if self.land_push(push, &base, &checked, prepared.as_ref()).await? {
                self.advise(push, &checked).await;
                return Ok(());
            }
            let refs = self.git_refs_of(&push.access.repo).await?;
            base = self.push_base(push.access, refs).await?;
        }
        Err(Error::Unavailable("the repository's objects keep changing".into()))
    }

    async fn push_base(&self, access: &PushAccess, refs: GitRefs) -> Result<Base> {
        let commits = commits_of(&refs);
        let head = refs.refs.iter().find(|row| row.name == refs.head).map(|row| row.oid);
        let GitRefs { state, refs, .. } = refs;
        let history = self.history(access.repo.id, &state).await?;
        let lease = self.hydrate(access.repo.id, &history, &state, refs).await?;
        Ok(Base { state, history, refs: commits, head, lease })
    }

    /// Holds a received pack and the refs that want it against every rule; what breaks one is refused in the ballot.
    async fn check_push(
        &self,
        push: &mut Push<'_>,
        base: &Base,
        shelter: &Shelter,
        received: Option<&Received>,
    ) -> Result<Checked> {
        let mut checked = Checked {
            view: Arc::clone(&base.history),
            news: News::default(),
            pointers: NewPointers::new(),
            planned: Vec::new(),
        };
        if let Some(received) = received {
            if let Err(error) =
                shelter.check_connected(push.git, &base.lease, &push.ballot.tips()).await
            {
                let Error::Invalid(invalid) = error else { return Err(error) };
                push.refuse_updates(incomplete(&invalid.rule));
            }
            let (history, pack) = (Arc::clone(&base.history), Arc::clone(&received.pack));
            let look = move || {
                let view = history.with_quarantined(pack.clone());
                let news = find_news(&history, &view, &pack)?;
                Ok((Arc::new(view), news))
            };
            (checked.view, checked.news) = blocking(look).await?;
            if let Some(fault) = self.find_push_fault(push, base, &mut checked).await? {
                push.refuse_updates(fault);
            }
        }
        self.plan_push(push, base, &mut checked).await?;
        Ok(checked)
    }

    /// What forbids the pack as a whole.
    async fn find_push_fault(
        &self,
        push: &Push<'_>,
        base: &Base,
        checked: &mut Checked,
    ) -> Result<Option<Fault>> {
        let tips = push.ballot.tips();
        if tips.is_empty() {
            return Ok(None);
        }
        let (history, view) = (Arc::clone(&base.history), Arc::clone(&checked.view));
        if !checked.news.oversized.is_empty() {
            let oversized = checked.news.oversized.clone();
            let name = move || {
                Naming { history: &history, view: &view, tips: &tips }.oversized(&oversized)
            };
            return blocking(name).await.map(Some);
        }
        let refs = Arc::clone(&base.refs);
        let behind = self.look_behind(push.access.repo.id, &history, &view, tips, refs).await?;
        checked.pointers = behind.pointers;
        let is_refused = !behind.unlinked.is_empty();
        Ok(is_refused.then(|| unlinked_fault(&behind.unlinked)))
    }

    async fn plan_push(
        &self,
        push: &mut Push<'_>,
        base: &Base,
        checked: &mut Checked,
    ) -> Result<()> {
        let view = Arc::clone(&checked.view);
        let (kind, head) = (push.access.repo.kind, base.state.head_ref.clone());
        let settings = push.access.repo.settings.clone();
        let mut ballot = std::mem::replace(&mut push.ballot, Ballot::new(&[], false));
        let work = move || {
            let rules = Rules {
                head: &head,
                protected: protected_branches(&settings),
                may_write: true,
                actor_id: None,
                pull_requests: &HashMap::new(),
            };
            let tips = Tips { view: &view, kind, rules: &rules };
            let (mut planned, mut messages) = (Vec::new(), Vec::new());
            for entry in ballot.standing_mut() {
                match tips.plan(entry)? {
                    Ok(plan) => planned.push(plan),
                    Err(fault) => {
                        messages.extend(fault.details);
                        entry.refuse(fault.reason);
                    }
                }
            }
            Ok((ballot, planned, messages))
        };
        let (ballot, planned, messages) = blocking(work).await?;
        push.ballot = ballot;
        push.messages.extend(messages);
        push.ballot.settle();
        checked.planned = planned;
        Ok(())
    }

    /// Makes the pack durable, as far as it has to be before the transaction.
    async fn store_push(&self, received: Option<&Received>) -> Result<Option<PreparedPack>> {
        let Some(received) = received else { return Ok(None) };
        let is_large = received.pack.data().bytes().len() >= LARGE_PACK_BYTES;
        let kind = if is_large { PackKind::Joined } else { PackKind::Tail };
        self.prepare_pack_file(&received.pack, &received.file, kind).await.map(Some)
    }
}

/// A push that was held against every rule.
pub(super) struct Checked {
    /// The repository with the pushed objects.
    pub(super) view: Arc<History>,
    pub(super) news: News,
    /// The large files that become reachable.
    pub(super) pointers: NewPointers,
    /// The changes that were not refused.
    pub(super) planned: Vec<Planned>,
}

impl Push<'_> {
    fn refuse_updates(&mut self, fault: Fault) {
        self.ballot.refuse_updates(&fault.reason);
        self.messages.extend(fault.details);
    }

    fn report(self, unpack: Result<(), String>) -> PushReport {
        let outcome = |entry: Entry| (entry.command.name, entry.refusal.map_or(Ok(()), Err));
        PushReport {
            unpack,
            refs: self.ballot.entries.into_iter().map(outcome).collect(),
            messages: self.messages,
        }
    }
}

/// The refs by name.
pub(super) fn by_name(refs: &[RefRecord]) -> BTreeMap<String, Oid> {
    refs.iter().map(|record| (record.name.clone(), record.oid)).collect()
}

fn incomplete(text: &str) -> Fault {
    let details = vec![
        "The pushed history is not complete: objects that it refers to are missing here."
            .to_owned(),
        "If this is a shallow or partial clone, run \"git fetch --unshallow\" first.".to_owned(),
    ];
    Fault { reason: format!("missing necessary objects ({text})"), details }
}
