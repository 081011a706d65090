//! `Content-Length`, alone and beside `Transfer-Encoding`.

use super::{
    Case,
    Wanted::{Both, Ends, Inside, Refused},
    case,
};

pub(super) const CASES: &[Case] = &[
    // RFC 9112 6.3: chunks count, and the connection closes after the answer.
    case(
        "a length before chunks",
        "{post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Ends(200),
    ),
    case(
        "a length after chunks",
        "{post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Ends(200),
    ),
    case(
        "a length that hides the second request behind chunks",
        "{post}Content-Length: {length}5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{next}",
        Ends(200),
    ),
    case(
        "a length of nothing beside chunks",
        "{post}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Ends(200),
    ),
    case(
        "the same length twice",
        "{post}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "two lengths, the longer first",
        "{post}Content-Length: {length}\r\nContent-Length: 0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "two lengths, the shorter first",
        "{post}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a list of the same length",
        "{post}Content-Length: 3, 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a list of lengths",
        "{post}Content-Length: 0, {length}\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a length and a comma",
        "{post}Content-Length: 3,\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a signed length",
        "{post}Content-Length: +3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a negative length",
        "{post}Content-Length: -1\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "minus nothing",
        "{post}Content-Length: -0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a length in hex",
        "{post}Content-Length: 0x3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length with a fraction",
        "{post}Content-Length: 3.0\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length with an exponent",
        "{post}Content-Length: 3e0\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length in quotes",
        "{post}Content-Length: \"3\"\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length with a parameter",
        "{post}Content-Length: 3;a=b\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length with a space inside",
        "{post}Content-Length: 1 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length with an underscore",
        "{post}Content-Length: 1_3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length of other digits",
        "{post}Content-Length: \u{663}\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "an empty length",
        "{post}Content-Length:\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a length of 2^64 + 3",
        "{post}Content-Length: 18446744073709551619\r\n\r\nabc{next}",
        Refused(400),
    ),
    // hyper's word for it.
    case(
        "a length of 2^64 - 1",
        "{post}Content-Length: 18446744073709551615\r\n\r\nabc{next}",
        Refused(431),
    ),
    case(
        "a length of 2^32 + 3",
        "{post}Content-Length: 4294967299\r\n\r\nabc{next}",
        Ends(413),
    ),
    // 1*DIGIT: this is one number.
    case(
        "a length with zeros before it",
        "{post}Content-Length: 0003\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "a length between tabs",
        "{post}Content-Length:\t3\t\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "a length after a vertical tab",
        "{post}Content-Length:\x0b3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length before NUL",
        "{post}Content-Length: 3\0\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length before a bare CR",
        "{post}Content-Length: 3\rX: y\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a space before the colon of a length",
        "{post}Content-Length : 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a tab before the colon of a length",
        "{post}Content-Length\t: 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length in a folded line",
        "{post}X: y\r\n Content-Length: 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length on the next line",
        "{post}Content-Length:\r\n 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a length with an underscore in its name is none",
        "{post}Content_Length: 9\r\n\r\n{next}",
        Both(200, 0),
    ),
    case(
        "a length that Connection names",
        "{post}Connection: content-length\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "a length in other letters",
        "{post}cOnTeNt-LeNgTh: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "a request in a body",
        "{post}Content-Length: {length}\r\n\r\n{next}",
        Inside(200),
    ),
    case(
        "a request in the body of GET",
        "GET /api/chameleon/echo HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{next}",
        Inside(200),
    ),
    case(
        "a request in the body of HEAD",
        "HEAD /api/chameleon/echo HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{next}",
        Inside(200),
    ),
    case(
        "a request in the body of OPTIONS",
        "OPTIONS /api/chameleon/echo HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{next}",
        Inside(204),
    ),
    case(
        "a request in a body that nobody wants",
        "POST /api/none HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{next}",
        Inside(404),
    ),
    case(
        "a request in a body for the host",
        "POST /.backstage/health/v1/liveness HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{next}",
        Inside(405),
    ),
    case(
        "a request in the body of a GET for the host",
        "GET /.backstage/health/v1/liveness HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{next}",
        Inside(200),
    ),
    case(
        "a request in the body of one that traps",
        "GET /api/chameleon/trap HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{next}",
        Inside(502),
    ),
    case(
        "a request in the body of a preflight",
        "OPTIONS /api/chameleon/echo HTTP/1.1\r\nHost: h\r\nOrigin: http://a\r\nAccess-Control-Request-Method: GET\r\nContent-Length: {length}\r\n\r\n{next}",
        Inside(204),
    ),
];
