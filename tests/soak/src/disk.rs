//! A disk that fails in one way after the other under a plugin that is written to, beside a plugin that must not notice;
//! and compiled code in which one bit is another.

use crate::{
    Row, Run,
    dice::Dice,
    load::{Load, Work},
};
use anyhow::{Result, ensure};
use greenroom_tests::{Filler, Host, Setup, chameleon, in_namespace};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Whatever is repaired works again within this time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Faults on one host, between two times that figures are kept.
const ROUND: u64 = 10;

const CONFIG: &str = "backend: {database: {client: better-sqlite3, connection: {directory: ./db}, \
    plugin: {witness: {connection: {directory: ./other}}}}}
plugins: {state: ./state, victim: {limits: {sql: {timeout: 1s}}}}";

#[derive(Default, Serialize, Deserialize)]
struct Faults {
    faults: u64,
    recovered: u64,
    /// Writes that the victim acknowledged and that were not there after the repair.
    lost: u64,
    answered: u64,
    failed: u64,
    failures: Vec<String>,
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let wanted = run.count(500, 10);
    let mut figures: Faults = run.figures()?;
    while figures.faults < wanted {
        let mut dice = Dice::new(figures.faults);
        let build = chameleon("migrations=base;");
        let setup = Setup::new().config(CONFIG);
        fs::create_dir(setup.folder().join("db"))?;
        let setup = setup.plugin("victim", &build).plugin("witness", &build);
        let host = in_namespace(setup, "mount -t tmpfs -o size=8m tmpfs db").start();
        let victim = Victim::of(&host);
        let work = [
            Work::get("/api/witness/rows"),
            Work::post("/api/witness/rows", &json!({})),
        ];
        let load = Load::start(host.address(), 4, Some(200.0), &work);
        for _ in 0..ROUND.min(wanted - figures.faults) {
            figures.faults += 1;
            let kind = dice.below(6);
            match victim.suffer(kind, &mut dice) {
                Ok(lost) => {
                    figures.recovered += 1;
                    figures.lost += lost;
                }
                Err(why) => figures.failures.push(format!("{kind}: {why}")),
            }
        }
        let seen = load.stop();
        figures.answered += seen.answered;
        figures.failed += seen.failed;
        figures.failures.extend(seen.failures);
        figures.failures.truncate(20);
        run.keep(&figures)?;
    }
    let told = |text: String| match figures.failures.first() {
        Some(first) => format!("{text}; {first}"),
        None => text,
    };
    Ok(vec![
        Row::new(
            format!(
                "{} faults under one plugin (full, overwritten, moved, replaced and locked database, bad build): recoveries without a restart",
                figures.faults
            ),
            "all",
            told(figures.recovered.to_string()),
            figures.recovered == figures.faults,
        ),
        Row::new(
            "acknowledged writes of that plugin that were missing after the repair",
            "0",
            figures.lost.to_string(),
            figures.lost == 0,
        ),
        Row::new(
            format!(
                "errors of the plugin beside it, in {} requests",
                figures.answered
            ),
            "0",
            told(figures.failed.to_string()),
            figures.failed == 0 && figures.answered > 0,
        ),
    ])
}

/// The plugin whose disk fails.
struct Victim<'a> {
    host: &'a Host,
    /// As the host sees it.
    database: PathBuf,
}

impl<'a> Victim<'a> {
    fn of(host: &'a Host) -> Self {
        let database = greenroom_tests::seen_by(host, "db/victim.sqlite");
        Self { host, database }
    }

    /// How many writes of a few were acknowledged.
    fn write(&self) -> u64 {
        let one = || self.host.post("/api/victim/rows", &json!({})).status == 201;
        (0..5).map(|_| u64::from(one())).sum()
    }

    fn rows(&self) -> Option<u64> {
        let answer = self.host.get("/api/victim/rows");
        (answer.status == 200).then(|| answer.json()["parents"].as_u64())?
    }

