//! Rows in pieces: as the whole rows, however they are cut.

#[path = "support/mod.rs"]
mod support;

use kldiv::{
    DistillLoss, Divergence, Element, Error, Isa, RowState, Rows, Teacher, Upstream, reference,
};
use proptest::prelude::*;
use support::{Number, for_each_number, isas, raw, same};

/// Rows of logits side by side, and where they are cut.
struct Cut<R> {
    student: Vec<R>,
    teacher: Vec<R>,
    classes: usize,
    cuts: Vec<usize>,
    tau: R,
}

impl<R: Number> Cut<R> {
    fn loss(&self, from: usize, to: usize, isa: Isa) -> DistillLoss<'_, R> {
        let row = |all| Rows::strided(all, to - from, self.classes).expect("whole rows");
        let end = self.student.len() - (self.classes - to);
        let [student, teacher] = [&self.student, &self.teacher].map(|all| row(&all[from..end]));
        DistillLoss::new(student, Teacher::Logits(teacher))
            .and_then(|loss| loss.temperature(self.tau))
            .and_then(|loss| loss.on(isa))
            .expect("equal shapes")
    }

    fn pieces(&self, isa: Isa) -> impl Iterator<Item = (usize, DistillLoss<'_, R>)> {
        let mut cuts: Vec<usize> = self.cuts.iter().map(|cut| cut % self.classes).collect();
        cuts.extend([0, self.classes]);
        cuts.sort_unstable();
        cuts.dedup();
        let pairs: Vec<_> = cuts.windows(2).map(|pair| (pair[0], pair[1])).collect();
        pairs.into_iter().map(move |(from, to)| (from, self.loss(from, to, isa)))
    }

    fn rows(&self) -> usize {
        self.student.len() / self.classes
    }

    fn states(&self, isa: Isa) -> Vec<RowState<R>> {
        let mut states = vec![RowState::new(); self.rows()];
        for (_, piece) in self.pieces(isa) {
            piece.row_states(&mut states).expect("a state a row");
        }
        states
    }

    /// The gradient of all classes from the pieces, and the losses from their parts.
    fn gradient(&self, divergence: Divergence<R>, isa: Isa) -> (Vec<R>, Vec<R>) {
        let states = self.states(isa);
        let mut grad = vec![R::of(f64::NAN); self.student.len()];
        let mut losses = vec![R::of(0.0); self.rows()];
        for (from, piece) in self.pieces(isa) {
            let piece = piece.divergence(divergence).expect("no share");
            let end = self.student.len() - self.classes + from;
            let width = piece_width(&self.cuts, self.classes, from);
            // Room of its own: in padding there would be zeros.
            let mut part = vec![R::of(f64::NAN); end + width - from];
            let mut of_part = vec![R::of(f64::NAN); self.rows()];
            let upstream = Upstream::Uniform(R::of(1.5));
            piece
                .loss_and_grad_student_within(&states, upstream, &mut of_part, &mut part)
                .expect("lengths that agree");
            let mut alone = part.clone();
            piece.grad_student_within(&states, upstream, &mut alone).expect("likewise");
            assert!(part.iter().zip(&alone).all(|(&a, &b)| same(a, b)));
            for row in 0..self.rows() {
                let places = row * self.classes..row * self.classes + width;
                grad[row * self.classes + from..][..width].copy_from_slice(&part[places]);
                losses[row] = losses[row] + of_part[row];
            }
        }
        (losses, grad)
    }
}

/// Classes of the piece that begins at `from`.
fn piece_width(cuts: &[usize], classes: usize, from: usize) -> usize {
    let ends = cuts.iter().map(|cut| cut % classes).filter(|&cut| cut > from);
    ends.min().unwrap_or(classes) - from
}

/// `Σ p·(|ln p| + |ln q| + 1)(1 + |ln p − ln q|)` of a row, with the roles exchanged for the reverse.
fn scale<R: Number>(student: &[R], teacher: &[R], tau: R, reverse: bool) -> f64 {
    let ln = |logits: &[R]| {
        let scaled: Vec<f64> = logits.iter().map(|x| x.to_f64() / tau.to_f64()).collect();
        let mut out = vec![0.0; scaled.len()];
        reference::log_softmax(&scaled, scaled.len(), &mut out);
        out
    };
    let (ln_q, ln_p) = (ln(student), ln(teacher));
    let (weight, other) = if reverse { (ln_q, ln_p) } else { (ln_p, ln_q) };
    let terms = weight.iter().zip(other).map(|(&w, o)| {
        if w.exp() == 0.0 {
            return 0.0;
        }
        w.exp() * (w.abs() + o.abs() + 1.0) * (1.0 + (w - o).abs())
    });
    terms.sum()
}

