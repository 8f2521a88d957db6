/* Task files: what is taken, and every kind of fault with the place it is reported at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "consumers/mysql/options.h"
#include "core/task.h"
#include "producers/mysql/options.h"

static const cdc_option *const tables[] = {cdc_task_options, src_mysql_options, sink_mysql_options,
                                           NULL};

#define HEAD "name: t\nkafka: {bootstrap.servers: b:1}\n"
#define SOURCE "source: {type: mysql, hosts: [h:3306], user: u}\n"
#define TARGET "target: {type: mysql, hosts: [h:3307], user: v}\n"
#define GOOD HEAD SOURCE TARGET

static cdc_error err;

static cdc_rc load(cdc_task *task, const char *text)
{
    cdc_error_clear(&err);
    return cdc_task_parse(task, "t.yaml", text, strlen(text), tables, &err);
}

static cdc_task good(const char *text)
{
    cdc_task task;
    if (load(&task, text) != CDC_OK) {
        fail_msg("refused: %s", err.text);
    }
    return task;
}

/* The file is refused with exit code 2 and this very text. */
static void bad(const char *text, const char *want)
{
    cdc_task task;
    if (load(&task, text) == CDC_OK) {
        cdc_task_fini(&task);
        fail_msg("taken, but wanted: %s", want);
    }
    assert_string_equal(err.text, want);
    assert_int_equal(err.exit, CDC_EXIT_USAGE);
}

/* The same, for a text that comes from a library: it begins so and holds that. */
static void bad_like(const char *text, const char *begin, const char *part)
{
    cdc_task task;
    assert_int_equal(load(&task, text), CDC_FATAL);
    if (strncmp(err.text, begin, strlen(begin)) != 0 || strstr(err.text, part) == NULL) {
        fail_msg("'%s' does not begin with '%s' and hold '%s'", err.text, begin, part);
    }
    assert_int_equal(err.exit, CDC_EXIT_USAGE);
}

static void test_defaults(void **state)
{
    (void)state;
    cdc_task task = good(GOOD);
    const cdc_config *cfg = task.cfg;
    assert_string_equal(task.name, "t");
    assert_string_equal(task.source_type, "mysql");
    assert_string_equal(task.target_type, "mysql");
    assert_false(task.phase_schema);
    assert_true(task.phase_full);
    assert_true(task.phase_incremental);
    assert_true(task.exactly_once);
    assert_int_equal(task.retry_connect_ms, 720 * 60000);
    assert_int_equal(task.retry_other_ms, 10 * 60000);
    assert_string_equal(task.state_dir, "./state");
    assert_string_equal(cdc_config_str(cfg, "topics.data"), "{task}");
    assert_string_equal(cdc_config_str(cfg, "topics.ddl"), "{task}.ddl");
    assert_string_equal(cdc_config_str(cfg, "topics.policy"), "single");
    assert_int_equal(cdc_config_int(cfg, "message.max_bytes"), 10485760);
    assert_true(cdc_config_bool(cfg, "topics.create"));
    assert_string_equal(cdc_config_secret(cfg, "source.password"), "");
    assert_null(cdc_config_str(cfg, "source.start"));
    assert_int_equal(cdc_config_count(cfg, "phases"), 2);
    assert_string_equal(cdc_config_item(cfg, "phases", 1), "incremental");
    assert_int_equal(cdc_config_count(cfg, "objects.exclude"), 0);
    assert_int_equal(cdc_config_count(cfg, "topics.rules"), 0);
    assert_int_equal(cdc_config_count(cfg, "target.rename.databases"), 0);
    assert_null(cdc_config_lookup(cfg, "target.rename.databases", "a"));
    assert_null(cdc_config_lookup2(cfg, "target.rename.columns", "a", "b"));
    assert_false(cdc_config_has(cfg, "topics"));
    assert_true(cdc_config_has(cfg, "source.hosts"));
    assert_string_equal(cdc_config_where(cfg, "source.hosts"), "t.yaml:3:23");
    assert_string_equal(cdc_config_where(cfg, "source.hosts[0]"), "t.yaml:3:31");
    assert_string_equal(cdc_config_where(cfg, "topics.data"), "t.yaml");
    cdc_task_fini(&task);
}

