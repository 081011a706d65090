//! The database: its schema, and a reading connection with its statements for every thread.

use crate::{
    cursor::Cursor,
    json::{text, write_row},
    snapshot::Snapshot,
};
use rusqlite::{Connection, Statement, types::ValueRef};
use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS todos (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT    NOT NULL UNIQUE,
  title      TEXT    NOT NULL,
  entity_ref TEXT,
  created_at TEXT    NOT NULL,
  completed  INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS todos_newest ON todos (created_at, seq);
CREATE INDEX IF NOT EXISTS todos_newest_of_entity ON todos (entity_ref, created_at, seq);";

const BY_ID: &str = "SELECT id, title, entity_ref, created_at, completed FROM todos WHERE id = ?1";
const NEWEST: &str = "SELECT id, title, entity_ref, created_at, completed, seq FROM todos
     ORDER BY created_at DESC, seq DESC LIMIT ?1";
const NEWEST_AFTER: &str = "SELECT id, title, entity_ref, created_at, completed, seq FROM todos
     WHERE (created_at, seq) < (?2, ?3) ORDER BY created_at DESC, seq DESC LIMIT ?1";
const NEWEST_OF: &str = "SELECT id, title, entity_ref, created_at, completed, seq FROM todos
     WHERE entity_ref = ?2 ORDER BY created_at DESC, seq DESC LIMIT ?1";
const NEWEST_OF_AFTER: &str = "SELECT id, title, entity_ref, created_at, completed, seq FROM todos
     WHERE entity_ref = ?2 AND (created_at, seq) < (?3, ?4)
     ORDER BY created_at DESC, seq DESC LIMIT ?1";

/// Bytes of JSON that an item takes, about.
const ITEM: usize = 208;

/// What went wrong, for the operator.
#[derive(Debug)]
pub(crate) struct Error(pub(crate) String);

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self(format!("sqlite: {error}"))
    }
}

static FILE: OnceLock<PathBuf> = OnceLock::new();

thread_local! {
    static READER: RefCell<Option<Reader>> = const { RefCell::new(None) };
}

/// Opens the database for writing, and makes it when there is none. Readers use this file from now on.
pub(crate) fn create(file: &Path) -> rusqlite::Result<Connection> {
    let connection = open(file)?;
    connection.execute_batch("PRAGMA synchronous=FULL")?;
    connection.execute_batch(SCHEMA)?;
    FILE.get_or_init(|| file.to_owned());
    Ok(connection)
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    use rusqlite::OpenFlags as Flags;
    // Each connection stays on one thread, so it needs no lock.
    let flags =
        Flags::SQLITE_OPEN_READ_WRITE | Flags::SQLITE_OPEN_CREATE | Flags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384;
         PRAGMA mmap_size=1073741824",
    )?;
    Ok(connection)
}

/// Runs `read` with the connection of this thread.
pub(crate) fn read<T>(read: impl FnOnce(&mut Reader) -> Result<T, Error>) -> Result<T, Error> {
    READER.with_borrow_mut(|reader| {
        let reader = match reader {
            Some(reader) => reader,
            None => reader.insert(Reader::open()?),
        };
        reader.snapshot.renew()?;
        read(reader)
    })
}

/// Ends the view that this thread holds, if it holds one. A thread that goes to sleep holds none.
pub(crate) fn release() {
    READER.with_borrow_mut(|reader| {
        if let Some(reader) = reader {
            // The next read fails in the same way and is answered so.
            let _ = reader.snapshot.release();
        }
    });
}

/// Prepared once. They borrow a connection that is never closed: a thread that reads lives as long as the process.
pub(crate) struct Reader {
    snapshot: Snapshot,
    by_id: Statement<'static>,
    newest: Statement<'static>,
    newest_after: Statement<'static>,
    newest_of: Statement<'static>,
    newest_of_after: Statement<'static>,
}

/// Some of the list.
pub(crate) struct Page {
    /// A JSON array.
    pub(crate) json: Vec<u8>,
    /// Where it ends, when there are more.
    pub(crate) next: Option<Cursor>,
}

impl Reader {
    fn open() -> Result<Self, Error> {
        let file = FILE.get().ok_or_else(|| Error("no database".into()))?;
        let connection: &'static Connection = Box::leak(Box::new(open(file)?));
        connection.execute_batch("PRAGMA query_only=ON")?;
        Ok(Self {
            snapshot: Snapshot::of(connection)?,
            by_id: connection.prepare(BY_ID)?,
            newest: connection.prepare(NEWEST)?,
            newest_after: connection.prepare(NEWEST_AFTER)?,
            newest_of: connection.prepare(NEWEST_OF)?,
            newest_of_after: connection.prepare(NEWEST_OF_AFTER)?,
        })
    }

    /// The JSON of one item.
    pub(crate) fn get(&mut self, id: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut rows = self.by_id.query((id,))?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let mut json = Vec::with_capacity(ITEM);
        write_row(&mut json, row)?;
        Ok(Some(json))
    }

    /// The newest items, those of one entity if one is given, after a cursor: at most `items`, and no more than fit
    /// into `bytes` (but one).
    pub(crate) fn list(
        &mut self,
        entity_ref: Option<&str>,
        after: Option<&Cursor>,
        items: usize,
        bytes: usize,
    ) -> Result<Page, Error> {
        // One more tells whether there are more.
        let limit = i64::try_from(items).unwrap_or(i64::MAX).saturating_add(1);
        let mut rows = match (entity_ref, after) {
            (None, None) => self.newest.query((limit,))?,
            (None, Some(after)) => {
                self.newest_after
                    .query((limit, &after.created_at, after.seq))?
            }
            (Some(entity), None) => self.newest_of.query((limit, entity))?,
            (Some(entity), Some(after)) => {
                self.newest_of_after
                    .query((limit, entity, &after.created_at, after.seq))?
            }
        };
        let mut json = Vec::with_capacity(items.min(1000) * ITEM);
        json.push(b'[');
        let mut last = None;
        let mut count = 0;
        let mut more = false;
        while let Some(row) = rows.next()? {
            if count == items {
                more = true;
                break;
            }
            let before = json.len();
            if count > 0 {
                json.push(b',');
            }
            write_row(&mut json, row)?;
            if count > 0 && json.len() + 1 > bytes {
                json.truncate(before);
                more = true;
                break;
            }
            count += 1;
            // Where only the number of items counts, it is known which is the last.
            if count == items || bytes != usize::MAX {
                last = Some(place(row)?);
            }
        }
        json.push(b']');
        Ok(Page {
            json,
            next: last.filter(|_| more),
        })
    }
}

fn place(row: &rusqlite::Row<'_>) -> Result<Cursor, Error> {
    let ValueRef::Integer(seq) = row.get_ref(5)? else {
        return Err(Error("a todo has no number".into()));
    };
    Ok(Cursor {
        created_at: String::from_utf8_lossy(text(row, 3)?).into_owned(),
        seq,
    })
}
