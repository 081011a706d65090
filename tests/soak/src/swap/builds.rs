//! The builds that come, in a random order, and what must come of each.

use crate::dice::Dice;
use greenroom_tests::{chameleon, fixture, variant};

/// One card of the deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Card {
    /// Never seen before: it is compiled.
    Fresh,
    /// One that served some time ago: its code is in the cache.
    Again,
    /// The one that serves.
    Live,
    Rollback,
    /// `start` takes half a second.
    Slow,
    Additive,
    Exclusive,
    /// Migrations that are new, and a `start` that fails after them.
    AdditiveFails,
    /// The same, and a probe that fails.
    ExclusiveFails,
    /// From before the last exclusive migration.
    Outdated,
    Noise,
    CutOff,
    Module,
    MissingImport,
    NoHttp,
    DescribeTraps,
    DescribeSpins,
    StartFails,
    StartTraps,
    StartSpins,
    StartBombs,
    ProbeFails,
}

use Card::{
    Additive, AdditiveFails, Again, CutOff, DescribeSpins, DescribeTraps, Exclusive,
    ExclusiveFails, Fresh, Live, MissingImport, Module, NoHttp, Noise, Outdated, ProbeFails,
    Rollback, Slow, StartBombs, StartFails, StartSpins, StartTraps,
};

/// Each with how many of it are in a deck of 60.
const DECK: &[(Card, usize)] = &[
    (Fresh, 12),
    (Again, 12),
    (Rollback, 6),
    (Slow, 3),
    (Live, 2),
    (Additive, 3),
    (Exclusive, 1),
    (AdditiveFails, 1),
    (ExclusiveFails, 1),
    (Outdated, 1),
    (Noise, 2),
    (CutOff, 2),
    (Module, 1),
    (MissingImport, 2),
    (NoHttp, 1),
    (DescribeTraps, 2),
    (DescribeSpins, 1),
    (StartFails, 2),
    (StartTraps, 1),
    (StartSpins, 1),
    (StartBombs, 1),
    (ProbeFails, 2),
];

/// With it a rollback of the small deck finds a build that may serve, and one from before the migration comes after it.
const SEED: u64 = 62;

/// What a test has time for: nothing that spins.
const SMALL: &[(Card, usize)] = &[
    (Fresh, 2),
    (Again, 1),
    (Rollback, 1),
    (Slow, 1),
    (Additive, 1),
    (Exclusive, 1),
    (ExclusiveFails, 1),
    (Outdated, 1),
    (Noise, 1),
    (MissingImport, 1),
    (StartTraps, 1),
    (ProbeFails, 1),
];

/// The card at this place of an endless row of shuffled decks.
pub(super) fn card(number: u64, small: bool) -> Card {
    let deck: Vec<Card> = (if small { SMALL } else { DECK })
        .iter()
        .flat_map(|(card, times)| std::iter::repeat_n(*card, *times))
        .collect();
    let size = deck.len() as u64;
    let mut dice = Dice::new(SEED + number / size);
    let mut rest = deck;
    let mut drawn = Fresh;
    for _ in 0..=number % size {
        let at = usize::try_from(dice.below(rest.len() as u64)).unwrap_or_default();
        drawn = rest.swap_remove(at);
    }
    drawn
}

/// One build of the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Build {
    pub(super) version: String,
    /// Its migrations after `base`, a letter each: `a` additive, `x` not.
    steps: String,
    /// What else it declares, as when it starts slowly.
    more: &'static str,
}

impl Build {
    pub(super) fn component(&self) -> Vec<u8> {
        let Self {
            version,
            steps,
            more,
        } = self;
        chameleon(&format!(
            "id=swapped;version={version};migrations=base,seq:{steps};{more}"
        ))
    }

    fn with(self, more: &'static str) -> Self {
        Self { more, ..self }
    }
}

