//! Is a classifier in the field still seeing what it saw in the laboratory?
//!
//! The mean of its outputs over the last predictions is compared with their mean at commissioning
//! (the reference) by the divergence D(recent ‖ reference). Where that grows, the data have drifted;
//! the largest term names the class. The classifier here is a stand-in: random logits, from step 600
//! on with far more of class 3.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use kldiv::{Error, Input, KlDiv, Rows, Target, softmax};
use semihosting::{println, process};

const CLASSES: usize = 5;
const STEPS: u32 = 1200;
const DRIFT_AT: u32 = 600;
/// The weight of the newest prediction in the mean of the recent ones: a memory of 100.
const NEWEST: f32 = 0.01;
/// Nats; without drift it stays near a tenth of this.
const ALARM: f32 = 0.1;

/// What was measured at commissioning: the mean output of each class.
const REFERENCE: [f32; CLASSES] = [0.2; CLASSES];

/// The drift of a classifier's outputs from a reference.
struct Drift {
    recent: [f32; CLASSES],
}

impl Drift {
    /// Takes a prediction; returns the divergence in nats.
    fn update(&mut self, logits: &[f32; CLASSES]) -> Result<f32, Error> {
        let mut probs = [0.0; CLASSES];
        softmax(Rows::new(logits, CLASSES)?, &mut probs)?;
        for (recent, p) in self.recent.iter_mut().zip(probs) {
            *recent += NEWEST * (p - *recent);
        }
        Ok(self.divergence()?.sum())
    }

    /// The class that has become more frequent than any other, against the reference.
    fn class(&self) -> Result<usize, Error> {
        let mut terms = [0.0; CLASSES];
        self.divergence()?.pointwise(&mut terms)?;
        let mut largest = 0;
        for (class, &term) in terms.iter().enumerate() {
            if terms.get(largest).is_some_and(|&l| term > l) {
                largest = class;
            }
        }
        Ok(largest)
    }

    fn divergence(&self) -> Result<KlDiv<'_, f32>, Error> {
        KlDiv::new(Input::Probs(&REFERENCE), Target::Probs(&self.recent))
    }
}

/// The stand-in for a classifier: one class is likely, which one is random.
struct Classifier {
    state: u32,
}

impl Classifier {
    fn random(&mut self) -> u32 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.state >> 16
    }

    fn predict(&mut self, step: u32) -> [f32; CLASSES] {
        let drifted = step >= DRIFT_AT && self.random() % 2 == 0;
        let class = if drifted { 3 } else { self.random() as usize % CLASSES };
        core::array::from_fn(|c| {
            let noise = (self.random() % 256) as f32 / 256.0;
            noise + if c == class { 4.0 } else { 0.0 }
        })
    }
}

#[entry]
fn main() -> ! {
    let mut classifier = Classifier { state: 1 };
    let mut drift = Drift { recent: REFERENCE };
    let mut alarm = None;
    for step in 1..=STEPS {
        let logits = classifier.predict(step);
        // Lengths agree: an error would be one of this program.
        let Ok(divergence) = drift.update(&logits) else { process::exit(1) };
        if step % 100 == 0 {
            // Thousandths, as an integer: no code that writes floats.
            let thousandths = (divergence * 1000.0) as usize;
            let bar = &"############################################################"
                [..thousandths.min(600) / 10];
            println!("step {step:4}  {thousandths:3} millinats  {bar}");
        }
        if divergence > ALARM && alarm.is_none() {
            let class = drift.class().unwrap_or(CLASSES);
            println!("step {step:4}  drift: more of class {class}");
            alarm = Some((step, class));
        }
    }
    let found = alarm.is_some_and(|(step, class)| step > DRIFT_AT && class == 3);
    process::exit(i32::from(!found))
}
