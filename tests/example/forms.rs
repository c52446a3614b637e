//! What a file holds and what is computed are two questions: every divergence of every pair of forms.

use crate::arrays::Files;
use crate::running::{MODEL, TARGET, close, fail, loss, notes, number, succeed};

/// Rows of different sums' logits: any constant may be added to a row.
const SHIFTS: [f64; 4] = [3.0, 3.0, -40.0, -40.0];
const FORMS: [&str; 3] = ["log-probs", "probs", "logits"];

/// `MODEL` or another distribution in all three forms.
fn forms(files: &Files, name: &str, probabilities: &[f64; 4]) -> [String; 3] {
    let ln: Vec<f64> = probabilities.iter().map(|p| p.ln()).collect();
    let logits: Vec<f64> = ln.iter().zip(SHIFTS).map(|(x, shift)| x + shift).collect();
    [
        files.f64(&format!("{name}_ln"), &[2, 2], &ln),
        files.f64(&format!("{name}_probs"), &[2, 2], probabilities),
        files.f64(&format!("{name}_logits"), &[2, 2], &logits),
    ]
}

/// `Σ a ln(a/b)` of each element.
fn kl(a: &[f64; 4], b: &[f64; 4]) -> [f64; 4] {
    core::array::from_fn(|i| if a[i] == 0.0 { 0.0 } else { a[i] * (a[i] / b[i]).ln() })
}

fn js(a: &[f64; 4], b: &[f64; 4]) -> [f64; 4] {
    let m = core::array::from_fn(|i| 0.5 * (a[i] + b[i]));
    core::array::from_fn(|i| 0.5 * (kl(a, &m)[i] + kl(b, &m)[i]))
}

