use super::*;

fn facts(downloads: u64, likes: u64, year: i64) -> RankFacts {
    let created_at = Timestamp::from_secs((year - 1970) * 31_557_600);
    let counters = Counters { downloads, likes, ..Counters::default() };
    RankFacts { counters, created_at, card_score: 50, has_successor: false }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn the_formula_gives_the_figures_worked_out_by_hand() {
    // ln(1001) + 0.5 ln(101) + 2 · 0.5 + 0.7 · 5 years = 6.90875 + 2.30756 + 1 + 3.5
    let mut some = facts(1000, 100, 2020);
    some.created_at = TREND_EPOCH.plus_secs(5 * 31_557_600);
    assert!((f64::from(rank(&some)) - 13.716_31).abs() < 1e-4);
    some.has_successor = true;
    assert!((f64::from(rank(&some)) - 10.716_31).abs() < 1e-4);
    // A name match inside a word (0.4) and text of score 8 (0.45): (0.45 + 0.08) · (8 + 10).
    assert!((f64::from(score(0.4, Some(8.0), 10.0)) - 9.54).abs() < 1e-5);
}

#[test]
fn a_new_model_passes_an_old_one_with_somewhat_more_downloads() {
    assert!(rank(&facts(1_000_000, 500, 2026)) > rank(&facts(5_000_000, 500, 2018)));
    assert!(rank(&facts(1_000_000, 500, 2026)) < rank(&facts(50_000_000, 5000, 2024)));
}

#[test]
fn trends_keep_their_order_and_halve_in_a_week() {
    let at = Timestamp::from_secs(1_790_000_000);
    let weight = trend_weight(3.0, at);
    assert!((trending_score(weight, at) - 3.0).abs() < 1e-9);
    assert!((trending_score(weight, at.plus_secs(TREND_HALF_LIFE_SECS)) - 1.5).abs() < 1e-9);
    let mut old = facts(10, 10, 2021);
    let before = rank(&old);
    old.counters.trend = weight;
    assert!(rank(&old) > before + 3.0, "what trends now is as fresh as what is new");
}

#[test]
fn names_match_better_the_more_of_a_word_they_are() {
    for (asked, id, relevance) in [
        ("bert", "google/bert", 1.0),
        ("google bert", "google/bert", 1.0),
        ("llama 3 8b", "meta/Llama-3-8B", 1.0),
        ("bert", "google/bert-base", 0.8),
        ("base", "google/bert-base", 0.6),
        ("rt", "google/bert-base", 0.4),
        ("xlm", "google/bert-base", 0.0),
        ("bert xlm", "google/bert-base", 0.4),
    ] {
        assert!((name_relevance(&words(asked), id) - relevance).abs() < 1e-9, "{asked} in {id}");
    }
}

#[test]
fn hostile_numbers_give_a_number() {
    let mut odd = facts(u64::MAX, u64::MAX, 2026);
    for trend in [f64::INFINITY, f64::NAN, f64::MIN, f64::MAX] {
        odd.counters.trend = trend;
        odd.created_at = Timestamp::from_millis(i64::MAX / 2);
        assert!(rank(&odd).is_finite());
    }
    assert!(
        score(1.0, Some(f32::NAN), f32::MIN).is_finite()
            && score(1.0, Some(f32::INFINITY), 1.0).is_finite()
    );
}
