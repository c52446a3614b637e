//! Blocks of rows on all threads, their results in order.

use crate::Failure;

/// How many there are to work with: those of rayon's pool, with the feature `rayon`.
pub(crate) fn count() -> usize {
    #[cfg(feature = "rayon")]
    return rayon_core::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    1
}

/// Has so many in the pool, before any of them works.
pub(crate) fn limit(threads: usize) -> Result<(), Failure> {
    #[cfg(feature = "rayon")]
    rayon_core::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|error| Failure::Data(format!("--threads {threads}: {error}")))?;
    // One is all there is.
    #[cfg(not(feature = "rayon"))]
    let _ = threads;
    Ok(())
}

/// Calls `work` for each block, each worker on a thread of its own, and `take` with what comes of it, block after
/// block in their order. What a thread makes while another one is kept from its block has to wait: no thread works on a
/// block that is `ahead` or more after the one whose turn it is. The first failure ends it.
pub(crate) fn in_order<W: Send, R: Send>(
    blocks: usize,
    ahead: usize,
    mut workers: Vec<W>,
    work: impl Fn(&mut W, usize) -> Result<R, Failure> + Sync,
    mut take: impl FnMut(R) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    #[cfg(feature = "rayon")]
    if workers.len() > 1 {
        return pool::in_order(blocks, ahead.max(1), workers, work, take);
    }
    let _ = ahead;
    let Some(worker) = workers.first_mut() else {
        return Ok(());
    };
    (0..blocks).try_for_each(|block| take(work(worker, block)?))
}

#[cfg(feature = "rayon")]
mod pool {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::collections::BTreeMap;
    use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

    use crate::Failure;

    struct Desk<R, T> {
        /// The block whose turn it is.
        turn: usize,
        waiting: BTreeMap<usize, R>,
        take: T,
        failure: Option<(usize, Failure)>,
    }

    pub(super) fn in_order<W: Send, R: Send>(
        blocks: usize,
        ahead: usize,
        workers: Vec<W>,
        work: impl Fn(&mut W, usize) -> Result<R, Failure> + Sync,
        take: impl FnMut(R) -> Result<(), Failure> + Send,
    ) -> Result<(), Failure> {
        let next = AtomicUsize::new(0);
        let desk = Mutex::new(Desk { turn: 0, waiting: BTreeMap::new(), take, failure: None });
        let turned = Condvar::new();
        let serve = |mut worker: W| {
            loop {
                let block = next.fetch_add(1, Ordering::Relaxed);
                if block >= blocks || !may_begin(&desk, &turned, block, ahead) {
                    return;
                }
                let done = work(&mut worker, block);
                hand_in(&mut lock(&desk), block, done);
                turned.notify_all();
            }
        };
        rayon_core::scope(|scope| {
            for worker in workers {
                scope.spawn(|_| serve(worker));
            }
        });
        let desk = desk.into_inner().unwrap_or_else(PoisonError::into_inner);
        desk.failure.map_or(Ok(()), |(_, failure)| Err(failure))
    }

    /// A thread that panicked ends the program anyway.
    fn lock<D>(desk: &Mutex<D>) -> MutexGuard<'_, D> {
        desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the block is not too far ahead; false once something has failed.
    fn may_begin<R, T>(
        desk: &Mutex<Desk<R, T>>,
        turned: &Condvar,
        block: usize,
        ahead: usize,
    ) -> bool {
        let must_wait =
            |desk: &mut Desk<R, T>| desk.failure.is_none() && block >= desk.turn + ahead;
        let desk = turned.wait_while(lock(desk), must_wait);
        desk.unwrap_or_else(PoisonError::into_inner).failure.is_none()
    }

    fn hand_in<R>(
        desk: &mut Desk<R, impl FnMut(R) -> Result<(), Failure>>,
        block: usize,
        done: Result<R, Failure>,
    ) {
        match done {
            Ok(result) => {
                desk.waiting.insert(block, result);
            }
            Err(failure) => fail(&mut desk.failure, block, failure),
        }
        while desk.failure.is_none()
            && let Some(result) = desk.waiting.remove(&desk.turn)
        {
            match (desk.take)(result) {
                Ok(()) => desk.turn += 1,
                Err(failure) => fail(&mut desk.failure, desk.turn, failure),
            }
        }
    }

    /// The failure of the earliest block is the one that is told.
    fn fail(failed: &mut Option<(usize, Failure)>, block: usize, failure: Failure) {
        if failed.as_ref().is_none_or(|&(earlier, _)| block < earlier) {
            *failed = Some((block, failure));
        }
    }
}