/// What is to be done, and what must come of it.
pub(super) struct Step {
    /// None: a rollback.
    pub(super) component: Option<Vec<u8>>,
    pub(super) wanted: Wanted,
    /// Not by the folder, which says nothing when nothing changes.
    pub(super) asks: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Done(&'static str, String),
    /// The stage.
    Refused(&'static str),
}

/// What the host must have by now.
pub(super) struct Model {
    pub(super) live: Build,
    /// As the host keeps it: the one that was live last first, five of them.
    history: Vec<Build>,
    /// All that ever served.
    served: Vec<Build>,
    /// What ran on the database after `base`.
    pub(super) applied: String,
    next: u64,
    /// Set apart from what other runs have in the cache.
    mark: String,
}

impl Model {
    pub(super) fn new(mark: &str) -> Self {
        let first = Build {
            version: format!("{mark}-first"),
            steps: String::new(),
            more: "",
        };
        Self {
            live: first.clone(),
            history: vec![first.clone()],
            served: vec![first],
            applied: String::new(),
            next: 0,
            mark: mark.to_owned(),
        }
    }

    /// The next deploy. Where a card has no build yet, a fresh one comes.
    pub(super) fn deal(&mut self, card: Card, dice: &mut Dice) -> Step {
        let fresh = self.fresh();
        let steps = |letters: &str| format!("{}{letters}", self.applied);
        match card {
            Fresh => self.good(fresh),
            Slow => self.good(fresh.with("start=slow:500;")),
            Again => match self.one_that_served(dice, true) {
                Some(build) => self.good(build),
                None => self.good(fresh),
            },
            Live => Step {
                component: Some(self.live.component()),
                wanted: Wanted::Done("unchanged", self.live.version.clone()),
                asks: true,
            },
            Rollback => self.roll_back(),
            Additive | Exclusive => {
                let letter = if card == Additive { "a" } else { "x" };
                let steps = steps(letter);
                self.good(Build { steps, ..fresh })
            }
            AdditiveFails => {
                let steps = steps("a");
                let build = Build { steps, ..fresh };
                // What only adds stays.
                self.applied.push('a');
                refused("start", build.with("start=fail;").component())
            }
            ExclusiveFails => {
                let steps = steps("ax");
                let build = Build { steps, ..fresh };
                refused("probe", build.with("ready=fail;").component())
            }
            Outdated => match self.one_that_served(dice, false) {
                Some(build) => refused("migrate", build.component()),
                None => self.good(fresh),
            },
            Noise => {
                let bytes = (0..1000).flat_map(|_| dice.roll().to_le_bytes());
                refused("file", [0xff].into_iter().chain(bytes).collect())
            }
            CutOff => {
                let mut bytes = fresh.component();
                let least = bytes.len() as u64 / 2;
                let left = least + dice.below(least - 1);
                bytes.truncate(usize::try_from(left).unwrap_or_default());
                refused("file", bytes)
            }
            Module => refused("file", b"\0asm\x01\0\0\0".to_vec()),
            MissingImport => refused("imports", self.wrong(&fresh, "missing-import")),
            NoHttp => refused("exports", self.wrong(&fresh, "no-http")),
            DescribeTraps => refused("describe", fresh.with("describe=trap;").component()),
            DescribeSpins => refused("describe", fresh.with("describe=spin;").component()),
            StartFails => refused("start", fresh.with("start=fail;").component()),
            StartTraps => refused("start", fresh.with("start=trap;").component()),
            StartSpins => refused("start", fresh.with("start=spin;").component()),
            StartBombs => refused("start", fresh.with("start=bomb;").component()),
            ProbeFails => refused("probe", fresh.with("ready=fail;").component()),
        }
    }

    fn fresh(&mut self) -> Build {
        self.next += 1;
        Build {
            version: format!("{}-{}", self.mark, self.next),
            steps: self.applied.clone(),
            more: "",
        }
    }

    /// Other bytes each time, so that they are no build that was refused before.
    fn wrong(&self, fresh: &Build, name: &str) -> Vec<u8> {
        variant(&fixture(name), &fresh.version)
    }

    /// One that does not serve now, and may or must not.
    fn one_that_served(&self, dice: &mut Dice, may: bool) -> Option<Build> {
        let fits = |build: &&Build| **build != self.live && self.may_serve(build) == may;
        // Of the last ones: who comes back is rarely older.
        let all: Vec<_> = self.served.iter().rev().filter(fits).take(8).collect();
        let at = dice.below(all.len().max(1) as u64);
        all.get(usize::try_from(at).unwrap_or_default())
            .map(|build| (*build).clone())
    }

    /// Whether it knows every migration that is not additive.
    fn may_serve(&self, build: &Build) -> bool {
        !self.applied[build.steps.len().min(self.applied.len())..].contains('x')
    }

    fn good(&mut self, build: Build) -> Step {
        let step = Step {
            component: Some(build.component()),
            wanted: Wanted::Done("deployed", build.version.clone()),
            asks: false,
        };
        if build.more.is_empty() {
            self.served.push(build.clone());
            self.served.dedup();
        }
        self.goes_live(build);
        step
    }

    fn goes_live(&mut self, build: Build) {
        if build.steps.len() > self.applied.len() {
            self.applied.clone_from(&build.steps);
        }
        self.history.retain(|known| *known != build);
        self.history.insert(0, build.clone());
        self.history.truncate(5);
        self.live = build;
    }

    fn roll_back(&mut self) -> Step {
        let previous = self.history.iter().find(|build| **build != self.live);
        let (wanted, next) = match previous {
            None => (Wanted::Refused("request"), None),
            Some(build) if !self.may_serve(build) => (Wanted::Refused("migrate"), None),
            Some(build) => {
                let wanted = Wanted::Done("rolled-back", build.version.clone());
                (wanted, Some(build.clone()))
            }
        };
        if let Some(build) = next {
            self.goes_live(build);
        }
        Step {
            component: None,
            wanted,
            asks: true,
        }
    }
}

fn refused(stage: &'static str, component: Vec<u8>) -> Step {
    Step {
        component: Some(component),
        wanted: Wanted::Refused(stage),
        asks: false,
    }
}
