/* Tokens, or texts → the ids of words, n-grams and character n-grams that a model sees of each document, in one pass.
 *
 * ids.py says which they are and in which order. */

#include "bags.h"
#include "tables.h"

enum { PAIRS_AHEAD = 16 };             /* that are asked for beforehand: they are all over a large table */
enum { TOKENS_AHEAD = 64 };            /* of the next document that are asked for */
enum { COPIED = 4 };                   /* ids at a time */
enum { PADDING, UNKNOWN, FIRST_WORD }; /* ids, as in ragged.py */
enum { SEPARATOR = 0x1F };             /* the first byte of tokens that take no part in n-grams, as in tokenizer.py */

typedef struct {
    int32_t *ids;
    int64_t n, room;
    bool is_given; /* the caller's; others are allocated */
} Ids;

/* Whether there is memory for so many more. */
INLINE bool make_room(Ids *ids, int64_t n_more)
{
    if (ids->n + n_more <= ids->room)
        return true;
    const int64_t room = 2 * (ids->n + n_more);
    int32_t *larger = realloc(ids->is_given ? NULL : ids->ids, room * sizeof(int32_t));
    if (larger && ids->is_given)
        memcpy(larger, ids->ids, ids->n * sizeof(int32_t));
    if (larger)
        *ids = (Ids){larger, ids->n, room, false};
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

/* Whether these arguments are such. Trusted: the slots are of the data and starts beside them, and one of each table is
 * free; a key is FREE. */
static bool vocabulary_fits(const Call *call, int first)
{
    const int64_t shortest = INTEGER(first + 9), longest = INTEGER(first + 10), first_char_ngram = INTEGER(first + 11);
    return is_power_of_two(LENGTH(first + 2)) && WIDTH(first + 2) == 2 && is_power_of_two(LENGTH(first + 5)) &&
           WIDTH(first + 5) == 2 && is_power_of_two(LENGTH(first + 6)) && LENGTH(first + 7) == LENGTH(first + 6) &&
           (longest == 0 || (1 <= shortest && shortest <= longest)) && 0 <= first_char_ngram &&
           first_char_ngram <= INT32_MAX - LENGTH(first + 4) && 0 <= INTEGER(first + 12);
}

/* Whether two arguments are the offsets and the shares of so many documents. */
static bool documents_fit(const Call *call, int first, int64_t n_documents)
{
    return LENGTH(first) == n_documents + 1 && LENGTH(first + 1) == n_documents;
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

enum { NGRAMS_AHEAD = 64 }; /* character n-grams that are asked for before the first of them is looked up */

typedef struct {
    const Vocabulary *vocabulary;
    Ids *ids;
    int64_t n; /* that wait */
    const uint8_t *ngrams[NGRAMS_AHEAD];
    int64_t lengths[NGRAMS_AHEAD];
    uint64_t hashes[NGRAMS_AHEAD];
} Lookup;

/* Add the ids of the character n-grams that wait, where they are known. Whether there is memory for it. */
INLINE bool look_up_waiting(Lookup *lookup)
{
    const Known *known = &lookup->vocabulary->char_ngrams;
    if (!make_room(lookup->ids, NGRAMS_AHEAD))
        return false;
    for (int64_t waiting = 0; waiting < lookup->n; waiting++) {
        const int64_t index = index_in(known, lookup->ngrams[waiting], lookup->lengths[waiting], lookup->hashes[waiting]);
        if (index >= 0)
            add_id(lookup->ids, lookup->vocabulary->first_char_ngram + (int32_t)index);
    }
    lookup->n = 0;
    return true;
}

/* Ask for a character n-gram. Whether there is memory for those before it. */
INLINE bool look_up(void *taker, const uint8_t *ngram, int64_t length)
{
    Lookup *lookup = taker;
    const Known *known = &lookup->vocabulary->char_ngrams;
    if (lookup->n == NGRAMS_AHEAD && !look_up_waiting(lookup))
        return false;
    const uint64_t h = hash_of(ngram, length);
    __builtin_prefetch(known->slots + (h & (known->n_slots - 1)));
    lookup->ngrams[lookup->n] = ngram;
    lookup->lengths[lookup->n] = length;
    lookup->hashes[lookup->n++] = h;
    return true;
}

/* Look up distinct words, where their `ids` are not given, and their character n-grams. Whether there is memory for it;
 * `free_words` frees it. */
static bool look_up_words(const Vocabulary *vocabulary, const uint8_t *data, const int64_t *starts,
                          const uint64_t *hashes, const int32_t *ids, int64_t n_words, Words *words)
{
    const Known *known = &vocabulary->words;
    const size_t n_bytes = (n_words + 1) * sizeof(int32_t);
    *words = (Words){malloc(n_bytes), malloc(n_bytes), malloc(2 * n_bytes), {0}};
    Cutter cutter = new_cutter(starts, n_words, vocabulary->shortest_char_ngram, vocabulary->longest_char_ngram);
    Lookup lookup = {.vocabulary = vocabulary, .ids = &words->char_ngrams};
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
            is_enough = each_ngram(&cutter, bytes, length, look_up, &lookup) && look_up_waiting(&lookup);
        words->offsets[word + 1] = words->char_ngrams.n;
    }
    free_cutter(&cutter);
    return is_enough && make_room(&words->char_ngrams, COPIED); /* which are read, but not used */
}

INLINE void ask_for_pair(const Vocabulary *vocabulary, int32_t left, int32_t right)
{
    const uint64_t slot = first_slot_of_pair(vocabulary->n_pairs, key_of(left, right));
    __builtin_prefetch(vocabulary->pairs + slot);
    __builtin_prefetch(vocabulary->pair_ids + slot);
}

/* Add the ids of the n-grams of more than one word in the n elements of a document, which are replaced by them. */
INLINE bool add_ngrams(const Vocabulary *vocabulary, int32_t *lefts, const int32_t *rights, int64_t n, Ids *ids,
                       const Pool *pool)
{
    const uint64_t *keys = vocabulary->pairs, n_keys = vocabulary->n_pairs;
    for (int64_t gap = 1; gap < vocabulary->longest_ngram && gap < n; gap++) {
        if (!make_room(ids, n - gap))
            return false;
        for (int64_t index = 0; index < n - gap; index++) {
            const int32_t left = lefts[index], right = rights[index + gap];
            if (index + PAIRS_AHEAD < n - gap)
                ask_for_pair(vocabulary, lefts[index + PAIRS_AHEAD], rights[index + PAIRS_AHEAD + gap]);
            lefts[index] = NOT_THERE;
            if (left == NOT_THERE || right == NOT_THERE)
                continue;
            lefts[index] = vocabulary->pair_ids[slot_of_pair(keys, n_keys, key_of(left, right))];
            if (lefts[index] == NOT_THERE)
                continue;
            add_id(ids, lefts[index]);
            if (pool)
                ask_for_id(pool, lefts[index]);
        }
    }
    return true;
}

enum { MANY_TOKENS = 1000 }; /* of which the sums of words are taken before those of documents */

/* Where documents go: their ids one behind the other, with offsets; or, one after the other, into a pool that answers. */
typedef struct {
    Ids ids;
    int64_t *offsets;
    Pool *pool;
    float *answers;
    uint8_t *are_unknown; /* whether nothing in a document is known */
    WordSums words;       /* without sums where character n-grams are among the ids */
} Taker;

/* Take the last document that was added, without the character n-grams of `n_summed` tokens, where it has some. Whether
 * there is memory for it. */
INLINE bool take(Taker *taker, int64_t document, const int32_t *codes, int64_t n_summed, bool is_unknown)
{
    Ids *ids = &taker->ids;
    if (!taker->pool)
        return taker->offsets[document + 1] = ids->n, true;
    const int64_t n = ids->n;
    float *answer = taker->answers + document * taker->pool->n_classes;
    taker->are_unknown[document] = is_unknown;
    ids->n = 0;
    if (n_summed == 0)
        return pool_document(taker->pool, ids->ids, n, answer);
    return pool_words(taker->pool, ids->ids, n, &taker->words, codes, n_summed, answer), true;
}

/* Hand what a model sees of a document of so many tokens to a taker, and set the share of them that is known. `scratch`
 * has room for all of them, their edges, and as much again. Whether there is memory for it. */
static bool add_document(const Vocabulary *vocabulary, const Words *words, const int32_t *codes, int64_t n_tokens,
                         int32_t *scratch, Taker *taker, int64_t document, float *in_vocabulary_share)
{
    Ids *ids = &taker->ids;
    const int64_t length = n_tokens < vocabulary->max_length ? n_tokens : vocabulary->max_length, first = ids->n;
    int32_t *lefts = scratch, *rights = scratch + length + 2;
    int64_t n_known = 0, n_char_ngrams = 0;
    if (!make_room(ids, length ? length : 1))
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
        if (!add_ngrams(vocabulary, lefts, rights, n_elements, ids, taker->pool))
            return false;
    }
    const bool are_summed = taker->words.sums && n_char_ngrams && n_char_ngrams < MOST_STAMPED && ids->n < MOST_STAMPED;
    if (n_char_ngrams && !are_summed && !make_room(ids, n_char_ngrams + COPIED))
        return false;
    for (int64_t token = 0; token < length && n_char_ngrams && !are_summed; token++) {
        const int64_t start = words->offsets[codes[token]], n = words->offsets[codes[token] + 1] - start;
        for (int64_t index = 0; index < n; index += COPIED) /* a few too many, for which there is room */
            memcpy(ids->ids + ids->n + index, words->char_ngrams.ids + start + index, COPIED * sizeof(int32_t));
        ids->n += n;
    }
    if (n_known + n_char_ngrams == 0) {
        ids->n = first;
        add_id(ids, UNKNOWN);
    }
    *in_vocabulary_share = (float)((double)n_known / (double)(length > 1 ? length : 1));
    const bool is_unknown = ids->n - first + (are_summed ? n_char_ngrams : 0) == 1 && ids->n && ids->ids[first] == UNKNOWN;
    return take(taker, document, codes, are_summed ? length : 0, is_unknown);
}

