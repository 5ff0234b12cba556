//! The state of one live rule: for each entity, its aggregates in time buckets. Pure memory: it is told rows and times and
//! tells aggregates; what they mean is `shape.rs`, when to ask is `live.rs`.
//!
//! Bytes per entity matter more than instructions. Buckets lie side by side in one vector of numbers; distinct values are
//! a hash and the last bucket they were seen in; entities live in a slab, found through a table of their places, in a
//! list from the least to the most recently touched, from whose end they leave when there are too many.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::mem::size_of;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::contribution::Input;
use super::keyed::{Once, Seen};
use super::picked::Picks;
use super::recognise::Function;
use super::values::{Value, Values};
use super::window::Window;

/// The most entities that one rule keeps for one kind of entity.
pub(crate) const ENTITIES_MAX: usize = 1_000_000;

/// The end of a list.
const NONE: u32 = u32::MAX;

/// The state of one rule for one kind of entity.
pub(crate) struct State {
    functions: Vec<Function>,
    /// Where each function's number stands in a cell; none for those that keep keys.
    places: Vec<Option<usize>>,
    stride: usize,
    window: Window,
    entities_max: usize,
    hasher: DefaultHashBuilder,
    table: HashTable<u32>,
    slab: Vec<Entity>,
    free: Vec<u32>,
    /// The entities that had rows in a bucket, by bucket: whom to ask again when it leaves the window.
    leaving: BTreeMap<u32, Vec<u32>>,
    oldest: u32,
    newest: u32,
}

#[derive(Default)]
struct Entity {
    key: Box<str>,
    /// Cells in the order of their buckets, each `stride` numbers: bucket, which functions have a value, numbers.
    cells: Vec<i64>,
    seen: Seen,
    once: Option<Box<Once>>,
    picks: Option<Box<Picks>>,
    older: u32,
    newer: u32,
    /// The rule was true of it when it was last judged.
    is_true: bool,
}

/// Returns the bytes that an entity takes, roughly: one with a short id, rows in four buckets and four values a key set.
pub(crate) fn bytes_per_entity(functions: &[Function]) -> u64 {
    let stride = 2 + functions.iter().map(|function| numbers(*function)).sum::<usize>();
    let distinct = functions.iter().filter(|function| **function == Function::Distinct).count();
    let once = functions.iter().filter(|function| **function == Function::SumOnce).count();
    let picks = functions.iter().filter(|function| matches!(function, Function::Pick(..))).count();
    let fixed = size_of::<Entity>() + 2 * size_of::<u32>() + 24;
    let cells = 4 * (stride * size_of::<i64>() + size_of::<u32>());
    let keyed = 4 * (distinct * Seen::ENTRY_BYTES + once * Once::ENTRY_BYTES + picks * Picks::ENTRY_BYTES);
    u64::try_from(fixed + cells + keyed).expect("a few hundred")
}

const fn is_number(function: Function) -> bool {
    !matches!(function, Function::Distinct | Function::SumOnce | Function::Pick(..))
}

/// Returns how many numbers of a cell a function takes.
const fn numbers(function: Function) -> usize {
    match function {
        Function::Distinct | Function::SumOnce | Function::Pick(..) => 0,
        Function::Avg => 2,
        _ => 1,
    }
}

impl State {
    pub(crate) fn new(functions: Vec<Function>, window: Window, entities_max: usize) -> Self {
        let mut next = 2;
        let places = functions
            .iter()
            .map(|function| {
                is_number(*function).then(|| {
                    let place = next;
                    next += numbers(*function);
                    place
                })
            })
            .collect();
        Self {
            functions,
            places,
            stride: next,
            window,
            entities_max: entities_max.max(1),
            hasher: DefaultHashBuilder::default(),
            table: HashTable::new(),
            slab: Vec::new(),
            free: Vec::new(),
            leaving: BTreeMap::new(),
            oldest: NONE,
            newest: NONE,
        }
    }

    /// Returns the number of entities.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns the entities' places.
    pub(crate) fn places(&self) -> Vec<u32> {
        self.table.iter().copied().collect()
    }

    /// Returns the entity at a place.
    pub(crate) fn key(&self, place: u32) -> &str {
        &self.slab[place as usize].key
    }

