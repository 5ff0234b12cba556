//! Numbered places that are taken and freed, so that the memory of those who left serves those who come.

/// Things by number.
pub(crate) struct Places<T> {
    taken: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Places<T> {
    /// Makes an empty list.
    pub(crate) fn new() -> Self {
        Self { taken: Vec::new(), free: Vec::new() }
    }

    /// Puts something in a free place; returns the place.
    pub(crate) fn put(&mut self, thing: T) -> u32 {
        if let Some(place) = self.free.pop() {
            self.taken[place as usize] = Some(thing);
            return place;
        }
        self.taken.push(Some(thing));
        (self.taken.len() - 1) as u32
    }

    /// Returns what is in a place.
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.taken.get_mut(place as usize)?.as_mut()
    }

    /// Takes what is in a place, and frees it.
    pub(crate) fn take(&mut self, place: u32) -> Option<T> {
        let thing = self.taken.get_mut(place as usize)?.take();
        if thing.is_some() {
            self.free.push(place);
        }
        thing
    }

    /// Returns how many places are taken.
    pub(crate) fn len(&self) -> usize {
        self.taken.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_places_are_taken_again() {
        let mut places = Places::new();
        let (first, second) = (places.put('a'), places.put('b'));
        assert_eq!(places.take(first), Some('a'));
        assert_eq!(places.take(first), None, "only once");
        assert_eq!(places.len(), 1);
        assert_eq!(places.put('c'), first);
        assert_eq!(places.get_mut(second), Some(&mut 'b'));
    }
}
