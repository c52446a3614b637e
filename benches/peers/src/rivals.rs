//! Who takes part in this process.

use std::hint::black_box;

use kldiv::{Input, KlDiv, Target, reference};
use numkong::KullbackLeibler;

use crate::contest::{Contestants, Row, hold};

/// A distribution of `n` probabilities, `e^u` with `u` uniform in ±4 before it is normalised.
fn distribution(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let raw: Vec<f64> = (0..n).map(|_| (8.0 * next() - 4.0).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|p| p / sum).collect()
}

/// A plain loop with some logarithm or exponential function.
macro_rules! plain {
    ($x:expr, $p:expr, $ln:expr) => {
        black_box($x).iter().zip(black_box($p)).map(|(&x, &p)| p * ($ln(p) - x)).sum()
    };
}
macro_rules! log_target {
    ($x:expr, $t:expr, $exp:expr) => {
        black_box($x).iter().zip(black_box($t)).map(|(&x, &t)| $exp(t) * (t - x)).sum()
    };
}

/// The same in wide's vectors, with wide's own functions; the rest of the elements one by one.
macro_rules! vectors {
    ($elem:ty, $vector:ty, $lanes:literal, $x:expr, $t:expr, $of_vector:expr, $of_one:expr) => {{
        let (x, x_rest) = black_box($x).as_chunks::<$lanes>();
        let (t, t_rest) = black_box($t).as_chunks::<$lanes>();
        let mut sum = <$vector>::ZERO;
        for (&x, &t) in x.iter().zip(t) {
            sum += $of_vector(<$vector>::from(x), <$vector>::from(t));
        }
        let rest = x_rest.iter().zip(t_rest).map(|(&x, &t)| $of_one(x, t));
        let rest: $elem = rest.sum();
        sum.reduce_add() + rest
    }};
}

/// The two forms at one length in one type.
macro_rules! compare {
    ($rows:ident, $elem:ident, $vector:ty, $lanes:literal, $ln:path, $exp:path, $n:expr) => {{
        let n = $n;
        let cast = |v: Vec<f64>| -> Vec<$elem> { v.into_iter().map(|v| v as $elem).collect() };
        let (p, q) = (cast(distribution(n, 1)), cast(distribution(n, 2)));
        let x = cast(q.iter().map(|&q| f64::from(q).ln()).collect());
        let ln_p = cast(p.iter().map(|&p| f64::from(p).ln()).collect());
        let (x, p, q, ln_p) = (&x[..], &p[..], &q[..], &ln_p[..]);

        let kl = |target| KlDiv::new(Input::LogProbs(black_box(x)), target).expect("one length");
        #[cfg(feature = "candle")]
        let tensor = |v: &[$elem]| {
            candle_core::Tensor::from_slice(v, v.len(), &candle_core::Device::Cpu)
                .expect("a tensor")
        };
        #[cfg(feature = "candle")]
        let (tensor_x, tensor_p, tensor_ln_p) = (tensor(x), tensor(p), tensor(ln_p));
        #[allow(unused_mut, reason = "candle is optional")]
        let mut contestants: Contestants<'_> = vec![
            ("kldiv", Box::new(|| f64::from(kl(Target::Probs(black_box(p))).sum()))),
            (
                "NumKong kullbackleibler",
                Box::new(|| {
                    // Takes probabilities on both sides.
                    f64::from(
                        <$elem>::kullbackleibler(black_box(p), black_box(q)).expect("one length"),
                    )
                }),
            ),
            (
                "wide ln, plain sum",
                Box::new(|| {
                    let sum: $elem = vectors!(
                        $elem,
                        $vector,
                        $lanes,
                        x,
                        p,
                        |x, p: $vector| p * (p.ln() - x),
                        |x, p: $elem| p * (p.ln() - x)
                    );
                    f64::from(sum)
                }),
            ),
            (
                "std ln, plain loop",
                Box::new(|| {
                    let sum: $elem = plain!(x, p, $elem::ln);
                    f64::from(sum)
                }),
            ),
            (
                "libm ln, plain loop",
                Box::new(|| {
                    let sum: $elem = plain!(x, p, $ln);
                    f64::from(sum)
                }),
            ),
        ];
        #[cfg(feature = "candle")]
        contestants.push((
            "candle tensors",
            Box::new(|| {
                let sum = || {
                    (&tensor_p * (tensor_p.log()? - &tensor_x)?)?.sum_all()?.to_scalar::<$elem>()
                };
                f64::from(sum().expect("one shape"))
            }),
        ));
        let truth = reference::sum(Input::LogProbs(x), Target::Probs(p));
        $rows.extend(hold((stringify!($elem), "plain", n), truth, contestants));

        #[allow(unused_mut, reason = "candle is optional")]
        let mut contestants: Contestants<'_> = vec![
            ("kldiv", Box::new(|| f64::from(kl(Target::LogProbs(black_box(ln_p))).sum()))),
            (
                "wide exp, plain sum",
                Box::new(|| {
                    let sum: $elem = vectors!(
                        $elem,
                        $vector,
                        $lanes,
                        x,
                        ln_p,
                        |x, t: $vector| t.exp() * (t - x),
                        |x, t: $elem| t.exp() * (t - x)
                    );
                    f64::from(sum)
                }),
            ),
            (
                "std exp, plain loop",
                Box::new(|| {
                    let sum: $elem = log_target!(x, ln_p, $elem::exp);
                    f64::from(sum)
                }),
            ),
            (
                "libm exp, plain loop",
                Box::new(|| {
                    let sum: $elem = log_target!(x, ln_p, $exp);
                    f64::from(sum)
                }),
            ),
        ];
        #[cfg(feature = "candle")]
        contestants.push((
            "candle tensors",
            Box::new(|| {
                let sum = || {
                    (tensor_ln_p.exp()? * (&tensor_ln_p - &tensor_x)?)?
                        .sum_all()?
                        .to_scalar::<$elem>()
                };
                f64::from(sum().expect("one shape"))
            }),
        ));
        let truth = reference::sum(Input::LogProbs(x), Target::LogProbs(ln_p));
        $rows.extend(hold((stringify!($elem), "log_target", n), truth, contestants));
    }};
}

pub(crate) fn measure(out: &str) -> Result<(), String> {
    let mut rows: Vec<Row> = Vec::new();
    for n in [10, 4_096, 65_536, 1 << 24] {
        compare!(rows, f32, wide::f32x8, 8, libm::logf, libm::expf, n);
    }
    for n in [4_096, 1 << 23] {
        compare!(rows, f64, wide::f64x4, 4, libm::log, libm::exp, n);
    }
    let text = serde_json::to_string_pretty(&rows).map_err(|error| error.to_string())?;
    std::fs::write(out, text).map_err(|error| format!("{out}: {error}"))
}
