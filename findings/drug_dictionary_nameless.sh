#!/bin/sh
# drug-named-entity-recognition 2.0.9: find_drugs documents a dictionary for each medicine found, with "name" among its
# keys. For some terms of its vocabulary ("milk protein" is one) the dictionary holds how the match was made and nothing of
# the medicine, so that code which reads entry["name"] ends in KeyError.
# Seen: {'match_type': 'exact', 'matching_string': 'milk protein'}
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" drug-named-entity-recognition==2.0.9
PYTHONPATH="$folder" python3 - <<'PYTHON'
from drug_named_entity_recognition import find_drugs

found = [entry for entry, _, _ in find_drugs("a drink with milk protein and ibuprofen".split(), is_ignore_case=True)]
for entry in found:
    print({key: entry[key] for key in sorted(entry) if key in ("name", "match_type", "matching_string")})
named = ["name" in entry for entry in found]
assert named == [False, True], f"it has changed: {named}"
PYTHON
echo "as described"
