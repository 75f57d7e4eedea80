/* Tokens, or texts → the ids of words, n-grams and character n-grams that a model sees of each document, in one pass.
 *
 * ids.py says which they are and in which order. */

#include "tables.h"

enum { PAIRS_AHEAD = 16 };             /* that are asked for beforehand: they are all over a large table */
enum { PADDING, UNKNOWN, FIRST_WORD }; /* ids, as in ragged.py */
enum { SEPARATOR = 0x1F };             /* the first byte of tokens that take no part in n-grams, as in tokenizer.py */

typedef struct {
    int32_t *ids;
    int64_t n, room;
} Ids;

/* Whether there is memory for so many more. */
INLINE bool make_room(Ids *ids, int64_t n_more)
{
    if (ids->n + n_more <= ids->room)
        return true;
    const int64_t room = 2 * (ids->n + n_more);
    int32_t *larger = realloc(ids->ids, room * sizeof(int32_t));
    if (larger)
        *ids = (Ids){larger, ids->n, room};
    return larger != NULL;
}

INLINE void add_id(Ids *ids, int32_t id) { ids->ids[ids->n++] = id; }

typedef struct {
    const uint8_t *data;
    const int64_t *starts;
    Slot *slots;
    uint64_t n_slots;
} Known;

typedef struct {
    Known words, char_ngrams;
    const uint64_t *pairs;
    uint64_t n_pairs;
    const int32_t *pair_ids;
    int64_t longest_ngram;
    int64_t shortest_char_ngram, longest_char_ngram;
    int32_t first_char_ngram; /* its id */
    int64_t max_length;
    bool keep_unknown;
} Vocabulary;

/* That which the arguments from `first` on are: the data, starts and slots of the words, and of the character n-grams;
 * keys and ids of pairs; the longest n-gram, the shortest and longest character n-gram, the id of the first of them,
 * max_length and keep_unknown. */
static Vocabulary vocabulary_of(Call *call, int first)
{
    return (Vocabulary){
        {ARRAY(first), ARRAY(first + 1), ARRAY(first + 2), LENGTH(first + 2)},
        {ARRAY(first + 3), ARRAY(first + 4), ARRAY(first + 5), LENGTH(first + 5)},
        ARRAY(first + 6), LENGTH(first + 6), ARRAY(first + 7),
        INTEGER(first + 8), INTEGER(first + 9), INTEGER(first + 10), (int32_t)INTEGER(first + 11),
        INTEGER(first + 12), INTEGER(first + 13)};
}

/* Whether these arguments are such, and the last two the offsets and the share of so many documents. Trusted: the slots
 * are of the data and starts beside them, and one of each table is free; a key is FREE. */
static bool vocabulary_fits(const Call *call, int first, int64_t n_documents)
{
    const int64_t shortest = INTEGER(first + 9), longest = INTEGER(first + 10), first_char_ngram = INTEGER(first + 11);
    return is_power_of_two(LENGTH(first + 2)) && WIDTH(first + 2) == 2 && is_power_of_two(LENGTH(first + 5)) &&
           WIDTH(first + 5) == 2 && is_power_of_two(LENGTH(first + 6)) && LENGTH(first + 7) == LENGTH(first + 6) &&
           (longest == 0 || (1 <= shortest && shortest <= longest)) && 0 <= first_char_ngram &&
           first_char_ngram <= INT32_MAX - LENGTH(first + 4) && 0 <= INTEGER(first + 12) &&
           LENGTH(first + 14) == n_documents + 1 && LENGTH(first + 15) == n_documents;
}

/* The index of a word; -1 where it is not known. */
INLINE int64_t index_in(const Known *known, const uint8_t *word, int64_t length, uint64_t h)
{
    return index_of(slot_of(word, length, h, known->data, known->starts, known->slots, known->n_slots));
}

/* What is known of the U distinct words of some tokens. */
typedef struct {
    int32_t *ids, *in_ngrams; /* NOT_THERE for what is unknown, or takes no part in n-grams */
    int64_t *offsets;         /* (U + 1), of its character n-grams */
    Ids char_ngrams;
} Words;

static void free_words(Words *words)
{
    free(words->ids);
    free(words->in_ngrams);
    free(words->offsets);
    free(words->char_ngrams.ids);
}

typedef struct {
    const Vocabulary *vocabulary;
    Ids *ids;
} Lookup;

/* Add the id of a character n-gram, where it is known. Whether there is memory for it. */
INLINE bool look_up(void *taker, const uint8_t *ngram, int64_t length)
{
    const Lookup *lookup = taker;
    const int64_t index = index_in(&lookup->vocabulary->char_ngrams, ngram, length, hash_of(ngram, length));
    if (index < 0)
        return true;
    const bool is_enough = make_room(lookup->ids, 1);
    if (is_enough)
        add_id(lookup->ids, lookup->vocabulary->first_char_ngram + (int32_t)index);
    return is_enough;
}

