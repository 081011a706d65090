//! Statements that would take all time or all memory, and texts that are large themselves.

use super::list::{
    Fate::{self, Endless, Harmless, Heavy, Refused},
    OwnedCase,
};

const COUNT: &str = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) ";

/// Each after [`COUNT`].
const COUNTING: &[&str] = &[
    "SELECT count(*) FROM c",
    "SELECT sum(n), avg(n), total(n) FROM c",
    "SELECT n FROM c WHERE n < 0",
    "SELECT n FROM c ORDER BY n DESC LIMIT 1",
    "SELECT count(*) FROM (SELECT DISTINCT n FROM c)",
    "SELECT count(DISTINCT zeroblob(1000000) || n) FROM c",
    "SELECT count(*) FROM (SELECT zeroblob(8000000) AS z, n FROM c ORDER BY z, n LIMIT 1000000000)",
    "SELECT count(*) FROM (SELECT n, zeroblob(1000000) AS z FROM c GROUP BY n)",
    "SELECT count(*) FROM (SELECT n, zeroblob(1000000) FROM c UNION SELECT 0, x'')",
    "SELECT count(*) FROM (SELECT n FROM c EXCEPT SELECT 0)",
    "SELECT count(*) FROM (SELECT n FROM c INTERSECT SELECT n FROM c)",
    "SELECT max(s) FROM (SELECT sum(n) OVER (ORDER BY n DESC) AS s FROM c)",
    "SELECT max(s) FROM (SELECT lag(zeroblob(1000000), 1000000) OVER (ORDER BY n) AS s FROM c)",
    "SELECT 1 WHERE -1 IN (SELECT n FROM c)",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM c WHERE n < 0)",
    "SELECT count(*) FROM c AS a JOIN c AS b ON a.n = -b.n",
    "SELECT group_concat(n) FROM c",
    "SELECT string_agg(randomblob(1000000), x'') FROM c",
    "SELECT json_group_array(n) FROM c",
    "SELECT json_group_object(n, hex(zeroblob(100000))) FROM c",
    "SELECT length(jsonb_group_array(zeroblob(0) || n)) FROM c",
    "SELECT count(hex(randomblob(4000000))) FROM c",
    "SELECT count(printf('%.*c', 8000000, 'x')) FROM c",
    "SELECT sum(replace(hex(zeroblob(2000000)), '0', 'ab') LIKE '%a%b%c') FROM c",
    "SELECT sum(hex(zeroblob(4000000)) GLOB '*[0-9]*[0-9]*[0-9]*[0-9]*[a-f]*') FROM c",
    "SELECT sum(instr(zeroblob(8000000), x'00000001')) FROM c",
    "SELECT count(trim(hex(zeroblob(4000000)), '0123456789abcdef')) FROM c",
    "SELECT count(json(printf('[%.*c1]', 500, '['))) FROM c WHERE n < 0",
    "INSERT INTO t (name) SELECT n FROM c",
    "INSERT INTO t (name) SELECT randomblob(1000000) FROM c",
    "INSERT INTO t (name) SELECT n FROM c RETURNING name",
    "UPDATE t SET name = (SELECT count(*) FROM c)",
    "DELETE FROM t WHERE id = (SELECT max(n) FROM c)",
    "CREATE TABLE all_of_it AS SELECT zeroblob(100000), n FROM c",
];

