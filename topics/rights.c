#include "rights.h"

#include <stdlib.h>
#include <strings.h>

#include "core/certificate.h"
#include "core/clock.h"
#include "core/stop.h"

enum {
    ANSWER_MS = 5000,
    SLICE_MS = 50,
    PAUSE_MS = 20,
    NAME_BYTES = 512,
    LINE_BYTES = 2048,
    NO_PARTITION = INT32_MAX,
};

/* --- who and where --- */

static const char *cdc_rights_copy(cdc_rights *rt, const char *text)
{
    const char *copy = cdc_arena_strndup(&rt->arena, text, strlen(text));
    rt->failed = rt->failed || copy == NULL;
    return copy != NULL ? copy : "";
}

/* As one word for a shell. */
static const char *cdc_rights_word(cdc_rights *rt, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,:=@/[]";
    if (text[0] != '\0' && strspn(text, plain) == strlen(text)) {
        return cdc_rights_copy(rt, text);
    }
    cdc_buffer out;
    cdc_buffer_init(&out, 16 * 1024);
    cdc_buffer_add_char(&out, '\'');
    for (; *text != '\0'; text++) {
        cdc_buffer_add_str(&out, *text == '\'' ? "'\\''" : (char[]){*text, '\0'});
    }
    cdc_buffer_add_char(&out, '\'');
    const char *word = cdc_rights_copy(rt, cdc_buffer_cstr(&out));
    cdc_buffer_fini(&out);
    return word;
}

/* The account as ACLs name it, by the brokers' defaults: the user, or the subject of the
 * certificate. */
static void cdc_rights_who(const cdc_env *env, char *out, size_t size)
{
    char subject[NAME_BYTES];
    const char *protocol = cdc_properties_given(env, "security.protocol");
    const char *user = cdc_properties_given(env, "sasl.username");
    const char *own = cdc_properties_given(env, "ssl.certificate.location");
    protocol = protocol != NULL ? protocol : "plaintext";
    if (strncasecmp(protocol, "sasl", 4) == 0) {
        snprintf(out, size, "User:%s", user != NULL ? user : "...");
    } else if (strcasecmp(protocol, "ssl") == 0 && own != NULL &&
               cdc_certificate_subject(own, subject, sizeof subject)) {
        snprintf(out, size, "User:%s", subject);
    } else {
        snprintf(out, size, "User:%s", own == NULL ? "ANONYMOUS" : "...");
    }
}

static void cdc_rights_where(const cdc_env *env, char *out, size_t size)
{
    const char *brokers = cdc_properties_given(env, "bootstrap.servers");
    const char *protocol = cdc_properties_given(env, "security.protocol");
    bool open = protocol == NULL || strcasecmp(protocol, "plaintext") == 0;
    snprintf(out, size, "--bootstrap-server %s%s", brokers != NULL ? brokers : "...",
             open ? "" : " --command-config admin.properties");
}

/* --- life --- */

