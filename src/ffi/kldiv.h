// The C interface of kldiv, written by cbindgen from src/ffi. Do not edit.
//
// Every function returns a status; unless it is KLDIV_STATUS_OK, nothing has been written (but what
// a kldiv_..._validate_... found). Options of NULL are all zero. What is checked: NULL (fine where the
// length is 0), alignment, outputs that overlap what is read, lengths, options. What is the caller's
// promise: behind each pointer lie as many numbers as the length beside it says, an output's may hold
// anything, and no other thread writes them meanwhile. A single result may lie among the numbers read.
// No function allocates, keeps state or reads any.
//
// The functions whose names end in _f16 and _bf16 take numbers of 16 bits, IEEE 754's and those that are the
// upper half of a float, as their bits; they are in libraries that were built with the feature `half`. They
// compute in float, and numbers that are not one an element are float.

#ifndef KLDIV_H
#define KLDIV_H

#include <stddef.h>
#include <stdint.h>

// The teacher is given as logits.
#define KLDIV_TEACHER_LOGITS 0

// The teacher is given as natural logarithms of probabilities.
#define KLDIV_TEACHER_LOG_PROBS 1

// The teacher is given as probabilities.
#define KLDIV_TEACHER_PROBS 2

// D(teacher ‖ student).
#define KLDIV_DIVERGENCE_FORWARD 0

// D(student ‖ teacher).
#define KLDIV_DIVERGENCE_REVERSE 1

// Of both from their mixture; `beta` is the teacher's share.
#define KLDIV_DIVERGENCE_JENSEN_SHANNON 2

// A label of a row that does not count: its loss, gradient and weight are 0. What PyTorch's
// `ignore_index` of -100 is.
#define KLDIV_IGNORED UINT32_MAX

// Bytes of a sum written by `kldiv_exact_sum_to_bytes`.
#define KLDIV_EXACT_SUM_BYTES 274

// The input holds natural logarithms of probabilities.
#define KLDIV_INPUT_LOG_PROBS 0

// The input holds probabilities.
#define KLDIV_INPUT_PROBS 1

// The target holds probabilities.
#define KLDIV_TARGET_PROBS 0

// The target holds natural logarithms of probabilities.
#define KLDIV_TARGET_LOG_PROBS 1

// The sum over all elements divided by their number.
#define KLDIV_REDUCTION_MEAN 0

// The sum over all elements.
#define KLDIV_REDUCTION_SUM 1

// The sum over all elements divided by `batch`.
#define KLDIV_REDUCTION_BATCH_MEAN 2

// The widest instruction set of this machine.
#define KLDIV_ISA_BEST 0

// One element at a time.
#define KLDIV_ISA_SCALAR 1

// x86 with SSE2.
#define KLDIV_ISA_SSE2 2

// x86-64 with AVX2.
#define KLDIV_ISA_AVX2 3

// x86-64 with AVX-512.
#define KLDIV_ISA_AVX512 4

// AArch64 with NEON.
#define KLDIV_ISA_NEON 5

// WebAssembly with simd128.
#define KLDIV_ISA_SIMD128 6

// The classes that are not named have no probability: what is there is divided by its sum.
#define KLDIV_REST_RENORMALISE 0

// They are one class, of what is left of one.
#define KLDIV_REST_BUCKET 1

// What is left of one is spread evenly over them.
#define KLDIV_REST_UNIFORM 2

// They are left out: no divergence, and it may be negative.
#define KLDIV_REST_IGNORE 3

