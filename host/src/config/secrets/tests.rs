use super::*;

fn masks(texts: &[&str]) -> Masks {
    let mut secrets = Secrets::default();
    texts.iter().for_each(|text| secrets.add(text));
    secrets.masks()
}

fn redact(texts: &[&str], text: &str) -> String {
    masks(texts).redact(text).into_owned()
}

#[test]
fn a_secret_becomes_three_stars() {
    assert_eq!(redact(&[], "nothing to hide"), "nothing to hide");
    assert_eq!(redact(&["hunter2"], "a hunter2, hunter2b"), "a ***, ***b");
    // The longest one that begins there.
    assert_eq!(redact(&["hunter2", "hunter2-long"], "hunter2-long"), "***");
    assert_eq!(redact(&["  hunter2\n"], "hunter2"), "***");
    assert!(matches!(
        masks(&["hunter2"]).redact("none"),
        Cow::Borrowed("none")
    ));
}

#[test]
fn what_cannot_be_told_from_other_words_is_left_alone() {
    assert_eq!(
        redact(
            &["abc", "  ", "", "true", "localhost"],
            "abc true localhost"
        ),
        "abc true localhost"
    );
    assert_eq!(
        redact(&["8080"], "18080 8080 80801 :8080"),
        "18080 *** 80801 :***"
    );
}

#[test]
fn every_way_to_write_it_is_found() {
    let secret = "pass\"wo\\rd\twith\u{1b}ü";
    let json = serde_json::json!({ "message": secret, "debug": format!("{secret:?}") }).to_string();
    for line in [secret.to_owned(), format!("{secret:?}"), json] {
        let shown = redact(&[secret], &line);
        assert!(!shown.contains("wo") && shown.contains("***"), "{shown}");
    }
}

#[test]
fn a_text_of_several_lines_is_found_line_by_line() {
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nshort\n-----END KEY-----";
    assert_eq!(redact(&[key], &format!("<{key}>")), "<***>");
    assert_eq!(redact(&[key], "stderr: MIIEvQIBADANBgkq"), "stderr: ***");
    assert_eq!(redact(&[key], &key.replace('\n', "\\n")), "***");
}

#[test]
fn a_long_text_is_found_whole() {
    let long: String = (0..5_000).map(|n| format!("{n:x}-")).collect();
    let shown = redact(&[&long], &format!("a{long}b"));
    assert!(
        shown.starts_with("a***") && shown.ends_with("***b"),
        "{shown}"
    );
    assert_eq!(shown.replace("***", ""), "ab");
}

#[test]
fn a_line_of_json_stays_one() {
    let masks = masks(&["12345678", "hunter2"]);
    let line =
        serde_json::json!({ "a": 12345678, "b": [12345678], "c": "12345678 hunter2", "d": 1 });
    let line = line.to_string();
    let read: serde_json::Value = serde_json::from_str(&masks.redact_line(&line)).unwrap();
    assert_eq!(
        read,
        serde_json::json!({ "a": "***", "b": ["***"], "c": "*** ***", "d": 1 })
    );
}

#[test]
fn a_cover_keeps_every_byte_at_its_offset() {
    let masks = masks(&["hünter\nzwei"]);
    let covered = masks.cover("a hünter\nzwei b").into_owned();
    assert_eq!(covered, "a *******\n**** b");
}

#[test]
fn a_cut_goes_through_no_secret() {
    let masks = masks(&["hunter2", "hunter2-long"]);
    let text = b"a hunter2-long b";
    for at in 0..=text.len() {
        let inside = (3..14).contains(&at);
        let expected = if inside { 14 } else { at };
        assert_eq!(masks.whole_at(text, at), expected, "{at}");
    }
}

#[test]
fn the_process_keeps_what_it_learnt() {
    let mut first = Secrets::default();
    first.add("learnt-first-of-all");
    learn(&first);
    let mut second = Secrets::default();
    second.add("learnt-second-of-all");
    learn(&second);
    let text = "learnt-first-of-all learnt-second-of-all";
    assert_eq!(redacted(text), "*** ***");
    assert_eq!(redacted_line(text), "*** ***");
}

#[test]
fn what_is_allowed_is_shown() {
    let mut secrets = Secrets::default();
    secrets.add("allowed-after-all");
    secrets.add("not-allowed");
    secrets.allow(["allowed-after-all".to_owned()].into());
    let text = "allowed-after-all not-allowed";
    assert_eq!(secrets.masks().redact(text), "allowed-after-all ***");
}

#[test]
fn there_is_an_end_to_what_is_looked_for() {
    let mut secrets = Secrets::default();
    for n in 0..MOST {
        secrets.add(&format!("secret-{n}"));
    }
    assert!(!secrets.is_too_much());
    secrets.add("one more");
    assert!(secrets.is_too_much());
    let mut large = Secrets::default();
    large.add(&"x".repeat(MOST_BYTES + 1));
    assert!(large.is_too_much());
    assert_eq!(format!("{large:?}"), "1 secrets");
}
