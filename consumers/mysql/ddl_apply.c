#include "ddl_apply.h"

#include "core/log.h"
#include "ddl.h"
#include "handle.h"
#include "offsets.h"

enum { HEAD_MAX = 120 };

static void sink_mysql_ddl_skip(sink_mysql_handle *sm, const cdc_event *ev, const cdc_error *err)
{
    char head[HEAD_MAX + 1];
    snprintf(head, sizeof head, "%.*s", (int)(ev->sql_len < HEAD_MAX ? ev->sql_len : HEAD_MAX),
             ev->sql);
    CDC_LOG(CDC_LOG_WARN, "ddl_skipped", CDC_STR("statement", head),
            CDC_STR("pos", ev->pos_text != NULL ? ev->pos_text : ""),
            CDC_STR("why", "target.on_ddl_error is skip"), CDC_STR("error", err->text));
    cdc_metric_add(sm->metrics.ddl_skipped, 1);
}

cdc_rc sink_mysql_ddl_apply(sink_mysql_handle *sm, const cdc_event *const *events, uint32_t n,
                            cdc_error *err)
{
    cdc_rc rc = sink_mysql_ddl_execute(sm, events, n, err);
    if (rc == CDC_FATAL) {
        rc = sink_mysql_check_fence(sm, err);
    }
    bool fenced = rc == CDC_FATAL && strcmp(err->code, "applier_fenced") == 0;
    if (rc == CDC_FATAL && sm->skip_ddl && !fenced) {
        sink_mysql_ddl_skip(sm, events[0], err);
        cdc_error_clear(err);
        return CDC_OK;
    }
    if (rc == CDC_OK) {
        sm->counts.applied[CDC_OP_DDL]++;
    }
    return rc;
}
