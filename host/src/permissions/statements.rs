//! Where policies begin and end in a file, and a bound on how deep one can be.
//!
//! Cedar's parser, its values and their destructors go down an expression by recursion, and nothing in them bounds a text
//! of a megabyte that is one expression. What nests, or chains, is an operator, a bracket, a dot or one of a few words: a
//! statement may have so many of them and no more.

/// What nests or chains, in one statement.
pub(super) const MOST_STEPS: usize = 500;
/// Bytes of one statement.
const LONGEST: usize = 64 << 10;

/// One policy, with its annotations, up to its semicolon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// Bytes from the file's beginning.
    pub(super) start: usize,
    pub(super) text: &'a str,
}

/// A statement that is too large, by its first byte, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge {
    pub(super) start: usize,
    pub(super) why: String,
}

/// Takes a file apart. Whether a statement is one is the parser's to say; a rest without a semicolon is the last.
pub(super) fn split(text: &str) -> Result<Vec<Statement<'_>>, TooLarge> {
    let mut statements = Vec::new();
    let mut start = None;
    let mut steps = 0;
    let mut at = 0;
    while at < text.len() {
        let (token, length) = token(&text[at..]);
        if token != Token::Space {
            start.get_or_insert(at);
        }
        at += length;
        steps += usize::from(token == Token::Step);
        let Some(from) = start else { continue };
        if steps > MOST_STEPS || at - from > LONGEST {
            return Err(TooLarge {
                start: from,
                why: format!(
                    "this policy is too large: it takes {MOST_STEPS} operators, brackets and dots, and {} KiB; make \
                     several of it, or list names in a set, `principal in [...]`",
                    LONGEST >> 10
                ),
            });
        }
        if token == Token::End {
            statements.push(Statement {
                start: from,
                text: &text[from..at],
            });
            (start, steps) = (None, 0);
        }
    }
    if let Some(from) = start {
        statements.push(Statement {
            start: from,
            text: text[from..].trim_end(),
        });
    }
    Ok(statements)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// Or a comment.
    Space,
    /// `;`
    End,
    /// What nests or chains.
    Step,
    Other,
}

/// The first token, and its bytes. `text` is not empty.
fn token(text: &str) -> (Token, usize) {
    let bytes = text.as_bytes();
    let while_in = |set: fn(u8) -> bool| bytes.iter().take_while(|byte| set(**byte)).count();
    match bytes[0] {
        b'/' if bytes.get(1) == Some(&b'/') => {
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            (Token::Space, end.unwrap_or(bytes.len()))
        }
        b'"' => (Token::Other, string(bytes)),
        b';' => (Token::End, 1),
        byte if byte.is_ascii_whitespace() => (Token::Space, 1),
        byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
            let length = while_in(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let step = matches!(&text[..length], "if" | "in" | "has" | "like" | "is");
            (if step { Token::Step } else { Token::Other }, length)
        }
        // `==`, `&&` and their like are one.
        b'=' | b'!' | b'<' | b'>' | b'&' | b'|' => {
            let rest = bytes
                .get(1)
                .is_some_and(|byte| matches!(byte, b'=' | b'&' | b'|'));
            (Token::Step, 1 + usize::from(rest))
        }
        b'(' | b'[' | b'{' | b'.' | b'+' | b'-' | b'*' | b'/' | b'%' => (Token::Step, 1),
        // Other characters too: a byte of them is none that is looked for.
        _ => (Token::Other, text.chars().next().map_or(1, char::len_utf8)),
    }
}

/// From its opening quote on.
fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        let statements = split(text).unwrap();
        for statement in &statements {
            assert!(text[statement.start..].starts_with(statement.text));
        }
        statements.iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn statements_end_at_their_semicolons() {
        let text =
            "// a; b\n@id(\"x;\\\"y\")\npermit (principal, action, resource);  forbid(); // ;\n";
        assert_eq!(
            texts(text),
            [
                "@id(\"x;\\\"y\")\npermit (principal, action, resource);",
                "forbid();"
            ]
        );
        assert_eq!(texts(""), [""; 0]);
        assert_eq!(texts(" // only this"), [""; 0]);
        assert_eq!(texts("permit(ä) "), ["permit(ä)"]);
        assert_eq!(texts(";;"), [";", ";"]);
        for open in ["\"", "\"a;", "\"\\", "a \"ä\\", "ä"] {
            assert_eq!(texts(open), [open]);
        }
    }

    #[test]
    fn what_nests_is_bounded_and_what_only_lists_is_not() {
        let nested = |steps: usize| format!("permit{};", "(".repeat(steps));
        assert!(split(&nested(MOST_STEPS)).is_ok());
        let deep = format!("forbid();\n{}", nested(MOST_STEPS + 1));
        let refused = split(&deep).unwrap_err();
        assert_eq!(refused.start, 10);
        assert!(refused.why.contains("500 operators"), "{}", refused.why);
        for chain in [
            "a && ",
            "a.",
            "a == ",
            "!",
            "if a then b else ",
            "a in ",
            "1 + ",
        ] {
            assert!(split(&chain.repeat(MOST_STEPS + 1)).is_err(), "{chain}");
        }
        // Each starts anew.
        assert_eq!(texts(&"permit(a.b);".repeat(1000)).len(), 1000);
        let names: Vec<_> = (0..1000).map(|n| format!("User::\"u{n}\"")).collect();
        let list = format!("permit(principal in [{}]);", names.join(", "));
        assert_eq!(texts(&list).len(), 1);
        assert!(split(&format!("\"{}\"", "a".repeat(LONGEST))).is_err());
    }
}