static void test_values(void **state)
{
    (void)state;
    cdc_task task = good(GOOD "objects: {include: 'a.*', exclude: [a.b, \"*.c\"]}\n"
                              "phases: [incremental]\n"
                              "topics: {create: false, policy: pk, ddl: \"\"}\n"
                              "delivery: at-least-once\n"
                              "message: {max_bytes: 2048}\n");
    const cdc_config *cfg = task.cfg;
    const char *name;
    const char *value;
    assert_int_equal(cdc_config_count(cfg, "objects.include"), 1);
    assert_string_equal(cdc_config_item(cfg, "objects.include", 0), "a.*");
    assert_null(cdc_config_item(cfg, "objects.include", 1));
    assert_int_equal(cdc_config_count(cfg, "objects.exclude"), 2);
    assert_string_equal(cdc_config_item(cfg, "objects.exclude", 1), "*.c");
    assert_false(task.phase_full);
    assert_false(task.exactly_once);
    assert_false(cdc_config_bool(cfg, "topics.create"));
    assert_string_equal(cdc_config_str(cfg, "topics.ddl"), "");
    assert_int_equal(cdc_config_int(cfg, "message.max_bytes"), 2048);
    assert_int_equal(cdc_config_count(cfg, "kafka"), 1);
    cdc_config_entry(cfg, "kafka", 0, &name, &value);
    assert_string_equal(name, "bootstrap.servers");
    assert_string_equal(value, "b:1");
    cdc_config_entry(cfg, "kafka", 1, &name, &value);
    assert_null(name);
    assert_string_equal(cdc_config_lookup(cfg, "kafka", "bootstrap.servers"), "b:1");
    assert_null(cdc_config_lookup(cfg, "kafka", "acks"));
    cdc_task_fini(&task);
}

/* Where the log begins decides on the full copy, unless phases says so itself. */
static void test_start_and_phases(void **state)
{
    (void)state;
    cdc_task task = good(HEAD "source: {type: mysql, hosts: h, user: u, start: 'gtid:a:1-5'}\n");
    assert_false(task.phase_full);
    assert_true(task.phase_incremental);
    assert_null(task.target_type);
    cdc_task_fini(&task);
    task = good(HEAD "source: {type: mysql, hosts: h, user: u, start: full}\n");
    assert_true(task.phase_full);
    cdc_task_fini(&task);
    bad(HEAD "source: {type: mysql, hosts: h, user: u, start: now}\nphases: [full]\n",
        "t.yaml:3:42: source.start is not full, but phases has full; change one of them");
    bad(HEAD "source: {type: mysql, hosts: h, user: u, start: full}\nphases: incremental\n",
        "t.yaml:3:42: source.start is full, but phases has no full; change one of them");
    bad(GOOD "phases: []\n", "t.yaml:5:1: phases must have full or incremental");
    bad(GOOD "phases: [full, full]\n", "t.yaml:5:16: phases has full twice");
}

static void test_unknown_names(void **state)
{
    (void)state;
    bad(GOOD "tpoics: {data: x}\n", "t.yaml:5:1: unknown option 'tpoics'; did you mean 'topics'?");
    bad(GOOD "topics: {partitons: 2}\n",
        "t.yaml:5:10: unknown option 'topics.partitons'; did you mean 'topics.partitions'?");
    bad(HEAD "source: {type: mysql, host: [h:1], user: u}\n",
        "t.yaml:3:23: unknown option 'source.host'; did you mean 'source.hosts'?");
    bad(HEAD "source:\n  type: mysql\n  hosts: [h]\n  user: u\n  tls: {moed: off}\n",
        "t.yaml:7:9: unknown option 'source.tls.moed'; did you mean 'source.tls.mode'?");
    bad(GOOD "partitions: 3\n",
        "t.yaml:5:1: unknown option 'partitions'; did you mean 'topics.partitions'?");
    bad(GOOD "zzzzzz: 3\n", "t.yaml:5:1: unknown option 'zzzzzz'; remove it");
    bad(GOOD "topics:\n  rules:\n    - {match: a.b, topc: x}\n",
        "t.yaml:7:20: unknown option 'topics.rules[].topc'; did you mean 'topics.rules[].topic'?");
}

