/* Can a column at the target hold what the source's column holds? Judged by their type texts, as
 * information_schema gives them, of MySQL and MariaDB alike ("int(11)" and "int" are the same). */
#ifndef SINK_MYSQL_COLUMN_FIT_H
#define SINK_MYSQL_COLUMN_FIT_H

typedef enum sink_mysql_fit {
    SINK_MYSQL_FITS,      /* the same type, or a wider one of the same kind */
    SINK_MYSQL_CONVERTED, /* another kind: values are converted, or refused */
    SINK_MYSQL_NARROWER,  /* the same kind, but some values are too large for it */
} sink_mysql_fit;

sink_mysql_fit sink_mysql_column_fit(const char *source, const char *target);

#endif
