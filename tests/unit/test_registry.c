/* The registry's client against a server in a thread: what it remembers, and what it asks. */
#include "net_kit.h"

#include <stdatomic.h>
#include <string.h>

#include "schema/registry/registry.h"

enum { SUBJECTS = 1200, SUBJECTS_KEPT = 512, IDS = 1000 };

static const cdc_option options[] = {
    {.path = "source.type", .type = CDC_OPTION_ENUM, .choices = "fake", .help = "."},
    {.path = NULL},
};
static const cdc_option *const tables[] = {cdc_task_options, options, NULL};

static net_kit kit;
static cdc_task task;
static cdc_registry *registry;
static cdc_error error;
static atomic_int connections, asked;
static char last[256]; /* the last question's first line; read by the test when it is answered */

static void answer(net_kit_peer *peer, const char *head)
{
    char body[128];
    char text[256];
    const char *id = strstr(head, "/schemas/ids/");
    const char *subject = strchr(head, '-');
    if (id != NULL) {
        snprintf(body, sizeof body, "{\"schema\":\"of %ld\"}", strtol(id + 13, NULL, 10));
    } else {
        snprintf(body, sizeof body, "{\"id\":%ld}",
                 subject != NULL ? strtol(subject + 1, NULL, 10) + 1 : 0);
    }
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
             body);
    net_kit_write(peer, text, strlen(text));
}

/* Questions have a body of a few bytes, which comes with the head or right behind it. */
static void serve(net_kit_peer *peer, void *arg)
{
    char in[4096];
    size_t have = 0;
    (void)arg;
    connections++;
    for (size_t n; (n = net_kit_read(peer, in + have, sizeof in - 1 - have)) > 0;) {
        have += n;
        in[have] = '\0';
        const char *end = strstr(in, "\r\n\r\n");
        const char *length = strstr(in, "Content-Length: ");
        size_t body = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
        if (end != NULL && have == (size_t)(end + 4 - in) + body) {
            snprintf(last, sizeof last, "%.*s", (int)strcspn(in, "\r"), in);
            asked++;
            have = 0;
            answer(peer, last);
        }
    }
}

static void begin(const char *more)
{
    char text[512];
    connections = 0;
    asked = 0;
    net_kit_start(&kit, serve, NULL, NULL);
    snprintf(text, sizeof text,
             "name: shop\nkafka: {bootstrap.servers: 'x:1'}\nsource: {type: fake}\n"
             "message: {format: avro, registry: {url: 'http://127.0.0.1:%u'%s}}\n",
             kit.port, more);
    cdc_error_clear(&error);
    if (cdc_task_parse(&task, "t.yaml", text, strlen(text), tables, &error) != CDC_OK ||
        cdc_registry_new(&registry, &task, &error) != CDC_OK) {
        fail_msg("%s", error.text);
    }
}

static void end(void)
{
    cdc_registry_free(registry); /* and with it the connection, so that the server's thread ends */
    cdc_task_fini(&task);
    net_kit_stop(&kit);
}

static int32_t id_of(const char *prefix, int n)
{
    char subject[64];
    int32_t id = 0;
    snprintf(subject, sizeof subject, "%s-%d", prefix, n);
    if (cdc_registry_id(registry, subject, "\"string\"", &id, &error) != CDC_OK) {
        fail_msg("%s", error.text);
    }
    return id;
}

/* What is asked once is not asked again, by one connection; but no more than a fixed number of
 * subjects is kept, however many come. */
static void test_subjects(void **state)
{
    (void)state;
    begin("");
    for (int again = 0; again < 3; again++) {
        assert_int_equal(id_of("s", 7), 8);
        assert_int_equal(asked, 1);
    }
    assert_string_equal(last, "POST /subjects/s-7/versions HTTP/1.1");
    for (int n = 1000; n < 1000 + SUBJECTS; n++) {
        assert_int_equal(id_of("s", n), n + 1);
    }
    assert_int_equal(asked, 1 + SUBJECTS);
    for (int n = 1000; n < 1000 + SUBJECTS; n++) {
        assert_int_equal(id_of("s", n), n + 1);
    }
    assert_in_range(asked, 1 + 2 * SUBJECTS - SUBJECTS_KEPT, 2 * SUBJECTS);
    assert_int_equal(connections, 1);
    end();
}

/* All of them, and for good. */
static void test_ids(void **state)
{
    const char *schema = NULL;
    char want[32];
    (void)state;
    begin("");
    for (int again = 0; again < 2; again++) {
        for (int32_t id = 1; id <= IDS; id++) {
            assert_int_equal(cdc_registry_schema(registry, id, false, &schema, &error), CDC_OK);
            snprintf(want, sizeof want, "of %d", (int)id);
            assert_string_equal(schema, want);
        }
        assert_int_equal(asked, IDS);
    }
    assert_int_equal(cdc_registry_schema(registry, 5, true, &schema, &error), CDC_OK);
    assert_string_equal(schema, "of 5");
    assert_int_equal(asked, IDS + 1);
    assert_int_equal(connections, 1);
    end();
}

static void test_nothing_is_registered(void **state)
{
    (void)state;
    begin(", auto_register: false");
    assert_int_equal(id_of("s", 41), 42);
    assert_string_equal(last, "POST /subjects/s-41 HTTP/1.1"); /* looks it up */
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_nothing_is_registered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
