/* Definition statements in the target's words: names, what is captured, the other kind of server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/mysql/rewrite.h"
#include "core/task.h"

extern const cdc_option *const cdc_all_options[];

/* the target; FROM_MARIA: also the source; PARTIAL: some tables of the database are left out */
enum { MYSQL = 0, MARIA = 1, FROM_MARIA = 2, PARTIAL = 4 };

typedef struct rewriting {
    int kind;
    const char *sql;
    const char *want; /* "before; sql"; "-": not replayed; "": nothing is left; "!text": refused */
} rewriting;

static cdc_rename *the_rename;
static cdc_task the_task;

static bool knows(void *context, const char *name, size_t len)
{
    bool maria = *(const int *)context == MARIA;
    char text[80];
    snprintf(text, sizeof(text), "%.*s", (int)len, name);
    bool uca = strstr(text, "uca1400") != NULL || strstr(text, "nopad") != NULL;
    bool unicode9 = strstr(text, "0900") != NULL;
    return !(maria ? unicode9 : uca) && strstr(text, "nowhere") == NULL;
}

static int open_rename(void **state)
{
    (void)state;
    static const char text[] = "name: t\n"
                               "source: {type: mysql, hosts: [\"h:1\"], user: u, password: p}\n"
                               "objects: {include: [\"*.*\"]}\n"
                               "kafka: {bootstrap.servers: \"h:1\"}\n"
                               "target:\n"
                               "  type: mysql\n"
                               "  hosts: [\"h:1\"]\n"
                               "  user: u\n"
                               "  password: p\n"
                               "  rename:\n"
                               "    databases: {shop: dr}\n"
                               "    tables: {shop.old: arch.o2, lone.x: dr.x}\n"
                               "    columns: {shop.c: {a: A1, date: day_of}, shop.p: {id: pid}}\n";
    cdc_error err;
    cdc_error_clear(&err);
    if (cdc_task_parse(&the_task, "t.yaml", text, sizeof(text) - 1, cdc_all_options, &err) !=
            CDC_OK ||
        cdc_rename_new(&the_rename, the_task.cfg, &err) != CDC_OK) {
        fail_msg("%s", err.text);
    }
    return 0;
}

static int close_rename(void **state)
{
    (void)state;
    cdc_rename_free(the_rename);
    cdc_task_fini(&the_task);
    return 0;
}

/* One message for each target in the statement, as the capture makes them; only: of these tables.
 */
static uint32_t make_events(const rewriting *w, const char *only, cdc_arena *ar, cdc_event *events,
                            const cdc_event **list)
{
    const char *sql = w->sql;
    const char *gtid =
        (w->kind & FROM_MARIA) != 0 ? "0-1-7" : "3e11fa47-71ca-11e1-9e33-c80aa9429562:23";
    cdc_sql_statement stmt;
    uint32_t n = 0;
    assert_true(cdc_sql_statement_parse(sql, strlen(sql), 0, "shop", ar, &stmt));
    for (uint32_t i = 0; i < stmt.ntargets; i++) {
        const cdc_sql_target *t = &stmt.targets[i];
        if (only != NULL && strcmp(t->table, only) != 0 && strcmp(t->was_table, only) != 0) {
            continue;
        }
        char was[200] = "";
        if (t->was_table[0] != '\0') {
            snprintf(was, sizeof(was), "%s.%s", t->was_database, t->was_table);
        }
        events[n] = (cdc_event){.op = CDC_OP_DDL,
                                .phase = CDC_PHASE_INCR,
                                .ddl = (uint8_t)t->type,
                                .gtid = gtid,
                                .ddl_database = t->database,
                                .ddl_table = t->table,
                                .ddl_was = cdc_arena_strndup(ar, was, strlen(was)),
                                .ddl_default = "shop",
                                .partial = (w->kind & PARTIAL) != 0,
                                .sql = sql,
                                .sql_len = (uint32_t)strlen(sql)};
        list[n] = &events[n];
        n++;
    }
    return n;
}

