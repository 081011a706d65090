//! All that the plugin asks its database.

use crate::{
    cursor::Cursor,
    input::Update,
    item::{Item, etag},
};
use greenroom_sdk::{
    Error,
    conditional::IfMatch,
    params,
    sql::{self, Member, Row, Rows, Transaction},
};

/// An item as the API shows it, from the first five columns that every statement here answers.
const ITEM: [Member; 5] = [
    Member::new("id", 0),
    Member::new("title", 1),
    Member::optional("entityRef", 2),
    Member::new("createdAt", 3),
    Member::boolean("completed", 4),
];

const NEWEST: &str = "SELECT id, title, entity_ref, created_at, completed, seq FROM todos
     ORDER BY created_at DESC, seq DESC LIMIT $1";
const NEWEST_AFTER: &str = "SELECT id, title, entity_ref, created_at, completed, seq FROM todos
     WHERE (created_at, seq) < ($2, $3) ORDER BY created_at DESC, seq DESC LIMIT $1";
const NEWEST_OF: &str = "SELECT id, title, entity_ref, created_at, completed, seq FROM todos
     WHERE entity_ref = $2 ORDER BY created_at DESC, seq DESC LIMIT $1";
const NEWEST_OF_AFTER: &str = "SELECT id, title, entity_ref, created_at, completed, seq FROM todos
     WHERE entity_ref = $2 AND (created_at, seq) < ($3, $4) ORDER BY created_at DESC, seq DESC LIMIT $1";
const BY_ID: &str = "SELECT id, title, entity_ref, created_at, completed FROM todos WHERE id = $1";
const CREATE: &str =
    "INSERT INTO todos (id, title, entity_ref, created_at, completed) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (id) DO NOTHING";
const UPDATE: &str = "UPDATE todos SET title = coalesce($2, title), completed = coalesce($3, completed) WHERE id = $1
     RETURNING id, title, entity_ref, created_at, completed";
const DELETE: &str = "DELETE FROM todos WHERE id = $1";
const ENTITY: &str = "SELECT entity_ref FROM todos WHERE id = $1";

/// Rows read with one statement. Their texts are at most 2,048 characters together, so that they stay below the host's
/// limit for a result.
const ROWS_AT_ONCE: usize = 1000;

/// For each row, whether it is to be in the list.
pub(crate) type Visible<'a> = dyn Fn(&[Row<'_>]) -> Result<Vec<bool>, Error> + 'a;

/// Some of the list, as JSON.
pub(crate) struct Page {
    /// An array.
    pub(crate) json: Vec<u8>,
    /// Where it ends, when there are more.
    pub(crate) next: Option<Cursor>,
}

/// The newest todos, those of one entity if one is given, from a cursor on: at most `items` of them, and no more than
/// fit into `bytes` of JSON (but one, if there is one). Those that are not `visible` are left out: the page is shorter.
pub(crate) fn list(
    entity_ref: Option<&str>,
    mut after: Option<Cursor>,
    items: usize,
    bytes: usize,
    visible: Option<&Visible<'_>>,
) -> Result<Page, Error> {
    let mut json = vec![b'['];
    let mut left = items;
    loop {
        let wanted = left.min(ROWS_AT_ONCE);
        // One row more than wanted tells whether there are more.
        let rows = newest(entity_ref, after.as_ref(), wanted + 1)?;
        json.reserve(rows.len() * 192);
        let shown = match visible {
            Some(visible) => Some(visible(&rows.iter().take(wanted).collect::<Vec<_>>())?),
            None => None,
        };
        let mut last = None;
        for (index, row) in rows.iter().take(wanted).enumerate() {
            if let Some(shown) = &shown
                && shown.get(index) != Some(&true)
            {
                last = Some(row);
                continue;
            }
            let before = json.len();
            if before > 1 {
                json.push(b',');
            }
            row.write_json(&ITEM, &mut json)?;
            if before > 1 && json.len() + 1 > bytes {
                json.truncate(before);
                json.push(b']');
                let next = last.map_or(Ok(after), |row| place(row).map(Some))?;
                return Ok(Page { json, next });
            }
            last = Some(row);
        }
        if let Some(row) = last {
            after = Some(place(row)?);
        }
        left -= wanted.min(rows.len());
        if left == 0 || rows.len() <= wanted {
            json.push(b']');
            return Ok(Page {
                json,
                next: after.filter(|_| rows.len() > wanted),
            });
        }
    }
}

