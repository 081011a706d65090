//! Request lines, hosts, line ends, and words that would change the protocol.

use super::{
    Case,
    Wanted::{Both, Dropped, Ends, Inside, Refused},
    case,
};

pub(super) const CASES: &[Case] = &[
    case(
        "two hosts",
        "GET /api/chameleon/version HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "two hosts in a line",
        "GET /api/chameleon/version HTTP/1.1\r\nHost: a, b\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "no host",
        "GET /api/chameleon/version HTTP/1.1\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a host in a folded line",
        "GET /api/chameleon/version HTTP/1.1\r\nHost: a\r\n b\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "white space before the first field",
        "GET /api/chameleon/version HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "an authority beside another host",
        "GET http://a/api/chameleon/version HTTP/1.1\r\nHost: b\r\n\r\n{next}",
        Both(200, 0),
    ),
    case(
        "an authority with a user",
        "GET http://a@b/api/chameleon/version HTTP/1.1\r\nHost: b\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "an authority without a path's slash",
        "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "GET *",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "OPTIONS *",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n{next}",
        Both(204, 0),
    ),
    // What a client sends behind CONNECT may be meant for the other end of a tunnel.
    case(
        "CONNECT",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n{next}",
        Ends(405),
    ),
    case(
        "CONNECT of a path",
        "CONNECT /api/chameleon/version HTTP/1.1\r\nHost: a\r\n\r\n{next}",
        Ends(405),
    ),
    case(
        "CONNECT with a length",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: {length}\r\n\r\n{next}",
        Ends(405),
    ),
    case(
        "Upgrade to h2c",
        "GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n{next}",
        Both(200, 0),
    ),
    case(
        "Upgrade to a web socket",
        "GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n{next}",
        Both(200, 0),
    ),
    case(
        "the preface of HTTP/2",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{next}",
        Dropped,
    ),
    case(
        "the preface of HTTP/2 in HTTP/1.1",
        "PRI * HTTP/1.1\r\nHost: h\r\n\r\nSM\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "HTTP/0.9",
        "GET /api/chameleon/version\r\n{next}",
        Refused(400),
    ),
    case(
        "HTTP/1.2",
        "GET /api/chameleon/version HTTP/1.2\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "HTTP/2.0",
        "GET /api/chameleon/version HTTP/2.0\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "http/1.1",
        "GET /api/chameleon/version http/1.1\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "HTTP/01.1",
        "GET /api/chameleon/version HTTP/01.1\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "HTTP/1.10",
        "GET /api/chameleon/version HTTP/1.10\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a space behind the version",
        "GET /api/chameleon/version HTTP/1.1 \r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "two versions",
        "GET /api/chameleon/version HTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a space before the method",
        " GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a tab for a space",
        "GET\t/api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "two spaces",
        "GET  /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a method with a space",
        "GE T /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a method with a colon",
        "GET: /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a method in small letters is another",
        "get /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n{next}",
        Both(405, 0),
    ),
    case(
        "a line end before the request",
        "\r\n\r\nGET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n{next}",
        Both(200, 0),
    ),
    case(
        "a bare CR before the request",
        "\rGET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a bare CR in the request line",
        "GET /api/chameleon/version\r HTTP/1.1\r\nHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "a bare CR for a line end",
        "GET /api/chameleon/version HTTP/1.1\rHost: h\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "two CR before LF",
        "GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\r\n\r\n{next}",
        Refused(400),
    ),
    // RFC 9112 2.2 lets a server take a bare LF for a line end in a head. All of the head is read so.
    case(
        "bare LF",
        "GET /api/chameleon/version HTTP/1.1\nHost: h\n\n{next}",
        Both(200, 0),
    ),
    case(
        "a length behind a bare LF",
        "{post}X: y\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "chunked behind a bare LF, beside a length",
        "{post}X: y\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Ends(200),
    ),
    case(
        "a head that a bare LF ends",
        "{post}Content-Length: 3\r\n\nabc{next}",
        Both(200, 3),
    ),
    case(
        "NUL in a value",
        "{post}X: a\0b\r\nContent-Length: 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "NUL in a name",
        "{post}X\0: a\r\nContent-Length: 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a space in a name",
        "{post}X Y: a\r\nContent-Length: 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a name that is not ASCII",
        "{post}\u{e9}: a\r\nContent-Length: 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a line of spaces",
        "{post}X: a\r\n  \r\nContent-Length: 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a line without a colon",
        "{post}Content-Length 3\r\n\r\nabc{next}",
        Refused(400),
    ),
    case(
        "a request line for a field",
        "{post}GET /api/chameleon/version HTTP/1.1\r\n\r\n{next}",
        Refused(400),
    ),
    case(
        "Connection: close",
        "{post}Connection: close\r\nContent-Length: 3\r\n\r\nabc{next}",
        Ends(200),
    ),
    case(
        "Connection: close, keep-alive",
        "{post}Connection: close, keep-alive\r\nContent-Length: 3\r\n\r\nabc{next}",
        Ends(200),
    ),
    case(
        "Connection: host",
        "{post}Connection: host\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "Proxy-Connection",
        "{post}Proxy-Connection: close\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "another method in a header",
        "{post}X-HTTP-Method-Override: GET\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "Expect, and the body at once",
        "{post}Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    case(
        "Expect, and a request for a body",
        "{post}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{next}",
        Inside(200),
    ),
    case(
        "Expect without a body",
        "{post}Expect: 100-continue\r\n\r\n{next}",
        Both(200, 0),
    ),
    case(
        "Expect in chunks",
        "{post}Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{next}",
        Both(200, 3),
    ),
    case(
        "Expect of something else",
        "{post}Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc{next}",
        Both(200, 3),
    ),
    // The client may send the body or not: what comes next cannot be told apart.
    case(
        "Expect that is refused, and the body at once",
        "POST /api/none HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n{next}",
        Ends(404),
    ),
    case(
        "Expect of GET that is refused",
        "GET /api/none HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n{next}",
        Ends(404),
    ),
    case(
        "Expect in capitals that is refused",
        "POST /api/none HTTP/1.1\r\nHost: h\r\nEXPECT: 100-CONTINUE\r\nContent-Length: {length}\r\n\r\n{next}",
        Ends(404),
    ),
    case(
        "Expect with a space that is refused",
        "POST /api/none HTTP/1.1\r\nHost: h\r\nExpect:  100-continue \r\nContent-Length: {length}\r\n\r\n{next}",
        Ends(404),
    ),
    case(
        "Expect of too much",
        "{post}Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n{next}",
        Ends(413),
    ),
];