// What a function says of its call. Unless it is `KLDIV_STATUS_OK`, nothing has been written.
typedef enum {
  // Done.
  KLDIV_STATUS_OK = 0,
  // A pointer is NULL and its length is not 0.
  KLDIV_STATUS_NULL = 1,
  // A pointer is not a multiple of its numbers' size.
  KLDIV_STATUS_MISALIGNED = 2,
  // A length is more than memory can hold.
  KLDIV_STATUS_TOO_LONG = 3,
  // An output overlaps an input.
  KLDIV_STATUS_OVERLAP = 4,
  // A name or a choice that means nothing.
  KLDIV_STATUS_OPTION = 5,
  // This machine or this build does not have the instruction set.
  KLDIV_STATUS_ISA_UNAVAILABLE = 6,
  // An output does not have the length of what is written to it.
  KLDIV_STATUS_LENGTH = 7,
  // The numbers cannot be cut into that many equal rows.
  KLDIV_STATUS_ROWS = 8,
  // The numbers cannot be cut into rows of that many classes, or the classes are 0.
  KLDIV_STATUS_CLASSES = 9,
  // A NaN, which is neither a probability nor its logarithm.
  KLDIV_STATUS_NAN = 10,
  // A probability below zero.
  KLDIV_STATUS_NEGATIVE_PROBABILITY = 11,
  // A log-probability above the tolerance; most often a probability passed as its logarithm.
  KLDIV_STATUS_POSITIVE_LOG_PROBABILITY = 12,
  // Probabilities of a row that do not sum to 1.
  KLDIV_STATUS_ROW_SUM = 13,
  // A label that is not below the number of classes.
  KLDIV_STATUS_CLASS_INDEX = 14,
  // Bytes that no exact sum is written as.
  KLDIV_STATUS_EXACT_SUM_BYTES = 15,
  // The options' `input` is no `KLDIV_INPUT_…`.
  KLDIV_STATUS_OPTION_INPUT = 16,
  // The options' `target` is no `KLDIV_TARGET_…`.
  KLDIV_STATUS_OPTION_TARGET = 17,
  // The options' `isa` is no `KLDIV_ISA_…`.
  KLDIV_STATUS_OPTION_ISA = 18,
  // The options' `reduction` is no `KLDIV_REDUCTION_…`.
  KLDIV_STATUS_OPTION_REDUCTION = 19,
  // The options' `teacher` is no `KLDIV_TEACHER_…`.
  KLDIV_STATUS_OPTION_TEACHER = 20,
  // The options' `divergence` is no `KLDIV_DIVERGENCE_…`.
  KLDIV_STATUS_OPTION_DIVERGENCE = 21,
  // The options' `temperature`, after rounding to the type, is not a positive, normal, finite number.
  KLDIV_STATUS_OPTION_TEMPERATURE = 22,
  // The options' `beta`, after rounding to the type, is not above 0 and below 1.
  KLDIV_STATUS_OPTION_BETA = 23,
  // A teacher and labels; one of them has to be NULL.
  KLDIV_STATUS_TEACHER_AND_LABELS = 24,
  // A logit that is NaN or +∞.
  KLDIV_STATUS_LOGIT = 25,
  // A row of logits that are all −∞.
  KLDIV_STATUS_NO_LOGIT = 26,
  // A stride is less than the classes of a row.
  KLDIV_STATUS_STRIDE = 28,
  // `rest` is no `KLDIV_REST_…`.
  KLDIV_STATUS_OPTION_REST = 30,
  // A teacher that names few classes of each row has the forward divergence only.
  KLDIV_STATUS_TOP_K_DIVERGENCE = 31,
  // A row that names a class twice.
  KLDIV_STATUS_REPEATED_CLASS = 32,
  // Rows in pieces need a teacher of logits.
  KLDIV_STATUS_PIECES_TEACHER = 33,
  // Rows in pieces have the forward and the reverse divergence only.
  KLDIV_STATUS_PIECES_DIVERGENCE = 34,
} KldivStatus;

// How the numbers are meant and what to do with them. All zero, which NULL means too, is what
// PyTorch's `nn.KLDivLoss()` does: log-probabilities against probabilities, the mean.
typedef struct {
  // A `KLDIV_INPUT_…`.
  uint32_t input;
  // A `KLDIV_TARGET_…`.
  uint32_t target;
  // A `KLDIV_ISA_…`; the results are the same with each.
  uint32_t isa;
  // A `KLDIV_REDUCTION_…`, for `kldiv_reduce_…`.
  uint32_t reduction;
  // The divisor of `KLDIV_REDUCTION_BATCH_MEAN`.
  size_t batch;
} KldivOptions;

// How `kldiv_distill_…` compares. All zero, which NULL means too, is the divergence of logits at
// temperature 1.
typedef struct {
  // A `KLDIV_TEACHER_…`; ignored where there are labels.
  uint32_t teacher;
  // A `KLDIV_DIVERGENCE_…`.
  uint32_t divergence;
  // A `KLDIV_ISA_…`; the results are the same with each.
  uint32_t isa;
  // Divides the logits of both: positive, normal and finite after rounding to the type (for f32, 1e-40
  // is refused). 0 stands for 1.
  double temperature;
  // For `KLDIV_DIVERGENCE_JENSEN_SHANNON`: above 0 and below 1 after rounding to the type (for f32,
  // 1 - 1e-9 is refused).
  double beta;
  // Elements from the beginning of a student's row to that of the next, at least `classes`; what lies
  // between is not read. 0 stands for `classes`.
  size_t student_stride;
  // The same of a teacher's row.
  size_t teacher_stride;
  // Not 0: a gradient is added to what its place holds, and nothing between rows is written.
  uint32_t accumulate;
} KldivDistillOptions;

// What `kldiv_distill_validate_…` or `kldiv_top_k_validate_…` found.
typedef struct {
  // Its row.
  size_t row;
  // Its index in the row; 0 where the row as a whole is meant.
  size_t index;
  // The number that it is; of a row that does not sum to 1 the sum, of logits that are all -infinity
  // that.
  double value;
} KldivOffender;

// An exact sum of `float` and `double` numbers: whatever their order and grouping, the same bits. All
// zero is a sum of nothing; the words are nobody else's business. It may be copied like any other value.
typedef struct {
  uint64_t words[68];
} KldivExactSum;

// What is known of a row of which not all classes have been seen. All zero is that of none yet. It may be
// copied like any other value and sent elsewhere; what the numbers mean is nobody else's business.
typedef struct {
  float numbers[8];
} KldivRowStateF32;

// The same for `double`.
typedef struct {
  double numbers[8];
} KldivRowStateF64;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// One sentence about a status, in English; it lives for ever.
const char *kldiv_message(int32_t status);

