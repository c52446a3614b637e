/* The functions for numbers of 16 bits, of a library that has the feature `half`. Each must give what the function for
 * float gives for the same numbers, rounded once where a result is one for each element. Prints what differs; the exit
 * status is 1 then. */
#include "kldiv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            printf("half.c:%d: not so: %s\n", __LINE__, #condition);       \
            failures++;                                                    \
        }                                                                  \
    } while (0)
#define OK(call) CHECK((call) == KLDIV_STATUS_OK)
#define SAME(a, b) CHECK(memcmp(&(a), &(b), sizeof(a)) == 0)

/* 6 logits or probabilities, two rows of three. */
enum { N = 6, ROWS = 2, CLASSES = 3 };

static double number_f16(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 31 ? (fraction ? NAN : INFINITY)
        : exponent == 0                ? ldexp(fraction, -24)
                                       : ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -size : size;
}

static double number_bf16(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float number;
    memcpy(&number, &wide, sizeof number);
    return number;
}

/* To so many binary digits, the last one worth 2^lowest or more; ties to even, as the processor is set. */
static double rounded(double x, int digits, int lowest)
{
    int exponent;
    frexp(x, &exponent);
    exponent = exponent - digits < lowest ? lowest : exponent - digits;
    return ldexp(nearbyint(ldexp(x, -exponent)), exponent);
}

