//! What the series of divergences need to know of a number type. They are summed in `math/phi.rs`.

/// Coefficients of Taylor's series, as many as the type's accuracy takes.
pub trait PhiConstants: Sized + 'static {
    /// `1 / 2!`, `1 / 3!` …: of `e^d − 1 − d`, for `|d| <= 1/16`. By the first term left out, the
    /// relative error is below 2^-24.4 (f32) or 2^-52.7 (f64).
    const RECIPROCAL_FACTORIALS: &'static [Self];
}

impl PhiConstants for f32 {
    const RECIPROCAL_FACTORIALS: &'static [f32] = &[1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0];
}

impl PhiConstants for f64 {
    const RECIPROCAL_FACTORIALS: &'static [f64] = &[
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5_040.0,
        1.0 / 40_320.0,
        1.0 / 362_880.0,
    ];
}
