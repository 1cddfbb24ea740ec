//! Work that waits as much as it computes, done two pieces at a time.

use std::sync::Mutex;
use std::thread;

/// As many as wait for each other's disk and clock without being in each other's way on two cores.
const AT_ONCE: usize = 2;

/// Does `work` to each of `items`, begun in their order. `done` hears what came of each as it ends.
pub fn each<I: Send, T: Send>(items: Vec<I>, work: impl Fn(I) -> T + Sync, done: impl FnMut(T) + Send) {
    let (items, done) = (Mutex::new(items.into_iter()), Mutex::new(done));
    let next = || items.lock().expect("nobody panics with it").next();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(item) = next() {
                    let came = work(item);
                    done.lock().expect("nobody panics with it")(came);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn everything_is_done_once() {
        let mut sum = 0;
        each((1..=100).collect(), |n| n * n, |square| sum += square);
        assert_eq!(sum, 338_350);
    }

    #[test]
    fn two_are_at_work() {
        let both = Barrier::new(AT_ONCE);
        each(vec![(); AT_ONCE], |()| both.wait(), drop);
    }
}
