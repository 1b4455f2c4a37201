//! Every limit on what comes from outside, in one place, so that operators can read them on one page.

/// Longest path of a file in a repository, in bytes.
pub const PATH_BYTES_MAX: usize = 4096;
/// Deepest nesting of folders.
pub const PATH_DEPTH_MAX: usize = 128;
/// Longest ref name, in bytes.
pub const REF_BYTES_MAX: usize = 255;
/// Longest name of a repository or namespace, in bytes.
pub const NAME_BYTES_MAX: usize = 96;
/// Largest file stored in git itself; anything above belongs into LFS.
pub const REGULAR_FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Largest body of an NDJSON commit.
pub const COMMIT_BODY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most operations in one commit.
pub const COMMIT_OPERATIONS_MAX: usize = 25_000;
/// Longest commit title and description, in bytes.
pub const COMMIT_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Most files in one preupload request.
pub const PREUPLOAD_FILES_MAX: usize = 1000;
/// Most paths in one paths-info request.
pub const PATHS_INFO_MAX: usize = 2000;
/// Largest body of an ordinary JSON or form request.
pub const JSON_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest front matter of a README.md.
pub const CARD_BYTES_MAX: usize = 1024 * 1024;
/// Most objects in one LFS batch.
pub const LFS_BATCH_OBJECTS_MAX: usize = 1000;
/// Largest LFS object, in bytes.
pub const LFS_OBJECT_BYTES_MAX: u64 = 1024 * 1024 * 1024 * 1024;
/// Largest body of a xorb: 64 MiB of chunks, their headers, and the table that older clients append.
pub const XORB_BODY_BYTES_MAX: usize = 65 * 1024 * 1024;
/// Largest body of a shard.
pub const SHARD_BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most files in one shard.
pub const SHARD_FILES_MAX: usize = 100_000;
/// Most xorbs that the files of one shard may be put together from.
pub const SHARD_XORBS_MAX: usize = 100_000;
/// Most chunks that the files of one shard may consist of.
pub const SHARD_CHUNKS_MAX: usize = 64 * 1024 * 1024;
/// Most runs of chunks in one file.
pub const XET_FILE_TERMS_MAX: usize = 1_048_576;
/// Largest pack accepted from `git push`, in bytes.
pub const PUSH_PACK_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Most ref updates in one push.
pub const PUSH_COMMANDS_MAX: usize = 10_000;
/// Entries of one page of a tree listing.
pub const TREE_PAGE: usize = 1000;
/// Entries of one page of a tree listing with last commits.
pub const TREE_PAGE_EXPANDED: usize = 100;
/// Entries of one page of a commit list.
pub const COMMITS_PAGE: usize = 50;
/// Commits walked before the last commit of a path is answered as unknown.
pub const LAST_COMMIT_WALK_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    /// `256 * 1024` as the page writes it.
    fn written(name: &str, expression: &str) -> String {
        let factors = expression.split(" * ").map(|factor| factor.replace('_', "").parse::<u64>());
        let value: u64 = factors.map(Result::unwrap).product();
        let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let unit = units
            .iter()
            .find(|(_, bits)| value.is_multiple_of(1 << bits) && name != "PATH_BYTES_MAX");
        match unit.filter(|_| name.contains("BYTES")) {
            Some((unit, bits)) => format!("{} {unit}", value >> bits),
            None => {
                let digits = value.to_string();
                let groups: Vec<_> =
                    digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
                let unit = if name.contains("BYTES") { " bytes" } else { "" };
                format!("{}{unit}", groups.join(","))
            }
        }
    }

    #[test]
    fn the_page_lists_every_limit_and_its_value() {
        let page = include_str!("../../../docs/limits.md");
        let constants =
            include_str!("limits.rs").lines().filter_map(|line| line.strip_prefix("pub const "));
        let mut count = 0;
        for constant in constants {
            let (name, rest) = constant.split_once(": ").unwrap();
            let (_, expression) = rest.trim_end_matches(';').split_once(" = ").unwrap();
            let start = format!("| `{name}` | {} |", written(name, expression));
            assert!(page.contains(&start), "docs/limits.md lacks {start}");
            count += 1;
        }
        assert!(count > 15);
    }
}
