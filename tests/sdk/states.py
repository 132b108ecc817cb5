"""Routers in the states in which they refuse everybody, so that the tests can see what each SDK makes of it.

`states.py ROUTER PROVIDER FOLDER` starts them and prints, once all are ready, a line `NAME: listening on URL` for each. Runs until it is
told to end. Needs nothing but Python and Linux. The client key is that of SDK_KEY, the model is `gpt-4o-mini`.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

HOST = "127.0.0.1"


class Router:
    """A router with a folder of its own; `settings` are added to its configuration, `model` is what its channel serves."""

    def __init__(self, binary, folder, base_url, settings, model="gpt-4o-mini", port=0, env=None):
        os.makedirs(folder, exist_ok=True)
        config = {
            "keys": [{"name": "sdk", "value": "${SDK_KEY}"}],
            "providers": {"sim": {"kind": "openai_compatible", "base_url": base_url}},
            "channels": [{"name": "only", "provider": "sim", "api_keys": ["upstream-key"], "models": [
                {"name": "gpt-4o-mini", "upstream_name": model, "price": {"input": 1.0, "output": 2.0}, "context_length": 100000}]}],
            **settings,
        }
        path = os.path.join(folder, "router.yaml")
        with open(path, "w") as file:
            json.dump(config, file)
        environment = {
            "PATH": os.environ["PATH"], "SDK_KEY": os.environ["SDK_KEY"], "SMART_AI_ROUTER__SERVER__PORT": str(port), **(env or {})}
        command = [binary, "serve", "--config", path, "--data-dir", os.path.join(folder, "data")]
        with open(os.path.join(folder, "log"), "ab") as log:
            # Without `restore_signals` the router ignores, as Python does, the signal that a write beyond a limit sends.
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, restore_signals=False)
        self.address = (HOST, port)
        self.folder = folder

    def wait_until_ready(self):
        for line in self.process.stdout:
            if line.startswith(b"listening on http://"):
                host, port = line.decode().strip().removeprefix("listening on http://").split(":")
                self.address = (host, int(port))
                return
        raise SystemExit(f"states.py: the router in {self.folder} did not start: see its log")

    def wait_until_open(self):
        while True:
            with contextlib.suppress(OSError), socket.create_connection(self.address):
                return
            time.sleep(0.02)

    @property
    def url(self):
        return "http://{}:{}".format(*self.address)

    def wait_until_one_runs(self):
        """Waits until it has a request in flight."""
        while True:
            with urllib.request.urlopen(f"{self.url}/health") as answer:
                if json.load(answer)["in_flight"] == 1:
                    return
            time.sleep(0.02)


def relay(serve):
    """Listens; `serve(client)` is called in a thread of its own for each connection. The address as a URL."""
    listener = socket.create_server((HOST, 0))

    def accept():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return "http://{}:{}".format(*listener.getsockname())


def pump(source, sink, keep_back=0):
    """Passes bytes on until the end, the last ones only when others follow them."""
    kept = b""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            data = kept + data
            passed = len(data) - keep_back
            sink.sendall(data[:passed])
            kept = data[passed:]
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def free_port():
    with socket.create_server((HOST, 0)) as probe:
        return probe.getsockname()[1]


class States:
    """How each state comes about: one method for each."""

    def __init__(self, binary, provider, folder):
        self.binary, self.provider, self.folder = binary, f"{provider}/v1", folder
        self.routers = []
        self.one_at_a_time = threading.Lock()

    def router(self, name, settings, base_url=None, **options):
        router = self.begun(name, settings, base_url, **options)
        router.wait_until_ready()
        return router

    def begun(self, name, settings, base_url=None, **options):
        router = Router(self.binary, os.path.join(self.folder, name), base_url or self.provider, settings, **options)
        self.routers.append(router)
        return router

    def request_timeout(self):
        """The last byte of a body does not arrive, as on a connection that has died."""
        router = self.router("request_timeout", {"server": {"body_timeout": "300ms"}})

        def serve(client):
            with client, socket.create_connection(router.address) as server:
                threading.Thread(target=pump, args=(client, server, 1), daemon=True).start()
                pump(server, client)

        return relay(serve)

    def overloaded(self):
        """The one request that may run waits for its provider."""
        router = self.router("overloaded", {"limits": {"max_in_flight": 1, "queue": 0}}, model="sim-hang")
        body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}).encode()
        headers = {"authorization": "Bearer " + os.environ["SDK_KEY"], "content-type": "application/json"}

        def occupy():
            while True:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(urllib.request.Request(f"{router.url}/v1/chat/completions", body, headers)).read()

        threading.Thread(target=occupy, daemon=True).start()
        router.wait_until_one_runs()
        return router.url

    def accounting_unavailable(self):
        """No file can be written any more."""
        router = self.router("accounting_unavailable", {})
        resource.prlimit(router.process.pid, resource.RLIMIT_FSIZE, (0, 0))
        return router.url

    def starting(self):
        """Its database does not answer yet."""
        env = {
            "DATABASE_URL": f"postgres://nobody@{HOST}:{free_port()}/none",
            "SMART_AI_ROUTER_MASTER_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        }
        router = self.begun("starting", {}, port=free_port(), env=env)
        router.wait_until_open()
        return router.url

    def shutting_down(self):
        """It is told to end while a request waits for its provider, and the grace is short. One router for each connection."""

        def serve(client):
            with client, self.one_at_a_time:
                router = self.router("shutting_down", {"server": {"shutdown_grace": "100ms"}}, model="sim-hang")
                with socket.create_connection(router.address) as server:
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()
                    router.wait_until_one_runs()
                    router.process.terminate()
                    pump(server, client)
                router.process.wait()

        return relay(serve)

    def loop_detected(self):
        """Its only channel leads to itself."""
        port = free_port()
        return self.router("loop_detected", {}, base_url=f"http://{HOST}:{port}/v1", port=port).url

    def end(self):
        for router in self.routers:
            router.process.kill()
            router.process.wait()


def main(binary, provider, folder):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    states = States(binary, provider, folder)
    try:
        made = [states.request_timeout, states.overloaded, states.accounting_unavailable, states.starting, states.shutting_down, states.loop_detected]
        print("".join(f"{make.__name__}: listening on {make()}\n" for make in made), end="", flush=True)
        while True:
            signal.pause()
    finally:
        states.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
