//! Bounds, order and counts of one queue.

use super::*;

const OPTIONS: QueueOptions = QueueOptions { bytes_max: 100, on_slow: OnSlow::DropNew };

#[test]
fn events_beyond_the_bound_are_dropped_and_counted() {
    let mut queue = Queue::default();
    assert_eq!(queue.append(&[0; 60], Lane::Event, &OPTIONS), Appended::FlushOwed);
    assert_eq!(queue.append(&[0; 60], Lane::Event, &OPTIONS), Appended::Dropped { is_first: true });
    assert_eq!(queue.append(&[0; 60], Lane::Event, &OPTIONS), Appended::Dropped { is_first: false });
    assert_eq!(queue.append(&[0; 40], Lane::Event, &OPTIONS), Appended::Queued);
    assert_eq!((queue.len(), queue.dropped), (100, 2));
    assert_eq!(queue.advance(100), Some(2));
}

#[test]
fn events_too_long_for_the_session_are_told_once() {
    let mut queue = Queue::default();
    assert_eq!(queue.count_too_long(), Appended::TooLong { is_first: true });
    queue.append(&[0; 60], Lane::Event, &OPTIONS);
    assert_eq!(queue.advance(60), Some(0), "it has not fallen behind");
    assert_eq!(queue.count_too_long(), Appended::TooLong { is_first: false });
    assert_eq!(queue.dropped, 2);
}

#[test]
fn replies_find_room_where_events_do_not() {
    let mut queue = Queue::default();
    queue.append(&[0; 100], Lane::Event, &OPTIONS);
    assert_eq!(queue.append(&[0; 60], Lane::Control, &OPTIONS), Appended::Queued);
    queue.append(&vec![0; RESERVED_LANE_BYTES], Lane::Control, &OPTIONS);
    assert_eq!(queue.append(&[0], Lane::Control, &OPTIONS), Appended::Overflow);
}

#[test]
fn a_large_event_passes_through_an_empty_queue() {
    let mut queue = Queue::default();
    assert_eq!(queue.append(&[0; 500], Lane::Event, &OPTIONS), Appended::FlushOwed);
}

#[test]
fn an_event_has_a_longest_length_even_for_an_empty_queue() {
    let mut queue = Queue::default();
    let event = vec![0; EVENT_LEN_MAX + 1];
    assert_eq!(queue.append(&event, Lane::Event, &OPTIONS), Appended::Dropped { is_first: true });
    assert_eq!((queue.len(), queue.dropped), (0, 1));
    assert_eq!(queue.append(&event[1..], Lane::Event, &OPTIONS), Appended::FlushOwed);
}

#[test]
fn a_refusal_and_the_last_message_find_room_where_replies_do_not() {
    let mut queue = Queue::default();
    queue.append(&vec![0; 101 + RESERVED_LANE_BYTES], Lane::Control, &OPTIONS);
    assert_eq!(queue.append(&[0], Lane::Control, &OPTIONS), Appended::Overflow);
    assert_eq!(queue.append(&vec![0; RESERVED_LANE_BYTES], Lane::Last, &OPTIONS), Appended::Queued);
    assert_eq!(queue.append(&[0], Lane::Last, &OPTIONS), Appended::Overflow);
}

#[test]
fn a_policy_of_disconnecting_does_not_drop() {
    let options = QueueOptions { on_slow: OnSlow::Disconnect, ..OPTIONS };
    let mut queue = Queue::default();
    queue.append(&[0; 60], Lane::Event, &options);
    assert_eq!(queue.append(&[0; 60], Lane::Event, &options), Appended::Overflow);
}

#[test]
fn what_the_owner_writes_needs_no_flush_by_others() {
    let mut queue = Queue::default();
    queue.append(b"ab", Lane::Event, &OPTIONS);
    assert!(queue.begin_flush());
    queue.advance(1);
    queue.give_to_owner();
    assert_eq!(queue.append(b"cd", Lane::Event, &OPTIONS), Appended::Queued);
    assert_eq!(queue.unwritten(), b"bcd");
    assert_eq!(queue.advance(3), Some(0));
    assert_eq!(queue.append(b"e", Lane::Event, &OPTIONS), Appended::FlushOwed);
}

#[test]
fn a_large_message_is_shared_and_keeps_its_place() {
    let mut queue = Queue::default();
    let large = Bytes::from(vec![b'x'; 50]);
    queue.append(b"ab", Lane::Event, &OPTIONS);
    queue.advance(1);
    assert_eq!(queue.append_shared(large.clone(), Lane::Event, &OPTIONS), Appended::Queued);
    queue.append(b"cd", Lane::Event, &OPTIONS);
    assert_eq!(queue.len(), 53);
    assert!(matches!(queue.append_shared(large.clone(), Lane::Event, &OPTIONS), Appended::Dropped { .. }));
    assert_eq!(queue.unwritten(), b"b");
    assert_eq!(queue.advance(1), None);
    assert_eq!(queue.unwritten().as_ptr(), large.as_ptr());
    assert_eq!(queue.advance(20), None);
    assert_eq!((queue.unwritten(), queue.len()), (&large[20..], 32));
    assert_eq!(queue.advance(30), None);
    assert_eq!(queue.unwritten(), b"cd");
    assert_eq!(queue.advance(2), Some(1));
    assert_eq!(queue.len(), 0);
}

