-- The accounts of the development servers, run once on each when its template is made.
-- root has no password and comes from loopback only.
CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY '';
GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;

-- The tests run tasks with the accounts of docs/accounts.md, in which shop.* stands for *.* here
-- (tests/e2e/test_tls.py compares the two).
CREATE USER sluice_source@'%' IDENTIFIED BY 'sluice' REQUIRE SSL;
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO sluice_source@'%';
GRANT SELECT, SHOW VIEW ON *.* TO sluice_source@'%';

CREATE USER sluice_target@'%' IDENTIFIED BY 'sluice' REQUIRE SSL;
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, TRIGGER, CREATE ROUTINE, ALTER ROUTINE, EVENT ON *.* TO sluice_target@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON sluice.* TO sluice_target@'%';

-- To play with (./dev up), and for component tests: both in one, also without TLS.
CREATE USER sluice@'%' IDENTIFIED BY 'sluice';
GRANT SELECT, RELOAD, SHOW DATABASES, SHOW VIEW, REPLICATION SLAVE, REPLICATION CLIENT
    ON *.* TO sluice@'%';
GRANT INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW, TRIGGER,
    CREATE ROUTINE, ALTER ROUTINE, EVENT, LOCK TABLES ON *.* TO sluice@'%';
