//! The measurement: every server in its turn, many times over, so that whatever changes on the machine meanwhile
//! changes for all of them.

use crate::{
    meter::Meter,
    places,
    seed::Seed,
    server::Server,
    subject::{Stand, Subject},
    work::Work,
    wrk::{self, Errors, Load},
};
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What is measured, and for how long.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plan {
    pub(crate) works: Vec<Work>,
    pub(crate) connections: Vec<u32>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) rounds: u32,
    /// Seconds of the same load before what counts.
    pub(crate) warm_up: u32,
    /// Seconds that count.
    pub(crate) seconds: u32,
}

/// One server under one load, once.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) work: Work,
    pub(crate) connections: u32,
    pub(crate) round: u32,
    pub(crate) subject: Subject,
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) requests_per_second: f64,
    /// CPU time of the server, in microseconds for each request.
    pub(crate) cpu_us: f64,
    /// The same of wrk.
    pub(crate) wrk_cpu_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The server's most resident memory during the run.
    pub(crate) peak_bytes: u64,
    pub(crate) errors: Errors,
}

impl Plan {
    /// About 17 minutes for four servers.
    pub(crate) fn full(subjects: Vec<Subject>) -> Self {
        Self {
            works: Work::ALL.into(),
            connections: vec![16, 64],
            subjects,
            rounds: 5,
            warm_up: 1,
            seconds: 3,
        }
    }

    /// Under a minute.
    pub(crate) fn quick(subjects: Vec<Subject>) -> Self {
        Self {
            works: vec![Work::Hello, Work::Get, Work::List, Work::Post],
            connections: vec![64],
            subjects,
            rounds: 1,
            warm_up: 1,
            seconds: 2,
        }
    }

    /// All loads for the same time, about three minutes for two servers.
    pub(crate) fn training(subjects: Vec<Subject>) -> Self {
        Self {
            works: Work::ALL.into(),
            connections: vec![64],
            subjects,
            rounds: 2,
            warm_up: 1,
            seconds: 6,
        }
    }

    /// Runs all of it. Each size of database has servers of its own, all of them up at once, one of them loaded.
    pub(crate) fn measure(&self) -> Result<Vec<Run>> {
        let folder = places::empty_folder("load")?;
        let mut runs = Vec::new();
        for seed in [Seed::Small, Seed::Large] {
            let works: Vec<_> = self
                .works
                .iter()
                .copied()
                .filter(|work| work.seed() == seed)
                .collect();
            if works.is_empty() {
                continue;
            }
            let mut servers = self.start(seed, &folder)?;
            // Before anything is measured: a server that answers wrongly is to be known in the first minute.
            for work in &works {
                for (subject, server) in &servers {
                    work.verify(server.address())
                        .with_context(|| format!("{}, {}", subject.name(), work.title()))?;
                }
            }
            for work in works {
                self.measure_work(work, &folder, &mut servers, &mut runs)?;
            }
            for (_, server) in servers {
                server.stop()?;
            }
        }
        Ok(runs)
    }

    fn start(&self, seed: Seed, folder: &Path) -> Result<Vec<(Subject, Server)>> {
        let of_size = folder.join(seed.rows().to_string());
        std::fs::create_dir(&of_size)?;
        eprintln!(
            "{} servers, {} todos each",
            self.subjects.len(),
            seed.rows()
        );
        let rows = seed.write(&of_size)?;
        let start = |subject: Subject| {
            let own = of_size.join(subject.name());
            std::fs::create_dir(&own)?;
            let server = Stand::new(subject, &own, &rows)?.start()?;
            eprintln!(
                "  {} is ready after {} ms",
                subject.name(),
                server.ready_after().as_millis()
            );
            Ok((subject, server))
        };
        self.subjects.iter().copied().map(start).collect()
    }

    fn measure_work(
        &self,
        work: Work,
        folder: &Path,
        servers: &mut [(Subject, Server)],
        runs: &mut Vec<Run>,
    ) -> Result<()> {
        let script = folder.join(format!("{}.lua", work.key()));
        wrk::write_script(&script, &work.script())?;
        for &connections in &self.connections {
            eprintln!("{}, {connections} connections", work.title());
            for round in 0..self.rounds {
                // Nobody is always the first, or always after the same one.
                let backwards = round % 2 == 1;
                // Backwards it is the one before that comes first.
                let first = (round as usize + usize::from(backwards)) % servers.len();
                servers.rotate_left(first);
                if backwards {
                    servers.reverse();
                }
                for (subject, server) in &mut *servers {
                    let run = Turn {
                        plan: self,
                        work,
                        connections,
                        round,
                        script: &script,
                    };
                    let run = run.measure(*subject, server);
                    runs.push(
                        run.with_context(|| format!("{}, {}", subject.name(), work.title()))?,
                    );
                }
                if backwards {
                    servers.reverse();
                }
                servers.rotate_right(first);
            }
        }
        Ok(())
    }
}

/// What the runs of all servers have in common.
struct Turn<'a> {
    plan: &'a Plan,
    work: Work,
    connections: u32,
    round: u32,
    script: &'a PathBuf,
}

impl Turn<'_> {
    fn measure(&self, subject: Subject, server: &mut Server) -> Result<Run> {
        let load = |seconds| Load {
            address: server.address(),
            script: self.script,
            connections: self.connections,
            seconds,
        };
        load(self.plan.warm_up).run()?;
        let meter = Meter::start(server.pid())?;
        let outcome = load(self.plan.seconds).run();
        server.check_alive()?;
        let (outcome, usage) = (outcome?, meter.stop()?);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let requests = outcome.requests as f64;
        let each = |micros: u128| {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let micros = micros as f64;
            micros / requests.max(1.0)
        };
        let seconds = outcome.time.as_secs_f64();
        let run = Run {
            work: self.work,
            connections: self.connections,
            round: self.round,
            subject,
            requests: outcome.requests,
            seconds,
            requests_per_second: requests / seconds,
            cpu_us: each(usage.cpu.as_micros()),
            wrk_cpu_us: each(outcome.cpu.as_micros()),
            p50_us: outcome.p50.as_secs_f64() * 1e6,
            p99_us: outcome.p99.as_secs_f64() * 1e6,
            peak_bytes: usage.peak,
            errors: outcome.errors,
        };
        eprintln!(
            "  {}: {:<12} {:>8.0} requests/s {:>7.1} us CPU, p99 {:>7.0} us, {} errors",
            self.round + 1,
            subject.name(),
            run.requests_per_second,
            run.cpu_us,
            run.p99_us,
            run.errors.total(),
        );
        Ok(run)
    }
}
