//! Whether requests stay as fast as the table grows: get by id, and the list of an entity that always has 100 todos.

use super::{
    Run,
    ground::{self, CONNECTIONS},
    lanes::{Figures, Lane, Plan, compare},
    part::{Part, Row, figure},
    scripts,
};
use crate::{
    greenroom::Site,
    places,
    seed::{self, Seed},
    server::Server,
    subject::{Stand, Subject},
};
use anyhow::{Context, Result};
use rusqlite::Connection;
use serde_json::json;

/// CPU for each request and median latency, of the largest table against the smallest.
const FLAT: f64 = 1.25;
/// The entity whose todos make the smallest table.
const ENTITY: u32 = 7;

/// A table, and what is asked of it.
struct Table {
    rows: u32,
    site: Site,
    items: Vec<String>,
    lists: Vec<String>,
    /// The same rows in a file of the native server's: what of the growth is SQLite's.
    native: Stand,
}

pub(super) fn run(run: &Run) -> Result<Part> {
    let mut tables = vec![
        smallest(run)?,
        seeded("rows-10000", Seed::Small, &run.seed)?,
    ];
    if !run.quick {
        let folder = places::empty_folder("size-seed-large")?;
        let rows = Seed::Large.write(&folder)?;
        tables.push(seeded("rows-1000000", Seed::Large, &rows)?);
        // Some hundred megabytes.
        std::fs::remove_dir_all(&folder).context("cannot remove the rows")?;
    }
    let start =
        |start: fn(&Table) -> Result<Server>| tables.iter().map(start).collect::<Result<Vec<_>>>();
    let servers = start(|table| table.site.start())?;
    let natives = start(|table| table.native.start())?;
    let plan = Plan {
        rounds: run.pick(4, 1),
        seconds: run.pick(3, 1),
        connections: CONNECTIONS,
    };
    let mut part = Part::default();
    let mut raw = Vec::new();
    for (what, paths) in [
        (
            "GET by id",
            (|table| &table.items) as fn(&Table) -> &Vec<String>,
        ),
        ("list of one entity", |table| &table.lists),
    ] {
        let mut lanes = lanes(&tables, &servers, paths)?;
        lanes.extend(self::lanes(&tables, &natives, paths)?);
        let figures = compare(&lanes, plan)?;
        let (ours, native) = figures.split_at(tables.len());
        part.rows.extend(row(what, &tables, ours));
        part.rows.extend(native_row(what, &tables, native));
        raw.push(json!({ "what": what, "tables": ours, "native": native }));
    }
    for server in servers.into_iter().chain(natives) {
        server.stop()?;
    }
    part.notes.push(
        "The ids and entities that are asked for are spread over the whole table; an entity has 100 todos in each."
            .into(),
    );
    part.raw = raw.into();
    Ok(part)
}

/// 100 rows, those of one entity.
fn smallest(run: &Run) -> Result<Table> {
    let site = ground::todo(run, "rows-100", "")?;
    let prune = || {
        let database = Connection::open(site.database("todo"))?;
        database.execute(
            "DELETE FROM todos WHERE entity_ref <> ?1",
            [seed::entity(ENTITY)],
        )?;
        database.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
    };
    prune().context("cannot make the smallest table")?;
    let entities = Seed::Small.entities();
    let rows = (0..Seed::Small.rows()).filter(|row| row % entities == ENTITY);
    Ok(Table {
        native: native("rows-100-native", &site)?,
        rows: Seed::Small.rows() / entities,
        site,
        items: scripts::items("todo", rows),
        lists: scripts::lists(ENTITY..ENTITY + 1),
    })
}

fn seeded(name: &str, seed: Seed, rows: &std::path::Path) -> Result<Table> {
    let site = ground::empty(name, "")?;
    ground::fill(&site, rows)?;
    // 10,000 of each at most: a script is not to be larger than the database.
    let step = usize::try_from(seed.rows() / 10_000)?;
    Ok(Table {
        native: native(&format!("{name}-native"), &site)?,
        rows: seed.rows(),
        site,
        items: scripts::items("todo", spread(seed.rows()).step_by(step)),
        lists: scripts::lists(spread(seed.entities())),
    })
}

/// The native server on a copy of a site's database, which nobody has open.
fn native(name: &str, site: &Site) -> Result<Stand> {
    let folder = places::empty_folder(&format!("size-{name}"))?;
    Stand::new(Subject::NativeTuned, &folder, &site.database("todo"))
}

/// All numbers below a power of ten in an order without neighbours.
fn spread(count: u32) -> impl Iterator<Item = u32> {
    // A prime that divides no power of ten, so none comes twice.
    let mixed = move |n: u32| u64::from(n) * 7919 % u64::from(count);
    (0..count).filter_map(move |n| u32::try_from(mixed(n)).ok())
}

fn lanes<'a>(
    tables: &[Table],
    servers: &'a [Server],
    paths: fn(&Table) -> &Vec<String>,
) -> Result<Vec<Lane<'a>>> {
    tables
        .iter()
        .zip(servers)
        .map(|(table, server)| {
            let script = scripts::write(table.site.folder(), "get", &scripts::get(paths(table)))?;
            Ok(Lane {
                name: format!("{} rows", table.rows),
                server,
                script,
            })
        })
        .collect()
}

/// The largest table against the smallest.
fn row(what: &str, tables: &[Table], figures: &[Figures]) -> Option<Row> {
    let (cpu, p50) = growth(figures)?;
    let all: Vec<_> = figures
        .iter()
        .map(|f| {
            format!(
                "{} µs and {} ms at {}",
                figure(f.cpu()),
                figure(f.p50()),
                f.name
            )
        })
        .collect();
    let errors: u64 = figures.iter().map(Figures::errors).sum();
    let measured = format!(
        "{cpu:.2}x CPU, {p50:.2}x p50 at {} rows ({})",
        tables.last()?.rows,
        all.join(", ")
    );
    let reached = cpu < FLAT && p50 < FLAT && errors == 0;
    Some(Row::judged(
        &format!("{what} as the table grows"),
        "flat: < 1.25x",
        &measured,
        reached,
    ))
}

/// What the native server makes of the same tables: nothing to reach, but to compare with.
fn native_row(what: &str, tables: &[Table], figures: &[Figures]) -> Option<Row> {
    let (cpu, p50) = growth(figures)?;
    let (small, large) = (figures.first()?, figures.last()?);
    let measured = format!(
        "{cpu:.2}x CPU, {p50:.2}x p50 at {} rows ({} µs against {})",
        tables.last()?.rows,
        figure(large.cpu()),
        figure(small.cpu()),
    );
    let what = format!("the same of native, tuned, which maps its file: {what}");
    Some(Row::told(&what, &measured))
}

/// CPU for each request and median latency, of the largest table to the smallest.
fn growth(figures: &[Figures]) -> Option<(f64, f64)> {
    let (small, large) = (figures.first()?, figures.last()?);
    Some((large.cpu() / small.cpu(), large.p50() / small.p50()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_has_every_number_once() {
        for count in [100, 10_000] {
            let mut all: Vec<_> = spread(count).collect();
            assert_ne!(all[1], all[0] + 1);
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }
}
