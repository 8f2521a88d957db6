/* The publisher with a producer of its own, which remembers what was sent and what was committed.
 */
#ifndef PUBLISHER_KIT_H
#define PUBLISHER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producers/publisher.h"
#include "topics/admin_client.h"
#include "topics/producer.h"

/* --- a producer: all that the publisher and the router call --- */

enum { RECORDS_MAX = 4000, TEXT_MAX = 1024 };

typedef struct record {
    char text[TEXT_MAX]; /* the codec's */
    uint64_t seq, id;    /* id: with topics.transactions */
    bool last;
    bool transaction;      /* in topics.transactions */
    bool moved;            /* one of two that name each other's partition */
    int32_t partition, of; /* of so many */
} record;

struct cdc_topic {
    int32_t partitions;
};

static struct cdc_topic topic = {4};
static struct cdc_topic ddl_topic = {1};
static struct cdc_topic transactions = {1};
static record records[RECORDS_MAX];
static size_t nrecords, ncommitted;
static cdc_checkpoint saved;
static char saved_token[32];
static char saved_txn[CDC_TXN_TEXT_MAX];
static char saved_partitions[64];
static char saved_transaction[TEXT_MAX];

cdc_rc cdc_producer_topic(cdc_producer *pr, const char *name, cdc_topic **out, cdc_error *err)
{
    (void)pr;
    (void)err;
    *out = strcmp(name, "transactions") == 0 ? &transactions
           : strcmp(name, "t.ddl") == 0      ? &ddl_topic
                                             : &topic;
    return CDC_OK;
}

int32_t cdc_topic_partitions(const cdc_topic *tp)
{
    return tp->partitions;
}

const char *cdc_topic_name(const cdc_topic *tp)
{
    return tp == &transactions ? "transactions" : tp == &ddl_topic ? "t.ddl" : "t";
}

cdc_rc cdc_producer_send(cdc_producer *pr, cdc_topic *tp, int32_t partition, cdc_bytes key,
                         cdc_bytes value, cdc_bytes header, cdc_error *err)
{
    (void)pr;
    (void)key;
    (void)err;
    char text[256];
    record *rec = &records[nrecords++];
    assert_true(nrecords < RECORDS_MAX);
    snprintf(rec->text, sizeof rec->text, "%.*s", (int)value.len, value.p);
    snprintf(text, sizeof text, "%.*s", (int)header.len, header.p);
    const char *seq = strstr(text, ";seq=");
    assert_non_null(seq);
    rec->seq = strtoull(seq + 5, NULL, 10);
    rec->partition = partition;
    rec->of = tp->partitions;
    rec->last = strstr(text, ";last=1") != NULL;
    rec->transaction = tp == &transactions;
    const char *id = strstr(text, ";id=");
    rec->id = id != NULL ? strtoull(id + 4, NULL, 10) : 0;
    const char *move = strstr(text, ";move=");
    rec->moved = move != NULL;
    if (strchr(move != NULL ? move : "", ':') != NULL) { /* an INSERT */
        assert_int_equal(strtol(move + 6, NULL, 10), rec[-1].partition);
        assert_true(rec[-1].moved);
    }
    return CDC_OK;
}

cdc_rc cdc_producer_order(cdc_producer *pr, cdc_error *err)
{
    (void)pr;
    (void)err;
    return CDC_OK;
}

cdc_rc cdc_producer_commit(cdc_producer *pr, const cdc_checkpoint *cp, cdc_error *err)
{
    (void)pr;
    (void)err;
    ncommitted = nrecords;
    saved = *cp;
    snprintf(saved_token, sizeof saved_token, "%.*s", (int)cp->token.len, cp->token.p);
    snprintf(saved_txn, sizeof saved_txn, "%s", cp->txn);
    snprintf(saved_partitions, sizeof saved_partitions, "%s",
             cp->partitions != NULL ? cp->partitions : "");
    saved.txn = saved_txn;
    snprintf(saved_transaction, sizeof saved_transaction, "%s",
             cp->transaction != NULL ? cp->transaction : "");
    saved.transaction = cp->transaction != NULL ? saved_transaction : NULL;
    saved.partitions = cp->partitions != NULL ? saved_partitions : NULL;
    saved.token = (cdc_bytes){saved_token, strlen(saved_token)};
    return CDC_OK;
}

size_t cdc_producer_pending(const cdc_producer *pr)
{
    (void)pr;
    return nrecords - ncommitted;
}

/* the router's: all topics are there */
cdc_rc cdc_client_init(cdc_client *cl, cdc_client_kind kind, const cdc_env *of, cdc_error *error)
{
    (void)cl;
    (void)kind;
    (void)of;
    (void)error;
    return CDC_OK;
}

void cdc_client_fini(cdc_client *cl)
{
    (void)cl;
}

cdc_rc cdc_admin_ensure_with(cdc_client *cl, const char *name, int32_t partitions,
                             cdc_topic_kind kind, cdc_error *error)
{
    (void)cl;
    (void)name;
    (void)partitions;
    (void)kind;
    (void)error;
    return CDC_OK;
}

int64_t cdc_admin_record_limit(cdc_client *cl, const char *name)
{
    (void)cl;
    (void)name;
    return 1000000;
}

/* --- the task --- */

static cdc_task task;
static cdc_env env;
static cdc_selection *selection;
static cdc_error err;

static void open_task(const cdc_option *const *tables, const char *text)
{
    cdc_error_clear(&err);
    if (cdc_task_parse(&task, "t.yaml", text, strlen(text), tables, &err) != CDC_OK ||
        cdc_selection_new(&selection, task.cfg, &err) != CDC_OK) {
        fail_msg("%s", err.text);
    }
    env = (cdc_env){
        .task = &task, .selection = selection, .metrics = cdc_metrics_new("t", task.name)};
}

static void close_task(void)
{
    cdc_metrics_free(env.metrics);
    cdc_selection_free(selection);
    cdc_task_fini(&task);
}

static void begin_anew(void)
{
    nrecords = ncommitted = 0;
    saved = (cdc_checkpoint){0};
}

/* --- dice --- */

static uint32_t seed;

static int random_below(int n)
{
    seed = seed * 1664525U + 1013904223U;
    return (int)((seed >> 8) % (uint32_t)n);
}

#endif