static void check(const rewriting *w, const char *only)
{
    cdc_event events[8];
    const cdc_event *list[8];
    cdc_arena ar;
    cdc_error err;
    int target = w->kind & MARIA;
    const sink_mysql_rewrite how = {the_rename, target == MARIA, knows, &target};
    cdc_arena_init(&ar, 4096, 1 << 20);
    cdc_error_clear(&err);
    uint32_t n = make_events(w, only, &ar, events, list);
    assert_true(n > 0);
    sink_mysql_rewritten rw;
    sink_mysql_rewritten_init(&rw);
    cdc_rc rc = sink_mysql_rewrite_statement(&how, list, n, &rw, &err);
    char got[4096];
    if (rc != CDC_OK) {
        snprintf(got, sizeof(got), "!%s", err.text);
    } else if (rw.replay == SINK_MYSQL_NO_OBJECT) {
        snprintf(got, sizeof(got), "-");
    } else {
        snprintf(got, sizeof(got), "%.*s%s%.*s", (int)rw.before.len, rw.before.data,
                 rw.before.len > 0 ? "; " : "", (int)rw.sql.len, rw.sql.data);
    }
    bool same = w->want[0] == '!' ? got[0] == '!' && strstr(got, w->want + 1) != NULL
                                  : strcmp(got, w->want) == 0;
    if (!same) {
        fail_msg("%s\n     got: %s\n    want: %s", w->sql, got, w->want);
    }
    sink_mysql_rewritten_fini(&rw);
    cdc_arena_fini(&ar);
}

#define CHECK_ALL(cases, only)                                                                     \
    for (size_t i_ = 0; i_ < sizeof(cases) / sizeof((cases)[0]); i_++) {                           \
        check(&(cases)[i_], only);                                                                 \
    }

static void maps_names(void **state)
{
    (void)state;
    static const rewriting cases[] = {
        {MYSQL, "CREATE TABLE t (a int)", "CREATE TABLE `dr`.`t` (a int)"},
        {MYSQL, "create table if not exists `shop`.`old` (a int)",
         "create table if not exists `arch`.`o2` (a int)"},
        {MYSQL, "CREATE TABLE other.t LIKE old", "CREATE TABLE `other`.`t` LIKE `arch`.`o2`"},
        {MYSQL, "CREATE TABLE t (LIKE shop.u)", "CREATE TABLE `dr`.`t` (LIKE `dr`.`u`)"},
        {MYSQL, "ALTER TABLE t ADD c varchar(20) DEFAULT 'shop.t'",
         "ALTER TABLE `dr`.`t` ADD c varchar(20) DEFAULT 'shop.t'"},
        {MYSQL, "ALTER TABLE x.t ADD FOREIGN KEY (a) REFERENCES t (a), RENAME TO old",
         "ALTER TABLE `x`.`t` ADD FOREIGN KEY (a) REFERENCES `x`.`t` (a), RENAME TO `arch`.`o2`"},
        {MYSQL, "ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE old",
         "ALTER TABLE `dr`.`p` EXCHANGE PARTITION p0 WITH TABLE `arch`.`o2`"},
        {MYSQL, "CREATE TABLE t (b int REFERENCES old (i)) ENGINE=InnoDB",
         "CREATE TABLE `dr`.`t` (b int REFERENCES `arch`.`o2` (i)) ENGINE=InnoDB"},
        {MYSQL, "TRUNCATE t", "TRUNCATE `dr`.`t`"},
        {MYSQL, "CREATE UNIQUE INDEX i ON t (a)", "CREATE UNIQUE INDEX i ON `dr`.`t` (a)"},
        {MYSQL, "DROP INDEX `i` ON shop.old", "DROP INDEX `i` ON `arch`.`o2`"},
        {MYSQL, "CREATE DATABASE `sh``op` CHARACTER SET latin1",
         "CREATE DATABASE `sh``op` CHARACTER SET latin1"},
        {MYSQL, "ALTER DATABASE CHARACTER SET latin1", "ALTER DATABASE  `dr` CHARACTER SET latin1"},
        {MYSQL, "DROP DATABASE other", "DROP DATABASE `other`"},
        {MYSQL, "DROP DATABASE shop", "!drop them by hand"},
        {MYSQL, "/*!50001 CREATE TABLE t (a int) */", "CREATE TABLE `dr`.`t` (a int)  "},
        {MYSQL, "CREATE TABLE t (a int /*!80000 NOT NULL */)",
         "CREATE TABLE `dr`.`t` (a int   NOT NULL  )"},
    };
    CHECK_ALL(cases, NULL);
}

