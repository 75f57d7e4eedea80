/* Dual coordinate descent for all classes at once. The wrappers in svm.py say more. */

#include <math.h>

#include "kernels.h"

#define LANES 8
#define AHEAD 24 /* ids whose rows are asked of the memory before they are needed */
#define SMALL 1e-3f /* violations that are not above it are not worth a step */
#define MOST_BLOCKS 4 /* of LANES classes, up to which the loops over them are unrolled */

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

/* Documents, classes that differ in what they want of them, and classifiers: what both kernels take. */
typedef struct {
    const int32_t *ids;
    const int64_t *offsets, *rows;
    const float *weights, *signs;
    float *table, *bias, *duals;
    int64_t n, width; /* of bias, and of a row of the table: n, or 2 n with scales */
} Machine;

/* Whether ids, offsets, rows, weights and signs are of some documents, and duals, a table and its bias of these. */
INLINE bool documents_fit(const Call *call, int table, int bias, int duals)
{
    const bool is_table = WIDTH(table) == LENGTH(bias) || WIDTH(table) == 2 * LENGTH(bias);
    return is_table && documents_of_rows_fit(call, 0, 1, 2, LENGTH(table)) && LENGTH(3) == LENGTH(0) &&
           LENGTH(4) == LENGTH(2) && WIDTH(4) == LENGTH(bias) && LENGTH(duals) == LENGTH(2) &&
           WIDTH(duals) == LENGTH(bias);
}

INLINE Machine machine_of(const Call *call, int table, int bias, int duals)
{
    return (Machine){ARRAY(0),     ARRAY(1),    ARRAY(2),     ARRAY(3),     ARRAY(4),
                     ARRAY(table), ARRAY(bias), ARRAY(duals), LENGTH(bias), WIDTH(table)};
}

/* Scores of a document, in blocks of LANES classes, or one by one without blocks; `norms` are those of the bias and Σ weight² · scale,
 * where they are asked for. A sum has the order of the ids, whatever the blocks. */
INLINE void score(const Machine *m, int64_t start, int64_t end, float *restrict scores, float *restrict norms,
                  const int64_t n_blocks)
{
    const int64_t n = m->n, width = m->width;
    const int32_t *restrict ids = m->ids;
    const float *restrict weights = m->weights;
    const bool is_scaled = width > n;
    for (int64_t first = 0; first < n; first += n_blocks ? n_blocks * LANES : 1) {
        const float *restrict table = m->table + first;
        Lanes totals[MOST_BLOCKS], squares[MOST_BLOCKS];
        float total = m->bias[first], square = 1;
        for (int64_t b = 0; b < n_blocks; b++) {
            totals[b] = *(const Lanes *)(m->bias + first + b * LANES);
            squares[b] = (Lanes){0} + 1;
        }
        for (int64_t index = start; index < end; index++) {
            const float *restrict row = table + ids[index] * width;
            const float weight = weights[index];
            if (n_blocks && index + AHEAD < end)
                __builtin_prefetch(table + ids[index + AHEAD] * width);
            if (n_blocks == 0)
                total += weight * row[0];
            for (int64_t b = 0; b < n_blocks; b++)
                totals[b] += weight * *(const Lanes *)(row + b * LANES);
            if (norms == NULL)
                continue;
            if (n_blocks == 0)
                square += is_scaled ? weight * weight * row[n] : weight * weight;
            for (int64_t b = 0; b < n_blocks; b++)
                squares[b] += is_scaled ? weight * weight * *(const Lanes *)(row + n + b * LANES)
                                        : (Lanes){0} + weight * weight;
        }
        if (n_blocks == 0)
            scores[first] = total;
        if (n_blocks == 0 && norms != NULL)
            norms[first] = square;
        for (int64_t b = 0; b < n_blocks; b++) {
            *(Lanes *)(scores + first + b * LANES) = totals[b];
            if (norms != NULL)
                *(Lanes *)(norms + first + b * LANES) = squares[b];
        }
    }
}