static void test_types_and_ranges(void **state)
{
    (void)state;
    bad(GOOD "message: {max_bytes: many}\n",
        "t.yaml:5:11: message.max_bytes must be a whole number, not 'many'");
    bad(GOOD "message: {max_bytes: \"2048\"}\n",
        "t.yaml:5:11: message.max_bytes must be a whole number, not '2048'");
    bad(GOOD "message: {max_bytes: 1e6}\n",
        "t.yaml:5:11: message.max_bytes must be a whole number, not '1e6'");
    bad(GOOD "message: {max_bytes: 0x800}\n",
        "t.yaml:5:11: message.max_bytes must be a whole number, not '0x800'");
    bad(GOOD "message: {max_bytes: 1023}\n",
        "t.yaml:5:11: message.max_bytes must be from 1024 to 1000000000, not 1023");
    bad(GOOD "message: {max_bytes: 99999999999999999999999}\n",
        "t.yaml:5:11: message.max_bytes must be from 1024 to 1000000000, not "
        "99999999999999999999999");
    bad(GOOD "topics: {partitions: 0}\n",
        "t.yaml:5:10: topics.partitions must be from 1 to 10000, not 0");
    bad(GOOD "topics: {partitions: 10001}\n",
        "t.yaml:5:10: topics.partitions must be from 1 to 10000, not 10001");
    bad(GOOD "topics: {partitions: -1}\n",
        "t.yaml:5:10: topics.partitions must be from 1 to 10000, not -1");
    bad(GOOD "topics: {create: yes}\n",
        "t.yaml:5:10: topics.create must be true or false, not 'yes'");
    bad(GOOD "topics: {policy: rows}\n",
        "t.yaml:5:10: topics.policy must be single, table, pk, columns or canal, not 'rows'");
    bad(GOOD "phases: [full, fast]\n",
        "t.yaml:5:16: phases must be schema, full or incremental, not 'fast'");
    bad(GOOD "topics: {data: [a, b]}\n",
        "t.yaml:5:10: topics.data must be a single value, not a list");
    bad(GOOD "topics: {data: {a: b}}\n",
        "t.yaml:5:10: topics.data must be a single value, not a map");
    bad(GOOD "topics: [a]\n", "t.yaml:5:1: topics must be a map of options, not a list");
    bad(GOOD "topics:\n", "t.yaml:5:1: topics must be a map of options, not empty");
    bad(GOOD "state_dir:\n", "t.yaml:5:1: state_dir has no value; give one or remove the line");
    bad(GOOD "state_dir: ~\n", "t.yaml:5:1: state_dir has no value; give one or remove the line");
    bad(GOOD "objects: {include: {a: b}}\n",
        "t.yaml:5:11: objects.include must be a list, not a map");
    bad(GOOD "objects: {include: [[a]]}\n",
        "t.yaml:5:21: objects.include must be a single value, not a list");
    bad(HEAD "source: mysql\n", "t.yaml:3:1: source must be a map of options, not a single value");
    bad("name: t\nkafka: b:1\n" SOURCE,
        "t.yaml:2:1: kafka must be a map (name: value), not a single value");
    bad("name: t\nkafka: {bootstrap.servers: [a, b]}\n" SOURCE,
        "t.yaml:2:9: kafka.bootstrap.servers must be a single value, not a list");
    bad("name: t\nkafka: {\"a\\tb\": c}\n" SOURCE,
        "t.yaml:2:9: kafka has a name with a control character; remove it");
    bad("name: t\nkafka: {bootstrap.servers: }\n" SOURCE,
        "t.yaml:2:9: kafka.bootstrap.servers has no value; give one or remove the line");
    bad(GOOD "topics: {rules: {match: a}}\n",
        "t.yaml:5:10: topics.rules must be a list of maps, not a map");
    bad(GOOD "metrics: {listen: nowhere}\n",
        "t.yaml:5:11: metrics.listen must be off or *:*, not 'nowhere'");
}

static void test_required(void **state)
{
    (void)state;
    bad("kafka: {bootstrap.servers: b:1}\n" SOURCE,
        "t.yaml: name is missing: The task's name, 1 to 64 of a-z 0-9 - _; also its transactional "
        "id, consumer group and checkpoint key.");
    bad("name: t\n" SOURCE,
        "t.yaml: kafka is missing: librdkafka's properties by their own names; bootstrap.servers "
        "is needed, compression.codec is lz4 and acks all unless given.");
    bad("name: t\nkafka: {acks: all}\n" SOURCE,
        "t.yaml:2:1: kafka has no bootstrap.servers; give the brokers as host:port,...");
    bad(HEAD "source: {hosts: [h]}\n",
        "t.yaml:3:1: source.type is missing: Kind of the source: mysql (also MariaDB).");
    bad(HEAD "source: {type: oracle}\n", "t.yaml:3:10: source.type must be mysql, not 'oracle'");
    bad(HEAD "source: {type: mysql, user: u}\n", "t.yaml:3:1: source.hosts is missing: host:port "
                                                 "of the source; several are tried in order.");
    bad(HEAD "source: {type: mysql, user: u, hosts: []}\n",
        "t.yaml:3:32: source.hosts is empty; give at least one");
    bad(HEAD, "t.yaml: the task has neither a source nor a target; add at least one");
    bad(HEAD TARGET, "t.yaml:3:1: a task without a source needs from.topics: the topics to apply");
    bad(HEAD TARGET "from: {start: latest}\n",
        "t.yaml:4:1: from.topics is missing: Topics that are applied: those of other tasks, or of "
        "this one when topics.data has {database} or {table}.");
    bad(HEAD SOURCE "from: {topics: [x]}\n",
        "t.yaml:4:1: from needs a target that is written; add one");
    cdc_task task = good(HEAD TARGET "from: {topics: [x], start: 'time:2026-01-01'}\n");
    assert_null(task.source_type);
    cdc_task_fini(&task);
}

static void test_whole_transactions(void **state)
{
    (void)state;
    static const char atomic[] =
        HEAD SOURCE "target: {type: mysql, hosts: [h:3307], user: v, atomic: transaction}\n";
    char text[1000];
    cdc_task task = good(HEAD SOURCE TARGET "topics: {transactions: tx}\n");
    assert_false(task.whole);
    cdc_task_fini(&task);
    snprintf(text, sizeof text, "%stopics: {transactions: tx}\n", atomic);
    task = good(text);
    assert_true(task.whole);
    cdc_task_fini(&task);
    bad(atomic, "t.yaml:4:49: target.atomic: transaction needs the records of transactions; name "
                "their topic in topics.transactions (the capture's too)");
    snprintf(text, sizeof text, "%stopics: {transactions: tx, ddl: ''}\n", atomic);
    bad(text, "t.yaml:4:49: target.atomic: transaction needs DDL in a topic of its own; remove "
              "topics.ddl: \"\"");
    snprintf(text, sizeof text, "%stopics: {transactions: tx}\ndelivery: at-least-once\n", atomic);
    bad(text, "t.yaml:4:49: target.atomic: transaction needs each message once; set delivery: "
              "exactly-once");
    bad(HEAD SOURCE "target: {type: mysql, hosts: [h:3307], user: v, appliers: group,\n"
                    "  atomic: transaction}\n"
                    "topics: {transactions: tx}\n",
        "t.yaml:5:3: target.atomic: transaction is for one process that reads all partitions; "
        "remove target.appliers: group");
}

