//! Values that are text in every source: each parses itself, prints itself, and says its rule when it cannot.

mod address;
mod period;
mod secret;
mod size;
mod url;

pub use address::{AdminListen, ListenAddress, PublicUrl};
pub use period::Period;
pub(super) use secret::REDACTED;
pub use secret::SecretText;
pub use size::ByteSize;
pub use url::{DatabaseUrl, StorageUrl};

/// Gives a type with `FromStr` (whose error is its rule) and `Display` its place in configuration files and their schema.
macro_rules! text_value {
    ($type:ident, expecting $expecting:literal, example $example:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl serde::de::Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "examples": [$example] })
            }
        }
    };
}
use text_value;

#[cfg(test)]
mod tests;