#define TESTS(type, digits, lowest)                                                             \
    static uint16_t bits_##type(double x)                                                       \
    {                                                                                           \
        uint32_t bits = 0;                                                                      \
        while (bits < 65535 && number_##type((uint16_t)bits) != x)                              \
            bits++;                                                                             \
        return (uint16_t)bits;                                                                  \
    }                                                                                           \
                                                                                                \
    static void check_##type(int line, const uint16_t *found, const float *of_float)            \
    {                                                                                           \
        int i;                                                                                  \
        for (i = 0; i < N; i++) {                                                               \
            const double x = number_##type(found[i]), y = rounded(of_float[i], digits, lowest); \
            if (x != y) {                                                                       \
                printf("half.c:%d: " #type " %d is %g, should be %g\n", line, i, x, y);         \
                failures++;                                                                     \
            }                                                                                   \
        }                                                                                       \
    }                                                                                           \
                                                                                                \
    static void test_##type(void)                                                               \
    {                                                                                           \
        const float p[N] = { 0.375, 0.5, 0.125, 0, 0.75, 0.25 };                                \
        const float q[N] = { 0.3125, 0.4375, 0.25, 0.25, 0.4375, 0.3125 };                      \
        const float logits[N] = { 1.5, -2.25, 0.75, 3, -0.5, 0 };                               \
        const float others[N] = { -1, 2.5, 0, 0.25, 1, -3 };                                    \
        const float factors[ROWS] = { 0.7f, -1.3f };                                            \
        const double infinite = INFINITY;                                                       \
        uint16_t narrow_p[N], narrow_q[N], narrow_logits[N], narrow_others[N], out[N];          \
        uint16_t untouched[N], total;                                                           \
        float wide[N], sums[ROWS], expected_sums[ROWS], sum, expected;                          \
        KldivOptions options = { 0 };                                                           \
        KldivDistillOptions distill = { 0 };                                                    \
        KldivExactSum exact = { { 0 } }, of_float = { { 0 } };                                  \
        uint8_t bytes[KLDIV_EXACT_SUM_BYTES], bytes_of_float[KLDIV_EXACT_SUM_BYTES];            \
        int i;                                                                                  \
        options.input = KLDIV_INPUT_PROBS;                                                      \
        options.reduction = KLDIV_REDUCTION_SUM;                                                \
        for (i = 0; i < N; i++) {                                                               \
            narrow_p[i] = bits_##type(p[i]);                                                    \
            narrow_q[i] = bits_##type(q[i]);                                                    \
            narrow_logits[i] = bits_##type(logits[i]);                                          \
            narrow_others[i] = bits_##type(others[i]);                                          \
        }                                                                                       \
        CHECK(number_##type(narrow_logits[1]) == -2.25);                                        \
                                                                                                \
        OK(kldiv_reduce_##type(&options, narrow_q, narrow_p, N, &sum));                         \
        OK(kldiv_reduce_f32(&options, q, p, N, &expected));                                     \
        CHECK(sum > 0);                                                                         \
        SAME(sum, expected);                                                                    \
        OK(kldiv_entropy_##type(NULL, narrow_p, N, &sum));                                      \
        OK(kldiv_entropy_f32(NULL, p, N, &expected));                                           \
        SAME(sum, expected);                                                                    \
        OK(kldiv_cross_entropy_##type(&options, narrow_q, narrow_p, N, &sum));                  \
        OK(kldiv_cross_entropy_f32(&options, q, p, N, &expected));                              \
        SAME(sum, expected);                                                                    \
        OK(kldiv_row_sums_##type(&options, narrow_q, narrow_p, N, sums, ROWS));                 \
        OK(kldiv_row_sums_f32(&options, q, p, N, expected_sums, ROWS));                         \
        SAME(sums, expected_sums);                                                              \
        OK(kldiv_pointwise_##type(&options, narrow_q, narrow_p, N, out, N));                    \
        OK(kldiv_pointwise_f32(&options, q, p, N, wide, N));                                    \
        check_##type(__LINE__, out, wide);                                                      \
        OK(kldiv_grad_input_##type(&options, narrow_q, narrow_p, N, factors, ROWS, out, N));    \
        OK(kldiv_grad_input_f32(&options, q, p, N, factors, ROWS, wide, N));                    \
        check_##type(__LINE__, out, wide);                                                      \
        OK(kldiv_grad_target_##type(&options, narrow_q, narrow_q, N, factors, ROWS, out, N));   \
        OK(kldiv_grad_target_f32(&options, q, q, N, factors, ROWS, wide, N));                   \
        check_##type(__LINE__, out, wide);                                                      \
        OK(kldiv_softmax_##type(narrow_logits, N, CLASSES, out, N));                            \
        OK(kldiv_softmax_f32(logits, N, CLASSES, wide, N));                                     \
        check_##type(__LINE__, out, wide);                                                      \
        OK(kldiv_log_softmax_##type(narrow_logits, N, CLASSES, out, N));                        \
        OK(kldiv_log_softmax_f32(logits, N, CLASSES, wide, N));                                 \
        check_##type(__LINE__, out, wide);                                                      \
        OK(kldiv_validate_##type(&options, narrow_q, narrow_p, N, ROWS, 1e-6f));                \
        CHECK(kldiv_validate_##type(&options, narrow_q, narrow_p, N, 1, 1e-6f)                  \
              == KLDIV_STATUS_ROW_SUM);                                                         \
                                                                                                \
        /* A gradient that is added, too. */                                                    \
        OK(kldiv_distill_losses_##type(NULL, narrow_logits, narrow_others, NULL, ROWS, CLASSES, \
                                       NULL, sums, ROWS));                                      \
        OK(kldiv_distill_losses_f32(NULL, logits, others, NULL, ROWS, CLASSES, NULL,            \
                                    expected_sums, ROWS));                                      \
        CHECK(sums[0] > 0);                                                                     \
        SAME(sums, expected_sums);                                                              \
        for (distill.accumulate = 0; distill.accumulate < 2; distill.accumulate++) {            \
            memcpy(out, narrow_others, sizeof out);                                             \
            memcpy(wide, others, sizeof wide);                                                  \
            OK(kldiv_distill_grad_##type(&distill, narrow_logits, narrow_others, NULL, ROWS,    \
                                         CLASSES, NULL, factors, ROWS, sums, ROWS, out, N));    \
            OK(kldiv_distill_grad_f32(&distill, logits, others, NULL, ROWS, CLASSES, NULL,      \
                                      factors, ROWS, expected_sums, ROWS, wide, N));            \
            SAME(sums, expected_sums);                                                          \
            check_##type(__LINE__, out, wide);                                                  \
        }                                                                                       \
        OK(kldiv_distill_validate_##type(NULL, narrow_logits, narrow_others, NULL, ROWS,        \
                                         CLASSES, NULL, 1e-6f, NULL));                          \
        out[0] = bits_##type(infinite);                                                         \
        CHECK(kldiv_distill_validate_##type(NULL, narrow_logits, out, NULL, ROWS, CLASSES,      \
                                            NULL, 1e-6f, NULL) == KLDIV_STATUS_LOGIT);          \
                                                                                                \
        OK(kldiv_exact_sum_extend_##type(&exact, narrow_logits, N));                            \
        OK(kldiv_exact_sum_extend_f32(&of_float, logits, N));                                   \
        OK(kldiv_exact_sum_to_bytes(&exact, bytes, sizeof bytes));                              \
        OK(kldiv_exact_sum_to_bytes(&of_float, bytes_of_float, sizeof bytes_of_float));         \
        SAME(bytes, bytes_of_float);                                                            \
        OK(kldiv_exact_sum_value_##type(&exact, &total));                                       \
        CHECK(number_##type(total) == 2.5);                                                     \
        OK(kldiv_exact_sum_add_##type(&exact, narrow_logits[1]));                               \
        OK(kldiv_exact_sum_value_##type(&exact, &total));                                       \
        CHECK(number_##type(total) == 0.25);                                                    \
        OK(kldiv_softmax_strided_##type(narrow_logits, N, 2, CLASSES, out, N));                 \
        OK(kldiv_softmax_strided_f32(logits, N, 2, CLASSES, wide, N));                          \
        check_##type(__LINE__, out, wide);                                                      \
                                                                                                \
        /* Refusals. */                                                                         \
        memset(out, 0x55, sizeof out);                                                          \
        memcpy(untouched, out, sizeof out);                                                     \
        CHECK(kldiv_pointwise_##type(NULL, narrow_q, NULL, N, out, N) == KLDIV_STATUS_NULL);    \
        CHECK(kldiv_softmax_##type((const uint16_t *)((const char *)narrow_p + 1), 3, 3, out,   \
                                   3) == KLDIV_STATUS_MISALIGNED);                              \
        CHECK(kldiv_pointwise_##type(NULL, narrow_q, out + 1, 5, out, 5)                        \
              == KLDIV_STATUS_OVERLAP);                                                         \
        CHECK(kldiv_pointwise_##type(NULL, narrow_q, narrow_p, N, out, 5)                       \
              == KLDIV_STATUS_LENGTH);                                                          \
        SAME(out, untouched);                                                                   \
    }

TESTS(f16, 11, -24)
TESTS(bf16, 8, -133)

int main(void)
{
    test_f16();
    test_bf16();
    printf("C interface, 16 bits: %d failures\n", failures);
    return failures != 0;
}
