#include "task.h"

#include <string.h>

#include "clock.h"
#include "key_map.h"
#include "rename.h"

#define NAME_MAX_BYTES 64
#define COMMANDS_IN_MESSAGE 100 /* message.rows of a Redis source, unless given */

static cdc_rc cdc_task_fault(const cdc_task *task, const char *path, cdc_error *err,
                             const char *fmt, ...) CDC_PRINTF(4, 5);

static cdc_rc cdc_task_fault(const cdc_task *task, const char *path, cdc_error *err,
                             const char *fmt, ...)
{
    char text[CDC_ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cdc_error_set(err, CDC_FATAL, "config", "%s: %s", cdc_config_where(task->cfg, path), text);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

/* n digits at *s, which moves behind them; -1 if they are not there. */
static int cdc_task_digits(const char **s, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++, (*s)++) {
        if (**s < '0' || **s > '9') {
            return -1;
        }
        v = v * 10 + (**s - '0');
    }
    return v;
}

/* [hh:mm[:ss[.fff]]] behind the date, in ms; -1: malformed. */
static int64_t cdc_task_clock(const char **s)
{
    if (**s != 'T' && **s != ' ') {
        return 0;
    }
    (*s)++;
    int hour = cdc_task_digits(s, 2);
    int minute = *(*s) == ':' ? ((*s)++, cdc_task_digits(s, 2)) : -1;
    int second = 0;
    int64_t ms = 0;
    if (**s == ':') {
        (*s)++;
        second = cdc_task_digits(s, 2);
    }
    if (**s == '.') {
        int64_t scale = 100;
        for ((*s)++; **s >= '0' && **s <= '9'; (*s)++, scale /= 10) {
            ms += (**s - '0') * scale;
        }
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
        return -1;
    }
    return ((hour * 60 + minute) * 60 + second) * 1000 + ms;
}

/* Z, +hh:mm, -hh:mm or nothing up to the end, in minutes. */
static bool cdc_task_zone(const char *s, int *minutes)
{
    *minutes = 0;
    if (*s == 'Z') {
        s++;
    } else if (*s == '+' || *s == '-') {
        int sign = *s++ == '-' ? -1 : 1;
        int hour = cdc_task_digits(&s, 2);
        s += *s == ':' ? 1 : 0;
        int minute = hour >= 0 ? cdc_task_digits(&s, 2) : -1;
        if (hour < 0 || hour > 14 || minute < 0 || minute > 59) {
            return false;
        }
        *minutes = sign * (hour * 60 + minute);
    }
    return *s == '\0';
}

bool cdc_task_time(const char *s, int64_t *wall_ms)
{
    int zone;
    int year = cdc_task_digits(&s, 4);
    int month = *s == '-' ? (s++, cdc_task_digits(&s, 2)) : -1;
    int day = *s == '-' ? (s++, cdc_task_digits(&s, 2)) : -1;
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31) {
        return false;
    }
    int64_t days = cdc_clock_days(year, (unsigned)month, (unsigned)day);
    int y;
    unsigned m;
    unsigned d;
    cdc_clock_civil(days, &y, &m, &d);
    int64_t of_day = cdc_task_clock(&s);
    if ((unsigned)day != d || of_day < 0 || !cdc_task_zone(s, &zone)) {
        return false;
    }
    *wall_ms = days * 86400000 + of_day - (int64_t)zone * 60000;
    return true;
}

static cdc_rc cdc_task_check_name(cdc_task *task, cdc_error *err)
{
    const char *name = cdc_config_str(task->cfg, "name");
    size_t len = strlen(name);
    if (len < 1 || len > NAME_MAX_BYTES ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != len) {
        return cdc_task_fault(task, "name", err, "name must be 1 to %d of a-z 0-9 - _, not '%.80s'",
                              NAME_MAX_BYTES, name);
    }
    task->name = name;
    return CDC_OK;
}

static cdc_rc cdc_task_check_ends(cdc_task *task, cdc_error *err)
{
    const cdc_config *cfg = task->cfg;
    task->source_type = cdc_config_has(cfg, "source") ? cdc_config_str(cfg, "source.type") : NULL;
    task->target_type = cdc_config_has(cfg, "target") ? cdc_config_str(cfg, "target.type") : NULL;
    if (task->source_type == NULL && task->target_type == NULL) {
        return cdc_task_fault(task, "", err,
                              "the task has neither a source nor a target; add at least one");
    }
    if (task->source_type == NULL && !cdc_config_has(cfg, "from")) {
        return cdc_task_fault(task, "target", err,
                              "a task without a source needs from.topics: the topics to apply");
    }
    if (task->target_type == NULL && cdc_config_has(cfg, "from")) {
        return cdc_task_fault(task, "from", err, "from needs a target that is written; add one");
    }
    return CDC_OK;
}

