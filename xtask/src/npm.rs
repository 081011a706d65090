//! Programs for node from this repository: their packages are installed in target/, never beside their source.

use crate::{
    command::{self, is_there},
    tree,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// npm to install, the rest to compile SQLite for node.
const TOOLS: [&str; 6] = ["node", "npm", "python3", "make", "cc", "c++"];
/// Of node, as the package.json files have it.
const OLDEST: u32 = 20;
/// The lock file that was installed, with the node it was compiled for. Written when all went well.
const STAMP: &str = "installed.txt";

/// Copies `package.json`, `package-lock.json` and `program` from `source` to `folder` (both as seen from the root) and
/// installs what is missing there, better-sqlite3 among it. An error is the reason why it cannot run.
pub(crate) fn prepare(source: &str, folder: &str, program: &str) -> Result<PathBuf> {
    let missing: Vec<_> = TOOLS.into_iter().filter(|tool| !is_there(tool)).collect();
    if !missing.is_empty() {
        bail!(
            "it needs {}; missing: {}",
            TOOLS.join(", "),
            missing.join(", ")
        );
    }
    let major = node("process.versions.node.split('.')[0]")?;
    if major.parse::<u32>().is_ok_and(|major| major < OLDEST) {
        bail!("it needs node {OLDEST} or newer, and this one is {major}");
    }
    let target = tree::root().join(folder);
    fs::create_dir_all(&target).with_context(|| format!("cannot create {folder}"))?;
    for file in ["package.json", "package-lock.json", program] {
        fs::copy(tree::root().join(source).join(file), target.join(file))
            .with_context(|| format!("cannot copy {source}/{file}"))?;
    }
    let lock = fs::read_to_string(target.join("package-lock.json"))
        .with_context(|| format!("cannot read {folder}/package-lock.json"))?;
    let node = node("process.versions.modules + ' ' + process.execPath")?;
    let stamp = format!("{node}\n{lock}");
    if fs::read_to_string(target.join(STAMP)).is_ok_and(|installed| installed == stamp) {
        return Ok(target);
    }
    install(&target, &node)?;
    fs::write(target.join(STAMP), stamp).with_context(|| format!("cannot write {folder}"))?;
    Ok(target)
}

fn install(folder: &Path, node: &str) -> Result<()> {
    // Install scripts would look for a compiled SQLite elsewhere; the one that compiles it is run by its name.
    let options = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
    command::run(npm(folder).arg("ci").args(options))?;
    let mut compile = npm(folder);
    compile.args([
        "--prefix",
        "node_modules/better-sqlite3",
        "run",
        "build-release",
    ]);
    // Without node's headers at hand, npm fetches them.
    if let Some(prefix) = headers(node) {
        compile.arg("--").arg(format!("--nodedir={prefix}"));
    }
    command::run(&mut compile)
}

fn npm(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    command::clean(&mut npm);
    npm.current_dir(folder);
    npm
}

/// What an expression says in node.
fn node(expression: &str) -> Result<String> {
    let answer = command::output(Command::new("node").args(["-p", expression]))?;
    if !answer.status.success() {
        bail!("node does not run ({})", answer.status);
    }
    Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}

/// The folder that node was installed to, when its headers are there too.
fn headers(node: &str) -> Option<String> {
    let (_, program) = node.split_once(' ')?;
    let program: PathBuf = fs::canonicalize(program).ok()?;
    let prefix = program.parent()?.parent()?;
    let there = prefix.join("include/node/node.h").is_file();
    there.then(|| prefix.display().to_string())
}
