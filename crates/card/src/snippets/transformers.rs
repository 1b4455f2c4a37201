//! transformers: the pipeline where there is one, and the model with what prepares its input.

use super::code::quoted;
use super::{Code, Snippet, SnippetInput};

const NEEDS: [&str; 2] = ["transformers>=5.0", "torch>=2.4"];
/// Models that generate are spread over the devices there are.
const NEEDS_DEVICES: [&str; 3] = ["transformers>=5.0", "torch>=2.4", "accelerate>=1.1"];

/// The tasks transformers 5 has pipelines for, each with an argument to try.
const PIPELINES: [(&str, &str); 23] = [
    ("audio-classification", "\"recording.wav\""),
    ("automatic-speech-recognition", "\"recording.wav\""),
    ("text-to-audio", "\"A short sentence.\""),
    ("text-to-speech", "\"A short sentence.\""),
    ("feature-extraction", "\"A short sentence.\""),
    ("text-classification", "\"I like this a lot.\""),
    ("token-classification", "\"Ada Lovelace lived in London.\""),
    (
        "table-question-answering",
        "table={\"name\": [\"Ada\"], \"born\": [\"1815\"]}, query=\"When was Ada born?\"",
    ),
    ("document-question-answering", "image=\"invoice.png\", question=\"What is the total?\""),
    ("fill-mask", ""),
    ("text-generation", "\"Once upon a time\""),
    (
        "zero-shot-classification",
        "\"The train is late again.\", candidate_labels=[\"travel\", \"food\"]",
    ),
    ("zero-shot-image-classification", "\"picture.png\", candidate_labels=[\"a cat\", \"a dog\"]"),
    ("image-classification", "\"picture.png\""),
    ("image-feature-extraction", "\"picture.png\""),
    ("image-segmentation", "\"picture.png\""),
    ("image-text-to-text", ""),
    ("object-detection", "\"picture.png\""),
    ("zero-shot-object-detection", "\"picture.png\", candidate_labels=[\"a cat\", \"a dog\"]"),
    ("depth-estimation", "\"picture.png\""),
    ("video-classification", "\"film.mp4\""),
    ("mask-generation", "\"picture.png\""),
    ("any-to-any", ""),
];

/// The tasks whose pipelines transformers 5 took away.
const REMOVED: [&str; 5] = [
    "summarization",
    "translation",
    "question-answering",
    "visual-question-answering",
    "image-to-image",
];

pub(super) fn add(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let library = input.facts.library_name.as_deref();
    let own = matches!(library, Some("transformers"))
        || (library.is_none() && input.facts.transformers_info.is_some());
    // GGUF files alone are not for transformers, whatever the card says.
    let only_gguf = input.has_tag("gguf") && !input.has_file("config.json");
    if !own || only_gguf {
        return;
    }
    list.extend(pipeline(input));
    list.extend(direct(input));
}

fn pipeline(input: &SnippetInput<'_>) -> Option<Snippet> {
    let task = input.task()?;
    let (_, argument) = PIPELINES.iter().find(|(known, _)| *known == task)?;
    let mut code = Code::python(input, &["from transformers import pipeline"]);
    let generates = matches!(task, "text-generation" | "image-text-to-text" | "any-to-any");
    let devices = if generates { ", dtype=\"auto\", device_map=\"auto\"" } else { "" };
    let (revision, trust) = (input.revision_argument(), input.trust_argument());
    let id = input.quoted_id();
    code.line(format!("pipe = pipeline({}, model={id}{revision}{devices}{trust})", quoted(task)));
    match task {
        "image-text-to-text" | "any-to-any" => {
            code.lines(&[
                "messages = [",
                "    {",
                "        \"role\": \"user\",",
                "        \"content\": [",
                "            {\"type\": \"image\", \"path\": \"picture.png\"},",
                "            {\"type\": \"text\", \"text\": \"What is in this picture?\"},",
                "        ],",
                "    },",
                "]",
                "print(pipe(text=messages, max_new_tokens=200))",
            ]);
        }
        "text-generation" if input.is_chat() => {
            code.line("messages = [{\"role\": \"user\", \"content\": \"Who are you?\"}]");
            code.line("print(pipe(messages, max_new_tokens=200))");
        }
        "text-generation" => code.line(format!("print(pipe({argument}, max_new_tokens=50))")),
        "fill-mask" => {
            let mask = input.facts.mask_token.as_deref().unwrap_or("[MASK]");
            code.line(format!(
                "print(pipe({}))",
                quoted(&format!("Paris is the {mask} of France."))
            ));
        }
        _ => code.line(format!("print(pipe({argument}))")),
    }
    let needs: &[&str] = if generates { &NEEDS_DEVICES } else { &NEEDS };
    Some(code.done("transformers", "transformers: pipeline", "python", needs))
}

