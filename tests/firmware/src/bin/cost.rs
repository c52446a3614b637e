//! Runs each kernel over 1,024 elements between marks and prints the stack that it uses.
//!
//! What is printed, a line for each kernel: its name, elements, bytes of stack, the result's bits.
#![no_std]
#![no_main]

use core::hint::black_box;

use firmware::{counted, kernels, stack_used};
use semihosting::{println, process};

const N: usize = 1024;

/// Linear congruences: numbers of 23 bits.
struct Random(u32);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 9) as f32
    }
    /// Around 1 / 1,024, as in a row of that length.
    fn probability(&mut self) -> f32 {
        (self.next() + 1.0) * (1.0 / 4_294_967_296.0)
    }
    /// From -12 to -4.
    fn logarithm(&mut self) -> f32 {
        self.next() * (8.0 / 8_388_608.0) - 12.0
    }
}

fn measure(name: &str, kernel: fn(&[f32], &[f32]) -> f32, input: &[f32], target: &[f32]) {
    let sum = counted(|| kernel(input, target));
    let stack = stack_used(|| {
        black_box(kernel(input, target));
    });
    println!("{name} {N} {stack} {:#010x}", sum.to_bits());
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let mut random = Random(1);
    let input: [f32; N] = core::array::from_fn(|_| random.logarithm());
    let probabilities: [f32; N] = core::array::from_fn(|_| random.probability());
    let logarithms: [f32; N] = core::array::from_fn(|_| random.logarithm());
    measure("kl", kernels::kl, &input, &probabilities);
    measure("kl_log_target", kernels::kl_log_target, &input, &logarithms);
    process::exit(0)
}
