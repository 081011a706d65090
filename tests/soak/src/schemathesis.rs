//! The todo plugin against its own OpenAPI document: with a list of nasty values here, and with schemathesis, which makes
//! up thousands.
//!
//! schemathesis comes from PyPI into `target/schemathesis`, a virtual environment of `python3 -m venv`. Without python3,
//! its module venv or a network its rows are not reached, and say so; the tests do without it.

mod nasty;

use crate::{Row, Run, Scale};
use anyhow::{Context, Result, bail};
use greenroom_tests::{Host, Setup, repository, todo};
use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const VERSION: &str = "4.32.5";

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let host = Setup::new().plugin("todo", &todo()).start();
    let document = host.get("/api/todo/openapi.json").json();
    let mut rows = vec![nasty::row(&host, &document)];
    if run.scale == Scale::Small {
        return Ok(rows);
    }
    let examples = run.count(1000, 0);
    let checks = ["--exclude-checks", "ensure_resource_availability"];
    rows.push(row(
        &host,
        &document,
        &format!("schemathesis, {examples} examples an operation, then sequences of them"),
        &[&checks[..], &["--max-examples", &examples.to_string()]].concat(),
    ));
    // A key that was used before answers the todo of then, which may be gone: what was just created is found each time
    // for requests without one.
    let mut keyless = document;
    if let Some(parameters) = keyless.pointer_mut("/paths/~1todos/post/parameters") {
        *parameters = Value::Array(Vec::new());
    }
    rows.push(row(
        &host,
        &keyless,
        "schemathesis, sequences of operations without Idempotency-Key",
        &[
            "--phases",
            "stateful",
            "--max-examples",
            &(examples / 2).to_string(),
        ],
    ));
    Ok(rows)
}

fn row(host: &Host, document: &Value, what: &str, options: &[&str]) -> Row {
    let wanted =
        "every check of it holds, but those that tests/soak/schemathesis.toml gives a reason for";
    match schemathesis(host, document, options) {
        Ok((good, summary)) => Row::new(what, wanted, summary, good),
        Err(error) => Row::new(what, wanted, format!("not run: {error:#}"), false),
    }
}

/// Whether all checks held, and its last words.
fn schemathesis(host: &Host, document: &Value, options: &[&str]) -> Result<(bool, String)> {
    let folder = repository().join("target/schemathesis");
    let program = installed(&folder)?;
    let file = folder.join("openapi.json");
    fs::write(&file, document.to_string()).with_context(|| file.display().to_string())?;
    let output = Command::new(program)
        .current_dir(&folder)
        .arg("--config-file")
        .arg(repository().join("tests/soak/schemathesis.toml"))
        .args(["run", "openapi.json", "--url"])
        .arg(format!("http://{}/api/todo", host.address()))
        .args([
            "--checks",
            "all",
            "--no-color",
            "--continue-on-failure",
            "--request-timeout",
            "30",
        ])
        .args(options)
        .stdin(Stdio::null())
        .output()
        .context("schemathesis")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let good = output.status.success();
    if !good {
        eprintln!("{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    let kept = text
        .lines()
        .filter(|line| line.contains(" generated, ") || line.starts_with("Seed:"));
    let told: Vec<&str> = kept.map(str::trim).collect();
    if told.is_empty() {
        bail!("it ended with {} and no count", output.status);
    }
    Ok((good, told.join(", ")))
}

/// Its program, installed unless it is there in this version.
fn installed(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("bin/schemathesis");
    let known = Command::new(&program).arg("--version").output();
    if known.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).contains(VERSION)) {
        return Ok(program);
    }
    eprintln!(
        "schemathesis: installing it from PyPI into {}",
        folder.display()
    );
    succeed(
        "python3",
        [OsStr::new("-m"), OsStr::new("venv"), folder.as_os_str()],
    )
    .context("python3 with its module venv is needed")?;
    let package = format!("schemathesis=={VERSION}");
    succeed(
        folder.join("bin/pip"),
        [
            "install",
            "--quiet",
            "--disable-pip-version-check",
            &package,
        ],
    )?;
    Ok(program)
}

fn succeed<P: AsRef<OsStr>, A: AsRef<OsStr>>(
    program: P,
    arguments: impl IntoIterator<Item = A>,
) -> Result<()> {
    let shown = program.as_ref().display().to_string();
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {shown}"))?;
    if !output.status.success() {
        bail!(
            "{shown}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
