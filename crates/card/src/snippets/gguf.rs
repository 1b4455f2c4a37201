//! GGUF files: llama-cpp-python, the programs of llama.cpp, Ollama.

use super::code::{quoted, shell_quoted};
use super::plain::{HUB, download_options};
use super::{Code, Snippet, SnippetInput};

/// The quantizations most people want, the best choice first.
const PREFERRED: [&str; 8] =
    ["Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "IQ4_XS", "Q6_K", "Q8_0", "Q3_K_M"];

pub(super) fn add(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let Some(file) = choice(input) else { return };
    list.push(python(input, file));
    list.push(llama_cpp(input, file));
    list.push(ollama(input, file));
}

/// The file to begin with. Of a file in parts it is the first part, by which programs find the others.
fn choice<'a>(input: &'a SnippetInput<'_>) -> Option<&'a str> {
    let is_model = |path: &&str| {
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        let is_part = name.contains("-of-") && !name.contains("-00001-of-");
        !name.starts_with("mmproj") && !name.contains("imatrix") && !is_part
    };
    let files: Vec<&str> = input.files_with(".gguf").filter(is_model).collect();
    let label = |path: &str| crate::facts::quant_label(path);
    let preferred = PREFERRED.iter().find_map(|wanted| {
        files.iter().copied().find(|path| label(path).as_deref() == Some(*wanted))
    });
    preferred.or_else(|| files.first().copied())
}

/// What `hf download` is told: the file, or the pattern of its parts.
fn parts(file: &str) -> String {
    match is_split(file) {
        true => format!("--include {}", shell_quoted(&file.replacen("-00001-of-", "-*-of-", 1))),
        false => shell_quoted(file),
    }
}

fn is_split(file: &str) -> bool {
    file.contains("-00001-of-")
}

fn python(input: &SnippetInput<'_>, file: &str) -> Snippet {
    let pinned = input.revision.is_some() || is_split(file);
    let id = input.quoted_id();
    let mut code = if pinned && is_split(file) {
        let mut code = Code::python(
            input,
            &["from huggingface_hub import snapshot_download", "from llama_cpp import Llama"],
        );
        let parts = file.replacen("-00001-of-", "-*-of-", 1);
        let revision = input.revision_argument();
        code.line(format!(
            "folder = snapshot_download({id}{revision}, allow_patterns={})",
            quoted(&parts)
        ));
        code.line(format!("llm = Llama(model_path=folder + {})", quoted(&format!("/{file}"))));
        code
    } else if pinned {
        let mut code = Code::python(
            input,
            &["from huggingface_hub import hf_hub_download", "from llama_cpp import Llama"],
        );
        let revision = input.revision_argument();
        code.line(format!(
            "llm = Llama(model_path=hf_hub_download({id}, {}{revision}))",
            quoted(file)
        ));
        code
    } else {
        let mut code = Code::python(input, &["from llama_cpp import Llama"]);
        code.line(format!("llm = Llama.from_pretrained(repo_id={id}, filename={})", quoted(file)));
        code
    };
    if input.is_chat() {
        code.line("messages = [{\"role\": \"user\", \"content\": \"Who are you?\"}]");
        code.line("answer = llm.create_chat_completion(messages=messages)");
        code.line("print(answer[\"choices\"][0][\"message\"][\"content\"])");
    } else {
        code.line("answer = llm(\"Once upon a time\", max_tokens=64, echo=True)");
        code.line("print(answer[\"choices\"][0][\"text\"])");
    }
    code.done("llama-cpp-python", "llama-cpp-python", "python", &["llama-cpp-python>=0.3", HUB])
}

fn llama_cpp(input: &SnippetInput<'_>, file: &str) -> Snippet {
    let mut code = Code::shell(input);
    let chat = if input.is_chat() { "" } else { " -no-cnv -p 'Once upon a time' -n 64" };
    if input.revision.is_some() {
        // The programs of llama.cpp know no revisions.
        let (file, what) = (shell_quoted(file), parts(file));
        let options = download_options(input);
        code.line(format!("hf download {} {what}{options} --local-dir .", shell_quoted(input.id)));
        code.line(format!("llama-cli -m {file}{chat}"));
    } else {
        // Named by its file, since not every hub answers what is asked for a label after a colon.
        let what = format!("-hf {} -hff {}", shell_quoted(input.id), shell_quoted(file));
        code.line(format!("llama-cli {what}{chat}"));
        code.line("# or as a server with an API like that of OpenAI:");
        code.line(format!("llama-server {what}"));
    }
    code.done("llama.cpp", "llama.cpp", "shell", &["llama.cpp>=b5000"])
}

fn ollama(input: &SnippetInput<'_>, file: &str) -> Snippet {
    let mut code = Code::shell(input);
    let options = download_options(input);
    let what = parts(file);
    code.line(format!("hf download {} {what}{options} --local-dir .", shell_quoted(input.id)));
    code.line(format!("echo {} > Modelfile", shell_quoted(&format!("FROM ./{file}"))));
    let name = shell_quoted(&input.name().to_lowercase());
    code.line(format!("ollama create {name} -f Modelfile"));
    code.line(format!("ollama run {name}"));
    code.done("ollama", "Ollama", "shell", &["ollama>=0.5", HUB])
}
