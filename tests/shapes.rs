//! Every mismatch of every argument: the error that names it, and outputs as they were before.

mod support;

use kldiv::{
    Error, Input, Isa, KlDiv, KlDivLoss, Reduction, Rows, Side, Target, Upstream, kl_div,
    log_softmax, softmax,
};
use support::{ALL_FORMS, Number, for_each_number};

/// Runs `call` on an output of `len` marked elements and holds it to an error that leaves all marks in place.
fn refuses<R: Number>(
    len: usize,
    expected: Error,
    call: impl FnOnce(&mut [R]) -> Result<(), Error>,
) -> Error {
    // A NaN that no computation makes.
    let mark = R::from_bits(R::of(f64::NAN).bits() ^ 0x2b);
    let mut out = vec![mark; len];
    assert_eq!(call(&mut out), Err(expected));
    assert!(out.iter().all(|x| x.bits() == mark.bits()), "{expected}: the output was written to");
    expected
}

/// A message is one line of words with every number in it.
fn reads(error: Error, text: &str) {
    assert_eq!(error.to_string(), text);
    // It is an error like others, too.
    let error: &dyn core::error::Error = &error;
    assert!(error.source().is_none());
}

#[test]
fn input_and_target_of_different_lengths() {
    fn check<R: Number>() {
        let values = [R::of(0.5); 5];
        for forms in ALL_FORMS {
            for (input, target) in [(0, 1), (1, 0), (4, 5), (5, 4)] {
                let expected = Error::Length { input, target };
                let (x, t) = (&values[..input], &values[..target]);
                let refused = KlDiv::new(forms.input(x), forms.target(t));
                assert_eq!(refused.expect_err("a mismatch"), expected);
                for log_target in [false, true] {
                    let loss = KlDivLoss::new().with_log_target(log_target);
                    assert_eq!(loss.forward(x, t), Err(expected));
                    assert_eq!(kl_div(x, t, Reduction::Sum, log_target), Err(expected));
                    // Whatever the output's length, the pair is looked at first.
                    for len in [input, target] {
                        refuses::<R>(len, expected, |out| loss.forward_pointwise(x, t, out));
                        let one = R::of(1.0);
                        refuses::<R>(len, expected, |out| loss.backward_input(x, t, one, out));
                        refuses::<R>(len, expected, |out| loss.backward_target(x, t, one, out));
                    }
                }
            }
        }
    }
    for_each_number!(R => check::<R>());
    reads(Error::Length { input: 4, target: 5 }, "input has 4 elements but target has 5");
}

#[test]
fn outputs_of_a_wrong_length() {
    fn check<R: Number>() {
        for n in [0, 1, 6, 40] {
            let values = vec![R::of(0.5); n];
            for len in [0, 1, 5, 7, 39, 41].into_iter().filter(|&len| len != n) {
                let expected = Error::OutputLength { expected: n, found: len };
                for forms in ALL_FORMS {
                    let kl = forms.kl(&values, &values, Isa::best());
                    refuses::<R>(len, expected, |out| kl.pointwise(out));
                    let upstreams = [
                        Upstream::Uniform(R::of(1.0)),
                        Upstream::PerRow(&values),
                        Upstream::PerElement(&values),
                    ];
                    for upstream in upstreams {
                        refuses::<R>(len, expected, |out| kl.grad_input(upstream, out));
                        refuses::<R>(len, expected, |out| kl.grad_target(upstream, out));
                    }
                }
                let loss = KlDivLoss::new();
                let one = R::of(1.0);
                refuses::<R>(len, expected, |out| loss.forward_pointwise(&values, &values, out));
                refuses::<R>(len, expected, |out| loss.backward_input(&values, &values, one, out));
                refuses::<R>(len, expected, |out| loss.backward_target(&values, &values, one, out));
                let logits = Rows::new(&values, n.max(1)).expect("one row or none");
                refuses::<R>(len, expected, |out| log_softmax(logits, out));
                refuses::<R>(len, expected, |out| softmax(logits, out));
            }
        }
    }
    for_each_number!(R => check::<R>());
    reads(Error::OutputLength { expected: 6, found: 5 }, "output has 5 elements, 6 are needed");
}

