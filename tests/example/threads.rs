//! However many threads work, the results are those of one.

use crate::arrays::Files;
#[cfg(feature = "rayon")]
use crate::running::succeed;
use crate::running::{fail, loss};

/// More blocks than threads, and a last one that is not full; some rows agree, some are far apart.
#[cfg(feature = "rayon")]
#[test]
fn any_number_gives_the_same_bits() {
    let files = Files::new("threads");
    let (rows, classes) = (2_003, 4_099);
    let noise = |i: usize, seed: usize| {
        let mixed = (i + seed).wrapping_mul(0x9e37_79b9).wrapping_mul(i ^ seed) >> 7 & 0xffff;
        mixed as f32 / 8192.0
    };
    let teacher: Vec<f32> = (0..rows * classes).map(|i| noise(i, 1)).collect();
    let student: Vec<f32> = teacher
        .iter()
        .enumerate()
        .map(|(i, x)| x + noise(i, 77) * (i / classes % 5) as f32 / 3.0)
        .collect();
    let student = files.f32("student", &[rows, classes], &student);
    let teacher = files.f32("teacher", &[rows, classes], &teacher);
    let labels: Vec<i64> =
        (0..rows).map(|row| if row % 7 == 3 { -100 } else { row as i64 }).collect();
    let labels = files.i64("labels", &[rows], &labels);
    for asked in [
        &["--json", "--labels", &labels][..],
        &["--json", "--divergence", "js"],
        &["--reduction", "rows"],
        &["--reduction", "sum", "--divergence", "reverse"],
        &[],
    ] {
        let with = |threads: &str| {
            let files = [&*student, &teacher, "--logits", "--threads", threads];
            succeed(&[&files[..], asked].concat())
        };
        let one = with("1");
        for threads in 2..=8 {
            assert_eq!(with(&threads.to_string()), one, "{threads} threads, {asked:?}");
        }
    }
}

#[test]
fn a_number_of_threads_is_one_or_more() {
    let files = Files::new("no_threads");
    let file = files.f64("file", &[2, 2], &[0.5; 4]);
    for wrong in ["0", "-1", "all"] {
        let message = fail(&[&file, &file, "--threads", wrong], 2);
        assert!(message.contains("not a number of threads"), "{message}");
    }
    assert_eq!(loss(&[&file, &file, "--input", "probs", "--threads", "1"]), 0.0);
    #[cfg(not(feature = "rayon"))]
    assert!(fail(&[&file, &file, "--threads", "2"], 2).contains("--features rayon"));
}
