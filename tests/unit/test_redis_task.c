/* What a task file says of Redis: databases by number, prefixes of keys, commands in one message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/key_map.h"
#include "core/selection.h"
#include "core/task.h"

/* Ends of the kind redis, and another kind. */
#define END_OF(side, kind)                                                                         \
    {                                                                                              \
        {.path = side ".type", .type = CDC_OPTION_ENUM, .choices = kind},                          \
            {.path = side ".hosts", .type = CDC_OPTION_STRINGS}, {.path = NULL},                   \
    }
static const cdc_option redis_source[] = END_OF("source", "redis");
static const cdc_option redis_target[] = END_OF("target", "redis");
static const cdc_option other_source[] = END_OF("source", "other");
static const cdc_option other_target[] = END_OF("target", "other");
static const cdc_option *const tables[] = {cdc_task_options, redis_source, redis_target,
                                           other_source,     other_target, NULL};

#define HEAD "name: t\nkafka: {bootstrap.servers: b:1}\n"
#define GOOD HEAD "source: {type: redis}\ntarget: {type: redis}\n"
#define OTHER HEAD "source: {type: other}\ntarget: {type: other}\n"

static cdc_error err;
static cdc_task task;
static cdc_selection *sel;

static void good(const char *text)
{
    cdc_error_clear(&err);
    if (cdc_task_parse(&task, "t.yaml", text, strlen(text), tables, &err) != CDC_OK ||
        cdc_selection_new(&sel, task.cfg, &err) != CDC_OK) {
        fail_msg("refused: %s", err.text);
    }
}

static void done(void)
{
    cdc_selection_free(sel);
    cdc_task_fini(&task);
}

static void bad(const char *text, const char *want)
{
    cdc_error_clear(&err);
    cdc_rc rc = cdc_task_parse(&task, "t.yaml", text, strlen(text), tables, &err);
    if (rc == CDC_OK) {
        rc = cdc_selection_new(&sel, task.cfg, &err);
        cdc_task_fini(&task);
    }
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(err.text, want);
    assert_int_equal(err.exit, CDC_EXIT_USAGE);
}

static void test_defaults(void **state)
{
    (void)state;
    good(GOOD);
    assert_int_equal(task.message_rows, 100);
    assert_int_equal(task.databases[0], 0);
    assert_int_equal(task.databases[255], 255);
    assert_true(cdc_selection_table(sel, "0", "redis"));
    assert_true(cdc_selection_database(sel, "255"));
    done();
    good(OTHER);
    assert_int_equal(task.message_rows, 1);
    done();
}

