#include "schema/canal_json/reader.h"

#include "schema/scan.h"

bool cdc_reader_fail(cdc_reader *r, const char *fault)
{
    if (r->fault == NULL) {
        r->fault = fault;
    }
    return false;
}

static bool check_utf8(cdc_reader *r)
{
    const uint8_t *s = r->in.p;
    const uint8_t *end = r->in.end;
    while (s < end) {
        if ((size_t)(end - s) >= CDC_SCAN_STEP && cdc_scan_is_ascii(s)) {
            s += CDC_SCAN_STEP;
            continue;
        }
        const uint8_t *stop = (size_t)(end - s) > CDC_SCAN_STEP ? s + CDC_SCAN_STEP : end;
        while (s < stop) {
            unsigned n = *s < 0x80 ? 1 : cdc_scan_utf8(s, end);
            if (n == 0) {
                r->in.p = s;
                return cdc_reader_fail(r, "the text is not UTF-8");
            }
            s += n;
        }
    }
    return true;
}

bool cdc_reader_init(cdc_reader *r, const void *p, size_t n)
{
    *r = (cdc_reader){.in = cdc_cursor_of(p, n), .start = p};
    return check_utf8(r);
}

cdc_reader cdc_reader_sub(const cdc_reader *r, cdc_span span)
{
    return (cdc_reader){.in = cdc_cursor_of(span.p, span.n), .start = r->start};
}

bool cdc_reader_expect(cdc_reader *r, char c, const char *fault)
{
    return cdc_reader_take(r, c) || cdc_reader_fail(r, fault);
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Checks the escape at the backslash and returns its length; 0: there is no such escape. */
static unsigned escape_length(const uint8_t *s, const uint8_t *end)
{
    if (end - s < 2) {
        return 0;
    }
    if (s[1] != 'u') {
        return s[1] != 0 && strchr("\"\\/bfnrt", s[1]) != NULL ? 2 : 0;
    }
    return end - s >= 6 && is_hex(s[2]) && is_hex(s[3]) && is_hex(s[4]) && is_hex(s[5]) ? 6 : 0;
}

bool cdc_reader_string(cdc_reader *r, cdc_reader_text *out)
{
    if (!cdc_reader_expect(r, '"', "a string was expected")) {
        return false;
    }
    const uint8_t *s = r->in.p;
    const uint8_t *end = r->in.end;
    out->raw.p = s;
    out->escaped = false;
    for (;;) {
        if ((size_t)(end - s) >= CDC_SCAN_STEP) {
            unsigned n = cdc_scan_string(s);
            s += n;
            if (n == CDC_SCAN_STEP) {
                continue;
            }
        }
        if (s == end || *s < 0x20) {
            r->in.p = s;
            return cdc_reader_fail(r, s == end ? "a string has no end"
                                               : "a control character in a string");
        }
        if (*s == '"') {
            out->raw.n = (size_t)(s - out->raw.p);
            r->in.p = s + 1;
            return true;
        }
        unsigned n = 1;
        if (*s == '\\') {
            out->escaped = true;
            n = escape_length(s, end);
            if (n == 0) {
                r->in.p = s;
                return cdc_reader_fail(r, "an unknown escape in a string");
            }
        }
        s += n;
    }
}

static bool skip_digits(cdc_reader *r)
{
    const uint8_t *start = r->in.p;
    while (r->in.p < r->in.end && *r->in.p >= '0' && *r->in.p <= '9') {
        r->in.p++;
    }
    return r->in.p > start;
}

static bool next_is(const cdc_reader *r, char a, char b)
{
    return r->in.p < r->in.end && (*r->in.p == (uint8_t)a || *r->in.p == (uint8_t)b);
}

static bool skip_number(cdc_reader *r)
{
    r->in.p += next_is(r, '-', '-');
    if (next_is(r, '0', '0')) {
        r->in.p++;
    } else if (!skip_digits(r)) {
        return cdc_reader_fail(r, "a value was expected");
    }
    if (next_is(r, '.', '.')) {
        r->in.p++;
        if (!skip_digits(r)) {
            return cdc_reader_fail(r, "a malformed number");
        }
    }
    if (next_is(r, 'e', 'E')) {
        r->in.p++;
        r->in.p += next_is(r, '-', '+');
        if (!skip_digits(r)) {
            return cdc_reader_fail(r, "a malformed number");
        }
    }
    return true;
}

static bool skip_value(cdc_reader *r, unsigned depth);

static bool skip_members(cdc_reader *r, unsigned depth)
{
    cdc_reader_text name;
    if (cdc_reader_take(r, '}')) {
        return true;
    }
    do {
        if (!cdc_reader_string(r, &name) || !cdc_reader_expect(r, ':', "':' was expected") ||
            !skip_value(r, depth)) {
            return false;
        }
    } while (cdc_reader_take(r, ','));
    return cdc_reader_expect(r, '}', "',' or '}' was expected");
}

static bool skip_elements(cdc_reader *r, unsigned depth)
{
    if (cdc_reader_take(r, ']')) {
        return true;
    }
    do {
        if (!skip_value(r, depth)) {
            return false;
        }
    } while (cdc_reader_take(r, ','));
    return cdc_reader_expect(r, ']', "',' or ']' was expected");
}

static bool skip_value(cdc_reader *r, unsigned depth)
{
    cdc_reader_text text;
    uint8_t c = cdc_reader_peek(r);
    if (c == '"') {
        return cdc_reader_string(r, &text);
    }
    if (c == '{' || c == '[') {
        if (depth == CDC_READER_DEPTH_MAX) {
            return cdc_reader_fail(r, "too many arrays and objects inside of each other");
        }
        r->in.p++;
        return c == '{' ? skip_members(r, depth + 1) : skip_elements(r, depth + 1);
    }
    if (cdc_reader_take_bytes(r, "null", 4) || cdc_reader_take_bytes(r, "true", 4) ||
        cdc_reader_take_bytes(r, "false", 5)) {
        return true;
    }
    return skip_number(r);
}

bool cdc_reader_skip(cdc_reader *r)
{
    return skip_value(r, 0);
}

bool cdc_reader_end(cdc_reader *r)
{
    cdc_reader_space(r);
    return r->in.p == r->in.end || cdc_reader_fail(r, "something follows the end of the message");
}

static unsigned hex_value(const uint8_t *s)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        v = v << 4 | (s[i] <= '9' ? (unsigned)(s[i] - '0') : (s[i] | 0x20U) - 'a' + 10);
    }
    return v;
}

