//! What the logarithm needs to know of a number type. The function itself is in `math/ln.rs`.

/// What the logarithm needs to know of a number type.
pub trait LnConstants: Sized + 'static {
    /// By what [`Float::split`](super::Float::split) multiplies the exponent.
    const EXPONENT_UNIT: Self;
    /// `ln 2 / EXPONENT_UNIT`, rounded.
    const LN2: Self;
    /// Its high part: a product with any exponent is exact.
    const LN2_HI: Self;
    /// Its low part, rounded.
    const LN2_LO: Self;
    /// `P`, lowest power first.
    const ARTANH: &'static [Self];
    /// A power of two that makes every subnormal normal.
    const NORMALIZE: Self;
    /// Its exponent times `EXPONENT_UNIT`.
    const NORMALIZE_EXPONENT: Self;
}

impl LnConstants for f32 {
    const EXPONENT_UNIT: f32 = 8_388_608.0;
    const LN2: f32 = f32::from_bits(0x3f31_7218) / Self::EXPONENT_UNIT;
    const LN2_HI: f32 = f32::from_bits(0x3f31_7200) / Self::EXPONENT_UNIT;
    const LN2_LO: f32 = f32::from_bits(0x35bf_be8e) / Self::EXPONENT_UNIT;
    /// For `|s| <= 0.18519`; relative error of `2 + R` below 2^-29.3; `ln.sollya`.
    const ARTANH: &'static [f32] =
        &[f32::from_bits(0x3f2a_aac8), f32::from_bits(0x3ecc_a490), f32::from_bits(0x3e9a_158f)];
    const NORMALIZE: f32 = 16_777_216.0;
    const NORMALIZE_EXPONENT: f32 = 24.0 * Self::EXPONENT_UNIT;
}

impl LnConstants for f64 {
    const EXPONENT_UNIT: f64 = 1.0;
    const LN2: f64 = f64::from_bits(0x3fe6_2e42_fefa_39ef);
    const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LO: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    /// For `|s| <= 0.18519`; relative error of `2 + R` below 2^-57.6; `ln.sollya`.
    const ARTANH: &'static [f64] = &[
        f64::from_bits(0x3fe5_5555_5555_560b),
        f64::from_bits(0x3fd9_9999_9995_7df7),
        f64::from_bits(0x3fd2_4924_964d_f8be),
        f64::from_bits(0x3fcc_71c3_6337_f3cc),
        f64::from_bits(0x3fc7_46bd_154d_eb76),
        f64::from_bits(0x3fc3_915f_6867_173e),
        f64::from_bits(0x3fc3_45ad_92ec_d01d),
    ];
    const NORMALIZE: f64 = 18_014_398_509_481_984.0;
    const NORMALIZE_EXPONENT: f64 = 54.0;
}
