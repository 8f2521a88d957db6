#include "server_version.h"

#include <stdlib.h>
#include <string.h>

static const char OLD_REPLICAS[] = "5.5.5-";

unsigned cdc_server_version(const char *text)
{
    unsigned version = 0;
    if (strncmp(text, OLD_REPLICAS, sizeof OLD_REPLICAS - 1) == 0) {
        text += sizeof OLD_REPLICAS - 1;
    }
    for (int part = 0; part < 3; part++) {
        char *end;
        unsigned long n = strtoul(text, &end, 10);
        if (end == text || n > 999) {
            return 0;
        }
        version = version * 100 + (unsigned)n;
        text = *end == '.' ? end + 1 : end;
    }
    return version;
}
