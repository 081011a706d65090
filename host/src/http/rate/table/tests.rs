use super::*;
use std::{net::Ipv4Addr, thread};

const WINDOW: Duration = Duration::from_secs(60);

fn v4(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(number).into()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Clients and windows that are kept.
fn kept(table: &Table) -> (usize, usize) {
    let shards = table.shards.iter().map(|shard| shard.lock().unwrap());
    shards.fold((0, 0), |(clients, begun), shard| {
        (clients + shard.clients.len(), begun + shard.begun.len())
    })
}

#[test]
fn a_window_begins_with_the_first_request_and_ends_after_its_time() {
    let table = Table::new(WINDOW, 3);
    let begun = Instant::now();
    let at = |seconds| table.count(v4(1), begun + Duration::from_secs(seconds));
    for (second, allowed, left, reset) in [
        (0, true, 2, 60),
        (10, true, 1, 50),
        (20, true, 0, 40),
        (30, false, 0, 30),
        (59, false, 0, 1),
        (60, true, 2, 60),
        (61, true, 1, 59),
        (1000, true, 2, 60),
    ] {
        let turn = at(second);
        assert_eq!(
            (turn.allowed, turn.left, turn.reset),
            (allowed, left, Duration::from_secs(reset)),
            "after {second} s"
        );
    }
}

#[test]
fn the_first_refusal_of_a_window_is_told_once() {
    let table = Table::new(WINDOW, 1);
    let begun = Instant::now();
    let told = |seconds| {
        let now = begun + Duration::from_secs(seconds);
        table.count(v4(1), now).first_refused
    };
    assert_eq!(
        [0, 1, 2, 60, 61, 62].map(told),
        [false, true, false, false, true, false]
    );
}

#[test]
fn clients_are_counted_apart_and_networks_of_ipv6_together() {
    let table = Table::new(WINDOW, 1);
    let now = Instant::now();
    let allowed = |client: &str| table.count(address(client), now).allowed;
    assert!(allowed("192.0.2.1") && allowed("192.0.2.2"));
    assert!(!allowed("192.0.2.1"));
    assert!(allowed("2001:db8:0:1::1"));
    assert!(!allowed("2001:db8:0:1:ffff:ffff:ffff:ffff"), "the same /64");
    assert!(allowed("2001:db8:0:2::1") && allowed("2001:db8::1"));
}

#[test]
fn what_does_not_count_after_all_is_taken_back_within_its_window_alone() {
    let table = Table::new(WINDOW, 2);
    let begun = Instant::now();
    let at = |seconds| table.count(v4(1), begun + Duration::from_secs(seconds));
    let (first, second) = (at(0), at(1));
    assert!(!at(2).allowed);
    table.take_back(v4(1), &second);
    assert!(at(3).allowed && !at(4).allowed);
    // The next window knows nothing of it.
    assert_eq!(at(60).left, 1);
    table.take_back(v4(1), &first);
    assert_eq!(at(61).left, 0);
    // More than there was, and of somebody who is not known.
    let third = at(120);
    for _ in 0..3 {
        table.take_back(v4(1), &third);
    }
    assert_eq!(at(121).left, 1);
    table.take_back(v4(2), &third);
    assert_eq!(table.count(v4(2), begun).left, 1);
}

#[test]
fn a_hundred_thousand_clients_are_counted_and_more_push_the_oldest_out() {
    let table = Table::new(WINDOW, 1);
    let begun = Instant::now();
    let all = u32::try_from(MOST_CLIENTS).unwrap();
    let refused = |clients: std::ops::Range<u32>, now: Instant| {
        let refused = clients.filter(|client| !table.count(v4(*client), now).allowed);
        refused.count()
    };
    // Shards fill unevenly: half of the room holds everybody for certain.
    let half = all / 2;
    assert_eq!(refused(0..half, begun), 0);
    assert_eq!(refused(0..half, begun), half as usize, "each is known");
    // A flood of others: the table stays as large as it is, and the last to come are known.
    let later = begun + Duration::from_secs(1);
    assert_eq!(refused(half..10 * all, later), 0);
    let room = SHARDS * MOST_CLIENTS.div_ceil(SHARDS);
    let (clients, windows) = kept(&table);
    assert!(clients <= room && windows <= room, "{clients} {windows}");
    assert!(clients > MOST_CLIENTS / 2, "{clients}");
    assert_eq!(refused(10 * all - half..10 * all, later), half as usize);
    assert_eq!(refused(0..1000, later), 0, "the oldest are forgotten");
}

#[test]
fn what_is_over_goes_as_others_come() {
    let table = Table::with_room(WINDOW, 1, 6400);
    let begun = Instant::now();
    for client in 0..3000 {
        table.count(v4(client), begun);
    }
    assert_eq!(kept(&table).0, 3000);
    // The same again after their time, and then a few others: nothing is left of the first windows.
    for client in 0..3000 {
        assert!(table.count(v4(client), begun + WINDOW).allowed);
    }
    assert_eq!(kept(&table), (3000, 3000));
    for client in 10_000..13_000 {
        assert!(table.count(v4(client), begun + 2 * WINDOW).allowed);
    }
    let (clients, windows) = kept(&table);
    assert_eq!(clients, windows);
    // Each shard had some fifty to clear, and cleared up to eight for each of some fifty that came.
    assert_eq!(clients, 3000);
}

#[test]
fn many_at_once_get_no_more_than_the_limit() {
    let table = Table::new(WINDOW, 100);
    let now = Instant::now();
    let allowed: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let count = || {
                    (0..1000)
                        .filter(|_| table.count(v4(1), now).allowed)
                        .count()
                };
                scope.spawn(count)
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(allowed, 100);
}