static void test_reserved(void **state)
{
    (void)state;
    bad(GOOD "topics: {transactions: '{table}'}\n",
        "t.yaml:5:10: topics.transactions '{table}' is no topic name; it may have a-z A-Z 0-9 . _ "
        "- and {task}");
    bad(GOOD "message: {json: relaxed}\n",
        "t.yaml:5:11: message.json is not carried out by this version of sluice; remove it");
    bad(GOOD "message: {time_zone: 'Asia/Tokyo'}\n",
        "t.yaml:5:11: message.time_zone Asia/Tokyo is not carried out by this version of sluice; "
        "use UTC");
    bad(GOOD "message: {rows: 2}\n",
        "t.yaml:5:11: message.rows above 1 is for a Redis source in this version of sluice; remove "
        "it");
    bad(HEAD "source: {type: mysql, hosts: h, user: u, start: earliest}\n",
        "t.yaml:3:42: source.start earliest is not carried out by this version of sluice; use "
        "full, now, gtid:* or position:*");
    /* the default in any order, and nothing at all, change nothing */
    cdc_task task = good(GOOD "objects: {operations: [ddl, delete, update, insert]}\n"
                              "topics: {rules: [], transactions: ''}\n"
                              "message: {rows: 1, time_zone: UTC, binary: base64, enum: label}\n"
                              "full: {rows_per_second: 0, threads: 8}\n");
    cdc_task_fini(&task);
}

/* Options of a format that the other does not have. */
static void test_formats(void **state)
{
    (void)state;
    bad(GOOD "message: {format: avro}\n",
        "t.yaml:5:11: message.format avro needs message.registry.url, 1 to 16 of them, such as "
        "http://registry:8081");
    bad(GOOD "message: {registry: {url: 'http://r'}}\n",
        "t.yaml:5:22: message.registry.url is for message.format avro; remove it");
    bad(GOOD "message: {avro: {layout: generic}}\n",
        "t.yaml:5:18: message.avro.layout is for message.format avro; remove it");
    bad(GOOD "message: {format: avro, binary: hex, registry: {url: 'http://r'}}\n",
        "t.yaml:5:25: message.binary is for message.format canal-json; remove it");
    bad(GOOD "message: {format: avro, registry: {url: 'http://r', user: u, token: t}}\n",
        "t.yaml:5:62: message.registry has a user and a token; give one of them");
    bad(GOOD "message: {format: avro, registry: {url: 'http://r', tls: {cert: c}}}\n",
        "t.yaml:5:53: message.registry.tls needs both cert and key, or neither");
    cdc_task task = good(GOOD "message: {format: avro, registry: {url: ['http://r', 'http://s'], "
                              "user: u, password: p, tls: {cert: c, key: k}}}\n");
    cdc_task_fini(&task);
}

static void test_topic_rules(void **state)
{
    (void)state;
    cdc_task task =
        good(GOOD "topics:\n  policy: pk\n  partitions: 3\n  rules:\n"
                  "  - {match: 'shop.order?', topic: '{task}.o', partitions: 6, policy: columns, "
                  "columns: [a, b]}\n"
                  "  - {match: shop.*, policy: canal}\n"
                  "  - {match: '*.log', topic: logs, policy: single}\n");
    const cdc_topic_rule *rule = cdc_topic_rules_find(&task.topics, "shop", "orders");
    assert_string_equal(rule->place, "topics.rules[0]");
    assert_string_equal(rule->topic, "{task}.o");
    assert_int_equal(rule->partitions, 6);
    assert_int_equal(rule->policy, CDC_POLICY_COLUMNS);
    assert_int_equal(rule->ncolumns, 2);
    assert_string_equal(rule->columns[1], "b");
    rule = cdc_topic_rules_find(&task.topics, "shop", "log"); /* the first that fits */
    assert_string_equal(rule->topic, "{task}");
    assert_int_equal(rule->partitions, 3);
    assert_int_equal(rule->policy, CDC_POLICY_CANAL);
    assert_int_equal(rule->ncolumns, 0);
    rule = cdc_topic_rules_find(&task.topics, "x", "log");
    assert_string_equal(rule->topic, "logs");
    rule = cdc_topic_rules_find(&task.topics, "x", "y");
    assert_string_equal(rule->place, "topics");
    assert_int_equal(rule->policy, CDC_POLICY_PK);
    cdc_task_fini(&task);
    task = good(GOOD "topics: {policy: columns, columns: [c], rules: [{match: a.b, topic: x}]}\n");
    rule = cdc_topic_rules_find(&task.topics, "a", "b");
    assert_int_equal(rule->policy, CDC_POLICY_COLUMNS);
    assert_string_equal(rule->columns[0], "c");
    cdc_task_fini(&task);
    /* topics that are not the same one */
    task = good(GOOD "topics: {rules: [{match: a.b, topic: 'x.{table}', partitions: 2}, {match: "
                     "a.*, topic: x, partitions: 3}]}\n");
    cdc_task_fini(&task);
}

