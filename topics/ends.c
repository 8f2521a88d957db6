#include "ends.h"

#include <stdlib.h>

#include "client.h"
#include "core/clock.h"
#include "core/stop.h"

enum { ASK_MS = 10000, SLICE_MS = 500 };

struct cdc_ends {
    cdc_client client;
};

static const char doing[] = "asking where the topics end";

cdc_rc cdc_ends_new(cdc_ends **out, const cdc_env *env, cdc_error *err)
{
    cdc_ends *en = calloc(1, sizeof *en);
    *out = NULL;
    if (en == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the ends of topics");
    }
    cdc_rc rc = cdc_client_init(&en->client, CDC_CLIENT_ENDS, env, err);
    if (rc != CDC_OK) {
        free(en);
        return rc;
    }
    *out = en;
    return CDC_OK;
}

void cdc_ends_free(cdc_ends *en)
{
    if (en != NULL) {
        cdc_client_fini(&en->client);
        free(en);
    }
}

/* One question. A time of "the end" is what the broker calls the latest offset. */
static rd_kafka_resp_err_t cdc_ends_once(cdc_ends *en, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = RD_KAFKA_OFFSET_END;
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(en->client.rk, list, SLICE_MS);
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        code = list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR ? list->elems[i].err
               : list->elems[i].offset < 0                      ? RD_KAFKA_RESP_ERR__TIMED_OUT
                                                                : code;
    }
    return code;
}

cdc_rc cdc_ends_ask(cdc_ends *en, const cdc_offset *at, uint32_t n, int64_t *ends, cdc_error *err)
{
    rd_kafka_resp_err_t code;
    int64_t deadline = cdc_clock_mono_ms() + ASK_MS;
    if (n == 0) {
        return CDC_OK; /* a process of a group that has no partitions now */
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (uint32_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(list, at[i].topic, at[i].partition);
    }
    do {
        code = cdc_ends_once(en, list);
        cdc_client_serve(&en->client, 0);
    } while (cdc_client_passing(code) && !en->client.refused && !cdc_stop_requested() &&
             cdc_clock_mono_ms() < deadline);
    for (uint32_t i = 0; i < n && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        ends[i] = list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return CDC_OK;
    }
    return cdc_client_passing(code)
               ? cdc_client_unreachable(&en->client, doing, err)
               : cdc_client_fail(&en->client, code, rd_kafka_err2str(code), doing, err);
}
