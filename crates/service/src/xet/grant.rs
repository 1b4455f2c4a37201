//! Leave to upload a xorb: to the hub, or to the object store itself where that is a server.
//!
//! What a client puts into the store lies among the uploads, which nobody reads and which are swept after two days. The
//! hub reads it back, checks it as if it had come in a request, and stores it anew. A grant is no row: its id carries the
//! proof for whom and for which xorb it was given.

use std::time::Duration;

use hmac::Mac as _;
use steelyard_blob::Key;
use steelyard_core::XetHash;
use steelyard_core::limits::XORB_BODY_BYTES_MAX;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::xorb::too_large;
use super::{XetBody, XetPermit, XetRepo, XetScope, XetToken};
use crate::{Error, Hub, Missing, Result};

/// How long a client has to put a xorb into the store.
const PUT_TTL: Duration = Duration::from_secs(3600);

/// What a client says of the xorb it is about to upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XorbOffer {
    /// Its length in bytes.
    pub length: u64,
    /// The CRC-64/NVME of its bytes.
    pub crc64nvme: Option<u64>,
}

/// What the client shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum XorbGrant {
    /// Nothing: the xorb is there.
    Stored,
    /// Send it to the hub.
    NotOffered,
    /// Put it there, and then ask for it to be taken over.
    Put {
        /// Names the grant.
        id: String,
        /// Where to.
        url: String,
        /// What must be sent with it, exactly so: name and value.
        headers: Vec<(String, String)>,
    },
}

impl Hub {
    /// Tells how a xorb gets here. That it is here is told only to those who may refer to it, and then they may for some
    /// more weeks.
    pub async fn grant_xorb(
        &self,
        token: &XetToken,
        hash: &XetHash,
        offer: &XorbOffer,
    ) -> Result<XorbGrant> {
        if offer.length > XORB_BODY_BYTES_MAX as u64 {
            return Err(too_large());
        }
        let repo = self.xet_repo(token, XetScope::Write).await?;
        if self.keep_if_stored(&repo, hash).await? {
            return Ok(XorbGrant::Stored);
        }
        let Some(crc64nvme) = offer.crc64nvme else { return Ok(XorbGrant::NotOffered) };
        self.check_unused_quota(repo.user_id()?, offer.length).await?;
        let upload = self.fresh_uuid();
        let key = Key::upload(upload);
        let put = self.blobs().presign_put_checked(&key, PUT_TTL, crc64nvme).await?;
        Ok(put.map_or(XorbGrant::NotOffered, |put| XorbGrant::Put {
            id: self.grant_id(&repo, hash, upload),
            url: put.url,
            headers: put.headers,
        }))
    }

    /// Takes over what a client has put into the store under a grant: when this returns it is checked and durable. May be
    /// repeated. [`Missing::Other`] when nothing was put there.
    pub async fn commit_xorb(
        &self,
        token: &XetToken,
        hash: &XetHash,
        grant_id: &str,
    ) -> Result<()> {
        let missing = || Error::NotFound(Missing::Other("upload grant"));
        let repo = self.xet_repo(token, XetScope::Write).await?;
        let upload = self.granted_upload(&repo, hash, grant_id).ok_or_else(missing)?;
        let key = Key::upload(upload);
        let Some(info) = self.blobs().head(&key).await? else {
            // An earlier commit may have taken it over, and its answer got lost.
            return if self.keep_if_stored(&repo, hash).await? { Ok(()) } else { Err(missing()) };
        };
        if info.size > XORB_BODY_BYTES_MAX as u64 {
            self.blobs().delete(&key).await?;
            return Err(too_large());
        }
        let permit = self.xet_memory(XetPermit::xorb_cost(info.size)).await?;
        let bytes = self.blobs().get_range(&key, 0..info.size).await?.ok_or_else(missing)?;
        let taken = self.upload_xorb(token, hash, XetBody { bytes, permit }).await;
        if matches!(taken, Ok(_) | Err(Error::Invalid(_))) {
            self.blobs().delete(&key).await?;
        }
        taken.map(drop)
    }

    fn grant_id(&self, repo: &XetRepo, hash: &XetHash, upload: Uuid) -> String {
        let proof = self.grant_proof(repo, hash, upload);
        format!("{}{}", upload.simple(), Uuid::from_bytes(proof).simple())
    }

    /// The upload that a grant names, if it was given to this user for this xorb and repository.
    fn granted_upload(&self, repo: &XetRepo, hash: &XetHash, grant_id: &str) -> Option<Uuid> {
        let (upload, proof) = grant_id.split_at_checked(32)?;
        let (upload, proof) = (Uuid::try_parse(upload).ok()?, Uuid::try_parse(proof).ok()?);
        let right = self.grant_proof(repo, hash, upload);
        bool::from(right.ct_eq(proof.as_bytes())).then_some(upload)
    }

    fn grant_proof(&self, repo: &XetRepo, hash: &XetHash, upload: Uuid) -> [u8; 16] {
        let mut mac = self.xet().grant_key.clone();
        mac.update(upload.as_bytes());
        mac.update(hash.as_bytes());
        mac.update(&repo.repo.id.to_le_bytes());
        mac.update(&repo.actor.id().unwrap_or(0).to_le_bytes());
        let proof: [u8; 32] = mac.finalize().into_bytes().into();
        std::array::from_fn(|index| proof[index])
    }
}