/* Without an authorizer the brokers say so to whoever asks for ACLs. */
static bool cdc_rights_enforced(const cdc_client *tool)
{
    char reason[256];
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_UNKNOWN;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(tool->rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(tool->rk, RD_KAFKA_ADMIN_OP_DESCRIBEACLS);
    rd_kafka_AclBindingFilter_t *all = rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_ANY, NULL, RD_KAFKA_RESOURCE_PATTERN_ANY, NULL, NULL,
        RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, reason, sizeof reason);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, reason, sizeof reason);
    if (all != NULL) {
        rd_kafka_DescribeAcls(tool->rk, all, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
        if (event != NULL) {
            code = rd_kafka_event_error(event);
            rd_kafka_event_destroy(event);
        }
        rd_kafka_AclBinding_destroy(all);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return code != RD_KAFKA_RESP_ERR_SECURITY_DISABLED;
}

void cdc_rights_init(cdc_rights *rt, cdc_client *tool)
{
    char text[LINE_BYTES];
    *rt = (cdc_rights){.env = tool->env, .tool = tool};
    cdc_arena_init(&rt->arena, 16 * 1024, 64 * 1024 * 1024);
    cdc_rights_who(rt->env, text, sizeof text);
    rt->principal = cdc_rights_copy(rt, text);
    cdc_rights_where(rt->env, text, sizeof text);
    rt->servers = cdc_rights_copy(rt, text);
    rt->enforced = cdc_rights_enforced(tool);
}

void cdc_rights_fini(cdc_rights *rt)
{
    cdc_client_fini(&rt->probe);
    free(rt->lacks);
    cdc_arena_fini(&rt->arena);
}

/* --- what lacks --- */

static cdc_lack *cdc_rights_find(const cdc_rights *rt, cdc_right_on on, const char *name)
{
    for (size_t i = 0; i < rt->n; i++) {
        if (rt->lacks[i].on == on && strcmp(rt->lacks[i].name, name) == 0) {
            return &rt->lacks[i];
        }
    }
    return NULL;
}

unsigned cdc_rights_lacking(const cdc_rights *rt, cdc_right_on on, const char *name)
{
    const cdc_lack *lack = cdc_rights_find(rt, on, name);
    return lack != NULL ? lack->operations : 0;
}

void cdc_rights_lack(cdc_rights *rt, cdc_right_on on, const char *name, unsigned operations)
{
    cdc_lack *lack = cdc_rights_find(rt, on, name);
    if (lack != NULL) {
        lack->operations |= operations;
    }
    if (lack != NULL || operations == 0) {
        return;
    }
    if (rt->n == rt->cap) {
        size_t cap = rt->cap > 0 ? 2 * rt->cap : 16;
        cdc_lack *lacks = realloc(rt->lacks, cap * sizeof *lacks);
        if (lacks == NULL) {
            rt->failed = true;
            return;
        }
        rt->lacks = lacks;
        rt->cap = cap;
    }
    rt->lacks[rt->n++] = (cdc_lack){on, cdc_rights_copy(rt, name), operations};
}

/* --- trying --- */

/* What became of a record that only the lack of the right keeps from being looked at. */
static bool cdc_rights_lack_write(cdc_rights *rt, const char *topic)
{
    cdc_error why;
    cdc_error_clear(&why);
    if (rt->probe.rk == NULL &&
        cdc_client_init(&rt->probe, CDC_CLIENT_PROBE, rt->env, &why) != CDC_OK) {
        return false; /* the tool has the same properties: not reached */
    }
    int64_t deadline = cdc_clock_mono_ms() + ANSWER_MS + 1000;
    rt->probe.lost = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code =
        rd_kafka_producev(rt->probe.rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_VALUE(NULL, 0), RD_KAFKA_V_END);
    while (code == RD_KAFKA_RESP_ERR_NO_ERROR && rd_kafka_outq_len(rt->probe.rk) > 0 &&
           cdc_clock_mono_ms() < deadline && !cdc_stop_requested()) {
        cdc_client_serve(&rt->probe, SLICE_MS);
    }
    code = code == RD_KAFKA_RESP_ERR_NO_ERROR ? rt->probe.lost : code;
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

static bool cdc_rights_lack_read(cdc_rights *rt, const char *topic)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    int64_t deadline = cdc_clock_mono_ms() + ANSWER_MS;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rt->tool->rk, topic, NULL);
    if (rkt == NULL || rd_kafka_consume_start(rkt, 0, RD_KAFKA_OFFSET_END) != 0) {
        goto out;
    }
    bool told = false;
    while (!told && cdc_clock_mono_ms() < deadline && !cdc_stop_requested()) {
        rd_kafka_message_t *rkm = rd_kafka_consume(rkt, 0, SLICE_MS);
        if (rkm != NULL) {
            code = rkm->err;
            told = !cdc_client_passing(code);
            rd_kafka_message_destroy(rkm);
        }
        cdc_client_serve(rt->tool, 0);
    }
    (void)rd_kafka_consume_stop(rkt, 0);

out:
    if (rkt != NULL) {
        rd_kafka_topic_destroy(rkt);
    }
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

unsigned cdc_rights_try_topic(cdc_rights *rt, const char *topic, unsigned operations)
{
    unsigned lacks = 0;
    if (!rt->enforced) {
        return 0;
    }
    if ((operations & CDC_RIGHT_READ) != 0 && cdc_rights_lack_read(rt, topic)) {
        lacks |= CDC_RIGHT_READ;
    }
    if ((operations & CDC_RIGHT_WRITE) != 0 && cdc_rights_lack_write(rt, topic)) {
        lacks |= CDC_RIGHT_WRITE;
    }
    return lacks;
}

/* The answer to a commit; or, while the group's coordinator is not known, what was said of that. */
static rd_kafka_resp_err_t cdc_rights_commit(const cdc_client *cl,
                                             rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = rd_kafka_commit(cl->rk, list, 0);
    rd_kafka_message_t *rkm;
    while ((rkm = rd_kafka_consumer_poll(cl->rk, 0)) != NULL) {
        if (rkm->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
            code = rkm->err;
        }
        rd_kafka_message_destroy(rkm);
    }
    return code;
}

static bool cdc_rights_unanswered(rd_kafka_resp_err_t code)
{
    return cdc_client_passing(code) || code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

bool cdc_rights_lack_group(cdc_rights *rt, const char *topic)
{
    cdc_client cl;
    cdc_error why;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    int64_t deadline = cdc_clock_mono_ms() + ANSWER_MS;
    cdc_error_clear(&why);
    if (!rt->enforced) {
        return false;
    }
    if (cdc_client_init(&cl, CDC_CLIENT_CONSUMER, rt->env, &why) == CDC_OK) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, NO_PARTITION)->offset = 0;
        do {
            code = cdc_rights_commit(&cl, list);
        } while (cdc_rights_unanswered(code) && cdc_clock_mono_ms() < deadline &&
                 !cdc_stop_wait(PAUSE_MS));
        rd_kafka_topic_partition_list_destroy(list);
    }
    cdc_client_fini(&cl);
    return code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
}

