//! Rows in pieces: the same bits on every instruction set, what merging must not change, and on tame numbers close to
//! the whole row.
#![no_main]

mod support;

use kldiv::{DistillLoss, Divergence, Isa, RowState, Rows, Teacher, Upstream, reference};
use support::{Number, assert_close, assert_same, fuzz_numbers, logits, same, slack};

fuzz_numbers!(check);

const FACTOR: f64 = 0.5;

fn check<T: Number>(head: [u8; 6], bytes: &[u8]) {
    let [flags, cuts @ ..] = head;
    let tame = flags & 2 != 0;
    let temperature: f64 = [1.0, 2.5, 1e-3, 1e6][usize::from(flags >> 2 & 3)];
    let values = logits::<T>(tame, bytes);
    let (student, teacher) = values.split_at(values.len() / 2);
    let teacher = &teacher[..student.len()];
    if student.is_empty() {
        return;
    }
    let mut ends: Vec<usize> = cuts.iter().map(|&cut| usize::from(cut) % student.len()).collect();
    ends.push(student.len());
    ends.sort_unstable();
    ends.dedup();
    let row = Row { student, teacher, ends, tau: T::of(temperature) };

    let want = row.everything(Isa::Scalar);
    for isa in Isa::available() {
        assert_same(isa, &row.everything(isa), &want);
    }
    let states = row.states(Isa::best());
    structure(&states);
    let whole = states.iter().copied().reduce(RowState::merge).unwrap();
    for divergence in [Divergence::Forward, Divergence::Reverse] {
        let reverse = divergence == Divergence::Reverse;
        let found = if reverse { whole.reverse() } else { whole.loss() };
        assert!(!(found.to_f64() < 0.0), "negative: {found:?}");
        let mut losses = [0.0];
        let (x, t) = (row.rows(student), row.rows(teacher));
        reference::distill(x, Teacher::Logits(t), row.tau, divergence, &mut losses);
        assert_eq!(found.to_f64().is_nan(), losses[0].is_nan(), "{found:?}, {losses:?}");
        if !tame {
            continue;
        }
        let size = 1.0 + row.size(temperature, reverse);
        let units = (8.0 + states.len() as f64) * T::UNIT * slack::<T>();
        assert_close("loss", found, losses[0], units * size);
        let (parts, grad) = row.within(&whole, divergence, Isa::best());
        let sum = parts.iter().map(|part| part.to_f64()).sum::<f64>();
        assert!(parts.iter().all(|part| !(part.to_f64() < 0.0)), "negative: {parts:?}");
        assert_close("parts", T::of(sum), losses[0], units * size);
        let mut exact = vec![0.0; student.len()];
        let upstream = Upstream::Uniform(T::of(FACTOR));
        let teacher = Teacher::Logits(t);
        reference::distill_grad_student(x, teacher, row.tau, divergence, upstream, &mut exact);
        for (&got, &exact) in grad.iter().zip(&exact) {
            // A share, its error, and for the reverse the difference that multiplies it.
            let apart = 1.0 + 80.0 / temperature;
            let tolerance = units * size * apart * FACTOR / temperature;
            assert_close("gradient", got, exact, tolerance);
        }
    }
}

/// A row, and where its pieces end.
struct Row<'a, T> {
    student: &'a [T],
    teacher: &'a [T],
    ends: Vec<usize>,
    tau: T,
}

