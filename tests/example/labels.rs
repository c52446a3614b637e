//! Class indices.

use crate::arrays::{Files, bytes_of};
use crate::running::{close, data, fail, loss, notes, number, succeed};

/// Three rows of two classes: ln 2, ln(1 + e^-1), ln(1 + e^2).
const LOGITS: [f64; 6] = [0.0, 0.0, 1.0, 0.0, 2.0, 0.0];
const LABELS: [i64; 3] = [0, 0, 1];

fn losses() -> [f64; 3] {
    [core::f64::consts::LN_2, (-1.0_f64).exp().ln_1p(), (2.0_f64).exp().ln_1p()]
}

#[test]
fn the_mean_is_over_rows() {
    let files = Files::new("label_mean");
    let labels = files.i64("labels", &[3], &LABELS);
    let sum: f64 = losses().iter().sum();
    let logits = files.f64("logits", &[3, 2], &LOGITS);
    close(loss(&[&logits, "--labels", &labels]), sum / 3.0, 1e-14);
    close(loss(&[&logits, "--labels", &labels, "--reduction", "sum"]), sum, 1e-14);
    for reduction in ["none", "rows"] {
        let printed = succeed(&[&logits, "--labels", &labels, "--reduction", reduction]);
        for (line, expected) in printed.lines().zip(losses()) {
            close(number(line), expected, 1e-14);
        }
        assert_eq!(printed.lines().count(), 3);
    }
    // More dimensions: rows, not the first of them.
    let logits = files.f64("logits3", &[3, 1, 2], &LOGITS);
    let labels = files.i64("labels2", &[3, 1], &LABELS);
    close(loss(&[&logits, "--labels", &labels]), sum / 3.0, 1e-14);
    let logits = files.f64("logits4", &[1, 3, 2], &LOGITS);
    let labels = files.i64("labels3", &[1, 3], &LABELS);
    close(loss(&[&logits, "--labels", &labels]), sum / 3.0, 1e-14);
    close(loss(&[&logits, "--labels", &labels, "--reduction", "batchmean"]), sum, 1e-14);
    close(
        loss(&[&data("digits_student_logits.npy"), "--labels", &data("digits_labels.npy")]),
        0.270946559229898,
        1e-6,
    );
}

#[test]
fn shapes_are_compared() {
    let files = Files::new("label_shapes");
    let logits = files.f64("logits", &[2, 3, 4], &[0.0; 24]);
    let good = files.i64("good", &[2, 3], &[0; 6]);
    close(loss(&[&logits, "--labels", &good]), 4.0_f64.ln(), 1e-14);
    for shape in [&[3, 2][..], &[6], &[2, 3, 1], &[2]] {
        let labels = files.i64("wrong", shape, &vec![0; shape.iter().product()]);
        let message = fail(&[&logits, "--labels", &labels], 1);
        for part in [labels.as_str(), &format!("{shape:?}"), "[2, 3]"] {
            assert!(message.contains(part), "{message:?} lacks {part}");
        }
    }
    // One row, one label.
    let row = files.f64("row", &[4], &[0.0; 4]);
    let one = files.i64("one", &[], &[3]);
    close(loss(&[&row, "--labels", &one]), 4.0_f64.ln(), 1e-14);
    assert!(fail(&[&files.f64("scalar", &[], &[1.0]), "--labels", &one], 1).contains("dimension"));
}

#[test]
fn every_type_of_integer() {
    let files = Files::new("label_types");
    let logits = files.f64("logits", &[3, 2], &LOGITS);
    let expected = succeed(&[&logits, "--labels", &files.i64("i64", &[3], &LABELS)]);
    let small = LABELS.map(|label| label as u8);
    let types = [
        ("|i1", bytes_of(&small, |x| x.to_le_bytes())),
        ("|u1", bytes_of(&small, |x| x.to_le_bytes())),
        ("<i2", bytes_of(&small, |x| u16::from(x).to_le_bytes())),
        (">u2", bytes_of(&small, |x| u16::from(x).to_be_bytes())),
        ("<i4", bytes_of(&small, |x| u32::from(x).to_le_bytes())),
        (">i4", bytes_of(&small, |x| u32::from(x).to_be_bytes())),
        ("<u4", bytes_of(&small, |x| u32::from(x).to_le_bytes())),
        (">i8", bytes_of(&small, |x| u64::from(x).to_be_bytes())),
        ("<u8", bytes_of(&small, |x| u64::from(x).to_le_bytes())),
    ];
    for (name, bytes) in types {
        let labels = files.write("labels", name, false, &[3], &bytes);
        assert_eq!(succeed(&[&logits, "--labels", &labels]), expected, "{name}");
    }
    let wrong = files.f64("floats", &[3], &[0.0, 0.0, 1.0]);
    assert!(fail(&[&logits, "--labels", &wrong], 1).contains("astype('i8')"));
}

