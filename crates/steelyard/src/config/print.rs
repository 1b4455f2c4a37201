//! The configuration as the server sees it, for people and for programs; secrets stay hidden.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::values::REDACTED;
use super::{Loaded, keys};

/// TOML as a configuration file has it, with every setting's origin behind it and secrets commented out.
pub fn toml(loaded: &Loaded) -> String {
    let values = values(loaded);
    let mut text = String::new();
    let mut open = "";
    for key in keys::all().keys() {
        let (section, name) = key.split_once('.').expect("every key has a section");
        if section != open {
            let gap = if open.is_empty() { "" } else { "\n" };
            writeln!(text, "{gap}[{section}]").expect("writing to a string cannot fail");
            open = section;
        }
        let line = match &values[section][name] {
            Value::Null => format!("# {name} is not set"),
            Value::String(text) if text == REDACTED => {
                format!("{:<50} # {}", format!("# {name} is hidden"), loaded.origin(key))
            }
            // What TOML and JSON write alike is all that the sections hold: texts, numbers and booleans.
            value => format!("{:<50} # {}", format!("{name} = {value}"), loaded.origin(key)),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// JSON: `{section: {key: {value, source}}}`.
pub fn json(loaded: &Loaded) -> String {
    let values = values(loaded);
    let mut sections = Map::new();
    for key in keys::all().keys() {
        let (section, name) = key.split_once('.').expect("every key has a section");
        let entry =
            json!({ "value": values[section][name], "source": loaded.origin(key).to_string() });
        let section = sections.entry(section).or_insert_with(|| json!({}));
        section[name] = entry;
    }
    format!("{:#}\n", Value::Object(sections))
}

fn values(loaded: &Loaded) -> Value {
    serde_json::to_value(&loaded.config)
        .expect("sections hold texts, numbers and booleans, which JSON has")
}
