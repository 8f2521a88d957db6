#include "gtid_set.h"

#include "core/cursor.h"

#define GTID_NUMBER_MAX ((uint64_t)INT64_MAX)

typedef struct range {
    uint64_t first, last;
} range;

/* MySQL: the ranges of one (uuid, tag), sorted, apart from each other by at least one number. */
typedef struct source {
    uint8_t uuid[16];
    char tag[SRC_MYSQL_GTID_TAG_MAX + 1];
    range *ranges;
    size_t nranges, cap;
} source;

typedef struct domain {
    uint32_t id, server;
    uint64_t number;
} domain;

struct src_mysql_gtid_set {
    bool is_mariadb;
    source *sources; /* sorted by (uuid, tag) */
    size_t nsources, sources_cap;
    size_t recent; /* index of the source that was added to last */
    domain *domains;
    size_t ndomains, domains_cap;
};

static const char hex_digits[] = "0123456789abcdef";

static size_t print_uuid(char *out, const uint8_t uuid[16])
{
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = hex_digits[uuid[i] >> 4];
        *p++ = hex_digits[uuid[i] & 15];
    }
    return (size_t)(p - out);
}

src_mysql_gtid_set *src_mysql_gtid_set_new(bool is_mariadb)
{
    src_mysql_gtid_set *set = calloc(1, sizeof(*set));
    if (set != NULL) {
        set->is_mariadb = is_mariadb;
    }
    return set;
}

void src_mysql_gtid_set_clear(src_mysql_gtid_set *set)
{
    for (size_t i = 0; i < set->nsources; i++) {
        free(set->sources[i].ranges);
    }
    set->nsources = 0;
    set->recent = 0;
    set->ndomains = 0;
}

void src_mysql_gtid_set_free(src_mysql_gtid_set *set)
{
    if (set == NULL) {
        return;
    }
    src_mysql_gtid_set_clear(set);
    free(set->sources);
    free(set->domains);
    free(set);
}

bool src_mysql_gtid_set_empty(const src_mysql_gtid_set *set)
{
    return set->nsources == 0 && set->ndomains == 0;
}

/* Makes room for one more element of `size` bytes in *items. */
static bool grow(void **items, size_t *cap, size_t n, size_t size)
{
    if (n < *cap) {
        return true;
    }
    size_t more = *cap == 0 ? 4 : *cap * 2;
    void *p = realloc(*items, more * size);
    if (p == NULL) {
        return false;
    }
    *items = p;
    *cap = more;
    return true;
}

static int compare_source(const source *src, const uint8_t uuid[16], const char *tag)
{
    int c = memcmp(src->uuid, uuid, 16);
    return c != 0 ? c : strcmp(src->tag, tag);
}

