//! How many parameters a model has, by the headers of its safetensors files.

use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_card::facts::{safetensors_models, shards_of};
use steelyard_card::safetensors::ParameterCount;

use super::Snapshot;
use crate::{Error, Hub, Result};

/// Weight files whose headers are read for one commit.
const FILES_MAX: usize = 200;
/// Faults that are kept of one commit.
const FAULTS_MAX: usize = 10;

/// What the headers come to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters {
    /// `{parameters: {dtype: count}, total}`; `None` without a model whose files can all be read.
    pub(crate) found: Option<Value>,
    /// What is wrong with the files that cannot be read, in words.
    pub(crate) faults: Vec<String>,
}

impl Hub {
    /// Parameters per type of the model at the root of a commit: of several, of the one that libraries load
    /// ([`safetensors_models`]), else of the largest. `None` when there is none, or not all of it can be read.
    pub async fn safetensors_parameters(&self, snapshot: &Snapshot) -> Result<Option<Value>> {
        Ok(self.read_parameters(snapshot).await?.found)
    }

    /// As [`Hub::safetensors_parameters`], with what is wrong.
    pub(crate) async fn read_parameters(&self, snapshot: &Snapshot) -> Result<Parameters> {
        let key = (snapshot.repo.id, snapshot.commit);
        if let Some(known) = self.parameters_cache().get(&key) {
            return Ok((*known).clone());
        }
        let listed = snapshot.list_files(2000)?;
        let paths: Vec<_> = listed.iter().map(|file| file.path_text()).collect();
        let paths: Vec<&str> = paths.iter().map(|path| &**path).collect();
        let mut largest = ParameterCount::default();
        let (mut faults, mut read) = (Vec::new(), 0);
        for files in safetensors_models(&paths) {
            read += files.len();
            if read > FILES_MAX {
                break;
            }
            match self.count_parameters(snapshot, &files).await? {
                Ok(count) if count.total > largest.total => largest = count,
                Ok(_) => {}
                Err(fault) => faults.push(fault),
            }
        }
        faults.truncate(FAULTS_MAX);
        let found = (largest.total > 0)
            .then(|| json!({"parameters": largest.parameters, "total": largest.total}));
        let parameters = Parameters { found, faults };
        self.parameters_cache().insert(key, Arc::new(parameters.clone()));
        Ok(parameters)
    }

    /// The parameters of the files of one model together, or what is wrong with one of them.
    async fn count_parameters(
        &self,
        snapshot: &Snapshot,
        files: &[&str],
    ) -> Result<Result<ParameterCount, String>> {
        let mut count = ParameterCount::default();
        if let Some(shards) = files.first().and_then(|path| shards_of(path))
            && shards != files.len()
        {
            return Ok(Err(format!(
                "{} of the {shards} shards of \"{}\" are here",
                files.len(),
                files[0]
            )));
        }
        for path in files {
            let header = match self.safetensors_header(snapshot, path).await {
                Ok(header) => header,
                Err(Error::Invalid(invalid)) => return Ok(Err(invalid.rule)),
                Err(Error::NotFound(_)) => {
                    return Ok(Err(format!("\"{path}\" has no content on this hub")));
                }
                Err(error) => return Err(error),
            };
            if let Err(error) = count.merge(&header.parameters) {
                return Ok(Err(format!("\"{path}\": {error}")));
            }
        }
        Ok(Ok(count))
    }
}