static cdc_rc cdc_task_check_phases(cdc_task *task, cdc_error *err)
{
    const cdc_config *cfg = task->cfg;
    for (size_t i = 0; i < cdc_config_count(cfg, "phases"); i++) {
        const char *phase = cdc_config_item(cfg, "phases", i);
        task->phase_schema = task->phase_schema || strcmp(phase, "schema") == 0;
        task->phase_full = task->phase_full || strcmp(phase, "full") == 0;
        task->phase_incremental = task->phase_incremental || strcmp(phase, "incremental") == 0;
    }
    if (!task->phase_full && !task->phase_incremental) {
        return cdc_task_fault(task, "phases", err, "phases must have full or incremental");
    }
    if (!cdc_config_has(cfg, "source.start")) {
        return CDC_OK;
    }
    bool full = strcmp(cdc_config_str(cfg, "source.start"), "full") == 0;
    if (full && !task->phase_full) {
        return cdc_task_fault(task, "source.start", err,
                              "source.start is full, but phases has no full; change one of them");
    }
    if (!full && cdc_config_has(cfg, "phases") && task->phase_full) {
        return cdc_task_fault(task, "source.start", err,
                              "source.start is not full, but phases has full; change one of them");
    }
    if (!full) {
        task->phase_full = false;
    }
    return CDC_OK;
}

static cdc_rc cdc_task_check_retry(cdc_task *task, cdc_error *err)
{
    int64_t connect = cdc_config_int(task->cfg, "retry.connect_minutes");
    int64_t other = cdc_config_int(task->cfg, "retry.other_minutes");
    if (other >= connect && cdc_config_has(task->cfg, "retry.other_minutes")) {
        return cdc_task_fault(task, "retry.other_minutes", err,
                              "retry.other_minutes (%lld) must be shorter than "
                              "retry.connect_minutes (%lld)",
                              (long long)other, (long long)connect);
    }
    if (other >= connect) {
        other = connect > 0 ? connect - 1
                            : 0; /* the default of the one does not fit the other's value */
    }
    task->retry_connect_ms = connect * 60000;
    task->retry_other_ms = other * 60000;
    return CDC_OK;
}

static cdc_rc cdc_task_check_hosts(cdc_task *task, const char *path, cdc_error *err)
{
    char item[64];
    size_t n = cdc_config_has(task->cfg, path) ? cdc_config_count(task->cfg, path) : 0;
    for (size_t i = 0; i < n; i++) {
        const char *host = cdc_config_item(task->cfg, path, i);
        const char *colon = strrchr(host, ':');
        char *end = NULL;
        long port = colon != NULL ? strtol(colon + 1, &end, 10) : 1;
        bool bad = host[0] == '\0' || colon == host || port < 1 || port > 65535 ||
                   (colon != NULL && (end == colon + 1 || *end != '\0' || colon[1] < '0'));
        if (bad) {
            snprintf(item, sizeof item, "%s[%zu]", path, i);
            return cdc_task_fault(task, item, err, "%s: '%.200s' is not host:port", path, host);
        }
    }
    return CDC_OK;
}

static bool cdc_task_topic_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._-", c) != NULL);
}

/* A template of a topic's name: Kafka's characters and the three placeholders. */
static cdc_rc cdc_task_check_topic(cdc_task *task, const char *path, const char *placeholders,
                                   cdc_error *err)
{
    const char *text = cdc_config_str(task->cfg, path);
    for (const char *p = text; *p != '\0';) {
        char name[32];
        size_t n = *p == '{' ? strcspn(p, "}") + 1 : 0;
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        if (n > 0 && n < sizeof name && strstr(placeholders, name) != NULL) {
            p += n;
        } else if (cdc_task_topic_char(*p)) {
            p++;
        } else {
            return cdc_task_fault(task, path, err,
                                  "%s '%.200s' is no topic name; it may have a-z A-Z 0-9 . _ - and "
                                  "%s",
                                  path, text, placeholders);
        }
    }
    return CDC_OK;
}

