//! What else happens while the clients write.

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

/// Builds of the plugin `rows`.
pub(super) fn rows_build(number: u64) -> Vec<u8> {
    chameleon(&format!("id=rows;version={};migrations=base;", number % 2))
}

/// Compiles every build once, so that the kill meets deploys and not compilers.
pub(super) fn warm(host: &Host) {
    host.deploy("rows", &rows_build(1)).expect("a good build");
    host.deploy("rows", &rows_build(0)).expect("a good build");
    for build in [ADDITIVE, EXCLUSIVE, SLOW] {
        let file = host.folder().join("warm.wasm");
        fs::write(&file, chameleon(build)).expect("the folder");
        let said = host.command(&["inspect", "warm.wasm"]);
        assert!(said.status.success(), "{said:?}");
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

/// One that was begun.
pub(super) struct Deploy {
    kind: Kind,
    command: Option<Child>,
    wanted: String,
}

/// How it looked to who deployed.
pub(super) struct Deployed {
    kind: Kind,
    acknowledged: bool,
    wanted: String,
}

impl Deploy {
    pub(super) fn start(host: &Host, kind: Kind, cycle: u64) -> Self {
        // Each time the other one.
        let number = cycle / 2;
        let (id, build) = match kind {
            Kind::None | Kind::Folder | Kind::Upload => ("rows", rows_build(number)),
            Kind::Additive => ("steps", chameleon(ADDITIVE)),
            Kind::Exclusive => ("steps", chameleon(EXCLUSIVE)),
            Kind::Slow => ("steps", chameleon(SLOW)),
        };
        let wanted = match kind {
            Kind::Additive => "2".to_owned(),
            Kind::Exclusive => "3".to_owned(),
            Kind::Slow => "4".to_owned(),
            _ => (number % 2).to_string(),
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
            command,
            wanted,
        }
    }

    /// After the kill, which ends the command as well.
    pub(super) fn end(self) -> Deployed {
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
            acknowledged,
            wanted: self.wanted,
        }
    }
}

impl Deployed {
    /// An acknowledged deploy that does not serve, or a build that does not fit its schema.
    pub(super) fn contradicts(&self, host: &Host) -> Vec<String> {
        let mut found = Vec::new();
        let version = |id: &str| host.get(&format!("/api/{id}/version")).text();
        let id = if self.kind.is_migration() {
            "steps"
        } else {
            "rows"
        };
        let live = version(id);
        if self.acknowledged && live != self.wanted {
            found.push(format!(
                "the deploy of {} was acknowledged, and {live} serves",
                self.wanted
            ));
        }
        if self.kind.is_migration() {
            let columns = "SELECT group_concat(name) FROM pragma_table_info('parent')";
            let call = serde_json::json!({"op": "row", "sql": columns});
            let schema = host.post("/api/steps/sql", &call).json()["ok"][0].to_string();
            // An additive step stays when its build did not come up.
            let fits = match &*live {
                "2" => schema.contains("note"),
                "3" | "4" => !schema.contains("note"),
                "1" => true,
                _ => false,
            };
            if !fits {
                found.push(format!("{live} serves a schema of {schema}"));
            }
        }
        found
    }
}
