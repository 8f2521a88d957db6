#!/usr/bin/env python3
"""Writes the tables of the character sets that have no rule: charset_single.c, charset_rows_*.c.

    charset_tables.py HOST PORT [USER [PASSWORD]]      (a MySQL 8 or 9, which has gb18030)

The server's own conversion is the truth: every code is converted by it. MySQL 9.7 and MariaDB
10.11 agree on all; tests/e2e/test_charsets.py compares both with the capture, character by
character. Run it again only when a server learns a new character set.
"""

import sys
import unicodedata
from pathlib import Path

import pymysql

HERE = Path(__file__).parent
MARK = "/* Written by charset_tables.py from the conversion of MySQL {}: not to be edited. */\n"
SINGLE = (
    "armscii8 ascii cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 geostd8 greek hebrew hp8"
    " keybcs2 koi8r koi8u latin2 latin5 latin7 macce macroman swe7 tis620"
).split()
# file: charsets, which share the rows that they have in common
MULTI = {
    "big5": ["big5"],
    "euckr": ["euckr"],
    "gb": ["gb2312", "gbk", "gb18030"],
    "jp": ["sjis", "cp932", "ujis", "eucjpms"],
}
# where a row of trail bytes is cut in two, so that charsets of a kind have rows in common
CUTS = {"sjis": 0x9F, "cp932": 0x9F}
GB18030_CODES = 39420  # of four bytes, in the basic plane


class Server:
    def __init__(self, host, port, user="root", password=""):
        self.connection = pymysql.connect(
            host=host, port=int(port), user=user, password=password, charset="utf8mb4"
        )
        self.cursor = self.connection.cursor()
        self.cursor.execute("SET sql_mode = ''")  # a code that is none gives no error
        self.cursor.execute("SELECT VERSION()")
        self.version = self.cursor.fetchone()[0].split("-")[0]

    def characters(self, charset, codes):
        """{code: character}, without the codes that stand for none."""
        found = {}
        for i in range(0, len(codes), 1000):
            some = codes[i : i + 1000]
            self.cursor.execute(
                "SELECT "
                + ",".join(
                    f"CONVERT(CONVERT(x'{code.hex()}' USING {charset}) USING utf8mb4)"
                    for code in some
                )
            )
            for code, text in zip(some, self.cursor.fetchone()):
                if text and len(text) == 1 and (text != "?" or code == b"?"):
                    found[code] = text
        return found


def c_character(character):
    if character in '"\\':
        return "\\" + character
    # Shown as it is if it can be seen, else by its number
    seen = unicodedata.category(character)[0] in "LNPS" and character != "\u2028"
    return character if seen or character == " " else f"\\u{ord(character):04x}"


def row_text(cells):
    """Characters in the order of their codes, ' ' for none, 'a-z' for four or more in a row."""
    text, i = [], 0
    while i < len(cells):
        n = 1
        while (
            cells[i] != " " and i + n < len(cells) and ord(cells[i + n]) == ord(cells[i]) + n
        ):
            n += 1
        if n >= 4:
            text += [c_character(cells[i]), "-", c_character(cells[i + n - 1])]
        else:
            text += map(c_character, cells[i : i + n])
        i += n
    return text


def c_string(parts):
    """In lines of 84 columns; an East Asian character may take two."""
    lines, width = [""], 0
    for part in parts:
        columns = len(part) + (unicodedata.east_asian_width(part[0]) in "WFA")
        if width + columns > 84:
            lines.append("")
            width = 0
        lines[-1] += part
        width += columns
    return "\n".join(f'    "{line}"' for line in lines)


def write(name, version, body):
    (HERE / name).write_text(
        MARK.format(version)
        + '#include "producers/mysql/charset_tables.h"\n\n/* clang-format off */\n'
        + body
        + "/* clang-format on */\n"
    )


def table_lines(entries, each=4):
    lines = [entries[i : i + each] for i in range(0, len(entries), each)]
    return "\n".join("    " + " ".join(line) for line in lines)


def numbers(values):
    return table_lines([f"0x{v:04x}," for v in values], 12)


