//! Bounded rings with one writer and one reader, for what crosses from one thread to another.
//!
//! Two kinds over the same two ends: [`ring`] carries values, [`records`] octets of any length. Neither locks,
//! allocates after it is made, or waits: a full ring refuses, an empty one has nothing. What is written is seen by the
//! reader after the writer's `publish`, so that a batch costs one store on a shared line.
//!
//! Sleeping is agreed on here, waking is not done here. Before it sleeps a reader says so ([`Consumer::may_sleep`]);
//! a writer is told by `publish` when the reader's doorbell has to be rung, and rings whatever the two agreed on.

use core::mem::MaybeUninit;

use crossbeam::utils::CachePadded;

use sync::{Arc, AtomicBool, AtomicUsize, Ordering, UnsafeCell, fence};

pub use records::{RecordReader, RecordWriter, records};

mod records;

/// The ring's two positions and the reader's sleep flag, each on lines of its own.
///
/// Positions count slots since the start and wrap with the word; the ring's length is a power of two, so a position
/// masked is an index.
struct Ends {
    /// Position of the next slot to read; written by the reader alone.
    read: CachePadded<AtomicUsize>,
    /// Position of the next slot to write; written by the writer alone.
    written: CachePadded<AtomicUsize>,
    /// Whether the reader sleeps, or is about to, and wants its doorbell rung.
    asleep: CachePadded<AtomicBool>,
}

impl Ends {
    fn new() -> Self {
        Self {
            read: CachePadded::new(AtomicUsize::new(0)),
            written: CachePadded::new(AtomicUsize::new(0)),
            asleep: CachePadded::new(AtomicBool::new(false)),
        }
    }

    /// Writer: shows all before `position`; true if the reader sleeps and this call is the one to wake it.
    fn publish(&self, position: usize) -> bool {
        self.written.store(position, Ordering::Release);
        // Pairs with the fence of `may_sleep`: either that reader sees our position, or we see its flag.
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed)
    }

    /// Reader at `position`: true if nothing more was published, and then the writer will ring.
    fn may_sleep(&self, position: usize) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let empty = self.written.load(Ordering::Acquire) == position;
        if !empty {
            self.asleep.store(false, Ordering::Relaxed);
        }
        empty
    }

    fn awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }
}

struct Ring<T> {
    ends: Ends,
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

// SAFETY: a slot is touched by the writer while its position lies in read + len > position >= written, and by the
// reader while read <= position < written; the positions are handed over with release and acquire. So no slot is
// reachable from two threads at once, and values move between threads, which asks for `T: Send`.
unsafe impl<T: Send> Sync for Ring<T> {}
// SAFETY: as above; the ring owns the values that are in it.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T> Ring<T> {
    fn slot(&self, position: usize) -> &UnsafeCell<MaybeUninit<T>> {
        &self.slots[position & (self.slots.len() - 1)]
    }

    /// Drops the value at `position`.
    ///
    /// # Safety
    /// The slot holds a value that is not read afterwards, and belongs to the caller's side.
    unsafe fn drop_at(&self, position: usize) {
        // SAFETY: the caller vouches for an initialised slot that no other thread touches.
        self.slot(position).with_mut(|slot| unsafe { slot.cast::<T>().drop_in_place() });
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let written = self.ends.written.load(Ordering::Acquire);
        let mut position = self.ends.read.load(Ordering::Acquire);
        while position != written {
            // SAFETY: both sides are gone, and what lies between the positions was written and not read.
            unsafe { self.drop_at(position) };
            position = position.wrapping_add(1);
        }
    }
}

/// A ring of at least `slots` values: its writing and its reading end.
///
/// The room is `slots` rounded up to a power of two.
pub fn ring<T: Send>(slots: usize) -> (Producer<T>, Consumer<T>) {
    let slots = slots.max(1).next_power_of_two();
    let slots = (0..slots).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
    let ring = Arc::new(Ring { ends: Ends::new(), slots });
    let producer = Producer { ring: Arc::clone(&ring), written: 0, shown: 0, read: 0 };
    (producer, Consumer { ring, read: 0, freed: 0, written: 0 })
}

/// The writing end of a [`ring`].
pub struct Producer<T> {
    ring: Arc<Ring<T>>,
    written: usize,
    shown: usize,
    /// The reader's position as last seen: asked for again only when the ring looks full.
    read: usize,
}

