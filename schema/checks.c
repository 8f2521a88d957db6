#include "codec.h"

const cdc_check cdc_codec_checks[] = {
    {"registry_connect", "fail, warn",
     "Every schema registry of `message.registry.url` answers, speaks Confluent's API, and takes "
     "the account; a warning while another one does.",
     "the reason stands in the line: name (DNS), port, TLS, account"},
    {"registry_compatibility", "warn",
     "The registry's compatibility (that of subjects without one of their own) is not NONE, with "
     "which a change of a table may leave readers of the older schemas behind.",
     "PUT /config"},
    {"registry_register", "fail",
     "With `auto_register`, the registry takes new schemas (mode READWRITE), and from this "
     "account: "
     "asked by registering nothing under each subject, which is refused in another way when the "
     "right is there.",
     "PUT /mode; the right to write the subject; `message.registry.auto_register: false`"},
    {"registry_subjects", "fail", "Without `auto_register`, the subjects of the tables are there.",
     "register the schemas; `message.registry.auto_register: true`"},
    {NULL, NULL, NULL, NULL},
};
