/* The rights that a task's account needs at Kafka: which of them lack, and the kafka-acls.sh lines
 * that give them. A part of the precheck; one thread.
 *
 * Only accounts that may see all ACLs are told what they may do, so each right is tried, in a way
 * that changes nothing: a record that no broker takes (properties.h, CDC_CLIENT_PROBE), a fetch at
 * the end of a topic, an offset committed for a partition that no topic has. What a topic that is
 * not there yet may be done with shows only when it is there, but for the right to make it. */
#ifndef CDC_RIGHTS_H
#define CDC_RIGHTS_H

#include "client.h"

/* Operations of Kafka's ACLs. READ and WRITE bring Describe with them. */
enum {
    CDC_RIGHT_READ = 1,
    CDC_RIGHT_WRITE = 2,
    CDC_RIGHT_CREATE = 4,
    CDC_RIGHT_DESCRIBE_CONFIGS = 8, /* the precheck's own: lacking it is a warning */
};

typedef enum cdc_right_on {
    CDC_RIGHT_ON_TOPIC,
    CDC_RIGHT_ON_PREFIX, /* topics whose names begin so */
    CDC_RIGHT_ON_GROUP,
    CDC_RIGHT_ON_TRANSACTIONAL_ID,
} cdc_right_on;

typedef struct cdc_lack {
    cdc_right_on on;
    const char *name;
    unsigned operations;
} cdc_lack;

typedef struct cdc_rights {
    const cdc_env *env;
    cdc_client *tool;
    bool enforced;         /* the brokers look at rights at all */
    const char *principal; /* "User:sluice" */
    const char *servers;   /* the options of kafka-*.sh that lead to the brokers */
    cdc_arena arena;
    cdc_client probe; /* made at first use */
    cdc_lack *lacks;
    size_t n, cap;
    bool failed; /* out of memory */
} cdc_rights;

/* tool: a CDC_CLIENT_TOOL that has reached the brokers; outlives rt. */
void cdc_rights_init(cdc_rights *rt, cdc_client *tool);
void cdc_rights_fini(cdc_rights *rt);

/* Notes what is known to lack; several of one object become one line. */
void cdc_rights_lack(cdc_rights *rt, cdc_right_on on, const char *name, unsigned operations);

/* What was noted of an object. */
unsigned cdc_rights_lacking(const cdc_rights *rt, cdc_right_on on, const char *name);

/* Which of READ and WRITE lack of a topic that is there. */
unsigned cdc_rights_try_topic(cdc_rights *rt, const char *topic, unsigned operations);
/* Lacks READ of the task's group? topic: any name. */
bool cdc_rights_lack_group(cdc_rights *rt, const char *topic);

/* Adds the items kafka_rights and kafka_settings for what lacks. */
void cdc_rights_report(cdc_rights *rt, cdc_checklist *list);

#endif
