use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use steelyard_core::{Invalid, Sha256, XetHash};
use uuid::Uuid;

/// Largest number of a part (S3's limit), counted from 1.
pub const PART_NUMBER_MAX: u32 = 10_000;

/// The name of an object. Keys order as their texts do, which is the order of listings.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(Inner);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Inner {
    Pack(Uuid),
    PackToc(Uuid),
    Lfs(Sha256),
    Xorb(XetHash, u32),
    Upload(Uuid),
    UploadPart(Uuid, u32),
    UploadDone(Uuid),
}

/// A kind of object: what a listing is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Git packs and their tables of contents.
    Packs,
    /// Large files, by the hash of their content.
    Lfs,
    /// Xorbs: blocks of chunks of large files, by the hash of their content and a generation.
    Xorbs,
    /// Uploads that are not verified yet, and their parts.
    Uploads,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Packs, Self::Lfs, Self::Xorbs, Self::Uploads];

    /// What every key of the family begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Packs => "git/packs/",
            Self::Lfs => "lfs/",
            Self::Xorbs => "xorbs/",
            Self::Uploads => "uploads/",
        }
    }
}

impl Key {
    /// The pack of git objects with this id: `git/packs/<id>.pack`.
    pub const fn pack(id: Uuid) -> Self {
        Self(Inner::Pack(id))
    }

    /// The table of contents of that pack: `git/packs/<id>.toc`.
    pub const fn pack_toc(id: Uuid) -> Self {
        Self(Inner::PackToc(id))
    }

    /// The large file with this content: `lfs/ab/cd/<sha256>`.
    pub const fn lfs(sha256: &Sha256) -> Self {
        Self(Inner::Lfs(*sha256))
    }

    /// The xorb with this content: `xorbs/ab/<hash>.<generation>`, the generation as 8 hexadecimal digits.
    ///
    /// What is uploaded again after it was given up takes a new generation, so that it never shares a key with what is
    /// being deleted.
    pub const fn xorb(hash: &XetHash, generation: u32) -> Self {
        Self(Inner::Xorb(*hash, generation))
    }

    /// An upload that is not verified yet: `uploads/<id>`.
    pub const fn upload(id: Uuid) -> Self {
        Self(Inner::Upload(id))
    }

    /// A part of an upload: `uploads/<id>.<number>`, counted from 1.
    pub fn upload_part(id: Uuid, number: u32) -> Result<Self, Invalid> {
        if !(1..=PART_NUMBER_MAX).contains(&number) {
            let rule = format!("must be a number from 1 to {PART_NUMBER_MAX}");
            return Err(Invalid::new("partNumber", rule));
        }
        Ok(Self(Inner::UploadPart(id, number)))
    }

    /// The note that an upload in parts, or past us, was verified: `uploads/<id>.done`.
    pub const fn upload_done(id: Uuid) -> Self {
        Self(Inner::UploadDone(id))
    }

