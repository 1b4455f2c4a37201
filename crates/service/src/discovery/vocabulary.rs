//! The vocabularies by which clients filter: tags by what they are, and the tasks.

use serde_json::{Map, Value, json};
use steelyard_card::facts::size_categories;
use steelyard_card::vocab;
use steelyard_core::RepoKind;
use steelyard_index::{Facet, SearchRequest, Sort};

use crate::{Actor, Hub, Result};

/// Words of one vocabulary that are listed.
const WORDS_MAX: usize = SearchRequest::FACET_WORDS_MAX;
/// Models and datasets recommended for a task.
const RECOMMENDED: usize = 3;

impl Hub {
    /// The tags that filters take, by type: `{type: [{id, label, type}]}`. Closed vocabularies are listed whole, open ones
    /// as far as they are used in what the actor may see.
    pub async fn tags_by_type(&self, actor: &Actor, kind: RepoKind) -> Result<Value> {
        let used = self.used_words(actor, kind).await?;
        let mut types = Map::new();
        let mut add = |name: &str, prefix: &str, words: Vec<(String, String)>| {
            let tags = words.into_iter().map(|(word, label)| {
                json!({"id": format!("{prefix}{word}"), "label": label, "type": name})
            });
            types.insert(name.to_owned(), tags.collect());
        };
        let is_model = kind == RepoKind::Model;
        let named = |prefix: &'static str| if is_model { "" } else { prefix };
        let tasks: Vec<(String, String)> = vocab::pipeline_tags()
            .iter()
            .map(|task| (task.id.to_owned(), task.name.to_owned()))
            .collect();
        if is_model {
            add("pipeline_tag", "", tasks);
            add("library", "", library_words(&used));
            add("dataset", "dataset:", plain(&used, Facet::Dataset));
            add("other", "", plain(&used, Facet::Format));
        } else {
            add("task_categories", "task_categories:", tasks);
            let ids = vocab::task_ids().map(|(id, name)| (id.to_owned(), name));
            add("task_ids", "task_ids:", ids.collect());
            let sizes = size_categories().map(|size| (size.to_owned(), size.to_owned()));
            add("size_categories", "size_categories:", sizes.collect());
            add("modality", "modality:", plain(&used, Facet::Modality));
            add("format", "format:", plain(&used, Facet::Format));
        }
        let language = |code: &str| vocab::find_language(code).map(|found| found.name.clone());
        let labelled = |facet, label: &dyn Fn(&str) -> Option<String>| -> Vec<(String, String)> {
            let words = plain(&used, facet).into_iter();
            words.map(|(word, shown)| (word.clone(), label(&word).unwrap_or(shown))).collect()
        };
        add("language", named("language:"), labelled(Facet::Language, &language));
        let licenses =
            vocab::licenses().iter().map(|license| (license.id.to_owned(), license.name.clone()));
        add("license", "license:", licenses.collect());
        Ok(Value::Object(types))
    }

    /// Every task with what it is called, and the most used models and datasets for it.
    pub async fn describe_tasks(&self, actor: &Actor) -> Result<Value> {
        let mut tasks = Map::new();
        for task in vocab::pipeline_tags() {
            let models = self.most_used(actor, RepoKind::Model, task.id).await?;
            let datasets = self.most_used(actor, RepoKind::Dataset, task.id).await?;
            // The clients of inference take the first of these where no model is named.
            let ids: Vec<&Value> = models.iter().map(|model| &model["id"]).collect();
            let about = json!({
                "id": task.id,
                "widgetModels": ids,
                "label": task.name,
                "modality": task.modality,
                "datasets": datasets,
                "models": models,
            });
            tasks.insert(task.id.to_owned(), about);
        }
        Ok(Value::Object(tasks))
    }

    async fn most_used(&self, actor: &Actor, kind: RepoKind, task: &str) -> Result<Vec<Value>> {
        let request = SearchRequest {
            kinds: vec![kind],
            conditions: vec![steelyard_index::query::Condition::Word(
                Facet::Task,
                vec![task.to_owned()],
            )],
            sort: Sort::Downloads,
            limit: RECOMMENDED,
            ..SearchRequest::default()
        };
        let found = self.search(actor, request).await?;
        let about = |found: &super::FoundRepo| {
            let title = found.row.facts["title"].as_str().unwrap_or(found.row.repo.name.as_str());
            json!({"id": found.row.repo.to_string(), "description": title})
        };
        Ok(found.repos.iter().map(about).collect())
    }

    async fn used_words(&self, actor: &Actor, kind: RepoKind) -> Result<Vec<(Facet, Vec<String>)>> {
        let wanted =
            [Facet::Library, Facet::Dataset, Facet::Format, Facet::Modality, Facet::Language];
        let request = SearchRequest {
            kinds: vec![kind],
            facets: wanted.map(|facet| (facet, WORDS_MAX)).to_vec(),
            limit: 0,
            ..SearchRequest::default()
        };
        let found = self.search(actor, request).await?;
        let words = found
            .facets
            .into_iter()
            .map(|(facet, counts)| (facet, counts.into_iter().map(|count| count.word).collect()));
        Ok(words.collect())
    }
}

fn plain(used: &[(Facet, Vec<String>)], facet: Facet) -> Vec<(String, String)> {
    let found = used.iter().find(|(known, _)| *known == facet);
    let words = found.map(|(_, words)| words.clone()).unwrap_or_default();
    words.into_iter().map(|word| (word.clone(), word)).collect()
}

/// The libraries in use here, with their names.
fn library_words(used: &[(Facet, Vec<String>)]) -> Vec<(String, String)> {
    let label = |id: &str| vocab::find_library(id).map(|library| library.label.clone());
    let words = plain(used, Facet::Library).into_iter();
    words.map(|(word, shown)| (word.clone(), label(&word).unwrap_or(shown))).collect()
}
