//! Sizes as people read them.

/// A number of bytes in the largest binary unit that gives a whole number: `2 GiB`, `100 KiB`, `1500 bytes`.
pub fn size_text(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fits = |(_, bits): &&(&str, u32)| bytes > 0 && bytes.is_multiple_of(1 << bits);
    match UNITS.iter().find(fits) {
        Some((unit, bits)) => format!("{} {unit}", bytes >> bits),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_that_is_exact_is_taken() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (100 << 10, "100 KiB"),
            ((1 << 20) - 1, "1048575 bytes"),
            (1 << 20, "1 MiB"),
            (1536 << 10, "1536 KiB"),
            (2 << 30, "2 GiB"),
            (3 << 40, "3 TiB"),
            (u64::MAX, "18446744073709551615 bytes"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }
}
