//! Every SQL statement of this plugin. Values are parameters, never part of a statement's text.

use greenroom_sdk::{
    params,
    sql::{self, Row},
};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Item {
    pub(crate) id: i64,
    pub(crate) title: String,
}

/// At most so many items, the newest first.
pub(crate) fn newest(count: u32) -> Result<Vec<Item>, sql::Error> {
    let rows = sql::query(
        "SELECT id, title FROM items ORDER BY id DESC LIMIT $1",
        params![count],
    )?;
    rows.iter().map(item).collect()
}

pub(crate) fn find(id: i64) -> Result<Option<Item>, sql::Error> {
    let rows = sql::query("SELECT id, title FROM items WHERE id = $1", params![id])?;
    rows.iter().next().map(item).transpose()
}

/// The item is on disk when this returns.
pub(crate) fn insert(title: &str) -> Result<Item, sql::Error> {
    let inserted = sql::execute("INSERT INTO items (title) VALUES ($1)", params![title])?;
    let id = inserted.last_insert_id.unwrap_or_default();
    Ok(Item {
        id,
        title: title.to_owned(),
    })
}

fn item(row: Row<'_>) -> Result<Item, sql::Error> {
    Ok(Item {
        id: row.get(0)?,
        title: row.get(1)?,
    })
}
