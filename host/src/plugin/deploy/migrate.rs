//! Migrations around going live. Additive ones run while the old build serves. Others hold new requests, wait for those
//! that run, and work on a database that is copied first: whatever fails after that, the copy comes back before the
//! held requests go on.

use super::*;
use crate::storage::{Migration, Plan};
use tokio::{sync::OwnedRwLockWriteGuard, time::timeout};

/// The plugin to oneself, from before the copy is made until its fate is decided: then it is settled.
pub(super) struct Exclusive {
    /// Dropped before the hold (fields drop in order): nobody gets in between.
    unsettled: Unsettled,
    _alone: OwnedRwLockWriteGuard<()>,
    _hold: Hold,
}

/// For calls that are no requests to end: each has 5 s, or the time of a health check.
const BESIDE: Duration = Duration::from_secs(6);

/// Dropped while set, the deploy was cut off, or could not put things right: a copy may lie there that the next start
/// puts back. So nobody may write any more: no build serves, and whoever waits is answered 503.
struct Unsettled(Option<Arc<Mount>>);

impl Drop for Unsettled {
    fn drop(&mut self) {
        if let Some(mount) = self.0.take() {
            mount.abandon();
            mount.gate.close();
        }
    }
}

impl Exclusive {
    /// The copy is gone or back in its place.
    pub(super) fn settle(&mut self) {
        self.unsettled.0 = None;
    }
}

impl Deployer {
    /// Brings the schema to where the build wants it. With an [`Exclusive`], requests wait until it is dropped, and
    /// [`Deployer::undo`] can take the migration back.
    pub(super) async fn migrate(
        &self,
        mount: &Arc<Mount>,
        database: &Database,
        wanted: &[Migration],
    ) -> Result<Option<Exclusive>, LoadError> {
        let limit = mount.limits.migration_timeout;
        let plan = database.plan(wanted).await;
        match plan.map_err(LoadError::at(Stage::Migrate))? {
            Plan::UpToDate => Ok(None),
            Plan::Additive(pending) => {
                let ran = database.migrate(&pending, limit).await;
                ran.map_err(LoadError::at(Stage::Migrate))?;
                Ok(None)
            }
            Plan::Exclusive(pending) => {
                let exclusive = exclusively(mount, database, &pending, limit).await?;
                Ok(Some(exclusive))
            }
        }
    }

    /// Puts the database back to before the exclusive migration.
    pub(super) async fn undo(
        &self,
        mut exclusive: Exclusive,
        database: &Database,
        error: LoadError,
    ) -> LoadError {
        match database.restore_copy().await {
            Ok(()) => {
                exclusive.settle();
                error
            }
            Err(failure) => stopped(database, &error, &failure).await,
        }
    }
}

async fn exclusively(
    mount: &Arc<Mount>,
    database: &Database,
    pending: &[Migration],
    limit: Duration,
) -> Result<Exclusive, LoadError> {
    // Before requests are held: none needs to wait for these.
    let beside = BESIDE.max(mount.settings.health.timeout + Duration::from_secs(1));
    let alone = timeout(beside, mount.beside.clone().write_owned()).await;
    let alone = alone.map_err(|_| {
        LoadError::new(
            Stage::Hold,
            "the migration needs the plugin to itself, and a health check or the stop() of an earlier build still runs; \
             deploy again",
        )
    })?;
    let hold = mount.gate.hold().await.ok_or_else(|| {
        LoadError::new(
            Stage::Hold,
            format!(
                "the migration needs the plugin to itself, and requests still ran after {} s (limits.holdTimeout); \
                 deploy again when they have ended",
                mount.limits.hold_timeout.as_secs()
            ),
        )
    })?;
    let mut exclusive = Exclusive {
        unsettled: Unsettled(Some(mount.clone())),
        _alone: alone,
        _hold: hold,
    };
    let migrated = match database.save_copy().await {
        // It runs in one transaction: when it fails the database is as before, and the copy is not needed.
        Ok(()) => database
            .migrate(pending, limit)
            .await
            .map_err(LoadError::at(Stage::Migrate)),
        Err(error) => Err(LoadError::new(Stage::Migrate, error)),
    };
    let Err(error) = migrated else {
        return Ok(exclusive);
    };
    match database.discard_copy().await {
        Ok(()) => {
            exclusive.settle();
            Err(error)
        }
        Err(failure) => Err(stopped(database, &error, &failure).await),
    }
}

/// A copy lies there that the next start puts back: until then the plugin is stopped, and later deploys are refused,
/// since its database is closed.
async fn stopped(database: &Database, error: &LoadError, failure: &storage::Error) -> LoadError {
    database.clone().close().await;
    LoadError::new(
        Stage::Migrate,
        format!(
            "{error}; and what the database was before could not be settled ({failure}): the plugin is stopped, restart \
             the host to put it back"
        ),
    )
}
