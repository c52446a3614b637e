//! The documented tables of special values, row by row, and the whole grid of special numbers against the reference.

mod support;

use Is::{Inf, MinusInf, Nan, Negative, Nothing, Positive, Zero};
use kldiv::{Isa, KlDiv, Rows, Upstream, log_softmax, reference, softmax};
use support::{
    ALL_FORMS, Class, Forms, Number, class, close, cycled, for_each_number, isas, raw, same,
    specials,
};

/// What a table says of one result.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    /// `+0` to the bit: the element takes no part.
    Nothing,
    /// A zero that the formula makes, of either sign.
    Zero,
    Positive,
    Negative,
    Inf,
    MinusInf,
    Nan,
}

impl Is {
    fn holds<R: Number>(self, value: R) -> bool {
        let number = value.to_f64();
        match self {
            Nothing => value.bits() == 0,
            Zero => number == 0.0,
            Positive => number > 0.0 && number.is_finite(),
            Negative => number < 0.0 && number.is_finite(),
            Inf => number == f64::INFINITY,
            MinusInf => number == f64::NEG_INFINITY,
            Nan => number.is_nan(),
        }
    }
}

/// `[terms, gradients by input, gradients by target]`.
fn elementwise<R: Number>(kl: KlDiv<'_, R>, upstream: Upstream<'_, R>) -> [Vec<R>; 3] {
    let mut out = [(); 3].map(|()| vec![R::of(f64::NAN); kl.len()]);
    kl.pointwise(&mut out[0]).expect("equal lengths");
    kl.grad_input(upstream, &mut out[1]).expect("equal lengths");
    kl.grad_target(upstream, &mut out[2]).expect("equal lengths");
    out
}

/// Long enough for whole vectors of every instruction set, and a tail.
const LENGTH: usize = 77;
/// In the first vector, at its end for eight lanes, in a later one, in the tail.
const POSITIONS: [usize; 4] = [0, 7, 40, LENGTH - 1];

/// Asserts that away from `POSITIONS` two results are the same to the bit.
fn assert_neighbours_untouched<R: Number>(what: &str, got: &[R], ordinary: &[R], at: &[usize]) {
    for i in (0..got.len()).filter(|i| !at.contains(i)) {
        assert!(
            got[i].bits() == ordinary[i].bits(),
            "{what}: a special number at {at:?} changed {:?} at {i} to {:?}",
            ordinary[i],
            got[i]
        );
    }
}

/// `(input, target, [term, gradient by input, gradient by target])`.
type Row<R> = (R, R, [Is; 3]);

/// Holds every row on every instruction set: alone, and at each position among ordinary numbers.
fn check_table<R: Number>(forms: Forms, rows: &[Row<R>]) {
    let upstream = Upstream::Uniform(R::of(1.0));
    let (input, target) = forms.ordinary::<R>(LENGTH);
    for isa in isas() {
        let ordinary = elementwise(forms.kl(&input, &target, isa), upstream);
        for &(x, t, expected) in rows {
            let what = format!("{} {forms:?} on {isa}, input {x:?}, target {t:?}", R::NAME);
            let alone = elementwise(forms.kl(&[x], &[t], isa), upstream);
            for (result, expected) in alone.iter().zip(expected) {
                assert!(expected.holds(result[0]), "{what}: {:?}, not {expected:?}", result[0]);
            }
            for at in POSITIONS {
                let (mut input, mut target) = (input.clone(), target.clone());
                (input[at], target[at]) = (x, t);
                let among = elementwise(forms.kl(&input, &target, isa), upstream);
                for ((among, alone), ordinary) in among.iter().zip(&alone).zip(&ordinary) {
                    assert!(same(among[at], alone[0]), "{what}: another result at {at}");
                    assert_neighbours_untouched(&what, among, ordinary, &[at]);
                }
            }
        }
    }
}

const NO_PART: [Is; 3] = [Nothing, Nothing, Nothing];