// The divergence of the target from the input, reduced to one number, in nats.
KldivStatus kldiv_reduce_f32(const KldivOptions *options,
                             const float *input,
                             const float *target,
                             size_t len,
                             float *result);

// The entropy of the target, in nats.
KldivStatus kldiv_entropy_f32(const KldivOptions *options,
                              const float *target,
                              size_t len,
                              float *result);

// The cross-entropy of the target and the input, in nats.
KldivStatus kldiv_cross_entropy_f32(const KldivOptions *options,
                                    const float *input,
                                    const float *target,
                                    size_t len,
                                    float *result);

// The divergence's terms, `len` of them.
KldivStatus kldiv_pointwise_f32(const KldivOptions *options,
                                const float *input,
                                const float *target,
                                size_t len,
                                float *out,
                                size_t out_len);

// The divergence of each of `rows` rows of one length.
KldivStatus kldiv_row_sums_f32(const KldivOptions *options,
                               const float *input,
                               const float *target,
                               size_t len,
                               float *out,
                               size_t rows);

// The derivative by the input, times the upstream gradient: one factor for all, one for
// each of `len` elements, or one for each row.
KldivStatus kldiv_grad_input_f32(const KldivOptions *options,
                                 const float *input,
                                 const float *target,
                                 size_t len,
                                 const float *factors,
                                 size_t factors_len,
                                 float *grad,
                                 size_t grad_len);

// The derivative by the target, likewise.
KldivStatus kldiv_grad_target_f32(const KldivOptions *options,
                                  const float *input,
                                  const float *target,
                                  size_t len,
                                  const float *factors,
                                  size_t factors_len,
                                  float *grad,
                                  size_t grad_len);

// Checks that both are distributions in `rows` rows, within a tolerance.
KldivStatus kldiv_validate_f32(const KldivOptions *options,
                               const float *input,
                               const float *target,
                               size_t len,
                               size_t rows,
                               float tolerance);

// Rows of `classes` logits to natural logarithms of probabilities.
KldivStatus kldiv_log_softmax_f32(const float *logits,
                                  size_t len,
                                  size_t classes,
                                  float *out,
                                  size_t out_len);

// Rows of `classes` logits to probabilities.
KldivStatus kldiv_softmax_f32(const float *logits,
                              size_t len,
                              size_t classes,
                              float *out,
                              size_t out_len);

// The divergence of each row between the softmax of a student's logits and a teacher,
// `rows · classes` numbers, or `rows` labels: one of the two is NULL. Rows with a stride
// are `(rows - 1) · stride + classes` numbers. `weights` is NULL or one number for each
// row; a row of weight 0 and one of label `KLDIV_IGNORED` are not read.
KldivStatus kldiv_distill_losses_f32(const KldivDistillOptions *options,
                                     const float *student,
                                     const float *teacher,
                                     const uint32_t *labels,
                                     size_t rows,
                                     size_t classes,
                                     const float *weights,
                                     float *losses,
                                     size_t losses_len);

// The same, and the derivative of each row's divergence by the student's logits, times
// one factor for all or one for each row. `grad` has the length and the stride of
// `student`; what lies between rows becomes 0, unless `accumulate` is set.
KldivStatus kldiv_distill_grad_f32(const KldivDistillOptions *options,
                                   const float *student,
                                   const float *teacher,
                                   const uint32_t *labels,
                                   size_t rows,
                                   size_t classes,
                                   const float *weights,
                                   const float *factors,
                                   size_t factors_len,
                                   float *losses,
                                   size_t losses_len,
                                   float *grad,
                                   size_t grad_len);

// Checks that each row that counts is what it is said to be: logits without NaN and
// infinity, not all -infinity; a teacher's probabilities at least 0, its
// log-probabilities at most `tolerance`, each of its rows with the sum 1 within
// `tolerance`; labels below `classes`. What is found first goes to `offender`, unless
// that is NULL.
KldivStatus kldiv_distill_validate_f32(const KldivDistillOptions *options,
                                       const float *student,
                                       const float *teacher,
                                       const uint32_t *labels,
                                       size_t rows,
                                       size_t classes,
                                       const float *weights,
                                       float tolerance,
                                       KldivOffender *offender);

// The divergence of the target from the input, reduced to one number, in nats.
KldivStatus kldiv_reduce_f64(const KldivOptions *options,
                             const double *input,
                             const double *target,
                             size_t len,
                             double *result);

// The entropy of the target, in nats.
KldivStatus kldiv_entropy_f64(const KldivOptions *options,
                              const double *target,
                              size_t len,
                              double *result);

// The cross-entropy of the target and the input, in nats.
KldivStatus kldiv_cross_entropy_f64(const KldivOptions *options,
                                    const double *input,
                                    const double *target,
                                    size_t len,
                                    double *result);

// The divergence's terms, `len` of them.
KldivStatus kldiv_pointwise_f64(const KldivOptions *options,
                                const double *input,
                                const double *target,
                                size_t len,
                                double *out,
                                size_t out_len);

// The divergence of each of `rows` rows of one length.
KldivStatus kldiv_row_sums_f64(const KldivOptions *options,
                               const double *input,
                               const double *target,
                               size_t len,
                               double *out,
                               size_t rows);

