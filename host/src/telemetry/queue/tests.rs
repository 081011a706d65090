use super::*;
use crate::{
    id::PluginId,
    telemetry::{line::Shape, voice},
};
use std::sync::{Condvar, Mutex};

/// A reader that can be held up.
#[derive(Clone, Default)]
struct Reader(Arc<(Mutex<Read>, Condvar)>);

#[derive(Default)]
struct Read {
    text: String,
    /// No line is taken while it is set; one is in its hands then.
    held: bool,
    in_hands: bool,
}

impl Reader {
    fn hold(&self, held: bool) {
        self.0.0.lock().unwrap().held = held;
        self.0.1.notify_all();
    }

    /// Until the writer waits for this reader.
    fn wait_until_held_up(&self) {
        let read = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(read, |read| !read.in_hands).unwrap());
    }

    fn text(&self) -> String {
        self.0.0.lock().unwrap().text.clone()
    }
}

impl Write for Reader {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut read = self.0.0.lock().unwrap();
        read.in_hands = true;
        self.0.1.notify_all();
        let mut read = self.0.1.wait_while(read, |read| read.held).unwrap();
        read.in_hands = false;
        read.text.push_str(str::from_utf8(text).unwrap());
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start(reader: &Reader, voices: Voices) -> (Queue, Guard) {
    let format = Format::new(Shape::Json, &[]);
    Queue::start(reader.clone(), format, |line| Cow::Borrowed(line), voices).unwrap()
}

/// The voice of the one test that has its losses told: voices are the process's.
fn own() -> Vec<Arc<Voice>> {
    let mut voices = voice::all();
    voices.retain(|voice| voice.plugin().as_str() == "over-its-share");
    voices
}

/// No voice.
fn none() -> Vec<Arc<Voice>> {
    Vec::new()
}

fn of(id: &str) -> Arc<Voice> {
    voice(&id.parse::<PluginId>().unwrap())
}

/// One whose first line is in the reader's hands: from here on lines wait.
fn held_up() -> (Reader, Queue, Guard) {
    let reader = Reader::default();
    reader.hold(true);
    let (queue, guard) = start(&reader, none);
    queue.push("first\n".into(), Class::Host);
    reader.wait_until_held_up();
    (reader, queue, guard)
}

fn end(reader: &Reader, guard: Guard) -> String {
    reader.hold(false);
    drop(guard);
    reader.text()
}

#[test]
fn what_waits_is_written_at_the_end_in_its_order() {
    let (reader, queue, guard) = held_up();
    for n in 0..100 {
        queue.push(format!("line {n}\n"), Class::Host);
    }
    let text = end(&reader, guard);
    let expected: String = (0..100).map(|n| format!("line {n}\n")).collect();
    assert_eq!(text, format!("first\n{expected}"));
    assert_eq!(queue.lost(), (0, 0));
}

#[test]
fn one_plugin_that_floods_leaves_room_for_others_and_for_the_host() {
    let (reader, queue, guard) = held_up();
    let (loud, quiet) = (of("loud-in-the-queue"), of("quiet-in-the-queue"));
    let line = format!("{}\n", "x".repeat(1023));
    for _ in 0..20_000 {
        queue.push(line.clone(), Class::Plugin(loud.clone()));
    }
    queue.push("of the quiet one\n".into(), Class::Plugin(quiet));
    queue.push("of the host\n".into(), Class::Host);
    let text = end(&reader, guard);
    assert!(text.contains("of the quiet one\n") && text.contains("of the host\n"));
    // 2 MiB of it waited.
    assert_eq!(text.matches(&line).count(), 2048);
    assert_eq!(queue.lost().0, 20_000 - 2048);
    let told = text.lines().find(|line| line.contains("does not keep up"));
    assert!(
        told.is_some_and(|told| told.contains("\"lost\":")),
        "{text}"
    );
}

#[test]
fn many_plugins_that_flood_leave_room_for_the_host() {
    let (reader, queue, guard) = held_up();
    let voices: Vec<_> = (0..20)
        .map(|n| of(&format!("loud-{n}-in-the-queue")))
        .collect();
    for voice in &voices {
        for _ in 0..2000 {
            queue.push("x\n".into(), Class::Plugin(voice.clone()));
        }
    }
    for n in 0..LINES / 8 {
        queue.push(format!("host {n}\n"), Class::Host);
    }
    let text = end(&reader, guard);
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("host "))
            .count(),
        LINES / 8
    );
    assert_eq!(
        text.lines().filter(|line| *line == "x").count(),
        OF_PLUGINS.0
    );
}

#[test]
fn bytes_are_bounded_as_lines_are() {
    let (reader, queue, guard) = held_up();
    let line = format!("{}\n", "y".repeat((64 << 10) - 1));
    for _ in 0..1000 {
        queue.push(line.clone(), Class::Host);
    }
    let text = end(&reader, guard);
    assert!(text.matches(&line).count() <= BYTES >> 16);
    assert!(queue.lost().0 > 700);
}

#[test]
fn an_audit_event_waits_for_its_place() {
    let (reader, queue, guard) = held_up();
    for _ in 0..LINES {
        queue.push("x\n".into(), Class::Host);
    }
    let audit = std::thread::spawn({
        let queue = queue.clone();
        move || queue.push("audit\n".into(), Class::Audit)
    });
    reader.hold(false);
    audit.join().unwrap();
    let text = end(&reader, guard);
    assert!(text.contains("audit\n"));
    assert_eq!(queue.lost().1, 0);
}

#[test]
fn an_audit_event_does_not_wait_for_a_reader_that_is_gone() {
    let (reader, queue, guard) = held_up();
    for _ in 0..LINES {
        queue.push("x\n".into(), Class::Host);
    }
    // The first finds out, the others do not wait.
    for _ in 0..1000 {
        queue.push("audit\n".into(), Class::Audit);
    }
    assert_eq!(queue.lost().1, 1000);
    let text = end(&reader, guard);
    assert!(text.contains("does not keep up"), "it is told");
}

#[test]
fn what_was_more_than_a_share_is_told_by_its_plugin() {
    let reader = Reader::default();
    let (queue, guard) = start(&reader, own);
    let voice = of("over-its-share");
    voice.allow(1);
    assert!(voice.pays(voice::Side::Own, 1000));
    for _ in 0..7 {
        assert!(!voice.pays(voice::Side::Own, 10));
        queue.look();
    }
    let text = end(&reader, guard);
    let mut told = text.lines().filter(|line| line.contains("limits.log"));
    let lost: u64 = told
        .by_ref()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (&line["plugin"], &line["level"]),
                (&"over-its-share".into(), &"WARN".into())
            );
            line["lost"].as_u64().unwrap()
        })
        .sum();
    assert_eq!(lost, 7, "{text}");
}

#[test]
fn lines_pass_the_last_look() {
    let reader = Reader::default();
    let format = Format::new(Shape::Json, &[]);
    let (queue, guard) = Queue::start(
        reader.clone(),
        format,
        |line| line.replace("secret", "***").into(),
        none,
    )
    .unwrap();
    queue.push("a secret\n".into(), Class::Host);
    assert_eq!(end(&reader, guard), "a ***\n");
}
