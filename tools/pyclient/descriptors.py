"""Writes the protobuf descriptors of the installed armada_client package to standard output.

The output is a serialized google.protobuf.FileDescriptorSet: every file that the package was generated
from, with what these import, each after its imports.
"""

import importlib
import pathlib
import sys

import armada_client
from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(armada_client.__file__).parent


def modules():
    """Yields the generated modules of the package in order of their names."""
    for path in sorted(ROOT.rglob("*_pb2.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield importlib.import_module(f"armada_client.{name}")


def add(file, files, seen):
    """Appends file to files after what it imports, once."""
    if file.name in seen:
        return
    seen.add(file.name)
    for dependency in file.dependencies:
        add(dependency, files, seen)
    file.CopyToProto(files.file.add())


def main():
    files, seen = descriptor_pb2.FileDescriptorSet(), set()
    for module in modules():
        add(module.DESCRIPTOR, files, seen)
    sys.stdout.buffer.write(files.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
