#!/bin/sh
# openai 3.54.0: a streamed chat completion ends with a chunk that has a finish_reason, and then "data: [DONE]". Where a
# proxy or a dying server closes the stream cleanly after half of the answer, neither comes, and the client's iterator
# simply ends: half an answer ("Take no more than") looks like a whole one. Whoever reads a stream has to look at
# finish_reason.
# Seen: 'Take no more than' None
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" openai==3.54.0
PYTHONPATH="$folder" python3 - <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from openai import OpenAI


class Half(BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        delta = {"index": 0, "delta": {"role": "assistant", "content": "Take no more than"}, "finish_reason": None}
        event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}
        self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Half)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none", max_retries=0)
chunks = list(client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True))
text, finish = "".join(c.choices[0].delta.content for c in chunks), chunks[-1].choices[0].finish_reason
print(repr(text), finish)
assert (text, finish) == ("Take no more than", None), "it has changed"
PYTHON
echo "as described"
