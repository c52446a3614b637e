//! Losses between files.

use kldiv::Isa;

use crate::arrays::{Files, bytes_of};
use crate::running::{
    BATCHMEAN, MEAN, MODEL, SUM, TARGET, close, data, fail, model_ln, notes, number, run, succeed,
    terms, text,
};

#[test]
fn losses_of_rows_of_logits() {
    let (student, teacher) = (data("digits_student_logits.npy"), data("digits_teacher_logits.npy"));
    let labels = data("digits_labels.npy");
    let batchmean = |options: &[&str]| {
        let arguments = [&[student.as_str(), "--reduction", "batchmean"][..], options].concat();
        number(succeed(&arguments).trim())
    };
    close(batchmean(&[&teacher, "--logits", "--temperature", "1"]), BATCHMEAN, 1e-6);
    close(batchmean(&[&teacher, "--logits", "--temperature", "4"]), 0.5819980894682877, 1e-6);
    close(batchmean(&["--labels", &labels]), 0.270946559229898, 1e-6);
    let reverse = batchmean(&[&teacher, "--logits", "--divergence", "reverse"]);
    let mixture = batchmean(&[&teacher, "--logits", "--divergence", "js"]);
    assert!(reverse > 0.0 && mixture > 0.0 && mixture < core::f64::consts::LN_2);
    let rows = succeed(&[&student, &teacher, "--logits", "--reduction", "rows"]);
    assert_eq!(rows.lines().count(), 1797, "one loss a row");
    close(rows.lines().map(number).sum(), SUM, 1e-6);
    let refused = fail(&[&student, &teacher, "--logits", "--temperature", "0"], 2);
    assert!(refused.contains("temperature 0"), "{refused}");
    let refused = fail(&[&student, &teacher, "--divergence", "sideways"], 2);
    assert!(refused.contains("sideways"), "{refused}");
    let refused = fail(&[&student, "--labels", &teacher], 1);
    assert!(refused.contains("labels are integers, not '<f4'"), "{refused}");
}

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
    let (student, teacher) = (data("digits_student_logits.npy"), data("digits_teacher_logits.npy"));
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
    let shapes = [("none", &[0][..]), ("no_rows", &[0, 4]), ("no_classes", &[3, 0])];
    let forms = [&[][..], &["--logits"], &["--input", "probs"], &["--logits", "--divergence=js"]];
    for (name, shape) in shapes {
        let empty = files.f64(name, shape, &[]);
        // Three rows of nothing have a batch of three.
        let batchmean = if shape[0] == 0 { "NaN\n" } else { "0.0\n" };
        for (reduction, expected) in [
            ("sum", "0.0\n"),
            ("mean", "NaN\n"),
            ("batchmean", batchmean),
            ("none", ""),
            ("rows", ""),
        ] {
            for form in forms {
                let arguments = [&[&empty, &empty, "--reduction", reduction][..], form].concat();
                assert_eq!(succeed(&arguments), expected, "{arguments:?}");
            }
        }
        let distance = [&*empty, &empty, "--logits", "--divergence", "js", "--distance"];
        assert_eq!(succeed(&distance), "NaN\n", "{name}");
    }
    let (empty, labels) = (files.f64("no_rows", &[0, 4], &[]), files.i64("labels", &[0], &[]));
    assert_eq!(succeed(&[&empty, "--labels", &labels]), "NaN\n");
    assert!(notes(&[&empty, "--labels", &labels]).contains("mean over nothing"));
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
