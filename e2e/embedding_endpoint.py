"""An OpenAI-compatible embeddings endpoint of eight dimensions: hashed words, enough to tell texts apart."""

import hashlib
import http.server
import json


def embed(text: str) -> list[float]:
    """A unit vector of eight dimensions from the words of a text."""
    vector = [0.001] * 8
    for word in text.lower().split():
        digest = hashlib.sha256(word.encode()).digest()
        vector[digest[0] % 8] += 1.0 if digest[1] % 2 else -1.0
    norm = sum(value * value for value in vector) ** 0.5
    return [value / norm for value in vector]


class Handler(http.server.BaseHTTPRequestHandler):
    """POST /v1/embeddings with the bearer token `sk-test`."""

    def do_POST(self) -> None:
        """Answer one embedding per input, in order."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != "Bearer sk-test":
            return self.answer(401, {"error": {"message": "wrong key", "type": "invalid_request_error"}})
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [{"object": "embedding", "index": at, "embedding": embed(text)} for at, text in enumerate(inputs)]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return self.answer(200, {"object": "list", "data": data, "model": body["model"], "usage": usage})

    def answer(self, status: int, body: object) -> None:
        """Send JSON."""
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
