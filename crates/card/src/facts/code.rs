//! The models and datasets that the code of a Space uses, found without running or parsing it.
//!
//! A string of the form `namespace/name` counts when it stands where such ids stand: as an argument of a call that
//! loads from a hub, or as the value of something called `model`, `repo_id` and the like.

/// Most bytes of one file, and of all files together, that are looked at.
const FILE_BYTES_MAX: usize = 256 * 1024;
const TOTAL_BYTES_MAX: usize = 1024 * 1024;
/// Most models, and most datasets, that are taken from code.
const LINKS_MAX: usize = 100;
/// How far before a string the call may begin.
const BEFORE_BYTES_MAX: usize = 200;
/// Longest text of an app that search keeps.
const APP_TEXT_BYTES_MAX: usize = 64 * 1024;
const ENDINGS: [&str; 5] = [".py", ".ini", ".html", ".js", ".ts"];

/// Calls whose first argument is a model.
const MODEL_CALLS: [&str; 12] = [
    "from_pretrained",
    "hf_hub_download",
    "snapshot_download",
    "SentenceTransformer",
    "CrossEncoder",
    "InferenceClient",
    "load_lora_weights",
    "WhisperModel",
    "create_model",
    "hf_hub_url",
    "load_tool",
    "HfInference",
];
const DATASET_CALLS: [&str; 3] =
    ["load_dataset", "load_dataset_builder", "get_dataset_config_names"];

/// What code uses, in the order it comes, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    pub(super) models: Vec<String>,
    pub(super) datasets: Vec<String>,
}

enum Use {
    Model,
    Dataset,
}

/// Looks through files of code, given as paths and bytes.
pub(super) fn links(code: &[(&str, &[u8])]) -> Links {
    let (mut links, mut left) = (Links::default(), TOTAL_BYTES_MAX);
    for (path, bytes) in code {
        if !is_code(path) {
            continue;
        }
        let taken = bytes.len().min(FILE_BYTES_MAX).min(left);
        left -= taken;
        scan(&String::from_utf8_lossy(&bytes[..taken]), &mut links);
    }
    links
}

/// The code of an app for full-text search: the first file of code, cut to what is indexed.
pub fn app_text(code: &[(&str, &[u8])]) -> Option<String> {
    let (_, bytes) = code.iter().find(|(path, _)| is_code(path))?;
    let mut text =
        String::from_utf8_lossy(&bytes[..bytes.len().min(APP_TEXT_BYTES_MAX)]).into_owned();
    text.truncate(text.floor_char_boundary(APP_TEXT_BYTES_MAX));
    Some(text)
}

fn is_code(path: &str) -> bool {
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// Goes from quote to quote on each line; a string that is an id is looked at with what stands before it.
fn scan(text: &str, links: &mut Links) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\'' | b'`'))
    {
        let open = at + found;
        let quote = bytes[open];
        let rest = &bytes[open + 1..];
        let end = rest.iter().take(256).position(|byte| *byte == quote || *byte == b'\n');
        match end {
            Some(length) if rest[length] == quote => {
                let (start, close) = (open + 1, open + 1 + length);
                take(text, start, close, links);
                at = close + 1;
            }
            _ => at = open + 1,
        }
    }
}

fn take(text: &str, start: usize, close: usize, links: &mut Links) {
    let literal = &text[start..close];
    // Gradio's `gr.load` takes ids with what they are in front.
    let marked = literal.strip_prefix("models/").or_else(|| literal.strip_prefix("huggingface/"));
    let id = marked.unwrap_or(literal);
    if !id.contains('/') || !crate::values::is_repo_id(id) {
        return;
    }
    let from = text.floor_char_boundary((start - 1).saturating_sub(BEFORE_BYTES_MAX));
    let after =
        &text[close + 1..text.floor_char_boundary((close + 1 + BEFORE_BYTES_MAX).min(text.len()))];
    let found = match use_of(&text[from..start - 1], after) {
        Some(Use::Dataset) => &mut links.datasets,
        Some(Use::Model) => &mut links.models,
        None => return,
    };
    if found.len() < LINKS_MAX && !found.iter().any(|known| known == id) {
        found.push(id.to_owned());
    }
}

