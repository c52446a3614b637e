//! Any number of threads against one, bit for bit.
#![cfg(feature = "rayon")]

mod support;

use kldiv::{
    DistillLoss, Divergence, Error, IGNORED, Input, Isa, KlDiv, Reduction, Rest, RowState, Rows,
    Target, Teacher, TopK, Upstream, parallel,
};
use rayon_core::{ThreadPool, ThreadPoolBuilder};
use support::{
    ALL_FORMS, Answer, Number, Random, assert_same, cycled, for_each_number, raw, same, specials,
};

/// Terms after which a sum starts a new chunk.
const CHUNK: usize = 65_536;
/// Elements from which work is shared out.
const GRAIN: usize = 32_768;
/// Elements of a sum that are under way at a time.
const BATCH: usize = 256 * CHUNK;

fn pools() -> impl Iterator<Item = ThreadPool> {
    [1, 2, 3, 8].into_iter().map(|threads| {
        ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads")
    })
}

/// Log-probabilities, and probabilities. Each second chunk takes back what the one before it adds, in another order: what
/// is left of a sum is the rounding, in which the order of the additions shows.
fn cancelling<R: Number>(n: usize) -> [Vec<R>; 2] {
    let mut random = Random::new(7);
    let spread = if R::UNIT > 1e-10 { 60.0 } else { 200.0 };
    let (mut input, mut target): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for i in 0..n {
        let (place, chunk) = (i % CHUNK, i / CHUNK);
        if chunk % 2 == 0 {
            input.push((random.unit() - 0.5) * 2.0_f64.powf(spread * random.unit()));
            target.push(random.unit());
        } else {
            let partner = (chunk - 1) * CHUNK + place * 25_733 % CHUNK;
            input.push(-input[partner]);
            target.push(target[partner]);
        }
    }
    [input, target].map(|v| v.into_iter().map(R::of).collect())
}

/// Everything that a pair can be asked for. A macro: a `KlDiv` and its parallel twin are two types.
macro_rules! everything {
    ($kl:expr, $n:expr, $factors:expr) => {{
        let (kl, n, factors) = ($kl, $n, $factors);
        let mut answers = vec![
            Answer::new("sums", &[kl.sum(), kl.entropy(), kl.cross_entropy()]),
            Answer::new(
                "means",
                &[kl.mean(), kl.batch_mean(3), kl.reduce(Reduction::BatchMean(0))],
            ),
        ];
        let mut out = vec![R::of(f64::NAN); n];
        kl.pointwise(&mut out).expect("n elements");
        answers.push(Answer::new("pointwise", &out));
        let mut upstreams =
            vec![Upstream::Uniform(R::of(-0.37)), Upstream::PerElement(&factors[..n])];
        for rows in [1, 2, 3, 5, 40, n]
            .into_iter()
            .filter(|&rows| (1..=n).contains(&rows) && n.is_multiple_of(rows))
        {
            kl.row_sums(&mut out[..rows]).expect("equal rows");
            answers.push(Answer::new("row_sums", &out[..rows]));
            upstreams.push(Upstream::PerRow(&factors[..rows]));
        }
        for upstream in upstreams {
            kl.grad_input(upstream, &mut out).expect("lengths that agree");
            answers.push(Answer::new("grad_input", &out));
            kl.grad_target(upstream, &mut out).expect("lengths that agree");
            answers.push(Answer::new("grad_target", &out));
        }
        answers
    }};
}

fn hold<R: Number>(
    input: Input<'_, R>,
    target: Target<'_, R>,
    factors: &[R],
    pools: &[ThreadPool],
) {
    let kl = KlDiv::new(input, target).expect("one length");
    let n = kl.len();
    let expected = everything!(kl, n, factors);
    for pool in pools {
        let context = format!("{} {n} elements, {} threads", R::NAME, pool.current_num_threads());
        let inside = pool.install(|| everything!(kl.parallel(), n, factors));
        assert_same(&context, &inside, &expected);
    }
    assert_same(&"the global pool", &everything!(kl.parallel(), n, factors), &expected);
}

fn every_length<R: Number>() {
    let pools: Vec<_> = pools().collect();
    let longest = 5 * CHUNK + 40;
    let [x, t] = cancelling::<R>(longest);
    let factors = raw(3, longest, 2.0);
    let around = |n: usize| [n - 1, n, n + 1];
    let mut lengths = vec![0, 1, 10, 1_000, GRAIN + 40 - GRAIN % 40, longest];
    lengths.extend([GRAIN, CHUNK, 2 * CHUNK, 4 * CHUNK].into_iter().flat_map(around));
    for n in lengths {
        hold(Input::LogProbs(&x[..n]), Target::Probs(&t[..n]), &factors, &pools);
    }
}

