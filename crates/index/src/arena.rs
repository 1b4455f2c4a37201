//! Short byte strings, one for each small number, in one block of memory.

/// Byte strings by number. Room that replaced strings leave behind is taken back when it is half of the block.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
    /// Where each begins and how long it is.
    spans: Vec<(u32, u16)>,
    dead_bytes: usize,
}

impl Arena {
    /// The longest string it takes.
    pub(crate) const LEN_MAX: usize = u16::MAX as usize;

    /// The string of that number; empty when there is none.
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        let Some((start, len)) = self.spans.get(number as usize) else { return &[] };
        let start = *start as usize;
        &self.bytes[start..start + usize::from(*len)]
    }

    /// The string of that number as text; what is not UTF-8 reads as empty.
    pub(crate) fn text(&self, number: u32) -> &str {
        std::str::from_utf8(self.get(number)).unwrap_or_default()
    }

    /// Puts a string; what is longer than [`Self::LEN_MAX`] is cut there.
    pub(crate) fn set(&mut self, number: u32, value: &[u8]) {
        let value = &value[..value.len().min(Self::LEN_MAX)];
        let index = number as usize;
        if index >= self.spans.len() {
            self.spans.resize(index + 1, (0, 0));
        }
        let (start, old_len) = (self.spans[index].0 as usize, usize::from(self.spans[index].1));
        if value.len() <= old_len {
            self.spans[index].1 = value.len() as u16;
            self.bytes[start..start + value.len()].copy_from_slice(value);
            self.dead_bytes += old_len - value.len();
        } else {
            self.dead_bytes += old_len;
            self.spans[index] = (self.bytes.len() as u32, value.len() as u16);
            self.bytes.extend_from_slice(value);
        }
        if self.dead_bytes > 4096 && self.dead_bytes * 2 > self.bytes.len() {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.dead_bytes + 1024);
        for (start, len) in &mut self.spans {
            let from = *start as usize;
            *start = bytes.len() as u32;
            bytes.extend_from_slice(&self.bytes[from..from + usize::from(*len)]);
        }
        self.bytes = bytes;
        self.dead_bytes = 0;
    }

    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.spans.shrink_to_fit();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<(u32, u16)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_survive_replacement_and_compaction() {
        let mut arena = Arena::default();
        let mut model = vec![String::new(); 300];
        for step in 0_usize..20_000 {
            let number = step * 7 % 300;
            let value = "x".repeat(step * 13 % 41) + &step.to_string();
            arena.set(number as u32, value.as_bytes());
            model[number] = value;
        }
        for (number, value) in model.iter().enumerate() {
            assert_eq!(arena.text(number as u32), value);
        }
        assert!(arena.bytes.len() < 300 * 100, "the block does not grow without end");
        assert_eq!(arena.text(10_000), "");
    }
}
