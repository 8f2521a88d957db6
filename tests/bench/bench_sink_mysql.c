/* How fast the MySQL sink is by itself: events made in memory go into a real server.
 *
 *   bench_sink_mysql HOST:PORT [ROWS] [ROWS_PER_COMMIT]
 *
 * Source transactions of 100 rows of about 200 bytes; inserts, then updates of all, then deletes of
 * all, into database sluice_bench, which is made anew. User sluice, password sluice. */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "consumers/mysql/options.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/plugin.h"

extern const cdc_sink sink_mysql;

enum { COLUMNS = 6, BATCH = 100 };

typedef struct bench {
    cdc_env env;
    cdc_task task;
    cdc_table *tbl;
    void *sink;
    uint64_t rows, rows_per_commit;
    int64_t offset;
    char name[64], note[128];
    char amount[32];
    cdc_value before[COLUMNS], after[COLUMNS];
} bench;

static void fail(const char *what, const cdc_error *err)
{
    fprintf(stderr, "bench_sink_mysql: %s: %s\n", what, err->text);
    exit(1);
}

static double cpu_s(void)
{
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
           (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static void load_task(bench *be, const char *host)
{
    static const cdc_option *const tables[] = {cdc_task_options, sink_mysql_options, NULL};
    char text[1024];
    cdc_error err;
    int n = snprintf(text, sizeof text,
                     "name: bench\nkafka: {bootstrap.servers: none}\nfrom: {topics: [bench]}\n"
                     "target: {type: mysql, hosts: [%s], user: sluice, password: sluice}\n",
                     host);
    cdc_error_clear(&err);
    if (cdc_task_parse(&be->task, "bench", text, (size_t)n, tables, &err) != CDC_OK) {
        fail("task", &err);
    }
    be->env = (cdc_env){.task = &be->task, .metrics = cdc_metrics_new("bench", "bench")};
}

static void make_table(bench *be, const char *host, unsigned port)
{
    MYSQL *my = mysql_init(NULL);
    const char *sql = "DROP DATABASE IF EXISTS sluice_bench; CREATE DATABASE sluice_bench; "
                      "CREATE TABLE sluice_bench.t (id BIGINT PRIMARY KEY, name VARCHAR(80), "
                      "ts DATETIME(3), amount DECIMAL(12,2), n INT UNSIGNED, note VARCHAR(200))";
    if (mysql_real_connect(my, host, "sluice", "sluice", NULL, port, NULL,
                           CLIENT_MULTI_STATEMENTS) == NULL ||
        mysql_query(my, sql) != 0) {
        fprintf(stderr, "bench_sink_mysql: %s\n", mysql_error(my));
        exit(1);
    }
    while (mysql_next_result(my) == 0) {
    }
    mysql_close(my);
    const cdc_column cols[COLUMNS] = {
        {.name = "id", .kind = CDC_INT, .type_text = "bigint"},
        {.name = "name", .kind = CDC_TEXT, .type_text = "varchar(80)"},
        {.name = "ts", .kind = CDC_DATETIME, .digits = 3, .type_text = "datetime(3)"},
        {.name = "amount", .kind = CDC_DECIMAL, .type_text = "decimal(12,2)"},
        {.name = "n", .kind = CDC_UINT, .type_text = "int unsigned"},
        {.name = "note", .kind = CDC_TEXT, .type_text = "varchar(200)"},
    };
    const uint16_t keys[] = {0};
    cdc_error err;
    if (cdc_table_new(&be->tbl, "sluice_bench", "t", cols, COLUMNS, keys, 1, &err) != CDC_OK) {
        fail("table", &err);
    }
}

static void fill(bench *be, cdc_value *row, uint64_t i, uint32_t n)
{
    row[0] = (cdc_value){.kind = CDC_INT, .i = (int64_t)i};
    row[1] = (cdc_value){.kind = CDC_TEXT, .p = be->name};
    row[1].len = (uint32_t)snprintf(be->name, sizeof be->name, "customer no. %llu of some town",
                                    (unsigned long long)i);
    row[2] = (cdc_value){.kind = CDC_DATETIME, .year = 2026, .digits = 3};
    row[2].t.month = 11;
    row[2].t.day = 21;
    row[2].t.hour = 5;
    row[2].t.usec = 123000;
    row[3] = (cdc_value){.kind = CDC_DECIMAL, .p = be->amount};
    row[3].len = (uint32_t)snprintf(be->amount, sizeof be->amount, "%llu.%02u",
                                    (unsigned long long)i % 100000, n % 100);
    row[4] = (cdc_value){.kind = CDC_UINT, .u = n};
    row[5] = (cdc_value){.kind = CDC_TEXT, .p = be->note, .len = 110};
}

static void commit(bench *be)
{
    cdc_error err;
    cdc_offset at = {.topic = "bench", .partition = 0, .next = be->offset};
    cdc_error_clear(&err);
    if (sink_mysql.commit(be->sink, &at, 1, &err) != CDC_OK ||
        sink_mysql.begin(be->sink, &err) != CDC_OK) {
        fail("commit", &err);
    }
}

static void run(bench *be, cdc_op op, const char *what)
{
    cdc_error err;
    int64_t start = cdc_clock_mono_us();
    double cpu = cpu_s();
    cdc_error_clear(&err);
    for (uint64_t i = 0; i < be->rows; i++) {
        cdc_event ev = {.op = (uint8_t)op,
                        .phase = CDC_PHASE_INCR,
                        .table = be->tbl,
                        .txn = "t",
                        .topic = "bench"};
        ev.last = (i + 1) % BATCH == 0;
        fill(be, op == CDC_OP_DELETE ? be->before : be->after, i, op == CDC_OP_INSERT ? 1 : 2);
        if (op == CDC_OP_UPDATE) {
            memcpy(be->before, be->after, sizeof be->before);
            be->before[4].u = 1;
        }
        ev.before = op != CDC_OP_INSERT ? be->before : NULL;
        ev.after = op != CDC_OP_DELETE ? be->after : NULL;
        be->offset++;
        if (sink_mysql.apply(be->sink, &ev, &err) != CDC_OK) {
            fail(what, &err);
        }
        if ((i + 1) % be->rows_per_commit == 0) {
            commit(be);
        }
    }
    commit(be);
    double s = (double)(cdc_clock_mono_us() - start) / 1e6;
    printf("%-8s %8.0f rows/s, %.2f CPU s per million rows here\n", what, (double)be->rows / s,
           (cpu_s() - cpu) * 1e6 / (double)be->rows);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static bench be;
    cdc_error err;
    cdc_error_clear(&err);
    if (argc < 2 || strrchr(argv[1], ':') == NULL) {
        fprintf(stderr, "usage: bench_sink_mysql HOST:PORT [ROWS] [ROWS_PER_COMMIT]\n");
        return 2;
    }
    be.rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 500000;
    be.rows_per_commit = argc > 3 ? strtoull(argv[3], NULL, 10) : 8000;
    memset(be.note, 'x', sizeof be.note);
    char host[256];
    snprintf(host, sizeof host, "%.*s", (int)(strrchr(argv[1], ':') - argv[1]), argv[1]);
    cdc_log_set_level(CDC_LOG_WARN);
    load_task(&be, argv[1]);
    make_table(&be, host, (unsigned)strtoul(strrchr(argv[1], ':') + 1, NULL, 10));
    if (sink_mysql.open(&be.sink, &be.env, &err) != CDC_OK ||
        sink_mysql.begin(be.sink, &err) != CDC_OK) {
        fail("open", &err);
    }
    run(&be, CDC_OP_INSERT, "insert");
    run(&be, CDC_OP_UPDATE, "update");
    run(&be, CDC_OP_DELETE, "delete");
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    printf("resident at most %ld KB\n", ru.ru_maxrss);
    sink_mysql.close(be.sink);
    cdc_table_unref(be.tbl);
    cdc_metrics_free(be.env.metrics);
    cdc_task_fini(&be.task);
    return 0;
}