#[test]
fn what_is_taken_out_counts_until_it_is_put_away() {
    let mut queue = Queue::default();
    queue.append(&[1; 60], Lane::Event, &OPTIONS);
    queue.give_to_owner();
    assert_eq!(queue.take_out(), [1; 60].as_slice());
    assert!(matches!(queue.append(&[2; 60], Lane::Event, &OPTIONS), Appended::Dropped { .. }));
    assert_eq!(queue.append(&[2; 40], Lane::Event, &OPTIONS), Appended::Queued);
    assert_eq!((queue.put_away(50), queue.len()), (None, 50));
    assert_eq!(queue.append(&[3; 50], Lane::Event, &OPTIONS), Appended::Queued);
    assert_eq!(queue.put_away(10), None);
    assert_eq!(queue.take_out().len(), 90);
    assert_eq!(queue.put_away(90), Some(1));
}

fn shared(len: usize) -> Bytes {
    Bytes::from(vec![b'x'; len])
}

#[test]
fn two_long_messages_wait_beside_what_the_bound_holds() {
    let mut queue = Queue::default();
    queue.append(&[0; 24], Lane::Control, &OPTIONS);
    assert_eq!(queue.append_shared(shared(5000), Lane::Event, &OPTIONS), Appended::Queued);
    assert_eq!(queue.append(&[0; 40], Lane::Event, &OPTIONS), Appended::Queued);
    assert_eq!(queue.append_shared(shared(6000), Lane::Event, &OPTIONS), Appended::Queued);
    let third = queue.append_shared(shared(51), Lane::Event, &OPTIONS);
    assert_eq!(third, Appended::Dropped { is_first: true });
    assert_eq!(queue.append(&[0; 36], Lane::Event, &OPTIONS), Appended::Queued);
    assert_eq!(queue.append(&[0; 1], Lane::Event, &OPTIONS), Appended::Dropped { is_first: false });
    assert_eq!(queue.len(), 11_000 + 100);
    // The first of them is written but for one byte: it still waits.
    queue.advance(24);
    queue.advance(4999);
    assert!(matches!(queue.append_shared(shared(51), Lane::Event, &OPTIONS), Appended::Dropped { .. }));
    queue.advance(1);
    assert_eq!(queue.append_shared(shared(51), Lane::Event, &OPTIONS), Appended::Queued);
    while queue.advance(queue.unwritten().len()).is_none() {}
    assert_eq!((queue.long.messages, queue.long.bytes, queue.len_beside_long()), (0, 0, 0));
}

#[test]
fn replies_and_events_find_room_behind_a_long_event() {
    let mut queue = Queue::default();
    queue.append_shared(shared(1 << 20), Lane::Event, &OPTIONS);
    assert_eq!(queue.append(&[0; 24], Lane::Control, &OPTIONS), Appended::Queued);
    assert_eq!(queue.append(&[0; 24], Lane::Event, &OPTIONS), Appended::Queued);
    assert_eq!(queue.append(&[0; 24], Lane::Last, &OPTIONS), Appended::Queued);
    queue.append(&vec![0; RESERVED_LANE_BYTES + 100], Lane::Control, &OPTIONS);
    assert_eq!(queue.append_shared(shared(51), Lane::Control, &OPTIONS), Appended::Overflow);
}

#[test]
fn a_long_message_that_is_taken_out_is_long_until_it_is_put_away() {
    let mut queue = Queue::default();
    queue.append_shared(shared(1000), Lane::Event, &OPTIONS);
    queue.append_shared(shared(1000), Lane::Event, &OPTIONS);
    assert_eq!(queue.take_out().len(), 1000);
    assert_eq!(queue.append(&[0; 60], Lane::Event, &OPTIONS), Appended::Queued);
    assert_eq!(queue.put_away(999), None);
    assert!(matches!(queue.append_shared(shared(51), Lane::Event, &OPTIONS), Appended::Dropped { .. }));
    assert_eq!(queue.put_away(1), None);
    assert_eq!(queue.append_shared(shared(51), Lane::Event, &OPTIONS), Appended::Queued);
    assert_eq!(queue.len_beside_long(), 60);
}

#[test]
fn small_messages_between_large_ones_take_no_more_than_they_are() {
    let options = QueueOptions { bytes_max: 4 << 20, on_slow: OnSlow::DropNew };
    let mut queue = Queue { bytes: Vec::with_capacity(128 * 1024), ..Queue::default() };
    let large = Bytes::from(vec![0; 64 * 1024]);
    for _ in 0..50 {
        queue.append(b"small", Lane::Event, &options);
        queue.append_shared(large.clone(), Lane::Event, &options);
    }
    assert_eq!(queue.pieces.len(), 100);
    assert_eq!(queue.bytes.capacity(), 128 * 1024, "the buffer is kept");
}

#[test]
fn a_slow_writer_does_not_let_the_buffer_grow() {
    let options = QueueOptions { bytes_max: 1 << 20, on_slow: OnSlow::DropNew };
    let mut queue = Queue::default();
    for _ in 0..10_000 {
        queue.append(&[0; 1000], Lane::Event, &options);
        queue.advance(990);
    }
    assert!(queue.bytes.capacity() < 4 << 20, "{}", queue.bytes.capacity());
}
