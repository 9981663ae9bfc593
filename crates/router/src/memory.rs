//! Memory that was freed, and that the allocator keeps for later.

/// Gives memory that was freed back to the operating system, such as that of realms that were stopped.
///
/// The GNU C library keeps it otherwise: what one page holds is seldom freed together. Takes some milliseconds for each 100 MiB,
/// in which other threads may have to wait for memory: for a moment when little happens, on a thread that may block, not after
/// each realm. Elsewhere than on Linux with that library it does nothing.
pub fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: any thread may call it at any time, and it touches nothing that is in use.
        #[expect(unsafe_code, reason = "the allocator has no other interface")]
        let _ = unsafe { libc::malloc_trim(0) };
    }
}