fn log_input_and_probs<R: Number>() -> Vec<Row<R>> {
    let n = R::of;
    let (inf, minus_inf, nan) = (R::of(f64::INFINITY), R::of(f64::NEG_INFINITY), R::of(f64::NAN));
    vec![
        // A target of zero takes no part, whatever the input.
        (n(-1.0), n(0.0), NO_PART),
        (n(-1.0), n(-0.0), NO_PART),
        (minus_inf, n(0.0), NO_PART),
        (minus_inf, n(-0.0), NO_PART),
        (inf, n(0.0), NO_PART),
        (nan, n(0.0), NO_PART),
        (R::LARGEST.negative(), n(-0.0), NO_PART),
        // Subnormal targets are numbers.
        (n(-1.0), R::SMALLEST, [Negative, Negative, Negative]),
        (n(-1.0), R::SMALLEST_NORMAL.inward(), [Negative, Negative, Negative]),
        (n(-1.0), R::SMALLEST_NORMAL, [Negative, Negative, Negative]),
        (minus_inf, R::SMALLEST, [Inf, Negative, Inf]),
        // Ordinary targets.
        (n(0.0), n(1.0), [Zero, Negative, Positive]),
        (n(-0.0), n(1.0), [Zero, Negative, Positive]),
        (n(-1.0), n(1.0), [Positive, Negative, Positive]),
        (R::SMALLEST, n(0.5), [Negative, Negative, Positive]),
        (minus_inf, n(0.5), [Inf, Negative, Inf]),
        (inf, n(0.5), [MinusInf, Negative, MinusInf]),
        (nan, n(0.5), [Nan, Negative, Nan]),
        // The term may overflow.
        (n(-1.0), R::LARGEST, [Inf, Negative, Positive]),
        (R::LARGEST, R::LARGEST, [MinusInf, Negative, Negative]),
        (R::LARGEST.negative(), R::LARGEST, [Inf, Negative, Positive]),
        // Infinite targets.
        (n(-1.0), inf, [Inf, MinusInf, Inf]),
        (minus_inf, inf, [Inf, MinusInf, Inf]),
        (inf, inf, [Nan, MinusInf, Nan]),
        // What is no probability: its logarithm is NaN, and −t is −t.
        (n(-1.0), R::SMALLEST.negative(), [Nan, Positive, Nan]),
        (n(-1.0), n(-1.0), [Nan, Positive, Nan]),
        (minus_inf, n(-1.0), [Nan, Positive, Nan]),
        (n(-1.0), minus_inf, [Nan, Inf, Nan]),
        (n(-1.0), nan, [Nan, Nan, Nan]),
        (minus_inf, nan, [Nan, Nan, Nan]),
    ]
}

fn log_input_and_log_probs<R: Number>() -> Vec<Row<R>> {
    let n = R::of;
    let (inf, minus_inf, nan) = (R::of(f64::INFINITY), R::of(f64::NEG_INFINITY), R::of(f64::NAN));
    let overflowing = R::LN_LARGEST.outward();
    vec![
        // eᵗ is zero, or rounds to it.
        (n(-1.0), minus_inf, NO_PART),
        (minus_inf, minus_inf, NO_PART),
        (inf, minus_inf, NO_PART),
        (nan, minus_inf, NO_PART),
        (minus_inf, R::LN_SMALLEST.outward(), NO_PART),
        (nan, n(-10_000.0), NO_PART),
        (R::LARGEST.negative(), R::LARGEST.negative(), NO_PART),
        // The smallest probability there is takes part.
        (n(-1.0), R::LN_SMALLEST, [Negative, Negative, Negative]),
        (minus_inf, R::LN_SMALLEST, [Inf, Negative, Inf]),
        // Ordinary targets; zero and subnormal ones are the probability 1.
        (n(0.0), n(0.0), [Zero, Negative, Positive]),
        (n(-1.0), n(-0.0), [Positive, Negative, Positive]),
        (n(-1.0), R::SMALLEST, [Positive, Negative, Positive]),
        (n(-1.0), R::SMALLEST.negative(), [Positive, Negative, Positive]),
        (n(-1.0), n(-1.0), [Zero, Negative, Positive]),
        (minus_inf, n(-1.0), [Inf, Negative, Inf]),
        (inf, n(-1.0), [MinusInf, Negative, MinusInf]),
        (nan, n(-1.0), [Nan, Negative, Nan]),
        (R::LARGEST.negative(), n(1.0), [Inf, Negative, Inf]),
        // eᵗ overflows; zero times it is NaN.
        (n(-1.0), R::LN_LARGEST, [Inf, Negative, Inf]),
        (R::LN_LARGEST, R::LN_LARGEST, [Zero, Negative, Positive]),
        (n(-1.0), overflowing, [Inf, MinusInf, Inf]),
        (overflowing, overflowing, [Nan, MinusInf, Inf]),
        (n(801.0), n(800.0), [MinusInf, MinusInf, Nan]),
        (n(802.0), n(800.0), [MinusInf, MinusInf, MinusInf]),
        (R::LARGEST, R::LARGEST, [Nan, MinusInf, Inf]),
        (R::LARGEST.negative(), R::LARGEST, [Inf, MinusInf, Inf]),
        (n(-1.0), inf, [Inf, MinusInf, Inf]),
        (minus_inf, inf, [Inf, MinusInf, Inf]),
        (inf, inf, [Nan, MinusInf, Nan]),
        (n(-1.0), nan, [Nan, Nan, Nan]),
        (minus_inf, nan, [Nan, Nan, Nan]),
    ]
}

