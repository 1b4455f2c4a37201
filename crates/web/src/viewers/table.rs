//! CSV and TSV as tables.

/// Rows, columns and characters of a cell that are shown.
const ROWS_MAX: usize = 500;
const COLUMNS_MAX: usize = 60;
const CELL_CHARS_MAX: usize = 500;

/// A table of the beginning of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Columns that hold numbers, which stand at the right.
    pub(crate) is_numeric: Vec<bool>,
    pub(crate) is_cut: bool,
}

/// Reads the beginning of a file, by RFC 4180 as people write it: quotes may hold separators and line breaks.
pub(crate) fn read(text: &str, separator: char, is_whole: bool) -> Table {
    let mut records = Records { rest: text, separator };
    let mut table = Table { header: records.next().unwrap_or_default(), ..Table::default() };
    let mut rows: Vec<Vec<String>> = records.by_ref().take(ROWS_MAX + 1).collect();
    table.is_cut = !is_whole || rows.len() > ROWS_MAX;
    if rows.len() > ROWS_MAX || (!is_whole && !rows.is_empty()) {
        // Where the file is cut off, its last record may be.
        rows.pop();
    }
    let columns = rows.iter().map(Vec::len).chain([table.header.len()]).max().unwrap_or(0);
    table.header.resize(columns, String::new());
    rows.iter_mut().for_each(|row| row.resize(columns, String::new()));
    let is_number =
        |row: &Vec<String>, at: usize| row[at].is_empty() || row[at].trim().parse::<f64>().is_ok();
    table.is_numeric = (0..columns).map(|at| rows.iter().all(|row| is_number(row, at))).collect();
    table.rows = rows;
    table
}

struct Records<'a> {
    rest: &'a str,
    separator: char,
}

impl Iterator for Records<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut record = Vec::new();
        loop {
            let cell = self.cell();
            if record.len() < COLUMNS_MAX {
                record.push(cell);
            }
            if let Some(rest) = self.rest.strip_prefix(self.separator) {
                self.rest = rest;
                continue;
            }
            let rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
            self.rest = rest.strip_prefix('\n').unwrap_or(rest);
            return Some(record);
        }
    }
}

impl Records<'_> {
    /// One cell; what follows is a separator, the end of the line, or the end.
    fn cell(&mut self) -> String {
        let mut cell = String::new();
        let mut chars = 0;
        let mut push = |text: &str| {
            let room = CELL_CHARS_MAX.saturating_sub(chars);
            cell.extend(text.chars().take(room));
            chars += text.chars().take(room).count();
        };
        if let Some(mut rest) = self.rest.strip_prefix('"') {
            loop {
                let (text, after) = rest.split_once('"').unwrap_or((rest, ""));
                push(text);
                rest = match after.strip_prefix('"') {
                    Some(more) => more,
                    None => {
                        self.rest = after;
                        break;
                    }
                };
                push("\"");
            }
        }
        let separator = self.separator;
        let is_end = |c: char| c == separator || c == '\n' || c == '\r';
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        push(text);
        self.rest = rest;
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_what_would_separate() {
        let table = read("a,b\r\n\"x, \"\"y\"\"\nz\",1\n,2.5\n", ',', true);
        assert_eq!(table.header, ["a", "b"]);
        assert_eq!(table.rows, [["x, \"y\"\nz", "1"], ["", "2.5"]]);
        assert_eq!(table.is_numeric, [false, true]);
        assert!(!table.is_cut);
    }

    #[test]
    fn broken_files_are_tables_too() {
        let ragged = read("a\n1\t2\t3\n\"open\n", '\t', true);
        assert_eq!(ragged.header, ["a", "", ""]);
        assert_eq!(ragged.rows[1][0], "open\n");
        assert_eq!(read("", ',', true), Table::default());
        let long = read(&"a,b\n".repeat(1000), ',', true);
        assert_eq!((long.rows.len(), long.is_cut), (ROWS_MAX, true));
        let wide = read(&",".repeat(100_000), ',', true);
        assert_eq!(wide.header.len(), COLUMNS_MAX);
    }
}