#[test]
fn an_upstream_factor_for_each_element() {
    fn check<R: Number>() {
        let values = [R::of(0.5); 13];
        for (n, found) in [(0, 1), (12, 0), (12, 11), (12, 13), (12, 1), (12, 4)] {
            let expected = Error::UpstreamLength { expected: n, found };
            let upstream = Upstream::PerElement(&values[..found]);
            for forms in ALL_FORMS {
                let kl = forms.kl(&values[..n], &values[..n], Isa::best());
                refuses::<R>(n, expected, |grad| kl.grad_input(upstream, grad));
                refuses::<R>(n, expected, |grad| kl.grad_target(upstream, grad));
            }
        }
    }
    for_each_number!(R => check::<R>());
    reads(
        Error::UpstreamLength { expected: 12, found: 13 },
        "upstream gradient has 13 elements, 12 are needed",
    );
}

#[test]
fn rows_that_do_not_divide() {
    fn check<R: Number>() {
        let values = [R::of(0.5); 13];
        for (len, rows) in [(12, 0), (12, 5), (12, 7), (12, 13), (1, 2), (1, 0)] {
            let expected = Error::Rows { len, rows };
            for forms in ALL_FORMS {
                let kl = forms.kl(&values[..len], &values[..len], Isa::best());
                refuses::<R>(rows, expected, |out| kl.row_sums(out));
                let upstream = Upstream::PerRow(&values[..rows]);
                refuses::<R>(len, expected, |grad| kl.grad_input(upstream, grad));
                refuses::<R>(len, expected, |grad| kl.grad_target(upstream, grad));
                assert_eq!(kl.validate(rows, R::of(1.0)), Err(expected));
            }
        }
    }
    for_each_number!(R => check::<R>());
    reads(Error::Rows { len: 12, rows: 5 }, "12 elements cannot be cut into 5 equal rows");
}

#[test]
fn rows_of_classes() {
    fn check<R: Number>() {
        let values = [R::of(0.5); 12];
        for classes in [5, 7, 13, usize::MAX] {
            assert_eq!(Rows::new(&values, classes), Err(Error::Classes { len: 12, classes }));
        }
        assert_eq!(Rows::new(&values, 0), Err(Error::ZeroClasses { len: 12 }));
        assert_eq!(Rows::new(&values[..0], 0), Err(Error::ZeroClasses { len: 0 }));
        for classes in [1, 2, 3, 4, 6, 12] {
            let rows = Rows::new(&values, classes).expect("a divisor");
            assert_eq!((rows.rows(), rows.classes()), (12 / classes, classes));
        }
        let none = Rows::new(&values[..0], 3).expect("no rows");
        assert_eq!((none.rows(), none.classes()), (0, 3));
    }
    for_each_number!(R => check::<R>());
    reads(
        Error::Classes { len: 12, classes: 5 },
        "12 elements cannot be cut into rows of 5 classes",
    );
    reads(Error::ZeroClasses { len: 12 }, "12 elements cannot be cut into rows of 0 classes");
}

const ALL_ISAS: [(Isa, &str); 6] = [
    (Isa::Scalar, "scalar"),
    (Isa::Sse2, "sse2"),
    (Isa::Avx2, "avx2"),
    (Isa::Avx512, "avx512"),
    (Isa::Neon, "neon"),
    (Isa::Simd128, "simd128"),
];

