//! What must hold for any distributions: sums add up, divergences are not negative, gradients are slopes, forms agree.
//!
//! Where a tolerance is not one of `kldiv::accuracy`, a comment derives it; `u` is half an ulp of 1.

mod support;

use kldiv::{
    Isa, KlDiv, KlDivLoss, Reduction, Rows, Upstream, accuracy, kl_div, log_softmax, reference,
    softmax,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use support::{ALL_FORMS, Forms, Number, for_each_number, same};

type Checked = Result<(), TestCaseError>;

/// The logits of two distributions: none of their probabilities is zero or subnormal.
fn logits() -> impl Strategy<Value = Vec<(f64, f64)>> {
    vec((-SPREAD / 2.0..SPREAD / 2.0, -SPREAD / 2.0..SPREAD / 2.0), 1..400)
}

/// Distance between the largest and the smallest logit.
const SPREAD: f64 = 16.0;

fn forms() -> impl Strategy<Value = Forms> {
    select(&ALL_FORMS[..])
}

fn isa() -> impl Strategy<Value = Isa> {
    select(support::isas())
}

/// Input and target in these forms, rounded once.
fn distributions<R: Number>(forms: Forms, logits: &[(f64, f64)]) -> (Vec<R>, Vec<R>) {
    let total = |of: fn(&(f64, f64)) -> f64| logits.iter().map(|x| of(x).exp()).sum::<f64>().ln();
    let (of_input, of_target) = (total(|x| x.0), total(|x| x.1));
    let written = |ln: f64, is_log: bool| R::of(if is_log { ln } else { ln.exp() });
    logits
        .iter()
        .map(|&(x, t)| {
            (written(x - of_input, forms.log_input), written(t - of_target, forms.log_target))
        })
        .unzip()
}

fn sum<R: Number>(forms: Forms, isa: Isa, input: &[R], target: &[R]) -> f64 {
    forms.kl(input, target, isa).sum().to_f64()
}

/// The probabilities' own sum: rounded, they do not sum to 1.
fn mass<R: Number>(values: &[R], is_log: bool) -> f64 {
    values.iter().map(|x| if is_log { x.to_f64().exp() } else { x.to_f64() }).sum()
}

fn reference_bounds<R: Number>(forms: Forms, isa: Isa, logits: &[(f64, f64)]) -> Checked {
    let (input, target) = distributions::<R>(forms, logits);
    let kl = forms.kl(&input, &target, isa);
    let (exact, bound) = forms.sum_and_bound(&input, &target);
    prop_assert!((kl.sum().to_f64() - exact).abs() <= bound, "{:?}, not {}", kl.sum(), exact);
    let mut terms = vec![R::of(0.0); input.len()];
    let mut exact = vec![0.0; input.len()];
    kl.pointwise(&mut terms).expect("equal lengths");
    reference::pointwise(forms.input(&input), forms.target(&target), &mut exact);
    for (i, (term, exact)) in terms.iter().zip(exact).enumerate() {
        let (p, size) = forms.size(input[i], target[i]);
        let bound = accuracy::TERM_MAX_U * R::UNIT * p * size;
        prop_assert!((term.to_f64() - exact).abs() <= bound, "{i}: {term:?}, not {exact}");
    }
    Ok(())
}

fn additivity<R: Number>(forms: Forms, isa: Isa, logits: &[(f64, f64)], cut: usize) -> Checked {
    let (input, target) = distributions::<R>(forms, logits);
    let parts = [(&input[..cut], &target[..cut]), (&input[cut..], &target[cut..])];
    let whole = sum(forms, isa, &input, &target);
    let by_parts: f64 = parts.iter().map(|(x, t)| sum(forms, isa, x, t)).sum();
    let bound_of_parts: f64 = parts.iter().map(|(x, t)| forms.sum_and_bound(x, t).1).sum();
    let bound = forms.sum_and_bound(&input, &target).1 + bound_of_parts;
    prop_assert!((whole - by_parts).abs() <= bound, "{whole} but {by_parts} in two parts");
    Ok(())
}

fn rows_alone<R: Number>(forms: Forms, isa: Isa, logits: &[(f64, f64)], classes: usize) -> Checked {
    let rows = logits.len() / classes;
    let (input, target) = distributions::<R>(forms, &logits[..rows * classes]);
    let mut sums = vec![R::of(f64::NAN); rows];
    forms.kl(&input, &target, isa).row_sums(&mut sums).expect("equal rows");
    for (row, &found) in sums.iter().enumerate() {
        let at = row * classes..(row + 1) * classes;
        let alone = forms.kl(&input[at.clone()], &target[at], isa).sum();
        prop_assert!(same(found, alone), "row {row}: {found:?}, alone {alone:?}");
    }
    Ok(())
}

/// Gibbs: p ln (p/q) ≥ p − q, element by element, so the divergence is at least what the masses differ by.
fn gibbs<R: Number>(forms: Forms, isa: Isa, logits: &[(f64, f64)]) -> Checked {
    let (input, target) = distributions::<R>(forms, logits);
    let least = mass(&target, forms.log_target) - mass(&input, forms.log_input);
    let (_, bound) = forms.sum_and_bound(&input, &target);
    let found = sum(forms, isa, &input, &target);
    prop_assert!(found >= least - bound, "{found} is below {least}");
    Ok(())
}

fn nothing_from_itself<R: Number>(isa: Isa, logits: &[(f64, f64)]) -> Checked {
    for forms in ALL_FORMS.into_iter().filter(|forms| forms.log_input == forms.log_target) {
        let (input, _) = distributions::<R>(forms, logits);
        let kl = forms.kl(&input, &input, isa);
        let mut terms = vec![R::of(f64::NAN); input.len()];
        kl.pointwise(&mut terms).expect("equal lengths");
        prop_assert!(kl.sum() == R::of(0.0), "{:?}", kl.sum());
        prop_assert!(terms.iter().all(|&term| term == R::of(0.0)), "{terms:?}");
    }
    Ok(())
}

/// Gradients against central differences of the reference, with step h = 1e-4 for a logarithm and 1e-4 of itself for a
/// probability. The differences miss the slope by h²/6 times the third derivative, below 1e-8 of
///
/// - by the input: `p/q` for a probability (the third derivative is 2p/q³); a logarithm's term is a straight line;
/// - by the target: 1 for a probability (it is 1/p²), `p·(|ln p − ln q| + 3)` for a logarithm;
///
/// and by roundings of the term over h, 2⁻⁵² of `p·size` over 1e-4, below 1e-11 of the same sizes.
/// The library's own error: to make −p/q·g takes exp (1.5 u), a division and a product (1 u each); the slope by the
/// target is made like a term (`TERM_MAX_U`), plus 1 and times g (1 u each) and p.
fn slopes<R: Number>(forms: Forms, isa: Isa, logits: &[(f64, f64)]) -> Checked {
    const STEP: f64 = 1e-4;
    const OF_DIFFERENCES: f64 = 1e-8 + 1e-11;
    let (input, target) = distributions::<R>(forms, logits);
    let factors: Vec<R> = logits.iter().map(|&(x, t)| R::of(x * t)).collect();
    let kl = forms.kl(&input, &target, isa);
    let mut by_input = vec![R::of(f64::NAN); input.len()];
    let mut by_target = by_input.clone();
    kl.grad_input(Upstream::PerElement(&factors), &mut by_input).expect("equal lengths");
    kl.grad_target(Upstream::PerElement(&factors), &mut by_target).expect("equal lengths");
    let term = |x: f64, t: f64| {
        let mut term = [f64::NAN];
        reference::pointwise(forms.input(&[x]), forms.target(&[t]), &mut term);
        term[0]
    };
    for i in 0..input.len() {
        let (x, t, g) = (input[i].to_f64(), target[i].to_f64(), factors[i].to_f64());
        let (p, size) = forms.size(input[i], target[i]);
        let divisor = if forms.log_input { 1.0 } else { x };
        let p_slope = if forms.log_target { p } else { 1.0 };

        let h = STEP * divisor;
        let expected = g * (term(x + h, t) - term(x - h, t)) / (2.0 * h);
        let tolerance = (OF_DIFFERENCES * (1.0 + size) + 4.0 * R::UNIT) * (g * p / divisor).abs();
        let found = by_input[i].to_f64();
        prop_assert!((found - expected).abs() <= tolerance, "input {i}: {found}, not {expected}");

        let h = if forms.log_target { STEP } else { STEP * t };
        let expected = g * (term(x, t + h) - term(x, t - h)) / (2.0 * h);
        let units = OF_DIFFERENCES + (accuracy::TERM_MAX_U + 3.0) * R::UNIT;
        let tolerance = units * (g * p_slope * (size + 3.0)).abs();
        let found = by_target[i].to_f64();
        prop_assert!((found - expected).abs() <= tolerance, "target {i}: {found}, not {expected}");
    }
    Ok(())
}

/// One pair of distributions in four forms. Beside the bounds of the sums, the numbers themselves were rounded: to
/// first order u on p moves a term by u·p·(size + 1), on ln p by |ln p| times as much, on q by u·p, on ln q by
/// u·p·|ln q|. Second order, and that size is taken of rounded numbers, is covered by the factor 2.
fn forms_agree<R: Number>(isa: Isa, logits: &[(f64, f64)]) -> Checked {
    let sums = ALL_FORMS.map(|forms| {
        let (input, target) = distributions::<R>(forms, logits);
        let (_, bound) = forms.sum_and_bound(&input, &target);
        (sum(forms, isa, &input, &target), bound)
    });
    let logs = Forms { log_input: true, log_target: true };
    let (input, target) = distributions::<f64>(logs, logits);
    let moved: f64 = input
        .iter()
        .zip(&target)
        .map(|(x, t)| t.exp() * ((t.abs() + x.abs() + 1.0) * (1.0 + t.abs()) + 1.0 + x.abs()))
        .sum();
    for (a, bound_a) in sums {
        for (b, bound_b) in sums {
            let tolerance = bound_a + bound_b + 2.0 * 2.0 * R::UNIT * moved;
            prop_assert!((a - b).abs() <= tolerance, "{a} and {b} differ by more than {tolerance}");
        }
    }
    Ok(())
}

/// H(p, q) − H(p) = KL(p ‖ q), each a sum with the documented bound; the scale of either entropy is part of the
/// divergence's, except that two logarithms are subtracted before they are weighed.
fn entropies<R: Number>(forms: Forms, isa: Isa, logits: &[(f64, f64)]) -> Checked {
    let (input, target) = distributions::<R>(forms, logits);
    let kl = forms.kl(&input, &target, isa);
    let (entropy, cross) = (kl.entropy().to_f64(), kl.cross_entropy().to_f64());
    let exact = [
        reference::entropy(forms.target(&target)),
        reference::cross_entropy(forms.input(&input), forms.target(&target)),
    ];
    let (_, bound) = forms.sum_and_bound(&input, &target);
    // Probabilities are below 1 and logarithms negative: an entropy is its own scale, but for what rounds above 1.
    let bounds = exact.map(|sum| {
        (accuracy::SUM_MAX_U + accuracy::SUM_MAX_U_OF_SCALE) * R::UNIT * (sum.abs() + R::UNIT)
    });
    prop_assert!((entropy - exact[0]).abs() <= bounds[0], "{entropy}, not {}", exact[0]);
    prop_assert!((cross - exact[1]).abs() <= bounds[1], "{cross}, not {}", exact[1]);
    let difference = cross - entropy;
    let tolerance = bound + bounds[0] + bounds[1];
    let found = kl.sum().to_f64();
    prop_assert!((difference - found).abs() <= tolerance, "{difference}, not {found}");
    Ok(())
}

/// Logits that are multiples of 1/256, so that adding a whole number to them is exact.
fn round_logits() -> impl Strategy<Value = Vec<i16>> {
    vec(-2048..=2048_i16, 1..300)
}

/// `x − max` is exact here, exp is off by 1.5 u, the sum of all by `SUM_MAX_U + SUM_MAX_U_OF_SCALE` more, the quotient
/// by 1 u. ln of that sum is off by as much again and `LN_F32_MAX_ULP` of itself, 1.7 u; the difference by 1 u.
fn softmax_rows<R: Number>(logits: &[i16], classes: usize, shift: i16) -> Checked {
    let rows = logits.len() / classes;
    let at = |shift: i16| -> Vec<R> {
        let logits = &logits[..rows * classes];
        logits.iter().map(|&x| R::of(f64::from(x) / 256.0 + f64::from(shift))).collect()
    };
    let (logits, shifted) = (at(0), at(shift));
    let mut probabilities = vec![R::of(f64::NAN); logits.len()];
    let mut logarithms = probabilities.clone();
    let mut of_shifted = probabilities.clone();
    let rows_of = |values| Rows::new(values, classes).expect("whole rows");
    softmax(rows_of(&logits), &mut probabilities).expect("equal lengths");
    log_softmax(rows_of(&logits), &mut logarithms).expect("equal lengths");
    log_softmax(rows_of(&shifted), &mut of_shifted).expect("equal lengths");

    // Nothing that log_softmax computes with has changed.
    let unchanged = logarithms.iter().zip(&of_shifted).all(|(&a, &b)| same(a, b));
    prop_assert!(unchanged, "shifted by {shift}: {logarithms:?} became {of_shifted:?}");

    let mass_u = 1.5 + accuracy::SUM_MAX_U + accuracy::SUM_MAX_U_OF_SCALE;
    let share_u = 1.5 + mass_u + 1.0;
    for row in probabilities.chunks(classes) {
        let total = mass(row, false);
        prop_assert!((total - 1.0).abs() <= share_u * R::UNIT, "a row sums to {total}");
    }
    let mut exact = vec![f64::NAN; logits.len()];
    reference::softmax(&logits, classes, &mut exact);
    for (found, exact) in probabilities.iter().zip(&exact) {
        let tolerance = share_u * R::UNIT * exact;
        prop_assert!((found.to_f64() - exact).abs() <= tolerance, "{found:?}, not {exact}");
    }
    reference::log_softmax(&logits, classes, &mut exact);
    let ln_mass = (classes as f64).ln();
    for (found, exact) in logarithms.iter().zip(&exact) {
        let tolerance = R::UNIT * (mass_u + 1.8 * ln_mass + exact.abs());
        prop_assert!((found.to_f64() - exact).abs() <= tolerance, "{found:?}, not {exact}");
    }
    Ok(())
}

/// The PyTorch-shaped face says what `KlDiv` says, to the bit.
fn faces_agree<R: Number>(logits: &[(f64, f64)], batch: usize, g: f64) -> Checked {
    for forms in ALL_FORMS.into_iter().filter(|forms| forms.log_input) {
        let (input, target) = distributions::<R>(forms, logits);
        let kl = KlDiv::new(forms.input(&input), forms.target(&target)).expect("equal lengths");
        let (n, g) = (input.len(), R::of(g));
        let cases = [
            (Reduction::Sum, kl.sum(), g),
            (Reduction::Mean, kl.mean(), g / R::of(n as f64)),
            (Reduction::BatchMean(batch), kl.batch_mean(batch), g / R::of(batch as f64)),
        ];
        for (reduction, expected, factor) in cases {
            let loss = KlDivLoss { reduction, log_target: forms.log_target };
            let values = [
                kl.reduce(reduction),
                loss.forward(&input, &target).expect("equal lengths"),
                kl_div(&input, &target, reduction, forms.log_target).expect("equal lengths"),
            ];
            prop_assert!(values.iter().all(|&x| same(x, expected)), "{values:?}, not {expected:?}");

            let mut found = [(); 3].map(|()| vec![R::of(f64::NAN); n]);
            let mut expected = found.clone();
            let factor = Upstream::Uniform(factor);
            loss.forward_pointwise(&input, &target, &mut found[0]).expect("equal lengths");
            loss.backward_input(&input, &target, g, &mut found[1]).expect("equal lengths");
            loss.backward_target(&input, &target, g, &mut found[2]).expect("equal lengths");
            kl.pointwise(&mut expected[0]).expect("equal lengths");
            kl.grad_input(factor, &mut expected[1]).expect("equal lengths");
            kl.grad_target(factor, &mut expected[2]).expect("equal lengths");
            for (&found, &expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                prop_assert!(same(found, expected), "{found:?}, not {expected:?}");
            }
        }
        // The divisor is all that reductions differ in.
        prop_assert!(same(kl.mean(), kl.sum() / R::of(n as f64)));
        prop_assert!(same(kl.batch_mean(batch), kl.sum() / R::of(batch as f64)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn terms_and_sums_are_the_references(forms in forms(), isa in isa(), logits in logits()) {
        reference_bounds::<f32>(forms, isa, &logits)?;
    }

    #[test]
    fn sums_add_up(forms in forms(), isa in isa(), logits in logits(), cut in 0..1000_usize) {
        let cut = cut % (logits.len() + 1);
        for_each_number!(R => additivity::<R>(forms, isa, &logits, cut)?);
    }

    #[test]
    fn a_row_is_summed_as_if_alone(
        forms in forms(),
        isa in isa(),
        logits in logits(),
        classes in 1..70_usize,
    ) {
        for_each_number!(R => rows_alone::<R>(forms, isa, &logits, classes)?);
    }

    #[test]
    fn no_divergence_is_negative(forms in forms(), isa in isa(), logits in logits()) {
        for_each_number!(R => gibbs::<R>(forms, isa, &logits)?);
    }

    #[test]
    fn a_distribution_does_not_diverge_from_itself(isa in isa(), logits in logits()) {
        for_each_number!(R => nothing_from_itself::<R>(isa, &logits)?);
    }

    #[test]
    fn gradients_are_slopes(forms in forms(), isa in isa(), logits in logits()) {
        for_each_number!(R => slopes::<R>(forms, isa, &logits)?);
    }

    #[test]
    fn probabilities_and_logarithms_agree(isa in isa(), logits in logits()) {
        for_each_number!(R => forms_agree::<R>(isa, &logits)?);
    }

    #[test]
    fn cross_entropy_less_entropy_is_the_divergence(
        forms in forms(),
        isa in isa(),
        logits in logits(),
    ) {
        for_each_number!(R => entropies::<R>(forms, isa, &logits)?);
    }

    #[test]
    fn softmax_makes_distributions(
        logits in round_logits(),
        classes in 1..100_usize,
        shift in -1000..=1000_i16,
    ) {
        for_each_number!(R => softmax_rows::<R>(&logits, classes, shift)?);
    }

    #[test]
    fn the_faces_agree(logits in logits(), batch in 1..50_usize, g in -3.0..3.0_f64) {
        for_each_number!(R => faces_agree::<R>(&logits, batch, g)?);
    }
}
