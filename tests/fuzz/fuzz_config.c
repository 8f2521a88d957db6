/* A task file of any bytes: refused with a text, or taken; what was taken can be printed, and what
 * was printed is a file that means the same. */
#include "core/task.h"

#include "consumers/mysql/options.h"
#include "producers/mysql/options.h"

static const cdc_option *const tables[] = {cdc_task_options, src_mysql_options, sink_mysql_options,
                                           NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool fuzz_once(const char *text, size_t len, cdc_buffer *out)
{
    cdc_config *cfg;
    cdc_error err;
    cdc_error_clear(&err);
    if (cdc_config_parse(&cfg, "fuzz.yaml", text, len, tables, &err) != CDC_OK) {
        if (err.exit != CDC_EXIT_USAGE || strncmp(err.text, "fuzz.yaml", 9) != 0) {
            abort();
        }
        return false;
    }
    cdc_config_print(cfg, out);
    cdc_config_free(cfg);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cdc_buffer once;
    cdc_buffer twice;
    if (size > 64 * 1024 || memmem(data, size, "${", 2) != NULL) {
        return 0; /* files and the environment are not the fuzzer's */
    }
    cdc_buffer_init(&once, 16 * 1024 * 1024);
    cdc_buffer_init(&twice, 16 * 1024 * 1024);
    if (fuzz_once((const char *)data, size, &once)) {
        if (!fuzz_once(once.data, once.len, &twice) || once.len != twice.len ||
            memcmp(once.data, twice.data, once.len) != 0) {
            abort();
        }
    }
    cdc_buffer_fini(&once);
    cdc_buffer_fini(&twice);
    return 0;
}