static cdc_rc cdc_task_check_kafka(cdc_task *task, cdc_error *err)
{
    const cdc_config *cfg = task->cfg;
    int64_t ms;
    if (cdc_config_lookup(cfg, "kafka", "bootstrap.servers") == NULL) {
        return cdc_task_fault(task, "kafka", err,
                              "kafka has no bootstrap.servers; give the brokers as host:port,...");
    }
    cdc_rc rc = cdc_task_check_topic(task, "topics.data", "{task} {database} {table}", err);
    if (rc == CDC_OK && cdc_config_str(cfg, "topics.data")[0] == '\0') {
        rc = cdc_task_fault(task, "topics.data", err, "topics.data is empty; name a topic");
    }
    if (rc == CDC_OK) {
        rc = cdc_task_check_topic(task, "topics.ddl", "{task}", err);
    }
    if (rc == CDC_OK) {
        rc = cdc_task_check_topic(task, "topics.transactions", "{task}", err);
    }
    const char *start = cdc_config_str(cfg, "from.start");
    if (rc == CDC_OK && strncmp(start, "time:", 5) == 0 && !cdc_task_time(start + 5, &ms)) {
        rc = cdc_task_fault(task, "from.start", err,
                            "from.start '%.80s' has no ISO 8601 time (time:2026-11-21T05:00:00Z)",
                            start);
    }
    return rc;
}

static cdc_rc cdc_task_check_rename(cdc_task *task, cdc_error *err)
{
    cdc_rename *rn = NULL;
    cdc_rc rc = cdc_rename_new(&rn, task->cfg, err);
    cdc_rename_free(rn);
    return rc;
}

/* --- Redis: commands, and databases that are numbers --- */

static bool cdc_task_is(const char *type, const char *name)
{
    return type != NULL && strcmp(type, name) == 0;
}

/* A command log has no tables, and nothing may be taken out of it but by database and key. */
static cdc_rc cdc_task_check_commands(cdc_task *task, cdc_error *err)
{
    static const struct {
        const char *path, *reason;
    } refused[] = {
        {"objects.operations", "a command may do several of them"},
        {"objects.tables", "it has no tables"},
    };
    const cdc_config *cfg = task->cfg;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (cdc_config_has(cfg, refused[i].path)) {
            return cdc_task_fault(task, refused[i].path, err,
                                  "%s does not fit a Redis source, %s; remove it, and select by "
                                  "objects.include and objects.key_prefixes",
                                  refused[i].path, refused[i].reason);
        }
    }
    for (size_t i = 0; i < cdc_config_count(cfg, "objects.key_prefixes"); i++) {
        if (cdc_config_item(cfg, "objects.key_prefixes", i)[0] == '\0') {
            return cdc_task_fault(task, "objects.key_prefixes", err,
                                  "objects.key_prefixes has an empty prefix, which fits every key; "
                                  "remove it");
        }
    }
    if (task->phase_schema) {
        return cdc_task_fault(task, "phases", err,
                              "phases has schema, and a Redis source has none; remove it");
    }
    if (task->topics.n > 1) {
        return cdc_task_fault(task, "topics.rules", err,
                              "topics.rules is for the rows of tables, and a Redis source gives "
                              "commands; topics.data may have {database}");
    }
    if (strcmp(cdc_config_str(cfg, "topics.policy"), "single") != 0) {
        return cdc_task_fault(task, "topics.policy", err,
                              "topics.policy %s would lose the order of a Redis source's commands; "
                              "use single: the shards of a cluster still have partitions of their "
                              "own",
                              cdc_config_str(cfg, "topics.policy"));
    }
    if (cdc_config_str(cfg, "topics.transactions")[0] != '\0') {
        return cdc_task_fault(task, "topics.transactions", err,
                              "topics.transactions is for the rows of tables; a MULTI block of a "
                              "Redis source is in one partition and tells its own end; remove it");
    }
    if (task->oversize == CDC_OVERSIZE_SIDE) {
        return cdc_task_fault(task, "message.oversize", err,
                              "message.oversize side-topic would leave a command out, and those "
                              "behind it may need it; use fail or split");
    }
    return CDC_OK;
}

static int cdc_task_database(const char *text)
{
    size_t n = strlen(text);
    long v = n > 0 && n <= 3 && strspn(text, "0123456789") == n ? strtol(text, NULL, 10) : -1;
    return v >= 0 && v < CDC_DATABASES_MAX ? (int)v : -1;
}

