//! `f16` and `bf16`: every result has the bits that widening the inputs to `f32`, calling the `f32` function and
//! rounding each elementwise output once would give, on every instruction set. And the two conversions themselves,
//! against the crate `half`.
#![cfg(feature = "half")]

mod support;

use core::fmt::Debug;

use half::{bf16, f16};
use kldiv::{
    DistillLoss, Divergence, Element, Error, ExactSum, IGNORED, Input, Isa, KlDiv, KlDivLoss,
    Reduction, Rest, RowState, Rows, Target, Teacher, TopK, Upstream, kl_div, log_softmax_on,
    softmax_on,
};
use support::{Random, isas};

/// A number type in memory whose numbers are computed with in `f32`.
trait Stored: Element<Real = f32> + Debug {
    const NAME: &'static str;
    /// What the law rounds elementwise outputs by.
    fn rounded(x: f32) -> Self;
    fn of_bits(bits: u16) -> Self;
    /// One pattern for all NaNs.
    fn pattern(self) -> u32;
    fn widened(self) -> f32;
}

macro_rules! stored {
    ($($type:ident),+) => {$(
        impl Stored for $type {
            const NAME: &'static str = stringify!($type);
            fn rounded(x: f32) -> Self {
                $type::from_f32(x)
            }
            fn of_bits(bits: u16) -> Self {
                $type::from_bits(bits)
            }
            fn pattern(self) -> u32 {
                if self.is_nan() { u32::MAX } else { self.to_bits().into() }
            }
            fn widened(self) -> f32 {
                self.to_f32()
            }
        }
    )+};
}

stored!(f16, bf16);

impl Stored for f32 {
    const NAME: &'static str = "f32";
    fn rounded(x: f32) -> Self {
        x
    }
    fn of_bits(bits: u16) -> Self {
        bf16::from_bits(bits).to_f32()
    }
    fn pattern(self) -> u32 {
        if self.is_nan() { u32::MAX } else { self.to_bits() }
    }
    fn widened(self) -> f32 {
        self
    }
}

fn wide<T: Stored>(values: &[T]) -> Vec<f32> {
    values.iter().map(|&x| x.widened()).collect()
}

/// The law for outputs that are one an element.
#[track_caller]
fn assert_rounded<T: Stored>(found: &[T], of_f32: &[f32], what: &str) {
    assert_eq!(found.len(), of_f32.len(), "{what}");
    for (i, (&found, &of_f32)) in found.iter().zip(of_f32).enumerate() {
        let expected = T::rounded(of_f32);
        assert_eq!(
            found.pattern(),
            expected.pattern(),
            "{} {what}, element {i}: {found:?} instead of {expected:?}, which is {of_f32:e}",
            T::NAME
        );
    }
}

/// The law for numbers that are not one an element.
#[track_caller]
fn assert_same(found: &[f32], expected: &[f32], what: &str) {
    let patterns = |values: &[f32]| values.iter().map(|x| x.pattern()).collect::<Vec<_>>();
    assert_eq!(patterns(found), patterns(expected), "{what}: {found:?}, {expected:?}");
}

/// What data is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mixture {
    Usual,
    /// Any bits: zeros, subnormal numbers, infinities, NaN among them.
    Any,
}

fn numbers<T: Stored>(random: &mut Random, n: usize, log: bool, mixture: Mixture) -> Vec<T> {
    let mut one = || match mixture {
        Mixture::Any if random.below(3) == 0 => T::of_bits(random.next() as u16),
        Mixture::Usual | Mixture::Any if log => T::rounded((random.unit() * -12.0) as f32),
        Mixture::Usual | Mixture::Any => T::rounded(random.unit() as f32),
    };
    (0..n).map(|_| one()).collect()
}

/// All lengths around the registers', the tiles' and the pieces' ends, and one with two chunks.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=300).chain(1_020..=1_030).chain(2_040..=2_052).chain([5_000, 65_535, 65_536, 66_700])
}

