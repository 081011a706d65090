//! `cargo xtask wit`: the WASI packages in wit/deps, copied unchanged from packages of crates.io.

use crate::{
    command,
    tree::{self, Workspace},
};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A package of crates.io, and which of its WIT we take.
struct Source {
    name: &'static str,
    version: &'static str,
    /// A file or a folder below the crate's `wit/deps`, and its name in ours.
    parts: &'static [(&'static str, &'static str)],
}

/// The version that host/Cargo.toml asks for: the host serves the WASI versions of its wasmtime.
const WASMTIME: &str = "48.0.8";

const SOURCES: [Source; 5] = [
    Source {
        name: "wasmtime-wasi-http",
        version: WASMTIME,
        parts: &[
            ("cli.wit", "cli.wit"),
            ("clocks.wit", "clocks.wit"),
            ("filesystem.wit", "filesystem.wit"),
            ("http.wit", "http.wit"),
            ("io.wit", "io.wit"),
            ("random.wit", "random.wit"),
            ("sockets.wit", "sockets.wit"),
        ],
    },
    Source {
        name: "wasmtime-wasi-config",
        version: WASMTIME,
        parts: &[("config", "config")],
    },
    Source {
        name: "wasmtime-wasi-keyvalue",
        version: WASMTIME,
        // Below the newer version's folder, where nobody who reads wit/ looks: see the README there.
        parts: &[("keyvalue", "keyvalue/draft")],
    },
    Source {
        name: "spin-sdk",
        version: "7.0.0",
        parts: &[("wasi-keyvalue-2024-10-17", "keyvalue")],
    },
    Source {
        name: "wasmcloud-component",
        version: "0.2.0",
        parts: &[("logging", "logging")],
    },
];

const SUMS: &str = "SHA256SUMS";
const README: &str = "README.md";

/// WIT files by their path below wit/deps.
type Files = BTreeMap<String, Vec<u8>>;

/// Fetches the crates with cargo, which verifies them, and replaces the files of wit/deps.
pub(crate) fn fetch() -> Result<()> {
    let crates = crates()?;
    let mut files = Files::new();
    let mut table = String::new();
    for source in &SOURCES {
        let (folder, licence) = crates
            .get(source.name)
            .with_context(|| format!("cargo did not tell where {} lies", source.name))?;
        for (theirs, ours) in source.parts {
            let taken = take(&folder.join("wit/deps").join(theirs), ours)?;
            table += &row(source, theirs, ours, &package_of(&taken, ours)?, licence);
            files.extend(taken);
        }
    }
    let readme = with_table(&fs::read_to_string(deps().join(README))?, &table)?;
    for stale in existing()?.keys().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(deps().join(stale))?;
    }
    for (path, content) in &files {
        write(&deps().join(path), content)?;
    }
    write(&deps().join(SUMS), sums(&files).as_bytes())?;
    write(&deps().join(README), readme.as_bytes())?;
    eprintln!("wit: {} files in {}", files.len(), deps().display());
    Ok(())
}

/// Compares wit/deps with its SHA256SUMS, both ways.
pub(crate) fn check() -> Result<()> {
    let recorded = fs::read_to_string(deps().join(SUMS)).context("wit/deps has no SHA256SUMS")?;
    let found = sums(&existing()?);
    let (recorded, found) = (lines(&recorded), lines(&found));
    let mut problems = Vec::new();
    for (path, sum) in &recorded {
        match found.get(path) {
            None => problems.push(format!("{path} is missing")),
            Some(found) if found != sum => problems.push(format!("{path} was changed")),
            Some(_) => {}
        }
    }
    let unknown = found.keys().filter(|path| !recorded.contains_key(*path));
    problems.extend(unknown.map(|path| format!("{path} is not listed")));
    if !problems.is_empty() {
        bail!(
            "wit/deps is not what wit/deps/{SUMS} records: {}. \
             `cargo xtask wit` fetches the files again; they are never edited here",
            problems.join("; ")
        );
    }
    println!("wit: {} files are as recorded", recorded.len());
    Ok(())
}

fn deps() -> PathBuf {
    tree::root().join("wit/deps")
}

