//! results.md.

use super::{
    Load, Report,
    figures::{mebibytes, millis, plain, rate, spread},
};
use crate::{machine::Machine, rounds::Plan, summary::Line, verdicts::Verdict, work::Work};
use std::fmt::Write as _;

pub(super) fn write(report: &Report, lines: &[Line]) -> String {
    let mut text = String::from(
        "# Benchmark results\n\nWritten by `cargo xtask bench`; [results.json](results.json) has every round.\n\n",
    );
    text.push_str(&machine(&report.machine));
    for note in &report.notes {
        let _ = writeln!(text, "\nNote: {note}");
    }
    if let Some(load) = &report.load {
        text.push_str("\n![Requests per second](chart.svg)\n");
        text.push_str(&method(&load.plan));
        text.push_str(&targets(load));
        text.push_str(&works(lines));
        text.push_str(&generator(lines, report.machine.cores));
    }
    for section in &report.sections {
        let _ = write!(text, "\n{}", section.markdown);
    }
    text
}

fn machine(machine: &Machine) -> String {
    let versions: Vec<_> = (machine.versions.iter())
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    format!(
        "{} of commit {}. {}, {} cores, {} GiB, Linux {}; load average before the first round {}.\n\nGreenroom and native, tuned: {}. Versions: {}.\n",
        machine.date,
        machine.commit,
        machine.cpu,
        machine.cores,
        machine.memory_gib,
        machine.kernel,
        machine.load_before,
        machine.compiled,
        versions.join(", "),
    )
}

fn method(plan: &Plan) -> String {
    let Plan {
        rounds,
        warm_up,
        seconds,
        ..
    } = plan;
    format!(
        "\n## How it is measured\n\n\
         All servers are up at once, each with its own copy of the same database, and one of them is loaded. For each \
         load and number of connections there are {rounds} rounds; in each round every server has its turn of {seconds} s \
         after a warm-up of {warm_up} s, and each round begins with another server. So whatever changes on the machine \
         meanwhile changes for all. A figure is the median of the rounds, with the least and the most beside it; of peak \
         memory it is the most, of errors the sum.\n\n\
         - The load is wrk with one thread and kept-alive connections, on the same machine: the servers share the cores \
         with it.\n\
         - CPU per request is the time of all threads of the server on any core, user and system, by the process' own \
         CPU clock (`clock_getcpuclockid`), divided by the requests answered meanwhile.\n\
         - Peak memory is the most resident memory in a turn (`VmHWM`, reset before each one).\n\
         - p50 and p99 are wrk's, which corrects for the requests that a slow answer kept from being sent, and leaves \
         out answers later than 2 s.\n\
         - Errors are answers of 400 and above, broken connections, and answers later than 2 s. wrk does not count a \
         request that is never answered.\n\
         - Every database is in WAL mode with `synchronous=FULL`, and no server writes a line of log for a request. A \
         POST is answered when it is on disk. Todos that were posted stay; of the loads of the small database those \
         come last.\n\
         - \"native, tuned\" is a limit, not a twin: it maps its database file, has caches of 16 MiB, no foreign keys, \
         and the system's allocator.\n"
    )
}

fn targets(load: &Load) -> String {
    let verdicts = load.verdicts();
    let mut text = String::from(
        "\n## Targets\n\nRatios of two servers in the same round; the median decides.\n",
    );
    let mut connections = None;
    for verdict in &verdicts {
        if connections != Some(verdict.connections) {
            connections = Some(verdict.connections);
            let _ = write!(
                text,
                "\n{} connections:\n\n| ratio | load | against | target | measured | reached |\n|---|---|---|---|---|---|\n",
                verdict.connections,
            );
        }
        let _ = writeln!(text, "{}", row(verdict));
    }
    if verdicts.is_empty() {
        text.push_str("\nNone: no server was measured beside Greenroom.\n");
    }
    text
}

fn row(verdict: &Verdict) -> String {
    format!(
        "| {} | {} | {} | {} {} | {} | {} |",
        verdict.measure.title(),
        verdict.work.title(),
        verdict.against.title(),
        if verdict.measure.at_least() {
            "≥"
        } else {
            "≤"
        },
        plain(verdict.target),
        spread(verdict.ratio, plain),
        if verdict.reached { "yes" } else { "**no**" },
    )
}

fn works(lines: &[Line]) -> String {
    let mut text = String::from("\n## Loads\n");
    for work in Work::ALL {
        let its: Vec<_> = lines.iter().filter(|line| line.work == work).collect();
        if its.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "\n### {}\n\n{}\n\n\
             | connections | server | requests/s | CPU µs/request | p50 ms | p99 ms | peak MiB | errors |\n\
             |--:|---|--:|--:|--:|--:|--:|--:|\n",
            work.title(),
            work.describe(),
        );
        for line in its {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                line.connections,
                line.subject.title(),
                spread(line.requests_per_second, rate),
                spread(line.cpu_us, plain),
                millis(line.p50_us.median),
                spread(line.p99_us, millis),
                mebibytes(line.peak_bytes.max),
                line.errors.total(),
            );
        }
    }
    text
}

/// Whether wrk stands in the way of what it measures.
fn generator(lines: &[Line], cores: usize) -> String {
    let mut text = format!(
        "\n## The load generator's share\n\n\
         wrk has one thread, so it can use one core of the {cores}. Where it comes near 1, requests/s are bounded by wrk and \
         not by the server, and CPU per request is the figure to compare. Medians.\n\n\
         | load | connections | server | server µs/request | wrk µs/request | cores busy: server | wrk |\n\
         |---|--:|---|--:|--:|--:|--:|\n"
    );
    for line in lines {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {:.2} | {:.2} |",
            line.work.title(),
            line.connections,
            line.subject.title(),
            plain(line.cpu_us.median),
            plain(line.wrk_cpu_us.median),
            line.server_cpus.median,
            line.wrk_cpus.median,
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{subject::Subject, summary::tests::run};

    fn load() -> Load {
        let runs = vec![
            run(Subject::Greenroom, 0, 41_000.0, 20.0),
            run(Subject::NativeTuned, 0, 90_000.0, 10.0),
        ];
        Load {
            plan: Plan::quick(Subject::ALL.into()),
            runs,
        }
    }

    #[test]
    fn every_target_is_a_row() {
        let text = targets(&load());
        let row = "| CPU per request, theirs / Greenroom's | GET by id | native, tuned | ≥ 0.70 | 0.50 | **no** |";
        assert!(text.contains(row), "{text}");
    }

    #[test]
    fn every_server_is_a_row() {
        let text = works(&load().lines());
        let row = "| 64 | Greenroom | 41.0k | 20.0 | 0.10 | 0.20 | 1.00 | 1 |";
        assert!(text.contains(row), "{text}");
        assert!(!text.contains("### Mix"), "{text}");
    }
}