/* --- lines --- */

static const struct {
    unsigned bit;
    const char *name;
} operations[] = {
    {CDC_RIGHT_READ, "Read"},
    {CDC_RIGHT_WRITE, "Write"},
    {CDC_RIGHT_CREATE, "Create"},
    {CDC_RIGHT_DESCRIBE_CONFIGS, "DescribeConfigs"},
};

static void cdc_rights_names(unsigned bits, const char *before, const char *between,
                             cdc_buffer *out)
{
    const char *head = before;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if ((bits & operations[i].bit) != 0) {
            cdc_buffer_add_str(out, head);
            cdc_buffer_add_str(out, operations[i].name);
            head = between;
        }
    }
}

static void cdc_rights_item(cdc_rights *rt, const cdc_lack *lack, cdc_checklist *list)
{
    static const struct {
        const char *kind, *option, *tail;
    } on[] = {{"topic", "--topic", ""},
              {"topics", "--topic", " --resource-pattern-type prefixed"},
              {"group", "--group", ""},
              {"transactional id", "--transactional-id", ""}};
    char object[NAME_BYTES];
    cdc_buffer names;
    bool only_configs = lack->operations == CDC_RIGHT_DESCRIBE_CONFIGS;
    cdc_buffer_init(&names, LINE_BYTES);
    cdc_rights_names(lack->operations, "", ", ", &names);
    snprintf(object, sizeof object, "%s %s%s", on[lack->on].kind, lack->name,
             lack->on == CDC_RIGHT_ON_PREFIX ? "*" : "");
    if (only_configs) {
        cdc_checklist_add(list, "kafka_settings", CDC_CHECK_WARN, object,
                          "its settings (cleanup, retention, sizes) cannot be read: %s lacks the "
                          "right %s",
                          rt->principal, cdc_buffer_cstr(&names));
    } else {
        cdc_checklist_add(list, "kafka_rights", CDC_CHECK_FAIL, object, "%s lacks the right%s %s",
                          rt->principal, strchr(cdc_buffer_cstr(&names), ',') != NULL ? "s" : "",
                          cdc_buffer_cstr(&names));
    }
    cdc_buffer_reset(&names);
    cdc_rights_names(lack->operations, " --operation ", " --operation ", &names);
    cdc_checklist_cure(list, "kafka-acls.sh %s --add --allow-principal %s%s %s %s%s", rt->servers,
                       cdc_rights_word(rt, rt->principal), cdc_buffer_cstr(&names),
                       on[lack->on].option, cdc_rights_word(rt, lack->name), on[lack->on].tail);
    cdc_buffer_fini(&names);
}

void cdc_rights_report(cdc_rights *rt, cdc_checklist *list)
{
    for (size_t i = 0; i < rt->n; i++) {
        cdc_rights_item(rt, &rt->lacks[i], list);
    }
    list->failed = list->failed || rt->failed;
}
