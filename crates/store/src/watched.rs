//! How far watched files were read.

use sqlx::{Postgres, Transaction};

use crate::messages::{Inserted, NewMessage, insert_all};
use crate::{Error, Store};

/// How far a watched file was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPosition {
    /// How many files were read under this name before.
    pub epoch: i64,
    /// The first byte that was not read yet.
    pub offset: u64,
    /// The line that begins there.
    pub line: u64,
    /// A fingerprint of the file's beginning.
    pub head: Vec<u8>,
}

/// A watched file that is ours to read until this is dropped or its rows are taken in.
pub struct Watching {
    tx: Transaction<'static, Postgres>,
    path: String,
    position: ReadPosition,
}

impl Store {
    /// Takes a watched file for reading; `None` while another replica has it.
    pub async fn watch_file(&self, path: &str) -> Result<Option<Watching>, Error> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!("INSERT INTO watched_files (path) VALUES ($1) ON CONFLICT (path) DO NOTHING", path)
            .execute(&mut *tx)
            .await?;
        let position = sqlx::query!(
            "SELECT epoch, byte_offset, line, head FROM watched_files WHERE path = $1 FOR UPDATE SKIP LOCKED",
            path,
        )
        .map(|row| ReadPosition {
            epoch: row.epoch,
            offset: row.byte_offset.unsigned_abs(),
            line: row.line.unsigned_abs(),
            head: row.head,
        })
        .fetch_optional(&mut *tx)
        .await?;
        Ok(position.map(|position| Watching { tx, path: path.to_owned(), position }))
    }
}

impl Watching {
    /// How far the file was read.
    pub fn position(&self) -> &ReadPosition {
        &self.position
    }

    /// Takes the next messages of the file in and moves its position, both or neither.
    pub async fn take_in(
        mut self,
        messages: &[NewMessage],
        position: &ReadPosition,
    ) -> Result<Vec<Inserted>, Error> {
        let inserted = insert_all(&mut self.tx, messages, &[]).await?;
        sqlx::query!(
            "UPDATE watched_files SET epoch = $2, byte_offset = $3, line = $4, head = $5, updated_at = now()
             WHERE path = $1",
            self.path,
            position.epoch,
            i64::try_from(position.offset).unwrap_or(i64::MAX),
            i64::try_from(position.line).unwrap_or(i64::MAX),
            position.head,
        )
        .execute(&mut *self.tx)
        .await?;
        self.tx.commit().await?;
        Ok(inserted)
    }
}
