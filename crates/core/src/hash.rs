//! The hashes of the house: git object ids (SHA-1), file contents (SHA-256), and the keyed BLAKE3 hashes of Xet.

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
                write_digits(&self.0, f)
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

/// A hash of the Xet protocol: of a chunk, a xorb or a file.
///
/// Its text is not the plain hexadecimal of its bytes: the protocol reads them as four little-endian 64-bit words and
/// prints each as 16 digits, which is to say the bytes of each group of eight come in reverse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct XetHash([u8; 32]);

impl XetHash {
    /// Length in bytes.
    pub const LEN: usize = 32;
    /// All zero bytes: the hash of an empty file.
    pub const ZERO: Self = Self([0; 32]);

    /// Wraps raw bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Wraps a slice of exactly [`Self::LEN`] bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Invalid> {
        let bytes = bytes.try_into().map_err(|_| Self::rule())?;
        Ok(Self(bytes))
    }

    /// Parses the protocol's text form: 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| Self::rule())?;
        Ok(Self(swap_words(bytes)))
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn rule() -> Invalid {
        Invalid::new("hash", "must be 64 hexadecimal digits")
    }
}

/// Writes at most 32 bytes at once: byte by byte it takes longer than what most hashes are printed for.
fn write_digits(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut digits = [0; 64];
    let digits = &mut digits[..2 * bytes.len()];
    hex::encode_to_slice(bytes, digits).expect("the room is twice as long as the hash");
    f.write_str(std::str::from_utf8(digits).expect("digits are ASCII"))
}

/// Reverses each group of eight bytes; twice gives the same bytes again.
fn swap_words(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes.chunks_exact_mut(8).for_each(<[u8]>::reverse);
    bytes
}

impl fmt::Display for XetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_digits(&swap_words(self.0), f)
    }
}

impl fmt::Debug for XetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for XetHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for XetHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

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

    #[test]
    fn a_xet_hash_prints_little_endian_words() {
        let hash = XetHash::new(std::array::from_fn(|i| i as u8));
        let text = "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918";
        assert_eq!(hash.to_string(), text);
        assert_eq!(XetHash::parse(text), Ok(hash));
        assert!(XetHash::parse(&text[2..]).is_err());
        assert_eq!(XetHash::ZERO.to_string(), "0".repeat(64));
    }
}