impl<T: Number> Row<'_, T> {
    fn rows<'b>(&self, values: &'b [T]) -> Rows<'b, T> {
        Rows::new(values, values.len().max(1)).unwrap()
    }

    /// Each piece as a loss. The first may be empty.
    fn pieces(&self, isa: Isa) -> impl Iterator<Item = DistillLoss<'_, T>> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let places = starts.zip(&self.ends).filter(|(start, end)| start < *end);
        places.map(move |(start, &end)| {
            let student = self.rows(&self.student[start..end]);
            let teacher = Teacher::Logits(self.rows(&self.teacher[start..end]));
            let loss = DistillLoss::new(student, teacher).unwrap();
            loss.temperature(self.tau).unwrap().on(isa).unwrap()
        })
    }

    /// Of each piece alone.
    fn states(&self, isa: Isa) -> Vec<RowState<T>> {
        let state = |piece: DistillLoss<'_, T>| {
            let mut state = [RowState::new()];
            piece.row_states(&mut state).unwrap();
            state[0]
        };
        self.pieces(isa).map(state).collect()
    }

    /// Parts of the loss, and the gradient.
    fn within(&self, whole: &RowState<T>, divergence: Divergence<T>, isa: Isa) -> (Vec<T>, Vec<T>) {
        let upstream = Upstream::Uniform(T::of(FACTOR));
        let (mut parts, mut grad) = (Vec::new(), vec![T::of(0.0); self.student.len()]);
        let mut left = &mut grad[..];
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let widths = starts.zip(&self.ends).map(|(start, end)| end - start);
        for (piece, width) in self.pieces(isa).zip(widths.filter(|&width| width > 0)) {
            let piece = piece.divergence(divergence).unwrap();
            let (of_piece, rest) = left.split_at_mut(width);
            let mut part = [T::of(0.0)];
            let states = core::slice::from_ref(whole);
            piece.loss_and_grad_student_within(states, upstream, &mut part, of_piece).unwrap();
            let mut alone = vec![T::of(0.0); width];
            piece.grad_student_within(states, upstream, &mut alone).unwrap();
            assert_same(isa, &alone, of_piece);
            parts.push(part[0]);
            left = rest;
        }
        (parts, grad)
    }

    /// All numbers that there are.
    fn everything(&self, isa: Isa) -> Vec<T> {
        let mut whole = [RowState::new()];
        for piece in self.pieces(isa) {
            piece.row_states(&mut whole).unwrap();
        }
        let [whole] = whole;
        let mut all = whole.to_array().to_vec();
        all.extend(self.states(isa).into_iter().flat_map(|state| state.to_array()));
        all.extend([whole.loss(), whole.reverse()]);
        all.extend([whole.student_log_mass(), whole.teacher_log_mass()]);
        for divergence in [Divergence::Forward, Divergence::Reverse] {
            let (parts, grad) = self.within(&whole, divergence, isa);
            all.extend(parts);
            all.extend(grad);
        }
        all
    }

    /// `Σ p·(|ln p| + |ln q| + 1)(1 + |ln p − ln q|)`, for the reverse with the roles exchanged.
    fn size(&self, temperature: f64, reverse: bool) -> f64 {
        let ln = |logits: &[T]| {
            let scaled: Vec<f64> = logits.iter().map(|x| x.to_f64() / temperature).collect();
            let mut out = vec![0.0; scaled.len()];
            reference::log_softmax(&scaled, scaled.len(), &mut out);
            out
        };
        let (ln_q, ln_p) = (ln(self.student), ln(self.teacher));
        let (weight, other) = if reverse { (ln_q, ln_p) } else { (ln_p, ln_q) };
        let pairs = weight.iter().zip(other);
        pairs.map(|(&w, o)| w.exp() * (w.abs() + o.abs() + 1.0) * (1.0 + (w - o).abs())).sum()
    }
}

/// Neither the order of two states nor nothing beside one shows, nor the way there and back.
fn structure<T: Number>(states: &[RowState<T>]) {
    let equal = |one: RowState<T>, other: RowState<T>| {
        one.to_array().into_iter().zip(other.to_array()).all(|(a, b)| same(a, b))
    };
    for &state in states {
        assert!(equal(state.merge(RowState::new()), state));
        assert!(equal(RowState::new().merge(state), state));
        assert!(equal(RowState::from_array(state.to_array()), state));
    }
    for pair in states.windows(2) {
        assert!(equal(pair[0].merge(pair[1]), pair[1].merge(pair[0])));
    }
}
