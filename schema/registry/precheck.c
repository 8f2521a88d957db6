#include "schema/registry/precheck.h"

#include <stdlib.h>

#include "schema/registry/answer.h"

enum { PATH_BYTES_MAX = 64 * 1024 };

#define ASK "curl -X PUT -H 'Content-Type: application/vnd.schemaregistry.v1+json' "

typedef struct cdc_registry_check {
    const cdc_config *cfg;
    cdc_registry_link *link;
    cdc_checklist *list;
    json_t *subjects; /* the task's */
    json_t *there;    /* those of the registry */
    bool registers;
    char level[64]; /* compatibility of subjects without one of their own */
} cdc_registry_check;

/* --- connection --- */

/* The subjects of the registry that is chosen; NULL: err says what is wrong. */
static json_t *list_subjects(const cdc_registry_check *ck, cdc_error *err)
{
    static const char doing[] = "asking for the subjects";
    cdc_registry_answer ans;
    if (cdc_registry_ask_once(ck->link, doing, "/subjects", NULL, &ans, err) != CDC_OK) {
        return NULL;
    }
    if (ans.status == 200 && json_is_array(ans.json)) {
        return ans.json;
    }
    (void)(ans.status == 200 ? cdc_registry_strange(ck->link, doing, err)
                             : cdc_registry_refused(ck->link, doing, &ans, err));
    json_decref(ans.json);
    return NULL;
}

/* All are asked; the first that is well goes on being asked. */
static void check_connect(cdc_registry_check *ck)
{
    cdc_error why[CDC_TASK_REGISTRIES_MAX];
    size_t n = cdc_config_count(ck->cfg, "message.registry.url");
    size_t well = 0;
    for (size_t i = 0; i < n; i++) {
        cdc_error_clear(&why[i]);
        cdc_registry_link_choose(ck->link, i);
        json_t *there = list_subjects(ck, &why[i]);
        if (there != NULL && ck->there == NULL) {
            ck->there = json_incref(there);
            well = i;
        }
        json_decref(there);
    }
    cdc_registry_link_choose(ck->link, well);
    for (size_t i = 0; i < n; i++) {
        const char *url = cdc_config_item(ck->cfg, "message.registry.url", i);
        if (why[i].rc == CDC_OK) {
            cdc_checklist_add(ck->list, "registry_connect", CDC_CHECK_PASS, url,
                              "it answers, and takes the account");
        } else if (ck->there == NULL) {
            cdc_checklist_error(ck->list, "registry_connect", url, &why[i]);
        } else {
            cdc_checklist_add(ck->list, "registry_connect", CDC_CHECK_WARN, url, "%s", why[i].text);
        }
    }
}

static bool is_there(const cdc_registry_check *ck, const char *subject)
{
    for (size_t i = 0; i < json_array_size(ck->there); i++) {
        const char *name = json_string_value(json_array_get(ck->there, i));
        if (name != NULL && strcmp(name, subject) == 0) {
            return true;
        }
    }
    return false;
}

/* --- questions --- */

/* "/HEAD/SUBJECTTAIL" */
static void path_of(cdc_buffer *path, const char *head, const char *subject, const char *tail)
{
    cdc_buffer_reset(path);
    cdc_buffer_add_str(path, head);
    cdc_registry_quote(path, subject);
    cdc_buffer_add_str(path, tail);
}

/* The string under this name in an answer, "" if it is not told: not every registry has every
 * question, nor may every account ask them. */
static cdc_rc ask_word(cdc_registry_check *ck, const char *path, const char *name, char *out,
                       size_t size, cdc_error *err)
{
    cdc_registry_answer ans;
    cdc_rc rc = cdc_registry_ask_once(ck->link, "asking for settings", path, NULL, &ans, err);
    out[0] = '\0';
    if (rc != CDC_OK) {
        return rc;
    }
    const char *word = json_string_value(json_object_get(ans.json, name));
    if (ans.status == 200 && word != NULL) {
        snprintf(out, size, "%s", word);
    }
    json_decref(ans.json);
    return CDC_OK;
}

/* --- compatibility --- */