/// The forms of input and target as logarithms or not.
const FORMS: [[bool; 2]; 4] = [[true, false], [true, true], [false, false], [false, true]];

fn pair<'a, T: Stored>(
    [log_input, log_target]: [bool; 2],
    input: &'a [T],
    target: &'a [T],
    isa: Isa,
) -> KlDiv<'a, T> {
    let input = if log_input { Input::LogProbs(input) } else { Input::Probs(input) };
    let target = if log_target { Target::LogProbs(target) } else { Target::Probs(target) };
    KlDiv::new(input, target).expect("one length").on(isa).expect("an available one")
}

fn law_of_pairs<T: Stored>() {
    let mut random = Random::new(14);
    for n in lengths() {
        for mixture in [Mixture::Usual, Mixture::Any] {
            for form in FORMS {
                let input = numbers::<T>(&mut random, n, form[0], mixture);
                let target = numbers::<T>(&mut random, n, form[1], mixture);
                let factors = wide(&numbers::<T>(&mut random, n, false, mixture));
                let (wide_input, wide_target) = (wide(&input), wide(&target));
                for isa in isas() {
                    let what = format!("{isa} {n} {form:?} {mixture:?}");
                    let kl = pair(form, &input, &target, isa);
                    let of_f32 = pair(form, &wide_input, &wide_target, isa);
                    compare_pairs(kl, of_f32, &factors, &what);
                }
            }
        }
    }
}

fn compare_pairs<T: Stored>(kl: KlDiv<'_, T>, of_f32: KlDiv<'_, f32>, factors: &[f32], what: &str) {
    let n = kl.len();
    let found = [kl.sum(), kl.mean(), kl.entropy(), kl.cross_entropy(), kl.batch_mean(3)];
    let of = of_f32;
    let expected = [of.sum(), of.mean(), of.entropy(), of.cross_entropy(), of.batch_mean(3)];
    assert_same(&found, &expected, what);
    let (mut out, mut expected) = (vec![T::ONE; n], vec![1.0; n]);
    kl.pointwise(&mut out).expect("valid");
    of_f32.pointwise(&mut expected).expect("valid");
    assert_rounded(&out, &expected, what);
    let divides = |&rows: &usize| (1..=n).contains(&rows) && n.is_multiple_of(rows);
    let rows = [1, 2, 3, 7, n / 5, n].into_iter().filter(divides);
    let mut upstreams = vec![Upstream::Uniform(-0.75), Upstream::PerElement(factors)];
    for rows in rows {
        let (mut sums, mut expected) = (vec![f32::NAN; rows], vec![f32::NAN; rows]);
        kl.row_sums(&mut sums).expect("valid");
        of_f32.row_sums(&mut expected).expect("valid");
        assert_same(&sums, &expected, what);
        upstreams.push(Upstream::PerRow(&factors[..rows]));
    }
    for upstream in upstreams {
        kl.grad_input(upstream, &mut out).expect("valid");
        of_f32.grad_input(upstream, &mut expected).expect("valid");
        assert_rounded(&out, &expected, what);
        kl.grad_target(upstream, &mut out).expect("valid");
        of_f32.grad_target(upstream, &mut expected).expect("valid");
        assert_rounded(&out, &expected, what);
    }
}

#[test]
fn pairs_as_widened() {
    law_of_pairs::<f16>();
    law_of_pairs::<bf16>();
}

