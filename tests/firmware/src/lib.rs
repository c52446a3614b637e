//! Start-up code, the marks between which the emulator counts instructions, and a measure of the
//! stack. Programs define `extern "C" fn main() -> !`.
#![no_std]

use core::arch::asm;

pub mod kernels;

/// Without its message: formatting code would hide what the kernels take.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    semihosting::process::exit(101)
}

// Its reset handler turns on the FPU, fills the memory and calls `main`.
#[cfg(target_arch = "arm")]
use cortex_m_rt as _;

// A Linux program without a library, so that QEMU's user mode runs it.
#[cfg(target_arch = "riscv32")]
core::arch::global_asm!(
    ".global _start",
    "_start:",
    ".option push",
    ".option norelax",
    "la gp, __global_pointer$",
    ".option pop",
    "andi sp, sp, -16",
    "call main",
);
#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(".global _start", "_start: bl main");

/// Runs `f` between the marks that `insn_count.c` looks for.
///
/// The second mark may change the result as far as the compiler knows, so that nothing computed
/// from it moves between the marks.
#[inline(always)]
pub fn counted<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: each is a move of a register onto itself.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov r9, r9");
        #[cfg(target_arch = "riscv32")]
        asm!("slti x0, x0, 81");
        #[cfg(target_arch = "aarch64")]
        asm!("mov x9, x9");
        let mut result = f();
        #[cfg(target_arch = "arm")]
        asm!("mov r10, r10", "/* {0} */", in(reg) &raw mut result);
        #[cfg(target_arch = "riscv32")]
        asm!("slti x0, x0, 82", "/* {0} */", in(reg) &raw mut result);
        #[cfg(target_arch = "aarch64")]
        asm!("mov x10, x10", "/* {0} */", in(reg) &raw mut result);
        result
    }
}

/// Bytes of stack that `f` uses, by what it overwrites of a pattern below the stack pointer.
#[inline(never)]
pub fn stack_used(f: impl FnOnce()) -> usize {
    const PATTERN: u32 = 0xa5c3_3c5a;
    const BELOW: usize = 16 * 1024;
    let top: usize;
    // SAFETY: reads a register. The memory below the stack pointer belongs to nobody while there
    // are no interrupts, and all boards have more of it; volatile accesses leave the compiler's
    // own use of it alone, which is above `top - 16`.
    unsafe {
        #[cfg(target_arch = "riscv32")]
        asm!("mv {}, sp", out(reg) top);
        #[cfg(not(target_arch = "riscv32"))]
        asm!("mov {}, sp", out(reg) top);
        let words = || (top - BELOW..top - 16).step_by(4).map(|at| at as *mut u32);
        words().for_each(|at| at.write_volatile(PATTERN));
        f();
        words().find(|at| at.read_volatile() != PATTERN).map_or(0, |at| top - at as usize)
    }
}
