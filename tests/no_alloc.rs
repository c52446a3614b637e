//! No public operation allocates: a counting global allocator stays where it was.
#![allow(unsafe_code, reason = "a global allocator cannot be written without it")]

#[path = "support/number.rs"]
mod number;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::fmt::{self, Debug, Write};
use std::alloc::System;

use kldiv::{
    DistillLoss, Divergence, Error, ExactSum, Input, Isa, KlDiv, KlDivLoss, Reduction, Rest,
    RowState, Rows, Side, Target, Teacher, TopK, Upstream, kl_div, log_softmax, reference, softmax,
    validate_top_k,
};
use number::{Number, for_each_number};

struct Counting;

thread_local! {
    /// Calls of this thread; other threads belong to the test harness.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is going away has no counter left, and nothing to prove.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every request goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often the allocator is called meanwhile.
fn calls_in(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

/// Takes text and keeps none.
struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

/// Longer than a chunk of a sum, and no multiple of anything.
const LENGTH: usize = ROWS * 3917;
const ROWS: usize = 17;

struct Data<T> {
    logarithms: Vec<T>,
    probabilities: Vec<T>,
    out: Vec<T>,
    wide: Vec<f64>,
}

fn data<T: Number>() -> Data<T> {
    let part = |i: usize| (i % 97) as f64 / 97.0;
    Data {
        logarithms: (0..LENGTH).map(|i| T::of(-part(i) - 0.01)).collect(),
        // Zeros among them, for the careful path.
        probabilities: (0..LENGTH).map(|i| T::of(part(i))).collect(),
        out: (0..LENGTH).map(|_| T::of(0.0)).collect(),
        wide: vec![0.0; LENGTH],
    }
}

fn elementwise<T: Number>(isa: Isa, data: &mut Data<T>) -> Result<(), Error> {
    let Data { logarithms, probabilities, out, .. } = data;
    let one = out[0];
    for input in [Input::LogProbs(&logarithms[..]), Input::Probs(probabilities)] {
        for target in [Target::Probs(&probabilities[..]), Target::LogProbs(logarithms)] {
            let kl = KlDiv::new(input, target)?.on(isa)?;
            let _ = (kl.len(), kl.is_empty(), kl.sum(), kl.mean(), kl.batch_mean(3));
            let _ = (kl.entropy(), kl.cross_entropy(), kl.reduce(Reduction::BatchMean(2)));
            kl.pointwise(out)?;
            kl.row_sums(&mut out[..ROWS])?;
            let upstreams = [
                Upstream::Uniform(one),
                Upstream::PerRow(&probabilities[..ROWS]),
                Upstream::PerElement(probabilities),
            ];
            for upstream in upstreams {
                kl.grad_input(upstream, out)?;
                kl.grad_target(upstream, out)?;
            }
            // Good or bad: what counts is that the answer is found without allocating.
            let _ = kl.validate(ROWS, one);
            let _ = kl.row_sums(&mut out[..ROWS + 1]);
        }
    }
    Ok(())
}

/// Losses of rows with everything, on data with zeros, and in rows that are long and short.
fn distillation<T: Number>(isa: Isa, data: &mut Data<T>) -> Result<(), Error> {
    let Data { logarithms, probabilities, out, .. } = data;
    let share = probabilities[48];
    for classes in [LENGTH / ROWS, ROWS] {
        let student = Rows::new(logarithms, classes)?;
        let count = student.rows();
        for teacher in [
            Teacher::Logits(Rows::new(probabilities, classes)?),
            Teacher::LogProbs(student),
            Teacher::Probs(Rows::new(probabilities, classes)?),
            Teacher::Classes(&[0; LENGTH / ROWS][..count]),
        ] {
            let loss = DistillLoss::new(student, teacher)?.on(isa)?;
            let loss = loss.row_weights(&probabilities[..count])?.temperature(share)?;
            for divergence in [
                Divergence::Forward,
                Divergence::Reverse,
                Divergence::JensenShannon { beta: share },
            ] {
                let loss = loss.divergence(divergence)?;
                let upstream = Upstream::Uniform(share);
                let _ = (loss.reduce(Reduction::Mean), loss.weighted_mean());
                loss.row_losses(&mut out[..count])?;
                loss.grad_student(Upstream::PerRow(&probabilities[..count]), out)?;
                let _ = loss.grad_teacher(upstream, out);
                let mut losses = [share; LENGTH / ROWS];
                loss.loss_and_grad_student(upstream, &mut losses[..count], out)?;
            }
        }
    }
    Ok(())
}

/// Teachers that name few classes, and rows in pieces.
fn sparse<T: Number>(isa: Isa, data: &mut Data<T>) -> Result<(), Error> {
    let Data { logarithms, probabilities, out, .. } = data;
    let share = probabilities[48];
    let classes = LENGTH / ROWS;
    let student = Rows::new(logarithms, classes)?;
    let named: [u32; 2 * ROWS] = core::array::from_fn(|place| place as u32);
    let upstream = Upstream::Uniform(share);
    let mut losses = [share; ROWS];
    for rest in [Rest::Renormalise, Rest::Bucket, Rest::Uniform, Rest::Ignore] {
        let top_k = TopK::new(&named, &logarithms[..2 * ROWS], 2, rest)?;
        validate_top_k(top_k)?;
        let loss = DistillLoss::new(student, Teacher::TopK(top_k))?.on(isa)?;
        let _ = (loss.weighted_mean(), loss.validate(share));
        loss.loss_and_grad_student(upstream, &mut losses, out)?;
        loss.accumulate(true).grad_student(upstream, out)?;
    }
    let teacher = Teacher::Logits(Rows::new(probabilities, classes)?);
    let loss = DistillLoss::new(student, teacher)?.on(isa)?;
    let mut states = [RowState::new(); ROWS];
    loss.row_states(&mut states)?;
    let states = states.map(|state| state.merge(RowState::from_array(state.to_array())));
    let _ = states.map(|state| [state.loss(), state.reverse(), state.student_log_mass()]);
    loss.loss_and_grad_student_within(&states, upstream, &mut losses, out)
}

/// Sums without an order, with numbers that take each way into them.
fn exact_sums<T: Number>(data: &mut Data<T>) -> Result<(), Error> {
    let mut sum = ExactSum::new();
    sum.extend_from_slice(&data.logarithms);
    for &x in &data.probabilities {
        sum.add(x);
    }
    let mut other = ExactSum::from_bytes(&sum.to_bytes())?;
    other.merge(&sum);
    let _: (T, f32, f64) = (other.value(), other.value(), other.value());
    let _ = (other == sum, ExactSum::from_bytes(&[1, 2]));
    let _ = write!(Nowhere, "{sum:?}");
    data.wide[0] = reference::exact_sum(&data.logarithms[..ROWS]);
    Ok(())
}

fn faces<T: Number>(data: &mut Data<T>) -> Result<(), Error> {
    let Data { logarithms, probabilities, out, .. } = data;
    let one = out[0];
    for (log_target, target) in [(false, &*probabilities), (true, &*logarithms)] {
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::BatchMean(ROWS)] {
            let loss = KlDivLoss::new().with_reduction(reduction).with_log_target(log_target);
            let _ = loss.forward(logarithms, target)?;
            loss.forward_pointwise(logarithms, target, out)?;
            loss.backward_input(logarithms, target, one, out)?;
            loss.backward_target(logarithms, target, one, out)?;
            let _ = kl_div(logarithms, target, reduction, log_target)?;
        }
    }
    for classes in [1, ROWS, LENGTH / ROWS, LENGTH] {
        let logits = Rows::new(logarithms, classes)?;
        let _ = (logits.rows(), logits.classes());
        log_softmax(logits, out)?;
        softmax(logits, out)?;
    }
    Ok(())
}

fn oracle<T: Number>(data: &mut Data<T>) {
    let Data { logarithms, probabilities, wide, .. } = data;
    let (input, target) = (Input::LogProbs(&logarithms[..]), Target::Probs(&probabilities[..]));
    let _ = (reference::sum(input, target), reference::mean(input, target));
    let _ = (reference::batch_mean(input, target, 3), reference::entropy(target));
    let _ = reference::cross_entropy(input, target);
    reference::pointwise(input, target, wide);
    reference::row_sums(input, target, &mut wide[..ROWS]);
    reference::grad_input(input, target, Upstream::PerElement(probabilities), wide);
    reference::grad_target(input, target, Upstream::PerRow(&probabilities[..ROWS]), wide);
    reference::log_softmax(logarithms, ROWS, wide);
    reference::softmax(logarithms, ROWS, wide);
    let (Ok(student), beta) = (Rows::new(logarithms, ROWS), probabilities[48]) else { return };
    let (teacher, upstream) = (Teacher::Logits(student), Upstream::Uniform(beta));
    let mixture = Divergence::JensenShannon { beta };
    reference::distill(student, teacher, beta, mixture, &mut wide[..ROWS]);
    reference::distill_grad_student(student, teacher, beta, mixture, upstream, wide);
    reference::distill_grad_teacher(student, teacher, beta, mixture, upstream, wide);
}

fn texts() -> fmt::Result {
    let show = |things: &[&dyn Debug]| things.iter().try_for_each(|x| write!(Nowhere, "{x:?}"));
    for isa in Isa::available() {
        write!(Nowhere, "{isa}")?;
        let _ = isa.is_available();
    }
    let errors = [
        Error::Length { input: 1, target: 2 },
        Error::OutputLength { expected: 1, found: 2 },
        Error::UpstreamLength { expected: 1, found: 2 },
        Error::Rows { len: 3, rows: 2 },
        Error::Classes { len: 3, classes: 2 },
        Error::ZeroClasses { len: 3 },
        Error::IsaUnavailable { isa: Isa::Neon },
        Error::UnknownIsa { len: 3 },
        Error::Nan { side: Side::Input, index: 1 },
        Error::NegativeProbability { side: Side::Input, index: 1, value: -0.5 },
        Error::PositiveLogProbability { side: Side::Target, index: 1, value: 0.5 },
        Error::RowSum { side: Side::Target, row: 1, sum: 0.5 },
        Error::TeacherRows { student: 1, teacher: 2 },
        Error::TeacherClasses { student: 1, teacher: 2 },
        Error::ClassIndex { row: 1, index: 2, classes: 2 },
        Error::WeightsLength { expected: 1, found: 2 },
        Error::UpstreamPerElement { len: 1 },
        Error::ClassesGradient { rows: 1 },
        Error::TopKLength { classes: 1, log_probs: 2 },
        Error::TopKRows { len: 3, k: 2 },
        Error::TopKDivergence { k: 1 },
        Error::TopKGradient { k: 1 },
        Error::RepeatedClass { row: 1, index: 2 },
        Error::PiecesTeacher { rows: 1 },
        Error::PiecesDivergence { rows: 1 },
        Error::StatesLength { expected: 1, found: 2 },
        Error::Temperature { value: -1.0 },
        Error::Beta { value: 2.0 },
        Error::ExactSumLength { expected: 1, found: 2 },
        Error::ExactSumVersion { expected: 1, found: 2 },
        Error::ExactSumByte { index: 1, found: 9 },
    ];
    for error in errors {
        write!(Nowhere, "{error}")?;
    }
    let _ = ("avx2".parse::<Isa>(), "nothing".parse::<Isa>());
    write!(Nowhere, "{} {}", KlDivLoss::default(), Reduction::BatchMean(3))?;
    show(&[&errors, &KlDivLoss::new(), &Isa::best()])
}

fn hold<T: Number>() {
    let mut data = data::<T>();
    for isa in Isa::available() {
        let mut result = Ok(());
        assert_eq!(calls_in(|| result = elementwise(isa, &mut data)), 0, "{isa}");
        assert_eq!(result, Ok(()));
        assert_eq!(calls_in(|| result = distillation(isa, &mut data)), 0, "{isa}");
        assert_eq!(result, Ok(()));
        assert_eq!(calls_in(|| result = sparse(isa, &mut data)), 0, "{isa}");
        assert_eq!(result, Ok(()));
    }
    let mut result = Ok(());
    assert_eq!(calls_in(|| result = faces(&mut data)), 0);
    assert_eq!(result, Ok(()));
    assert_eq!(calls_in(|| result = exact_sums(&mut data)), 0);
    assert_eq!(result, Ok(()));
    assert_eq!(calls_in(|| oracle(&mut data)), 0);
}

#[test]
fn nothing_allocates() {
    // First of all, while the instruction set is not known yet: finding it does not allocate either.
    let mut best = Isa::Scalar;
    assert_eq!(calls_in(|| best = Isa::best()), 0);
    assert!(best.is_available());
    for_each_number!(T => hold::<T>());
    let mut result = Ok(());
    assert_eq!(calls_in(|| result = texts()), 0);
    assert_eq!(result, Ok(()));
}

/// Nor does sharing work out; what rayon may allocate is in the start of its pool.
#[cfg(feature = "rayon")]
#[test]
fn nothing_allocates_on_several_threads() -> Result<(), Error> {
    let Data { logarithms, probabilities, mut out, .. } = data::<f32>();
    let kl = KlDiv::new(Input::LogProbs(&logarithms), Target::Probs(&probabilities))?.parallel();
    let rows = Rows::new(&logarithms, LENGTH / ROWS)?;
    let teacher = Rows::new(&probabilities, LENGTH / ROWS)?;
    let loss = DistillLoss::new(rows, Teacher::Logits(teacher))?.parallel();
    let named: [u32; 2 * ROWS] = core::array::from_fn(|place| place as u32);
    let top_k = TopK::new(&named, &logarithms[..2 * ROWS], 2, Rest::Bucket)?;
    let sparse = DistillLoss::new(rows, Teacher::TopK(top_k))?.parallel();
    let upstream = Upstream::Uniform(0.5);
    let mut everything = || -> Result<(), Error> {
        let (mut losses, mut states) = ([0.0; ROWS], [RowState::new(); ROWS]);
        for loss in [loss, sparse] {
            let _ = (loss.weighted_mean(), loss.reduce(Reduction::Mean));
            loss.row_losses(&mut losses)?;
            loss.loss_and_grad_student(upstream, &mut losses, &mut out)?;
        }
        loss.grad_teacher(upstream, &mut out)?;
        loss.row_states(&mut states)?;
        loss.grad_student_within(&states, upstream, &mut out)?;
        loss.loss_and_grad_student_within(&states, upstream, &mut losses, &mut out)?;
        let _ = (kl.sum(), kl.entropy(), kl.cross_entropy());
        kl.pointwise(&mut out)?;
        kl.row_sums(&mut out[..ROWS])?;
        kl.grad_input(Upstream::PerElement(&probabilities), &mut out)?;
        kl.grad_target(Upstream::PerRow(&probabilities[..ROWS]), &mut out)?;
        kldiv::parallel::softmax(rows, &mut out)?;
        kldiv::parallel::log_softmax(rows, &mut out)
    };
    let pool = rayon_core::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
    pool.install(|| {
        everything()?;
        let mut result = Ok(());
        assert_eq!(calls_in(|| result = everything()), 0);
        result
    })
}

/// Nor do numbers of 16 bits, which are widened on the stack.
#[cfg(feature = "half")]
#[test]
fn nothing_allocates_for_numbers_of_16_bits() {
    use half::bf16;

    let logarithm = |i: usize| bf16::from_f64(-((i % 97) as f64) / 97.0);
    let logarithms: Vec<bf16> = (0..LENGTH).map(logarithm).collect();
    let (mut out, mut sums) = (logarithms.clone(), [0.0; ROWS]);
    let mut everything = || -> Result<(), Error> {
        let kl = KlDiv::new(Input::LogProbs(&logarithms), Target::LogProbs(&logarithms))?;
        let _ = (kl.sum(), kl.entropy(), kl.cross_entropy(), kl.validate(ROWS, 1.0));
        kl.pointwise(&mut out)?;
        kl.row_sums(&mut sums)?;
        kl.grad_input(Upstream::Uniform(0.5), &mut out)?;
        kl.grad_target(Upstream::PerRow(&[0.5; ROWS]), &mut out)?;
        let rows = Rows::new(&logarithms, LENGTH / ROWS)?;
        softmax(rows, &mut out)?;
        let loss = DistillLoss::new(rows, Teacher::Logits(rows))?;
        loss.loss_and_grad_student(Upstream::Uniform(0.5), &mut sums, &mut out)?;
        loss.accumulate(true).grad_teacher(Upstream::Uniform(0.5), &mut out)
    };
    let mut result = Ok(());
    assert_eq!(calls_in(|| result = everything()), 0);
    assert_eq!(result, Ok(()));
}

/// The counter counts.
#[test]
fn an_allocation_is_seen() {
    assert_eq!(calls_in(|| drop(core::hint::black_box(Box::new(1)))), 2);
}
