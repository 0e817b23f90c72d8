//! The database's roles: one a service, with the tables and columns that it needs.

use contracts::Service;
use sqlx::AssertSqlSafe;

use crate::{Error, Store};

/// What each role may do; the file is its own documentation.
pub const SQL: &str = include_str!("../../../deploy/postgres/roles.sql");

/// The role of a service, such as `greenbite_menu_validator`.
pub fn role_of(service: Service) -> String {
    match service {
        Service::Greenbite => "greenbite_operator".to_owned(),
        service => format!("greenbite_{}", service.as_str().replace('-', "_")),
    }
}

impl Store {
    /// Gives every role exactly its privileges; for the owner of the tables, after [`Store::migrate`].
    pub async fn apply_roles(&self) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        sqlx::raw_sql(SQL).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sets the password of a service's role.
    pub async fn set_role_password(&self, service: Service, password: &str) -> Result<(), Error> {
        // ALTER ROLE takes no parameters: the server quotes both.
        let statement = sqlx::query_scalar!(
            r#"SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text) AS "statement!""#,
            role_of(service),
            password,
        )
        .fetch_one(&self.pool)
        .await?;
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&self.pool).await?;
        Ok(())
    }
}
