"""From a Protobuf schema as people and registries write it to descriptors: protoc, in a process of its own, bounded.

A schema is the text of a `.proto` file, or base64 of a FileDescriptorProto or FileDescriptorSet.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from google.protobuf import (
    any_pb2,
    api_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    source_context_pb2,
    struct_pb2,
    timestamp_pb2,
    type_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from streams.decoding.exact import NotDecoded

SECONDS = 5.0  # for one run; it takes 0.15 s
MEMORY = 1024 * 1024 * 1024  # bytes of address space that a run may have
WRITTEN = 8 * 1024 * 1024  # bytes that it may write
SAID = 200  # characters of what it says
MAIN = "schema.proto"
REMARK = re.compile(r"[IW]\d{4} |WARNING:")  # how a line of protoc's begins that refuses nothing
# The limits are set by the process itself: what is done between fork and exec is not safe beside threads.
RUN = f"""
import resource, sys
for name, limit in (("RLIMIT_CPU", {int(SECONDS)}), ("RLIMIT_AS", {MEMORY}), ("RLIMIT_FSIZE", {WRITTEN})):
    try:
        resource.setrlimit(getattr(resource, name), (limit, limit))
    except (ValueError, OSError):
        if sys.platform == "linux":
            raise
from importlib.resources import files
from grpc_tools import protoc
sys.exit(protoc.main(["protoc", *sys.argv[1:], f"-I{{files('grpc_tools') / '_proto'}}"]))
"""

_KNOWN = {
    module.DESCRIPTOR.name: module.DESCRIPTOR
    for module in (
        any_pb2, api_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, source_context_pb2, struct_pb2,
        timestamp_pb2, type_pb2, wrappers_pb2,
    )
}  # fmt: skip

# What Confluent's serialisers take for granted and register nowhere: what Kafka Connect writes for decimals, dates and
# times of day, and says of fields. No more than reading needs.
GIVEN = {
    "confluent/meta.proto": """
        syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
        message Meta {
          string doc = 1; map<string, string> params = 2; repeated string tags = 3; repeated Rule rules = 4;
        }
        message Rule { string name = 1; string doc = 2; string expr = 3; string sql = 4; }
        extend google.protobuf.FileOptions { Meta file_meta = 1088; }
        extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
        extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
        extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
        extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }""",
    "confluent/type/decimal.proto": """
        syntax = "proto3"; package confluent.type;
        message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }""",
    "google/type/date.proto": """
        syntax = "proto3"; package google.type; message Date { int32 year = 1; int32 month = 2; int32 day = 3; }""",
    "google/type/timeofday.proto": """
        syntax = "proto3"; package google.type;
        message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }""",
}

Reference = tuple[str, str]  # the name that an import gives, and the schema


def compile_schema(text: str, references: Sequence[Reference] = ()) -> FileDescriptor:
    """The schema's file with all that it imports. Blocks for a moment; for threads. Raises NotDecoded."""
    if (described := _described(text)) is not None:
        imported = (file for name, reference in references for file in _files_of(name, reference, references))
        return _linked([*described, *imported], described[-1].name)
    return _linked(_compiled(MAIN, text, references), MAIN)


def _files_of(name: str, text: str, references: Sequence[Reference]) -> list[FileDescriptorProto]:
    described = _described(text)
    if described is None:
        return _compiled(name, text, references)
    described[-1].name = name
    return described


def _described(text: str) -> list[FileDescriptorProto] | None:
    """What base64 of descriptors holds, the file that is meant at its end; None for a text."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        files = list(FileDescriptorSet.FromString(data).file)
        if files and all(file.name for file in files):
            return files
    except DecodeError:
        pass  # the other kind, then
    try:
        return [FileDescriptorProto.FromString(data)]
    except DecodeError:
        return None


def _compiled(main: str, text: str, references: Sequence[Reference]) -> list[FileDescriptorProto]:
    """What protoc makes of a text, with everything that it imports."""
    described: list[FileDescriptorProto] = []
    with tempfile.TemporaryDirectory(prefix="protoc-") as folder:
        texts = {**GIVEN, **dict(references), main: text}
        for name, reference in texts.items():
            found = _described(reference)
            if found is not None:  # protoc reads it as such
                found[-1].name = name
                described += found
                continue
            path = Path(folder, _safe(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(reference)
        output, given = Path(folder, ".descriptors"), Path(folder, ".given")
        command = [f"-I{folder}", f"--descriptor_set_out={output}", "--include_imports", _safe(main)]
        if described:
            given.write_bytes(FileDescriptorSet(file=described).SerializeToString())
            command.insert(0, f"--descriptor_set_in={given}")
        _run(command, folder)
        return list(FileDescriptorSet.FromString(output.read_bytes()).file)


def _safe(name: str) -> str:
    """The path of a file within a folder. Raises NotDecoded for a name that would lead out of it."""
    path = PurePosixPath(name)
    is_odd = any(part.startswith((".", "-")) for part in path.parts)  # `..` too
    if path.is_absolute() or not path.parts or is_odd:
        raise NotDecoded("Its Protobuf schema imports a file under a name that leads elsewhere.")
    return str(path)


def _run(command: list[str], folder: str) -> None:
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter and arguments; names are looked at above
            [sys.executable, "-I", "-c", RUN, *command],
            cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotDecoded(f"Its Protobuf schema was not compiled within {SECONDS:g} s.") from error
    if ended.returncode:
        said = ended.stderr.decode("utf-8", "replace").replace(folder + "/", "").strip().splitlines()
        first = next((line for line in said if not REMARK.match(line) and "warning:" not in line), "without a word")
        reason = first.removeprefix(f"{MAIN}:")[:SAID].strip(" .")
        raise NotDecoded(f"Its Protobuf schema cannot be compiled: {reason}.")


@lru_cache(maxsize=64)
def _known(name: str) -> bytes:
    """The descriptor of a file that every schema may import. Raises NotDecoded where it is none."""
    if (known := _KNOWN.get(name)) is not None:
        return bytes(known.serialized_pb)
    if (text := GIVEN.get(name)) is None:
        raise NotDecoded(f"Its Protobuf schema imports {name[:SAID]}, which is not there.")
    return next(file for file in _compiled(name, text, ()) if file.name == name).SerializeToString()


def _linked(files: Sequence[FileDescriptorProto], main: str) -> FileDescriptor:
    """The file `main` in a pool of its own, with the others as far as they fit."""
    pool, waiting = DescriptorPool(), {file.name: file for file in reversed(files)}

    def add(name: str, within: tuple[str, ...]) -> None:
        if name in within:
            raise NotDecoded("Its Protobuf schema imports itself.")
        if name in added:
            return
        file = waiting.get(name)
        if file is None:
            file = FileDescriptorProto.FromString(_known(name))
        for imported in file.dependency:
            add(imported, (*within, name))
        pool.AddSerializedFile(file.SerializeToString())
        added.add(name)

    added = set[str]()
    try:
        add(main, ())
        found: FileDescriptor = pool.FindFileByName(main)
        for other in waiting:
            with contextlib.suppress(NotDecoded, TypeError):  # what the schema does not need may be of no use
                add(other, ())
    except (TypeError, KeyError, RecursionError) as error:  # what the pool says of descriptors that do not fit
        raise NotDecoded(f"Its Protobuf schema does not fit together: {str(error)[:SAID]}.") from error
    return found
