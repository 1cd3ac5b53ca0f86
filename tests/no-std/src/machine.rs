//! What a machine without std and libc has to bring: output, an end, a look at the stack, and four functions that the
//! compiler may call. x86-64 Linux.

use core::arch::asm;
use core::fmt;

/// Standard output, for formatted text.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text.as_bytes());
        Ok(())
    }
}

/// How deep the stack can be looked at.
const PAINTED_BYTES: usize = 512 * 1024;

/// Left alone below the stack pointer: the red zone of the function that paints, and its calls.
const SPARED_BYTES: usize = 1024;

const PAINT: u8 = 0xa5;

/// Does some work, and tells how many bytes of stack it touched: the stack is painted before, and looked at afterwards. What
/// reaches below the painted bytes shows as all of them.
#[inline(never)]
pub fn with_stack_used<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let top = stack_pointer() - SPARED_BYTES;
    let bottom = top - PAINTED_BYTES;
    // SAFETY: these bytes are below the stack pointer and its red zone, so they are nobody's; the kernel gives the stack 8 MiB.
    // Downwards, so that it grows page by page.
    unsafe {
        asm!("std", "rep stosb", "cld", inout("rcx") PAINTED_BYTES => _, inout("rdi") top - 1 => _, in("al") PAINT);
    }
    let done = work();
    let untouched: usize;
    // SAFETY: the same bytes are read; what was called has returned.
    unsafe {
        asm!("mov r8, rdi", "repe scasb", "mov rax, rdi", "sub rax, r8", inout("rcx") PAINTED_BYTES => _,
            inout("rdi") bottom => _, inlateout("rax") usize::from(PAINT) => untouched, out("r8") _);
    }
    (done, PAINTED_BYTES + 1 - untouched)
}

#[inline(always)]
fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// Writes to standard output.
pub fn write(bytes: &[u8]) {
    // SAFETY: system call write(1, pointer, length) of the Linux x86-64 ABI; the slice outlives it.
    unsafe {
        asm!("syscall", inlateout("rax") 1_isize => _, in("rdi") 1, in("rsi") bytes.as_ptr(), in("rdx") bytes.len(),
            lateout("rcx") _, lateout("r11") _);
    }
}

/// Ends the program.
pub fn exit(code: i32) -> ! {
    // SAFETY: system call exit_group(code) does not return.
    unsafe { asm!("syscall", in("rax") 231, in("rdi") code, options(noreturn)) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(2)
}

// The compiler may call these four; without libc the program brings its own.

/// # Safety
/// As C's memcpy.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller gives two ranges of n bytes that do not overlap; the direction flag is clear by the ABI.
    unsafe { asm!("rep movsb", inout("rcx") n => _, inout("rdi") to => _, inout("rsi") from => _) };
    to
}

/// # Safety
/// As C's memmove.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= n {
        // SAFETY: copying upwards is right unless `to` lies inside the source range, which was just excluded.
        return unsafe { memcpy(to, from, n) };
    }
    // SAFETY: copying downwards is right when `to` is above `from`; the flag is cleared again.
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") n => _,
            inout("rdi") to.wrapping_add(n).wrapping_sub(1) => _, inout("rsi") from.wrapping_add(n).wrapping_sub(1) => _);
    }
    to
}

/// # Safety
/// As C's memset.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, n: usize) -> *mut u8 {
    // SAFETY: the caller gives n writable bytes.
    unsafe { asm!("rep stosb", inout("rcx") n => _, inout("rdi") to => _, in("al") byte as u8) };
    to
}

/// # Safety
/// As C's memcmp.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    for i in 0..n {
        // SAFETY: the caller gives n readable bytes at each; volatile, so that the loop is not turned into a call of itself.
        let (x, y) = unsafe { (a.add(i).read_volatile(), b.add(i).read_volatile()) };
        if x != y {
            return i32::from(x) - i32::from(y);
        }
    }
    0
}

/// # Safety
/// As C's bcmp.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(a, b, n) }
}
