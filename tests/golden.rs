//! The PyTorch vectors and the seed examples; `data/golden/README.md` says what the files hold.

mod support;

use kldiv::{
    DistillLoss, Input, Isa, KlDiv, KlDivLoss, Reduction, Rows, Target, Teacher, Upstream, kl_div,
    log_softmax, reference, softmax,
};
use serde::Deserialize;
use support::{Class, Number, class, close, isas, same};

const KLDIV: &str = include_str!("data/golden/kldiv_torch.jsonl");
const LOGITS: &str = include_str!("data/golden/logits_torch.jsonl");
const SPECIAL: &str = include_str!("data/golden/special_torch.jsonl");

/// Allowed against the exact result, in units of rounding times the case's scale.
const EXACT_UNITS: f64 = 8.0;
/// Allowed against what PyTorch computed, which errs on its own account.
const TORCH_UNITS: f64 = 16.0;

/// The type of a line's numbers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Dtype {
    F32,
    F64,
}

/// Does what is asked for the number type of a case.
macro_rules! for_its_type {
    ($case:expr, $number:ident => $work:expr) => {
        match $case.dtype.expect("a number type") {
            Dtype::F32 => {
                type $number = f32;
                $work
            }
            Dtype::F64 => {
                type $number = f64;
                $work
            }
        }
    };
}

/// What PyTorch computed from logits.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Op {
    KlDiv,
    Softmax,
    LogSoftmax,
    CrossEntropyIndex,
    CrossEntropyProb,
}

impl Op {
    /// Whether the loss has one value a row.
    fn is_cross_entropy(self) -> bool {
        match self {
            Op::CrossEntropyIndex | Op::CrossEntropyProb => true,
            Op::KlDiv | Op::Softmax | Op::LogSoftmax => false,
        }
    }

    /// Whether no loss is computed at all.
    fn is_softmax(self) -> bool {
        match self {
            Op::Softmax | Op::LogSoftmax => true,
            Op::KlDiv | Op::CrossEntropyIndex | Op::CrossEntropyProb => false,
        }
    }
}

/// PyTorch's words for a reduction.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Reduced {
    None,
    Mean,
    Sum,
    BatchMean,
}

/// One line of any of the files; a field that a file does not have stays empty.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Case {
    name: String,
    dtype: Option<Dtype>,
    op: Option<Op>,
    shape: Vec<usize>,
    reduction: Option<Reduced>,
    log_target: bool,
    temperature: f64,
    idx: Option<Vec<usize>>,
    input: Vec<String>,
    target: Vec<String>,
    target_index: Vec<usize>,
    grad_output: Vec<String>,
    torch: Vec<String>,
    exact: Vec<String>,
    scale: Vec<String>,
    grad_input: Vec<String>,
    exact_grad_input: Vec<String>,
    scale_grad_input: Vec<String>,
    grad_target: Vec<String>,
    exact_grad_target: Vec<String>,
    scale_grad_target: Vec<String>,
    doc: Vec<String>,
}

impl Case {
    /// The first axis, by which "batchmean" divides; PyTorch does not divide a tensor without axes.
    fn batch(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    fn op(&self) -> Op {
        self.op.expect("an operation")
    }

    fn reduction(&self) -> Option<Reduction> {
        match self.reduction.expect("a reduction") {
            Reduced::None => None,
            Reduced::Mean => Some(Reduction::Mean),
            Reduced::Sum => Some(Reduction::Sum),
            Reduced::BatchMean => Some(Reduction::BatchMean(self.batch())),
        }
    }

    fn target_of<'a, R>(&self, target: &'a [R]) -> Target<'a, R> {
        if self.log_target { Target::LogProbs(target) } else { Target::Probs(target) }
    }

    /// Which of `n` elements the per-element columns speak of.
    fn picked(&self, n: usize) -> Vec<usize> {
        self.idx.clone().unwrap_or_else(|| (0..n).collect())
    }
}

fn lines(text: &str) -> impl Iterator<Item = Case> {
    text.lines().map(|line| serde_json::from_str(line).expect("one case a line"))
}

fn line(text: &str, name: &str) -> Case {
    lines(text).find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"))
}

fn from_hex<R: Number>(column: &[String]) -> Vec<R> {
    column.iter().map(|hex| R::from_hex(hex)).collect()
}

fn decimals(column: &[String]) -> Vec<f64> {
    column.iter().map(|text| text.parse().expect("a decimal number")).collect()
}