fn probs_and_probs<R: Number>() -> Vec<Row<R>> {
    let n = R::of;
    let (inf, minus_inf, nan) = (R::of(f64::INFINITY), R::of(f64::NEG_INFINITY), R::of(f64::NAN));
    vec![
        // A target of zero takes no part, not even against an input of zero.
        (n(0.5), n(0.0), NO_PART),
        (n(0.5), n(-0.0), NO_PART),
        (n(0.0), n(0.0), NO_PART),
        (n(-0.0), n(0.0), NO_PART),
        (n(-1.0), n(-0.0), NO_PART),
        (inf, n(0.0), NO_PART),
        (nan, n(0.0), NO_PART),
        // Ordinary pairs.
        (n(1.0), n(1.0), [Zero, Negative, Positive]),
        (n(0.5), n(1.0), [Positive, Negative, Positive]),
        // Subnormals are numbers.
        (R::SMALLEST, R::SMALLEST, [Zero, Negative, Positive]),
        (R::SMALLEST, n(0.5), [Positive, MinusInf, Positive]),
        (n(0.5), R::SMALLEST, [Negative, Negative, Negative]),
        (R::LARGEST, R::LARGEST, [Zero, Negative, Positive]),
        // An input of zero; the sign of zero shows in the division.
        (n(0.0), n(0.5), [Inf, MinusInf, Inf]),
        (n(-0.0), n(0.5), [Inf, Inf, Inf]),
        (n(0.0), R::SMALLEST, [Inf, MinusInf, Inf]),
        // An input that is no probability.
        (n(-1.0), n(0.5), [Nan, Positive, Nan]),
        (R::SMALLEST.negative(), n(0.5), [Nan, Inf, Nan]),
        (minus_inf, n(0.5), [Nan, Zero, Nan]),
        (inf, n(0.5), [MinusInf, Zero, MinusInf]),
        (nan, n(0.5), [Nan, Nan, Nan]),
        // A target that is no probability.
        (n(0.5), inf, [Inf, MinusInf, Inf]),
        (n(0.0), inf, [Inf, MinusInf, Inf]),
        (inf, inf, [Nan, Nan, Nan]),
        (n(0.5), R::SMALLEST.negative(), [Nan, Positive, Nan]),
        (n(0.5), n(-1.0), [Nan, Positive, Nan]),
        (n(0.0), n(-1.0), [Nan, Inf, Nan]),
        (n(-1.0), n(-1.0), [Nan, Negative, Nan]),
        (n(0.5), minus_inf, [Nan, Inf, Nan]),
        (n(0.5), nan, [Nan, Nan, Nan]),
    ]
}

fn probs_and_log_probs<R: Number>() -> Vec<Row<R>> {
    let n = R::of;
    let (inf, minus_inf, nan) = (R::of(f64::INFINITY), R::of(f64::NEG_INFINITY), R::of(f64::NAN));
    vec![
        // eᵗ is zero, or rounds to it.
        (n(0.5), minus_inf, NO_PART),
        (n(0.0), minus_inf, NO_PART),
        (n(-0.0), minus_inf, NO_PART),
        (n(-1.0), minus_inf, NO_PART),
        (inf, minus_inf, NO_PART),
        (nan, minus_inf, NO_PART),
        (n(0.0), R::LN_SMALLEST.outward(), NO_PART),
        (n(0.0), R::LARGEST.negative(), NO_PART),
        // The smallest probability there is takes part.
        (n(0.5), R::LN_SMALLEST, [Negative, Negative, Negative]),
        (n(0.0), R::LN_SMALLEST, [Inf, MinusInf, Inf]),
        // Ordinary pairs.
        (n(1.0), n(0.0), [Zero, Negative, Positive]),
        (n(0.5), n(-0.0), [Positive, Negative, Positive]),
        (n(0.5), R::SMALLEST, [Positive, Negative, Positive]),
        (R::SMALLEST, n(-1.0), [Positive, MinusInf, Positive]),
        // An input of zero, or none at all.
        (n(0.0), n(-1.0), [Inf, MinusInf, Inf]),
        (n(-0.0), n(-1.0), [Inf, Inf, Inf]),
        (n(-1.0), n(-1.0), [Nan, Positive, Nan]),
        (minus_inf, n(-1.0), [Nan, Zero, Nan]),
        (inf, n(-1.0), [MinusInf, Zero, MinusInf]),
        (nan, n(-1.0), [Nan, Nan, Nan]),
        // eᵗ overflows.
        (n(0.5), R::LN_LARGEST, [Inf, MinusInf, Inf]),
        (n(0.5), n(800.0), [Inf, MinusInf, Inf]),
        (inf, n(800.0), [MinusInf, Nan, MinusInf]),
        (n(0.5), inf, [Inf, MinusInf, Inf]),
        (n(0.0), inf, [Inf, MinusInf, Inf]),
        (inf, inf, [Nan, Nan, Nan]),
        (n(0.5), nan, [Nan, Nan, Nan]),
        (n(0.0), nan, [Nan, Nan, Nan]),
    ]
}

