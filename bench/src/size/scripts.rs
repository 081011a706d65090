//! What wrk is to request where that is not the work of the comparison: other plugins, other tables.

use crate::{seed, wrk};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// `GET` of these paths in turn. The requests are made once, so that wrk spends its time on sending them.
pub(super) fn get(paths: &[String]) -> String {
    let paths: String = paths.iter().map(|path| format!("  '{path}',\n")).collect();
    format!(
        "local paths = {{\n{paths}}}\nlocal requests, at = {{}}, 0\ninit = function()\n  \
         for i, path in ipairs(paths) do requests[i] = wrk.format('GET', path) end\nend\n\
         request = function()\n  at = at % #requests + 1\n  return requests[at]\nend\n"
    )
}

/// Writes a script into a folder.
pub(super) fn write(folder: &Path, name: &str, lua: &str) -> Result<PathBuf> {
    let path = folder.join(format!("{name}.lua"));
    wrk::write_script(&path, lua)?;
    Ok(path)
}

/// The paths of seeded todos.
pub(super) fn items(plugin: &str, rows: impl Iterator<Item = u32>) -> Vec<String> {
    rows.map(|row| format!("/api/{plugin}/todos/{}", seed::id(row)))
        .collect()
}

/// The lists of 100 of seeded entities.
pub(super) fn lists(entities: impl Iterator<Item = u32>) -> Vec<String> {
    let list = |number| {
        format!(
            "/api/todo/todos?entityRef={}&limit=100",
            seed::entity(number)
        )
    };
    entities.map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_in_the_script() {
        let lua = get(&items("todo007", 0..3));
        assert_eq!(
            lua.matches("  '/api/todo007/todos/0194").count(),
            3,
            "{lua}"
        );
        assert!(
            lua.contains("local paths = {\n") && lua.contains("requests, at = {}, 0"),
            "{lua}"
        );
        let list = lists(7..8).concat();
        assert!(
            list.ends_with("?entityRef=component:default/service-7&limit=100"),
            "{list}"
        );
    }
}
