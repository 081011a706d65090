//! Whether a process that has only what others leave gets anything.

use std::time::Duration;

/// Ends once the process had less than a tenth of a core for the time of one `look`. While it waits for something else, as
/// for its input, it counts as starved too. Never ends for a process that was waited for.
pub(super) async fn starved(process: u32, look: Duration) {
    let mut before = Duration::ZERO;
    loop {
        tokio::time::sleep(look).await;
        let Some(now) = cpu_time(process) else {
            return std::future::pending().await;
        };
        if now.saturating_sub(before) < look / 10 {
            return;
        }
        before = now;
    }
}

/// Of all its threads, by `/proc/<pid>/stat` (proc_pid_stat(5)): the fields `utime` and `stime`.
fn cpu_time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    Some(Duration::from_millis(
        ticks * 1000 / rustix::param::clock_ticks_per_second().max(1),
    ))
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Child, Command},
        time::Duration,
    };

    struct Ends(Child);

    impl Drop for Ends {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn shell(script: &str) -> Ends {
        Ends(Command::new("sh").args(["-c", script]).spawn().unwrap())
    }

    async fn within(seconds: u64, process: u32) -> bool {
        let starved = super::starved(process, Duration::from_millis(400));
        let limit = Duration::from_secs(seconds);
        tokio::time::timeout(limit, starved).await.is_ok()
    }

    #[tokio::test]
    async fn it_is_the_time_on_a_core_that_counts() {
        let (waits, works) = (shell("exec sleep 1000"), shell("while :; do :; done"));
        assert!(within(30, waits.0.id()).await);
        assert!(!within(2, works.0.id()).await);
        drop(works);
        let mut ended = shell("exit");
        ended.0.wait().unwrap();
        assert!(!within(2, ended.0.id()).await);
    }
}
