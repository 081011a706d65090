//! Database files whose content is not what was written.

use super::*;
use std::os::unix::fs::FileExt;

const PAGE: u64 = 4096;

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

fn database(host: &Host) -> PathBuf {
    host.folder().join("db/c.sqlite")
}

/// Six megabytes in a table of their own.
fn fill(host: &Host) {
    assert!(execute(host, "c", "CREATE TABLE big (n INTEGER PRIMARY KEY, v)")["error"].is_null());
    for _ in 0..6 {
        let rows = "INSERT INTO big (v) WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) \
            SELECT hex(randomblob(500)) FROM c";
        assert!(execute(host, "c", rows)["error"].is_null());
    }
}

#[test]
fn a_damaged_file_at_the_start_costs_its_own_plugin_and_can_be_put_back() {
    let mut host = setup().start();
    works(&host, "c", 0);
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("its first bytes", |file| overwrite(file, 0, &[0x5a; 100])),
        ("all of its first page", |file| {
            overwrite(file, 0, &[0xff; 4096])
        }),
        ("text in its place", |file| {
            fs::write(file, "no database ".repeat(2000)).unwrap()
        }),
        ("its first page after the header", |file| {
            overwrite(file, 100, &[0xff; 3996])
        }),
    ];
    for (turn, (what, damage)) in (0..).zip(damages) {
        let mut good = Vec::new();
        host = host.restart_after(|folder| {
            let file = folder.join("db/c.sqlite");
            good = fs::read(&file).unwrap();
            damage(&file);
        });
        let problem = host.plugin("c")["problem"].clone();
        assert_eq!(problem["stage"], "storage", "{what}: {problem}");
        let message = problem["message"].as_str().unwrap();
        for part in ["db/c.sqlite", "move the file away or restore it"] {
            assert!(message.contains(part), "{what}: {message}");
        }
        host.wait_for_log(&["ERROR", r#""plugin":"c""#, "refused", "c.sqlite"]);
        assert_eq!(host.get("/api/c/rows").status, 503, "{what}");
        works(&host, "w", turn);
        // As long as it is damaged a deploy is refused, and harms nothing.
        let next = chameleon("version=two;migrations=base;");
        assert!(
            host.deploy("c", &next).unwrap_err().contains("c.sqlite"),
            "{what}"
        );
        fs::write(database(&host), good).unwrap();
        host.deploy("c", &chameleon("version=one;migrations=base;"))
            .unwrap();
        works(&host, "c", turn + 1);
    }
}

#[test]
fn garbage_in_the_log_beside_a_database_is_left_out() {
    let mut host = setup().start();
    works(&host, "c", 0);
    for (turn, suffix) in ["-wal", "-shm", "-journal"].into_iter().enumerate() {
        host = host.restart_after(|folder| {
            let beside = folder.join(format!("db/c.sqlite{suffix}"));
            fs::write(beside, "garbage ".repeat(5000)).unwrap();
        });
        works(&host, "c", turn as u64 + 1);
        works(&host, "w", turn as u64);
    }
}

#[test]
fn a_page_that_is_damaged_costs_the_statements_that_need_it() {
    let host = setup().start();
    works(&host, "c", 0);
    fill(&host);
    let mut good = Vec::new();
    let host = host.restart_after(|folder| {
        let file = folder.join("db/c.sqlite");
        good = fs::read(&file).unwrap();
        // From the middle on; the small table lies in the first pages.
        let middle = good.len() as u64 / PAGE / 2;
        for page in middle..middle + 64 {
            overwrite(&file, page * PAGE, &[0xff; 4096]);
        }
    });
    let sum = json!({"op": "query", "sql": "SELECT sum(length(v)) FROM big"});
    for _ in 0..3 {
        let refused = sql(&host, "c", &sum);
        assert_eq!(refused["error"], "other", "{refused}");
        assert!(refused.to_string().contains("malformed"), "{refused}");
    }
    host.wait_for_log(&["ERROR", "c.sqlite", "malformed"]);
    works(&host, "c", 1);
    works(&host, "w", 0);
    restart_plugin(&host, "c", || fs::write(database(&host), &good).unwrap());
    assert!(sql(&host, "c", &sum)["error"].is_null());
    works(&host, "c", 1);
}

#[test]
fn a_file_that_is_overwritten_while_it_serves_costs_its_own_plugin() {
    let host = setup().start();
    works(&host, "c", 0);
    fill(&host);
    let mut good = Vec::new();
    restart_plugin(&host, "c", || good = fs::read(database(&host)).unwrap());
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| (0..100).for_each(|n| works(&host, "w", n)));
        let length = good.len();
        fs::write(database(&host), vec![0x5a; length]).unwrap();
        let sum = "/api/c/sql";
        for _ in 0..50 {
            let call = json!({"op": "query", "sql": "SELECT sum(length(v)) FROM big"});
            let read = host.post(sum, &call);
            let refused = read.status != 200 || !read.json()["error"].is_null();
            assert!(refused, "{}", read.text());
            let write = host.post("/api/c/rows", &json!({}));
            assert!(
                [201, 500, 502, 503].contains(&write.status),
                "{}",
                write.text()
            );
        }
        beside.join().unwrap();
    });
    host.wait_for_log(&["ERROR", "c.sqlite", "cannot be used"]);
    restart_plugin(&host, "c", || {
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(host.folder().join(format!("db/c.sqlite{suffix}")));
        }
        fs::write(database(&host), &good).unwrap();
    });
    works(&host, "c", 1);
    works(&host, "w", 100);
}