const OTHERS: &[(Fate, &str)] = &[
    (
        Endless,
        "SELECT count(*) FROM t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t",
    ),
    (
        Endless,
        "WITH RECURSIVE c (n) AS (SELECT zeroblob(1000000) UNION ALL SELECT n FROM c) SELECT count(*) FROM c",
    ),
    (
        Endless,
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n FROM c UNION ALL SELECT n FROM c) SELECT count(*) FROM c",
    ),
    (
        Endless,
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c, t ORDER BY 1 DESC) SELECT count(*) FROM c",
    ),
    (
        Endless,
        "WITH RECURSIVE c (s) AS (SELECT 'x' UNION ALL SELECT s || s FROM c) SELECT max(length(s)) FROM c",
    ),
    (
        Endless,
        "WITH RECURSIVE c (s) AS (SELECT '1' UNION ALL SELECT json_array(s, s) FROM c) SELECT max(length(s)) FROM c",
    ),
    (
        Endless,
        "INSERT INTO t (name) SELECT a.name FROM t a, t b, t c, t d, t e, t f, t g, t h, t i, t j, t k, t l, t m, t n",
    ),
    (Refused, "SELECT randomblob(2147483647)"),
    (Refused, "SELECT zeroblob(2147483648)"),
    (Refused, "SELECT zeroblob(9223372036854775807)"),
    (Refused, "SELECT length(hex(zeroblob(1000000000)))"),
    (Refused, "SELECT printf('%.*c', 2000000000, 'x')"),
    (Refused, "SELECT printf('%2147483647d', 1)"),
    (
        Refused,
        "SELECT replace(hex(zeroblob(1000)), '00', hex(zeroblob(1000000)))",
    ),
    (Refused, "SELECT quote(zeroblob(8000000))"),
    (Refused, "SELECT concat_ws(hex(zeroblob(4000000)), 1, 2, 3)"),
    (
        Refused,
        "SELECT json_pretty('[[[[1]]]]', hex(zeroblob(4000000)))",
    ),
    (
        Refused,
        "SELECT length(zeroblob(8000000) || zeroblob(8000000))",
    ),
    (Refused, "INSERT INTO t (name) VALUES (zeroblob(300000000))"),
    (
        Harmless,
        "SELECT length(randomblob(-9223372036854775808)), zeroblob(-1)",
    ),
    (
        Heavy,
        "SELECT length(json_patch((SELECT json_group_object(n, n) FROM (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 100000) SELECT n FROM c)), (SELECT json_group_object('b' || n, n) FROM (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 100000) SELECT n FROM c))))",
    ),
    (
        Heavy,
        "SELECT instr(zeroblob(8000000), CAST(zeroblob(4000000) || x'01' AS BLOB))",
    ),
    (
        Heavy,
        "SELECT length(trim(hex(zeroblob(2000000)), hex(randomblob(1000000)) || hex(zeroblob(10))))",
    ),
    (
        Heavy,
        "SELECT replace(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1', '') = ''",
    ),
    (
        Heavy,
        "SELECT unhex(hex(zeroblob(2000000)) || '-', hex(zeroblob(2000000)))",
    ),
    (
        Heavy,
        "SELECT hex(zeroblob(4000000)) LIKE '%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%1'",
    ),
    (
        Heavy,
        "SELECT hex(zeroblob(4000000)) GLOB '*[0-9]*[0-9]*[0-9]*[0-9]*[0-9]*[0-9]*[0-9]*[0-9]*[0-9]*[0-9]*[0-9]*x'",
    ),
    (
        Heavy,
        "SELECT count(*) FROM words WHERE words MATCH replace(hex(zeroblob(20000)), '00', 'a ')",
    ),
    (
        Heavy,
        "SELECT count(*) FROM words WHERE words MATCH '\"' || replace(hex(zeroblob(200000)), '00', 'a ') || '\"'",
    ),
    (
        Heavy,
        "INSERT INTO words SELECT replace(hex(zeroblob(2000000)), '00', 'ab ') FROM t, t, t",
    ),
    (
        Heavy,
        "INSERT INTO words SELECT hex(randomblob(100000)) FROM t, t, t, t",
    ),
    (Heavy, "CREATE TABLE tree (id INTEGER PRIMARY KEY, n)"),
    (
        Heavy,
        "CREATE TRIGGER tree1 AFTER INSERT ON tree BEGIN INSERT INTO tree (n) VALUES (1), (2); END",
    ),
    (Harmless, "INSERT INTO tree (n) VALUES (1)"),
    (
        Heavy,
        "CREATE TRIGGER tree2 AFTER INSERT ON tree BEGIN UPDATE tree SET n = n + 1; END",
    ),
    (Heavy, "INSERT INTO tree (n) SELECT 1 FROM t, t, t, t, t, t"),
    (
        Heavy,
        "CREATE INDEX slow1 ON t (replace(printf('%.*c', 1000000, 'x'), 'x', name || 'y'))",
    ),
    (
        Heavy,
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 300) INSERT INTO t (name) SELECT json_set('{}', printf('$%.*c', 2000, '['), n) FROM c",
    ),
];