static void test_topic_rules_that_fight(void **state)
{
    (void)state;
    bad(GOOD "topics:\n  rules: [{match: orders}]\n",
        "t.yaml:6:12: topics.rules[].match 'orders' is no pattern; write database.table, with * "
        "and "
        "? as needed (shop.*)");
    bad(GOOD "topics: {policy: columns}\n",
        "t.yaml:5:10: topics.policy is columns and no columns are named; give those to hash, for "
        "instance columns: [customer_id]");
    bad(GOOD "topics:\n  rules: [{match: a.b, policy: columns}]\n",
        "t.yaml:6:24: topics.rules[0].policy is columns and no columns are named; give those to "
        "hash, for instance columns: [customer_id]");
    bad(GOOD "topics:\n  rules: [{match: a.b, columns: [c]}]\n",
        "t.yaml:6:24: topics.rules[0].columns is for the policies columns and canal; remove it, or "
        "change the policy");
    bad(GOOD "topics:\n  rules: [{match: a.b}, {match: c.d}, {match: a.b, topic: x}]\n",
        "t.yaml:6:40: topics.rules[2].match 'a.b' is that of topics.rules[0] too, and the first "
        "one "
        "counts; remove one of them");
    bad(GOOD "topics:\n  rules: [{match: a.b, topic: x, partitions: 2}, {match: c.d, topic: x}]\n",
        "t.yaml:6:34: topics.rules[0].partitions gives topic 'x' 2 partitions, and topics.rules[1] "
        "gives it 1; a topic has one number: make them equal, or give another topic");
    bad(GOOD "topics:\n  rules: [{match: a.b, topic: 't', partitions: 2}]\n",
        "t.yaml:6:36: topics.rules[0].partitions gives topic 't' 2 partitions, and topics gives it "
        "1; a topic has one number: make them equal, or give another topic");
}

static void test_delivery_of_rows_that_move(void **state)
{
    (void)state;
    bad(GOOD "topics: {policy: columns, columns: [a]}\ndelivery: at-least-once\n",
        "t.yaml:6:1: delivery at-least-once repeats messages after a crash, and under policy "
        "columns of topics a repeated DELETE of a row that moved to another partition would take "
        "it away; set delivery: exactly-once, or policy pk");
    cdc_task task = good(GOOD "topics: {policy: canal}\ndelivery: at-least-once\n");
    cdc_task_fini(&task);
}

static void test_compaction(void **state)
{
    (void)state;
    bad(GOOD "topics: {cleanup_policy: compact}\n",
        "t.yaml:5:10: topics.cleanup_policy: compaction keeps the newest message of each key, and "
        "a target needs every one; use delete, or remove the target");
    bad(HEAD SOURCE "topics: {cleanup_policy: compact-delete, ddl: ''}\n",
        "t.yaml:4:10: topics.cleanup_policy: DDL would be compacted away with the rows; give "
        "topics.ddl a topic of its own, or use delete");
    bad(HEAD SOURCE "topics: {cleanup_policy: compact}\nmessage: {oversize: split}\n",
        "t.yaml:4:10: topics.cleanup_policy: of a message in several parts, which have one key, "
        "compaction keeps one; use delete, or another message.oversize");
    cdc_task task = good(HEAD SOURCE "topics: {cleanup_policy: compact}\n");
    cdc_task_fini(&task);
}

static void test_yaml_faults(void **state)
{
    (void)state;
    bad("", "t.yaml: the file is empty");
    bad("# nothing\n", "t.yaml: the file is empty");
    bad("just text\n", "t.yaml:1:1: a task file is a map of options (name: ...)");
    bad("- a\n", "t.yaml:1:1: a task file is a map of options (name: ...)");
    bad(GOOD "name: u\n", "t.yaml:5:1: 'name' is given twice, first in line 1");
    bad(GOOD "topics: {data: a, create: true, data: b}\n",
        "t.yaml:5:33: 'data' is given twice, first in line 5");
    bad(GOOD "topics: &x {data: a}\n",
        "t.yaml:5:9: the anchor &x is not taken in task files; put quotes around a text that "
        "begins with &");
    bad(GOOD "objects: {include: *all}\n",
        "t.yaml:5:20: the alias *all is not taken in task files; put quotes around a text that "
        "begins with *");
    bad(GOOD "topics: {partitions: !!int 3}\n",
        "t.yaml:5:22: the tag tag:yaml.org,2002:int is not taken in task files");
    bad(GOOD "--- \nname: x\n", "t.yaml:5:1: a second document begins here; a task file has one");
    bad(GOOD "? [a]\n: b\n", "t.yaml:5:3: a name must be a text, not a list or a map");
    bad(GOOD "a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n",
        "t.yaml:5:15: lists and maps are nested too deeply");
    bad(GOOD "state_dir: \"a\\0b\"\n", "t.yaml:5:12: a text may not hold the character NUL");
    bad_like(GOOD "topics:\n\tdata: x\n", "t.yaml:6:1: not YAML: ", "not with a tab");
    bad_like(GOOD "objects: {include: [*.*]}\n", "t.yaml:5:", "put quotes around");
    bad_like(GOOD "topics: {data: x\n", "t.yaml:6:1: not YAML: ", "flow mapping");
    bad_like("name: \xff\xfe\n", "t.yaml: not a YAML file in UTF-8: ", "");
}

