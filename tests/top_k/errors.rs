//! What is refused, with which words, and that nothing has been written then.

use kldiv::{
    DistillLoss, Divergence, Error, IGNORED, Rest, Rows, Side, Teacher, TopK, Upstream,
    validate_top_k,
};

use crate::problem::RESTS;

const NONE: f32 = f32::NEG_INFINITY;

fn top_k<'a>(classes: &'a [u32], log_probs: &'a [f32], k: usize) -> TopK<'a, f32> {
    TopK::new(classes, log_probs, k, Rest::Bucket).expect("whole rows")
}

#[test]
fn shapes() {
    for rest in RESTS {
        let refused = TopK::new(&[0, 1, 2], &[-1.0_f32; 2], 1, rest).unwrap_err();
        assert_eq!(refused, Error::TopKLength { classes: 3, log_probs: 2 });
        assert_eq!(refused.to_string(), "3 class indices but 2 log-probabilities");
        for k in [0, 2, 4] {
            let refused = TopK::new(&[0, 1, 2], &[-1.0_f32; 3], k, rest).unwrap_err();
            assert_eq!(refused, Error::TopKRows { len: 3, k });
            let text = format!("3 class indices cannot be cut into rows of k = {k}");
            assert_eq!(refused.to_string(), text);
        }
        assert!(TopK::<f32>::new(&[], &[], 0, rest).is_ok());
        assert!(TopK::<f32>::new(&[], &[], 9, rest).is_ok());
    }
    let student = Rows::new(&[0.0_f32; 6], 3).expect("two rows");
    let places = top_k(&[0, 1, 2], &[-1.0; 3], 1);
    let refused = DistillLoss::new(student, Teacher::TopK(places)).unwrap_err();
    assert_eq!(refused, Error::TeacherRows { student: 2, teacher: 3 });
    let none = top_k(&[], &[], 9);
    let refused = DistillLoss::new(student, Teacher::TopK(none)).unwrap_err();
    assert_eq!(refused, Error::TeacherRows { student: 2, teacher: 0 });
    assert!(DistillLoss::new(student, Teacher::TopK(top_k(&[], &[], 0))).is_ok());
}

/// Whatever it is, `IGNORED` too; in an empty place none is looked at.
#[test]
fn a_class_that_there_is_not() {
    let student = Rows::new(&[0.0_f32; 6], 3).expect("two rows");
    for index in [3, 4, IGNORED - 1, IGNORED] {
        for ln_p in [-1.0, -1e30, f32::NAN] {
            let (classes, log_probs) = ([0, 1, 2, index], [-1.0, -1.0, -1.0, ln_p]);
            let teacher = Teacher::TopK(top_k(&classes, &log_probs, 2));
            let refused = DistillLoss::new(student, teacher).unwrap_err();
            assert_eq!(refused, Error::ClassIndex { row: 1, index, classes: 3 });
            // In rows of weight 0 too: what is there is looked at before there are weights.
        }
        let (classes, log_probs) = ([0, 1, 2, index], [-1.0, -1.0, -1.0, NONE]);
        let teacher = Teacher::TopK(top_k(&classes, &log_probs, 2));
        assert!(DistillLoss::new(student, teacher).is_ok());
    }
}

#[test]
fn other_divergences() {
    let student = Rows::new(&[0.0_f32; 6], 3).expect("two rows");
    let teacher = Teacher::TopK(top_k(&[0, 1], &[-1.0; 2], 1));
    let loss = DistillLoss::new(student, teacher).expect("two rows");
    for divergence in [Divergence::Reverse, Divergence::JensenShannon { beta: 0.5 }] {
        let refused = loss.divergence(divergence).unwrap_err();
        assert_eq!(refused, Error::TopKDivergence { k: 1 });
        let text = "teacher is the top 1 of each row, which has the forward divergence only";
        assert_eq!(refused.to_string(), text);
    }
    assert!(loss.divergence(Divergence::Forward).is_ok());
    let refused = loss.divergence(Divergence::JensenShannon { beta: 2.0 }).unwrap_err();
    assert_eq!(refused, Error::Beta { value: 2.0 });
}

#[test]
fn its_own_gradient() {
    let student = Rows::new(&[0.0_f32; 6], 3).expect("two rows");
    let teacher = Teacher::TopK(top_k(&[0, 1], &[-1.0; 2], 1));
    let loss = DistillLoss::new(student, teacher).expect("two rows");
    for length in [2, 6] {
        let mut grad = vec![7.25; length];
        let refused = loss.grad_teacher(Upstream::Uniform(1.0), &mut grad).unwrap_err();
        assert_eq!(refused, Error::TopKGradient { k: 1 });
        assert!(grad.iter().all(|&x| x == 7.25));
    }
    let text = "teacher is the top 1 of each row, which have no gradient";
    assert_eq!(Error::TopKGradient { k: 1 }.to_string(), text);
}

#[test]
fn duplicates() {
    // Across windows, in any order, the lowest of them; empty places name nothing.
    let far = 4_000_000_000;
    for (classes, found) in [
        (vec![1, 2, 3, 4], None),
        (vec![9, 9, 9, 9], Some(9)),
        (vec![far, 7, far, 7], Some(7)),
        (vec![7, far, 8, far], Some(far)),
        (vec![100_000, 40_000, 3, 40_000], Some(40_000)),
        (vec![IGNORED, 0, 32_768, IGNORED], Some(IGNORED)),
        (vec![0, 2_048, 32_767, 32_768], None),
    ] {
        let mut all = vec![0, 1, 2, 5];
        all.extend(&classes);
        let log_probs = [-2.0; 8];
        let expected = found.map_or(Ok(()), |index| Err(Error::RepeatedClass { row: 1, index }));
        assert_eq!(validate_top_k(top_k(&all, &log_probs, 4)), expected, "{classes:?}");
    }
    let empty = [-1.0, -1.0, NONE, NONE];
    assert_eq!(validate_top_k(top_k(&[1, 2, 1, 1], &empty, 4)), Ok(()));
    assert_eq!(validate_top_k(top_k(&[], &[], 0)), Ok(()));
    let refused = Error::RepeatedClass { row: 1, index: 9 };
    assert_eq!(refused.to_string(), "row 1 of the teacher names class 9 twice");
}

#[test]
fn validate_looks_at_the_places() {
    let student = [0.0_f32; 20];
    let student = Rows::new(&student, 10).expect("two rows");
    let checked = |classes: &[u32], log_probs: &[f32]| {
        let teacher = Teacher::TopK(top_k(classes, log_probs, 2));
        DistillLoss::new(student, teacher).expect("two rows").validate(1e-6)
    };
    assert_eq!(checked(&[0, 1, 2, 3], &[-1.0, -2.0, NONE, 0.0]), Ok(()));
    let refused = checked(&[0, 1, 2, 3], &[-1.0, -2.0, -0.1, -0.1]);
    let is_sum = |sum: f64| (sum - 2.0 * (-0.1_f64).exp()).abs() < 1e-6;
    assert!(
        matches!(refused, Err(Error::RowSum { side: Side::Teacher, row: 1, sum }) if is_sum(sum))
    );
    assert_eq!(
        checked(&[0, 1, 2, 3], &[-1.0, 0.5, -1.0, -1.0]),
        Err(Error::TeacherLogProbability { row: 0, index: 1, value: 0.5 })
    );
    assert_eq!(checked(&[0, 1, 3, 3], &[-1.0; 4]), Err(Error::RepeatedClass { row: 1, index: 3 }));
}