static void test_values(void **state)
{
    (void)state;
    cdc_buffer text;
    cdc_buffer_init(&text, 1000);
    good(HEAD "source: {type: redis}\n"
              "target: {type: redis, databases: {0: 3, 7: 0}, extend_expiry_seconds: 60}\n"
              "objects: {include: [0, 12, '255'], exclude: [12], key_prefixes: ['user:', a]}\n"
              "message: {rows: 1}\n");
    assert_int_equal(task.message_rows, 1);
    assert_int_equal(task.databases[0], 3);
    assert_int_equal(task.databases[3], 3);
    assert_int_equal(task.databases[7], 0);
    assert_true(cdc_selection_database(sel, "0"));
    assert_false(cdc_selection_database(sel, "1"));
    assert_false(cdc_selection_database(sel, "12"));
    assert_true(cdc_selection_database(sel, "255"));
    cdc_selection_print(sel, "objects: ", &text);
    assert_string_equal(cdc_buffer_cstr(&text),
                        "objects: databases that match 0 or 12 or 255 and do not match 12\n");
    cdc_buffer_fini(&text);
    done();
    good(GOOD "objects: {include: '*', exclude: [1]}\n");
    assert_true(cdc_selection_database(sel, "2"));
    assert_false(cdc_selection_database(sel, "1"));
    done();
    /* a target alone: whose commands they are is not known */
    good(HEAD "target: {type: redis, databases: {1: 2}}\nfrom: {topics: [x]}\n");
    assert_int_equal(task.databases[1], 2);
    done();
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const databases[] = {"256", "-1", "01", "a", "1.*", "''", "1*"};
    for (size_t i = 0; i < sizeof databases / sizeof databases[0]; i++) {
        char text[300];
        char want[300];
        const char *d = databases[i];
        snprintf(text, sizeof text, GOOD "objects: {include: [0, %s]}\n", d);
        snprintf(want, sizeof want,
                 "t.yaml:5:24: objects.include '%s' is no database of Redis; write its number, 0 "
                 "to 255, or *",
                 strcmp(d, "''") == 0 ? "" : d);
        bad(text, want);
    }
    bad(GOOD "objects: {operations: [insert]}\n",
        "t.yaml:5:11: objects.operations does not fit a Redis source, a command may do several of "
        "them; remove it, and select by objects.include and objects.key_prefixes");
    bad(GOOD "objects: {tables: [{match: a.b}]}\n",
        "t.yaml:5:11: objects.tables does not fit a Redis source, it has no tables; remove it, and "
        "select by objects.include and objects.key_prefixes");
    bad(GOOD "objects: {key_prefixes: [a, '']}\n",
        "t.yaml:5:11: objects.key_prefixes has an empty prefix, which fits every key; remove it");
    bad(GOOD "phases: [schema, full]\n",
        "t.yaml:5:1: phases has schema, and a Redis source has none; remove it");
    bad(GOOD "topics: {policy: pk}\n",
        "t.yaml:5:10: topics.policy pk would lose the order of a Redis source's commands; use "
        "single: the shards of a cluster still have partitions of their own");
    bad(GOOD "message: {oversize: side-topic}\n",
        "t.yaml:5:11: message.oversize side-topic would leave a command out, and those behind it "
        "may need it; use fail or split");
    bad(GOOD "topics: {transactions: tx}\n",
        "t.yaml:5:10: topics.transactions is for the rows of tables; a MULTI block of a Redis "
        "source "
        "is in one partition and tells its own end; remove it");
    bad(HEAD "source: {type: redis}\ntarget: {type: redis, databases: {0: 256}}\n",
        "t.yaml:4:23: target.databases '0: 256': give each number from 0 to 255 once, from: to");
    bad(HEAD "source: {type: redis}\ntarget: {type: redis, databases: {0: 1, 00: 2}}\n",
        "t.yaml:4:23: target.databases '00: 2': give each number from 0 to 255 once, from: to");
}

static void test_other_kinds(void **state)
{
    (void)state;
    bad(OTHER "objects: {key_prefixes: [a]}\n",
        "t.yaml:5:11: objects.key_prefixes is for a Redis source; remove it");
    bad(OTHER "message: {rows: 2}\n",
        "t.yaml:5:11: message.rows above 1 is for a Redis source in this version of sluice; remove "
        "it");
    bad(HEAD "source: {type: redis}\ntarget: {type: other, databases: {0: 1}}\n",
        "t.yaml:4:23: target.databases is for a Redis target; remove it");
    bad(HEAD "source: {type: redis}\ntarget: {type: other, extend_expiry_seconds: 1}\n",
        "t.yaml:4:23: target.extend_expiry_seconds is for a Redis target; remove it");
    good(OTHER "message: {rows: 1}\n");
    done();
}

/* --- target.map --- */

#define ROWS HEAD "source: {type: other}\ntarget: {type: redis, map: "

static void map_good(cdc_key_map *map, const char *text)
{
    good(text);
    assert_int_equal(cdc_key_map_init(map, task.cfg, &err), CDC_OK);
}

