//! Servers for models that generate text: vLLM and SGLang.

use super::code::{quoted, shell_quoted};
use super::{Code, Snippet, SnippetInput};

pub(super) fn add(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let generates = matches!(input.task(), Some("text-generation" | "image-text-to-text"));
    let causal = input.facts.transformers_info.as_ref().is_some_and(|info| {
        matches!(
            info.auto_model.as_str(),
            "AutoModelForCausalLM" | "AutoModelForImageTextToText" | "AutoModelForMultimodalLM"
        )
    });
    let own = matches!(input.facts.library_name.as_deref(), None | Some("transformers" | "vllm"));
    if !(generates && causal && own && input.has_file("config.json")) {
        return;
    }
    let mut options = String::new();
    if let Some(revision) = input.revision {
        options.push_str(&format!(" --revision {}", shell_quoted(revision)));
    }
    if input.has_custom_code() {
        options.push_str(" --trust-remote-code");
    }
    let id = shell_quoted(input.id);
    let mut code = Code::shell(input);
    code.line(format!("vllm serve {id}{options}"));
    code.line("# then, from another shell:");
    ask(&mut code, input, 8000);
    list.push(code.done("vllm", "vLLM: server", "shell", &["vllm>=0.10"]));

    let mut code = Code::shell(input);
    code.line(format!("python3 -m sglang.launch_server --model-path {id}{options} --port 30000"));
    code.line("# then, from another shell:");
    ask(&mut code, input, 30000);
    list.push(code.done("sglang", "SGLang: server", "shell", &["sglang>=0.5"]));
}

fn ask(code: &mut Code, input: &SnippetInput<'_>, port: u16) {
    let model = quoted(input.id);
    let sees = input.task() == Some("image-text-to-text");
    let (route, body) = if input.is_chat() || sees {
        let messages = "[{\"role\": \"user\", \"content\": \"Who are you?\"}]";
        ("chat/completions", format!("{{\"model\": {model}, \"messages\": {messages}}}"))
    } else {
        (
            "completions",
            format!("{{\"model\": {model}, \"prompt\": \"Once upon a time\", \"max_tokens\": 50}}"),
        )
    };
    let body = format!("'{}'", body.replace('\'', "'\\''"));
    code.line(format!(
        "curl http://localhost:{port}/v1/{route} -H 'Content-Type: application/json' -d {body}"
    ));
}
