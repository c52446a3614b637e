//! The same program without a kernel: the other size_* programs less this one are what a kernel and
//! all that it calls add to the flash.
#![no_std]
#![no_main]

use core::hint::black_box;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    black_box(firmware::kernels::lengths(black_box(&[]), black_box(&[])));
    semihosting::process::exit(0)
}