pub(super) fn all() -> Vec<OwnedCase> {
    let own = |(fate, text): &(Fate, &str)| (*fate, (*text).to_owned());
    let mut cases: Vec<_> = OTHERS.iter().map(own).collect();
    cases.extend(
        COUNTING
            .iter()
            .map(|rest| (Endless, format!("{COUNT}{rest}"))),
    );
    let list = |item: &str, between: &str, n: usize| vec![item; n].join(between);
    let around =
        |open: &str, n: usize, close: &str| format!("{}1{}", open.repeat(n), close.repeat(n));
    let views: Vec<_> = (1..40)
        .map(|n| {
            format!(
                "v{n} AS (SELECT * FROM v{0} UNION ALL SELECT * FROM v{0})",
                n - 1
            )
        })
        .collect();
    let joined: Vec<_> = (1..12)
        .map(|n| {
            format!(
                "v{n} AS (SELECT a.x FROM v{0} AS a, v{0} AS b, v{0} AS c)",
                n - 1
            )
        })
        .collect();
    for (fate, text) in [
        (Refused, format!("SELECT {}", around("(", 50_000, ")"))),
        (Refused, format!("SELECT {}", around("abs(", 50_000, ")"))),
        (Refused, format!("SELECT {}", around("-(", 5000, ")"))),
        (
            Refused,
            format!("SELECT {}", around("CASE WHEN ", 5000, " THEN 1 END")),
        ),
        (Refused, format!("SELECT {}1", "NOT ".repeat(100_000))),
        (Refused, format!("SELECT {}1", "- ".repeat(100_000))),
        (Refused, format!("SELECT {}1", "~".repeat(100_000))),
        (Refused, around("SELECT * FROM (SELECT ", 20_000, ")")),
        (Refused, format!("SELECT {}", list("1", " OR ", 100_000))),
        (Refused, format!("SELECT {}", list("'x'", " || ", 100_000))),
        (Refused, format!("SELECT {}", list("1", ",", 32_767))),
        (Refused, format!("SELECT max({})", list("1", ",", 32_767))),
        (
            Refused,
            format!(
                "CREATE TABLE wide ({})",
                (0..32_767)
                    .map(|n| format!("c{n}"))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
        ),
        (
            Refused,
            format!("CREATE INDEX wide ON t ({})", list("name", ",", 32_767)),
        ),
        (Refused, list("SELECT 1", " UNION ALL ", 20_000)),
        (Refused, list("SELECT 1", " UNION ", 501)),
        (
            Harmless,
            format!("SELECT 1 IN ({})", list("2", ",", 100_000)),
        ),
        (Harmless, format!("VALUES {}", list("(1)", ",", 9000))),
        (Refused, format!("SELECT 1 FROM {}", list("t", ",", 1000))),
        (
            Refused,
            format!("SELECT 1 FROM {}", list("t", " NATURAL JOIN ", 65)),
        ),
        (
            Refused,
            format!(
                "WITH v0 AS (SELECT 1 AS x), {} SELECT count(*) FROM v39",
                views.join(", ")
            ),
        ),
        (
            Heavy,
            format!(
                "WITH v0 AS (SELECT 1 AS x), {} SELECT count(*) FROM v11",
                joined.join(", ")
            ),
        ),
        (Harmless, format!("SELECT 1 AS \"{}\"", "n".repeat(900_000))),
        (
            Refused,
            format!("SELECT * FROM \"{}\"", "n".repeat(900_000)),
        ),
        (
            Harmless,
            format!("CREATE TABLE \"{}\" (a)", "long".repeat(200_000)),
        ),
        (
            Harmless,
            format!("SELECT length('{}')", "x".repeat(1_000_000)),
        ),
        (Refused, format!("SELECT length('{}')", "x".repeat(1 << 20))),
        (
            Harmless,
            format!("SELECT 1 /* {} */", "/* ".repeat(300_000)),
        ),
        (Harmless, format!("SELECT 1{}", ";".repeat(1_000_000))),
        (Harmless, format!("{}SELECT 1", " ".repeat(1_000_000))),
        (Refused, "(".repeat(1_000_000)),
        (Refused, "'".repeat(999_999)),
        (
            Refused,
            format!(
                "SELECT '{}' LIKE '{}b'",
                "a".repeat(1000),
                "a%".repeat(1000)
            ),
        ),
        (
            Refused,
            format!(
                "SELECT '{}' GLOB '{}b'",
                "a".repeat(1000),
                "*a".repeat(1000)
            ),
        ),
        (Refused, format!("SELECT json('{}')", "[".repeat(900_000))),
        (
            Refused,
            format!("SELECT json('{}')", "{\"a\":".repeat(100_000)),
        ),
        (
            Harmless,
            format!("SELECT json_extract('{{}}', '${}x')", "[".repeat(900_000)),
        ),
        (
            Harmless,
            format!(
                "SELECT count(*) FROM json_tree('[{}]')",
                list("1", ",", 5000)
            ),
        ),
        (
            Refused,
            format!(
                "SELECT * FROM words WHERE words MATCH '{}'",
                around("(", 5000, ")")
            ),
        ),
        (
            Heavy,
            format!(
                "SELECT * FROM words WHERE words MATCH '{}'",
                list("fox", " OR ", 5000)
            ),
        ),
        (
            Heavy,
            format!(
                "SELECT * FROM words WHERE words MATCH 'NEAR({})'",
                list("fox", " ", 50_000)
            ),
        ),
        (
            Refused,
            format!(
                "SELECT {}",
                (0..40_000)
                    .map(|n| format!("?{n}"))
                    .collect::<Vec<_>>()
                    .join("+")
            ),
        ),
        (Refused, format!("SELECT {}", list("?", "+", 40_000))),
        (
            Refused,
            format!(
                "CREATE TRIGGER many AFTER INSERT ON t BEGIN {} END",
                "SELECT * FROM _greenroom_migrations, nowhere; ".repeat(1000)
            )
            .replacen("AFTER INSERT ON t", "AFTER INSERT ON nowhere", 1),
        ),
        (
            Refused,
            format!(
                "CREATE TABLE checked (a CHECK ({}))",
                around("abs(", 5000, ")")
            ),
        ),
        (
            Refused,
            format!(
                "CREATE VIEW {0} AS SELECT 1; SELECT * FROM {0}",
                "v".repeat(1000)
            ),
        ),
    ] {
        cases.push((fate, text));
    }
    cases
}