fn direct(input: &SnippetInput<'_>) -> Option<Snippet> {
    let info = input.facts.transformers_info.as_ref()?;
    let auto = info.auto_model.as_str();
    let is_name =
        |name: &str| name.starts_with("Auto") && name.chars().all(|c| c.is_ascii_alphanumeric());
    let processor = info.processor.as_deref().unwrap_or("AutoTokenizer");
    if !is_name(auto) || !is_name(processor) {
        return None;
    }
    let import = format!("from transformers import {auto}, {processor}");
    let mut code = Code::python(input, &[&import]);
    let generates = matches!(
        auto,
        "AutoModelForCausalLM" | "AutoModelForImageTextToText" | "AutoModelForMultimodalLM"
    );
    let writes = auto == "AutoModelForSeq2SeqLM";
    let (revision, trust) = (input.revision_argument(), input.trust_argument());
    let id = input.quoted_id();
    let variable = match processor {
        "AutoTokenizer" => "tokenizer",
        _ => "processor",
    };
    let side = if auto == "AutoModelForCausalLM" { ", padding_side=\"left\"" } else { "" };
    code.line(format!("{variable} = {processor}.from_pretrained({id}{revision}{side}{trust})"));
    let devices =
        if generates { ", dtype=\"auto\", device_map=\"auto\"" } else { ", dtype=\"auto\"" };
    code.line(format!("model = {auto}.from_pretrained({id}{revision}{devices}{trust})"));
    match auto {
        "AutoModelForCausalLM" if input.is_chat() => chat(&mut code),
        "AutoModelForCausalLM" => {
            generate(&mut code, "[\"Once upon a time\", \"The capital of France is\"]");
        }
        _ if writes && variable == "tokenizer" => generate(&mut code, &seq2seq_texts(input)),
        _ if variable == "tokenizer" => {
            let texts = match auto {
                "AutoModelForQuestionAnswering" => {
                    "\"When was it built?\", \"The house was built in 1790.\""
                }
                _ => "\"A short sentence.\"",
            };
            code.line(format!(
                "inputs = tokenizer({texts}, truncation=True, return_tensors=\"pt\")"
            ));
            code.line("outputs = model(**inputs)");
        }
        _ => {}
    }
    let needs: &[&str] = if generates { &NEEDS_DEVICES } else { &NEEDS };
    let mut snippet = code.done("transformers", "transformers: model", "python", needs);
    if input.task().is_some_and(|task| REMOVED.contains(&task)) {
        let text = "transformers 5 has no pipeline for this task any more.";
        snippet.notes.push(text.to_owned());
    }
    Some(snippet)
}

fn chat(code: &mut Code) {
    code.lines(&[
        "messages = [{\"role\": \"user\", \"content\": \"Who are you?\"}]",
        "inputs = tokenizer.apply_chat_template(",
        "    messages, add_generation_prompt=True, return_dict=True, return_tensors=\"pt\"",
        ").to(model.device)",
        "outputs = model.generate(**inputs, max_new_tokens=200)",
        "print(tokenizer.decode(outputs[0][inputs[\"input_ids\"].shape[-1] :], skip_special_tokens=True))",
    ]);
}

fn generate(code: &mut Code, texts: &str) {
    code.line(format!("texts = {texts}"));
    code.lines(&[
        "inputs = tokenizer(texts, return_tensors=\"pt\", padding=True).to(model.device)",
        "outputs = model.generate(**inputs, max_new_tokens=50)",
        "print(tokenizer.batch_decode(outputs, skip_special_tokens=True))",
    ]);
}

fn seq2seq_texts(input: &SnippetInput<'_>) -> String {
    let is_t5 = matches!(input.facts.model_type.as_deref(), Some("t5" | "mt5"));
    let text = match input.task() {
        Some("translation") if is_t5 => "translate English to German: The house is old.",
        Some("translation") => "The house is old.",
        _ if is_t5 => {
            "summarize: The house is old. It was built in 1790, and nobody has lived in it for years."
        }
        _ => "The house is old. It was built in 1790, and nobody has lived in it for years.",
    };
    format!("[{}]", quoted(text))
}
