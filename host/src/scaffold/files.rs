//! The new plugin's files: the template, the SDK and the WIT, all of them inside of this binary.

use crate::id::PluginId;
use include_dir::{Dir, include_dir};
use std::path::Path;

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/template");
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../guest/sdk");
static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../wit");

/// Taken off a template's name: cargo and git would act on the plain name in this repository.
const SUFFIX: &str = ".template";

pub(super) struct File {
    /// Below the plugin's folder, with slashes.
    pub(super) path: String,
    pub(super) content: Vec<u8>,
}

/// All files of a plugin of this id, sorted by path.
pub(super) fn of(id: &PluginId) -> Vec<File> {
    let mut files = Vec::new();
    add(&TEMPLATE, &mut |path, content| {
        let path = path.strip_suffix(SUFFIX).unwrap_or(path).to_owned();
        files.push(File {
            path,
            content: filled(content, id),
        });
    });
    add(&SDK, &mut |path, content| {
        if path == "Cargo.toml" || path.starts_with("src/") {
            files.push(File {
                path: format!("vendor/guest/sdk/{path}"),
                content: content.to_vec(),
            });
        }
    });
    add(&WIT, &mut |path, content| {
        files.push(File {
            path: format!("vendor/wit/{path}"),
            content: content.to_vec(),
        });
    });
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Calls `each` with every file below the folder.
fn add(folder: &Dir<'_>, each: &mut dyn FnMut(&str, &[u8])) {
    for file in folder.files() {
        each(&slashes(file.path()), file.contents());
    }
    for folder in folder.dirs() {
        add(folder, each);
    }
}

fn slashes(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// The template's text with its placeholders filled in.
fn filled(content: &[u8], id: &PluginId) -> Vec<u8> {
    let text = String::from_utf8_lossy(content);
    text.replace("{{id}}", id.as_str())
        .replace("{{package}}", &package(id))
        .replace("{{component}}", &component(id))
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .into_bytes()
}

/// The cargo package. Its ending keeps it apart from keywords and from the crates it depends on (an id may be `self`
/// or `serde`); doubled and trailing dashes go, for rustc wants crate names in snake case.
fn package(id: &PluginId) -> String {
    let words: Vec<&str> = id
        .as_str()
        .split('-')
        .filter(|word| !word.is_empty())
        .collect();
    format!("{}-plugin", words.join("-"))
}

/// Where `cargo build --release --target wasm32-wasip2` leaves the component, from the plugin's folder.
pub(super) fn component(id: &PluginId) -> String {
    format!(
        "target/wasm32-wasip2/release/{}.wasm",
        package(id).replace('-', "_")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_id_gives_a_package_name_that_cargo_and_rustc_take() {
        let package = |id: &str| package(&id.parse().unwrap());
        assert_eq!(package("notes"), "notes-plugin");
        assert_eq!(package("my-plugin2"), "my-plugin2-plugin");
        assert_eq!(package("self"), "self-plugin");
        assert_eq!(package("a--b9-"), "a-b9-plugin");
        let component = component(&"my-plugin2".parse().unwrap());
        assert_eq!(
            component,
            "target/wasm32-wasip2/release/my_plugin2_plugin.wasm"
        );
    }
}
