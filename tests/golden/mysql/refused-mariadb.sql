-- What was refused once, and what is: on a server with database rt and table strs of types-mariadb.sql, right after FLUSH
-- BINARY LOGS; the log that it leaves is refused-mariadb.binlog. UUID, INET6 and INET4 are BINARY in the log: the test
-- tells them by the columns' names, and tells nothing of table dep's digits.
USE rt;
CREATE TABLE uu (id INT PRIMARY KEY, u UUID, i6 INET6, i4 INET4, v VARCHAR(5));
INSERT INTO uu VALUES (1, UUID(), '::1', '1.2.3.4', 'x');
CREATE TABLE cc (id INT PRIMARY KEY, t TEXT COMPRESSED, v VARCHAR(100) COMPRESSED);
INSERT INTO cc VALUES (1, 'a', 'b');
CREATE TABLE gg (id INT PRIMARY KEY, p POINT);
INSERT INTO gg VALUES (1, POINT(1, 2));
SET GLOBAL mysql56_temporal_format = OFF;
CREATE TABLE dep (id INT PRIMARY KEY, t TIMESTAMP, d DATETIME(3), m TIME, dd DATE);
INSERT INTO dep VALUES (1, NOW(), NOW(), NOW(), NOW());
SET GLOBAL mysql56_temporal_format = ON;
SET GLOBAL log_bin_compress = ON;
INSERT INTO dep VALUES (2, NOW(), NOW(), NOW(), NOW());
INSERT INTO strs SELECT id + 100, c, c4, c255, v, v2, v63, v64, lc, lv, a, u3, tt, tx, mt, lt, ltx, bin, bin0, vb,
    vb2, tb, bl, mb, lb, cb, v0, vbn FROM strs;
SET GLOBAL log_bin_compress = OFF;
SET GLOBAL binlog_row_metadata = MINIMAL;
CREATE TABLE mini (id INT PRIMARY KEY, a INT);
INSERT INTO mini VALUES (1, 1);
SET GLOBAL binlog_row_metadata = FULL;
