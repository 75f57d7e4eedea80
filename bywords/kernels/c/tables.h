/* Tables of words, as words.py has them, and of pairs of ids, which kernels of several files look into. */

#ifndef BYWORDS_TABLES_H
#define BYWORDS_TABLES_H

#include "kernels.h"

typedef struct {
    uint64_t hash;
    uint64_t entry; /* length << 32 | index + 1, 0 where the slot is free */
} Slot;

typedef struct {
    uint8_t *data;
    int64_t *starts;
    uint64_t *hashes;
    Slot *slots;
    uint64_t n_slots; /* a power of two */
    int64_t n_words;
    int64_t n_apart; /* words that are found without slots */
    int64_t words_room, bytes_room; /* of a table that grows, in its starts and hashes, and in its data */
} Table;

/* 64 bits to 64 bits, one to one. Source: the last step of Appleby's MurmurHash3. */
INLINE uint64_t mixed(uint64_t h)
{
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD;
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53;
    return h ^ h >> 33;
}

/* At most eight bytes as a number, the first the lowest; loads may overlap. Processors are little-endian. */
INLINE uint64_t packed(const uint8_t *bytes, int64_t n)
{
    uint64_t whole;
    uint32_t low, high;
    if (n == 8)
        return memcpy(&whole, bytes, 8), whole;
    if (n >= 4) {
        memcpy(&low, bytes, 4);
        memcpy(&high, bytes + n - 4, 4);
        return low | (uint64_t)high << 8 * (n - 4);
    }
    if (n == 0)
        return 0;
    return bytes[0] | (uint64_t)bytes[n / 2] << 8 * (n / 2) | (uint64_t)bytes[n - 1] << 8 * (n - 1);
}

/* Eight bytes at a time. Words of at most eight bytes have the same hash only if they are the same. */
INLINE uint64_t hash_of(const uint8_t *word, int64_t length)
{
    uint64_t h = 0;
    for (; length > 8; word += 8, length -= 8)
        h = mixed(h ^ packed(word, 8));
    return mixed(h ^ packed(word, length));
}

/* The slot that has the word, or the free one where it belongs. */
INLINE Slot *slot_of(const uint8_t *word, int64_t length, uint64_t h, const uint8_t *data, const int64_t *starts,
                     Slot *slots, uint64_t n_slots)
{
    uint64_t slot = h & (n_slots - 1);
    for (; slots[slot].entry; slot = (slot + 1) & (n_slots - 1)) {
        const uint64_t entry = slots[slot].entry;
        if (slots[slot].hash != h || entry >> 32 != (uint64_t)length)
            continue;
        if (length <= 8 || memcmp(word, data + starts[(entry & 0xFFFFFFFF) - 1], length) == 0)
            break;
    }
    return slots + slot;
}

/* The index of the word of a slot; -1 where it is free. */
INLINE int64_t index_of(const Slot *slot) { return (int64_t)(slot->entry & 0xFFFFFFFF) - 1; }

#define WORDS_AHEAD 12 /* that are asked for beforehand: they are all over a large table */
#define MOST_FOUND 512

typedef struct {
    const uint8_t *text;
    const uint8_t *kinds;
    int64_t n_kinds;
    int64_t what;         /* a token is, as in words.py */
    int32_t *codes;
    int64_t n_tokens;     /* that have a code */
    Table table;
    uint8_t *lowered;     /* the text, with what may be read behind it */
    uint8_t classes[256]; /* of bytes */
    bool is_usual;        /* whether they are those of `characters.txt` */
    int32_t *singles;     /* of UNSPACED characters of three bytes, by code point: their code and 1; 0 for none */
    int64_t *bounds, n_bounds; /* of UNSPACED characters, and how many there is room for */
    uint16_t *points;          /* of those of three bytes without a mark; 0 for others */
    uint64_t *pairs;           /* of two such neighbours: a table of their code points << 32 | their code and 1; 0 is free */
    uint64_t n_pairs;          /* there is room for, a power of two */
    int64_t starts[MOST_FOUND], stops[MOST_FOUND], n_starts, n_stops; /* of tokens that have no code yet */
} Scan;

/* What the codes of a scan have room for: an UNSPACED character comes alone and in two pairs. */
#define MOST_TOKENS(n_bytes) (2 * (n_bytes) + 1)

bool scan_fits(const Call *call);
void free_table(Table *table);
bool scan_documents(Scan *scan, const int64_t *ends, int64_t n_documents, bool lowercase, int64_t *lengths);

/* What cuts words into their character n-grams: a word with a space before and after it, and where its characters are. */
typedef struct {
    int64_t shortest, longest;
    uint8_t *padded;
    int64_t *characters;
} Cutter;

static inline Cutter new_cutter(const int64_t *starts, int64_t n_words, int64_t shortest, int64_t longest)
{
    int64_t most = 0;
    for (int64_t word = 0; word < n_words; word++)
        most = starts[word + 1] - starts[word] > most ? starts[word + 1] - starts[word] : most;
    return (Cutter){shortest, longest, malloc(most + 2), malloc((most + 4) * sizeof(int64_t))};
}

static inline void free_cutter(Cutter *cutter)
{
    free(cutter->padded);
    free(cutter->characters);
}

/* The starts of the characters of a padded word, and its end. Returns their number. */
INLINE int64_t find_characters(const uint8_t *padded, int64_t length, int64_t *starts)
{
    int64_t n = 0;
    for (int64_t index = 0; index < length; index++) {
        if ((padded[index] & 0xC0) != 0x80) /* the first byte of a character */
            starts[n++] = index;
    }
    starts[n] = length;
    return n;
}

/* Hand the character n-grams of a word to `take`, as long as it returns true. Whether it has taken all. */
INLINE bool each_ngram(Cutter *cutter, const uint8_t *word, int64_t length,
                       bool (*take)(void *taker, const uint8_t *ngram, int64_t length), void *taker)
{
    uint8_t *padded = cutter->padded;
    const int64_t *characters = cutter->characters;
    padded[0] = padded[length + 1] = ' ';
    memcpy(padded + 1, word, length);
    const int64_t n = find_characters(padded, length + 2, cutter->characters);
    const int64_t shortest = cutter->shortest, longest = cutter->longest;
    for (int64_t size = shortest; size <= longest && (size <= n || size == shortest); size++) {
        const int64_t n_firsts = size == shortest && n < size ? 1 : n - size + 1;
        for (int64_t first = 0; first < n_firsts; first++) {
            const int64_t start = characters[first], end = characters[first + size < n ? first + size : n];
            if (!take(taker, padded + start, end - start))
                return false;
        }
    }
    return true;
}

/* Pairs of ids in a table with linear probing; the ids of pairs are beside it. */

#define NOT_THERE (-1)
#define FREE UINT64_MAX
#define GOLDEN 0x9E3779B97F4A7C15 /* 2^64 divided by the golden ratio: Knuth's multiplicative hash */

INLINE uint64_t key_of(int32_t left, int32_t right) { return (uint64_t)left << 32 | (uint64_t)right; }

INLINE uint64_t first_slot_of_pair(uint64_t n_keys, uint64_t key)
{
    const uint64_t h = key * GOLDEN;
    return (h ^ h >> 32) & (n_keys - 1);
}

INLINE int64_t slot_of_pair(const uint64_t *keys, uint64_t n_keys, uint64_t key)
{
    uint64_t slot = first_slot_of_pair(n_keys, key);
    while (keys[slot] != key && keys[slot] != FREE)
        slot = (slot + 1) & (n_keys - 1);
    return (int64_t)slot;
}

#endif
