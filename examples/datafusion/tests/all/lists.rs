//! `kl_div` over each kind of list and type of number, whole, sliced, ragged, with rows left out.

use std::sync::Arc;

use datafusion::arrow::array::{Array, Float32Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use half::f16;
use kldiv::{DistillLoss, Divergence, Rows, Teacher};

use crate::support::{
    KINDS, Kind, ask, batch, bits, bits_f32, bits_f64, block, list, ragged, row_losses,
};

const DIV: &str = "SELECT kl_div(student, teacher) FROM t";

#[tokio::test]
async fn each_kind_of_list_and_type_of_number() {
    let block = block(7, 5);
    let halves = |from: &[f32]| from.iter().copied().map(f16::from_f32).collect::<Vec<_>>();
    let widened = |from: &[f32]| halves(from).iter().map(|x| x.to_f32()).collect::<Vec<_>>();
    let doubles = |from: &[f32]| from.iter().copied().map(f64::from).collect::<Vec<_>>();
    let (student, teacher) = (&block.student, &block.teacher);
    let of_halves = bits_f32(&row_losses(&widened(student), &widened(teacher), 5));
    let of_singles = bits_f32(&row_losses(student, teacher, 5));
    let of_doubles = bits_f64(&row_losses(&doubles(student), &doubles(teacher), 5));
    assert_ne!(of_halves, of_singles);
    for kind in KINDS {
        let half = |from| list::<Float16Type>(kind, halves(from), 5, None);
        let single = |from: &Vec<f32>| list::<Float32Type>(kind, from.clone(), 5, None);
        let double = |from| list::<Float64Type>(kind, doubles(from), 5, None);
        let cases = [
            (half(student), half(teacher), &of_halves, DataType::Float32),
            (single(student), single(teacher), &of_singles, DataType::Float32),
            (double(student), double(teacher), &of_doubles, DataType::Float64),
        ];
        for (student, teacher, expected, computed_in) in cases {
            let answer = ask(batch(&[("student", student), ("teacher", teacher)]), DIV).await;
            let answer = answer.unwrap();
            assert_eq!(answer.data_type(), &computed_in, "{kind:?}");
            assert_eq!(&bits(&answer), expected, "{kind:?} {computed_in}");
        }
    }
}

#[tokio::test]
async fn the_narrower_side_is_widened_and_kinds_mix() {
    let block = block(4, 3);
    let halves: Vec<f16> = block.teacher.iter().copied().map(f16::from_f32).collect();
    let widened: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
    let expected = bits_f32(&row_losses(&block.student, &widened, 3));
    let student = list::<Float32Type>(Kind::Fixed, block.student.clone(), 3, None);
    let teacher = list::<Float16Type>(Kind::Large, halves, 3, None);
    let answer = ask(batch(&[("student", student), ("teacher", teacher)]), DIV).await.unwrap();
    assert_eq!(bits(&answer), expected);
}

/// Rows of halves that are widened in more than one piece.
#[tokio::test]
async fn many_rows_of_halves() {
    let block = block(50, 1000);
    let halves = |from: &[f32]| from.iter().copied().map(f16::from_f32).collect::<Vec<_>>();
    let widened = |from: &[f32]| halves(from).iter().map(|x| x.to_f32()).collect::<Vec<_>>();
    let expected = row_losses(&widened(&block.student), &widened(&block.teacher), 1000);
    let side = |from: &[f32]| list::<Float16Type>(Kind::Fixed, halves(from), 1000, None);
    let columns = [("student", side(&block.student)), ("teacher", side(&block.teacher))];
    let answer = ask(batch(&columns), DIV).await.unwrap();
    assert_eq!(bits(&answer), bits_f32(&expected));
}

#[tokio::test]
async fn slices_begin_anywhere() {
    let block = block(9, 4);
    let expected = bits_f32(&row_losses(&block.student, &block.teacher, 4));
    for kind in KINDS {
        let side = |from: &Vec<f32>| list::<Float32Type>(kind, from.clone(), 4, None);
        let whole = batch(&[("student", side(&block.student)), ("teacher", side(&block.teacher))]);
        // The teacher's offsets begin elsewhere than the student's.
        let before = list::<Float32Type>(kind, vec![f32::NAN; 8], 4, None);
        let longer =
            datafusion::arrow::compute::concat(&[&before, whole.column(1).as_ref()]).unwrap();
        for (start, rows) in [(0, 9), (2, 5), (8, 1), (3, 0)] {
            let student = whole.column(0).slice(start, rows);
            let teacher = longer.slice(start + 2, rows);
            let answer = ask(batch(&[("student", student), ("teacher", teacher)]), DIV).await;
            let answer = answer.unwrap();
            assert_eq!(bits(&answer), expected[start..start + rows], "{kind:?} from {start}");
        }
    }
}

#[tokio::test]
async fn rows_may_differ_in_their_number_of_classes() {
    let block = block(1, 12);
    let lengths = [2, 2, 3, 1, 4];
    let side = |from: &Vec<f32>| {
        ragged::<i32, Float32Type>(Float32Array::from(from.clone()), lengths.to_vec(), None)
    };
    let columns = [("student", side(&block.student)), ("teacher", side(&block.teacher))];
    let answer = ask(batch(&columns), DIV).await.unwrap();
    let mut expected = Vec::new();
    let mut start = 0;
    for length in lengths {
        let row = start..start + length;
        start = row.end;
        expected.extend(row_losses(&block.student[row.clone()], &block.teacher[row], length));
    }
    assert_eq!(bits(&answer), bits_f32(&expected));
}

#[tokio::test]
async fn null_rows_are_null_whatever_lies_beneath() {
    let mut block = block(6, 3);
    let expected = row_losses(&block.student, &block.teacher, 3);
    block.student[3..6].fill(f32::NAN);
    block.teacher[9..12].fill(f32::NAN);
    for kind in KINDS {
        let nulls = |missing| Some(NullBuffer::from_iter((0..6).map(|row| row != missing)));
        let student = list::<Float32Type>(kind, block.student.clone(), 3, nulls(1));
        let teacher = list::<Float32Type>(kind, block.teacher.clone(), 3, nulls(3));
        let answer = ask(batch(&[("student", student), ("teacher", teacher)]), DIV).await.unwrap();
        let mut expected = bits_f32(&expected);
        (expected[1], expected[3]) = (None, None);
        assert_eq!(bits(&answer), expected, "{kind:?}");
    }
}

/// The null lists of a `List` may be empty, or as long as they like.
#[tokio::test]
async fn null_rows_may_have_any_length() {
    let values = Float32Array::from(vec![1.0, 2.0, 3.0, 4.0]);
    let nulls = || Some(NullBuffer::from(vec![true, false, true]));
    let student = ragged::<i32, Float32Type>(values.clone(), vec![2, 0, 2], nulls());
    let teacher = ragged::<i64, Float32Type>(values, vec![2, 0, 2], None);
    let answer = ask(batch(&[("student", student), ("teacher", teacher)]), DIV).await.unwrap();
    assert_eq!(bits(&answer), [Some(0), None, Some(0)]);
}

#[tokio::test]
async fn a_null_for_a_list() {
    let one = batch(&[("x", list::<Float32Type>(Kind::Small, vec![1.0, 2.0], 2, None))]);
    for call in ["kl_div(NULL, x)", "kl_div(x, NULL)", "kl_div(NULL, NULL)"] {
        let answer = ask(one.clone(), &format!("SELECT {call} FROM t")).await.unwrap();
        assert_eq!(bits(&answer), [None], "{call}");
    }
}

/// A constant list is one row for every row.
#[tokio::test]
async fn a_constant_teacher() {
    let block = block(3, 2);
    let teacher = [1.0, -0.5].repeat(3);
    let student: Vec<f64> = block.student.iter().copied().map(f64::from).collect();
    let column = list::<Float64Type>(Kind::Small, student.clone(), 2, None);
    let query = "SELECT kl_div(student, [1.0, -0.5]) FROM t";
    let answer = ask(batch(&[("student", column)]), query).await.unwrap();
    assert_eq!(bits(&answer), bits_f64(&row_losses(&student, &teacher, 2)));
}

#[tokio::test]
async fn options_are_those_of_the_crate() {
    let block = block(5, 4);
    let probs: Vec<f32> = {
        let mut probs = vec![0.0; block.teacher.len()];
        kldiv::softmax(Rows::new(&block.teacher, 4).unwrap(), &mut probs).unwrap();
        probs
    };
    let log_probs: Vec<f32> = probs.iter().map(|p| p.ln()).collect();
    let rows = |from| Rows::new(from, 4).unwrap();
    let loss = |teacher, tau| {
        let loss = DistillLoss::new(rows(&block.student), teacher).unwrap();
        loss.temperature(tau).unwrap()
    };
    let logits = || Teacher::Logits(rows(&block.teacher));
    let share = |beta| Divergence::JensenShannon { beta };
    let cases = [
        ("logits, 1", loss(logits(), 1.0), Divergence::Forward),
        ("logits, 2.5", loss(logits(), 2.5), Divergence::Forward),
        ("logits, 2, 'reverse'", loss(logits(), 2.0), Divergence::Reverse),
        ("logits, 1.0, 'jensen_shannon'", loss(logits(), 1.0), share(0.5)),
        ("logits, 1.0, 'jensen_shannon:0.3'", loss(logits(), 1.0), share(0.3)),
        ("logits, 1, 'forward', 'logits'", loss(logits(), 1.0), Divergence::Forward),
        (
            "probs, 3, 'forward', 'probs'",
            loss(Teacher::Probs(rows(&probs)), 3.0),
            Divergence::Forward,
        ),
        (
            "log_probs, 3, 'reverse', 'log_probs'",
            loss(Teacher::LogProbs(rows(&log_probs)), 3.0),
            Divergence::Reverse,
        ),
    ];
    let column = |from: &Vec<f32>| list::<Float32Type>(Kind::Small, from.clone(), 4, None);
    let columns = batch(&[
        ("student", column(&block.student)),
        ("logits", column(&block.teacher)),
        ("probs", column(&probs)),
        ("log_probs", column(&log_probs)),
    ]);
    let mut seen = Vec::new();
    for (arguments, loss, divergence) in cases {
        let mut losses = [0.0; 5];
        loss.divergence(divergence).unwrap().row_losses(&mut losses).unwrap();
        let expected = bits_f32(&losses);
        let query = format!("SELECT kl_div(student, {arguments}) FROM t");
        let answer = ask(columns.clone(), &query).await.unwrap();
        assert_eq!(bits(&answer), expected, "{arguments}");
        seen.push(expected);
    }
    seen.sort();
    seen.dedup();
    // The default said in full is the default.
    assert_eq!(seen.len(), 7);
}

#[tokio::test]
async fn an_empty_table_has_no_rows() {
    let none = list::<Float32Type>(Kind::Fixed, vec![], 3, None);
    let columns = batch(&[("student", Arc::clone(&none)), ("teacher", none)]);
    assert_eq!(ask(columns, DIV).await.unwrap().len(), 0);
}
