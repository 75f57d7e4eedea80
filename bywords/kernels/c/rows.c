/* Ids and a large matrix: sums of its rows, their gradients and steps on them. The wrappers in rows.py say more. */

#include <math.h>

#include "rows.h"

VECTORIZED int64_t add_rows(Call *call)
{
    const float *restrict matrix = ARRAY(0), *restrict weights = ARRAY(3);
    const int32_t *restrict ids = ARRAY(1);
    const int64_t *restrict offsets = ARRAY(2);
    float *restrict sums = ARRAY(4);
    const int64_t n_documents = LENGTH(2) - 1, dimension = WIDTH(0);
    REQUIRE(ids_fit(call, 1, LENGTH(0)) && offsets_fit(call, 2, LENGTH(1)) && LENGTH(3) == LENGTH(1));
    REQUIRE(LENGTH(4) == n_documents && WIDTH(4) == dimension);
    for (int64_t document = 0; document < n_documents; document++) {
        const int64_t start = offsets[document], n = offsets[document + 1] - start;
        add_up(matrix, dimension, ids + start, weights + start, n, sums + document * dimension);
    }
    return 0;
}

/* Returns the number of rows. */
VECTORIZED int64_t gradients_of_rows(Call *call)
{
    const int32_t *restrict ids = ARRAY(0);
    const int64_t *restrict offsets = ARRAY(1);
    const float *restrict weights = ARRAY(2), *restrict gradient = ARRAY(3);
    int32_t *restrict index_of = ARRAY(4);
    int64_t *restrict rows = ARRAY(5);
    float *restrict gradients = ARRAY(6);
    const int64_t n_ids = LENGTH(0), n_documents = LENGTH(1) - 1, dimension = WIDTH(3);
    int64_t n_rows = 0;
    REQUIRE(ids_fit(call, 0, LENGTH(4)) && offsets_fit(call, 1, n_ids) && LENGTH(2) == n_ids);
    REQUIRE(LENGTH(3) == n_documents && LENGTH(5) >= n_ids && LENGTH(6) >= n_ids && WIDTH(6) == dimension);
    for (int64_t index = 0; index < n_ids; index++) {
        if (index_of[ids[index]] < 0) {
            memset(gradients + n_rows * dimension, 0, dimension * sizeof(float));
            index_of[ids[index]] = (int32_t)n_rows;
            rows[n_rows++] = ids[index];
        }
        REQUIRE(index_of[ids[index]] < n_rows);
    }
    for (int64_t document = 0; document < n_documents; document++) {
        const float *restrict of_document = gradient + document * dimension;
        for (int64_t index = offsets[document]; index < offsets[document + 1]; index++) {
            float *restrict total = gradients + index_of[ids[index]] * dimension;
            const float weight = weights[index];
            for (int64_t d = 0; d < dimension; d++)
                total[d] += weight * of_document[d];
        }
    }
    for (int64_t row = 0; row < n_rows; row++)
        index_of[rows[row]] = -1;
    return n_rows;
}

VECTORIZED int64_t adagrad(Call *call)
{
    float *restrict matrix = ARRAY(0), *restrict squares = ARRAY(1);
    const int64_t *restrict rows = ARRAY(2);
    const float *restrict gradients = ARRAY(3);
    const double rate = REAL(4), epsilon = REAL(5);
    const int64_t n_rows = LENGTH(2), dimension = WIDTH(3);
    REQUIRE(indices_fit(call, 2, LENGTH(0)) && LENGTH(1) == LENGTH(0) && WIDTH(0) == dimension && LENGTH(3) == n_rows);
    for (int64_t index = 0; index < n_rows; index++) {
        const float *restrict gradient = gradients + index * dimension;
        float square = 0;
        for (int64_t d = 0; d < dimension; d++)
            square += gradient[d] * gradient[d];
        squares[rows[index]] += square / (float)dimension;
        const float step = (float)(rate / ((double)sqrtf(squares[rows[index]]) + epsilon));
        float *restrict row = matrix + rows[index] * dimension;
        for (int64_t d = 0; d < dimension; d++)
            row[d] -= step * gradient[d];
    }
    return 0;
}
