//! What the command line says about itself.

use super::{folder, greenroom};

const COMMANDS: [(&str, &str); 11] = [
    ("serve", "Serve the plugins"),
    (
        "check",
        "Check the configuration and load the plugins, without serving",
    ),
    (
        "inspect",
        "Show what a plugin's file holds: id, version, imports, exports, migrations, hash and size",
    ),
    (
        "plugins",
        "List the plugins of the running host with their builds and problems",
    ),
    (
        "deploy",
        "Put a build into the running host, in place of the one that serves",
    ),
    ("rollback", "Bring a plugin's previous build back"),
    (
        "remove",
        "Take a plugin out of the running host; its data stays",
    ),
    (
        "log",
        "Show what the running host logs, or change it until the host stops",
    ),
    (
        "backup",
        "Copy the data and builds of plugins into a new folder",
    ),
    ("restore", "Put a backup back, while no host runs"),
    ("new", "Write a new plugin into a folder of its own"),
];

#[test]
fn the_commands_are_those_of_the_manual() {
    let folder = folder(&[]);
    let said = greenroom(folder.path(), &["--help"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let block = said.out.split_once("Commands:\n").expect("a list").1;
    let listed: Vec<_> = block
        .split("\n\n")
        .next()
        .unwrap()
        .lines()
        .map(|line| {
            line.trim()
                .split_once(' ')
                .expect("a name and what it does")
        })
        .map(|(name, does)| (name, does.trim()))
        .collect();
    assert_eq!(listed, COMMANDS);
    // Short enough for one screen.
    assert!(said.out.lines().count() <= 24, "{}", said.out);
}

#[test]
fn each_command_explains_itself_with_an_example() {
    let folder = folder(&[]);
    for (command, does) in COMMANDS {
        let said = greenroom(folder.path(), &[command, "--help"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{command}");
        assert_eq!(said.out.lines().next(), Some(does));
        let example = format!("\n  greenroom {command}");
        for part in ["--json", example.as_str()] {
            assert!(said.out.contains(part), "{part:?} is not in\n{}", said.out);
        }
        assert!(said.out.lines().count() <= 24, "{}", said.out);
    }
}

#[test]
fn a_wrong_command_line_is_64_and_says_where_help_is() {
    let folder = folder(&[]);
    let cases: [(&[&str], &str); 6] = [
        (&[], "Usage: greenroom <COMMAND>"),
        (&["sevre"], "unrecognized subcommand 'sevre'"),
        (&["deploy"], "<FILE.wasm>"),
        (
            &["rollback", "Not_An_Id"],
            "it takes 1 to 63 of a-z, 0-9 and '-'",
        ),
        (&["serve", "--listen", "localhost"], "the port is missing"),
        (
            &["plugins", "--socket", "x", "--config", "y"],
            "cannot be used with",
        ),
    ];
    for (args, part) in cases {
        let said = greenroom(folder.path(), args);
        assert_eq!((said.code, said.out.as_str()), (64, ""), "{args:?}");
        assert!(
            said.err.contains(part),
            "{args:?}: no {part:?} in {}",
            said.err
        );
        assert!(
            args.is_empty() || said.err.contains("--help"),
            "{args:?}: {}",
            said.err
        );
    }
}

#[test]
fn the_version_is_that_of_the_workspace() {
    let said = greenroom(folder(&[]).path(), &["--version"]);
    assert_eq!(said.code, 0);
    assert_eq!(
        said.out,
        concat!("greenroom ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
