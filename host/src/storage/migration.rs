//! Migrations of a build, judged against what ran on its database. Knows no engine.

use super::error::MigrationError;
use sha2::Digest;

/// One step of a schema. Forward only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Greater than that of the one before.
    pub version: u32,
    pub name: String,
    /// One or more statements, without transaction control.
    pub sql: String,
    /// Only adds: builds that do not know it go on working. DROP, DELETE and RENAME are refused in it.
    pub additive: bool,
}

/// What must run before a build can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    UpToDate,
    /// May run while another build serves.
    Additive(Vec<Migration>),
    /// At least one is not additive: nothing else may use the database meanwhile.
    Exclusive(Vec<Migration>),
}

/// A migration as the database remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) version: u32,
    pub(crate) name: String,
    pub(crate) checksum: String,
    pub(crate) additive: bool,
}

impl Migration {
    /// SHA-256 of the text with line ends as LF, in hex: a checkout on another system changes nothing.
    pub(crate) fn checksum(&self) -> String {
        hex::encode(sha2::Sha256::digest(
            self.sql.replace("\r\n", "\n").as_bytes(),
        ))
    }

    fn invalid(&self, reason: impl Into<String>) -> MigrationError {
        MigrationError::Invalid {
            version: self.version,
            name: self.name.clone(),
            reason: reason.into(),
        }
    }
}

/// See [`super::Database::plan`].
pub(crate) fn plan(wanted: &[Migration], applied: &[Applied]) -> Result<Plan, MigrationError> {
    check_order(wanted)?;
    let missing: Vec<String> = applied
        .iter()
        .filter(|ran| !ran.additive && !wanted.iter().any(|w| w.version == ran.version))
        .map(|ran| format!("migration {} ({})", ran.version, ran.name))
        .collect();
    if !missing.is_empty() {
        return Err(MigrationError::Newer {
            missing: missing.join(", "),
        });
    }
    let newest = applied.iter().map(|ran| ran.version).max().unwrap_or(0);
    let mut pending = Vec::new();
    for migration in wanted {
        match applied.iter().find(|ran| ran.version == migration.version) {
            Some(ran) if ran.checksum == migration.checksum() => {}
            Some(ran) => {
                return Err(MigrationError::Changed {
                    version: ran.version,
                    name: ran.name.clone(),
                });
            }
            None if migration.version < newest => {
                return Err(migration.invalid(format!(
                    "version {newest} ran on this database already and migrations only go forward; give it a version \
                     above {newest}"
                )));
            }
            None => pending.push(migration.clone()),
        }
    }
    Ok(if pending.is_empty() {
        Plan::UpToDate
    } else if pending.iter().all(|migration| migration.additive) {
        Plan::Additive(pending)
    } else {
        Plan::Exclusive(pending)
    })
}

/// Versions start at 1 and grow, names are short.
pub(crate) fn check_order(wanted: &[Migration]) -> Result<(), MigrationError> {
    let mut before = 0;
    for migration in wanted {
        if migration.version <= before {
            return Err(migration.invalid(format!(
                "its version must be greater than {before}, that of the one before it; versions are unique and start at 1"
            )));
        }
        if migration.name.is_empty() || migration.name.len() > 200 {
            return Err(migration.invalid("its name must have 1 to 200 bytes"));
        }
        if migration.sql.contains('\0') {
            return Err(migration.invalid("its text holds a NUL character"));
        }
        before = migration.version;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migration(version: u32, sql: &str, additive: bool) -> Migration {
        Migration {
            version,
            name: format!("m{version}"),
            sql: sql.into(),
            additive,
        }
    }

    fn ran(migration: &Migration) -> Applied {
        Applied {
            version: migration.version,
            name: migration.name.clone(),
            checksum: migration.checksum(),
            additive: migration.additive,
        }
    }

    #[test]
    fn line_ends_do_not_change_a_checksum() {
        assert_eq!(
            migration(1, "a\r\nb\r\n", true).checksum(),
            migration(1, "a\nb\n", true).checksum()
        );
        assert_ne!(
            migration(1, "a\nb", true).checksum(),
            migration(1, "ab", true).checksum()
        );
    }

    #[test]
    fn only_what_is_missing_is_planned() {
        let all = [
            migration(1, "a", true),
            migration(2, "b", true),
            migration(4, "c", false),
        ];
        assert_eq!(
            plan(&all[..2], &[ran(&all[0]), ran(&all[1])]),
            Ok(Plan::UpToDate)
        );
        assert_eq!(
            plan(&all[..2], &[ran(&all[0])]),
            Ok(Plan::Additive(vec![all[1].clone()]))
        );
        assert_eq!(
            plan(&all, &[ran(&all[0])]),
            Ok(Plan::Exclusive(all[1..].to_vec()))
        );
        assert_eq!(plan(&[], &[]), Ok(Plan::UpToDate));
    }

    #[test]
    fn an_older_build_is_judged_by_what_ran_since() {
        let all = [
            migration(1, "a", true),
            migration(2, "b", true),
            migration(3, "c", false),
        ];
        assert_eq!(
            plan(&all[..1], &[ran(&all[0]), ran(&all[1])]),
            Ok(Plan::UpToDate)
        );
        let refused = plan(&all[..1], &[ran(&all[0]), ran(&all[1]), ran(&all[2])]).unwrap_err();
        assert_eq!(
            refused,
            MigrationError::Newer {
                missing: "migration 3 (m3)".into()
            }
        );
    }

    #[test]
    fn edited_and_misnumbered_migrations_are_refused() {
        let first = migration(1, "a", true);
        let edited = plan(&[migration(1, "a2", true)], &[ran(&first)]).unwrap_err();
        assert_eq!(
            edited,
            MigrationError::Changed {
                version: 1,
                name: "m1".into()
            }
        );
        for wrong in [
            vec![(2, "a"), (1, "b")],
            vec![(1, "a"), (1, "b")],
            vec![(0, "a")],
        ] {
            let list: Vec<_> = wrong
                .into_iter()
                .map(|(v, s)| migration(v, s, true))
                .collect();
            assert!(
                matches!(plan(&list, &[]), Err(MigrationError::Invalid { .. })),
                "{list:?}"
            );
        }
        let late = migration(3, "c", true);
        let between = plan(
            &[first, migration(2, "b", true), late.clone()],
            &[ran(&late)],
        )
        .unwrap_err();
        assert!(between.to_string().contains("above 3"), "{between}");
    }
}
