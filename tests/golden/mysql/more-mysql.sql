-- Types and character sets that types-mysql.sql does not have, on an empty server with database rt, right after FLUSH
-- BINARY LOGS; the log that it leaves is more-mysql.binlog.
USE rt;
CREATE TABLE shapes (id INT PRIMARY KEY, c VARCHAR(5) CHARACTER SET latin1, g GEOMETRY, p POINT SRID 4326,
    l LINESTRING, y POLYGON, mp MULTIPOINT, ml MULTILINESTRING, my MULTIPOLYGON, gc GEOMETRYCOLLECTION, b VARBINARY(5),
    v3 VECTOR(3), v VECTOR, u VARCHAR(5) CHARACTER SET utf16);
INSERT INTO shapes VALUES (1, 'é', ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POINT(1 2)', 4326),
    ST_GeomFromText('LINESTRING(0 0,1 1)'), NULL, ST_GeomFromText('MULTIPOINT(1 1)'), NULL, NULL,
    ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'), x'00ff', TO_VECTOR('[1,2,3]'), TO_VECTOR('[0]'), '日😀');
CREATE TABLE sets (id INT PRIMARY KEY, gbk VARCHAR(9) CHARACTER SET gbk, big5 CHAR(9) CHARACTER SET big5, sjis TEXT
    CHARACTER SET sjis, gb18030 VARCHAR(9) CHARACTER SET gb18030, ucs2 VARCHAR(9) CHARACTER SET ucs2, koi8r VARCHAR(9)
    CHARACTER SET koi8r, swe7 VARCHAR(9) CHARACTER SET swe7, ascii VARCHAR(9) CHARACTER SET ascii, utf32 CHAR(3)
    CHARACTER SET utf32, e ENUM('x','ソ') CHARACTER SET sjis, s SET('é','日') CHARACTER SET ucs2, e4 ENUM('a','Ж')
    CHARACTER SET koi8r);
INSERT INTO sets VALUES (1, '中文', '許功', 'ソ表', '中𠀀', '日本', 'Яж', 'ÅÄÖ', '~', '😀', 'ソ', 'é,日', 'Ж');
