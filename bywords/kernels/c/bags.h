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

__extension__ typedef __int128 Wide; /* the square of a count times a number of a row is longer than 64 bits */

/* Ids that follow each other, of which the same models have weights: a row of each is the square of its idf, its idf by
 * the columns of these models, and room to `width`; in whole numbers of the units. Sums of these are the same in every
 * order, so that they may be taken for a word before they are for a document. */
typedef struct {
    int64_t first, behind, width;
    const int32_t *rows;
    const double *units; /* (width) */
    uint64_t *sums;      /* (width) of a document, modulo 2^64 */
    Wide square;         /* what the counts add to the first of them */
    double length;       /* of its weights, squared */
    int64_t column;      /* the first of the model that is next */
} Segment;

/* An id that a document has for the n-th time. */
typedef struct {
    int32_t id;
    uint32_t n;
} Repeat;

enum { MOST_STAMPED = 1 << 14 }; /* ids of a document that are counted by stamps */

/* What some linear models on the same features share; and in which group of ids, that is scaled to length 1, each model
 * has the ids of a segment, -1 for none. Of each model there are n_columns: n_classes, or of two that mirror each other
 * the first. */
typedef struct {
    int64_t n_rows, n_classes, n_columns, n_models, n_segments;
    bool is_log; /* whether the logarithm of a count weighs */
    const int64_t *groups;
    Segment *segments;
    uint64_t *sums;  /* of all segments */
    double *lengths; /* of groups */
    Seen seen;       /* the ids of a document, each once, and their counts */
    int32_t *distinct;
    float *counts;
    float logarithms[N_LOGARITHMS];
    uint16_t *stamps;   /* (n_rows), where there are many documents: how often an id is there, and `n_stamped` */
    uint32_t n_stamped; /* no stamp of the documents before is above it */
    Repeat *repeats;
} Pool;

/* The character n-grams of distinct words: their ids, offsets by word, and the sums of the rows of each word. */
typedef struct {
    const int32_t *ids;
    const int64_t *offsets;
    uint64_t *sums; /* (U, width of the last segment) */
} WordSums;

/* Ask for what `pool_words` reads of a token, or of an id. */
INLINE void ask_for_token(const Pool *pool, const WordSums *words, int32_t code)
{
    const int32_t *ids = words->ids + words->offsets[code];
    __builtin_prefetch(words->sums + code * pool->segments[pool->n_segments - 1].width);
    __builtin_prefetch(ids);
    __builtin_prefetch(ids + 16);
}

INLINE void ask_for_id(const Pool *pool, int32_t id)
{
    const Segment *segment = pool->segments;
    while (segment->behind <= id && segment < pool->segments + pool->n_segments - 1)
        segment++;
    __builtin_prefetch(segment->rows + (id - segment->first) * segment->width);
}

/* The arguments from `first` on: table, starts of segments and their end, groups, columns of a model, weighting, units. */
bool pool_fits(const Call *call, int first, int64_t n_classes);
Pool new_pool(Call *call, int first, int64_t n_classes);
void free_pool(Pool *pool);
bool pool_document(Pool *pool, const int32_t *ids, int64_t n_ids, float *answer);
bool has_in_last_segment(const Pool *pool, const int32_t *ids, int64_t n);
bool sum_words(Pool *pool, WordSums *words, int64_t n_words);
void pool_words(Pool *pool, const int32_t *ids, int64_t n_ids, const WordSums *words, const int32_t *codes,
                int64_t n_tokens, float *answer);

#endif
