//! Buffers that go from session to session, so that an idle one holds none and a busy one need not allocate.

use std::cell::RefCell;

const BUFFERS_MAX: usize = 64;
const BUFFER_BYTES_MAX: usize = 128 * 1024;

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn take() -> Vec<u8> {
    POOL.with_borrow_mut(Vec::pop).unwrap_or_default()
}

pub(super) fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() <= BUFFER_BYTES_MAX {
        buffer.clear();
        POOL.with_borrow_mut(|pool| {
            if pool.len() < BUFFERS_MAX {
                pool.push(buffer);
            }
        });
    }
}
