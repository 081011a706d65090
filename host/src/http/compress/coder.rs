//! The encoders: whole bodies in one go, streams piece by piece.

use super::Coding;
use crate::plugin;
use brotli::enc::{
    BrotliEncoderParams, backward_references::BrotliEncoderMode, writer::CompressorWriter,
};
use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status, write::GzEncoder};
use http_body::{Body, Frame};
use std::{
    cell::RefCell,
    io::{self, Write},
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll, ready},
};
use tokio::sync::Semaphore;

/// Levels at which the encoder keeps up with a plugin: a list of 100 items in well under a millisecond.
const BROTLI_QUALITY: i32 = 4;
const ZSTD_LEVEL: i32 = 3;
const GZIP_LEVEL: u32 = 5;
/// Bodies above this are compressed off the event loop, bytes. Up to it takes less than a millisecond.
const INLINE: usize = 64 << 10;
/// A streamed piece is handed on when its coded form has grown to this, bytes, or when the plugin pauses.
const PIECE: usize = 16 << 10;

/// The coded body, or `None` when coding does not make it smaller.
pub(in crate::http) async fn whole(coding: Coding, body: &Bytes) -> Option<Bytes> {
    let coded = if body.len() <= INLINE {
        encode(coding, body)
    } else {
        // As many at once as there are cores; the others wait, as many as there are connections.
        static CORES: OnceLock<Semaphore> = OnceLock::new();
        let cores = CORES.get_or_init(|| {
            Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
        });
        let _core = cores.acquire().await.ok()?;
        let body = body.clone();
        tokio::task::spawn_blocking(move || encode(coding, &body))
            .await
            .ok()?
    };
    match coded {
        Ok(coded) if coded.len() < body.len() => Some(coded.into()),
        Ok(_) => None,
        Err(error) => {
            // Only an exhausted allocator gets here; the answer leaves as it is.
            tracing::warn!(%error, "could not compress an answer");
            None
        }
    }
}

fn encode(coding: Coding, body: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Brotli => {
            let mut coded = Vec::with_capacity(body.len() / 4 + 64);
            let mut reader = body;
            brotli::BrotliCompress(&mut reader, &mut coded, &brotli_parameters(body.len()))?;
            Ok(coded)
        }
        Coding::Zstd => {
            // A context is a megabyte of tables: one a thread, used again.
            thread_local! {
                static ZSTD: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
            }
            ZSTD.with_borrow_mut(|context| match context {
                Some(context) => context.compress(body),
                None => context
                    .insert(zstd::bulk::Compressor::new(ZSTD_LEVEL)?)
                    .compress(body),
            })
        }
        Coding::Gzip => {
            thread_local! {
                static GZIP: RefCell<Compress> = RefCell::new(Compress::new_gzip(Compression::new(GZIP_LEVEL), 15));
            }
            GZIP.with_borrow_mut(|context| {
                context.reset();
                // The coded body of a body worth coding fits the first guess; the rest of the loop is for what grows.
                let mut coded = Vec::with_capacity(body.len() / 3 + 128);
                loop {
                    let done = usize::try_from(context.total_in()).unwrap_or(body.len());
                    if context.compress_vec(&body[done..], &mut coded, FlushCompress::Finish)?
                        == Status::StreamEnd
                    {
                        return Ok(coded);
                    }
                    coded.reserve(coded.len());
                }
            })
        }
    }
}

/// `size`: of the body in bytes, 0 when it is not known. The window is no larger than the body needs.
fn brotli_parameters(size: usize) -> BrotliEncoderParams {
    let window = match size {
        0 => 18,
        size => i32::try_from(size.ilog2() + 1).unwrap_or(22).clamp(16, 22),
    };
    BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        mode: BrotliEncoderMode::BROTLI_MODE_TEXT,
        lgwin: window,
        size_hint: size,
        ..BrotliEncoderParams::default()
    }
}

/// A streamed body, coded as it comes. What the plugin wrote is flushed as soon as the plugin pauses: a client sees each
/// part when it was sent, not when the encoder's buffer is full.
pub(in crate::http) struct Compressed {
    body: plugin::Body,
    encoder: Option<Encoder>,
    /// Bytes went in since the last flush.
    dirty: bool,
}

enum Encoder {
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl Compressed {
    pub(in crate::http) fn new(coding: Coding, body: plugin::Body) -> io::Result<Self> {
        let encoder = match coding {
            Coding::Brotli => Encoder::Brotli(Box::new(CompressorWriter::with_params(
                Vec::new(),
                4096,
                &brotli_parameters(0),
            ))),
            Coding::Zstd => {
                Encoder::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?)
            }
            Coding::Gzip => Encoder::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
        };
        Ok(Self {
            body,
            encoder: Some(encoder),
            dirty: false,
        })
    }
}