#[test]
fn every_length_f32() {
    every_length::<f32>();
}

#[test]
fn every_length_f64() {
    every_length::<f64>();
}

/// The other pairs, with infinities and NaN here and there, on each instruction set.
#[test]
fn every_pair() {
    let n = 3 * CHUNK + 77;
    let pools: Vec<_> = pools().take(3).collect();
    for forms in ALL_FORMS {
        let (mut input, target) = forms.ordinary::<f32>(n);
        let special = specials::<f32>();
        for (i, &special) in special.iter().enumerate() {
            input[2 * CHUNK + 1_000 * i] = special;
        }
        for isa in Isa::available() {
            let kl = forms.kl(&input, &target, isa);
            let mut expected = (kl.sum(), vec![0.0; n]);
            kl.pointwise(&mut expected.1).expect("n elements");
            for pool in &pools {
                let mut out = vec![0.0; n];
                let sum = pool.install(|| {
                    kl.parallel().pointwise(&mut out).expect("n elements");
                    kl.parallel().sum()
                });
                assert!(same(sum, expected.0), "{forms:?} {isa}");
                assert!(out.iter().zip(&expected.1).all(|(&a, &b)| same(a, b)), "{forms:?} {isa}");
            }
        }
    }
}

/// A sum longer than what is under way at a time.
#[test]
fn more_than_a_batch() {
    let n = BATCH + CHUNK + 5;
    let [x, t] = cancelling::<f32>(2 * CHUNK + 3);
    let (x, t) = (cycled(&x, n), cycled(&t, n));
    let kl = KlDiv::new(Input::LogProbs(&x), Target::Probs(&t)).expect("one length");
    let expected = kl.sum().to_bits();
    for pool in pools() {
        assert_eq!(pool.install(|| kl.parallel().sum()).to_bits(), expected);
    }
}

/// That the comparisons above can fail: chunks in another order give other bits.
#[test]
fn the_order_of_chunks_shows() {
    let [x, t] = cancelling::<f32>(6 * CHUNK);
    let sum = |x: &[f32], t: &[f32]| {
        KlDiv::new(Input::LogProbs(x), Target::Probs(t)).expect("one length").sum().to_bits()
    };
    let turned = |v: &[f32]| [&v[CHUNK..], &v[..CHUNK]].concat();
    assert_ne!(sum(&turned(&x), &turned(&t)), sum(&x, &t));
}

fn rows_of_logits<R: Number>() {
    for classes in [1, 3, 10, 1_000, 20_000, 150_000] {
        let n = 300_000 / classes * classes;
        let mut logits = raw::<R>(5, n, 20.0);
        logits[n / 2] = R::of(f64::NEG_INFINITY);
        logits[n / 3] = R::of(f64::INFINITY);
        let logits = Rows::new(&logits, classes).expect("whole rows");
        let mut expected = [vec![R::of(0.0); n], vec![R::of(0.0); n]];
        kldiv::softmax(logits, &mut expected[0]).expect("n elements");
        kldiv::log_softmax(logits, &mut expected[1]).expect("n elements");
        for pool in pools() {
            let mut out = [vec![R::of(0.0); n], vec![R::of(0.0); n]];
            pool.install(|| {
                parallel::softmax(logits, &mut out[0]).expect("n elements");
                parallel::log_softmax(logits, &mut out[1]).expect("n elements");
            });
            for (out, expected) in out.iter().zip(&expected) {
                let equal = out.iter().zip(expected).all(|(&a, &b)| same(a, b));
                assert!(equal, "{} rows of {classes}", R::NAME);
            }
        }
    }
}

#[test]
fn rows_of_logits_f32() {
    rows_of_logits::<f32>();
}

#[test]
fn rows_of_logits_f64() {
    rows_of_logits::<f64>();
}

/// The errors of one thread, and nothing written.
#[test]
fn errors() {
    let v = vec![0.5_f32; 100_000];
    let mut out = vec![7.0; 100_001];
    let kl = KlDiv::new(Input::Probs(&v), Target::Probs(&v)).expect("one length").parallel();
    let output = Err(Error::OutputLength { expected: 100_000, found: 100_001 });
    let rows = Err(Error::Rows { len: 100_000, rows: 100_001 });
    let upstream = Upstream::PerElement(&v[1..]);
    let short = Err(Error::UpstreamLength { expected: 100_000, found: 99_999 });
    assert_eq!(kl.pointwise(&mut out), output);
    assert_eq!(kl.row_sums(&mut out), rows);
    assert_eq!(kl.grad_input(Upstream::Uniform(1.0), &mut out), output);
    assert_eq!(kl.grad_target(upstream, &mut out[1..]), short);
    let logits = Rows::new(&v, 10).expect("whole rows");
    assert_eq!(parallel::softmax(logits, &mut out), output);
    assert_eq!(parallel::log_softmax(logits, &mut out), output);
    assert!(out.iter().all(|&x| x == 7.0));
}

