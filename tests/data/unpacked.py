#!/usr/bin/env python3
"""Writes what the packed files of a folder hold as plain text beside them, so that it can be searched: Parquet with its
metadata, workbooks with every part of theirs.

    python3 tests/data/unpacked.py FOLDER
"""
import pathlib
import sys
import zipfile

import duckdb


def parquet(file: str) -> str:
    rows = duckdb.sql("SELECT * FROM read_parquet(?, hive_partitioning = false)", params=[file]).fetchall()
    metadata = duckdb.sql("SELECT key, value FROM parquet_kv_metadata(?)", params=[file]).fetchall()
    return "\n".join(map(str, [*metadata, *rows]))


def workbook(file: str) -> str:
    with zipfile.ZipFile(file) as parts:
        return "\n".join(f"{name}\n{parts.read(name).decode(errors='replace')}" for name in parts.namelist())


folder = pathlib.Path(sys.argv[1])
packed = [(file, parquet) for file in folder.rglob("*.parquet")] + [(file, workbook) for file in folder.rglob("*.xlsx")]
for file, unpack in packed:
    file.with_suffix(file.suffix + ".txt").write_text(unpack(str(file)), encoding="utf-8")
print(len(packed))