/* Ask for what `add_document` reads of the first tokens of a document, while it works on the one before. */
INLINE void ask_for_document(const Vocabulary *vocabulary, const Words *words, const int32_t *codes, int64_t n_tokens,
                             const Taker *taker)
{
    int32_t left = PADDING;
    for (int64_t token = 0; token < n_tokens && token < TOKENS_AHEAD; token++) {
        const int32_t code = codes[token], right = words->in_ngrams[code];
        if (vocabulary->longest_ngram > 1)
            ask_for_pair(vocabulary, left, right);
        if (taker->pool && words->ids[code] != NOT_THERE)
            ask_for_id(taker->pool, words->ids[code]);
        if (taker->words.sums)
            ask_for_token(taker->pool, &taker->words, code);
        left = right;
    }
}

/* Encode documents of tokens, by the lengths of the documents. Whether there is memory for it. */
static bool encode_documents(const Vocabulary *vocabulary, const Table *table, const int32_t *known,
                             const int32_t *codes, const int64_t *lengths, int64_t n_documents, Taker *taker,
                             float *shares)
{
    Words words;
    int64_t longest = 0, n_tokens = 0;
    for (int64_t document = 0; document < n_documents; document++) {
        longest = lengths[document] > longest ? lengths[document] : longest;
        n_tokens += lengths[document];
    }
    int32_t *scratch = malloc(2 * (longest + 2) * sizeof(int32_t));
    bool is_enough = look_up_words(vocabulary, table->data, table->starts, table->hashes, known, table->n_words, &words);
    is_enough = is_enough && scratch && make_room(&taker->ids, 1);
    const Ids *char_ngrams = &words.char_ngrams;
    if (is_enough && taker->pool && n_tokens >= MANY_TOKENS && char_ngrams->n &&
        has_in_last_segment(taker->pool, char_ngrams->ids, char_ngrams->n)) {
        taker->words = (WordSums){.ids = char_ngrams->ids, .offsets = words.offsets};
        is_enough = sum_words(taker->pool, &taker->words, table->n_words);
    }
    for (int64_t document = 0; document < n_documents && is_enough; document++) {
        const int32_t *next = codes + lengths[document];
        ask_for_document(vocabulary, &words, next, document + 1 < n_documents ? lengths[document + 1] : 0, taker);
        is_enough = add_document(vocabulary, &words, codes, lengths[document], scratch, taker, document, shares + document);
        codes = next;
    }
    free_words(&words);
    free(scratch);
    free(taker->words.sums);
    return is_enough;
}

