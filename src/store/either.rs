//! Macros that run one statement on either database, where text and arguments are the same for both.

/// Runs one statement on either database, in at most `limit`: the text is the same for both. In Postgres on a connection
/// for `lists`, or for what is named.
macro_rules! on_either {
    ($store:expr, $limit:expr, $connection:ident => $work:expr) => {
        on_either!($store, lists, $limit, $connection => $work)
    };
    ($store:expr, $connections:ident, $limit:expr, $connection:ident => $work:expr) => {
        match &$store.database {
            Database::Postgres(own) => {
                let mut transaction = own.$connections.begin($limit).await?;
                let $connection = transaction.statements();
                let answer = $work;
                transaction.commit().await?;
                answer
            }
            Database::Sqlite(own) => {
                let $connection = &own.pool;
                $work
            }
        }
    };
}

/// Runs one statement that a person asked for on either database, in at most `limit`, and another one behind it if there is
/// one; if what the first did makes an action, that is kept in the same transaction.
macro_rules! act_on_either {
    ($store:expr, $limit:expr, $by:expr, $connection:ident => $work:expr, $action:expr $(, $then:ident => $more:expr)?) => {
        match &$store.database {
            Database::Postgres(own) => {
                let mut transaction = own.lists.begin($limit).await?;
                let $connection = transaction.statements();
                let answer = $work;
                $(let $then = transaction.statements(); $more;)?
                if let Some(action) = $action(&answer) {
                    keep_postgres(transaction.statements(), $by, &action).await?;
                }
                transaction.commit().await?;
                answer
            }
            Database::Sqlite(own) => {
                let mut transaction = own.pool.begin_with("begin immediate").await?;
                let $connection = &mut *transaction;
                let answer = $work;
                $(let $then = &mut *transaction; $more;)?
                if let Some(action) = $action(&answer) {
                    keep_sqlite(&mut transaction, $by, &action).await?;
                }
                transaction.commit().await?;
                answer
            }
        }
    };
}