/* Add a document to the classifiers, times its steps. Where its rows were not just read, they are asked for. */
INLINE void add(const Machine *m, int64_t start, int64_t end, const float *restrict steps, const bool is_read,
                const int64_t n_blocks)
{
    const int64_t n = m->n, width = m->width;
    const int32_t *restrict ids = m->ids;
    const float *restrict weights = m->weights;
    const bool is_scaled = width > n;
    for (int64_t first = 0; first < n; first += n_blocks ? n_blocks * LANES : 1) {
        float *restrict table = m->table + first;
        Lanes all[MOST_BLOCKS];
        for (int64_t b = 0; b < n_blocks; b++)
            all[b] = *(const Lanes *)(steps + first + b * LANES);
        for (int64_t index = start; index < end; index++) {
            float *restrict row = table + ids[index] * width;
            const float weight = weights[index];
            if (n_blocks && !is_read && index + AHEAD < end)
                __builtin_prefetch(table + ids[index + AHEAD] * width, 1);
            if (n_blocks == 0)
                row[0] += is_scaled ? weight * steps[first] * row[n] : weight * steps[first];
            for (int64_t b = 0; b < n_blocks; b++) {
                Lanes *at = (Lanes *)(row + b * LANES);
                *at += is_scaled ? weight * all[b] * *(const Lanes *)(row + n + b * LANES) : weight * all[b];
            }
        }
    }
    for (int64_t k = 0; k < n; k++)
        m->bias[k] += steps[k];
}

/* The steps of a document from its scores; its duals make them. Returns whether there are any. */
INLINE bool step(int64_t n, const float *restrict scores, const float *restrict sign, const float *restrict norm,
                 float slack, float *restrict dual, float *restrict steps, float *worst)
{
    float largest = 0;
    for (int64_t k = 0; k < n; k++) {
        const float gradient = sign[k] * scores[k] - 1.0f + slack * dual[k], size = fabsf(gradient);
        const float wanted = dual[k] - gradient / (norm[k] + slack), new = wanted > 0 ? wanted : 0;
        const bool is_active = ((dual[k] > 0) | (gradient < 0)) & (size > SMALL) & (sign[k] != 0);
        steps[k] = is_active ? (new - dual[k]) * sign[k] : 0;
        dual[k] = is_active ? new : dual[k];
        largest = is_active && size > largest ? size : largest;
    }
    *worst = largest > *worst ? largest : *worst;
    return largest > 0;
}

INLINE void descend(const Machine *m, Call *call, float *restrict scores, const int64_t n_blocks)
{
    const int64_t *restrict order = ARRAY(5), n_steps = LENGTH(5), n = m->n;
    const float *restrict slacks = ARRAY(6);
    float *restrict norms = ARRAY(7), *worst = ARRAY(11), *steps = scores + n;
    *worst = 0;
    for (int64_t at = 0; at < n_steps; at++) {
        const int64_t place = order[at], document = m->rows[place];
        const int64_t start = m->offsets[document], end = m->offsets[document + 1];
        float *norm = norms + place * n;
        if (norm[0] == 0) /* not known yet */
            score(m, start, end, scores, norm, n_blocks);
        else
            score(m, start, end, scores, NULL, n_blocks);
        if (step(n, scores, m->signs + place * n, norm, slacks[place], m->duals + place * n, steps, worst))
            add(m, start, end, steps, true, n_blocks);
    }
}

/* How many blocks the loops take at a time, as a constant; 0 where classes do not fill blocks. */
#define IN_BLOCKS(n, DO)               \
    if ((n) % LANES)                   \
        DO(0);                         \
    else if ((n) % (4 * LANES) == 0)   \
        DO(4);                         \
    else if ((n) % (3 * LANES) == 0)   \
        DO(3);                         \
    else if ((n) % (2 * LANES) == 0)   \
        DO(2);                         \
    else                               \
        DO(1)

VECTORIZED int64_t classifiers_of(Call *call)
{
    REQUIRE(documents_fit(call, 6, 7, 5));
    const Machine m = machine_of(call, 6, 7, 5);
    float *steps = malloc((m.n + 1) * sizeof(float));
    if (steps == NULL)
        return OUT_OF_MEMORY;
    for (int64_t place = 0; place < LENGTH(2); place++) {
        const int64_t start = m.offsets[m.rows[place]], end = m.offsets[m.rows[place] + 1];
        bool is_any = false;
        for (int64_t k = 0; k < m.n; k++) {
            steps[k] = m.signs[place * m.n + k] * m.duals[place * m.n + k];
            is_any |= steps[k] != 0;
        }
        if (!is_any)
            continue;
#define ADD(n_blocks) add(&m, start, end, steps, false, n_blocks)
        IN_BLOCKS(m.n, ADD);
    }
    free(steps);
    return 0;
}

