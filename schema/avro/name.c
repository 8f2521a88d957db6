#include "schema/avro/name.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex(char c)
{
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* _xHH */
static bool is_escape(const char *s, size_t n)
{
    return n >= 4 && s[0] == '_' && s[1] == 'x' && hex(s[2]) >= 0 && hex(s[3]) >= 0;
}

void cdc_avro_name(cdc_buffer *out, const char *name)
{
    size_t n = strlen(name);
    if (n == 0) {
        cdc_buffer_add_str(out, "_x00");
    }
    for (size_t i = 0; i < n; i++) {
        bool plain = is_letter(name[i]) ? !is_escape(name + i, n - i) : is_digit(name[i]) && i > 0;
        if (plain) {
            cdc_buffer_add_char(out, name[i]);
        } else {
            cdc_buffer_addf(out, "_x%02x", (unsigned)(unsigned char)name[i]);
        }
    }
}

size_t cdc_avro_name_read(const char *avro, size_t n, char *to)
{
    char *start = to;
    for (size_t i = 0; i < n;) {
        if (!is_escape(avro + i, n - i)) {
            *to++ = avro[i++];
            continue;
        }
        char c = (char)(hex(avro[i + 2]) << 4 | hex(avro[i + 3]));
        if (c != '\0') {
            *to++ = c;
        }
        i += 4;
    }
    *to = '\0';
    return (size_t)(to - start);
}

bool cdc_avro_name_legal(const char *name)
{
    bool legal = is_letter(name[0]);
    for (size_t i = 1; legal && name[i] != '\0'; i++) {
        legal = is_letter(name[i]) || is_digit(name[i]);
    }
    return legal;
}