static cdc_rc cdc_task_check_databases(cdc_task *task, cdc_error *err)
{
    static const char path[] = "target.databases";
    bool given[CDC_DATABASES_MAX] = {false};
    for (int i = 0; i < CDC_DATABASES_MAX; i++) {
        task->databases[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < cdc_config_count(task->cfg, path); i++) {
        const char *from;
        const char *to;
        cdc_config_entry(task->cfg, path, i, &from, &to);
        int a = cdc_task_database(from);
        int b = cdc_task_database(to);
        if (a < 0 || b < 0 || given[a]) {
            return cdc_task_fault(task, path, err,
                                  "%s '%.40s: %.40s': give each number from 0 to %d once, from: to",
                                  path, from, to, CDC_DATABASES_MAX - 1);
        }
        given[a] = true;
        task->databases[a] = (uint8_t)b;
    }
    return CDC_OK;
}

/* Rows become keys as target.map says; commands need no map. */
static cdc_rc cdc_task_check_map(cdc_task *task, cdc_error *err)
{
    cdc_key_map map;
    cdc_rc rc = cdc_key_map_init(&map, task->cfg, err);
    if (rc == CDC_OK && task->source_type != NULL && (map.nrules > 0) == task->commands) {
        rc = task->commands
                 ? cdc_task_fault(task, "target.map", err,
                                  "target.map is for the rows of tables, and the source gives "
                                  "commands; remove it")
                 : cdc_task_fault(task, "target", err,
                                  "target has no map: say which keys the rows of which table "
                                  "become, for instance map: {shop.users: {key: \"user:{id}\", as: "
                                  "hash}}");
    }
    if (rc == CDC_OK && map.nrules > 0 && cdc_config_count(task->cfg, "target.databases") > 0) {
        rc = cdc_task_fault(task, "target.databases", err,
                            "target.databases is for the commands of a Redis source; give the "
                            "database in the entries of target.map");
    }
    cdc_key_map_fini(&map);
    return rc;
}

/* An option that is given and is of the other kind of end; NULL: none. */
static const char *cdc_task_foreign(const cdc_config *cfg, bool source, bool target)
{
    if (!source && cdc_config_count(cfg, "objects.key_prefixes") > 0) {
        return "objects.key_prefixes";
    }
    if (target) {
        return NULL;
    }
    return cdc_config_count(cfg, "target.databases") > 0 ? "target.databases"
           : cdc_config_count(cfg, "target.map") > 0     ? "target.map"
           : cdc_config_int(cfg, "target.extend_expiry_seconds") > 0
               ? "target.extend_expiry_seconds"
               : NULL;
}

static cdc_rc cdc_task_check_redis(cdc_task *task, cdc_error *err)
{
    const cdc_config *cfg = task->cfg;
    bool source = cdc_task_is(task->source_type, "redis");
    bool target = cdc_task_is(task->target_type, "redis");
    bool grouped = cdc_config_has(cfg, "message.rows");
    const char *foreign = cdc_task_foreign(cfg, source, target);
    task->commands = source;
    if (foreign != NULL) {
        return cdc_task_fault(task, foreign, err, "%s is for a Redis %s; remove it", foreign,
                              foreign[0] == 'o' ? "source" : "target");
    }
    task->message_rows = grouped  ? (uint32_t)cdc_config_int(cfg, "message.rows")
                         : source ? COMMANDS_IN_MESSAGE
                                  : 1;
    if (task->message_rows > 1 && !source) {
        return cdc_task_fault(task, "message.rows", err,
                              "message.rows above 1 is for a Redis source in this version of "
                              "sluice; remove it");
    }
    cdc_rc rc = cdc_task_check_databases(task, err);
    if (rc == CDC_OK && target) {
        rc = cdc_task_check_map(task, err);
    }
    return rc == CDC_OK && source ? cdc_task_check_commands(task, err) : rc;
}

/* An option of one format that has a value of its own under the other; NULL: none. */
static const char *cdc_task_other_format(const cdc_config *cfg, bool avro)
{
    static const struct {
        bool avro;
        const char *path, *def;
    } options[] = {{true, "message.avro.layout", "row"},
                   {true, "message.avro.temporal", "mixed"},
                   {false, "message.binary", "latin1"},
                   {false, "message.enum", "index"}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i].avro != avro &&
            strcmp(cdc_config_str(cfg, options[i].path), options[i].def) != 0) {
            return options[i].path;
        }
    }
    return !avro && cdc_config_count(cfg, "message.registry.url") > 0 ? "message.registry.url"
                                                                      : NULL;
}

