//! Against a socket that answers once, with a text given beforehand.

use super::*;
use crate::cli::{ConfigFiles, Plugins, Remove, Rollback};
use std::path::Path;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
    task::JoinHandle,
};

/// Answers the next connection, and gives the request that came.
fn answering(socket: &Path, status: &str, body: &str) -> JoinHandle<String> {
    let listener = UnixListener::bind(socket).unwrap();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        loop {
            let head = request.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(head) = head {
                let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
                let length = text
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next());
                if request.len() >= head + 4 + length.map_or(0, |length| length.parse().unwrap()) {
                    break;
                }
            }
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer).await.unwrap() {
                0 => break,
                read => request.extend_from_slice(&buffer[..read]),
            }
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&request).into_owned()
    })
}

fn host(socket: &Path) -> Host {
    Host {
        socket: Some(socket.to_owned()),
        config: ConfigFiles { files: Vec::new() },
        json: false,
    }
}

fn said(refusal: Refusal) -> String {
    match refusal {
        Refusal::Config(error) => format!("config: {error}"),
        Refusal::Failed(body) => format!("failed: {}", body["error"].as_str().unwrap()),
    }
}

#[tokio::test]
async fn asks_what_the_command_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("todo.wasm");
    std::fs::write(&file, b"\0asm\x0d\0\x01\0body").unwrap();
    let id = || "todo".parse().unwrap();
    let commands: [(&str, &dyn Fn(Host) -> Ask); 5] = [
        ("GET /plugins ", &|host| Ask::Plugins(Plugins { host })),
        ("POST /deploy ", &|host| {
            Ask::Deploy(Deploy {
                file: file.clone(),
                id: None,
                host,
            })
        }),
        ("POST /deploy?as=todo ", &|host| {
            Ask::Deploy(Deploy {
                file: file.clone(),
                id: Some(id()),
                host,
            })
        }),
        ("POST /plugins/todo/rollback ", &|host| {
            Ask::Rollback(Rollback { id: id(), host })
        }),
        ("DELETE /plugins/todo ", &|host| {
            Ask::Remove(Remove { id: id(), host })
        }),
    ];
    for (index, (line, command)) in commands.into_iter().enumerate() {
        let socket = folder.path().join(format!("{index}.sock"));
        let request = answering(&socket, "200 OK", r#"{"outcome":"deployed"}"#);
        let answer = answer(&command(host(&socket))).await.map_err(said).unwrap();
        assert_eq!(answer["outcome"], "deployed");
        let request = request.await.unwrap();
        assert!(request.starts_with(line), "{request}");
        assert_eq!(request.ends_with("body"), line.starts_with("POST /deploy"));
    }
}

#[tokio::test]
async fn the_words_of_the_host_are_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    for (index, (status, body, says)) in [
        (
            "422 X",
            r#"{"error":"no such import","stage":"imports"}"#,
            "failed: no such import",
        ),
        (
            "404 X",
            r#"{"error":"no plugin todo"}"#,
            "failed: no plugin todo",
        ),
        ("500 X", "oops", "failed: the host answered 500 oops"),
        (
            "200 OK",
            "not json",
            "failed: asking the host at SOCKET: the answer is no JSON; is this a Greenroom host?",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let socket = folder.path().join(format!("{index}.sock"));
        let request = answering(&socket, status, body);
        let refusal = answer(&Ask::Plugins(Plugins {
            host: host(&socket),
        }))
        .await
        .map_err(said)
        .unwrap_err();
        assert_eq!(
            refusal.replace(&socket.display().to_string(), "SOCKET"),
            says
        );
        request.await.unwrap();
    }
}

#[tokio::test]
async fn without_a_host_it_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("greenroom.sock");
    let config = folder.path().join("app-config.yaml");
    std::fs::write(&config, "").unwrap();
    // A socket whose host is dead refuses; one that never was is not there.
    let dead = folder.path().join("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    for path in [&socket, &dead] {
        let refusal = answer(&Ask::Plugins(Plugins { host: host(path) }))
            .await
            .map_err(said)
            .unwrap_err();
        let wanted = format!(
            "failed: no Greenroom host answers at {}. Start one with: greenroom serve --config FILE",
            path.display()
        );
        assert_eq!(refusal, wanted);
    }
    let host = Host {
        socket: None,
        config: ConfigFiles {
            files: vec![config.clone()],
        },
        json: false,
    };
    let refusal = answer(&Ask::Plugins(Plugins { host }))
        .await
        .map_err(said)
        .unwrap_err();
    let wanted = format!(
        "failed: no Greenroom host answers at {}. Start one with: greenroom serve --config {}",
        socket.display(),
        config.display()
    );
    assert_eq!(refusal, wanted);
}

#[tokio::test]
async fn what_cannot_be_deployed_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.wasm");
    std::fs::write(&file, b"\0asm\x01\0\0\0").unwrap();
    // Nobody listens: the file is looked at first.
    let socket = folder.path().join("greenroom.sock");
    let deploy = Ask::Deploy(Deploy {
        file,
        id: None,
        host: host(&socket),
    });
    let refusal = answer(&deploy).await.map_err(said).unwrap_err();
    assert!(
        refusal.contains("is a WebAssembly core module"),
        "{refusal}"
    );
}
