//! What a catalogue holds, as pure functions of a seed and a repository's place in it: the first are the oldest, and models
//! are made only from older ones, so that everything about one can be told without looking at any other's row.

use steelyard_core::{RepoKind, Timestamp};

use super::chance::{Chance, Question, float, whole};
use super::families::{FAMILIES, Family, Head};
use super::words::{TOPICS, code, made_up};

/// The most generations above a model.
pub(super) const DEPTH_MAX: usize = 5;
/// How long before its end a catalogue begins: about seven years.
const SPAN_SECS: f64 = 7.0 * 365.0 * 86400.0;
/// The number of new repositories doubles this often in that time.
const DOUBLINGS: f64 = 5.0;
/// Models everything else is made from, at the most.
const FOUNDATIONS_MAX: u64 = 64;
/// The libraries whose models nobody makes others from.
const BARREN: [&str; 3] = ["stable-baselines3", "sklearn", "timm"];

/// How a model was made from its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Finetune,
    Adapter,
    Quantized,
    Merge,
}

/// A catalogue of so many repositories.
#[derive(Debug, Clone, Copy)]
pub(super) struct Catalogue {
    pub(super) seed: u64,
    pub(super) repos: u64,
    /// Nothing in it is younger.
    pub(super) until: Timestamp,
}

/// A model's place among the models.
#[derive(Debug, Clone)]
pub(super) struct Kinship {
    /// Its ancestors, the nearest first.
    pub(super) ancestors: Vec<u64>,
    pub(super) relation: Relation,
    pub(super) family: &'static Family,
    pub(super) size: (&'static str, u64),
    pub(super) head: Head,
}

impl Catalogue {
    /// The sequence for a question about a repository.
    pub(super) fn chance(&self, question: Question, index: u64) -> Chance {
        Chance::new(self.seed, question, index)
    }

    fn foundations(&self) -> u64 {
        (self.repos / 20).clamp(1, FOUNDATIONS_MAX)
    }

    /// Whether it is one of the models that everything else is made from.
    pub(super) fn is_foundation(&self, index: u64) -> bool {
        index < self.foundations()
    }

    pub(super) fn kind(&self, index: u64) -> RepoKind {
        if self.is_foundation(index) {
            return RepoKind::Model;
        }
        let kinds = [(RepoKind::Model, 70), (RepoKind::Dataset, 20), (RepoKind::Space, 10)];
        *self.chance(Question::Kind, index).weighted(&kinds)
    }

    /// When it was created: each year more than the year before.
    pub(super) fn created_at(&self, index: u64) -> Timestamp {
        let growth = DOUBLINGS.exp2() - 1.0;
        let part = (1.0 + growth * float(index) / float(self.repos.max(1))).log2() / DOUBLINGS;
        let before = whole(SPAN_SECS * (1.0 - part));
        self.until.plus_secs(-i64::try_from(before).unwrap_or(0))
    }

    /// When its files last changed: most are never touched again.
    pub(super) fn last_modified(&self, index: u64) -> Timestamp {
        let (created, mut chance) = (self.created_at(index), self.chance(Question::Time, index));
        let scale = if chance.happens(0.6) { 3600.0 } else { 40.0 * 86400.0 };
        let later = whole(-(1.0 - chance.unit()).ln() * scale);
        created.plus_secs(i64::try_from(later).unwrap_or(0)).min(self.until)
    }

    /// How many people and organisations there are.
    pub(super) fn accounts(&self) -> u64 {
        (self.repos / 8).max(4)
    }

    /// The account that owns a repository; the first ones own most.
    pub(super) fn owner(&self, index: u64) -> u64 {
        self.chance(Question::Owner, index).zipf(self.accounts(), 0.85)
    }

    /// Whether an account is an organisation: most of the busy ones are.
    pub(super) fn is_organization(&self, account: u64) -> bool {
        let share = if account < self.accounts() / 50 { 0.6 } else { 0.08 };
        account + 1 < self.accounts() && self.chance(Question::Account, account).happens(share)
    }