/// Lets cargo fetch the crates for a scratch package; the folder and the licence of each.
fn crates() -> Result<BTreeMap<String, (PathBuf, String)>> {
    let scratch = tree::root().join("target/wit");
    let mut manifest =
        "[package]\nname = \"scratch\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n"
            .to_owned();
    for source in &SOURCES {
        manifest += &format!(
            "{} = {{ version = \"={}\", default-features = false }}\n",
            source.name, source.version
        );
    }
    write(&scratch.join("Cargo.toml"), manifest.as_bytes())?;
    write(&scratch.join("src/lib.rs"), b"")?;
    let mut metadata = command::cargo(Workspace::Root, "metadata");
    metadata
        .args(["--format-version", "1", "--manifest-path"])
        .arg(scratch.join("Cargo.toml"));
    let metadata = command::capture(&mut metadata)
        .context("the packages of wit/deps come from crates.io, which this needs to reach")?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata)?;
    let mut crates = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let wanted =
            |source: &Source| source.name == text("name") && source.version == text("version");
        if SOURCES.iter().any(wanted) {
            let manifest = PathBuf::from(text("manifest_path"));
            let folder = manifest.parent().unwrap_or(&manifest).to_path_buf();
            crates.insert(text("name"), (folder, text("license")));
        }
    }
    Ok(crates)
}

/// A .wit file, or all of a folder, under the name it has in wit/deps.
fn take(from: &Path, ours: &str) -> Result<Files> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    if from.is_file() {
        return Ok(Files::from([(ours.to_owned(), read(from)?)]));
    }
    let mut files = Files::new();
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "wit") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            files.insert(format!("{ours}/{name}"), read(&path)?);
        }
    }
    Ok(files)
}

/// The `package ...;` line, without which a folder of `deps` means nothing.
fn package_of(files: &Files, ours: &str) -> Result<String> {
    let texts = files
        .values()
        .map(|content| String::from_utf8_lossy(content));
    let mut headers = texts.filter_map(|text| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("package "))?;
        Some(line.trim_end_matches(';').to_owned())
    });
    headers
        .next()
        .with_context(|| format!("{ours} has no package line"))
}

fn row(source: &Source, theirs: &str, ours: &str, package: &str, licence: &str) -> String {
    let (here, slash) = if ours.ends_with(".wit") {
        (ours.to_owned(), "")
    } else {
        (format!("{ours}/*.wit"), "/")
    };
    let (name, version) = (source.name, source.version);
    format!(
        "| `{package}` | `{here}` | `{name}` | {version} | `wit/deps/{theirs}{slash}` | {licence} |\n"
    )
}

/// The README with the rows of its table (all that follows the line under the head) replaced.
fn with_table(readme: &str, rows: &str) -> Result<String> {
    let (head, rest) = readme
        .split_once("|---|---|---|---|---|---|\n")
        .context("wit/deps/README.md has lost its table of six columns")?;
    let after: String = rest
        .split_inclusive('\n')
        .skip_while(|line| line.starts_with('|'))
        .collect();
    Ok(format!("{head}|---|---|---|---|---|---|\n{rows}{after}"))
}

/// Every .wit below wit/deps.
fn existing() -> Result<Files> {
    let mut files = Files::new();
    collect(&deps(), "", &mut files)?;
    Ok(files)
}

/// `below`: the folder's path below wit/deps, with a slash at its end unless it is that itself.
fn collect(folder: &Path, below: &str, files: &mut Files) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            collect(&path, &format!("{below}{name}/"), files)?;
        } else if name.ends_with(".wit") {
            files.extend(take(&path, &format!("{below}{name}"))?);
        }
    }
    Ok(())
}

/// As `sha256sum` writes them, in the order of the paths.
fn sums(files: &Files) -> String {
    let line = |(path, content): (&String, &Vec<u8>)| {
        format!("{}  {path}\n", hex::encode(Sha256::digest(content)))
    };
    files.iter().map(line).collect()
}

/// Checksums by path.
fn lines(sums: &str) -> BTreeMap<&str, &str> {
    sums.lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, path)| (path, sum))
        .collect()
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, content))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_checksums_hold() {
        check().unwrap();
    }

    #[test]
    fn the_wasi_packages_are_those_of_the_hosts_wasmtime() {
        let lock = fs::read_to_string(tree::root().join("Cargo.lock")).unwrap();
        let locked = format!("name = \"wasmtime-wasi-http\"\nversion = \"{WASMTIME}\"\n");
        assert!(
            lock.contains(&locked),
            "set WASMTIME, then run `cargo xtask wit`"
        );
    }

    #[test]
    fn a_table_is_replaced_and_the_text_around_it_kept() {
        let readme = "a\n|---|---|---|---|---|---|\n| old |\n\nb\n";
        let expected = "a\n|---|---|---|---|---|---|\n| new |\n\nb\n";
        assert_eq!(with_table(readme, "| new |\n").unwrap(), expected);
        assert!(with_table("no table", "").is_err());
    }
}