/* Look up distinct words, but those of which the ids are `ids` are given, and their character n-grams. Whether there is memory for it; `free_words` frees it. */
static bool look_up_words(const Vocabulary *vocabulary, const uint8_t *data, const int64_t *starts,
                          const uint64_t *hashes, const int32_t *ids, int64_t n_words, Words *words)
{
    const Known *known = &vocabulary->words;
    const size_t n_bytes = (n_words + 1) * sizeof(int32_t);
    *words = (Words){malloc(n_bytes), malloc(n_bytes), malloc(2 * n_bytes), {NULL, 0, 0}};
    Cutter cutter = new_cutter(starts, n_words, vocabulary->shortest_char_ngram, vocabulary->longest_char_ngram);
    Lookup lookup = {vocabulary, &words->char_ngrams};
    bool is_enough = words->ids && words->in_ngrams && words->offsets && cutter.padded && cutter.characters;
    if (is_enough)
        words->offsets[0] = 0;
    for (int64_t word = 0; word < n_words && is_enough; word++) {
        const uint8_t *bytes = data + starts[word];
        const int64_t length = starts[word + 1] - starts[word];
        const int64_t index = ids ? (int64_t)ids[word] - FIRST_WORD : index_in(known, bytes, length, hashes[word]);
        if (word + WORDS_AHEAD < n_words && !ids)
            __builtin_prefetch(known->slots + (hashes[word + WORDS_AHEAD] & (known->n_slots - 1)));
        const bool is_apart = length > 1 && bytes[0] == SEPARATOR;
        words->ids[word] = index < 0 ? NOT_THERE : (int32_t)index + FIRST_WORD;
        words->in_ngrams[word] = is_apart ? NOT_THERE : words->ids[word];
        if (vocabulary->longest_char_ngram && !is_apart)
            is_enough = each_ngram(&cutter, bytes, length, look_up, &lookup);
        words->offsets[word + 1] = words->char_ngrams.n;
    }
    free_cutter(&cutter);
    return is_enough;
}

/* Add the ids of the n-grams of more than one word in the n elements of a document, which are replaced by them. */
INLINE bool add_ngrams(const Vocabulary *vocabulary, int32_t *lefts, const int32_t *rights, int64_t n, Ids *ids)
{
    const uint64_t *keys = vocabulary->pairs, n_keys = vocabulary->n_pairs;
    for (int64_t gap = 1; gap < vocabulary->longest_ngram && gap < n; gap++) {
        if (!make_room(ids, n - gap))
            return false;
        for (int64_t index = 0; index < n - gap; index++) {
            const int32_t left = lefts[index], right = rights[index + gap];
            if (index + PAIRS_AHEAD < n - gap) {
                const uint64_t key = key_of(lefts[index + PAIRS_AHEAD], rights[index + PAIRS_AHEAD + gap]);
                const uint64_t slot = first_slot_of_pair(n_keys, key);
                __builtin_prefetch(keys + slot);
                __builtin_prefetch(vocabulary->pair_ids + slot);
            }
            lefts[index] = NOT_THERE;
            if (left == NOT_THERE || right == NOT_THERE)
                continue;
            lefts[index] = vocabulary->pair_ids[slot_of_pair(keys, n_keys, key_of(left, right))];
            if (lefts[index] != NOT_THERE)
                add_id(ids, lefts[index]);
        }
    }
    return true;
}

/* Add what a model sees of a document of so many tokens, and set the share of them that is known. `scratch` has room for
 * all of them, their edges, and as much again. Whether there is memory for it. */
static bool add_document(const Vocabulary *vocabulary, const Words *words, const int32_t *codes, int64_t n_tokens,
                         int32_t *scratch, Ids *ids, float *in_vocabulary_share)
{
    const int64_t length = n_tokens < vocabulary->max_length ? n_tokens : vocabulary->max_length, first = ids->n;
    int32_t *lefts = scratch, *rights = scratch + length + 2;
    int64_t n_known = 0, n_char_ngrams = 0;
    if (!make_room(ids, length + 1))
        return false;
    for (int64_t token = 0; token < length; token++) {
        const int32_t id = words->ids[codes[token]];
        ids->ids[ids->n] = id != NOT_THERE ? id : UNKNOWN;
        ids->n += id != NOT_THERE || vocabulary->keep_unknown;
        n_known += id != NOT_THERE;
    }
    for (int64_t token = 0; token < length && vocabulary->longest_char_ngram; token++)
        n_char_ngrams += words->offsets[codes[token] + 1] - words->offsets[codes[token]];
    if (length && vocabulary->longest_ngram > 1) {
        int64_t n_elements = 0;
        rights[n_elements++] = PADDING;
        for (int64_t token = 0; token < length; token++)
            rights[n_elements++] = words->in_ngrams[codes[token]];
        if (length == n_tokens) /* the end of a document that is cut off has no edge */
            rights[n_elements++] = PADDING;
        memcpy(lefts, rights, n_elements * sizeof(int32_t));
        if (!add_ngrams(vocabulary, lefts, rights, n_elements, ids))
            return false;
    }
    if (!make_room(ids, n_char_ngrams + 1))
        return false;
    for (int64_t token = 0; token < length && n_char_ngrams; token++) {
        const int64_t start = words->offsets[codes[token]], n = words->offsets[codes[token] + 1] - start;
        memcpy(ids->ids + ids->n, words->char_ngrams.ids + start, n * sizeof(int32_t));
        ids->n += n;
    }
    if (n_known + n_char_ngrams == 0) {
        ids->n = first;
        add_id(ids, UNKNOWN);
    }
    *in_vocabulary_share = (float)((double)n_known / (double)(length > 1 ? length : 1));
    return true;
}