fn widen<R: Number>(values: &[R]) -> Vec<f64> {
    values.iter().map(|value| value.to_f64()).collect()
}

/// Whether the target's probability rounds to zero, so that the element takes no part.
fn takes_no_part<R: Number>(t: R, log_target: bool) -> bool {
    if log_target { t.to_f64() < R::LN_SMALLEST.to_f64() } else { t.to_f64() == 0.0 }
}

/// What one way of computing a case answered.
struct Answers {
    values: Vec<f64>,
    grad_input: Vec<f64>,
    grad_target: Vec<f64>,
}

/// Compares `got` with a column in units of `scale`; returns the largest error seen, in the same units.
fn compare(
    what: &str,
    got: &[f64],
    want: &[f64],
    scale: &[f64],
    unit: f64,
    floor: f64,
    allowed: f64,
) -> f64 {
    assert_eq!(got.len(), want.len(), "{what}: as many results as the file has");
    assert_eq!(got.len(), scale.len(), "{what}: as many scales as results");
    let mut worst = 0.0_f64;
    for (i, ((&got, &want), &scale)) in got.iter().zip(want).zip(scale).enumerate() {
        let tolerance = if scale.is_nan() { 0.0 } else { allowed * unit * scale + floor };
        assert!(
            close(got, want, tolerance),
            "{what}[{i}]: {got:e}, should be {want:e} within {tolerance:e}"
        );
        if class(want) == Class::Finite && scale > 0.0 {
            worst = worst.max(((got - want).abs() - floor) / (unit * scale));
        }
    }
    worst
}

/// Holds one line's answers against its columns; returns the largest error in units.
fn verify<R: Number>(case: &Case, how: &str, unit: f64, answers: &Answers) -> f64 {
    let target: Vec<R> = from_hex(&case.target);
    let picked = case.picked(target.len());
    let pick = |column: &[f64]| -> Vec<f64> { picked.iter().map(|&i| column[i]).collect() };
    let what = |column: &str| format!("{} by {how}, {column}", case.name);

    let per_element = case.reduction().is_none();
    let values = if per_element { pick(&answers.values) } else { answers.values.clone() };
    let (exact, scale) = (decimals(&case.exact), decimals(&case.scale));
    let mut worst = compare(&what("value"), &values, &exact, &scale, unit, R::FLOOR, EXACT_UNITS);
    let torch = widen::<R>(&from_hex(&case.torch));
    compare(&what("torch"), &values, &torch, &scale, R::UNIT, R::FLOOR, TORCH_UNITS);

    let exact = decimals(&case.exact_grad_input);
    let scale: Vec<f64> = exact.iter().map(|exact| exact.abs()).collect();
    let got = pick(&answers.grad_input);
    let what_grad = what("grad_input");
    worst = worst.max(compare(&what_grad, &got, &exact, &scale, unit, R::FLOOR, EXACT_UNITS));

    // At a probability of exactly zero the file has the one-sided limit, which is infinite; here it is zero.
    let mut exact = decimals(&case.exact_grad_target);
    let scale = decimals(&case.scale_grad_target);
    for (&i, exact) in picked.iter().zip(&mut exact) {
        if target[i].to_f64() == 0.0 && !case.log_target {
            assert!(exact.is_infinite(), "{}[{i}] in the file", what("grad_target"));
            *exact = 0.0;
        }
    }
    let got = pick(&answers.grad_target);
    let what_grad = what("grad_target");
    worst = worst.max(compare(&what_grad, &got, &exact, &scale, unit, R::FLOOR, EXACT_UNITS));

    for (i, &t) in target.iter().enumerate().filter(|(_, t)| takes_no_part(**t, case.log_target)) {
        let gradients = [answers.grad_input[i], answers.grad_target[i]];
        let term = per_element.then(|| answers.values[i]);
        for answer in gradients.into_iter().chain(term) {
            assert_eq!(answer.to_bits(), 0, "{} by {how}[{i}]: target {t:?}", case.name);
        }
    }
    worst
}

