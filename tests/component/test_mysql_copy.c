/* The full copy on a real server while it is written to: SLUICE_TEST_MYSQL_SOURCE=host:port, as in
 * test_mysql_source.c. Without the variable every test is skipped.
 *
 * Each run makes tables with keys of several kinds, starts a writer (inserts, updates, deletes,
 * changes of keys and definitions), copies with small ranges and some threads, and applies what
 * comes to a model as strictly as a target would: a change of phase incr must find the row as it
 * was. Some runs kill the source again and again, and go on from its last token, with or without
 * rows of an unfinished transaction behind it, as Kafka could have them. In the end the model must
 * equal the server. SLUICE_COPY_RUNS sets the number of runs, SLUICE_SEED where they begin; with
 * SLUICE_COPY_ALL each run has kills and changes of definition at once, as one in twelve has
 * otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <mysql.h>
#include <pthread.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/plugin.h"
#include "producers/mysql/options.h"
#include "producers/mysql/source.h"

#define DATABASE "sluice_copy_test"
#define DEADLINE_MS 60000
#define KEYS 120     /* keys are drawn from so many: they meet often */
#define KILLS_MAX 12 /* of one run, or a writer that never rests leaves it behind */

static const char *server;

/* --- randomness: every thread its own --- */

typedef struct dice {
    uint64_t state;
} dice;

static uint32_t roll(dice *dc, uint32_t n)
{
    dc->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = dc->state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) % n);
}

/* --- SQL --- */

static MYSQL *connect_root(void)
{
    char host[256];
    snprintf(host, sizeof(host), "%s", server);
    char *colon = strrchr(host, ':');
    *colon = '\0';
    MYSQL *my = mysql_init(NULL);
    unsigned tcp = MYSQL_PROTOCOL_TCP;
    mysql_options(my, MYSQL_OPT_PROTOCOL, &tcp);
    mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(my, host, "root", "", NULL, (unsigned)strtoul(colon + 1, NULL, 10), NULL,
                           0) == NULL) {
        print_error("%s: %s\n", server, mysql_error(my));
        abort();
    }
    return my;
}

/* A duplicate key or a missing row is what random writes meet; anything else is a fault of the
 * test. */
static bool sql(MYSQL *my, const char *fmt, ...) CDC_PRINTF(2, 3);

static bool sql(MYSQL *my, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (mysql_query(my, text) == 0) {
        mysql_free_result(mysql_store_result(my));
        return true;
    }
    if (mysql_errno(my) != 1062 && mysql_errno(my) != 1022) {
        print_error("%s: %s\n", text, mysql_error(my));
        abort();
    }
    return false;
}

static long sql_number(MYSQL *my, const char *text)
{
    assert_int_equal(mysql_query(my, text), 0);
    MYSQL_RES *res = mysql_store_result(my);
    MYSQL_ROW row = mysql_fetch_row(res);
    long n = row != NULL && row[0] != NULL ? strtol(row[0], NULL, 10) : 0;
    mysql_free_result(res);
    return n;
}

/* --- tables --- */

typedef struct kind {
    const char *columns; /* of the key */
    const char *primary; /* "" = none */
    const char *engine;
    void (*literal)(uint32_t key, char *out, size_t n);
} kind;

static void lit_int(uint32_t key, char *out, size_t n)
{
    snprintf(out, n, "%d", (int)key * 977 - 60000);
}

static void lit_uneven(uint32_t key, char *out, size_t n)
{
    snprintf(out, n, "%llu", key < 100 ? (unsigned long long)key : UINT64_MAX - key);
}

static void lit_pair(uint32_t key, char *out, size_t n)
{
    snprintf(out, n, "'%s%u', %u",
             key % 3 == 0   ? "\xc3\x84pfel"
             : key % 3 == 1 ? "apfel"
                            : "Zoo",
             key % 4, key / 12);
}

static void lit_folded(uint32_t key, char *out, size_t n)
{
    snprintf(out, n, "'%s%c%u'", key % 2 ? "Row" : "rOW", "aBcD"[key / 2 % 4], key / 2);
}

