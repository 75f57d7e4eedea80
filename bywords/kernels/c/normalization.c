/* UTF-8 texts: which of them a normalisation would change, and the changes that take one character, or a word, alone.
 *
 * normalization.py says what each flag is, and which runs of a letter are shortened. */

#include "kernels.h"

enum { MARKUP = 1, RUN = 2, WIDE = 4, SPECIAL = 8, UNCOMPOSED = 16, REPLACED = 32, CAPITAL_I = 128 }; /* as in normalization.py */
enum { ALWAYS = 1, WITH_I = 2, JOINER = 4, TARGET = 8, ORDERED = 16, LOOKED_AT = 255 }; /* code points, as there */
enum { MARK = 4 };                                   /* the kind of code points, as in words.py */

INLINE bool is_letter(uint8_t byte) { return (uint8_t)((byte | 0x20) - 'a') < 26; }

/* The flags that single bytes and runs of an ASCII letter give; and 128 where there is a capital I. */
VECTORIZED static int flags_of_bytes(const uint8_t *text, int64_t n)
{
    uint8_t markup = 0, wide = 0, run = 0, capital_i = 0;
    for (int64_t i = 0; i < n; i++) {
        markup |= (text[i] == '&') | (text[i] == '\\');
        capital_i |= text[i] == 'I';
        wide |= text[i];
    }
    for (int64_t i = 0; i < n - 2; i++) {
        const uint8_t letter = text[i] | 0x20;
        run |= ((uint8_t)(letter - 'a') < 26) & (letter == (text[i + 1] | 0x20)) & (letter == (text[i + 2] | 0x20));
    }
    return (markup ? MARKUP : 0) | (wide & 0x80 ? WIDE : 0) | (run ? RUN : 0) | (capital_i ? CAPITAL_I : 0);
}

/* Whether any character of two bytes from U+00C0 on is there three times in a row. */
VECTORIZED static bool has_wide_run(const uint8_t *t, int64_t n)
{
    uint8_t run = 0;
    for (int64_t i = 0; i < n - 5; i++)
        run |= (t[i] >= 0xC3) & (t[i] < 0xE0) & (t[i] == t[i + 2]) & (t[i] == t[i + 4]) & (t[i + 1] == t[i + 3]) &
               (t[i + 1] == t[i + 5]);
    return run;
}

/* Whether an ampersand may begin an entity, or a backslash an escape. */
static bool has_markup(const uint8_t *at, const uint8_t *end)
{
    for (; end - at > 1; at++) {
        if (*at == '&' && (at[1] == '#' || is_letter(at[1])) && memchr(at, ';', end - at < 64 ? end - at : 64))
            return true;
        if (*at == '\\' && strchr("ntr\"'/ux", at[1]) && at[1])
            return true;
    }
    return false;
}

/* Whether a letter of Arabic, Syriac, … (U+0600 to U+07FF) stands before and after a joiner of three bytes. */
INLINE bool is_within_word(const uint8_t *at, const uint8_t *start, const uint8_t *end)
{
    return at - start >= 2 && end - at >= 5 && 0xD8 <= at[-2] && at[-2] < 0xE0 && 0xD8 <= at[3] && at[3] < 0xE0;
}

/* How many of the n bytes are ASCII, where the first is: up to 128 of them. */
INLINE int64_t length_of_ascii(const uint8_t *at, int64_t n)
{
    int64_t length = 1;
    for (uint64_t bytes; length + 8 <= n && length < 120; length += 8) {
        memcpy(&bytes, at + length, 8);
        if (bytes & 0x8080808080808080)
            break;
    }
    return length;
}

/* Code points → numbers; 0 beyond the end. */
typedef struct {
    const uint8_t *numbers;
    int64_t n;
} Points;

INLINE uint8_t number_of(const Points *points, int64_t point) { return point < points->n ? points->numbers[point] : 0; }

/* What is known of a document while its characters beyond ASCII are looked at. */
typedef struct {
    const uint8_t *start, *end, *behind; /* the last is where the last character with an order ends */
    bool has_i;
    uint8_t order; /* of that character */
    int found;
} Look;

/* Look at a special character. */
INLINE void look_at(Look *look, const uint8_t *at, int special, int64_t point, int64_t width, const Points *orders)
{
    const uint8_t order = special & ORDERED ? number_of(orders, point) : 0, before = look->behind == at ? look->order : 0;
    if (special & ALWAYS || (special & WITH_I && look->has_i) ||
        (special & JOINER && !is_within_word(at, look->start, look->end)))
        look->found |= SPECIAL;
    if (special & TARGET)
        look->found |= REPLACED;
    if (order == LOOKED_AT || (order && order < before))
        look->found |= UNCOMPOSED;
    look->behind = at + width;
    look->order = order;
}

