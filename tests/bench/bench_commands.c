/* bench_commands [COMMANDS] - commands of 100 bytes through the capture and the replay loop, with a
 * fake source, a fake sink and librdkafka's mock broker in this process: seconds on the clock and
 * on the CPU, the mock's included. Built on request only: cmake --build build/release --target
 * bench_commands */
#include <sys/resource.h>

#include "../component/fake_commands.h"
#include "../component/pipeline_kit.h"

enum { DEFAULT_COMMANDS = 2000000 };

typedef struct usage {
    int64_t wall_us, cpu_us;
} usage;

static usage used(void)
{
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    return (usage){cdc_clock_mono_us(),
                   (int64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 +
                       ru.ru_utime.tv_usec + ru.ru_stime.tv_usec};
}

static void report(const char *what, usage start, uint64_t commands)
{
    usage now = used();
    double wall = (double)(now.wall_us - start.wall_us) / 1e6;
    double cpu = (double)(now.cpu_us - start.cpu_us) / 1e6;
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    printf("%-8s %9.0f commands/s, %5.2f CPU s per million, at most %ld MB\n", what,
           (double)commands / wall, cpu * 1e6 / (double)commands, ru.ru_maxrss / 1024);
}

int main(int argc, char **argv)
{
    pipeline pl;
    cdc_error err;
    long commands = argc > 1 ? strtol(argv[1], NULL, 10) : DEFAULT_COMMANDS;
    if (commands <= 0 || start_mock(NULL) != 0) {
        fprintf(stderr, "usage: bench_commands [COMMANDS]\n");
        return 2;
    }
    fake_commands_reset();
    fake_commands.commands = (uint64_t)commands / 40 * 40; /* whole blocks */
    fake_commands.batch_rows = 1000;
    fake_commands.value_bytes = 85;
    const char *brokers =
        real_broker != NULL ? real_broker : rd_kafka_mock_cluster_bootstraps(mock);
    pipeline_open(&pl, brokers, "");
    pl.task.commands = true;
    pl.task.message_rows = 100;
    usage start = used();
    capture_from(&pl, &src_fake_commands);
    report("capture", start, fake_commands.commands);
    start = used();
    if (replay_to(&pl, &sink_fake_commands, &err) != CDC_OK ||
        fake_commands_applied() != fake_commands.commands) {
        fprintf(stderr, "replay: %s\n", err.text);
        return 1;
    }
    report("replay", start, fake_commands.commands);
    pipeline_close(&pl);
    return stop_mock(NULL);
}
