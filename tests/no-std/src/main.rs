//! Encodes, decodes and compares one event, without std, libc or an allocator; x86-64 Linux.
//!
//! Exit 0: what was decoded equals what was encoded. Exit 1: it does not. Exit 2: panic.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

use room_events::topic::{AgentAddress, Topic};
use room_events::wire::{MAX_EVENT_BYTES, decode, encode};
use room_events::{
    AgentId, ClockQuality, Event, Milestone, MilestoneReached, Observation, RoomId, SiteId, SourceId, Token, TrustId,
    UtcMillis,
};

global_asm!(".globl _start", "_start:", "xor ebp, ebp", "and rsp, -16", "call {main}", main = sym main);

extern "C" fn main() -> ! {
    exit(i32::from(round_trip() != Some(true)))
}

fn round_trip() -> Option<bool> {
    let event = Event {
        v: 1,
        at: UtcMillis::new(1_644_585_000_000).ok()?,
        captured: UtcMillis::new(1_644_585_002_000).ok()?,
        mono: 123_456,
        clock: ClockQuality::Synchronised,
        source: SourceId::new("gpio").ok()?,
        order: 1,
        site: None,
        room: RoomId::new("suite-2").ok(),
        obs: Observation::Milestone(MilestoneReached::new(
            Token { key: 7, digest: 0x9f86_d081 },
            Milestone::ProcedureStart,
        )),
    };
    let mut buffer = [0; MAX_EVENT_BYTES];
    let bytes = encode(&event, &mut buffer).ok()?;
    let topic = Topic::Events(AgentAddress {
        trust: TrustId::new("demo").ok()?,
        site: SiteId::new("main").ok()?,
        agent: AgentId::new("theatre-1").ok()?,
    });
    write(topic.text().as_bytes());
    write(b"\n");
    write(bytes);
    write(b"\n");
    Some(decode(bytes).ok()? == event && Topic::parse(&topic.text())? == topic)
}

fn write(bytes: &[u8]) {
    // SAFETY: system call write(1, pointer, length) of the Linux x86-64 ABI; the slice outlives it.
    unsafe {
        asm!("syscall", inlateout("rax") 1_isize => _, in("rdi") 1, in("rsi") bytes.as_ptr(), in("rdx") bytes.len(),
            lateout("rcx") _, lateout("r11") _);
    }
}

fn exit(code: i32) -> ! {
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