/// Everything that a loss of rows can be asked for. A macro, as above.
macro_rules! everything_of_rows {
    ($loss:expr, $rows:expr, $lens:expr, $factors:expr) => {{
        let (loss, rows, lens): (_, usize, [usize; 2]) = ($loss, $rows, $lens);
        let mut losses = vec![R::of(f64::NAN); rows];
        loss.row_losses(&mut losses).expect("a loss for each row");
        let mut answers = vec![
            Answer::new("totals", &[loss.reduce(Reduction::Sum), loss.reduce(Reduction::Mean)]),
            Answer::new("mean", &[loss.weighted_mean()]),
            Answer::new("losses", &losses),
        ];
        for upstream in [Upstream::Uniform(R::of(-0.37)), Upstream::PerRow($factors)] {
            let mut grad: Vec<R> = raw(3, lens[0], 1.0);
            loss.grad_student(upstream, &mut grad).expect("lengths that agree");
            answers.push(Answer::new("grad_student", &grad));
            loss.loss_and_grad_student(upstream, &mut losses, &mut grad).expect("as before");
            answers.push(Answer::new("both", &[&losses[..], &grad].concat()));
            let mut grad: Vec<R> = raw(4, lens[1], 1.0);
            if loss.grad_teacher(upstream, &mut grad).is_ok() {
                answers.push(Answer::new("grad_teacher", &grad));
            }
        }
        answers
    }};
}

fn distilled_rows<R: Number>(rows: usize, classes: usize, pools: &[ThreadPool]) {
    let strides = [classes + 3, classes + 1];
    let [x, t] = [1, 2].map(|seed| raw::<R>(seed, rows * strides[seed as usize - 1], 8.0));
    let student = Rows::strided(&x, classes, strides[0]).expect("whole rows");
    let numbers = Rows::strided(&t, classes, strides[1]).expect("whole rows");
    let labels: Vec<u32> =
        (0..rows).map(|i| if i % 5 == 3 { IGNORED } else { (i % classes) as u32 }).collect();
    let mut weights: Vec<R> = raw(5, rows, 2.0);
    weights[rows / 2] = R::of(0.0);
    let factors = raw(6, rows, 2.0);
    let log_probs: Vec<R> =
        raw::<R>(7, 3 * rows, 1.0).iter().map(|x| R::of(x.to_f64() - 3.0)).collect();
    let named: Vec<u32> = (0..3 * rows).map(|place| (place % classes) as u32).collect();
    let top_k = TopK::new(&named, &log_probs, 3, Rest::Bucket).expect("three a row");
    for teacher in [
        Teacher::Logits(numbers),
        Teacher::LogProbs(numbers),
        Teacher::Classes(&labels),
        Teacher::TopK(top_k),
    ] {
        for divergence in [Divergence::Forward, Divergence::JensenShannon { beta: R::of(0.3) }] {
            for accumulate in [false, true] {
                let loss = DistillLoss::new(student, teacher).expect("shapes that agree");
                if divergence != Divergence::Forward && matches!(teacher, Teacher::TopK(_)) {
                    continue;
                }
                let loss = loss
                    .divergence(divergence)
                    .and_then(|loss| loss.row_weights(&weights))
                    .expect("shapes that agree")
                    .accumulate(accumulate);
                let lens = [x.len(), t.len()];
                let expected = everything_of_rows!(loss, rows, lens, &factors);
                for pool in pools {
                    let threads = pool.current_num_threads();
                    let found =
                        pool.install(|| everything_of_rows!(loss.parallel(), rows, lens, &factors));
                    let context = (R::NAME, rows, classes, divergence, accumulate, threads);
                    assert_same(&context, &found, &expected);
                }
            }
        }
    }
}

/// Everything that rows in pieces can be asked for. A macro, as above.
macro_rules! everything_of_pieces {
    ($loss:expr, $rows:expr, $len:expr, $factors:expr) => {{
        let (loss, rows, len): (_, usize, usize) = ($loss, $rows, $len);
        let mut states = vec![RowState::new(); rows];
        // The second time into what is there.
        loss.row_states(&mut states).expect("a state for each row");
        loss.row_states(&mut states).expect("a state for each row");
        let numbers: Vec<R> = states.iter().flat_map(|state| state.to_array()).collect();
        let mut answers = vec![Answer::new("states", &numbers)];
        for upstream in [Upstream::Uniform(R::of(-0.37)), Upstream::PerRow($factors)] {
            let mut losses = vec![R::of(f64::NAN); rows];
            let mut grad: Vec<R> = raw(3, len, 1.0);
            loss.grad_student_within(&states, upstream, &mut grad).expect("lengths that agree");
            answers.push(Answer::new("gradient", &grad));
            loss.loss_and_grad_student_within(&states, upstream, &mut losses, &mut grad)
                .expect("as before");
            answers.push(Answer::new("both", &[&losses[..], &grad].concat()));
        }
        answers
    }};
}

