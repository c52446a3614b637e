//! Every instruction set of this machine against scalar code, bit for bit.

mod support;

use kldiv::{Isa, KlDiv, Rows, Upstream, log_softmax_on, softmax_on};
use support::{
    ALL_FORMS, Answer, Forms, Number, assert_same, cycled, for_each_number, isas, raw, same,
    specials, wide,
};

/// Where terms meet in one lane again: `L` of the documented order of summation.
const fn virtual_lanes<R: Number>() -> usize {
    8 * 128 / R::Computed::BITS as usize
}

/// After so many terms a sum starts a new chunk.
const CHUNK: usize = 65_536;

/// Values that start a given number of elements after a multiple of 64 bytes.
struct Shifted<R> {
    buffer: Vec<R>,
    start: usize,
    length: usize,
}

impl<R: Number> Shifted<R> {
    fn new(values: &[R], shift: usize) -> Self {
        let mut buffer = vec![R::of(0.0); values.len() + 64 / size_of::<R>() + shift];
        let start = buffer.as_ptr().align_offset(64) + shift;
        let length = values.len();
        buffer[start..start + length].copy_from_slice(values);
        Shifted { buffer, start, length }
    }

    fn values(&self) -> &[R] {
        &self.buffer[self.start..self.start + self.length]
    }

    fn values_mut(&mut self) -> &mut [R] {
        &mut self.buffer[self.start..self.start + self.length]
    }
}

/// Row counts that divide `n`: one row, the fewest that are more, and rows of one element.
fn row_counts(n: usize) -> Vec<usize> {
    let mut counts = vec![1];
    counts.extend((2..n).find(|&rows| n.is_multiple_of(rows)));
    if n > 1 {
        counts.push(n);
    }
    counts
}

/// Everything a pair can be asked for. Results are written `shift` elements after an aligned address.
fn everything<R: Number>(kl: KlDiv<'_, R>, factors: &[R], shift: usize) -> Vec<Answer> {
    let n = kl.len();
    let written = |n: usize, write: &dyn Fn(&mut [R])| {
        let mut out = Shifted::new(&vec![R::of(f64::NAN); n], shift);
        write(out.values_mut());
        out.values().to_vec()
    };
    let mut answers = vec![
        Answer::new("sum", &[kl.sum()]),
        Answer::new("entropy", &[kl.entropy()]),
        Answer::new("cross_entropy", &[kl.cross_entropy()]),
        Answer::new("pointwise", &written(n, &|out| kl.pointwise(out).expect("n elements"))),
    ];
    let mut upstreams = vec![
        ("uniform".to_owned(), Upstream::Uniform(R::of(-0.37))),
        ("per element".to_owned(), Upstream::PerElement(&factors[..n])),
    ];
    for rows in row_counts(n) {
        answers.push(Answer::new(
            format!("row_sums in {rows} rows"),
            &written(rows, &|out| kl.row_sums(out).expect("equal rows")),
        ));
        upstreams.push((format!("{rows} rows"), Upstream::PerRow(&factors[..rows])));
    }
    for (what, upstream) in upstreams {
        let by_input =
            written(n, &|grad| kl.grad_input(upstream, grad).expect("lengths that agree"));
        let by_target =
            written(n, &|grad| kl.grad_target(upstream, grad).expect("lengths that agree"));
        answers.push(Answer::new(format!("grad_input, {what}"), &by_input));
        answers.push(Answer::new(format!("grad_target, {what}"), &by_target));
    }
    answers
}

/// Holds every instruction set, at these shifts, to what scalar code makes of aligned slices.
fn compare<R: Number>(
    what: Data,
    forms: Forms,
    [input, target, factors]: [&[R]; 3],
    shifts: &[usize],
) {
    let expected = everything(forms.kl(input, target, Isa::Scalar), factors, 0);
    for isa in isas() {
        for &shift in shifts {
            let input = Shifted::new(input, shift);
            // Two slices that start together are the rule; here they do not.
            let target = Shifted::new(target, (shift * 2) % 5);
            let factors = Shifted::new(factors, 3 - shift);
            let kl = forms.kl(input.values(), target.values(), isa);
            let got = everything(kl, factors.values(), shift);
            assert_same(&(R::NAME, what, isa, forms, input.length, shift), &got, &expected);
        }
    }
}

/// What the numbers are like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Data {
    Ordinary,
    WithZeros,
    WithSpecials,
    Cancelling,
    AnyBits,
}

impl Data {
    /// `[input, target, factors]`.
    fn make<R: Number>(self, forms: Forms, n: usize) -> [Vec<R>; 3] {
        match self {
            Data::Ordinary => ordinary(forms, n),
            Data::WithZeros => with_zeros(forms, n),
            Data::WithSpecials => with_specials(forms, n),
            Data::Cancelling => cancelling(forms, n),
            Data::AnyBits => [wide(1, n), wide(2, n), wide(3, n.max(1))],
        }
    }
}