fn law_of_softmax<T: Stored>() {
    let mut random = Random::new(15);
    for classes in lengths().filter(|&classes| classes > 0 && classes < 6_000) {
        for mixture in [Mixture::Usual, Mixture::Any] {
            let stride = classes + (classes % 3);
            let rows = if classes < 20 { 150 } else { 3 };
            let logits = numbers::<T>(&mut random, rows * stride, true, mixture);
            let wide_logits = wide(&logits);
            let of_f32 = Rows::strided(&wide_logits, classes, stride).expect("valid");
            let logits = Rows::strided(&logits, classes, stride).expect("valid");
            let (mut out, mut expected) = (vec![T::ONE; rows * stride], vec![1.0; rows * stride]);
            for isa in isas() {
                let what = format!("{isa} {classes} {mixture:?}");
                softmax_on(isa, logits, &mut out).expect("valid");
                softmax_on(isa, of_f32, &mut expected).expect("valid");
                assert_rounded(&out, &expected, &what);
                log_softmax_on(isa, logits, &mut out).expect("valid");
                log_softmax_on(isa, of_f32, &mut expected).expect("valid");
                assert_rounded(&out, &expected, &what);
            }
        }
    }
}

#[test]
fn softmax_as_widened() {
    law_of_softmax::<f16>();
    law_of_softmax::<bf16>();
}

/// What a teacher's numbers are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Logits,
    LogProbs,
    Probs,
    Classes,
}

fn teacher<'a, T>(kind: Kind, rows: Rows<'a, T>, classes: &'a [u32]) -> Teacher<'a, T> {
    match kind {
        Kind::Logits => Teacher::Logits(rows),
        Kind::LogProbs => Teacher::LogProbs(rows),
        Kind::Probs => Teacher::Probs(rows),
        Kind::Classes => Teacher::Classes(classes),
    }
}

/// A student in `S`, a teacher in `T`; both padded, and as they would be in `f32`.
fn law_of_distillation<S: Stored, T: Stored>(lengths: impl Iterator<Item = usize>) {
    let mut random = Random::new(16);
    let rows = 3;
    for classes in lengths {
        for kind in [Kind::Logits, Kind::LogProbs, Kind::Probs, Kind::Classes] {
            for mixture in [Mixture::Usual, Mixture::Any] {
                let strides = [classes + classes % 3, classes + classes % 2];
                let logits = numbers::<S>(&mut random, rows * strides[0], true, mixture);
                let log = kind != Kind::Probs;
                let other = numbers::<T>(&mut random, rows * strides[1], log, mixture);
                let labels = [0, IGNORED, classes as u32 - 1];
                let weights = [1.0, 0.5, if classes % 5 == 0 { 0.0 } else { -2.0 }];
                let (wide_logits, wide_other) = (wide(&logits), wide(&other));
                let student = Rows::strided(&logits, classes, strides[0]).expect("valid");
                let of_teacher = Rows::strided(&other, classes, strides[1]).expect("valid");
                let wide_student = Rows::strided(&wide_logits, classes, strides[0]).expect("valid");
                let wide_teacher = Rows::strided(&wide_other, classes, strides[1]).expect("valid");
                let beta = 0.3;
                for divergence in
                    [Divergence::Forward, Divergence::Reverse, Divergence::JensenShannon { beta }]
                {
                    for isa in isas() {
                        let what = format!("{isa} {classes} {kind:?} {mixture:?} {divergence:?}");
                        let loss = DistillLoss::mixed(student, teacher(kind, of_teacher, &labels));
                        let loss = loss
                            .expect("valid")
                            .divergence(divergence)
                            .expect("valid")
                            .on(isa)
                            .expect("valid");
                        let loss = loss
                            .temperature(1.5)
                            .expect("valid")
                            .row_weights(&weights)
                            .expect("valid");
                        let of_f32 =
                            DistillLoss::new(wide_student, teacher(kind, wide_teacher, &labels));
                        let of_f32 = of_f32.expect("valid").divergence(divergence).expect("valid");
                        let of_f32 =
                            of_f32.on(isa).expect("valid").temperature(1.5).expect("valid");
                        let of_f32 = of_f32.row_weights(&weights).expect("valid");
                        compare_losses(loss, of_f32, [logits.len(), other.len()], &what);
                        #[cfg(feature = "rayon")]
                        compare_losses_in_parallel(loss, of_f32, other.len(), &what);
                    }
                }
            }
        }
    }
}

