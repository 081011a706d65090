//! The plugins in the pages, built as a reader builds them: `greenroom new`, and the page's code in place of its own.

use super::{first, pages};
use crate::{readme::shown::blocks, scaffold};
use greenroom_tests::binary;
use std::{collections::BTreeMap, path::Path, sync::LazyLock};
use tempfile::TempDir;

/// The pages with a whole plugin. A page that gets one comes here, with a test of what it does.
const EXAMPLES: [&str; 5] = [
    "docs/auth.md",
    "docs/config.md",
    "docs/keyvalue.md",
    "docs/lifecycle.md",
    "docs/permissions.md",
];

/// One crate, in which the pages' code is built in turn: so the SDK in it is compiled once.
static BUILT: LazyLock<BTreeMap<&str, Vec<u8>>> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    let (code, _, err) = scaffold::said(&scaffold::new(folder.path(), &["docs-page"]));
    assert_eq!(code, 0, "{err}");
    let plugin = folder.path().join("docs-page");
    EXAMPLES.map(|page| (page, build(&plugin, page))).into()
});

/// The page's plugin, a component.
pub(super) fn built(page: &str) -> Vec<u8> {
    let component = BUILT.get(page).expect("a page with a whole plugin");
    component.clone()
}

fn build(plugin: &Path, page: &str) -> Vec<u8> {
    let source = whole(page).expect("a whole plugin");
    if source.contains("config.schema.json") {
        let schema = first(page, "json");
        std::fs::write(plugin.join("config.schema.json"), schema).unwrap();
    }
    std::fs::write(plugin.join("src/lib.rs"), source).unwrap();
    let build = ["build", "--release", "--target", "wasm32-wasip2"];
    let (code, _, err) = scaffold::said(&scaffold::cargo(plugin, &build, &binary()));
    assert_eq!(code, 0, "{page}: {err}");
    // Of the compiler's warnings, cargo has a last line: "`docs-page-plugin` (lib) generated 1 warning".
    assert!(!err.contains(" generated "), "{page}: {err}");
    let components = scaffold::target().join("wasm32-wasip2/release");
    std::fs::read(components.join("docs_page_plugin.wasm")).unwrap()
}

/// The page's first block of Rust that is more than a part of a plugin.
fn whole(page: &str) -> Option<String> {
    let blocks = blocks(page).into_iter();
    let mut rust = blocks.filter(|(language, _)| language == "rust");
    let (_, source) = rust.find(|(_, source)| source.contains("greenroom_sdk::plugin!("))?;
    Some(source)
}

#[test]
fn each_whole_plugin_is_known() {
    let found: Vec<_> = pages()
        .into_iter()
        .filter(|page| whole(page).is_some())
        .collect();
    assert_eq!(found, EXAMPLES);
}