// The derivative by the input, times the upstream gradient: one factor for all, one for
// each of `len` elements, or one for each row.
KldivStatus kldiv_grad_input_f64(const KldivOptions *options,
                                 const double *input,
                                 const double *target,
                                 size_t len,
                                 const double *factors,
                                 size_t factors_len,
                                 double *grad,
                                 size_t grad_len);

// The derivative by the target, likewise.
KldivStatus kldiv_grad_target_f64(const KldivOptions *options,
                                  const double *input,
                                  const double *target,
                                  size_t len,
                                  const double *factors,
                                  size_t factors_len,
                                  double *grad,
                                  size_t grad_len);

// Checks that both are distributions in `rows` rows, within a tolerance.
KldivStatus kldiv_validate_f64(const KldivOptions *options,
                               const double *input,
                               const double *target,
                               size_t len,
                               size_t rows,
                               double tolerance);

// Rows of `classes` logits to natural logarithms of probabilities.
KldivStatus kldiv_log_softmax_f64(const double *logits,
                                  size_t len,
                                  size_t classes,
                                  double *out,
                                  size_t out_len);

// Rows of `classes` logits to probabilities.
KldivStatus kldiv_softmax_f64(const double *logits,
                              size_t len,
                              size_t classes,
                              double *out,
                              size_t out_len);

// The divergence of each row between the softmax of a student's logits and a teacher,
// `rows · classes` numbers, or `rows` labels: one of the two is NULL. Rows with a stride
// are `(rows - 1) · stride + classes` numbers. `weights` is NULL or one number for each
// row; a row of weight 0 and one of label `KLDIV_IGNORED` are not read.
KldivStatus kldiv_distill_losses_f64(const KldivDistillOptions *options,
                                     const double *student,
                                     const double *teacher,
                                     const uint32_t *labels,
                                     size_t rows,
                                     size_t classes,
                                     const double *weights,
                                     double *losses,
                                     size_t losses_len);

// The same, and the derivative of each row's divergence by the student's logits, times
// one factor for all or one for each row. `grad` has the length and the stride of
// `student`; what lies between rows becomes 0, unless `accumulate` is set.
KldivStatus kldiv_distill_grad_f64(const KldivDistillOptions *options,
                                   const double *student,
                                   const double *teacher,
                                   const uint32_t *labels,
                                   size_t rows,
                                   size_t classes,
                                   const double *weights,
                                   const double *factors,
                                   size_t factors_len,
                                   double *losses,
                                   size_t losses_len,
                                   double *grad,
                                   size_t grad_len);

// Checks that each row that counts is what it is said to be: logits without NaN and
// infinity, not all -infinity; a teacher's probabilities at least 0, its
// log-probabilities at most `tolerance`, each of its rows with the sum 1 within
// `tolerance`; labels below `classes`. What is found first goes to `offender`, unless
// that is NULL.
KldivStatus kldiv_distill_validate_f64(const KldivDistillOptions *options,
                                       const double *student,
                                       const double *teacher,
                                       const uint32_t *labels,
                                       size_t rows,
                                       size_t classes,
                                       const double *weights,
                                       double tolerance,
                                       KldivOffender *offender);

// The divergence of the target from the input, reduced to one number, in nats.
KldivStatus kldiv_reduce_f16(const KldivOptions *options,
                             const uint16_t *input,
                             const uint16_t *target,
                             size_t len,
                             float *result);

// The entropy of the target, in nats.
KldivStatus kldiv_entropy_f16(const KldivOptions *options,
                              const uint16_t *target,
                              size_t len,
                              float *result);

// The cross-entropy of the target and the input, in nats.
KldivStatus kldiv_cross_entropy_f16(const KldivOptions *options,
                                    const uint16_t *input,
                                    const uint16_t *target,
                                    size_t len,
                                    float *result);

// The divergence's terms, `len` of them.
KldivStatus kldiv_pointwise_f16(const KldivOptions *options,
                                const uint16_t *input,
                                const uint16_t *target,
                                size_t len,
                                uint16_t *out,
                                size_t out_len);

// The divergence of each of `rows` rows of one length.
KldivStatus kldiv_row_sums_f16(const KldivOptions *options,
                               const uint16_t *input,
                               const uint16_t *target,
                               size_t len,
                               float *out,
                               size_t rows);

// The derivative by the input, times the upstream gradient: one factor for all, one for
// each of `len` elements, or one for each row.
KldivStatus kldiv_grad_input_f16(const KldivOptions *options,
                                 const uint16_t *input,
                                 const uint16_t *target,
                                 size_t len,
                                 const float *factors,
                                 size_t factors_len,
                                 uint16_t *grad,
                                 size_t grad_len);

// The derivative by the target, likewise.
KldivStatus kldiv_grad_target_f16(const KldivOptions *options,
                                  const uint16_t *input,
                                  const uint16_t *target,
                                  size_t len,
                                  const float *factors,
                                  size_t factors_len,
                                  uint16_t *grad,
                                  size_t grad_len);