fn compare_losses<S: Stored, T: Stored>(
    loss: DistillLoss<'_, S, T>,
    of_f32: DistillLoss<'_, f32>,
    [of_student, of_teacher]: [usize; 2],
    what: &str,
) {
    let factors = [0.5, -3.0, 2.0];
    let (mut losses, mut expected) = ([f32::NAN; 3], [f32::NAN; 3]);
    let rows = if of_teacher == 0 { 2 } else { 3 };
    let (losses, expected) = (&mut losses[..rows], &mut expected[..rows]);
    loss.row_losses(losses).expect("valid");
    of_f32.row_losses(expected).expect("valid");
    assert_same(losses, expected, what);
    assert_same(
        &[loss.weighted_mean(), loss.reduce(Reduction::Sum), loss.reduce(Reduction::Mean)],
        &[of_f32.weighted_mean(), of_f32.reduce(Reduction::Sum), of_f32.reduce(Reduction::Mean)],
        what,
    );
    for upstream in [Upstream::Uniform(0.75), Upstream::PerRow(&factors[..rows])] {
        for accumulate in [false, true] {
            let (loss, of_f32) = (loss.accumulate(accumulate), of_f32.accumulate(accumulate));
            let what = format!("{what} {accumulate}");
            let before = |i: usize| T::rounded(i as f32 * 0.125).widened();
            let start: Vec<f32> =
                (0..of_student).map(|i| S::rounded(before(i)).widened()).collect();
            let mut grad: Vec<S> = start.iter().map(|&x| S::rounded(x)).collect();
            let mut wide_grad = start.clone();
            loss.grad_student(upstream, &mut grad).expect("valid");
            of_f32.grad_student(upstream, &mut wide_grad).expect("valid");
            assert_rounded(&grad, &wide_grad, &what);

            let mut grad: Vec<S> = start.iter().map(|&x| S::rounded(x)).collect();
            let mut wide_grad = start;
            loss.loss_and_grad_student(upstream, losses, &mut grad).expect("valid");
            of_f32.loss_and_grad_student(upstream, expected, &mut wide_grad).expect("valid");
            assert_same(losses, expected, &what);
            assert_rounded(&grad, &wide_grad, &what);

            let start: Vec<f32> = (0..of_teacher).map(before).collect();
            let mut grad: Vec<T> = start.iter().map(|&x| T::rounded(x)).collect();
            let mut wide_grad = start;
            let result = loss.grad_teacher(upstream, &mut grad);
            assert_eq!(result, of_f32.grad_teacher(upstream, &mut wide_grad));
            assert_rounded(&grad, &wide_grad, &what);
        }
    }
}

#[cfg(feature = "rayon")]
fn compare_losses_in_parallel<S: Stored, T: Stored>(
    loss: DistillLoss<'_, S, T>,
    of_f32: DistillLoss<'_, f32>,
    of_teacher: usize,
    what: &str,
) {
    let loss = loss.parallel();
    assert_same(&[loss.weighted_mean()], &[of_f32.weighted_mean()], what);
    let (mut grad, mut wide_grad) = (vec![T::ONE; of_teacher], vec![1.0; of_teacher]);
    let result = loss.grad_teacher(Upstream::Uniform(1.0), &mut grad);
    assert_eq!(result, of_f32.grad_teacher(Upstream::Uniform(1.0), &mut wide_grad));
    assert_rounded(&grad, &wide_grad, what);
}

#[test]
fn distillation_as_widened() {
    law_of_distillation::<bf16, bf16>((1..=70).chain([127, 128, 129, 1_023, 1_024, 1_025, 2_600]));
    law_of_distillation::<f16, f16>((1..=20).chain([127, 129, 1_025, 2_600]));
}