fn by_kl_div<R: Number>(case: &Case, isa: Isa) -> Answers {
    let (input, target): (Vec<R>, Vec<R>) = (from_hex(&case.input), from_hex(&case.target));
    let grad_output: Vec<R> = from_hex(&case.grad_output);
    let n = input.len();
    let kl = KlDiv::new(Input::LogProbs(&input), case.target_of(&target)).expect("equal lengths");
    let kl = kl.on(isa).expect("an available instruction set");
    assert_eq!((kl.len(), kl.is_empty()), (n, n == 0), "{}", case.name);

    let values = match case.reduction() {
        None => {
            let mut out = vec![R::of(f64::NAN); n];
            kl.pointwise(&mut out).expect("equal lengths");
            out
        }
        Some(reduction) => {
            let value = match reduction {
                Reduction::Mean => kl.mean(),
                Reduction::Sum => kl.sum(),
                Reduction::BatchMean(batch) => kl.batch_mean(batch),
            };
            assert!(same(value, kl.reduce(reduction)), "{}: reduce", case.name);
            vec![value]
        }
    };
    let uniform = |divisor: usize| R::of(grad_output[0].to_f64() / divisor as f64);
    let upstream = match case.reduction() {
        None => Upstream::PerElement(grad_output.as_slice()),
        Some(Reduction::Mean) => Upstream::Uniform(uniform(n)),
        Some(Reduction::Sum) => Upstream::Uniform(uniform(1)),
        Some(Reduction::BatchMean(batch)) => Upstream::Uniform(uniform(batch)),
    };
    let (mut grad_input, mut grad_target) = (vec![R::of(f64::NAN); n], vec![R::of(f64::NAN); n]);
    kl.grad_input(upstream, &mut grad_input).expect("equal lengths");
    kl.grad_target(upstream, &mut grad_target).expect("equal lengths");
    Answers {
        values: widen(&values),
        grad_input: widen(&grad_input),
        grad_target: widen(&grad_target),
    }
}

/// The face that looks like PyTorch's. It has no "none" for gradients: those lines are taken one element at a time.
fn by_kl_div_loss<R: Number>(case: &Case) -> Answers {
    let (input, target): (Vec<R>, Vec<R>) = (from_hex(&case.input), from_hex(&case.target));
    let grad_output: Vec<R> = from_hex(&case.grad_output);
    let n = input.len();
    let loss = KlDivLoss::new().with_log_target(case.log_target);
    let (mut grad_input, mut grad_target) = (vec![R::of(f64::NAN); n], vec![R::of(f64::NAN); n]);

    let values = if let Some(reduction) = case.reduction() {
        let loss = loss.with_reduction(reduction);
        let g = grad_output[0];
        let value = loss.forward(&input, &target).expect("equal lengths");
        let again = kl_div(&input, &target, reduction, case.log_target).expect("equal lengths");
        assert!(same(value, again), "{}: kl_div", case.name);
        loss.backward_input(&input, &target, g, &mut grad_input).expect("equal lengths");
        loss.backward_target(&input, &target, g, &mut grad_target).expect("equal lengths");
        vec![value]
    } else {
        let mut values = vec![R::of(f64::NAN); n];
        loss.forward_pointwise(&input, &target, &mut values).expect("equal lengths");
        let loss = loss.with_reduction(Reduction::Sum);
        for i in 0..n {
            let (x, t, g) = (&input[i..=i], &target[i..=i], grad_output[i]);
            loss.backward_input(x, t, g, &mut grad_input[i..=i]).expect("equal lengths");
            loss.backward_target(x, t, g, &mut grad_target[i..=i]).expect("equal lengths");
        }
        values
    };
    Answers {
        values: widen(&values),
        grad_input: widen(&grad_input),
        grad_target: widen(&grad_target),
    }
}

fn by_reference<R: Number>(case: &Case) -> Answers {
    let (input, target): (Vec<R>, Vec<R>) = (from_hex(&case.input), from_hex(&case.target));
    let grad_output: Vec<R> = from_hex(&case.grad_output);
    let n = input.len();
    let (input, target) = (Input::LogProbs(&input), case.target_of(&target));
    let values = match case.reduction() {
        None => {
            let mut out = vec![f64::NAN; n];
            reference::pointwise(input, target, &mut out);
            out
        }
        Some(Reduction::Mean) => vec![reference::mean(input, target)],
        Some(Reduction::Sum) => vec![reference::sum(input, target)],
        Some(Reduction::BatchMean(batch)) => vec![reference::batch_mean(input, target, batch)],
    };
    let (upstream, divisor) = match case.reduction() {
        None => (Upstream::PerElement(grad_output.as_slice()), 1),
        Some(Reduction::Mean) => (Upstream::Uniform(grad_output[0]), n),
        Some(Reduction::Sum) => (Upstream::Uniform(grad_output[0]), 1),
        Some(Reduction::BatchMean(batch)) => (Upstream::Uniform(grad_output[0]), batch),
    };
    let (mut grad_input, mut grad_target) = (vec![f64::NAN; n], vec![f64::NAN; n]);
    reference::grad_input(input, target, upstream, &mut grad_input);
    reference::grad_target(input, target, upstream, &mut grad_target);
    for gradient in grad_input.iter_mut().chain(&mut grad_target) {
        *gradient /= divisor as f64;
    }
    Answers { values, grad_input, grad_target }
}