static void test_secrets(void **state)
{
    (void)state;
    char path[] = "/tmp/sluice-secret-XXXXXX";
    char text[512];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "top\nsecret\r\n", 12), 12);
    close(fd);
    setenv("CDC_TEST_A", "from-env", 1);
    unsetenv("CDC_TEST_NONE");
    snprintf(text, sizeof text,
             HEAD "source:\n  type: mysql\n  hosts: h\n  user: a-${env:CDC_TEST_A}-$${b}\n"
                  "  password: ${file:%s}\n",
             path);
    cdc_task task = good(text);
    assert_string_equal(cdc_config_str(task.cfg, "source.user"), "a-from-env-${b}");
    assert_string_equal(cdc_config_secret(task.cfg, "source.password"), "top\nsecret");
    cdc_task_fini(&task);
    unlink(path);

    snprintf(text, sizeof text, HEAD "name2: ${file:%s}\n", path);
    char want[512];
    snprintf(want, sizeof want, "t.yaml:3:8: ${file:%s} cannot be read: No such file or directory",
             path);
    bad(text, want);
    bad(HEAD "x: ${env:CDC_TEST_NONE}\n",
        "t.yaml:3:4: ${env:CDC_TEST_NONE}: the environment variable CDC_TEST_NONE is not set");
    bad(HEAD "x: ${vault:a}\n", "t.yaml:3:4: ${vault:a} is neither ${env:NAME} nor ${file:PATH}; "
                                "write $${ for the text ${");
    bad(HEAD "x: ${env:}\n", "t.yaml:3:4: ${env:} is neither ${env:NAME} nor ${file:PATH}; write "
                             "$${ for the text ${");
    bad(HEAD "x: \"${env:A\"\n", "t.yaml:3:4: ${ without its }; write $${ for the text ${");
    bad(HEAD "x: ${file:/dev/zero}\n",
        "t.yaml:3:4: ${file:/dev/zero} cannot be read: it is no short text");

    /* what came from outside is not repeated in an error */
    setenv("CDC_TEST_A", "hunter2", 1);
    bad(GOOD "topics: {partitions: \"${env:CDC_TEST_A}\"}\n",
        "t.yaml:5:10: topics.partitions must be a whole number, not 'the value'");
    setenv("CDC_TEST_A", "3", 1);
    task = good(GOOD "topics: {partitions: \"${env:CDC_TEST_A}\"}\n");
    assert_int_equal(cdc_config_int(task.cfg, "topics.partitions"), 3);
    cdc_task_fini(&task);
}

static void test_rules(void **state)
{
    (void)state;
    cdc_task task;
    bad("name: Shop\nkafka: {bootstrap.servers: b:1}\n" SOURCE,
        "t.yaml:1:1: name must be 1 to 64 of a-z 0-9 - _, not 'Shop'");
    bad("name: ''\nkafka: {bootstrap.servers: b:1}\n" SOURCE,
        "t.yaml:1:1: name must be 1 to 64 of a-z 0-9 - _, not ''");
    bad("name: a1234567890123456789012345678901234567890123456789012345678901234\n"
        "kafka: {bootstrap.servers: b:1}\n" SOURCE,
        "t.yaml:1:1: name must be 1 to 64 of a-z 0-9 - _, not "
        "'a1234567890123456789012345678901234567890123456789012345678901234'");
    bad(GOOD "retry: {connect_minutes: 20, other_minutes: 20}\n",
        "t.yaml:5:30: retry.other_minutes (20) must be shorter than retry.connect_minutes (20)");
    bad(GOOD "retry: {connect_minutes: -1}\n",
        "t.yaml:5:9: retry.connect_minutes must be from 0 to 1440, not -1");
    task = good(GOOD "retry: {connect_minutes: 10}\n");
    assert_int_equal(task.retry_other_ms, 9 * 60000);
    cdc_task_fini(&task);
    bad(HEAD "source: {type: mysql, hosts: ['h:0'], user: u}\n",
        "t.yaml:3:31: source.hosts: 'h:0' is not host:port");
    bad(HEAD "source: {type: mysql, hosts: ['h:33x'], user: u}\n",
        "t.yaml:3:31: source.hosts: 'h:33x' is not host:port");
    bad(HEAD "source: {type: mysql, hosts: [a, ':1'], user: u}\n",
        "t.yaml:3:34: source.hosts: ':1' is not host:port");
    bad(GOOD "topics: {data: \"{tsak}\"}\n",
        "t.yaml:5:10: topics.data '{tsak}' is no topic name; it may have a-z A-Z 0-9 . _ - and "
        "{task} {database} {table}");
    bad(GOOD "topics: {data: \"\"}\n", "t.yaml:5:10: topics.data is empty; name a topic");
    bad(GOOD "topics: {ddl: \"{table}\"}\n",
        "t.yaml:5:10: topics.ddl '{table}' is no topic name; it may have a-z A-Z 0-9 . _ - and "
        "{task}");
    bad(HEAD TARGET "from: {topics: x, start: 'time:soon'}\n",
        "t.yaml:4:19: from.start 'time:soon' has no ISO 8601 time (time:2026-11-21T05:00:00Z)");
}

