//! The list, page by page.

use super::{BROKEN_QUERY, bad_request, failed};
use crate::{
    answer::Answer,
    cursor::Cursor,
    database::{self, Error, Page},
    head::Asked,
    query::{ListQuery, Once, encode},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::LINK};
use std::borrow::Cow;

/// Most items of one answer, for who does not say how many.
const ITEMS: usize = 10_000;
/// Most bytes of such an answer.
const BYTES: usize = 4 << 20;
/// Most items that a client may ask for.
const LIMIT: usize = 1000;

pub(crate) fn list(asked: &Asked, headers: HeaderMap) -> Answer {
    match Wanted::of(asked.uri.query().unwrap_or_default()) {
        Err(message) => bad_request(headers, &message),
        Ok(wanted) => match wanted.page() {
            Err(error) => failed(headers, &error),
            Ok((json, link)) => {
                let mut answer = Answer::json(StatusCode::OK, headers, json);
                if let Some(link) = link {
                    answer.headers.insert(LINK, link);
                }
                answer
            }
        },
    }
}

/// Which part of the list.
struct Wanted {
    entity_ref: Option<String>,
    limit: Option<usize>,
    after: Option<Cursor>,
}

impl Wanted {
    fn of(query: &str) -> Result<Self, String> {
        let query = ListQuery::parse(query).map_err(|_| BROKEN_QUERY)?;
        let entity_ref = once("entityRef", query.entity_ref)?;
        let limit = once("limit", query.limit)?
            .map(|text| limit(&text).ok_or(format!("limit must be a number from 1 to {LIMIT}")))
            .transpose()?;
        let after = once("after", query.after)?
            .map(|text| Cursor::decode(&text).ok_or("after is not a cursor of this list"))
            .transpose()?;
        Ok(Self {
            entity_ref: entity_ref.map(String::from).filter(|text| !text.is_empty()),
            limit,
            after,
        })
    }

    /// The JSON, and the `Link` to the next page.
    fn page(&self) -> Result<(Vec<u8>, Option<HeaderValue>), Error> {
        let entity_ref = self.entity_ref.as_deref();
        let (items, bytes) = self
            .limit
            .map_or((ITEMS, BYTES), |limit| (limit, usize::MAX));
        let Page { json, next } =
            database::read(|reader| reader.list(entity_ref, self.after.as_ref(), items, bytes))?;
        let link = next.map(|next| {
            let next = next.encode()?;
            HeaderValue::from_maybe_shared(Bytes::from(self.link(&next))).ok()
        });
        match link {
            Some(None) => Err(Error("a todo's created_at is no time".into())),
            link => Ok((json, link.flatten())),
        }
    }

    fn link(&self, next: &str) -> Vec<u8> {
        let mut link = Vec::with_capacity(128);
        link.extend_from_slice(b"</api/todo/todos?");
        if let Some(entity_ref) = &self.entity_ref {
            link.extend_from_slice(b"entityRef=");
            encode(entity_ref, &mut link);
            link.push(b'&');
        }
        if let Some(limit) = self.limit {
            link.extend_from_slice(format!("limit={limit}&").as_bytes());
        }
        link.extend_from_slice(b"after=");
        link.extend_from_slice(next.as_bytes());
        link.extend_from_slice(b">; rel=\"next\"");
        link
    }
}

fn once<'a>(name: &str, parameter: Once<'a>) -> Result<Option<Cow<'a, str>>, String> {
    match parameter {
        Once::Absent => Ok(None),
        Once::Given(value) => Ok(Some(value)),
        Once::Repeated => Err(format!("{name} must be given once")),
    }
}

fn limit(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|limit| digits && (1..=LIMIT).contains(limit))
}