impl Encoder {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Brotli(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
            Self::Gzip(encoder) => encoder,
        }
    }

    fn coded(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
            Self::Zstd(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

impl Body for Compressed {
    type Data = Bytes;
    type Error = plugin::BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        loop {
            let Some(encoder) = this.encoder.as_mut() else {
                return Poll::Ready(None);
            };
            let frame = Pin::new(&mut this.body).poll_frame(cx);
            if frame.is_pending() && this.dirty {
                encoder.writer().flush()?;
                this.dirty = false;
            } else {
                match ready!(frame) {
                    Some(Ok(frame)) => {
                        // Trailers never get here: the plugin's are not passed on.
                        let Ok(data) = frame.into_data() else {
                            continue;
                        };
                        encoder.writer().write_all(&data)?;
                        this.dirty = true;
                        if encoder.coded().len() < PIECE {
                            continue;
                        }
                    }
                    Some(Err(error)) => {
                        this.encoder = None;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => {
                        let last = this
                            .encoder
                            .take()
                            .map(Encoder::finish)
                            .transpose()?
                            .unwrap_or_default();
                        return Poll::Ready(
                            (!last.is_empty()).then(|| Ok(Frame::data(last.into()))),
                        );
                    }
                }
            }
            let coded = std::mem::take(encoder.coded());
            if !coded.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(coded.into()))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, StreamBody};
    use std::io::Read;
    use tokio::sync::mpsc;

    const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    fn decode(coding: Coding, coded: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        match coding {
            Coding::Brotli => brotli::Decompressor::new(coded, 4096).read_to_end(&mut text),
            Coding::Zstd => zstd::stream::read::Decoder::new(coded)
                .unwrap()
                .read_to_end(&mut text),
            Coding::Gzip => flate2::read::GzDecoder::new(coded).read_to_end(&mut text),
        }
        .unwrap_or_else(|error| panic!("{coding:?}: {error}"));
        text
    }

    fn listing(items: usize) -> Bytes {
        (0..items)
            .map(|i| format!("{{\"id\":{i},\"title\":\"item {}\"}},", i * 7919 % 1000))
            .collect::<String>()
            .into()
    }

    #[tokio::test]
    async fn whole_bodies_round_trip_small_and_large() {
        for coding in ALL {
            for items in [40, 1000, 40_000, 40] {
                let body = listing(items);
                let coded = whole(coding, &body).await.unwrap();
                assert!(coded.len() < body.len() / 2, "{coding:?} {items}");
                assert_eq!(decode(coding, &coded), body, "{coding:?} {items}");
            }
        }
    }

    #[tokio::test]
    async fn what_does_not_shrink_is_left() {
        let mut noise = Vec::new();
        let mut state = 1_u64;
        for _ in 0..4096 {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            noise.push(state.to_be_bytes()[0]);
        }
        let noise = Bytes::from(noise);
        for coding in ALL {
            assert_eq!(whole(coding, &noise).await, None, "{coding:?}");
            let coded = encode(coding, &noise).unwrap();
            assert_eq!(decode(coding, &coded), noise, "{coding:?}");
        }
    }

    fn channel() -> (
        mpsc::Sender<Result<Frame<Bytes>, plugin::BodyError>>,
        plugin::Body,
    ) {
        let (sender, mut receiver) = mpsc::channel(8);
        let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
        (sender, StreamBody::new(stream).boxed_unsync())
    }

    #[tokio::test]
    async fn streams_are_flushed_when_the_plugin_pauses() {
        for coding in ALL {
            let (sender, body) = channel();
            let mut compressed = Compressed::new(coding, body).unwrap();
            let mut coded = Vec::new();
            for part in ["first part ", "second part "] {
                sender.send(Ok(Frame::data(part.into()))).await.unwrap();
                let frame = compressed.frame().await.unwrap().unwrap();
                coded.extend_from_slice(&frame.into_data().unwrap());
                // All that was sent can be read, although the stream goes on.
                let mut seen = vec![0; 64];
                let n = match coding {
                    Coding::Brotli => {
                        read_some(brotli::Decompressor::new(&coded[..], 4096), &mut seen)
                    }
                    Coding::Zstd => read_some(
                        zstd::stream::read::Decoder::new(&coded[..]).unwrap(),
                        &mut seen,
                    ),
                    Coding::Gzip => read_some(flate2::read::GzDecoder::new(&coded[..]), &mut seen),
                };
                assert!(seen[..n].ends_with(part.as_bytes()), "{coding:?} {part}");
            }
            drop(sender);
            while let Some(frame) = compressed.frame().await {
                coded.extend_from_slice(&frame.unwrap().into_data().unwrap());
            }
            assert_eq!(
                decode(coding, &coded),
                b"first part second part ",
                "{coding:?}"
            );
        }
    }

    fn read_some(mut reader: impl Read, into: &mut [u8]) -> usize {
        let mut n = 0;
        while let Ok(more @ 1..) = reader.read(&mut into[n..]) {
            n += more;
        }
        n
    }

    #[tokio::test]
    async fn a_broken_stream_does_not_end_cleanly() {
        for coding in ALL {
            let (sender, body) = channel();
            sender.send(Ok(Frame::data("part".into()))).await.unwrap();
            sender.send(Err("broken".into())).await.unwrap();
            drop(sender);
            let mut compressed = Compressed::new(coding, body).unwrap();
            let mut error = None;
            while let Some(frame) = compressed.frame().await {
                error = frame.err().or(error);
            }
            assert!(error.is_some(), "{coding:?}");
        }
    }
}