/* Give the ids of a taker as the call's result; none where they are in the caller's array. */
static int64_t ids_of(Call *call, const Taker *taker, bool is_enough)
{
    if (!taker->ids.is_given)
        call->results[0] = (Result){taker->ids.ids, taker->ids.n * (int64_t)sizeof(int32_t)};
    return is_enough ? taker->ids.n : OUT_OF_MEMORY;
}

/* codes, lengths, data, starts and hashes of the distinct words, their ids where these are known already; 14 of a
 * vocabulary; offsets, in_vocabulary_share, room for ids. Result: the ids, where they are too many for it. Returns their
 * number. */
int64_t encode(Call *call)
{
    REQUIRE(LENGTH(3) == LENGTH(4) + 1 && offsets_fit(call, 3, LENGTH(2)) && ids_fit(call, 0, LENGTH(4)));
    REQUIRE(lengths_fit(call, 1, LENGTH(0)) && vocabulary_fits(call, 6) && documents_fit(call, 20, LENGTH(1)));
    REQUIRE(LENGTH(5) == 0 || LENGTH(5) == LENGTH(4));
    const Vocabulary vocabulary = vocabulary_of(call, 6);
    const int32_t *known = LENGTH(5) ? ARRAY(5) : NULL;
    const Table table = {.data = ARRAY(2), .starts = ARRAY(3), .hashes = ARRAY(4), .n_words = LENGTH(4)};
    Taker taker = {.offsets = ARRAY(20), .ids = {ARRAY(22), 0, LENGTH(22), true}};
    taker.offsets[0] = 0;
    const bool is_enough =
        encode_documents(&vocabulary, &table, known, ARRAY(0), ARRAY(1), LENGTH(1), &taker, ARRAY(21));
    return ids_of(call, &taker, is_enough);
}

