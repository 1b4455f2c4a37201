//! What a model is for, and by what evidence.

use serde_json::{Map, Value};

use super::config::Configs;
use super::{Facts, word, words};
use crate::gguf::GgufHeader;
use crate::vocab;

/// The task and why, the strongest evidence first: the card's own word, what the library is for, the model class,
/// what an adapter was trained for, the pipeline of diffusers, a tag that is a task, a tag that means one, and last
/// that a GGUF file holds a template for chats.
pub(super) fn infer(
    facts: &Facts,
    data: &Map<String, Value>,
    configs: &Configs,
    gguf: Option<&GgufHeader>,
) -> Option<(String, String)> {
    let explicit = word(data, "pipeline_tag");
    if let Some(task) = explicit {
        let why = format!("the card says pipeline_tag: {task}");
        return Some((task, why));
    }
    let tags = words(data, "tags");
    of_library(facts)
        .or_else(|| of_class(facts, configs))
        .or_else(|| of_adapter(configs))
        .or_else(|| of_diffusers(configs))
        .or_else(|| of_tag(&tags))
        .or_else(|| of_synonym(&tags))
        .or_else(|| of_gguf(gguf))
}

type Found = Option<(String, String)>;

fn of_library(facts: &Facts) -> Found {
    let library = facts.library_name.as_deref()?;
    let task = match library {
        "sentence-transformers" => "sentence-similarity",
        "setfit" => "text-classification",
        "span-marker" => "token-classification",
        "timm" => "image-classification",
        _ => return None,
    };
    Some((task.to_owned(), format!("models of the library {library} do this")))
}

fn of_class(facts: &Facts, configs: &Configs) -> Found {
    let info = facts.transformers_info.as_ref()?;
    let class = configs.architecture().or(info.custom_class.as_deref()).unwrap_or(&info.auto_model);
    let why = format!("models of the class {class} do this (config.json)");
    Some((info.pipeline_tag.clone()?, why))
}

fn of_adapter(configs: &Configs) -> Found {
    let kind = configs.adapter_task()?;
    let task = match kind {
        "CAUSAL_LM" | "SEQ_2_SEQ_LM" => "text-generation",
        "SEQ_CLS" => "text-classification",
        "TOKEN_CLS" => "token-classification",
        "QUESTION_ANS" => "question-answering",
        "FEATURE_EXTRACTION" => "feature-extraction",
        _ => return None,
    };
    Some((task.to_owned(), format!("adapter_config.json says task_type: {kind}")))
}

fn of_diffusers(configs: &Configs) -> Found {
    let class = configs.diffusers_class()?;
    let task = vocab::find_diffusers_task(class)?;
    Some((task.to_owned(), format!("pipelines of the class {class} do this (model_index.json)")))
}

fn of_tag(tags: &[String]) -> Found {
    let tasks = vocab::pipeline_tags().iter().map(|task| task.id);
    let task = tasks.into_iter().find(|task| tags.iter().any(|tag| tag == task))?;
    Some((task.to_owned(), format!("the card has the tag {task}")))
}

/// The first tag that means a task by another name.
fn of_synonym(tags: &[String]) -> Found {
    tags.iter().find_map(|tag| {
        let task = vocab::find_task_synonym(tag)?;
        Some((task.to_owned(), format!("the tag {tag} means {task}")))
    })
}

fn of_gguf(gguf: Option<&GgufHeader>) -> Found {
    gguf?.chat_template.as_ref()?;
    Some(("text-generation".to_owned(), "the GGUF header holds a chat template".to_owned()))
}