fn compare<R: Number>(cut: &Cut<R>) {
    let states = cut.states(Isa::best());
    let pieces = cut.pieces(Isa::best()).count() as f64;
    let whole = cut.loss(0, cut.classes, Isa::best());
    for divergence in [Divergence::Forward, Divergence::Reverse] {
        let whole = whole.divergence(divergence).expect("no share");
        let (mut losses, mut grad) =
            (vec![R::of(0.0); cut.rows()], vec![R::of(0.0); cut.student.len()]);
        whole
            .loss_and_grad_student(Upstream::Uniform(R::of(1.5)), &mut losses, &mut grad)
            .expect("lengths that agree");
        let (parts, in_pieces) = cut.gradient(divergence, Isa::best());
        for row in 0..cut.rows() {
            let places = row * cut.classes..(row + 1) * cut.classes;
            let reverse = divergence == Divergence::Reverse;
            let student = &cut.student[places.clone()];
            let teacher = &cut.teacher[places.clone()];
            let scale = 1.0 + scale(student, teacher, cut.tau, reverse);
            let found = if reverse { states[row].reverse() } else { states[row].loss() };
            let units = 8.0 + pieces;
            let near = |found: R, expected: R| {
                let (found, expected) = (found.to_f64(), expected.to_f64());
                let near = (found - expected).abs() <= units * R::UNIT * scale;
                near || found == expected || found.is_nan() && expected.is_nan()
            };
            assert!(near(found, losses[row]), "{divergence:?} {found:?} {:?}", losses[row]);
            assert!(near(parts[row], losses[row]), "parts: {:?} {:?}", parts[row], losses[row]);
            for i in places {
                assert!(near(in_pieces[i], grad[i]), "{i}: {:?} {:?}", in_pieces[i], grad[i]);
            }
        }
    }
}

/// Every instruction set, the same bits.
fn compare_bits<R: Number>(cut: &Cut<R>) {
    let all = |isa| {
        let states = cut.states(isa).into_iter().flat_map(|state| {
            let read = [state.loss(), state.reverse(), state.student_log_mass()];
            state.to_array().into_iter().chain(read).map(|x| x.result_bits()).collect::<Vec<_>>()
        });
        let (losses, grad) = cut.gradient(Divergence::Reverse, isa);
        let numbers = losses.into_iter().chain(grad).map(|x| x.result_bits());
        states.chain(numbers).collect::<Vec<_>>()
    };
    let expected = all(Isa::Scalar);
    for isa in isas() {
        assert_eq!(all(isa), expected, "{isa}");
    }
}

fn random<R: Number>(rows: usize, classes: usize, cuts: &[usize], tau: f64, spread: f64) -> Cut<R> {
    let n = rows * classes;
    Cut {
        student: raw(1, n, spread),
        teacher: raw(2, n, spread),
        classes,
        cuts: cuts.to_vec(),
        tau: R::of(tau),
    }
}

#[test]
fn pieces_are_as_the_whole() {
    for_each_number!(R => for spread in [3.0, 90.0] {
        for tau in [1.0, 2.7] {
            for (rows, classes, cuts) in
                [(1, 1, &[][..]), (3, 10, &[4]), (2, 130, &[1, 2, 64]), (1, 9_000, &[4_096, 8_192])]
            {
                let mut cut = random::<R>(rows, classes, cuts, tau, spread);
                compare(&cut);
                compare_bits(&cut);
                // Far from zero, where nothing but differences matters.
                for x in &mut cut.student {
                    *x = R::of(x.to_f64() + 1e4);
                }
                compare(&cut);
                for (i, (x, t)) in cut.student.iter_mut().zip(&mut cut.teacher).enumerate() {
                    if i % 3 == 0 && classes > 1 {
                        *x = R::of(f64::NEG_INFINITY);
                        *t = R::of(f64::NEG_INFINITY);
                    }
                }
                compare_bits(&cut);
            }
        }
    });
}

#[test]
fn many_pieces() {
    for_each_number!(R => {
        let cuts: Vec<usize> = (0..2_000).collect();
        compare(&random::<R>(1, 2_000, &cuts, 1.0, 5.0));
    });
}

