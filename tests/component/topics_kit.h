/* What the tests of topics/ share: a task from YAML text, and brokers: librdkafka's mock cluster,
 * or, where the mock is no witness (its read_committed readers see aborted records), the real one
 * that SLUICE_TEST_KAFKA=host:port names. Every task has a name of its own, so that one broker
 * serves all runs. */
#ifndef TOPICS_KIT_H
#define TOPICS_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"
#include "topics/admin.h"
#include "topics/checkpoint.h"
#include "topics/consumer.h"
#include "topics/producer.h"
#include "topics/router.h"

typedef struct kit {
    cdc_task task;
    cdc_env env;
    char name[64];
} kit;

static const cdc_option kit_options[] = {
    {.path = "source.type", .type = CDC_OPTION_ENUM, .choices = "fake", .help = "."},
    {.path = NULL},
};
static const cdc_option *const kit_tables[] = {cdc_task_options, kit_options, NULL};

static rd_kafka_t *kit_owner;
static rd_kafka_mock_cluster_t *kit_mock;
static const char *kit_broker; /* the real one, or NULL */
static cdc_error kit_error;

static inline int kit_start(void **state)
{
    char text[256];
    (void)state;
    kit_broker = getenv("SLUICE_TEST_KAFKA");
    cdc_log_set_level(getenv("SLUICE_TEST_LOG") != NULL ? CDC_LOG_INFO : CDC_LOG_ERROR);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL); /* it has no brokers, and would say so */
    kit_owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    kit_mock = kit_owner != NULL ? rd_kafka_mock_cluster_new(kit_owner, 1) : NULL;
    return kit_mock != NULL ? 0 : -1;
}

static inline int kit_end(void **state)
{
    (void)state;
    rd_kafka_mock_cluster_destroy(kit_mock);
    rd_kafka_destroy(kit_owner);
    return 0;
}

static inline const char *kit_mock_brokers(void)
{
    return rd_kafka_mock_cluster_bootstraps(kit_mock);
}

/* The real broker's address; the test is skipped visibly without one. */
static inline const char *kit_real(void)
{
    if (kit_broker == NULL) {
        print_message("skipped: SLUICE_TEST_KAFKA is not set\n");
        skip();
    }
    return kit_broker;
}

static inline cdc_rc kit_try(kit *k, const char *name, const char *brokers, const char *extra)
{
    char text[4096];
    snprintf(k->name, sizeof k->name, "%s", name);
    snprintf(text, sizeof text,
             "name: %s\nsource: {type: fake}\nkafka:\n  bootstrap.servers: '%s'\n%s", k->name,
             brokers, extra);
    cdc_error_clear(&kit_error);
    cdc_rc rc = cdc_task_parse(&k->task, "task.yaml", text, strlen(text), kit_tables, &kit_error);
    k->env = (cdc_env){.task = &k->task};
    return rc;
}

/* A task with a name never used before. extra: further lines, beginning with more kafka properties.
 */
static inline void kit_open(kit *k, const char *brokers, const char *extra)
{
    static int count;
    char name[64];
    snprintf(name, sizeof name, "kit-%lld-%d-%d", (long long)cdc_clock_wall_ms(), (int)getpid(),
             ++count);
    if (kit_try(k, name, brokers, extra) != CDC_OK) {
        fail_msg("%s", kit_error.text);
    }
}

/* Another task, whose checkpoints are in the same partition, or in another. */
static inline void kit_open_near(kit *k, const kit *of, bool same, const char *extra)
{
    int32_t there = cdc_checkpoint_partition(of->name, CDC_CHECKPOINT_PARTITIONS);
    kit_open(k, kit_real(), extra);
    while ((cdc_checkpoint_partition(k->name, CDC_CHECKPOINT_PARTITIONS) == there) != same) {
        cdc_task_fini(&k->task);
        kit_open(k, kit_real(), extra);
    }
}

/* The same task as another process would have it. */
static inline void kit_twin(kit *k, const kit *of, const char *brokers)
{
    if (kit_try(k, of->name, brokers, "") != CDC_OK) {
        fail_msg("%s", kit_error.text);
    }
}

static inline void kit_close(kit *k)
{
    cdc_task_fini(&k->task);
}

static inline void kit_ok(cdc_rc rc)
{
    if (rc != CDC_OK) {
        fail_msg("%s %s: %s", cdc_rc_name(rc), kit_error.code, kit_error.text);
    }
}