#[test]
fn log_input_against_probs() {
    for_each_number!(R => check_table::<R>(ALL_FORMS[0], &log_input_and_probs()));
}

#[test]
fn log_input_against_log_probs() {
    for_each_number!(R => check_table::<R>(ALL_FORMS[1], &log_input_and_log_probs()));
}

#[test]
fn probs_against_probs() {
    for_each_number!(R => check_table::<R>(ALL_FORMS[2], &probs_and_probs()));
}

#[test]
fn probs_against_log_probs() {
    for_each_number!(R => check_table::<R>(ALL_FORMS[3], &probs_and_log_probs()));
}

/// Targets whose probability is zero.
fn zero_targets<R: Number>(forms: Forms) -> Vec<R> {
    if forms.log_target {
        let numbers = [R::LN_SMALLEST.outward(), R::of(-10_000.0), R::LARGEST.negative()];
        numbers.into_iter().chain([R::of(f64::NEG_INFINITY)]).collect()
    } else {
        vec![R::of(0.0), R::of(-0.0)]
    }
}

#[test]
fn a_zero_target_takes_no_part_whatever_arrives() {
    fn check<R: Number>(forms: Forms, isa: Isa) -> usize {
        let mut checked = 0;
        let inputs = specials::<R>();
        for t in zero_targets::<R>(forms) {
            let targets = vec![t; inputs.len()];
            let kl = forms.kl(&inputs, &targets, isa);
            for g in specials::<R>() {
                let each = vec![g; inputs.len()];
                for upstream in
                    [Upstream::Uniform(g), Upstream::PerRow(&[g]), Upstream::PerElement(&each)]
                {
                    for result in elementwise(kl, upstream).iter().flatten() {
                        assert_eq!(result.bits(), 0, "{} {forms:?} {t:?}, {g:?}", R::NAME);
                        checked += 1;
                    }
                }
            }
            assert_eq!(kl.sum().bits(), 0);
            assert_eq!(kl.mean().bits(), 0);
            assert_eq!(kl.entropy().bits(), 0);
            assert_eq!(kl.cross_entropy().bits(), 0);
        }
        checked
    }
    for isa in isas() {
        for forms in ALL_FORMS {
            for_each_number!(R => assert!(check::<R>(forms, isa) >= 20_000));
        }
    }
}

/// Where eᵗ stops being zero is decided to the last bit: half of the smallest number.
#[test]
fn the_smallest_probability_takes_part() {
    fn check<R: Number>(isa: Isa) {
        let forms = ALL_FORMS[1];
        let targets = cycled(&[R::LN_SMALLEST, R::LN_SMALLEST.outward()], LENGTH);
        let inputs = vec![R::of(0.0); LENGTH];
        let [_, by_input, _] =
            elementwise(forms.kl(&inputs, &targets, isa), Upstream::Uniform(R::of(1.0)));
        for (i, got) in by_input.iter().enumerate() {
            let expected = if i % 2 == 0 { R::SMALLEST.negative() } else { R::of(0.0) };
            assert_eq!(got.bits(), expected.bits(), "{} on {isa}, at {i}", R::NAME);
        }
    }
    for isa in isas() {
        for_each_number!(R => check::<R>(isa));
    }
}

/// The documented bound is 4 roundings; the reference, which is not exact for `f64`, gets 2.
const UNITS: f64 = 6.0;

/// How far a term and its two derivatives may be from the reference. A probability that is the rounded eᵗ is also one
/// `SMALLEST` uncertain, and so is whatever underflows.
fn tolerances<R: Number>(forms: Forms, x: R, t: R) -> [f64; 3] {
    let unit = UNITS * R::UNIT;
    let tiny = R::SMALLEST.to_f64();
    let (x, t) = (x.to_f64(), t.to_f64());
    let (p, ln_p) = if forms.log_target { (t.exp(), t) } else { (t, t.ln()) };
    let (ln_q, divisor) = if forms.log_input { (x, 1.0) } else { (x.ln(), x) };
    let size = if forms.log_input && forms.log_target {
        (ln_p - ln_q).abs()
    } else {
        ln_p.abs() + ln_q.abs()
    };
    let p_error = unit * p.abs() + if forms.log_target { tiny } else { 0.0 };
    let slope_error = if forms.log_target { p_error } else { unit };
    let larger = ln_p.abs() + ln_q.abs() + 1.0;
    [p_error * size + tiny, p_error / divisor.abs() + tiny, slope_error * larger + tiny]
}

