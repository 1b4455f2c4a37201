//! Statements about many keys at once, in lists of a few sizes only, so that each size is prepared once.

use crate::{Conn, DbError, Row, Value};

/// Most keys of one statement; a power of two. SQLite takes 32766 parameters, PostgreSQL 65535.
const KEYS_MAX: usize = 512;
/// Most rows of one `VALUES`; a power of two.
const ROWS_MAX: usize = 64;

/// Runs `template` for `keys` in batches; `{keys}` in it becomes `($m, $n, …)`, and `args` are `$1` and on.
///
/// A batch is filled up with its last key, so the statement must mean the same when a key comes twice.
pub(crate) async fn fetch_in(
    conn: &mut Conn,
    template: &str,
    args: Vec<Value>,
    keys: &[Value],
) -> Result<Vec<Row>, DbError> {
    let mut rows = Vec::new();
    for batch in keys.chunks(KEYS_MAX) {
        let size = batch.len().next_power_of_two();
        let sql = template.replace("{keys}", &places(args.len() + 1, size));
        let mut values = args.clone();
        values.extend(batch.iter().cloned());
        let last = batch.last().cloned();
        values.extend(last.into_iter().cycle().take(size - batch.len()));
        rows.extend(conn.fetch_dynamic(sql, values).await?);
    }
    Ok(rows)
}

/// Runs `template` for `rows`, a few at a time; `{rows}` in it becomes `($1, $2), ($3, $4), …`. Returns what it returns.
pub(crate) async fn insert_rows<const N: usize>(
    conn: &mut Conn,
    template: &str,
    rows: &[[Value; N]],
) -> Result<Vec<Row>, DbError> {
    let (mut returned, mut rest) = (Vec::new(), rows);
    while let Some(log) = rest.len().checked_ilog2() {
        let size = (1 << log).min(ROWS_MAX);
        let (batch, more) = rest.split_at(size);
        let list: Vec<_> = (0..size).map(|row| places(row * N + 1, N)).collect();
        let sql = template.replace("{rows}", &list.join(", "));
        let values = batch.iter().flatten().cloned().collect();
        returned.extend(conn.fetch_dynamic(sql, values).await?);
        rest = more;
    }
    Ok(returned)
}

/// Keys in order, each once: rows are locked in this order everywhere, so that transactions do not wait in a circle.
pub(crate) fn keys<K: Copy + Ord>(keys: &[K]) -> Vec<Value>
where
    Value: From<K>,
{
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().map(Value::from).collect()
}

fn places(first: usize, count: usize) -> String {
    let list: Vec<_> = (first..first + count).map(|number| format!("${number}")).collect();
    format!("({})", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_and_each_comes_once() {
        let values = keys(&[3_i64, 1, 3, 2]);
        let numbers: Vec<_> = values
            .iter()
            .map(|value| match value {
                Value::Int(Some(number)) => *number,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(numbers, [1, 2, 3]);
    }

    #[test]
    fn places_are_counted_from_the_first() {
        assert_eq!(places(1, 1), "($1)");
        assert_eq!(places(3, 3), "($3, $4, $5)");
    }
}
