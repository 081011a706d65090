//! What is asked of the servers, as scripts for wrk, and what a right answer is.

use crate::{
    http,
    seed::{self, Seed},
};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;
use std::{fmt::Write as _, net::SocketAddr};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    Hello,
    Get,
    List,
    Entity,
    Mix,
    Post,
}

const TODOS: &str = "/api/todo/todos";
const NEW: &str =
    r#"{"title":"Write the release notes","entityRef":"component:default/service-7"}"#;

/// From one request to the next, in ids or entities. Prime, and no divisor of their number: all get their turn, and
/// neighbours in time are not neighbours in the table.
const STRIDE: u32 = 7_919;

/// For every script whose requests differ: they are made once, as wrk starts, so that one costs wrk a look-up.
const IN_TURN: &str = r"
local at = 0
request = function()
  at = at % #requests + 1
  return requests[at]
end
";

impl Work {
    /// In the order in which they run: those that add todos come last.
    pub(crate) const ALL: [Self; 6] = [
        Self::Hello,
        Self::Get,
        Self::List,
        Self::Entity,
        Self::Mix,
        Self::Post,
    ];

    /// In file names.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Get => "get",
            Self::List => "list",
            Self::Entity => "entity",
            Self::Mix => "mix",
            Self::Post => "post",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Hello => "Hello",
            Self::Get => "GET by id",
            Self::List => "List of 100",
            Self::Entity => "List of one entity",
            Self::Mix => "Mix",
            Self::Post => "POST, durable",
        }
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Hello => "`GET /api/hello/`: a constant, no database.",
            Self::Get => "`GET /api/todo/todos/<id>` among 10,000 todos, each in its turn.",
            Self::List => "`GET /api/todo/todos?limit=100` among 10,000 todos: the newest 100.",
            Self::Entity => {
                "`GET /api/todo/todos?entityRef=<ref>&limit=100` among 1,000,000 todos of 10,000 entities: the 100 of \
                 one, each entity in its turn."
            }
            Self::Mix => "80 % GET by id, 15 % list of 100, 5 % POST.",
            Self::Post => {
                "`POST /api/todo/todos`. A 201 means that the todo is on disk (WAL, `synchronous=FULL`)."
            }
        }
    }

    pub(crate) fn seed(self) -> Seed {
        match self {
            Self::Entity => Seed::Large,
            _ => Seed::Small,
        }
    }

    /// The Lua that makes the requests.
    pub(crate) fn script(self) -> String {
        match self {
            Self::Hello => "wrk.path = '/api/hello/'\n".into(),
            Self::List => format!("wrk.path = '{}'\n", newest()),
            Self::Post => format!(
                "wrk.method = 'POST'\nwrk.path = '{TODOS}'\nwrk.body = '{NEW}'\n\
                 wrk.headers['Content-Type'] = 'application/json'\n"
            ),
            Self::Get => in_turn(Seed::Small.rows(), |n| get(&path_of(n))),
            Self::Entity => in_turn(Seed::Large.entities(), |n| get(&of_entity(n))),
            Self::Mix => in_turn(Seed::Small.rows(), |n| match n % 20 {
                5 => format!(
                    "wrk.format('POST', '{TODOS}', {{['Content-Type'] = 'application/json', Host = wrk.headers.Host}}, '{NEW}')"
                ),
                1 | 8 | 14 => get(&newest()),
                _ => get(&path_of(n)),
            }),
        }
    }

    /// Asks once; an error when the answer is not the right one.
    pub(crate) fn verify(self, address: SocketAddr) -> Result<()> {
        match self {
            Self::Hello => {
                let answer = http::get(address, "/api/hello/")?;
                ensure!(
                    answer.body == "hello",
                    "GET /api/hello/ says {:?}",
                    answer.body
                );
            }
            Self::Get => {
                let todo = json(address, &path_of(41))?;
                let id = seed::id(41).to_string();
                ensure!(
                    todo["id"] == id && todo["entityRef"] == seed::entity(41),
                    "a wrong todo: {todo}"
                );
            }
            Self::List => {
                let list = json(address, &newest())?;
                ensure!(length(&list) == 100, "not 100 todos: {list}");
            }
            Self::Entity => {
                let list = json(address, &of_entity(41))?;
                let all_its = list
                    .as_array()
                    .into_iter()
                    .flatten()
                    .all(|todo| todo["entityRef"] == seed::entity(41));
                ensure!(
                    length(&list) == 100 && all_its,
                    "not 100 todos of it: {list}"
                );
            }
            Self::Mix => {}
            Self::Post => {
                let answer = http::post(address, TODOS, NEW)?;
                ensure!(
                    answer.status == 201,
                    "POST says {}: {}",
                    answer.status,
                    answer.body
                );
                let todo: Value = serde_json::from_str(&answer.body)?;
                let id = todo["id"].as_str().context("a new todo without id")?;
                let stored = json(address, &format!("{TODOS}/{id}"))?;
                ensure!(stored == todo, "{todo} became {stored}");
            }
        }
        Ok(())
    }
}

fn newest() -> String {
    format!("{TODOS}?limit=100")
}

fn path_of(row: u32) -> String {
    format!("{TODOS}/{}", seed::id(row))
}

fn of_entity(number: u32) -> String {
    format!("{TODOS}?entityRef={}&limit=100", seed::entity(number))
}

fn get(path: &str) -> String {
    format!("wrk.format('GET', '{path}')")
}

/// A script with one request, a Lua expression, for each of the numbers below `count`, in scattered order.
fn in_turn(count: u32, request: impl Fn(u32) -> String) -> String {
    let mut lua = String::from("local requests = {}\ninit = function(args)\n");
    // A Lua function has room for 2^18 constants, and each path takes one.
    for turn in 0..count {
        let number = u64::from(turn) * u64::from(STRIDE) % u64::from(count);
        let number = u32::try_from(number).unwrap_or_default();
        let _ = writeln!(lua, "requests[{}] = {}", turn + 1, request(number));
    }
    lua + "end\n" + IN_TURN
}

fn json(address: SocketAddr, path: &str) -> Result<Value> {
    let answer = http::get(address, path)?;
    ensure!(
        answer.status == 200,
        "GET {path} says {}: {}",
        answer.status,
        answer.body
    );
    serde_json::from_str(&answer.body).with_context(|| format!("GET {path} says {}", answer.body))
}

fn length(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_its_turn() {
        let script = Work::Get.script();
        for row in [0, 1, 9_999] {
            assert_eq!(script.matches(&path_of(row)).count(), 1, "row {row}");
        }
        assert_eq!(script.matches("wrk.format('GET'").count(), 10_000);
    }

    #[test]
    fn the_mix_is_80_15_5() {
        let script = Work::Mix.script();
        assert_eq!(script.matches("'POST'").count(), 500);
        assert_eq!(script.matches("?limit=100").count(), 1_500);
        assert_eq!(script.matches("wrk.format(").count(), 10_000);
    }
}
