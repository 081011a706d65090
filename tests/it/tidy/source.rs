//! Just enough of Rust's lexical form to find words and paths in code, and not in comments or texts.

/// One .rs file.
pub(super) struct Source {
    /// Relative to the repository.
    pub(super) path: String,
    pub(super) tokens: Vec<Token>,
    /// The line of each token.
    pub(super) lines: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a keyword or a number.
    Word(String),
    Mark(char),
}

/// A path as it is written, with groups taken apart: `use a::{b, c::d}` is `a::b` and `a::c::d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) line: usize,
    pub(super) parts: Vec<String>,
    /// Inline modules around it, such as `mod tests { ... }`.
    pub(super) inside: usize,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let (tokens, lines) = lex(text);
        Self {
            path: path.into(),
            tokens,
            lines,
        }
    }

    pub(super) fn has_word(&self, word: &str) -> bool {
        self.tokens
            .iter()
            .any(|t| matches!(t, Token::Word(w) if w == word))
    }

    /// Every path that begins with this word.
    pub(super) fn paths(&self, first: &str) -> Vec<Path> {
        let mut paths = Vec::new();
        let (mut depth, mut modules) = (0_usize, Vec::new());
        for at in 0..self.tokens.len() {
            match &self.tokens[at] {
                Token::Mark('{') => {
                    depth += 1;
                    if self.is_word(at.wrapping_sub(2), "mod") {
                        modules.push(depth);
                    }
                }
                Token::Mark('}') => {
                    modules.retain(|m| *m != depth);
                    depth = depth.saturating_sub(1);
                }
                Token::Word(word) if word == first && !self.follows_path(at) => {
                    let before = paths.len();
                    self.take(at, Vec::new(), &mut paths);
                    for path in &mut paths[before..] {
                        path.line = self.lines[at];
                        path.inside = modules.len();
                    }
                }
                _ => {}
            }
        }
        paths
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        matches!(self.tokens.get(at), Some(Token::Word(w)) if w == word)
    }

    /// Whether `::` stands before it, and so a word that it is only a part of.
    fn follows_path(&self, at: usize) -> bool {
        at >= 3
            && self.tokens[at - 2..at] == [Token::Mark(':'), Token::Mark(':')]
            && matches!(self.tokens[at - 3], Token::Word(_))
    }

    /// Takes the path or the tree of paths at `at`; returns where it ends.
    fn take(&self, mut at: usize, mut parts: Vec<String>, paths: &mut Vec<Path>) -> usize {
        loop {
            match self.tokens.get(at) {
                Some(Token::Word(word)) => parts.push(word.clone()),
                Some(Token::Mark('*')) => parts.push("*".into()),
                Some(Token::Mark('{')) => {
                    at += 1;
                    while !matches!(self.tokens.get(at), None | Some(Token::Mark('}'))) {
                        at = self.take(at, parts.clone(), paths);
                        // `as name`, and the comma.
                        while !matches!(self.tokens.get(at), None | Some(Token::Mark('}' | ','))) {
                            at += 1;
                        }
                        if self.tokens.get(at) == Some(&Token::Mark(',')) {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                _ => break,
            }
            at += 1;
            if self.tokens.get(at..at + 2) != Some(&[Token::Mark(':'), Token::Mark(':')]) {
                break;
            }
            at += 2;
        }
        paths.push(Path {
            line: 0,
            parts,
            inside: 0,
        });
        at
    }
}

fn lex(text: &str) -> (Vec<Token>, Vec<usize>) {
    let bytes = text.as_bytes();
    let (mut tokens, mut lines) = (Vec::new(), Vec::new());
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let start = at;
        let rest = &text[at..];
        match bytes[at] {
            b'/' if rest.starts_with("//") => at += rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => at += block_comment(rest),
            b'"' => at += string(rest),
            b'\'' => at += quote(rest),
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                if let Some(length) = prefixed_string(rest) {
                    at += length;
                } else {
                    let word: String = rest
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect();
                    at += word.len();
                    tokens.push(Token::Word(word));
                    lines.push(line);
                }
            }
            _ => {
                let mark = rest.chars().next().unwrap_or(' ');
                at += mark.len_utf8();
                if !mark.is_whitespace() {
                    tokens.push(Token::Mark(mark));
                    lines.push(line);
                }
            }
        }
        line += text[start..at].matches('\n').count();
    }
    (tokens, lines)
}

/// They nest.
fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if text[at..].starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// From its opening quote on.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `b"..."`, `c"..."`, `r"..."`, `r#"..."#` and their mixtures; `None` for anything else.
fn prefixed_string(text: &str) -> Option<usize> {
    let prefix = text.find(|c: char| !c.is_ascii_alphabetic())?;
    if !["b", "c", "r", "br", "cr"].contains(&&text[..prefix]) {
        return None;
    }
    let rest = &text[prefix..];
    if !text[..prefix].contains('r') {
        return match rest.as_bytes()[0] {
            b'"' => Some(prefix + string(rest)),
            b'\'' => Some(prefix + quote(rest)),
            _ => None,
        };
    }
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let body = rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(prefix + hashes + 1 + length)
}

/// A character, or the quote of a lifetime.
fn quote(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            // The escaped character may be a quote itself.
            let rest = text.get(3..).unwrap_or_default();
            rest.find('\'').map_or(text.len(), |at| 3 + at + 1)
        }
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

#[test]
fn words_in_comments_and_texts_are_none() {
    let text = r##"
        // unsafe
        /* unsafe /* unsafe */ unsafe */
        let a = "unsafe \" unsafe"; let b = r#"unsafe " unsafe"#; let c = b'\'';
        let d: &'a str = 'x'; let e = '\u{7f}'; done
    "##;
    let source = Source::new("x.rs", text);
    assert!(!source.has_word("unsafe"));
    assert!(source.has_word("done") && source.has_word("a"));
    assert_eq!(source.lines.last(), Some(&5));
}

#[test]
fn groups_of_paths_are_taken_apart() {
    let text = "use crate::{\n  a::{self, b as x},\n  c,\n};\nmod tests { fn f() { crate::d::e::<u8>(); self::crate_(); } }";
    let source = Source::new("x.rs", text);
    let found: Vec<_> = source
        .paths("crate")
        .into_iter()
        .map(|p| (p.parts.join("::"), p.inside))
        .collect();
    let expected = [
        ("crate::a::self", 0),
        ("crate::a::b", 0),
        ("crate::c", 0),
        ("crate::d::e", 1),
    ];
    assert_eq!(found, expected.map(|(path, n)| (path.to_owned(), n)));
}
