//! What the exponential function needs to know of a number type. The function itself is in `math/exp.rs`.

/// What the exponential function needs to know of a number type.
pub trait ExpConstants: Sized + 'static {
    /// `1 / ln 2`, rounded.
    const LOG2_E: Self;
    /// The high part of `ln 2`: a product with any `n` that occurs is exact.
    const LN2_TOP: Self;
    /// The low part, rounded.
    const LN2_REST: Self;
    /// `Q`, lowest power first.
    const EXP_TAIL: &'static [Self];
    /// Below this magnitude `2^n` is a normal number.
    const USUAL: Self;
    /// Below this the result is zero.
    const UNDERFLOW: Self;
    /// Above this the result is infinite.
    const OVERFLOW: Self;
}

impl ExpConstants for f32 {
    const LOG2_E: f32 = f32::from_bits(0x3fb8_aa3b);
    const LN2_TOP: f32 = f32::from_bits(0x3f31_7200);
    const LN2_REST: f32 = f32::from_bits(0x35bf_be8e);
    /// For `|r| <= 0.3466`; relative error of `e^r` below 2^-28.2; `exp.sollya`.
    const EXP_TAIL: &'static [f32] = &[
        f32::from_bits(0x3eff_fffe),
        f32::from_bits(0x3e2a_aa49),
        f32::from_bits(0x3d2a_ac50),
        f32::from_bits(0x3c09_1cbb),
        f32::from_bits(0x3ab5_2fc6),
    ];
    const USUAL: f32 = 87.0;
    const UNDERFLOW: f32 = -104.0;
    const OVERFLOW: f32 = 89.0;
}

impl ExpConstants for f64 {
    const LOG2_E: f64 = f64::from_bits(0x3ff7_1547_652b_82fe);
    const LN2_TOP: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_REST: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    /// For `|r| <= 0.3466`; relative error of `e^r` below 2^-57.8; `exp.sollya`.
    const EXP_TAIL: &'static [f64] = &[
        f64::from_bits(0x3fe0_0000_0000_000a),
        f64::from_bits(0x3fc5_5555_5555_54f4),
        f64::from_bits(0x3fa5_5555_5555_05da),
        f64::from_bits(0x3f81_1111_1112_9539),
        f64::from_bits(0x3f56_c16c_184b_ed9f),
        f64::from_bits(0x3f2a_01a0_1213_64be),
        f64::from_bits(0x3efa_0199_87e3_441d),
        f64::from_bits(0x3ec7_1df3_aa9e_bf0f),
        f64::from_bits(0x3e92_8aed_a396_1756),
        f64::from_bits(0x3e5a_d5c7_a654_0110),
    ];
    const USUAL: f64 = 708.0;
    const UNDERFLOW: f64 = -746.0;
    const OVERFLOW: f64 = 710.0;
}
