//! Every type, order and layout that a file may have.

use half::{bf16, f16};

use crate::arrays::{Files, bytes_of};
use crate::running::{TARGET, close, fail, loss, model_ln, notes, succeed, terms};

#[test]
fn fortran_order_is_transposed() {
    let files = Files::new("fortran");
    for shape in
        [&[2, 3][..], &[5, 1], &[1, 7], &[2, 3, 4], &[3, 2, 2, 5], &[300, 400], &[40, 30, 20]]
    {
        let count: usize = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|i| ((i * 7919) % 1000) as f64 / 100.0).collect();
        let other: Vec<f64> = (0..count).map(|i| ((i * 104_729) % 1000) as f64 / 90.0).collect();
        // The first index runs fastest.
        let transposed: Vec<f64> = (0..count)
            .map(|place| {
                let (mut rest, mut index) = (place, vec![0; shape.len()]);
                for (index, &dim) in index.iter_mut().zip(shape) {
                    *index = rest % dim;
                    rest /= dim;
                }
                values[index.iter().zip(shape).fold(0, |at, (&index, &dim)| at * dim + index)]
            })
            .collect();
        let c = files.f64("c", shape, &values);
        let fortran =
            files.write("f", "<f8", true, shape, &bytes_of(&transposed, f64::to_le_bytes));
        let swapped =
            files.write("g", ">f8", true, shape, &bytes_of(&transposed, f64::to_be_bytes));
        let target = files.f64("t", shape, &other);
        let run = |input: &str| succeed(&[input, &target, "--logits", "--reduction", "rows"]);
        assert_eq!(run(&fortran), run(&c), "{shape:?}");
        assert_eq!(run(&swapped), run(&c), "{shape:?}");
        let narrow = |input: &str| {
            let classes = shape[shape.len() - 1].div_ceil(2).to_string();
            succeed(&[input, &target, "--logits", "--reduction", "rows", "--classes", &classes])
        };
        assert_eq!(narrow(&fortran), narrow(&c), "{shape:?}");
    }
}

#[test]
fn fortran_columns_longer_than_a_read() {
    let files = Files::new("fortran_long");
    let (rows, classes) = (70_000, 3);
    let value = |row: usize, class: usize| ((row * 31 + class * 17) % 101) as f32 / 10.0;
    let c: Vec<f32> = (0..rows * classes).map(|i| value(i / classes, i % classes)).collect();
    let f: Vec<f32> = (0..rows * classes).map(|i| value(i % rows, i / rows)).collect();
    let c = files.f32("c", &[rows, classes], &c);
    let f = files.write("f", "<f4", true, &[rows, classes], &bytes_of(&f, f32::to_le_bytes));
    let labels: Vec<i64> = (0..rows).map(|row| (row % classes) as i64).collect();
    let labels = files.i64("labels", &[rows], &labels);
    assert_eq!(loss(&[&c, &f, "--logits", "--reduction", "sum"]), 0.0);
    assert_eq!(succeed(&[&c, "--labels", &labels]), succeed(&[&f, "--labels", &labels]));
}

#[test]
fn labels_in_fortran_order() {
    let files = Files::new("fortran_labels");
    let logits: Vec<f64> = (0..24).map(|i| f64::from(i * i % 11)).collect();
    let logits = files.f64("logits", &[2, 3, 4], &logits);
    let c = files.i64("c", &[2, 3], &[0, 1, 2, 3, 0, 1]);
    let f =
        files.write("f", "<i8", true, &[2, 3], &bytes_of(&[0, 3, 1, 0, 2, 1], i64::to_le_bytes));
    assert_eq!(succeed(&[&logits, "--labels", &c]), succeed(&[&logits, "--labels", &f]));
}

#[test]
fn the_narrower_type_is_widened() {
    let files = Files::new("mixed");
    let ln: Vec<f32> = model_ln().iter().map(|&x| x as f32).collect();
    let wide: Vec<f64> = ln.iter().map(|&x| f64::from(x)).collect();
    let (single, double) = (files.f32("single", &[2, 2], &ln), files.f64("double", &[2, 2], &wide));
    let target = files.f64("target", &[2, 2], &TARGET);
    let mixed = succeed(&[&single, &target, "--reduction", "sum"]);
    assert_eq!(mixed, succeed(&[&double, &target, "--reduction", "sum"]), "computed in f64");
    close(mixed.trim_end().parse().unwrap(), terms().iter().sum(), 1e-7);
}

#[test]
fn halves_are_read_as_what_they_are() {
    let files = Files::new("halves");
    let logits = [0.5_f32, -1.25, 3.0, 0.1, -7.5, 60000.0, 1e-7, 0.0];
    let labels = files.i64("labels", &[2], &[1, 3]);
    let narrow = logits.map(f16::from_f32);
    let wide = files.f32("wide", &[2, 4], &narrow.map(f16::to_f32));
    let expected = succeed(&[&wide, "--labels", &labels, "--reduction", "none"]);
    for (kind, bytes) in
        [("<f2", bytes_of(&narrow, f16::to_le_bytes)), (">f2", bytes_of(&narrow, f16::to_be_bytes))]
    {
        let half = files.write("half", kind, false, &[2, 4], &bytes);
        assert_eq!(succeed(&[&half, "--labels", &labels, "--reduction", "none"]), expected);
        assert_eq!(loss(&[&half, &wide, "--logits", "--reduction", "sum"]), 0.0);
    }
    let narrow = logits.map(bf16::from_f32);
    let wide = files.f32("wide", &[2, 4], &narrow.map(bf16::to_f32));
    let expected = succeed(&[&wide, "--labels", &labels, "--reduction", "none"]);
    for kind in ["<V2", "|V2", "<u2"] {
        let bytes = bytes_of(&narrow, bf16::to_le_bytes);
        let half = files.write("half", kind, false, &[2, 4], &bytes);
        let arguments = [&*half, "--labels", &labels, "--reduction", "none"];
        assert_eq!(succeed(&[&arguments[..], &["--bf16"]].concat()), expected);
        assert!(fail(&arguments, 1).contains(&half));
    }
    let unneeded = fail(&[&wide, "--labels", &labels, "--bf16"], 1);
    assert!(unneeded.contains("no file holds 2-byte items"), "{unneeded}");
}