static void test_print(void **state)
{
    (void)state;
    cdc_buffer out;
    setenv("CDC_TEST_A", "hunter2", 1);
    cdc_task task = good(
        "name: t\n"
        "kafka: {bootstrap.servers: b:1, sasl.password: hunter2,\n"
        "        ssl.key.password: hunter2, a.secret: hunter2, client.id: '${env:CDC_TEST_A}'}\n"
        "source: {type: mysql, hosts: [h:3306, i], user: u, password: hunter2}\n"
        "full: {threads: 07, rows_per_second: -0}\n"
        "state_dir: \"a: \\u0085\\u007f\\n\\\"\u20ac$${b\"\n");
    cdc_buffer_init(&out, 1 << 20);
    cdc_config_print(task.cfg, &out);
    const char *text = cdc_buffer_cstr(&out);
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "name: t\nsource:\n"));
    assert_non_null(strstr(text, "  password: \"****\"\n"));
    assert_non_null(strstr(text, "  hosts: [h:3306, i]\n"));
    assert_non_null(strstr(text, "  threads: 7\n"));
    assert_non_null(strstr(text, "  rows_per_second: 0\n"));
    assert_non_null(strstr(text, "  tls:\n    mode: \"off\"\n"));
    assert_non_null(strstr(
        text, "kafka:\n  bootstrap.servers: b:1\n  sasl.password: \"****\"\n"
              "  ssl.key.password: \"****\"\n  a.secret: \"****\"\n  client.id: \"****\"\n"));
    assert_non_null(strstr(text, "state_dir: \"a: \\u0085\\u007f\\u000a\\\"\u20ac$${b\"\n"));
    assert_non_null(strstr(text, "phases: [full, incremental]\n"));
    assert_non_null(strstr(text, "objects:\n  include: [\"*.*\"]\n  exclude: []\n"));
    assert_non_null(strstr(text, "topics:\n  data: \"{task}\"\n"));
    assert_null(strstr(text, "target:")); /* not in the file, so its defaults mean nothing */
    assert_null(strstr(text, "from:"));
    assert_null(strstr(text, "canonical")); /* reserved */
    cdc_task_fini(&task);

    /* what was printed is a task file that means the same (but for the masks) */
    task = good(text);
    cdc_buffer again;
    cdc_buffer_init(&again, 1 << 20);
    cdc_config_print(task.cfg, &again);
    assert_string_equal(cdc_buffer_cstr(&again), text);
    cdc_buffer_fini(&again);
    cdc_buffer_fini(&out);
    cdc_task_fini(&task);
}

/* Two plug-ins with options of the same name: the file's type chooses. */
static void test_plugins(void **state)
{
    (void)state;
    static const cdc_option shared[] = {
        {.path = "source.mode", .type = CDC_OPTION_STRING, .flags = CDC_OPTION_RESERVED},
        {.path = NULL}};
    static const cdc_option a[] = {
        {.path = "source.type", .type = CDC_OPTION_ENUM, .choices = "a", .help = "Kind."},
        {.path = "source.size", .type = CDC_OPTION_INT, .def = "1", .max = 5},
        {.path = NULL}};
    static const cdc_option b[] = {
        {.path = "source.type", .type = CDC_OPTION_ENUM, .choices = "b", .help = "Kind."},
        {.path = "source.size", .type = CDC_OPTION_STRING, .def = "big"},
        {.path = "source.mode", .type = CDC_OPTION_STRING},
        {.path = NULL}};
    static const cdc_option *const all[] = {shared, a, b, NULL};
    static const char of_a[] = "source: {type: a, size: 3}\n";
    static const char of_b[] = "source: {type: b, mode: x}\n";
    static const char wrong[] = "source: {type: a, mode: x}\n";
    static const char none[] = "source: {type: c}\n";
    cdc_config *cfg;
    cdc_error_clear(&err);
    assert_int_equal(cdc_config_parse(&cfg, "f", of_a, strlen(of_a), all, &err), CDC_OK);
    assert_int_equal(cdc_config_int(cfg, "source.size"), 3);
    cdc_config_free(cfg);
    assert_int_equal(cdc_config_parse(&cfg, "f", of_b, strlen(of_b), all, &err), CDC_OK);
    assert_string_equal(cdc_config_str(cfg, "source.size"), "big");
    assert_string_equal(cdc_config_str(cfg, "source.mode"), "x");
    cdc_config_free(cfg);
    assert_int_equal(cdc_config_parse(&cfg, "f", wrong, strlen(wrong), all, &err), CDC_FATAL);
    assert_string_equal(err.text, "f:1:19: source.mode is not carried out by this version of "
                                  "sluice; remove it");
    assert_int_equal(cdc_config_parse(&cfg, "f", none, strlen(none), all, &err), CDC_FATAL);
    assert_string_equal(err.text, "f:1:10: source.type must be a or b, not 'c'");
}

