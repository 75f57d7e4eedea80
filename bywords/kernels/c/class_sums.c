/* Weights of ids summed over the documents of each class. class_sums.py says more. */

#include "kernels.h"

#define AHEAD 24 /* ids whose rows are asked of the memory before they are needed */

/* Add what each id of the pairs weighs; without weights it is 1. */
INLINE void add_pairs(Call *call, const bool is_weighed)
{
    const int32_t *restrict ids = ARRAY(0);
    const int64_t *restrict offsets = ARRAY(1), *restrict rows = ARRAY(2), *restrict labels = ARRAY(3);
    const float *restrict counts = ARRAY(4), *restrict weights = ARRAY(5);
    double *restrict sums = ARRAY(6);
    const int64_t n_pairs = LENGTH(2), width = WIDTH(6);
    for (int64_t pair = 0; pair < n_pairs; pair++) {
        const float count = counts[pair];
        double *restrict column = sums + labels[pair];
        const int64_t end = offsets[rows[pair] + 1];
        for (int64_t index = offsets[rows[pair]]; index < end; index++) {
            if (index + AHEAD < end)
                __builtin_prefetch(column + ids[index + AHEAD] * width, 1);
            column[ids[index] * width] += (double)(is_weighed ? weights[index] * count : count);
        }
    }
}

/* ids, offsets; rows, labels and counts of pairs; weights of ids, or none; sums. */
int64_t class_sums(Call *call)
{
    const int64_t n_pairs = LENGTH(2), n_weights = LENGTH(5);
    REQUIRE(documents_of_rows_fit(call, 0, 1, 2, LENGTH(6)) && (n_weights == LENGTH(0) || n_weights == 0));
    REQUIRE(indices_fit(call, 3, WIDTH(6)) && LENGTH(3) == n_pairs && LENGTH(4) == n_pairs);
    if (n_weights)
        add_pairs(call, true);
    else
        add_pairs(call, false);
    return 0;
}
