//! What a statement may do. SQLite asks while it prepares one, and again when the schema changed.

use crate::storage::Error;
use rusqlite::hooks::{AuthAction, AuthContext};

/// Whose statements a connection prepares now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Policy {
    /// The host's own: everything.
    #[default]
    Host,
    /// A plugin's, at run time.
    Guest,
    /// A plugin's migration. `additive`: no DROP, DELETE or RENAME.
    Migration { additive: bool },
}

/// Tables of the host in a plugin's database start so.
pub(super) const HOST_TABLES: &str = "_greenroom_";

/// Pragmas that only read, whatever their argument.
const READING_PRAGMAS: [&str; 13] = [
    "collation_list",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "module_list",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Pragmas that read without an argument and write with one.
const READING_WITHOUT_VALUE: [&str; 9] = [
    "application_id",
    "compile_options",
    "data_version",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "page_count",
    "page_size",
    "schema_version",
];

/// Modules whose virtual tables keep all they have in the plugin's own database.
const SAFE_MODULES: [&str; 4] = ["fts5", "fts5vocab", "rtree", "rtree_i32"];

const DENIED_FUNCTIONS: [&str; 3] = ["load_extension", "fts3_tokenizer", "sqlite_log"];

/// One call of these may take time that grows with the product of two arguments, and nothing can interrupt it.
const HEAVY_FUNCTIONS: [&str; 2] = ["json_patch", "jsonb_patch"];

impl Policy {
    /// Allowed: whether it may take long in a single call. Refused: what, and what to do instead.
    pub(super) fn judge(self, context: &AuthContext<'_>) -> Result<bool, String> {
        let additive = match self {
            Self::Host => return Ok(false),
            Self::Guest => false,
            Self::Migration { additive } => additive,
        };
        if additive {
            refuse_what_takes_away(&context.action)?;
        }
        if context
            .database_name
            .is_some_and(|name| name.eq_ignore_ascii_case("temp"))
        {
            refuse_temporary(&context.action)?;
        }
        for name in names(&context.action).into_iter().flatten() {
            refuse_reserved(name)?;
        }
        allow(&context.action)
    }
}

fn allow(action: &AuthAction<'_>) -> Result<bool, String> {
    match action {
        AuthAction::Select
        | AuthAction::Recursive
        | AuthAction::Read { .. }
        | AuthAction::Insert { .. }
        | AuthAction::Update { .. }
        | AuthAction::Delete { .. }
        | AuthAction::CreateTable { .. }
        | AuthAction::CreateIndex { .. }
        | AuthAction::CreateView { .. }
        | AuthAction::CreateTrigger { .. }
        | AuthAction::DropTable { .. }
        | AuthAction::DropIndex { .. }
        | AuthAction::DropView { .. }
        | AuthAction::DropTrigger { .. }
        | AuthAction::DropVtable { .. }
        | AuthAction::AlterTable { .. }
        | AuthAction::Analyze { .. }
        | AuthAction::Reindex { .. } => Ok(false),
        AuthAction::Function { function_name } if is_one_of(function_name, &DENIED_FUNCTIONS) => {
            Err(format!(
                "the function {function_name} is not available to plugins; leave it out"
            ))
        }
        AuthAction::Function { function_name } => Ok(is_one_of(function_name, &HEAVY_FUNCTIONS)),
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => judge_pragma(pragma_name, *pragma_value),
        AuthAction::CreateVtable { module_name, .. } if is_one_of(module_name, &SAFE_MODULES) => {
            Ok(false)
        }
        AuthAction::CreateVtable { module_name, .. } => Err(format!(
            "virtual tables of the module {module_name} are not available to plugins; these are: {}",
            SAFE_MODULES.join(", ")
        )),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
            Err(transaction_text("transaction control"))
        }
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => Err(attach_text()),
        AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. }
        | AuthAction::DropTempTable { .. }
        | AuthAction::DropTempIndex { .. }
        | AuthAction::DropTempTrigger { .. }
        | AuthAction::DropTempView { .. } => Err(temporary_text()),
        _ => Err("this kind of statement is not available to plugins".into()),
    }
}

fn judge_pragma(name: &str, value: Option<&str>) -> Result<bool, String> {
    // `PRAGMA user_version` reads, but only without a value.
    let reads = is_one_of(name, &READING_PRAGMAS)
        || (value.is_none()
            && (is_one_of(name, &READING_WITHOUT_VALUE)
                || name.eq_ignore_ascii_case("user_version")));
    if reads {
        return Ok(false);
    }
    Err(format!(
        "PRAGMA {name}{} is not available to plugins; the host sets up the database, and pragmas that read the schema \
         (table_info, index_list, foreign_key_list, ...) are open",
        if value.is_some() { " with a value" } else { "" }
    ))
}

