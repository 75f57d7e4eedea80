/* Weights of ids summed over the documents of each class. class_sums.py says more. */

#include "kernels.h"

#define AHEAD 24 /* ids whose rows are asked of the memory before they are needed */

/* ids, offsets; rows, labels and counts of pairs; weights of ids; sums. */
int64_t class_sums(Call *call)
{
    const int32_t *restrict ids = ARRAY(0);
    const int64_t *restrict offsets = ARRAY(1), *restrict rows = ARRAY(2), *restrict labels = ARRAY(3);
    const float *restrict counts = ARRAY(4), *restrict weights = ARRAY(5);
    double *restrict sums = ARRAY(6);
    const int64_t n_pairs = LENGTH(2), width = WIDTH(6);
    REQUIRE(ids_fit(call, 0, LENGTH(6)) && offsets_fit(call, 1, LENGTH(0)) && LENGTH(5) == LENGTH(0));
    REQUIRE(indices_fit(call, 2, LENGTH(1) - 1) && indices_fit(call, 3, width));
    REQUIRE(LENGTH(3) == n_pairs && LENGTH(4) == n_pairs);
    for (int64_t pair = 0; pair < n_pairs; pair++) {
        const float count = counts[pair];
        double *restrict column = sums + labels[pair];
        const int64_t end = offsets[rows[pair] + 1];
        for (int64_t index = offsets[rows[pair]]; index < end; index++) {
            if (index + AHEAD < end)
                __builtin_prefetch(column + ids[index + AHEAD] * width, 1);
            column[ids[index] * width] += (double)(weights[index] * count);
        }
    }
    return 0;
}