/// In `f32`, the logarithm of the largest number rounds to a number whose exponential overflows: the difference of the two is 0 in `f32` and more
/// than 0 in truth, so the term is ∞·0 or ∞. Neither is wrong.
fn is_undecided<R: Number>(forms: Forms, x: R, t: R) -> bool {
    !forms.log_input && forms.log_target && x == R::LARGEST && t == R::LN_LARGEST.outward()
}

#[test]
fn the_grid_of_special_numbers_agrees_with_the_reference() {
    fn check<R: Number>(forms: Forms, isa: Isa) -> usize {
        let mut checked = 0;
        let (ordinary_input, ordinary_target) = forms.ordinary::<R>(LENGTH);
        let ordinary_upstream = vec![R::of(1.0); LENGTH];
        let plain = elementwise(
            forms.kl(&ordinary_input, &ordinary_target, isa),
            Upstream::PerElement(&ordinary_upstream),
        );
        let (mut input, mut target) = (ordinary_input.clone(), ordinary_target.clone());
        let mut upstream = ordinary_upstream.clone();
        for x in specials::<R>() {
            for t in specials::<R>() {
                let tolerances = tolerances(forms, x, t);
                let derivatives = exact_results(forms, x, t, R::of(1.0));
                for g in [1.0, -2.0, 0.0, f64::INFINITY, f64::NAN].map(R::of) {
                    for at in POSITIONS {
                        (input[at], target[at], upstream[at]) = (x, t, g);
                    }
                    let kl = forms.kl(&input, &target, isa);
                    let results = elementwise(kl, Upstream::PerElement(&upstream));
                    let exact = exact_results(forms, x, t, g);
                    for (column, result) in results.iter().enumerate() {
                        let what = format!(
                            "{} {forms:?} on {isa}, input {x:?}, target {t:?}, upstream {g:?}, {}",
                            R::NAME,
                            ["term", "gradient by input", "gradient by target"][column]
                        );
                        assert_neighbours_untouched(&what, result, &plain[column], &POSITIONS);
                        let exact = exact[column];
                        let factor = if column == 0 { 1.0 } else { g.to_f64().abs() };
                        let tolerance = tolerances[column] * factor + R::SMALLEST.to_f64();
                        // Not finite where the result is not, or is exactly zero.
                        let tolerance = if tolerance.is_finite() { tolerance } else { 0.0 };
                        for at in POSITIONS {
                            assert!(same(result[at], result[0]), "{what}: differs at {at}");
                        }
                        let got = result[0].to_f64();
                        let class_of_exact = class(R::of(exact).to_f64());
                        let agrees = if class_of_exact == Class::Finite {
                            close(got, exact, tolerance)
                        } else {
                            class(got) == class_of_exact
                        };
                        // An infinite upstream shows the sign of a derivative that rounding decides.
                        let derivative = derivatives[column].abs();
                        let undecided = if column == 0 {
                            is_undecided(forms, x, t)
                        } else {
                            !g.to_f64().is_finite() && derivative <= tolerances[column]
                        };
                        assert!(
                            agrees || undecided,
                            "{what}: {got:e}, reference {exact:e}, tolerance {tolerance:e}"
                        );
                        checked += 1;
                    }
                }
            }
        }
        checked
    }
    for isa in isas() {
        for forms in ALL_FORMS {
            let grid = specials::<f32>().len().pow(2) * 5 * 3;
            for_each_number!(R => assert_eq!(check::<R>(forms, isa), grid));
            assert!(grid > 20_000);
        }
    }
}

/// The reference's `[term, gradient by input, gradient by target]` for one element.
fn exact_results<R: Number>(forms: Forms, x: R, t: R, g: R) -> [f64; 3] {
    let mut out = [[f64::NAN]; 3];
    let (x, t) = ([x], [t]);
    reference::pointwise(forms.input(&x), forms.target(&t), &mut out[0]);
    let upstream = Upstream::Uniform(g);
    reference::grad_input(forms.input(&x), forms.target(&t), upstream, &mut out[1]);
    reference::grad_target(forms.input(&x), forms.target(&t), upstream, &mut out[2]);
    out.map(|[value]| value)
}

/// Every sum of a slice with `specials` put at the given places, by name.
fn sums<R: Number>(kl: KlDiv<'_, R>) -> [(&'static str, f64); 3] {
    [
        ("sum", kl.sum().to_f64()),
        ("mean", kl.mean().to_f64()),
        ("batch_mean", kl.batch_mean(7).to_f64()),
    ]
}

/// `(input, target)` whose term is +∞, −∞ or NaN.
fn element_with_term<R: Number>(forms: Forms, class: Class) -> (R, R) {
    let half = if forms.log_target { R::of(-1.0) } else { R::of(0.5) };
    let input = match (class, forms.log_input) {
        (Class::PlusInfinity, true) => R::of(f64::NEG_INFINITY),
        (Class::PlusInfinity, false) => R::of(0.0),
        (Class::MinusInfinity, _) => R::of(f64::INFINITY),
        (Class::Nan, _) => R::of(f64::NAN),
        (Class::Finite, _) => panic!("an ordinary element"),
    };
    (input, half)
}

