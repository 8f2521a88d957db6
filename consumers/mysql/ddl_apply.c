#include "ddl_apply.h"

#include "core/log.h"
#include "ddl.h"
#include "ddl_intent.h"
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

/* In phase SNAPSHOT what is done already is no error, so any statement may come twice. */
static bool sink_mysql_has_intent(const cdc_event *ev)
{
    return ev->phase != CDC_PHASE_SNAPSHOT;
}

static cdc_rc sink_mysql_ddl_once(sink_mysql_handle *sm, const cdc_event *const *events, uint32_t n,
                                  const cdc_offset *at, cdc_error *err)
{
    bool done = false;
    cdc_rc rc = sink_mysql_has_intent(events[0])
                    ? sink_mysql_intent_begin(sm, events, n, at, &done, err)
                    : CDC_OK;
    bool begun = rc == CDC_OK && sink_mysql_has_intent(events[0]);
    if (rc == CDC_OK && !done) {
        rc = sink_mysql_ddl_execute(sm, events, n, err);
    }
    if (rc == CDC_FATAL) {
        rc = sink_mysql_check_fence(sm, err);
    }
    bool fenced = rc == CDC_FATAL && strcmp(err->code, "applier_fenced") == 0;
    if (rc == CDC_FATAL && begun && !fenced && !sm->skip_ddl) {
        sink_mysql_intent_forget(sm, at);
    }
    return rc;
}

cdc_rc sink_mysql_ddl_apply(sink_mysql_handle *sm, const cdc_event *const *events, uint32_t n,
                            const cdc_offset *at, cdc_error *err)
{
    cdc_rc rc = sink_mysql_ddl_once(sm, events, n, at, err);
    bool fenced = rc == CDC_FATAL && strcmp(err->code, "applier_fenced") == 0;
    if (rc == CDC_FATAL && sm->skip_ddl && !fenced) {
        sink_mysql_ddl_skip(sm, events[0], err);
        cdc_error_clear(err);
        rc = CDC_OK;
    } else if (rc == CDC_FATAL && !fenced) {
        size_t len = strlen(err->text);
        snprintf(err->text + len, sizeof err->text - len,
                 "; mend that at the target, or run the statement there yourself and start once "
                 "with target.on_ddl_error: skip");
    } else if (rc == CDC_OK) {
        sm->counts.applied[CDC_OP_DDL]++;
    }
    if (rc == CDC_OK && sink_mysql_has_intent(events[0])) {
        rc = sink_mysql_intent_end(sm, at, err);
    }
    return rc;
}

cdc_rc sink_mysql_ddl_applied(sink_mysql_handle *sm, const cdc_event *ev, cdc_error *err)
{
    return sink_mysql_has_intent(ev) ? sink_mysql_intent_unlock(sm, err) : CDC_OK;
}
