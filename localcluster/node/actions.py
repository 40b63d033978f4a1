"""What probes and hooks do: an HTTP request, a TCP connection, a command. Each is bounded in time, and blocks its thread until then.

Redirects are not followed: they count as an answer, which is what the kubelet makes of those to another host. No gRPC.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcluster.node import process
from localcluster.node.launch import Launch

Body = Mapping[str, Any]

_OUTPUT = 10 * 1024
_ERRORS = {
    errno.ECONNREFUSED: "connect: connection refused",
    errno.ECONNRESET: "read: connection reset by peer",
    errno.EHOSTUNREACH: "connect: no route to host",
    errno.EADDRNOTAVAIL: "connect: cannot assign requested address",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went; `text` is what there is to say about it."""

    good: bool
    text: str = ""


def run(action: Body, launch: Launch, container: Body, address: str, seconds: float) -> Outcome:
    """One probe or hook. An action of no known kind fails."""
    if command := (action.get("exec") or {}).get("command"):
        return run_command(command, launch, seconds)
    if request := action.get("httpGet"):
        return get(request, container, address, seconds)
    if action.get("tcpSocket"):
        return connect(action["tcpSocket"], container, address, seconds)
    return Outcome(False, "no known action")


def port_number(port: Any, container: Body) -> int | None:
    """A port by number, or by the name that the container gives it."""
    text = str(port)
    if text.isdigit():
        return int(text)
    return next((item["containerPort"] for item in container.get("ports") or () if item.get("name") == text), None)


def connect(action: Body, container: Body, address: str, seconds: float) -> Outcome:
    port, host = port_number(action.get("port"), container), action.get("host") or address
    if port is None:
        return Outcome(False, f"couldn't find port: {action.get('port')}")
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError as error:
        return Outcome(False, _dial(error, host, port))
    return Outcome(True)


def get(action: Body, container: Body, address: str, seconds: float) -> Outcome:
    """200 to 399 is good."""
    port, host = port_number(action.get("port"), container), action.get("host") or address
    if port is None:
        return Outcome(False, f"couldn't find port: {action.get('port')}")
    scheme, path = (action.get("scheme") or "HTTP").lower(), action.get("path") or "/"
    url = f'Get "{scheme}://{host}:{port}{path}"'
    headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.34", "Accept": "*/*", "Connection": "close"}
    headers |= {item["name"].title(): item.get("value", "") for item in action.get("httpHeaders") or ()}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    end = time.monotonic() + seconds
    try:
        with socket.create_connection((host, port), timeout=seconds) as plain, _secured(plain, scheme) as stream:
            stream.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
            answer = _receive(stream, end)
    except TimeoutError:
        return Outcome(False, f"{url}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
    except OSError as error:
        return Outcome(False, f"{url}: {_dial(error, host, port)}")
    words = answer.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Outcome(False, f"{url}: EOF" if not answer else f"{url}: malformed HTTP response")
    status = int(words[1])
    return Outcome(200 <= status < 400, f"HTTP probe failed with statuscode: {status}")


def _secured(plain: socket.socket, scheme: str) -> socket.socket:
    if scheme != "https":
        return plain
    # As the kubelet: a probe asks whether there is an answer, not who gives it.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def _receive(stream: socket.socket, end: float) -> bytes:
    """The answer's first line."""
    answer = b""
    while b"\n" not in answer and len(answer) < _OUTPUT:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        stream.settimeout(left)
        if not (chunk := stream.recv(4096)):
            break
        answer += chunk
    return answer


def _dial(error: OSError, host: str, port: int) -> str:
    if isinstance(error, TimeoutError):
        return f"dial tcp {host}:{port}: i/o timeout"
    return f"dial tcp {host}:{port}: {_ERRORS.get(error.errno or 0) or error.strerror or error}"


def run_command(command: Sequence[str], launch: Launch, seconds: float) -> Outcome:
    """Exit code 0 is good. With the container's environment, folder and user; ended with its family when the time is over."""
    with tempfile.TemporaryFile() as output:
        try:
            popen = process.spawn(
                launch.command(command), env=launch.env, folder=launch.folder, output=output.fileno(), account=launch.account
            )
        except process.StartError as error:
            return Outcome(False, f"failed to exec in container: {error}")
        pidfd = os.pidfd_open(popen.pid)
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            if not poll.poll(max(0, seconds) * 1000):
                process.kill_family(popen.pid, {})
                popen.wait()
                text = " ".join(command)
                return Outcome(False, f'command timed out: "{text[:200]}" timed out after {seconds:g}s')
        finally:
            os.close(pidfd)
        code = popen.wait()
        output.seek(0)
        text = output.read(_OUTPUT).decode(errors="replace").strip()
    return Outcome(code == 0, text or (f"command terminated with exit code {code}" if code else ""))