fn kldiv_case<R: Number>(case: &Case) -> f64 {
    let mut worst = 0.0_f64;
    for isa in isas() {
        let how = format!("KlDiv on {isa}");
        worst = worst.max(verify::<R>(case, &how, R::UNIT, &by_kl_div::<R>(case, isa)));
    }
    worst.max(verify::<R>(case, "KlDivLoss", R::UNIT, &by_kl_div_loss::<R>(case)))
}

#[test]
fn kldiv_values_and_gradients_are_the_exact_ones() {
    let (mut checked, mut zero_targets, mut worst) = (0, 0, 0.0_f64);
    for case in lines(KLDIV) {
        worst = worst.max(for_its_type!(case, R => kldiv_case::<R>(&case)));
        zero_targets +=
            case.exact_grad_target.iter().filter(|exact| exact.ends_with("inf")).count();
        checked += 1;
    }
    println!("worst error: {worst:.2} units of {EXACT_UNITS}");
    assert_eq!(checked, 218);
    assert_eq!(zero_targets, 234, "listed gradients that are infinite there and zero here");
    assert!(!isas().is_empty());
}

/// The same lines hold the reference to units of `f64`, whatever the element type.
#[test]
fn the_reference_is_the_exact_result() {
    let mut checked = 0;
    for case in lines(KLDIV) {
        for_its_type!(case, R => {
            verify::<R>(&case, "reference", f64::UNIT, &by_reference::<R>(&case))
        });
        checked += 1;
    }
    assert_eq!(checked, 218);
}

fn log_softmax_of<R: Number>(logits: &[R], classes: usize) -> Vec<R> {
    let mut out = vec![R::of(f64::NAN); logits.len()];
    log_softmax(Rows::new(logits, classes).expect("whole rows"), &mut out).expect("equal lengths");
    out
}

fn softmax_of<R: Number>(logits: &[R], classes: usize) -> Vec<R> {
    let mut out = vec![R::of(f64::NAN); logits.len()];
    softmax(Rows::new(logits, classes).expect("whole rows"), &mut out).expect("equal lengths");
    out
}

/// The forward value of one line of raw logits, composed from the functions on slices.
fn logits_value<R: Number>(case: &Case) -> Vec<R> {
    let classes = *case.shape.last().expect("a class axis");
    let rows = case.batch();
    let tempered = |column: &[String]| -> Vec<R> {
        let logits: Vec<R> = from_hex(column);
        logits.into_iter().map(|x| R::of(x.to_f64() / case.temperature)).collect()
    };
    let logits = tempered(&case.input);
    let log_q = log_softmax_of(&logits, classes);
    let input = Input::LogProbs(log_q.as_slice());
    match case.op() {
        Op::Softmax => softmax_of(&logits, classes),
        Op::LogSoftmax => log_q,
        Op::KlDiv => {
            let teacher = tempered(&case.target);
            let target = if case.log_target {
                log_softmax_of(&teacher, classes)
            } else {
                softmax_of(&teacher, classes)
            };
            let kl = KlDiv::new(input, case.target_of(&target)).expect("equal lengths");
            match case.reduction() {
                None => {
                    let mut out = vec![R::of(f64::NAN); kl.len()];
                    kl.pointwise(&mut out).expect("equal lengths");
                    out
                }
                Some(reduction) => vec![kl.reduce(reduction)],
            }
        }
        Op::CrossEntropyIndex => {
            // Against a target that names one class the divergence is the cross-entropy.
            let mut one_hot = vec![R::of(0.0); log_q.len()];
            for (row, &class) in case.target_index.iter().enumerate() {
                one_hot[row * classes + class] = R::of(1.0);
            }
            let kl = KlDiv::new(input, Target::Probs(&one_hot)).expect("equal lengths");
            match case.reduction() {
                None => {
                    let mut out = vec![R::of(f64::NAN); rows];
                    kl.row_sums(&mut out).expect("whole rows");
                    out
                }
                Some(Reduction::Mean) => vec![kl.batch_mean(rows)],
                Some(reduction) => vec![kl.reduce(reduction)],
            }
        }
        Op::CrossEntropyProb => {
            let target: Vec<R> = from_hex(&case.target);
            let cross_entropy = |log_q: &[R], target: &[R]| -> R {
                let kl = KlDiv::new(Input::LogProbs(log_q), Target::Probs(target));
                kl.expect("equal lengths").cross_entropy()
            };
            let whole = cross_entropy(&log_q, &target);
            match case.reduction() {
                None => log_q
                    .chunks(classes)
                    .zip(target.chunks(classes))
                    .map(|(log_q, target)| cross_entropy(log_q, target))
                    .collect(),
                Some(Reduction::Mean) => vec![R::of(whole.to_f64() / rows as f64)],
                Some(_) => vec![whole],
            }
        }
    }
}

