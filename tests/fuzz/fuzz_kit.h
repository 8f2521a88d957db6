/* What the fuzz targets of the binlog's parsers share. */
#ifndef FUZZ_KIT_H
#define FUZZ_KIT_H

#include <stdlib.h>

#include "core/error.h"

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void must_explain(cdc_rc rc, cdc_error *err)
{
    must(rc == CDC_FATAL && err->rc == CDC_FATAL && err->text[0] != '\0');
    cdc_error_clear(err);
}

#endif
