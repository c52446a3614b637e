//! Losses and gradients against candle's own operations; layouts; refusals.
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::ops::log_softmax;
use kldiv_candle::{DistillLoss, Divergence, distill_loss};

fn logits(rows: usize, classes: usize, seed: f64) -> Result<Tensor> {
    let positions = Tensor::arange(0_u32, (rows * classes) as u32, &Device::Cpu)?;
    ((positions.to_dtype(DType::F64)? * seed)?.sin()? * 5.0)?.reshape((rows, classes))
}

fn composed(student: &Tensor, teacher: &Tensor, temperature: f64) -> Result<Tensor> {
    let rows = student.dim(0)? as f64;
    let student = log_softmax(&(student / temperature)?, D::Minus1)?;
    let teacher = log_softmax(&(teacher / temperature)?, D::Minus1)?;
    let terms = teacher.exp()?.mul(&(teacher - student)?)?;
    terms.sum_all()? * (temperature * temperature / rows)
}

/// The largest difference of two tensors of any float type.
fn apart(a: &Tensor, b: &Tensor) -> f64 {
    let [a, b] = [a, b].map(|t| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap());
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

#[test]
fn loss_and_both_gradients_are_those_of_candles_operations() -> Result<()> {
    for (dtype, near) in [(DType::F32, 2e-6), (DType::F64, 1e-14)] {
        // Large enough for threads, too.
        for (rows, classes) in [(1, 1), (3, 7), (64, 1_000)] {
            let student = Var::from_tensor(&logits(rows, classes, 1.7)?.to_dtype(dtype)?)?;
            let teacher = Var::from_tensor(&logits(rows, classes, 2.3)?.to_dtype(dtype)?)?;
            let (one, other) =
                (distill_loss(&student, &teacher, 2.0)?, composed(&student, &teacher, 2.0)?);
            assert_eq!(one.dtype(), dtype);
            assert!(apart(&one, &other) <= 20.0 * near, "{one} and {other}");
            let (ours, theirs) = (one.backward()?, other.backward()?);
            for side in [&student, &teacher] {
                let (ours, theirs) = (ours.get(side).unwrap(), theirs.get(side).unwrap());
                assert!(apart(ours, theirs) <= near, "{ours} and {theirs}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_teacher_that_is_no_variable_gets_no_gradient() -> Result<()> {
    let (student, teacher) = (Var::from_tensor(&logits(2, 3, 1.7)?)?, logits(2, 3, 2.3)?);
    let gradients = distill_loss(&student, &teacher, 1.0)?.backward()?;
    assert!(gradients.get(&student).is_some() && gradients.get(&teacher).is_none());
    Ok(())
}

#[test]
fn row_losses_may_be_weighted_and_keep_the_outer_dimensions() -> Result<()> {
    let (student, teacher) =
        (logits(6, 5, 1.7)?.reshape((2, 3, 5))?, logits(6, 5, 2.3)?.reshape((2, 3, 5))?);
    let student = Var::from_tensor(&student)?;
    let losses = DistillLoss::new().row_losses(&student, &teacher)?;
    assert_eq!(losses.dims(), [2, 3]);
    let weights = Tensor::new(&[[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]], &Device::Cpu)?;
    let gradients = losses.mul(&weights)?.sum_all()?.backward()?;
    let gradient = gradients.get(&student).unwrap().abs()?.sum(D::Minus1)?.to_vec2::<f64>()?;
    assert!(gradient[0][0] > 0.0 && gradient[1][2] > 0.0);
    assert_eq!((gradient[0][1], gradient[1][0]), (0.0, 0.0));
    Ok(())
}

#[test]
fn other_divergences() -> Result<()> {
    let (student, teacher) = (logits(4, 5, 1.7)?, logits(4, 5, 2.3)?);
    let reverse = DistillLoss::new().divergence(Divergence::Reverse).mean(&student, &teacher)?;
    assert!(apart(&reverse, &distill_loss(&teacher, &student, 1.0)?) < 1e-14);
    let mixture = DistillLoss::new().divergence(Divergence::JensenShannon { beta: 0.5 });
    let mixture = mixture.mean(&student, &teacher)?.to_scalar::<f64>()?;
    assert!(mixture > 0.0 && mixture < core::f64::consts::LN_2);
    Ok(())
}

#[test]
fn columns_rows_and_offsets_of_larger_tensors_are_read_where_they_are() -> Result<()> {
    let (wide, teacher) = (logits(8, 9, 1.7)?, logits(8, 9, 2.3)?);
    let cuts: [fn(&Tensor) -> Result<Tensor>; 5] = [
        |t| t.narrow(1, 0, 6),
        |t| t.narrow(1, 2, 6),
        |t| t.narrow(0, 3, 4),
        |t| t.narrow(0, 3, 4)?.narrow(1, 1, 7),
        |t| t.reshape((2, 4, 9))?.narrow(2, 1, 7),
    ];
    for cut in cuts {
        let wide = Var::from_tensor(&wide)?;
        let (student, teacher) = (cut(&wide)?, cut(&teacher)?);
        let dense = Var::from_tensor(&student.contiguous()?)?;
        let loss = DistillLoss::new().mean(&student, &teacher)?;
        let of_dense = DistillLoss::new().mean(&dense, &teacher.contiguous()?)?;
        assert_eq!(loss.to_scalar::<f64>()?, of_dense.to_scalar::<f64>()?);
        let gradient = loss.backward()?.get(&wide).unwrap().clone();
        let dense = of_dense.backward()?.get(&dense).unwrap().clone();
        assert_eq!(apart(&cut(&gradient)?, &dense), 0.0);
        let all = |t: &Tensor| t.abs()?.sum_all()?.to_scalar::<f64>();
        assert!((all(&gradient)? - all(&dense)?).abs() < 1e-12, "nothing elsewhere");
    }
    Ok(())
}

#[test]
fn numbers_of_16_bits_give_what_their_f32_copies_give() -> Result<()> {
    let cuts: [fn(&Tensor) -> Result<Tensor>; 3] =
        [|t| Ok(t.clone()), |t| t.narrow(1, 2, 990), |t| t.narrow(0, 3, 20)?.narrow(1, 1, 7)];
    let divergences =
        [Divergence::Forward, Divergence::Reverse, Divergence::JensenShannon { beta: 0.25 }];
    for dtype in [DType::BF16, DType::F16] {
        let student = logits(64, 1_000, 1.7)?.to_dtype(dtype)?;
        let teacher = logits(64, 1_000, 2.3)?.to_dtype(dtype)?;
        for (cut, divergence) in cuts.iter().flat_map(|cut| divergences.map(|d| (cut, d))) {
            let loss = DistillLoss::new().temperature(2.0).divergence(divergence);
            let step = |dtype: DType| -> Result<[Tensor; 3]> {
                let student = Var::from_tensor(&student.to_dtype(dtype)?)?;
                let teacher = Var::from_tensor(&teacher.to_dtype(dtype)?)?;
                let losses = loss.row_losses(&cut(&student)?, &cut(&teacher)?)?;
                // One factor for each row, as a mask or a schedule gives.
                let factors = Tensor::arange(0_f32, losses.elem_count() as f32, &Device::Cpu)?;
                let gradients = losses.mul(&factors)?.sum_all()?.backward()?;
                let [of_student, of_teacher] =
                    [&student, &teacher].map(|side| gradients.get(side).unwrap().clone());
                Ok([losses, of_student, of_teacher])
            };
            let ([losses, ours @ ..], [wide_losses, wide @ ..]) = (step(dtype)?, step(DType::F32)?);
            assert_eq!(losses.to_vec1::<f32>()?, wide_losses.to_vec1::<f32>()?);
            for (ours, wide) in ours.iter().zip(&wide) {
                assert_eq!(ours.dtype(), dtype);
                assert_eq!(apart(ours, &wide.to_dtype(dtype)?), 0.0);
                assert!(apart(ours, &ours.zeros_like()?) > 0.0);
            }
        }
        let mean = distill_loss(&student, &teacher, 2.0)?;
        assert_eq!(mean.dtype(), DType::F32);
    }
    Ok(())
}

#[test]
fn refusals_say_what_to_do() -> Result<()> {
    let (student, teacher) = (logits(4, 6, 1.7)?, logits(4, 6, 2.3)?);
    let integers = student.to_dtype(DType::U32)?;
    let single = teacher.to_dtype(DType::F32)?;
    let narrow = student.to_dtype(DType::BF16)?;
    let refused = [
        (distill_loss(&student, &single, 1.0), "teacher.to_dtype(DType::F64)"),
        (distill_loss(&integers, &teacher, 1.0), "U32, none of BF16, F16, F32, F64"),
        (distill_loss(&narrow, &single, 1.0), "teacher.to_dtype(DType::BF16)"),
        (
            distill_loss(&narrow, &single.to_dtype(DType::F16)?, 1.0),
            "teacher.to_dtype(DType::BF16)",
        ),
        (distill_loss(&narrow.t()?, &narrow.t()?, 1.0), ".contiguous()"),
        (distill_loss(&student, &teacher.narrow(0, 0, 3)?, 1.0), "[4, 6], the teacher's [3, 6]"),
        (distill_loss(&student.t()?, &teacher.t()?, 1.0), ".contiguous()"),
        (
            distill_loss(&student.narrow(0, 0, 1)?.broadcast_as((4, 6))?, &teacher, 1.0),
            ".contiguous()",
        ),
        (distill_loss(&student.sum_all()?, &teacher.sum_all()?, 1.0), ".reshape("),
        (distill_loss(&student.narrow(0, 0, 0)?, &teacher.narrow(0, 0, 0)?, 1.0), "no rows"),
        (distill_loss(&student, &teacher, 0.0), "temperature 0"),
        (
            DistillLoss::new()
                .divergence(Divergence::JensenShannon { beta: 1.0 })
                .mean(&student, &teacher),
            "beta",
        ),
    ];
    for (result, words) in refused {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(words), "{error}: no {words}");
    }
    Ok(())
}