static void test_map(void **state)
{
    (void)state;
    cdc_key_map map;
    map_good(&map, ROWS "{a.b: {key: 'x{{y}}:{id}:{Name}', as: json, expire_seconds: 60, database: "
                        "3, truncate: keep}, a.c: {key: '{id}'}}}\n");
    const cdc_key_rule *rule = cdc_key_map_find(&map, "a", "b");
    assert_non_null(rule);
    assert_int_equal(rule->form, CDC_KEY_JSON);
    assert_int_equal(rule->expire_ms, 60000);
    assert_int_equal(rule->redis_db, 3);
    assert_true(rule->keep_on_truncate);
    assert_int_equal(rule->nparts, 4);
    static const char *const parts[] = {"x{y}:", "id", ":", "Name"};
    for (size_t i = 0; i < rule->nparts; i++) {
        assert_string_equal(rule->parts[i].text, parts[i]);
        assert_int_equal(rule->parts[i].column, i % 2 == 1);
    }
    rule = cdc_key_map_find(&map, "a", "c");
    assert_int_equal(rule->form, CDC_KEY_HASH);
    assert_int_equal(rule->expire_ms, 0);
    assert_int_equal(rule->nparts, 1);
    assert_false(rule->keep_on_truncate);
    assert_null(cdc_key_map_find(&map, "a", "bb"));
    assert_null(cdc_key_map_find(&map, "a.b", ""));
    cdc_key_map_fini(&map);
    done();
    map_good(&map, GOOD);
    assert_int_equal(map.nrules, 0);
    cdc_key_map_fini(&map);
    done();
    map_good(&map, ROWS "{a.b: {key: '{{{id}}}'}}}\n"); /* a hash tag */
    assert_string_equal(map.rules[0].parts[0].text, "{");
    assert_string_equal(map.rules[0].parts[1].text, "id");
    assert_string_equal(map.rules[0].parts[2].text, "}");
    cdc_key_map_fini(&map);
    done();
}

static void test_map_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{a.b: {as: hash}}", "a.b: give the rows' key, for instance 'name:{id}'"},
        {"{a.b: {key: user}}",
         "a.b: the key names no {column}, so that all rows would share it: 'user'"},
        {"{a.b: {key: 'x{id'}}",
         "a.b: a column of the key is written {column}, a brace itself {{ or }}, not 'x{id'"},
        {"{a.b: {key: 'x}{id}'}}",
         "a.b: a column of the key is written {column}, a brace itself {{ or }}, not 'x}{id}'"},
        {"{a.b: {key: '{}'}}",
         "a.b: a column of the key is written {column}, a brace itself {{ or }}, not '{}'"},
        {"{a.b: {key: '{id}', as: set}}", "a.b: as is hash or json, not 'set'"},
        {"{a.b: {key: '{id}', expire_seconds: -1}}",
         "a.b: expire_seconds is a number of seconds, 0 for never, not '-1'"},
        {"{a.b: {key: '{id}', database: 256}}",
         "a.b: database is a number from 0 to 255, not '256'"},
        {"{a.b: {key: '{id}', truncate: yes}}", "a.b: truncate is stop or keep, not 'yes'"},
        {"{a.b: {key: '{id}', ttl: 5}}", "a.b: an entry has key, as, expire_seconds, database and "
                                         "truncate, but no 'ttl'"},
        {"{'a.*': {key: '{id}'}}", "a.*: give one table as database.table, not 'a.*'"},
        {"{users: {key: '{id}'}}", "users: give one table as database.table, not 'users'"},
        {"{a.b: {key: '{id}'}, a.c: {key: '{id}'}}",
         "a.c: the rows of another table have this key too: '{id}'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[300];
        char want[300];
        snprintf(text, sizeof text, ROWS "%s}\n", cases[i][0]);
        snprintf(want, sizeof want, "t.yaml:4:23: target.map: %s", cases[i][1]);
        bad(text, want);
    }
    bad(HEAD "source: {type: redis}\ntarget: {type: redis, map: {a.b: {key: '{id}'}}}\n",
        "t.yaml:4:23: target.map is for the rows of tables, and the source gives commands; remove "
        "it");
    bad(HEAD "source: {type: other}\ntarget: {type: redis}\n",
        "t.yaml:4:1: target has no map: say which keys the rows of which table become, for "
        "instance map: {shop.users: {key: \"user:{id}\", as: hash}}");
    bad(HEAD "source: {type: redis}\ntarget: {type: other, map: {a.b: {key: '{id}'}}}\n",
        "t.yaml:4:23: target.map is for a Redis target; remove it");
    bad(ROWS "{a.b: {key: '{id}'}}, databases: {0: 1}}\n",
        "t.yaml:4:50: target.databases is for the commands of a Redis source; give the database in "
        "the entries of target.map");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_map),      cmocka_unit_test(test_map_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