    /// Returns the place of an entity, made if it is new, as the most recently touched. When there are too many, the
    /// least recently touched leaves, and its key is returned.
    pub(crate) fn touch(&mut self, key: &str) -> (u32, Option<Box<str>>) {
        let hash = self.hasher.hash_one(key);
        if let Some(&place) = self.table.find(hash, |place| *self.slab[*place as usize].key == *key) {
            self.unlink(place);
            self.link_newest(place);
            return (place, None);
        }
        let evicted = (self.table.len() >= self.entities_max).then(|| self.remove(self.oldest));
        let entity = Entity { key: Box::from(key), older: NONE, newer: NONE, ..Entity::default() };
        let place = match self.free.pop() {
            Some(place) => {
                self.slab[place as usize] = entity;
                place
            }
            None => {
                self.slab.push(entity);
                u32::try_from(self.slab.len() - 1).expect("bounded by entities_max")
            }
        };
        let rehash = |place: &u32| self.hasher.hash_one(&*self.slab[*place as usize].key);
        self.table.insert_unique(hash, place, rehash);
        self.link_newest(place);
        (place, evicted)
    }

    /// Adds one row, received at `at`, to an entity.
    pub(crate) fn add(&mut self, place: u32, at: i64, inputs: &[Input], row: usize) {
        let bucket = self.bucket(at);
        let entity = &mut self.slab[place as usize];
        let (start, is_new) = cell(&mut entity.cells, self.stride, bucket);
        if is_new {
            self.leaving.entry(bucket).or_default().push(place);
        }
        for (index, (function, input)) in self.functions.iter().zip(inputs).enumerate() {
            let slot = u8::try_from(index).expect("at most 32 aggregates");
            if let (Function::Pick(end, _), Some(picks)) = (function, &input.picks) {
                if let Some((seq, value)) = picks.at(row) {
                    entity.picks.get_or_insert_default().add((slot, *end), bucket, (at, seq), value);
                }
                continue;
            }
            let Some(value) = is_set(input, row) else { continue };
            let hash = input.hashes.as_ref().map_or(0, |hashes| hashes[row]);
            match self.places[index] {
                Some(number) => fold(*function, &mut entity.cells[start..start + self.stride], (index, number), value),
                None if *function == Function::Distinct => entity.seen.add(slot, hash, bucket),
                None => entity.once.get_or_insert_default().add(slot, hash, bucket, value),
            }
        }
    }

    /// Returns when the next bucket leaves the window.
    pub(crate) fn next_exit(&self) -> Option<i64> {
        self.leaving.first_key_value().map(|(bucket, _)| self.exit(*bucket))
    }

    /// Lets the buckets go that have left the window at `at`, and returns the entities that lost one.
    pub(crate) fn leave(&mut self, at: i64) -> Vec<u32> {
        let mut lost = Vec::new();
        while let Some(entry) = self.leaving.first_entry() {
            if self.window.exit(i64::from(*entry.key()) * self.window.bucket_us()) > at {
                break;
            }
            let (bucket, places) = entry.remove_entry();
            for place in places {
                // The place may belong to another entity by now.
                if self.drop_bucket(place, bucket) {
                    lost.push(place);
                }
            }
        }
        lost.sort_unstable();
        lost.dedup();
        lost
    }

    /// Tells whether no row of the entity is left.
    pub(crate) fn is_empty(&self, place: u32) -> bool {
        self.slab[place as usize].cells.is_empty()
    }

    /// Tells whether the rule was true of the entity when it was last judged.
    pub(crate) fn is_true(&self, place: u32) -> bool {
        self.slab[place as usize].is_true
    }

    /// Notes whether the rule is true of the entity.
    pub(crate) fn set_true(&mut self, place: u32, is_true: bool) {
        self.slab[place as usize].is_true = is_true;
    }

    /// Forgets an entity and returns its key.
    pub(crate) fn remove(&mut self, place: u32) -> Box<str> {
        self.unlink(place);
        let entity = std::mem::take(&mut self.slab[place as usize]);
        let hash = self.hasher.hash_one(&*entity.key);
        if let Ok(found) = self.table.find_entry(hash, |other| *other == place) {
            found.remove();
        }
        self.free.push(place);
        entity.key
    }

    /// Forgets an entity by its key.
    pub(crate) fn forget(&mut self, key: &str) {
        let hash = self.hasher.hash_one(key);
        if let Some(&place) = self.table.find(hash, |place| *self.slab[*place as usize].key == *key) {
            self.remove(place);
        }
    }

    /// Returns the aggregates of entities over all their buckets: one column a function, one row a place.
    pub(crate) fn aggregates(&self, places: &[u32]) -> Vec<Values> {
        let mut columns = Vec::new();
        places.iter().for_each(|place| self.push_aggregates(*place, &mut columns));
        columns
    }

    /// Adds the aggregates of an entity as a row to columns, one a function.
    pub(crate) fn push_aggregates(&self, place: u32, columns: &mut Vec<Values>) {
        if columns.is_empty() {
            columns.extend(self.functions.iter().map(|function| Values::of(*function)));
        }
        for (index, column) in columns.iter_mut().enumerate() {
            column.push(self.aggregate(index, place));
        }
    }