static inline cdc_producer *kit_producer(kit *k)
{
    cdc_producer *pr = NULL;
    if (strcmp(cdc_config_lookup(k->task.cfg, "kafka", "bootstrap.servers"), kit_mock_brokers()) ==
        0) {
        /* the mock makes topics when they are asked for, with 4 partitions */
        rd_kafka_mock_topic_create(kit_mock, CDC_CHECKPOINT_TOPIC, 1, 1);
        rd_kafka_mock_topic_create(kit_mock, k->name, 1, 1);
    }
    kit_ok(cdc_admin_ensure(&k->env, CDC_CHECKPOINT_TOPIC, CDC_CHECKPOINT_PARTITIONS,
                            CDC_TOPIC_COMPACTED, &kit_error));
    kit_ok(cdc_admin_ensure(&k->env, k->name,
                            (int32_t)cdc_config_int(k->task.cfg, "topics.partitions"), false,
                            &kit_error));
    kit_ok(cdc_producer_new(&pr, &k->env, &kit_error));
    return pr;
}

static inline cdc_topic *kit_topic(kit *k, cdc_producer *pr)
{
    cdc_topic *topic = NULL;
    kit_ok(cdc_producer_topic(pr, k->name, &topic, &kit_error));
    return topic;
}

static inline cdc_bytes kit_bytes(const char *s)
{
    return (cdc_bytes){s, strlen(s)};
}

/* One record whose value is the number. */
static inline cdc_rc kit_send(cdc_producer *pr, cdc_topic *topic, int32_t partition, int number)
{
    char text[32];
    snprintf(text, sizeof text, "%d", number);
    return cdc_producer_send(pr, topic, partition, kit_bytes("k"), kit_bytes(text),
                             kit_bytes("v=1;seq=1"), &kit_error);
}

/* The same, too wide to be kept back until the commit, and a whole batch: it is in Kafka, in an
 * open transaction, soon after. */
static inline void kit_send_wide(cdc_producer *pr, cdc_topic *topic, int32_t partition, int number)
{
    static char text[1000 * 1000];
    memset(text, ' ', sizeof text);
    snprintf(text, sizeof text, "%d", number);
    kit_ok(cdc_producer_send(pr, topic, partition, kit_bytes("k"), (cdc_bytes){text, sizeof text},
                             kit_bytes("v=1"), &kit_error));
    int64_t until = cdc_clock_mono_ms() + 100;
    while (cdc_clock_mono_ms() < until) {
        kit_ok(cdc_producer_poll(pr, 20, &kit_error));
    }
}

static inline cdc_rc kit_commit(cdc_producer *pr, uint64_t id)
{
    cdc_checkpoint cp = {
        .instance = "kit", .token = kit_bytes("here"), .id = id, .wall_ms = cdc_clock_wall_ms()};
    return cdc_producer_commit(pr, &cp, &kit_error);
}

/* id of the task's checkpoint, -1 without one. */
static inline int64_t kit_checkpoint(kit *k)
{
    cdc_arena ar;
    cdc_checkpoint cp;
    cdc_arena_init(&ar, 4096, 16 * 1024 * 1024);
    cdc_rc rc = cdc_checkpoint_read(&k->env, &ar, &cp, &kit_error);
    int64_t id = (int64_t)cp.id;
    cdc_arena_fini(&ar);
    if (rc == CDC_EOF) {
        return -1;
    }
    kit_ok(rc);
    return id;
}

/* Reads partition 0 of the task's topic from the beginning up to its end: numbers in order; returns
 * how many. */
static inline int kit_read(kit *k, int *numbers, int max)
{
    cdc_consumer *cs = NULL;
    cdc_offset at = {.topic = k->name, .partition = 0, .next = CDC_OFFSET_EARLIEST};
    int64_t begin = 0;
    int64_t end = 0;
    int n = 0;
    kit_ok(cdc_consumer_new(&cs, &k->env, &kit_error));
    kit_ok(cdc_consumer_bounds(cs, k->name, 0, &begin, &end, &kit_error));
    kit_ok(cdc_consumer_assign(cs, &at, 1, &kit_error));
    int64_t deadline = cdc_clock_mono_ms() + 20000;
    while (cdc_consumer_position(cs, k->name, 0) < end) {
        cdc_message msg;
        cdc_rc rc = cdc_consumer_poll(cs, &msg, 100, &kit_error);
        if (rc == CDC_OK) {
            assert_true(n < max);
            numbers[n++] = (int)strtol(msg.value.p, NULL, 10);
            cdc_consumer_release(&msg);
        } else if (rc != CDC_AGAIN) {
            kit_ok(rc);
        }
        if (cdc_clock_mono_ms() > deadline) {
            fail_msg("the end %lld is not reached: position %lld, %d records", (long long)end,
                     (long long)cdc_consumer_position(cs, k->name, 0), n);
        }
    }
    cdc_consumer_free(cs);
    return n;
}

#endif
