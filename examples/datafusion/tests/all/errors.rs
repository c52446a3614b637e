//! What is refused, and the numbers that the messages name.

use datafusion::arrow::array::Float32Array;
use datafusion::arrow::datatypes::Float32Type;
use datafusion::arrow::record_batch::RecordBatch;

use crate::support::{KINDS, Kind, batch, integers, list, ragged, refusal};

/// Two rows of two classes, and a column of numbers.
fn columns() -> RecordBatch {
    let side = list::<Float32Type>(Kind::Small, vec![1.0, 2.0, 3.0, 4.0], 2, None);
    batch(&[("student", side.clone()), ("teacher", side), ("n", integers(vec![1, 2]))])
}

async fn check(batch: RecordBatch, call: &str, message: &str) {
    let refusal = refusal(batch, &format!("SELECT {call} FROM t")).await;
    assert!(refusal.contains(message), "{call}: {refusal}");
}

#[tokio::test]
async fn lists_of_different_lengths_name_the_row() {
    let values = Float32Array::from(vec![1.0; 8]);
    let student = ragged::<i32, Float32Type>(values.clone(), vec![2, 2, 2, 2], None);
    let teacher = ragged::<i32, Float32Type>(values, vec![2, 2, 3, 1], None);
    let columns = batch(&[("student", student), ("teacher", teacher)]);
    for call in ["kl_div(student, teacher)", "kl_sum(student, teacher)"] {
        let message = "row 2: the student has 2 classes, the teacher 3";
        check(columns.clone(), call, message).await;
    }
}

#[tokio::test]
async fn fixed_lists_of_different_lengths() {
    let student = list::<Float32Type>(Kind::Fixed, vec![1.0; 6], 3, None);
    let teacher = list::<Float32Type>(Kind::Fixed, vec![1.0; 4], 2, None);
    let columns = batch(&[("student", student), ("teacher", teacher)]);
    let message = "row 0: the student has 3 classes, the teacher 2";
    check(columns, "kl_div(student, teacher)", message).await;
}

#[tokio::test]
async fn a_row_without_classes() {
    let values = Float32Array::from(vec![1.0; 2]);
    let side = ragged::<i64, Float32Type>(values, vec![2, 0], None);
    let columns = batch(&[("student", side.clone()), ("teacher", side)]);
    check(columns, "kl_div(student, teacher)", "row 1: no classes").await;
}

#[tokio::test]
async fn a_null_inside_a_list_names_row_and_class() {
    let whole = list::<Float32Type>(Kind::Small, vec![1.0; 6], 2, None);
    let values = Float32Array::from(vec![Some(1.0), Some(1.0), Some(1.0), None, None, Some(1.0)]);
    let holes = ragged::<i32, Float32Type>(values, vec![2, 2, 2], None);
    let columns = batch(&[("whole", whole), ("holes", holes)]);
    check(columns.clone(), "kl_div(holes, whole)", "row 1: the student's class 1 is null").await;
    check(columns.clone(), "kl_div(whole, holes)", "row 1: the teacher's class 1 is null").await;
    check(columns, "kl_mean(whole, holes)", "row 1: the teacher's class 1 is null").await;
}

#[tokio::test]
async fn options_that_mean_nothing() {
    let cases = [
        ("0", "temperature"),
        ("-1.5", "temperature"),
        ("1.0 / 0.0", "temperature"),
        ("NULL", "the temperature has to be a number, found NULL"),
        ("n", "the temperature has to be a constant"),
        ("1, 'backward'", "\"backward\" is no divergence; there are forward, reverse"),
        ("1, 'jensen_shannon:1'", "share"),
        ("1, 'jensen_shannon:half'", "\"half\" is no share"),
        ("1, NULL", "the divergence has to be a text, found NULL"),
        ("1, 'forward', 'prob'", "\"prob\" is no form; there are logits, log_probs and probs"),
    ];
    for (options, message) in cases {
        check(columns(), &format!("kl_div(student, teacher, {options})"), message).await;
        check(columns(), &format!("kl_sum(student, teacher, 1, {options})"), message).await;
    }
}

#[tokio::test]
async fn arguments_of_other_types_and_numbers() {
    let cases = [
        ("kl_div(student)", "kl_div takes two lists, found 1 argument"),
        (
            "kl_div(student, n)",
            "kl_div: the teacher has to be a list of Float16, Float32 or Float64",
        ),
        ("kl_div(make_array(n, n), teacher)", "kl_div: the student has to be a list of Float16"),
        ("kl_div(student, teacher, 'warm')", "kl_div: argument 3 has to be Float64, found Utf8"),
        ("kl_div(student, teacher, 1, 2)", "kl_div: argument 4 has to be Utf8, found Int64"),
        ("kl_sum(student, teacher, 'heavy')", "kl_sum: argument 3 has to be Float32, found Utf8"),
        (
            "kl_div(student, teacher, 1, 'forward', 'logits', 1)",
            "takes at most 5 arguments, found 6",
        ),
        (
            "kl_mean(student, teacher, 1, 1, 'forward', 'logits', 1)",
            "takes at most 6 arguments, found 7",
        ),
        ("kl_sum(DISTINCT student, teacher)", "kl_sum(DISTINCT"),
    ];
    for (call, message) in cases {
        check(columns(), call, message).await;
    }
}

/// A failed query of several groups says the same as one of a single total.
#[tokio::test]
async fn errors_in_groups() {
    for kind in KINDS {
        let student = list::<Float32Type>(kind, vec![1.0; 6], 3, None);
        let teacher = list::<Float32Type>(kind, vec![1.0; 4], 2, None);
        let n = integers(vec![1, 2]);
        let columns = batch(&[("student", student), ("teacher", teacher), ("n", n)]);
        let query = "SELECT kl_sum(student, teacher) FROM t GROUP BY n";
        let refusal = refusal(columns, query).await;
        assert!(refusal.contains("row 0: the student has 3 classes, the teacher 2"), "{refusal}");
    }
}
