//! Numbers of 16 bits: the bits that f32 gives for the same numbers, rounded once where a result is one for each element.
#![no_main]

use half::{bf16, f16};
use kldiv::{
    DistillLoss, Element, Input, Isa, KlDiv, Rows, Target, Teacher, Upstream, log_softmax_on,
    softmax_on,
};
use libfuzzer_sys::fuzz_target;

/// A type of 16 bits. All NaNs have one pattern.
trait Stored: Element<Real = f32> {
    fn of(bits: u16) -> Self;
    fn rounded(x: f32) -> Self;
    fn pattern(self) -> u16;
    fn wide(self) -> f32;
}

macro_rules! stored {
    ($($type:ident),+) => {$(
        impl Stored for $type {
            fn of(bits: u16) -> Self {
                $type::from_bits(bits)
            }
            fn rounded(x: f32) -> Self {
                $type::from_f32(x)
            }
            fn pattern(self) -> u16 {
                if self.is_nan() { u16::MAX } else { self.to_bits() }
            }
            fn wide(self) -> f32 {
                self.to_f32()
            }
        }
    )+};
}

stored!(f16, bf16);

fuzz_target!(|data: &[u8]| {
    let Some((&[kinds, classes], bytes)) = data.split_first_chunk() else { return };
    let bits: Vec<u16> = bytes.as_chunks().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect();
    if kinds & 1 == 0 {
        check::<f16>(kinds, classes, &bits);
    } else {
        check::<bf16>(kinds, classes, &bits);
    }
});

fn check<T: Stored>(kinds: u8, classes: u8, bits: &[u16]) {
    let values: Vec<T> = bits.iter().map(|&bits| T::of(bits)).collect();
    let (x, t) = values.split_at(values.len() / 2);
    let t = &t[..x.len()];
    for isa in Isa::available() {
        pairs(kinds, isa, x, t);
        rows(kinds, 1 + usize::from(classes), isa, x, t);
    }
}

fn pairs<T: Stored>(kinds: u8, isa: Isa, x: &[T], t: &[T]) {
    let (wide_x, wide_t) = (&wide(x)[..], &wide(t)[..]);
    let (kl, of_f32) = (pair(kinds, isa, x, t), pair(kinds, isa, wide_x, wide_t));
    same(kl.sum(), of_f32.sum());
    same(kl.entropy(), of_f32.entropy());
    same(kl.cross_entropy(), of_f32.cross_entropy());
    let (mut found, mut expected) = (vec![T::ZERO; x.len()], vec![0.0; x.len()]);
    kl.pointwise(&mut found).unwrap();
    of_f32.pointwise(&mut expected).unwrap();
    rounded(&found, &expected);
    let upstream = Upstream::PerElement(wide_x);
    kl.grad_input(upstream, &mut found).unwrap();
    of_f32.grad_input(upstream, &mut expected).unwrap();
    rounded(&found, &expected);
    kl.grad_target(upstream, &mut found).unwrap();
    of_f32.grad_target(upstream, &mut expected).unwrap();
    rounded(&found, &expected);
}

fn pair<'a, T: Element>(kinds: u8, isa: Isa, x: &'a [T], t: &'a [T]) -> KlDiv<'a, T> {
    let input = if kinds & 2 == 0 { Input::LogProbs(x) } else { Input::Probs(x) };
    let target = if kinds & 4 == 0 { Target::LogProbs(t) } else { Target::Probs(t) };
    KlDiv::new(input, target).unwrap().on(isa).unwrap()
}

fn rows<T: Stored>(kinds: u8, classes: usize, isa: Isa, x: &[T], t: &[T]) {
    let length = x.len() / classes * classes;
    let (x, t) = (&x[..length], &t[..length]);
    let (wide_x, wide_t) = (&wide(x)[..], &wide(t)[..]);
    let (student, of_f32) = (Rows::new(x, classes).unwrap(), Rows::new(wide_x, classes).unwrap());
    // What is there already counts where gradients are added.
    let (mut found, mut expected) = (t.to_vec(), wide_t.to_vec());
    let upstream = Upstream::Uniform(0.7);
    let teacher = Teacher::Logits(Rows::new(wide_t, classes).unwrap());
    let wide_loss = DistillLoss::new(of_f32, teacher).unwrap().on(isa).unwrap();
    let accumulate = kinds & 16 != 0;
    let mut losses = [vec![0.0; length / classes], vec![0.0; length / classes]];
    let [of_narrow, of_wide] = &mut losses;
    if kinds & 8 == 0 {
        let teacher = Teacher::Logits(Rows::new(t, classes).unwrap());
        let loss = DistillLoss::new(student, teacher).unwrap().on(isa).unwrap();
        let loss = loss.accumulate(accumulate);
        loss.loss_and_grad_student(upstream, of_narrow, &mut found).unwrap();
    } else {
        let loss = DistillLoss::mixed(student, teacher).unwrap().on(isa).unwrap();
        let loss = loss.accumulate(accumulate);
        loss.loss_and_grad_student(upstream, of_narrow, &mut found).unwrap();
    }
    let wide_loss = wide_loss.accumulate(accumulate);
    wide_loss.loss_and_grad_student(upstream, of_wide, &mut expected).unwrap();
    for (&found, &expected) in of_narrow.iter().zip(&*of_wide) {
        same(found, expected);
    }
    rounded(&found, &expected);
    softmax_on(isa, student, &mut found).unwrap();
    softmax_on(isa, of_f32, &mut expected).unwrap();
    rounded(&found, &expected);
    log_softmax_on(isa, student, &mut found).unwrap();
    log_softmax_on(isa, of_f32, &mut expected).unwrap();
    rounded(&found, &expected);
}

fn wide<T: Stored>(values: &[T]) -> Vec<f32> {
    values.iter().map(|x| x.wide()).collect()
}

fn same(found: f32, expected: f32) {
    assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan());
}

fn rounded<T: Stored>(found: &[T], of_f32: &[f32]) {
    for (found, &of_f32) in found.iter().zip(of_f32) {
        assert_eq!(found.pattern(), T::rounded(of_f32).pattern(), "{of_f32:e}");
    }
}