/// A teacher that names few classes of each row, with every [`Rest`]; some places are empty.
fn law_of_named_classes<S: Stored, T: Stored>() {
    let mut random = Random::new(18);
    let rows = 2;
    for (classes, k) in [(1, 1), (7, 3), (40, 40), (300, 5), (2_600, 700), (33_000, 20)] {
        for mixture in [Mixture::Usual, Mixture::Any] {
            let logits = numbers::<S>(&mut random, rows * classes, true, mixture);
            let mut log_probs = numbers::<T>(&mut random, rows * k, true, Mixture::Usual);
            log_probs[k - 1] = T::rounded(f32::NEG_INFINITY);
            let named: Vec<u32> = (0..rows * k).map(|i| (i % k * (classes / k)) as u32).collect();
            let (wide_logits, wide_log_probs) = (wide(&logits), wide(&log_probs));
            for rest in [Rest::Renormalise, Rest::Bucket, Rest::Uniform, Rest::Ignore] {
                for isa in isas() {
                    let what = format!("{isa} {classes} {k} {rest:?} {mixture:?}");
                    let teacher =
                        Teacher::TopK(TopK::new(&named, &log_probs, k, rest).expect("valid"));
                    let student = Rows::new(&logits, classes).expect("valid");
                    let loss = DistillLoss::mixed(student, teacher)
                        .expect("valid")
                        .on(isa)
                        .expect("valid");
                    let teacher = TopK::new(&named, &wide_log_probs, k, rest).expect("valid");
                    let student = Rows::new(&wide_logits, classes).expect("valid");
                    let of_f32 = DistillLoss::new(student, Teacher::TopK(teacher)).expect("valid");
                    compare_losses(loss, of_f32.on(isa).expect("valid"), [logits.len(), 0], &what);
                }
            }
        }
    }
}

#[test]
fn named_classes_as_widened() {
    law_of_named_classes::<bf16, bf16>();
    law_of_named_classes::<f16, f16>();
    law_of_named_classes::<f32, f16>();
}

/// Rows in pieces.
fn law_of_pieces<S: Stored, T: Stored>() {
    let mut random = Random::new(19);
    let rows = 2;
    for classes in [1, 5, 33, 130, 1_025] {
        for mixture in [Mixture::Usual, Mixture::Any] {
            let logits = numbers::<S>(&mut random, rows * classes, true, mixture);
            let other = numbers::<T>(&mut random, rows * classes, true, mixture);
            let (wide_logits, wide_other) = (wide(&logits), wide(&other));
            for isa in isas() {
                let what = format!("{isa} {classes} {mixture:?}");
                let teacher = Teacher::Logits(Rows::new(&other, classes).expect("valid"));
                let student = Rows::new(&logits, classes).expect("valid");
                let loss =
                    DistillLoss::mixed(student, teacher).expect("valid").on(isa).expect("valid");
                let teacher = Teacher::Logits(Rows::new(&wide_other, classes).expect("valid"));
                let student = Rows::new(&wide_logits, classes).expect("valid");
                let of_f32 =
                    DistillLoss::new(student, teacher).expect("valid").on(isa).expect("valid");
                let (mut states, mut expected) = ([RowState::new(); 2], [RowState::new(); 2]);
                loss.row_states(&mut states).expect("valid");
                of_f32.row_states(&mut expected).expect("valid");
                let numbers = |states: [RowState<f32>; 2]| states.map(RowState::to_array).concat();
                assert_same(&numbers(states), &numbers(expected), &what);
                let (mut grad, mut wide_grad) =
                    (vec![S::ONE; logits.len()], vec![1.0; logits.len()]);
                let upstream = Upstream::Uniform(0.5);
                loss.grad_student_within(&states, upstream, &mut grad).expect("valid");
                of_f32.grad_student_within(&states, upstream, &mut wide_grad).expect("valid");
                assert_rounded(&grad, &wide_grad, &what);
            }
        }
    }
}

#[test]
fn pieces_as_widened() {
    law_of_pieces::<bf16, bf16>();
    law_of_pieces::<f16, bf16>();
}