#[test]
fn instruction_sets_of_other_machines() {
    let kl = KlDiv::new(Input::LogProbs(&[-1.0_f32]), Target::Probs(&[1.0])).expect("one element");
    let available: Vec<Isa> = Isa::available().collect();
    for (isa, name) in ALL_ISAS {
        assert_eq!(isa.is_available(), available.contains(&isa));
        match kl.on(isa) {
            Ok(kl) => assert!(available.contains(&isa) && kl.sum() == 1.0),
            Err(error) => {
                assert!(!available.contains(&isa));
                assert_eq!(error, Error::IsaUnavailable { isa });
                reads(error, &format!("instruction set {name} is not available here"));
            }
        }
    }
    // No machine has both.
    assert!(!Isa::Neon.is_available() || !Isa::Avx2.is_available());
    assert!(available.len() < ALL_ISAS.len());
    assert_eq!(available.last(), Some(&Isa::best()));
    assert_eq!(available.first(), Some(&Isa::Scalar));
}

#[test]
fn names_of_instruction_sets() {
    for (isa, name) in ALL_ISAS {
        assert_eq!(isa.to_string(), name);
        assert_eq!(name.parse(), Ok(isa));
    }
    for name in ["", "AVX2", "avx", "avx2 ", " scalar", "avx512f", "sse", "wasm", "ärm"] {
        assert_eq!(name.parse::<Isa>(), Err(Error::UnknownIsa { len: name.len() }));
    }
    reads(
        Error::UnknownIsa { len: 3 },
        "unknown instruction set (a name of 3 bytes); known are scalar, sse2, avx2, avx512, neon, simd128",
    );
}

/// Two rows of three that are what they are said to be, as probabilities and as their logarithms.
fn good<R: Number>(is_log: bool) -> Vec<R> {
    let probabilities = [0.5, 0.25, 0.25, 0.125, 0.0, 0.875];
    probabilities.map(|p: f64| R::of(if is_log { libm::log(p) } else { p })).to_vec()
}

/// What the logarithms' last bit and the exponential's error may move a row's sum by.
const TOLERANCE: f64 = 1e-6;

/// What `validate` says of good numbers of which one is replaced, on each side.
fn validate_with<R: Number>(is_log: bool, at: usize, value: f64) -> [Result<(), Error>; 2] {
    let mut bad = good::<R>(is_log);
    bad[at] = R::of(value);
    let both = [false, true].map(|other_is_log| {
        let other = good::<R>(other_is_log);
        let input = if is_log { Input::LogProbs(&bad[..]) } else { Input::Probs(&bad) };
        let target =
            if other_is_log { Target::LogProbs(&other[..]) } else { Target::Probs(&other) };
        let as_input = KlDiv::new(input, target).expect("lengths").validate(2, R::of(TOLERANCE));
        let input = if other_is_log { Input::LogProbs(&other[..]) } else { Input::Probs(&other) };
        let target = if is_log { Target::LogProbs(&bad[..]) } else { Target::Probs(&bad) };
        let as_target = KlDiv::new(input, target).expect("lengths").validate(2, R::of(TOLERANCE));
        // The same complaint from either side, whatever the other side's form.
        let side_of = |result: Result<(), Error>| match result {
            Err(
                Error::Nan { side, .. }
                | Error::NegativeProbability { side, .. }
                | Error::PositiveLogProbability { side, .. }
                | Error::RowSum { side, .. },
            ) => Some(side),
            _ => None,
        };
        assert!(as_input.is_ok() || side_of(as_input) == Some(Side::Input), "{as_input:?}");
        assert!(as_target.is_ok() || side_of(as_target) == Some(Side::Target), "{as_target:?}");
        [as_input, as_target]
    });
    assert_eq!(both[0], both[1]);
    both[1]
}

