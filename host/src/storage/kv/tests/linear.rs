//! Short histories of callers at once, each of which must be explained by some order of its calls: one in which a call
//! that ended before another began comes first, and every answer is what the calls before it make it.

use super::*;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Get,
    Set(i64),
    Add(i64),
    /// Expected and new.
    Swap(Option<i64>, i64),
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Value(Option<i64>),
    Sum(i64),
    /// `Err`: what was there instead.
    Swapped(Result<(), Option<i64>>),
    Done,
}

/// A call, its answer, and between which ticks of a common counter it ran.
#[derive(Debug, Clone, Copy)]
struct Event {
    call: Call,
    answer: Answer,
    began: u64,
    ended: u64,
}

/// What one caller after the other would be answered, and what they would leave.
fn alone(call: Call, value: Option<i64>) -> (Answer, Option<i64>) {
    match call {
        Call::Get => (Answer::Value(value), value),
        Call::Set(new) => (Answer::Done, Some(new)),
        Call::Add(delta) => {
            let sum = value.unwrap_or(0) + delta;
            (Answer::Sum(sum), Some(sum))
        }
        Call::Swap(expected, new) if expected == value => (Answer::Swapped(Ok(())), Some(new)),
        Call::Swap(..) => (Answer::Swapped(Err(value)), value),
        Call::Delete => (Answer::Done, None),
    }
}

/// Whether some order explains what is left of the history.
fn explained(left: &[Event], value: Option<i64>) -> bool {
    let Some(first_end) = left.iter().map(|event| event.ended).min() else {
        return true;
    };
    let may_be_next = |event: &&Event| event.began < first_end;
    left.iter().filter(may_be_next).any(|next| {
        let (answer, after) = alone(next.call, value);
        let rest = left.iter().filter(|event| event.began != next.began);
        answer == next.answer && explained(&rest.copied().collect::<Vec<_>>(), after)
    })
}

fn number(value: Option<Vec<u8>>) -> Option<i64> {
    value.map(|bytes| String::from_utf8(bytes).unwrap().parse().unwrap())
}

async fn ask(kv: &Keyvalue, bucket: &Bucket, key: &str, call: Call) -> Answer {
    let text = |number: i64| bytes(&number.to_string());
    match call {
        Call::Get => Answer::Value(number(kv.get(bucket, key).await.unwrap())),
        Call::Set(new) => {
            kv.set(bucket, key, text(new)).await.unwrap();
            Answer::Done
        }
        Call::Add(delta) => Answer::Sum(kv.increment(bucket, key, delta).await.unwrap()),
        Call::Swap(expected, new) => {
            let swapped = kv.compare_and_swap(bucket, key, expected.map(text), text(new));
            Answer::Swapped(swapped.await.unwrap().map_err(number))
        }
        Call::Delete => {
            kv.delete(bucket, key).await.unwrap();
            Answer::Done
        }
    }
}

/// The same calls for the same seed.
fn calls(seed: u64, caller: u64) -> Vec<Call> {
    let mut state = (seed * 8 + caller + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut below = |bound: i64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        i64::try_from(state >> 33).unwrap() % bound
    };
    let one = |_| match below(6) {
        0 | 1 => Call::Get,
        2 => Call::Set(below(3)),
        3 => Call::Add(below(3) + 1),
        4 => Call::Swap((below(2) == 0).then(|| below(3)), below(3)),
        _ => Call::Delete,
    };
    (0..4).map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_history_is_explained_by_an_order() {
    for t in both().await {
        for seed in 0..60 {
            let key = format!("history {seed}");
            let ticks = Arc::new(AtomicU64::new(0));
            let callers: Vec<_> = (0..3)
                .map(|caller| {
                    let (kv, bucket, key) = (t.kv.clone(), t.bucket.clone(), key.clone());
                    let ticks = ticks.clone();
                    tokio::spawn(async move {
                        let mut events = Vec::new();
                        for call in calls(seed, caller) {
                            let began = ticks.fetch_add(1, SeqCst);
                            let answer = ask(&kv, &bucket, &key, call).await;
                            let ended = ticks.fetch_add(1, SeqCst);
                            events.push(Event {
                                call,
                                answer,
                                began,
                                ended,
                            });
                        }
                        events
                    })
                })
                .collect();
            let mut history = Vec::new();
            for caller in callers {
                history.extend(caller.await.unwrap());
            }
            history.sort_by_key(|event: &Event| event.began);
            assert!(explained(&history, None), "seed {seed}: {history:#?}");
        }
    }
}

#[test]
fn what_no_order_explains_is_seen() {
    let event = |call, answer, began, ended| Event {
        call,
        answer,
        began,
        ended,
    };
    let set = event(Call::Set(1), Answer::Done, 0, 2);
    let during = |value| event(Call::Get, Answer::Value(value), 1, 3);
    let after = |value| event(Call::Get, Answer::Value(value), 4, 5);
    assert!(explained(&[set, during(None), after(Some(1))], None));
    assert!(explained(&[set, during(Some(1)), after(Some(1))], None));
    assert!(!explained(&[set, during(None), after(None)], None));
    assert!(!explained(&[set, during(Some(2)), after(Some(1))], None));
    // Two additions at once of which one is lost.
    let add = |began, ended| event(Call::Add(1), Answer::Sum(1), began, ended);
    assert!(!explained(&[add(0, 2), add(1, 3)], None));
}