    /// Reads what `Display` writes, and nothing else.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let key = Self::read(text).filter(|key| key.to_string() == text);
        key.ok_or_else(|| Invalid::new("key", "must be the name of an object in the store"))
    }

    fn read(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix(Family::Packs.prefix()) {
            let (id, kind) = name.split_once('.')?;
            let id = Uuid::try_parse(id).ok()?;
            return match kind {
                "pack" => Some(Self::pack(id)),
                "toc" => Some(Self::pack_toc(id)),
                _ => None,
            };
        }
        if let Some(name) = text.strip_prefix(Family::Lfs.prefix()) {
            let sha256 = Sha256::parse(name.rsplit('/').next()?).ok()?;
            return Some(Self::lfs(&sha256));
        }
        if let Some(name) = text.strip_prefix(Family::Xorbs.prefix()) {
            let (hash, generation) = name.rsplit('/').next()?.split_once('.')?;
            let generation = u32::from_str_radix(generation, 16).ok()?;
            return Some(Self::xorb(&XetHash::parse(hash).ok()?, generation));
        }
        let name = text.strip_prefix(Family::Uploads.prefix())?;
        match name.split_once('.') {
            None => Some(Self::upload(Uuid::try_parse(name).ok()?)),
            Some((id, "done")) => Some(Self::upload_done(Uuid::try_parse(id).ok()?)),
            Some((id, number)) => {
                Self::upload_part(Uuid::try_parse(id).ok()?, number.parse().ok()?).ok()
            }
        }
    }

    /// Which family it belongs to.
    pub const fn family(&self) -> Family {
        match self.0 {
            Inner::Pack(_) | Inner::PackToc(_) => Family::Packs,
            Inner::Lfs(_) => Family::Lfs,
            Inner::Xorb(..) => Family::Xorbs,
            Inner::Upload(_) | Inner::UploadPart(..) | Inner::UploadDone(_) => Family::Uploads,
        }
    }

    /// The pack it is or describes.
    pub const fn pack_id(&self) -> Option<Uuid> {
        match self.0 {
            Inner::Pack(id) | Inner::PackToc(id) => Some(id),
            _ => None,
        }
    }

    /// The upload it is or is a part of.
    pub const fn upload_id(&self) -> Option<Uuid> {
        match self.0 {
            Inner::Upload(id) | Inner::UploadPart(id, _) | Inner::UploadDone(id) => Some(id),
            Inner::Pack(_) | Inner::PackToc(_) | Inner::Lfs(_) | Inner::Xorb(..) => None,
        }
    }

    /// The number of the part, if it is one.
    pub const fn part_number(&self) -> Option<u32> {
        match self.0 {
            Inner::UploadPart(_, number) => Some(number),
            _ => None,
        }
    }

    /// The hash of the content, for a large file.
    pub const fn lfs_sha256(&self) -> Option<Sha256> {
        match self.0 {
            Inner::Lfs(sha256) => Some(sha256),
            _ => None,
        }
    }

    /// The hash and the generation, for a xorb.
    pub const fn xorb_parts(&self) -> Option<(XetHash, u32)> {
        match self.0 {
            Inner::Xorb(hash, generation) => Some((hash, generation)),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.family().prefix())?;
        match self.0 {
            Inner::Pack(id) => write!(f, "{id}.pack"),
            Inner::PackToc(id) => write!(f, "{id}.toc"),
            Inner::Lfs(sha256) => {
                let [first, second, ..] = sha256.as_bytes();
                write!(f, "{first:02x}/{second:02x}/{sha256}")
            }
            Inner::Xorb(hash, generation) => {
                let hash = hash.to_string();
                write!(f, "{}/{hash}.{generation:08x}", &hash[..2])
            }
            Inner::Upload(id) => write!(f, "{id}"),
            Inner::UploadPart(id, number) => write!(f, "{id}.{number:05}"),
            Inner::UploadDone(id) => write!(f, "{id}.done"),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Key {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001);

    #[test]
    fn names_are_as_documented_and_parse_back() {
        let sha256 = Sha256::new([0xab; 32]);
        let id = "01990000-0000-7000-8000-000000000001";
        let hex = "ab".repeat(32);
        let xorb = XetHash::new(std::array::from_fn(|i| i as u8));
        let words = "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918";
        let named = [
            (Key::pack(ID), format!("git/packs/{id}.pack")),
            (Key::pack_toc(ID), format!("git/packs/{id}.toc")),
            (Key::lfs(&sha256), format!("lfs/ab/ab/{hex}")),
            (Key::xorb(&xorb, 0xbeef), format!("xorbs/07/{words}.0000beef")),
            (Key::xorb(&xorb, u32::MAX), format!("xorbs/07/{words}.ffffffff")),
            (Key::upload(ID), format!("uploads/{id}")),
            (Key::upload_part(ID, 42).unwrap(), format!("uploads/{id}.00042")),
            (Key::upload_done(ID), format!("uploads/{id}.done")),
        ];
        for (key, name) in named {
            assert_eq!(key.to_string(), name);
            assert_eq!(Key::parse(&name), Ok(key));
            assert!(name.starts_with(key.family().prefix()));
        }
    }

    #[test]
    fn other_names_are_refused() {
        let hex = "ab".repeat(32);
        let upper = "AB".repeat(32);
        let id = "01990000-0000-7000-8000-000000000001";
        for text in [
            "",
            "git/packs/",
            "git/packs/x.pack",
            "git/packs/../x",
            &format!("git/packs/{id}.idx"),
            &format!("git/packs/{}.pack", id.replace('-', "")),
            &format!("lfs/ab/cd/{hex}"),
            &format!("lfs/ab/ab/{upper}"),
            &format!("lfs/{hex}"),
            &format!("xorbs/ab/{hex}"),
            &format!("xorbs/cd/{hex}.00000000"),
            &format!("xorbs/ab/{hex}.0"),
            &format!("xorbs/ab/{hex}.+0000001"),
            &format!("xorbs/ab/{hex}.0000000A"),
            &format!("xorbs/AB/{upper}.00000000"),
            &format!("xorbs/{hex}.00000000"),
            &format!("uploads/{id}.42"),
            &format!("uploads/{id}.00000"),
            &format!("uploads/{id}.10001"),
            &format!("/uploads/{id}"),
        ] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_xorb_gives_its_parts_back() {
        let hash = XetHash::new([3; 32]);
        assert_eq!(Key::xorb(&hash, 7).xorb_parts(), Some((hash, 7)));
        assert_eq!(Key::upload(ID).xorb_parts(), None);
        assert_eq!(
            (Key::xorb(&hash, 7).upload_id(), Key::xorb(&hash, 7).lfs_sha256()),
            (None, None)
        );
    }

    #[test]
    fn parts_follow_their_upload_in_order() {
        let part = |number| Key::upload_part(ID, number).unwrap();
        let next = Key::upload(Uuid::from_u128(ID.as_u128() + 1));
        let parts = [part(1), part(2), part(10), part(10_000)];
        let sorted = [&[Key::upload(ID)][..], &parts, &[Key::upload_done(ID), next]].concat();
        assert!(sorted.is_sorted());
        assert!(Key::upload_part(ID, 0).is_err());
        assert!(Key::upload_part(ID, PART_NUMBER_MAX + 1).is_err());
    }
}