#[test]
fn columns_beyond_the_classes_are_padding() {
    let files = Files::new("padding");
    let student = files.f32("student", &[2, 2], &[1.0, 2.0, 0.5, 0.25]);
    let teacher = files.f32("teacher", &[2, 2], &[0.0, 2.5, 3.0, 0.25]);
    let nan = f32::NAN;
    let padded = files.f32("padded", &[2, 4], &[1.0, 2.0, nan, 9e9, 0.5, 0.25, nan, nan]);
    let other = files.f32("other", &[2, 3], &[0.0, 2.5, nan, 3.0, 0.25, nan]);
    let labels = files.i64("labels", &[2], &[1, 0]);
    for options in
        [&["--logits"][..], &["--logits", "--reduction=none"], &["--logits", "--divergence=js"]]
    {
        let dense = succeed(&[&[&*student, &teacher][..], options].concat());
        let narrowed = succeed(&[&[&*padded, &other, "--classes=2"][..], options].concat());
        assert_eq!(dense, narrowed, "{options:?}");
    }
    assert_eq!(
        succeed(&[&student, "--labels", &labels]),
        succeed(&[&padded, "--labels", &labels, "--classes", "2"])
    );
    let outside = files.i64("outside", &[2], &[1, 2]);
    let refused = fail(&[&padded, "--labels", &outside, "--classes", "2"], 1);
    assert!(refused.contains("row 1 is 2, not one of the 2 classes"), "{refused}");
    let refused = fail(&[&padded, &other, "--logits", "--classes", "4"], 1);
    assert!(refused.contains("has 3 columns"), "{refused}");
    assert_eq!(notes(&[&padded, &other, "--logits", "--classes=2"]), "");
}

#[test]
fn padding_wider_than_a_read() {
    let files = Files::new("wide_padding");
    let columns = 9_000;
    let values: Vec<f32> =
        (0..3 * columns).map(|i| if i % columns < 2 { (i % 7) as f32 } else { f32::NAN }).collect();
    let padded = files.f32("padded", &[3, columns], &values);
    let dense: Vec<f32> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    let dense = files.f32("dense", &[3, 2], &dense);
    assert_eq!(loss(&[&padded, &dense, "--logits", "--classes", "2", "--reduction", "sum"]), 0.0);
}

#[test]
fn rows_that_are_read_in_pieces() {
    let files = Files::new("long_rows");
    // Above 512 KiB a row is read in pieces where its terms are printed, above 4 MiB always.
    let classes = 1_100_000;
    let student: Vec<f32> = (0..2 * classes).map(|i| ((i * 7919) % 1009) as f32 / 100.0).collect();
    let teacher: Vec<f32> = (0..2 * classes).map(|i| ((i * 7919) % 1013) as f32 / 101.0).collect();
    let (s, t) = (files.f32("s", &[2, classes], &student), files.f32("t", &[2, classes], &teacher));
    for divergence in ["forward", "reverse", "js"] {
        let options = ["--logits", "--temperature", "2", "--divergence", divergence];
        let pieces = succeed(&[&[&*s, &t][..], &options, &["--reduction", "rows"]].concat());
        let pieces: Vec<f64> = pieces.lines().map(|line| line.parse().unwrap()).collect();
        for (row, loss) in pieces.into_iter().enumerate() {
            let of = |all: &[f32]| {
                let logits = all[row * classes..][..classes].iter().map(|&x| f64::from(x) / 2.0);
                let sum: f64 = logits.clone().map(f64::exp).sum();
                logits.map(|x| x - sum.ln()).collect::<Vec<f64>>()
            };
            let expected: f64 = of(&student)
                .into_iter()
                .zip(of(&teacher))
                .map(|(x, t)| {
                    let m = (0.5 * (x.exp() + t.exp())).ln();
                    match divergence {
                        "forward" => t.exp() * (t - x),
                        "reverse" => x.exp() * (x - t),
                        _ => 0.5 * (t.exp() * (t - m) + x.exp() * (x - m)),
                    }
                })
                .sum();
            close(loss, expected, 1e-6);
        }
    }
    let labels = files.i64("labels", &[2], &[1_000_001, -100]);
    let row: f64 = student[..classes].iter().map(|&x| f64::from(x).exp()).sum();
    close(loss(&[&s, "--labels", &labels]), row.ln() - f64::from(student[1_000_001]), 1e-6);
    let terms = succeed(&[&s, &t, "--logits", "--reduction", "none"]);
    let sum = loss(&[&s, &t, "--logits", "--reduction", "sum"]);
    assert_eq!(terms.lines().count(), 2 * classes);
    close(terms.lines().map(|line| line.parse::<f64>().unwrap()).sum(), sum, 1e-5);
}
