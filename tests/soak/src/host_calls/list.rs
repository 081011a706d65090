//! What the guest is asked to do: paths of the fixture.

use super::stop::{Stop, Turns};

/// In bytes, of the issue.
const LONG: usize = 128 << 20;
const SHORT: usize = 1 << 20;
const MANY: u64 = 1_000_000;
const HEADERS: u64 = 100_000;

/// Where a long text goes.
const TEXTS: &[&str] = &[
    "log",
    "log-context",
    "stdout",
    "stderr",
    "stream",
    "stream-flush",
    "zeroes",
    "zeroes-flush",
    "read",
    "skip",
    "sql",
    "sql-execute",
    "sql-packed",
    "sql-many",
    "sql-batch",
    "sql-text",
    "sql-blob",
    "sql-name",
    "kv-open",
    "kv-get",
    "kv-exists",
    "kv-delete",
    "kv-list",
    "kv-key",
    "kv-value",
    "kv-increment",
    "kv-many",
    "config",
    "field-name",
    "field-value",
    "field-get",
    "field-list",
    "path",
    "authority",
    "method",
    "scheme",
    "random",
    "random-all",
    "insecure-all",
];

/// Of the host, for one instance and for one set of fields.
const HANDLES_CAP: Stop = Stop::Trap("10,000 handles");
const FIELDS_CAP: Stop = Stop::Trap("64 KiB of fields");
const KEPT_CAP: Stop = Stop::Trap("16 MiB that handles keep in the host");

/// Handles by the million, and what stops them.
const KINDS: &[(&str, &[Stop])] = &[
    ("pollables", &[HANDLES_CAP]),
    ("instants", &[HANDLES_CAP]),
    ("fields", &[HANDLES_CAP]),
    ("streams", &[HANDLES_CAP]),
    // The first: its stream is dropped at once, the pollable is kept.
    (
        "stdin",
        &[Stop::Trap("a stream dropped before its pollable")],
    ),
    ("requests", &[HANDLES_CAP]),
    ("responses", &[HANDLES_CAP]),
    ("bodies", &[HANDLES_CAP, Stop::Time]),
    ("options", &[HANDLES_CAP]),
    ("buckets", &[HANDLES_CAP]),
    // Each reads a value: none, or 1 MiB where the text of that length was stored.
    (
        "swaps",
        &[
            HANDLES_CAP,
            Stop::Refused(15, "16 MiB of values that were seen"),
            Stop::Time,
        ],
    ),
    (
        "transactions",
        &[Stop::Refused(4, "read-only transactions of an instance")],
    ),
    (
        "writers",
        &[Stop::Refused(1, "the plugin's one writer, which it has")],
    ),
    (
        "savepoints",
        &[Stop::Refused(256, "savepoints of a transaction")],
    ),
    ("outgoing", &[Stop::Refused(0, "requests to other servers")]),
    ("authorities", &[KEPT_CAP]),
    ("methods", &[KEPT_CAP]),
    ("sets", &[KEPT_CAP]),
    ("answers", &[HANDLES_CAP, Stop::Time]),
    // None is kept.
    ("churn", &[Stop::Nothing, Stop::Time]),
    // One handle, so many times in one list.
    (
        "poll",
        &[Stop::Trap("handles that one call may lend"), Stop::Time],
    ),
];

const FIELDS: &[(&str, &[Stop])] = &[
    ("append", &[FIELDS_CAP]),
    ("same", &[FIELDS_CAP]),
    ("set", &[FIELDS_CAP, Stop::Time]),
    ("list", &[FIELDS_CAP, Stop::Time]),
    ("clones", &[KEPT_CAP]),
];

const TIMES: &[&str] = &[
    "zero",
    "ready",
    "longest",
    "longest-but-one",
    "past",
    "never",
    "sleep",
    "options",
];

const HANDLES: &[&str] = &[
    "zero",
    "largest",
    "unknown",
    "unknown-bucket",
    "unknown-transaction",
    "unknown-drop",
    "all-numbers",
    "twice",
    "dropped",
    "dropped-pollable",
    "dropped-bucket",
    "committed",
    "committed-twice",
    "kind",
    "kind-drop",
    "kind-transaction",
    "poll-none",
    "parent",
    "parent-finished",
    "parent-stream",
    "body-twice",
    "write-twice",
    "fields-of-response",
    "without-permit",
    "splice",
];

