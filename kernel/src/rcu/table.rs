//! A table by number that readers look into without a lock. Writers replace one short bucket of it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Reader, Replaced};

/// What each number stands for.
pub struct Table<T> {
    buckets: [Replaced<Bucket<T>>; BUCKETS],
}

/// Those whose numbers have one remainder.
type Bucket<T> = Vec<(u32, Arc<T>)>;

const BUCKETS: usize = 128;

/// How far one has come through a table.
#[derive(Default)]
pub struct Place {
    bucket: usize,
    /// In the bucket, which is gone through by rising numbers.
    number: Option<u32>,
}

impl<T: Send + Sync + 'static> Table<T> {
    /// Nothing.
    pub const fn new() -> Self {
        Table { buckets: [const { Replaced::empty() }; BUCKETS] }
    }

    /// What `number` stands for.
    pub fn find<'r>(&self, reader: &'r Reader, number: u32) -> Option<&'r Arc<T>> {
        let bucket = self.bucket(number).read(reader)?;
        bucket.iter().find(|(other, _)| *other == number).map(|(_, value)| value)
    }

    /// The next one. Who goes on from there with another reader misses nobody who is there all the time.
    pub fn next<'r>(&self, reader: &'r Reader, place: &mut Place) -> Option<&'r Arc<T>> {
        while let Some(bucket) = self.buckets.get(place.bucket) {
            let later = |(number, _): &&(u32, _)| place.number.is_none_or(|before| before < *number);
            let rest = bucket.read(reader).into_iter().flatten().filter(later);
            if let Some((number, value)) = rest.min_by_key(|(number, _)| *number) {
                place.number = Some(*number);
                return Some(value);
            }
            *place = Place { bucket: place.bucket + 1, number: None };
        }
        None
    }

    /// `number` stands for `value` from here on.
    pub fn insert(&self, number: u32, value: Arc<T>) {
        self.bucket(number).update(|bucket| {
            let mut bucket = Self::without(bucket, number);
            bucket.push((number, value));
            Some(bucket)
        });
    }

    /// `number` stands for nothing any more.
    pub fn remove(&self, number: u32) {
        self.bucket(number).update(|bucket| Some(Self::without(bucket, number)).filter(|bucket| !bucket.is_empty()));
    }

    fn without(bucket: Option<&Bucket<T>>, number: u32) -> Bucket<T> {
        bucket.into_iter().flatten().filter(|(other, _)| *other != number).cloned().collect()
    }

    /// Numbers are given one after another.
    fn bucket(&self, number: u32) -> &Replaced<Bucket<T>> {
        &self.buckets[number as usize % BUCKETS]
    }
}
