//! diffusers: whole pipelines, and adapters on top of one.

use super::code::quoted;
use super::{Code, Snippet, SnippetInput};
use crate::facts::BaseRelation;

const NEEDS: [&str; 4] = ["diffusers>=0.42", "transformers>=5.0", "torch>=2.4", "accelerate>=1.1"];

pub(super) fn add(input: &SnippetInput<'_>, list: &mut Vec<Snippet>) {
    let facts = input.facts;
    let is_video = matches!(input.task(), Some("text-to-video" | "image-to-video"));
    let takes_image = matches!(input.task(), Some("image-to-image" | "image-to-video"));
    let mut imports = vec!["import torch", "from diffusers import DiffusionPipeline"];
    match (takes_image, is_video) {
        (true, true) => imports.push("from diffusers.utils import export_to_video, load_image"),
        (true, false) => imports.push("from diffusers.utils import load_image"),
        (false, true) => imports.push("from diffusers.utils import export_to_video"),
        (false, false) => {}
    }
    let base = facts.base_models.first().filter(|_| {
        facts.base_model_relation == Some(BaseRelation::Adapter)
            && !input.has_file("model_index.json")
    });
    let mut code = Code::python(input, &imports);
    let (id, revision) = (input.quoted_id(), input.revision_argument());
    let options = ", dtype=torch.bfloat16, device_map=\"cuda\"";
    match base {
        Some(base) => {
            code.line(format!(
                "pipe = DiffusionPipeline.from_pretrained({}{options})",
                quoted(base)
            ));
            let weight = lora_argument(input);
            code.line(format!("pipe.load_lora_weights({id}{weight}{revision})"));
        }
        None => {
            code.line(format!("pipe = DiffusionPipeline.from_pretrained({id}{revision}{options})"));
        }
    }
    let words = facts.card_data.as_ref().and_then(|data| data.get("instance_prompt")?.as_str());
    let prompt =
        words.filter(|words| !words.trim().is_empty()).unwrap_or("A lighthouse at dusk, in oil");
    code.line("");
    code.line(format!("prompt = {}", quoted(prompt)));
    let image = if takes_image { "image=image, " } else { "" };
    if takes_image {
        code.line("image = load_image(\"picture.png\")");
    }
    if is_video {
        code.line(format!("frames = pipe({image}prompt=prompt).frames[0]"));
        code.line("export_to_video(frames, \"film.mp4\")");
    } else {
        code.line(format!("image = pipe({image}prompt=prompt).images[0]"));
        code.line("image.save(\"image.png\")");
    }
    let title = if base.is_some() { "diffusers: adapter" } else { "diffusers: pipeline" };
    let mut snippet = code.done("diffusers", title, "python", &NEEDS);
    if base.is_none()
        && facts.base_model_relation == Some(BaseRelation::Adapter)
        && !input.has_file("model_index.json")
    {
        let text = "It is an adapter, and the card names no base model: load it on top of one.";
        snippet.notes.push(text.to_owned());
    }
    list.push(snippet);
}

/// The file of the adapter, where it is not the one that diffusers looks for.
fn lora_argument(input: &SnippetInput<'_>) -> String {
    if input.has_file("pytorch_lora_weights.safetensors") {
        return String::new();
    }
    let mut files = input.files_with(".safetensors").filter(|path| !path.contains('/'));
    match (files.next(), files.next()) {
        (Some(file), _) => format!(", weight_name={}", quoted(file)),
        _ => String::new(),
    }
}