static void test_file(void **state)
{
    (void)state;
    cdc_task task;
    cdc_error_clear(&err);
    assert_int_equal(cdc_task_load(&task, "/nonexistent/t.yaml", tables, &err), CDC_FATAL);
    assert_string_equal(err.text, "/nonexistent/t.yaml: the task file cannot be read: No such file "
                                  "or directory");
    assert_int_equal(err.exit, CDC_EXIT_USAGE);
    assert_int_equal(cdc_task_load(&task, "/tmp", tables, &err), CDC_FATAL);
    assert_string_equal(err.text, "/tmp: the task file cannot be read: Is a directory");
    assert_int_equal(cdc_task_load(&task, "/dev/zero", tables, &err), CDC_FATAL);
    assert_string_equal(err.text, "/dev/zero: the task file is larger than 1 MiB");
}

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(cdc_config_distance("topics", "topics"), 0);
    assert_int_equal(cdc_config_distance("tpoics", "topics"), 1);
    assert_int_equal(cdc_config_distance("topic", "topics"), 1);
    assert_int_equal(cdc_config_distance("topixs", "topics"), 1);
    assert_int_equal(cdc_config_distance("", "abc"), 3);
    assert_int_equal(cdc_config_distance("kitten", "sitting"), 3);
    assert_int_equal(cdc_config_distance("ca", "abc"), 3);
}

static void test_time(void **state)
{
    (void)state;
    int64_t ms;
    static const struct {
        const char *text;
        int64_t ms;
    } goods[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:01Z", 1000},
        {"2026-11-21T05:00:00Z", 1795237200000},
        {"2026-11-21 05:00", 1795237200000},
        {"2026-11-21T05:00:00.123Z", 1795237200123},
        {"2026-11-21T05:00:00.12Z", 1795237200120},
        {"2026-11-21T05:00:00.123456Z", 1795237200123},
        {"2026-11-21T07:00:00+02:00", 1795237200000},
        {"2026-11-20T23:30:00-0530", 1795237200000},
        {"2024-02-29", 1709164800000},
    };
    static const char *const bads[] = {"",
                                       "2026",
                                       "2026-13-01",
                                       "2026-02-29",
                                       "2026-11-21T",
                                       "2026-11-21T5:00",
                                       "2026-11-21T25:00",
                                       "2026-11-21T05:60",
                                       "2026-11-21T05:00:00X",
                                       "2026-11-21T05:00:00+",
                                       "21.11.2026",
                                       "2026-11-21T05:00:00Z ",
                                       "2026-00-10",
                                       "now"};
    for (size_t i = 0; i < sizeof goods / sizeof goods[0]; i++) {
        if (!cdc_task_time(goods[i].text, &ms) || ms != goods[i].ms) {
            fail_msg("%s: %lld", goods[i].text, (long long)ms);
        }
    }
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        if (cdc_task_time(bads[i], &ms)) {
            fail_msg("%s was taken", bads[i]);
        }
    }
}

/* Every option has a sentence of help, a default that is itself allowed, and a place in the
 * document. */
static void test_tables(void **state)
{
    (void)state;
    cdc_buffer out;
    char cell[256];
    cdc_buffer_init(&out, 1 << 20);
    cdc_config_document(tables, &out);
    const char *text = cdc_buffer_cstr(&out);
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (const cdc_option *opt = tables[t]; opt->path != NULL; opt++) {
            assert_non_null(opt->help);
            assert_int_equal(opt->help[strlen(opt->help) - 1], '.');
            snprintf(cell, sizeof cell, "| `%s` |", opt->path);
            if (strstr(text, cell) == NULL) {
                fail_msg("%s is not documented", opt->path);
            }
            if (opt->type == CDC_OPTION_INT && opt->def != NULL) {
                int64_t def = strtoll(opt->def, NULL, 10);
                assert_true(def >= opt->min && def <= opt->max);
            }
        }
    }
    cdc_buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_start_and_phases),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_types_and_ranges),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_whole_transactions),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_topic_rules),
        cmocka_unit_test(test_topic_rules_that_fight),
        cmocka_unit_test(test_delivery_of_rows_that_move),
        cmocka_unit_test(test_compaction),
        cmocka_unit_test(test_yaml_faults),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_plugins),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
