//! The routes of the API.

use crate::{
    cursor::Cursor,
    database::{self, Page, Visible},
    idempotency::{self, Key},
    input::{BODY_LIMIT, NewTodo, Update},
    item::{self, Item},
    permissions::{self, DELETE, READ, UPDATE},
};
use greenroom_sdk::{Error, Query, Request, Response, Router, conditional::IfMatch, log};

/// Most items of one answer, for who does not say how many.
const ITEMS: usize = 10_000;
/// Most bytes of such an answer.
const BYTES: usize = 4 << 20;
/// Most items that a client may ask for.
const LIMIT: usize = 1000;
/// Characters of an id that an error repeats.
const SHOWN: usize = 64;

pub(crate) fn routes() -> Router {
    Router::new()
        .get("/todos", list)
        .permission_on(READ, permissions::all)
        // Asks itself: what is to be created is in the body.
        .post("/todos", create)
        .get("/todos/:id", get)
        .permission_on(READ, permissions::named)
        .patch("/todos/:id", update)
        .permission_on(UPDATE, permissions::named)
        .delete("/todos/:id", delete)
        .permission_on(DELETE, permissions::named)
        .get("/openapi.json", openapi)
}

fn list(request: &Request) -> Result<Response, Error> {
    let query = request.query();
    let entity_ref = query
        .get("entityRef")?
        .filter(|entity_ref| !entity_ref.is_empty());
    let limit = query.get("limit")?.map(limit).transpose()?;
    let after = query.get("after")?.map(Cursor::decode).transpose()?;
    match entity_ref {
        Some(entity_ref) => log::debug!("Fetching todos for {}", entity_ref.escape_debug()),
        None => log::debug!("Fetching todos"),
    }

    let (items, bytes) = limit.map_or((ITEMS, BYTES), |limit| (limit, usize::MAX));
    let visible: &Visible<'_> = &|rows| permissions::visible(request, rows);
    let visible = permissions::hides()?.then_some(visible);
    let Page { json, next } = database::list(entity_ref, after, items, bytes, visible)?;
    let response = Response::json_bytes(200, json);
    match next {
        None => Ok(response),
        Some(next) => {
            Ok(response.with_header("link", link(request, entity_ref, limit, &next.encode()?)))
        }
    }
}

fn get(request: &Request) -> Result<Response, Error> {
    let json =
        database::get(request.param("id"))?.ok_or_else(|| Error::not_found("Todo not found"))?;
    Ok(single(200, json))
}

fn create(request: &Request) -> Result<Response, Error> {
    request.expect_json()?;
    let body = request.body(BODY_LIMIT)?;
    let new = NewTodo::parse(&body)?;
    let key = Key::of(request)?;
    permissions::require_create(request, new.entity_ref.as_deref())?;
    match &new.entity_ref {
        Some(entity_ref) => log::info!(
            "Creating todo: {:?} for {}",
            new.title,
            entity_ref.escape_debug()
        ),
        None => log::info!("Creating todo: {:?}", new.title),
    }

    let (item, replayed) = match key {
        Some(key) => idempotency::create(&key, &request.principal(), &body, new)?,
        None => {
            let item = Item::new(new.title, new.entity_ref);
            database::create(&item)?;
            (item, false)
        }
    };
    let location = format!("{}/todos/{}", request.prefix(), item.id);
    let response = single(201, item.to_json()).with_header("location", location);
    Ok(if replayed {
        response.with_header("idempotency-replayed", "true")
    } else {
        response
    })
}

fn update(request: &Request) -> Result<Response, Error> {
    request
        .expect_json()
        .map_err(|error| error.with_header("accept-patch", "application/json"))?;
    let update = Update::parse(&request.body(BODY_LIMIT)?)?;
    let id = request.param("id");
    let json = database::update(id, &update, IfMatch::of(request).as_ref())?
        .ok_or_else(|| not_found(id))?;
    Ok(single(200, json))
}

fn delete(request: &Request) -> Result<Response, Error> {
    let id = request.param("id");
    if database::delete(id, IfMatch::of(request).as_ref())? {
        Ok(Response::no_content())
    } else {
        Err(not_found(id))
    }
}

fn openapi(_: &Request) -> Result<Response, Error> {
    Ok(Response::json_bytes(200, include_str!("../openapi.json")))
}

fn single(status: u16, json: Vec<u8>) -> Response {
    let etag = item::etag(&json);
    Response::json_bytes(status, json).with_header("etag", etag)
}

fn not_found(id: &str) -> Error {
    let shown: String = id.chars().take(SHOWN).collect();
    Error::not_found(format!("Todo with id {shown} not found"))
}

fn limit(text: &str) -> Result<usize, Error> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|limit| digits && (1..=LIMIT).contains(limit))
        .ok_or_else(|| Error::bad_request(format!("limit must be a number from 1 to {LIMIT}")))
}

/// The header that names the next page, with what this one was asked for.
fn link(request: &Request, entity_ref: Option<&str>, limit: Option<usize>, after: &str) -> String {
    let limit = limit.map(|limit| limit.to_string());
    let mut query = Vec::new();
    query.extend(entity_ref.map(|entity_ref| ("entityRef", entity_ref)));
    query.extend(limit.as_deref().map(|limit| ("limit", limit)));
    query.push(("after", after));
    format!(
        "<{}/todos?{}>; rel=\"next\"",
        request.prefix(),
        Query::encode(&query)
    )
}

#[cfg(test)]
mod tests;
