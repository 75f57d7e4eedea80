/* Linear models that share their features: what kernels of several files ask for the logits of a document. */

#ifndef BYWORDS_BAGS_H
#define BYWORDS_BAGS_H

#include "kernels.h"

#define N_LOGARITHMS 8

/* A small table of the ids of one document, with linear probing: index + 1 of a distinct id, 0 where it is free. */
typedef struct {
    uint32_t *entries;
    uint64_t n_entries;
} Seen;

/* Ids that follow each other, of which the same models have weights: a row of each is its idf, the columns of these
 * models, and room to `width`. */
typedef struct {
    int64_t first, behind, width;
    const float *rows;
    float *sums;    /* (width) of a document */
    double square;  /* of its weights */
    int64_t column; /* the first of the model that is next */
} Segment;

/* What some linear models on the same features share; and in which group of ids, that is scaled to length 1, each model
 * has the ids of a segment, -1 for none. Of each model there are n_columns: n_classes, or of two that mirror each other
 * the first. */
typedef struct {
    int64_t n_rows, n_classes, n_columns, n_models, n_segments;
    bool is_log; /* whether the logarithm of a count weighs */
    const int64_t *groups;
    Segment *segments;
    float *sums;     /* of all segments */
    double *lengths; /* of groups */
    Seen seen;       /* the ids of a document, each once, and their counts */
    int32_t *distinct;
    float *counts;
    float logarithms[N_LOGARITHMS];
} Pool;

/* The arguments from `first` on: table, starts of segments and their end, groups, columns of a model,
 * weighting. */
bool pool_fits(const Call *call, int first, int64_t n_classes);
Pool new_pool(Call *call, int first, int64_t n_classes);
void free_pool(Pool *pool);
bool pool_document(Pool *pool, const int32_t *ids, int64_t n_ids, float *answer);

#endif
