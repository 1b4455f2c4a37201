//! Following the event log without missing anything.
//!
//! On PostgreSQL an event gets its id before its transaction commits, so whoever asks for "ids after the last one I saw"
//! misses what commits late. A feed remembers the snapshot up to which it has read instead: what a later snapshot sees and
//! that one did not is new, however small its id. SQLite has one writer, so there ids are in the order of the commits.

use crate::dialect;
use crate::event::{EventRow, event};
use crate::{Conn, DbError};

/// A place in the event log, in memory of one process. A copy that is put back repeats what was read since.
#[derive(Debug, Clone)]
pub struct Feed {
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// The last id that was read.
    Sqlite(i64),
    Postgres {
        /// Everything it sees was read.
        read: String,
        /// Up to which is being read now, and the last id of it that was.
        reading: Option<(String, i64)>,
    },
}

impl Feed {
    /// A feed of what is committed from now on. What is read on any connection after this returned belongs together
    /// with it without a gap.
    pub async fn begin(conn: &mut Conn) -> Result<Self, DbError> {
        let place = if conn.is_postgres() {
            Place::Postgres { read: dialect::snapshot(conn).await?, reading: None }
        } else {
            Place::Sqlite(crate::event::last_event_id(conn).await?)
        };
        Ok(Self { place })
    }

    /// The next events, at most `limit`; none when everything that is committed was read.
    pub async fn next(&mut self, conn: &mut Conn, limit: i64) -> Result<Vec<EventRow>, DbError> {
        match &mut self.place {
            Place::Sqlite(last) => {
                let events = crate::event::list_events(conn, *last, limit).await?;
                *last = events.last().map_or(*last, |event| event.id);
                Ok(events)
            }
            Place::Postgres { read, reading } => {
                let (target, after) = match reading.take() {
                    Some(reading) => reading,
                    None => (dialect::snapshot(conn).await?, 0),
                };
                // The same snapshot sees the same transactions.
                if target == *read {
                    return Ok(Vec::new());
                }
                let rows = dialect::events_between(conn, read, &target, after, limit).await?;
                let events = rows.iter().map(event).collect::<Result<Vec<_>, _>>()?;
                let is_full = i64::try_from(events.len()).is_ok_and(|count| count >= limit);
                match events.last().filter(|_| is_full) {
                    Some(event) => *reading = Some((target, event.id)),
                    None => *read = target,
                }
                Ok(events)
            }
        }
    }
}
