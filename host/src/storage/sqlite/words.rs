//! Just enough of SQL's lexical form to find a statement's verb.

/// The word that says what a statement does, as written: the first one, or after `WITH ...` the main statement's.
pub(super) fn verb(sql: &str) -> &str {
    // Nearly every text starts with its verb.
    let end = sql.bytes().position(|byte| !byte.is_ascii_alphabetic());
    let plain = end.filter(|end| *end > 0 && sql.as_bytes()[*end] == b' ');
    if let Some(word) = plain.map(|end| &sql[..end])
        && !word.eq_ignore_ascii_case("with")
    {
        return word;
    }
    let mut words = Words { rest: sql };
    let first = words.next().unwrap_or("");
    if !first.eq_ignore_ascii_case("with") {
        return first;
    }
    let main = ["select", "values", "insert", "replace", "update", "delete"];
    words
        .find(|word| main.iter().any(|verb| word.eq_ignore_ascii_case(verb)))
        .unwrap_or("")
}

/// Whether the text may rename something to a name that starts with `prefix`: SQLite does not tell the authorizer the
/// new name. Errs on the side of yes: a `RENAME` and such a name, wherever they stand.
pub(super) fn renames_to(sql: &str, prefix: &str) -> bool {
    starts(sql, "rename") && starts(sql, prefix)
}

/// Whether a word of the text starts so, in any case.
fn starts(text: &str, start: &str) -> bool {
    let text = text.as_bytes();
    let begins = |at: usize| at == 0 || !is_word(char::from(text[at - 1]));
    let mut windows = text.windows(start.len()).enumerate();
    windows.any(|(at, part)| part.eq_ignore_ascii_case(start.as_bytes()) && begins(at))
}

/// The words outside of parentheses, quotes and comments.
struct Words<'s> {
    rest: &'s str,
}

impl<'s> Iterator for Words<'s> {
    type Item = &'s str;

    fn next(&mut self) -> Option<&'s str> {
        let mut depth = 0_usize;
        loop {
            let first = self.rest.chars().next()?;
            match first {
                '\'' | '"' | '`' => self.skip_past(1, first),
                '[' => self.skip_past(1, ']'),
                '-' if self.rest.starts_with("--") => self.skip_past(2, '\n'),
                '/' if self.rest.starts_with("/*") => {
                    let body = &self.rest[2..];
                    self.rest = body.find("*/").map_or("", |end| &body[end + 2..]);
                }
                '(' => {
                    depth += 1;
                    self.skip(first);
                }
                ')' => {
                    depth = depth.saturating_sub(1);
                    self.skip(first);
                }
                _ if is_word(first) => {
                    let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
                    let (word, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    if depth == 0 {
                        return Some(word);
                    }
                }
                _ => self.skip(first),
            }
        }
    }
}

impl Words<'_> {
    fn skip(&mut self, c: char) {
        self.rest = &self.rest[c.len_utf8()..];
    }

    /// Past the next `end` after the first `from` bytes. A doubled quote simply opens the next quoted run.
    fn skip_past(&mut self, from: usize, end: char) {
        let body = &self.rest[from..];
        self.rest = body.find(end).map_or("", |at| &body[at + end.len_utf8()..]);
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::{renames_to, verb};

    #[test]
    fn renames_to_a_reserved_name_are_found() {
        for yes in [
            "ALTER TABLE a RENAME TO _greenroom_a",
            "alter table a rename to /* x */ \"_GREENROOM_a\"",
            "CREATE TABLE b (c); ALTER TABLE b RENAME c TO [_greenroom_c]",
        ] {
            assert!(renames_to(yes, "_greenroom_"), "{yes}");
        }
        for no in [
            "ALTER TABLE a RENAME TO my_greenroom_a",
            "CREATE TABLE x (y DEFAULT '_greenroom_')",
            "SELECT a FROM _greenroom_x",
        ] {
            assert!(!renames_to(no, "_greenroom_"), "{no}");
        }
    }

    #[test]
    fn verbs_are_found_behind_comments_and_with() {
        for (sql, expected) in [
            ("select 1", "select"),
            (
                " -- begin\n /* commit */ INSERT INTO t VALUES (1)",
                "INSERT",
            ),
            (
                "with x as (delete from y), \"update\" as (select ')') insert into t select * from x",
                "insert",
            ),
            (
                "WITH a(b) AS (SELECT 'it''s ( ') /* update */ SELECT 1",
                "SELECT",
            ),
            (";;COMMIT", "COMMIT"),
            ("", ""),
            ("/* never ends", ""),
            ("'never ends", ""),
            ("with", ""),
            ("ä", "ä"),
        ] {
            assert_eq!(verb(sql), expected, "{sql}");
        }
    }
}
