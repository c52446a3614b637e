//! Teachers that name few classes: what the named ones cost beside the row itself.
//!
//! # What is measured
//! A row of logits against the k classes that its teacher finds likeliest, the likeliest first, as they are stored.
//! The value is compared with the logarithm of the sum of the row's exponentials, as the cross-entropy of one label
//! asks for it: one read. Value and gradient are compared with those of the label: two reads and one write. All
//! take turns. The results are compared with `kldiv::reference` first.
//! # Units
//! The time of a call over the other's, medians over the rounds, once 5 ns for each pair of class and
//! log-probability have been taken off: at most 1.1 is the goal. Beside it nanoseconds for a class, with everything.
//! # To run it
//! ```text
//! cargo bench --bench top_k
//! cargo bench --bench top_k -- --test  # one round: checks the results
//! ```

mod support;

use core::cell::RefCell;

use kldiv::{DistillLoss, Rest, Rows, Teacher, TopK, Upstream, reference};
use support::race::Race;
use support::{Data, Hide};

/// Classes: vocabularies of language models, and the longest.
const VOCABULARIES: [usize; 3] = [32_000, 128_256, 256_000];
/// Places.
const PLACES: [usize; 3] = [8, 64, 256];
const RESTS: [(&str, Rest); 4] = [
    ("renormalise", Rest::Renormalise),
    ("bucket", Rest::Bucket),
    ("uniform", Rest::Uniform),
    ("ignore", Rest::Ignore),
];
/// Nanoseconds that a pair may take.
const PAIR: f64 = 5.0;

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let rounds = if test { 1 } else { 101 };
    println!("cargo bench --bench top_k");
    println!("f32, one row, medians of {rounds} rounds");
    for classes in VOCABULARIES {
        let data = Data::<f32>::new(classes);
        for k in PLACES {
            compare(rounds, &data, k);
        }
    }
}

fn compare(rounds: usize, data: &Data<f32>, k: usize) {
    let (student, teacher) = (data.ln_q(), data.ln_p());
    let classes = student.len();
    let mut named: Vec<u32> = (0..classes as u32).collect();
    let ln_p = |class: u32| teacher[class as usize];
    named.sort_by(|&a, &b| ln_p(b).total_cmp(&ln_p(a)));
    named.truncate(k);
    let log_probs: Vec<f32> = named.iter().map(|&class| ln_p(class)).collect();
    let row = || Rows::new(student.hide(), classes).expect("one row");
    let sparse = |rest| {
        let top_k = TopK::new(named.hide(), log_probs.hide(), k, rest).expect("one row");
        DistillLoss::new(row(), Teacher::TopK(top_k)).expect("classes in range")
    };
    let label = [named[0]];
    let labelled =
        || DistillLoss::new(row(), Teacher::Classes(label.hide())).expect("a class in range");
    for (name, rest) in RESTS {
        let top_k = TopK::new(&named, &log_probs, k, rest).expect("one row");
        let mut exact = [0.0];
        reference::distill(row(), Teacher::TopK(top_k), 1.0, Default::default(), &mut exact);
        let value = f64::from(sparse(rest).weighted_mean());
        assert!(
            (value - exact[0]).abs() <= 1e-5 * (1.0 + exact[0].abs()),
            "{name} {value} {exact:?}"
        );
    }

    let upstream = Upstream::Uniform(0.3);
    let out = RefCell::new(([0.0], vec![0.0; classes]));
    let (value_of_label, both_of_label) = ("value of a label", "value and gradient of a label");
    let mut race = Race::new(rounds, classes);
    race.enter(value_of_label, || labelled().row_losses(&mut out.borrow_mut().0));
    race.enter(both_of_label, || {
        let (losses, grad) = &mut *out.borrow_mut();
        labelled().loss_and_grad_student(upstream, losses, grad)
    });
    let both = |name| format!("{name}, gradient");
    for (name, rest) in RESTS {
        let (sparse, out) = (&sparse, &out);
        race.enter(name, move || sparse(rest).row_losses(&mut out.borrow_mut().0));
        race.enter(&both(name), move || {
            let (losses, grad) = &mut *out.borrow_mut();
            sparse(rest).loss_and_grad_student(upstream, losses, grad)
        });
    }
    race.run(&format!("{k} of {classes} classes"));
    let pairs = PAIR * k as f64 / classes as f64;
    for (name, _) in RESTS {
        race.time_beside(name, value_of_label, pairs, Some(1.1));
    }
    for (name, _) in RESTS {
        race.time_beside(&both(name), both_of_label, pairs, None);
    }
}
