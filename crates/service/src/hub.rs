//! The hub: the two stores and what a process needs to work with them.

use std::path::PathBuf;
use std::sync::Arc;

use moka::sync::Cache;
use steelyard_blob::BlobStore;
use steelyard_blob::signing::UrlSigner;
use steelyard_core::{Clock, Oid, PublicId, Rng, Secret, Timestamp, limits};
use steelyard_db::{Db, setting};
use steelyard_git::tool::GitBinary;

use crate::Result;
use crate::access::{Throttle, ThrottleSettings};
use crate::accounts::TokenUses;
use crate::counters::Counters;
use crate::discovery::{Discovery, Position};
use crate::fetch::Hydrations;
use crate::history::Histories;
use crate::lfs::LfsSettings;
use crate::login::{LoginSettings, Passwords};
use crate::oauth::OAuthKeys;
use crate::revisions::Parameters;
use crate::xet::{XetSettings, XetState};

/// What an operator can set.
#[derive(Debug, Clone, Default)]
pub struct HubSettings {
    /// Where disposable files go; may be deleted whenever the process is down.
    pub cache_dir: PathBuf,
    /// The address clients use, without trailing slash; `None` takes each request's `Host`.
    pub public_url: Option<String>,
    /// Names this process in job leases.
    pub node: String,
    /// Proxies before this process that append to `X-Forwarded-For`; 0 ignores the header.
    pub trusted_proxies: usize,
    /// The largest things that clients may send.
    pub limits: HubLimits,
    /// About failed authentications.
    pub throttle: ThrottleSettings,
    /// About large files.
    pub lfs: LfsSettings,
    /// About Xet.
    pub xet: XetSettings,
    /// About signing in.
    pub login: LoginSettings,
    /// The whole configuration as the operator's commands print it, without secrets; administrators see it.
    pub configuration: String,
}

/// The largest things that clients may send, as far as an operator can set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubLimits {
    /// Largest file in LFS, in bytes; at most [`limits::LFS_OBJECT_BYTES_MAX`], above which nothing is a pointer.
    pub lfs_object_bytes_max: u64,
    /// Largest pack of one git push, in bytes.
    pub push_pack_bytes_max: u64,
    /// Largest body of one commit over HTTP, in bytes.
    pub commit_body_bytes_max: usize,
}

impl Default for HubLimits {
    fn default() -> Self {
        Self {
            lfs_object_bytes_max: limits::LFS_OBJECT_BYTES_MAX,
            push_pack_bytes_max: limits::PUSH_PACK_BYTES_MAX,
            commit_body_bytes_max: limits::COMMIT_BODY_BYTES_MAX,
        }
    }
}

/// What a hub is made of.
pub struct HubParts {
    /// Records, refs, small packs.
    pub db: Db,
    /// Bytes.
    pub blobs: BlobStore,
    /// The git program; without it everything but git transport works.
    pub git: Option<GitBinary>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// What an operator set.
    pub settings: HubSettings,
}

/// A running hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    parts: HubParts,
    signer: UrlSigner,
    xet: XetState,
    discovery: Discovery,
    position: Position,
    throttle: Throttle,
    passwords: Passwords,
    token_uses: TokenUses,
    oauth_keys: OAuthKeys,
    counters: Counters,
    histories: Histories,
    hydrations: Hydrations,
    facts: Cache<(i64, Oid), Arc<serde_json::Value>>,
    parameters: Cache<(i64, Oid), Arc<Parameters>>,
    gguf: Cache<(i64, Oid), Arc<Option<serde_json::Value>>>,
}

/// Derived facts of revisions other than a default branch's head that are kept in memory.
const FACTS_CACHE_ENTRIES: u64 = 2000;

