//! What goes wrong.

use std::fs;
use std::process::{Command, Stdio};

use kldiv::Isa;

use crate::arrays::Files;
use crate::running::{TARGET, close, example, fail, loss, text};

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
        (files.write("countless", "<f8", false, &[1 << 40, 1 << 40], &[]), "shape is too large"),
        (files.write("integers", "<i8", false, &[2, 2], &[0; 32]), "'<i8'"),
        (files.write("untyped", "|V2", false, &[2, 2], &[0; 8]), "--bf16"),
        (files.write("wide", "<f16", false, &[2, 2], &[0; 64]), "'<f16'"),
        (files.raw("archive", b"PK\x03\x04 and so on"), "is an archive; take one array out of it"),
        (files.write("complex", "<c16", false, &[2, 2], &[0; 64]), "'<c16'"),
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
    let message = fail(&[&wide, &tall], 1);
    for part in [&wide, &tall, "[1, 4]", "[4, 1]"] {
        assert!(message.contains(part), "{message:?} lacks {part}");
    }
    let wider = files.f64("wider", &[1, 5], &[0.2; 5]);
    assert!(fail(&[&wide, &wider], 1).contains("--classes 4"));
}

#[test]
fn shapes_without_the_needed_dimension() {
    let files = Files::new("dimensions");
    let scalar = files.f64("scalar", &[], &[-0.5]);
    close(loss(&[&scalar, &files.f64("one", &[], &[1.0])]), 0.5, 1e-15);
    assert!(fail(&[&scalar, &scalar, "--reduction", "batchmean"], 1).contains("batchmean"));
    assert!(
        fail(&[&scalar, &scalar, "--logits"], 1).contains("logits need at least one dimension")
    );
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
