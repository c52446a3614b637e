//! Fixed inputs, results as hex: the same table on every target, for every instruction set.
//!
//! When a result is meant to change, this writes the new table:
//!
//! ```text
//! cargo test -q --test bits_table -- --ignored --nocapture print_table \
//!     | sed -n '/^\/\/!/,/^];$/p' > /tmp/table.rs && cp /tmp/table.rs tests/bits_table/table.rs
//! ```

#[path = "bits_table/cases.rs"]
mod cases;
#[rustfmt::skip]
#[path = "bits_table/table.rs"]
mod table;

use core::fmt::Write;

use cases::number::{Number, for_each_number};
use cases::{Case, Space};
use kldiv::Isa;
use table::TABLE;

/// Name and numbers of every result of an instruction set, in the order of the table.
fn results(isa: Isa) -> Vec<(String, Vec<u64>)> {
    let mut results = Vec::new();
    let mut add = |case: Case, numbers: &[u64]| results.push((case.to_string(), numbers.to_vec()));
    for_each_number!(R => {
        let mut space = Box::new(Space::new(R::of(0.0)));
        cases::elementwise(isa, &mut space, &mut add).expect("an available instruction set");
    });
    for_each_number!(R => {
        let mut space = Box::new(Space::new(R::of(0.0)));
        cases::logits(&mut space, &mut add).expect("lengths agree");
    });
    for_each_number!(R => {
        let mut space = Box::new(Space::new(R::of(0.0)));
        cases::distillation(isa, &mut space, &mut add).expect("an available instruction set");
    });
    results
}

#[test]
fn every_instruction_set_gives_the_table() {
    for isa in Isa::available() {
        let results = results(isa);
        let mut different = String::new();
        let mut count = 0;
        for ((name, found), &(listed_name, listed)) in results.iter().zip(TABLE) {
            assert_eq!(name, listed_name, "the table lists other cases: print it anew");
            if found != listed {
                count += 1;
                if count <= 20 {
                    writeln!(different, "{name}: {found:x?}, the table has {listed:x?}")
                        .expect("memory");
                }
            }
        }
        assert_eq!(count, 0, "on {isa}, {count} of {} results differ:\n{different}", TABLE.len());
        assert_eq!(results.len(), TABLE.len(), "the table lists other cases: print it anew");
    }
}

/// See the top of this file.
#[test]
#[ignore = "prints what the table should hold"]
fn print_table() {
    let mut text = String::from(
        "\n//! What `cases.rs` computes, on every machine. Written by `print_table` of `bits_table.rs`.\n\n\
         /// Name; then of a single number its bits, of several the first, the last and a hash of all.\n\
         pub(crate) const TABLE: &[(&str, &[u64])] = &[\n",
    );
    for (name, numbers) in results(Isa::Scalar) {
        let numbers: Vec<String> = numbers.iter().map(|bits| format!("{bits:#x}")).collect();
        writeln!(text, "    (\"{name}\", &[{}]),", numbers.join(", ")).expect("memory");
    }
    println!("{text}];");
}
