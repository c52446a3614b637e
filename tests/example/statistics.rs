//! Statistics of rows.

use std::fs;

use serde_json::Value;

use crate::arrays::Files;
use crate::running::{close, data, fail, succeed};

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(&[arguments, &["--json"]].concat())).unwrap()
}

fn near(value: &Value, expected: f64) {
    close(value.as_f64().unwrap(), expected, 1e-12);
}

/// The row (0, ln 3) against a label: ¾ for class 1, ¼ for class 0.
fn rows(count: usize) -> Vec<f64> {
    (0..count).flat_map(|_| [0.0, 3.0_f64.ln()]).collect()
}

#[test]
fn of_the_digits() {
    let (student, teacher) = (data("digits_student_logits.npy"), data("digits_teacher_logits.npy"));
    let labels = data("digits_labels.npy");
    let found = json(&[&student, &teacher, "--logits", "--labels", &labels]);
    assert_eq!(found["rows"], 1797);
    close(found["mean"].as_f64().unwrap(), 0.233509542592279, 1e-7);
    // Cross-entropy with the labels, and how often each is right, from the data's own page.
    close(found["perplexity"]["input"].as_f64().unwrap(), 0.270946559229898_f64.exp(), 1e-7);
    close(found["accuracy"]["input"].as_f64().unwrap(), 0.946, 1e-3);
    close(found["accuracy"]["target"].as_f64().unwrap(), 0.993, 1e-3);
    // The rest from the rows themselves, in another order and by other formulas.
    let printed = succeed(&[&student, &teacher, "--logits", "--reduction", "rows"]);
    let losses: Vec<f64> =
        printed.lines().map(|line| line.parse::<f32>().unwrap().into()).collect();
    let mut sorted = losses.clone();
    sorted.sort_by(f64::total_cmp);
    let mean = losses.iter().sum::<f64>() / 1797.0;
    let variance = losses.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1796.0;
    close(found["standard_error"].as_f64().unwrap(), (variance / 1797.0).sqrt(), 1e-10);
    near(&found["median"], sorted[898]);
    let at = 0.9_f64 * 1796.0;
    let low = sorted[at as usize];
    near(&found["percentile_90"], low + (sorted[at as usize + 1] - low) * at.fract());
    near(&found["minimum"], sorted[0]);
    near(&found["maximum"], sorted[1796]);
    let row = found["maximum_row"].as_u64().unwrap() as usize;
    assert_eq!(losses[row], sorted[1796]);
    let bars = found["histogram"].as_array().unwrap();
    for bar in bars {
        let (from, to) = (bar["from"].as_f64().unwrap(), bar["to"].as_f64().unwrap());
        let expected = losses.iter().filter(|&&x| from <= x && x < to).count() as u64;
        assert_eq!(bar["rows"].as_u64(), Some(expected), "{from} to {to}");
    }
    assert_eq!(bars.iter().map(|bar| bar["rows"].as_u64().unwrap()).sum::<u64>(), 1797);
}

#[test]
fn agreement_and_the_most_likely_class() {
    let files = Files::new("agreement");
    let input = files.f64("input", &[4, 2], &[0.75, 0.25, 0.25, 0.75, 0.5, 0.5, 0.75, 0.25]);
    let target = files.f64("target", &[4, 2], &[0.5, 0.5, 0.75, 0.25, 0.25, 0.75, 0.75, 0.25]);
    let found = json(&[&input, &target, "--input", "probs"]);
    // Of two equal ones the first is the most likely.
    near(&found["top1_agreement"], 0.5);
    let expected = [0.25_f64, -0.5, -0.25, 0.0].iter().map(|x| x * x).sum::<f64>() / 4.0;
    near(&found["rms_top1_difference"], expected.sqrt());
    assert!(found.get("perplexity").is_none() && found.get("accuracy").is_none());
}

/// What all other classes have, the numbers that differ, and the place of the first largest.
type Case<'a> = (f32, &'a [(usize, f32)], i64);

