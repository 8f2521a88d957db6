/* A task with a fake source and a fake sink, through librdkafka's mock cluster or the broker that
 * SLUICE_TEST_KAFKA names. */
#ifndef PIPELINE_KIT_H
#define PIPELINE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <unistd.h>

#include "consumers/replay.h"
#include "core/clock.h"
#include "core/log.h"
#include "fake.h"
#include "producers/capture.h"
#include "schema/codec.h"

extern const cdc_option *const cdc_all_options[];

static rd_kafka_t *mock_owner;
static rd_kafka_mock_cluster_t *mock;
static const char *real_broker;

static int start_mock(void **state)
{
    (void)state;
    char text[256];
    real_broker = getenv("SLUICE_TEST_KAFKA");
    cdc_log_set_level(CDC_LOG_WARN);
    mock_owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    assert_non_null(mock_owner);
    mock = rd_kafka_mock_cluster_new(mock_owner, 1);
    return mock != NULL ? 0 : -1;
}

static int stop_mock(void **state)
{
    (void)state;
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(mock_owner);
    fake_reset();
    return 0;
}

typedef struct pipeline {
    cdc_task task;
    cdc_selection *selection;
    cdc_metrics *metrics;
    cdc_env env;
    char path[64];
} pipeline;

/* A task of its own for each test, so that one broker serves all. */
static void pipeline_open(pipeline *pl, const char *brokers, const char *extra)
{
    static int count;
    cdc_error err;
    snprintf(pl->path, sizeof pl->path, "/tmp/sluice-pipeline-%d.yaml", (int)getpid());
    FILE *file = fopen(pl->path, "w");
    assert_non_null(file);
    fprintf(file,
            "name: pipe-%d-%d-%lld\n"
            "source: {type: mysql, hosts: ['127.0.0.1:1'], user: u, password: p}\n"
            "target: {type: mysql, hosts: ['127.0.0.1:1'], user: u, password: p}\n"
            "objects: {include: ['fake.*']}\n"
            "phases: [incremental]\n"
            "kafka: {bootstrap.servers: '%s'}\n%s",
            (int)getpid(), ++count, (long long)cdc_clock_wall_ms(), brokers, extra);
    fclose(file);
    cdc_error_clear(&err);
    if (cdc_task_load(&pl->task, pl->path, cdc_all_options, &err) != CDC_OK) {
        fail_msg("%s", err.text);
    }
    /* The mock makes unknown topics by itself, with four partitions. */
    char ddl[80];
    snprintf(ddl, sizeof ddl, "%s.ddl", pl->task.name);
    rd_kafka_mock_topic_create(mock, pl->task.name,
                               (int)cdc_config_int(pl->task.cfg, "topics.partitions"), 1);
    rd_kafka_mock_topic_create(mock, ddl, 1, 1);
    rd_kafka_mock_topic_create(mock, "_sluice_checkpoints", 1, 1);
    assert_int_equal(cdc_selection_new(&pl->selection, pl->task.cfg, &err), CDC_OK);
    pl->metrics = cdc_metrics_new("test", pl->task.name);
    pl->env = (cdc_env){.task = &pl->task, .selection = pl->selection, .metrics = pl->metrics};
}

static void pipeline_close(pipeline *pl)
{
    unlink(pl->path);
    cdc_selection_free(pl->selection);
    cdc_metrics_free(pl->metrics);
    cdc_task_fini(&pl->task);
}

static inline void capture_from(pipeline *pl, const cdc_source *source)
{
    cdc_error err;
    if (cdc_capture_run(&pl->env, source, &cdc_canal_json_codec, true, &err) != CDC_OK) {
        fail_msg("capture: %s", err.text);
    }
}

static inline cdc_rc replay_to(pipeline *pl, const cdc_sink *sink, cdc_error *err)
{
    return cdc_replay_run(&pl->env, sink, &cdc_canal_json_codec, true, err);
}

static inline void capture_all(pipeline *pl)
{
    capture_from(pl, &src_fake);
}

static inline cdc_rc replay_all(pipeline *pl, cdc_error *err)
{
    return replay_to(pl, &sink_fake, err);
}

#endif
