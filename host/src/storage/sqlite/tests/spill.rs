//! What a statement cannot keep in a cache goes to files, and has a bound there.

use super::*;

const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";

#[tokio::test]
async fn sorts_and_intermediate_tables_have_a_bound() {
    let limits = SqlLimits {
        database: 1 << 20,
        ..patient()
    };
    let t = Fixture::with(limits).await;
    t.run("CREATE TABLE t (x)").await;
    let row = "i, zeroblob(1000000) AS z FROM n";
    let read = [
        format!("{ENDLESS} SELECT count(*) FROM (SELECT {row} ORDER BY z, i LIMIT 1000000000)"),
        format!("{ENDLESS} SELECT count(*) FROM (SELECT DISTINCT {row})"),
        format!("{ENDLESS}, m AS MATERIALIZED (SELECT {row}) SELECT count(*) FROM m"),
    ];
    let refused = |outcome: Result<(), Error>| match outcome {
        Err(Error::Other(why)) => {
            assert!(
                why.message.contains("256 MiB of temporary files"),
                "{why:?}"
            );
        }
        other => panic!("{other:?}"),
    };
    for text in &read {
        refused(
            t.db.query(sql(text), Reach::Writer, later())
                .await
                .map(drop),
        );
        let write = format!("INSERT INTO t {text}");
        // `WITH` comes first in both.
        let write = write.replacen(&format!("INSERT INTO t {ENDLESS}"), ENDLESS, 1);
        let write = write.replacen("SELECT count", "INSERT INTO t SELECT count", 1);
        refused(t.db.execute(sql(&write), later()).await.map(drop));
    }
    // What a reasonable statement sorts is more than a cache holds.
    let sorted = format!(
        "{ENDLESS} SELECT count(*) FROM (SELECT {row} WHERE i <= 60 ORDER BY z, i LIMIT 60)"
    )
    .replace("SELECT i + 1 FROM n)", "SELECT i + 1 FROM n WHERE i < 60)");
    assert_eq!(t.number(&sorted).await, 60);
    assert_eq!(t.number("SELECT count(*) FROM t").await, 0);
    t.run("INSERT INTO t VALUES (1)").await;
}
