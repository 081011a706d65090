//! One SQLite connection, set up and under watch.

use super::{
    authorizer::Policy,
    faults::{Fault, Surroundings},
    functions,
    snapshot::Snapshot,
    spill,
    watch::Watch,
};
use crate::{
    config::SqlLimits,
    storage::{Durability, Error},
};
use rusqlite::{Connection as Raw, OpenFlags, config::DbConfig, limits::Limit};
use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How the connections of one database are set up.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) path: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) limits: SqlLimits,
    /// Whose statements run: a plugin's, or only the host's own.
    pub(crate) guest: bool,
    /// The file that the first connection opened: others are refused another one.
    pub(crate) file: Option<FileId>,
}

/// Tells a file from another that took its place: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    fn at(path: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        path.symlink_metadata().map(|m| Self(m.dev(), m.ino()))
    }
}

const MOVED: &str = "the database's file was moved, removed or replaced while it was open; the operator has to take the \
    plugin's component out of its folder, put the file in order, and put the component back";

fn moved(why: impl ToString) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
    rusqlite::Error::SqliteFailure(code, Some(why.to_string()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
    /// Foreign keys are off, so that a table can be rebuilt.
    Migrator,
}

/// Longest statement text whose prepared form is kept, bytes.
const LONGEST_CACHED: usize = 4 << 10;

/// Ops between two looks at the clock. One op may take a while on a value of some megabytes.
const PROGRESS_OPS: i32 = 200;

/// On an async worker: values and rows up to this many bytes, so that no single op takes long.
const INLINE_VALUE: i32 = 64 << 10;

/// On an async worker: bytes of a LIKE or GLOB pattern, whose cost multiplies with that of the text.
const INLINE_PATTERN: i32 = 64;

/// Bytes of a LIKE or GLOB pattern anywhere.
const LONGEST_PATTERN: i32 = 256;

const PAGE: u64 = 4096;

pub(crate) struct Connection {
    pub(super) raw: Raw,
    pub(super) watch: Arc<Watch>,
    pub(super) limits: Arc<SqlLimits>,
    pub(super) surroundings: Surroundings,
    /// Bytes of the largest value or row anywhere.
    longest_value: i32,
    inline: Cell<bool>,
    pub(super) snapshot: Snapshot,
    /// Where a file that outlives the host lies, and which one it was when this connection was opened.
    place: Option<(PathBuf, FileId)>,
}

impl Connection {
    pub(crate) fn open(settings: &Settings, role: Role) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let path = &settings.path;
        let mut raw = Raw::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NOFOLLOW)?;
        let place = match settings.durability {
            Durability::Durable => Some((path.clone(), FileId::at(path).map_err(moved)?)),
            Durability::Volatile => None,
        };
        if let (Some((_, now)), Some(first)) = (&place, settings.file)
            && *now != first
        {
            return Err(moved(MOVED));
        }
        let watch = Arc::new(Watch::default());
        install_hooks(&mut raw, &watch, role)?;
        set_pragmas(&raw, settings, role)?;
        let longest_value = set_limits(&raw, &settings.limits)?;
        if settings.guest {
            functions::install(&raw, usize::try_from(longest_value).unwrap_or(usize::MAX))?;
            // A writer's own pages are in the same count, each perhaps more than once.
            let pages = settings.limits.database.saturating_mul(2);
            let own = if role == Role::Reader { 0 } else { pages };
            watch.bound_writing(spill::MOST.saturating_add(own));
        }
        raw.set_prepared_statement_cache_capacity(64);
        let surroundings = Surroundings {
            file: path.clone(),
            told: Cell::default(),
            database_limit: settings.limits.database,
            value_limit: settings.limits.value,
            parameter_limit: settings.limits.parameters,
        };
        if settings.guest {
            watch.set_policy(Policy::Guest);
        }
        let limits = Arc::new(settings.limits.clone());
        Ok(Self {
            raw,
            watch,
            limits,
            surroundings,
            longest_value,
            inline: false.into(),
            snapshot: Snapshot::default(),
            place,
        })
    }

    /// Which file it is; none for one that goes with the host.
    pub(super) fn file(&self) -> Option<FileId> {
        self.place.as_ref().map(|(_, file)| *file)
    }

    /// Begins a transaction that writes, unless the file is not where it was: what is written to a file that was removed
    /// or replaced is lost when it is closed, acknowledged or not.
    pub(super) fn begin_write(&self) -> Result<(), Error> {
        if let Some((path, file)) = &self.place
            && FileId::at(path).ok() != Some(*file)
        {
            self.surroundings.tell(MOVED);
            return Err(Error::Unavailable(MOVED.into()));
        }
        self.control("BEGIN IMMEDIATE")
    }

    /// Narrower limits while statements run on an async worker.
    pub(super) fn set_inline(&self, inline: bool) {
        if self.inline.replace(inline) == inline {
            return;
        }
        let (value, pattern) = if inline {
            (self.longest_value.min(INLINE_VALUE), INLINE_PATTERN)
        } else {
            (self.longest_value, LONGEST_PATTERN)
        };
        // These fail only for negative numbers.
        let _ = self.raw.set_limit(Limit::SQLITE_LIMIT_LENGTH, value);
        let _ = self
            .raw
            .set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, pattern);
    }

    pub(super) fn is_cacheable(sql: &str) -> bool {
        sql.len() <= LONGEST_CACHED
    }

    /// Runs a statement of the host's own to its end: not watched, not judged.
    ///
    /// Its prepared form is kept under its text. A plugin cannot reach it there: the verbs of transaction control are
    /// refused before a text is looked up.
    pub(crate) fn control(&self, sql: &str) -> Result<(), Error> {
        self.as_host(|raw| {
            let mut statement = raw.prepare_cached(sql)?;
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
            Ok(())
        })
    }

    /// Runs the host's own code on the connection, where the authorizer lets everything pass.
    pub(crate) fn as_host<T>(
        &self,
        run: impl FnOnce(&Raw) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let before = self.watch.set_policy(Policy::Host);
        let result = run(&self.raw);
        self.watch.set_policy(before);
        result.map_err(|error| self.fault(error).into_error(self.limits.value))
    }

    pub(super) fn fault(&self, error: rusqlite::Error) -> Fault {
        self.surroundings.fault(error, &self.watch)
    }

    /// True while no transaction is open.
    pub(super) fn is_autocommit(&self) -> bool {
        self.raw.is_autocommit()
    }

    /// Ends whatever transaction is open.
    pub(super) fn roll_back(&self) {
        if !self.is_autocommit()
            && let Err(error) = self.control("ROLLBACK")
        {
            tracing::error!(%error, "a rollback failed");
        }
    }
}

