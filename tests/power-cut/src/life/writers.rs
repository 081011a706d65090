//! Writes of every manner, each with a number of its own.

use super::Session;
use crate::Dice;
use greenroom::storage::{Access, Deadline, Params, Reach, Statement, Value};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Of one call.
const LONGEST: Duration = Duration::from_secs(60);
const INSERT: &str =
    "INSERT INTO writes (writer, number, part, parts, body) VALUES ($1, $2, $3, $4, $5)";
const COUNT: &str = "UPDATE counters SET number = $2 WHERE writer = $1";

fn later() -> Deadline {
    Instant::now() + LONGEST
}

/// Up to a few pages each.
fn row(writer: u32, number: u32, part: u32, parts: u32, dice: &mut Dice) -> Vec<Value> {
    let length = usize::try_from(dice.below(3000)).unwrap_or_default();
    let whole = |number: u32| Value::Integer(number.into());
    vec![
        whole(writer),
        whole(number),
        whole(part),
        whole(parts),
        Value::Text(format!("{number}-").repeat(1 + length / 8)),
    ]
}

pub(super) async fn write(session: Arc<Session>, writer: u32, mut dice: Dice) {
    for _ in 0..session.habit.rounds {
        let number = session.ledger.next();
        let answer = {
            let _gate = session.gate.read().await;
            session.ledger.write(writer, number, false);
            let answer = once(&session, writer, number, &mut dice).await;
            if answer.is_ok() {
                session.ledger.write(writer, number, true);
            }
            answer
        };
        if !session.noted("a write", &answer) {
            return;
        }
    }
}

async fn once(session: &Session, writer: u32, number: u32, dice: &mut Dice) -> Result<(), String> {
    let database = &session.database;
    let parts = 2 + u32::try_from(dice.below(5)).unwrap_or_default();
    let manner = dice.below(5);
    let count = Statement::new(
        COUNT,
        [Value::Integer(writer.into()), Value::Integer(number.into())],
    );
    let mut rows = |parts| -> Vec<Vec<Value>> {
        (0..parts)
            .map(|part| row(writer, number, part, parts, dice))
            .collect()
    };
    let done = match manner {
        0 => {
            let one = Statement::new(INSERT, rows(1).remove(0));
            database.execute(one, later()).await.map(drop)
        }
        1 => {
            let one = Statement::new(format!("{INSERT} RETURNING number"), rows(1).remove(0));
            database.query(one, Reach::Writer, later()).await.map(drop)
        }
        2 => {
            let sets = rows(parts).into_iter().map(Params::Positional).collect();
            let many = database.execute_many(INSERT.into(), sets, later());
            many.await.map(drop)
        }
        3 => {
            let mut all: Vec<_> = rows(parts)
                .into_iter()
                .map(|row| Statement::new(INSERT, row))
                .collect();
            all.push(count);
            database.batch(all, later()).await.map(drop)
        }
        _ => {
            let rows = rows(parts);
            async {
                let transaction = database.begin(Access::ReadWrite, later()).await?;
                for row in rows {
                    transaction
                        .execute(Statement::new(INSERT, row), later())
                        .await?;
                }
                transaction.execute(count, later()).await?;
                transaction.commit(later()).await
            }
            .await
        }
    };
    done.map_err(|error| error.to_string())
}

/// Set together, to the same number.
pub(crate) fn keys(writer: u32) -> [String; 3] {
    ["a", "b", "c"].map(|key| format!("{key}{writer}"))
}

/// Grows by one with each call.
pub(crate) fn sum(writer: u32) -> String {
    format!("sum{writer}")
}

pub(super) async fn set(session: Arc<Session>, writer: u32, mut dice: Dice) {
    let bucket = session.keyvalue.open_bucket("bucket").await;
    let bucket = match bucket.map_err(|error| error.to_string()) {
        Ok(bucket) => bucket,
        failed => {
            session.noted("a bucket", &failed);
            return;
        }
    };
    for _ in 0..session.habit.rounds {
        let values = dice.below(2) == 0;
        let asked = {
            let mut entries = session.ledger.entries();
            let all = if values {
                &mut entries.values
            } else {
                &mut entries.sums
            };
            let counted = all.entry(writer).or_default();
            counted.asked += 1;
            counted.asked
        };
        let answer = if values {
            let pairs = keys(writer).map(|key| (key, asked.to_string().into_bytes()));
            session.keyvalue.set_many(&bucket, pairs.into()).await
        } else {
            session
                .keyvalue
                .increment(&bucket, &sum(writer), 1)
                .await
                .map(drop)
        };
        let answer = answer.map_err(|error| error.to_string());
        if answer.is_ok() {
            let mut entries = session.ledger.entries();
            let all = if values {
                &mut entries.values
            } else {
                &mut entries.sums
            };
            let counted = all.entry(writer).or_default();
            counted.acknowledged = if values {
                asked
            } else {
                counted.acknowledged + 1
            };
            counted.when = Some(Instant::now());
        }
        if !session.noted("a value", &answer) {
            return;
        }
    }
}
