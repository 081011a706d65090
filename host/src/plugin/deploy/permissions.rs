//! What plugins declare, for those who judge policies by it.

use super::Deployer;
use crate::permissions::{Authority, Known};

impl Deployer {
    /// Who decides about permissions.
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// The permissions that the builds which serve declare.
    pub(in crate::plugin) fn known_permissions(&self) -> Known {
        let mut known = Known {
            complete: true,
            ..Known::default()
        };
        for mount in self.0.registry.all() {
            match mount.live() {
                Some(build) => known.names.extend(build.permissions().map(str::to_owned)),
                None => known.complete = false,
            }
        }
        known
    }
}
