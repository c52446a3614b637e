//! A student of handwritten digits learns from its teacher twice: once by `distill_loss`, once by candle's own
//! operations. Both print the same losses; then the time and the memory of a step of each are measured.
//!
//! ```text
//! cargo run --release
//! ```

mod memory;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use candle_core::{D, DType, Device, Result, Tensor, Var, bail};
use candle_nn::ops::log_softmax;
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use kldiv_candle::distill_loss;

#[global_allocator]
static MEMORY: memory::Counting = memory::Counting;

const EPOCHS: usize = 12;
const BATCH: usize = 128;
const TEMPERATURE: f64 = 2.0;
const STEPS_TIMED: usize = 15;

/// What takes a student's and a teacher's logits to a loss.
type Loss = fn(&Tensor, &Tensor, f64) -> Result<Tensor>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kldiv-candle: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (student, teacher) = (digits("student")?, digits("teacher")?);
    let images = student.dim(0)?;
    println!(
        "{images} images, batches of {BATCH}, temperature {TEMPERATURE}: mean loss of each epoch\n"
    );
    println!("epoch   distill_loss   candle's operations");
    let (ours, theirs) =
        (train(&student, &teacher, distill_loss)?, train(&student, &teacher, composed)?);
    for (epoch, (one, other)) in ours.iter().zip(&theirs).enumerate() {
        println!("{epoch:>5}   {one:>12.6}   {other:>19.6}");
        if (one - other).abs() > 1e-4 * other {
            bail!("the curves part in epoch {epoch}");
        }
    }
    if ours.last() > ours.first() {
        bail!("the loss did not fall");
    }
    println!(
        "\nforward and backward      distill_loss        candle's operations   as fast   memory"
    );
    let vocabulary = |seed: f64| {
        let positions = Tensor::arange(0_u32, 64 * 32_000, &Device::Cpu)?.to_dtype(DType::F32)?;
        ((positions * seed)?.sin()? * 8.0)?.reshape((64, 32_000))
    };
    compare("1797 × 10", &student, &teacher)?;
    let (student, teacher) = (vocabulary(1.7)?, vocabulary(2.3)?);
    compare("64 × 32000", &student, &teacher)?;
    compare("… in bf16", &student.to_dtype(DType::BF16)?, &teacher.to_dtype(DType::BF16)?)
}

/// The digits' logits of one side.
fn digits(side: &str) -> Result<Tensor> {
    Tensor::read_npy(format!("{}/../data/digits_{side}_logits.npy", env!("CARGO_MANIFEST_DIR")))
}

/// The loss as it is written without kldiv.
fn composed(student: &Tensor, teacher: &Tensor, temperature: f64) -> Result<Tensor> {
    let rows = student.dim(0)? as f64;
    let student = log_softmax(&(student / temperature)?, D::Minus1)?;
    let teacher = log_softmax(&(teacher / temperature)?, D::Minus1)?;
    let terms = teacher.exp()?.mul(&(teacher - student)?)?;
    terms.sum_all()? * (temperature * temperature / rows)
}

/// Teaches a scale and a bias for each class, and returns the mean loss of each epoch.
fn train(student: &Tensor, teacher: &Tensor, loss: Loss) -> Result<Vec<f32>> {
    let (images, classes) = student.dims2()?;
    let scale = Var::ones(classes, DType::F32, &Device::Cpu)?;
    let bias = Var::zeros(classes, DType::F32, &Device::Cpu)?;
    let parameters = ParamsAdamW { lr: 0.02, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut optimizer = AdamW::new(vec![scale.clone(), bias.clone()], parameters)?;
    let mut curve = Vec::new();
    for _ in 0..EPOCHS {
        let mut sum = 0.0;
        for start in (0..images).step_by(BATCH) {
            let length = BATCH.min(images - start);
            let (student, teacher) =
                (student.narrow(0, start, length)?, teacher.narrow(0, start, length)?);
            let logits = student.broadcast_mul(&scale)?.broadcast_add(&bias)?;
            let loss = loss(&logits, &teacher, TEMPERATURE)?;
            optimizer.backward_step(&loss)?;
            sum += loss.to_scalar::<f32>()? * length as f32;
        }
        curve.push(sum / images as f32);
    }
    Ok(curve)
}

/// Seconds (the median of turns) and bytes (the most above what was there) of a forward and a backward pass.
fn compare(name: &str, student: &Tensor, teacher: &Tensor) -> Result<()> {
    let student = Var::from_tensor(student)?;
    let step = |loss: Loss| -> Result<(f64, usize)> {
        let before = memory::restart();
        let start = Instant::now();
        let gradients = loss(&student, teacher, TEMPERATURE)?.backward()?;
        let seconds = start.elapsed().as_secs_f64();
        black_box(gradients);
        Ok((seconds, memory::peak() - before))
    };
    let (mut ours, mut theirs) = (vec![], vec![]);
    for _ in 0..STEPS_TIMED {
        ours.push(step(distill_loss)?);
        theirs.push(step(composed)?);
    }
    let medians = [ours, theirs].map(|mut steps| {
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        steps[steps.len() / 2]
    });
    let [(seconds, bytes), (their_seconds, their_bytes)] = medians;
    println!(
        "{name:<12} {:>9.3} ms {:>9.2} MB   {:>9.3} ms {:>9.2} MB   {:>5.1} ×   1/{:.1}",
        seconds * 1e3,
        bytes as f64 / 1e6,
        their_seconds * 1e3,
        their_bytes as f64 / 1e6,
        their_seconds / seconds,
        their_bytes as f64 / bytes as f64
    );
    if 3 * bytes > their_bytes {
        bail!("{name}: {bytes} bytes beside {their_bytes}: no third of them");
    }
    Ok(())
}