/* Index of the (uuid, tag), or where it would stand. */
static size_t find_source(const src_mysql_gtid_set *set, const uint8_t uuid[16], const char *tag,
                          bool *found)
{
    size_t lo = 0;
    size_t hi = set->nsources;
    *found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = compare_source(&set->sources[mid], uuid, tag);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static source *need_source(src_mysql_gtid_set *set, const uint8_t uuid[16], const char *tag)
{
    if (set->recent < set->nsources && compare_source(&set->sources[set->recent], uuid, tag) == 0) {
        return &set->sources[set->recent];
    }
    bool found;
    size_t at = find_source(set, uuid, tag, &found);
    if (!found) {
        void *items = set->sources;
        if (!grow(&items, &set->sources_cap, set->nsources, sizeof(source))) {
            return NULL;
        }
        set->sources = items;
        memmove(&set->sources[at + 1], &set->sources[at], (set->nsources - at) * sizeof(source));
        source *src = &set->sources[at];
        memset(src, 0, sizeof(*src));
        memcpy(src->uuid, uuid, 16);
        snprintf(src->tag, sizeof(src->tag), "%s", tag);
        set->nsources++;
    }
    set->recent = at;
    return &set->sources[at];
}

/* Index of the first range whose last number is at least n. */
static size_t find_range(const source *src, uint64_t n)
{
    size_t lo = 0;
    size_t hi = src->nranges;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (src->ranges[mid].last < n) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static bool add_range(source *src, uint64_t first, uint64_t last)
{
    if (src->nranges > 0 && src->ranges[src->nranges - 1].last + 1 == first) {
        src->ranges[src->nranges - 1].last = last;
        return true;
    }
    /* the ranges from `at` up to, not including, `end` touch the new one and melt into it */
    size_t at = find_range(src, first - 1);
    size_t end = at;
    while (end < src->nranges && src->ranges[end].first <= last + 1) {
        first = src->ranges[end].first < first ? src->ranges[end].first : first;
        last = src->ranges[end].last > last ? src->ranges[end].last : last;
        end++;
    }
    if (end == at) {
        void *items = src->ranges;
        if (!grow(&items, &src->cap, src->nranges, sizeof(range))) {
            return false;
        }
        src->ranges = items;
        memmove(&src->ranges[at + 1], &src->ranges[at], (src->nranges - at) * sizeof(range));
        src->nranges++;
    } else {
        memmove(&src->ranges[at + 1], &src->ranges[end], (src->nranges - end) * sizeof(range));
        src->nranges -= end - at - 1;
    }
    src->ranges[at] = (range){first, last};
    return true;
}

static bool add_domain(src_mysql_gtid_set *set, uint32_t id, uint32_t server, uint64_t number)
{
    size_t at = 0;
    while (at < set->ndomains && set->domains[at].id < id) {
        at++;
    }
    if (at == set->ndomains || set->domains[at].id != id) {
        void *items = set->domains;
        if (!grow(&items, &set->domains_cap, set->ndomains, sizeof(domain))) {
            return false;
        }
        set->domains = items;
        memmove(&set->domains[at + 1], &set->domains[at], (set->ndomains - at) * sizeof(domain));
        set->ndomains++;
    }
    set->domains[at] = (domain){id, server, number};
    return true;
}

bool src_mysql_gtid_set_add(src_mysql_gtid_set *set, const src_mysql_gtid *gtid)
{
    if (gtid->gno == 0) {
        return true;
    }
    source *src = need_source(set, gtid->sid, gtid->tag);
    return src != NULL && add_range(src, gtid->gno, gtid->gno);
}

bool src_mysql_gtid_set_add_mariadb(src_mysql_gtid_set *set, const src_mysql_mariadb_gtid *gtid)
{
    return add_domain(set, gtid->domain, gtid->server_id, gtid->sequence);
}

bool src_mysql_gtid_set_last(const src_mysql_gtid_set *set, uint32_t domain_id,
                             src_mysql_mariadb_gtid *out)
{
    for (size_t i = 0; i < set->ndomains; i++) {
        if (set->domains[i].id == domain_id) {
            *out = (src_mysql_mariadb_gtid){.domain = domain_id,
                                            .server_id = set->domains[i].server,
                                            .sequence = set->domains[i].number};
            return true;
        }
    }
    return false;
}

static bool covers(const source *src, uint64_t first, uint64_t last)
{
    size_t at = find_range(src, last);
    return at < src->nranges && src->ranges[at].first <= first;
}

static bool includes_domain(const src_mysql_gtid_set *set, const domain *dom)
{
    for (size_t i = 0; i < set->ndomains; i++) {
        if (set->domains[i].id == dom->id) {
            return set->domains[i].number >= dom->number;
        }
    }
    return false;
}

bool src_mysql_gtid_set_includes(const src_mysql_gtid_set *set, const src_mysql_gtid_set *part)
{
    for (size_t i = 0; i < part->ndomains; i++) {
        if (!includes_domain(set, &part->domains[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < part->nsources; i++) {
        const source *src = &part->sources[i];
        bool found;
        size_t at = find_source(set, src->uuid, src->tag, &found);
        for (size_t j = 0; j < src->nranges; j++) {
            if (!found || !covers(&set->sources[at], src->ranges[j].first, src->ranges[j].last)) {
                return false;
            }
        }
    }
    return true;
}

/* --- text --- */

static void skip_space(cdc_cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t')) {
        c->p++;
    }
}

static bool take(cdc_cursor *c, char want)
{
    skip_space(c);
    if (c->p < c->end && *c->p == (uint8_t)want) {
        c->p++;
        return true;
    }
    return false;
}

static bool next_is_digit(cdc_cursor *c)
{
    skip_space(c);
    return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

static bool take_number(cdc_cursor *c, uint64_t max, uint64_t *out)
{
    if (!next_is_digit(c)) {
        return false;
    }
    uint64_t v = 0;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
        uint64_t digit = (uint64_t)(*c->p - '0');
        if (v > (max - digit) / 10) {
            return false;
        }
        v = v * 10 + digit;
        c->p++;
    }
    *out = v;
    return true;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 hexadecimal digits; dashes where the canonical form has them, or none. */
static bool take_uuid(cdc_cursor *c, uint8_t uuid[16])
{
    skip_space(c);
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && c->p < c->end && *c->p == '-') {
            c->p++;
        }
        if (cdc_cursor_left(c) < 2) {
            return false;
        }
        int hi = hex_value(c->p[0]);
        int lo = hex_value(c->p[1]);
        if (hi < 0 || lo < 0) {
            return false;
        }
        uuid[i] = (uint8_t)(hi << 4 | lo);
        c->p += 2;
    }
    return true;
}

/* [a-z_][a-z0-9_]{0,31}; the server takes capitals and stores small letters. */
static bool take_tag(cdc_cursor *c, char tag[SRC_MYSQL_GTID_TAG_MAX + 1])
{
    size_t n = 0;
    skip_space(c);
    while (c->p < c->end) {
        char ch = (char)*c->p;
        ch = (char)(ch >= 'A' && ch <= 'Z' ? ch + 32 : ch);
        bool letter = (ch >= 'a' && ch <= 'z') || ch == '_';
        if (!letter && !(n > 0 && ch >= '0' && ch <= '9')) {
            break;
        }
        if (n == SRC_MYSQL_GTID_TAG_MAX) {
            return false;
        }
        tag[n++] = ch;
        c->p++;
    }
    tag[n] = '\0';
    return n > 0;
}

static bool parse_source(src_mysql_gtid_set *set, cdc_cursor *c)
{
    uint8_t uuid[16];
    char tag[SRC_MYSQL_GTID_TAG_MAX + 1] = "";
    if (!take_uuid(c, uuid)) {
        return false;
    }
    bool any = false;
    while (take(c, ':')) {
        if (!next_is_digit(c)) {
            if (!take_tag(c, tag)) {
                return false;
            }
            any = false;
            continue;
        }
        uint64_t first;
        if (!take_number(c, GTID_NUMBER_MAX - 1, &first)) {
            return false;
        }
        uint64_t last = first;
        if (take(c, '-') && !take_number(c, GTID_NUMBER_MAX - 1, &last)) {
            return false;
        }
        if (first == 0 || last < first) {
            return false;
        }
        source *src = need_source(set, uuid, tag);
        if (src == NULL || !add_range(src, first, last)) {
            return false;
        }
        any = true;
    }
    return any;
}

static bool parse_domain(src_mysql_gtid_set *set, cdc_cursor *c)
{
    uint64_t id;
    uint64_t server;
    uint64_t number;
    return take_number(c, UINT32_MAX, &id) && take(c, '-') && take_number(c, UINT32_MAX, &server) &&
           take(c, '-') && take_number(c, UINT64_MAX, &number) &&
           add_domain(set, (uint32_t)id, (uint32_t)server, number);
}

cdc_rc src_mysql_gtid_set_parse(src_mysql_gtid_set *set, const char *text, size_t len,
                                cdc_error *err)
{
    cdc_cursor c = cdc_cursor_of(text, len);
    for (;;) {
        while (take(&c, ',')) {
        }
        skip_space(&c);
        if (cdc_cursor_left(&c) == 0) {
            return CDC_OK;
        }
        bool ok = set->is_mariadb ? parse_domain(set, &c) : parse_source(set, &c);
        skip_space(&c);
        if (!ok || (cdc_cursor_left(&c) > 0 && *c.p != ',')) {
            size_t at = len - cdc_cursor_left(&c);
            return cdc_error_set(err, CDC_FATAL, "mysql_gtid_set",
                                 "not a %s GTID set at character %zu of \"%.*s%s\"",
                                 set->is_mariadb ? "MariaDB" : "MySQL", at + 1,
                                 (int)(len > 200 ? 200 : len), text, len > 200 ? "..." : "");
        }
    }
}

void src_mysql_gtid_set_print(const src_mysql_gtid_set *set, cdc_buffer *out)
{
    for (size_t i = 0; i < set->ndomains; i++) {
        const domain *dom = &set->domains[i];
        cdc_buffer_addf(out, "%s%u-%u-%llu", i > 0 ? "," : "", dom->id, dom->server,
                        (unsigned long long)dom->number);
    }
    for (size_t i = 0; i < set->nsources; i++) {
        const source *src = &set->sources[i];
        /* tags of one uuid stand behind it, the untagged ranges first: the order that we sort by */
        if (i == 0 || memcmp(src->uuid, set->sources[i - 1].uuid, 16) != 0) {
            char uuid[40];
            if (i > 0) {
                cdc_buffer_add_char(out, ',');
            }
            cdc_buffer_add(out, uuid, print_uuid(uuid, src->uuid));
        }
        if (src->tag[0] != '\0') {
            cdc_buffer_add_char(out, ':');
            cdc_buffer_add_str(out, src->tag);
        }
        for (size_t j = 0; j < src->nranges; j++) {
            cdc_buffer_add_char(out, ':');
            cdc_buffer_add_u64(out, src->ranges[j].first);
            if (src->ranges[j].last > src->ranges[j].first) {
                cdc_buffer_add_char(out, '-');
                cdc_buffer_add_u64(out, src->ranges[j].last);
            }
        }
    }
}

/* --- wire --- */

static void add_le64(cdc_buffer *out, uint64_t v)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++) {
        b[i] = (uint8_t)(v >> (8 * i));
    }
    cdc_buffer_add(out, b, sizeof(b));
}

void src_mysql_gtid_set_encode(const src_mysql_gtid_set *set, cdc_buffer *out)
{
    /* servers before 8.3 know only the form without tags, so it is used wherever it can be */
    bool tagged = false;
    for (size_t i = 0; i < set->nsources; i++) {
        tagged = tagged || set->sources[i].tag[0] != '\0';
    }
    uint64_t n = set->nsources;
    add_le64(out, tagged ? (UINT64_C(1) << 56) | n << 8 | 1 : n);
    for (size_t i = 0; i < set->nsources; i++) {
        const source *src = &set->sources[i];
        cdc_buffer_add(out, src->uuid, 16);
        if (tagged) {
            size_t ntag = strlen(src->tag);
            cdc_buffer_add_char(out, (char)(ntag << 1));
            cdc_buffer_add(out, src->tag, ntag);
        }
        add_le64(out, src->nranges);
        for (size_t j = 0; j < src->nranges; j++) {
            add_le64(out, src->ranges[j].first);
            add_le64(out, src->ranges[j].last + 1);
        }
    }
}

static bool decode_source(src_mysql_gtid_set *set, cdc_cursor *c, bool tagged)
{
    uint8_t uuid[16];
    char tag[SRC_MYSQL_GTID_TAG_MAX + 1] = "";
    const uint8_t *p = cdc_cursor_bytes(c, 16);
    if (p == NULL) {
        return false;
    }
    memcpy(uuid, p, 16);
    if (tagged) {
        size_t ntag = (size_t)cdc_cursor_u8(c) >> 1;
        p = cdc_cursor_bytes(c, ntag);
        if (p == NULL || ntag > SRC_MYSQL_GTID_TAG_MAX) {
            return false;
        }
        memcpy(tag, p, ntag);
        tag[ntag] = '\0';
    }
    uint64_t nranges = cdc_cursor_u64(c);
    if (nranges > cdc_cursor_left(c) / 16) {
        return false;
    }
    source *src = nranges > 0 ? need_source(set, uuid, tag) : NULL;
    for (uint64_t i = 0; i < nranges; i++) {
        uint64_t first = cdc_cursor_u64(c);
        uint64_t behind = cdc_cursor_u64(c);
        if (src == NULL || first == 0 || behind <= first || behind > GTID_NUMBER_MAX ||
            !add_range(src, first, behind - 1)) {
            return false;
        }
    }
    return true;
}

cdc_rc src_mysql_gtid_set_decode(src_mysql_gtid_set *set, const void *body, size_t len,
                                 cdc_error *err)
{
    cdc_cursor c = cdc_cursor_of(body, len);
    uint64_t head = cdc_cursor_u64(&c);
    bool tagged = head >> 56 == 1;
    uint64_t n = tagged ? head >> 8 & 0xffffffffffffU : head;
    bool ok = !c.failed && n <= cdc_cursor_left(&c) / 16;
    for (uint64_t i = 0; ok && i < n; i++) {
        ok = decode_source(set, &c, tagged);
    }
    if (!ok || c.failed) {
        return cdc_error_set(err, CDC_FATAL, "mysql_event", "PREVIOUS_GTIDS event is malformed");
    }
    return CDC_OK;
}
