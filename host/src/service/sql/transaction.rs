//! `greenroom:sql/client.transaction`.

use super::{
    Error, Transaction, View,
    bindings::greenroom::sql::client::HostTransaction,
    convert,
    types::{ExecResult, Params, ResultSet, Row, Statement},
};
use crate::storage;
use wasmtime::{Result, component::Resource};

impl View<'_> {
    pub(super) fn count(&mut self, writes: bool) -> &mut u32 {
        if writes {
            &mut self.open.read_write
        } else {
            &mut self.open.read_only
        }
    }

    fn transaction(&self, handle: &Resource<Transaction>) -> Result<&storage::Transaction, Error> {
        Ok(&self.table.get(handle)?.open)
    }

    fn end(&mut self, handle: Resource<Transaction>) -> Result<storage::Transaction, Error> {
        let Transaction { open, writes } = self.table.delete(handle)?;
        *self.count(writes) -= 1;
        Ok(open)
    }
}

impl HostTransaction for View<'_> {
    async fn query(
        &mut self,
        tx: Resource<Transaction>,
        statement: Statement,
    ) -> Result<ResultSet, Error> {
        let rows = self
            .transaction(&tx)?
            .query(convert::statement(statement), self.by())
            .await;
        Ok(convert::rows(rows.map_err(|e| self.error(e))?))
    }

    async fn query_row(
        &mut self,
        tx: Resource<Transaction>,
        statement: Statement,
    ) -> Result<Option<Row>, Error> {
        let row = self
            .transaction(&tx)?
            .query_row(convert::statement(statement), self.by())
            .await;
        Ok(row.map_err(|e| self.error(e))?.map(convert::row))
    }

    async fn query_packed(
        &mut self,
        tx: Resource<Transaction>,
        statement: Statement,
    ) -> Result<Vec<u8>, Error> {
        let rows = self
            .transaction(&tx)?
            .query_packed(convert::statement(statement), self.by())
            .await;
        rows.map_err(|e| self.error(e))
    }

    async fn execute(
        &mut self,
        tx: Resource<Transaction>,
        statement: Statement,
    ) -> Result<ExecResult, Error> {
        let done = self
            .transaction(&tx)?
            .execute(convert::statement(statement), self.by())
            .await;
        Ok(convert::executed(done.map_err(|e| self.error(e))?))
    }

    async fn execute_many(
        &mut self,
        tx: Resource<Transaction>,
        sql: String,
        params: Vec<Params>,
    ) -> Result<u64, Error> {
        let params = params.into_iter().map(convert::params).collect();
        let done = self
            .transaction(&tx)?
            .execute_many(sql, params, self.by())
            .await;
        done.map_err(|e| self.error(e))
    }

    async fn savepoint(&mut self, tx: Resource<Transaction>) -> Result<u32, Error> {
        let mark = self.transaction(&tx)?.savepoint(self.by()).await;
        mark.map_err(|e| self.error(e))
    }

    async fn rollback_to(
        &mut self,
        tx: Resource<Transaction>,
        savepoint: u32,
    ) -> Result<(), Error> {
        let done = self
            .transaction(&tx)?
            .rollback_to(savepoint, self.by())
            .await;
        done.map_err(|e| self.error(e))
    }

    async fn commit(&mut self, tx: Resource<Transaction>) -> Result<(), Error> {
        let by = self.by();
        self.end(tx)?.commit(by).await.map_err(|e| self.error(e))
    }

    async fn rollback(&mut self, tx: Resource<Transaction>) -> Result<(), Error> {
        let by = self.by();
        self.end(tx)?.rollback(by).await.map_err(|e| self.error(e))
    }

    async fn drop(&mut self, tx: Resource<Transaction>) -> Result<()> {
        match self.end(tx) {
            Ok(_) => Ok(()), // rolled back by its own drop
            Err(Error::Trap(e)) => Err(e),
            Err(Error::Guest(_)) => Ok(()),
        }
    }
}
