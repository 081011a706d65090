//! A client that waits for each answer, and so sees a request that gets none; wrk does not.

use anyhow::{Context, Result, bail, ensure};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for the same again and again until it is told to stop; how many requests failed, each for whatever reason.
pub(super) fn witness(address: SocketAddr, target: &str, stop: &AtomicBool) -> u64 {
    let mut failed = 0;
    let mut connection = None;
    while !stop.load(Relaxed) {
        let asked = (|| {
            if connection.is_none() {
                connection = Some(connect(address)?);
            }
            let connection = connection.as_mut().context("no connection")?;
            ask(connection, target)
        })();
        if let Err(error) = asked {
            eprintln!("  a request failed: {error:#}");
            failed += 1;
            connection = None;
        }
    }
    failed
}

pub(super) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let connection = TcpStream::connect_timeout(&address, PATIENCE)
        .context("cannot open one more connection")?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    Ok(connection)
}

/// One `GET`, which must answer 200, read to its end.
pub(super) fn ask(connection: &mut TcpStream, target: &str) -> Result<()> {
    connection.write_all(format!("GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !whole(&answer)? {
        match connection.read(&mut piece).context("no answer")? {
            0 => bail!("the host closed the connection"),
            read => answer.extend_from_slice(&piece[..read]),
        }
    }
    Ok(())
}

/// Whether an answer with a content-length has arrived in full; an error when it is no 200.
fn whole(answer: &[u8]) -> Result<bool> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(false);
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    ensure!(head.starts_with("http/1.1 200 "), "the answer is {head}");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length
        .context("an answer without content-length")?
        .trim()
        .parse()?;
    Ok(answer.len() >= end + 4 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
        for cut in 0..answer.len() {
            assert!(!whole(&answer[..cut]).unwrap(), "{cut}");
        }
        assert!(whole(answer).unwrap());
        assert!(whole(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
