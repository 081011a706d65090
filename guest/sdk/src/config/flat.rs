//! From `a.b` = `5` to the field `b` of the struct `a`, as the number that it wants.

use serde::{
    de::{
        self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer,
        MapAccess, Unexpected, Visitor,
    },
    forward_to_deserialize_any,
};
use std::{
    collections::{BTreeMap, btree_map},
    fmt,
    str::FromStr,
};

/// Reads keys and values into a type. An error is such as `retries takes a number`; no value is in it.
pub(super) fn read<T: DeserializeOwned>(
    all: impl IntoIterator<Item = (String, String)>,
) -> Result<T, Wrong> {
    let mut top = BTreeMap::new();
    for (name, text) in all {
        put(&mut top, &name, text)?;
    }
    T::deserialize(Tree::Map(top))
}

enum Tree {
    Text(String),
    Map(BTreeMap<String, Tree>),
}

fn put(map: &mut BTreeMap<String, Tree>, name: &str, text: String) -> Result<(), Wrong> {
    let both = || Wrong::new(format!("`{name}` is a value and a map"));
    let Some((first, rest)) = name.split_once('.') else {
        return match map.insert(name.to_owned(), Tree::Text(text)) {
            None => Ok(()),
            Some(_) => Err(both()),
        };
    };
    let below = map
        .entry(first.to_owned())
        .or_insert_with(|| Tree::Map(BTreeMap::new()));
    match below {
        Tree::Map(below) => put(below, rest, text).map_err(|wrong| wrong.below(first)),
        Tree::Text(_) => Err(both()),
    }
}

/// What does not fit, and where.
#[derive(Debug)]
pub(super) struct Wrong {
    path: String,
    what: String,
}

impl Wrong {
    fn new(what: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            what: what.into(),
        }
    }

    fn below(mut self, key: &str) -> Self {
        self.path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{key}.{}", self.path)
        };
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.what)
        } else {
            write!(f, "{} {}", self.path, self.what)
        }
    }
}

impl std::error::Error for Wrong {}

/// Serde's own messages hold the value that is there, which may be a secret.
impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::new(format!("takes {wanted}"))
    }

    fn invalid_value(_: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::new(format!("takes {wanted}"))
    }

    fn unknown_variant(_: &str, wanted: &'static [&'static str]) -> Self {
        Self::new(format!("takes one of {}", wanted.join(", ")))
    }
}

impl Tree {
    fn parse<T: FromStr>(&self, takes: &str) -> Result<T, Wrong> {
        let wrong = || Wrong::new(format!("takes {takes}"));
        match self {
            Self::Text(text) => text.trim().parse().map_err(|_| wrong()),
            Self::Map(_) => Err(wrong()),
        }
    }

    fn list(self) -> Result<serde_json::Value, Wrong> {
        let wrong = || Wrong::new("takes a list");
        match self {
            Self::Text(text) => serde_json::from_str(&text).map_err(|_| wrong()),
            Self::Map(_) => Err(wrong()),
        }
    }

    /// Lists are JSON, and serde's words for them.
    fn of_list<T>(read: Result<T, serde_json::Error>) -> Result<T, Wrong> {
        read.map_err(|_| Wrong::new("has items that do not fit"))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            visitor.$visit(self.parse("a number that fits")?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Self::Text(text) => visitor.visit_string(text),
            Self::Map(map) => visitor.visit_map(Entries {
                rest: map.into_iter(),
                value: None,
            }),
        }
    }

    numbers! {
        deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32, deserialize_i64 visit_i64,
        deserialize_i128 visit_i128, deserialize_u8 visit_u8, deserialize_u16 visit_u16, deserialize_u32 visit_u32,
        deserialize_u64 visit_u64, deserialize_u128 visit_u128, deserialize_f32 visit_f32, deserialize_f64 visit_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_bool(self.parse("true or false")?)
    }

    /// One that is not there is no key at all.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        Self::of_list(self.list()?.deserialize_seq(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        Self::of_list(self.list()?.deserialize_tuple(length, visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let list = self.list()?;
        Self::of_list(list.deserialize_tuple_struct(name, length, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self {
            Self::Text(text) => visitor.visit_enum(text.into_deserializer()),
            Self::Map(_) => Err(Wrong::new("takes a text")),
        }
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct map struct identifier ignored_any
    }
}

struct Entries {
    rest: btree_map::IntoIter<String, Tree>,
    value: Option<(String, Tree)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        self.value = self.rest.next();
        match &self.value {
            None => Ok(None),
            Some((key, _)) => seed.deserialize(key.as_str().into_deserializer()).map(Some),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let (key, tree) = self.value.take().expect("a value follows its key");
        seed.deserialize(tree).map_err(|wrong| wrong.below(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Settings {
        url: String,
        retries: Option<u32>,
        #[serde(default)]
        fast: bool,
        ratio: Option<f64>,
        mode: Option<Mode>,
        limits: Option<Limits>,
        hosts: Option<Vec<String>>,
        pair: Option<(u8, bool)>,
        seconds: Option<Seconds>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Safe,
        Fast,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Limits {
        queue: i64,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Seconds(u64);

    fn settings(all: &[(&str, &str)]) -> Result<Settings, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        read(all.iter().map(owned)).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn texts_become_what_a_type_wants() {
        let all = settings(&[
            ("url", "5"),
            ("retries", " 7 "),
            ("fast", "true"),
            ("ratio", "1.50"),
            ("mode", "safe"),
            ("limits.queue", "-3"),
            ("hosts", r#"["a","b"]"#),
            ("pair", "[1,true]"),
            ("seconds", "9"),
        ]);
        let wanted = Settings {
            url: "5".into(),
            retries: Some(7),
            fast: true,
            ratio: Some(1.5),
            mode: Some(Mode::Safe),
            limits: Some(Limits { queue: -3 }),
            hosts: Some(vec!["a".into(), "b".into()]),
            pair: Some((1, true)),
            seconds: Some(Seconds(9)),
        };
        assert_eq!(all, Ok(wanted));
        assert_eq!(
            settings(&[("url", "")]).map(|s| (s.fast, s.mode)),
            Ok((false, None))
        );
    }

    #[test]
    fn what_does_not_fit_is_named_and_not_shown() {
        for (key, value, says) in [
            ("retries", "hunter2", "retries takes a number that fits"),
            ("retries", "-1", "retries takes a number that fits"),
            ("fast", "hunter2", "fast takes true or false"),
            ("mode", "hunter2", "mode takes one of safe, fast"),
            ("limits", "hunter2", "limits takes struct Limits"),
            (
                "limits.queue",
                "hunter2",
                "limits.queue takes a number that fits",
            ),
            (
                "limits.queue.deep",
                "hunter2",
                "limits.queue takes a number that fits",
            ),
            ("hosts", "hunter2", "hosts takes a list"),
            (
                "hosts",
                r#"[5, "hunter2"]"#,
                "hosts has items that do not fit",
            ),
            ("hosts.a", "hunter2", "hosts takes a list"),
            ("mode.a", "hunter2", "mode takes a text"),
        ] {
            let told = settings(&[("url", "x"), (key, value)]).unwrap_err();
            assert_eq!(told, says, "{key}");
        }
        assert_eq!(settings(&[]).unwrap_err(), "missing field `url`");
        assert!(
            settings(&[("url", "x"), ("ulr", "hunter2")])
                .unwrap_err()
                .contains("unknown field `ulr`")
        );
        let both = settings(&[("a", "hunter2"), ("a.b", "hunter2")]).unwrap_err();
        assert_eq!(both, "`a.b` is a value and a map");
    }
}
