use super::*;
use std::time::{Duration, Instant};

const LONGEST: usize = 8 << 20;

fn ours() -> Raw {
    let raw = Raw::open_in_memory().unwrap();
    install(&raw, LONGEST).unwrap();
    raw
}

/// With its type, and the error where it is one.
fn answer(raw: &Raw, sql: &str) -> String {
    let outcome = raw.query_row(
        &format!("SELECT typeof(v), quote(v) FROM (SELECT {sql} AS v)"),
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    );
    match outcome {
        Ok((kind, value)) => {
            let (kind, value): (String, String) = (kind, value);
            format!("{kind} {value}")
        }
        Err(error) => error.to_string(),
    }
}

const VALUES: [&str; 26] = [
    "NULL",
    "''",
    "' '",
    "'a'",
    "'aba'",
    "'  ab a  '",
    "'aaaaaab'",
    "'\u{e4}b\u{20ac}\u{e4}'",
    "'\u{20ac}'",
    "'\u{1f600}a'",
    "x''",
    "x'61'",
    "x'6100'",
    "x'0061'",
    "x'ff'",
    "x'a4'",
    "CAST(x'c3' AS TEXT)",
    "CAST(x'610062' AS TEXT)",
    "'6162 63'",
    "'61-6'",
    "0",
    "-112",
    "1.5",
    "1e300",
    "0.1",
    "9223372036854775807",
];

#[test]
fn they_answer_as_sqlites_own() {
    let (ours, theirs) = (ours(), Raw::open_in_memory().unwrap());
    let mut compared = 0;
    let mut same = |sql: &str| {
        assert_eq!(answer(&ours, sql), answer(&theirs, sql), "{sql}");
        compared += 1;
    };
    for one in VALUES {
        for name in ["trim", "ltrim", "rtrim", "unhex"] {
            same(&format!("{name}({one})"));
        }
        for other in VALUES {
            for name in ["instr", "trim", "ltrim", "rtrim", "unhex"] {
                same(&format!("{name}({one}, {other})"));
            }
            for new in ["NULL", "''", "'xy'", "x'78'", "7", "2.5"] {
                same(&format!("replace({one}, {other}, {new})"));
            }
        }
    }
    for (one, other) in [
        (r#"{"a":1,"b":{"c":[1]}}"#, r#"{"b":{"c":null},"d":1.50}"#),
        ("[1]", r#"{"a":1}"#),
        ("{", "{}"),
        ("{}", "nonsense"),
    ] {
        same(&format!("json_patch('{one}', '{other}')"));
        same(&format!("jsonb_patch('{one}', '{other}')"));
        // Known as JSON, not as a text.
        same(&format!("json_array(json_patch('{one}', '{other}'))"));
    }
    same("json_patch(NULL, '{}')");
    same("json_patch('{}', NULL)");
    same("json_patch(1, jsonb('{\"a\":2}'))");
    assert!(compared > 7000, "{compared}");
}

/// What SQLite's own would work on for minutes, in its time; only a hang reaches the bound.
#[test]
fn long_arguments_take_no_product_of_time() {
    let raw = ours();
    let start = Instant::now();
    let many = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 300000) ";
    for (sql, wanted) in [
        (
            "instr(zeroblob(8000000), CAST(zeroblob(4000000) || x'01' AS BLOB))",
            "integer 0",
        ),
        (
            "length(replace(hex(zeroblob(2000000)), hex(zeroblob(1000000)) || '1', 'x'))",
            "integer 4000000",
        ),
        (
            "length(trim(hex(zeroblob(2000000)), hex(randomblob(1000000))))",
            "integer 0",
        ),
        (
            "unhex(hex(zeroblob(2000000)) || 'x', hex(zeroblob(2000000)))",
            "null NULL",
        ),
    ] {
        assert_eq!(answer(&raw, sql), wanted, "{sql}");
    }
    for name in ["json_patch", "jsonb_patch"] {
        let sql = format!(
            "({many} SELECT length({name}((SELECT json_group_object('a' || n, n) FROM c), \
             (SELECT json_group_object('b' || n, n) FROM c))))"
        );
        assert!(answer(&raw, &sql).contains("too big"), "{name}");
    }
    let grown = "length(replace(hex(zeroblob(1000)), '0', hex(zeroblob(1000000))))";
    assert!(answer(&raw, grown).contains("too big"));
    assert!(start.elapsed() < Duration::from_secs(60));
}
