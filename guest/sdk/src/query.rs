//! The query of a URL: `application/x-www-form-urlencoded`.

use crate::{
    Error,
    percent::{Broken, decode_form, encode_form},
};

/// The pairs of a query, decoded, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// `text` is what follows the `?`. A broken escape anywhere in it is a 400.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((
                    decode_form(name)?.into_owned(),
                    decode_form(value)?.into_owned(),
                ))
            })
            .collect::<Result<_, Broken>>()
            .map(Self)
            .map_err(|Broken| Error::bad_request("the query has an invalid percent-escape"))
    }

    /// The value of a parameter that may be given once; given twice, it is a 400.
    pub fn get(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut values = self
            .0
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, value)| value.as_str());
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(Error::bad_request(format!("{name} must be given once"))),
        }
    }

    /// Every value of a parameter that may be given more than once.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
    /// Pairs as the query of a URL, without the `?`.
    pub fn encode(pairs: &[(&str, &str)]) -> String {
        let mut encoded = String::new();
        for (name, value) in pairs {
            if !encoded.is_empty() {
                encoded.push('&');
            }
            encode_form(name, &mut encoded);
            encoded.push('=');
            encode_form(value, &mut encoded);
        }
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let query = Query::parse("a=1&b=x+y%2Bz&c&&=empty&%61b=q=r").unwrap();
        assert_eq!(query.get("a").unwrap(), Some("1"));
        assert_eq!(query.get("b").unwrap(), Some("x y+z"));
        assert_eq!(query.get("c").unwrap(), Some(""));
        assert_eq!(query.get("ab").unwrap(), Some("q=r"));
        assert_eq!(query.get("d").unwrap(), None);
        assert_eq!(Query::parse("").unwrap(), Query::default());
    }

    #[test]
    fn pairs_are_encoded() {
        assert_eq!(
            Query::encode(&[("a", "x y"), ("b&", "ä")]),
            "a=x+y&b%26=%C3%A4"
        );
        assert_eq!(Query::encode(&[]), "");
    }

    #[test]
    fn twice_is_refused_where_once_is_meant() {
        let query = Query::parse("a=&a=2").unwrap();
        assert_eq!(query.get("a").unwrap_err().status(), 400);
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["", "2"]);
    }

    #[test]
    fn a_broken_escape_is_refused_anywhere() {
        for text in ["a=%zz", "%=1", "a=1&b=%F", "a=%FF"] {
            assert_eq!(Query::parse(text).unwrap_err().status(), 400, "{text}");
        }
    }
}
