-- Types that types-mariadb.sql does not have, on an empty server with database rt, right after FLUSH BINARY LOGS; the log
-- that it leaves is more-mariadb.binlog. What the log does not tell (docs/adr/0010), the test tells by names.
USE rt;
CREATE TABLE addresses (id INT PRIMARY KEY, u UUID, i6 INET6, i4 INET4, b BINARY(16), c CHAR(4) CHARACTER SET ucs2);
INSERT INTO addresses VALUES (1, '00112233-4455-6677-8899-aabbccddee00', '::ffff:1.2.3.4', '1.2.3.0', 'x', '日');
CREATE TABLE packed (id INT PRIMARY KEY, v VARCHAR(100) COMPRESSED, t TEXT CHARACTER SET gbk COMPRESSED, b VARBINARY(300)
    COMPRESSED, l LONGBLOB COMPRESSED);
INSERT INTO packed VALUES (1, REPEAT('é', 90), REPEAT('中', 90), REPEAT('x', 300), ''), (2, '', 'a', x'00', NULL);
SET GLOBAL mysql56_temporal_format = OFF;
CREATE TABLE old (id INT PRIMARY KEY, t0 TIME, t1 TIME(1), t3 TIME(3), t6 TIME(6), d0 DATETIME, d2 DATETIME(2),
    d6 DATETIME(6), s0 TIMESTAMP NULL, s1 TIMESTAMP(1) NULL, s3 TIMESTAMP(3) NULL, s6 TIMESTAMP(6) NULL);
SET sql_mode = '', time_zone = '+00:00';
INSERT INTO old VALUES (1, '-838:59:59', '-12:34:56.7', '838:59:59.123', '-00:00:00.000001', '9999-12-31 23:59:59',
    '2024-02-29 12:34:56.78', '0000-00-00', '2038-01-19 03:14:07', '2024-02-29 12:34:56.7', '1970-01-01 00:00:01.001',
    '2024-02-29 12:34:56.999999'), (2, NULL, NULL, NULL, '12:00:00', '0000-00-00', '2024-00-00', '0001-01-01', 0, NULL,
    NULL, NULL);
SET GLOBAL mysql56_temporal_format = ON;
CREATE TABLE versioned (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1, 1), (2, 2);
UPDATE versioned SET a = 10 WHERE id = 1;
DELETE FROM versioned WHERE id = 2;
DELETE HISTORY FROM versioned;
CREATE SEQUENCE numbers;
SELECT NEXTVAL(numbers);
CREATE TABLE shapes (id INT PRIMARY KEY, c VARCHAR(5) CHARACTER SET latin1, g GEOMETRY, p POINT, gc GEOMETRYCOLLECTION,
    u VARCHAR(5) CHARACTER SET utf16);
INSERT INTO shapes VALUES (1, 'é', POINT(1, 2), POINT(3, 4), NULL, '日😀');