/// A distribution, as a softmax of spread logits makes one.
fn ordinary<R: Number>(forms: Forms, n: usize) -> [Vec<R>; 3] {
    let (input, target) = forms.ordinary(n);
    [input, target, raw(3, n.max(1), 2.0)]
}

/// The same with numbers that call for the careful path: zeros, infinities, subnormals.
fn with_specials<R: Number>(forms: Forms, n: usize) -> [Vec<R>; 3] {
    let [mut input, mut target, mut factors] = ordinary(forms, n);
    let specials = specials::<R>();
    for (i, &special) in cycled(&specials, n / 5).iter().enumerate() {
        input[(5 * i + 11) % n] = special;
        target[(7 * i + 5) % n] = special;
        factors[(9 * i + 1) % n] = special;
    }
    // Every fourth target of probability zero under an infinite input, as a mask makes them.
    for i in (2..n).step_by(4) {
        input[i] = R::of(if forms.log_input { f64::NEG_INFINITY } else { 0.0 });
        target[i] = R::of(if forms.log_target { f64::NEG_INFINITY } else { 0.0 });
    }
    [input, target, factors]
}

/// As many zeros, but no term that is infinite or NaN: sums stay finite.
fn with_zeros<R: Number>(forms: Forms, n: usize) -> [Vec<R>; 3] {
    let [mut input, mut target, factors] = ordinary(forms, n);
    for i in (1..n).step_by(3) {
        input[i] = R::of(if forms.log_input { f64::NEG_INFINITY } else { 0.0 });
        target[i] = R::of(if forms.log_target { f64::NEG_INFINITY } else { 0.0 });
    }
    for i in (2..n).step_by(7) {
        target[i] = if forms.log_target { R::of(-100.0) } else { R::SMALLEST_NORMAL.inward() };
        input[i] = if forms.log_input { R::of(-0.0) } else { R::SMALLEST };
    }
    [input, target, factors]
}

/// Terms of both signs, whose sum is small beside them: what a long sum loses to rounding shows.
fn cancelling<R: Number>(forms: Forms, n: usize) -> [Vec<R>; 3] {
    let [mut input, target, factors] = with_zeros::<R>(forms, n);
    for (i, x) in input.iter_mut().enumerate().filter(|(i, _)| i % 3 != 1) {
        // Alternately on either side of the target.
        let t = target[i].to_f64();
        let ln_t = if forms.log_target { t } else { libm::log(t) };
        let ln_x = ln_t + if i % 2 == 0 { 3.1 } else { -3.1 };
        *x = R::of(if forms.log_input { ln_x } else { libm::exp(ln_x) });
    }
    [input, target, factors]
}

fn compare_lengths<R: Number>(lengths: impl Iterator<Item = usize> + Clone) {
    for forms in ALL_FORMS {
        for data in [Data::Ordinary, Data::WithZeros, Data::WithSpecials, Data::AnyBits] {
            for n in lengths.clone() {
                let [input, target, factors] = data.make::<R>(forms, n);
                // Ordinary numbers at every shift, others at one.
                let shifts = if data == Data::Ordinary { &[0, 1, 2, 3][..] } else { &[n % 4] };
                compare(data, forms, [&input, &target, &factors], shifts);
            }
        }
    }
}

#[test]
fn every_short_length_f32() {
    compare_lengths::<f32>(0..=4 * virtual_lanes::<f32>() + 1);
}

#[test]
fn every_short_length_f64() {
    compare_lengths::<f64>(0..=4 * virtual_lanes::<f64>() + 1);
}

fn compare_chunks<R: Number>() {
    for forms in ALL_FORMS {
        for n in [CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 4 * virtual_lanes::<R>(), 2 * CHUNK + 7] {
            let [input, target, factors] = Data::Cancelling.make::<R>(forms, n);
            compare(Data::Cancelling, forms, [&input, &target, &factors], &[n % 4]);
        }
    }
}

#[test]
fn lengths_around_a_chunk() {
    for_each_number!(R => compare_chunks::<R>());
}

fn compare_long_sums<R: Number>() {
    for forms in ALL_FORMS {
        for n in [4 * CHUNK, 9 * CHUNK + 37] {
            let [input, target, _] = cancelling::<R>(forms, n);
            let sum = |isa| [Answer::new("sum", &[forms.kl(&input, &target, isa).sum()])];
            let expected = sum(Isa::Scalar);
            for isa in isas() {
                assert_same(&(R::NAME, isa, forms, n), &sum(isa), &expected);
            }
        }
    }
}

/// Results of several chunks, merged in their order.
#[test]
fn sums_of_many_chunks() {
    for_each_number!(R => compare_long_sums::<R>());
}

