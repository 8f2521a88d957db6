/* bench_producer TASK.yaml rate [RECORDS [BYTES [PARTITIONS]]]   records per second and CPU of a
 * backlog
 * bench_producer TASK.yaml latency [COMMITS [PAUSE_MS [RECORDS]]]   small transactions, one after a
 * pause bench_producer TASK.yaml consume                    reads the topic back
 *
 * Sends synthetic Canal JSON with one header to the task's topic, as the capture does. */
#include <sys/resource.h>

#include "core/clock.h"
#include "core/log.h"
#include "topics/admin.h"
#include "topics/consumer.h"
#include "topics/producer.h"

enum { COMMIT_RECORDS = 50000, COMMIT_MS = 200, SAMPLES_MAX = 100000 };

static const cdc_option options[] = {
    {.path = "source.type", .type = CDC_OPTION_ENUM, .choices = "fake", .help = "."},
    {.path = NULL},
};
static const cdc_option *const tables[] = {cdc_task_options, options, NULL};

typedef struct bench {
    cdc_task task;
    cdc_env env;
    cdc_producer *producer;
    cdc_topic *topic;
    cdc_error err;
    uint64_t sent;
    int32_t partitions;
} bench;

static void bench_check(bench *b, cdc_rc rc)
{
    if (rc != CDC_OK) {
        fprintf(stderr, "%s %s: %s\n", cdc_rc_name(rc), b->err.code, b->err.text);
        exit(1);
    }
}

