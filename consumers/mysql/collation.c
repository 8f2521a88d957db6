#include <strings.h>

#include "rewrite.h"

enum { NAME_BYTES_MAX = 64 };

/* MySQL's collations of Unicode 9 for a language, and MariaDB's. */
static const struct {
    const char *mysql, *mariadb;
} LANGUAGES[] = {
    {"cs", "czech"},     {"da", "danish"},        {"de_pb", "german2"}, {"eo", "esperanto"},
    {"es", "spanish"},   {"es_trad", "spanish2"}, {"et", "estonian"},   {"hr", "croatian"},
    {"hu", "hungarian"}, {"is", "icelandic"},     {"la", "roman"},      {"lt", "lithuanian"},
    {"lv", "latvian"},   {"pl", "polish"},        {"ro", "romanian"},   {"sk", "slovak"},
    {"sl", "slovenian"}, {"sv", "swedish"},       {"tr", "turkish"},    {"vi", "vietnamese"},
};

#define NLANGUAGES (sizeof LANGUAGES / sizeof LANGUAGES[0])

static bool sink_mysql_knows(const sink_mysql_rewrite *how, const char *name)
{
    size_t n = strlen(name);
    return n <= NAME_BYTES_MAX && how->knows_collation(how->context, name, n);
}

/* The first of these that the target knows; NULL if none. */
static const char *sink_mysql_first_known(const sink_mysql_rewrite *how, const char *const *names,
                                          size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i][0] != '\0' && sink_mysql_knows(how, names[i])) {
            return names[i];
        }
    }
    return NULL;
}

/* utf8mb4_0900_ai_ci, utf8mb4_de_pb_0900_as_cs: no padding; MariaDB has the same order of a later
 * Unicode version from 10.10 on. */
static const char *sink_mysql_collation_to_maria(const sink_mysql_rewrite *how,
                                                 sink_mysql_draft *dr, const char *name)
{
    static const char charset[] = "utf8mb4_";
    const char *version = strstr(name, "0900_");
    if (strncasecmp(name, charset, sizeof charset - 1) != 0 || version == NULL) {
        return NULL;
    }
    const char *kind = version + 5; /* ai_ci, as_ci, as_cs, bin */
    if (strcasecmp(kind, "bin") == 0) {
        const char *const binary[] = {"utf8mb4_nopad_bin", "utf8mb4_bin"};
        return sink_mysql_first_known(how, binary, 2);
    }
    size_t language = (size_t)(version - name) - (sizeof charset - 1);
    const char *tailored = "";
    for (size_t i = 0; i < NLANGUAGES; i++) {
        if (language == strlen(LANGUAGES[i].mysql) + 1 &&
            strncasecmp(name + sizeof charset - 1, LANGUAGES[i].mysql, language - 1) == 0) {
            tailored = LANGUAGES[i].mariadb;
        }
    }
    const char *sep = tailored[0] != '\0' ? "_" : "";
    const char *const names[] = {
        sink_mysql_draft_format(dr, "utf8mb4_uca1400%s%s_nopad_%s", sep, tailored, kind),
        sink_mysql_draft_format(dr, "utf8mb4_uca1400_nopad_%s", kind),
        "utf8mb4_unicode_520_nopad_ci",
        "utf8mb4_unicode_520_ci",
        "utf8mb4_unicode_ci",
    };
    return sink_mysql_first_known(how, names, sizeof names / sizeof names[0]);
}

/* utf8mb4_uca1400_german2_as_ci, latin1_swedish_nopad_ci, utf8mb3_uca1400_ai_ci. */
static const char *sink_mysql_collation_to_mysql(const sink_mysql_rewrite *how,
                                                 sink_mysql_draft *dr, const char *name)
{
    const char *nopad = strstr(name, "_nopad");
    const char *plain =
        nopad == NULL ? name
                      : sink_mysql_draft_format(dr, "%.*s%s", (int)(nopad - name), name, nopad + 6);
    const char *uca = strstr(plain, "uca1400_");
    const char *uni = strchr(plain, '_');
    if (strcasecmp(name, "utf8mb4_nopad_bin") == 0) {
        const char *const binary[] = {"utf8mb4_0900_bin", "utf8mb4_bin"};
        return sink_mysql_first_known(how, binary, 2);
    }
    if (uca == NULL || uni == NULL) {
        return nopad != NULL && sink_mysql_knows(how, plain) ? plain : NULL;
    }
    const char *kind = strlen(plain) > 5 ? plain + strlen(plain) - 5 : "ai_ci";
    const char *tailored = "";
    for (size_t i = 0; i < NLANGUAGES; i++) {
        size_t n = strlen(LANGUAGES[i].mariadb);
        if (strncasecmp(uca + 8, LANGUAGES[i].mariadb, n) == 0 && uca[8 + n] == '_') {
            tailored = LANGUAGES[i].mysql;
        }
    }
    const char *const names[] = {
        tailored[0] == '\0' ? ""
                            : sink_mysql_draft_format(dr, "utf8mb4_%s_0900_%s", tailored, kind),
        sink_mysql_draft_format(dr, "utf8mb4_0900_%s", kind),
    };
    const char *utf8mb3 = sink_mysql_draft_format(dr, "%.*s_unicode_ci", (int)(uni - plain), plain);
    return strncasecmp(plain, "utf8mb4_", 8) == 0 ? sink_mysql_first_known(how, names, 2)
           : sink_mysql_knows(how, utf8mb3)       ? utf8mb3
                                                  : NULL;
}

const char *sink_mysql_stand_in(const sink_mysql_rewrite *how, sink_mysql_draft *dr,
                                const char *name)
{
    bool suspect = how->to_maria ? strstr(name, "0900") != NULL
                                 : strstr(name, "uca1400") != NULL || strstr(name, "nopad") != NULL;
    if (!suspect || sink_mysql_knows(how, name)) {
        return NULL;
    }
    return how->to_maria ? sink_mysql_collation_to_maria(how, dr, name)
                         : sink_mysql_collation_to_mysql(how, dr, name);
}
