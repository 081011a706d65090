mod model;

use super::*;
use crate::{config::Limits, plugin::tests::Dice};

fn gate(concurrency: u32, queue: u32) -> Arc<Gate> {
    let limits = Limits {
        concurrency,
        queue,
        queue_timeout: Duration::from_millis(20),
        hold_timeout: Duration::from_secs(20),
        ..Limits::default()
    };
    Arc::new(Gate::new(&limits))
}

#[tokio::test]
async fn queue_and_wait_are_bounded() {
    let gate = gate(1, 0);
    let place = gate.enter().await.unwrap();
    assert_eq!(gate.enter().await.unwrap_err(), Error::Overloaded);
    drop(place);
    drop(gate.enter().await.unwrap());
    let gate = self::gate(1, 5);
    let _place = gate.enter().await.unwrap();
    assert_eq!(gate.enter().await.unwrap_err(), Error::Overloaded);
    assert_eq!(gate.waiting.load(Relaxed), 0);
}

#[tokio::test]
async fn a_hold_waits_for_what_runs_and_keeps_others_out() {
    let gate = gate(2, 5);
    let place = gate.enter().await.unwrap();
    let holding = tokio::spawn({
        let gate = gate.clone();
        async move { gate.hold().await }
    });
    tokio::task::yield_now().await;
    assert!(!holding.is_finished());
    drop(place);
    let hold = holding.await.unwrap().unwrap();
    let late = tokio::spawn({
        let gate = gate.clone();
        async move { gate.enter().await }
    });
    // Longer than queueTimeout: held requests wait for the hold.
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(!late.is_finished());
    drop(hold);
    drop(late.await.unwrap().unwrap());
}

/// Threads that enter, give up and hold, all at once: [`model`] has every order but that of the machine's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_lost_and_nobody_too_many_under_threads() {
    const PLACES: u32 = 3;
    let limits = Limits {
        concurrency: PLACES,
        queue: 1000,
        queue_timeout: Duration::from_secs(60),
        hold_timeout: Duration::from_secs(60),
        ..Limits::default()
    };
    let gate = Arc::new(Gate::new(&limits));
    let inside = Arc::<AtomicU32>::default();
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..8 {
        let (gate, inside) = (gate.clone(), inside.clone());
        tasks.spawn(async move {
            let mut dice = Dice::new(client);
            for _ in 0..2000 {
                let patience = dice.below(4);
                let place = tokio::select! {
                    biased;
                    place = gate.enter() => place.expect("there is room and time"),
                    () = turns(patience), if patience > 0 => continue,
                };
                assert!(inside.fetch_add(1, Relaxed) < PLACES, "too many");
                turns(dice.below(3)).await;
                inside.fetch_sub(1, Relaxed);
                drop(place);
            }
        });
    }
    tasks.spawn({
        let (gate, inside) = (gate.clone(), inside.clone());
        async move {
            let mut dice = Dice::new(99);
            for _ in 0..500 {
                let patience = dice.below(6);
                let hold = tokio::select! {
                    biased;
                    hold = gate.hold() => hold.expect("what runs ends"),
                    () = turns(patience), if patience > 0 => continue,
                };
                for _ in 0..3 {
                    assert_eq!(inside.load(Relaxed), 0, "beside a hold");
                    tokio::task::yield_now().await;
                }
                drop(hold);
            }
        }
    });
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .expect("somebody waits for ever");
    assert_eq!(gate.places.available_permits(), PLACES as usize);
    assert_eq!(gate.waiting.load(Relaxed), 0);
    assert!(!gate.held.load(Relaxed));
}

async fn turns(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}
