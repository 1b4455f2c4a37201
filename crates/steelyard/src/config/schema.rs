//! The JSON Schema of the configuration file, made from the sections.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Config;

/// The schema with every section in place, so that editors and the key check can read it without following references.
pub fn document() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "Configuration of Steelyard".into());
    schema.to_value()
}