fn rows_in_pieces<R: Number>(rows: usize, classes: usize, pools: &[ThreadPool]) {
    let strides = [classes + 3, classes + 1];
    let [x, t] = [1, 2].map(|seed| raw::<R>(seed, rows * strides[seed as usize - 1], 8.0));
    let student = Rows::strided(&x, classes, strides[0]).expect("whole rows");
    let teacher = Rows::strided(&t, classes, strides[1]).expect("whole rows");
    let mut weights: Vec<R> = raw(5, rows, 2.0);
    weights[rows / 2] = R::of(0.0);
    let factors = raw(6, rows, 2.0);
    let loss = DistillLoss::new(student, Teacher::Logits(teacher))
        .and_then(|loss| loss.row_weights(&weights))
        .expect("shapes that agree");
    for divergence in [Divergence::Forward, Divergence::Reverse] {
        for accumulate in [false, true] {
            let loss = loss.divergence(divergence).expect("no share").accumulate(accumulate);
            let expected = everything_of_pieces!(loss, rows, x.len(), &factors);
            for pool in pools {
                let found = pool
                    .install(|| everything_of_pieces!(loss.parallel(), rows, x.len(), &factors));
                let threads = pool.current_num_threads();
                let context = (R::NAME, rows, classes, divergence, accumulate, threads);
                assert_same(&context, &found, &expected);
            }
        }
    }
}

#[test]
fn pieces_of_rows() {
    let pools: Vec<_> = pools().collect();
    for_each_number!(R => for (rows, classes) in [(1, 70_000), (5, 20_011), (700, 101)] {
        rows_in_pieces::<R>(rows, classes, &pools);
    });
}

/// The errors of one thread, and nothing written.
#[test]
fn errors_of_pieces() {
    let values = [0.5_f32; 6];
    let rows = Rows::new(&values, 3).expect("two rows");
    let loss = DistillLoss::new(rows, Teacher::Logits(rows)).expect("equal shapes");
    let (mut states, mut losses, mut grad) = ([RowState::new(); 3], [7.25; 3], [7.25; 6]);
    let (one, wrong) = (Upstream::Uniform(1.0), Err(Error::StatesLength { expected: 2, found: 3 }));
    assert_eq!(loss.parallel().row_states(&mut states), wrong);
    assert_eq!(loss.parallel().grad_student_within(&states, one, &mut grad), wrong);
    let wrong = Err(Error::OutputLength { expected: 2, found: 3 });
    let refused =
        loss.parallel().loss_and_grad_student_within(&states[..2], one, &mut losses, &mut grad);
    assert_eq!(refused, wrong);
    let mixture = loss.divergence(Divergence::JensenShannon { beta: 0.5 }).expect("a share");
    let wrong = Err(Error::PiecesDivergence { rows: 2 });
    assert_eq!(mixture.parallel().grad_student_within(&states[..2], one, &mut grad), wrong);
    assert!(grad.iter().chain(&losses).all(|&x| x == 7.25) && states == [RowState::new(); 3]);
}

/// Few long rows, many short ones, more than are under way at a time.
#[test]
fn losses_of_rows() {
    let pools: Vec<_> = pools().collect();
    for_each_number!(R => for (rows, classes) in [(1, 70_000), (5, 20_011), (700, 101)] {
        distilled_rows::<R>(rows, classes, &pools);
    });
}

/// What one thread answers in another way than by its sums.
#[test]
fn means_of_unusual_rows() {
    let zeros = [0.0_f64; 40_000];
    let student = Rows::new(&zeros, 2).expect("whole rows");
    let labels = vec![1; 20_000];
    let ignored = vec![IGNORED; 20_000];
    let loss = DistillLoss::new(student, Teacher::Classes(&labels)).expect("labels in range");
    let heavy = vec![1e308; 20_000];
    let heavy = loss.row_weights(&heavy).expect("a weight for each row");
    let none = DistillLoss::new(student, Teacher::Classes(&ignored)).expect("labels in range");
    for loss in [loss, heavy, none] {
        let mean = loss.parallel().weighted_mean();
        assert_eq!(mean.to_bits(), loss.weighted_mean().to_bits());
    }
    assert!((heavy.parallel().weighted_mean() - core::f64::consts::LN_2).abs() < 1e-15);
    assert_eq!(none.parallel().weighted_mean(), 0.0);
}
