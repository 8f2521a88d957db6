/* Names of topics, and the hash that Kafka's Java client takes for partitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "topics/canal_hash.h"
#include "topics/router.h"

static const cdc_option options[] = {
    {.path = "source.type", .type = CDC_OPTION_ENUM, .choices = "fake", .help = "."},
    {.path = "target.type", .type = CDC_OPTION_ENUM, .choices = "fake", .help = "."},
    {.path = NULL},
};
static const cdc_option *const tables[] = {cdc_task_options, options, NULL};

static cdc_error error;

/* Vectors of Kafka's own UtilsTest.testMurmur2. */
static void test_murmur2(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t hash;
    } vectors[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const char *text = vectors[i].text;
        uint32_t hash = cdc_router_murmur2(text, strlen(text));
        assert_int_equal((int32_t)hash, vectors[i].hash);
        assert_int_equal(cdc_router_partition(text, strlen(text), 7),
                         (vectors[i].hash & 0x7fffffff) % 7);
    }
}

static int32_t canal(const char *database, const char *const *texts, size_t n, int32_t partitions)
{
    int32_t h = database != NULL ? cdc_canal_hash(database, strlen(database)) : 0;
    for (size_t i = 0; i < n; i++) {
        h ^= cdc_canal_hash(texts[i], strlen(texts[i]));
    }
    return cdc_canal_partition(h, partitions);
}

/* Canal's own server gave the first three; the hashes are Java's. */
static void test_canal_hash(void **state)
{
    (void)state;
    assert_int_equal(canal("golden", (const char *const[]){"1", "x"}, 2, 4), 0);
    assert_int_equal(canal("golden", (const char *const[]){"2", "y"}, 2, 4), 2);
    assert_int_equal(canal("golden", (const char *const[]){"3", "z"}, 2, 4), 0);
    assert_int_equal(cdc_canal_hash("golden", 6), -1240337143);
    assert_int_equal(cdc_canal_hash("", 0), 0);
    assert_int_equal(cdc_canal_hash("hello", 5), 99162322);
    assert_int_equal(cdc_canal_hash("polygenelubricants", 18), INT32_MIN);
    assert_int_equal(cdc_canal_hash("ä", 2), 0xe4);
    assert_int_equal(cdc_canal_hash("😀", 4), 0xd83d * 31 + 0xde00); /* two units of UTF-16 */
    assert_int_equal(cdc_canal_hash("\xf0\x9f", 2), 0x1f);          /* cut: read no further */
    assert_int_equal(cdc_canal_partition(INT32_MIN, 3), 2);
    assert_int_equal(cdc_canal_partition(-7, 4), 3);
    assert_int_equal(canal(NULL, (const char *const[]){"a", "b"}, 2, 100), ('a' ^ 'b') % 100);
}

static const char *expand(const char *pattern, const char *database, const char *table)
{
    static cdc_buffer out;
    if (out.max == 0) {
        cdc_buffer_init(&out, 4096);
    }
    cdc_buffer_reset(&out);
    cdc_error_clear(&error);
    if (cdc_router_expand(pattern, "shop", database, table, &out, &error) == CDC_OK) {
        return cdc_buffer_cstr(&out);
    }
    cdc_buffer_fini(&out);
    return NULL;
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(expand("{task}", "d", "t"), "shop");
    assert_string_equal(expand("{task}.{database}.{table}-x", "d", "t"), "shop.d.t-x");
    assert_string_equal(expand("{table}{table}", "d", "a b$c"), "a_b_ca_b_c");
    assert_string_equal(expand("{table}", "d", "größe中"), "gr__e_");
    assert_string_equal(expand("{tabel}", "d", "t"), "{tabel}");
    assert_null(expand("{table}", "d", ".."));
    assert_null(expand("", "d", "t"));
    char longest[251];
    memset(longest, 'x', sizeof longest);
    longest[249] = '\0';
    assert_string_equal(expand("{table}", "d", longest), longest);
    longest[249] = 'x';
    longest[250] = '\0';
    assert_null(expand("{table}", "d", longest));
    assert_string_equal(error.code, "topic_name");
}

/* Names joined by spaces, the DDL topics behind a '|'; of a catalog with partitions, and '#' where
 * keys are hashed. */
static cdc_rc topics_of(const char *extra, const cdc_catalog *cat, char *out, size_t size)
{
    char text[1024];
    cdc_task task;
    cdc_arena ar;
    cdc_topic_names names;
    snprintf(text, sizeof text, "name: shop\nkafka: {bootstrap.servers: 'x:1'}\n%s", extra);
    cdc_error_clear(&error);
    if (cdc_task_parse(&task, "t.yaml", text, strlen(text), tables, &error) != CDC_OK) {
        fail_msg("%s", error.text);
    }
    cdc_arena_init(&ar, 4096, 65536);
    cdc_rc rc = cat != NULL ? cdc_router_topics_of(&task, cat, &ar, &names, &error)
                            : cdc_router_topics(&task, &ar, &names, &error);
    out[0] = '\0';
    for (size_t i = 0; rc == CDC_OK && i < names.ndata + names.nddl; i++) {
        bool ddl = i >= names.ndata;
        size_t at = strlen(out);
        snprintf(out + at, size - at, "%s%s",
                 i == names.ndata ? "|"
                 : i > 0          ? " "
                                  : "",
                 ddl ? names.ddl[i - names.ndata] : names.data[i]);
        at = strlen(out);
        if (cat != NULL && !ddl) {
            snprintf(out + at, size - at, "=%d%s", (int)names.partitions[i],
                     names.hashed[i] ? "#" : "");
        }
    }
    cdc_arena_fini(&ar);
    cdc_task_fini(&task);
    return rc;
}

