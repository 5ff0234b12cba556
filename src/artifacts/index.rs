//! Where the map of a file lies: by debug id, else by the release and the file's URL. In memory; read from the bundles when
//! the program starts, so that it can never tell of a bundle that is not there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::bundle::Bundle;
use super::checksum::Checksum;

/// Maps that all bundles together may have.
pub(super) const PLACES_MAX: usize = 500_000;

/// A map in a bundle, and the file that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) bundle: Checksum,
    pub(super) map: u32,
    pub(super) minified: Option<u32>,
}

/// The latest place of each name stands last.
type Places = Vec<Place>;

/// Finds maps.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_id: HashMap<Uuid, Places>,
    by_url: HashMap<Arc<str>, HashMap<Box<str>, Places>>,
    bundles: HashSet<Checksum>,
    places: usize,
}

impl Index {
    /// Adds a bundle's maps; a bundle that is known is not added again.
    pub(super) fn add(&mut self, name: Checksum, bundle: Bundle) {
        if !self.bundles.insert(name) {
            return;
        }
        let mut of_release = bundle.release.map(|release| self.by_url.entry(release.into()).or_default());
        for entry in bundle.maps {
            let place = Place { bundle: name, map: entry.map, minified: entry.minified };
            if let Some(id) = entry.debug_id {
                self.by_id.entry(id).or_default().push(place);
                self.places += 1;
            }
            if let (Some(of_release), Some(url)) = (&mut of_release, entry.url) {
                of_release.entry(url.into()).or_default().push(place);
                self.places += 1;
            }
        }
    }

    /// Tells whether there is room for this bundle's maps.
    pub(super) fn has_room_for(&self, bundle: &Bundle) -> bool {
        self.places + 2 * bundle.maps.len() <= PLACES_MAX
    }

    /// Forgets bundles.
    pub(super) fn remove(&mut self, gone: &[Checksum]) {
        let gone: HashSet<&Checksum> = gone.iter().collect();
        let mut left = 0;
        let mut keep = |places: &mut Places| {
            places.retain(|place| !gone.contains(&place.bundle));
            left += places.len();
            !places.is_empty()
        };
        self.by_id.retain(|_, places| keep(places));
        self.by_url.retain(|_, urls| {
            urls.retain(|_, places| keep(places));
            !urls.is_empty()
        });
        self.bundles.retain(|bundle| !gone.contains(bundle));
        self.places = left;
    }

    /// Returns the map of this debug id.
    pub(super) fn of_id(&self, id: Uuid) -> Option<Place> {
        self.by_id.get(&id)?.last().copied()
    }

    /// Returns the map of a file of this release.
    pub(super) fn of_url(&self, release: &str, url: &str) -> Option<Place> {
        self.by_url.get(release)?.get(url)?.last().copied()
    }

    /// Tells whether this bundle's maps can be found.
    pub(super) fn knows(&self, bundle: &Checksum) -> bool {
        self.bundles.contains(bundle)
    }

    /// Returns how many bundles, and how many names of maps there are.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.bundles.len(), self.places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::bundle::MapEntry;

    fn bundle(id: u128, map: u32) -> Bundle {
        let entry = MapEntry { debug_id: Some(Uuid::from_u128(id)), url: Some("~/a.js".into()), map, minified: None };
        Bundle { release: Some("r".into()), maps: vec![entry] }
    }

    #[test]
    fn the_latest_bundle_counts_and_the_one_before_it_when_it_is_gone() {
        let (first, second) = (Checksum::of(b"1"), Checksum::of(b"2"));
        let mut index = Index::default();
        index.add(first, bundle(7, 1));
        index.add(second, bundle(7, 2));
        index.add(second, bundle(7, 3));
        assert_eq!(index.counts(), (2, 4));
        assert_eq!(index.of_id(Uuid::from_u128(7)).unwrap().map, 2);
        assert_eq!(index.of_url("r", "~/a.js").unwrap().map, 2);
        assert_eq!(index.of_url("r", "~/b.js").or(index.of_url("q", "~/a.js")), None);
        index.remove(&[second]);
        assert_eq!(index.of_id(Uuid::from_u128(7)).unwrap().map, 1);
        index.remove(&[first]);
        assert_eq!((index.counts(), index.of_url("r", "~/a.js")), ((0, 0), None));
        assert!(index.by_id.is_empty() && index.by_url.is_empty());
    }
}
