/* Dual coordinate descent for all classes at once. The wrappers in svm.py say more. */

#include <math.h>

#include "kernels.h"

#define SMALL 1e-3f /* violations below it are not worth a step */

/* Whether ids, offsets, weights and signs are of some documents, and a table and its bias of what they are of. */
INLINE bool documents_fit(const Call *call, int table, int bias)
{
    const bool is_table = WIDTH(table) == LENGTH(bias) || WIDTH(table) == 2 * LENGTH(bias);
    return is_table && ids_fit(call, 0, LENGTH(table)) && offsets_fit(call, 1, LENGTH(0)) && LENGTH(2) == LENGTH(0) &&
           LENGTH(3) == LENGTH(1) - 1 && WIDTH(3) == LENGTH(bias);
}

VECTORIZED int64_t classifiers_of(Call *call)
{
    const int32_t *restrict ids = ARRAY(0);
    const int64_t *restrict offsets = ARRAY(1);
    const float *restrict weights = ARRAY(2), *restrict signs = ARRAY(3), *restrict duals = ARRAY(4);
    float *restrict table = ARRAY(5), *restrict bias = ARRAY(6);
    const int64_t n_documents = LENGTH(1) - 1, width = WIDTH(5), n = LENGTH(6);
    REQUIRE(documents_fit(call, 5, 6) && LENGTH(4) == n_documents && WIDTH(4) == n);
    const bool is_scaled = width > n;
    for (int64_t document = 0; document < n_documents; document++) {
        for (int64_t k = 0; k < n; k++) {
            const float dual = signs[document * n + k] * duals[document * n + k];
            if (dual == 0)
                continue;
            bias[k] += dual;
            for (int64_t index = offsets[document]; index < offsets[document + 1]; index++) {
                float *restrict row = table + ids[index] * width;
                row[k] += weights[index] * dual * (is_scaled ? row[n + k] : 1.0f);
            }
        }
    }
    return 0;
}

VECTORIZED int64_t dual_pass(Call *call)
{
    const int32_t *restrict ids = ARRAY(0);
    const int64_t *restrict offsets = ARRAY(1), *restrict order = ARRAY(4);
    const float *restrict weights = ARRAY(2), *restrict signs = ARRAY(3);
    const float *restrict slacks = ARRAY(5), *restrict norms = ARRAY(6);
    float *restrict table = ARRAY(7), *restrict bias = ARRAY(8), *restrict duals = ARRAY(9), *worst = ARRAY(10);
    const int64_t n_steps = LENGTH(4), width = WIDTH(7), n = LENGTH(8), n_documents = LENGTH(1) - 1;
    REQUIRE(documents_fit(call, 7, 8) && indices_fit(call, 4, n_documents) && LENGTH(5) == n_documents);
    REQUIRE(LENGTH(6) == n_documents && WIDTH(6) == n && LENGTH(9) == n_documents && WIDTH(9) == n && LENGTH(10) >= 1);
    const bool is_scaled = width > n;
    float *restrict scores = malloc(2 * (n + 1) * sizeof(float)), *restrict steps = scores + n;
    if (scores == NULL)
        return OUT_OF_MEMORY;
    *worst = 0;
    for (int64_t step = 0; step < n_steps; step++) {
        const int64_t document = order[step], start = offsets[document], end = offsets[document + 1];
        const float slack = slacks[document];
        const float *restrict sign = signs + document * n, *restrict norm = norms + document * n;
        float *restrict dual = duals + document * n;
        memcpy(scores, bias, n * sizeof(float));
        for (int64_t index = start; index < end; index++) {
            const float *restrict row = table + ids[index] * width;
            const float weight = weights[index];
            for (int64_t k = 0; k < n; k++)
                scores[k] += weight * row[k];
        }
        bool is_changed = false;
        for (int64_t k = 0; k < n; k++) {
            const float gradient = sign[k] * scores[k] - 1.0f + slack * dual[k];
            steps[k] = 0;
            if ((dual[k] > 0 || gradient < 0) && fabsf(gradient) > SMALL) {
                if (fabsf(gradient) > *worst)
                    *worst = fabsf(gradient);
                float new = dual[k] - gradient / (norm[k] + slack);
                new = new > 0 ? new : 0;
                steps[k] = (new - dual[k]) * sign[k];
                dual[k] = new;
                is_changed = true;
            }
        }
        if (!is_changed)
            continue;
        for (int64_t index = start; index < end; index++) {
            float *restrict row = table + ids[index] * width;
            const float weight = weights[index];
            if (is_scaled) {
                for (int64_t k = 0; k < n; k++)
                    row[k] += weight * steps[k] * row[n + k];
            } else {
                for (int64_t k = 0; k < n; k++)
                    row[k] += weight * steps[k];
            }
        }
        for (int64_t k = 0; k < n; k++)
            bias[k] += steps[k];
    }
    free(scores);
    return 0;
}