static void takes_only_what_is_captured(void **state)
{
    (void)state;
    static const rewriting cases[] = {
        {MYSQL, "DROP TABLE IF EXISTS `a`,`b` /* generated by server */",
         "DROP TABLE IF EXISTS `dr`.`a`"},
        {MYSQL, "RENAME TABLE a TO old, b TO c", "RENAME TABLE `dr`.`a` TO `arch`.`o2`"},
        {MYSQL, "RENAME TABLE b TO a, x.y TO x.z, a TO w",
         "RENAME TABLE `dr`.`b` TO `dr`.`a`, `dr`.`a` TO `dr`.`w`"},
    };
    static const rewriting all[] = {
        {MYSQL, "DROP TABLE a, x.b", "DROP TABLE IF EXISTS `dr`.`a`, `x`.`b`"},
        {MYSQL, "RENAME TABLE a WAIT 3 TO b, b TO a",
         "RENAME TABLE `dr`.`a` TO `dr`.`b`, `dr`.`b` TO `dr`.`a`"},
        {MYSQL, "RENAME TABLE lone.x TO shop.x", ""}, /* has that name at the target already */
    };
    static const rewriting some[] = {
        {PARTIAL, "DROP DATABASE other", "!only some tables of database other are captured"},
        {PARTIAL, "DROP SCHEMA IF EXISTS lone", "!and database lone of the target may hold others"},
        {PARTIAL | MARIA, "CREATE OR REPLACE DATABASE other",
         "!only some tables of database other"},
        {PARTIAL, "ALTER DATABASE other CHARACTER SET latin1",
         "ALTER DATABASE `other` CHARACTER SET latin1"},
        {PARTIAL, "CREATE DATABASE other", "CREATE DATABASE `other`"},
        {MYSQL, "DROP DATABASE other", "DROP DATABASE `other`"},
    };
    CHECK_ALL(cases, "a");
    CHECK_ALL(all, NULL);
    CHECK_ALL(some, NULL);
}

static void leaves_out_how_it_was_done(void **state)
{
    (void)state;
    static const rewriting cases[] = {
        {MYSQL, "ALTER TABLE t ADD c int, ALGORITHM=INSTANT, LOCK=NONE",
         "ALTER TABLE `dr`.`t` ADD c int"},
        {MYSQL, "ALTER TABLE t ALGORITHM=INPLACE, LOCK=NONE, DROP c",
         "ALTER TABLE `dr`.`t`   DROP c"},
        {MARIA, "ALTER ONLINE TABLE t WAIT 5 DROP c", "ALTER  TABLE `dr`.`t`  DROP c"},
        {MYSQL, "CREATE INDEX i ON t (a) ALGORITHM INPLACE LOCK=NONE",
         "CREATE INDEX i ON `dr`.`t` (a)  "},
        {MARIA, "SET STATEMENT max_statement_time=3 FOR DROP INDEX i ON t NOWAIT",
         "DROP INDEX i ON `dr`.`t` "},
    };
    CHECK_ALL(cases, NULL);
}

static void does_not_replay_other_objects(void **state)
{
    (void)state;
    static const rewriting cases[] = {
        {MYSQL, "CREATE VIEW v AS SELECT 1", "-"},
        {MYSQL, "CREATE DEFINER=`a`@`b` TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET @a=1", "-"},
        {MYSQL, "CREATE SEQUENCE s", "-"},
        {MARIA, "CREATE SEQUENCE s START 5", "CREATE SEQUENCE `dr`.`s` START 5"},
        {MARIA, "DROP SEQUENCE s, x.u", "DROP SEQUENCE IF EXISTS `dr`.`s`, `x`.`u`"},
        {MYSQL, "NEWS of a later version", "-"},
        {MYSQL, "CREATE TABLE t (a int) SELECT 1 a", "!ROW format"},
        {MYSQL, "CREATE TABLE t AS (SELECT 1 a)", "!ROW format"},
    };
    CHECK_ALL(cases, NULL);
}