/* Encode documents of tokens, by the lengths of the documents. Gives the ids as the call's result. */
static int64_t encode_documents(Call *call, const Vocabulary *vocabulary, const Table *table, const int32_t *known,
                                const int32_t *codes, const int64_t *lengths, int64_t n_documents, int64_t *offsets, float *shares)
{
    Words words;
    Ids ids = {NULL, 0, 0};
    int64_t longest = 0;
    for (int64_t document = 0; document < n_documents; document++)
        longest = lengths[document] > longest ? lengths[document] : longest;
    int32_t *scratch = malloc(2 * (longest + 2) * sizeof(int32_t));
    bool is_enough = look_up_words(vocabulary, table->data, table->starts, table->hashes, known, table->n_words, &words);
    is_enough = is_enough && scratch && make_room(&ids, 1);
    offsets[0] = 0;
    for (int64_t document = 0; document < n_documents && is_enough; document++) {
        is_enough = add_document(vocabulary, &words, codes, lengths[document], scratch, &ids, shares + document);
        codes += lengths[document];
        offsets[document + 1] = ids.n;
    }
    free_words(&words);
    free(scratch);
    call->results[0] = (Result){ids.ids, ids.n * (int64_t)sizeof(int32_t)};
    return is_enough ? ids.n : OUT_OF_MEMORY;
}

/* codes, lengths, data, starts and hashes of the distinct words, their ids where these are known already; 14 of a vocabulary; offsets, in_vocabulary_share.
 * Result: the ids. Returns their number. */
int64_t encode(Call *call)
{
    REQUIRE(LENGTH(3) == LENGTH(4) + 1 && offsets_fit(call, 3, LENGTH(2)) && ids_fit(call, 0, LENGTH(4)));
    REQUIRE(lengths_fit(call, 1, LENGTH(0)) && vocabulary_fits(call, 6, LENGTH(1)));
    REQUIRE(LENGTH(5) == 0 || LENGTH(5) == LENGTH(4));
    const Vocabulary vocabulary = vocabulary_of(call, 6);
    const int32_t *known = LENGTH(5) ? ARRAY(5) : NULL;
    const Table table = {.data = ARRAY(2), .starts = ARRAY(3), .hashes = ARRAY(4), .n_words = LENGTH(4)};
    return encode_documents(call, &vocabulary, &table, known, ARRAY(0), ARRAY(1), LENGTH(1), ARRAY(20), ARRAY(21));
}

/* text, ends, kinds, lowercase, what; 14 of a vocabulary; offsets, in_vocabulary_share. Result: the ids. Returns their
 * number. */
int64_t encode_texts(Call *call)
{
    REQUIRE(scan_fits(call) && vocabulary_fits(call, 5, LENGTH(1)));
    const Vocabulary vocabulary = vocabulary_of(call, 5);
    const int64_t n_bytes = LENGTH(0), n_documents = LENGTH(1), most = MOST_TOKENS(n_bytes);
    int64_t *lengths = malloc((n_documents + 1) * sizeof(int64_t)), n = OUT_OF_MEMORY;
    Scan scan = {.text = ARRAY(0), .kinds = ARRAY(2), .n_kinds = LENGTH(2), .what = INTEGER(4)};
    scan.codes = malloc(most * sizeof(int32_t));
    Table *table = &scan.table;
    *table = (Table){.data = malloc(MOST_BYTES(n_bytes)), .starts = malloc((most + 1) * sizeof(int64_t)),
                     .hashes = malloc(most * sizeof(uint64_t))};
    if (lengths && scan.codes && table->data && table->starts && table->hashes &&
        scan_documents(&scan, ARRAY(1), n_documents, INTEGER(3), lengths))
        n = encode_documents(call, &vocabulary, table, NULL, scan.codes, lengths, n_documents, ARRAY(19), ARRAY(20));
    free(lengths);
    free(scan.codes);
    free(table->data);
    free(table->starts);
    free(table->hashes);
    free(table->slots);
    return n;
}