/// The bytes of an answer's field lines.
const HEADS: &[&[u8]] = &[
    b"x-a: b\r\nx-injected: 1\r",
    b"x-a: b\r\n\r\nx-injected: 1\r\n",
    b"x-a: b\r\n\r\nHTTP/1.1 200 OK\r\nx-injected: 1\r\n\r\n",
    b"x-a: b\rx-injected: 1\r\n",
    b"x-a: b\nx-injected: 1",
    b"x-a: b\n\nHTTP/1.1 200 OK\n",
    b"x-a: b\0\r\n",
    b"x-a: \0\r\n",
    b"x-a: b\x7f\r\n",
    b"x-a: b\x1b[31m\r\n",
    b"x-a: \xff\xfe\xe9\r\n",
    b"x-\xc3\xa4: b\r\n",
    b"x\0a: b\r\n",
    b"x a: b\r\n",
    b"x-a : b\r\n",
    b" x-a: b\r\n",
    b": b\r\n",
    b"x-a\r\n",
    b"x-a",
    b"\r\n",
    b"\r\n\r\n",
    b"x-a: b\r\n folded\r\n",
    b"x-a: b\r\n\tfolded\r\n",
    b"content-length: 4\r\n",
    b"content-length: 6\r\n",
    b"content-length: 0\r\n",
    b"content-length: 5\r\ncontent-length: 5\r\n",
    b"content-length: 5\r\ncontent-length: 6\r\n",
    b"content-length: 5, 5\r\n",
    b"content-length: +5\r\n",
    b"content-length: -1\r\n",
    b"content-length: 0x5\r\n",
    b"content-length: 5 5\r\n",
    b"content-length: 18446744073709551616\r\n",
    b"content-length: 9223372036854775807\r\n",
    b"content-length:\r\n",
    b"Content-Length: 5\r\ncontent-length: 300000\r\n",
    b"transfer-encoding: chunked\r\n",
    b"transfer-encoding: chunked\r\ncontent-length: 5\r\n",
    b"transfer-encoding: gzip, chunked\r\n",
    b"transfer-encoding: identity\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"connection: close\r\n",
    b"connection: upgrade\r\nupgrade: websocket\r\n",
    b"connection: content-length, transfer-encoding, x-request-id\r\n",
    b"keep-alive: timeout=99999\r\nproxy-connection: keep-alive\r\n",
    b"te: trailers\r\ntrailer: x-trailer\r\n",
    b"upgrade: h2c\r\nhttp2-settings: AAA\r\n",
    b"x-greenroom-principal: user:default/root\r\n",
    b"date: never\r\nserver: forged\r\nx-request-id: forged\r\n",
    b"content-encoding: gzip\r\n",
    b"content-encoding: chunked\r\n",
    b"content-type: text/plain\r\ncontent-type: text/html\r\n",
    b"content-type: a\"b;;=\r\n",
    b"etag: not quoted\r\netag: W/\r\n",
    b"content-range: bytes 0-4/5\r\naccept-ranges: bytes\r\n",
    b"location: http://a\x0b/\r\n",
    b"set-cookie: a=b\r\nset-cookie: c=d\x01\r\n",
    b"http/1.1 200 ok: x\r\n",
];

const MODES: &[&str] = &[
    "whole", "streamed", "cut", "twice", "none", "late", "trailers", "error", "open",
];

const STATUSES: &[u16] = &[
    0, 1, 99, 100, 101, 102, 103, 199, 204, 205, 206, 304, 416, 599, 600, 999, 1000, 9999, 65535,
];

pub(super) struct Abuse {
    /// Below the mount.
    pub(super) path: String,
    /// A text of 128 MiB.
    pub(super) long: bool,
    /// Of those that answer how often they did it.
    pub(super) turns: Option<Turns>,
}

impl Abuse {
    fn of(path: String) -> Self {
        Self {
            path,
            long: false,
            turns: None,
        }
    }
}

/// `long`: whether the text of this number has all of its length.
pub(super) fn all(long: impl Fn(usize) -> bool) -> Vec<Abuse> {
    let mut all = Vec::new();
    for (number, of) in TEXTS.iter().enumerate() {
        let n = if long(number) { LONG } else { SHORT };
        all.push(Abuse {
            long: n == LONG,
            ..Abuse::of(format!("/abuse?of=text-{of}&n={n}"))
        });
    }
    for (kind, asked, list) in [("many", MANY, KINDS), ("header", HEADERS, FIELDS)] {
        for &(of, stops) in list {
            all.push(Abuse {
                turns: Some(Turns { asked, stops }),
                ..Abuse::of(format!("/abuse?of={kind}-{of}&n={asked}"))
            });
        }
    }
    let mut add = |path: String| all.push(Abuse::of(path));
    for of in TIMES {
        add(format!("/abuse?of=time-{of}"));
    }
    for of in HANDLES {
        add(format!("/abuse?of=handle-{of}"));
    }
    for head in HEADS {
        let head = hex::encode(head);
        for mode in ["whole", "streamed"] {
            add(format!("/raw?n=5&mode={mode}&head={head}"));
        }
        add(format!("/raw?n=300000&mode=streamed&head={head}"));
    }
    for status in STATUSES {
        for (n, mode) in [
            (0, "whole"),
            (5, "whole"),
            (5, "streamed"),
            (300_000, "streamed"),
        ] {
            add(format!("/raw?status={status}&n={n}&mode={mode}"));
        }
    }
    for mode in MODES {
        for n in [0, 5, 300_000, 2_000_000] {
            for length in [None, Some(n), Some(n + 1), Some(n - 1)] {
                let head = length.map(|length| format!("content-length: {length}\r\n"));
                let head = hex::encode(head.unwrap_or_default());
                add(format!("/raw?n={n}&mode={mode}&head={head}"));
            }
        }
    }
    all
}
