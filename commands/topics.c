/* topics: what the task has in Kafka; create makes what is missing, or with --dry-run says what it
 * would make. Topics by database or table are those of the tables that the source has now. */
#include "precheck.h"
#include "topics/admin.h"
#include "topics/checkpoint.h"
#include "topics/consumer.h"
#include "topics/router_names.h"

#define OUTPUT_BYTES_MAX (8 * 1024 * 1024)

typedef struct cdc_topics {
    cdc_command_env ce;
    const char *file;
    cdc_consumer *consumer;
    cdc_buffer out;
    bool create, dry;
    bool missing; /* some topic is not there */
    bool refused; /* ...and could not be made */
} cdc_topics;

static cdc_rc cdc_topics_partitions(cdc_topics *tp, const char *name, int32_t n, cdc_error *err)
{
    for (int32_t p = 0; p < n; p++) {
        int64_t begin;
        int64_t end;
        cdc_rc rc = cdc_consumer_bounds(tp->consumer, name, p, &begin, &end, err);
        if (rc != CDC_OK) {
            return rc;
        }
        cdc_buffer_addf(&tp->out, "%s\t%d\t%lld\t%lld\n", name, (int)p, (long long)begin,
                        (long long)end);
    }
    return CDC_OK;
}

/* What the brokers say to a topic that is missing. */
static void cdc_topics_plan(cdc_topics *tp, const cdc_topic_info *info, int32_t wanted,
                            cdc_topic_kind kind)
{
    const char *name = info->name;
    cdc_topic_setting settings[CDC_TOPIC_SETTINGS_MAX];
    cdc_error why;
    cdc_error_clear(&why);
    if (cdc_admin_try(&tp->ce.env, name, wanted, kind, &why) != CDC_OK) {
        tp->refused = true;
        cdc_buffer_addf(&tp->out, "%s\trefused\t%s\n", name, why.text);
        return;
    }
    int replicas = cdc_admin_replicas(&tp->ce.env, kind, info->brokers);
    size_t n = cdc_admin_plan(&tp->ce.env, kind, replicas, settings);
    cdc_buffer_addf(&tp->out, "%s\twould be made\tpartitions=%d replicas=%d", name, (int)wanted,
                    replicas);
    for (size_t i = 0; i < n; i++) {
        cdc_buffer_addf(&tp->out, " %s=%s", settings[i].name, settings[i].value);
    }
    cdc_buffer_add_char(&tp->out, '\n');
}

static cdc_rc cdc_topics_one(cdc_topics *tp, const char *name, int32_t wanted, cdc_topic_kind kind,
                             cdc_error *err)
{
    cdc_topic_info info;
    cdc_rc rc = cdc_admin_describe(&tp->ce.env, name, &info, err);
    if (rc != CDC_OK) {
        return rc;
    }
    if (info.partitions == 0 && tp->dry) {
        cdc_topics_plan(tp, &info, wanted, kind);
    } else if (info.partitions == 0 && tp->create) {
        rc = cdc_admin_create(&tp->ce.env, name, wanted, kind, err);
        info.partitions = wanted;
    } else if (info.partitions == 0) {
        tp->missing = true;
        cdc_buffer_addf(&tp->out, "%s\tmissing\n", name);
    }
    return rc == CDC_OK ? cdc_topics_partitions(tp, name, info.partitions, err) : rc;
}

/* What the source has, as its program tells. */
static cdc_rc cdc_topics_ask(cdc_topics *tp, cdc_checklist *list, cdc_error *err)
{
    const cdc_catalog *cat = &list->catalog;
    cdc_rc rc = cdc_precheck_source(&tp->ce, tp->file, list, err);
    if (rc == CDC_OK && cat->server == NULL) {
        rc = cdc_checklist_verdict(list, err);
        rc =
            rc == CDC_OK ? cdc_error_set(err, CDC_FATAL, "no_tables", "it does not tell them") : rc;
        return cdc_error_context(err, "templates of topics have {database} or {table}, and the "
                                      "source could not be asked for its tables");
    }
    if (rc == CDC_OK && cat->ntables == 0) {
        rc = cdc_error_set(err, CDC_FATAL, "no_tables",
                           "%s has nothing yet of what objects takes, and templates of topics have "
                           "{database} or {table}: %s",
                           cat->server,
                           tp->ce.task.commands
                               ? "a database has its topic when it has keys; until then give "
                                 "topics.data a name without {database}, or leave topics.create on"
                               : "make the tables first, or leave topics.create on and the topics "
                                 "to the capture");
    }
    return rc;
}