fn newest(
    entity_ref: Option<&str>,
    after: Option<&Cursor>,
    rows: usize,
) -> Result<Rows, sql::Error> {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    match (entity_ref, after) {
        (None, None) => sql::query(NEWEST, params![rows]),
        (None, Some(after)) => {
            sql::query(NEWEST_AFTER, params![rows, &after.created_at, after.seq])
        }
        (Some(entity), None) => sql::query(NEWEST_OF, params![rows, entity]),
        (Some(entity), Some(after)) => sql::query(
            NEWEST_OF_AFTER,
            params![rows, entity, &after.created_at, after.seq],
        ),
    }
}

fn place(row: Row<'_>) -> Result<Cursor, sql::Error> {
    Ok(Cursor {
        created_at: row.get(3)?,
        seq: row.get(5)?,
    })
}

/// The JSON of a todo.
pub(crate) fn get(id: &str) -> Result<Option<Vec<u8>>, Error> {
    json_of(&sql::query(BY_ID, params![id])?)
}

/// The entity that a todo belongs to; `None` as well when there is no such todo.
pub(crate) fn entity_ref(id: &str) -> Result<Option<String>, Error> {
    let found: Option<(Option<String>,)> = sql::query(ENTITY, params![id])?.first()?;
    Ok(found.and_then(|(entity_ref,)| entity_ref))
}

/// Stores a todo; one that is there already stays as it is.
pub(crate) fn create(item: &Item) -> Result<(), Error> {
    sql::execute(
        CREATE,
        params![
            &*item.id,
            &*item.title,
            item.entity_ref.as_deref(),
            &*item.created_at,
            item.completed
        ],
    )?;
    Ok(())
}

/// Changes a todo if it is as the client believes, and answers its new JSON; `None` when there is no such todo.
pub(crate) fn update(
    id: &str,
    update: &Update,
    if_match: Option<&IfMatch>,
) -> Result<Option<Vec<u8>>, Error> {
    let change = || params![id, update.title.as_deref(), update.completed];
    match if_match {
        None => json_of(&sql::query(UPDATE, change())?),
        Some(if_match) => sql::transaction(|transaction| {
            if !is_current(transaction, id, if_match)? {
                return Ok(None);
            }
            json_of(&transaction.query(UPDATE, change())?)
        }),
    }
}

/// Deletes a todo if it is as the client believes; false when there is no such todo.
pub(crate) fn delete(id: &str, if_match: Option<&IfMatch>) -> Result<bool, Error> {
    let deleted = match if_match {
        None => sql::execute(DELETE, params![id])?,
        Some(if_match) => sql::transaction(|transaction| {
            is_current(transaction, id, if_match)?;
            transaction
                .execute(DELETE, params![id])
                .map_err(Error::from)
        })?,
    };
    Ok(deleted.rows_affected > 0)
}

/// Whether there is such a todo; a 412 when it is another than the client believes.
fn is_current(transaction: &Transaction, id: &str, if_match: &IfMatch) -> Result<bool, Error> {
    match json_of(&transaction.query(BY_ID, params![id])?)? {
        None => Ok(false),
        Some(json) => if_match
            .check(&String::from_utf8_lossy(&etag(&json)))
            .map(|()| true),
    }
}

fn json_of(rows: &Rows) -> Result<Option<Vec<u8>>, Error> {
    let written = rows.iter().next().map(|row| {
        let mut json = Vec::with_capacity(256);
        row.write_json(&ITEM, &mut json).map(|()| json)
    });
    Ok(written.transpose()?)
}
