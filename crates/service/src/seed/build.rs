//! From what a repository is to be to what is stored of it: its objects in a pack, and what its files say.

use bytes::Bytes;
use serde_json::{Value, json};
use steelyard_card::default_gitattributes;
use steelyard_card::gguf::GgufHeader;
use steelyard_core::{Namespace, Oid, RefName, RepoName, Timestamp};
use steelyard_db::pack::{NewPack, PackKind};
use steelyard_db::refs::GitRow;
use steelyard_git::{BuiltPack, Commit, EntryMode, ObjectKind, PackBuilder, Tree, TreeEntry};

use super::catalogue::Catalogue;
use super::chance::Question;
use super::spec::{Spec, Weights};
use super::words::Writer;
use crate::commits::signature;
use crate::history::{Histories, broken};
use crate::revisions::{HeadFacts, WEIGHTS_KEY, facts_with};
use crate::{Error, Result};

/// A repository, ready to be written.
pub(super) struct Built {
    pub(super) spec: Spec,
    pub(super) name: RepoName,
    pub(super) public_id: String,
    pub(super) branch: RefName,
    pub(super) commit: Oid,
    pub(super) pack: NewPack,
    pub(super) head: HeadFacts,
    pub(super) weights: Option<Value>,
}

/// Builds repositories.
pub(super) struct Builder {
    pub(super) catalogue: Catalogue,
    writer: Writer,
    mail_domain: String,
    histories: Histories,
}

impl Builder {
    pub(super) fn new(catalogue: Catalogue, mail_domain: &str) -> Self {
        Self {
            catalogue,
            writer: Writer::new(),
            mail_domain: mail_domain.to_owned(),
            histories: Histories::new(),
        }
    }

    pub(super) fn build(&self, index: u64) -> Result<Built> {
        let spec = self.catalogue.spec(index, &self.writer);
        let (commit, tree, pack) = self.commit(&spec)?;
        let header = spec.weights.as_ref().and_then(gguf_header);
        let state = GitRow {
            seq: 0,
            gc_epoch: 0,
            generation: 0,
            head_ref: String::new(),
            tail_packs: 0,
            tail_bytes: 0,
            drop_wanted: false,
            drop_after: None,
        };
        let history = self.histories.empty(0, &state).with_built(&pack);
        let owner = Namespace::parse(&self.catalogue.account_name(spec.owner))?;
        let mut head = facts_with(spec.kind, &owner, &history, tree, header.as_ref())?;
        let mut weights = None;
        if let Some(wanted) = &spec.weights {
            imagine_sizes(&mut head.facts, wanted);
            let key = head.facts.get(WEIGHTS_KEY).cloned();
            weights = key.map(|key| headers(&key, wanted, header.as_ref())).transpose()?;
        }
        let name = RepoName::parse(&spec.name)?;
        let [public, high, low] = self.ids(index);
        let public_id = format!("{:08x}{public:016x}", spec.created_at.secs());
        let pack = row(&pack, spec.last_modified, [high, low]);
        let branch = RefName::branch("main")?;
        Ok(Built { spec, name, public_id, branch, commit, pack, head, weights })
    }

    fn ids(&self, index: u64) -> [u64; 3] {
        let mut chance = self.catalogue.chance(Question::Ids, index);
        std::array::from_fn(|_| chance.next())
    }

    /// One commit with all files: the commit, its tree and the objects.
    fn commit(&self, spec: &Spec) -> Result<(Oid, Oid, BuiltPack)> {
        let mut pack = PackBuilder::new();
        let mut entries = Vec::with_capacity(spec.files.len() + 1);
        let attributes = (".gitattributes", default_gitattributes(spec.kind).as_bytes());
        let files = spec.files.iter().map(|file| (&*file.path, &*file.content));
        for (path, content) in files.chain([attributes]) {
            let oid = pack.add(ObjectKind::Blob, content).map_err(broken)?;
            let name = Bytes::copy_from_slice(path.as_bytes());
            entries.push(TreeEntry { mode: EntryMode::File, name, oid });
        }
        let tree = Tree::from_entries(entries).map_err(broken)?;
        let tree = pack.add(ObjectKind::Tree, tree.data()).map_err(broken)?;
        let name = self.catalogue.account_name(spec.creator);
        let email = format!("{name}@users.noreply.{}", self.mail_domain);
        let who = signature(&name, &email, spec.last_modified);
        let commit = Commit {
            tree,
            parents: Vec::new(),
            author: who.clone(),
            committer: who,
            extra: Vec::new(),
            message: Bytes::from_static(b"initial commit"),
        };
        let commit = pack.add(ObjectKind::Commit, &commit.encode()).map_err(broken)?;
        Ok((commit, tree, pack.finish().map_err(broken)?))
    }
}

fn row(pack: &BuiltPack, now: Timestamp, [high, low]: [u64; 2]) -> NewPack {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&high.to_le_bytes());
    random[8..].copy_from_slice(&low.to_le_bytes()[..2]);
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    NewPack {
        pack_id: uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string(),
        kind: PackKind::Tail,
        n_objects: i64::try_from(pack.toc.len()).unwrap_or(i64::MAX),
        size_bytes: i64::try_from(pack.bytes.len()).unwrap_or(i64::MAX),
        trailer: pack.trailer,
        toc: Some(pack.toc.encode().to_vec()),
        inline: Some(pack.bytes.to_vec()),
    }
}

/// The files of weights are empty; the facts tell of what they stand for.
fn imagine_sizes(facts: &mut Value, weights: &Weights) {
    let size_of = |path: &str| {
        let found = weights.files.iter().find(|(known, _)| known == path);
        found.map(|(_, bytes)| *bytes)
    };
    let is_gguf = weights.files.iter().all(|(path, _)| path.ends_with(".gguf"));
    let sizes = weights.files.iter().map(|(_, bytes)| *bytes);
    let to_load = if is_gguf { sizes.min().unwrap_or(0) } else { sizes.sum() };
    if facts.get("weight_bytes").is_some() {
        facts["weight_bytes"] = to_load.into();
    }
    for file in facts.get_mut("weight_files").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(bytes) = file.get("path").and_then(Value::as_str).and_then(size_of) {
            file["size_bytes"] = bytes.into();
        }
    }
    for quant in facts.get_mut("gguf_quants").and_then(Value::as_array_mut).into_iter().flatten() {
        let label = quant.get("label").and_then(Value::as_str).unwrap_or_default();
        if let Some(bytes) = size_of(&format!("model-{label}.gguf")) {
            quant["bytes"] = bytes.into();
        }
    }
}

fn gguf_header(weights: &Weights) -> Option<GgufHeader> {
    let (architecture, context) = weights.gguf?;
    Some(GgufHeader {
        total: weights.parameters.unwrap_or(0),
        architecture: Some(architecture.to_owned()),
        context_length: Some(context.into()),
        tensors: 291,
        ..GgufHeader::default()
    })
}

/// What the headers would say, as the index keeps it.
fn headers(key: &Value, weights: &Weights, header: Option<&GgufHeader>) -> Result<Value> {
    let safetensors = weights
        .dtype
        .zip(weights.parameters)
        .map(|(dtype, count)| json!({"parameters": {dtype: count}, "total": count}));
    let gguf = header.map(serde_json::to_value).transpose().map_err(Error::internal)?;
    Ok(json!({WEIGHTS_KEY: key, "safetensors": safetensors, "gguf": gguf}))
}
