-- The accounts of the development servers, run once on each when its template is made.
-- root has no password and comes from loopback only; sluice/sluice may do what a task does at
-- either end: the first GRANT is what a source asks for, the second what a target asks for.
CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY '';
GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
CREATE USER sluice@'%' IDENTIFIED BY 'sluice';
GRANT SELECT, RELOAD, SHOW DATABASES, SHOW VIEW, REPLICATION SLAVE, REPLICATION CLIENT
    ON *.* TO sluice@'%';
GRANT INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW, TRIGGER,
    CREATE ROUTINE, ALTER ROUTINE, EVENT, LOCK TABLES ON *.* TO sluice@'%';