static cdc_rc topics(const char *extra, char *out, size_t size)
{
    return topics_of(extra, NULL, out, size);
}

static void test_topics_of_an_applier(void **state)
{
    (void)state;
    static const struct {
        const char *extra, *names;
    } cases[] = {
        {"source: {type: fake}\n", "shop|shop.ddl"},
        {"source: {type: fake}\ntopics: {data: 'a.{task}', ddl: ''}\n", "a.shop"},
        {"source: {type: fake}\ntopics: {ddl: '{task}'}\n", "shop"},
        {"source: {type: fake}\ntopics: {rules: [{match: a.b, topic: 'x.{task}'}, {match: a.c}, "
         "{match: '*.*', topic: 'x.shop'}, {match: c.d, topic: y}]}\n",
         "shop x.shop y|shop.ddl"},
        {"target: {type: fake}\nfrom: {topics: [east]}\n", "east|east.ddl"},
        {"target: {type: fake}\nfrom: {topics: [east, west]}\n", "east west|east.ddl west.ddl"},
        {"target: {type: fake}\nfrom: {topics: [east, west]}\ntopics: {ddl: both}\n",
         "east west|both"},
        {"target: {type: fake}\nfrom: {topics: [east]}\ntopics: {ddl: ''}\n", "east"},
        /* the task's own, of which only the names of the data topics are not known */
        {"target: {type: fake}\ntopics: {data: '{database}'}\nfrom: {topics: [a, b]}\n",
         "a b|shop.ddl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char names[256];
        assert_int_equal(topics(cases[i].extra, names, sizeof names), CDC_OK);
        assert_string_equal(names, cases[i].names);
    }
}

static void test_topics_of_tables(void **state)
{
    (void)state;
    cdc_catalog_table found[] = {{.database = "a", .name = "x"},
                                 {.database = "a", .name = "y"},
                                 {.database = "a", .name = "y$"},
                                 {.database = "b", .name = "y_"},
                                 {.database = "b", .name = "z"}};
    const cdc_catalog cat = {.tables = found, .ntables = 5};
    const cdc_catalog empty = {.ntables = 0};
    const struct {
        const cdc_catalog *cat;
        const char *extra, *names;
    } cases[] = {
        {&cat, "topics: {data: '{database}', partitions: 2}\n", "a=2 b=2|shop.ddl"},
        {&cat,
         "topics: {rules: [{match: a.*, topic: 'of.{table}', partitions: 3, policy: pk}, "
         "{match: c.d, topic: none}, {match: '*.z', topic: '{task}.{database}.{table}'}]}\n",
         "shop=1 none=1 of.x=3# of.y=3# of.y_=3# shop.b.z=1|shop.ddl"},
        {&cat, "topics: {data: '{table}', ddl: ''}\nfrom: {topics: [q]}\ntarget: {type: fake}\n",
         "x=1 y=1 y_=1 z=1"},
        {&empty, "topics: {data: '{table}'}\n", "|shop.ddl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char names[256];
        char extra[512];
        snprintf(extra, sizeof extra, "source: {type: fake}\n%s", cases[i].extra);
        assert_int_equal(topics_of(extra, cases[i].cat, names, sizeof names), CDC_OK);
        assert_string_equal(names, cases[i].names);
    }
}

/* y$ and y_ become one topic, which has one number of partitions. */
static void test_tables_that_share_a_topic(void **state)
{
    (void)state;
    cdc_catalog_table found[] = {{.database = "a", .name = "y$"}, {.database = "b", .name = "y_"}};
    const cdc_catalog cat = {.tables = found, .ntables = 2};
    char names[256];
    assert_int_equal(topics_of("source: {type: fake}\ntopics: {data: 'of.{table}', partitions: 2, "
                               "rules: [{match: b.*, partitions: 3}]}\n",
                               &cat, names, sizeof names),
                     CDC_FATAL);
    assert_string_equal(error.code, "topic_shared");
    assert_non_null(strstr(error.text,
                           "topic of.y_ is that of table a.y$ with 2 partitions (topics), "
                           "and of table b.y_ with 3 (topics.rules[0])"));
    assert_int_equal(topics_of("source: {type: fake}\ntopics: {data: 'of.{table}', partitions: 2, "
                               "rules: [{match: b.*, policy: pk}]}\n",
                               &cat, names, sizeof names),
                     CDC_OK);
    assert_string_equal(names, "of.y_=2#|shop.ddl");
}

static void test_topic_per_table_needs_a_list(void **state)
{
    (void)state;
    char names[256];
    assert_int_equal(
        topics("source: {type: fake}\ntopics: {data: '{table}'}\n", names, sizeof names),
        CDC_FATAL);
    assert_int_equal(error.exit, CDC_EXIT_USAGE);
    assert_non_null(strstr(error.text, "t.yaml:4:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_murmur2),
        cmocka_unit_test(test_canal_hash),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_topics_of_an_applier),
        cmocka_unit_test(test_topics_of_tables),
        cmocka_unit_test(test_tables_that_share_a_topic),
        cmocka_unit_test(test_topic_per_table_needs_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
