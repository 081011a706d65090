//! How much of a section is run, and what is kept of it when it is interrupted.

use anyhow::{Context, Result, bail};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::{
    fs,
    io::ErrorKind,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As one of the tests: seconds.
    Small,
    /// `cargo xtask soak`: all sections in at most 40 minutes.
    Fifth,
    /// `cargo xtask soak --full`: hours.
    Full,
}

impl Scale {
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Fifth => "fifth",
            Self::Full => "full",
        }
    }
}

/// One section's run, that goes on where it was interrupted.
pub struct Run {
    pub scale: Scale,
    section: &'static str,
    /// Where its figures are kept; `None` keeps none.
    folder: Option<PathBuf>,
    interrupted: Arc<AtomicBool>,
}

impl Run {
    /// For the tests.
    pub fn small(section: &'static str) -> Self {
        Self {
            scale: Scale::Small,
            section,
            folder: None,
            interrupted: Arc::default(),
        }
    }

    /// Keeps figures in `folder`. From here on a first signal ends the run at the next [`Run::keep`], a second one the
    /// process.
    pub fn kept(scale: Scale, section: &'static str, folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let interrupted = Arc::<AtomicBool>::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_conditional_shutdown(signal, 130, interrupted.clone())?;
            signal_hook::flag::register(signal, interrupted.clone())?;
        }
        Ok(Self {
            scale,
            section,
            folder: Some(folder),
            interrupted,
        })
    }

    /// How many of something: the figure, a fifth of it, or what a test has time for.
    pub fn count(&self, full: u64, small: u64) -> u64 {
        match self.scale {
            Scale::Small => small,
            Scale::Fifth => full.div_ceil(5),
            Scale::Full => full,
        }
    }

    /// The figures of an earlier run that was interrupted, or new ones.
    pub fn figures<F: Default + DeserializeOwned>(&self) -> Result<F> {
        let Some(path) = self.path() else {
            return Ok(F::default());
        };
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is not of this program", path.display())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(F::default()),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Keeps the figures, says how far it is, and ends the run when a signal came.
    pub fn keep<F: Serialize>(&self, figures: &F) -> Result<()> {
        let Some(path) = self.path() else {
            return Ok(());
        };
        let part = path.with_extension("part");
        fs::write(&part, serde_json::to_vec(figures)?)
            .and_then(|()| fs::rename(&part, &path))
            .with_context(|| format!("cannot write {}", path.display()))?;
        if let Ok(Value::Object(all)) = serde_json::to_value(figures) {
            let counts: Vec<_> = all
                .iter()
                .filter(|(_, value)| value.is_number())
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            eprintln!("{}: {}", self.section, counts.join(", "));
        }
        if self.interrupted.load(Ordering::SeqCst) {
            bail!("interrupted; the same command goes on from here");
        }
        Ok(())
    }

    fn path(&self) -> Option<PathBuf> {
        let name = format!("{}.json", self.section);
        self.folder.as_ref().map(|folder| folder.join(name))
    }
}
