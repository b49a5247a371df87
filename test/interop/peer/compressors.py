"""Compressors of Python that Node's zlib does not have: as django-redis and django-redisession call them."""

from importlib import import_module

# Only one of the environments has lz4 and snappy.
MODULES = {"lz4": "lz4.frame", "lzma": "lzma", "snappy": "snappy"}


def compress(library, text):
    return import_module(MODULES[library]).compress(text.encode()).hex()


def decompress(library, compressed):
    return import_module(MODULES[library]).decompress(bytes.fromhex(compressed)).decode()