// Checks that both are distributions in `rows` rows, within a tolerance.
KldivStatus kldiv_validate_f16(const KldivOptions *options,
                               const uint16_t *input,
                               const uint16_t *target,
                               size_t len,
                               size_t rows,
                               float tolerance);

// Rows of `classes` logits to natural logarithms of probabilities.
KldivStatus kldiv_log_softmax_f16(const uint16_t *logits,
                                  size_t len,
                                  size_t classes,
                                  uint16_t *out,
                                  size_t out_len);

// Rows of `classes` logits to probabilities.
KldivStatus kldiv_softmax_f16(const uint16_t *logits,
                              size_t len,
                              size_t classes,
                              uint16_t *out,
                              size_t out_len);

// The divergence of each row between the softmax of a student's logits and a teacher,
// `rows · classes` numbers, or `rows` labels: one of the two is NULL. Rows with a stride
// are `(rows - 1) · stride + classes` numbers. `weights` is NULL or one number for each
// row; a row of weight 0 and one of label `KLDIV_IGNORED` are not read.
KldivStatus kldiv_distill_losses_f16(const KldivDistillOptions *options,
                                     const uint16_t *student,
                                     const uint16_t *teacher,
                                     const uint32_t *labels,
                                     size_t rows,
                                     size_t classes,
                                     const float *weights,
                                     float *losses,
                                     size_t losses_len);

// The same, and the derivative of each row's divergence by the student's logits, times
// one factor for all or one for each row. `grad` has the length and the stride of
// `student`; what lies between rows becomes 0, unless `accumulate` is set.
KldivStatus kldiv_distill_grad_f16(const KldivDistillOptions *options,
                                   const uint16_t *student,
                                   const uint16_t *teacher,
                                   const uint32_t *labels,
                                   size_t rows,
                                   size_t classes,
                                   const float *weights,
                                   const float *factors,
                                   size_t factors_len,
                                   float *losses,
                                   size_t losses_len,
                                   uint16_t *grad,
                                   size_t grad_len);

// Checks that each row that counts is what it is said to be: logits without NaN and
// infinity, not all -infinity; a teacher's probabilities at least 0, its
// log-probabilities at most `tolerance`, each of its rows with the sum 1 within
// `tolerance`; labels below `classes`. What is found first goes to `offender`, unless
// that is NULL.
KldivStatus kldiv_distill_validate_f16(const KldivDistillOptions *options,
                                       const uint16_t *student,
                                       const uint16_t *teacher,
                                       const uint32_t *labels,
                                       size_t rows,
                                       size_t classes,
                                       const float *weights,
                                       float tolerance,
                                       KldivOffender *offender);

// The divergence of the target from the input, reduced to one number, in nats.
KldivStatus kldiv_reduce_bf16(const KldivOptions *options,
                              const uint16_t *input,
                              const uint16_t *target,
                              size_t len,
                              float *result);

// The entropy of the target, in nats.
KldivStatus kldiv_entropy_bf16(const KldivOptions *options,
                               const uint16_t *target,
                               size_t len,
                               float *result);

// The cross-entropy of the target and the input, in nats.
KldivStatus kldiv_cross_entropy_bf16(const KldivOptions *options,
                                     const uint16_t *input,
                                     const uint16_t *target,
                                     size_t len,
                                     float *result);

// The divergence's terms, `len` of them.
KldivStatus kldiv_pointwise_bf16(const KldivOptions *options,
                                 const uint16_t *input,
                                 const uint16_t *target,
                                 size_t len,
                                 uint16_t *out,
                                 size_t out_len);

// The divergence of each of `rows` rows of one length.
KldivStatus kldiv_row_sums_bf16(const KldivOptions *options,
                                const uint16_t *input,
                                const uint16_t *target,
                                size_t len,
                                float *out,
                                size_t rows);

// The derivative by the input, times the upstream gradient: one factor for all, one for
// each of `len` elements, or one for each row.
KldivStatus kldiv_grad_input_bf16(const KldivOptions *options,
                                  const uint16_t *input,
                                  const uint16_t *target,
                                  size_t len,
                                  const float *factors,
                                  size_t factors_len,
                                  uint16_t *grad,
                                  size_t grad_len);

// The derivative by the target, likewise.
KldivStatus kldiv_grad_target_bf16(const KldivOptions *options,
                                   const uint16_t *input,
                                   const uint16_t *target,
                                   size_t len,
                                   const float *factors,
                                   size_t factors_len,
                                   uint16_t *grad,
                                   size_t grad_len);

// Checks that both are distributions in `rows` rows, within a tolerance.
KldivStatus kldiv_validate_bf16(const KldivOptions *options,
                                const uint16_t *input,
                                const uint16_t *target,
                                size_t len,
                                size_t rows,
                                float tolerance);

// Rows of `classes` logits to natural logarithms of probabilities.
KldivStatus kldiv_log_softmax_bf16(const uint16_t *logits,
                                   size_t len,
                                   size_t classes,
                                   uint16_t *out,
                                   size_t out_len);

// Rows of `classes` logits to probabilities.
KldivStatus kldiv_softmax_bf16(const uint16_t *logits,
                               size_t len,
                               size_t classes,
                               uint16_t *out,
                               size_t out_len);

