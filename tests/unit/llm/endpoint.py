"""A loopback endpoint that gives its answers in turn and the last one ever after, for the clients of models."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def endpoint(*answers: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Its address, and what it was sent."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [
            int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        received.append(head + await reader.readexactly(lengths[0] if lengths else 0))
        writer.write(answers[min(len(received), len(answers)) - 1])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", received


def http_answer(status: str, body: Any, **headers: str) -> bytes:
    """An HTTP answer with a JSON body."""
    content = json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status}",
        "content-type: application/json",
        f"content-length: {len(content)}",
        "connection: close",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


def openai_answer(text: str, *, tokens: tuple[int, int] = (10, 5)) -> bytes:
    """An answer of OpenAI's chat API."""
    message = {"role": "assistant", "content": text}
    return http_answer("200 OK", {
        "id": "1", "object": "chat.completion", "created": 1, "model": "small",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)},
    })  # fmt: skip


def anthropic_answer(text: str) -> bytes:
    """An answer of Anthropic's messages API."""
    return http_answer("200 OK", {
        "id": "m", "type": "message", "role": "assistant", "model": "small", "stop_reason": "end_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": text}],
        "usage": {"input_tokens": 10, "output_tokens": 5},
    })  # fmt: skip


def google_answer(text: str) -> bytes:
    """An answer of Google's generateContent."""
    return http_answer("200 OK", {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        "modelVersion": "small", "responseId": "r",
    })  # fmt: skip


def sent_json(request: bytes) -> Any:
    """The JSON of a request."""
    return json.loads(request.split(b"\r\n\r\n", 1)[1])
