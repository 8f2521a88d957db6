/* The broker is killed and started again while records flow: whatever the producer answers, after
 * going on from the checkpoint every record is there once. Needs a broker of its own:
 * SLUICE_TEST_KAFKA_DIR is the data folder of one that tests/stack/start-kafka.sh runs at
 * SLUICE_TEST_KAFKA. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "topics_kit.h"

enum { KILLS = 4, NUMBERS_MAX = 2000000, PAUSE_MS = 1500 };

static const char *dir;
static atomic_bool killing;
static int numbers[NUMBERS_MAX];

static bool broker_kill(void)
{
    char path[512];
    char text[32] = "";
    snprintf(path, sizeof path, "%s/server.pid", dir);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    if (pid <= 1 || kill((pid_t)pid, SIGKILL) != 0) {
        return false;
    }
    while (kill((pid_t)pid, 0) == 0) { /* its socket is free when it is gone */
        usleep(10000);
    }
    return true;
}

static bool broker_start(void)
{
    char command[1024];
    const char *port = strrchr(kit_broker, ':');
    snprintf(command, sizeof command, "'%s/tests/stack/start-kafka.sh' '%s' %s", SLUICE_ROOT, dir,
             port != NULL ? port + 1 : "9092");
    return system(command) == 0;
}

static void *killer(void *arg)
{
    bool *good = arg;
    for (int i = 0; i < KILLS && *good; i++) {
        usleep(PAUSE_MS * 1000);
        *good = broker_kill() && broker_start();
    }
    usleep(PAUSE_MS * 1000);
    atomic_store(&killing, false);
    return NULL;
}

/* From the checkpoint on until it fails, or the killing is over: the last number committed. */
static cdc_rc session(kit *k, int *done)
{
    cdc_producer *pr = NULL;
    cdc_topic *topic = NULL;
    cdc_arena ar;
    cdc_checkpoint cp = {.id = 0};
    cdc_arena_init(&ar, 4096, 1024 * 1024);
    cdc_rc rc = cdc_producer_new(&pr, &k->env, &kit_error);
    if (rc == CDC_OK) {
        rc = cdc_checkpoint_read(&k->env, &ar, &cp, &kit_error);
        rc = rc == CDC_EOF ? CDC_OK : rc;
    }
    if (rc == CDC_OK) {
        assert_true((int)cp.id >= *done); /* what was acknowledged is never forgotten */
        rc = cdc_producer_topic(pr, k->name, &topic, &kit_error);
    }
    int number = (int)cp.id;
    while (rc == CDC_OK && atomic_load(&killing) && number < NUMBERS_MAX - 3000) {
        int last =
            number + 1 +
            (int)(number * 7919LL % 2500); /* small ones that are kept back, and larger ones */
        while (rc == CDC_OK && number < last) {
            rc = kit_send(pr, topic, 0, ++number);
        }
        rc = rc == CDC_OK ? kit_commit(pr, (uint64_t)number) : rc;
        if (rc == CDC_OK) {
            *done = number;
            usleep(3000);
        }
    }
    int64_t start = cdc_clock_mono_ms();
    cdc_producer_free(pr);
    assert_in_range(cdc_clock_mono_ms() - start, 0, 3000);
    cdc_arena_fini(&ar);
    return rc;
}

static void test_every_record_once(void **state)
{
    (void)state;
    kit k;
    pthread_t thread;
    bool good = true;
    int done = 0;
    int sessions = 0;
    dir = getenv("SLUICE_TEST_KAFKA_DIR");
    if (dir == NULL) {
        print_message("skipped: SLUICE_TEST_KAFKA_DIR is not set\n");
        skip();
    }
    kit_open(&k, kit_real(), "");
    cdc_producer_free(kit_producer(&k));
    atomic_store(&killing, true);
    assert_int_equal(pthread_create(&thread, NULL, killer, &good), 0);
    while (atomic_load(&killing)) {
        cdc_rc rc = session(&k, &done);
        sessions++;
        if (rc != CDC_OK && rc != CDC_RETRY) {
            fail_msg("%s: %s", kit_error.code, kit_error.text);
        }
        if (rc == CDC_RETRY) {
            print_message("session %d ended at %d: %s: %s\n", sessions, done, kit_error.code,
                          kit_error.text);
            usleep(100000);
        }
    }
    pthread_join(thread, NULL);
    assert_true(good);
    int64_t checkpoint = kit_checkpoint(&k);
    assert_true(checkpoint >= done);
    int n = kit_read(&k, numbers, NUMBERS_MAX);
    assert_int_equal(n, checkpoint);
    for (int i = 0; i < n; i++) {
        assert_int_equal(numbers[i], i + 1);
    }
    print_message("%d records, %d sessions\n", n, sessions);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_record_once),
    };
    return cmocka_run_group_tests(tests, kit_start, kit_end);
}