static char *put_code_point(char *to, unsigned c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* The escape at s, whose form was checked when the string was read. NULL: half a surrogate pair. */
static const uint8_t *unescape_one(const uint8_t *s, const uint8_t *end, char **to)
{
    static const char from[] = "\"\\/bfnrt";
    static const char plain[] = "\"\\/\b\f\n\r\t";
    if (s[1] != 'u') {
        *(*to)++ = plain[strchr(from, s[1]) - from];
        return s + 2;
    }
    unsigned c = hex_value(s + 2);
    s += 6;
    if (c >= 0xd800 && c <= 0xdfff) {
        if (c >= 0xdc00 || end - s < 6 || s[0] != '\\' || s[1] != 'u') {
            return NULL;
        }
        unsigned low = hex_value(s + 2);
        if (low < 0xdc00 || low > 0xdfff) {
            return NULL;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        s += 6;
    }
    *to = put_code_point(*to, c);
    return s;
}

size_t cdc_reader_unescape(cdc_reader_text text, char *to)
{
    const uint8_t *s = text.raw.p;
    const uint8_t *end = s + text.raw.n;
    char *start = to;
    while (s < end) {
        const uint8_t *escape = memchr(s, '\\', (size_t)(end - s));
        size_t n = (size_t)((escape != NULL ? escape : end) - s);
        memmove(to, s, n);
        to += n;
        s += n;
        while (s < end && *s == '\\') {
            s = unescape_one(s, end, &to);
            if (s == NULL) {
                return SIZE_MAX;
            }
        }
    }
    return (size_t)(to - start);
}

bool cdc_reader_integer(cdc_reader *r, int64_t max, int64_t *out)
{
    (void)cdc_reader_peek(r);
    bool neg = next_is(r, '-', '-');
    r->in.p += neg;
    const uint8_t *start = r->in.p;
    int64_t v = 0;
    while (r->in.p < r->in.end && *r->in.p >= '0' && *r->in.p <= '9') {
        int digit = *r->in.p - '0';
        if (v > (max - digit) / 10) {
            return cdc_reader_fail(r, "a number out of range");
        }
        v = v * 10 + digit;
        r->in.p++;
    }
    if (r->in.p == start || next_is(r, '.', '.') || next_is(r, 'e', 'E')) {
        return cdc_reader_fail(r, "a whole number was expected");
    }
    *out = neg ? -v : v;
    return true;
}
