//! Public SSH keys, kept for the day the hub speaks SSH.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::json;
use sha2::{Digest as _, Sha256 as Hasher};
use steelyard_db::ssh_key::{self, SshKeyRow};
use steelyard_db::{DbError, event};

use crate::access::in_session;
use crate::{Actor, Error, Hub, Missing, Result};

/// Keys that one user may have.
const KEYS_MAX: usize = 50;
/// Longest line of a key, in bytes: RSA with 16,384 bits.
const KEY_BYTES_MAX: usize = 4096;
const TITLE_BYTES_MAX: usize = 96;
/// Types that OpenSSH still takes.
const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// A line of `authorized_keys`, checked.
struct PublicKey {
    /// Type and key, without the comment.
    line: String,
    fingerprint: String,
    comment: String,
}

fn parse(text: &str) -> Result<PublicKey> {
    let refuse = |rule: &str| Err(Error::invalid("key", rule));
    let text = text.trim();
    if text.len() > KEY_BYTES_MAX || text.contains(['\n', '\r', '\0']) {
        return refuse("must be one line of at most 4,096 bytes, as in ~/.ssh/id_ed25519.pub");
    }
    let mut words = text.split_ascii_whitespace();
    let (kind, key) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    if !TYPES.contains(&kind) {
        return refuse("must begin with ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp256 or the like");
    }
    let Ok(bytes) = STANDARD.decode(key) else {
        return refuse("is cut off or changed: its second word is not base 64");
    };
    // RFC 4253, 6.6: the key begins with its own type.
    let length =
        bytes.get(..4).map(|head| u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
    let named = length.and_then(|length| bytes.get(4..4 + usize::try_from(length).ok()?.min(256)));
    if named != Some(kind.as_bytes()) || bytes.len() < 4 + kind.len() + 32 {
        return refuse("is cut off or changed: it does not name its own type");
    }
    Ok(PublicKey {
        line: format!("{kind} {key}"),
        fingerprint: format!("SHA256:{}", STANDARD_NO_PAD.encode(Hasher::digest(&bytes))),
        comment: words.collect::<Vec<_>>().join(" "),
    })
}

impl Hub {
    /// The actor's keys, oldest first.
    pub async fn list_ssh_keys(&self, actor: &Actor) -> Result<Vec<SshKeyRow>> {
        let user = in_session(actor)?;
        let mut conn = self.db().read().await?;
        Ok(ssh_key::list_ssh_keys(&mut conn, user.id).await?)
    }

    /// Adds a key from a line of `~/.ssh/*.pub`; without a title, its comment is one.
    pub async fn add_ssh_key(&self, actor: &Actor, title: &str, text: &str) -> Result<()> {
        let user = in_session(actor)?;
        let key = parse(text)?;
        let title = [title.trim(), &key.comment, &key.fingerprint].map(str::to_owned);
        let title = title.into_iter().find(|title| !title.is_empty()).unwrap_or_default();
        if title.len() > TITLE_BYTES_MAX || title.chars().any(char::is_control) {
            return Err(Error::invalid("title", "must have at most 96 printable bytes"));
        }
        let mut tx = self.db().write().await?;
        if ssh_key::list_ssh_keys(&mut tx, user.id).await?.len() >= KEYS_MAX {
            return Err(Error::invalid("key", "is one too many: an account has at most 50"));
        }
        let row = SshKeyRow {
            public_id: self.fresh_id(),
            title,
            fingerprint: key.fingerprint,
            public_key: key.line,
            created_at: self.now(),
        };
        match ssh_key::create_ssh_key(&mut tx, user.id, &row).await {
            Err(DbError::Conflict { .. }) => {
                return Err(Error::conflict("this key is in use already; make another one"));
            }
            other => other?,
        }
        let payload = json!({"user_id": user.id, "fingerprint": row.fingerprint});
        let now = self.now();
        event::append_event(&mut tx, "ssh_key.create", Some(user.id), None, &payload, now).await?;
        Ok(tx.commit().await?)
    }

    /// Deletes one of the actor's keys.
    pub async fn delete_ssh_key(&self, actor: &Actor, public_id: &str) -> Result<()> {
        let user = in_session(actor)?;
        let mut tx = self.db().write().await?;
        if !ssh_key::delete_ssh_key(&mut tx, user.id, public_id).await? {
            return Err(Error::NotFound(Missing::Other("key")));
        }
        let payload = json!({"user_id": user.id, "key": public_id});
        let now = self.now();
        event::append_event(&mut tx, "ssh_key.delete", Some(user.id), None, &payload, now).await?;
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ssh-keygen -t ed25519`, with the fingerprint it prints.
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDsc7cEI6FFtTMF0RhUtkPG6mTzCrOy1aCfGBDVZSwWR me@laptop";

    #[test]
    fn keys_are_read_as_ssh_writes_them() {
        let key = parse(&format!("  {KEY}\n")).unwrap();
        assert_eq!(key.comment, "me@laptop");
        assert!(key.line.ends_with("SwWR") && key.fingerprint.starts_with("SHA256:"));
        assert_eq!(key.fingerprint.len(), "SHA256:".len() + 43);
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_rule() {
        let other_type = KEY.replace("ssh-ed25519 ", "ssh-rsa ");
        let two_lines = format!("{KEY}\n{KEY}");
        for refused in [
            "",
            "ssh-dss AAAA",
            "ssh-ed25519",
            "ssh-ed25519 AAA*",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
            &other_type,
            &two_lines,
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