// The divergence of each row between the softmax of a student's logits and a teacher,
// `rows · classes` numbers, or `rows` labels: one of the two is NULL. Rows with a stride
// are `(rows - 1) · stride + classes` numbers. `weights` is NULL or one number for each
// row; a row of weight 0 and one of label `KLDIV_IGNORED` are not read.
KldivStatus kldiv_distill_losses_bf16(const KldivDistillOptions *options,
                                      const uint16_t *student,
                                      const uint16_t *teacher,
                                      const uint32_t *labels,
                                      size_t rows,
                                      size_t classes,
                                      const float *weights,
                                      float *losses,
                                      size_t losses_len);

// The same, and the derivative of each row's divergence by the student's logits, times
// one factor for all or one for each row. `grad` has the length and the stride of
// `student`; what lies between rows becomes 0, unless `accumulate` is set.
KldivStatus kldiv_distill_grad_bf16(const KldivDistillOptions *options,
                                    const uint16_t *student,
                                    const uint16_t *teacher,
                                    const uint32_t *labels,
                                    size_t rows,
                                    size_t classes,
                                    const float *weights,
                                    const float *factors,
                                    size_t factors_len,
                                    float *losses,
                                    size_t losses_len,
                                    uint16_t *grad,
                                    size_t grad_len);

// Checks that each row that counts is what it is said to be: logits without NaN and
// infinity, not all -infinity; a teacher's probabilities at least 0, its
// log-probabilities at most `tolerance`, each of its rows with the sum 1 within
// `tolerance`; labels below `classes`. What is found first goes to `offender`, unless
// that is NULL.
KldivStatus kldiv_distill_validate_bf16(const KldivDistillOptions *options,
                                        const uint16_t *student,
                                        const uint16_t *teacher,
                                        const uint32_t *labels,
                                        size_t rows,
                                        size_t classes,
                                        const float *weights,
                                        float tolerance,
                                        KldivOffender *offender);

// Adds a number to a sum, exactly.
KldivStatus kldiv_exact_sum_add_f32(KldivExactSum *sum, float x);

// Adds `len` numbers to a sum, exactly.
KldivStatus kldiv_exact_sum_extend_f32(KldivExactSum *sum, const float *values, size_t len);

// The number nearest to a sum, rounded once. Nothing sums to +0.
KldivStatus kldiv_exact_sum_value_f32(const KldivExactSum *sum, float *result);

// Adds a number to a sum, exactly.
KldivStatus kldiv_exact_sum_add_f64(KldivExactSum *sum, double x);

// Adds `len` numbers to a sum, exactly.
KldivStatus kldiv_exact_sum_extend_f64(KldivExactSum *sum, const double *values, size_t len);

// The number nearest to a sum, rounded once. Nothing sums to +0.
KldivStatus kldiv_exact_sum_value_f64(const KldivExactSum *sum, double *result);

// Adds a number to a sum, exactly.
KldivStatus kldiv_exact_sum_add_f16(KldivExactSum *sum, uint16_t x);

// Adds `len` numbers to a sum, exactly.
KldivStatus kldiv_exact_sum_extend_f16(KldivExactSum *sum, const uint16_t *values, size_t len);

// The number nearest to a sum, rounded once. Nothing sums to +0.
KldivStatus kldiv_exact_sum_value_f16(const KldivExactSum *sum, uint16_t *result);

// Adds a number to a sum, exactly.
KldivStatus kldiv_exact_sum_add_bf16(KldivExactSum *sum, uint16_t x);

// Adds `len` numbers to a sum, exactly.
KldivStatus kldiv_exact_sum_extend_bf16(KldivExactSum *sum, const uint16_t *values, size_t len);

// The number nearest to a sum, rounded once. Nothing sums to +0.
KldivStatus kldiv_exact_sum_value_bf16(const KldivExactSum *sum, uint16_t *result);

// Adds all terms of another sum, which may be the same.
KldivStatus kldiv_exact_sum_merge(KldivExactSum *sum, const KldivExactSum *other);

// Writes a sum as `KLDIV_EXACT_SUM_BYTES` bytes, the same for the same sum on every machine.
KldivStatus kldiv_exact_sum_to_bytes(const KldivExactSum *sum, void *bytes, size_t bytes_len);

// Reads a sum that `kldiv_exact_sum_to_bytes` has written. All other bytes are refused.
KldivStatus kldiv_exact_sum_from_bytes(const void *bytes, size_t bytes_len, KldivExactSum *sum);

// Merges these classes into what is known of each of `rows` rows: `classes` more logits of a student
// and of a teacher, one state for each row. A row of weight 0 is not read; other weights have no
// influence here, nor has the divergence.
KldivStatus kldiv_row_states_f32(const KldivDistillOptions *options,
                                 const float *student,
                                 const float *teacher,
                                 size_t rows,
                                 size_t classes,
                                 const float *weights,
                                 KldivRowStateF32 *states,
                                 size_t states_len);

// Merges the state of other classes of the same row into a state.
KldivStatus kldiv_row_state_merge_f32(KldivRowStateF32 *state, const KldivRowStateF32 *other);

