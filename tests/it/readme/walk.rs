//! From the first line of README.md to the last, in its order.

use super::{
    Shown, TESTED, WALK, commands, inline, output_of,
    served::Clone,
    shown::{README, blocks, shape},
};
use greenroom_tests::{todo, variant};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_readme_is_true() {
    let clone = Clone::new();
    let host = clone.serve();
    let port = host.port();
    // The URL comes last; the log may still be on its way.
    let expected = shape(&output_of("cargo xtask serve"));
    host.wait_for(0, "outcome=\"deployed\"");
    // A cold cache adds a line.
    let printed = host.printed().into_iter();
    let printed: Vec<_> = printed
        .filter(|line| !line.contains(": compile plugin="))
        .collect();
    assert_eq!(shape(&printed.join("\n")), expected);

    let run = |command: &str| {
        let output = clone.shell(command, &port);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{command}: {out}{err}");
        out
    };
    let mut tried = 0;
    let mine = |shown: &&Shown| {
        let walked = |(command, test): &(&str, &str)| shown.command == *command && *test == WALK;
        TESTED.iter().any(walked)
    };
    for shown in commands().iter().filter(mine) {
        if shown
            .command
            .ends_with("greenroom deploy target/plugins/todo.wasm")
        {
            // What `cargo xtask build todo` leaves there after a change.
            let from = host.printed().len();
            change(&clone);
            let line = host.wait_for(from, "deploy plugin=todo");
            assert!(has_block(&line), "README.md has no such line: {line}");
        }
        let expected = shown.output.as_deref().unwrap_or_default();
        let out = run(&shown.command);
        assert_eq!(shape(&out), shape(expected), "{}", shown.command);
        tried += 1;
    }
    assert!(tried >= 7, "only {tried} commands are found");

    let openapi = "curl http://localhost:7007/api/todo/openapi.json";
    assert!(inline().iter().any(|command| command == openapi));
    let described: serde_json::Value = serde_json::from_str(&run(openapi)).unwrap();
    assert!(described["paths"]["/todos"].is_object(), "{described}");
    let inspected = run("target/release/greenroom inspect target/plugins/todo.wasm");
    assert!(inspected.starts_with("id          todo\n"), "{inspected}");
    for command in [
        "rollback todo",
        "remove todo",
        "inspect target/plugins/todo.wasm",
    ] {
        // "All of them take --json."
        let out = run(&format!("target/release/greenroom {command} --json"));
        serde_json::from_str::<serde_json::Value>(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
        std::fs::write(clone.path().join("target/plugins/todo.wasm"), todo()).unwrap();
    }
    host.interrupt();
}

fn change(clone: &Clone) {
    let plugins = clone.path().join("target/plugins");
    std::fs::write(plugins.join(".todo.wasm"), variant(&todo(), "changed")).unwrap();
    std::fs::rename(plugins.join(".todo.wasm"), plugins.join("todo.wasm")).unwrap();
}

/// Whether a block of README.md is this line.
fn has_block(line: &str) -> bool {
    blocks(README)
        .iter()
        .any(|(language, content)| language == "text" && shape(content) == shape(line))
}