/// Each piece raises the references, by a step whose exponential is rounded alike each time: errors add up.
#[test]
fn rising_pieces() {
    for_each_number!(R => for height in [0.27, 0.53, 1.09, 3.0, 40.0] {
        let cuts: Vec<usize> = (0..1_000).collect();
        let mut cut = random::<R>(1, 1_000, &cuts, 1.0, 0.0);
        for (i, (x, t)) in cut.student.iter_mut().zip(&mut cut.teacher).enumerate() {
            let part = i as f64 / 1_000.0;
            (*x, *t) = (R::of(height * part), R::of(height / 3.0 * part));
        }
        compare(&cut);
    });
}

#[test]
fn nothing_changes_no_bit() {
    for_each_number!(R => {
        let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 5.0];
        for student in special {
            for teacher in special {
                let (x, t) = ([R::of(student), R::of(1.0)], [R::of(teacher), R::of(2.0)]);
                let row = |of| Rows::new(of, 2).expect("one row");
                let mut states = [RowState::<R>::new()];
                DistillLoss::new(row(&x), Teacher::Logits(row(&t)))
                    .and_then(|loss| loss.row_states(&mut states))
                    .expect("one row");
                let bits = |state: RowState<R>| state.to_array().map(|x| x.bits());
                let expected = bits(states[0]);
                assert_eq!(bits(states[0].merge(RowState::new())), expected);
                assert_eq!(bits(RowState::new().merge(states[0])), expected);
                assert_eq!(bits(RowState::from_array(states[0].to_array())), expected);
            }
        }
        assert!(RowState::<R>::new().merge(RowState::new()) == RowState::new());
    });
}

/// Of the first piece, of another one, far below and far above the rest: as in the whole row.
#[test]
fn special_logits_are_as_in_the_whole_row() {
    for_each_number!(R => for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for at in [0, 3, 6] {
            for peak in [0.0, -4.0 * R::SMALLEST.to_f64().ln(), 4.0 * R::SMALLEST.to_f64().ln()] {
                for of_teacher in [false, true] {
                    let mut cut = random::<R>(1, 7, &[1, 2, 5], 1.0, 1.0);
                    cut.student[4] = R::of(peak);
                    cut.teacher[4] = R::of(peak);
                    let side = if of_teacher { &mut cut.teacher } else { &mut cut.student };
                    side[at] = R::of(special);
                    let state = cut.states(Isa::best())[0];
                    let whole = cut.loss(0, 7, Isa::best());
                    let reverse = whole.divergence(Divergence::Reverse).expect("no share");
                    for (found, expected) in [
                        (state.loss(), whole.weighted_mean()),
                        (state.reverse(), reverse.weighted_mean()),
                    ] {
                        let (found, expected) = (found.to_f64(), expected.to_f64());
                        let near = (found - expected).abs() <= 64.0 * R::UNIT * (1.0 + expected);
                        assert!(
                            near || found == expected || found.is_nan() && expected.is_nan(),
                            "{special} {at} {peak} {of_teacher}: {found} {expected}"
                        );
                    }
                }
            }
        }
    });
}

#[test]
fn pieces_of_nothing_but_minus_infinity() {
    for_each_number!(R => {
        let none = R::of(f64::NEG_INFINITY);
        let mut cut = random::<R>(1, 6, &[2, 4], 1.0, 1.0);
        cut.student[..2].fill(none);
        cut.teacher[..2].fill(none);
        compare(&cut);
        compare_bits(&cut);
        cut.student.fill(none);
        assert!(cut.states(Isa::best())[0].loss().to_f64().is_nan());
    });
}

#[test]
fn equal_rows_have_no_loss() {
    for_each_number!(R => {
        let mut cut = random::<R>(2, 100, &[7, 50, 51], 1.7, 9.0);
        cut.teacher = cut.student.clone();
        for state in cut.states(Isa::best()) {
            assert_eq!((state.loss().bits(), state.reverse().bits()), (0, 0));
        }
    });
}

/// Where teacher and student nearly agree the parts have digits.
#[test]
fn small_losses_from_parts() {
    for_each_number!(R => {
        let mut cut = random::<R>(1, 1_000, &[100, 101, 700], 1.0, 3.0);
        let step = 64.0 * R::UNIT;
        cut.teacher = cut.student.iter().enumerate().map(|(i, x)| {
            R::of(x.to_f64() * (1.0 + step * f64::from(u8::from(i % 2 == 0))))
        }).collect();
        let mut exact = [0.0];
        let row = |of| Rows::new(of, 1_000).expect("one row");
        let teacher = Teacher::Logits(row(&cut.teacher));
        reference::distill(row(&cut.student), teacher, cut.tau, Divergence::Forward, &mut exact);
        let (losses, _) = cut.gradient(Divergence::Forward, Isa::best());
        let found = losses[0].to_f64();
        assert!(found > 0.0 && (found / exact[0] - 1.0).abs() < 0.05, "{found:e} {:e}", exact[0]);
    });
}