fn refuse_what_takes_away(action: &AuthAction<'_>) -> Result<(), String> {
    let what = match action {
        AuthAction::DropTable { table_name } => format!("DROP TABLE {table_name}"),
        AuthAction::DropVtable { table_name, .. } => format!("DROP TABLE {table_name}"),
        AuthAction::DropIndex { index_name, .. } => format!("DROP INDEX {index_name}"),
        AuthAction::DropView { view_name } => format!("DROP VIEW {view_name}"),
        AuthAction::DropTrigger { trigger_name, .. } => format!("DROP TRIGGER {trigger_name}"),
        // A DROP comes as this first; what is dropped is named next. SQLite itself refuses a DELETE of these.
        AuthAction::Delete { table_name }
            if is_one_of(table_name, &["sqlite_master", "sqlite_schema"]) =>
        {
            return Ok(());
        }
        AuthAction::Delete { table_name } => format!("DELETE FROM {table_name}"),
        AuthAction::Function { function_name }
            if function_name.eq_ignore_ascii_case("sqlite_drop_column") =>
        {
            "DROP COLUMN".into()
        }
        AuthAction::Function { function_name }
            if is_one_of(
                function_name,
                &["sqlite_rename_table", "sqlite_rename_column"],
            ) =>
        {
            "RENAME".into()
        }
        _ => return Ok(()),
    };
    Err(format!(
        "{what} takes something away; declare the migration as not additive"
    ))
}

/// Statements about the schema of `temp`; reading `sqlite_temp_master` is harmless.
fn refuse_temporary(action: &AuthAction<'_>) -> Result<(), String> {
    match action {
        AuthAction::Read { .. }
        | AuthAction::Select
        | AuthAction::Function { .. }
        | AuthAction::Pragma { .. } => Ok(()),
        // ALTER TABLE looks for uses there as well. SQLite itself refuses a plugin's own UPDATE of it.
        AuthAction::Update { table_name, .. }
            if table_name.eq_ignore_ascii_case("sqlite_temp_master") =>
        {
            Ok(())
        }
        _ => Err(temporary_text()),
    }
}

/// The names a statement touches or makes. ANALYZE goes over all tables and shows nothing of what is in them.
fn names<'a>(action: &AuthAction<'a>) -> [Option<&'a str>; 2] {
    match *action {
        AuthAction::Read { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
        | AuthAction::CreateTable { table_name }
        | AuthAction::DropTable { table_name }
        | AuthAction::CreateVtable { table_name, .. }
        | AuthAction::DropVtable { table_name, .. }
        | AuthAction::AlterTable { table_name, .. } => [Some(table_name), None],
        AuthAction::CreateIndex {
            index_name,
            table_name,
        }
        | AuthAction::DropIndex {
            index_name,
            table_name,
        } => [Some(index_name), Some(table_name)],
        AuthAction::CreateTrigger {
            trigger_name,
            table_name,
        }
        | AuthAction::DropTrigger {
            trigger_name,
            table_name,
        } => [Some(trigger_name), Some(table_name)],
        AuthAction::CreateView { view_name } | AuthAction::DropView { view_name } => {
            [Some(view_name), None]
        }
        AuthAction::Reindex { index_name } => [Some(index_name), None],
        _ => [None, None],
    }
}

/// A statement that would give something the name of a host table.
pub(super) fn reserved() -> Error {
    Error::Denied(format!(
        "names that start with {HOST_TABLES} are not for plugins"
    ))
}

fn refuse_reserved(name: &str) -> Result<(), String> {
    if starts_with(name, HOST_TABLES) {
        return Err(format!(
            "{name} belongs to the host; names that start with {HOST_TABLES} are not for plugins"
        ));
    }
    // The table-valued forms take their argument from a row, and so any bytes.
    if starts_with(name, "pragma_") {
        return Err(format!(
            "{name} is not available to plugins; write PRAGMA {}(...)",
            &name["pragma_".len()..]
        ));
    }
    if name.eq_ignore_ascii_case("dbstat") || name.eq_ignore_ascii_case("sqlite_dbpage") {
        return Err(format!("{name} is not available to plugins"));
    }
    Ok(())
}

pub(super) fn transaction_text(what: &str) -> String {
    format!(
        "{what} as SQL text is not available; use begin() and the transaction's commit, rollback and savepoint"
    )
}

pub(super) fn attach_text() -> String {
    "ATTACH, DETACH and VACUUM are not available to plugins; a plugin has one database".into()
}

fn temporary_text() -> String {
    "temporary tables, views, indexes and triggers are not available: a connection is shared by all calls; use WITH, or a \
     table of your own"
        .into()
}

fn is_one_of(name: &str, list: &[&str]) -> bool {
    list.iter().any(|entry| entry.eq_ignore_ascii_case(name))
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.as_bytes()
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}
