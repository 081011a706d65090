//! What a request's head holds for the host, seen once.

use http::HeaderMap;

/// Which of the headers that the host itself reads are there, from one walk over them: most requests have few, and
/// looking each one up would hash its name each time.
#[derive(Default)]
pub(in crate::http) struct Given {
    /// What all fields take, bytes.
    pub(super) length: usize,
    pub(super) hosts: usize,
    pub(super) transfer_encoding: bool,
    pub(in crate::http) expect: bool,
    pub(in crate::http) accept_encoding: bool,
    pub(in crate::http) if_none_match: bool,
    pub(in crate::http) request_id: bool,
    pub(in crate::http) authorization: bool,
    pub(in crate::http) cookie: bool,
}

impl Given {
    pub(in crate::http) fn of(headers: &HeaderMap) -> Self {
        let mut given = Self::default();
        for (name, value) in headers {
            let name = name.as_str();
            given.length += name.len() + value.len() + 4;
            match name {
                "host" => given.hosts += 1,
                "transfer-encoding" => given.transfer_encoding = true,
                "expect" => given.expect = true,
                "accept-encoding" => given.accept_encoding = true,
                "if-none-match" => given.if_none_match = true,
                "x-request-id" => given.request_id = true,
                "authorization" => given.authorization = true,
                "cookie" => given.cookie = true,
                _ => {}
            }
        }
        given
    }

    /// Whether it may say who sends it.
    pub(in crate::http) fn has_credential(&self) -> bool {
        self.authorization || self.cookie
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn one_walk_sees_what_look_ups_would() {
        let fields = [
            ("Host", "a"),
            ("Expect", "100-continue"),
            ("X-Request-Id", "1"),
            ("accept-encoding", "br"),
            ("if-none-match", "*"),
            ("transfer-encoding", "chunked"),
            ("Authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("host", "b"),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_static(value));
        }
        let given = Given::of(&headers);
        assert!(given.expect && given.request_id && given.accept_encoding);
        assert!(given.if_none_match && given.transfer_encoding);
        assert!(given.authorization && given.cookie);
        assert_eq!(given.hosts, 2);
        let length = fields
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4);
        assert_eq!(given.length, length.sum::<usize>());
    }
}
