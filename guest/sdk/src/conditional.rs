//! Conditional requests: a change that is made only while the client's copy is current.

use crate::{Error, Request};

/// What an `If-Match` header asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever is there.
    Any,
    /// One of these entity tags, without their quotes.
    Tags(Vec<String>),
}

impl IfMatch {
    /// The request's `If-Match`, if it has one. A header that cannot be read matches nothing.
    pub fn of(request: &Request) -> Option<Self> {
        request.header("if-match").map(|value| Self::parse(&value))
    }

    /// `etag` is the current one as sent, `"..."`. A tag that the host weakened (`W/"..."`) when it compressed the
    /// answer counts as the strong one: the plugin's are strong, so the representation is the same.
    pub fn matches(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(|tag| etag.trim_matches('"') == tag),
        }
    }

    /// 412 unless it [`matches`](Self::matches).
    pub fn check(&self, etag: &str) -> Result<(), Error> {
        if self.matches(etag) {
            Ok(())
        } else {
            Err(Error::new(
                412,
                "the item has changed: If-Match does not match",
            ))
        }
    }

    fn parse(value: &str) -> Self {
        if value.trim() == "*" {
            return Self::Any;
        }
        let mut tags = Vec::new();
        let mut rest = value.trim_start_matches([' ', '\t', ',']);
        while !rest.is_empty() {
            let tag = rest.strip_prefix("W/").unwrap_or(rest);
            let Some((tag, after)) = tag.strip_prefix('"').and_then(|tag| tag.split_once('"'))
            else {
                break;
            };
            tags.push(tag.to_owned());
            rest = after.trim_start_matches([' ', '\t', ',']);
        }
        Self::Tags(tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(value: &str, etag: &str) -> bool {
        IfMatch::parse(value).matches(etag)
    }

    #[test]
    fn lists_and_weak_tags_match() {
        for value in [
            "*",
            " * ",
            "\"a\"",
            "W/\"a\"",
            "\"b\", W/\"c\" ,\"a\"",
            ",, \"a\"",
            "\"x,y\",\"a\"",
        ] {
            assert!(matches(value, "\"a\""), "{value}");
        }
        for value in [
            "", "a", "\"b\"", "\"a", "w/\"a\"", "b, \"a\"", "\"*\"", "\"A\"",
        ] {
            assert!(!matches(value, "\"a\""), "{value}");
        }
        assert!(matches("\"x,y\"", "\"x,y\""));
    }

    #[test]
    fn a_mismatch_is_412() {
        let request = Request::new("PATCH", "/").with_header("if-match", "\"b\"");
        assert_eq!(
            IfMatch::of(&request)
                .unwrap()
                .check("\"a\"")
                .unwrap_err()
                .status(),
            412
        );
        assert_eq!(IfMatch::of(&Request::new("PATCH", "/")), None);
    }
}