impl<T> Producer<T> {
    /// Puts a value in, unseen until [`Producer::publish`].
    ///
    /// # Errors
    /// Gives the value back if the ring is full.
    pub fn push(&mut self, value: T) -> Result<(), T> {
        if self.written.wrapping_sub(self.read) == self.ring.slots.len() {
            self.read = self.ring.ends.read.load(Ordering::Acquire);
            if self.written.wrapping_sub(self.read) == self.ring.slots.len() {
                return Err(value);
            }
        }
        self.ring.slot(self.written).with_mut(|slot| {
            // SAFETY: the slot lies past what is published and is free of the reader, so it is ours alone.
            unsafe { slot.cast::<T>().write(value) };
        });
        self.written = self.written.wrapping_add(1);
        Ok(())
    }

    /// Shows the reader what was pushed. True: the reader sleeps, ring its doorbell, once.
    #[must_use = "a sleeping reader waits for its doorbell"]
    pub fn publish(&mut self) -> bool {
        if self.shown == self.written {
            return false;
        }
        self.shown = self.written;
        self.ring.ends.publish(self.written)
    }
}

impl<T> Drop for Producer<T> {
    /// What was pushed and never published is shown after all, so that it is read or dropped with the ring.
    fn drop(&mut self) {
        self.ring.ends.written.store(self.written, Ordering::Release);
    }
}

/// The reading end of a [`ring`].
pub struct Consumer<T> {
    ring: Arc<Ring<T>>,
    read: usize,
    freed: usize,
    /// The writer's position as last seen: asked for again only when the ring looks empty.
    written: usize,
}

impl<T> Consumer<T> {
    fn has_next(&mut self) -> bool {
        if self.read == self.written {
            self.written = self.ring.ends.written.load(Ordering::Acquire);
        }
        self.read != self.written
    }

    /// Reads the next value in its slot, without moving it out, and drops it there. `None` if the ring is empty.
    ///
    /// The slot is the writer's again after [`Consumer::release`]. If `reader` panics the value is leaked.
    pub fn next_with<R>(&mut self, reader: impl FnOnce(&T) -> R) -> Option<R> {
        if !self.has_next() {
            return None;
        }
        let position = self.read;
        self.read = position.wrapping_add(1);
        let answer = self.ring.slot(position).with(|slot| {
            // SAFETY: the slot was published and is not yet freed, so it holds a value and is ours alone.
            reader(unsafe { &*slot.cast::<T>() })
        });
        // SAFETY: as above, and the position has moved past it.
        unsafe { self.ring.drop_at(position) };
        Some(answer)
    }

    /// Moves the next value out and frees its slot at once. `None` if the ring is empty.
    pub fn pop(&mut self) -> Option<T> {
        if !self.has_next() {
            return None;
        }
        let value = self.ring.slot(self.read).with(|slot| {
            // SAFETY: the slot was published and is not yet freed; the position moves past it just below.
            unsafe { slot.cast::<T>().read() }
        });
        self.read = self.read.wrapping_add(1);
        self.release();
        Some(value)
    }

    /// Gives the slots read so far back to the writer.
    pub fn release(&mut self) {
        if self.freed != self.read {
            self.freed = self.read;
            self.ring.ends.read.store(self.read, Ordering::Release);
        }
    }

    /// To be asked before sleeping. True: nothing is there to read, and the next `publish` asks for the doorbell.
    #[must_use = "false means there is something to read"]
    pub fn may_sleep(&mut self) -> bool {
        self.release();
        self.ring.ends.may_sleep(self.read)
    }

    /// To be said after sleeping, so that nobody rings for a reader that is awake.
    pub fn awake(&mut self) {
        self.ring.ends.awake();
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.release();
    }
}

/// What the rings are built of: the real thing, or loom's models of it, which try every interleaving.
mod sync {
    #[cfg(not(loom))]
    pub(super) use self::plain::UnsafeCell;
    #[cfg(not(loom))]
    pub(super) use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    #[cfg(loom)]
    pub(super) use loom::{
        cell::UnsafeCell,
        sync::Arc,
        sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence},
    };
    #[cfg(not(loom))]
    pub(super) use std::sync::Arc;

    #[cfg(not(loom))]
    mod plain {
        /// The standard cell, spoken to as loom's is.
        pub(in crate::spsc) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

        impl<T> UnsafeCell<T> {
            pub(in crate::spsc) fn new(value: T) -> Self {
                Self(core::cell::UnsafeCell::new(value))
            }

            pub(in crate::spsc) fn with<R>(&self, reader: impl FnOnce(*const T) -> R) -> R {
                reader(self.0.get())
            }

            pub(in crate::spsc) fn with_mut<R>(&self, writer: impl FnOnce(*mut T) -> R) -> R {
                writer(self.0.get())
            }
        }
    }
}

#[cfg(test)]
mod tests;
