/* admin.h's requests on a handle that is kept open: for the router, which may have to make a
 * thousand topics. */
#ifndef CDC_ADMIN_CLIENT_H
#define CDC_ADMIN_CLIENT_H

#include "admin.h"
#include "client.h"

cdc_rc cdc_admin_ensure_with(cdc_client *cl, const char *name, int32_t partitions,
                             cdc_topic_kind kind, cdc_error *err) CDC_MUST_CHECK;
/* The topic's max.message.bytes; 0 when the brokers do not tell. */
int64_t cdc_admin_record_limit(cdc_client *cl, const char *name);

#endif