/* The data and DDL topics. from.topics is a list already, unless they are to be made: as the rules
 * say, and only these tell. */
static cdc_rc cdc_topics_names(cdc_topics *tp, cdc_arena *ar, cdc_topic_names *names,
                               cdc_error *err)
{
    const cdc_task *task = &tp->ce.task;
    bool listed = cdc_config_has(task->cfg, "from.topics") && !tp->create;
    cdc_checklist list;
    if (task->source_type == NULL || listed || cdc_topic_rules_by_table(&task->topics) == NULL) {
        return cdc_router_topics(task, ar, names, err);
    }
    cdc_checklist_init(&list, cdc_all_checks);
    cdc_rc rc = cdc_topics_ask(tp, &list, err);
    if (rc == CDC_OK) {
        rc = cdc_router_topics_of(task, &list.catalog, ar, names, err);
    }
    cdc_checklist_fini(&list);
    return rc;
}

static cdc_rc cdc_topics_all(cdc_topics *tp, cdc_arena *ar, cdc_error *err)
{
    cdc_topic_names names;
    const char *side = "";
    const char *transactions = "";
    const cdc_task *task = &tp->ce.task;
    bool source = task->source_type != NULL;
    cdc_rc rc = cdc_topics_names(tp, ar, &names, err);
    if (rc == CDC_OK) {
        rc = cdc_router_side_topic(task, ar, &side, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_router_transactions_topic(task, ar, &transactions, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_consumer_new(&tp->consumer, &tp->ce.env, err);
    }
    cdc_buffer_add_str(&tp->out, "topic\tpartition\tbegin\tend\n");
    for (size_t i = 0; rc == CDC_OK && i < names.ndata; i++) {
        rc = cdc_topics_one(tp, names.data[i], names.partitions[i], CDC_TOPIC_RECORDS, err);
    }
    for (size_t i = 0; rc == CDC_OK && i < names.nddl; i++) {
        rc = cdc_topics_one(tp, names.ddl[i], 1, CDC_TOPIC_DDL, err);
    }
    if (rc == CDC_OK && side[0] != '\0') {
        rc = cdc_topics_one(tp, side, 1, CDC_TOPIC_SIDE, err);
    }
    if (rc == CDC_OK && transactions[0] != '\0') {
        rc = cdc_topics_one(tp, transactions, 1, CDC_TOPIC_TRANSACTIONS, err);
    }
    if (rc == CDC_OK && source) {
        rc = cdc_topics_one(tp, CDC_CHECKPOINT_TOPIC, CDC_CHECKPOINT_PARTITIONS,
                            CDC_TOPIC_COMPACTED, err);
    }
    return rc;
}

/* The command's last words, after the table. */
static int cdc_topics_end(const cdc_topics *tp, int code)
{
    if (tp->missing) {
        fprintf(stderr, "sluice: topics are missing; sluice topics %s create makes them\n",
                tp->file);
    } else if (tp->refused) {
        fprintf(stderr, "sluice: some topics of %s could not be made, as told above\n", tp->file);
    }
    return tp->missing || tp->refused ? CDC_EXIT_FAILED : code;
}

int cdc_command_topics(int argc, char **argv)
{
    cdc_topics tp = {.create = argc > 2, .dry = argc > 3};
    cdc_arena ar;
    cdc_error err;
    if (argc < 2 || argc > 4 || argv[1][0] == '-' ||
        (tp.create && strcmp(argv[2], "create") != 0) ||
        (tp.dry && strcmp(argv[3], "--dry-run") != 0)) {
        return cdc_command_usage("topics", "usage: sluice topics TASK.yaml [create [--dry-run]]");
    }
    tp.file = argv[1];
    cdc_error_clear(&err);
    if (cdc_command_open(&tp.ce, tp.file, &err) != CDC_OK) {
        return cdc_command_failed(&err);
    }
    cdc_arena_init(&ar, 16 * 1024, 16 * 1024 * 1024);
    cdc_buffer_init(&tp.out, OUTPUT_BYTES_MAX);
    cdc_rc rc = cdc_topics_all(&tp, &ar, &err);
    int code = cdc_command_print(&tp.out);
    code = rc != CDC_OK ? cdc_command_failed(&err) : cdc_topics_end(&tp, code);
    cdc_consumer_free(tp.consumer);
    cdc_buffer_fini(&tp.out);
    cdc_arena_fini(&ar);
    cdc_command_close(&tp.ce);
    return code;
}