#[test]
fn every_divergence_of_every_form() {
    let files = Files::new("every_form");
    let target = [0.5, 0.5, 0.875, 0.125];
    let (inputs, targets) = (forms(&files, "q", &MODEL), forms(&files, "p", &target));
    let expected = [
        ("forward", kl(&target, &MODEL)),
        ("reverse", kl(&MODEL, &target)),
        ("js", js(&target, &MODEL)),
    ];
    for (input, input_form) in inputs.iter().zip(FORMS) {
        for (target, target_form) in targets.iter().zip(FORMS) {
            let said = [input, target, "--input", input_form, "--target", target_form];
            for (divergence, terms) in &expected {
                let run = |reduction| {
                    let more = ["--divergence", divergence, "--reduction", reduction];
                    succeed(&[&said[..], &more].concat())
                };
                let sum: f64 = terms.iter().sum();
                close(number(run("sum").trim_end()), sum, 1e-13);
                close(number(run("mean").trim_end()), sum / 4.0, 1e-13);
                close(number(run("batchmean").trim_end()), sum / 2.0, 1e-13);
                let rows: Vec<f64> = run("rows").lines().map(number).collect();
                assert_eq!(rows.len(), 2);
                close(rows[1], terms[2] + terms[3], 1e-13);
                let printed: Vec<f64> = run("none").lines().map(number).collect();
                assert_eq!(printed.len(), 4);
                for (printed, term) in printed.into_iter().zip(terms) {
                    assert!(
                        (printed - term).abs() < 1e-14,
                        "{printed} {term} {said:?} {divergence}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_default_divergence_is_forward() {
    let files = Files::new("forward");
    let (inputs, targets) = (forms(&files, "q", &MODEL), forms(&files, "p", &TARGET));
    let plain = succeed(&[&inputs[0], &targets[1]]);
    assert_eq!(succeed(&[&inputs[0], &targets[1], "--divergence", "forward"]), plain);
    // A probability of 0 in the target is one that the other direction cannot pass.
    assert_eq!(succeed(&[&inputs[0], &targets[1], "--divergence", "reverse"]), "inf\n");
    close(
        loss(&[&inputs[0], &targets[1], "--divergence", "js", "--reduction", "sum"]),
        js(&TARGET, &MODEL).iter().sum(),
        1e-14,
    );
}

#[test]
fn mixtures_of_near_probabilities_keep_their_digits() {
    let files = Files::new("near");
    // ½ m (δ² + δ⁴/6 + …), twice. No power of two, whose logarithms happen to need no rounding.
    let step = 3_333_333.0 * (2.0_f64).powi(-53);
    let (q, p) = ([0.5, 0.5], [0.5 + step, 0.5 - step]);
    let input = files.f64("q", &[1, 2], &q);
    let target = files.f64("p", &[1, 2], &p);
    let options = ["--input", "probs", "--divergence", "js", "--reduction", "sum"];
    // KL and mixture of (½ + s, ½ − s): s²/2 to first order.
    close(loss(&[&[&*input, &target][..], &options].concat()), step * step / 2.0, 1e-9);
}

#[test]
fn a_temperature_divides_logits_and_nothing_else() {
    let files = Files::new("temperature");
    let target = [0.5, 0.5, 0.875, 0.125];
    let (inputs, targets) = (forms(&files, "q", &MODEL), forms(&files, "p", &target));
    let soft = |p: [f64; 4]| {
        let r = p.map(f64::sqrt);
        [r[0] / (r[0] + r[1]), r[1] / (r[0] + r[1]), r[2] / (r[2] + r[3]), r[3] / (r[2] + r[3])]
    };
    let common = ["--temperature", "2", "--reduction", "sum"];
    let run = |files: [&str; 2], forms: [&str; 2], reduction: &str| {
        let said = ["--input", forms[0], "--target", forms[1]];
        let printed = succeed(&[&files[..], &said, &common[..3], &[reduction]].concat());
        printed.lines().map(number).sum::<f64>()
    };
    for (target_form, target_file, p) in [
        ("log-probs", &targets[0], target),
        ("probs", &targets[1], target),
        ("logits", &targets[2], soft(target)),
    ] {
        for reduction in ["sum", "none"] {
            let found = run([&inputs[2], target_file], ["logits", target_form], reduction);
            close(found, kl(&p, &soft(MODEL)).iter().sum(), 1e-13);
        }
    }
    let found = run([&inputs[1], &targets[2]], ["probs", "logits"], "none");
    close(found, kl(&soft(target), &MODEL).iter().sum(), 1e-13);
    let refused = fail(&[&inputs[0], &targets[1], "--temperature", "2"], 2);
    assert!(refused.contains("divides logits, and no file holds any"), "{refused}");
}

#[test]
fn a_term_of_logits_that_span_all_numbers_is_finite() {
    let files = Files::new("span");
    let student = files.f32("student", &[1, 2], &[f32::MAX, -f32::MAX]);
    let teacher = files.f32("teacher", &[1, 2], &[0.0, 0.0]);
    let printed =
        succeed(&[&teacher, &student, "--logits", "--temperature", "4", "--reduction", "none"]);
    let terms: Vec<f64> = printed.lines().map(number).collect();
    close(terms[0], core::f64::consts::LN_2, 1e-6);
    assert_eq!(terms[1], 0.0);
    let printed =
        succeed(&[&student, &teacher, "--logits", "--temperature", "4", "--reduction", "none"]);
    let terms: Vec<f64> = printed.lines().map(number).collect();
    close(terms[0], -0.5 * core::f64::consts::LN_2, 1e-6);
    close(terms[1], f64::from(f32::MAX) / 4.0, 1e-6);
}

#[test]
fn forms_said_twice_must_agree() {
    let files = Files::new("twice");
    let file = files.f64("file", &[2, 2], &TARGET);
    for (options, part) in [
        (
            &["--input", "probs", "--logits"][..],
            "INPUT cannot hold both: probs, and logits by --logits",
        ),
        (&["--target", "probs", "--log-target"], "TARGET cannot hold both"),
        (&["--target", "log-probs", "--logits"], "TARGET cannot hold both"),
        (&["--input", "odds"], "--input odds: not one of log-probs, probs, logits"),
        (&["--distance"], "Add --divergence js"),
        (&["--distance", "--divergence", "reverse"], "Add --divergence js"),
        (&["--base", "10"], "--base 10: not one of e (nats), 2 (bits)"),
        (&["--classes", "0"], "--classes 0"),
    ] {
        let message = fail(&[&[&*file, &file][..], options].concat(), 2);
        assert!(message.contains(part), "{message:?} lacks {part}");
    }
    let same = ["--input", "logits", "--target", "logits"];
    let long = succeed(&[&[&*file, &file][..], &same].concat());
    assert_eq!(succeed(&[&[&*file, &file, "--logits"][..], &same].concat()), long);
    let both = notes(&[
        &file,
        &files.f64("other", &[2, 2], &[9.0, 1.0, 2.0, 0.0]),
        "--logits",
        "--log-target",
    ]);
    assert!(both.contains("--log-target changes nothing beside --logits"), "{both}");
}

#[test]
fn probabilities_given_as_logits_get_a_note() {
    let files = Files::new("as_logits");
    let probabilities = files.f64("p", &[2, 2], &TARGET);
    let logits = files.f64("logits", &[2, 2], &[0.5, 0.6, 1.0, 0.0]);
    let note = notes(&[&logits, &probabilities, "--logits"]);
    assert!(
        note.contains("rows of TARGET already sum to 1") && note.contains("--target probs"),
        "{note}"
    );
    let note = notes(&[&probabilities, &logits, "--logits"]);
    assert!(note.contains("rows of INPUT already sum to 1"), "{note}");
    assert_eq!(note.lines().count(), 1, "{note}");
    assert_eq!(notes(&[&logits, &logits, "--logits"]), "");
    assert_eq!(notes(&[&logits, &probabilities, "--input", "logits"]), "");
}

#[test]
fn a_note_names_the_row_of_the_file() {
    let files = Files::new("late_row");
    let mut p = vec![0.5_f32; 400_000];
    p[2 * 123_456] = 0.75;
    let (input, target) = (
        files.f32("q", &[200_000, 2], &vec![-core::f32::consts::LN_2; 400_000]),
        files.f32("p", &[200_000, 2], &p),
    );
    let note = notes(&[&input, &target]);
    assert!(note.contains("target row 123456 sum to 1.25"), "{note}");
}

#[test]
fn bits_and_distances() {
    let files = Files::new("units");
    let (inputs, targets) = (forms(&files, "q", &MODEL), forms(&files, "p", &TARGET));
    let base = [inputs[0].as_str(), &targets[1], "--reduction"];
    let nats = loss(&[&base[..], &["sum"]].concat());
    let bits = loss(&[&base[..], &["sum", "--base", "2"]].concat());
    close(bits, nats / core::f64::consts::LN_2, 1e-15);
    let terms = js(&TARGET, &MODEL);
    let ln2 = core::f64::consts::LN_2;
    let distances = [((terms[0] + terms[1]) / ln2).sqrt(), ((terms[2] + terms[3]) / ln2).sqrt()];
    for files in [[&inputs[0], &targets[1], "probs"], [&inputs[0], &targets[2], "logits"]] {
        let said =
            [files[0], files[1], "--target", files[2], "--divergence=js", "--distance", "--base=2"];
        for (reduction, expected) in [
            ("sum", distances[0] + distances[1]),
            ("mean", (distances[0] + distances[1]) / 2.0),
            ("batchmean", (distances[0] + distances[1]) / 2.0),
        ] {
            close(loss(&[&said[..], &["--reduction", reduction]].concat()), expected, 1e-14);
        }
        for reduction in ["none", "rows"] {
            let printed = succeed(&[&said[..], &["--reduction", reduction]].concat());
            let printed: Vec<f64> = printed.lines().map(number).collect();
            assert_eq!(printed.len(), 2);
            close(printed[0], distances[0], 1e-14);
            close(printed[1], distances[1], 1e-14);
        }
    }
}

#[test]
fn numbers_have_exponents_where_they_are_shorter() {
    let files = Files::new("shortest");
    for (value, expected) in
        [(1e-310, "1e-310\n"), (0.25, "0.25\n"), (3e20, "3e20\n"), (0.0023, "0.0023\n")]
    {
        let input = files.f64("input", &[1, 1], &[-value]);
        let target = files.f64("target", &[1, 1], &[1.0]);
        assert_eq!(succeed(&[&input, &target]), expected);
    }
    let (input, target) =
        (files.f32("single", &[1, 1], &[-0.1]), files.f32("one", &[1, 1], &[1.0]));
    assert_eq!(succeed(&[&input, &target]), "0.1\n");
}
