// That C++ can include the header, and link what it declares.
#include "kldiv.h"

int main()
{
    const double target[] = {0.5, 0.5}, input[] = {0.25, 0.75};
    double sum = 0;
    KldivOptions options{};
    options.input = KLDIV_INPUT_PROBS;
    return kldiv_reduce_f64(&options, input, target, 2, &sum) == KLDIV_STATUS_OK && sum > 0 ? 0 : 1;
}
