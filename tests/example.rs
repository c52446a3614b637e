//! The example `kl_div` as its users run it: files in, text and an exit status out.
//!
//! `cargo test` builds the example first; `cargo test --test example` takes the one that is there, however old.

// Under an emulator a test cannot start another program of its target.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kldiv::Isa;

const SUM: f64 = 419.6166480383254;
const MEAN: f64 = 0.0233509542592279;
const BATCHMEAN: f64 = 0.233509542592279;

/// Two rows: targets (1/2, 1/2) and (1, 0) against models (1/4, 3/4) and (1/2, 1/2).
const TARGET: [f64; 4] = [0.5, 0.5, 1.0, 0.0];
const MODEL: [f64; 4] = [0.25, 0.75, 0.5, 0.5];

fn model_ln() -> Vec<f64> {
    MODEL.iter().map(|q| q.ln()).collect()
}

/// ½ ln 2, ½ ln ⅔, ln 2, 0.
fn terms() -> [f64; 4] {
    let ln2 = core::f64::consts::LN_2;
    [0.5 * ln2, 0.5 * (2.0_f64 / 3.0).ln(), ln2, 0.0]
}

// --- losses of rows ---------------------------------------------------------------------------------------------

fn data(name: &str) -> String {
    format!("{}/examples/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn losses_of_rows_of_logits() {
    let (student, teacher) = (data("digits_student_logits.npy"), data("digits_teacher_logits.npy"));
    let labels = data("digits_labels.npy");
    let batchmean = |options: &[&str]| {
        let arguments = [&[student.as_str(), "--reduction", "batchmean"][..], options].concat();
        number(succeed(&arguments).trim())
    };
    close(batchmean(&[&teacher, "--temperature", "1"]), BATCHMEAN, 1e-6);
    close(batchmean(&[&teacher, "--temperature", "4"]), 0.5819980894682877, 1e-6);
    close(batchmean(&["--labels", &labels]), 0.270946559229898, 1e-6);
    let reverse = batchmean(&[&teacher, "--divergence", "reverse"]);
    let mixture = batchmean(&[&teacher, "--divergence", "js"]);
    assert!(reverse > 0.0 && mixture > 0.0 && mixture < core::f64::consts::LN_2);
    let rows = succeed(&[&student, &teacher, "--divergence", "forward", "--reduction", "none"]);
    assert_eq!(rows.lines().count(), 1797, "one loss a row");
    let refused = fail(&[&student, &teacher, "--temperature", "0"], 1);
    assert!(refused.contains("temperature 0"), "{refused}");
    let refused = fail(&[&student, &teacher, "--divergence", "sideways"], 2);
    assert!(refused.contains("sideways"), "{refused}");
    let refused = fail(&[&student, "--labels", &teacher], 1);
    assert!(refused.contains("not u32"), "{refused}");
}

// --- the report -------------------------------------------------------------------------------------------------

#[test]
fn report_meets_every_known_value() {
    let report = succeed(&[]);
    assert!(!report.contains("FAILED"), "{report}");
    let met = report.lines().filter(|line| line.ends_with(" ok")).count();
    assert_eq!(met, 5 * 2 + 1, "five values in two types, and equal bits\n{report}");
    let named =
        ["sum", "mean", "batchmean", "batchmean at temperature 4", "cross-entropy with the labels"];
    for name in named {
        let heads = |line: &&str| line.starts_with(&format!("{name}  ")) && line.ends_with(" ok");
        assert_eq!(report.lines().filter(heads).count(), 1, "{name}\n{report}");
    }
}

#[test]
fn report_shows_the_loss_under_each_reduction() {
    let report = succeed(&[]);
    for (name, known) in [("sum", SUM), ("mean", MEAN), ("batchmean", BATCHMEAN)] {
        let line = report.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        close(number(line.split_whitespace().nth(1).unwrap()), known, 1e-6);
    }
}

#[test]
fn report_splits_the_loss_by_class() {
    let report = succeed(&[]);
    let rows: Vec<Vec<&str>> =
        report.lines().map(|line| line.split_whitespace().collect()).collect();
    let rows: Vec<&Vec<&str>> = (0..10)
        .map(|class| {
            rows.iter().find(|row| row.first() == Some(&class.to_string().as_str())).unwrap()
        })
        .collect();
    let column: f64 = rows.iter().map(|row| number(row[1])).sum();
    close(column, SUM, 1e-5);
    let images: f64 = rows.iter().map(|row| number(row[2])).sum();
    assert_eq!(images, 1797.0);
    let by_image: f64 = rows.iter().map(|row| number(row[2]) * number(row[3])).sum();
    close(by_image, SUM, 1e-3);
}

#[test]
fn report_names_each_instruction_set_with_the_same_bits() {
    let report = succeed(&[]);
    let mut found = Vec::new();
    for isa in Isa::available() {
        let line = report.lines().find(|line| line.starts_with(&format!("{isa} "))).unwrap();
        let columns: Vec<&str> = line.split_whitespace().collect();
        assert!(number(columns[2]) > 0.0, "{line}");
        found.push(columns[1].to_owned());
    }
    found.dedup();
    assert_eq!(found.len(), 1, "{report}");
}

#[test]
fn report_does_not_depend_on_the_working_directory() {
    let output = Command::new(example()).current_dir(env::temp_dir()).output().unwrap();
    assert!(output.status.success());
}

#[test]
fn help_goes_to_standard_output() {
    for argument in ["--help", "-h"] {
        let help = succeed(&[argument]);
        for word in [
            "INPUT.npy",
            "TARGET.npy",
            "--reduction",
            "--log-target",
            "--logits",
            "--isa",
            "Examples:",
        ] {
            assert!(help.contains(word), "{word} is missing in\n{help}");
        }
    }
}

// --- the user's files -------------------------------------------------------------------------------------------

#[test]
fn reductions_of_f64_files() {
    let files = Files::new("reductions_f64");
    let (input, target) =
        (files.f64("input", &[2, 2], &model_ln()), files.f64("target", &[2, 2], &TARGET));
    let sum: f64 = terms().iter().sum();
    for (reduction, expected) in [("sum", sum), ("mean", sum / 4.0), ("batchmean", sum / 2.0)] {
        let loss = number(succeed(&[&input, &target, "--reduction", reduction]).trim_end());
        close(loss, expected, 1e-15);
    }
    close(number(succeed(&[&input, &target]).trim_end()), sum / 4.0, 1e-15);
}

#[test]
fn batchmean_divides_by_the_first_dimension_alone() {
    let files = Files::new("batchmean");
    let sum: f64 = terms().iter().sum();
    for (shape, batch) in [(&[4][..], 4.0), (&[1, 4], 1.0), (&[2, 1, 2], 2.0), (&[4, 1], 4.0)] {
        let (input, target) =
            (files.f64("input", shape, &model_ln()), files.f64("target", shape, &TARGET));
        close(
            number(succeed(&[&input, &target, "--reduction=batchmean"]).trim_end()),
            sum / batch,
            1e-15,
        );
    }
}

#[test]
fn files_of_f32() {
    let files = Files::new("f32");
    let ln: Vec<f32> = model_ln().iter().map(|&x| x as f32).collect();
    let input = files.write("input", "<f4", false, &[2, 2], &bytes_of(&ln, |x| x.to_le_bytes()));
    let target = files.write(
        "target",
        "<f4",
        false,
        &[2, 2],
        &bytes_of(&TARGET.map(|t| t as f32), |t| t.to_le_bytes()),
    );
    let loss = succeed(&[&input, &target, "--reduction", "sum"]);
    close(number(loss.trim_end()), terms().iter().sum(), 1e-6);
    assert_eq!(
        loss.trim_end().parse::<f32>().unwrap().to_string(),
        loss.trim_end(),
        "shortest digits of an f32"
    );
}

#[test]
fn files_of_the_other_byte_order() {
    let files = Files::new("big_endian");
    let input =
        files.write("input", ">f8", false, &[4], &bytes_of(&model_ln(), |x| x.to_be_bytes()));
    let target = files.f64("target", &[4], &TARGET);
    close(
        number(succeed(&[&input, &target, "--reduction", "sum"]).trim_end()),
        terms().iter().sum(),
        1e-15,
    );
}

#[test]
fn reduction_none_prints_a_term_a_line() {
    let files = Files::new("none");
    let (input, target) =
        (files.f64("input", &[2, 2], &model_ln()), files.f64("target", &[2, 2], &TARGET));
    let printed = succeed(&[&input, &target, "--reduction", "none"]);
    let printed: Vec<f64> = printed.lines().map(number).collect();
    assert_eq!(printed.len(), 4);
    for (found, expected) in printed.into_iter().zip(terms()) {
        close(found, expected, 1e-15);
    }
}

#[test]
fn log_target() {
    let files = Files::new("log_target");
    let target_ln: Vec<f64> = TARGET.iter().map(|t| t.ln()).collect();
    let (input, target) =
        (files.f64("input", &[2, 2], &model_ln()), files.f64("target", &[2, 2], &target_ln));
    let loss = number(succeed(&[&input, &target, "--log-target", "--reduction", "sum"]).trim_end());
    close(loss, terms().iter().sum(), 1e-15);
}

#[test]
fn logits_are_the_digits_of_the_report() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let student = data.join("digits_student_logits.npy").display().to_string();
    let teacher = data.join("digits_teacher_logits.npy").display().to_string();
    for (reduction, known) in [("sum", SUM), ("mean", MEAN), ("batchmean", BATCHMEAN)] {
        let probs = succeed(&[&student, &teacher, "--logits", "--reduction", reduction]);
        close(number(probs.trim_end()), known, 1e-6);
        let logs =
            succeed(&[&student, &teacher, "--logits", "--log-target", "--reduction", reduction]);
        close(number(logs.trim_end()), known, 1e-6);
    }
}