#[test]
fn mixed_distillation_as_widened() {
    let lengths = || (1..=5).chain([31, 33, 130, 1_025, 2_600]);
    law_of_distillation::<f32, f16>(lengths());
    law_of_distillation::<f32, bf16>(lengths());
    law_of_distillation::<f16, f32>(lengths());
    law_of_distillation::<bf16, f16>(lengths());
}

/// The number of these bits through the library: a target that a single class has, against an input of one.
fn through<T: Stored>(values: &[T], isa: Isa) -> Vec<T> {
    let ones = vec![T::ONE; values.len()];
    let kl = KlDiv::new(Input::Probs(values), Target::Probs(&ones))
        .expect("valid")
        .on(isa)
        .expect("valid");
    let mut grad = vec![T::ZERO; values.len()];
    kl.grad_target(Upstream::Uniform(1.0), &mut grad).expect("valid");
    grad
}

/// Each of all 65,536 numbers: as an input whose slope is `1 − ln q`, as a log-probability whose term is minus the
/// number, and as an `f64`.
fn all_numbers<T: Stored>() {
    let all: Vec<T> = (0..=u16::MAX).map(T::of_bits).collect();
    let widened = wide(&all);
    let certain = vec![T::ZERO; all.len()];
    let kl = KlDiv::new(Input::LogProbs(&all), Target::LogProbs(&certain)).expect("valid");
    for isa in isas() {
        assert_rounded(&through(&all, isa), &through(&widened, isa), "1 − ln q");
        let mut out = vec![T::ZERO; all.len()];
        kl.on(isa).expect("valid").pointwise(&mut out).expect("valid");
        let negative: Vec<f32> = widened.iter().map(|x| 0.0 - x).collect();
        assert_rounded(&out, &negative, "−x");
    }
    for &x in &all {
        assert_eq!(T::from_f64(x.to_f64()).pattern(), x.pattern());
        assert!(x.to_f64() == x.widened().into() || x.pattern() == u32::MAX);
    }
}

#[test]
fn all_numbers_through_the_library() {
    all_numbers::<f16>();
    all_numbers::<bf16>();
}

/// A log-probability's gradient with a factor is the factor rounded: every `f32` can be had. `halves` is the number of
/// an `f32`'s last bits that a number of this type lacks.
fn narrowing<T: Stored>(lacks: u32) {
    let mut random = Random::new(17);
    let mut values = Vec::new();
    // All ties, their neighbours, and what lies near the ends of all ranges.
    for upper in 0..=u32::MAX >> lacks {
        let tie = upper << lacks | 1 << (lacks - 1);
        values.extend([tie - 1, tie, tie + 1]);
        values.push(upper << lacks | random.next() as u32 & ((1 << lacks) - 1));
        // Subnormal numbers lack more bits.
        values.push(random.next() as u32);
        if values.len() > 60_000 {
            check_narrowing::<T>(&values);
            values.clear();
        }
    }
    check_narrowing::<T>(&values);
    // Ties of subnormal numbers of f16, which lack more bits the smaller they are.
    let ties = (0..2_048_u32).map(|k| (k as f32 + 0.5) * 2.0_f32.powi(-24));
    let around = ties.flat_map(|tie| [-1, 0, 1].map(|by| tie.to_bits().wrapping_add_signed(by)));
    check_narrowing::<T>(&around.flat_map(|bits| [bits, bits | 1 << 31]).collect::<Vec<_>>());
}

fn check_narrowing<T: Stored>(bits: &[u32]) {
    let factors: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
    let certain = vec![T::ZERO; factors.len()];
    let kl = KlDiv::new(Input::LogProbs(&certain), Target::LogProbs(&certain)).expect("valid");
    let mut grad = vec![T::ZERO; factors.len()];
    for isa in [Isa::Scalar, Isa::best()] {
        let kl = kl.on(isa).expect("valid");
        kl.grad_target(Upstream::PerElement(&factors), &mut grad).expect("valid");
        assert_rounded(&grad, &factors, "narrowed");
    }
    for &x in &factors {
        assert_eq!(T::from_f64(x.into()).pattern(), T::rounded(x).pattern(), "{x:e}");
    }
}