/// Wherever it stands in a row of several thousand, also beside numbers that are none.
#[test]
fn the_most_likely_class_of_wide_rows() {
    let files = Files::new("wide_rows");
    let classes = 3_001;
    let (nan, none) = (f32::NAN, f32::NEG_INFINITY);
    let cases: [Case<'_>; 11] = [
        (0.0, &[(0, 1.0)], 0),
        (0.0, &[(511, 1.0), (512, 2.0)], 512),
        (0.0, &[(1_023, 2.0), (1_024, 1.0)], 1_023),
        (-5.0, &[(1_025, -4.0)], 1_025),
        (-5.0, &[(3_000, -4.0)], 3_000),
        (0.0, &[(700, 1.0), (2_700, 1.0), (701, 1.0)], 700),
        (none, &[(2_000, 1.0), (2_001, 1.0)], 2_000),
        (0.0, &[], 0),
        (0.0, &[(0, nan), (1_500, 1.0)], 1_500),
        (nan, &[(2_999, none), (3_000, none)], 2_999),
        (nan, &[], 0),
    ];
    let mut logits = Vec::new();
    for (others, numbers, _) in cases {
        let mut row = vec![others; classes];
        for &(place, number) in numbers {
            row[place] = number;
        }
        logits.extend(row);
    }
    let input = files.f32("input", &[cases.len(), classes], &logits);
    let labels = files.i64("labels", &[cases.len()], &cases.map(|(_, _, label)| label));
    let found = json(&[&input, "--labels", &labels]);
    near(&found["accuracy"]["input"], 1.0);
    near(&found["top1_agreement"], 1.0);
}