#[test]
fn logits_take_the_last_dimension_as_classes() {
    let files = Files::new("logits");
    // Any constant may be added to a row of logits.
    let logits: Vec<f64> =
        model_ln().iter().zip([7.0, 7.0, -3.0, -3.0]).map(|(x, shift)| x + shift).collect();
    let uniform = [2.0; 4];
    let (input, target) =
        (files.f64("input", &[2, 1, 2], &logits), files.f64("target", &[2, 1, 2], &uniform));
    let loss = number(succeed(&[&input, &target, "--logits", "--reduction", "sum"]).trim_end());
    close(loss, 0.5 * (4.0_f64 / 3.0).ln(), 1e-14);
}

#[test]
fn every_instruction_set_prints_the_same() {
    let files = Files::new("isa");
    let (input, target) =
        (files.f64("input", &[2, 2], &model_ln()), files.f64("target", &[2, 2], &TARGET));
    let chosen = succeed(&[&input, &target]);
    for isa in Isa::available() {
        assert_eq!(succeed(&[&input, &target, "--isa", &isa.to_string()]), chosen, "{isa}");
    }
}

#[test]
fn empty_arrays_have_pytorchs_losses() {
    let files = Files::new("empty");
    let empty = files.f64("empty", &[0, 3], &[]);
    for (reduction, expected) in
        [("sum", "0.0\n"), ("mean", "NaN\n"), ("batchmean", "NaN\n"), ("none", "")]
    {
        assert_eq!(succeed(&[&empty, &empty, "--reduction", reduction]), expected, "{reduction}");
    }
}

