#include "codec.h"

const cdc_check cdc_codec_checks[] = {
    {"registry_connect", "fail, warn",
     "Every schema registry of `message.registry.url` answers, speaks Confluent's API, and takes "
     "the account; a warning while another one does.",
     "the reason stands in the line: name (DNS), port, TLS, account"},
    {"registry_compatibility", "fail, warn",
     "The registry's compatibility (that of subjects without one of their own), and that of the "
     "subjects of the task that are there, is not NONE (warning), with which a change of a table "
     "may leave readers of the older schemas behind; and with `auto_register` these subjects take "
     "the schemas of the tables as they are now (failure, with the registry's reason).",
     "PUT /config, PUT /config/SUBJECT; `message.registry.subjects`"},
    {"registry_register", "fail",
     "With `auto_register`, the registry takes new schemas (mode READWRITE), and from this "
     "account: "
     "asked by registering nothing under each subject, which is refused in another way when the "
     "right is there.",
     "PUT /mode; the right to write the subject; `message.registry.auto_register: false`"},
    {"registry_subjects", "fail",
     "Without `auto_register`, the subjects of the tables are there, with the very schemas of the "
     "tables as they are now.",
     "register the schemas; `message.registry.auto_register: true`"},
    {NULL, NULL, NULL, NULL},
};
