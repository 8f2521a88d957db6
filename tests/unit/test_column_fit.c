/* Which target column can hold a source column (consumers/mysql/column_fit.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/mysql/column_fit.h"

typedef struct pair {
    const char *source, *target;
    sink_mysql_fit fit;
} pair;

static const pair pairs[] = {
    {"int", "int", SINK_MYSQL_FITS},
    {"int", "int(11)", SINK_MYSQL_FITS},
    {"int", "bigint(20)", SINK_MYSQL_FITS},
    {"bigint", "int", SINK_MYSQL_NARROWER},
    {"int unsigned", "int unsigned", SINK_MYSQL_FITS},
    {"int unsigned", "int", SINK_MYSQL_NARROWER},
    {"int unsigned", "bigint", SINK_MYSQL_FITS},
    {"int", "bigint unsigned", SINK_MYSQL_NARROWER},
    {"varchar(20)", "varchar(20)", SINK_MYSQL_FITS},
    {"varchar(20)", "varchar(200)", SINK_MYSQL_FITS},
    {"varchar(20)", "varchar(10)", SINK_MYSQL_NARROWER},
    {"varchar(20)", "text", SINK_MYSQL_FITS},
    {"mediumtext", "text", SINK_MYSQL_NARROWER},
    {"json", "longtext", SINK_MYSQL_FITS},
    {"json", "text", SINK_MYSQL_NARROWER},
    {"longblob", "longtext", SINK_MYSQL_CONVERTED},
    {"binary(16)", "binary(16)", SINK_MYSQL_FITS},
    {"binary(16)", "varbinary(8)", SINK_MYSQL_NARROWER},
    {"decimal(10,2)", "decimal(12,2)", SINK_MYSQL_FITS},
    {"decimal(10,2)", "decimal(10,4)", SINK_MYSQL_NARROWER},
    {"decimal(10,2)", "decimal(10,0)", SINK_MYSQL_NARROWER},
    {"decimal(10,2)", "decimal(10,2) unsigned", SINK_MYSQL_NARROWER},
    {"double", "float", SINK_MYSQL_NARROWER},
    {"datetime(6)", "datetime", SINK_MYSQL_NARROWER},
    {"datetime", "datetime(3)", SINK_MYSQL_FITS},
    {"datetime", "timestamp", SINK_MYSQL_CONVERTED},
    {"year", "year(4)", SINK_MYSQL_FITS},
    {"bit(8)", "bit(1)", SINK_MYSQL_NARROWER},
    {"int", "varchar(20)", SINK_MYSQL_CONVERTED},
    {"enum('a','b')", "enum('a','b','c')", SINK_MYSQL_FITS},
    {"enum('a','b')", "enum('a')", SINK_MYSQL_NARROWER},
    {"enum('a','b')", "enum('b','a')", SINK_MYSQL_NARROWER},
    {"set('x')", "set('x')", SINK_MYSQL_FITS},
    {"point", "point", SINK_MYSQL_FITS},
    {"inet6", "varchar(39)", SINK_MYSQL_CONVERTED},
    {"", "int", SINK_MYSQL_CONVERTED},
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        sink_mysql_fit fit = sink_mysql_column_fit(pairs[i].source, pairs[i].target);
        if (fit != pairs[i].fit) {
            fail_msg("%s into %s: %d, wanted %d", pairs[i].source, pairs[i].target, (int)fit,
                     (int)pairs[i].fit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
