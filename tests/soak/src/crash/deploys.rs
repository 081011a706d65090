//! What else happens while the clients write, and how far it had come at the kill.

use greenroom_tests::{Host, binary, chameleon};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub(super) const BASE: &str = "id=steps;version=1;migrations=base;";
const ADDITIVE: &str = "id=steps;version=2;migrations=base,add;";
const EXCLUSIVE: &str = "id=steps;version=3;migrations=base,cascade;";
/// Some seconds, while requests are held.
const SLOW: &str = "id=steps;version=4;migrations=base,slow-exclusive;";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    None,
    /// A new build of `rows`, by its file.
    Folder,
    /// The same by `greenroom deploy`.
    Upload,
    /// A new build of `steps` with a migration.
    Additive,
    Exclusive,
    Slow,
}

impl Kind {
    /// In turn. A migration comes after a cycle without one, which makes its database new.
    pub(super) fn of(cycle: u64) -> Self {
        let all = [
            Self::None,
            Self::Exclusive,
            Self::Upload,
            Self::Additive,
            Self::Folder,
            Self::Slow,
        ];
        all[usize::try_from(cycle).unwrap_or_default() % all.len()]
    }

    pub(super) fn is_migration(self) -> bool {
        matches!(self, Self::Additive | Self::Exclusive | Self::Slow)
    }

    /// About how long it takes, so that the kill meets it at any of its steps: measured on two cores.
    pub(super) fn takes(self) -> Duration {
        Duration::from_millis(match self {
            Self::None => 20,
            // The folder's files rest for 150 ms before they are read.
            Self::Folder => 250,
            Self::Upload | Self::Additive | Self::Exclusive => 100,
            Self::Slow => 1500,
        })
    }
}

/// Builds of the plugin `rows`: two, 0 and 1.
pub(super) fn rows_build(number: u8) -> Vec<u8> {
    chameleon(&format!("id=rows;version={number};migrations=base;"))
}

/// Compiles every build once, so that the kill meets deploys and not compilers.
pub(super) fn warm(host: &Host) {
    host.deploy("rows", &rows_build(1)).expect("a good build");
    host.deploy("rows", &rows_build(0)).expect("a good build");
    for build in [ADDITIVE, EXCLUSIVE, SLOW] {
        host.compile(&chameleon(build));
    }
}

/// The database of `steps` as it was at first. While no host runs.
pub(super) fn reset(folder: &Path) {
    let database = folder.join("db");
    for entry in fs::read_dir(database).expect("a folder").flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("steps.") {
            fs::remove_file(entry.path()).expect("a file");
        }
    }
    fs::write(folder.join("plugins/steps.wasm"), chameleon(BASE)).expect("the folder");
}

/// Whether a copy of the database of `steps` lies there that the next start puts back. While no host runs.
pub(super) fn copy_is_there(folder: &Path) -> bool {
    let copy = folder.join("db/steps.sqlite.before-migration");
    // An empty one is none.
    fs::metadata(copy).is_ok_and(|file| file.len() > 0)
}

fn version(host: &Host, id: &str) -> String {
    host.get(&format!("/api/{id}/version")).text()
}

/// The builds of a plugin in the order in which they were live, as they are recorded: just before a new one serves.
fn recorded(folder: &Path, id: &str) -> Vec<u8> {
    let path = folder.join(format!("db/plugins.state/{id}.json"));
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// One that was begun.
pub(super) struct Deploy {
    kind: Kind,
    id: &'static str,
    command: Option<Child>,
    previous: String,
    wanted: String,
    recorded: Vec<u8>,
}

/// How it looked to who deployed, and in the files after the kill.
pub(super) struct Deployed {
    kind: Kind,
    id: &'static str,
    acknowledged: bool,
    previous: String,
    wanted: String,
    is_recorded: bool,
}

/// What serves after it.
pub(super) struct Seen {
    /// The new build was live at the kill, or was about to be: what had to be on the disk for it was.
    pub(super) went_live: bool,
    /// An acknowledged deploy that does not serve, or a build that does not fit its schema.
    pub(super) contradictions: Vec<String>,
}

impl Deploy {
    pub(super) fn start(host: &Host, kind: Kind) -> Self {
        let id = if kind.is_migration() { "steps" } else { "rows" };
        let previous = version(host, id);
        let recorded = recorded(host.folder(), id);
        // Of `rows` the one that does not serve.
        let other = u8::from(previous == "0");
        let (wanted, build) = match kind {
            Kind::None => (previous.clone(), Vec::new()),
            Kind::Folder | Kind::Upload => (other.to_string(), rows_build(other)),
            Kind::Additive => ("2".to_owned(), chameleon(ADDITIVE)),
            Kind::Exclusive => ("3".to_owned(), chameleon(EXCLUSIVE)),
            Kind::Slow => ("4".to_owned(), chameleon(SLOW)),
        };
        let command = match kind {
            Kind::None => None,
            Kind::Folder => {
                host.drop_in(id, &build);
                None
            }
            _ => {
                let file = host.folder().join("upload.wasm");
                fs::write(&file, build).expect("the folder");
                let mut deploy = Command::new(binary());
                deploy
                    .args(["deploy", "upload.wasm", "--as", id])
                    .current_dir(host.folder())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null());
                Some(deploy.spawn().expect("greenroom runs"))
            }
        };
        Self {
            kind,
            id,
            command,
            previous,
            wanted,
            recorded,
        }
    }

    /// After the kill, which ends the command as well.
    pub(super) fn end(self, folder: &Path) -> Deployed {
        let acknowledged = self.command.is_some_and(|mut command| {
            let until = Instant::now() + Duration::from_secs(30);
            loop {
                match command.try_wait().expect("a child") {
                    Some(status) => return status.success(),
                    None if Instant::now() > until => {
                        let _ = command.kill();
                        let _ = command.wait();
                        panic!("`greenroom deploy` waits for a host that is gone");
                    }
                    None => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        Deployed {
            kind: self.kind,
            id: self.id,
            acknowledged,
            previous: self.previous,
            wanted: self.wanted,
            is_recorded: recorded(folder, self.id) != self.recorded,
        }
    }
}

impl Deployed {
    /// At the host that was started after the kill.
    pub(super) fn look(&self, host: &Host) -> Seen {
        let (live, wanted) = (version(host, self.id), &self.wanted);
        let mut found = Vec::new();
        if self.acknowledged && live != *wanted {
            found.push(format!(
                "the deploy of {wanted} was acknowledged, and {live} serves"
            ));
        }
        if live != self.previous && live != *wanted {
            found.push(format!(
                "{live} serves, before it was {}, and {wanted} came",
                self.previous
            ));
        }
        if self.kind == Kind::Folder && live != *wanted {
            found.push(format!(
                "{wanted} lies in the plugins folder, and {live} serves"
            ));
        }
        if self.kind.is_migration() {
            let text = "SELECT sql FROM sqlite_schema WHERE name = 'parent'";
            let call = serde_json::json!({"op": "row", "sql": text});
            let schema = host.post("/api/steps/sql", &call).json()["ok"][0].to_string();
            // An additive step stays when its build did not come up.
            let fits = match &*live {
                "2" => schema.contains("note"),
                "3" | "4" => schema.contains("TABLE") && !schema.contains("note"),
                _ => schema.contains("TABLE"),
            };
            if !fits {
                found.push(format!("{live} serves a schema of {schema}"));
            }
        }
        // A file in the folder serves after the start, however far its deploy had come.
        let went_live = match self.kind {
            Kind::Folder => self.is_recorded,
            _ => live == *wanted,
        };
        Seen {
            went_live,
            contradictions: found,
        }
    }
}