static cdc_rc cdc_task_check_registry(cdc_task *task, cdc_error *err)
{
    const cdc_config *cfg = task->cfg;
    size_t urls = cdc_config_count(cfg, "message.registry.url");
    bool cert = cdc_config_has(cfg, "message.registry.tls.cert");
    if (urls == 0 || urls > CDC_TASK_REGISTRIES_MAX) {
        return cdc_task_fault(task, "message.format", err,
                              "message.format avro needs message.registry.url, 1 to %d of them, "
                              "such as http://registry:8081",
                              CDC_TASK_REGISTRIES_MAX);
    }
    if (cdc_config_has(cfg, "message.registry.user") &&
        cdc_config_has(cfg, "message.registry.token")) {
        return cdc_task_fault(task, "message.registry.token", err,
                              "message.registry has a user and a token; give one of them");
    }
    if (cert != cdc_config_has(cfg, "message.registry.tls.key")) {
        return cdc_task_fault(task, "message.registry.tls", err,
                              "message.registry.tls needs both cert and key, or neither");
    }
    return CDC_OK;
}

static cdc_rc cdc_task_check_format(cdc_task *task, cdc_error *err)
{
    bool avro = strcmp(cdc_config_str(task->cfg, "message.format"), "avro") == 0;
    const char *other = cdc_task_other_format(task->cfg, avro);
    if (other != NULL) {
        return cdc_task_fault(task, other, err, "%s is for message.format %s; remove it", other,
                              avro ? "canal-json" : "avro");
    }
    if (avro && task->commands &&
        strcmp(cdc_config_str(task->cfg, "message.avro.layout"), "generic") != 0) {
        return cdc_task_fault(task, "message.format", err,
                              "commands of a Redis source have no table that a schema could be "
                              "of; set message.avro.layout: generic");
    }
    return avro ? cdc_task_check_registry(task, err) : CDC_OK;
}

/* Kafka compacts by key; what it takes away must not be needed. */
static cdc_rc cdc_task_check_cleanup(cdc_task *task, cdc_error *err)
{
    static const char path[] = "topics.cleanup_policy";
    const cdc_config *cfg = task->cfg;
    const char *ddl = cdc_config_str(cfg, "topics.ddl");
    if (strncmp(cdc_config_str(cfg, path), "compact", 7) != 0) {
        return CDC_OK;
    }
    if (task->target_type != NULL) {
        return cdc_task_fault(task, path, err,
                              "%s: compaction keeps the newest message of each key, and a target "
                              "needs every one; use delete, or remove the target",
                              path);
    }
    if (cdc_task_is(task->source_type, "redis")) {
        return cdc_task_fault(task, path, err,
                              "%s: a Redis source's commands build on each other, and compaction "
                              "keeps the newest of each key; use delete",
                              path);
    }
    if (ddl == NULL || ddl[0] == '\0') {
        return cdc_task_fault(task, path, err,
                              "%s: DDL would be compacted away with the rows; give topics.ddl a "
                              "topic of its own, or use delete",
                              path);
    }
    if (task->oversize == CDC_OVERSIZE_SPLIT) {
        return cdc_task_fault(task, path, err,
                              "%s: of a message in several parts, which have one key, compaction "
                              "keeps one; use delete, or another message.oversize",
                              path);
    }
    return CDC_OK;
}

/* Whole transactions over several partitions: what they need, and what would break them. */
static cdc_rc cdc_task_check_atomic(cdc_task *task, cdc_error *err)
{
    static const char path[] = "target.atomic";
    const cdc_config *cfg = task->cfg;
    const char *atomic = cdc_config_has(cfg, path) ? cdc_config_str(cfg, path) : NULL;
    const char *group =
        cdc_config_has(cfg, "target.appliers") ? cdc_config_str(cfg, "target.appliers") : NULL;
    task->whole = cdc_task_is(atomic, "transaction");
    if (!task->whole) {
        return CDC_OK;
    }
    if (cdc_config_str(cfg, "topics.transactions")[0] == '\0') {
        return cdc_task_fault(task, path, err,
                              "%s: transaction needs the records of transactions; name their topic "
                              "in topics.transactions (the capture's too)",
                              path);
    }
    if (cdc_config_str(cfg, "topics.ddl")[0] == '\0') {
        return cdc_task_fault(task, path, err,
                              "%s: transaction needs DDL in a topic of its own; remove topics.ddl: "
                              "\"\"",
                              path);
    }
    if (!task->exactly_once) {
        return cdc_task_fault(task, path, err,
                              "%s: transaction needs each message once; set delivery: "
                              "exactly-once",
                              path);
    }
    if (cdc_task_is(group, "group")) {
        return cdc_task_fault(task, path, err,
                              "%s: transaction is for one process that reads all partitions; "
                              "remove target.appliers: group",
                              path);
    }
    return CDC_OK;
}