fn logits_case<R: Number>(case: &Case) -> f64 {
    let values = widen(&logits_value::<R>(case));
    // Cross-entropy has one value a row, and the file has all of them.
    let of_rows = case.op().is_cross_entropy() || case.reduction().is_some();
    let values = if of_rows {
        values
    } else {
        case.picked(values.len()).iter().map(|&i| values[i]).collect()
    };
    let (exact, scale) = (decimals(&case.exact), decimals(&case.scale));
    compare(&case.name, &values, &exact, &scale, R::UNIT, R::FLOOR, EXACT_UNITS)
}

#[test]
fn values_from_logits_are_the_exact_ones() {
    let mut checked = 0;
    let mut worst: Vec<(Op, f64)> = Vec::new();
    for case in lines(LOGITS) {
        let error = for_its_type!(case, R => logits_case::<R>(&case));
        match worst.iter_mut().find(|(op, _)| *op == case.op()) {
            Some((_, worst)) => *worst = worst.max(error),
            None => worst.push((case.op(), error)),
        }
        checked += 1;
    }
    println!("worst error in units of {EXACT_UNITS}: {worst:.2?}");
    assert_eq!(checked, 252);
    assert_eq!(worst.len(), 5, "operations in the file");
}

/// A loss from raw logits, its gradients too: one line, straight from the numbers in the file.
fn distill_case<R: Number>(case: &Case, isa: Isa) -> f64 {
    let classes = *case.shape.last().expect("a class axis");
    let student: Vec<R> = from_hex(&case.input);
    let numbers: Vec<R> = from_hex(&case.target);
    let indices: Vec<u32> =
        case.target_index.iter().map(|&class| u32::try_from(class).expect("small")).collect();
    let rows = |values| Rows::new(values, classes).expect("whole rows");
    let teacher = match case.op() {
        Op::KlDiv => Teacher::Logits(rows(&numbers)),
        Op::CrossEntropyProb => Teacher::Probs(rows(&numbers)),
        Op::CrossEntropyIndex => Teacher::Classes(&indices),
        Op::Softmax | Op::LogSoftmax => panic!("{}: no loss of rows", case.name),
    };
    let loss = DistillLoss::new(rows(&student), teacher).expect("equal shapes");
    let loss = loss
        .temperature(R::of(case.temperature))
        .expect("positive")
        .on(isa)
        .expect("an available one");
    let what = |column: &str| format!("{} by DistillLoss on {isa}, {column}", case.name);
    let hold = |column: &str, got: &[f64], exact: &[String], scale: &[String]| {
        let (exact, scale) = (decimals(exact), decimals(scale));
        compare(&what(column), got, &exact, &scale, R::UNIT, R::FLOOR, EXACT_UNITS)
    };
    let picked = case.picked(student.len());
    let pick = |column: &[R]| -> Vec<f64> { picked.iter().map(|&i| column[i].to_f64()).collect() };
    let row_count = loss_rows(case);
    let grad_output: Vec<R> = from_hex(&case.grad_output);
    let divided = |by: usize| Upstream::Uniform(R::of(grad_output[0].to_f64() / by as f64));
    let of_rows = case.op().is_cross_entropy();
    let upstream = match case.reduction() {
        None => Upstream::PerRow(grad_output.as_slice()),
        Some(Reduction::Mean) => divided(if of_rows { row_count } else { student.len() }),
        Some(Reduction::Sum) => divided(1),
        Some(Reduction::BatchMean(batch)) => divided(batch),
    };

    let mut losses = vec![R::of(f64::NAN); row_count];
    let mut grad = vec![R::of(f64::NAN); student.len()];
    loss.loss_and_grad_student(upstream, &mut losses, &mut grad).expect("equal lengths");
    let mut worst = hold("grad", &pick(&grad), &case.exact_grad_input, &case.scale_grad_input);
    // The file has the cross-entropy: the divergence and the target's entropy.
    if case.op() != Op::CrossEntropyProb {
        let values = match case.reduction() {
            None => {
                loss.row_losses(&mut losses).expect("one a row");
                widen(&losses)
            }
            Some(Reduction::Mean) if of_rows => vec![loss.weighted_mean().to_f64()],
            Some(reduction) => vec![loss.reduce(reduction).to_f64()],
        };
        worst = worst.max(hold("value", &values, &case.exact, &case.scale));
    }
    if case.op() == Op::KlDiv {
        loss.grad_teacher(upstream, &mut grad).expect("equal lengths");
        let error =
            hold("grad_teacher", &pick(&grad), &case.exact_grad_target, &case.scale_grad_target);
        worst = worst.max(error);
        // What the fused call says of each row sums to the same.
        let total: f64 = losses.iter().map(|loss| loss.to_f64()).sum();
        let divisor = match case.reduction() {
            Some(Reduction::Mean) => student.len(),
            Some(Reduction::BatchMean(batch)) => batch,
            _ => 1,
        };
        let fused = [total / divisor as f64];
        worst = worst.max(hold("fused value", &fused, &case.exact, &case.scale));
    }
    worst
}

