// The C interface of kldiv, written by cbindgen from src/ffi. Do not edit.
//
// Every function returns a status; unless it is KLDIV_STATUS_OK, nothing has been written. Options of
// NULL are all zero. What is checked: NULL (fine where the length is 0), alignment, outputs that overlap
// what is read, lengths, options. What is the caller's promise: behind each pointer lie as many numbers
// as the length beside it says, an output's may hold anything, and no other thread writes them meanwhile.
// A single result may lie among the numbers read. No function allocates, keeps state or reads any.

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
  // A field of the options holds none of its values.
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
  // Divides the logits of both; 0 stands for 1.
  double temperature;
  // Above 0 and below 1, for `KLDIV_DIVERGENCE_JENSEN_SHANNON`.
  double beta;
} KldivDistillOptions;

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

// The divergence of each row between the softmax of a student's logits and a teacher:
// `rows · classes` numbers, or `rows` labels where `teacher` is NULL. `weights` is NULL
// or one number for each row; a row of weight 0 is not read.
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
// one factor for all or one for each row.
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

// The divergence of each row between the softmax of a student's logits and a teacher:
// `rows · classes` numbers, or `rows` labels where `teacher` is NULL. `weights` is NULL
// or one number for each row; a row of weight 0 is not read.
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
// one factor for all or one for each row.
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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KLDIV_H */
