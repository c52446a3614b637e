//! Calls each kernel on each instruction set, one after the other, for a tool that counts the
//! instructions within `counted`. Prints what is counted, a line for each call:
//! the instruction set, kernel, number type and elements.

use std::hint::black_box;

use kldiv::{Element, Input, Isa, KlDiv, Rows, Target, Upstream, log_softmax, softmax};

/// Elements that are a multiple of everything, and a small call.
const LENGTHS: [usize; 2] = [1_024, 10];
/// Rows of ten.
const ROWS: usize = 100;
const ROW: usize = 10;

/// Callgrind knows this function by its name; QEMU's plugin by two moves that no compiler emits.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a register is moved to itself.
    unsafe {
        std::arch::asm!("mov x9, x9");
    }
    work();
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("mov x10, x10");
    }
}

fn count(isa: Isa, kernel: &str, number: &str, elements: usize, mut work: impl FnMut()) {
    // What is done once, such as asking the CPU, is done before.
    work();
    println!("{isa} {kernel} {number} {elements}");
    counted(&mut work);
}

fn all<T: Element<Real = T>>(number: &str, of: fn(f64) -> T) {
    let mut state = 1_u64;
    let mut unit = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let longest = LENGTHS[0].max(ROWS * ROW);
    let mut numbers = |limit: f64| -> Vec<T> { (0..longest).map(|_| of(unit() * limit)).collect() };
    // No zeros: the usual path.
    let (x, p, ln_p) = (numbers(-20.0), numbers(0.01), numbers(-20.0));
    let mut out = vec![of(0.0); longest];
    let out = &mut out[..];
    let factor = Upstream::Uniform(of(0.3));
    for isa in Isa::available() {
        for n in LENGTHS {
            let (x, p, ln_p) = (&x[..n], &p[..n], &ln_p[..n]);
            let pair = |target| {
                let kl = KlDiv::new(Input::LogProbs(black_box(x)), target).expect("equal lengths");
                kl.on(isa).expect("an available instruction set")
            };
            let plain = || pair(Target::Probs(black_box(p)));
            let log_target = || pair(Target::LogProbs(black_box(ln_p)));
            count(isa, "sum", number, n, || out[0] = plain().sum());
            count(isa, "sum_log_target", number, n, || out[0] = log_target().sum());
            count(isa, "pointwise", number, n, || plain().pointwise(&mut out[..n]).expect("n"));
            count(isa, "grad_input_log_target", number, n, || {
                log_target().grad_input(factor, &mut out[..n]).expect("n");
            });
            count(isa, "grad_target", number, n, || {
                plain().grad_target(factor, &mut out[..n]).expect("n");
            });
        }
        let n = ROWS * ROW;
        count(isa, "row_sums_of_10", number, n, || {
            let kl = KlDiv::new(Input::LogProbs(black_box(&x[..n])), Target::Probs(&p[..n]));
            let kl = kl.and_then(|kl| kl.on(isa)).expect("an available instruction set");
            kl.row_sums(&mut out[..ROWS]).expect("whole rows");
        });
    }
    let n = ROWS * ROW;
    let rows = || Rows::new(black_box(&x[..n]), ROW).expect("whole rows");
    count(Isa::best(), "log_softmax_of_10", number, n, || {
        log_softmax(rows(), &mut out[..n]).expect("n");
    });
    count(Isa::best(), "softmax_of_10", number, n, || softmax(rows(), &mut out[..n]).expect("n"));
}

fn main() {
    all::<f32>("f32", |x| x as f32);
    all::<f64>("f64", |x| x);
}