#[test]
fn every_tie_is_rounded_to_even() {
    narrowing::<f16>(13);
    narrowing::<bf16>(16);
}

/// Next to a tie an `f64` has more bits than an `f32` could show.
#[test]
fn an_f64_is_rounded_once() {
    let tiny = f64::EPSILON;
    assert_eq!(bf16::from_f64(1.0 + 2.0_f64.powi(-8)), bf16::ONE);
    assert_eq!(
        <bf16 as Element>::from_f64((1.0 + 2.0_f64.powi(-8)) * (1.0 + tiny)).to_bits(),
        0x3f81
    );
    assert_eq!(
        <bf16 as Element>::from_f64((1.0 + 2.0_f64.powi(-8)) * (1.0 - tiny)).to_bits(),
        0x3f80
    );
    assert_eq!(
        <f16 as Element>::from_f64((1.0 + 2.0_f64.powi(-11)) * (1.0 + tiny)).to_bits(),
        0x3c01
    );
    assert_eq!(
        <f16 as Element>::from_f64((1.0 + 2.0_f64.powi(-11)) * (1.0 - tiny)).to_bits(),
        0x3c00
    );
    assert_eq!(<f16 as Element>::from_f64(65_520.0).to_bits(), 0x7c00);
    assert_eq!(<f16 as Element>::from_f64(65_520.0 * (1.0 - tiny)).to_bits(), 0x7bff);
    assert_eq!(<f16 as Element>::from_f64(-1e300).to_bits(), 0xfc00);
    assert_eq!(<f16 as Element>::from_f64(-1e-300).to_bits(), 0x8000);
    assert_eq!(<bf16 as Element>::from_f64(f64::MAX).to_bits(), 0x7f80);
}

fn checks_and_faces<T: Stored>() {
    let [q, p] = [[0.25, 0.75], [0.5, 0.5]].map(|values| values.map(|x| T::rounded(x)));
    let kl = KlDiv::new(Input::Probs(&q), Target::Probs(&p)).expect("valid");
    assert_eq!(kl.validate(1, 1e-6), Ok(()));
    assert!(matches!(kl.validate(2, 1e-6), Err(Error::RowSum { row: 0, .. })));
    let mistaken = KlDiv::new(Input::LogProbs(&q), Target::Probs(&p)).expect("valid");
    assert!(matches!(mistaken.validate(1, 1e-6), Err(Error::PositiveLogProbability { .. })));

    let loss: f32 = kl_div(&q, &p, Reduction::Sum, false).expect("valid");
    assert_same(
        &[loss],
        &[kl_div(&wide(&q), &wide(&p), Reduction::Sum, false).expect("valid")],
        "kl_div",
    );
    let (mut grad, mut expected) = ([T::ZERO; 2], [0.0; 2]);
    let face = KlDivLoss::new();
    face.backward_input(&q, &p, 3.0, &mut grad).expect("valid");
    face.backward_input(&wide(&q), &wide(&p), 3.0, &mut expected).expect("valid");
    assert_rounded(&grad, &expected, "backward_input");
    face.forward_pointwise(&q, &p, &mut grad).expect("valid");
    face.forward_pointwise(&wide(&q), &wide(&p), &mut expected).expect("valid");
    assert_rounded(&grad, &expected, "forward_pointwise");

    let mut sum = ExactSum::new();
    sum.extend_from_slice(&[T::of_bits(1); 1_000]);
    sum.add(T::ONE);
    let exact = 1_000.0 * T::of_bits(1).to_f64() + 1.0;
    assert_eq!((sum.value::<f64>(), sum.value::<T>()), (exact, T::from_f64(exact)));
}

#[test]
fn other_faces() {
    checks_and_faces::<f16>();
    checks_and_faces::<bf16>();
}
