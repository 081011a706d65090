//! `Transfer-Encoding` in disguise.

use super::{
    Case,
    Wanted::{Both, Ends, Inside, Refused},
    case,
};

pub(super) const CASES: &[Case] = &[
    case(
        "chunked",
        "{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "chunked in other letters",
        "{post}tRANSFER-eNCODING: ChUnKeD\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "chunked after a tab",
        "{post}Transfer-Encoding:\tchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "chunked between spaces",
        "{post}Transfer-Encoding:   chunked   \r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "chunked without a space",
        "{post}Transfer-Encoding:chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "chunked that Connection names",
        "{post}Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "a request in a chunk",
        "{post}Transfer-Encoding: chunked\r\n\r\n{hex}\r\n{next}\r\n0\r\n\r\n",
        Inside(200),
    ),
    case(
        "a request in a chunk of GET",
        "GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{hex}\r\n{next}\r\n0\r\n\r\n",
        Inside(200),
    ),
    case(
        "a request in a chunk of HEAD",
        "HEAD /api/chameleon/version HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{hex}\r\n{next}\r\n0\r\n\r\n",
        Inside(200),
    ),
    case(
        "a request in a chunk that nobody wants",
        "POST /api/none HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{hex}\r\n{next}\r\n0\r\n\r\n",
        Inside(404),
    ),
    case(
        "chunked twice in a line",
        "{post}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked in two lines",
        "{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked, identity",
        "{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "identity, chunked",
        "{post}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "identity before chunked",
        "{post}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked before identity",
        "{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "identity and a length",
        "{post}Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "gzip, chunked",
        "{post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a coding that is none and a length",
        "{post}Transfer-Encoding: cow\r\nContent-Length: 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "cow before chunked",
        "{post}Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "xchunked",
        "{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "xchunked and a length",
        "{post}Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunkedx",
        "{post}Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked in quotes",
        "{post}Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked with a parameter",
        "{post}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked after a comma",
        "{post}Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked before a comma",
        "{post}Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "no coding at all",
        "{post}Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "chunked after a vertical tab",
        "{post}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked before a form feed",
        "{post}Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked after a space that is not ASCII",
        "{post}Transfer-Encoding: \u{a0}chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked with a sign for Kelvin",
        "{post}Transfer-Encoding: chun\u{212a}ed\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked before NUL",
        "{post}Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked with a bare CR inside",
        "{post}Transfer-Encoding: chun\rked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked on the next line",
        "{post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked in a folded line",
        "{post}X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a line that goes on after chunked",
        "{post}Transfer-Encoding: chunked\r\n , identity\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a space before the colon of chunked",
        "{post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a line end before the colon of chunked",
        "{post}Transfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "another name for a coding is none",
        "{post}Transfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "TE is another header",
        "{post}TE: chunked\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "Content-Encoding is another header",
        "{post}Content-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    // HTTP/1.0 has no chunks, RFC 9112 6.1.
    case(
        "chunked in HTTP/1.0",
        "POST /api/chameleon/echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked in HTTP/1.0 that stays",
        "POST /api/chameleon/echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "chunked and a length in HTTP/1.0",
        "POST /api/chameleon/echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a length in HTTP/1.0",
        "POST /api/chameleon/echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc{next}",
        Ends(200),
    ),
    case(
        "a length in HTTP/1.0 that stays",
        "POST /api/chameleon/echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "no length in HTTP/1.0",
        "POST /api/chameleon/echo HTTP/1.0\r\n\r\n{next}",
        Ends(200),
    ),
];
