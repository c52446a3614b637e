//! Every vector intrinsic must vanish into its kernel. One that is left as a function of its own means a function or a
//! closure without `#[inline(always)]` below the dispatch, and then every operation on a vector is a call: 40 times slower,
//! with the right results. So this program uses the whole crate and looks for such functions among its own symbols.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

#[path = "support/number.rs"]
mod number;

use core::hint::black_box;
#[cfg(target_arch = "x86_64")]
use std::collections::BTreeSet;

use kldiv::{
    DistillLoss, Error, Input, Isa, KlDiv, KlDivLoss, Reduction, Rest, RowState, Rows, Target,
    Teacher, TopK, Upstream, kl_div, log_softmax, softmax,
};
use number::{Number, for_each_number};
use object::{Object, ObjectSymbol};

/// Takes all public operations into this program, for one element type.
fn use_everything<T: Number>(log_probs: &[T; 4], probs: &[T; 4]) -> Result<(), Error> {
    let one = probs[0];
    let out = &mut [one; 4];
    let more = &mut [one; 4];
    let rows = &mut [one; 2];
    for isa in Isa::available() {
        for input in [Input::LogProbs(log_probs), Input::Probs(probs)] {
            for target in [Target::Probs(probs), Target::LogProbs(log_probs)] {
                let pair = KlDiv::new(input, target)?.on(isa)?;
                black_box((pair.sum(), pair.entropy(), pair.cross_entropy()));
                black_box(pair.reduce(Reduction::Mean));
                #[cfg(feature = "rayon")]
                black_box((pair.parallel().sum(), pair.parallel().entropy()));
                black_box(pair.validate(2, one)).ok();
                pair.pointwise(out)?;
                pair.row_sums(rows)?;
                for upstream in
                    [Upstream::Uniform(one), Upstream::PerRow(probs), Upstream::PerElement(probs)]
                {
                    pair.grad_input(upstream, out)?;
                    pair.grad_target(upstream, more)?;
                    black_box((&out, &more));
                }
            }
        }
        let matrix = Rows::new(log_probs, 2)?;
        log_softmax(matrix, out)?;
        softmax(matrix, more)?;
        black_box((&out, &more));
        for teacher in [
            Teacher::Logits(matrix),
            Teacher::LogProbs(matrix),
            Teacher::Probs(matrix),
            Teacher::Classes(&[0, 1]),
        ] {
            let loss = DistillLoss::new(matrix, teacher)?.on(isa)?;
            black_box(loss.weighted_mean());
            loss.loss_and_grad_student(Upstream::Uniform(one), rows, out)?;
            black_box((&rows, &out));
        }
    }
    for rest in [Rest::Bucket, Rest::Uniform] {
        let top_k = TopK::new(&[0, 1], &probs[..2], 1, rest)?;
        let loss = DistillLoss::new(Rows::new(log_probs, 2)?, Teacher::TopK(top_k))?;
        loss.loss_and_grad_student(Upstream::Uniform(one), rows, out)?;
        black_box((&rows, &out));
    }
    let matrix = Rows::new(log_probs, 2)?;
    let pieces = DistillLoss::new(matrix, Teacher::Logits(matrix))?;
    let mut states = [RowState::new(); 2];
    pieces.row_states(&mut states)?;
    pieces.grad_student_within(&states, Upstream::Uniform(one), out)?;
    black_box((&states, &out));
    let loss = KlDivLoss::new();
    black_box(loss.forward(log_probs, probs)?);
    loss.backward_input(log_probs, probs, one, out)?;
    loss.backward_target(log_probs, probs, one, more)?;
    black_box(kl_div(log_probs, probs, Reduction::Sum, false)?);
    Ok(())
}

/// An intrinsic that no kernel uses, made into a function on purpose: the search has to find it.
#[cfg(target_arch = "x86_64")]
const PLANTED: (unsafe fn(u32, u8) -> u32, &str) =
    (core::arch::x86_64::_mm_crc32_u8, "_mm_crc32_u8");
#[cfg(target_arch = "aarch64")]
const PLANTED: (unsafe fn(u32, u8) -> u32, &str) = (core::arch::aarch64::__crc32b, "__crc32b");

/// Where functions live that do one operation on vectors. Pulp's have no `#[inline(always)]` where they are defined for
/// all instruction sets at once.
const OPERATIONS: [&str; 4] = ["core::core_arch::", "pulp::Simd::", "<wide::", "safe_arch::"];

/// Asks which registers the operating system saves, once.
const DETECTION: &str = "_xgetbv";

/// The names of this program's functions, as the linker knows them.
fn symbols() -> Vec<String> {
    for_each_number!(T => {
        let (log_probs, probs) = ([T::of(-1.0); 4], [T::of(0.5); 4]);
        use_everything::<T>(black_box(&log_probs), black_box(&probs)).expect("this program");
    });
    let program =
        std::fs::read(std::env::current_exe().expect("this program")).expect("this program");
    let program = object::File::parse(&*program).expect("this program");
    let names: Vec<String> =
        program.symbols().filter_map(|symbol| symbol.name().ok()).map(String::from).collect();
    let ours = names.iter().filter(|name| path(name).contains("kldiv::")).count();
    assert!(ours >= 20, "only {ours} symbols of the crate: a stripped program?");
    names
}

/// A function's name in Rust, the same for each of a generic function's instances.
fn path(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}

/// Kernels that are compiled for each number type and each instruction set chosen at run time: what a build of this
/// crate takes its time for. Ten sums of a chunk are for several threads. Whoever changes the number says in the
/// change why it is worth that.
#[cfg(target_arch = "x86_64")]
const KERNELS: usize = if cfg!(feature = "rayon") { 46 } else { 36 };

#[cfg(target_arch = "x86_64")]
#[test]
fn each_kernel_is_compiled_once_for_a_type_and_an_instruction_set() {
    let names = symbols();
    let sets: &[&str] = if cfg!(feature = "avx512") { &["V3", "V4"] } else { &["V3"] };
    for set in sets {
        // Pulp has two entries: one for kernels whose numbers fit into registers. A kernel may have been copied into
        // several parts of the program.
        let entry = format!("::{set}::vectorize::imp");
        let found: BTreeSet<_> = names.iter().filter(|name| path(name).contains(&entry)).collect();
        assert_eq!(found.len(), 2 * KERNELS, "kernels for {set}, f32 and f64 together");
    }
}

#[test]
fn no_intrinsic_is_left_as_a_function() {
    let names: Vec<String> = symbols().iter().map(|symbol| path(symbol)).collect();
    black_box(PLANTED.0);

    let (planted, left): (Vec<&String>, Vec<&String>) = names
        .iter()
        .filter(|name| OPERATIONS.iter().any(|place| name.starts_with(place)))
        .filter(|name| !name.ends_with(DETECTION))
        .partition(|name| name.ends_with(PLANTED.1));
    assert_eq!(planted.len(), 1, "the search does not see the planted intrinsic");
    assert!(left.is_empty(), "not inlined: {left:#?}");
}