/* Of subjects that have none of their own. */
static cdc_rc check_level(cdc_registry_check *ck, cdc_error *err)
{
    char *level = ck->level;
    const char *url = cdc_registry_link_url(ck->link);
    cdc_rc rc = ask_word(ck, "/config", "compatibilityLevel", level, sizeof ck->level, err);
    if (rc == CDC_OK && strcmp(level, "NONE") == 0) {
        cdc_checklist_add(ck->list, "registry_compatibility", CDC_CHECK_WARN, url,
                          "its compatibility is NONE: a change of a table is taken even if readers "
                          "of the older schemas cannot read on");
        cdc_checklist_cure(ck->list, ASK "--data '{\"compatibility\":\"BACKWARD\"}' %s/config",
                           url);
    } else if (rc == CDC_OK) {
        cdc_checklist_add(ck->list, "registry_compatibility", CDC_CHECK_PASS, url,
                          level[0] != '\0' ? "its compatibility is %s"
                                           : "its compatibility is not told%s",
                          level);
    }
    return rc;
}

/* What a registry tells against a schema, in the words of either kind of registry. */
static void take_reasons(const json_t *answer, cdc_buffer *out)
{
    const json_t *messages = json_object_get(answer, "messages");
    const char *reason = json_string_value(json_object_get(answer, "reason"));
    if (reason != NULL) {
        cdc_buffer_add_str(out, reason);
    }
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const char *message = json_string_value(json_array_get(messages, i));
        cdc_buffer_add_str(out, out->len > 0 ? "; " : "");
        cdc_buffer_add_str(out, message != NULL ? message : "");
    }
}

typedef struct cdc_registry_verdict {
    bool told, fits; /* fits also where it is not told */
    cdc_buffer reasons;
} cdc_registry_verdict;

/* Would the subject take the schema? The reasons are freed by the caller. */
static cdc_rc ask_fit(cdc_registry_check *ck, const char *subject, const char *schema,
                      const char *against, cdc_registry_verdict *out, cdc_error *err)
{
    cdc_registry_answer ans;
    cdc_buffer path;
    char *body = cdc_registry_body(schema);
    cdc_buffer_init(&path, PATH_BYTES_MAX);
    cdc_buffer_init(&out->reasons, PATH_BYTES_MAX);
    path_of(&path, "/compatibility/subjects/", subject, against);
    out->told = false;
    cdc_rc rc = body != NULL ? cdc_registry_ask_once(ck->link, "asking for compatibility",
                                                     cdc_buffer_cstr(&path), body, &ans, err)
                             : cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for a schema");
    if (rc == CDC_OK) {
        const json_t *word = json_object_get(ans.json, "is_compatible");
        out->told = ans.status == 200 && json_is_boolean(word);
        out->fits = !out->told || json_is_true(word);
        take_reasons(ans.json, &out->reasons);
        json_decref(ans.json);
    }
    free(body);
    cdc_buffer_fini(&path);
    return rc;
}

/* A subject's own level. Some registries tell NONE where a subject has none of its own: whether it
 * takes a schema that no record is compatible with tells them apart. */
static cdc_rc ask_subject_level(cdc_registry_check *ck, const char *subject, char *level,
                                size_t size, bool *none, cdc_error *err)
{
    cdc_buffer path;
    cdc_registry_verdict verdict;
    cdc_buffer_init(&path, PATH_BYTES_MAX);
    path_of(&path, "/config/", subject, "");
    *none = false;
    cdc_rc rc = ask_word(ck, cdc_buffer_cstr(&path), "compatibilityLevel", level, size, err);
    if (rc == CDC_OK && strcmp(level, "NONE") == 0) {
        rc = ask_fit(ck, subject, "\"null\"", "/versions/latest", &verdict, err);
        *none = verdict.told && verdict.fits;
        cdc_buffer_fini(&verdict.reasons);
    }
    cdc_buffer_fini(&path);
    return rc;
}

