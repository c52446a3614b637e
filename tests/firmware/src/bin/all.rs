//! Every public function of the crate, linked: nothing in the image may lead to a panic or write
//! out a float. Running it shows that each returns; what it returns is another test's matter.
#![no_std]
#![no_main]

use core::hint::black_box;

use firmware as _;
use kldiv::{
    DistillLoss, Divergence, Element, Error, Input, Isa, KlDiv, KlDivLoss, Reduction, Rest,
    RowState, Rows, Target, Teacher, TopK, Upstream, kl_div, log_softmax, reference, softmax,
    validate_top_k,
};
use semihosting::process;

const N: usize = 4;

fn all<T: Element<Real = T>>(numbers: [T; N]) -> Result<(), Error> {
    let (a, b) = (black_box(&numbers[..]), black_box(&numbers[..]));
    let mut out = numbers;
    let out = black_box(&mut out[..]);
    let one = numbers[0];

    let (input, target) = if black_box(true) {
        (Input::Probs(a), Target::Probs(b))
    } else {
        (Input::LogProbs(a), Target::LogProbs(b))
    };
    let kl = KlDiv::new(input, target)?.on(black_box(Isa::Scalar))?;
    black_box((kl.len(), kl.is_empty(), kl.sum(), kl.mean(), kl.batch_mean(black_box(2))));
    let reductions = [Reduction::Sum, Reduction::Mean, Reduction::BatchMean(2)];
    let reduction = reductions[black_box(1) % 3];
    black_box((kl.reduce(reduction), kl.entropy(), kl.cross_entropy()));
    kl.pointwise(out)?;
    kl.row_sums(out)?;
    let upstreams = [Upstream::Uniform(one), Upstream::PerRow(a), Upstream::PerElement(a)];
    let upstream = upstreams[black_box(1) % 3];
    kl.grad_input(upstream, out)?;
    kl.grad_target(upstream, out)?;
    black_box(kl.validate(black_box(1), one).is_ok());

    let loss = KlDivLoss::new().with_reduction(reduction).with_log_target(black_box(true));
    black_box((loss.forward(a, b)?, kl_div(a, b, reduction, black_box(false))?));
    loss.forward_pointwise(a, b, out)?;
    loss.backward_input(a, b, one, out)?;
    loss.backward_target(a, b, one, out)?;

    let rows = Rows::new(a, black_box(2))?;
    black_box((rows.rows(), rows.classes()));
    log_softmax(rows, out)?;
    softmax(rows, out)?;

    let teachers = [
        Teacher::Logits(rows),
        Teacher::LogProbs(rows),
        Teacher::Probs(rows),
        Teacher::Classes(black_box(&[0, 1])),
    ];
    let divergences =
        [Divergence::Forward, Divergence::Reverse, Divergence::JensenShannon { beta: one }];
    let factors = Upstream::Uniform(one);
    let loss = DistillLoss::new(rows, teachers[black_box(0) % 4])?
        .temperature(black_box(one))?
        .divergence(divergences[black_box(1) % 3])?
        .row_weights(a.get(..rows.rows()).unwrap_or(a))?
        .on(black_box(Isa::Scalar))?;
    let mut losses = numbers;
    let losses = black_box(losses.get_mut(..2).unwrap_or_default());
    loss.row_losses(losses)?;
    black_box((loss.reduce(reduction), loss.weighted_mean()));
    loss.grad_student(factors, out)?;
    loss.grad_teacher(factors, out)?;
    loss.loss_and_grad_student(factors, losses, out)?;

    let rests = [Rest::Renormalise, Rest::Bucket, Rest::Uniform, Rest::Ignore];
    let top_k = TopK::new(black_box(&[0, 1]), a.get(..2).unwrap_or(a), 1, rests[black_box(1) % 4])?;
    black_box(validate_top_k(top_k).is_ok());
    let sparse = DistillLoss::new(rows, Teacher::TopK(top_k))?.accumulate(black_box(true));
    sparse.loss_and_grad_student(factors, losses, out)?;
    black_box(sparse.validate(one).is_ok());
    let pieces = DistillLoss::new(rows, Teacher::Logits(rows))?;
    let mut states = [RowState::new(); 2];
    pieces.row_states(&mut states)?;
    let states = states.map(|state| RowState::from_array(state.merge(state).to_array()));
    black_box(states.map(|state| [state.loss(), state.reverse(), state.student_log_mass()]));
    black_box(states.map(|state| state.teacher_log_mass()));
    pieces.grad_student_within(&states, factors, out)?;
    pieces.loss_and_grad_student_within(&states, factors, losses, out)?;

    let mut truth = [0.0; N];
    let truth = black_box(&mut truth[..]);
    black_box((reference::sum(input, target), reference::mean(input, target)));
    black_box((reference::batch_mean(input, target, 2), reference::entropy(target)));
    black_box(reference::cross_entropy(input, target));
    reference::pointwise(input, target, truth);
    reference::row_sums(input, target, truth);
    reference::grad_input(input, target, upstream, truth);
    reference::grad_target(input, target, upstream, truth);
    reference::log_softmax(a, black_box(2), truth);
    reference::softmax(a, black_box(2), truth);
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    black_box((
        Isa::best(),
        black_box(Isa::Neon).is_available(),
        black_box("neon").parse::<Isa>().is_ok(),
    ));
    for isa in Isa::available() {
        black_box(isa);
    }
    let results = [all([0.25_f32; N]), all([0.25_f64; N])];
    process::exit(i32::from(results.iter().any(|result| result.is_err())))
}
