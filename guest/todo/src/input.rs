//! What clients send in a body, checked.

use greenroom_sdk::{Error, json};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;
use std::fmt;

/// The largest body, in bytes.
pub(crate) const BODY_LIMIT: usize = 100 << 10;
/// The longest text, in characters.
const TEXT_LIMIT: usize = 1024;

/// The body of POST.
#[derive(Debug, PartialEq)]
pub(crate) struct NewTodo {
    pub(crate) title: String,
    pub(crate) entity_ref: Option<String>,
}

/// The body of PATCH; what is `None` stays as it is.
#[derive(Debug, PartialEq)]
pub(crate) struct Update {
    pub(crate) title: Option<String>,
    pub(crate) completed: Option<bool>,
}

impl NewTodo {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        let fields: Fields = json::object(body)?;
        let title = match fields.title {
            None | Some(Value::Null) => return Err(Error::bad_request("title is required")),
            Some(title) => text("title", title)?,
        };
        if is_blank(&title) {
            return Err(Error::bad_request("title is required"));
        }
        let entity_ref = match fields.entity_ref {
            None | Some(Value::Null) => None,
            Some(entity_ref) => {
                Some(text("entityRef", entity_ref)?).filter(|text| !text.is_empty())
            }
        };
        Ok(Self { title, entity_ref })
    }
}

impl Update {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        let fields: Fields = json::object(body)?;
        if fields.title.is_none() && fields.completed.is_none() {
            return Err(Error::bad_request(
                "nothing to update: send title or completed",
            ));
        }
        let title = fields.title.map(|title| text("title", title)).transpose()?;
        if title.as_deref().is_some_and(is_blank) {
            return Err(Error::bad_request("title must not be empty"));
        }
        let completed = match fields.completed {
            None => None,
            Some(Value::Bool(completed)) => Some(completed),
            Some(_) => return Err(Error::bad_request("completed must be true or false")),
        };
        Ok(Self { title, completed })
    }
}

fn text(name: &str, value: Value) -> Result<String, Error> {
    let Value::String(text) = value else {
        return Err(Error::bad_request(format!("{name} must be a string")));
    };
    if text.len() > TEXT_LIMIT && text.chars().count() > TEXT_LIMIT {
        return Err(Error::bad_request(format!(
            "{name} must be at most {TEXT_LIMIT} characters"
        )));
    }
    if text.as_bytes().contains(&0) {
        return Err(Error::bad_request(format!("{name} must not contain NUL")));
    }
    Ok(text)
}

/// Nothing but what JavaScript's `trim` removes, which is Unicode's white space and the byte-order mark.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c == '\u{FEFF}')
}

/// The fields that matter, as they came; the last of several with one name counts, as in JavaScript.
#[derive(Default)]
struct Fields {
    title: Option<Value>,
    entity_ref: Option<Value>,
    completed: Option<Value>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Name {
    Title,
    EntityRef,
    Completed,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut fields = Fields::default();
                while let Some(name) = map.next_key()? {
                    let field = match name {
                        Name::Title => &mut fields.title,
                        Name::EntityRef => &mut fields.entity_ref,
                        Name::Completed => &mut fields.completed,
                        Name::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *field = Some(map.next_value()?);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(body: &str) -> Result<(String, Option<String>), String> {
        let parsed = NewTodo::parse(body.as_bytes());
        parsed
            .map(|new| (new.title, new.entity_ref))
            .map_err(|error| error.message().to_owned())
    }

    fn updated(body: &str) -> Result<(Option<String>, Option<bool>), String> {
        let parsed = Update::parse(body.as_bytes());
        parsed
            .map(|update| (update.title, update.completed))
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_title_is_all_it_takes() {
        assert_eq!(created(r#"{"title":" a "}"#), Ok((" a ".into(), None)));
        let all = r#"{"id":5,"title":"a","entityRef":"r","createdAt":[{}],"completed":"?","title2":1e999}"#;
        assert_eq!(created(all), Ok(("a".into(), Some("r".into()))));
        assert_eq!(
            created(r#"{"title":1,"title":"b"}"#),
            Ok(("b".into(), None))
        );
        assert_eq!(created(r#"{"\u0074itle":"c"}"#), Ok(("c".into(), None)));
    }

    #[test]
    fn titles_are_checked() {
        for body in [
            "{}",
            r#"{"title":null}"#,
            r#"{"title":""}"#,
            r#"{"title":" \t\n\u00a0\u2003\ufeff"}"#,
        ] {
            assert_eq!(created(body), Err("title is required".into()), "{body}");
        }
        for body in [
            r#"{"title":0}"#,
            r#"{"title":["a"]}"#,
            r#"{"title":{}}"#,
            r#"{"title":false}"#,
        ] {
            assert_eq!(
                created(body),
                Err("title must be a string".into()),
                "{body}"
            );
        }
        assert_eq!(
            created(r#"{"title":"a\u0000"}"#),
            Err("title must not contain NUL".into())
        );
        let long = |n| format!(r#"{{"title":"{}"}}"#, "ü".repeat(n));
        assert!(created(&long(1024)).is_ok());
        assert_eq!(
            created(&long(1025)),
            Err("title must be at most 1024 characters".into())
        );
    }

    #[test]
    fn entity_refs_are_checked() {
        for none in ["null", "\"\""] {
            assert_eq!(
                created(&format!(r#"{{"title":"a","entityRef":{none}}}"#)),
                Ok(("a".into(), None))
            );
        }
        for (bad, message) in [
            ("1", "entityRef must be a string"),
            ("[]", "entityRef must be a string"),
            (r#""\u0000""#, "entityRef must not contain NUL"),
        ] {
            assert_eq!(
                created(&format!(r#"{{"title":"a","entityRef":{bad}}}"#)),
                Err(message.into())
            );
        }
        let long = format!(r#"{{"title":"a","entityRef":"{}"}}"#, "x".repeat(1025));
        assert_eq!(
            created(&long),
            Err("entityRef must be at most 1024 characters".into())
        );
    }

    #[test]
    fn updates_are_checked() {
        assert_eq!(
            updated(r#"{"title":"a","completed":true}"#),
            Ok((Some("a".into()), Some(true)))
        );
        assert_eq!(
            updated(r#"{"completed":false,"entityRef":7}"#),
            Ok((None, Some(false)))
        );
        for body in ["{}", r#"{"entityRef":"a"}"#] {
            assert_eq!(
                updated(body),
                Err("nothing to update: send title or completed".into()),
                "{body}"
            );
        }
        for body in [r#"{"title":null}"#, r#"{"title":7,"completed":1}"#] {
            assert_eq!(
                updated(body),
                Err("title must be a string".into()),
                "{body}"
            );
        }
        assert_eq!(
            updated(r#"{"title":"  "}"#),
            Err("title must not be empty".into())
        );
        for body in [
            r#"{"completed":null}"#,
            r#"{"completed":1}"#,
            r#"{"title":"a","completed":"true"}"#,
        ] {
            assert_eq!(
                updated(body),
                Err("completed must be true or false".into()),
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "[]", "1", "null", "\"title\"", "{", "{'title':1}"] {
            assert!(
                created(body).unwrap_err().contains("at line 1, column 1") || body.starts_with('{'),
                "{body}"
            );
        }
    }
}
