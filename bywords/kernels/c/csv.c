/* The bytes of a file → whether they are UTF-8, and whether its quotes are those of a CSV that is well-formed.
 *
 * utf8.py says more. */

#include "kernels.h"

/* How many bytes the character has that starts with `lead`, and what the least and the most is of its second; 0 for none.
 * Source: The Unicode Standard, table 3-7. */
INLINE int64_t width_of_lead(uint8_t lead, uint8_t *least, uint8_t *most)
{
    *least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
}

/* data. Returns 1 where they are UTF-8. */
int64_t is_utf8(Call *call)
{
    const uint8_t *data = ARRAY(0), *end = data + LENGTH(0);
    REQUIRE(WIDTH(0) == 1);
    while (data < end) {
        uint64_t eight[4];
        while (end - data >= 32 && (memcpy(eight, data, 32),
                                    ((eight[0] | eight[1] | eight[2] | eight[3]) & 0x8080808080808080) == 0))
            data += 32;
        for (const uint8_t *here = end - data < 32 ? end : data + 32; data < here;) {
            uint8_t least, most;
            if (*data < 0x80) {
                data++;
                continue;
            }
            const int64_t width = width_of_lead(*data, &least, &most);
            if (width == 0 || width > end - data || data[1] < least || most < data[1])
                return 0;
            for (int64_t byte = 2; byte < width; byte++) {
                if ((data[byte] & 0xC0) != 0x80)
                    return 0;
            }
            data += width;
        }
    }
    return 1;
}

/* data, separator. Returns 1 where each quote opens or closes a whole field, or is doubled inside of one. */
int64_t has_plain_quotes(Call *call)
{
    const uint8_t *data = ARRAY(0), *end = data + LENGTH(0), *at = data, *closing = NULL;
    const uint8_t separator = (uint8_t)INTEGER(1);
    REQUIRE(WIDTH(0) == 1 && 0 <= INTEGER(1) && INTEGER(1) <= UINT8_MAX);
    bool is_open = false;
    for (; at < end && (at = memchr(at, '"', end - at)); at++) {
        const uint8_t before = at > data ? at[-1] : '\n', behind = at + 1 < end ? at[1] : '\n';
        if (!is_open && before != separator && before != '\n' && (closing == NULL || closing + 1 != at))
            return 0;
        if (is_open && behind != separator && behind != '\n' && behind != '\r' && behind != '"')
            return 0;
        closing = is_open ? at : closing;
        is_open = !is_open;
    }
    return !is_open;
}