fn install_hooks(raw: &mut Raw, watch: &Arc<Watch>, role: Role) -> rusqlite::Result<()> {
    let hook = watch.clone();
    raw.progress_handler(PROGRESS_OPS, Some(move || hook.must_stop()))?;
    let hook = watch.clone();
    raw.busy_handler(Some(move |waits| hook.wait_for_lock(waits)))?;
    let hook = watch.clone();
    raw.authorizer(Some(move |context: rusqlite::hooks::AuthContext<'_>| {
        if hook.authorize(&context) {
            rusqlite::hooks::Authorization::Allow
        } else {
            rusqlite::hooks::Authorization::Deny
        }
    }))?;
    if role == Role::Writer {
        let hook = watch.clone();
        raw.update_hook(Some(move |action, _: &str, _: &str, _: i64| {
            if action == rusqlite::hooks::Action::SQLITE_INSERT {
                hook.saw_insert();
            }
        }))?;
    }
    Ok(())
}

fn set_pragmas(raw: &Raw, settings: &Settings, role: Role) -> rusqlite::Result<()> {
    // Another connection may be closing, which for a moment holds the file.
    let patience = std::time::Instant::now() + Duration::from_secs(5);
    let journal = loop {
        match raw.query_row("PRAGMA journal_mode=WAL", [], |row| row.get::<_, String>(0)) {
            Err(error) if is_busy(&error) && std::time::Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(2));
            }
            mode => break mode?,
        }
    };
    if journal != "wal" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some("the folder does not support a write-ahead log".into()),
        ));
    }
    let synchronous = match settings.durability {
        Durability::Durable => "FULL",
        Durability::Volatile => "OFF",
    };
    let foreign_keys = if role == Role::Migrator { "OFF" } else { "ON" };
    // Sorts and intermediate tables that outgrow a cache go to files: in memory they would have no bound.
    // Page caches in KiB, filled as pages are read. No memory map: an error of the disk would then end the host, not
    // the statement, and each visit to a mapped page costs the checks that a cached one had once.
    let cache = if role == Role::Reader { 8192 } else { 16_384 };
    let query_only = if role == Role::Reader { "ON" } else { "OFF" };
    let pages = (settings.limits.database / PAGE).clamp(16, u64::from(u32::MAX - 2));
    raw.execute_batch(&format!(
        "PRAGMA synchronous={synchronous}; PRAGMA foreign_keys={foreign_keys}; PRAGMA temp_store=FILE; \
         PRAGMA mmap_size=0; PRAGMA cache_size=-{cache}; PRAGMA max_page_count={pages}; \
         PRAGMA journal_size_limit=67108864; PRAGMA cell_size_check=ON; PRAGMA query_only={query_only};"
    ))?;
    for (option, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        // Else a statement with `LIMIT $1` is planned anew for each value.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
    ] {
        raw.set_db_config(option, on)?;
    }
    Ok(())
}

/// Answers the limit of one value or row.
fn set_limits(raw: &Raw, limits: &SqlLimits) -> rusqlite::Result<i32> {
    let number = |limit: u64| i32::try_from(limit).unwrap_or(i32::MAX);
    // A row may hold several values; what goes in and out is held to the limit of one.
    let longest_value = number(
        limits
            .value
            .saturating_mul(4)
            .clamp(64 << 10, 1_000_000_000),
    );
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, longest_value),
        (
            Limit::SQLITE_LIMIT_SQL_LENGTH,
            number(limits.statement.clamp(64 << 10, 1_000_000_000)),
        ),
        (
            Limit::SQLITE_LIMIT_VARIABLE_NUMBER,
            number(limits.parameters.into()),
        ),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 500),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 200),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 100),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 100),
        (Limit::SQLITE_LIMIT_COLUMN, 1000),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LONGEST_PATTERN),
    ] {
        raw.set_limit(limit, value)?;
    }
    Ok(longest_value)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}
