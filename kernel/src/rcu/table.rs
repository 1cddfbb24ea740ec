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

    /// Everything, in no order. What comes or goes meanwhile may be there or not.
    pub fn all<'r>(&self, reader: &'r Reader) -> impl Iterator<Item = &'r Arc<T>> {
        self.buckets.iter().filter_map(|bucket| bucket.read(reader)).flatten().map(|(_, value)| value)
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