static void renames_columns(void **state)
{
    (void)state;
    static const rewriting cases[] = {
        {MYSQL,
         "CREATE TABLE c (`a` int, b int AS (a + `a`) STORED, `date` date, PRIMARY KEY (a), "
         "KEY a (b, A(3)), UNIQUE (`date` DESC), KEY f ((a * 2)), CHECK (a > 3), "
         "FOREIGN KEY (a) REFERENCES p (id, other)) PARTITION BY RANGE (a) (PARTITION a VALUES "
         "LESS THAN (3))",
         "CREATE TABLE `dr`.`c` (`A1` int, b int AS (`A1` + `A1`) STORED, `day_of` date, PRIMARY "
         "KEY (`A1`), KEY a (b, `A1`(3)), UNIQUE (`day_of` DESC), KEY f ((`A1` * 2)), CHECK (`A1` "
         "> 3), FOREIGN KEY (`A1`) REFERENCES `dr`.`p` (`pid`, other)) PARTITION BY RANGE (`A1`) "
         "(PARTITION a VALUES LESS THAN (3))"},
        {MYSQL,
         "ALTER TABLE c CHANGE a a bigint AFTER b, ADD d int REFERENCES p(id), DROP COLUMN a",
         "ALTER TABLE `dr`.`c` CHANGE `A1` `A1` bigint AFTER b, ADD d int REFERENCES "
         "`dr`.`p`(`pid`), DROP COLUMN `A1`"},
        {MYSQL,
         "ALTER TABLE c MODIFY b int AFTER a, ALTER a SET DEFAULT 3, RENAME COLUMN a TO z, "
         "DROP KEY a, ADD (e int, INDEX (a)), ORDER BY a, b",
         "ALTER TABLE `dr`.`c` MODIFY b int AFTER `A1`, ALTER `A1` SET DEFAULT 3, RENAME COLUMN "
         "`A1` TO z, DROP KEY a, ADD (e int, INDEX (`A1`)), ORDER BY `A1`, b"},
        {MYSQL, "CREATE INDEX a ON c (a, b)", "CREATE INDEX a ON `dr`.`c` (`A1`, b)"},
        {MYSQL, "ALTER TABLE q ADD FOREIGN KEY (a) REFERENCES p (id)",
         "ALTER TABLE `dr`.`q` ADD FOREIGN KEY (a) REFERENCES `dr`.`p` (`pid`)"},
        {MYSQL, "ALTER TABLE c ADD x int AS (cast(b as date))", "!keyword"},
        {MYSQL, "ALTER TABLE c ADD CHECK (c.a > 1)", "!together with its table"},
    };
    CHECK_ALL(cases, NULL);
}

