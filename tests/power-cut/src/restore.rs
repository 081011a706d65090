//! A restore on a disk whose power goes: afterwards, once the next start has done what the journal says, all of it is put
//! back or nothing, and what was there before is kept.

use crate::{Dice, Disk, Plan, Survives};
use greenroom::storage::{backup, replace};
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{error::Error, fs, io, path::Path};
use tempfile::TempDir;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Changes after which the disk has been cut, at the latest; a restore makes about two thirds of them.
const LAST: u64 = 60;
/// Below the disk's root.
const JOURNAL: &str = "var/state/restore.journal";
const DATABASE: &str = "var/data/plugin.sqlite";
const KEYS: &str = "var/data/plugin.kv.sqlite";
const COMPONENT: &str = "var/plugins/plugin.wasm";

/// What came of it.
#[derive(Debug, Default)]
pub struct Restored {
    /// It was told that all is in its place.
    pub told: bool,
    /// All is.
    pub new: bool,
    /// The next start had something to do.
    pub finished: bool,
    pub problems: Vec<String>,
}

/// What was in the places before.
struct Before {
    /// Rows of the database, and whether some of them are in its log alone.
    database: Option<(u32, bool)>,
    component: bool,
}

/// The three places hold other things than the backup, or nothing, and the backup has no keys.
pub fn trial(seed: u64) -> io::Result<Restored> {
    let mut dice = Dice::new(seed);
    let [source, before, after] = [TempDir::new()?, TempDir::new()?, TempDir::new()?];
    let there = Before {
        database: (dice.below(3) > 0).then(|| (1 + rows(&mut dice), dice.below(2) == 0)),
        component: dice.below(2) == 0,
    };
    let new_rows = 1000 + rows(&mut dice);
    prepare(&there, before.path())
        .and_then(|()| database(&source.path().join("database"), new_rows, false))
        .map_err(|error| io::Error::other(error.to_string()))?;
    fs::write(source.path().join("component"), "new")?;
    let cut = Some(1 + dice.below(LAST));
    let survives = Survives::roll(&mut dice);
    let disk = Disk::mount(
        before.path(),
        Plan {
            cut,
            ..Plan::default()
        },
    )?;
    let root = disk.root().to_owned();
    let mut restored = Restored {
        told: put_back(&root, source.path()).is_ok(),
        ..Restored::default()
    };
    disk.cut();
    disk.survivor(survives, &mut dice, after.path())?;
    drop(disk);
    if let Err(error) = look(&there, new_rows, &root, after.path(), &mut restored) {
        restored.problems.push(error.to_string());
    }
    Ok(restored)
}

fn rows(dice: &mut Dice) -> u32 {
    u32::try_from(dice.below(200)).unwrap_or_default()
}

fn prepare(there: &Before, root: &Path) -> Outcome<()> {
    for folder in ["var/data", "var/state", "var/plugins"] {
        fs::create_dir_all(root.join(folder))?;
    }
    if let Some((rows, log)) = there.database {
        database(&root.join(DATABASE), rows, log)?;
        database(&root.join(KEYS), rows, log)?;
    }
    if there.component {
        fs::write(root.join(COMPONENT), "old")?;
    }
    Ok(())
}

/// `log`: its last rows are in the write-ahead log, as a killed host leaves it.
fn database(path: &Path, rows: u32, log: bool) -> Outcome<()> {
    let database = Connection::open(path)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, log)?;
    database.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    database.execute_batch("CREATE TABLE data (n INTEGER PRIMARY KEY, body TEXT)")?;
    for n in 0..rows {
        let body = "x".repeat(500);
        database.execute("INSERT INTO data VALUES (?1, ?2)", (n, body))?;
    }
    if !log {
        database.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))?;
    }
    database.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// As `greenroom restore --replace` does it.
fn put_back(root: &Path, source: &Path) -> Outcome<()> {
    let place = |name: &str| root.join(name);
    let mut steps = Vec::new();
    for (name, from, mode) in [
        (DATABASE, "database", 0o600),
        (COMPONENT, "component", 0o644),
    ] {
        let staged = replace::staging(&place(name))?;
        backup::duplicate(&source.join(from), &staged, mode)?;
        steps.push(replace::Step {
            place: place(name),
            staged: Some(staged),
        });
    }
    if backup::there(&place(KEYS))? {
        steps.push(replace::Step {
            place: place(KEYS),
            staged: None,
        });
    }
    for step in &steps {
        replace::set_aside(&step.place, 0o600)?;
    }
    replace::carry_out(&place(JOURNAL), &steps)?;
    Ok(())
}

/// At the next start, in the folder that is left.
fn look(
    there: &Before,
    new_rows: u32,
    root: &Path,
    after: &Path,
    restored: &mut Restored,
) -> Outcome<()> {
    let journal = after.join(JOURNAL);
    if backup::there(&journal)? {
        // It names the places of the disk that was cut.
        let [old, new] = [root, after].map(|path| path.display().to_string());
        let text = fs::read_to_string(&journal)?.replace(&old, &new);
        fs::write(&journal, text)?;
    }
    restored.finished = replace::finish(&journal)?;
    let mut problem = |problem: String| restored.problems.push(problem);
    if backup::there(&journal)? {
        problem("the journal is still there".to_owned());
    }
    let old_rows = there.database.map(|(rows, _)| rows);
    let data = stored(&after.join(DATABASE))?;
    let keys = stored(&after.join(KEYS))?;
    let component = match fs::read_to_string(after.join(COMPONENT)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        text => Some(text?),
    };
    let old_component = there.component.then(|| "old".to_owned());
    let found = (data, keys, component);
    let new = found == (Some(new_rows), None, Some("new".to_owned()));
    if !new && found != (old_rows, old_rows, old_component) {
        problem(format!("neither all nor nothing: {found:?}"));
    }
    if restored.told && !new {
        problem(format!("it was told that all is in its place: {found:?}"));
    }
    if new {
        for name in [DATABASE, KEYS] {
            let kept = stored(&after.join(format!("{name}.before-restore")))?;
            if kept != old_rows {
                problem(format!(
                    "{name}: {kept:?} rows are kept, {old_rows:?} were there"
                ));
            }
        }
    }
    restored.new = new;
    Ok(())
}

/// The rows of a database, whose pages fit together; none where there is no file.
fn stored(path: &Path) -> Outcome<Option<u32>> {
    if !backup::there(path)? {
        return Ok(None);
    }
    backup::look(path)?;
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let rows = database.query_row("SELECT count(*) FROM data", [], |row| row.get(0))?;
    Ok(Some(rows))
}