    fn aggregate(&self, index: usize, place: u32) -> Option<Value> {
        let entity = &self.slab[place as usize];
        let slot = u8::try_from(index).expect("at most 32 aggregates");
        if let Function::Pick(end, _) = self.functions[index] {
            return entity.picks.as_ref().and_then(|picks| picks.value((slot, end)));
        }
        self.number(index, slot, entity).map(Value::Number)
    }

    fn number(&self, index: usize, slot: u8, entity: &Entity) -> Option<i64> {
        let function = self.functions[index];
        match (function, self.places[index]) {
            (Function::Distinct, _) => Some(entity.seen.count(slot)),
            (Function::Avg, Some(number)) => {
                let set = entity.cells.chunks_exact(self.stride).filter(|cell| cell[1] >> index & 1 == 1);
                let (sum, count) = set.fold((0_i64, 0_i64), |(sum, count), cell| {
                    (sum.wrapping_add(cell[number]), count + cell[number + 1])
                });
                (count > 0).then(|| (sum as f64 / count as f64).to_bits().cast_signed())
            }
            (_, None) => entity.once.as_ref().and_then(|once| once.sum(slot)),
            (_, Some(number)) => {
                let cells = entity.cells.chunks_exact(self.stride);
                let values = cells.filter(|cell| cell[1] >> index & 1 == 1).map(|cell| cell[number]);
                let total = values.reduce(|a, b| combine(function, a, b));
                if function == Function::Count { Some(total.unwrap_or(0)) } else { total }
            }
        }
    }

    fn bucket(&self, at: i64) -> u32 {
        // Before 1970 there are no events: such a time shares the first bucket, which no window of today holds.
        u32::try_from(at.div_euclid(self.window.bucket_us()).max(0)).unwrap_or(u32::MAX)
    }

    fn exit(&self, bucket: u32) -> i64 {
        self.window.exit(i64::from(bucket) * self.window.bucket_us())
    }

    fn drop_bucket(&mut self, place: u32, bucket: u32) -> bool {
        let Some(entity) = self.slab.get_mut(place as usize) else { return false };
        let had = entity.cells.chunks_exact(self.stride).take_while(|cell| cell[0] <= i64::from(bucket)).count();
        if had == 0 {
            return false;
        }
        entity.cells.drain(..had * self.stride);
        entity.seen.drop_through(bucket);
        if let Some(once) = &mut entity.once {
            once.drop_through(bucket);
        }
        if let Some(picks) = &mut entity.picks {
            picks.drop_through(bucket);
        }
        true
    }

    fn unlink(&mut self, place: u32) {
        let (older, newer) = {
            let entity = &self.slab[place as usize];
            (entity.older, entity.newer)
        };
        match older {
            NONE => self.oldest = newer,
            older => self.slab[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.slab[newer as usize].older = older,
        }
    }

    fn link_newest(&mut self, place: u32) {
        let newest = self.newest;
        let entity = &mut self.slab[place as usize];
        (entity.older, entity.newer) = (newest, NONE);
        match newest {
            NONE => self.oldest = place,
            newest => self.slab[newest as usize].newer = place,
        }
        self.newest = place;
    }
}

fn is_set(input: &Input, row: usize) -> Option<i64> {
    use arrow::array::Array;
    input.values.is_valid(row).then(|| input.values.value(row))
}

/// Returns where the bucket's cell begins, and whether it is new.
fn cell(cells: &mut Vec<i64>, stride: usize, bucket: u32) -> (usize, bool) {
    let bucket = i64::from(bucket);
    let mut start = cells.len();
    // Nearly always the last cell or a new one behind it; a rebuild comes in any order.
    while start > 0 && cells[start - stride] >= bucket {
        if cells[start - stride] == bucket {
            return (start - stride, false);
        }
        start -= stride;
    }
    let new = std::iter::once(bucket).chain(std::iter::repeat_n(0, stride - 1));
    cells.splice(start..start, new);
    (start, true)
}

fn fold(function: Function, cell: &mut [i64], (index, number): (usize, usize), value: i64) {
    let is_first = cell[1] >> index & 1 == 0;
    cell[number] = if is_first { value } else { combine(function, cell[number], value) };
    cell[1] |= 1 << index;
    if function == Function::Avg {
        cell[number + 1] += 1;
    }
}

fn combine(function: Function, a: i64, b: i64) -> i64 {
    match function {
        Function::Min => a.min(b),
        Function::Max => a.max(b),
        Function::Or => a | b,
        // DataFusion's sum wraps around as well.
        _ => a.wrapping_add(b),
    }
}