    /// The member who acts for an account: itself, when it is a user.
    pub(super) fn acting(&self, account: u64) -> u64 {
        (account..self.accounts())
            .find(|account| !self.is_organization(*account))
            .unwrap_or(account)
    }

    /// The name of an account. Other seeds have other names.
    pub(super) fn account_name(&self, account: u64) -> String {
        // The factor has no divisor in common with the number of words of four syllables, so no two are the same.
        let number = (account * 4_099_999 + self.seed % 6_250_000) % 6_250_000;
        let mut name = made_up(number, 4);
        let organization = ["-ai", "-labs", "-research", "-org", "AI", ""];
        let user = ["", "", "", "7", "99", "-dev", "_x", "2000"];
        let mut chance = self.chance(Question::Name, account ^ (1 << 63));
        let is_organization = self.is_organization(account);
        name.push_str(chance.pick(if is_organization { &organization } else { &user }));
        if is_organization && chance.happens(0.5) {
            name[..1].make_ascii_uppercase();
        }
        name
    }

    /// `namespace/name`.
    pub(super) fn id(&self, index: u64) -> String {
        format!("{}/{}", self.account_name(self.owner(index)), self.name(index))
    }

    /// The name inside its namespace. All but those of the foundations end in a code that no other has.
    pub(super) fn name(&self, index: u64) -> String {
        let mut chance = self.chance(Question::Name, index);
        let topic = self.topic(index);
        let code = code(index);
        match self.kind(index) {
            RepoKind::Model | RepoKind::Kernel => {
                let kin = self.kinship(index);
                let (family, size) = (kin.family.name, kin.size.0);
                if self.is_foundation(index) {
                    return format!("{family}-{size}");
                }
                match kin.relation {
                    Relation::Quantized => {
                        format!(
                            "{family}-{size}-{topic}-{code}-{}",
                            self.quantization(index).suffix()
                        )
                    }
                    Relation::Adapter => format!("{family}-{size}-{topic}-lora-{code}"),
                    Relation::Merge => format!("{family}-{size}-{topic}-slerp-{code}"),
                    Relation::Finetune if chance.happens(0.4) => {
                        format!("{family}-{size}-finetuned-{topic}-{code}")
                    }
                    Relation::Finetune => format!("{family}-{size}-{topic}-{code}"),
                }
            }
            RepoKind::Dataset => {
                let what =
                    chance.pick(&["corpus", "pairs", "bench", "instructions", "v2", "dialogs"]);
                format!("{topic}-{what}-{code}")
            }
            RepoKind::Space => {
                let what = chance.pick(&["demo", "playground", "leaderboard", "explorer", "app"]);
                format!("{topic}-{what}-{code}")
            }
        }
    }

    /// What it is about.
    pub(super) fn topic(&self, index: u64) -> &'static str {
        let rank = self.chance(Question::Body, index ^ (1 << 63)).zipf(TOPICS.len() as u64, 0.7);
        TOPICS[usize::try_from(rank).unwrap_or(0)]
    }

    /// Where a model stands among the models. It must be one.
    pub(super) fn kinship(&self, index: u64) -> Kinship {
        let ancestors = self.ancestors(index);
        let root = ancestors.last().copied().unwrap_or(index);
        let (family, size) = self.family(root);
        let relation = match ancestors.is_empty() {
            true => Relation::Finetune,
            false => self.relation(index, family),
        };
        // The line of those that do what their base does ends at one that was trained for something.
        let trained = std::iter::once(index)
            .chain(ancestors.iter().copied())
            .find(|model| *model == root || self.relation(*model, family) == Relation::Finetune);
        let head = self.head(trained.unwrap_or(root), family);
        Kinship { ancestors, relation, family, size, head }
    }

    fn head(&self, index: u64, family: &Family) -> Head {
        if self.is_foundation(index) {
            return family.heads[0].0;
        }
        *self.chance(Question::Trait, index ^ (1 << 62)).weighted(family.heads)
    }