// The forward divergence over all classes seen, as if they were the row.
KldivStatus kldiv_row_state_loss_f32(const KldivRowStateF32 *state, float *result);

// The reverse divergence likewise.
KldivStatus kldiv_row_state_reverse_f32(const KldivRowStateF32 *state, float *result);

// The logarithm of the sum of the exponentials of the student's logits, over the temperature.
KldivStatus kldiv_row_state_student_log_mass_f32(const KldivRowStateF32 *state, float *result);

// The same of the teacher's.
KldivStatus kldiv_row_state_teacher_log_mass_f32(const KldivRowStateF32 *state, float *result);

// These classes' part of the derivative of each row's divergence by the student's logits, times one
// factor for all or one for each row, once the states of whole rows are known; and their part of its
// loss, of which the parts of all pieces are the sum, unless `losses` is NULL and `losses_len` 0.
KldivStatus kldiv_grad_within_f32(const KldivDistillOptions *options,
                                  const float *student,
                                  const float *teacher,
                                  size_t rows,
                                  size_t classes,
                                  const float *weights,
                                  const KldivRowStateF32 *states,
                                  size_t states_len,
                                  const float *factors,
                                  size_t factors_len,
                                  float *losses,
                                  size_t losses_len,
                                  float *grad,
                                  size_t grad_len);

// Merges these classes into what is known of each of `rows` rows: `classes` more logits of a student
// and of a teacher, one state for each row. A row of weight 0 is not read; other weights have no
// influence here, nor has the divergence.
KldivStatus kldiv_row_states_f64(const KldivDistillOptions *options,
                                 const double *student,
                                 const double *teacher,
                                 size_t rows,
                                 size_t classes,
                                 const double *weights,
                                 KldivRowStateF64 *states,
                                 size_t states_len);

// Merges the state of other classes of the same row into a state.
KldivStatus kldiv_row_state_merge_f64(KldivRowStateF64 *state, const KldivRowStateF64 *other);

// The forward divergence over all classes seen, as if they were the row.
KldivStatus kldiv_row_state_loss_f64(const KldivRowStateF64 *state, double *result);

// The reverse divergence likewise.
KldivStatus kldiv_row_state_reverse_f64(const KldivRowStateF64 *state, double *result);

// The logarithm of the sum of the exponentials of the student's logits, over the temperature.
KldivStatus kldiv_row_state_student_log_mass_f64(const KldivRowStateF64 *state, double *result);

// The same of the teacher's.
KldivStatus kldiv_row_state_teacher_log_mass_f64(const KldivRowStateF64 *state, double *result);

// These classes' part of the derivative of each row's divergence by the student's logits, times one
// factor for all or one for each row, once the states of whole rows are known; and their part of its
// loss, of which the parts of all pieces are the sum, unless `losses` is NULL and `losses_len` 0.
KldivStatus kldiv_grad_within_f64(const KldivDistillOptions *options,
                                  const double *student,
                                  const double *teacher,
                                  size_t rows,
                                  size_t classes,
                                  const double *weights,
                                  const KldivRowStateF64 *states,
                                  size_t states_len,
                                  const double *factors,
                                  size_t factors_len,
                                  double *losses,
                                  size_t losses_len,
                                  double *grad,
                                  size_t grad_len);

// Rows of `classes` logits to natural logarithms of probabilities. Row `i` begins at
// `i · stride`, which is at least `classes`; the last row may end with its classes. What
// lies between rows is not read, and becomes 0 in `out`, which is laid out likewise.
KldivStatus kldiv_log_softmax_strided_f32(const float *logits,
                                          size_t len,
                                          size_t classes,
                                          size_t stride,
                                          float *out,
                                          size_t out_len);

// Rows of `classes` logits to probabilities, with a stride likewise.
KldivStatus kldiv_softmax_strided_f32(const float *logits,
                                      size_t len,
                                      size_t classes,
                                      size_t stride,
                                      float *out,
                                      size_t out_len);

// Rows of `classes` logits to natural logarithms of probabilities. Row `i` begins at
// `i · stride`, which is at least `classes`; the last row may end with its classes. What
// lies between rows is not read, and becomes 0 in `out`, which is laid out likewise.
KldivStatus kldiv_log_softmax_strided_f64(const double *logits,
                                          size_t len,
                                          size_t classes,
                                          size_t stride,
                                          double *out,
                                          size_t out_len);

// Rows of `classes` logits to probabilities, with a stride likewise.
KldivStatus kldiv_softmax_strided_f64(const double *logits,
                                      size_t len,
                                      size_t classes,
                                      size_t stride,
                                      double *out,
                                      size_t out_len);

// Rows of `classes` logits to natural logarithms of probabilities. Row `i` begins at
// `i · stride`, which is at least `classes`; the last row may end with its classes. What
// lies between rows is not read, and becomes 0 in `out`, which is laid out likewise.
KldivStatus kldiv_log_softmax_strided_f16(const uint16_t *logits,
                                          size_t len,
                                          size_t classes,
                                          size_t stride,
                                          uint16_t *out,
                                          size_t out_len);

