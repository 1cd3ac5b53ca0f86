#!/usr/bin/env python3
"""Whether messages are what docs/asyncapi.yaml says: each on a channel of it, its payload as its schema, and not a field
more than is described there.

    python3 payloads.py ASYNCAPI.yaml MESSAGES.ndjson     # lines of {"topic": ..., "retained": ..., "payload": "..."}

Prints how many messages each channel had and how often each kind of observation came, as JSON.
"""
import collections
import json
import re
import sys

import jsonschema
import yaml


def closed(schema):
    """The schema with no other fields than its own, where it names any: readers ignore what they do not know, but whoever
    writes a field has to describe it."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return schema


def main() -> None:
    document, messages = sys.argv[1:]
    with open(document, encoding="utf-8") as file:
        api = yaml.safe_load(file)
    schemas = closed(api["components"]["schemas"])
    channels = []
    for name, channel in api["channels"].items():
        address = "/".join("([a-z0-9-]{1,32})" if part.startswith("{") else part for part in channel["address"].split("/"))
        (message,) = channel["messages"]
        reference = api["components"]["messages"][message]["payload"]
        root = {**reference, "components": {"schemas": schemas}}
        checker = jsonschema.FormatChecker(formats=["date"])
        channels.append((name, re.compile(address), jsonschema.Draft202012Validator(root, format_checker=checker)))
    seen, kinds, faults = collections.Counter(), collections.Counter(), []
    with open(messages, encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            name, validator = next(
                ((name, validator) for name, address, validator in channels if address.fullmatch(message["topic"])),
                (None, None),
            )
            if name is None:
                faults.append(f"{message['topic']} is no address of {document}")
                continue
            seen[name] += 1
            payload = json.loads(message["payload"])
            for error in validator.iter_errors(payload):
                faults.append(f"{message['topic']}: {error.json_path}: {error.message}")
            if name == "events":
                kinds.update(kind for event in payload["events"] for kind in event["obs"])
    if faults:
        sys.exit("\n".join(faults[:20] + [f"{len(faults)} faults"]))
    print(json.dumps({"channels": seen, "kinds": kinds}))


if __name__ == "__main__":
    main()