/* A row that moves may keep its key, so a DELETE that comes again would take away what its INSERT
 * has brought. */
static cdc_rc cdc_task_check_topics(cdc_task *task, cdc_error *err)
{
    bool both = task->source_type != NULL && task->target_type != NULL;
    cdc_rc rc = cdc_topic_rules_init(&task->topics, task->cfg, err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (size_t i = 0; both && !task->exactly_once && i < task->topics.n; i++) {
        const cdc_topic_rule *rule = &task->topics.rules[i];
        if (rule->ncolumns > 0) {
            return cdc_task_fault(
                task, "delivery", err,
                "delivery at-least-once repeats messages after a crash, and under "
                "policy %s of %s a repeated DELETE of a row that moved to another "
                "partition would take it away; set delivery: exactly-once, or "
                "policy pk",
                cdc_policy_name(rule->policy), rule->place);
        }
    }
    rc = cdc_task_check_cleanup(task, err);
    return rc == CDC_OK ? cdc_task_check_atomic(task, err) : rc;
}

static cdc_rc cdc_task_check(cdc_task *task, cdc_error *err)
{
    cdc_rc rc = cdc_task_check_name(task, err);
    if (rc == CDC_OK) {
        rc = cdc_task_check_ends(task, err);
    }
    if (rc == CDC_OK && task->source_type != NULL) {
        rc = cdc_task_check_hosts(task, "source.hosts", err);
    }
    if (rc == CDC_OK && task->target_type != NULL) {
        rc = cdc_task_check_hosts(task, "target.hosts", err);
    }
    if (rc == CDC_OK) {
        rc = cdc_task_check_phases(task, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_task_check_retry(task, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_task_check_kafka(task, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_task_check_rename(task, err);
    }
    const char *oversize = cdc_config_str(task->cfg, "message.oversize");
    task->oversize = strcmp(oversize, "split") == 0        ? CDC_OVERSIZE_SPLIT
                     : strcmp(oversize, "side-topic") == 0 ? CDC_OVERSIZE_SIDE
                                                           : CDC_OVERSIZE_FAIL;
    task->exactly_once = strcmp(cdc_config_str(task->cfg, "delivery"), "exactly-once") == 0;
    if (rc == CDC_OK) {
        rc = cdc_task_check_topics(task, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_task_check_redis(task, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_task_check_format(task, err);
    }
    task->state_dir = cdc_config_str(task->cfg, "state_dir");
    return rc;
}

static cdc_rc cdc_task_take(cdc_task *task, cdc_config *cfg, cdc_error *err)
{
    task->cfg = cfg;
    cdc_rc rc = cdc_task_check(task, err);
    if (rc != CDC_OK) {
        cdc_task_fini(task);
    }
    return rc;
}

cdc_rc cdc_task_load(cdc_task *task, const char *path, const cdc_option *const *tables,
                     cdc_error *err)
{
    cdc_config *cfg;
    *task = (cdc_task){.cfg = NULL};
    cdc_rc rc = cdc_config_load(&cfg, path, tables, err);
    return rc == CDC_OK ? cdc_task_take(task, cfg, err) : rc;
}

cdc_rc cdc_task_parse(cdc_task *task, const char *file, const char *text, size_t len,
                      const cdc_option *const *tables, cdc_error *err)
{
    cdc_config *cfg;
    *task = (cdc_task){.cfg = NULL};
    cdc_rc rc = cdc_config_parse(&cfg, file, text, len, tables, err);
    return rc == CDC_OK ? cdc_task_take(task, cfg, err) : rc;
}

void cdc_task_fini(cdc_task *task)
{
    cdc_topic_rules_fini(&task->topics);
    cdc_config_free(task->cfg);
    *task = (cdc_task){.cfg = NULL};
}