/* Scan and encode the texts of a call, whose first arguments are those of `scan` and of a vocabulary. */
static bool encode_all(Call *call, Taker *taker, float *shares)
{
    const Vocabulary vocabulary = vocabulary_of(call, 5);
    const int64_t n_documents = LENGTH(1);
    int64_t *lengths = malloc((n_documents + 1) * sizeof(int64_t));
    Scan scan = {.text = ARRAY(0), .kinds = ARRAY(2), .n_kinds = LENGTH(2), .what = INTEGER(4)};
    scan.codes = malloc(MOST_TOKENS(LENGTH(0)) * sizeof(int32_t));
    const bool is_enough =
        lengths && scan.codes && scan_documents(&scan, ARRAY(1), n_documents, INTEGER(3), lengths) &&
        encode_documents(&vocabulary, &scan.table, NULL, scan.codes, lengths, n_documents, taker, shares);
    free(lengths);
    free(scan.codes);
    free_table(&scan.table);
    return is_enough;
}

/* text, ends, kinds, lowercase, what; 14 of a vocabulary; offsets, in_vocabulary_share. Result: the ids. Returns their
 * number. */
int64_t encode_texts(Call *call)
{
    REQUIRE(scan_fits(call) && vocabulary_fits(call, 5) && documents_fit(call, 19, LENGTH(1)));
    Taker taker = {.offsets = ARRAY(19)};
    taker.offsets[0] = 0;
    return ids_of(call, &taker, encode_all(call, &taker, ARRAY(20)));
}

/* text, ends, kinds, lowercase, what; 14 of a vocabulary; 6 of a pool; the sums of all its models, in_vocabulary_share,
 * whether nothing is known. */
int64_t answer_texts(Call *call)
{
    const int64_t n_documents = LENGTH(1);
    REQUIRE(scan_fits(call) && vocabulary_fits(call, 5) && pool_fits(call, 19, WIDTH(25)));
    REQUIRE(LENGTH(25) == n_documents && LENGTH(26) == n_documents && LENGTH(27) == n_documents);
    Pool pool = new_pool(call, 19, WIDTH(25));
    Taker taker = {.pool = &pool, .answers = ARRAY(25), .are_unknown = ARRAY(27)};
    const bool is_enough = pool.sums && encode_all(call, &taker, ARRAY(26));
    free(taker.ids.ids);
    free_pool(&pool);
    return is_enough ? 0 : OUT_OF_MEMORY;
}
