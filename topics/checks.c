#include "precheck.h"

const cdc_check cdc_topics_checks[] = {
    {"kafka_connect", "fail", "The brokers can be reached, and let the account in.",
     "the reason stands in the line: name (DNS), port, TLS, SASL"},
    {"kafka_version", "fail, warn",
     "The brokers know transactions (0.11), and are of a version that is tested (2.1 or later). "
     "Brokers that do not tell are newer than 3.",
     "newer brokers"},
    {"kafka_checkpoints", "fail",
     "Topic `_sluice_checkpoints` can be read, is compacted and never deletes.",
     "kafka-configs.sh --add-config cleanup.policy=compact"},
    {"kafka_topics", "fail",
     "Every topic of the task is there with the right number of partitions, or could be made (the "
     "brokers are asked without making it).",
     "`sluice topics TASK create`, kafka-topics.sh, `topics.partitions`"},
    {"kafka_settings", "warn", "The account may read the topics' settings.",
     "kafka-acls.sh --operation DescribeConfigs"},
    {"kafka_rights", "fail",
     "The account has the rights that the task needs on topics, its consumer group and its "
     "transactional id. Each is tried in a way that changes nothing; of topics that are still to "
     "be made only the right to make them can be.",
     "the kafka-acls.sh line ([the least rights](kafka-security.md))"},
    {"kafka_cleanup_policy", "fail, warn",
     "Data and DDL topics are not compacted, unless `topics.cleanup_policy` says so: a compacted "
     "topic forgets changes. Topics that are there have the policy that it says.",
     "kafka-configs.sh --add-config cleanup.policy=delete"},
    {"kafka_retention", "warn",
     "Data topics keep messages for 24 hours or more, and by size not less than the source's rows; "
     "those that are there as `topics.retention_hours` and `retention_mb` say.",
     "kafka-configs.sh --add-config retention.ms=..."},
    {"kafka_message_size", "warn",
     "The topics' `max.message.bytes` is not below `message.max_bytes`.",
     "kafka-configs.sh --add-config max.message.bytes=..."},
    {"kafka_replication", "fail, warn",
     "With three brokers or more, topics have several replicas; `min.insync.replicas` is below "
     "them, and not 1.",
     "`topics.replication_factor`; kafka-configs.sh --add-config min.insync.replicas=..."},
    {"kafka_transactions", "fail",
     "The brokers take the task's transactions, with its transaction.timeout.ms. Tried while the "
     "task has not begun.",
     "the setting that the line names"},
    {"topic_columns", "fail",
     "Every table has the columns that its rule in `topics.rules` hashes, and `objects.tables` "
     "does "
     "not leave them out.",
     "a rule of its own in `topics.rules`"},
    {NULL, NULL, NULL, NULL},
};
