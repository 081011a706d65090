use super::*;
use tracing_subscriber::layer::SubscriberExt;

/// A writer whose text a test reads.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Text {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn span(plugin: Option<&str>, bytes: usize) -> tracing::Span {
    let plugin = plugin.map(tracing::field::display);
    tracing::info_span!(
        target: "greenroom::engine::compile", "compile", plugin, bytes, done = tracing::field::Empty
    )
}

#[test]
fn a_line_stands_below_the_log() {
    let out = Text::default();
    let mut terminal = Terminal::new(out.clone());
    for (text, written) in [
        ("one\n", "one\n"),
        ("\rcompiling", "compiling"),
        ("two\n", "\r\x1b[Ktwo\ncompiling"),
        ("\rcompiling 1 s", "\r\x1b[Kcompiling 1 s"),
        ("\rcompiled\n", "\r\x1b[Kcompiled\n"),
        ("three\n", "three\n"),
        ("\rcompiling", "compiling"),
        ("\r", "\r\x1b[K"),
        ("four\n", "four\n"),
    ] {
        terminal.write_all(text.as_bytes()).unwrap();
        assert_eq!(out.take(), written, "{text:?}");
    }
}

#[test]
fn a_compile_is_shown_from_its_beginning_to_its_end() {
    let out = Text::default();
    let subscriber = tracing_subscriber::registry().with(Progress(out.clone()));
    tracing::subscriber::with_default(subscriber, || {
        let compile = span(Some("todo"), 722_903);
        assert_eq!(out.take(), "\rcompiling todo (706 KiB) ...");
        std::thread::sleep(BEAT + BEAT / 4);
        assert_eq!(out.take(), "\rcompiling todo (706 KiB) ... 1 s");
        compile.record("done", true);
        drop(compile);
        let end = out.take();
        assert!(
            end.starts_with("\rcompiled todo in 1.") && end.ends_with(" s\n"),
            "{end:?}"
        );
        std::thread::sleep(BEAT);
        assert_eq!(out.take(), "", "the beat has ended");

        let failed = span(None, 13 << 20);
        assert_eq!(out.take(), "\rcompiling a component (13.0 MiB) ...");
        drop(failed);
        assert_eq!(out.take(), "\r");
        drop(tracing::info_span!("compile", done = true));
        tracing::info!(name: "compile", target: "greenroom::engine::compile", "no span");
        assert_eq!(out.take(), "", "none of ours");
    });
}
