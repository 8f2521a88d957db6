"""A Kafka broker whose listeners all ask who one is, with ACLs on: nobody but `admin` may do anything
that no ACL allows."""

import argparse
import shlex

from confluent_kafka import TopicPartition
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType,
                                   AdminClient, OffsetSpec, ResourcePatternType, ResourceType,
                                   ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion)

from lib.servers import TLS, Kafka, free_port
from lib.wait import wait_until

PLAIN = ('org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" '
         'password="admin-secret" ')
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
CERTIFICATE = "User:CN=sluice client"  # of make-certs.sh's client.pem


def password_of(user):
    return f"{user}-secret"


def plain_login(*users):
    return PLAIN + " ".join(f'user_{u}="{password_of(u)}"' for u in ("admin", *users)) + ";"


class SecureKafka(Kafka):
    """Listeners: SASL (PLAIN, SCRAM) over TLS; TLS with client certificates (tls_address); SASL with a
    certificate that is for another name (other_name_address)."""

    def __init__(self, directory, plain_users, environment=None):
        super().__init__(directory)
        self.environment = environment or {}
        self._plain_users = plain_users
        self._stores = {name: self.directory / f"{name}-store.pem" for name in ("server", "other-name")}
        self._admin = None

    def _choose_ports(self):
        ports = set()
        while len(ports) < 4:
            ports.add(free_port())
        self.port, tls, named, controller = ports
        self.tls_address = f"{self.host}:{tls}"
        self.other_name_address = f"{self.host}:{named}"
        self.options = self._properties(f"{self.host}:{controller}")

    def _properties(self, controller):
        plain_users, stores = self._plain_users, self._stores
        listeners = (f"SASL://{self.address},TLS://{self.tls_address},"
                     f"NAMED://{self.other_name_address}")
        return [
            f"listeners={listeners},CONTROLLER://{controller}",
            f"advertised.listeners={listeners}",
            f"controller.quorum.voters=1@{controller}",
            "listener.security.protocol.map=SASL:SASL_SSL,TLS:SSL,NAMED:SASL_SSL,"
            "CONTROLLER:SASL_PLAINTEXT",
            "inter.broker.listener.name=SASL",
            "sasl.mechanism.inter.broker.protocol=PLAIN",
            "sasl.mechanism.controller.protocol=PLAIN",
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.named.sasl.enabled.mechanisms=PLAIN",
            "listener.name.controller.sasl.enabled.mechanisms=PLAIN",
            f"listener.name.sasl.plain.sasl.jaas.config={plain_login(*plain_users)}",
            f"listener.name.named.plain.sasl.jaas.config={plain_login(*plain_users)}",
            f"listener.name.controller.plain.sasl.jaas.config={plain_login()}",
            f"listener.name.sasl.scram-sha-256.sasl.jaas.config={SCRAM}",
            f"listener.name.sasl.scram-sha-512.sasl.jaas.config={SCRAM}",
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={stores['server']}",
            "listener.name.named.ssl.keystore.type=PEM",
            f"listener.name.named.ssl.keystore.location={stores['other-name']}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={TLS / 'ca.pem'}",
            "listener.name.tls.ssl.client.auth=required",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:admin",
            "allow.everyone.if.no.acl.found=false",
        ]

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        key = (TLS / "server.key").read_text()
        for name, store in self._stores.items():
            store.write_text(key + (TLS / f"{name}.pem").read_text())
        for last in (False, False, True):
            self._choose_ports()
            try:
                return super().start()
            except RuntimeError as error:  # it binds its ports seconds after they were seen free
                if last or "in use" not in str(error):
                    raise

    # --- accounts ---

    def sasl(self, mechanism, user, **more):
        """Properties of a client."""
        return {"bootstrap.servers": self.address, "security.protocol": "sasl_ssl",
                "ssl.ca.location": str(TLS / "ca.pem"), "sasl.mechanism": mechanism,
                "sasl.username": user, "sasl.password": password_of(user), **more}

    def certificate(self, **more):
        return {"bootstrap.servers": self.tls_address, "security.protocol": "ssl",
                "ssl.ca.location": str(TLS / "ca.pem"),
                "ssl.certificate.location": str(TLS / "client.pem"),
                "ssl.key.location": str(TLS / "client.key"), **more}

    def admin(self):
        """One for all requests: a log-in costs more than a request."""
        if self._admin is None:
            self._admin = AdminClient(self.sasl("PLAIN", "admin", **{"log_level": 0}))
        return self._admin

    def __exit__(self, *_):
        self._admin = None
        super().__exit__()

    def add_scram_users(self, users):
        """users: mechanism by name."""
        admin = self.admin()
        wanted = [UserScramCredentialUpsertion(
            user, ScramCredentialInfo(ScramMechanism[mechanism.replace("-", "_")], 4096),
            password_of(user).encode()) for user, mechanism in users.items()]
        for done in admin.alter_user_scram_credentials(wanted).values():
            done.result(30)

        def known():
            got = admin.describe_user_scram_credentials(list(users))
            return all(f.exception(30) is None for f in got.values())

        wait_until(known, 30)

    # --- ACLs ---

    def acls(self, principal):
        """All that an account has, as (resource, name, pattern, operation)."""
        every = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, principal, None,
                                 AclOperation.ANY, AclPermissionType.ANY)
        found = self.admin().describe_acls(every).result(30)
        return {(a.restype.name, a.name, a.resource_pattern_type.name, a.operation.name)
                for a in found}

    def carry_out(self, line):
        """A line for kafka-acls.sh; returns its principal."""
        principal, wanted = parse_acl_line(line, self)
        for done in self.admin().create_acls([binding(principal, acl) for acl in wanted]).values():
            done.result(30)
        wait_until(lambda: wanted <= self.acls(principal), 30)
        return principal

    def take_away(self, principal, *acls):
        filters = [AclBindingFilter(*binding_words(principal, acl)) for acl in acls]
        for done in self.admin().delete_acls(filters).values():
            done.result(30)
        wait_until(lambda: not self.acls(principal) & set(acls), 30)

    def end(self, topic):
        """Behind all that was ever written, committed or not: the partitions' ends together."""
        admin = self.admin()
        parts = admin.list_topics(topic, timeout=30).topics[topic].partitions
        asked = admin.list_offsets({TopicPartition(topic, p): OffsetSpec.latest() for p in parts})
        return sum(end.result(30).offset for end in asked.values())