#[test]
fn sums_have_the_class_of_a_plain_sum() {
    fn check<R: Number>(forms: Forms, isa: Isa, n: usize) {
        use Class::{Finite, MinusInfinity, PlusInfinity};
        let last = n - 1;
        let (plus, minus, nan) = (PlusInfinity, MinusInfinity, Class::Nan);
        let cases: [(&[(usize, Class)], Class); 11] = [
            (&[], Finite),
            (&[(0, plus)], plus),
            (&[(7, plus)], plus),
            (&[(last, plus)], plus),
            (&[(last, minus)], minus),
            (&[(0, plus), (1, plus), (33, plus), (last, plus)], plus),
            (&[(0, minus), (32, minus), (last, minus)], minus),
            (&[(3, plus), (last, minus)], nan),
            (&[(3, minus), (4, plus)], nan),
            (&[(9, nan)], nan),
            (&[(0, plus), (last, nan)], nan),
        ];
        for (specials, expected) in cases {
            let (mut input, mut target) = forms.ordinary::<R>(n);
            for &(at, class) in specials {
                (input[at], target[at]) = element_with_term(forms, class);
            }
            let kl = forms.kl(&input, &target, isa);
            let what = format!("{} {forms:?} on {isa}, n = {n}, {specials:?}", R::NAME);
            for (name, value) in sums(kl) {
                assert_eq!(class(value), expected, "{what}: {name} is {value}");
            }
            // H(target, input) = −Σ p ln q is infinite where the divergence is; the entropy asks for the target alone.
            let cross_entropy = kl.cross_entropy().to_f64();
            assert_eq!(class(cross_entropy), expected, "{what}: cross_entropy {cross_entropy}");
            assert!(kl.entropy().to_f64().is_finite(), "{what}: entropy");
            let by_reference = reference::sum(forms.input(&input), forms.target(&target));
            assert_eq!(class(by_reference), expected, "{what}: reference {by_reference}");
        }
    }
    for isa in isas() {
        for forms in ALL_FORMS {
            for n in [LENGTH, 1000] {
                for_each_number!(R => check::<R>(forms, isa, n));
            }
        }
        // Longer than one chunk of the sum.
        for_each_number!(R => check::<R>(ALL_FORMS[0], isa, 65_536 + 100));
    }
}

#[test]
fn a_row_sum_is_touched_by_its_own_row_only() {
    fn check<R: Number>(forms: Forms, isa: Isa, width: usize) {
        let (input, target) = forms.ordinary::<R>(4 * width);
        let mut plain = vec![R::of(f64::NAN); 4];
        forms.kl(&input, &target, isa).row_sums(&mut plain).expect("whole rows");
        for expected in [Class::PlusInfinity, Class::MinusInfinity, Class::Nan] {
            for row in 0..4 {
                for at in [row * width, row * width + width - 1] {
                    let (mut input, mut target) = (input.clone(), target.clone());
                    (input[at], target[at]) = element_with_term(forms, expected);
                    let mut rows = vec![R::of(f64::NAN); 4];
                    let kl = forms.kl(&input, &target, isa);
                    kl.row_sums(&mut rows).expect("whole rows");
                    let what = format!("{} {forms:?} on {isa}, {expected:?} at {at}", R::NAME);
                    assert_eq!(class(rows[row].to_f64()), expected, "{what}");
                    assert_neighbours_untouched(&what, &rows, &plain, &[row]);
                }
            }
        }
    }
    for isa in isas() {
        for forms in ALL_FORMS {
            for width in [1, 5, 33] {
                for_each_number!(R => check::<R>(forms, isa, width));
            }
        }
    }
}

/// An infinite input under a zero target leaves every sum as it would be under an ordinary input.
#[test]
fn sums_skip_zero_targets() {
    fn check<R: Number>(forms: Forms, isa: Isa) {
        let (mut input, mut target) = forms.ordinary::<R>(LENGTH);
        let zeros = zero_targets::<R>(forms);
        for (at, &zero) in POSITIONS.iter().zip(zeros.iter().cycle()) {
            target[*at] = zero;
        }
        let all = |input: &[R]| {
            let kl = forms.kl(input, &target, isa);
            [kl.sum(), kl.mean(), kl.batch_mean(7), kl.cross_entropy(), kl.entropy()]
        };
        let plain = all(&input);
        assert!(plain.iter().all(|sum| sum.to_f64().is_finite()));
        for x in specials::<R>() {
            for at in POSITIONS {
                input[at] = x;
            }
            for (got, plain) in all(&input).into_iter().zip(plain) {
                assert_eq!(got.bits(), plain.bits(), "{} {forms:?} on {isa}, {x:?}", R::NAME);
            }
        }
    }
    for isa in isas() {
        for forms in ALL_FORMS {
            for_each_number!(R => check::<R>(forms, isa));
        }
    }
}

