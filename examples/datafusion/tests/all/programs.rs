//! The programs, on few rows.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SAME: &str = "the bits of the plain loop";

/// A folder for a test's files, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Folder(std::env::temp_dir().join(format!("kldiv-{name}-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn cluster(folder: &Folder, further: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cluster"));
    command.args(["--rows", "4000", "--classes", "16", "--limit", "120", "--folder"]);
    command.arg(&folder.0).args(further);
    command
}

fn text(output: &Output) -> String {
    let (out, errors) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(errors))
}

fn is_running(process: &str) -> bool {
    // One that has ended but that nobody has asked about yet is a zombie.
    let state = fs::read_to_string(format!("/proc/{process}/stat"));
    state.is_ok_and(|state| !state.contains(") Z "))
}

/// The processes that the program's lines name.
fn processes(lines: &str) -> Vec<String> {
    let named = lines.lines().filter_map(|line| line.split_once(": process "));
    named.filter_map(|(_, rest)| rest.split(' ').next()).map(str::to_string).collect()
}

fn all_end(processes: &[String]) {
    assert_eq!(processes.len(), 3);
    let begun = Instant::now();
    while processes.iter().any(|process| is_running(process)) {
        assert!(begun.elapsed() < Duration::from_secs(20), "of {processes:?} some go on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn one_machine() {
    let folder = Folder::new("one");
    let output = Command::new(env!("CARGO_BIN_EXE_kldiv-datafusion"))
        .args(["--rows", "3000", "--classes", "12", "--folder"])
        .arg(&folder.0)
        .output()
        .unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    // Two tables, three numbers of partitions.
    assert_eq!(text.matches(SAME).count(), 6, "{text}");
}

#[test]
fn a_cluster_that_loses_an_executor() {
    let folder = Folder::new("cluster");
    let output = cluster(&folder, &["--rounds", "1"]).output().unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("executor 1 killed"), "{text}");
    // The plain loop itself; two executors; one of them killed; the other alone.
    assert_eq!(text.matches(SAME).count(), 4, "{text}");
    all_end(&processes(&text));
}

#[test]
fn a_cluster_ends_when_its_time_is_over() {
    let folder = Folder::new("limit");
    let output = cluster(&folder, &["--limit", "25", "--rounds", "1000000"]).output().unwrap();
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("not done after 25 s"), "{text}");
    all_end(&processes(&text));
}

/// Nobody is left to end them: they notice by themselves.
#[test]
fn a_cluster_ends_when_its_program_is_killed() {
    let folder = Folder::new("killed");
    let mut program =
        cluster(&folder, &["--rounds", "1000000"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut seen = String::new();
    while processes(&seen).len() < 3 {
        let Some(Ok(line)) = lines.next() else { panic!("{seen}") };
        seen += &line;
        seen += "\n";
    }
    let processes = processes(&seen);
    assert!(processes.iter().all(|process| is_running(process)), "{seen}");
    program.kill().unwrap();
    program.wait().unwrap();
    all_end(&processes);
}