VECTORIZED int64_t dual_pass(Call *call)
{
    REQUIRE(documents_fit(call, 8, 9, 10) && indices_fit(call, 5, LENGTH(2)) && LENGTH(6) == LENGTH(2));
    REQUIRE(LENGTH(7) == LENGTH(2) && WIDTH(7) == LENGTH(9) && LENGTH(11) >= 1);
    const Machine m = machine_of(call, 8, 9, 10);
    float *scores = malloc(2 * (m.n + 1) * sizeof(float));
    if (scores == NULL)
        return OUT_OF_MEMORY;
#define DESCEND(n_blocks) descend(&m, call, scores, n_blocks)
    IN_BLOCKS(m.n, DESCEND);
    free(scores);
    return 0;
}

VECTORIZED int64_t scores_of(Call *call)
{
    REQUIRE(WIDTH(4) == WIDTH(5) || WIDTH(4) == 2 * WIDTH(5));
    REQUIRE(documents_of_rows_fit(call, 0, 1, 2, LENGTH(4)));
    REQUIRE(LENGTH(3) == LENGTH(0) && LENGTH(5) == LENGTH(2));
    const Machine m = {.ids = ARRAY(0), .offsets = ARRAY(1), .rows = ARRAY(2), .weights = ARRAY(3), .table = ARRAY(4),
                       .bias = calloc(WIDTH(5) + 1, sizeof(float)), .n = WIDTH(5), .width = WIDTH(4)};
    float *restrict scores = ARRAY(5);
    if (m.bias == NULL)
        return OUT_OF_MEMORY;
    for (int64_t place = 0; place < LENGTH(2); place++) {
        const int64_t start = m.offsets[m.rows[place]], end = m.offsets[m.rows[place] + 1];
#define SCORE(n_blocks) score(&m, start, end, scores + place * m.n, NULL, n_blocks)
        IN_BLOCKS(m.n, SCORE);
    }
    free(m.bias);
    return 0;
}

VECTORIZED int64_t times_curvature(Call *call)
{
    const int64_t n = WIDTH(4);
    REQUIRE(n >= 1 && WIDTH(5) == n && WIDTH(6) == n && LENGTH(6) == LENGTH(5));
    REQUIRE(documents_of_rows_fit(call, 0, 1, 2, LENGTH(5)));
    REQUIRE(LENGTH(3) == LENGTH(0) && LENGTH(4) == LENGTH(2));
    float *scratch = calloc(3 * n, sizeof(float)), *scores = scratch + n;
    if (scratch == NULL)
        return OUT_OF_MEMORY;
    const Machine from = {.ids = ARRAY(0), .offsets = ARRAY(1), .rows = ARRAY(2), .weights = ARRAY(3), .table = ARRAY(5),
                          .bias = scratch, .n = n, .width = n};
    Machine to = from;
    to.table = ARRAY(6), to.bias = scratch + 2 * n;
    const float *restrict costs = ARRAY(4);
    for (int64_t place = 0; place < LENGTH(2); place++) {
        const int64_t start = from.offsets[from.rows[place]], end = from.offsets[from.rows[place] + 1];
#define MULTIPLY(n_blocks)                          \
    do {                                            \
        score(&from, start, end, scores, NULL, n_blocks); \
        for (int64_t k = 0; k < n; k++)             \
            scores[k] *= costs[place * n + k];      \
        add(&to, start, end, scores, false, n_blocks); \
    } while (0)
        IN_BLOCKS(n, MULTIPLY);
    }
    free(scratch);
    return 0;
}

VECTORIZED int64_t bias_slopes(Call *call)
{
    const float *restrict scores = ARRAY(0), *restrict signs = ARRAY(1), *restrict slacks = ARRAY(2);
    const double *restrict bias = ARRAY(3);
    double *restrict gradients = ARRAY(4), *restrict curvatures = ARRAY(5);
    const int64_t n = WIDTH(0);
    REQUIRE(LENGTH(1) == LENGTH(0) && WIDTH(1) == n && LENGTH(2) == LENGTH(0));
    REQUIRE(LENGTH(3) == n && LENGTH(4) == n && LENGTH(5) == n);
    for (int64_t place = 0; place < LENGTH(0); place++) {
        const double cost = 1.0 / slacks[place];
        for (int64_t k = 0; k < n; k++) {
            const double sign = signs[place * n + k], short_of = 1 - sign * (scores[place * n + k] + bias[k]);
            const double counts = (short_of > 0) & (sign != 0) ? cost : 0;
            gradients[k] -= counts * sign * short_of;
            curvatures[k] += counts;
        }
    }
    return 0;
}
