//! The routes, and a function for each.

use crate::database;
use greenroom_sdk::{Error, Request, Response, Router, log};
use serde::Deserialize;

const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_TITLE_CHARACTERS: usize = 1024;
const MAX_LISTED: u32 = 100;

/// Paths start below `/api/<id>`.
pub(crate) fn routes() -> Router {
    Router::new()
        .get("/items", list)
        .post("/items", create)
        .get("/items/:id", show)
}

fn list(_: &Request) -> Result<Response, Error> {
    Ok(Response::json(200, &database::newest(MAX_LISTED)?))
}

#[derive(Deserialize)]
struct NewItem {
    title: Option<String>,
}

fn create(request: &Request) -> Result<Response, Error> {
    let new: NewItem = request.json(MAX_BODY_BYTES)?;
    let title = new.title.unwrap_or_default();
    if title.trim().is_empty() {
        return Err(Error::bad_request("title is required"));
    }
    if title.chars().count() > MAX_TITLE_CHARACTERS {
        return Err(Error::bad_request("title is too long"));
    }
    let item = database::insert(&title)?;
    log::info!("created item {}", item.id);
    let location = format!("{}/items/{}", request.prefix(), item.id);
    Ok(Response::json(201, &item).with_header("location", location))
}

fn show(request: &Request) -> Result<Response, Error> {
    let item = match request.param("id").parse() {
        Ok(id) => database::find(id)?,
        Err(_) => None,
    };
    item.map(|item| Response::json(200, &item))
        .ok_or_else(|| Error::not_found("item not found"))
}