#[test]
fn probabilities_for_log_probabilities_get_a_note() {
    let files = Files::new("note");
    let (input, target) =
        (files.f64("input", &[2, 2], &MODEL), files.f64("target", &[2, 2], &TARGET));
    let output = run(&[&input, &target]);
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("--logits"), "{}", text(&output.stderr));
    let quiet = run(&[&files.f64("input", &[2, 2], &model_ln()), &target]);
    assert_eq!(text(&quiet.stderr), "");
}

// --- what goes wrong --------------------------------------------------------------------------------------------

#[test]
fn unusable_files_are_named() {
    let files = Files::new("unusable");
    let good = files.f64("good", &[2, 2], &TARGET);
    let whole = fs::read(&good).unwrap();
    let wrong = [
        (files.path("absent"), "cannot be read"),
        (files.raw("text", b"0.5,0.5\n1.0,0.0\n"), "not a .npy file"),
        (files.raw("nothing", b""), "not a .npy file"),
        (files.raw("header_unclear", b"\x93NUMPY\x01\x00\x04\x00{{{{"), "not a .npy file"),
        (files.raw("header_alone", &whole[..40]), "not a .npy file"),
        (files.raw("truncated", &whole[..whole.len() - 1]), "31 bytes"),
        (files.raw("longer", &[&whole[..], &[0]].concat()), "33 bytes"),
        (files.write("promising", "<f8", false, &[1 << 40, 1 << 20], &[0; 32]), "32 bytes"),
        (files.write("integers", "<i8", false, &[2, 2], &[0; 32]), "'<i8'"),
        (files.write("halves", "<f2", false, &[2, 2], &[0; 8]), "'<f2'"),
        (files.write("complex", "<c16", false, &[2, 2], &[0; 64]), "'<c16'"),
        (files.write("fortran", "<f8", true, &[2, 2], &[0; 32]), "Fortran"),
    ];
    for (file, reason) in &wrong {
        for arguments in [[file.as_str(), &good], [&good, file.as_str()]] {
            let message = fail(&arguments, 1);
            let named = message.contains(file.as_str()) && message.contains(reason);
            assert!(named, "{message:?} lacks {file} or {reason}");
        }
    }
}

#[test]
fn a_directory_is_no_array() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    assert!(fail(&[folder, folder], 1).contains(folder));
}

