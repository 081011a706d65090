//! Migrations around going live. Additive ones run while the old build serves. Others hold new requests, wait for those
//! that run, and work on a database that is copied first: whatever fails after that, the copy comes back before the
//! held requests go on.

use super::*;
use crate::storage::{Migration, Plan};

impl Deployer {
    /// Brings the schema to where the build wants it. With a hold, requests wait until it is dropped, and
    /// [`Deployer::undo`] can take the migration back.
    pub(super) async fn migrate(
        &self,
        mount: &Arc<Mount>,
        database: &Database,
        wanted: &[Migration],
    ) -> Result<Option<Hold>, LoadError> {
        let limit = mount.limits.migration_timeout;
        match database
            .plan(wanted)
            .await
            .map_err(LoadError::at(Stage::Migrate))?
        {
            Plan::UpToDate => Ok(None),
            Plan::Additive(pending) => {
                database
                    .migrate(&pending, limit)
                    .await
                    .map_err(LoadError::at(Stage::Migrate))?;
                Ok(None)
            }
            Plan::Exclusive(pending) => exclusively(mount, database, &pending, limit)
                .await
                .map(Some),
        }
    }

    /// Puts the database back to before the exclusive migration. When that fails nobody may use it: no build serves, and
    /// the copy comes back when the host starts again.
    pub(super) async fn undo(
        &self,
        mount: &Mount,
        database: &Database,
        error: LoadError,
    ) -> LoadError {
        match database.restore_copy().await {
            Ok(()) => error,
            Err(failure) => {
                mount.unpublish();
                LoadError::new(
                    Stage::Migrate,
                    format!(
                        "{error}; and the database could not be put back ({failure}): plugin {} is stopped, restart the \
                         host to put it back",
                        mount.id()
                    ),
                )
            }
        }
    }
}

async fn exclusively(
    mount: &Arc<Mount>,
    database: &Database,
    pending: &[Migration],
    limit: Duration,
) -> Result<Hold, LoadError> {
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
    database
        .save_copy()
        .await
        .map_err(LoadError::at(Stage::Migrate))?;
    if let Err(error) = database.migrate(pending, limit).await {
        // It ran in one transaction: the database is as before, and the copy is not needed.
        database
            .discard_copy()
            .await
            .map_err(LoadError::at(Stage::Migrate))?;
        return Err(LoadError::new(Stage::Migrate, error));
    }
    Ok(hold)
}