fn loss_rows(case: &Case) -> usize {
    case.shape.iter().rev().skip(1).product()
}

#[test]
fn distillation_losses_are_the_exact_ones() {
    let mut checked = 0;
    let mut worst = 0.0_f64;
    for case in lines(LOGITS) {
        // Softmax has tests of its own; terms of single classes are not a loss of rows.
        let terms = case.op() == Op::KlDiv && case.reduction().is_none();
        if case.op().is_softmax() || terms {
            continue;
        }
        for isa in isas() {
            worst = worst.max(for_its_type!(case, R => distill_case::<R>(&case, isa)));
        }
        checked += 1;
    }
    println!("worst error: {worst:.2} units of {EXACT_UNITS}");
    assert_eq!(checked, 184);
}

#[test]
fn the_reference_softmax_is_the_exact_result() {
    fn check<R: Number>(case: &Case) {
        let logits: Vec<R> = from_hex(&case.input);
        let classes = *case.shape.last().expect("a class axis");
        let mut out = vec![f64::NAN; logits.len()];
        if case.op() == Op::Softmax {
            reference::softmax(&logits, classes, &mut out);
        } else {
            reference::log_softmax(&logits, classes, &mut out);
        }
        let picked: Vec<f64> = case.picked(out.len()).iter().map(|&i| out[i]).collect();
        let (exact, scale) = (decimals(&case.exact), decimals(&case.scale));
        compare(&case.name, &picked, &exact, &scale, f64::UNIT, 0.0, EXACT_UNITS);
    }
    let mut checked = 0;
    for case in lines(LOGITS).filter(|case| case.op().is_softmax()) {
        assert_eq!(case.temperature, 1.0);
        for_its_type!(case, R => check::<R>(&case));
        checked += 1;
    }
    assert_eq!(checked, 28);
}

/// `(term, gradient by input, gradient by target)` in the arithmetic of `R`, as the documented formulas say.
/// (Through `f64` and back after every operation: for `f32` that is one correct rounding.)
fn plain_formula<R: Number>(x: f64, t: f64, g: f64, log_target: bool) -> [f64; 3] {
    let round = |value: f64| R::of(value).to_f64();
    if log_target {
        let p = round(t.exp());
        let difference = round(t - x);
        [round(p * difference), round(-p * g), round(g * round(p * round(difference + 1.0)))]
    } else {
        let ln_t = round(t.ln());
        [round(t * round(ln_t - x)), round(-t * g), round(g * round(round(ln_t + 1.0) - x))]
    }
}