/// Finite terms whose sum is too large make an infinity, as they do in a plain sum; the compensation must not turn
/// it into NaN.
#[test]
fn a_sum_that_overflows_is_infinite() {
    fn check<R: Number>(isa: Isa, n: usize, sign: f64, expected: Class) {
        // Each term is 1 · (ln 1 − x) = −x.
        let input = vec![R::of(-sign * R::LARGEST.to_f64()); n];
        let target = vec![R::of(1.0); n];
        let kl = ALL_FORMS[0].kl(&input, &target, isa);
        for (name, value) in [("sum", kl.sum()), ("cross_entropy", kl.cross_entropy())] {
            let value = value.to_f64();
            assert_eq!(class(value), expected, "{} on {isa}, n = {n}: {name} {value}", R::NAME);
        }
        assert_eq!(class(kl.mean().to_f64()), expected, "{} on {isa}: mean", R::NAME);
    }
    for isa in isas() {
        for n in [2, 3, LENGTH, 1000, 65_636] {
            for_each_number!(R => check::<R>(isa, n, 1.0, Class::PlusInfinity));
            for_each_number!(R => check::<R>(isa, n, -1.0, Class::MinusInfinity));
        }
    }
}

#[test]
fn entropy_asks_for_the_target_alone() {
    fn check<R: Number>(isa: Isa, log_target: bool, element: R, expected: Class) {
        let forms = Forms { log_input: true, log_target };
        for at in POSITIONS {
            let (input, mut target) = forms.ordinary::<R>(LENGTH);
            target[at] = element;
            let got = forms.kl(&input, &target, isa).entropy().to_f64();
            let what = format!("{} on {isa}, {element:?} at {at}: {got}", R::NAME);
            assert_eq!(class(got), expected, "{what}");
            assert_eq!(class(reference::entropy(forms.target(&target))), expected, "{what}");
        }
        let target = [element; 3];
        let input = [R::of(f64::NAN); 3];
        let got = forms.kl(&input, &target, isa).entropy().to_f64();
        assert_eq!(class(got), expected, "{} on {isa}, {element:?} against NaN", R::NAME);
    }
    fn check_all<R: Number>(isa: Isa) {
        let (inf, nan) = (R::of(f64::INFINITY), R::of(f64::NAN));
        check::<R>(isa, false, R::of(0.0), Class::Finite);
        check::<R>(isa, false, R::of(-0.0), Class::Finite);
        check::<R>(isa, false, R::SMALLEST, Class::Finite);
        check::<R>(isa, false, R::of(-0.5), Class::Nan);
        check::<R>(isa, false, nan, Class::Nan);
        check::<R>(isa, false, inf, Class::MinusInfinity);
        check::<R>(isa, true, inf.negative(), Class::Finite);
        check::<R>(isa, true, R::LN_SMALLEST, Class::Finite);
        check::<R>(isa, true, nan, Class::Nan);
        check::<R>(isa, true, inf, Class::MinusInfinity);
        check::<R>(isa, true, R::of(800.0), Class::MinusInfinity);
    }
    for isa in isas() {
        for_each_number!(R => check_all::<R>(isa));
    }
}

#[test]
fn nothing_at_all() {
    fn check<R: Number>(isa: Isa) {
        for forms in ALL_FORMS {
            let kl = forms.kl::<R>(&[], &[], isa);
            assert!(kl.is_empty());
            assert_eq!(kl.sum().bits(), 0);
            assert_eq!(kl.entropy().bits(), 0);
            assert_eq!(kl.cross_entropy().bits(), 0);
            assert!(kl.mean().to_f64().is_nan());
            assert!(kl.batch_mean(0).to_f64().is_nan());
            assert_eq!(kl.batch_mean(3).bits(), 0);
        }
        let (input, target) = ([R::of(-1.0)], [R::of(1.0)]);
        let infinite = ALL_FORMS[0].kl(&input, &target, isa).batch_mean(0);
        assert_eq!(infinite.to_f64(), f64::INFINITY);
    }
    for isa in isas() {
        for_each_number!(R => check::<R>(isa));
    }
}

