//! An empty program: the other size_* programs less this one are what a kernel and all that it
//! calls add to the flash.
#![no_std]
#![no_main]

use firmware as _;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    semihosting::process::exit(0)
}