static void speaks_mariadb(void **state)
{
    (void)state;
    static const rewriting cases[] = {
        {MARIA,
         "CREATE TABLE `t` (`a` varchar(9) COLLATE utf8mb4_0900_as_cs DEFAULT NULL, `b` int "
         "GENERATED ALWAYS AS ((`a` + 1)) STORED NOT NULL /*!80023 INVISIBLE */, KEY `k` (`a`) "
         "/*!80000 INVISIBLE */) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci",
         "CREATE TABLE `dr`.`t` (`a` varchar(9) COLLATE utf8mb4_uca1400_nopad_as_cs DEFAULT NULL, "
         "`b` int GENERATED ALWAYS AS ((`a` + 1)) STORED    INVISIBLE  , KEY `k` (`a`)   IGNORED  "
         ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_nopad_ai_ci"},
        {MARIA, "CREATE TABLE t (a int) CHARSET utf8mb4",
         "CREATE TABLE `dr`.`t` (a int) CHARSET utf8mb4 COLLATE utf8mb4_uca1400_nopad_ai_ci"},
        {MARIA | FROM_MARIA, "CREATE TABLE t (a int) CHARSET utf8mb4",
         "CREATE TABLE `dr`.`t` (a int) CHARSET utf8mb4"},
        {MARIA, "ALTER TABLE t CONVERT TO CHARACTER SET 'utf8mb4' COLLATE utf8mb4_de_pb_0900_as_cs",
         "ALTER TABLE `dr`.`t` CONVERT TO CHARACTER SET 'utf8mb4' COLLATE "
         "utf8mb4_uca1400_german2_nopad_as_cs"},
        {MARIA, "CREATE TABLE t (a int COLLATE utf8mb4_0900_bin)",
         "CREATE TABLE `dr`.`t` (a int COLLATE utf8mb4_nopad_bin)"},
        {MARIA,
         "CREATE TABLE t (a int CHECK (a > 1) NOT NULL, b int CONSTRAINT x CHECK (b > 2) /*!80016 "
         "NOT ENFORCED */ COMMENT 'x', CONSTRAINT y CHECK (a > b) NOT ENFORCED, CHECK (b) "
         "ENFORCED)",
         "CREATE TABLE `dr`.`t` (a int  NOT NULL CHECK (a > 1), b int    COMMENT 'x', CHECK (b) )"},
        {MARIA, "ALTER TABLE t ADD a int CHECK (a > 1) NOT NULL AFTER b",
         "ALTER TABLE `dr`.`t` ADD a int  NOT NULL CHECK (a > 1) AFTER b"},
        {MARIA,
         "CREATE TABLE t (a int COLUMN_FORMAT FIXED VISIBLE, p point SRID 4326 NOT NULL, g int AS "
         "(a) NULL, d int DEFAULT NULL) ENGINE_ATTRIBUTE='{}' TABLESPACE=ts COMPRESSION='zlib' "
         "ENCRYPTION='N'",
         "CREATE TABLE `dr`.`t` (a int  , p point  NOT NULL, g int AS (a) , d int DEFAULT NULL)   "
         " "},
        {MARIA, "CREATE DATABASE x CHARACTER SET utf8mb4 DEFAULT ENCRYPTION='N'",
         "CREATE DATABASE `x` CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_nopad_ai_ci  "},
        {MARIA, "ALTER TABLE t ALTER INDEX i INVISIBLE, DROP CHECK c, ADD KEY j (a) VISIBLE",
         "ALTER TABLE `dr`.`t` ALTER INDEX i IGNORED, DROP CONSTRAINT c, ADD KEY j (a) "},
        {MARIA, "CREATE INDEX i ON t (a) INVISIBLE", "CREATE INDEX i ON `dr`.`t` (a) IGNORED"},
        {MARIA, "CREATE TABLE t (visible int, `check` int, j json, d date DEFAULT (curdate()))",
         "CREATE TABLE `dr`.`t` (visible int, `check` int, j json, d date DEFAULT (curdate()))"},
    };
    CHECK_ALL(cases, NULL);
}

static void speaks_mysql(void **state)
{
    (void)state;
    static const rewriting cases[] = {
        {MYSQL | FROM_MARIA,
         "CREATE OR REPLACE TABLE t (j JSON NOT NULL, u uuid DEFAULT uuid(), x text DEFAULT 'a', y "
         "text DEFAULT NULL, c varchar(9) /*M!100301 COMPRESSED*/ COLLATE "
         "utf8mb4_uca1400_swedish_as_ci, v int AS (1 + 1) PERSISTENT, d datetime DEFAULT "
         "current_timestamp() ON UPDATE current_timestamp(), KEY k (c) IGNORED) ENGINE=Aria "
         "PAGE_CHECKSUM=1 `PAGE_COMPRESSED`=1 DEFAULT CHARSET=utf8mb4",
         "DROP TABLE IF EXISTS `dr`.`t`; CREATE  TABLE `dr`.`t` (j longtext CHARACTER SET utf8mb4 "
         "COLLATE utf8mb4_bin CHECK (json_valid(`j`)) NOT NULL, u char(36) CHARACTER SET ascii "
         "COLLATE ascii_bin DEFAULT (uuid()), x text DEFAULT ('a'), y text DEFAULT NULL, c "
         "varchar(9)     COLLATE utf8mb4_sv_0900_as_ci, v int AS (1 + 1) STORED, d datetime "
         "DEFAULT "
         "current_timestamp() ON UPDATE current_timestamp(), KEY k (c) INVISIBLE) ENGINE=InnoDB   "
         "DEFAULT CHARSET=utf8mb4 COLLATE utf8mb4_general_ci"},
        {MYSQL, "CREATE TABLE t (j JSON) CHARSET utf8mb4",
         "CREATE TABLE `dr`.`t` (j JSON) CHARSET utf8mb4"},
        /* of the phase schema, which has no GTID */
        {MYSQL, "CREATE TABLE t (`u` uuid NOT NULL DEFAULT uuid(), j json)",
         "CREATE TABLE `dr`.`t` (`u` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL "
         "DEFAULT (uuid()), j json)"},
        {MYSQL | FROM_MARIA, "ALTER TABLE IF EXISTS t ADD COLUMN IF NOT EXISTS a int",
         "ALTER TABLE  `dr`.`t` ADD COLUMN  a int"},
        {MYSQL | FROM_MARIA, "DROP INDEX IF EXISTS i ON t", "DROP INDEX  i ON `dr`.`t`"},
        {MYSQL | FROM_MARIA, "ALTER IGNORE TABLE t ADD UNIQUE (a)",
         "ALTER  TABLE `dr`.`t` ADD UNIQUE (a)"},
        {MYSQL | FROM_MARIA,
         "CREATE TABLE t (a int, s timestamp(6) WITHOUT SYSTEM VERSIONING, p point "
         "REF_SYSTEM_ID=4326) WITH SYSTEM VERSIONING",
         "CREATE TABLE `dr`.`t` (a int, s timestamp(6) , p point SRID 4326) "},
        {MYSQL | FROM_MARIA, "ALTER TABLE t ADD c int, ADD SYSTEM VERSIONING",
         "ALTER TABLE `dr`.`t` ADD c int"},
        /* as MariaDB prints it */
        {MYSQL | FROM_MARIA,
         "CREATE TABLE `t` (`b` timestamp(6) GENERATED ALWAYS AS ROW START, `id` int NOT NULL, `e` "
         "timestamp(6) INVISIBLE GENERATED ALWAYS AS ROW END, `row` int AS (`id` + 1), PRIMARY KEY "
         "(`id`,`e`), KEY `k` (`E`,`b`,`row`), KEY `k2` (`row` DESC,`b`,`e`), PERIOD FOR "
         "SYSTEM_TIME (`b`, `e`)) ENGINE=InnoDB WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME "
         "INTERVAL 1 DAY STARTS TIMESTAMP'2026-01-01 00:00:00' AUTO (PARTITION `p0` HISTORY ENGINE "
         "= InnoDB, PARTITION `pn` CURRENT ENGINE = InnoDB)",
         "CREATE TABLE `dr`.`t` ( `id` int NOT NULL, `row` int AS (`id` + 1), PRIMARY KEY (`id`), "
         "KEY `k` (`row`), KEY `k2` (`row` DESC)) ENGINE=InnoDB  "},
        {MYSQL | FROM_MARIA,
         "ALTER TABLE t ADD COLUMN b timestamp(6) AS ROW START, ADD COLUMN e timestamp(6) AS ROW "
         "END, ADD PERIOD FOR SYSTEM_TIME (b, e), ADD SYSTEM VERSIONING",
         "ALTER TABLE `dr`.`t`    "},
        {MYSQL | FROM_MARIA, "ALTER TABLE t DROP PERIOD FOR SYSTEM_TIME, ADD history int",
         "ALTER TABLE `dr`.`t`  ADD history int"},
        {MYSQL | FROM_MARIA, "ALTER TABLE t ADD c int PARTITION BY SYSTEM_TIME LIMIT 1000",
         "ALTER TABLE `dr`.`t` ADD c int "},
        {MYSQL | FROM_MARIA,
         "ALTER TABLE t ADD PARTITION IF NOT EXISTS (PARTITION p2 HISTORY, PARTITION p3 HISTORY)",
         "ALTER TABLE `dr`.`t` "},
        {MYSQL | FROM_MARIA, "ALTER TABLE t ADD PARTITION (PARTITION history VALUES IN (2))",
         "ALTER TABLE `dr`.`t` ADD PARTITION (PARTITION history VALUES IN (2))"},
        {MYSQL | FROM_MARIA, "CREATE TABLE t (a varchar(3) COLLATE latin1_swedish_nopad_ci)",
         "CREATE TABLE `dr`.`t` (a varchar(3) COLLATE latin1_swedish_ci)"},
        {MYSQL | FROM_MARIA, "CREATE DATABASE x COLLATE=utf8mb4_uca1400_ai_ci",
         "CREATE DATABASE `x` COLLATE=utf8mb4_0900_ai_ci"},
    };
    CHECK_ALL(cases, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_names),
        cmocka_unit_test(takes_only_what_is_captured),
        cmocka_unit_test(leaves_out_how_it_was_done),
        cmocka_unit_test(does_not_replay_other_objects),
        cmocka_unit_test(renames_columns),
        cmocka_unit_test(speaks_mariadb),
        cmocka_unit_test(speaks_mysql),
    };
    return cmocka_run_group_tests(tests, open_rename, close_rename);
}