static double bench_cpu_s(void)
{
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    return (double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec +
           (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static double bench_peak_mb(void)
{
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    return (double)ru.ru_maxrss / 1024.0;
}

static size_t bench_value(char *to, size_t room, uint64_t id, size_t bytes)
{
    int n = snprintf(
        to, room,
        "{\"id\":%llu,\"database\":\"shop\",\"table\":\"orders\",\"pkNames\":[\"id\"],\"isDdl\":"
        "false,"
        "\"type\":\"INSERT\",\"es\":1763700000000,\"ts\":1763700000123,\"data\":[{\"id\":\"%llu\","
        "\"state\":\"open\",\"amount\":\"%llu.50\",\"note\":\"",
        (unsigned long long)id, (unsigned long long)id, (unsigned long long)(id * 7919 % 100000));
    size_t at = (size_t)n;
    uint64_t noise = id * 0x9e3779b97f4a7c15ULL;
    for (size_t i = 0; i < 64;
         i++, noise = noise * 6364136223846793005ULL + 1442695040888963407ULL) {
        to[at++] = "0123456789abcdefghijklmnopqrstuv"[noise >> 59];
    }
    n = snprintf(to + at, room - at,
                 "\"}],\"old\":null,\"sql\":\"\",\"sqlType\":{\"id\":-5,\"state\":12,\"amount\":3,"
                 "\"note\":12},"
                 "\"mysqlType\":{\"id\":\"bigint\",\"state\":\"varchar(10)\",\"amount\":\"decimal("
                 "10,2)\",\"note\":"
                 "\"varchar(100)\"},\"gtid\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562:23\","
                 "\"serverId\":\"1\"}");
    at += (size_t)n;
    for (; at < bytes; at++) {
        to[at] = ' ';
    }
    return at;
}

static void bench_send(bench *b, size_t bytes)
{
    static char value[65536];
    char key[64];
    char header[128];
    uint64_t id = ++b->sent;
    int key_len = snprintf(key, sizeof key, "[\"shop\",\"orders\",%llu]", (unsigned long long)id);
    int header_len = snprintf(
        header, sizeof header,
        "v=1;task=bench;phase=incr;schema=12;txn=3e11fa47-71ca-11e1-9e33-c80aa9429562:23;seq=%llu;"
        "pos=binlog.000003:%llu",
        (unsigned long long)id % 100, (unsigned long long)id * 200);
    size_t len = bench_value(value, sizeof value, id, bytes);
    bench_check(b, cdc_producer_send(b->producer, b->topic, (int32_t)(id % (uint64_t)b->partitions),
                                     (cdc_bytes){key, (size_t)key_len}, (cdc_bytes){value, len},
                                     (cdc_bytes){header, (size_t)header_len}, &b->err));
}

static void bench_commit(bench *b)
{
    cdc_checkpoint cp = {.instance = "bench",
                         .token = {"{\"gtid\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-23\"}", 52},
                         .id = b->sent,
                         .wall_ms = cdc_clock_wall_ms()};
    bench_check(b, cdc_producer_commit(b->producer, &cp, &b->err));
}

/* What formatting alone costs, to be taken off. */
static double bench_formatting_s(uint64_t records, size_t bytes)
{
    static char value[65536];
    volatile size_t sum = 0;
    double cpu = bench_cpu_s();
    for (uint64_t i = 1; i <= records; i++) {
        sum += bench_value(value, sizeof value, i, bytes);
    }
    return bench_cpu_s() - cpu;
}

static void bench_rate(bench *b, uint64_t records, size_t bytes)
{
    double formatting = bench_formatting_s(records / 10, bytes) * 10;
    double cpu = bench_cpu_s();
    int64_t start = cdc_clock_mono_us();
    int64_t opened = start;
    uint64_t commits = 0;
    int64_t committing = 0;
    for (uint64_t i = 1; i <= records; i++) {
        bench_send(b, bytes);
        bool old = i % 256 == 0 && cdc_clock_mono_us() - opened > COMMIT_MS * 1000;
        if (cdc_producer_pending(b->producer) >= COMMIT_RECORDS || old || i == records) {
            int64_t from = cdc_clock_mono_us();
            bench_commit(b);
            opened = cdc_clock_mono_us();
            committing += opened - from;
            commits++;
        }
    }
    double s = (double)(cdc_clock_mono_us() - start) / 1e6;
    cpu = bench_cpu_s() - cpu;
    double million = (double)records / 1e6;
    printf("%.0f records/s, %.2f CPU s per million (%.2f without formatting), %.0f ms per commit "
           "(%llu), peak %.0f MB\n",
           (double)records / s, cpu / million, (cpu - formatting) / million,
           (double)committing / 1e3 / (double)commits, (unsigned long long)commits,
           bench_peak_mb());
}

static int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static void bench_latency(bench *b, int commits, double pause_ms, int records)
{
    static double ms[SAMPLES_MAX];
    double cpu = bench_cpu_s();
    for (int i = -20; i < commits; i++) { /* some to warm up */
        struct timespec ts = {.tv_nsec = (long)(pause_ms * 1e6)};
        nanosleep(&ts, NULL);
        int64_t from = cdc_clock_mono_us();
        for (int r = 0; r < records; r++) {
            bench_send(b, 600);
        }
        bench_commit(b);
        ms[i < 0 ? 0 : i] = (double)(cdc_clock_mono_us() - from) / 1e3;
    }
    cpu = bench_cpu_s() - cpu;
    qsort(ms, (size_t)commits, sizeof ms[0], bench_compare);
    printf("pause %.1f ms: p50 %.2f p90 %.2f p99 %.2f max %.2f ms, %.3f CPU ms each\n", pause_ms,
           ms[commits / 2], ms[commits * 9 / 10], ms[commits * 99 / 100], ms[commits - 1],
           cpu * 1e3 / (commits + 20));
}

static void bench_consume(bench *b)
{
    cdc_consumer *cs = NULL;
    cdc_message msg;
    int64_t begin = 0;
    int64_t end = 0;
    uint64_t records = 0;
    uint64_t bytes = 0;
    cdc_offset at = {.topic = b->task.name, .partition = 0, .next = CDC_OFFSET_EARLIEST};
    bench_check(b, cdc_consumer_new(&cs, &b->env, &b->err));
    bench_check(b, cdc_consumer_bounds(cs, b->task.name, 0, &begin, &end, &b->err));
    bench_check(b, cdc_consumer_assign(cs, &at, 1, &b->err));
    double cpu = bench_cpu_s();
    int64_t start = cdc_clock_mono_us();
    while (cdc_consumer_position(cs, b->task.name, 0) < end) {
        cdc_rc rc = cdc_consumer_poll(cs, &msg, 100, &b->err);
        if (rc == CDC_OK) {
            records++;
            bytes += msg.value.len + msg.header.len;
            cdc_consumer_release(&msg);
        } else if (rc != CDC_AGAIN) {
            bench_check(b, rc);
        }
    }
    double s = (double)(cdc_clock_mono_us() - start) / 1e6;
    cpu = bench_cpu_s() - cpu;
    printf("%llu records, %.0f records/s, %.0f MB/s, %.2f CPU s per million, peak %.0f MB\n",
           (unsigned long long)records, (double)records / s, (double)bytes / 1e6 / s,
           cpu / ((double)records / 1e6), bench_peak_mb());
    cdc_consumer_free(cs);
}

static void bench_lap(const char *name, int64_t *from)
{
    int64_t now = cdc_clock_mono_us();
    printf("%s %.1f ms  ", name, (double)(now - *from) / 1e3);
    *from = cdc_clock_mono_us();
}

static void bench_start(bench *b)
{
    cdc_arena ar;
    cdc_checkpoint cp;
    int64_t from = cdc_clock_mono_us();
    cdc_arena_init(&ar, 4096, 16 * 1024 * 1024);
    bench_check(b, cdc_admin_ensure(&b->env, CDC_CHECKPOINT_TOPIC, CDC_CHECKPOINT_PARTITIONS,
                                    CDC_TOPIC_COMPACTED, &b->err));
    bench_lap("ensure", &from);
    bench_check(b, cdc_admin_ensure(&b->env, b->task.name, 1, CDC_TOPIC_RECORDS, &b->err));
    bench_lap("ensure", &from);
    bench_check(b, cdc_producer_new(&b->producer, &b->env, &b->err));
    bench_lap("producer_new", &from);
    cdc_rc rc = cdc_checkpoint_read(&b->env, &ar, &cp, &b->err);
    bench_check(b, rc == CDC_EOF ? CDC_OK : rc);
    bench_lap("checkpoint_read", &from);
    bench_commit(b);
    bench_lap("commit", &from);
    bench_check(b, cdc_producer_topic(b->producer, b->task.name, &b->topic, &b->err));
    bench_send(b, 600);
    cdc_producer_free(b->producer);
    bench_lap("free", &from);
    printf("\n");
    cdc_arena_fini(&ar);
}

static double bench_argument(int argc, char **argv, int i, double def)
{
    return argc > i ? strtod(argv[i], NULL) : def;
}

int main(int argc, char **argv)
{
    bench b = {.partitions = 1};
    if (argc < 3) {
        fprintf(stderr, "usage: bench_producer TASK.yaml rate|latency|consume [...]\n");
        return 2;
    }
    cdc_log_set_level(CDC_LOG_WARN);
    cdc_error_clear(&b.err);
    bench_check(&b, cdc_task_load(&b.task, argv[1], tables, &b.err));
    b.env.task = &b.task;
    if (strcmp(argv[2], "consume") == 0) {
        bench_consume(&b);
        cdc_task_fini(&b.task);
        return 0;
    }
    if (strcmp(argv[2], "start") == 0) {
        bench_start(&b);
        cdc_task_fini(&b.task);
        return 0;
    }
    bench_check(&b, cdc_admin_ensure(&b.env, CDC_CHECKPOINT_TOPIC, CDC_CHECKPOINT_PARTITIONS,
                                     CDC_TOPIC_COMPACTED, &b.err));
    b.partitions = strcmp(argv[2], "rate") == 0 ? (int32_t)bench_argument(argc, argv, 5, 1) : 1;
    bench_check(&b, cdc_admin_ensure(&b.env, b.task.name, b.partitions, CDC_TOPIC_RECORDS, &b.err));
    bench_check(&b, cdc_producer_new(&b.producer, &b.env, &b.err));
    bench_check(&b, cdc_producer_topic(b.producer, b.task.name, &b.topic, &b.err));
    if (strcmp(argv[2], "rate") == 0) {
        bench_rate(&b, (uint64_t)bench_argument(argc, argv, 3, 1e6),
                   (size_t)bench_argument(argc, argv, 4, 600));
    } else {
        int commits = (int)bench_argument(argc, argv, 3, 500);
        bench_latency(&b, commits < SAMPLES_MAX ? commits : SAMPLES_MAX,
                      bench_argument(argc, argv, 4, 5), (int)bench_argument(argc, argv, 5, 1));
    }
    cdc_producer_free(b.producer);
    cdc_task_fini(&b.task);
    return 0;
}
