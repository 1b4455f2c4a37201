//! From a repository's key to its slot.

use hashbrown::HashMap;

/// Keys that share a page.
const PAGE: usize = 256;
const NONE: u32 = u32::MAX;

/// Slots by key. Databases give keys out one after the other, so those that are looked up together lie together: full-text
/// search asks for a hundred thousand of them in nearly this order.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pages: HashMap<i64, Box<[u32; PAGE]>>,
}

fn place(repo_id: i64) -> (i64, usize) {
    let at = repo_id.rem_euclid(PAGE as i64);
    (repo_id.div_euclid(PAGE as i64), at as usize)
}

impl Keys {
    pub(crate) fn get(&self, repo_id: i64) -> Option<u32> {
        let (page, at) = place(repo_id);
        let slot = self.pages.get(&page)?[at];
        (slot != NONE).then_some(slot)
    }

    pub(crate) fn set(&mut self, repo_id: i64, slot: Option<u32>) {
        let (page, at) = place(repo_id);
        let slots = self.pages.entry(page).or_insert_with(|| Box::new([NONE; PAGE]));
        slots[at] = slot.unwrap_or(NONE);
        if slot.is_none() && slots.iter().all(|slot| *slot == NONE) {
            self.pages.remove(&page);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.pages.len() * PAGE * 4 + self.pages.capacity() * 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_size_come_and_go() {
        let mut keys = Keys::default();
        let some = [i64::MIN, -257, -256, -1, 0, 1, 255, 256, 1 << 40, i64::MAX];
        for (slot, key) in (0..).zip(some) {
            assert_eq!(keys.get(key), None);
            keys.set(key, Some(slot));
        }
        for (slot, key) in (0..).zip(some) {
            assert_eq!(keys.get(key), Some(slot));
        }
        assert_eq!(keys.get(2), None);
        some.iter().for_each(|key| keys.set(*key, None));
        assert!(some.iter().all(|key| keys.get(*key).is_none()));
        assert!(keys.pages.is_empty(), "empty pages are given back");
    }
}