/// Each pair of special numbers alone among ordinary ones: in every lane, in whole groups and in the tail.
fn compare_special_grid<R: Number>() {
    let specials = specials::<R>();
    let n = 4 * virtual_lanes::<R>() + 3;
    for forms in ALL_FORMS {
        let [input, target, factors] = ordinary(forms, n);
        let pairs = specials.iter().flat_map(|&x| specials.iter().map(move |&t| (x, t)));
        for (i, (x, t)) in pairs.enumerate() {
            let at = i % n;
            let (mut input, mut target) = (input.clone(), target.clone());
            (input[at], target[at]) = (x, t);
            let expected = everything(forms.kl(&input, &target, Isa::Scalar), &factors, 0);
            for isa in isas() {
                let got = everything(forms.kl(&input, &target, isa), &factors, 0);
                assert_same(&(R::NAME, x, t, at, isa, forms), &got, &expected);
            }
        }
    }
}

#[test]
fn special_numbers_among_ordinary_ones() {
    for_each_number!(R => compare_special_grid::<R>());
}

/// A row's sum is the sum of the row taken by itself, wherever it lies in the matrix.
fn compare_rows<R: Number>() {
    let long = [(1, 1000), (3, 333), (7, 129), (2, CHUNK + 5)];
    // Some fit a register, some the virtual lanes; four at a time, and some left.
    let short = (1..=40).map(|classes| (11, classes));
    for forms in ALL_FORMS {
        for (rows, classes) in long.into_iter().chain(short.clone()).chain([(100, 10), (1000, 1)]) {
            let [input, target, _] = with_zeros::<R>(forms, rows * classes);
            for isa in isas() {
                let mut sums = vec![R::of(f64::NAN); rows];
                forms.kl(&input, &target, isa).row_sums(&mut sums).expect("equal rows");
                for (row, &sum) in sums.iter().enumerate() {
                    let range = row * classes..(row + 1) * classes;
                    let alone = forms.kl(&input[range.clone()], &target[range], isa).sum();
                    assert!(
                        same(sum, alone),
                        "{} {forms:?} {isa} row {row} of {classes}: {sum:?}, alone {alone:?}",
                        R::NAME
                    );
                }
            }
        }
    }
}

#[test]
fn a_row_is_summed_as_if_it_were_alone() {
    for_each_number!(R => compare_rows::<R>());
}

/// `log_softmax` and `softmax` of rows.
fn shares<R: Number>(isa: Isa, logits: &[R], classes: usize) -> [Answer; 2] {
    let rows = Rows::new(logits, classes).expect("whole rows");
    let mut logarithms = vec![R::of(0.0); logits.len()];
    let mut shares = logarithms.clone();
    log_softmax_on(isa, rows, &mut logarithms).expect("equal lengths");
    softmax_on(isa, rows, &mut shares).expect("equal lengths");
    [Answer::new("log_softmax", &logarithms), Answer::new("softmax", &shares)]
}

/// Rows of every length that has code of its own, beside others and alone, and followed by classes
/// that are impossible, which makes them long.
fn compare_softmax_rows<R: Number>() {
    const ROWS: usize = 9;
    let specials = specials::<R>();
    for classes in 1..=40 {
        let mut logits = raw::<R>(1, ROWS * classes, 20.0);
        for (i, &special) in cycled(&specials, 4 * specials.len()).iter().enumerate() {
            logits[(2 + 3 * (i % 3)) * classes + i / 3 % classes] = special;
            let together = shares(Isa::Scalar, &logits, classes);
            for isa in isas() {
                let context = (R::NAME, classes, i, isa);
                assert_same(&context, &shares(isa, &logits, classes), &together);
            }
            for row in 0..ROWS {
                let range = row * classes..(row + 1) * classes;
                let here = together.each_ref().map(|all| all.part(range.clone()));
                let alone = shares(Isa::best(), &logits[range.clone()], classes);
                assert_same(&(R::NAME, classes, i, row, "alone"), &alone, &here);
                let mut longer = logits[range].to_vec();
                longer.resize(classes + 64, R::of(f64::NEG_INFINITY));
                let longer = shares(Isa::best(), &longer, classes + 64);
                let longer = longer.map(|all| all.part(0..classes));
                assert_same(&(R::NAME, classes, i, row, "longer"), &longer, &here);
            }
        }
    }
}

#[test]
fn a_row_of_logits_has_the_shares_that_it_has_alone() {
    for_each_number!(R => compare_softmax_rows::<R>());
}

/// A check that cannot fail is a defect: the bits of these sums do depend on the order of summation.
#[test]
fn the_order_of_summation_shows_in_the_bits() {
    let forms = ALL_FORMS[0];
    let differs = |n| {
        let [input, target, _] = ordinary::<f32>(forms, n);
        let kl = forms.kl(&input, &target, Isa::Scalar);
        let mut terms = vec![0.0; n];
        kl.pointwise(&mut terms).expect("equal lengths");
        !same(kl.sum(), terms.iter().sum())
    };
    let count = (1000..1100).filter(|&n| differs(n)).count();
    assert!(count > 30, "only {count} of 100");
}