/* The flags that characters beyond ASCII give. */
static int flags_of_wide(const uint8_t *start, const uint8_t *end, Points specials, Points orders, bool has_i)
{
    Look look = {start, end, NULL, has_i, 0, has_wide_run(start, end - start) ? RUN : 0};
    for (const uint8_t *at = start; at < end && specials.n; at += 32) {
        uint8_t last[32] = {0};
        const bool is_last = end - at < 32;
        const uint8_t *bytes = is_last ? memcpy(last, at, end - at) : at;
        uint64_t firsts = 0;
        for (int byte = 0; byte < 32; byte += 8)
            firsts |= first_of_wide(bytes + byte) << byte;
        for (; firsts; firsts &= firsts - 1) {
            const uint8_t *first = at + __builtin_ctzll(firsts);
            int64_t width;
            const int64_t point = decoded(first, end, &width);
            const uint8_t special = number_of(&specials, point);
            if (special)
                look_at(&look, first, special, point, width, &orders);
        }
    }
    return look.found;
}

/* text, ends, specials, orders; flags. Returns all flags that any document has. */
int64_t suspects(Call *call)
{
    const uint8_t *text = ARRAY(0);
    const int64_t *ends = ARRAY(1);
    const Points specials = {ARRAY(2), LENGTH(2)}, orders = {ARRAY(3), LENGTH(3)};
    uint8_t *flags = ARRAY(4);
    int64_t start = 0, of_all = 0;
    REQUIRE(ends_fit(call, 1, LENGTH(0)) && LENGTH(4) == LENGTH(1));
    for (int64_t document = 0; document < LENGTH(1); start = ends[document++]) {
        int found = flags_of_bytes(text + start, ends[document] - start);
        if (found & WIDE)
            found |= flags_of_wide(text + start, text + ends[document], specials, orders, found & CAPITAL_I);
        if (found & MARKUP && !has_markup(text + start, text + ends[document]))
            found &= ~MARKUP;
        flags[document] = (uint8_t)(found & ~CAPITAL_I);
        of_all |= flags[document];
    }
    return of_all;
}

INLINE bool is_mark(const uint8_t *at, const uint8_t *end, const uint8_t *kinds, int64_t n_kinds)
{
    int64_t width;
    const int64_t point = decoded(at, end, &width);
    return point < n_kinds && kinds[point] == MARK;
}

static bool enlarge(uint8_t **out, int64_t *room)
{
    uint8_t *larger = realloc(*out, *room = 2 * *room + 256);
    if (larger == NULL)
        free(*out);
    else
        *out = larger;
    return larger != NULL;
}

/* The number of what a character becomes; 0 for one that stays, as ASCII does. */
INLINE int32_t target_at(const uint8_t *at, const uint8_t *end, const int32_t *targets, int64_t n_targets, int64_t *width)
{
    const int64_t point = decoded(at, end, width);
    return point >= 0x80 && point < n_targets ? targets[point] : 0;
}

/* Where the next character stands that is replaced; the end where there is none. */
INLINE const uint8_t *next_target(const uint8_t *at, const uint8_t *end, const int32_t *targets, int64_t n_targets)
{
    for (int64_t width; at < end; at += width) {
        if (*at < 0x80)
            width = length_of_ascii(at, end - at);
        else if (target_at(at, end, targets, n_targets, &width))
            break;
    }
    return at;
}

/* text, ends, flags, targets, the bytes of the new characters and their starts, kinds; new ends, is_open. Result: the new
 * text. */
int64_t replace_characters(Call *call)
{
    const uint8_t *text = ARRAY(0), *flags = ARRAY(2), *data = ARRAY(4), *kinds = ARRAY(6), *at = text;
    const int64_t *ends = ARRAY(1), *starts = ARRAY(5), n_targets = LENGTH(3), n_kinds = LENGTH(6);
    const int32_t *targets = ARRAY(3);
    int64_t *new_ends = ARRAY(7), room = LENGTH(0) + LENGTH(0) / 8 + 256, n = 0;
    REQUIRE(ends_fit(call, 1, LENGTH(0)) && offsets_fit(call, 5, LENGTH(4)));
    REQUIRE(LENGTH(2) == LENGTH(1) && LENGTH(7) == LENGTH(1) && LENGTH(8) == LENGTH(1));
    uint8_t *is_open = ARRAY(8), *out = malloc(room);
    for (int64_t document = 0; document < LENGTH(1) && out; document++) {
        const uint8_t *end = text + ends[document];
        is_open[document] = 0;
        for (int64_t width, more; at < end;) {
            const uint8_t *next = flags[document] & REPLACED ? next_target(at, end, targets, n_targets) : end;
            const int64_t n_kept = next - at;
            while (n + n_kept + 256 > room) {
                if (!enlarge(&out, &room))
                    return OUT_OF_MEMORY;
            }
            memcpy(out + n, at, n_kept);
            n += n_kept;
            at = next;
            if (at == end)
                break;
            const int32_t target = target_at(at, end, targets, n_targets, &width);
            const bool is_there = 0 < target && target < LENGTH(5);
            const int64_t length = is_there ? starts[target] - starts[target - 1] : INT64_MAX;
            if (length > 250) {
                free(out);
                return call->expected = "targets that are there, of at most 250 bytes", WRONG;
            }
            memcpy(out + n, data + starts[target - 1], length);
            is_open[document] |= length && is_mark(out + n, out + n + length, kinds, n_kinds);
            n += length;
            at += width;
            if (at < end && !target_at(at, end, targets, n_targets, &more) && is_mark(at, end, kinds, n_kinds))
                is_open[document] = 1;
        }
        new_ends[document] = n;
    }
    call->results[0] = (Result){out, n};
    return out ? 0 : OUT_OF_MEMORY;
}

