/* Conditions: any text is parsed or refused with a place; what is parsed is bound to a table with a
 * column of each kind or refused; what is bound has an answer for every row, and NOT the opposite.
 */
#include <stdlib.h>

#include "core/where.h"
#include "tests/unit/where_rows.h"

enum { ROWS = 4 };

static cdc_table *table;
static cdc_value rows[ROWS][NCOLS];

static void make_rows(void)
{
    cdc_error err;
    const uint16_t keys[] = {I};
    if (cdc_table_new(&table, "shop", "all", columns, NCOLS, keys, 1, &err) != CDC_OK) {
        abort();
    }
    where_fill(rows[0]);
    for (int i = 0; i < NCOLS; i++) {
        rows[1][i] = (cdc_value){.kind = CDC_NULL};
        rows[2][i] = (cdc_value){.kind = CDC_ABSENT};
        /* the smallest of each kind */
        rows[3][i] = (cdc_value){.kind = (uint8_t)columns[i].kind};
    }
    rows[3][DEC] = text(CDC_DECIMAL, "0.0000");
}

static cdc_condition *bind(const char *condition)
{
    cdc_where *where = NULL;
    cdc_condition *cond = NULL;
    cdc_error err;
    cdc_error_clear(&err);
    cdc_rc rc = cdc_where_parse(&where, condition, &err);
    if (rc == CDC_OK) {
        rc = cdc_where_bind(&cond, where, table, &err);
    }
    cdc_where_free(where);
    if (rc != CDC_OK && (rc != CDC_FATAL || strcmp(err.code, "where") != 0 ||
                         strncmp(err.text, "where", 5) != 0 || cond != NULL)) {
        abort();
    }
    return cond;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const cdc_truth opposite[] = {CDC_TRUE, CDC_FALSE, CDC_UNKNOWN};
    if (table == NULL) {
        make_rows();
    }
    char *condition = malloc(size + 16);
    if (condition == NULL) {
        return 0;
    }
    memcpy(condition, "NOT (", 5);
    memcpy(condition + 5, data, size);
    condition[5 + size] = '\0';
    cdc_condition *cond = bind(condition + 5);
    memcpy(condition + 5 + strlen(condition + 5), ")", 2);
    cdc_condition *negated = cond != NULL ? bind(condition) : NULL;
    for (int i = 0; cond != NULL && i < ROWS; i++) {
        int lacking;
        cdc_truth truth = cdc_condition_row(cond, rows[i], &lacking);
        if (truth > CDC_UNKNOWN || (lacking >= 0) > (i == 2)) {
            abort();
        }
        /* one level more may be too deep */
        if (negated != NULL && cdc_condition_row(negated, rows[i], &lacking) != opposite[truth]) {
            abort();
        }
    }
    cdc_condition_free(cond);
    cdc_condition_free(negated);
    free(condition);
    return 0;
}