static cdc_rc check_subject_level(cdc_registry_check *ck, const char *subject, char *level,
                                  size_t size, cdc_error *err)
{
    bool none = false;
    cdc_rc rc = ask_subject_level(ck, subject, level, size, &none, err);
    if (rc == CDC_OK && none && strcmp(ck->level, "NONE") != 0) {
        cdc_checklist_add(ck->list, "registry_compatibility", CDC_CHECK_WARN, subject,
                          "the compatibility of this subject is NONE: a change of its table is "
                          "taken even if readers of the older schemas cannot read on");
        cdc_checklist_cure(ck->list, ASK "--data '{\"compatibility\":\"BACKWARD\"}' %s/config/%s",
                           cdc_registry_link_url(ck->link), subject);
    }
    return rc;
}

/* The schema against those that the subject has: the newest, or all of them if its level says so.
 */
static cdc_rc check_fit(cdc_registry_check *ck, const char *subject, const char *schema,
                        const char *level, cdc_error *err)
{
    cdc_registry_verdict verdict;
    bool own = level[0] != '\0' && strcmp(level, "NONE") != 0;
    bool all = strstr(own ? level : ck->level, "_TRANSITIVE") != NULL;
    cdc_rc rc =
        ask_fit(ck, subject, schema,
                all ? "/versions?verbose=true" : "/versions/latest?verbose=true", &verdict, err);
    if (rc == CDC_OK && !verdict.fits) {
        cdc_checklist_add(ck->list, "registry_compatibility", CDC_CHECK_FAIL, subject,
                          "the registry would refuse the schema of the table as it is now: it is "
                          "not compatible with %s. The registry says: %.500s",
                          all ? "the subject's versions" : "the subject's newest version",
                          verdict.reasons.len > 0 ? cdc_buffer_cstr(&verdict.reasons)
                                                  : "nothing more");
        cdc_checklist_cure(ck->list,
                           "lower the subject's compatibility: " ASK
                           "--data '{\"compatibility\":\"NONE\"}' %s/config/%s; or give the rows "
                           "another subject (message.registry.subjects, topics.data)",
                           cdc_registry_link_url(ck->link), subject);
    }
    cdc_buffer_fini(&verdict.reasons);
    return rc;
}

/* --- what is written under --- */

static cdc_rc check_mode(cdc_registry_check *ck, cdc_error *err)
{
    char mode[64];
    const char *url = cdc_registry_link_url(ck->link);
    cdc_rc rc = ask_word(ck, "/mode", "mode", mode, sizeof mode, err);
    if (rc == CDC_OK && mode[0] != '\0' && strcmp(mode, "READWRITE") != 0) {
        cdc_checklist_add(ck->list, "registry_register", CDC_CHECK_FAIL, url,
                          "its mode is %s: it takes no new schema", mode);
        cdc_checklist_cure(ck->list,
                           ASK "--data '{\"mode\":\"READWRITE\"}' %s/mode; or "
                               "message.registry.auto_register: false",
                           url);
    }
    return rc;
}

/* A request without a schema: what it is refused with tells whether the account may. Some stumble
 * over it (5xx), and so tell that it may. */
static cdc_rc check_register(cdc_registry_check *ck, const char *subject, cdc_buffer *path,
                             cdc_error *err)
{
    static const char doing[] = "registering a schema";
    cdc_registry_answer ans;
    cdc_error why;
    cdc_error_clear(&why);
    path_of(path, "/subjects/", subject, "/versions");
    cdc_rc rc = cdc_registry_ask_once(ck->link, doing, cdc_buffer_cstr(path), "{}", &ans, &why);
    if (rc != CDC_OK) {
        bool stumbled = strcmp(why.code, "registry_unavailable") == 0;
        *err = stumbled ? *err : why;
        return stumbled ? CDC_OK : rc;
    }
    if (ans.status == 401 || ans.status == 403) {
        (void)cdc_registry_refused(ck->link, doing, &ans, &why);
        cdc_checklist_error(ck->list, "registry_register", subject, &why);
    }
    json_decref(ans.json);
    return CDC_OK;
}

