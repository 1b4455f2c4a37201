//! Libraries with a way of loading of their own.

use super::code::{quoted, shell_quoted};
use super::plain::{HUB, download_options};
use super::{Code, Snippet, SnippetInput};

pub(super) fn sentence_transformers(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let (id, revision, trust) =
        (input.quoted_id(), input.revision_argument(), input.trust_argument());
    let needs = ["sentence-transformers>=5.0"];
    if input.task() == Some("text-ranking") {
        let mut code = Code::python(input, &["from sentence_transformers import CrossEncoder"]);
        code.line(format!("model = CrossEncoder({id}{revision}{trust})"));
        code.lines(&[
            "question = \"When was the house built?\"",
            "texts = [\"It was built in 1790.\", \"The garden is large.\"]",
            "print(model.rank(question, texts))",
        ]);
        list.push(code.done(
            "sentence-transformers",
            "sentence-transformers: ranking",
            "python",
            &needs,
        ));
        return;
    }
    let mut code = Code::python(input, &["from sentence_transformers import SentenceTransformer"]);
    code.line(format!("model = SentenceTransformer({id}{revision}{trust})"));
    let (question, text) = prefixes(input.name());
    code.line("texts = [");
    for (prefix, sentence) in [
        (question, "When was the house built?"),
        (text, "It was built in 1790."),
        (text, "The garden is large."),
    ] {
        code.line(format!("    {},", quoted(&format!("{prefix}{sentence}"))));
    }
    code.lines(&[
        "]",
        "vectors = model.encode(texts)",
        "print(model.similarity(vectors, vectors))",
    ]);
    list.push(code.done(
        "sentence-transformers",
        "sentence-transformers: vectors",
        "python",
        &needs,
    ));
}

/// What some models want before a question and before a text.
fn prefixes(name: &str) -> (&'static str, &'static str) {
    let lower = name.to_lowercase();
    if lower.contains("e5-") && !lower.contains("instruct") {
        ("query: ", "passage: ")
    } else if lower.starts_with("nomic-embed-text") {
        ("search_query: ", "search_document: ")
    } else {
        ("", "")
    }
}

pub(super) fn peft(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let config = input.facts.config.as_ref().and_then(|config| config.get("peft"));
    let task = config.and_then(|config| config.get("task_type")?.as_str());
    let class = match task {
        Some("CAUSAL_LM") => "AutoPeftModelForCausalLM",
        Some("SEQ_2_SEQ_LM") => "AutoPeftModelForSeq2SeqLM",
        Some("SEQ_CLS") => "AutoPeftModelForSequenceClassification",
        Some("TOKEN_CLS") => "AutoPeftModelForTokenClassification",
        Some("QUESTION_ANS") => "AutoPeftModelForQuestionAnswering",
        Some("FEATURE_EXTRACTION") => "AutoPeftModelForFeatureExtraction",
        _ => "AutoPeftModel",
    };
    let base = input.facts.base_models.first().map(String::as_str);
    let own_tokenizer = input.has_file("tokenizer_config.json");
    let tokenizer = if own_tokenizer { Some(input.id) } else { base };
    let import = format!("from peft import {class}");
    let mut imports = vec![import.as_str()];
    if tokenizer.is_some() {
        imports.push("from transformers import AutoTokenizer");
    }
    let mut code = Code::python(input, &imports);
    let (id, revision) = (input.quoted_id(), input.revision_argument());
    if let Some(tokenizer) = tokenizer {
        let revision = if own_tokenizer { revision.as_str() } else { "" };
        code.line(format!(
            "tokenizer = AutoTokenizer.from_pretrained({}{revision})",
            quoted(tokenizer)
        ));
    }
    let trust = input.trust_argument();
    code.line(format!("model = {class}.from_pretrained({id}{revision}, dtype=\"auto\"{trust})"));
    let needs = ["peft>=0.18", "transformers>=5.0", "torch>=2.4"];
    let mut snippet = code.done("peft", "PEFT: adapter with its base model", "python", &needs);
    if let Some(base) = base {
        snippet.notes.push(format!(
            "Its base model is {base}, in the revision that adapter_config.json names."
        ));
    }
    list.push(snippet);
}

pub(super) fn timm(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let mut code = Code::python(input, &["import timm"]);
    let revision = input.revision.map_or(String::new(), |revision| format!("@{revision}"));
    let name = quoted(&format!("hf-hub:{}{revision}", input.id));
    code.line(format!("model = timm.create_model({name}, pretrained=True).eval()"));
    code.lines(&[
        "config = timm.data.resolve_model_data_config(model)",
        "transform = timm.data.create_transform(**config, is_training=False)",
    ]);
    list.push(code.done("timm", "timm", "python", &["timm>=1.0", HUB]));
}

