//! Licence expressions (SPDX) against the list of `deny.toml`.

use anyhow::{Context, Result, ensure};

pub(super) struct Policy {
    allowed: Vec<String>,
    /// (package, licence)
    exceptions: Vec<(String, String)>,
}

impl Policy {
    /// As `deny.toml` writes it: one licence a line, an exception as a table of its own.
    pub(super) fn of(text: &str) -> Result<Self> {
        let section = |name: &str| -> Vec<&str> {
            let mut inside = false;
            let mut lines = Vec::new();
            for line in text.lines() {
                if line.starts_with('[') {
                    inside = line == name;
                } else if inside {
                    lines.push(line.trim());
                }
            }
            lines
        };
        let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
        let licenses = section("[licenses]");
        let from = licenses.iter().position(|line| *line == "allow = [");
        let from = from.context("deny.toml: [licenses] has no list `allow`")?;
        let allowed: Vec<_> = licenses[from + 1..]
            .iter()
            .take_while(|line| **line != "]")
            .filter_map(|line| quoted(line))
            .collect();
        ensure!(allowed.len() > 3, "deny.toml allows {allowed:?} alone");
        let exceptions = section("[[licenses.exceptions]]");
        let of = |key: &str| {
            let found = exceptions.iter().filter(|line| line.starts_with(key));
            found.filter_map(|line| quoted(line)).collect::<Vec<_>>()
        };
        let exceptions = of("crate = ").into_iter().zip(of("allow = ")).collect();
        Ok(Self {
            allowed,
            exceptions,
        })
    }

    /// Whether the package may be used under its terms: one of those that `OR` (or an older `/`) leaves to choose, all of
    /// those that `AND` joins.
    pub(super) fn allows(&self, package: &str, expression: &str) -> bool {
        let spaced = expression
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let mut words = spaced.split_whitespace().peekable();
        let one = |licence: &str| {
            let own = |(name, its): &(String, String)| name == package && its == licence;
            self.allowed.iter().any(|a| a == licence) || self.exceptions.iter().any(own)
        };
        either(&mut words, &one).unwrap_or(false) && words.next().is_none()
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>, one: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut allowed = both(words, one)?;
    while words.next_if_eq(&"OR").is_some() {
        allowed |= both(words, one)?;
    }
    Some(allowed)
}

fn both(words: &mut Words<'_>, one: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut allowed = single(words, one)?;
    while words.next_if_eq(&"AND").is_some() {
        allowed &= single(words, one)?;
    }
    Some(allowed)
}

fn single(words: &mut Words<'_>, one: &dyn Fn(&str) -> bool) -> Option<bool> {
    let word = words.next()?;
    if word == "(" {
        let inner = either(words, one)?;
        return words.next_if_eq(&")").map(|_| inner);
    }
    if words.next_if_eq(&"WITH").is_some() {
        let exception = words.next()?;
        return Some(one(&format!("{word} WITH {exception}")));
    }
    Some(one(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_chosen_from() {
        let text = "[licenses]\nallow = [\n  \"MIT\",\n  \"ISC\",\n  \"Zlib\",\n  \"Apache-2.0 WITH LLVM-exception\",\n]\n\
                    [[licenses.exceptions]]\ncrate = \"inferno\"\nallow = [\"CDDL-1.0\"]\n";
        let policy = Policy::of(text).unwrap();
        for (expression, allowed) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("(GPL-3.0 OR MIT) AND ISC", true),
            ("GPL-3.0 AND (MIT OR ISC)", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0", false),
            ("MIT ISC", false),
            ("(MIT", false),
            ("CDDL-1.0", false),
        ] {
            assert_eq!(policy.allows("any", expression), allowed, "{expression}");
        }
        assert!(policy.allows("inferno", "CDDL-1.0"));
        assert!(Policy::of("[licenses]\n").is_err());
    }
}
