#include "names.h"

void src_mysql_add_name(cdc_buffer *out, const char *name)
{
    cdc_buffer_add_char(out, '`');
    for (; *name != '\0'; name++) {
        if (*name == '`') {
            cdc_buffer_add_char(out, '`');
        }
        cdc_buffer_add_char(out, *name);
    }
    cdc_buffer_add_char(out, '`');
}

void src_mysql_add_table(cdc_buffer *out, const char *database, const char *table)
{
    src_mysql_add_name(out, database);
    cdc_buffer_add_char(out, '.');
    src_mysql_add_name(out, table);
}