#[test]
fn files_that_do_not_fit_each_other_are_both_named() {
    let files = Files::new("misfit");
    let wide = files.f64("wide", &[1, 4], &TARGET);
    let tall = files.f64("tall", &[4, 1], &TARGET);
    let single = files.write("single", "<f4", false, &[1, 4], &[0; 16]);
    for (input, target, reasons) in
        [(&wide, &tall, ["[1, 4]", "[4, 1]"]), (&wide, &single, ["f64", "f32"])]
    {
        let message = fail(&[input, target], 1);
        for part in [input, target, reasons[0], reasons[1]] {
            assert!(message.contains(part), "{message:?} lacks {part}");
        }
    }
}

#[test]
fn shapes_without_the_needed_dimension() {
    let files = Files::new("dimensions");
    let scalar = files.f64("scalar", &[], &[-0.5]);
    close(number(succeed(&[&scalar, &files.f64("one", &[], &[1.0])]).trim_end()), 0.5, 1e-15);
    assert!(fail(&[&scalar, &scalar, "--reduction", "batchmean"], 1).contains("batchmean"));
    assert!(
        fail(&[&scalar, &scalar, "--logits"], 1).contains("logits need at least one dimension")
    );
    let no_classes = files.f64("no_classes", &[3, 0], &[]);
    assert!(!fail(&[&no_classes, &no_classes, "--logits"], 1).is_empty());
}

#[test]
fn wrong_command_lines_have_status_2() {
    let files = Files::new("usage");
    let file = files.f64("file", &[2, 2], &TARGET);
    let wrong: [(&[&str], &str); 8] = [
        (&[&file], "1 given"),
        (&[&file, &file, &file], "3 given"),
        (&["--logits"], "0 given"),
        (&[&file, &file, "--reduction", "average"], "average"),
        (&[&file, &file, "--reduction"], "--reduction"),
        (&[&file, &file, "--colour"], "--colour"),
        (&[&file, &file, "--isa", "mmx"], "mmx"),
        (&[&file, &file, "--isa", "neon"], "neon"),
    ];
    for (arguments, part) in wrong {
        let message = fail(arguments, 2);
        assert!(message.contains(part) && message.contains("--help"), "{message:?} lacks {part}");
    }
}

#[test]
fn an_unknown_instruction_set_is_answered_with_those_of_the_machine() {
    let message = fail(&["a.npy", "b.npy", "--isa", "AVX3"], 2);
    for isa in Isa::available() {
        assert!(message.contains(&isa.to_string()), "{message:?} lacks {isa}");
    }
}

#[test]
fn standard_output_may_close_early() {
    let files = Files::new("closed");
    let many = vec![0.125; 100_000]; // more text than a pipe holds
    let file = files.f64("many", &[many.len()], &many);
    let mut child = Command::new(example())
        .args([&file, &file, "--reduction", "none"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("panicked"));
}

// --- running the example ----------------------------------------------------------------------------------------

/// `target/<profile>/examples/kl_div`, beside the `deps` this test runs from.
fn example() -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let example = profile.join("examples").join(format!("kl_div{}", env::consts::EXE_SUFFIX));
    assert!(
        example.exists(),
        "{} is missing: run `cargo test`, or `cargo build --example kl_div` first",
        example.display()
    );
    example
}

fn run(arguments: &[&str]) -> Output {
    Command::new(example()).args(arguments).output().unwrap()
}

/// Standard output of a run that must succeed.
fn succeed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The one line on standard error of a run that must end with `status` and print no result.
fn fail(arguments: &[&str], status: i32) -> String {
    let output = run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {message}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    assert!(message.starts_with("kl_div: ") && !message.contains("panicked"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn close(found: f64, expected: f64, relative: f64) {
    let error = (found - expected).abs();
    assert!(error <= relative * expected.abs(), "{found} instead of {expected}");
}

// --- writing .npy files -----------------------------------------------------------------------------------------

/// A folder of one test's files.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example").join(test);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(format!("{name}.npy")).display().to_string()
    }

    fn raw(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn f64(&self, name: &str, shape: &[usize], values: &[f64]) -> String {
        self.write(name, "<f8", false, shape, &bytes_of(values, |value| value.to_le_bytes()))
    }

    /// Format version 1.0, by hand, so that the example's reader is not checked against itself.
    fn write(
        &self,
        name: &str,
        dtype: &str,
        fortran: bool,
        shape: &[usize],
        data: &[u8],
    ) -> String {
        let order = if fortran { "True" } else { "False" };
        let dims: String = shape.iter().map(|dim| format!("{dim},")).collect();
        let mut header =
            format!("{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': ({dims}), }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        self.raw(name, &[b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat())
    }
}

fn bytes_of<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}
