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

/// Unmaps the program's own code, so that of it only what runs from now on counts as this process's memory. For a moment when a
/// program has started: what reads command lines and configurations is not needed again.
///
/// The system keeps the pages, and maps each that is used again when that happens, which takes less than a microsecond. Elsewhere
/// than on Linux it does nothing.
pub fn give_back_start() {
    #[cfg(target_os = "linux")]
    for (start, len) in own_code().unwrap_or_default() {
        // SAFETY: the range is of code that is mapped from the program's file and is not written to: it is read again from there.
        #[expect(unsafe_code, reason = "the system has no other interface")]
        let _ = unsafe { libc::madvise(start as *mut libc::c_void, len, libc::MADV_DONTNEED) };
    }
}

/// Where the program's code is mapped: start and length.
#[cfg(target_os = "linux")]
fn own_code() -> std::io::Result<Vec<(usize, usize)>> {
    let program = std::fs::read_link("/proc/self/exe")?;
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let range = |line: &str| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        // Private, never writable; data is left alone, as parts of it have been changed by the linker.
        let is_code = words.next()? == "r-xp" && line.ends_with(program.to_str()?);
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        is_code.then_some((start, end - start))
    };
    Ok(maps.lines().filter_map(range).collect())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_program_whose_code_was_given_back_runs_on() {
        assert!(!own_code().unwrap().is_empty());
        give_back_start();
        assert_eq!((1..=10).sum::<u32>(), 55);
    }
}
