#![no_std]
#![no_main]

use core::hint::black_box;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    black_box(firmware::kernels::kl(black_box(&[]), black_box(&[])));
    semihosting::process::exit(0)
}
