//! Finding papers in the text of a card: links to arXiv and to paper pages.

/// What stands right before an arXiv id in a link.
const MARKS: [&str; 6] = [
    "arxiv.org/abs/",
    "arxiv.org/pdf/",
    "arxiv.org/html/",
    "huggingface.co/papers/",
    "hf.co/papers/",
    "](/papers/",
];
/// Most papers taken from one card.
const PAPERS_MAX: usize = 100;

/// The arXiv ids linked from `text`, in order, each once, without their version.
pub(crate) fn arxiv_ids(text: &str) -> Vec<String> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    for mark in MARKS {
        for (at, _) in text.match_indices(mark) {
            found.extend(leading_id(&text[at + mark.len()..]).map(|id| (at, id)));
        }
    }
    found.sort_unstable();
    let mut ids: Vec<String> = Vec::new();
    for (_, id) in found {
        if ids.len() < PAPERS_MAX && !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// `NNNN.NNNN` or `NNNN.NNNNN` at the start of `text`.
fn leading_id(text: &str) -> Option<&str> {
    let digits = |from: usize| {
        text.as_bytes().iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count()
    };
    if digits(0) != 4 || text.as_bytes().get(4) != Some(&b'.') {
        return None;
    }
    let tail = digits(5);
    (4..=5).contains(&tail).then(|| &text[..5 + tail])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_order_and_once() {
        let text = "See [a](https://arxiv.org/abs/2203.10452v2), https://arxiv.org/pdf/1904.06472.pdf, \
                    <https://huggingface.co/papers/2506.00993>, [again](https://arxiv.org/abs/2203.10452) \
                    and [page](/papers/0704.0001).";
        assert_eq!(arxiv_ids(text), ["2203.10452", "1904.06472", "2506.00993", "0704.0001"]);
    }

    #[test]
    fn other_numbers_are_not_papers() {
        for text in [
            "arxiv.org/abs/123.45678",
            "arxiv.org/abs/2203.123",
            "arxiv.org/abs/2203.1234567",
            "2203.10452",
            "arxiv.org/abs/",
        ] {
            assert!(arxiv_ids(text).is_empty(), "{text}");
        }
    }
}