static void lit_binary(uint32_t key, char *out, size_t n)
{
    snprintf(out, n, "X'%02X00%02X%02X00000000%08X00FF%04X'", key * 37 % 256, key, key % 7, key * 7,
             key % 2);
}

static void lit_decimal(uint32_t key, char *out, size_t n)
{
    snprintf(out, n, "%d.%02u", (int)key * 31 - 1500, key % 100);
}

static void lit_datetime(uint32_t key, char *out, size_t n)
{
    snprintf(out, n, "'20%02u-02-%02u 03:04:05.%03u'", key % 60, key % 28 + 1, key);
}

static void lit_enum(uint32_t key, char *out, size_t n)
{
    snprintf(out, n, "%u, %u", key % 3 + 1, key / 3);
}

static void lit_double(uint32_t key, char *out, size_t n)
{
    snprintf(out, n, "%.17g", ((double)key - 60) / 7);
}

static const kind kinds[] = {
    {"a BIGINT NOT NULL", "a", "InnoDB", lit_int},
    {"a BIGINT UNSIGNED NOT NULL", "a", "InnoDB", lit_uneven},
    {"a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, b INT NOT NULL",
     "a, b", "InnoDB", lit_pair},
    {"a CHAR(30) CHARACTER SET latin1 NOT NULL", "a", "InnoDB", lit_folded},
    {"a BINARY(16) NOT NULL", "a", "InnoDB", lit_binary},
    {"a DECIMAL(20,2) NOT NULL", "a", "InnoDB", lit_decimal},
    {"a DATETIME(3) NOT NULL", "a", "InnoDB", lit_datetime},
    {"a ENUM('z','y','x') NOT NULL, b SMALLINT NOT NULL", "b, a", "InnoDB", lit_enum},
    {"a DOUBLE NOT NULL", "a", "InnoDB", lit_double},
    {"a INT NOT NULL", "a", "MyISAM", lit_int},
    {"a VARCHAR(300) CHARACTER SET utf8mb4 NOT NULL", "a(3)", "InnoDB", lit_folded},
    {"a INT NOT NULL", "", "InnoDB", lit_int},
    {"a INT NOT NULL", "", "MyISAM", lit_int},
};

enum { NKINDS = sizeof(kinds) / sizeof(kinds[0]), TABLES_MAX = 5 };

typedef struct table {
    char name[32];
    const kind *kd;
    unsigned added; /* columns added since */
} table;

/* --- the writer --- */

typedef struct writer {
    dice dc;
    table tables[TABLES_MAX];
    unsigned ntables;
    bool changes_definitions;
    unsigned shadows;
    _Atomic bool stop;
    _Atomic unsigned transactions;
    pthread_t thread;
} writer;

static void write_row(writer *wr, MYSQL *my, table *tbl)
{
    char key[200];
    char other[200];
    char note[64];
    uint32_t k = roll(&wr->dc, KEYS);
    tbl->kd->literal(k, key, sizeof(key));
    tbl->kd->literal(roll(&wr->dc, KEYS), other, sizeof(other));
    snprintf(note, sizeof(note), "'v%u'", roll(&wr->dc, 1000000));
    bool two = strchr(tbl->kd->columns, ',') != NULL && strstr(tbl->kd->columns, ", b") != NULL;
    const char *columns = two ? "(a, b)" : "(a)";
    switch (roll(&wr->dc, 5)) {
    case 0:
    case 1:
        sql(my, "INSERT INTO %s %.*s, v) VALUES (%s, %s)", tbl->name, (int)strlen(columns) - 1,
            columns, key, note);
        break;
    case 2:
        sql(my, "UPDATE %s SET v = %s WHERE %s = (%s)", tbl->name, note, columns, key);
        break;
    case 3:
        sql(my, "DELETE FROM %s WHERE %s = (%s)", tbl->name, columns, key);
        break;
    default: /* the row moves to another key */
        if (two) {
            char *comma = strstr(other, ", ");
            *comma = '\0';
            sql(my, "UPDATE %s SET a = %s, b = %s WHERE (a, b) = (%s)", tbl->name, other, comma + 2,
                key);
        } else {
            sql(my, "UPDATE %s SET a = %s WHERE a = %s", tbl->name, other, key);
        }
    }
}