#[test]
fn validate_accepts_distributions() {
    fn check<R: Number>() {
        for forms in ALL_FORMS {
            let (input, target) = (good::<R>(forms.log_input), good::<R>(forms.log_target));
            for isa in support::isas() {
                let kl = forms.kl(&input, &target, isa);
                assert_eq!(kl.validate(2, R::of(TOLERANCE)), Ok(()));
            }
        }
        // Nothing at all is any number of distributions.
        for rows in [0, 1, 3] {
            let none = ALL_FORMS[0].kl::<R>(&[], &[], Isa::best());
            assert_eq!(none.validate(rows, R::of(0.0)), Ok(()));
        }
        // Within tolerance: a logarithm just above zero, a sum just off one.
        let (input, target) = ([R::of(0.01)], [R::of(-0.01)]);
        let kl = ALL_FORMS[1].kl(&input, &target, Isa::best());
        assert_eq!(kl.validate(1, R::of(0.02)), Ok(()));
        assert!(kl.validate(1, R::of(0.001)).is_err());
        // −0 is zero, and zero is no negative probability.
        let (input, target) = ([R::of(-0.0), R::of(1.0)], [R::of(1.0), R::of(-0.0)]);
        let kl = ALL_FORMS[2].kl(&input, &target, Isa::best());
        assert_eq!(kl.validate(1, R::of(0.0)), Ok(()));
    }
    for_each_number!(R => check::<R>());
}

#[test]
fn validate_names_nan() {
    fn check<R: Number>() {
        for is_log in [false, true] {
            for index in 0..6 {
                let [input, target] = validate_with::<R>(is_log, index, f64::NAN);
                assert_eq!(input, Err(Error::Nan { side: Side::Input, index }));
                assert_eq!(target, Err(Error::Nan { side: Side::Target, index }));
            }
        }
    }
    for_each_number!(R => check::<R>());
    reads(Error::Nan { side: Side::Target, index: 4 }, "target[4] is NaN");
}

#[test]
fn validate_names_negative_probabilities() {
    fn check<R: Number>() {
        let smallest = -R::SMALLEST.to_f64();
        for value in [-0.25, smallest, f64::NEG_INFINITY] {
            for index in 0..6 {
                let [input, target] = validate_with::<R>(false, index, value);
                let expected = |side| Err(Error::NegativeProbability { side, index, value });
                assert_eq!(input, expected(Side::Input));
                assert_eq!(target, expected(Side::Target));
            }
        }
    }
    for_each_number!(R => check::<R>());
    reads(
        Error::NegativeProbability { side: Side::Input, index: 3, value: -0.25 },
        "input[3] = -0.25 is below zero, not a probability",
    );
}

#[test]
fn validate_names_positive_log_probabilities() {
    fn check<R: Number>() {
        for value in [0.5, 2.0, f64::INFINITY] {
            for index in 0..6 {
                let [input, target] = validate_with::<R>(true, index, value);
                let expected = |side| Err(Error::PositiveLogProbability { side, index, value });
                assert_eq!(input, expected(Side::Input));
                assert_eq!(target, expected(Side::Target));
            }
        }
    }
    for_each_number!(R => check::<R>());
    reads(
        Error::PositiveLogProbability { side: Side::Target, index: 2, value: 0.5 },
        "target[2] = 0.5 is above zero, not a log-probability; was a probability passed as its logarithm?",
    );
}

/// The commonest mistake: probabilities passed as their logarithms.
#[test]
fn validate_finds_probabilities_passed_as_logarithms() {
    let [input, target] = [good::<f32>(false), good(false)];
    let kl = KlDiv::new(Input::LogProbs(&input), Target::Probs(&target)).expect("equal lengths");
    let error = Error::PositiveLogProbability { side: Side::Input, index: 0, value: 0.5 };
    assert_eq!(kl.validate(2, 1e-6), Err(error));
    assert!(error.to_string().contains("was a probability passed as its logarithm?"));
}

