//! Names and prose: words by Zipf's law, syllables where no list of words is long enough.

use super::chance::Chance;

/// The words that cards are full of, the most frequent first.
const COMMON: &str = "the of and to a in model is for on with this training data was it as are that be by from an \
    dataset trained used can at or we language which text not results model's learning base fine-tuned using evaluation \
    set more has have been were these its one other tokens token size batch loss rate accuracy performance version our \
    only all when than task tasks weights into also but may use their between both each if over such layers input \
    output prompt generation instruction following system user assistant how what most some two first new number high \
    low score scores test validation train split steps epochs optimizer scheduler linear warmup seed precision recall \
    metric metrics benchmark benchmarks english german french spanish chinese japanese multilingual vocabulary corpus \
    sentence sentences word words document documents question answer questions answers context length long short \
    sentiment emotion review reviews news medical clinical legal finance financial code python math reasoning chat \
    roleplay story poetry summary summarization translation speech audio image images vision video object detection \
    segmentation classification classifier label labels class classes feature features embedding embeddings retrieval \
    search query semantic similarity transformer transformers attention head heads encoder decoder diffusion adapter \
    lora merge merged quantized quantization bits memory gpu hardware inference fast faster small large tiny limits \
    limitations bias biases risk risks harmful content intended uses research commercial license released open source \
    community contributors authors paper method approach experiment experiments ablation baseline improved improves \
    state art quality human preference preferences alignment safety reward policy agent environment episode game \
    robot control tabular regression time series forecast weather satellite molecule protein chemistry biology gene \
    patient hospital court contract bank stock market customer support ticket email spam toxic hate abuse detection \
    entity entities person location organization date relation extraction parsing grammar spelling correction dialect \
    accent noise speaker music genre instrument face pose depth edge texture style anime portrait landscape photo";

/// Words behind those of the list that prose is made of.
const RARE_WORDS: u64 = 20_000;

/// What models, datasets and Spaces are about; part of their names and tags.
pub(super) const TOPICS: &[&str] = &[
    "sentiment",
    "emotion",
    "medical",
    "legal",
    "finance",
    "news",
    "chat",
    "code",
    "math",
    "roleplay",
    "imdb",
    "reviews",
    "german",
    "french",
    "spanish",
    "chinese",
    "japanese",
    "arabic",
    "hindi",
    "portuguese",
    "toxicity",
    "spam",
    "intent",
    "ner",
    "qa",
    "summary",
    "poetry",
    "recipes",
    "science",
    "biology",
    "chemistry",
    "robotics",
    "speech",
    "music",
    "anime",
    "portrait",
    "landscape",
    "pixel",
    "fashion",
    "cars",
    "plants",
    "food",
    "satellite",
    "xray",
    "ocr",
    "invoice",
    "weather",
    "stocks",
    "sports",
    "travel",
    "education",
    "history",
    "reasoning",
    "instruct",
    "dpo",
    "orpo",
    "agents",
    "tools",
    "search",
    "retrieval",
    "rerank",
    "wiki",
    "tweets",
    "subtitles",
];

const ONSETS: [&str; 10] = ["b", "d", "k", "l", "m", "n", "r", "s", "t", "v"];
const VOWELS: [&str; 5] = ["a", "e", "i", "o", "u"];
const SYLLABLES: u64 = 50;

/// A made-up word of at least `syllables` syllables; another number gives another word.
pub(super) fn made_up(number: u64, syllables: usize) -> String {
    let (mut word, mut rest, mut written) = (String::new(), number, 0);
    while rest > 0 || written < syllables {
        let at = usize::try_from(rest % SYLLABLES).unwrap_or(0);
        word.push_str(ONSETS[at / VOWELS.len()]);
        word.push_str(VOWELS[at % VOWELS.len()]);
        rest /= SYLLABLES;
        written += 1;
    }
    word
}

/// A number in few characters, for names.
pub(super) fn code(number: u64) -> String {
    let (mut code, mut rest) = (Vec::new(), number);
    while rest > 0 || code.len() < 3 {
        code.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[usize::try_from(rest % 36).unwrap_or(0)]);
        rest /= 36;
    }
    code.reverse();
    String::from_utf8_lossy(&code).into_owned()
}

/// Writes prose with words by Zipf's law.
#[derive(Debug)]
pub(super) struct Writer {
    common: Vec<&'static str>,
    rare: Vec<String>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            common: COMMON.split_whitespace().collect(),
            rare: (0..RARE_WORDS).map(|number| made_up(number * 7919 % 125_000, 2)).collect(),
        }
    }

    fn word(&self, chance: &mut Chance) -> &str {
        let count = self.common.len() + self.rare.len();
        let rank = usize::try_from(chance.zipf(count as u64, 1.0)).unwrap_or(0);
        match rank.checked_sub(self.common.len()) {
            None => self.common[rank],
            Some(rank) => &self.rare[rank],
        }
    }

    /// Appends paragraphs of at least `bytes` bytes together.
    pub(super) fn prose(&self, chance: &mut Chance, bytes: usize, out: &mut String) {
        let end = out.len() + bytes;
        while out.len() < end {
            for _ in 0..chance.between(2, 5) {
                self.sentence(chance, out);
                if out.len() >= end {
                    break;
                }
            }
            out.push_str("\n\n");
        }
    }

    fn sentence(&self, chance: &mut Chance, out: &mut String) {
        let start = out.len();
        for at in 0..chance.between(5, 18) {
            if at > 0 {
                out.push(' ');
            }
            out.push_str(self.word(chance));
        }
        if let Some(first) = out.get_mut(start..=start) {
            first.make_ascii_uppercase();
        }
        out.push_str(". ");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::chance::Question;
    use super::*;

    #[test]
    fn made_up_words_and_codes_differ() {
        let words: HashSet<String> = (0..200_000).map(|number| made_up(number, 3)).collect();
        assert_eq!(words.len(), 200_000);
        let codes: HashSet<String> = (0..200_000).map(code).collect();
        assert_eq!(codes.len(), 200_000);
    }

    #[test]
    fn prose_has_the_length_asked_for_and_common_words_are_common() {
        let (writer, mut text) = (Writer::new(), String::new());
        let mut chance = Chance::new(1, Question::Body, 1);
        writer.prose(&mut chance, 20_000, &mut text);
        assert!((20_000..20_200).contains(&text.len()), "{}", text.len());
        let words: Vec<&str> = text.split_whitespace().collect();
        let count = |word: &str| words.iter().filter(|found| **found == word).count();
        // The first rank of about 20,400 has the share ln(2) / ln(20,400) = 7 %; sentences begin with a capital.
        let share = count("the") as f64 / words.len() as f64;
        assert!((0.04..0.09).contains(&share), "{share}");
        assert!(count("the") > count("dataset") && count("dataset") > count("portrait"));
        let different: HashSet<&str> = words.iter().copied().collect();
        assert!(different.len() > 500, "{}", different.len());
    }
}
