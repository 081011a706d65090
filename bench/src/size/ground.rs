//! Hosts to be measured, with the todo plugin and its rows.

use super::Run;
use crate::{greenroom::Site, http, interrupt, places, seed, server::Server};
use anyhow::{Result, bail};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Connections of the usual load.
pub(super) const CONNECTIONS: u32 = 64;

/// A host in a folder of its own with the rows of the small seed, and the plugin compiled.
pub(super) fn todo(run: &Run, name: &str, config: &str) -> Result<Site> {
    let site = empty(name, config)?;
    fill(&site, &run.seed)?;
    Ok(site)
}

/// The same without rows, never started.
pub(super) fn empty(name: &str, config: &str) -> Result<Site> {
    let site = Site::new(&places::empty_folder(&format!("size-{name}"))?)?;
    Ok(site
        .plugin("todo", &places::todo(), "/todos?limit=1")?
        .config(config))
}

/// Rows for the plugin `todo`, after a first start has made the table.
pub(super) fn fill(site: &Site, rows: &Path) -> Result<()> {
    site.start()?.stop()?;
    seed::copy_rows(rows, &site.database("todo"))
}

/// Waits for a condition; looked at every millisecond.
pub(super) fn until(
    what: &str,
    patience: Duration,
    mut check: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let end = Instant::now() + patience;
    while !check()? {
        interrupt::check()?;
        if Instant::now() > end {
            bail!("{what}: not within {} s", patience.as_secs());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Waits until every plugin of a host has had its first outcome.
pub(super) fn until_ready(server: &mut Server) -> Result<()> {
    let address = server.address();
    until("readiness", Duration::from_secs(120), || {
        server.check_alive()?;
        // The port may not be open yet.
        let answer = http::get(address, "/.backstage/health/v1/readiness");
        Ok(answer.is_ok_and(|answer| answer.status == 200))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends() {
        let mut looks = 0;
        let seen = until("three looks", Duration::from_secs(5), || {
            looks += 1;
            Ok(looks == 3)
        });
        assert!(seen.is_ok());
        let never = until("the end of time", Duration::from_millis(5), || Ok(false));
        assert_eq!(
            never.unwrap_err().to_string(),
            "the end of time: not within 0 s"
        );
    }
}
