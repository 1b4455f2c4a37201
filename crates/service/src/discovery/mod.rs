//! Discovery: finding repositories by what they are, and judging what was found.
//!
//! The index ([`steelyard_index`]) is this replica's own and can be thrown away: it is loaded from the database when it is
//! first needed and follows the log of events ([`feed`]). Nothing rests on a timer: whoever searches waits until
//! everything that was committed before their question is in the index, on whichever replica it was committed.
//!
//! What a search finds is read from the database once more before it is told, with the permission of that moment. So the
//! index can neither show a repository to somebody who may no longer see it, nor tell anything of it that is not so any
//! more.

mod advice;
mod changed;
mod document;
mod feed;
mod judge;
mod leaderboard;
mod lineage;
mod load;
mod numbers;
mod position;
mod search;
mod suggest;
mod text;
mod vocabulary;
mod weights;
mod words;

pub use feed::run;
pub use leaderboard::{Board, Rank, Ranking, Reported};
pub use lineage::{Child, ChildrenCount, Lineage};
pub use numbers::weight_faults;
pub use search::{Found, FoundRepo};
pub use steelyard_card::facts::BaseRelation;
pub use steelyard_index::query;
pub use steelyard_index::{Direction, Facet, FacetCount, Linked, SearchRequest, Sort};
pub use suggest::Suggested;
pub use words::{QuickFound, TextFound, TextFoundRepo};

pub(crate) use feed::Discovery;
pub(crate) use position::Position;
