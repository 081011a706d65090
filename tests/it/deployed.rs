//! `deploy/`: the unit and the container file name what is there, and agree with the configuration beside them.

use greenroom_tests::{binary, repository, todo};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;

fn read(name: &str) -> String {
    let path = repository().join("deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// `Key=value` lines of the unit's `[Service]`, where all that is asked for here has to be; a key may come twice.
fn unit() -> BTreeMap<String, Vec<String>> {
    let text = read("greenroom.service");
    let (_, service) = text.split_once("\n[Service]\n").expect("a service");
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in service.lines().take_while(|line| !line.starts_with('[')) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        all.entry(key.to_owned())
            .or_default()
            .push(value.to_owned());
    }
    all
}

fn one<'a>(unit: &'a BTreeMap<String, Vec<String>>, key: &str) -> &'a str {
    match unit.get(key).map(Vec::as_slice) {
        Some([value]) => value,
        other => panic!("{key}: {other:?}"),
    }
}

/// The configuration with everything that it writes below `root`, and any free port.
fn below(root: &Path) -> String {
    let text = read("app-config.yaml");
    let moved = text
        .replace("/var/", &format!("{}/var/", root.display()))
        .replace("/run/", &format!("{}/run/", root.display()))
        .replace("127.0.0.1:7007", "127.0.0.1:0");
    assert_ne!(moved, text);
    moved
}

#[test]
fn the_units_folders_are_those_of_the_configuration() {
    let (unit, config) = (unit(), read("app-config.yaml"));
    let written: Vec<_> = config
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| Some(line.split_once(": /")?.1))
        .collect();
    assert_eq!(written.len(), 5, "{written:?}");
    for (key, place) in [
        ("StateDirectory", "var/lib"),
        ("CacheDirectory", "var/cache"),
        ("RuntimeDirectory", "run"),
    ] {
        let folder = format!("{place}/{}", one(&unit, key));
        assert!(
            written.iter().any(|path| path.starts_with(&folder)),
            "{key}"
        );
        assert_eq!(one(&unit, &format!("{key}Mode")), "0700");
    }
    let allowed = ["var/lib/greenroom", "var/cache/greenroom", "run/greenroom/"];
    for path in written {
        assert!(allowed.iter().any(|a| path.starts_with(a)), "{path}");
    }
    // A stop has time for what the host allows itself: the requests' time and 15 s more.
    let timeout: u64 = one(&unit, "TimeoutStopSec").parse().unwrap();
    assert!(config.contains("serverShutdownTimeout: 10s") && timeout > 10 + 15);
}

type Line = (&'static str, &'static str);

/// What SECURITY.md says of the unit, in its own words, and the lines that hold it.
const PROMISES: &[(&str, &[Line])] = &[
    (
        "a user of its own (`DynamicUser`)",
        &[("DynamicUser", "yes"), ("PrivateUsers", "yes")],
    ),
    (
        "that owns nothing but three folders of mode 0700",
        &[
            ("StateDirectoryMode", "0700"),
            ("CacheDirectoryMode", "0700"),
            ("RuntimeDirectoryMode", "0700"),
            ("UMask", "0077"),
        ],
    ),
    (
        "the file system read-only (`ProtectSystem=strict`)",
        &[("ProtectSystem", "strict")],
    ),
    ("no home folders", &[("ProtectHome", "yes")]),
    ("no devices", &[("PrivateDevices", "yes")]),
    (
        "no other processes in sight",
        &[("ProtectProc", "invisible"), ("ProcSubset", "pid")],
    ),
    ("its own `/tmp`", &[("PrivateTmp", "yes")]),
    (
        "no capabilities",
        &[("CapabilityBoundingSet", ""), ("AmbientCapabilities", "")],
    ),
    (
        "no new rights",
        &[("NoNewPrivileges", "yes"), ("RestrictSUIDSGID", "yes")],
    ),
    ("no namespaces", &[("RestrictNamespaces", "yes")]),
    (
        "the system calls of a service alone",
        &[("SystemCallArchitectures", "native")],
    ),
    (
        "no network but from and to this machine (`IPAddressDeny`), where the proxy is",
        &[("IPAddressDeny", "any"), ("IPAddressAllow", "localhost")],
    ),
    ("ceilings for memory, tasks and files", &[]),
];