    /// Waits until it reads and writes; answers how many rows there were.
    fn recovered(&self) -> Result<u64> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(rows) = self.rows()
                && self.host.post("/api/victim/rows", &json!({})).status == 201
            {
                return Ok(rows);
            }
            ensure!(
                Instant::now() < until,
                "it does not work again: {}",
                self.host.plugin("victim")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes the plugin out, changes what lies there, and puts it back.
    fn restart(&self, change: impl FnOnce() -> Result<()>) -> Result<()> {
        let file = self.host.folder().join("plugins/victim.wasm");
        let aside = self.host.folder().join("aside");
        fs::rename(&file, &aside)?;
        self.host
            .wait_until("the plugin is gone", |host| host.plugin("victim").is_null());
        change()?;
        fs::rename(&aside, &file)?;
        Ok(())
    }

    /// One fault and its repair. Answers how many acknowledged writes were missing afterwards.
    fn suffer(&self, kind: u64, dice: &mut Dice) -> Result<u64> {
        let before = self.recovered()? + 1;
        let mut acknowledged = 0;
        match kind {
            0 => {
                let _full = Filler::of(self.host, "db");
                acknowledged += self.write();
            }
            1 => {
                // Damaged while it serves: what was kept before comes back from a copy.
                let mut good = Vec::new();
                self.restart(|| {
                    good = fs::read(&self.database)?;
                    Ok(())
                })?;
                ensure!(
                    self.recovered()? == before,
                    "a restart of the plugin lost rows"
                );
                let mut bad = good.clone();
                for _ in 0..64 {
                    let at = dice.below(good.len() as u64);
                    bad[usize::try_from(at)?] ^= 0x55;
                }
                fs::write(&self.database, &bad)?;
                self.write();
                self.restart(|| {
                    for suffix in ["-wal", "-shm"] {
                        remove(&beside(&self.database, suffix))?;
                    }
                    Ok(fs::write(&self.database, &good)?)
                })?;
            }
            2 => {
                let aside = self.database.with_extension("aside");
                fs::rename(&self.database, &aside)?;
                acknowledged += self.write();
                fs::rename(&aside, &self.database)?;
            }
            3 => {
                let aside = self.database.with_extension("aside");
                fs::rename(&self.database, &aside)?;
                fs::write(&self.database, "not a database")?;
                acknowledged += self.write();
                self.restart(|| Ok(fs::rename(&aside, &self.database)?))?;
            }
            4 => {
                let other = rusqlite::Connection::open(&self.database)?;
                other.busy_timeout(Duration::from_secs(10))?;
                other.execute_batch("BEGIN IMMEDIATE")?;
                let one = self.host.post("/api/victim/rows", &json!({})).status == 201;
                acknowledged += u64::from(one);
                other.execute_batch("ROLLBACK")?;
            }
            _ => {
                self.host.drop_in("victim", b"\0asm");
                acknowledged += self.write();
                self.host.drop_in("victim", &chameleon("migrations=base;"));
            }
        }
        let rows = self.recovered()?;
        Ok((before + acknowledged).saturating_sub(rows))
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Flips {
    flips: u64,
    /// Refused by the digest, compiled again, and the cache mended.
    refused: u64,
}

const REFUSED: &str = "cached code is refused; compiling again";

/// One bit of a `.cwasm` is another.
pub fn cwasm(run: &mut Run) -> Result<Vec<Row>> {
    let wanted = run.count(1000, 15);
    let mut figures: Flips = run.figures()?;
    let build = greenroom_tests::fixture("hello");
    let mut host = Setup::new().own_cache().start();
    let mut on_this = 0;
    while figures.flips < wanted {
        if on_this == 100 {
            // The log is read whole each time.
            host = Setup::new().own_cache().start();
            on_this = 0;
        }
        if on_this == 0 {
            host.deploy("c", &build).map_err(anyhow::Error::msg)?;
        }
        on_this += 1;
        let code = cached(&host)?;
        let good = fs::read(&code)?;
        host.ask(&["remove", "c"]);
        let mut bad = good.clone();
        // Spread over the file, and at another bit each time.
        let at = (figures.flips * 0x9e37_79b9 + 17) % good.len() as u64;
        bad[usize::try_from(at)?] ^= 1 << (figures.flips % 8);
        let part = code.with_extension("part");
        fs::write(&part, &bad)?;
        fs::rename(&part, &code)?;
        host.deploy("c", &build).map_err(anyhow::Error::msg)?;
        let serves = host.get("/api/c/").status == 200;
        let lines = || host.log().matches(REFUSED).count();
        host.wait_until("the log has the refusal", |_| lines() >= on_this);
        figures.flips += 1;
        if serves && lines() == on_this && fs::read(&code)? == good {
            figures.refused += 1;
        }
        if figures.flips.is_multiple_of(10) {
            run.keep(&figures)?;
        }
    }
    Ok(vec![Row::new(
        format!(
            "one bit flipped in a .cwasm, {} times: refused by its digest and compiled again",
            figures.flips
        ),
        "all",
        figures.refused.to_string(),
        figures.refused == figures.flips,
    )])
}

fn cached(host: &Host) -> Result<PathBuf> {
    for entry in fs::read_dir(host.folder().join("cache/greenroom"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "cwasm") {
            return Ok(path);
        }
    }
    anyhow::bail!("there is no compiled code")
}
