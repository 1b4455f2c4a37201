//! Lineages: cycles, long chains, and what private repositories must not tell.

use steelyard_core::LicenseTraits;
use steelyard_index::query::{Condition, LineageWanted};
use steelyard_index::{ANCESTORS_MAX, Change, Document, Index, SearchRequest, Viewer};

use crate::random::Random;
use crate::world::{NOW, document};

fn model(repo_id: i64, id: &str, bases: &[&str]) -> Document {
    let mut model = document(&mut Random::new(1), repo_id, 1);
    model.kind = steelyard_core::RepoKind::Model;
    model.id = id.to_owned();
    model.is_private = false;
    model.owner_id = 1;
    model.base_models = bases.iter().map(|id| (*id).to_owned()).collect();
    model.base_relation = Some("finetune");
    model.license_traits = LicenseTraits::NONE;
    model
}

fn put(index: &Index, document: Document) {
    index.apply(vec![Change::Put(Box::new(document))], NOW);
}

fn find(index: &Index, viewer: Viewer, condition: Condition) -> Vec<i64> {
    let request = SearchRequest {
        viewer,
        conditions: vec![condition],
        limit: 1000,
        ..SearchRequest::default()
    };
    let mut found: Vec<i64> =
        index.search(&request).unwrap().hits.iter().map(|hit| hit.repo_id).collect();
    found.sort_unstable();
    found
}

#[test]
fn cycles_end() {
    let index = Index::new();
    put(&index, model(1, "a/one", &["a/three", "A/ONE"]));
    put(&index, model(2, "a/two", &["a/one"]));
    let mut three = model(3, "a/three", &["a/two"]);
    three.license_traits = LicenseTraits::NON_COMMERCIAL;
    put(&index, three);
    for repo_id in 1..4 {
        assert_eq!(
            index.lineage_traits(repo_id, &Viewer::Everyone),
            Some(LicenseTraits::NON_COMMERCIAL)
        );
        assert!(index.ancestors(repo_id, &Viewer::Everyone).len() <= 3);
    }
    let from = Condition::DescendsFrom(vec!["a/TWO".into()]);
    assert_eq!(find(&index, Viewer::Everyone, from), [1, 2, 3]);
    assert_eq!(
        find(&index, Viewer::Everyone, Condition::Lineage(LineageWanted::Permissive)),
        [] as [i64; 0]
    );
    put(&index, model(3, "a/three", &["a/two"]));
    assert_eq!(
        find(&index, Viewer::Everyone, Condition::Lineage(LineageWanted::Permissive)),
        [1, 2, 3]
    );
}

#[test]
fn a_base_that_comes_goes_or_is_renamed_changes_its_descendants() {
    let index = Index::new();
    let unknown = || {
        find(
            &index,
            Viewer::Everyone,
            Condition::Lineage(LineageWanted::Has(LicenseTraits::UNKNOWN_ANCESTOR)),
        )
    };
    put(&index, model(2, "a/child", &["b/base"]));
    put(&index, model(3, "a/grandchild", &["a/child"]));
    assert_eq!(unknown(), [2, 3]);
    put(&index, model(1, "b/base", &[]));
    assert_eq!(unknown(), [] as [i64; 0]);
    put(&index, model(1, "b/renamed", &[]));
    assert_eq!(unknown(), [2, 3]);
    put(&index, model(1, "b/base", &[]));
    index.apply(vec![Change::Remove(1)], NOW);
    assert_eq!(unknown(), [2, 3]);
    assert_eq!(index.children("B/base", None, &Viewer::Everyone, 9), [2]);
}

#[test]
fn private_ancestors_tell_nothing_to_those_who_may_not_see_them() {
    let index = Index::new();
    put(&index, model(1, "a/root", &[]));
    let mut hidden = model(2, "a/hidden", &["a/root"]);
    (hidden.is_private, hidden.owner_id) = (true, 7);
    hidden.license_traits = LicenseTraits::SHARE_ALIKE;
    put(&index, hidden);
    put(&index, model(3, "a/leaf", &["a/hidden"]));
    let strangers = Viewer::Sees(vec![1]);
    for viewer in [Viewer::Everyone, strangers] {
        assert_eq!(index.lineage_traits(3, &viewer), Some(LicenseTraits::UNKNOWN_ANCESTOR));
        assert_eq!(index.lineage_traits(2, &viewer), None);
        let ancestors = index.ancestors(3, &viewer);
        assert_eq!((ancestors.len(), ancestors[0].repo_id, ancestors[0].traits), (1, None, None));
        assert_eq!(
            find(&index, viewer.clone(), Condition::DescendsFrom(vec!["a/root".into()])),
            [] as [i64; 0]
        );
        assert!(index.children_counts("a/root", &viewer).is_empty());
    }
    for viewer in [Viewer::All, Viewer::Sees(vec![7])] {
        assert_eq!(index.lineage_traits(3, &viewer), Some(LicenseTraits::SHARE_ALIKE));
        let depths: Vec<u32> =
            index.ancestors(3, &viewer).iter().map(|ancestor| ancestor.depth).collect();
        assert_eq!(depths, [1, 2]);
        assert_eq!(
            find(&index, viewer.clone(), Condition::DescendsFrom(vec!["a/root".into()])),
            [2, 3]
        );
        assert_eq!(
            index.children_counts("a/root", &viewer).into_iter().collect::<Vec<_>>(),
            [("finetune", 1)]
        );
        let share_alike = Condition::Lineage(LineageWanted::Has(LicenseTraits::SHARE_ALIKE));
        assert_eq!(find(&index, viewer, share_alike), [2, 3]);
    }
}

#[test]
fn a_chain_longer_than_anybody_has_is_cut() {
    let index = Index::new();
    let length = ANCESTORS_MAX as i64 * 2;
    for number in 0..length {
        let base = format!("c/m{}", number - 1);
        let bases: &[&str] = if number == 0 { &[] } else { &[&base] };
        put(&index, model(number + 1, &format!("c/m{number}"), bases));
    }
    assert_eq!(index.lineage_traits(100, &Viewer::Everyone), Some(LicenseTraits::NONE));
    assert_eq!(
        index.lineage_traits(length, &Viewer::Everyone),
        Some(LicenseTraits::UNKNOWN_ANCESTOR)
    );
    assert!(index.ancestors(length, &Viewer::Everyone).len() <= ANCESTORS_MAX + 1);
    let all = find(&index, Viewer::Everyone, Condition::DescendsFrom(vec!["c/m0".into()]));
    assert_eq!(all.len() as i64, length - 1);
}
