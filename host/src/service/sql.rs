//! `greenroom:sql/client`: the plugin's own database.

mod convert;
mod transaction;

use super::{Scope, Speaker};
use crate::storage::{self, Database};
use std::time::Instant;
use wasmtime::{
    Result,
    component::{HasData, Linker, Resource, ResourceTable, ResourceTableError},
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        interfaces: "import greenroom:sql/client@0.1.0;",
        imports: {
            "greenroom:sql/client.get-dialect": trappable,
            default: async | trappable,
        },
        with: { "greenroom:sql/client.transaction": super::Transaction },
        trappable_error_type: { "greenroom:sql/types.error" => super::Error },
    });
}
use bindings::greenroom::sql::{client, types};
use types::{ExecResult, Params, ResultSet, Row, Statement};

#[derive(Clone)]
pub struct Ctx(pub Database);

/// Transactions that an instance has open now.
#[derive(Debug, Default)]
pub struct Open {
    read_write: u32,
    read_only: u32,
}

/// Read-only transactions that one instance may hold at once; each has a connection of its own.
const MAX_READ_ONLY: u32 = 4;

impl Open {
    pub fn any(&self) -> bool {
        self.read_write + self.read_only > 0
    }
}

/// The guest's handle. Dropping it rolls back.
pub struct Transaction {
    open: storage::Transaction,
    writes: bool,
}

pub struct View<'a> {
    pub ctx: &'a Ctx,
    pub speaker: &'a Speaker,
    pub scope: &'a Scope,
    pub table: &'a mut ResourceTable,
    pub open: &'a mut Open,
}

/// What a call may end with: an answer for the guest, or a trap.
pub enum Error {
    Guest(types::Error),
    Trap(wasmtime::Error),
}

impl From<ResourceTableError> for Error {
    fn from(e: ResourceTableError) -> Self {
        Self::Trap(e.into())
    }
}

impl types::Host for View<'_> {
    fn convert_error(&mut self, e: Error) -> Result<types::Error> {
        match e {
            Error::Guest(e) => Ok(e),
            Error::Trap(e) => Err(e),
        }
    }
}

impl View<'_> {
    fn by(&self) -> Instant {
        self.scope.deadline.get()
    }

    /// For the operator: what the plugin's author may need to see, and clients must not.
    fn error(&self, error: storage::Error) -> Error {
        tracing::debug!(
            target: "plugin", plugin = %self.speaker.plugin, build = %self.speaker.build,
            request = &*self.scope.caller.request, principal = self.scope.caller.principal.name(), %error, "sql"
        );
        Error::Guest(convert::error(error))
    }

    /// A write outside the open transaction would wait for that transaction, which waits for this instance.
    fn outside(&self, what: &str) -> Result<(), Error> {
        if self.open.read_write == 0 {
            return Ok(());
        }
        Err(Error::Guest(types::Error::Denied(format!(
            "{what} while a read-write transaction is open would wait for itself: \
             call the transaction's own functions, or commit it first"
        ))))
    }

    /// A query that writes (`INSERT ... RETURNING`) goes to the writer, and so not while this instance's transaction
    /// holds it.
    fn reach(&self) -> storage::Reach {
        if self.open.read_write == 0 {
            storage::Reach::Writer
        } else {
            storage::Reach::Readers
        }
    }
}

impl client::Host for View<'_> {
    fn get_dialect(&mut self) -> Result<types::Dialect> {
        Ok(match self.ctx.0 {
            Database::Sqlite(_) => types::Dialect::Sqlite,
        })
    }

    async fn query(&mut self, statement: Statement) -> Result<ResultSet, Error> {
        let statement = convert::statement(statement);
        let rows = self
            .ctx
            .0
            .query(statement, self.reach(), self.by())
            .await
            .map_err(|e| self.error(e))?;
        Ok(convert::rows(rows))
    }

    async fn query_row(&mut self, statement: Statement) -> Result<Option<Row>, Error> {
        let statement = convert::statement(statement);
        let row = self
            .ctx
            .0
            .query_row(statement, self.reach(), self.by())
            .await
            .map_err(|e| self.error(e))?;
        Ok(row.map(convert::row))
    }

    async fn query_packed(&mut self, statement: Statement) -> Result<Vec<u8>, Error> {
        let statement = convert::statement(statement);
        self.ctx
            .0
            .query_packed(statement, self.reach(), self.by())
            .await
            .map_err(|e| self.error(e))
    }

    async fn execute(&mut self, statement: Statement) -> Result<ExecResult, Error> {
        self.outside("execute")?;
        let done = self
            .ctx
            .0
            .execute(convert::statement(statement), self.by())
            .await
            .map_err(|e| self.error(e))?;
        Ok(convert::executed(done))
    }

    async fn execute_many(&mut self, sql: String, params: Vec<Params>) -> Result<u64, Error> {
        self.outside("execute-many")?;
        let params = params.into_iter().map(convert::params).collect();
        self.ctx
            .0
            .execute_many(sql, params, self.by())
            .await
            .map_err(|e| self.error(e))
    }

    async fn batch(&mut self, statements: Vec<Statement>) -> Result<Vec<ExecResult>, Error> {
        self.outside("batch")?;
        let statements = statements.into_iter().map(convert::statement).collect();
        let done = self
            .ctx
            .0
            .batch(statements, self.by())
            .await
            .map_err(|e| self.error(e))?;
        Ok(done.into_iter().map(convert::executed).collect())
    }

    async fn begin(&mut self, access: client::Access) -> Result<Resource<Transaction>, Error> {
        let writes = matches!(access, client::Access::ReadWrite);
        self.outside("begin")?;
        if !writes && self.open.read_only >= MAX_READ_ONLY {
            let limit = storage::LimitExceeded {
                kind: storage::LimitKind::OpenTransactions,
                maximum: u64::from(MAX_READ_ONLY),
            };
            return Err(self.error(storage::Error::LimitExceeded(limit)));
        }
        let access = if writes {
            storage::Access::ReadWrite
        } else {
            storage::Access::ReadOnly
        };
        let open = self
            .ctx
            .0
            .begin(access, self.by())
            .await
            .map_err(|e| self.error(e))?;
        let handle = self.table.push(Transaction { open, writes })?;
        *self.count(writes) += 1;
        Ok(handle)
    }
}

struct Has;

impl HasData for Has {
    type Data<'a> = View<'a>;
}

pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> Result<()> {
    types::add_to_linker::<T, Has>(linker, view)?;
    client::add_to_linker::<T, Has>(linker, view)
}