/// The list under "Hostile tenants", on one line.
fn promised() -> String {
    let path = repository().join("SECURITY.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text
        .split("\n## ")
        .find(|section| section.starts_with("Hostile tenants"))
        .expect("a section on hostile tenants");
    let items = section
        .lines()
        .filter(|line| line.starts_with("- ") || line.starts_with("  "));
    let words: Vec<_> = items.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

#[test]
fn the_unit_holds_what_is_promised_of_it() {
    let (unit, mut rest) = (unit(), promised());
    for (words, lines) in PROMISES {
        assert!(rest.contains(words), "SECURITY.md says no more: {words}");
        rest = rest.replace(words, "");
        for (key, value) in *lines {
            assert_eq!(one(&unit, key), *value, "{key}: {words}");
        }
    }
    assert!(
        !rest.contains(char::is_alphanumeric),
        "nothing here holds the unit to: {rest}"
    );
    // Nor may it write or keep anything elsewhere.
    for key in [
        "BindPaths",
        "ConfigurationDirectory",
        "LogsDirectory",
        "ReadWritePaths",
        "SupplementaryGroups",
        "User",
    ] {
        assert!(!unit.contains_key(key), "{key}");
    }
    for key in ["MemoryMax", "TasksMax", "LimitNOFILE"] {
        let value = one(&unit, key);
        let number = value.trim_end_matches(['K', 'M', 'G', 'T']);
        assert!(
            number.parse::<u64>().is_ok_and(|n| n > 0),
            "{key}={value} is no ceiling"
        );
    }
    assert!(!unit.contains_key("MemoryDenyWriteExecute"));
    // The compile child is limited by the one group of system calls, and talked to by the other's pipes.
    let [offered, denied] = &unit["SystemCallFilter"][..] else {
        panic!("{:?}", unit["SystemCallFilter"])
    };
    assert_eq!(offered, "@system-service");
    for group in ["@ipc", "@resources", "@process"] {
        assert!(!denied.contains(group), "{denied}");
    }
}

/// The unit's own command line, with its paths below a folder: the host serves from it, and writes nowhere else.
#[test]
fn the_units_command_serves_with_its_configuration() {
    let root = TempDir::new().unwrap();
    for folder in [
        "var/lib/greenroom/plugins",
        "var/cache/greenroom",
        "run/greenroom",
        "etc/greenroom",
    ] {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(root.path().join(folder)).unwrap();
    }
    let config = root.path().join("etc/greenroom/app-config.yaml");
    std::fs::write(&config, below(root.path())).unwrap();
    std::fs::write(
        root.path().join("var/lib/greenroom/plugins/todo.wasm"),
        todo(),
    )
    .unwrap();
    let unit = unit();
    let words: Vec<String> = one(&unit, "ExecStart")
        .split_whitespace()
        .map(|word| word.replace("/etc/greenroom/app-config.yaml", config.to_str().unwrap()))
        .collect();
    assert_eq!(words[0], "/usr/local/bin/greenroom");
    let checked = Command::new(binary())
        .args(["check", "--config", config.to_str().unwrap()])
        .env_clear()
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");

    // As systemd starts it: nothing in the environment but what the unit gives.
    let mut host = Command::new(binary())
        .args(&words[1..])
        .env_clear()
        .env("XDG_RUNTIME_DIR", root.path().join("run/greenroom"))
        .current_dir(root.path().join("var/lib/greenroom"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(host.stdout.take().unwrap()).lines();
    // Ends with the host at the latest.
    let ready = lines
        .map_while(Result::ok)
        .find(|line| line.contains("\"ready\"") || line.contains("\"failed\""));
    let socket = root.path().join("run/greenroom/greenroom.sock");
    let asked = Command::new(binary())
        .args(["plugins", "--socket", socket.to_str().unwrap()])
        .env_clear()
        .output()
        .unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(host.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = host.wait().unwrap();
    assert!(
        ready.is_some_and(|line| line.contains("/api/todo/")),
        "it serves"
    );
    assert!(
        asked.status.success() && ended.success(),
        "{asked:?} {ended}"
    );
    assert!(
        root.path()
            .join("var/lib/greenroom/db/todo.sqlite")
            .is_file()
    );
    let mut written: Vec<_> = std::fs::read_dir(root.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    written.sort();
    assert_eq!(written, ["etc", "run", "var"]);
}

#[test]
fn the_container_names_what_is_there() {
    let (file, config, unit) = (read("Containerfile"), read("app-config.yaml"), unit());
    let lines: Vec<_> = file.lines().filter(|line| !line.starts_with('#')).collect();
    let of = |word: &str| -> Vec<&str> {
        let found = lines.iter().filter_map(|line| line.strip_prefix(word));
        found.map(str::trim).collect()
    };
    // No host of a registry, and a tag.
    let images = of("FROM ");
    assert!(
        images.len() == 1 && images[0].contains(':') && !images[0].contains('/'),
        "{images:?}"
    );
    for copy in of("COPY ") {
        let words: Vec<_> = copy.split_whitespace().collect();
        let [_, from, to] = words[..] else {
            panic!("{copy}")
        };
        // What `dist` compiles is there after it; the rest always.
        assert!(
            from == "target/dist/greenroom" || repository().join(from).is_file(),
            "{from}"
        );
        assert!(
            one(&unit, "ExecStart").contains(to),
            "{to}: the unit has it elsewhere"
        );
    }
    let user: u32 = of("USER ")[0].split(':').next().unwrap().parse().unwrap();
    assert!(user >= 1000, "not root, and no user of the system");
    let volumes: Vec<String> = serde_json::from_str(of("VOLUME ")[0]).unwrap();
    for path in config
        .lines()
        .filter_map(|line| Some(line.split_once(": /var/")?.1))
    {
        let path = format!("/var/{path}");
        assert!(
            volumes
                .iter()
                .any(|volume| path.starts_with(volume.as_str())),
            "{path}"
        );
    }
    assert_eq!(of("EXPOSE "), ["7007"]);
    assert_eq!(of("STOPSIGNAL "), ["SIGTERM"]);
    // The command lines are understood: `--help` after them is answered.
    let health = lines
        .iter()
        .find_map(|line| line.trim().strip_prefix("CMD "))
        .unwrap();
    for words in [health, of("CMD ")[0]] {
        let mut words: Vec<String> = serde_json::from_str(words).unwrap();
        words.retain(|word| word != "greenroom");
        let said = Command::new(binary())
            .args(&words)
            .arg("--help")
            .output()
            .unwrap();
        assert!(said.status.success(), "{words:?}: {said:?}");
        let path = words.last().unwrap();
        assert!(
            config.contains(path.as_str()) || path.ends_with("app-config.yaml"),
            "{path}"
        );
    }
}