/// What a string is used for, by the text before it (up to its quote) and after it.
fn use_of(before: &str, after: &str) -> Option<Use> {
    let before = before.trim_end();
    if let Some(before) = before.strip_suffix('(') {
        return of_call(last_name(before), after);
    }
    if let Some(before) = before.strip_suffix(['=', ':']) {
        let name = last_name(before.trim_end().trim_end_matches(['"', '\'']));
        return of_name(name, after);
    }
    // `pipeline("task", "ns/name")`: the call is still open.
    let (head, arguments) = before.strip_suffix(',')?.rsplit_once('(')?;
    let call = last_name(head);
    (call == "pipeline" && !arguments.contains(')')).then_some(Use::Model)
}

fn of_call(call: &str, after: &str) -> Option<Use> {
    if DATASET_CALLS.contains(&call) {
        return Some(Use::Dataset);
    }
    let loads = MODEL_CALLS.contains(&call) || call == "load";
    if !loads {
        return None;
    }
    of_repo_type(after)
}

fn of_name(name: &str, after: &str) -> Option<Use> {
    let name = name.to_ascii_lowercase();
    if name.contains("dataset") {
        return Some(Use::Dataset);
    }
    let repo = ["repo_id", "repo", "checkpoint", "ckpt", "hf_repo"].contains(&name.as_str());
    if name.contains("model") || repo { of_repo_type(after) } else { None }
}

/// `repo_type="dataset"` in the same call says that it is no model.
fn of_repo_type(after: &str) -> Option<Use> {
    let call = after.split(')').next().unwrap_or(after);
    let Some((_, kind)) = call.split_once("repo_type") else { return Some(Use::Model) };
    let kind = kind.trim_start_matches([' ', '=', ':', '"', '\'']);
    if kind.starts_with("dataset") {
        return Some(Use::Dataset);
    }
    (!kind.starts_with("space")).then_some(Use::Model)
}

/// The name at the end of some text.
fn last_name(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    &text[text.trim_end_matches(is_part).len()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str) -> (Vec<String>, Vec<String>) {
        let links = links(&[("app.py", code.as_bytes())]);
        (links.models, links.datasets)
    }

    #[test]
    fn ids_where_ids_stand() {
        let cases: [(&str, &[&str], &[&str]); 14] = [
            ("m = AutoModel.from_pretrained(\"acme/bert\")", &["acme/bert"], &[]),
            ("pipe = pipeline('text-generation', model='acme/gpt')", &["acme/gpt"], &[]),
            ("pipeline(\"summarization\", \"acme/t5\")", &["acme/t5"], &[]),
            ("load_dataset(\n    \"acme/data\", split='train')", &[], &["acme/data"]),
            ("hf_hub_download(repo_id=\"acme/x\", filename=\"a.bin\")", &["acme/x"], &[]),
            ("hf_hub_download(\"acme/y\", \"a.csv\", repo_type=\"dataset\")", &[], &["acme/y"]),
            ("MODEL_ID = \"acme/z\"\nx = f(MODEL_ID)", &["acme/z"], &[]),
            ("gr.load(\"models/acme/w\").launch()", &["acme/w"], &[]),
            ("DATASET = 'acme/d'", &[], &["acme/d"]),
            ("headers = {'Accept': 'text/html'}", &[], &[]),
            ("open(\"data/file.txt\")", &[], &[]),
            ("snapshot_download(\"acme/s\", repo_type=\"space\")", &[], &[]),
            ("a = from_pretrained(\"acme/a\"); b = from_pretrained('acme/a')", &["acme/a"], &[]),
            ("await pipeline('x', `acme/js`)", &["acme/js"], &[]),
        ];
        for (code, models, datasets) in cases {
            let found = of(code);
            assert_eq!(
                (found.0.as_slice(), found.1.as_slice()),
                (
                    &models.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()[..],
                    &datasets.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()[..]
                ),
                "{code}"
            );
        }
    }

    #[test]
    fn only_code_is_read_and_not_without_end() {
        assert_eq!(links(&[("notes.md", b"from_pretrained('a/b')")]), Links::default());
        let mut many = String::new();
        for n in 0..300 {
            many.push_str(&format!("from_pretrained('a/m{n}')\n"));
        }
        assert_eq!(of(&many).0.len(), LINKS_MAX);
        let late = format!("{}from_pretrained('a/b')", " ".repeat(FILE_BYTES_MAX));
        assert!(of(&late).0.is_empty());
        let quotes = "\"'`é".repeat(50_000);
        assert!(of(&quotes).0.is_empty());
    }

    #[test]
    fn the_text_of_an_app() {
        let text = app_text(&[("logo.png", b"x"), ("app.py", "print('é')".as_bytes())]);
        assert_eq!(text.as_deref(), Some("print('é')"));
        assert_eq!(app_text(&[]), None);
    }
}
