"""rsyslog and syslog-ng: started with every kind of input, and what they wrote read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from .fetch_syslog import MissingError, environment, libraries, program
from .process import Process, free_port

if TYPE_CHECKING:
    from ..destinations.syslog_peer import Authority

INPUTS = ("udp", "tcp", "tls")

RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"
       defaultNetstreamDriverCAFile="{ca}" defaultNetstreamDriverCertFile="{cert}"
       defaultNetstreamDriverKeyFile="{key}")
module(load="imudp")
module(load="imtcp")
module(load="imuxsock" SysSock.Use="off")
input(type="imudp" address="127.0.0.1" port="{udp}")
input(type="imtcp" address="127.0.0.1" port="{tcp}")
input(type="imtcp" address="127.0.0.1" port="{tls}"
      streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imuxsock" socket="{folder}/log" useSpecialParser="off" parseHostname="on" ignoreTimestamp="off"
      useSysTimeStamp="off" rateLimit.interval="0")
template(name="line" type="list" option.jsonf="on") {{
    property(outname="text" name="msg" format="jsonf")
    property(outname="priority" name="pri" format="jsonf")
    property(outname="host" name="hostname" format="jsonf")
    property(outname="app" name="app-name" format="jsonf")
    property(outname="procid" name="procid" format="jsonf")
    property(outname="msgid" name="msgid" format="jsonf")
    property(outname="created" name="timereported" dateformat="rfc3339" format="jsonf")
    property(outname="data" name="structured-data" format="jsonf")
}}
action(type="omfile" file="{folder}/out.jsonl" template="line")
"""

SYSLOG_NG = """
@version: 3.38
options {{ keep-hostname(yes); log-msg-size(65536); stats-freq(0); flush-lines(1); }};
source all {{
    syslog(transport("udp") ip("127.0.0.1") port({udp}));
    syslog(transport("tcp") ip("127.0.0.1") port({tcp}));
    syslog(transport("tls") ip("127.0.0.1") port({tls})
           tls(key-file("{key}") cert-file("{cert}") peer-verify(optional-untrusted)));
    unix-dgram("{folder}/log" flags(syslog-protocol));
    unix-stream("{folder}/stream" flags(syslog-protocol));
}};
destination file {{
    file("{folder}/out.jsonl" template("$(format-json text=$MSG priority=$PRI host=$HOST app=$PROGRAM procid=$PID
        msgid=$MSGID created=$ISODATE data=$SDATA)\\n") frac-digits(6) time-zone("UTC"));
}};
log {{ source(all); destination(file); flags(flow-control); }};
"""


class Received(NamedTuple):
    """One message as the server wrote it down."""

    text: str
    priority: int
    host: str
    app: str
    procid: str
    msgid: str
    created: str
    data: str


@dataclass
class Daemon:
    """A running server."""

    name: str
    folder: Path
    command: list[str | Path]
    ports: dict[str, int]
    authority: Authority
    processes: list[Process] = field(default_factory=list)

    def start(self) -> None:
        self.processes.append(Process.start(self.command, self.folder / "daemon.out", environment(self.name)))
        for kind in ("tcp", "tls"):
            self.process.listens(self.ports[kind])

    @property
    def process(self) -> Process:
        return self.processes[-1]

    def restart(self) -> None:
        self.process.stop()
        self.start()

    def url(self, kind: str) -> str:
        if kind == "tls":
            return f"syslog+tls://127.0.0.1:{self.ports[kind]}?ca={self.authority.ca}"
        if kind in self.ports:
            return f"syslog+{kind}://127.0.0.1:{self.ports[kind]}"
        return f"syslog+unix:{self.folder / kind}"

    def received(self) -> list[Received]:
        """What has been written so far."""
        path = self.folder / "out.jsonl"
        lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
        return [_received(json.loads(line)) for line in lines if line.endswith("\n")]

    def wait_for(self, count: int) -> list[Received]:
        """What has been written, once it is so much."""

        def enough() -> list[Received] | None:
            found = self.received()
            return found if len(found) >= count else None

        return self.process.until(enough)


def _received(line: dict[str, Any]) -> Received:
    values = {name: line.get(name, "") for name in Received._fields}
    return Received(**values | {"priority": int(values["priority"])})


@pytest.fixture
def daemon(
    request: pytest.FixtureRequest, tmp_path: Path, certificates: Authority
) -> Iterator[Callable[[str], Daemon]]:
    """Start one; skipped where it is not there."""
    running: list[Daemon] = []

    def start(name: str) -> Daemon:
        try:
            path = program(name)
        except MissingError as missing:
            pytest.skip(str(missing))
        ports = {kind: free_port() for kind in INPUTS}
        certificate = certificates.folder / "localhost"
        config = tmp_path / "daemon.conf"
        template = RSYSLOG if name == "rsyslog" else SYSLOG_NG
        files = {"ca": certificates.ca, "cert": f"{certificate}.pem", "key": f"{certificate}.key"}
        config.write_text(template.format(folder=tmp_path, **ports, **files))
        running.append(Daemon(name, tmp_path, _command(name, path, config, tmp_path), ports, certificates))
        running[-1].start()
        return running[-1]

    yield start
    for found in running:
        found.process.stop()


def _command(name: str, path: Path, config: Path, folder: Path) -> list[str | Path]:
    if name == "rsyslog":
        modules = libraries(name)[0] / "rsyslog"
        return [path, "-n", "-f", config, "-i", folder / "pid", "-M", modules]
    modules = libraries(name)[2] / "3.38"
    files: list[str | Path] = ["-f", config, "-p", folder / "pid", "-R", folder / "persist", "-c", folder / "control"]
    return [path, "-F", "--no-caps", "--module-path", modules, *files]