/// `[log_softmax, softmax]` of rows of `classes`, and the reference's.
fn of_logits<R: Number>(logits: &[R], classes: usize) -> [(Vec<R>, Vec<f64>); 2] {
    let rows = Rows::new(logits, classes).expect("whole rows");
    let n = logits.len();
    let mut got = [vec![R::of(f64::NAN); n], vec![R::of(f64::NAN); n]];
    log_softmax(rows, &mut got[0]).expect("equal lengths");
    softmax(rows, &mut got[1]).expect("equal lengths");
    let mut exact = [vec![f64::NAN; n], vec![f64::NAN; n]];
    reference::log_softmax(logits, classes, &mut exact[0]);
    reference::softmax(logits, classes, &mut exact[1]);
    let [log_probs, probs] = got;
    let [exact_log_probs, exact_probs] = exact;
    [(log_probs, exact_log_probs), (probs, exact_probs)]
}

/// What a special logit does to its row: `(logits, log-softmax of each, softmax of each)`, the others being 0.
#[test]
fn rows_of_logits() {
    fn check<R: Number>() -> usize {
        let n = R::of;
        let (inf, minus_inf, nan) =
            (R::of(f64::INFINITY), R::of(f64::NEG_INFINITY), R::of(f64::NAN));
        let (max, min) = (R::LARGEST, R::LARGEST.negative());
        let rows: [([R; 3], [Is; 3], [Is; 3]); 12] = [
            (
                [minus_inf, n(0.0), n(1.0)],
                [MinusInf, Negative, Negative],
                [Zero, Positive, Positive],
            ),
            ([minus_inf, minus_inf, n(1.0)], [MinusInf, MinusInf, Zero], [Zero, Zero, Positive]),
            ([minus_inf, minus_inf, minus_inf], [Nan; 3], [Nan; 3]),
            ([inf, n(0.0), n(1.0)], [Nan; 3], [Nan; 3]),
            ([inf, inf, n(1.0)], [Nan; 3], [Nan; 3]),
            ([inf, minus_inf, n(1.0)], [Nan; 3], [Nan; 3]),
            ([nan, n(0.0), n(1.0)], [Nan; 3], [Nan; 3]),
            ([nan, minus_inf, minus_inf], [Nan; 3], [Nan; 3]),
            ([max, n(0.0), max], [Negative, Negative, Negative], [Positive, Zero, Positive]),
            ([min, n(0.0), min], [Negative, Zero, Negative], [Zero, Positive, Zero]),
            ([max, min, n(0.0)], [Zero, MinusInf, Negative], [Positive, Zero, Zero]),
            ([min, min, min], [Negative; 3], [Positive; 3]),
        ];
        let mut checked = 0;
        for (logits, log_probs, probs) in rows {
            // Every order of the three: the largest may come first, last or between.
            for turn in 0..3 {
                let (mut logits, mut expected) = (logits, [log_probs, probs]);
                logits.rotate_left(turn);
                for expected in &mut expected {
                    expected.rotate_left(turn);
                }
                for ((got, exact), expected) in of_logits(&logits, 3).iter().zip(expected) {
                    for ((&got, &exact), expected) in got.iter().zip(exact).zip(expected) {
                        let what = format!("{} {logits:?}: {got:?}, not {expected:?}", R::NAME);
                        assert!(expected.holds(got), "{what}");
                        assert_eq!(class(got.to_f64()), class(exact), "{what}: reference {exact}");
                        checked += 1;
                    }
                }
            }
        }
        checked
    }
    for_each_number!(R => assert_eq!(check::<R>(), 12 * 3 * 3 * 2));
}

#[test]
fn a_special_logit_touches_its_own_row_only() {
    fn check<R: Number>(classes: usize) -> usize {
        let mut checked = 0;
        let logits: Vec<R> = raw(3, 4 * classes, 5.0);
        let plain = of_logits(&logits, classes);
        for special in specials::<R>() {
            for row in 0..4 {
                let first = row * classes;
                let whole: Vec<usize> = (first..first + classes).collect();
                for places in
                    [&whole[..1], &whole[classes / 2..=classes / 2], &whole[classes - 1..], &whole]
                {
                    let mut logits = logits.clone();
                    for &at in places {
                        logits[at] = special;
                    }
                    let what = format!("{} {special:?} at {places:?} of {classes}", R::NAME);
                    let results = of_logits(&logits, classes);
                    for ((got, exact), (plain, _)) in results.iter().zip(&plain) {
                        assert_neighbours_untouched(&what, got, plain, &whole);
                        for &i in &whole {
                            let expected = class(R::of(exact[i]).to_f64());
                            assert_eq!(
                                class(got[i].to_f64()),
                                expected,
                                "{what}: {:?} at {i}",
                                got[i]
                            );
                            checked += 1;
                        }
                    }
                }
            }
        }
        checked
    }
    for classes in [1, 2, 5, 16, 33, LENGTH] {
        let expected = specials::<f32>().len() * 4 * 4 * classes * 2;
        for_each_number!(R => assert_eq!(check::<R>(classes), expected));
    }
}