#[test]
fn validate_names_rows_that_do_not_sum_to_one() {
    fn check<R: Number>() {
        for is_log in [false, true] {
            for (at, row) in [(0, 0), (2, 0), (3, 1), (5, 1)] {
                let value = if is_log { libm::log(0.75) } else { 0.75 };
                let exact: f64 = {
                    let mut probabilities = good::<f64>(false);
                    probabilities[at] = 0.75;
                    probabilities[3 * row..3 * row + 3].iter().sum()
                };
                for (result, side) in validate_with::<R>(is_log, at, value)
                    .into_iter()
                    .zip([Side::Input, Side::Target])
                {
                    let Err(Error::RowSum { side: found_side, row: found_row, sum }) = result
                    else {
                        panic!("{result:?} for {at} of a log {is_log} {side}");
                    };
                    assert_eq!((found_side, found_row), (side, row));
                    assert!((sum - exact).abs() < TOLERANCE, "{sum}, not {exact}");
                }
            }
        }
        // Both rows off: the first is named. A row of infinity is off, too.
        let values = [0.5, 0.25, 1.0, f64::INFINITY].map(R::of);
        let kl = ALL_FORMS[2].kl(&values, &values, Isa::best());
        let expected = Error::RowSum { side: Side::Input, row: 0, sum: 0.75 };
        assert_eq!(kl.validate(2, R::of(0.125)), Err(expected));
        let expected = Error::RowSum { side: Side::Input, row: 1, sum: f64::INFINITY };
        assert_eq!(kl.validate(2, R::of(0.25)), Err(expected));
    }
    for_each_number!(R => check::<R>());
    reads(
        Error::RowSum { side: Side::Input, row: 1, sum: 0.75 },
        "probabilities of input row 1 sum to 0.75, not to 1",
    );
}

#[test]
fn validate_names_the_first_of_several() {
    fn check<R: Number>() {
        let input = [0.5, -0.5, f64::NAN, -1.0].map(R::of);
        let target = [f64::NAN, 1.0, 0.5, 0.5].map(R::of);
        let kl = ALL_FORMS[2].kl(&input, &target, Isa::best());
        let first = Error::NegativeProbability { side: Side::Input, index: 1, value: -0.5 };
        assert_eq!(kl.validate(2, R::of(1.0)), Err(first));
    }
    for_each_number!(R => check::<R>());
}

#[test]
fn nothing_at_all() {
    fn check<R: Number>() {
        for forms in ALL_FORMS {
            for isa in support::isas() {
                let kl = forms.kl::<R>(&[], &[], isa);
                assert!(kl.is_empty());
                assert_eq!(kl.len(), 0);
                assert_eq!(kl.sum().bits(), 0);
                assert_eq!(kl.entropy().bits(), 0);
                assert_eq!(kl.cross_entropy().bits(), 0);
                assert!(kl.mean().to_f64().is_nan());
                assert!(kl.batch_mean(0).to_f64().is_nan());
                assert_eq!(kl.batch_mean(3).bits(), 0);
                assert!(kl.reduce(Reduction::default()).to_f64().is_nan());
                assert_eq!(kl.pointwise(&mut []), Ok(()));
                let ones = [R::of(1.0); 2];
                let upstreams = [
                    Upstream::Uniform(ones[0]),
                    Upstream::PerRow(&ones),
                    Upstream::PerRow(&[]),
                    Upstream::PerElement(&[]),
                ];
                for upstream in upstreams {
                    assert_eq!(kl.grad_input(upstream, &mut []), Ok(()));
                    assert_eq!(kl.grad_target(upstream, &mut []), Ok(()));
                }
                // Rows of nothing sum to +0.
                let mut sums = [R::of(7.0); 3];
                assert_eq!(kl.row_sums(&mut sums), Ok(()));
                assert!(sums.iter().all(|sum| sum.bits() == 0));
                assert_eq!(kl.row_sums(&mut []), Ok(()));
            }
        }
        assert!(KlDivLoss::new().forward::<R>(&[], &[]).is_ok_and(|mean| mean.to_f64().is_nan()));
        assert_eq!(kl_div::<R>(&[], &[], Reduction::Sum, false), Ok(R::of(0.0)));
        let none = Rows::<R>::new(&[], 4).expect("no rows");
        assert_eq!(log_softmax(none, &mut []), Ok(()));
        assert_eq!(softmax(none, &mut []), Ok(()));
    }
    for_each_number!(R => check::<R>());
}
