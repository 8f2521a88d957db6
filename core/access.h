/* The options by which every source and target is reached in the same way: its account's password,
 * and TLS. Part of a plug-in's option table; side is "source" or "target". */
#ifndef CDC_ACCESS_H
#define CDC_ACCESS_H

#include "config.h"

// clang-format off
#define CDC_ACCESS_OPTIONS(side)                                                                   \
    {.path = side ".password",                                                                     \
     .type = CDC_OPTION_SECRET,                                                                    \
     .def = "",                                                                                    \
     .help = "Its password; better ${env:NAME} or ${file:PATH} than the text itself."},            \
    {.path = side ".tls.mode",                                                                     \
     .type = CDC_OPTION_ENUM,                                                                      \
     .def = "off",                                                                                 \
     .choices = "off|required|verify-ca|verify-identity",                                          \
     .help = "TLS: none, encrypted, with the server's certificate checked, and its name too."},    \
    {.path = side ".tls.ca",                                                                       \
     .type = CDC_OPTION_STRING,                                                                    \
     .help = "File with the certificates that the server's is checked against (PEM)."},            \
    {.path = side ".tls.cert",                                                                     \
     .type = CDC_OPTION_STRING,                                                                    \
     .help = "File with our own certificate (PEM)."},                                              \
    {.path = side ".tls.key",                                                                      \
     .type = CDC_OPTION_STRING,                                                                    \
     .help = "File with the key of our certificate (PEM)."}
// clang-format on

#endif