impl Hub {
    /// Puts a hub together; the schema must be up to date.
    pub async fn open(parts: HubParts) -> Result<Self> {
        let mut key = [0; 32];
        parts.rng.fill(&mut key);
        let fresh: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut tx = parts.db.write().await?;
        let key = setting::ensure_setting(&mut tx, "url_signing_key", &fresh).await?;
        tx.commit().await?;
        let secret = Secret::new(key);
        let signer = UrlSigner::new(&secret);
        let xet = XetState::new(&secret, &parts.settings.xet);
        let hydrations = Hydrations::new(&parts.settings.cache_dir);
        let throttle = Throttle::new(parts.settings.throttle);
        let counters = Counters::new(&secret);
        let inner = Inner {
            parts,
            signer,
            xet,
            discovery: Discovery::default(),
            position: Position::default(),
            throttle,
            passwords: Passwords::default(),
            token_uses: TokenUses::default(),
            oauth_keys: OAuthKeys::default(),
            counters,
            histories: Histories::new(),
            hydrations,
            facts: Cache::new(FACTS_CACHE_ENTRIES),
            parameters: Cache::new(FACTS_CACHE_ENTRIES),
            gguf: Cache::new(FACTS_CACHE_ENTRIES),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Records, refs, small packs.
    pub fn db(&self) -> &Db {
        &self.inner.parts.db
    }

    /// Bytes.
    pub fn blobs(&self) -> &BlobStore {
        &self.inner.parts.blobs
    }

    /// The git program, when there is one.
    pub fn git(&self) -> Option<&GitBinary> {
        self.inner.parts.git.as_ref()
    }

    /// What an operator set.
    pub fn settings(&self) -> &HubSettings {
        &self.inner.parts.settings
    }

    /// Signs the hub's own short-lived URLs; all replicas share its key.
    pub fn signer(&self) -> &UrlSigner {
        &self.inner.signer
    }

    /// Keys and caches of Xet.
    pub(crate) fn xet(&self) -> &XetState {
        &self.inner.xet
    }

    /// The search index of this replica.
    pub(crate) fn discovery(&self) -> &Discovery {
        &self.inner.discovery
    }

    /// This process's place in the log of events.
    pub(crate) fn position(&self) -> &Position {
        &self.inner.position
    }

    /// Failed logins.
    pub(crate) fn throttle(&self) -> &Throttle {
        &self.inner.throttle
    }

    /// Computes hashes of passwords.
    pub(crate) fn passwords(&self) -> &Passwords {
        &self.inner.passwords
    }

    /// Which tokens were used.
    pub(crate) fn token_uses(&self) -> &TokenUses {
        &self.inner.token_uses
    }

    /// What signs id tokens.
    pub(crate) fn oauth_keys(&self) -> &OAuthKeys {
        &self.inner.oauth_keys
    }

    /// What this replica counted.
    pub(crate) fn counters(&self) -> &Counters {
        &self.inner.counters
    }

    /// The repositories' objects as this replica sees them.
    pub(crate) fn histories(&self) -> &Histories {
        &self.inner.histories
    }

    /// The bare repositories that git works in.
    pub(crate) fn hydrations(&self) -> &Hydrations {
        &self.inner.hydrations
    }

    /// Facts derived on demand.
    pub(crate) fn facts_cache(&self) -> &Cache<(i64, Oid), Arc<serde_json::Value>> {
        &self.inner.facts
    }

    /// Parameter counts by commit.
    pub(crate) fn parameters_cache(&self) -> &Cache<(i64, Oid), Arc<Parameters>> {
        &self.inner.parameters
    }

    /// Headers of GGUF files by commit.
    pub(crate) fn gguf_cache(&self) -> &Cache<(i64, Oid), Arc<Option<serde_json::Value>>> {
        &self.inner.gguf
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.inner.parts.clock.now()
    }

    /// Randomness.
    pub(crate) fn rng(&self) -> &dyn Rng {
        &*self.inner.parts.rng
    }

    /// A fresh id for clients to see.
    pub(crate) fn fresh_id(&self) -> String {
        PublicId::generate(self.now(), self.rng()).to_string()
    }

    /// The host part of the mail addresses in commits made through the API.
    pub(crate) fn mail_domain(&self) -> &str {
        let url = self.settings().public_url.as_deref().unwrap_or("http://localhost");
        let host = url.split("://").nth(1).unwrap_or(url);
        host.split(['/', ':']).next().unwrap_or("localhost")
    }

    /// A fresh UUID (version 7: ordered by time), for packs and uploads.
    pub(crate) fn fresh_uuid(&self) -> uuid::Uuid {
        let mut random = [0; 10];
        self.rng().fill(&mut random);
        let millis = u64::try_from(self.now().millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// A fresh id for a request that came without one.
    pub fn fresh_request_id(&self) -> String {
        self.fresh_uuid().to_string()
    }

    /// Checks that both stores answer.
    pub async fn check_ready(&self) -> Result<()> {
        let mut conn = self.db().read().await?;
        steelyard_db::account::count_users(&mut conn).await?;
        self.blobs().probe().await.map_err(|error| crate::Error::Unavailable(Box::new(error)))
    }
}