pub(super) fn keras(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let id = input.quoted_id();
    let revision = input.revision_argument();
    let file = input.files_with(".keras").next();
    let mut snippet = if let Some(file) = file {
        let imports = ["import keras", "from huggingface_hub import hf_hub_download"];
        let mut code = Code::python(input, &imports);
        code.line(format!("path = hf_hub_download({id}, {}{revision})", quoted(file)));
        code.line("model = keras.saving.load_model(path)");
        code.done("keras", "Keras", "python", &["keras>=3.5", HUB])
    } else {
        let imports = ["import keras_hub", "from huggingface_hub import snapshot_download"];
        let mut code = Code::python(input, &imports);
        code.line(format!("folder = snapshot_download({id}{revision})"));
        code.line("model = keras_hub.models.Task.from_preset(folder)");
        code.done("keras", "Keras: KerasHub", "python", &["keras-hub>=0.20", HUB])
    };
    snippet
        .notes
        .push("Set KERAS_BACKEND to jax, torch or tensorflow before the import.".to_owned());
    list.push(snippet);
}

pub(super) fn spacy(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let Some(file) = input.files_with(".whl").next() else { return };
    let wheel = file.rsplit('/').next().unwrap_or(file);
    let package: String = wheel.split('-').next().unwrap_or(wheel).to_owned();
    let mut code = Code::shell(input);
    let (id, quoted_file) = (shell_quoted(input.id), shell_quoted(file));
    code.line(format!("hf download {id} {quoted_file}{} --local-dir .", download_options(input)));
    code.line(format!("pip install {}", shell_quoted(&format!("./{file}"))));
    code.line(format!(
        "python3 -c {}",
        shell_quoted(&format!(
            "import spacy; print(spacy.load({})(\"Ada Lovelace lived in London.\").ents)",
            quoted(&package)
        ))
    ));
    list.push(code.done("spacy", "spaCy", "shell", &["spacy>=3.7", HUB]));
}

pub(super) fn sklearn(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let id = input.quoted_id();
    let revision = input.revision_argument();
    if let Some(file) = input.files_with(".skops").next() {
        let imports = ["import skops.io", "from huggingface_hub import hf_hub_download"];
        let mut code = Code::python(input, &imports);
        code.line(format!("path = hf_hub_download({id}, {}{revision})", quoted(file)));
        code.lines(&[
            "unknown = skops.io.get_untrusted_types(file=path)",
            "print(unknown)  # read the list before you trust it",
            "model = skops.io.load(path, trusted=unknown)",
        ]);
        list.push(code.done(
            "sklearn",
            "scikit-learn: skops",
            "python",
            &["skops>=0.11", "scikit-learn>=1.4", HUB],
        ));
        return;
    }
    let file = input.files_with(".joblib").chain(input.files_with(".pkl")).next();
    let Some(file) = file else { return };
    let imports = ["import joblib", "from huggingface_hub import hf_hub_download"];
    let mut code = Code::python(input, &imports);
    code.line(format!("model = joblib.load(hf_hub_download({id}, {}{revision}))", quoted(file)));
    let mut snippet = code.done(
        "sklearn",
        "scikit-learn: joblib",
        "python",
        &["joblib>=1.3", "scikit-learn>=1.4", HUB],
    );
    let text = "Loading it runs what the author put there: use it only if you trust the author.";
    snippet.notes.push(text.to_owned());
    list.push(snippet);
}

pub(super) fn mlx(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    if !matches!(input.task(), None | Some("text-generation")) {
        return;
    }
    let id = input.quoted_id();
    let mut code = if input.revision.is_some() {
        let imports =
            ["from huggingface_hub import snapshot_download", "from mlx_lm import generate, load"];
        let mut code = Code::python(input, &imports);
        code.line(format!(
            "model, tokenizer = load(snapshot_download({id}{}))",
            input.revision_argument()
        ));
        code
    } else {
        let mut code = Code::python(input, &["from mlx_lm import generate, load"]);
        code.line(format!("model, tokenizer = load({id})"));
        code
    };
    if input.is_chat() {
        code.lines(&[
            "messages = [{\"role\": \"user\", \"content\": \"Who are you?\"}]",
            "prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)",
        ]);
    } else {
        code.line("prompt = \"Once upon a time\"");
    }
    code.line("print(generate(model, tokenizer, prompt=prompt, max_tokens=200))");
    let mut snippet = code.done("mlx", "MLX LM", "python", &["mlx-lm>=0.25", HUB]);
    snippet.notes.push("It runs on Macs with chips of Apple.".to_owned());
    list.push(snippet);
}