/// How many results are PyTorch's, and how many differ for each of the reasons there are.
#[derive(Debug, Default, PartialEq)]
struct Special {
    like_torch: usize,
    /// PyTorch says NaN, which it makes from 0 · ∞ or 0 / 0; here the element takes no part.
    zero_target: usize,
    /// PyTorch says NaN, from ∞ − ∞: it multiplies by the target before it subtracts.
    infinite_target: usize,
    /// The same where eᵗ overflows.
    overflowing_exp: usize,
    /// PyTorch says 0 without looking at ln t, which is NaN; here 0 · NaN is NaN.
    negative_target_without_upstream: usize,
}

fn special_case<R: Number>(case: &Case, isa: Isa, seen: &mut Special) {
    let (x, t): (R, R) = (R::from_hex(&case.input[0]), R::from_hex(&case.target[0]));
    let g: R = R::from_hex(&case.grad_output[0]);
    let (input, target) = ([x], [t]);
    let kl = KlDiv::new(Input::LogProbs(&input), case.target_of(&target)).expect("equal lengths");
    let kl = kl.on(isa).expect("an available instruction set");
    let mut got = [[R::of(f64::NAN)]; 3];
    kl.pointwise(&mut got[0]).expect("equal lengths");
    kl.grad_input(Upstream::Uniform(g), &mut got[1]).expect("equal lengths");
    kl.grad_target(Upstream::PerElement(&[g]), &mut got[2]).expect("equal lengths");

    let torch = [&case.torch[0], &case.grad_input[0], &case.grad_target[0]];
    let formula = plain_formula::<R>(x.to_f64(), t.to_f64(), g.to_f64(), case.log_target);
    for (column, ((got, torch), formula)) in got.iter().zip(torch).zip(formula).enumerate() {
        let what = ["value", "grad_input", "grad_target"][column];
        let what = format!("{} on {isa}, {what}", case.name);
        let (got, torch) = (got[0].to_f64(), R::from_hex(torch).to_f64());
        let zero_target = takes_no_part(t, case.log_target);
        if zero_target {
            assert_eq!(got.to_bits(), 0, "{what}: {got:e} for a zero target");
        } else {
            assert_eq!(class(got), class(formula), "{what}: {got:e}, by formula {formula:e}");
        }
        if torch.is_nan() && !got.is_nan() {
            if zero_target {
                seen.zero_target += 1;
            } else if t.to_f64() == f64::INFINITY {
                seen.infinite_target += 1;
            } else {
                let overflows = case.log_target && t.to_f64() > R::LN_LARGEST.to_f64();
                assert!(overflows, "{what}: {got:e}, PyTorch NaN");
                seen.overflowing_exp += 1;
            }
        } else if got.is_nan() && !torch.is_nan() {
            let gradient_of_nothing = column == 2 && t.to_f64() < 0.0 && g.to_f64() == 0.0;
            assert!(gradient_of_nothing && !case.log_target, "{what}: NaN, PyTorch {torch:e}");
            seen.negative_target_without_upstream += 1;
        } else {
            let tolerance = 8.0 * R::UNIT * torch.abs() + R::FLOOR;
            assert!(close(got, torch, tolerance), "{what}: {got:e}, PyTorch {torch:e}");
            seen.like_torch += 1;
        }
    }
}

#[test]
fn special_values_are_the_documented_ones() {
    for isa in isas() {
        let (mut checked, mut seen) = (0, Special::default());
        for case in lines(SPECIAL) {
            for_its_type!(case, R => special_case::<R>(&case, isa, &mut seen));
            checked += 1;
        }
        assert_eq!(checked, 1483);
        let expected = Special {
            like_torch: 4085,
            zero_target: 286,
            infinite_target: 55,
            overflowing_exp: 15,
            negative_target_without_upstream: 8,
        };
        assert_eq!(seen, expected, "on {isa}");
    }
}

/// The value of a seed line of `KLDIV`, in both element types.
fn seed_loss(name: &str) -> [f64; 2] {
    ["f32", "f64"].map(|dtype| {
        let case = line(KLDIV, &name.replace("TYPE", dtype));
        for_its_type!(case, R => by_kl_div_loss::<R>(&case).values[0])
    })
}

/// The values of a seed line of `LOGITS`, in both element types.
fn seed_logits(name: &str) -> [Vec<f64>; 2] {
    ["f32", "f64"].map(|dtype| {
        let case = line(LOGITS, &name.replace("TYPE", dtype));
        for_its_type!(case, R => widen(&logits_value::<R>(&case)))
    })
}

