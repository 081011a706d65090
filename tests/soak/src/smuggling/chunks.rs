//! Chunks: their sizes, their ends, what is written behind them.

use super::{
    Case,
    Wanted::{Both, Ends, Refused},
    case,
};

pub(super) const CASES: &[Case] = &[
    case(
        "a size with 0x",
        "{post}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a signed size",
        "{post}Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a negative size",
        "{post}Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a size that is none",
        "{post}Transfer-Encoding: chunked\r\n\r\ng\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "no size",
        "{post}Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "no size but an extension",
        "{post}Transfer-Encoding: chunked\r\n\r\n;a=b\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a size of 2^64 + 3",
        "{post}Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a size of 2^68",
        "{post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a size with an underscore",
        "{post}Transfer-Encoding: chunked\r\n\r\n0_3\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a size with a space inside",
        "{post}Transfer-Encoding: chunked\r\n\r\n0 3\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a size after a vertical tab",
        "{post}Transfer-Encoding: chunked\r\n\r\n\x0b3\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a size before NUL",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\0\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a size before a comma",
        "{post}Transfer-Encoding: chunked\r\n\r\n3,4\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    // 1*HEXDIG, and white space that has no other reading.
    case(
        "a size with zeros before it",
        "{post}Transfer-Encoding: chunked\r\n\r\n000000000000000000003\r\nabc\r\n0\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "a size in capitals",
        "{post}Transfer-Encoding: chunked\r\n\r\nB\r\nabcdefghijk\r\n0\r\n\r\n{next}",
        Both(200, 11),
    ),
    case(
        "a size before spaces",
        "{post}Transfer-Encoding: chunked\r\n\r\n3 \t\r\nabc\r\n0\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "an extension",
        "{post}Transfer-Encoding: chunked\r\n\r\n3;a=\"b;c\"\r\nabc\r\n0;d\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "an extension with a bare LF",
        "{post}Transfer-Encoding: chunked\r\n\r\n3;a\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "an extension with a bare CR",
        "{post}Transfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "an extension that hides a chunk",
        "{post}Transfer-Encoding: chunked\r\n\r\n3;\n4\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "an extension of 20,000 bytes",
        "{post}Transfer-Encoding: chunked\r\n\r\n3;{long}\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a size that a bare LF ends",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a size that a bare CR ends",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\rabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a chunk that a bare LF ends",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a chunk that a bare CR ends",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a chunk without an end",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a chunk that is longer than it says",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a chunk whose end is any two bytes",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabcXY0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a second chunk that is none",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nz\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "an empty line before a chunk",
        "{post}Transfer-Encoding: chunked\r\n\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "the last chunk of many zeros",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0000\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "the last chunk with bare LF",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\n\n{next}",
        Refused(400),
    ),
    case(
        "the end with a bare LF",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\n{next}",
        Refused(400),
    ),
    case(
        "the end with a bare CR",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r{next}",
        Refused(400),
    ),
    // Nothing is taken for a request behind trailers: hyper reads them on past a bare LF.
    case(
        "a trailer",
        "{post}Transfer-Encoding: chunked\r\nTrailer: x\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n{next}",
        Ends(200),
    ),
    case(
        "a length in a trailer",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: {length}\r\n\r\n{next}",
        Ends(200),
    ),
    case(
        "a coding in a trailer",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n{next}",
        Ends(200),
    ),
    case(
        "a host in a trailer",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nHost: other\r\n\r\n{next}",
        Ends(200),
    ),
    case(
        "a trailer of 20,000 bytes",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: {long}\r\n\r\n{next}",
        Ends(200),
    ),
    case(
        "a bare LF behind a trailer",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\n{next}",
        Ends(200),
    ),
    case(
        "a trailer without a colon",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a request for a trailer",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n{next}",
        Refused(400),
    ),
];
