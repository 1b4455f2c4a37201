use std::path::PathBuf;

use toml::Value;

use super::layers::{Origin, Setting, Settings, read_limited};
use super::{Problem, keys};

const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Sets every secret whose `*_file` is set to that file's content, without the line end that editors add.
pub(super) fn read_files(settings: &mut Settings, problems: &mut Vec<Problem>) {
    let named: Vec<(String, String, Setting)> = settings
        .iter()
        .filter(|(key, _)| key.ends_with("_file"))
        .filter_map(|(key, setting)| Some((key.clone(), keys::other_form(key)?, setting.clone())))
        .collect();
    for (key, secret, setting) in named {
        // A value that is no text is refused with the key's own rule later.
        let Some(path) = setting.value.as_str().map(PathBuf::from) else { continue };
        match read_limited(&path, SECRET_BYTES_MAX) {
            Ok(text) => {
                let value = Value::String(text.trim_end_matches(['\r', '\n']).to_owned());
                settings.insert(secret, Setting { value, origin: Origin::Content(path) });
            }
            Err(error) => {
                let rule = format!("cannot read {}: {error}", path.display());
                problems.push(Problem { key, origin: setting.origin, rule });
            }
        }
    }
}
