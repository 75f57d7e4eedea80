/* The sum of weighed rows of a matrix, which kernels of several files make. */

#ifndef BYWORDS_ROWS_H
#define BYWORDS_ROWS_H

#include "kernels.h"

#define ROWS_AHEAD 8 /* rows that are asked for beforehand: they are all over a large matrix */

/* Σ weight · matrix[id] over n ids, into `total`; of few columns in registers. */
INLINE void add_up_few(const float *restrict matrix, const int64_t dimension, const int32_t *restrict ids,
                       const float *restrict weights, int64_t n, float *restrict total)
{
    float sums[8] = {0};
    for (int64_t index = 0; index < n; index++) {
        if (index + ROWS_AHEAD < n)
            __builtin_prefetch(matrix + ids[index + ROWS_AHEAD] * dimension);
        for (int64_t d = 0; d < dimension; d++)
            sums[d] += weights[index] * matrix[ids[index] * dimension + d];
    }
    memcpy(total, sums, dimension * sizeof(float));
}

INLINE void add_up(const float *restrict matrix, int64_t dimension, const int32_t *restrict ids,
                   const float *restrict weights, int64_t n, float *restrict total)
{
    if (dimension == 2)
        return add_up_few(matrix, 2, ids, weights, n, total);
    if (dimension == 3)
        return add_up_few(matrix, 3, ids, weights, n, total);
    if (dimension == 4)
        return add_up_few(matrix, 4, ids, weights, n, total);
    if (dimension == 6)
        return add_up_few(matrix, 6, ids, weights, n, total);
    memset(total, 0, dimension * sizeof(float));
    for (int64_t index = 0; index < n; index++) {
        if (index + ROWS_AHEAD < n)
            __builtin_prefetch(matrix + ids[index + ROWS_AHEAD] * dimension);
        const float *restrict row = matrix + ids[index] * dimension;
        const float weight = weights[index];
        for (int64_t d = 0; d < dimension; d++)
            total[d] += weight * row[d];
    }
}

#endif
