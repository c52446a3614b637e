//! What `--help` prints.

pub(crate) const TEXT: &str = "\
KL divergence D(target || input), from the command line.

Usage:
  kl_div                                  report on two digit classifiers (built in), with checks
  kl_div INPUT.npy TARGET.npy [OPTIONS]   the loss between your own arrays
  kl_div INPUT.npy --labels LABELS.npy    the cross-entropy loss with class indices

INPUT is what the model says, TARGET the reference. Both are NumPy arrays of one shape whose last
dimension is the classes: f64, f32 or f16 (bfloat16 with --bf16), of either byte order, in C or Fortran
order. Of two types the wider is computed with, f32 at least. The loss goes to standard output, in
nats; notes and errors go to standard error.

What the files hold:
  --input FORM       log-probs (default without --labels), probs, logits (default with --labels)
  --target FORM      probs (default), log-probs, logits
  --logits           short for --input logits --target logits
  --log-target       short for --target log-probs
  --labels FILE      class indices, one a row, of any integer type; their shape is INPUT's without the
                     last dimension. Rows with label -100 are left out. With --statistics they can stand
                     beside TARGET
  --classes N        only the first N columns are classes, the others are padding; INPUT and TARGET
                     may then differ in their last dimension
  --bf16             2-byte items without a type of NumPy's (as ml_dtypes saves them) are bfloat16

What is computed:
  --divergence KIND  forward: D(target || input), the default; reverse: D(input || target); js:
                     Jensen-Shannon, equal shares. Of any form
  --temperature T    divides logits by T before their softmax, never probabilities (no T² factor)
  --reduction KIND   mean (default: over all elements, as PyTorch's; with --labels or --distance over
                     the rows that count), sum, batchmean (sum / first dimension), none (a term a line;
                     with --labels or --distance a row a line), rows (a row a line)
  --distance         with --divergence js: the square root of each row's divergence, a metric
  --base BASE        e (default: nats) or 2 (bits)
  --isa NAME         force an instruction set: scalar, sse2, avx2, avx512, neon, simd128

Statistics of the rows, in place of the loss:
  --statistics       mean and its standard error, percentiles, minimum, maximum and its row; how often
                     INPUT and TARGET find the same class most likely, and how far the probability of
                     TARGET's is off; with --labels the perplexity of both, and how often each is right;
                     a histogram. With --labels in place of TARGET, the label is its most likely class
  --json             the same for machines; numbers that are not finite are null
  --plot FILE.svg    the histogram as a picture as well

Files are read in blocks and may be larger than memory. Built with --features rayon, all threads work,
or as many as --threads N says; results have the same bits whatever their number.

An array without elements, or whose rows are all left out, has the losses of nothing, as in PyTorch: its
sum is 0, its mean NaN.

Exit status: 0 done, 1 a file cannot be used or a check failed, 2 the command line is wrong.

Examples:
  cargo run --release --example kl_div
  cargo run --release --example kl_div -- log_q.npy p.npy --reduction batchmean
  cargo run --release --example kl_div -- log_q.npy p.npy --divergence reverse
  cargo run --release --example kl_div -- student.npy teacher.npy --logits --reduction batchmean
  cargo run --release --example kl_div -- student.npy p.npy --input logits --divergence js
  cargo run --release --example kl_div -- student.npy --labels labels.npy
  cargo run --release --features rayon --example kl_div -- a.npy b.npy --logits --statistics
";
