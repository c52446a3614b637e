/* The C interface, called as C programs call it: values, every status, and that nothing is
 * written where a call is refused. Prints what differs; the exit status is 1 then. */
#include "kldiv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            printf("test.c:%d: not so: %s\n", __LINE__, #condition);       \
            failures++;                                                    \
        }                                                                  \
    } while (0)
#define OK(call) CHECK((call) == KLDIV_STATUS_OK)
#define NEAR(value, expected) CHECK(fabs((value) - (expected)) <= NEAR_ENOUGH * fabs(expected))

/* (9, 12, 4)/25 against 1/3 three times, and a second row where one class takes no part. */
#define TARGET { 0.36, 0.48, 0.16, 0.0, 0.75, 0.25 }
#define INPUT { 1.0 / 3, 1.0 / 3, 1.0 / 3, 0.0, 0.5, 0.5 }

#define TESTS(elem, type)                                                                      \
    static void test_##type(void)                                                              \
    {                                                                                          \
        const elem target[6] = TARGET, input[6] = INPUT;                                       \
        const double first = 0.36 * log(1.08) + 0.48 * log(1.44) + 0.16 * log(0.48);           \
        const double second = 0.75 * log(1.5) + 0.25 * log(0.5);                               \
        const double q[6] = INPUT;                                                             \
        elem ln_input[6], ln_target[6], out[6], sum = 0, other;                                \
        elem untouched[6];                                                                     \
        KldivOptions probs = { 0 }, logs = { 0 }, bad;                                         \
        int i;                                                                                 \
        probs.input = KLDIV_INPUT_PROBS;                                                       \
        probs.reduction = KLDIV_REDUCTION_SUM;                                                 \
        logs.target = KLDIV_TARGET_LOG_PROBS;                                                  \
        logs.reduction = KLDIV_REDUCTION_BATCH_MEAN;                                           \
        logs.batch = 2;                                                                        \
        for (i = 0; i < 6; i++) {                                                              \
            ln_input[i] = (elem)log(q[i]);                                                     \
            ln_target[i] = (elem)log(target[i]);                                               \
        }                                                                                      \
                                                                                               \
        /* Each reduction and each form. */                                                    \
        OK(kldiv_reduce_##type(&probs, input, target, 6, &sum));                               \
        NEAR(sum, first + second);                                                             \
        OK(kldiv_reduce_##type(&logs, ln_input, ln_target, 6, &sum));                          \
        NEAR(sum, (first + second) / 2);                                                       \
        OK(kldiv_reduce_##type(NULL, ln_input, target, 6, &sum));                              \
        NEAR(sum, (first + second) / 6);                                                       \
        OK(kldiv_reduce_##type(NULL, NULL, NULL, 0, &sum));                                    \
        CHECK(isnan(sum));                                                                     \
        OK(kldiv_entropy_##type(NULL, target, 3, &sum));                                       \
        NEAR(sum, -0.36 * log(0.36) - 0.48 * log(0.48) - 0.16 * log(0.16));                    \
        OK(kldiv_cross_entropy_##type(&probs, input, target, 3, &sum));                        \
        NEAR(sum, log(3));                                                                     \
        OK(kldiv_row_sums_##type(&probs, input, target, 6, out, 2));                           \
        NEAR(out[0], first);                                                                   \
        NEAR(out[1], second);                                                                  \
        OK(kldiv_pointwise_##type(&probs, input, target, 6, out, 6));                          \
        NEAR(out[1], 0.48 * log(1.44));                                                        \
        CHECK(out[3] == 0);                                                                    \
                                                                                               \
        /* Gradients, with each number of factors. */                                          \
        sum = 2;                                                                               \
        OK(kldiv_grad_input_##type(&probs, input, target, 6, &sum, 1, out, 6));                \
        NEAR(out[4], -3.0);                                                                    \
        CHECK(out[3] == 0);                                                                    \
        OK(kldiv_grad_input_##type(&probs, input, target, 6, target + 1, 2, out, 6));          \
        NEAR(out[0], -0.36 * 3 * 0.48);                                                        \
        NEAR(out[5], -0.5 * 0.16);                                                             \
        OK(kldiv_grad_target_##type(&probs, input, target, 6, target, 6, out, 6));             \
        NEAR(out[4], 0.75 * (log(1.5) + 1));                                                   \
        CHECK(out[3] == 0);                                                                    \
                                                                                               \
        /* Logits. */                                                                          \
        OK(kldiv_softmax_##type(ln_target, 6, 3, out, 6));                                     \
        for (i = 0; i < 6; i++)                                                                \
            NEAR(out[i], (double)target[i]);                                                   \
        OK(kldiv_log_softmax_##type(ln_target + 3, 3, 3, out, 3));                             \
        NEAR(out[1], log(0.75));                                                               \
        CHECK(isinf(out[0]) && out[0] < 0);                                                    \
                                                                                               \
        /* The same bits with each instruction set that there is. */                           \
        OK(kldiv_reduce_##type(&probs, input, target, 6, &sum));                               \
        for (probs.isa = KLDIV_ISA_SCALAR; probs.isa <= KLDIV_ISA_SIMD128; probs.isa++) {      \
            KldivStatus status = kldiv_reduce_##type(&probs, input, target, 6, &other);        \
            if (probs.isa == KLDIV_ISA_SCALAR)                                                 \
                CHECK(status == KLDIV_STATUS_OK);                                              \
            if (status == KLDIV_STATUS_OK)                                                     \
                CHECK(memcmp(&sum, &other, sizeof sum) == 0);                                  \
            else                                                                               \
                CHECK(status == KLDIV_STATUS_ISA_UNAVAILABLE);                                 \
        }                                                                                      \
        /* No machine has both. */                                                             \
        probs.isa = KLDIV_ISA_NEON;                                                            \
        if (kldiv_reduce_##type(&probs, input, target, 6, &other) == KLDIV_STATUS_OK)          \
            probs.isa = KLDIV_ISA_AVX2;                                                        \
        CHECK(kldiv_reduce_##type(&probs, input, target, 6, &other)                            \
              == KLDIV_STATUS_ISA_UNAVAILABLE);                                                \
        probs.isa = KLDIV_ISA_BEST;                                                            \
                                                                                               \
        /* Refusals. */                                                                        \
        memset(out, 0x55, sizeof out);                                                         \
        memcpy(untouched, out, sizeof out);                                                    \
        CHECK(kldiv_pointwise_##type(NULL, NULL, target, 6, out, 6) == KLDIV_STATUS_NULL);     \
        CHECK(kldiv_pointwise_##type(NULL, input, NULL, 6, out, 6) == KLDIV_STATUS_NULL);      \
        CHECK(kldiv_pointwise_##type(NULL, input, target, 6, NULL, 6) == KLDIV_STATUS_NULL);   \
        CHECK(kldiv_reduce_##type(NULL, input, target, 6, NULL) == KLDIV_STATUS_NULL);         \
        CHECK(kldiv_softmax_##type((const elem *)((const char *)target + 1), 3, 3, out, 3)     \
              == KLDIV_STATUS_MISALIGNED);                                                     \
        CHECK(kldiv_entropy_##type(NULL, target, (size_t)-1 / sizeof sum, &other)              \
              == KLDIV_STATUS_TOO_LONG);                                                       \
        CHECK(kldiv_softmax_##type(out, 6, 3, out, 6) == KLDIV_STATUS_OVERLAP);                \
        CHECK(kldiv_pointwise_##type(NULL, input, out + 1, 5, out, 5)                          \
              == KLDIV_STATUS_OVERLAP);                                                        \
        CHECK(kldiv_grad_input_##type(NULL, input, target, 3, out + 5, 1, out + 3, 3)          \
              == KLDIV_STATUS_OVERLAP);                                                        \
        bad = probs;                                                                           \
        bad.input = 2;                                                                         \
        CHECK(kldiv_pointwise_##type(&bad, input, target, 6, out, 6)                           \
              == KLDIV_STATUS_OPTION_INPUT);                                                   \
        bad = probs;                                                                           \
        bad.target = 2;                                                                        \
        CHECK(kldiv_pointwise_##type(&bad, input, target, 6, out, 6)                           \
              == KLDIV_STATUS_OPTION_TARGET);                                                  \
        bad = probs;                                                                           \
        bad.isa = 7;                                                                           \
        CHECK(kldiv_pointwise_##type(&bad, input, target, 6, out, 6)                           \
              == KLDIV_STATUS_OPTION_ISA);                                                     \
        bad = probs;                                                                           \
        bad.reduction = 3;                                                                     \
        CHECK(kldiv_reduce_##type(&bad, input, target, 6, out)                                 \
              == KLDIV_STATUS_OPTION_REDUCTION);                                               \
        CHECK(kldiv_pointwise_##type(NULL, input, target, 6, out, 5) == KLDIV_STATUS_LENGTH);  \
        CHECK(kldiv_row_sums_##type(NULL, input, target, 6, out, 4) == KLDIV_STATUS_ROWS);     \
        CHECK(kldiv_grad_input_##type(NULL, input, target, 6, input, 4, out, 6)                \
              == KLDIV_STATUS_ROWS);                                                           \
        CHECK(kldiv_log_softmax_##type(input, 6, 4, out, 6) == KLDIV_STATUS_CLASSES);          \
        CHECK(kldiv_softmax_##type(input, 6, 0, out, 6) == KLDIV_STATUS_CLASSES);              \
        CHECK(memcmp(untouched, out, sizeof out) == 0);                                        \
                                                                                               \
        OK(kldiv_validate_##type(&probs, input, target, 6, 2, (elem)1e-6));                    \
        CHECK(kldiv_validate_##type(&probs, input, target, 6, 1, (elem)1e-6)                   \
              == KLDIV_STATUS_ROW_SUM);                                                        \
        CHECK(kldiv_validate_##type(NULL, input, target, 6, 2, (elem)1e-6)                     \
              == KLDIV_STATUS_POSITIVE_LOG_PROBABILITY);                                       \
        out[0] = -1;                                                                           \
        out[1] = 2;                                                                            \
        CHECK(kldiv_validate_##type(&probs, out, out, 2, 1, (elem)1e-6)                        \
              == KLDIV_STATUS_NEGATIVE_PROBABILITY);                                           \
        out[0] = (elem)NAN;                                                                    \
        CHECK(kldiv_validate_##type(&probs, out, out, 2, 1, (elem)1e-6) == KLDIV_STATUS_NAN);  \
    }

/* Logits whose softmax is known, in each form of a teacher. */
#define DISTILL_TESTS(elem, type)                                                              \
    static void test_distill_##type(void)                                                      \
    {                                                                                          \
        const elem probs[4] = { 0.5, 0.5, 0.25, 0.75 };                                        \
        const uint32_t labels[2] = { 0, 1 }, bad_labels[2] = { 0, 2 };                         \
        const elem weights[2] = { 0, 2 }, one = 1;                                             \
        const double apart = 0.5 * log(2) + 0.5 * log(2.0 / 3); /* (1/2, 1/2) from (1/4, 3/4) */ \
        KldivDistillOptions options = { 0 };                                                   \
        KldivOffender found = { 7, 7, 7 };                                                     \
        elem student[4], log_probs[4], losses[2], grad[4];                                     \
        int i;                                                                                 \
        for (i = 0; i < 4; i++) {                                                              \
            log_probs[i] = (elem)log(probs[i]);                                                \
            student[i] = (elem)log(i % 2 ? 0.75 : 0.25);                                       \
        }                                                                                      \
        OK(kldiv_distill_losses_##type(NULL, student, log_probs, NULL, 2, 2, NULL, losses, 2)); \
        NEAR(losses[0], apart);                                                                \
        CHECK(losses[1] >= 0 && losses[1] < 1e-12);                                            \
        options.teacher = KLDIV_TEACHER_PROBS;                                                 \
        OK(kldiv_distill_grad_##type(&options, student, probs, NULL, 2, 2, NULL, &one, 1,      \
                                     losses, 2, grad, 4));                                     \
        NEAR(losses[0], apart);                                                                \
        NEAR(grad[0], -0.25);                                                                  \
        options.teacher = KLDIV_TEACHER_LOG_PROBS;                                             \
        options.divergence = KLDIV_DIVERGENCE_REVERSE;                                         \
        OK(kldiv_distill_losses_##type(&options, log_probs, student, NULL, 2, 2, NULL,         \
                                       losses, 2));                                            \
        NEAR(losses[0], apart);                                                                \
        options.divergence = KLDIV_DIVERGENCE_JENSEN_SHANNON;                                  \
        CHECK(kldiv_distill_losses_##type(&options, student, log_probs, NULL, 2, 2, NULL,      \
                                          losses, 2) == KLDIV_STATUS_OPTION_BETA);             \
        options.beta = 1 - 1e-17; /* 1 once it is rounded. */                                  \
        CHECK(kldiv_distill_losses_##type(&options, student, log_probs, NULL, 2, 2, NULL,      \
                                          losses, 2) == KLDIV_STATUS_OPTION_BETA);             \
        options.beta = 0.5;                                                                    \
        OK(kldiv_distill_losses_##type(&options, student, log_probs, NULL, 2, 2, NULL,         \
                                       losses, 2));                                            \
        CHECK(losses[0] > 0 && losses[0] < apart);                                             \
        OK(kldiv_distill_losses_##type(NULL, student, NULL, labels, 2, 2, weights, losses, 2)); \
        CHECK(losses[0] == 0);                                                                 \
        NEAR(losses[1], 2 * log(4.0 / 3));                                                     \
        options.temperature = -1;                                                              \
        CHECK(kldiv_distill_losses_##type(&options, student, log_probs, NULL, 2, 2, NULL,      \
                                          losses, 2) == KLDIV_STATUS_OPTION_TEMPERATURE);      \
        options.temperature = 1e-310; /* Subnormal, or 0 once it is rounded. */                \
        CHECK(kldiv_distill_losses_##type(&options, student, log_probs, NULL, 2, 2, NULL,      \
                                          losses, 2) == KLDIV_STATUS_OPTION_TEMPERATURE);      \
        options.temperature = 0;                                                               \
        options.divergence = 3;                                                                \
        CHECK(kldiv_distill_losses_##type(&options, student, log_probs, NULL, 2, 2, NULL,      \
                                          losses, 2) == KLDIV_STATUS_OPTION_DIVERGENCE);       \
        options.divergence = KLDIV_DIVERGENCE_FORWARD;                                         \
        options.isa = 7;                                                                       \
        CHECK(kldiv_distill_losses_##type(&options, student, log_probs, NULL, 2, 2, NULL,      \
                                          losses, 2) == KLDIV_STATUS_OPTION_ISA);              \
        options.isa = KLDIV_ISA_BEST;                                                          \
        options.teacher = 3;                                                                   \
        CHECK(kldiv_distill_losses_##type(&options, student, log_probs, NULL, 2, 2, NULL,      \
                                          losses, 2) == KLDIV_STATUS_OPTION_TEACHER);          \
        CHECK(kldiv_distill_losses_##type(NULL, student, log_probs, labels, 2, 2, NULL, losses,\
                                          2) == KLDIV_STATUS_TEACHER_AND_LABELS);              \
        CHECK(kldiv_distill_losses_##type(NULL, student, NULL, bad_labels, 2, 2, NULL, losses, \
                                          2) == KLDIV_STATUS_CLASS_INDEX);                     \
        CHECK(kldiv_distill_losses_##type(NULL, student, NULL, NULL, 2, 2, NULL, losses, 2)    \
              == KLDIV_STATUS_NULL);                                                           \
        CHECK(kldiv_distill_losses_##type(NULL, student, log_probs, NULL, 2, 2, NULL, losses,  \
                                          1) == KLDIV_STATUS_LENGTH);                          \
        CHECK(kldiv_distill_losses_##type(NULL, student, log_probs, NULL, 4, 0, NULL, losses,  \
                                          2) == KLDIV_STATUS_CLASSES);                         \
        CHECK(kldiv_distill_grad_##type(NULL, student, log_probs, NULL, 2, 2, NULL, &one, 1,   \
                                        grad, 2, grad, 4) == KLDIV_STATUS_OVERLAP);            \
                                                                                               \
        /* Padded rows, gradients that are added, a row that does not count. */                \
        {                                                                                      \
            const elem nan = (elem)NAN;                                                        \
            const uint32_t ignored[2] = { 1, KLDIV_IGNORED };                                  \
            elem padded[5], sum[5] = { 1, 1, 1, 1, 1 }, new_grad[5];                           \
            KldivDistillOptions layout = { 0 };                                                \
            for (i = 0; i < 5; i++)                                                            \
                padded[i] = i == 2 ? nan : student[i < 2 ? i : i - 1];                         \
            layout.student_stride = 3;                                                         \
            OK(kldiv_distill_grad_##type(&layout, padded, NULL, ignored, 2, 2, NULL, &one, 1,  \
                                         losses, 2, new_grad, 5));                             \
            NEAR(losses[0], log(4.0 / 3));                                                     \
            CHECK(losses[1] == 0);                                                             \
            NEAR(new_grad[0], 0.25);                                                           \
            NEAR(new_grad[1], -0.25);                                                          \
            CHECK(new_grad[2] == 0 && new_grad[3] == 0 && new_grad[4] == 0);                   \
            layout.accumulate = 1;                                                             \
            OK(kldiv_distill_grad_##type(&layout, padded, NULL, ignored, 2, 2, NULL, &one, 1,  \
                                         losses, 2, sum, 5));                                  \
            NEAR(sum[0], 1.25);                                                                \
            NEAR(sum[1], 0.75);                                                                \
            CHECK(sum[2] == 1 && sum[3] == 1 && sum[4] == 1);                                  \
            layout.teacher_stride = 3;                                                         \
            OK(kldiv_distill_losses_##type(&layout, padded, padded, NULL, 2, 2, NULL, losses,  \
                                           2));                                                \
            CHECK(losses[0] == 0 && losses[1] == 0);                                           \
            layout.teacher_stride = 1;                                                         \
            CHECK(kldiv_distill_losses_##type(&layout, padded, padded, NULL, 2, 2, NULL,       \
                                              losses, 2) == KLDIV_STATUS_STRIDE);              \
        }                                                                                      \
                                                                                               \
        /* What rows are said to be. */                                                        \
        options.teacher = KLDIV_TEACHER_PROBS;                                                 \
        OK(kldiv_distill_validate_##type(&options, student, probs, NULL, 2, 2, NULL, (elem)1e-6,\
                                         &found));                                             \
        CHECK(found.row == 7);                                                                 \
        CHECK(kldiv_distill_validate_##type(&options, student, probs + 1, NULL, 1, 2, NULL,    \
                                            (elem)1e-6, &found) == KLDIV_STATUS_ROW_SUM);      \
        CHECK(found.row == 0 && found.index == 0 && found.value == 0.75);                      \
        CHECK(kldiv_distill_validate_##type(&options, student, log_probs, NULL, 2, 2, NULL,    \
                                            (elem)1e-6, NULL)                                  \
              == KLDIV_STATUS_NEGATIVE_PROBABILITY);                                           \
        options.teacher = KLDIV_TEACHER_LOG_PROBS;                                             \
        OK(kldiv_distill_validate_##type(&options, student, log_probs, NULL, 2, 2, NULL,       \
                                         (elem)1e-6, NULL));                                   \
        CHECK(kldiv_distill_validate_##type(&options, student, probs, NULL, 2, 2, NULL,        \
                                            (elem)1e-6, &found)                                \
              == KLDIV_STATUS_POSITIVE_LOG_PROBABILITY);                                       \
        CHECK(found.row == 0 && found.index == 0 && found.value == 0.5);                       \
        CHECK(kldiv_distill_validate_##type(NULL, student, NULL, bad_labels, 2, 2, NULL, 0,    \
                                            &found) == KLDIV_STATUS_CLASS_INDEX);              \
        CHECK(found.row == 1 && found.value == 2);                                             \
        grad[0] = grad[1] = grad[2] = 0;                                                       \
        grad[3] = (elem)NAN;                                                                   \
        CHECK(kldiv_distill_validate_##type(NULL, grad, NULL, labels, 2, 2, NULL, 0, &found)   \
              == KLDIV_STATUS_LOGIT);                                                          \
        CHECK(found.row == 1 && found.index == 1 && isnan(found.value));                       \
        OK(kldiv_distill_validate_##type(NULL, grad, NULL, labels, 1, 2, NULL, 0, NULL));      \
        grad[2] = grad[3] = (elem)-INFINITY;                                                   \
        CHECK(kldiv_distill_validate_##type(NULL, student, grad, NULL, 2, 2, NULL, 0, &found)  \
              == KLDIV_STATUS_NO_LOGIT);                                                       \
        CHECK(found.row == 1 && found.index == 0 && isinf(found.value));                       \
    }

/* Sums without an order, and softmax of rows with padding. */
#define EXACT_TESTS(elem, type)                                                                \
    static void test_exact_##type(void)                                                        \
    {                                                                                          \
        const elem large = (elem)1e30, terms[4] = { large, 1, -large, 0.25 };                  \
        const elem many[20] = { 0.5, 0.25, -large };                                           \
        KldivExactSum sum = { { 0 } }, other = { { 0 } }, zero = { { 0 } }, before;            \
        unsigned char bytes[KLDIV_EXACT_SUM_BYTES], same[KLDIV_EXACT_SUM_BYTES];               \
        elem value = 7;                                                                        \
        int i;                                                                                 \
        OK(kldiv_exact_sum_value_##type(&zero, &value));                                       \
        CHECK(value == 0 && !signbit(value));                                                  \
        OK(kldiv_exact_sum_extend_##type(&sum, terms, 4));                                     \
        OK(kldiv_exact_sum_extend_##type(&sum, NULL, 0));                                      \
        OK(kldiv_exact_sum_value_##type(&sum, &value));                                        \
        CHECK(value == (elem)1.25);                                                            \
        for (i = 3; i >= 0; i--)                                                               \
            OK(kldiv_exact_sum_add_##type(&other, terms[i]));                                  \
        OK(kldiv_exact_sum_to_bytes(&sum, bytes, sizeof bytes));                               \
        OK(kldiv_exact_sum_to_bytes(&other, same, sizeof same));                               \
        CHECK(memcmp(bytes, same, sizeof bytes) == 0);                                         \
        CHECK(bytes[0] == 1 && bytes[1] == 0);                                                 \
        /* A block, by way of bytes, merged with itself. */                                    \
        OK(kldiv_exact_sum_extend_##type(&sum, many, 20));                                     \
        OK(kldiv_exact_sum_add_##type(&sum, large));                                           \
        OK(kldiv_exact_sum_to_bytes(&sum, bytes, sizeof bytes));                               \
        OK(kldiv_exact_sum_from_bytes(bytes, sizeof bytes, &other));                           \
        OK(kldiv_exact_sum_merge(&other, &other));                                             \
        OK(kldiv_exact_sum_merge(&other, &sum));                                               \
        OK(kldiv_exact_sum_value_##type(&other, &value));                                      \
        CHECK(value == 6);                                                                     \
        OK(kldiv_exact_sum_add_##type(&other, (elem)INFINITY));                                \
        OK(kldiv_exact_sum_value_##type(&other, &value));                                      \
        CHECK(isinf(value) && value > 0);                                                      \
                                                                                               \
        /* Refusals. */                                                                        \
        before = sum;                                                                          \
        CHECK(kldiv_exact_sum_add_##type(NULL, 1) == KLDIV_STATUS_NULL);                       \
        CHECK(kldiv_exact_sum_add_##type((KldivExactSum *)((char *)&sum + 1), 1)               \
              == KLDIV_STATUS_MISALIGNED);                                                     \
        CHECK(kldiv_exact_sum_extend_##type(NULL, terms, 4) == KLDIV_STATUS_NULL);             \
        CHECK(kldiv_exact_sum_extend_##type(&sum, NULL, 4) == KLDIV_STATUS_NULL);              \
        CHECK(kldiv_exact_sum_extend_##type(&sum, (const elem *)&sum, 4)                       \
              == KLDIV_STATUS_OVERLAP);                                                        \
        CHECK(kldiv_exact_sum_extend_##type(&sum, (const elem *)((const char *)terms + 1), 2)  \
              == KLDIV_STATUS_MISALIGNED);                                                     \
        CHECK(kldiv_exact_sum_merge(&sum, NULL) == KLDIV_STATUS_NULL);                         \
        CHECK(kldiv_exact_sum_merge(NULL, &sum) == KLDIV_STATUS_NULL);                         \
        CHECK(kldiv_exact_sum_value_##type(&sum, NULL) == KLDIV_STATUS_NULL);                  \
        CHECK(kldiv_exact_sum_to_bytes(&sum, bytes, 4) == KLDIV_STATUS_LENGTH);                \
        CHECK(kldiv_exact_sum_to_bytes(&sum, NULL, sizeof bytes) == KLDIV_STATUS_NULL);        \
        CHECK(kldiv_exact_sum_from_bytes(bytes, 4, &sum) == KLDIV_STATUS_LENGTH);              \
        CHECK(kldiv_exact_sum_from_bytes(NULL, sizeof bytes, &sum) == KLDIV_STATUS_NULL);      \
        for (i = 0; i < 2; i++) {                                                              \
            bytes[i] = 9;                                                                      \
            CHECK(kldiv_exact_sum_from_bytes(bytes, sizeof bytes, &sum)                        \
                  == KLDIV_STATUS_EXACT_SUM_BYTES);                                            \
            bytes[i] = same[i];                                                                \
        }                                                                                      \
        CHECK(memcmp(&before, &sum, sizeof sum) == 0);                                         \
    }                                                                                          \
                                                                                               \
    static void test_strided_##type(void)                                                      \
    {                                                                                          \
        const elem nan = (elem)NAN, l = (elem)log(3.0);                                        \
        const elem logits[5] = { 0, 0, nan, 0, l };                                            \
        elem out[5] = { 7, 7, 7, 7, 7 };                                                       \
        CHECK(kldiv_softmax_strided_##type(logits, 5, 2, 1, out, 5) == KLDIV_STATUS_STRIDE);   \
        CHECK(kldiv_log_softmax_strided_##type(logits, 5, 2, 3, out, 4)                        \
              == KLDIV_STATUS_LENGTH);                                                         \
        CHECK(kldiv_softmax_strided_##type(logits, 4, 2, 3, out, 4) == KLDIV_STATUS_CLASSES);  \
        CHECK(kldiv_softmax_strided_##type(out, 5, 2, 3, out, 5) == KLDIV_STATUS_OVERLAP);     \
        CHECK(out[0] == 7 && out[2] == 7 && out[4] == 7);                                      \
        OK(kldiv_softmax_strided_##type(logits, 5, 2, 3, out, 5));                             \
        NEAR(out[0], 0.5);                                                                     \
        NEAR(out[1], 0.5);                                                                     \
        CHECK(out[2] == 0);                                                                    \
        NEAR(out[3], 0.25);                                                                    \
        NEAR(out[4], 0.75);                                                                    \
        OK(kldiv_log_softmax_strided_##type(logits, 5, 2, 3, out, 5));                         \
        NEAR(out[0], log(0.5));                                                                \
        CHECK(out[2] == 0);                                                                    \
        NEAR(out[4], log(0.75));                                                               \
    }

/* Teachers that name few classes, and rows in pieces: p = (1/4, 1/4, 1/2) against thirds. */
#define SPARSE_TESTS(elem, type, State)                                                        \
    static void test_sparse_##type(void)                                                       \
    {                                                                                          \
        const elem student[3] = { 0, 0, 0 }, one = 1;                                          \
        const elem log_probs[2] = { (elem)log(0.5), (elem)log(0.25) };                         \
        const elem logits[3] = { 0, 0, (elem)log(2) };                                         \
        const uint32_t named[2] = { 2, 0 }, twice[2] = { 2, 2 }, far[2] = { 2, 3 };            \
        const double known = 0.5 * log(1.5) + 0.25 * log(0.75);                                \
        KldivDistillOptions options = { 0 };                                                   \
        KldivOffender found = { 7, 7, 7 };                                                     \
        State state = { { 0 } }, other = { { 0 } }, before;                                    \
        elem loss, parts[2], grad[3];                                                          \
        OK(kldiv_top_k_losses_##type(NULL, student, 1, 3, named, log_probs, 2,                 \
                                     KLDIV_REST_IGNORE, NULL, &loss, 1));                      \
        NEAR(loss, known);                                                                     \
        OK(kldiv_top_k_grad_##type(NULL, student, 1, 3, named, log_probs, 2,                   \
                                   KLDIV_REST_BUCKET, NULL, &one, 1, &loss, 1, grad, 3));      \
        NEAR(loss, known + 0.25 * log(0.75));                                                  \
        NEAR(grad[0], 1.0 / 12);                                                               \
        NEAR(grad[2], -1.0 / 6);                                                               \
        OK(kldiv_top_k_losses_##type(NULL, student, 1, 3, named, log_probs, 2,                 \
                                     KLDIV_REST_UNIFORM, NULL, &loss, 1));                     \
        NEAR(loss, known + 0.25 * log(0.75));                                                  \
        OK(kldiv_top_k_losses_##type(NULL, student, 1, 3, named, log_probs, 2,                 \
                                     KLDIV_REST_RENORMALISE, NULL, &loss, 1));                 \
        NEAR(loss, 2.0 / 3 * log(2));                                                          \
        CHECK(kldiv_top_k_losses_##type(NULL, student, 1, 3, named, log_probs, 2, 4, NULL,     \
                                        &loss, 1) == KLDIV_STATUS_OPTION_REST);                \
        CHECK(kldiv_top_k_losses_##type(NULL, student, 1, 3, far, log_probs, 2, 0, NULL,       \
                                        &loss, 1) == KLDIV_STATUS_CLASS_INDEX);                \
        CHECK(kldiv_top_k_losses_##type(NULL, student, 1, 3, NULL, log_probs, 2, 0, NULL,      \
                                        &loss, 1) == KLDIV_STATUS_NULL);                       \
        OK(kldiv_top_k_losses_##type(NULL, student, 1, 3, NULL, NULL, 0, 0, NULL, &loss, 1));  \
        CHECK(loss == 0);                                                                      \
        OK(kldiv_top_k_validate_##type(NULL, student, 1, 3, named, log_probs, 2, NULL,         \
                                       (elem)1e-6, NULL));                                     \
        CHECK(kldiv_top_k_validate_##type(NULL, student, 1, 3, twice, log_probs, 2, NULL,      \
                                          (elem)1e-6, &found)                                  \
              == KLDIV_STATUS_REPEATED_CLASS);                                                 \
        CHECK(found.row == 0 && found.value == 2);                                             \
        options.divergence = KLDIV_DIVERGENCE_REVERSE;                                         \
        CHECK(kldiv_top_k_losses_##type(&options, student, 1, 3, named, log_probs, 2, 0, NULL, \
                                        &loss, 1) == KLDIV_STATUS_TOP_K_DIVERGENCE);           \
                                                                                               \
        OK(kldiv_row_states_##type(NULL, student, logits, 1, 1, NULL, &state, 1));             \
        OK(kldiv_row_states_##type(NULL, student + 1, logits + 1, 1, 2, NULL, &other, 1));     \
        before = state;                                                                        \
        OK(kldiv_row_state_merge_##type(&state, &other));                                      \
        OK(kldiv_row_state_loss_##type(&state, &loss));                                        \
        NEAR(loss, known + 0.25 * log(0.75));                                                  \
        OK(kldiv_row_state_reverse_##type(&state, &loss));                                     \
        NEAR(loss, 2.0 / 3 * log(4.0 / 3) + log(2.0 / 3) / 3);                                 \
        OK(kldiv_row_state_student_log_mass_##type(&state, &loss));                            \
        NEAR(loss, log(3));                                                                    \
        OK(kldiv_row_state_teacher_log_mass_##type(&state, &loss));                            \
        NEAR(loss, log(4));                                                                    \
        OK(kldiv_grad_within_##type(NULL, student, logits, 1, 1, NULL, &state, 1, &one, 1,     \
                                    parts, 1, grad, 1));                                       \
        OK(kldiv_grad_within_##type(NULL, student + 1, logits + 1, 1, 2, NULL, &state, 1,      \
                                    &one, 1, parts + 1, 1, grad + 1, 2));                      \
        NEAR(parts[0] + parts[1], known + 0.25 * log(0.75));                                   \
        NEAR(grad[0], 1.0 / 12);                                                               \
        NEAR(grad[2], -1.0 / 6);                                                               \
        OK(kldiv_grad_within_##type(NULL, student, logits, 1, 1, NULL, &before, 1, &one, 1,    \
                                    NULL, 0, grad, 1));                                        \
        CHECK(grad[0] == 0);                                                                   \
        CHECK(kldiv_row_states_##type(NULL, student, logits, 1, 3, NULL, NULL, 1)              \
              == KLDIV_STATUS_NULL);                                                           \
        CHECK(kldiv_row_states_##type(NULL, student, logits, 1, 3, NULL, &state, 0)            \
              == KLDIV_STATUS_LENGTH);                                                         \
        options.divergence = KLDIV_DIVERGENCE_FORWARD;                                         \
        options.teacher = KLDIV_TEACHER_PROBS;                                                 \
        CHECK(kldiv_row_states_##type(&options, student, logits, 1, 3, NULL, &state, 1)        \
              == KLDIV_STATUS_PIECES_TEACHER);                                                 \
    }

#define NEAR_ENOUGH 1e-6
TESTS(float, f32)
DISTILL_TESTS(float, f32)
EXACT_TESTS(float, f32)
SPARSE_TESTS(float, f32, KldivRowStateF32)
#undef NEAR_ENOUGH
#define NEAR_ENOUGH 1e-14
TESTS(double, f64)
DISTILL_TESTS(double, f64)
EXACT_TESTS(double, f64)
SPARSE_TESTS(double, f64, KldivRowStateF64)

/* Two numbers are free. */
static int is_status(int status)
{
    return status >= KLDIV_STATUS_OK && status <= KLDIV_STATUS_PIECES_DIVERGENCE && status != 27 && status != 29;
}

static void test_messages(void)
{
    const int last = KLDIV_STATUS_PIECES_DIVERGENCE;
    int status, other;
    for (status = -1; status <= last + 1; status++)
        for (other = -1; other < status; other++)
            CHECK((strcmp(kldiv_message(status), kldiv_message(other)) != 0)
                  == (is_status(status) || is_status(other)));
}

int main(void)
{
    test_f32();
    test_f64();
    test_distill_f32();
    test_exact_f32();
    test_strided_f32();
    test_distill_f64();
    test_sparse_f32();
    test_sparse_f64();
    test_exact_f64();
    test_strided_f64();
    test_messages();
    printf("C interface: %d failures\n", failures);
    return failures != 0;
}
