//! Work on every thread there is, its results taken in order.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex};
use std::thread;

/// Most threads: beyond these they wait for each other.
const THREADS_MAX: usize = 4;

/// Desks a thread: one to work at, one that waits for its turn.
const DESKS_A_THREAD: usize = 2;

/// Where finished work is taken.
struct Counter<D, F> {
    /// The number of the piece that is taken next.
    next: u64,
    /// Pieces that were done before their turn.
    done: BTreeMap<u64, D>,
    /// Desks that nobody works at.
    spare: Vec<D>,
    /// A thread gave up: nothing more is taken.
    closed: bool,
    take: F,
}

/// Does pieces of work, each on any thread.
///
/// `give` puts the next piece on a desk, or says that there is none; `work` does it; `take` gets
/// the desks in the order in which their pieces were given. There are [`DESKS_A_THREAD`], so that
/// so much is under way at most, and what a desk holds is used again.
///
/// # Errors
/// The first error of `give` or `take`; what was given before an error of `give` is taken.
pub(super) fn in_order<D: Default + Send, E: Send>(
    give: impl FnMut(&mut D) -> Result<bool, E> + Send,
    work: impl Fn(&mut D) + Sync,
    take: impl FnMut(&mut D) -> Result<(), E> + Send,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let spare = std::iter::repeat_with(D::default).take(threads * DESKS_A_THREAD).collect();
    let source = Mutex::new((give, Some(0_u64)));
    let counter = Mutex::new(Counter { next: 0, done: BTreeMap::new(), spare, closed: false, take });
    let (freed, failed) = (Condvar::new(), Mutex::new(None));
    let fail = |error: E| {
        failed.lock().expect(UNBROKEN).get_or_insert(error);
    };
    let serve = || {
        loop {
            let lacks = |c: &mut Counter<D, _>| c.spare.is_empty() && !c.closed;
            let mut desk = {
                let mut counter = freed.wait_while(counter.lock().expect(UNBROKEN), lacks).expect(UNBROKEN);
                match counter.spare.pop() {
                    Some(desk) if !counter.closed => desk,
                    _ => return,
                }
            };
            let number = {
                let mut source = source.lock().expect(UNBROKEN);
                let (give, next) = &mut *source;
                let Some(number) = *next else { return };
                let given = give(&mut desk);
                *next = matches!(given, Ok(true)).then_some(number + 1);
                match given {
                    Ok(true) => number,
                    Ok(false) => return,
                    Err(error) => return fail(error),
                }
            };
            // Others may wait for this desk: they must hear of a panic.
            let done = catch_unwind(AssertUnwindSafe(|| work(&mut desk)));
            let mut counter = counter.lock().expect(UNBROKEN);
            counter.done.insert(number, desk);
            let taken = done.and_then(|()| catch_unwind(AssertUnwindSafe(|| counter.serve_all())));
            counter.closed |= !matches!(taken, Ok(Ok(())));
            drop(counter);
            freed.notify_all();
            match taken {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return fail(error),
                Err(panic) => resume_unwind(panic),
            }
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(serve)).collect();
        serve();
        for other in others {
            // The panic goes on with its own words.
            other.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    failed.into_inner().expect(UNBROKEN).map_or(Ok(()), Err)
}

/// No lock is held where `work` or `take` may panic unseen.
const UNBROKEN: &str = "whoever gives work does not panic";

impl<D, E, F: FnMut(&mut D) -> Result<(), E>> Counter<D, F> {
    /// Takes every piece whose turn it is.
    fn serve_all(&mut self) -> Result<(), E> {
        while !self.closed
            && let Some(mut desk) = self.done.remove(&self.next)
        {
            self.next += 1;
            (self.take)(&mut desk)?;
            self.spare.push(desk);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from 0 to 999, the odd ones with more to do, until `end` stops them.
    fn numbers(end: impl Fn(u64) -> Result<(), u64> + Send) -> (Vec<u64>, Result<(), u64>) {
        let (mut next, mut taken) = (0..1000_u64, Vec::new());
        let outcome = in_order(
            move |desk: &mut (u64, u64)| {
                let number = next.next();
                desk.0 = number.unwrap_or(0);
                number.map_or(Ok(false), |n| end(n).map(|()| true))
            },
            |desk| desk.1 = (0..(desk.0 % 2) * 5000).fold(desk.0, |n, _| std::hint::black_box(n)),
            |desk| {
                taken.push(desk.1);
                if desk.0 == 700 { Err(700) } else { Ok(()) }
            },
        );
        (taken, outcome)
    }

    #[test]
    fn what_is_done_is_taken_in_order_up_to_the_first_error() {
        assert_eq!(numbers(|_| Ok(())), ((0..=700).collect(), Err(700)));
        assert_eq!(numbers(|n| if n < 300 { Ok(()) } else { Err(n) }), ((0..300).collect(), Err(300)));
    }

    #[test]
    #[should_panic(expected = "at 500")]
    fn a_panic_ends_everything() {
        let mut next = 0;
        let _ = in_order(
            |desk: &mut u64| {
                next += 1;
                *desk = next;
                Ok::<_, ()>(true)
            },
            |desk| assert!(*desk != 500, "at 500"),
            |_| Ok(()),
        );
    }
}
