//! The two hashes of the house: git object ids (SHA-1) and file contents (SHA-256).

use std::fmt;

use crate::Invalid;

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident, $len:literal, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;
            /// All zero bytes; git's "no object".
            pub const ZERO: Self = Self([0; $len]);

            /// Wraps raw bytes.
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Wraps a slice of exactly [`Self::LEN`] bytes.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, Invalid> {
                let bytes = bytes.try_into().map_err(|_| Self::rule())?;
                Ok(Self(bytes))
            }

            /// Parses full-length lower-case or upper-case hexadecimal.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let mut bytes = [0; $len];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| Self::rule())?;
                Ok(Self(bytes))
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// True when every byte is zero.
            pub fn is_zero(&self) -> bool {
                self.0 == [0; $len]
            }

            fn rule() -> Invalid {
                Invalid::new($field, concat!("must be a hexadecimal hash of ", $len, " bytes"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

hash_type!(
    /// A git object id: SHA-1 over `"<type> <size>\0"` and the content.
    Oid, 20, "oid"
);
hash_type!(
    /// SHA-256 of a file's content, as LFS pointers name it.
    Sha256, 32, "sha256"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_and_wrong_lengths_are_refused() {
        let text = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        assert_eq!(Oid::parse(text).unwrap().to_string(), text);
        assert!(Oid::parse(&text[1..]).is_err());
        assert!(Oid::parse(&format!("{text}00")).is_err());
        assert!(Sha256::parse(text).is_err());
        assert!(Oid::ZERO.is_zero());
    }
}