/// Asserts what a reader sees: four decimals.
fn assert_reads(value: f64, printed: &str) {
    assert_eq!(format!("{value:.4}"), printed);
}

/// ln ⅓ three times against (9, 12, 4)/25. Divided by one row it is 0.0853; without rows, by three elements, 0.0284.
#[test]
fn seed_uniform_batchmean() {
    for value in seed_loss("seed_a_row_TYPE") {
        assert_reads(value, "0.0853");
    }
    for value in seed_loss("seed_a_1d_sum_TYPE") {
        assert_reads(value, "0.0853");
    }
    for value in seed_loss("seed_a_1d_TYPE") {
        assert_reads(value, "0.0284");
    }
    let input = [(1.0_f64 / 3.0).ln(); 3];
    let target = [9.0 / 25.0, 12.0 / 25.0, 4.0 / 25.0];
    let value = kl_div(&input, &target, Reduction::BatchMean(1), false).expect("equal lengths");
    assert_reads(value, "0.0853");
}

/// (0.4, 0.6) against (0.3, 0.7).
#[test]
fn seed_two_class_sum() {
    for value in seed_loss("seed_b_TYPE") {
        assert_reads(value, "0.0226");
    }
    let kl = KlDiv::new(Input::Probs(&[0.3, 0.7]), Target::Probs(&[0.4, 0.6]));
    assert_reads(kl.expect("equal lengths").sum(), "0.0226");
}

/// A row of four logits on each side, with every reduction.
#[test]
fn seed_logits_pair() {
    for values in seed_logits("seed_c_TYPE_none") {
        let printed: Vec<String> = values.iter().map(|value| format!("{value:.4}")).collect();
        assert_eq!(printed, ["-0.0635", "0.0116", "0.1097", "-0.0190"]);
    }
    for values in seed_logits("seed_c_TYPE_mean") {
        assert_reads(values[0], "0.0097");
    }
    for values in seed_logits("seed_c_TYPE_sum") {
        assert_reads(values[0], "0.0389");
    }
}

/// Against one-hot rows the divergence is the cross-entropy loss, from class indices or from probabilities.
#[test]
fn seed_one_hot_is_cross_entropy() {
    for value in seed_loss("seed_d_kl_onehot_TYPE") {
        assert_reads(value, "1.5334");
    }
    for name in ["seed_d_ce_TYPE", "seed_d_ce_prob_TYPE"] {
        for values in seed_logits(name) {
            assert_reads(values[0], "1.5334");
        }
    }
}

/// softmax(0.3, 0.9, 0.4) against log-softmax(0.5, 1, 0.2).
#[test]
fn seed_softmax_pair() {
    for value in seed_loss("seed_e_TYPE_batchmean") {
        assert_reads(value, "0.0117");
    }
    for name in ["seed_e_TYPE_sum", "seed_e_TYPE_batchmean"] {
        for values in seed_logits(name) {
            assert_reads(values[0], "0.0117");
        }
    }
    for values in seed_logits("seed_e_TYPE_mean") {
        assert_reads(values[0], "0.0039");
    }
}

/// log-softmax(0.8, 1.5, 0.9) against log-softmax(1, 2, 0.5): the target is in logarithms too.
#[test]
fn seed_log_target_pair() {
    for value in seed_loss("seed_f_TYPE") {
        assert_reads(value, "0.0631");
    }
    for values in seed_logits("seed_f_TYPE") {
        assert_reads(values[0], "0.0631");
    }
}

/// The values above are those that the file quotes from documentation.
#[test]
fn quoted_values_are_the_computed_ones() {
    let mut checked = 0;
    for case in lines(KLDIV).filter(|case| !case.doc.is_empty()) {
        let value = for_its_type!(case, R => by_kl_div_loss::<R>(&case).values[0]);
        assert!(case.doc[0].starts_with(&format!("{value:.4}")), "{}: {value}", case.name);
        checked += 1;
    }
    for case in lines(LOGITS).filter(|case| !case.doc.is_empty()) {
        let values = for_its_type!(case, R => widen(&logits_value::<R>(&case)));
        let printed: Vec<String> = values.iter().map(|value| format!("{value:.4}")).collect();
        assert_eq!(printed, case.doc, "{}", case.name);
        checked += 1;
    }
    assert_eq!(checked, 20);
}
