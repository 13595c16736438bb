//! The rings against a `VecDeque`, between threads, and, under `--cfg loom`, in every interleaving.

#[cfg(not(loom))]
mod one_thread {
    use std::collections::VecDeque;
    use std::rc::Rc;

    use proptest::prelude::*;

    use crate::spsc::{records, ring};

    proptest! {
        #[test]
        fn a_ring_is_a_bounded_queue(steps in prop::collection::vec(any::<Option<u16>>(), 0..200)) {
            let (mut producer, mut consumer) = ring(5);
            let mut model = VecDeque::new();
            for step in steps {
                if let Some(value) = step {
                    let fits = model.len() < 8;
                    prop_assert_eq!(producer.push(Box::new(value)).is_ok(), fits);
                    prop_assert!(!producer.publish());
                    if fits {
                        model.push_back(value);
                    }
                } else {
                    prop_assert_eq!(consumer.pop().map(|value| *value), model.pop_front());
                }
            }
        }

        #[test]
        fn records_come_out_whole_and_in_order(
            steps in prop::collection::vec(prop::option::of((0usize..40, 0usize..60)), 0..300),
        ) {
            let (mut writer, mut reader) = records(128);
            let mut model = VecDeque::new();
            for (n, step) in steps.into_iter().enumerate() {
                if let Some((head, body)) = step {
                    let octets: Vec<u8> = (n..n + head + body).map(|octet| octet as u8).collect();
                    let was_empty = model.is_empty();
                    let written = writer.write(&octets[..head], &octets[head..]);
                    prop_assert!(written || !was_empty || head + body > 60, "refused when empty");
                    prop_assert!(!writer.publish());
                    if written {
                        model.push_back(octets);
                    }
                } else {
                    prop_assert_eq!(reader.next_with(<[u8]>::to_vec), model.pop_front());
                    reader.release();
                }
            }
        }
    }

    #[test]
    fn what_was_pushed_is_unseen_until_published() {
        let (mut producer, mut consumer) = ring(4);
        assert_eq!(producer.push(1), Ok(()));
        assert_eq!(consumer.pop(), None);
        assert!(consumer.may_sleep(), "nothing was published");
        assert!(producer.publish(), "the reader sleeps");
        assert!(!producer.publish(), "nothing new");
        assert_eq!(producer.push(2), Ok(()));
        assert!(!producer.publish(), "it was rung for already");
        assert!(!consumer.may_sleep(), "there is something to read");
        assert_eq!((consumer.pop(), consumer.pop(), consumer.pop()), (Some(1), Some(2), None));
    }

    #[test]
    fn values_left_in_a_ring_are_dropped_with_it_and_read_ones_at_once() {
        let value = Rc::new(());
        let held = || Rc::strong_count(&value) - 1;
        // One thread has both ends here; the wrapper only lets the test count.
        struct Counted(#[expect(dead_code, reason = "held for its drop")] Rc<()>);
        // SAFETY: neither end leaves this thread.
        unsafe impl Send for Counted {}
        let (mut producer, mut consumer) = ring(4);
        for _ in 0..4 {
            assert!(producer.push(Counted(Rc::clone(&value))).is_ok());
        }
        assert!(producer.push(Counted(Rc::clone(&value))).is_err());
        assert!(!producer.publish());
        assert_eq!(held(), 4);
        assert!(consumer.next_with(|_| ()).is_some());
        assert_eq!(held(), 3, "dropped in its slot");
        assert!(producer.push(Counted(Rc::clone(&value))).is_err(), "not released yet");
        consumer.release();
        assert!(producer.push(Counted(Rc::clone(&value))).is_ok());
        drop((producer, consumer));
        assert_eq!(held(), 0);
    }
}

#[cfg(not(loom))]
mod two_threads {
    use std::thread;

    use crate::spsc::{records, ring};

    #[test]
    fn values_cross_in_order_and_a_sleeper_is_woken() {
        const COUNT: u32 = 50_000;
        let (mut producer, mut consumer) = ring(64);
        let reader = thread::spawn(move || {
            let mut next = 0;
            while next < COUNT {
                match consumer.pop() {
                    Some(value) => {
                        assert_eq!(value, next);
                        next += 1;
                    }
                    // The writer unparks whenever it is told to: were one wake-up lost, this would hang.
                    None if consumer.may_sleep() => thread::park(),
                    None => {}
                }
            }
        });
        for value in 0..COUNT {
            while producer.push(value).is_err() {
                thread::yield_now();
            }
            if producer.publish() {
                reader.thread().unpark();
            }
        }
        reader.join().unwrap();
    }

    #[test]
    fn records_cross_whole_and_a_sleeper_is_woken() {
        const COUNT: usize = 20_000;
        let (mut writer, mut reader) = records(4096);
        let reading = thread::spawn(move || {
            let mut next = 0;
            while next < COUNT {
                let whole = reader.next_with(|record| {
                    record.len() == next % 300 && record.iter().all(|&octet| octet == next as u8)
                });
                reader.release();
                match whole {
                    Some(whole) => {
                        assert!(whole, "record {next}");
                        next += 1;
                    }
                    None if reader.may_sleep() => thread::park(),
                    None => {}
                }
            }
        });
        for n in 0..COUNT {
            let record = vec![n as u8; n % 300];
            let (head, body) = record.split_at(record.len() / 3);
            while !writer.write(head, body) {
                thread::yield_now();
            }
            if writer.publish() {
                reading.thread().unpark();
            }
        }
        reading.join().unwrap();
    }
}

#[cfg(loom)]
mod every_interleaving {
    use loom::thread;

    use crate::spsc::ring;

    #[test]
    fn values_cross_once_and_in_order() {
        loom::model(|| {
            let (mut producer, mut consumer) = ring(2);
            let writer = thread::spawn(move || {
                let mut sent = 0;
                for value in 0..3_u32 {
                    if producer.push(value).is_err() {
                        break;
                    }
                    sent += 1;
                    let _ = producer.publish();
                }
                sent
            });
            let mut seen = 0;
            for _ in 0..2 {
                if let Some(value) = consumer.pop() {
                    assert_eq!(value, seen);
                    seen += 1;
                }
            }
            let sent = writer.join().unwrap();
            while let Some(value) = consumer.pop() {
                assert_eq!(value, seen);
                seen += 1;
            }
            assert_eq!(seen, sent);
        });
    }

    #[test]
    fn a_reader_that_sleeps_on_an_empty_ring_is_rung_for() {
        loom::model(|| {
            let (mut producer, mut consumer) = ring(2);
            let writer = thread::spawn(move || {
                assert!(producer.push(7_u32).is_ok());
                producer.publish()
            });
            let slept = consumer.may_sleep();
            let rung = writer.join().unwrap();
            assert!(!slept || rung, "asleep with something to read, and nobody rang");
            assert_eq!(consumer.pop(), Some(7));
        });
    }
}
