//! Every instruction set of this machine against scalar code, bit for bit.
use kldiv::*;
#[test]
fn smoke() {
    let n = 1000;
    let mut t: Vec<f32> = (0..n).map(|i| ((i * 37) % 101) as f32 + 1.0).collect();
    let s: f32 = t.iter().sum();
    for v in &mut t {
        *v /= s;
    }
    let x: Vec<f32> = (0..n).map(|i| -((i * 7 % 13) as f32) - 1.0).collect();
    for isa in Isa::available() {
        let k = KlDiv::new(Input::LogProbs(&x), Target::Probs(&t)).unwrap().on(isa).unwrap();
        println!(
            "{isa} {:08x} {} ref {}",
            k.sum().to_bits(),
            k.sum(),
            reference::sum(Input::LogProbs(&x), Target::Probs(&t))
        );
        let k = KlDiv::new(Input::LogProbs(&x), Target::LogProbs(&x)).unwrap().on(isa).unwrap();
        println!(
            "{isa} {:08x} ent {} ref {}",
            k.entropy().to_bits(),
            k.entropy(),
            reference::entropy(Target::LogProbs(&x))
        );
    }
}
