//! `cargo xtask`: the one door to building, checking and testing this repository.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the command line"
)]

mod backstage_check;
mod bench;
mod build;
mod check;
mod command;
mod dist;
mod npm;
mod serve;
mod soak;
mod test;
mod tools;
mod tree;
mod wit;
mod wrk;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  serve [ARGS...]   build the todo plugin and the host, then run `greenroom serve` with app-config.yaml
  build [PART...]   build `todo`, `fixtures`, `host` or `all` of them (default: todo host)
  backstage-check   show that a real Backstage, installed from npm, and Greenroom agree on its tokens, and on forged ones;
                    --record writes them to tests/data/backstage-tokens.json, for the tests
  bench [--quick]   measure Greenroom beside native servers and Express into bench/results.md, in about 40 minutes;
                    --quick: in two minutes, into target/bench; --profile: flame graphs, into target/bench;
                    --only load, --only size: one part, into target/bench; --dist: of what `dist` compiles;
                    --against CHECKOUT: the CPU of a request against that of the host which `build all` (with --dist
                    `dist`, too) left in another checkout, in about 8 minutes
  check             formatting, clippy and rustdoc, with every warning an error
  dist              compile the host as operators run it, guided by a profile of its work under load, into
                    target/dist/greenroom, in about 15 minutes
  soak [--full]     the tests that take thousands of turns, a fifth of them in about 40 minutes, or all; words run those
                    sections alone; figures go to tests/soak-report.md (`cargo xtask soak --help` names the sections)
  test [FILTER...]  build everything, then run the tests (those whose names hold a FILTER)
  wit [--check]     fetch wit/deps again from crates.io; --check only compares its checksums
";

/// What went wrong with the command line itself, as BSD's sysexits number it.
const EX_USAGE: u8 = 64;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    let wants_help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    let outcome = match command.as_str() {
        // `serve --help` is the host's own.
        "serve" => serve::run(&args),
        // As is `soak --help` its driver's.
        "soak" => soak::run(&args),
        "" | "help" | "--help" | "-h" => return help(),
        _ if wants_help => return help(),
        "build" => match build::parts(&args) {
            Ok(parts) => build::run(&parts),
            Err(problem) => return usage(&problem),
        },
        "backstage-check" if args.is_empty() || args == [backstage_check::RECORD] => {
            backstage_check::run(&args)
        }
        "bench" => match bench::problem(&args) {
            Some(problem) => return usage(&problem),
            None => bench::run(&args),
        },
        "check" if args.is_empty() => check::run(),
        "dist" if args.is_empty() => dist::run(false),
        "test" => match args.iter().find(|arg| arg.starts_with('-')) {
            Some(flag) => {
                return usage(&format!("`test` takes parts of test names, not {flag:?}"));
            }
            None => test::run(&args),
        },
        "wit" if args.is_empty() => wit::fetch(),
        "wit" if args == ["--check"] => wit::check(),
        "backstage-check" | "check" | "dist" | "wit" => {
            return usage(&format!("`{command}` does not take {args:?}"));
        }
        unknown => return usage(&format!("there is no command {unknown:?}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn help() -> ExitCode {
    print!("{HELP}");
    ExitCode::SUCCESS
}

fn usage(problem: &str) -> ExitCode {
    eprint!("xtask: {problem}\n\n{HELP}");
    ExitCode::from(EX_USAGE)
}
