/* Steps of AdaGrad along pairs of words. The wrapper in glove.py says more. */

#include <math.h>

#include "kernels.h"

#pragma GCC optimize("fp-contract=fast") /* a product and a sum may be one instruction */

#define LANES 16 /* sums that a dot product is taken in */

INLINE float dot(const float *restrict left, const float *restrict right, int64_t n)
{
    float sums[LANES] = {0}, rest = 0;
    const int64_t n_even = n - n % LANES;
    for (int64_t d = 0; d < n_even; d += LANES)
        for (int lane = 0; lane < LANES; lane++)
            sums[lane] += left[d + lane] * right[d + lane];
    for (int64_t d = n_even; d < n; d++)
        rest += left[d] * right[d];
    for (int n_sums = LANES / 2; n_sums; n_sums /= 2)
        for (int lane = 0; lane < n_sums; lane++)
            sums[lane] += sums[lane + n_sums];
    return sums[0] + rest;
}

/* Whether vectors, their squares, biases and the squares of those are as many, and ids of theirs. */
INLINE bool vectors_fit(const Call *call, int ids, int vectors, int64_t dimension)
{
    const int64_t n = LENGTH(vectors);
    return ids_fit(call, ids, n) && WIDTH(vectors) == dimension && LENGTH(vectors + 1) == n &&
           WIDTH(vectors + 1) == dimension && LENGTH(vectors + 2) == n && LENGTH(vectors + 3) == n;
}

VECTORIZED int64_t train_block(Call *call)
{
    const int32_t *rows = ARRAY(0), *columns = ARRAY(1);
    const float *logs = ARRAY(2), *weights = ARRAY(3);
    float *word_vectors = ARRAY(4), *word_squares = ARRAY(5), *word_biases = ARRAY(6), *word_bias_squares = ARRAY(7);
    float *context_vectors = ARRAY(8), *context_squares = ARRAY(9);
    float *context_biases = ARRAY(10), *context_bias_squares = ARRAY(11);
    double *loss = ARRAY(13);
    const float rate = (float)REAL(12);
    const int64_t n_pairs = LENGTH(0), dimension = WIDTH(4);
    REQUIRE(vectors_fit(call, 0, 4, dimension) && vectors_fit(call, 1, 8, dimension) && LENGTH(1) == n_pairs);
    REQUIRE(LENGTH(2) == n_pairs && LENGTH(3) == n_pairs && LENGTH(13) >= 1);
    double total = 0;
    for (int64_t pair = 0; pair < n_pairs; pair++) {
        const int64_t i = rows[pair], j = columns[pair];
        float *restrict w = word_vectors + i * dimension, *restrict w_squares = word_squares + i * dimension;
        float *restrict c = context_vectors + j * dimension, *restrict c_squares = context_squares + j * dimension;
        const float error = dot(w, c, dimension) + word_biases[i] + context_biases[j] - logs[pair];
        const float gradient = weights[pair] * error; /* of the pair's loss, by its prediction */
        total += 0.5 * (double)gradient * (double)error;
        for (int64_t d = 0; d < dimension; d++) {
            const float w_gradient = gradient * c[d], c_gradient = gradient * w[d];
            w[d] -= rate * w_gradient / sqrtf(w_squares[d]);
            c[d] -= rate * c_gradient / sqrtf(c_squares[d]);
            w_squares[d] += w_gradient * w_gradient;
            c_squares[d] += c_gradient * c_gradient;
        }
        word_biases[i] -= rate * gradient / sqrtf(word_bias_squares[i]);
        context_biases[j] -= rate * gradient / sqrtf(context_bias_squares[j]);
        word_bias_squares[i] += gradient * gradient;
        context_bias_squares[j] += gradient * gradient;
    }
    *loss = total;
    return 0;
}