#[test]
fn minus_100_is_left_out() {
    let files = Files::new("left_out");
    let logits = files.f64("logits", &[3, 2], &LOGITS);
    let types = [
        ("<i8", bytes_of(&[0, -100, 1], |x: i64| x.to_le_bytes())),
        (">i4", bytes_of(&[0, -100, 1], |x: i32| x.to_be_bytes())),
        ("<i2", bytes_of(&[0, -100, 1], |x: i16| x.to_le_bytes())),
        ("|i1", bytes_of(&[0, -100, 1], |x: i8| x.to_le_bytes())),
    ];
    let (first, last) = (losses()[0], losses()[2]);
    for (name, bytes) in types {
        let labels = files.write("labels", name, false, &[3], &bytes);
        let arguments = [&*logits, "--labels", &labels];
        close(loss(&arguments), (first + last) / 2.0, 1e-14);
        let note = notes(&arguments);
        assert!(note.contains("1 of 3 rows have label -100 and are left out"), "{note}");
        let printed = succeed(&[&arguments[..], &["--reduction", "none"]].concat());
        assert_eq!(printed.lines().nth(1), Some("0.0"));
    }
    let none = files.i64("none", &[3], &[-100; 3]);
    assert_eq!(succeed(&[&logits, "--labels", &none]), "NaN\n");
    assert!(notes(&[&logits, "--labels", &none]).contains("a mean over nothing is NaN"));
    assert_eq!(succeed(&[&logits, "--labels", &none, "--reduction", "sum"]), "0.0\n");
}

#[test]
fn other_labels_are_named_with_their_row() {
    let files = Files::new("label_range");
    let logits = files.f64("logits", &[3, 2], &LOGITS);
    for (labels, parts) in [
        ([0, 1, 2], ["row 2 is 2", "the 2 classes"]),
        ([0, -1, 1], ["row 1 is -1", "only -100"]),
        ([i64::MAX, 0, 1], ["row 0 is 9223372036854775807", "the 2 classes"]),
        ([0, 0, 0xffff_ff9c], ["row 2 is 4294967196", "it was -100"]),
    ] {
        let file = files.i64("labels", &[3], &labels);
        let message = fail(&[&logits, "--labels", &file], 1);
        for part in [parts[0], parts[1], &file] {
            assert!(message.contains(part), "{message:?} lacks {part}");
        }
    }
    let unsigned = bytes_of(&[0, 0, u64::MAX - 99], |x: u64| x.to_le_bytes());
    let file = files.write("labels", "<u8", false, &[3], &unsigned);
    assert!(fail(&[&logits, "--labels", &file], 1).contains("row 2 is 18446744073709551516"));
    for (kind, bytes) in [("|u1", &[0, 0, 156][..]), ("<u2", &[0, 0, 0, 0, 156, 255])] {
        let file = files.write("labels", kind, false, &[3], bytes);
        let message = fail(&[&logits, "--labels", &file], 1);
        assert!(message.contains("it was -100 before it became unsigned"), "{message}");
    }
}

#[test]
fn of_other_forms_and_divergences() {
    let files = Files::new("label_forms");
    let q = [0.25, 0.75, 0.5, 0.5];
    let labels = files.i64("labels", &[2], &[1, -100]);
    let ln = q.map(f64::ln);
    let cases = [("logits", ln.map(|x| x + 5.0)), ("log-probs", ln), ("probs", q)];
    for (form, values) in cases {
        let file = files.f64("input", &[2, 2], &values);
        let base = [&*file, "--input", form, "--labels", &labels];
        close(loss(&base), -(0.75_f64.ln()), 1e-14);
        // Only the label has a probability in the target: D(q || label) has nowhere to go.
        assert_eq!(succeed(&[&base[..], &["--divergence", "reverse"]].concat()), "inf\n", "{form}");
        let mixture =
            0.5 * ((1.0_f64 / 0.875).ln() + 0.75 * (0.75_f64 / 0.875).ln() + 0.25 * 2.0_f64.ln());
        close(loss(&[&base[..], &["--divergence", "js"]].concat()), mixture, 1e-13);
    }
}

#[test]
fn what_labels_cannot_stand_beside() {
    let files = Files::new("label_usage");
    let logits = files.f64("logits", &[3, 2], &LOGITS);
    let labels = files.i64("labels", &[3], &LABELS);
    for (arguments, part) in [
        (&[&*logits, &logits, "--labels", &labels][..], "not to both"),
        (&[&logits, "--labels", &labels, "--log-target"], "--log-target says what TARGET holds"),
        (&[&logits, "--labels", &labels, "--target", "probs"], "--target says what TARGET holds"),
        (&["--labels", &labels], "0 given"),
    ] {
        let message = fail(arguments, 2);
        assert!(message.contains(part), "{message:?} lacks {part}");
    }
}
