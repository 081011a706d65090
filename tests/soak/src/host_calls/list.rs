//! What the guest is asked to do: paths of the fixture.

/// In bytes, of the issue.
const LONG: usize = 128 << 20;
const SHORT: usize = 1 << 20;
const MANY: usize = 1_000_000;
const HEADERS: usize = 100_000;

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

/// Handles by the million.
const KINDS: &[&str] = &[
    "pollables",
    "instants",
    "fields",
    "streams",
    "stdin",
    "requests",
    "responses",
    "bodies",
    "options",
    "buckets",
    "swaps",
    "transactions",
    "writers",
    "savepoints",
    "outgoing",
    "churn",
    "poll",
];

const FIELDS: &[&str] = &["append", "same", "set", "list", "clones"];

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
}

/// `long`: whether the text of this number has all of its length.
pub(super) fn all(long: impl Fn(usize) -> bool) -> Vec<Abuse> {
    let mut all = Vec::new();
    let mut add = |path: String, long: bool| all.push(Abuse { path, long });
    for (number, of) in TEXTS.iter().enumerate() {
        let n = if long(number) { LONG } else { SHORT };
        add(format!("/abuse?of=text-{of}&n={n}"), n == LONG);
    }
    for of in KINDS {
        add(format!("/abuse?of=many-{of}&n={MANY}"), false);
    }
    for of in FIELDS {
        add(format!("/abuse?of=header-{of}&n={HEADERS}"), false);
    }
    for of in TIMES {
        add(format!("/abuse?of=time-{of}"), false);
    }
    for of in HANDLES {
        add(format!("/abuse?of=handle-{of}"), false);
    }
    for head in HEADS {
        let head = hex::encode(head);
        for mode in ["whole", "streamed"] {
            add(format!("/raw?n=5&mode={mode}&head={head}"), false);
        }
        add(format!("/raw?n=300000&mode=streamed&head={head}"), false);
    }
    for status in STATUSES {
        for (n, mode) in [
            (0, "whole"),
            (5, "whole"),
            (5, "streamed"),
            (300_000, "streamed"),
        ] {
            add(format!("/raw?status={status}&n={n}&mode={mode}"), false);
        }
    }
    for mode in MODES {
        for n in [0, 5, 300_000, 2_000_000] {
            for length in [None, Some(n), Some(n + 1), Some(n - 1)] {
                let head = length.map(|length| format!("content-length: {length}\r\n"));
                let head = hex::encode(head.unwrap_or_default());
                add(format!("/raw?n={n}&mode={mode}&head={head}"), false);
            }
        }
    }
    all
}
