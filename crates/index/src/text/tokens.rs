//! How texts become tokens: runs of letters and digits in lower case, without accents.
//!
//! There is no stemming, because names of models must be found as they are. In scripts that put no spaces between words
//! (Chinese and Japanese) each character is a token, so that any part of a sentence can be found.

use tantivy::tokenizer::{AsciiFoldingFilter, TextAnalyzer, Token, TokenStream, Tokenizer};

/// Longer runs are keys, hashes or encoded data, not words.
const TOKEN_BYTES_MAX: usize = 64;

/// The analyser of cards and of words that are looked for.
pub(super) fn analyser() -> TextAnalyzer {
    TextAnalyzer::builder(Splitter::default()).filter(AsciiFoldingFilter).build()
}

/// Calls `visit` with each token of `text`, until it answers false.
pub(super) fn each_token(text: &str, mut visit: impl FnMut(&Token) -> bool) {
    let mut analyser = analyser();
    let mut stream = analyser.token_stream(text);
    while stream.advance() {
        if !visit(stream.token()) {
            break;
        }
    }
}

/// Cuts texts into runs of letters and digits, in lower case.
#[derive(Clone, Default)]
struct Splitter {
    token: Token,
}

struct Stream<'a> {
    text: &'a str,
    /// Where the next token is looked for.
    at: usize,
    token: &'a mut Token,
}

impl Tokenizer for Splitter {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.token.reset();
        Stream { text, at: 0, token: &mut self.token }
    }
}

/// What a character does to the token before it.
enum Part {
    /// It goes on, with this character in lower case.
    Letter(char),
    /// It goes on as if the character were not there.
    Mark,
    /// It ends, and this character is a token of its own.
    Word(char),
    /// It ends.
    Gap,
}

fn part(char: char) -> Part {
    match u32::from(char) {
        // Accents that stand beside their letter instead of being part of it.
        0x300..=0x36f => Part::Mark,
        0x3041..=0x30ff
        | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff
        | 0xf900..=0xfaff
        | 0x20000..=0x3fffd => {
            if char.is_alphanumeric() {
                Part::Word(char)
            } else {
                Part::Gap
            }
        }
        _ if char.is_alphanumeric() => Part::Letter(char),
        _ => Part::Gap,
    }
}

impl Stream<'_> {
    /// Takes one run from `self.at` on; false at the end of the text.
    fn take_run(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let (mut start, mut end) = (None, self.at);
        self.token.text.clear();
        while let Some(byte) = bytes.get(self.at) {
            if byte.is_ascii_alphanumeric() {
                start.get_or_insert(self.at);
                self.token.text.push(char::from(byte.to_ascii_lowercase()));
                self.at += 1;
                end = self.at;
                continue;
            }
            let char = self.text[self.at..].chars().next().unwrap_or(' ');
            let after = self.at + char.len_utf8();
            match part(char) {
                Part::Letter(char) => {
                    start.get_or_insert(self.at);
                    self.token.text.extend(char.to_lowercase());
                    end = after;
                }
                Part::Mark => end = if start.is_some() { after } else { end },
                Part::Word(char) if start.is_none() => {
                    (start, end, self.at) = (Some(self.at), after, after);
                    self.token.text.push(char);
                    break;
                }
                // The character begins the next run.
                Part::Word(_) => break,
                Part::Gap if start.is_some() => break,
                Part::Gap => {}
            }
            self.at = after;
        }
        self.token.offset_from = start.unwrap_or(end);
        self.token.offset_to = end;
        start.is_some()
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        while self.take_run() {
            self.token.position = self.token.position.wrapping_add(1);
            if self.token.text.len() <= TOKEN_BYTES_MAX {
                return true;
            }
        }
        false
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