static void change_definition(writer *wr, MYSQL *my, table *tbl)
{
    unsigned n = wr->shadows++;
    switch (roll(&wr->dc, 4)) {
    case 0:
        sql(my, "TRUNCATE TABLE %s", tbl->name);
        break;
    case 1:
        sql(my, "ALTER TABLE %s ADD COLUMN n%u INT", tbl->name, n);
        break;
    case 2: /* as an online schema change does */
        sql(my, "CREATE TABLE _gho%u LIKE %s", n, tbl->name);
        sql(my, "ALTER TABLE _gho%u ADD COLUMN n%u INT", n, n);
        sql(my, "INSERT INTO _gho%u SELECT *, NULL FROM %s", n, tbl->name);
        sql(my, "RENAME TABLE %s TO _del%u, _gho%u TO %s", tbl->name, n, n, tbl->name);
        break;
    default: {
        char name[32];
        snprintf(name, sizeof(name), "t_%c%u", "azm"[roll(&wr->dc, 3)], n);
        sql(my, "RENAME TABLE %s TO %s", tbl->name, name);
        memcpy(tbl->name, name, sizeof(name));
    }
    }
}

static void write_transaction(writer *wr, MYSQL *my)
{
    unsigned rows = roll(&wr->dc, 4) == 0 ? 1 + roll(&wr->dc, 20) : 1;
    table *tbl = &wr->tables[roll(&wr->dc, wr->ntables)];
    sql(my, "BEGIN");
    for (unsigned i = 0; i < rows; i++) {
        write_row(wr, my, tbl);
        tbl =
            roll(&wr->dc, 3) == 0 && tbl->kd->engine[0] == 'I' && wr->tables[0].kd->engine[0] == 'I'
                ? &wr->tables[0]
                : tbl;
    }
    sql(my, "%s", tbl->kd->engine[0] == 'I' && roll(&wr->dc, 8) == 0 ? "ROLLBACK" : "COMMIT");
    atomic_fetch_add(&wr->transactions, 1);
    if (wr->changes_definitions && roll(&wr->dc, 10) == 0) {
        change_definition(wr, my, &wr->tables[roll(&wr->dc, wr->ntables)]);
    }
}

static void *write_on(void *arg)
{
    writer *wr = arg;
    mysql_thread_init();
    MYSQL *my = connect_root();
    sql(my, "USE " DATABASE);
    while (!atomic_load(&wr->stop)) {
        write_transaction(wr, my);
        if (wr->changes_definitions || roll(&wr->dc, 4) == 0) {
            usleep(1 + roll(&wr->dc, 2000));
        }
    }
    mysql_close(my);
    mysql_thread_end();
    return NULL;
}

/* MariaDB's log does not tell BINARY(16) from UUID, so that rows before a change of their table
 * stop the task; engines without transactions are changed in steps. */
static bool may_change(const kind *kd)
{
    return kd->literal != lit_binary && kd->engine[0] == 'I';
}

static void make_tables(writer *wr, MYSQL *my)
{
    wr->ntables = 2 + roll(&wr->dc, TABLES_MAX - 1);
    for (unsigned i = 0; i < wr->ntables; i++) {
        table *tbl = &wr->tables[i];
        snprintf(tbl->name, sizeof(tbl->name), "t_%u", i * 3);
        do {
            tbl->kd = &kinds[roll(&wr->dc, NKINDS)];
        } while (wr->changes_definitions && !may_change(tbl->kd));
        sql(my, "CREATE TABLE %s (%s, v VARCHAR(40)%s%s%s) ENGINE=%s", tbl->name, tbl->kd->columns,
            tbl->kd->primary[0] != '\0' ? ", PRIMARY KEY (" : "", tbl->kd->primary,
            tbl->kd->primary[0] != '\0' ? ")" : "", tbl->kd->engine);
        sql(my, "BEGIN");
        for (unsigned n = roll(&wr->dc, 3) * 70; n > 0; n--) {
            char key[200];
            tbl->kd->literal(roll(&wr->dc, KEYS), key, sizeof(key));
            sql(my, "INSERT IGNORE INTO %s VALUES (%s, 'first')", tbl->name, key);
        }
        sql(my, "COMMIT");
    }
}

