use super::*;
use clap::CommandFactory;

fn parsed(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(std::iter::once("greenroom").chain(line.split_whitespace()))
        .map(|cli| cli.command)
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn reads_every_command() {
    let Ok(Command::Serve(serve)) = parsed("serve --config a --config b --listen :0 --json") else {
        panic!()
    };
    assert_eq!(serve.config.files, [PathBuf::from("a"), PathBuf::from("b")]);
    assert_eq!(serve.listen.unwrap().to_string(), "127.0.0.1:0");
    assert!(serve.json);
    assert!(matches!(
        parsed("serve"),
        Ok(Command::Serve(Serve {
            listen: None,
            json: false,
            ..
        }))
    ));
    assert!(matches!(
        parsed("check --config a --json"),
        Ok(Command::Check(Check { json: true, .. }))
    ));
    let Ok(Command::Inspect(inspect)) = parsed("inspect x.wasm --json") else {
        panic!()
    };
    assert_eq!(inspect.file, PathBuf::from("x.wasm"));
    let Ok(Command::Ask(Ask::Plugins(plugins))) = parsed("plugins --socket s --json") else {
        panic!()
    };
    assert_eq!(plugins.host.socket, Some("s".into()));
    let Ok(Command::Ask(Ask::Deploy(deploy))) = parsed("deploy x.wasm --as todo --config a") else {
        panic!()
    };
    assert_eq!(deploy.id.unwrap().as_str(), "todo");
    assert_eq!(deploy.host.config.files, [PathBuf::from("a")]);
    assert!(matches!(
        parsed("rollback todo"),
        Ok(Command::Ask(Ask::Rollback(_)))
    ));
    assert!(matches!(
        parsed("remove todo --json"),
        Ok(Command::Ask(Ask::Remove(_)))
    ));
    let Ok(Command::Ask(Ask::Log(log))) = parsed("log todo debug --json") else {
        panic!()
    };
    assert_eq!(log.words, ["todo", "debug"]);
    assert!(parsed("log").is_ok() && parsed("log info,plugin=debug").is_ok());
    assert!(parsed("log a b c").is_err());
    let Ok(Command::New(new)) = parsed("new notes --dry-run --json") else {
        panic!()
    };
    assert!(new.dry_run && new.json && new.id.as_deref() == Some("notes"));
    assert!(matches!(
        parsed("new"),
        Ok(Command::New(New {
            id: None,
            dry_run: false,
            json: false
        }))
    ));
    assert!(matches!(parsed("compile"), Ok(Command::Compile)));
}

#[test]
fn usage_errors_exit_with_64_and_help_with_0() {
    let usage = [
        "",
        "sevre",
        "serve --lisen x",
        "serve --listen x",
        "deploy",
        "rollback",
        "rollback Todo",
        "inspect",
    ];
    let more = [
        "deploy x --as A_B",
        "plugins --socket a --config b",
        "remove",
        "compile x",
    ];
    let help = ["--help", "serve --help", "--version", "deploy -h"];
    // An ExitCode cannot be compared.
    let exit = |line: &str| format!("{:?}", status(&parsed(line).expect_err(line)));
    for line in usage.into_iter().chain(more) {
        assert_eq!(exit(line), format!("{:?}", ExitCode::from(64)), "{line}");
    }
    for line in help {
        assert_eq!(exit(line), format!("{:?}", ExitCode::SUCCESS), "{line}");
    }
}

#[test]
fn errors_say_what_is_taken() {
    let says = |line: &str, text: &str| {
        let error = parsed(line).unwrap_err().to_string();
        assert!(error.contains(text), "{line}: {error}");
    };
    says("rollback Todo", "1 to 63 of a-z, 0-9 and '-'");
    says("serve --listen localhost", "the port is missing");
    says("sevre", "serve");
    says("plugins --socket a --config b", "cannot be used with");
}

#[test]
fn every_command_explains_itself() {
    let mut cli = Cli::command();
    let overview = cli.render_help().to_string();
    assert!(!overview.contains("compile"), "{overview}");
    for name in [
        "serve", "check", "inspect", "plugins", "deploy", "rollback", "remove", "new",
    ] {
        assert!(
            overview.contains(&format!("\n  {name} ")),
            "{name} is not in\n{overview}"
        );
        let help = cli
            .find_subcommand_mut(name)
            .unwrap()
            .render_help()
            .to_string();
        assert!(
            help.contains("Example") && help.contains(&format!("greenroom {name}")),
            "{help}"
        );
        assert!(help.contains("--json"), "{help}");
    }
    for name in ["plugins", "deploy", "rollback", "remove"] {
        let help = cli
            .find_subcommand_mut(name)
            .unwrap()
            .render_help()
            .to_string();
        assert!(
            help.contains("--socket <PATH>") && help.contains("--config <FILE>"),
            "{help}"
        );
    }
}