// Rows of `classes` logits to probabilities, with a stride likewise.
KldivStatus kldiv_softmax_strided_f16(const uint16_t *logits,
                                      size_t len,
                                      size_t classes,
                                      size_t stride,
                                      uint16_t *out,
                                      size_t out_len);

// Rows of `classes` logits to natural logarithms of probabilities. Row `i` begins at
// `i · stride`, which is at least `classes`; the last row may end with its classes. What
// lies between rows is not read, and becomes 0 in `out`, which is laid out likewise.
KldivStatus kldiv_log_softmax_strided_bf16(const uint16_t *logits,
                                           size_t len,
                                           size_t classes,
                                           size_t stride,
                                           uint16_t *out,
                                           size_t out_len);

// Rows of `classes` logits to probabilities, with a stride likewise.
KldivStatus kldiv_softmax_strided_bf16(const uint16_t *logits,
                                       size_t len,
                                       size_t classes,
                                       size_t stride,
                                       uint16_t *out,
                                       size_t out_len);

// The divergence of each row between the softmax of a student's logits and a teacher that names `k`
// classes of it, with its log-probabilities for them: `rows * k` of both. A log-probability of
// -infinity is an empty place, whatever its class. `rest` is a `KLDIV_REST_...`, and says what becomes of
// all other classes. `weights` is NULL or one number for each row; a row of weight 0 is not read.
// The options' `teacher` and `teacher_stride` have no meaning here, their divergence is the forward one.
KldivStatus kldiv_top_k_losses_f32(const KldivDistillOptions *options,
                                   const float *student,
                                   size_t rows,
                                   size_t classes,
                                   const uint32_t *named,
                                   const float *log_probs,
                                   size_t k,
                                   uint32_t rest,
                                   const float *weights,
                                   float *losses,
                                   size_t losses_len);

// The same, and the derivative of each row's divergence by the student's logits, times one factor for
// all or one for each row. `grad` has the length and the stride of `student`; what lies between rows
// becomes 0, unless `accumulate` is set.
KldivStatus kldiv_top_k_grad_f32(const KldivDistillOptions *options,
                                 const float *student,
                                 size_t rows,
                                 size_t classes,
                                 const uint32_t *named,
                                 const float *log_probs,
                                 size_t k,
                                 uint32_t rest,
                                 const float *weights,
                                 const float *factors,
                                 size_t factors_len,
                                 float *losses,
                                 size_t losses_len,
                                 float *grad,
                                 size_t grad_len);

// Checks that each row that counts is what it is said to be: logits without NaN and infinity, not all
// -infinity; log-probabilities of at most `tolerance`, of different classes below `classes`, whose
// probabilities sum to at most 1 within `tolerance`. What is found first goes to `offender`, unless
// that is NULL.
KldivStatus kldiv_top_k_validate_f32(const KldivDistillOptions *options,
                                     const float *student,
                                     size_t rows,
                                     size_t classes,
                                     const uint32_t *named,
                                     const float *log_probs,
                                     size_t k,
                                     const float *weights,
                                     float tolerance,
                                     KldivOffender *offender);

// The divergence of each row between the softmax of a student's logits and a teacher that names `k`
// classes of it, with its log-probabilities for them: `rows * k` of both. A log-probability of
// -infinity is an empty place, whatever its class. `rest` is a `KLDIV_REST_...`, and says what becomes of
// all other classes. `weights` is NULL or one number for each row; a row of weight 0 is not read.
// The options' `teacher` and `teacher_stride` have no meaning here, their divergence is the forward one.
KldivStatus kldiv_top_k_losses_f64(const KldivDistillOptions *options,
                                   const double *student,
                                   size_t rows,
                                   size_t classes,
                                   const uint32_t *named,
                                   const double *log_probs,
                                   size_t k,
                                   uint32_t rest,
                                   const double *weights,
                                   double *losses,
                                   size_t losses_len);

// The same, and the derivative of each row's divergence by the student's logits, times one factor for
// all or one for each row. `grad` has the length and the stride of `student`; what lies between rows
// becomes 0, unless `accumulate` is set.
KldivStatus kldiv_top_k_grad_f64(const KldivDistillOptions *options,
                                 const double *student,
                                 size_t rows,
                                 size_t classes,
                                 const uint32_t *named,
                                 const double *log_probs,
                                 size_t k,
                                 uint32_t rest,
                                 const double *weights,
                                 const double *factors,
                                 size_t factors_len,
                                 double *losses,
                                 size_t losses_len,
                                 double *grad,
                                 size_t grad_len);

// Checks that each row that counts is what it is said to be: logits without NaN and infinity, not all
// -infinity; log-probabilities of at most `tolerance`, of different classes below `classes`, whose
// probabilities sum to at most 1 within `tolerance`. What is found first goes to `offender`, unless
// that is NULL.
KldivStatus kldiv_top_k_validate_f64(const KldivDistillOptions *options,
                                     const double *student,
                                     size_t rows,
                                     size_t classes,
                                     const uint32_t *named,
                                     const double *log_probs,
                                     size_t k,
                                     const double *weights,
                                     double tolerance,
                                     KldivOffender *offender);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KLDIV_H */