def binding_words(principal, acl):
    restype, name, pattern, operation = acl
    return (ResourceType[restype], name, ResourcePatternType[pattern], principal, "*",
            AclOperation[operation], AclPermissionType.ALLOW)


def binding(principal, acl):
    return AclBinding(*binding_words(principal, acl))


def parse_acl_line(line, broker):
    """principal, and what it is given; fails on what kafka-acls.sh would not take."""
    words = shlex.split(line)
    assert words.pop(0) == "kafka-acls.sh", line
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--command-config", required=True)
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True)
    parser.add_argument("--resource-pattern-type", default="literal")
    kind = parser.add_mutually_exclusive_group(required=True)
    for option in ("topic", "group", "transactional-id"):
        kind.add_argument(f"--{option}")
    got = parser.parse_args(words)
    assert got.bootstrap_server in (broker.address, broker.tls_address)
    restype, name = next((r, n) for r, n in (("TOPIC", got.topic), ("GROUP", got.group),
                                             ("TRANSACTIONAL_ID", got.transactional_id)) if n)
    names = {"Read": "READ", "Write": "WRITE", "Create": "CREATE",
             "DescribeConfigs": "DESCRIBE_CONFIGS"}
    return got.allow_principal, {(restype, name, got.resource_pattern_type.upper(), names[o])
                                 for o in got.operation}