#[test]
fn labels_alone_and_those_left_out() {
    let files = Files::new("statistics_labels");
    let logits = files.f64("logits", &[3, 2], &rows(3));
    let labels = files.i64("labels", &[3], &[1, 0, -100]);
    let found = json(&[&logits, "--labels", &labels]);
    assert_eq!((&found["rows"], &found["ignored_rows"]), (&2.into(), &1.into()));
    let surprises = [-(0.75_f64.ln()), -(0.25_f64.ln())];
    near(&found["mean"], (surprises[0] + surprises[1]) / 2.0);
    near(&found["perplexity"]["input"], ((surprises[0] + surprises[1]) / 2.0).exp());
    near(&found["accuracy"]["input"], 0.5);
    assert_eq!(found["maximum_row"], 1);
    near(&found["rms_top1_difference"], ((0.25_f64.powi(2) + 0.75_f64.powi(2)) / 2.0).sqrt());
    let text = succeed(&[&logits, "--labels", &labels, "--statistics"]);
    for part in ["2 of 2 classes, 1 more are left out", "cross-entropy with the labels", "in row 1"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn rows_without_a_finite_loss_are_counted() {
    let files = Files::new("not_finite");
    let input = files.f64("input", &[3, 2], &[0.5, 0.5, 1.0, 0.0, f64::NAN, 1.0]);
    let target = files.f64("target", &[3, 2], &[0.75, 0.25, 0.5, 0.5, 0.5, 0.5]);
    let found = json(&[&input, &target, "--input", "probs"]);
    assert_eq!((&found["nan_rows"], &found["infinite_rows"]), (&1.into(), &1.into()));
    assert_eq!(found["maximum_row"], 1);
    assert_eq!((&found["mean"], &found["maximum"]), (&Value::Null, &Value::Null));
    let text = succeed(&[&input, &target, "--input", "probs", "--statistics"]);
    assert!(
        text.contains("rows whose loss is NaN") && text.contains("rows whose loss is infinite")
    );
}

#[test]
fn nothing_has_no_statistics() {
    let files = Files::new("statistics_of_nothing");
    for shape in [&[0, 4][..], &[4, 0], &[0]] {
        let empty = files.f64("empty", shape, &[]);
        let found = json(&[&empty, &empty]);
        assert_eq!((&found["rows"], &found["mean"]), (&0.into(), &Value::Null));
        assert_eq!(found["ignored_rows"], 0, "{shape:?}");
        assert!(succeed(&[&empty, &empty, "--statistics"]).contains("rows "));
    }
}

#[test]
fn more_rows_than_are_kept_are_counted() {
    let files = Files::new("many_rows");
    let count = (1 << 21) + 1_000;
    // Row i: ½ against a label of probability that falls with i.
    let logits: Vec<f32> = (0..count).flat_map(|i| [0.0, (i % 1000) as f32 / 100.0]).collect();
    let input = files.f32("input", &[count, 2], &logits);
    let labels = files.write("labels", "|u1", false, &[count], &vec![0; count]);
    let found = json(&[&input, "--labels", &labels]);
    assert_eq!(found["percentiles_are_exact"], false);
    let loss = |logit: f64| logit.exp().ln_1p();
    close(found["median"].as_f64().unwrap(), loss(4.995), 2e-3);
    close(found["percentile_99"].as_f64().unwrap(), loss(9.89), 2e-3);
    close(found["maximum"].as_f64().unwrap(), loss(9.99), 1e-6);
    let bars = found["histogram"].as_array().unwrap();
    assert_eq!(bars.iter().map(|bar| bar["rows"].as_u64().unwrap()).sum::<u64>(), count as u64);
}

#[test]
fn a_picture_is_whole_or_not_there() {
    let files = Files::new("picture");
    let logits = files.f64("logits", &[3, 2], &rows(3));
    let labels = files.i64("labels", &[3], &[1, 0, 1]);
    let picture = files.path("rows").replace(".npy", ".svg");
    succeed(&[&logits, "--labels", &labels, "--plot", &picture]);
    let drawn = fs::read_to_string(&picture).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"));
    assert!(drawn.contains("median") && drawn.contains("cross-entropy with the labels"));
    // A run that fails leaves what was there.
    let wrong = files.i64("wrong", &[3], &[1, 0, 2]);
    fail(&[&logits, "--labels", &wrong, "--plot", &picture], 1);
    assert_eq!(fs::read_to_string(&picture).unwrap(), drawn);
    let folder = env!("CARGO_TARGET_TMPDIR");
    assert!(fail(&[&logits, "--labels", &labels, "--plot", folder], 1).contains("is a directory"));
    let nowhere = format!("{folder}/nowhere/rows.svg");
    assert!(fail(&[&logits, "--labels", &labels, "--plot", &nowhere], 1).contains("no directory"));
    let parts = fs::read_dir(std::path::Path::new(&picture).parent().unwrap()).unwrap();
    let left = parts
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_reduction_is_no_statistic() {
    let files = Files::new("statistics_usage");
    let file = files.f64("file", &[1, 2], &[0.5, 0.5]);
    let message = fail(&[&file, &file, "--statistics", "--reduction", "sum"], 2);
    assert!(message.contains("Leave one of them out"), "{message}");
}

#[test]
fn truncated_files_say_how_many_rows_are_good() {
    let files = Files::new("truncated_rows");
    let good = files.f64("good", &[5, 2], &[0.5; 10]);
    let cut = files.write("cut", "<f8", false, &[5, 2], &[0; 16 * 3 + 7]);
    for arguments in [[&*good, &cut], [&*cut, &good]] {
        let message = fail(&[&arguments[..], &["--statistics"]].concat(), 1);
        assert!(
            message.contains("ends early") && message.contains("3 of 5 rows are good"),
            "{message}"
        );
    }
}

/// A sparse file of 4 GiB that loses all but 1,001 rows once reading has begun.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_shrinks_while_it_is_read() {
    use std::process::{Command, Stdio};

    use crate::running::{example, text};

    let files = Files::new("shrinking");
    let (rows, classes) = (33_554, 32_000);
    let path = files.write("zeros", "<f4", false, &[rows, classes], &[]);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let header = file.metadata().unwrap().len();
    let length = |rows: usize| header + (rows * classes * 4) as u64;
    file.set_len(length(rows)).unwrap();
    let picture = files.path("rows").replace(".npy", ".svg");
    let _ = fs::remove_file(&picture);
    let child = Command::new(example())
        .args([&*path, &path, "--logits", "--json", "--plot", &picture])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let counts = format!("/proc/{}/io", child.id());
    let has_begun = || {
        let counts = fs::read_to_string(&counts).unwrap();
        let read = counts.lines().find_map(|line| line.strip_prefix("rchar: "));
        read.unwrap().parse::<u64>().unwrap() > 16 << 20
    };
    while !has_begun() {
        std::thread::yield_now();
    }
    file.set_len(length(1_001) + 9).unwrap();
    let output = child.wait_with_output().unwrap();
    fs::remove_file(&path).unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("shrank while it was read")
            && message.contains("1001 of 33554 rows are good"),
        "{message}"
    );
    assert_eq!(text(&output.stdout), "");
    assert!(!fs::exists(&picture).unwrap());
}

/// Files that take no room on the disk, under a limit on all that the program may map: of 4 GiB; of one row that would
/// not fit by itself; of columns, from which each row has to be gathered.
#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_file() {
    use std::process::Command;

    use crate::running::{example, text};

    let files = Files::new("sparse");
    for (name, fortran, [rows, classes]) in [
        ("many", false, [(4 << 30) / (4 * 32_000), 32_000]),
        ("long", false, [1, 20_000_000]),
        ("columns", true, [1_500_000, 16]),
    ] {
        let path = files.write(name, "<f4", fortran, &[rows, classes], &[]);
        let header = fs::metadata(&path).unwrap().len();
        let length = header + (rows * classes * 4) as u64;
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        let output = Command::new("sh")
            .arg("-c")
            .arg("ulimit -v 65536 && exec \"$@\"")
            .arg("sh")
            .arg(example())
            .args([&*path, &path, "--logits", "--statistics"])
            .output()
            .unwrap();
        fs::remove_file(&path).unwrap();
        let (printed, problem) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{name}: {problem}");
        assert!(printed.contains(&format!("{rows} of {classes} classes")), "{printed}");
    }
}