def write_single(server):
    body = ""
    high, low = [], []
    for charset in SINGLE:
        found = server.characters(charset, [bytes((b,)) for b in range(256)])
        table = [ord(found.get(bytes((b,)), "\0")) for b in range(256)]
        high.append(f"    [SRC_MYSQL_SINGLE_{charset.upper()}] = {{\n{numbers(table[128:])}\n    }},\n")
        if table[:128] != list(range(128)):
            low.append(charset)
            body += (
                f"const uint16_t src_mysql_{charset}_low[128] = {{\n{numbers(table[:128])}\n}};\n\n"
            )
    assert low == ["swe7"], f"not ASCII in the lower half: {low}"
    body += (
        "const uint16_t src_mysql_single[SRC_MYSQL_SINGLE_COUNT][128] = {\n" + "".join(high) + "};\n"
    )
    write("charset_single.c", server.version, body)


def rows_of(charset, found, prefix):
    """[(lead, first trail, cells)] of the codes prefix + lead + trail; trail 0x7f never occurs."""
    cut = CUTS.get(charset, 0xA1)
    trails = [t for t in range(0x40, 0xFF) if t != 0x7F]
    for lead in range(0x80, 0x100):
        for part in ([t for t in trails if t < cut], [t for t in trails if t >= cut]):
            cells = [found.get(prefix + bytes((lead, t)), " ") for t in part]
            while cells and cells[-1] == " ":
                cells.pop()
            if cells:
                yield lead, part[0], cells


def write_multi(server, name, charsets):
    pool, body, tables = {}, "", ""
    for charset in charsets:
        pairs = [bytes((a, b)) for a in range(0x80, 0x100) for b in range(0x40, 0xFF)]
        planes = {charset: (b"", pairs)}
        if charset in ("ujis", "eucjpms"):
            planes[charset + "_8f"] = (b"\x8f", [b"\x8f" + p for p in pairs if min(p) > 0xA0])
        if charset in CUTS:  # bytes A1 to DF are characters of their own there
            pairs = [p for p in pairs if not 0xA0 <= p[0] < 0xE0]
            planes = {charset: (b"", pairs)}
        for plane, (prefix, codes) in planes.items():
            found = server.characters(charset, codes)
            assert not {" ", "-"} & set(found.values())
            tables += f"const src_mysql_charset_row src_mysql_rows_{plane}[] = {{\n"
            entries = []
            for lead, first, cells in rows_of(charset, found, prefix):
                text = c_string(row_text(cells))
                if text not in pool:
                    pool[text] = f"row_{len(pool)}"
                    body += f"static const char {pool[text]}[] =\n{text};\n"
                entries.append(f"{{0x{lead:02x}, 0x{first:02x}, {pool[text]}}},")
            tables += f"{table_lines(entries)}\n    {{0, 0, NULL}},\n}};\n\n"
    if "gb18030" in charsets:
        tables += gb18030_ranges(server)
    write(f"charset_rows_{name}.c", server.version, body + "\n" + tables.rstrip("\n") + "\n")


def gb18030_code(i):
    return bytes((0x81 + i // 12600, 0x30 + i // 1260 % 10, 0x81 + i // 10 % 126, 0x30 + i % 10))


def gb18030_ranges(server):
    codes = [gb18030_code(i) for i in range(GB18030_CODES)]
    found = server.characters("gb18030", codes)
    ranges = []
    for i, code in enumerate(codes):
        unicode = ord(found[code])
        if not ranges or unicode - i != ranges[-1][1] - ranges[-1][0]:
            ranges.append((i, unicode))
    text = table_lines([f"{{{i}, 0x{u:04x}}}," for i, u in ranges])
    return (
        f"const src_mysql_gb18030_range src_mysql_gb18030_ranges[SRC_MYSQL_GB18030_RANGES] = {{\n"
        f"{text}\n}};\n"
    )


def main():
    server = Server(*sys.argv[1:])
    write_single(server)
    for name, charsets in MULTI.items():
        write_multi(server, name, charsets)


if __name__ == "__main__":
    main()