/* Is this very schema under the subject? */
static cdc_rc ask_for(cdc_registry_check *ck, const char *subject, const char *schema, bool *there,
                      cdc_buffer *path, cdc_error *err)
{
    cdc_registry_answer ans;
    char *body = cdc_registry_body(schema);
    path_of(path, "/subjects/", subject, "");
    cdc_rc rc = body != NULL ? cdc_registry_ask_once(ck->link, "looking up a schema",
                                                     cdc_buffer_cstr(path), body, &ans, err)
                             : cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for a schema");
    if (rc == CDC_OK) {
        *there = ans.status == 200;
        json_decref(ans.json);
    }
    free(body);
    return rc;
}

static void fail_subject(cdc_registry_check *ck, const char *subject, const char *reason)
{
    cdc_checklist_add(ck->list, "registry_subjects", CDC_CHECK_FAIL, subject,
                      "%s, and message.registry.auto_register is false", reason);
    cdc_checklist_cure(ck->list, "register the table's schema there; or let one capture do it: "
                                 "message.registry.auto_register: true");
}

/* A subject that the registry has. */
static cdc_rc check_schemas(cdc_registry_check *ck, const char *subject, const json_t *schemas,
                            cdc_buffer *path, cdc_error *err)
{
    char level[64];
    cdc_rc rc = check_subject_level(ck, subject, level, sizeof level, err);
    for (size_t i = 0; rc == CDC_OK && i < json_array_size(schemas); i++) {
        const char *schema = json_string_value(json_array_get(schemas, i));
        bool there = false;
        rc = ask_for(ck, subject, schema, &there, path, err);
        if (rc == CDC_OK && !there && ck->registers) {
            rc = check_fit(ck, subject, schema, level, err);
        } else if (rc == CDC_OK && !there) {
            fail_subject(ck, subject,
                         "the subject does not have the schema of the table as it is now");
        }
    }
    return rc;
}

static cdc_rc check_subjects(cdc_registry_check *ck, cdc_buffer *path, cdc_error *err)
{
    const char *item = ck->registers ? "registry_register" : "registry_subjects";
    const char *subject;
    const json_t *schemas;
    cdc_rc rc = ck->registers ? check_mode(ck, err) : CDC_OK;
    json_object_foreach(ck->subjects, subject, schemas)
    {
        bool there = is_there(ck, subject);
        if (rc == CDC_OK && ck->registers) {
            rc = check_register(ck, subject, path, err);
        } else if (rc == CDC_OK && !there) {
            fail_subject(ck, subject,
                         "the registry does not have this subject, or the account may not see it");
        }
        if (rc == CDC_OK && there) {
            rc = check_schemas(ck, subject, schemas, path, err);
        }
    }
    if (rc == CDC_OK && !cdc_checklist_has(ck->list, item)) {
        cdc_checklist_add(ck->list, item, CDC_CHECK_PASS, cdc_registry_link_url(ck->link),
                          ck->registers ? "new schemas are taken from the account"
                                        : "the schemas of all tables are there");
    }
    return rc;
}

cdc_rc cdc_registry_precheck(const cdc_task *task, json_t *subjects, cdc_checklist *list,
                             cdc_error *err)
{
    cdc_registry_check ck = {.cfg = task->cfg,
                             .list = list,
                             .subjects = subjects,
                             .registers =
                                 cdc_config_bool(task->cfg, "message.registry.auto_register")};
    cdc_buffer path;
    cdc_buffer_init(&path, PATH_BYTES_MAX);
    cdc_rc rc = cdc_registry_link_new(&ck.link, task, err);
    if (rc == CDC_OK) {
        check_connect(&ck);
    }
    if (rc == CDC_OK && ck.there != NULL) {
        rc = check_level(&ck, err);
        if (rc == CDC_OK && json_object_size(subjects) > 0) {
            rc = check_subjects(&ck, &path, err);
        }
        if (rc == CDC_RETRY) { /* it went away meanwhile */
            cdc_checklist_error(list, "registry_connect", cdc_registry_link_url(ck.link), err);
            cdc_error_clear(err);
            rc = CDC_OK;
        }
    }
    json_decref(ck.there);
    cdc_registry_link_free(ck.link);
    cdc_buffer_fini(&path);
    return rc;
}