/* --- the model --- */

typedef struct model_row {
    struct model_row *next;
    char *key, *row;
} model_row;

typedef struct model_table {
    struct model_table *next;
    char *name;
    model_row *rows;
} model_table;

typedef struct model {
    model_table *tables;
    const char *fault; /* what a target would have refused; NULL: nothing */
    char text[600];
} model;

static void free_rows(model_table *mt)
{
    while (mt->rows != NULL) {
        model_row *mr = mt->rows;
        mt->rows = mr->next;
        free(mr->key);
        free(mr->row);
        free(mr);
    }
}

static void model_fini(model *md)
{
    while (md->tables != NULL) {
        model_table *mt = md->tables;
        md->tables = mt->next;
        free_rows(mt);
        free(mt->name);
        free(mt);
    }
}

static model_table *model_find(model *md, const char *name)
{
    model_table *mt = md->tables;
    while (mt != NULL && strcmp(mt->name, name) != 0) {
        mt = mt->next;
    }
    if (mt == NULL) {
        mt = calloc(1, sizeof(*mt));
        mt->name = strdup(name);
        mt->next = md->tables;
        md->tables = mt;
    }
    return mt;
}

static model_row **model_at(model_table *mt, const char *key)
{
    model_row **at = &mt->rows;
    while (*at != NULL && strcmp((*at)->key, key) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static void model_take(model_row **at)
{
    model_row *mr = *at;
    *at = mr->next;
    free(mr->key);
    free(mr->row);
    free(mr);
}

static void model_put(model_table *mt, const char *key, const char *row)
{
    model_row *mr = calloc(1, sizeof(*mr));
    mr->key = strdup(key);
    mr->row = strdup(row);
    mr->next = mt->rows;
    mt->rows = mr;
}

static size_t model_count(const model_table *mt)
{
    size_t n = 0;
    for (const model_row *mr = mt->rows; mr != NULL; mr = mr->next) {
        n++;
    }
    return n;
}

/* What an event says, in the heap. */
typedef struct change {
    struct change *next;
    uint8_t op, ddl;
    bool strict, keyless;
    char *table, *was;                             /* was: "database.table" of a RENAME */
    char *key_before, *before, *key_after, *after; /* NULL: there is none */
    char *sql;
} change;

static void free_changes(change **list)
{
    while (*list != NULL) {
        change *ch = *list;
        *list = ch->next;
        free(ch->table);
        free(ch->was);
        free(ch->key_before);
        free(ch->before);
        free(ch->key_after);
        free(ch->after);
        free(ch->sql);
        free(ch);
    }
}

static void fault(model *md, const change *ch, const char *what)
{
    if (md->fault == NULL) {
        snprintf(md->text, sizeof(md->text), "%s in %s: %s (before %s, after %s)",
                 cdc_op_name((cdc_op)ch->op), ch->table, what,
                 ch->before != NULL ? ch->before : "-", ch->after != NULL ? ch->after : "-");
        md->fault = md->text;
    }
}

static void model_row_change(model *md, const change *ch)
{
    model_table *mt = model_find(md, ch->table);
    if (ch->before != NULL) {
        model_row **at = model_at(mt, ch->key_before);
        if (*at == NULL && ch->strict) {
            fault(md, ch, "the row is not there");
        }
        if (*at != NULL && ch->strict && strcmp((*at)->row, ch->before) != 0) {
            fault(md, ch, (*at)->row);
        }
        if (*at != NULL) {
            model_take(at);
        }
    }
    if (ch->after != NULL) {
        model_row **at = model_at(mt, ch->key_after);
        if (*at != NULL && !ch->keyless) {
            if (ch->strict) {
                fault(md, ch, "a row is in its way");
            }
            model_take(at);
        }
        model_put(mt, ch->key_after, ch->after);
    }
}

static void model_ddl(model *md, const change *ch)
{
    const char *dot = ch->was != NULL ? strchr(ch->was, '.') : NULL;
    if (ch->ddl == CDC_DDL_TRUNCATE || ch->ddl == CDC_DDL_ERASE) {
        free_rows(model_find(md, ch->table));
    } else if (ch->ddl == CDC_DDL_ALTER && strstr(ch->sql, "ADD COLUMN") != NULL) {
        for (model_row *mr = model_find(md, ch->table)->rows; mr != NULL; mr = mr->next) {
            bool keyless = strcmp(mr->key, mr->row) == 0;
            char *row = NULL;
            assert_true(asprintf(&row, "%s null", mr->row) > 0);
            free(mr->row);
            mr->row = row;
            if (keyless) {
                free(mr->key);
                mr->key = strdup(row);
            }
        }
    } else if (ch->ddl == CDC_DDL_RENAME && dot != NULL && strncmp(dot + 1, "t_", 2) == 0 &&
               strncmp(ch->table, "t_", 2) == 0) {
        model_table *mt = model_find(md, dot + 1);
        free(mt->name);
        mt->name = strdup(ch->table);
    } else if (ch->ddl == CDC_DDL_RENAME && dot != NULL && strncmp(dot + 1, "_gho", 4) == 0) {
        change added = *ch; /* the online schema change has added one column */
        char text[] = "ADD COLUMN";
        added.ddl = CDC_DDL_ALTER;
        added.sql = text;
        model_ddl(md, &added);
    }
}

static void model_apply(model *md, change **list)
{
    for (const change *ch = *list; ch != NULL; ch = ch->next) {
        if (ch->op == CDC_OP_DDL) {
            model_ddl(md, ch);
        } else {
            model_row_change(md, ch);
        }
    }
    free_changes(list);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All rows of the table, ordered. */
static char *model_dump(const model_table *mt)
{
    size_t n = model_count(mt);
    char **rows = calloc(n + 1, sizeof(*rows));
    size_t i = 0;
    cdc_buffer out;
    cdc_buffer_init(&out, 1 << 24);
    for (const model_row *mr = mt->rows; mr != NULL; mr = mr->next) {
        rows[i++] = mr->row;
    }
    qsort(rows, n, sizeof(*rows), compare_texts);
    for (i = 0; i < n; i++) {
        cdc_buffer_addf(&out, "%s\n", rows[i]);
    }
    free(rows);
    char *text = strdup(cdc_buffer_cstr(&out));
    cdc_buffer_fini(&out);
    return text;
}

/* --- a source, applied to a model --- */

typedef struct bed {
    cdc_task task;
    cdc_selection *selection;
    cdc_metrics *metrics;
    cdc_env env;
    void *src;
    cdc_batch *batch;
    model md;
    change *pending, **pending_end; /* what came since the last checkpoint */
    bool atomic;                    /* the open transaction must not be split */
    uint64_t txn_rows;              /* rows of the open transaction so far */
    uint64_t skip;                  /* of these, still to come again after a restart */
    char *token;                    /* of the last COMMIT */
    char *safe_token;               /* of the last checkpoint, with safe_rows behind it */
    uint64_t safe_rows;
    bool full_done, ended;
    cdc_error err;
} bed;

static const cdc_option *const option_tables[] = {cdc_task_options, src_mysql_options, NULL};

static void bed_init(bed *bd, unsigned threads, unsigned chunk_rows, const char *phases)
{
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "name: copy-test\n"
                     "source: {type: mysql, hosts: [\"%s\"], user: sluice, password: sluice}\n"
                     "objects: {include: [\"" DATABASE ".t_*\"]}\n"
                     "full: {threads: %u, chunk_rows: %u}\n"
                     "phases: [%s]\n"
                     "kafka: {bootstrap.servers: \"127.0.0.1:1\"}\n",
                     server, threads, chunk_rows, phases);
    memset(bd, 0, sizeof(*bd));
    bd->pending_end = &bd->pending;
    assert_int_equal(
        cdc_task_parse(&bd->task, "copy-test", text, (size_t)n, option_tables, &bd->err), CDC_OK);
    assert_int_equal(cdc_selection_new(&bd->selection, bd->task.cfg, &bd->err), CDC_OK);
    bd->metrics = cdc_metrics_new("test", "copy-test");
    bd->env = (cdc_env){.task = &bd->task, .selection = bd->selection, .metrics = bd->metrics};
    bd->batch = cdc_batch_new((size_t)64 << 20);
}

static void bed_fini(bed *bd)
{
    src_mysql.close(bd->src);
    free_changes(&bd->pending);
    model_fini(&bd->md);
    free(bd->token);
    free(bd->safe_token);
    cdc_batch_free(bd->batch);
    cdc_selection_free(bd->selection);
    cdc_metrics_free(bd->metrics);
    cdc_task_fini(&bd->task);
}

static void bed_start(bed *bd)
{
    cdc_rc rc = src_mysql.open(&bd->src, &bd->env, &bd->err);
    if (rc == CDC_OK) {
        rc = src_mysql.start(bd->src, bd->token, bd->token != NULL ? strlen(bd->token) : 0,
                             &bd->err);
    }
    if (rc != CDC_OK) {
        fail_msg("%s", bd->err.text);
    }
}

static char *row_text(const cdc_table *tbl, const cdc_value *row, bool key_only)
{
    cdc_buffer out;
    cdc_buffer_init(&out, 1 << 20);
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        const cdc_value *val = &row[i];
        if (key_only && tbl->nkeys > 0 && tbl->cols[i].key_part < 0) {
            continue;
        }
        cdc_buffer_add_str(&out, out.len > 0 ? " " : "");
        if (val->kind == CDC_NULL) {
            cdc_buffer_add_str(&out, "null");
        } else if (val->kind == CDC_TEXT || val->kind == CDC_DECIMAL) {
            cdc_buffer_addf(&out, "'%.*s'", (int)val->len, val->p);
        } else if (val->kind == CDC_BYTES) {
            for (uint32_t b = 0; b < val->len; b++) {
                cdc_buffer_addf(&out, "%02x", (unsigned char)val->p[b]);
            }
        } else if (val->kind == CDC_DATETIME) {
            cdc_buffer_addf(&out, "%u-%u-%uT%u:%u:%u.%u", val->year, val->t.month, val->t.day,
                            val->t.hour, val->t.minute, val->t.second, val->t.usec);
        } else if (val->kind == CDC_DOUBLE) {
            cdc_buffer_addf(&out, "%.17g", val->d);
        } else if (val->kind == CDC_INT) {
            cdc_buffer_add_i64(&out, val->i);
        } else {
            cdc_buffer_add_u64(&out, val->u);
        }
    }
    char *text = strdup(cdc_buffer_cstr(&out));
    cdc_buffer_fini(&out);
    return text;
}

static void note_event(bed *bd, const cdc_event *ev)
{
    assert_true(ev->txn[0] != '\0' && ev->pos_file[0] != '\0' && ev->source_ms > 0);
    if (bd->skip > 0) {
        bd->skip--;
        return;
    }
    change *ch = calloc(1, sizeof(*ch));
    ch->op = ev->op;
    ch->ddl = ev->ddl;
    ch->strict = ev->phase == CDC_PHASE_INCR;
    ch->table = strdup(ev->table != NULL ? ev->table->name : ev->ddl_table);
    ch->was = strdup(ev->ddl_was);
    ch->sql = strndup(ev->sql, ev->sql_len);
    if (ev->before != NULL) {
        ch->before = row_text(ev->table, ev->before, false);
        ch->key_before = row_text(ev->table, ev->before, true);
    }
    if (ev->after != NULL) {
        ch->after = row_text(ev->table, ev->after, false);
        ch->key_after = row_text(ev->table, ev->after, true);
    }
    ch->keyless = ev->table != NULL && ev->table->nkeys == 0;
    *bd->pending_end = ch;
    bd->pending_end = &ch->next;
}

static cdc_rc bed_poll(bed *bd)
{
    cdc_batch_reset(bd->batch);
    cdc_rc rc = src_mysql.poll(bd->src, bd->batch, 100, &bd->err);
    if (rc != CDC_OK) {
        bd->ended = rc == CDC_EOF;
        return rc;
    }
    const cdc_batch *batch = bd->batch;
    bool committed = false;
    for (uint32_t i = 0; i < batch->nevents; i++) {
        const cdc_event *ev = &batch->events[i];
        if (ev->op == CDC_OP_COMMIT) {
            assert_int_equal(bd->skip, 0);
            bd->txn_rows = 0;
            bd->atomic = false;
            committed = true;
        } else {
            bd->txn_rows++;
            note_event(bd, ev);
        }
    }
    bd->atomic = bd->txn_rows > 0 && (bd->atomic || batch->atomic);
    bd->full_done = bd->full_done || batch->full_done;
    assert_true(!committed || batch->token_len > 0);
    if (batch->token_len > 0) {
        free(bd->token);
        bd->token = strndup(batch->token, batch->token_len);
    }
    return rc;
}

/* As a Kafka transaction is committed. */
static void checkpoint(bed *bd)
{
    if (bd->atomic || bd->skip > 0 || bd->token == NULL) {
        return;
    }
    model_apply(&bd->md, &bd->pending);
    bd->pending_end = &bd->pending;
    free(bd->safe_token);
    bd->safe_token = strdup(bd->token);
    bd->safe_rows = bd->txn_rows;
}

static void kill_and_start(bed *bd)
{
    src_mysql.close(bd->src);
    bd->src = NULL;
    free_changes(&bd->pending);
    bd->pending_end = &bd->pending;
    free(bd->token);
    bd->token = bd->safe_token != NULL ? strdup(bd->safe_token) : NULL;
    bd->full_done = bd->token != NULL && strstr(bd->token, ";stage=") == NULL;
    bd->skip = bd->safe_rows;
    bd->txn_rows = 0;
    bd->atomic = false;
    bed_start(bd);
}

/* --- runs --- */

static void poll_well(bed *bd)
{
    cdc_rc rc = bed_poll(bd);
    if (rc == CDC_RETRY) {
        kill_and_start(bd);
    } else if (rc != CDC_OK && rc != CDC_AGAIN && rc != CDC_EOF) {
        fail_msg("%s: %s", bd->err.code, bd->err.text);
    }
}

static bool no_fault(const bed *bd, uint64_t seed)
{
    if (bd->md.fault != NULL) {
        print_error("seed %llu: %s\ntoken %s\n", (unsigned long long)seed, bd->md.fault,
                    bd->token != NULL ? bd->token : "none");
    }
    return bd->md.fault == NULL;
}

/* The state of the server as a copy gives it to which nobody writes. */
static void copy_at_rest(bed *bd)
{
    int64_t deadline = cdc_clock_mono_ms() + DEADLINE_MS;
    bed_init(bd, 1, 1000, "full");
    bed_start(bd);
    while (!bd->ended && cdc_clock_mono_ms() < deadline) {
        poll_well(bd);
        checkpoint(bd);
    }
    assert_true(bd->ended && bd->full_done);
    assert_true(no_fault(bd, 0));
}

/* Lines of one text that the other has not. */
static void print_missing(const char *title, const char *has, const char *lacks)
{
    for (const char *line = has; *line != '\0';) {
        size_t n = strcspn(line, "\n") + 1;
        char *copy = strndup(line, n);
        if (strstr(lacks, copy) == NULL) {
            print_error("%s: %s", title, copy);
        }
        free(copy);
        line += n;
    }
}

static void assert_equal_tables(bed *bd, bed *rest, MYSQL *my, const writer *wr, uint64_t seed)
{
    for (unsigned i = 0; i < wr->ntables; i++) {
        char count[128];
        const char *name = wr->tables[i].name;
        char *got = model_dump(model_find(&bd->md, name));
        char *want = model_dump(model_find(&rest->md, name));
        snprintf(count, sizeof(count), "SELECT COUNT(*) FROM %s", name);
        assert_int_equal(model_count(model_find(&rest->md, name)), sql_number(my, count));
        if (strcmp(got, want) != 0) {
            print_error("seed %llu: %s (%s, %s) differs\n", (unsigned long long)seed, name,
                        wr->tables[i].kd->columns, wr->tables[i].kd->engine);
            print_missing("only at the source", want, got);
            print_missing("only came", got, want);
            fail();
        }
        free(got);
        free(want);
    }
}

/* The copy is complete, and the last thing that was written has come. */
static bool is_caught_up(bed *bd)
{
    return bd->full_done && model_find(&bd->md, "t_zzz")->rows != NULL;
}

/* The run, killed with a chance of kills in 1000 after each poll. */
static void run_copy(bed *bd, writer *wr, MYSQL *my, unsigned kills)
{
    int64_t deadline = cdc_clock_mono_ms() + DEADLINE_MS;
    unsigned behind = 3 + roll(&wr->dc, 10); /* polls with the writer behind the copy's end */
    dice dc = {wr->dc.state + 1};
    bool stopped = false;
    unsigned killed = 0;
    while (!is_caught_up(bd) && bd->md.fault == NULL && cdc_clock_mono_ms() < deadline) {
        poll_well(bd);
        if (roll(&dc, 3) == 0 || stopped) {
            checkpoint(bd);
        }
        if (roll(&dc, 1000) < kills && !stopped && killed < KILLS_MAX) {
            killed++;
            kill_and_start(bd);
        }
        if (bd->full_done && !stopped && behind-- == 0) {
            atomic_store(&wr->stop, true);
            pthread_join(wr->thread, NULL);
            sql(my, "INSERT INTO t_zzz VALUES (1)");
            stopped = true;
        }
    }
    if (!stopped) {
        atomic_store(&wr->stop, true);
        pthread_join(wr->thread, NULL);
    }
}

static void one_run(uint64_t seed, unsigned kills, bool definitions)
{
    writer wr = {.dc = {seed}, .changes_definitions = definitions};
    MYSQL *my = connect_root();
    bed bd;
    bed rest;
    sql(my, "DROP DATABASE IF EXISTS " DATABASE);
    sql(my, "CREATE DATABASE " DATABASE);
    sql(my, "USE " DATABASE);
    make_tables(&wr, my);
    sql(my, "CREATE TABLE t_zzz (a INT NOT NULL PRIMARY KEY)");
    unsigned threads = 1 + roll(&wr.dc, 4);
    unsigned chunk = roll(&wr.dc, 4) == 0 ? 1 + roll(&wr.dc, 40) : 7;
    assert_int_equal(pthread_create(&wr.thread, NULL, write_on, &wr), 0);
    bed_init(&bd, threads, chunk, "full, incremental");
    bed_start(&bd);
    run_copy(&bd, &wr, my, kills);
    assert_true(no_fault(&bd, seed));
    if (!is_caught_up(&bd)) {
        fail_msg("seed %llu: not at the end within %d ms", (unsigned long long)seed, DEADLINE_MS);
    }
    copy_at_rest(&rest);
    assert_equal_tables(&bd, &rest, my, &wr, seed);
    bed_fini(&bd);
    bed_fini(&rest);
    mysql_close(my);
}

static uint64_t number_of(const char *name, uint64_t usual)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : usual;
}