#[test]
fn refusals() {
    let values = [0.5_f32; 6];
    let rows = Rows::new(&values, 3).expect("two rows");
    let logits = DistillLoss::new(rows, Teacher::Logits(rows)).expect("equal shapes");
    let mut states = [RowState::new(); 3];
    let (mut grad, mut losses) = ([7.25; 6], [7.25; 2]);
    let one = Upstream::Uniform(1.0);
    let wrong = Error::StatesLength { expected: 2, found: 3 };
    assert_eq!(logits.row_states(&mut states), Err(wrong));
    assert_eq!(wrong.to_string(), "3 states of rows, 2 are needed");
    assert_eq!(logits.grad_student_within(&states, one, &mut grad), Err(wrong));
    for teacher in [Teacher::LogProbs(rows), Teacher::Probs(rows), Teacher::Classes(&[0, 1])] {
        let loss = DistillLoss::new(rows, teacher).expect("equal shapes");
        let wrong = Error::PiecesTeacher { rows: 2 };
        assert_eq!(loss.row_states(&mut states[..2]), Err(wrong));
        assert_eq!(loss.grad_student_within(&states[..2], one, &mut grad), Err(wrong));
        assert_eq!(wrong.to_string(), "2 rows in pieces need a teacher of logits");
    }
    let mixture = logits.divergence(Divergence::JensenShannon { beta: 0.5 }).expect("a share");
    let wrong = Error::PiecesDivergence { rows: 2 };
    assert_eq!(mixture.grad_student_within(&states[..2], one, &mut grad), Err(wrong));
    let text = "2 rows in pieces have the forward and the reverse divergence only";
    assert_eq!(wrong.to_string(), text);
    let wrong = Error::OutputLength { expected: 6, found: 5 };
    assert_eq!(logits.grad_student_within(&states[..2], one, &mut grad[1..]), Err(wrong));
    let wrong = Error::OutputLength { expected: 2, found: 1 };
    assert_eq!(
        logits.loss_and_grad_student_within(&states[..2], one, &mut losses[1..], &mut grad),
        Err(wrong)
    );
    assert!(grad.iter().chain(&losses).all(|&x| x == 7.25));
    assert!(states == [RowState::new(); 3]);
}

/// A row that does not count is not read, and its state stays.
#[test]
fn weights() {
    let (student, teacher) = ([0.0, 1.0, f64::NAN, 0.0], [0.0, 3.0, 1.0, 2.0]);
    let (student, teacher) =
        (Rows::new(&student, 2).expect("rows"), Rows::new(&teacher, 2).expect("rows"));
    let loss = DistillLoss::new(student, Teacher::Logits(teacher)).expect("equal shapes");
    let mut states = [RowState::new(); 2];
    loss.row_weights(&[2.0, 0.0]).and_then(|loss| loss.row_states(&mut states)).expect("two");
    assert!(states[1] == RowState::new() && states[0].loss() > 0.0);
    let (mut losses, mut grad) = ([7.0; 2], [7.0; 4]);
    let weighted = loss.row_weights(&[2.0, 0.0]).expect("two");
    weighted
        .loss_and_grad_student_within(&states, Upstream::Uniform(1.0), &mut losses, &mut grad)
        .expect("lengths that agree");
    assert!((losses[0] - 2.0 * states[0].loss()).abs() < 1e-14 && losses[1] == 0.0);
    assert_eq!(grad[2..], [0.0, 0.0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_cuts(
        logits in proptest::collection::vec((-9.0..9.0_f64, -9.0..9.0_f64), 1..300),
        cuts in proptest::collection::vec(0..300_usize, 0..20),
        tau in 0.25..8.0_f64,
    ) {
        let double = Cut {
            student: logits.iter().map(|&(x, _)| x).collect(),
            teacher: logits.iter().map(|&(_, t)| t).collect(),
            classes: logits.len(),
            cuts: cuts.clone(),
            tau,
        };
        compare(&double);
        let single = Cut {
            student: logits.iter().map(|&(x, _)| x as f32).collect(),
            teacher: logits.iter().map(|&(_, t)| t as f32).collect(),
            classes: logits.len(),
            cuts,
            tau: tau as f32,
        };
        compare(&single);
    }
}
