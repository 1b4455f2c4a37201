//! Numbers of weights for repositories that the caller was given: what lists and pages show beside a name.

use serde_json::Value;
use steelyard_db::catalogue;
use steelyard_index::query::Number;

use crate::repos::RepoRow;
use crate::{Hub, Result};

/// What is wrong with files of weights, of what [`Hub::weights_on_record`] says.
pub fn weight_faults(weights: &Value) -> Vec<String> {
    let faults = weights["faults"].as_array().into_iter().flatten();
    faults.filter_map(|fault| fault.as_str().map(str::to_owned)).collect()
}

impl Hub {
    /// Parameters of each of these repositories, where they are known.
    pub fn parameters_of(&self, rows: &[&RepoRow]) -> Vec<Option<u64>> {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let found = self.discovery().index().numbers(Number::Parameters, &ids);
        found.into_iter().map(|number| number.map(|number| number as u64)).collect()
    }

    /// What the headers of the weights on the default branch say, `safetensors` and `gguf`, as far as it is on record.
    pub async fn weights_on_record(&self, row: &RepoRow) -> Result<Value> {
        let mut conn = self.db().read().await?;
        let found = catalogue::find_weights(&mut conn, row.id).await?;
        Ok(found.map(|(_, weights)| weights).unwrap_or_default())
    }
}