/* How many bytes the character of a word takes that is there: a letter, a digit, or any of U+00C0 to U+07FF; else 0. */
INLINE int64_t in_word(const uint8_t *at, const uint8_t *end)
{
    if (at >= end)
        return 0;
    if (at[0] >= 0xC3 && at[0] < 0xE0)
        return end - at >= 2 ? 2 : 0;
    return is_letter(at[0]) || ('0' <= at[0] && at[0] <= '9');
}

/* Whether two characters of so many bytes are the same, but for the case of ASCII letters. */
INLINE bool is_same(const uint8_t *left, const uint8_t *right, int64_t width)
{
    return width == 1 ? (left[0] | 0x20) == (right[0] | 0x20) : memcmp(left, right, 2) == 0;
}

/* Whether a word may have runs to be shortened. `is_roman`: whether it has the letters of Roman numerals alone. */
static bool may_be_long(const uint8_t *word, const uint8_t *stop, bool *is_roman)
{
    bool has_digit = false, is_upper = stop - word <= 4, is_one = true;
    *is_roman = true;
    for (const uint8_t *at = word; at < stop; at += in_word(at, stop)) {
        has_digit |= '0' <= at[0] && at[0] <= '9';
        is_upper &= 'A' <= at[0] && at[0] <= 'Z';
        is_one &= in_word(at, stop) == in_word(word, stop) && is_same(word, at, in_word(at, stop));
        *is_roman &= at[0] < 0x80 && strchr("ivxlcdm", at[0] | 0x20) != NULL;
    }
    return !has_digit && !is_upper && !is_one;
}

/* Move the word to `out` with its runs shortened. Returns the end of what is there. */
static uint8_t *move_word(const uint8_t *word, const uint8_t *stop, uint8_t *out)
{
    bool is_roman;
    const bool is_kept = !may_be_long(word, stop, &is_roman);
    while (word < stop) {
        const int64_t width = in_word(word, stop), least = word[0] >= 0xD6 ? 4 : 3;
        int64_t n = 1;
        while (in_word(word + n * width, stop) == width && is_same(word, word + n * width, width))
            n++;
        const int64_t n_left = is_kept || n < least || (is_roman && n == 3) ? n : 2;
        memmove(out, word, n_left * width);
        out += n_left * width;
        word += n * width;
    }
    return out;
}

/* Where the next letter stands that is there three times in a row; the end where there is none. */
static const uint8_t *next_run(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 3; at++) {
        if (is_same(at, at + 1, 1) && is_same(at, at + 2, 1) && is_letter(at[0]))
            return at;
        if (at[0] >= 0xC3 && at[0] < 0xE0 && end - at >= 6 && memcmp(at, at + 2, 4) == 0)
            return at;
    }
    return end;
}

/* Where the word starts that goes on at `at`; `first` or behind it. */
static const uint8_t *start_of_word(const uint8_t *first, const uint8_t *at)
{
    while (at > first) {
        if (at - first >= 2 && in_word(at - 2, at) == 2)
            at -= 2;
        else if (in_word(at - 1, at) == 1)
            at--;
        else
            break;
    }
    return at;
}

/* text, ends, flags. Returns the number of bytes that are left. */
int64_t shorten_runs(Call *call)
{
    uint8_t *text = ARRAY(0), *out = text;
    int64_t *ends = ARRAY(1), start = 0;
    const uint8_t *flags = ARRAY(2);
    REQUIRE(ends_fit(call, 1, LENGTH(0)) && LENGTH(2) == LENGTH(1));
    for (int64_t document = 0; document < LENGTH(1); document++) {
        const uint8_t *at = text + start, *end = text + ends[document];
        start = ends[document];
        if (!(flags[document] & RUN)) {
            if (out != at)
                memmove(out, at, end - at);
            out += end - at;
        }
        while (flags[document] & RUN && at < end) {
            const uint8_t *word = start_of_word(at, next_run(at, end)), *stop = word;
            memmove(out, at, word - at);
            out += word - at;
            for (int64_t width; (width = in_word(stop, end));)
                stop += width;
            out = move_word(word, stop, out);
            at = stop;
        }
        ends[document] = out - text;
    }
    return out - text;
}