static void converges(void **state)
{
    (void)state;
    uint64_t runs = number_of("SLUICE_COPY_RUNS", 100);
    uint64_t first = number_of("SLUICE_SEED", 1);
    bool both = getenv("SLUICE_COPY_ALL") != NULL;
    for (uint64_t seed = first; seed < first + runs; seed++) {
        bool definitions = both || seed % 4 == 1;
        one_run(seed, both || seed % 3 == 0 ? 100 : 0, definitions);
    }
}

static int set_up(void **state)
{
    (void)state;
    cdc_log_set_level(CDC_LOG_ERROR);
    server = getenv("SLUICE_TEST_MYSQL_SOURCE");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    MYSQL *my = connect_root();
    sql(my, "DROP DATABASE IF EXISTS " DATABASE);
    mysql_close(my);
    return 0;
}

static void not_asked_for(void **state)
{
    (void)state;
    print_message("SLUICE_TEST_MYSQL_SOURCE is not set\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(converges)};
    const struct CMUnitTest skipped[] = {cmocka_unit_test(not_asked_for)};
    return getenv("SLUICE_TEST_MYSQL_SOURCE") != NULL
               ? cmocka_run_group_tests(tests, set_up, tear_down)
               : cmocka_run_group_tests(skipped, NULL, NULL);
}
