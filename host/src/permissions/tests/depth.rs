//! However deep, and on however little stack.

use super::*;
use crate::permissions::statements::MOST_STEPS;

/// Expressions that are true and as deep as they may be, the scope and the braces aside.
fn deepest() -> Vec<String> {
    let steps = MOST_STEPS - 2;
    let record = steps / 2 - 1;
    vec![
        format!("{}true", "false || ".repeat(steps)),
        format!("{}true{}", "(".repeat(steps), ")".repeat(steps)),
        format!(
            "{}true{}",
            "true && (".repeat(steps / 2),
            ")".repeat(steps / 2)
        ),
        format!("{}true", "if true then true else ".repeat(steps)),
        format!("0 {} == 0", "+ 0 ".repeat(steps - 1)),
        format!(
            "{}1{}{} == 1",
            "{a: ".repeat(record),
            "}".repeat(record),
            ".a".repeat(record)
        ),
        format!(
            "{}1{} == {}1{}",
            "[".repeat(record),
            "]".repeat(record),
            "[".repeat(record),
            "]".repeat(record)
        ),
        format!("{}1{} != 1", "[".repeat(steps - 1), "]".repeat(steps - 1)),
        format!(
            "{}1{} has a",
            "{a: ".repeat(steps - 1),
            "}".repeat(steps - 1)
        ),
    ]
}

fn policy(condition: &str) -> String {
    format!("permit (principal, action, resource) when {{ {condition} }};")
}

fn decided(condition: &str) -> Verdict {
    let ground = Ground::new(&policy(condition), None);
    ground.ask(
        &ground.authority(),
        &jane(&[]),
        "todo.read",
        &Resource::default(),
    )
}

#[test]
fn the_deepest_policies_are_decided() {
    for condition in deepest() {
        let begin = condition.get(..40).unwrap_or(&condition);
        assert_eq!(decided(&condition), Verdict::Allowed, "{begin}");
    }
}

/// A stack is made where a thread has too little.
#[test]
fn they_are_decided_on_little_stack() {
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    let decided = || {
        deepest()
            .iter()
            .map(|condition| decided(condition))
            .collect::<Vec<_>>()
    };
    let verdicts = thread.spawn(decided).unwrap().join().unwrap();
    assert!(
        verdicts.iter().all(|verdict| *verdict == Verdict::Allowed),
        "{verdicts:?}"
    );
}

#[test]
fn deeper_ones_are_refused_at_their_beginning() {
    for condition in [
        "(",
        "a.",
        "!",
        "true && ",
        "if true then true else ",
        "[",
        "{a: ",
    ] {
        let deep = policy(&condition.repeat(40_000));
        let wrong = Ground::new(&format!("\n {deep}"), None).wrong();
        assert_eq!(wrong.len(), 1, "{condition}");
        assert!(
            wrong[0].starts_with("a.cedar:2:2: this policy is too large"),
            "{}",
            wrong[0]
        );
    }
}
