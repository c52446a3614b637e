//! The same bits on every instruction set, and for a row whatever stands beside it.

use kldiv::{Isa, Reduction};

use crate::problem::{Data, Everything, FORMS, KINDS, Problem};
use crate::support::{Number, for_each_number, isas, same};

const DATA: [Data; 10] = [
    Data::Ordinary,
    Data::Warm,
    Data::Spread,
    Data::Rising,
    Data::Climbing,
    Data::Leaping,
    Data::LeapingTeacher,
    Data::Masked,
    Data::Specials,
    Data::Close,
];

fn compare_bits<R: Number>(shapes: impl Iterator<Item = (usize, usize)> + Clone) {
    for data in DATA {
        for form in FORMS {
            for (rows, classes) in shapes.clone() {
                let problem = data.make::<R>(form, rows, classes);
                for kind in KINDS {
                    let all = |isa| Everything::of(problem.loss(kind, isa), rows, rows * classes);
                    let expected = all(Isa::Scalar);
                    for isa in isas() {
                        let context = (R::NAME, data, form, kind, isa, rows, classes);
                        all(isa).assert_same(&context, &expected);
                    }
                }
            }
        }
    }
}

#[test]
fn every_instruction_set_has_the_bits_of_scalar_code() {
    // Around a tile, a block and several of them, in f32 and in f64.
    let few = (1..=35).step_by(2).chain([63, 64, 65, 127, 128, 129]);
    let many = [512, 513, 1023, 1024, 1025, 3000, 4097];
    let shapes = few.map(|classes| (2, classes)).chain(many.map(|classes| (1, classes)));
    for_each_number!(R => compare_bits::<R>(shapes.clone()));
}

/// A row's results are those of the row by itself, whatever comes before it.
#[test]
fn rows_do_not_depend_on_each_other() {
    fn check<R: Number>() {
        for form in FORMS {
            let problem = Problem::<R>::ordinary(form, 5, 33, 1.5);
            for kind in KINDS {
                let mut losses = [R::of(0.0); 5];
                problem.loss(kind, Isa::best()).row_losses(&mut losses).expect("five rows");
                for (row, &loss) in losses.iter().enumerate() {
                    let mut alone = problem.clone();
                    alone.student = problem.student[row * 33..][..33].to_vec();
                    alone.teacher = problem.teacher[row * 33..][..33].to_vec();
                    alone.indices = vec![problem.indices[row]];
                    let alone = alone.loss(kind, Isa::best()).reduce(Reduction::Sum);
                    assert!(same(loss, alone), "{form:?} {kind:?}: {loss:?}, alone {alone:?}");
                }
            }
        }
    }
    for_each_number!(R => check::<R>());
}