    fn family(&self, root: u64) -> (&'static Family, (&'static str, u64)) {
        let mut chance = self.chance(Question::Trait, root ^ (1 << 61));
        let (mut family, mut size) = (None, usize::try_from(chance.below(3)).unwrap_or(0));
        if self.is_foundation(root) {
            let count = FAMILIES.len() as u64;
            family = FAMILIES.get(usize::try_from(root % count).unwrap_or(0));
            size = usize::try_from(root / count).unwrap_or(0);
        }
        let drawn = || {
            let total: u32 = FAMILIES.iter().map(|family| family.weight).sum();
            let mut left = chance.below(total.into());
            FAMILIES.iter().find(|family| {
                let is_here = left < u64::from(family.weight);
                left = left.saturating_sub(family.weight.into());
                is_here
            })
        };
        let family = family.or_else(drawn).unwrap_or(&FAMILIES[0]);
        (family, family.sizes[size.min(family.sizes.len() - 1)])
    }

    fn relation(&self, index: u64, family: &Family) -> Relation {
        let is_language = family.heads[0].0.task == "text-generation";
        let weights = match family.library {
            "diffusers" => [18, 80, 2, 0],
            _ if is_language => [45, 18, 33, 4],
            _ => [93, 5, 2, 0],
        };
        let all = [Relation::Finetune, Relation::Adapter, Relation::Quantized, Relation::Merge];
        let weighted: [(Relation, u32); 4] = std::array::from_fn(|at| (all[at], weights[at]));
        *self.chance(Question::Trait, index).weighted(&weighted)
    }

    /// The models a model was made from, the nearest first; none for those that tell of none.
    fn ancestors(&self, index: u64) -> Vec<u64> {
        let Some(base) = self.wanted_base(index) else { return Vec::new() };
        let mut line = self.ancestors(base);
        let root = line.last().copied().unwrap_or(base);
        let family = self.family(root).0;
        if BARREN.contains(&family.library) {
            return Vec::new();
        }
        // Few make something from a quantization or an adapter.
        let is_end = !line.is_empty() && self.relation(base, family) != Relation::Finetune;
        let skips = is_end && self.chance(Question::Lineage, index ^ (1 << 63)).happens(0.8);
        if line.len() < DEPTH_MAX && !skips {
            line.insert(0, base);
        }
        line
    }

    fn wanted_base(&self, index: u64) -> Option<u64> {
        let mut chance = self.chance(Question::Lineage, index);
        if self.is_foundation(index) || !chance.happens(0.66) {
            return None;
        }
        self.earlier(index, RepoKind::Model, &mut chance)
    }

    /// An earlier repository of that kind, most often one of the first; now and then one that came just before.
    pub(super) fn earlier(&self, index: u64, kind: RepoKind, chance: &mut Chance) -> Option<u64> {
        let start = if chance.happens(0.3) {
            index.saturating_sub(1 + chance.below(2000))
        } else {
            chance.zipf(index, 1.0)
        };
        (start..index).take(64).find(|earlier| self.kind(*earlier) == kind)
    }

    /// How a quantized model was quantized.
    pub(super) fn quantization(&self, index: u64) -> Quantization {
        let all = [
            (Quantization::Gguf, 75),
            (Quantization::Gptq, 9),
            (Quantization::Awq, 8),
            (Quantization::BitsAndBytes, 8),
        ];
        *self.chance(Question::Trait, index ^ (1 << 60)).weighted(&all)
    }
}

/// How a model got fewer bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantization {
    Gguf,
    Gptq,
    Awq,
    BitsAndBytes,
}

impl Quantization {
    fn suffix(self) -> &'static str {
        match self {
            Self::Gguf => "GGUF",
            Self::Gptq => "GPTQ",
            Self::Awq => "AWQ",
            Self::BitsAndBytes => "bnb-4bit",
        }
    }
}
